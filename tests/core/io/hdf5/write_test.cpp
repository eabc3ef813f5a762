// Writers: what they write reads back the same, and a failure leaves the old file.

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <sstream>

#include "core/io/internal/hdf5.h"
#include "core/io/write.h"
#include "tests/core/io/hdf5/support.h"
#include "tests/support/shared_data.h"

namespace erwin::test {

namespace {

PointCloudPtr make_cloud(std::array<double, 3> origin = {}, std::int64_t frames = 1) {
  PointCloud::Parts parts;
  for (std::int64_t frame = 0; frame < frames; ++frame)
    for (const float x : {0.1F, 0.F, -0.3F, 1.F, 1e-7F, 3.25F, 2.F, 7.F, -1.F, 0.F, 5.F, 5.F, 9.F, 9.F, 9.F})
      parts.positions.push_back(x + static_cast<float>(frame));
  parts.origin = origin;
  parts.frames = frames;
  parts.unit = "m";
  parts.fields.emplace_back("pressure", FieldKind::Scalar, 1, std::vector<float>{1.1F, NAN, 3e30F, -2, 0}, "Pa");
  parts.fields.emplace_back("velocity", FieldKind::Vector, 3,
                            std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 1, 0.1F, 0.2F, 0.3F}, "m/s");
  parts.fields.emplace_back("class", FieldKind::Label, 1, std::vector<float>{0, 3, 3, 70000, 1});
  parts.fields.emplace_back("time", FieldKind::Scalar, 1, std::vector<float>{0, 0.25F, 1, 2, 3}, "s", 1.6e9);
  parts.cells.triangles = {0, 1, 2, 1, 2, 3};
  parts.cells.quads = {0, 1, 2, 4};
  parts.cells.lines = {3, 4};
  return std::make_shared<const PointCloud>(std::move(parts));
}

void expect_same(const PointCloud& got, const PointCloud& want) {
  EXPECT_EQ(got.content_hash(), want.content_hash());
  EXPECT_EQ(got.origin(), want.origin());
  EXPECT_EQ(got.unit(), want.unit());
  EXPECT_EQ(got.frames(), want.frames());
  EXPECT_EQ(got.cells().triangles, want.cells().triangles);
  EXPECT_EQ(got.cells().quads, want.cells().quads);
  EXPECT_EQ(got.cells().lines, want.cells().lines);
  ASSERT_EQ(got.fields().size(), want.fields().size());
  for (std::size_t i = 0; i < got.fields().size(); ++i) {
    EXPECT_EQ(got.fields()[i].name(), want.fields()[i].name());
    EXPECT_EQ(got.fields()[i].kind(), want.fields()[i].kind());
    EXPECT_EQ(got.fields()[i].unit(), want.fields()[i].unit());
    EXPECT_EQ(got.fields()[i].offset(), want.fields()[i].offset());
  }
}

// No file may grow beyond `bytes` while the object lives: a disk that is full.
class FullDisk {
public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

private:
  rlimit before_{};
};

std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

}  // namespace

TEST(WriteHdf5, SeveralSamplesReadBackTheSame) {
  ScratchFolder scratch;
  const auto path = scratch.path() / "two.h5";
  const PointCloudPtr plain = make_cloud(), far = make_cloud({4.3e6, 2e5, 0}, 3);
  io::write(path, {{"z first", plain}, {"a second", far}});
  EXPECT_EQ(io::detect(path), io::FileKind::Hdf5Ours);
  EXPECT_EQ(io::sample_names(path), (std::vector<std::string>{"z first", "a second"}));
  expect_same(*io::open(path), *plain);
  io::OpenOptions options;
  options.sample = "a second";
  expect_same(*io::open(path, options), *far);
  options.sample = "third";
  EXPECT_EQ(refusal(path, options).kind(), ErrorKind::Config);
}

TEST(WriteHdf5, IdsOfAThinnedCloudStay) {
  PointCloud::Parts parts;
  parts.positions = {0, 0, 0, 1, 1, 0};
  parts.row_ids = {4, 9};
  parts.dimension = 2;
  ScratchFolder scratch;
  const auto path = scratch.path() / "thin.h5";
  io::write(path, {{"s", std::make_shared<const PointCloud>(std::move(parts))}});
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->row_id(0), 4);
  EXPECT_EQ(cloud->row_id(1), 9);
  EXPECT_EQ(cloud->dimension(), 2);
}

TEST(WriteHdf5, ANewerFormatIsNamed) {
  ScratchFolder scratch;
  const auto path = scratch.path() / "new.h5";
  h5::File file = h5::File::create(path);
  file.set_int("/", "format", 2);
  file.make_group("/samples/a");
  file.close();
  EXPECT_NE(std::string(refusal(path).what()).find("format 2, known is 1"), std::string::npos);
}

TEST(WriteHdf5, ValuesAndAttributesOfEveryType) {
  ScratchFolder scratch;
  const auto path = scratch.path() / "all.h5";
  h5::File made = h5::File::create(path);
  made.write("/g/f8", {2, 1}, std::span<const double>(std::vector<double>{0.1, -1e300}));
  made.write("/g/i1", {1}, std::span<const std::int8_t>(std::vector<std::int8_t>{-7}));
  made.write("/g/u1", {2}, std::span<const std::uint8_t>(std::vector<std::uint8_t>{0, 255}));
  made.write("/g/i4", {}, std::span<const std::int32_t>(std::vector<std::int32_t>{-70000}));
  made.write("/g/i8", {0}, std::span<const std::int64_t>());
  made.write_text("/g/text", "größer");
  made.set_text("/g", "note", "a b");
  made.set_doubles("/g/f8", "pair", std::vector<double>{1.5, 2.5});
  made.set_ints("/g/f8", "ints", std::vector<std::int64_t>{std::int64_t{1} << 60});
  made.close();
  const h5::File file = h5::File::open(path);
  EXPECT_EQ(file.read_doubles("/g/f8"), (std::vector<double>{0.1, -1e300}));
  EXPECT_EQ(file.info("/g/f8").shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(file.read_ints("/g/i1"), (std::vector<std::int64_t>{-7}));
  EXPECT_EQ(file.info("/g/i1").type, h5::Type::Int8);
  EXPECT_EQ(file.read_floats("/g/u1"), (std::vector<float>{0, 255}));
  EXPECT_EQ(file.read_ints("/g/i4"), (std::vector<std::int64_t>{-70000}));
  EXPECT_TRUE(file.info("/g/i4").shape.empty());
  EXPECT_TRUE(file.read_ints("/g/i8").empty());
  EXPECT_EQ(file.read_text("/g/text"), "größer");
  EXPECT_EQ(file.text_attribute("/g", "note"), "a b");
  EXPECT_EQ(file.doubles_attribute("/g/f8", "pair"), (std::vector<double>{1.5, 2.5}));
  EXPECT_EQ(file.int_attribute("/g/f8", "ints"), std::int64_t{1} << 60);
  EXPECT_EQ(file.text_attribute("/g", "absent"), std::nullopt);
  EXPECT_EQ(file.int_attribute("/g", "note"), std::nullopt);
  std::vector<std::string> names;
  for (const h5::Entry& entry : file.children("/g")) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"f8", "i1", "u1", "i4", "i8", "text"}));
  EXPECT_THROW(file.read_floats("/g/text"), Error);
  EXPECT_THROW(file.read_floats("/g"), Error);
}

TEST(WriteCsv, NumbersReadBackToTheSameBits) {
  ScratchFolder scratch;
  const PointCloudPtr cloud = make_cloud({4.3e6, 0, 0.125});
  io::write(scratch.path() / "a.csv", {{"s", cloud}});
  std::istringstream lines(bytes_of(scratch.path() / "a.csv"));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "id,x,y,z,pressure,velocity_x,velocity_y,velocity_z,class,time");
  for (std::int64_t point = 0; point < cloud->size(); ++point) {
    std::getline(lines, line);
    std::vector<double> numbers;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) numbers.push_back(std::strtod(cell.c_str(), nullptr));
    ASSERT_EQ(numbers.size(), 10U);
    EXPECT_EQ(numbers[0], static_cast<double>(point));
    for (std::size_t axis = 0; axis < 3; ++axis)
      EXPECT_EQ(static_cast<float>(numbers[1 + axis] - cloud->origin()[axis]),
                cloud->positions()[3 * static_cast<std::size_t>(point) + axis]);
    const double pressure = cloud->require_field("pressure").value(point);
    if (std::isnan(pressure))
      EXPECT_TRUE(std::isnan(numbers[4]));
    else
      EXPECT_EQ(static_cast<float>(numbers[4]), static_cast<float>(pressure));
    for (int c = 0; c < 3; ++c)
      EXPECT_EQ(static_cast<float>(numbers[static_cast<std::size_t>(5 + c)]),
                cloud->require_field("velocity").frame(0)[static_cast<std::size_t>(3 * point + c)]);
    EXPECT_EQ(numbers[8], cloud->require_field("class").value(point));
    EXPECT_EQ(numbers[9], cloud->require_field("time").value(point));
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST(Write, WhatAFormatCannotHoldIsRefused) {
  ScratchFolder scratch;
  const auto kind = [&](const char* name, const io::NamedClouds& clouds) {
    try {
      io::write(scratch.path() / name, clouds);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::Internal;
  };
  EXPECT_EQ(kind("a.xyz", {{"s", make_cloud()}}), ErrorKind::Config);
  EXPECT_EQ(kind("a.csv", {{"s", make_cloud()}, {"t", make_cloud()}}), ErrorKind::Config);
  EXPECT_EQ(kind("a.vtp", {{"s", make_cloud({}, 2)}}), ErrorKind::Config);
  EXPECT_EQ(kind("a.h5", {{"s/t", make_cloud()}}), ErrorKind::Config);
  EXPECT_EQ(kind("a.h5", {{"s", make_cloud()}, {"s", make_cloud()}}), ErrorKind::Config);
  EXPECT_EQ(files_in(scratch.path()), 0U);
}

TEST(Write, AFullDiskLeavesTheOldFile) {
  PointCloud::Parts parts;
  parts.positions.resize(30000);
  for (std::size_t i = 0; i < parts.positions.size(); ++i) parts.positions[i] = static_cast<float>(i);
  const auto large = std::make_shared<const PointCloud>(std::move(parts));
  ScratchFolder scratch;
  for (const char* name : {"a.h5", "a.vtp", "a.csv"}) {
    SCOPED_TRACE(name);
    const auto path = put(scratch.path() / name, "old");
    const FullDisk disk(16384);
    try {
      io::write(path, {{"s", large}});
      ADD_FAILURE() << "it was written";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Io) << error.what();
      EXPECT_NE(error.detail().find(name), std::string::npos) << error.what();
    }
    EXPECT_EQ(bytes_of(path), "old");
  }
  EXPECT_EQ(files_in(scratch.path()), 3U);
}

TEST(Write, AStopLeavesTheOldFile) {
  ScratchFolder scratch;
  std::stop_source stop;
  stop.request_stop();
  for (const char* name : {"a.h5", "a.vtp", "a.csv"}) {
    const auto path = put(scratch.path() / name, "old");
    EXPECT_THROW(io::write(path, {{"s", make_cloud()}}, Job(stop.get_token())), Error) << name;
    EXPECT_EQ(bytes_of(path), "old") << name;
  }
  EXPECT_EQ(files_in(scratch.path()), 3U);
}

#ifdef ERWIN_HAS_VTK_READER

TEST(WriteVtp, VtkReadsItBack) {
  ScratchFolder scratch;
  for (const std::array<double, 3> origin : {std::array<double, 3>{}, std::array<double, 3>{4.3e6, 2e5, 17}}) {
    const auto path = scratch.path() / "a.vtp";
    const PointCloudPtr want = make_cloud(origin);
    io::write(path, {{"s", want}});
    const PointCloudPtr got = io::open(path);
    ASSERT_EQ(got->size(), want->size());
    for (std::int64_t point = 0; point < want->size(); ++point)
      for (std::size_t axis = 0; axis < 3; ++axis)
        EXPECT_NEAR(got->position(point)[axis], want->position(point)[axis], origin[0] > 0 ? 1e-6 : 0);
    EXPECT_EQ(got->cells().triangles, want->cells().triangles);
    EXPECT_EQ(got->cells().quads, want->cells().quads);
    EXPECT_EQ(got->cells().lines, want->cells().lines);
    ASSERT_EQ(got->fields().size(), want->fields().size());
    for (const Field& field : want->fields()) {
      const Field& back = got->require_field(field.name());
      EXPECT_EQ(back.kind(), field.kind()) << field.name();
      EXPECT_EQ(back.unit(), field.unit()) << field.name();
      for (std::int64_t point = 0; point < want->size(); ++point)
        for (int c = 0; c < field.components(); ++c) {
          if (std::isnan(field.value(point, c)))
            EXPECT_TRUE(std::isnan(back.value(point, c)));
          else
            EXPECT_EQ(back.value(point, c), field.value(point, c)) << field.name();
        }
    }
  }
}

TEST(WriteVtp, NamesAreEscapedAndBarePointsDrawn) {
  PointCloud::Parts parts;
  parts.positions = {0, 0, 0, 1, 1, 1};
  parts.fields.emplace_back("a<b & \"c\"", FieldKind::Scalar, 1, std::vector<float>{1, 2});
  ScratchFolder scratch;
  const auto path = scratch.path() / "a.vtp";
  io::write(path, {{"s", std::make_shared<const PointCloud>(std::move(parts))}});
  EXPECT_EQ(io::open(path)->require_field("a<b & \"c\"").value(1), 2);
  EXPECT_NE(bytes_of(path).find("NumberOfVerts=\"2\""), std::string::npos);
}

#endif

}  // namespace erwin::test
