// Importing files that the test writes: what is found in them, how they are split, and what a person is warned of.

#include "core/import/import.h"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include "core/base/error.h"
#include "core/import/preset_choice.h"
#include "core/io/write.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

class Import : public ::testing::Test {
protected:
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  std::string text_of(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // x, y, z and columns that a function gives for each of 40 points.
  template <typename Row>
  void write_csv(const std::string& name, const std::string& titles, Row row) const {
    std::ofstream out(path(name));
    out << "x,y,z," << titles << "\n";
    for (int i = 0; i < 40; ++i) out << row(i) << "\n";
  }
  void write_parts(int count) const {
    for (int s = 0; s < count; ++s)
      write_csv("part_" + std::to_string(s) + ".csv", "load", [&](int i) {
        return std::to_string(0.1 * i) + "," + std::to_string(std::sin(i + s)) + "," + std::to_string(i % 7) + "," +
               std::to_string(100 + 5 * std::cos(i) + s);
      });
  }

  ImportRequest request(std::vector<std::string> files) const {
    ImportRequest request;
    for (const std::string& file : files) request.files.push_back(path(file));
    request.out = path("data.toml");
    return request;
  }

  // The one-line text of the Error that importing raises.
  std::string error_of(const ImportRequest& request, ErrorKind kind) const {
    try {
      import_data(request);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "no error was raised";
    return "";
  }

  test::ScratchFolder folder_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool any_has(const std::vector<std::string>& texts, const std::string& part) {
  for (const std::string& text : texts)
    if (has(text, part)) return true;
  return false;
}

TEST_F(Import, TablesBecomeADataSetThatOpens) {
  write_parts(12);
  const ImportReport report = import_data(request({"."}));
  EXPECT_EQ(report.target, "load") << "the only field";
  EXPECT_EQ(report.inputs, std::vector<std::string>{"position"});
  EXPECT_EQ(report.most_points, 40);
  EXPECT_EQ(report.splits, (std::map<std::string, std::int64_t>{{"train", 10}, {"validation", 1}, {"test", 1}}));
  EXPECT_TRUE(report.warnings.empty()) << report.warnings.front();

  const Dataset dataset = Dataset::open(path("data.toml"));
  EXPECT_EQ(dataset.samples().size(), 12u);
  EXPECT_EQ(dataset.target(), "load");
  EXPECT_EQ(dataset.split("train").size(), 10u);
  // The numbers in the manifest are those that the data set would compute: training samples alone.
  const Normalisation given = dataset.given_normalisation();
  double sum = 0;
  for (const std::int64_t index : dataset.split("train")) {
    const PointCloudPtr cloud = dataset.load(index);
    for (std::int64_t p = 0; p < 40; ++p) sum += cloud->require_field("load").value(p);
  }
  EXPECT_NEAR(given.field.at("load").mean[0], sum / 400, 1e-9);
  ASSERT_EQ(given.position.mean.size(), 3u);
  // The same files, the same splits.
  const std::string first = text_of("data.toml");
  ImportRequest again = request({"."});
  again.overwrite = true;
  import_data(again);
  EXPECT_EQ(text_of("data.toml"), first);
}

TEST_F(Import, SplitsFollowNamesAndFilesMayLieElsewhere) {
  for (const char* name : {"train_0.csv", "train_1.csv", "val_0.csv", "test [odd]*.csv"})
    write_csv(name, "a,b", [](int i) {
      return std::to_string(i) + ",0.5," + std::to_string(i * i) + "," + std::to_string(i % 3 + 0.5) + "," +
             std::to_string(0.25 * i);
    });
  fs::create_directory(path("below"));
  ImportRequest asked = request({"train_0.csv", "train_1.csv", "val_0.csv", "test [odd]*.csv"});
  asked.out = path("below/mine.toml");
  asked.inputs = {"position", "a"};
  asked.target = "b";
  asked.density = true;
  const ImportReport report = import_data(asked);
  EXPECT_EQ(report.splits, (std::map<std::string, std::int64_t>{{"train", 2}, {"validation", 1}, {"test", 1}}));
  EXPECT_EQ(report.input_components, 4);
  const Dataset dataset = Dataset::open(path("below/mine.toml"));
  EXPECT_EQ(dataset.inputs(), (std::vector<std::string>{"position", "a"}));
  EXPECT_EQ(dataset.samples()[static_cast<std::size_t>(dataset.split("test").front())].name, "test [odd]*");
  const PresetChoice choice = choose_preset(path("below/mine.toml"), "cpu");
  EXPECT_EQ(choice.preset, "own-small-erwin-nsa");
  EXPECT_EQ(choice.config.text("model.head"), "gaussian") << "density";
  EXPECT_EQ(choice.config.text("model.embedding"), "fourier");
}

// Version 1.0 of the format: a header of 16 whole lines, then the numbers.
void write_npy(const fs::path& path, int rows, int columns, const std::vector<float>& values) {
  std::string head = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                     std::to_string(columns) + "), }";
  head.resize((10 + head.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  head += '\n';
  std::ofstream out(path, std::ios::binary);
  const auto length = static_cast<std::uint16_t>(head.size());
  out << "\x93NUMPY" << '\x01' << '\0' << static_cast<char>(length & 255) << static_cast<char>(length >> 8) << head;
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(4 * values.size()));
}

TEST_F(Import, ArraysOfNumPy) {
  for (int s = 0; s < 2; ++s) {
    std::vector<float> values;
    for (int i = 0; i < 30; ++i)
      values.insert(values.end(), {static_cast<float>(i), static_cast<float>(i % 5), static_cast<float>(s),
                                   static_cast<float>(0.5 * i * i)});
    write_npy(path("cloud_" + std::to_string(s) + ".npy"), 30, 4, values);
  }
  const ImportReport report = import_data(request({"cloud_0.npy", "cloud_1.npy"}));
  EXPECT_EQ(report.most_points, 30);
  EXPECT_EQ(report.splits.at("train"), 1);
  EXPECT_EQ(report.splits.at("test"), 1);
  EXPECT_EQ(report.normalisation.field.at(report.target).mean[0], 0.5 * 29 * 59 / 6.0);
  EXPECT_TRUE(any_has(report.warnings, "position, component 2 is")) << "one training sample at one height";
}

void write_array(hid_t file, const char* name, const std::vector<hsize_t>& shape, const std::vector<double>& values) {
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t set = H5Dcreate2(file, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(set);
  H5Sclose(space);
}

TEST_F(Import, PlainHdf5AndSeveralSamplesInOneFileOfOurs) {
  const hid_t file = H5Fcreate(path("foreign.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  std::vector<double> where, pull;
  for (int i = 0; i < 20; ++i) {
    where.insert(where.end(), {0.5 * i, 1.0 * (i % 4), 0.1 * i * i});
    pull.insert(pull.end(), {1.0 * i, -2.0 * i, 3.0});
  }
  write_array(file, "where", {20, 3}, where);
  write_array(file, "pull", {20, 3}, pull);
  H5Fclose(file);
  ImportRequest asked = request({"foreign.h5"});
  asked.positions = "/where";
  asked.target = "pull";
  const ImportReport report = import_data(asked);
  EXPECT_EQ(report.target_components, 3);
  EXPECT_TRUE(any_has(report.warnings, "pull, component 2 is 3 everywhere: there is nothing to learn"));
  EXPECT_TRUE(any_has(report.warnings, "nothing to test on"));
  EXPECT_EQ(Dataset::open(path("data.toml")).load(0)->require_field("pull").components(), 3);

  io::NamedClouds clouds;
  for (int s = 0; s < 20; ++s) {
    PointCloud::Parts parts;
    std::vector<float> heat;
    for (int i = 0; i < 15; ++i) {
      parts.positions.insert(parts.positions.end(), {static_cast<float>(i), static_cast<float>(s), 0.5f * (i % 3)});
      heat.push_back(static_cast<float>(i * s));
    }
    parts.fields.emplace_back("heat", FieldKind::Scalar, 1, std::move(heat), "K");
    clouds.emplace_back("s" + std::to_string(s), std::make_shared<const PointCloud>(std::move(parts)));
  }
  io::write(path("ours.h5"), clouds);
  ImportRequest ours = request({"ours.h5"});
  ours.out = path("ours.toml");
  const ImportReport several = import_data(ours);
  EXPECT_EQ(several.unit, "K");
  EXPECT_EQ(several.splits, (std::map<std::string, std::int64_t>{{"train", 16}, {"validation", 2}, {"test", 2}}));
}

TEST_F(Import, WarnsOfWhatSpoilsATraining) {
  const auto row = [](int i, double scale, const std::string& rest) {
    return std::to_string(scale * (i % 20)) + "," + std::to_string(scale * (i % 20) * (i % 20)) + "," +
           std::to_string(1e-5 * scale * i) + "," + rest;
  };
  for (const char* name : {"a.csv", "b.csv"})
    write_csv(name, "flat,load", [&](int i) { return row(i % 20, 1, "7," + std::to_string(i % 20)); });
  write_csv("wide.csv", "flat,load", [&](int i) { return row(i, 1000, "7," + std::to_string(i)); });
  write_csv("train_d.csv", "flat,load", [&](int i) { return row(i, 1, "7," + std::to_string(i == 3 ? 1 : 2)); });
  ImportRequest asked = request({"a.csv", "b.csv", "wide.csv", "train_d.csv"});
  asked.inputs = {"position", "flat"};
  const ImportReport report = import_data(asked);
  EXPECT_EQ(report.target, "load") << "the other field is an input";
  for (const char* part : {"flat is 7 everywhere: it tells nothing", "lie exactly on another one (most in a: 20)",
                           "a and b are the same", "are all in one unit?", "times as wide along one axis"})
    EXPECT_TRUE(any_has(report.warnings, part)) << part;
}

TEST_F(Import, AFarValueIsNamed) {
  for (int s = 0; s < 100; ++s)
    write_csv((s < 90 ? "train_" : "test_") + std::to_string(s) + ".csv", "load", [&](int i) {
      return std::to_string(i) + "," + std::to_string(i * i % 11) + "," + std::to_string(s) + "," +
             std::to_string(s == 5 && i == 7 ? 1e9 : std::sin(i));
    });
  // One value among n = 3600 that is far from all others lies sqrt(n) deviations from the mean.
  const ImportReport report = import_data(request({"."}));
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_TRUE(has(report.warnings[0], "load reaches 59.99 deviations from its mean")) << report.warnings[0];
}

TEST_F(Import, NothingIsSilentlyLeftOut) {
  write_parts(6);
  write_csv("part_6.csv", "load", [](int i) {
    return std::to_string(i) + ",1,2," + (i == 11 || i == 12 ? std::string("nan") : std::to_string(i));
  });
  write_csv("part_7.csv", "other", [](int i) { return std::to_string(i) + ",1,2,3"; });
  ImportRequest asked = request({"."});
  asked.target = "load";
  const std::string said = error_of(asked, ErrorKind::Format);
  EXPECT_TRUE(has(said, "part_6") && has(said, "2 values that are not finite, the first at point 11") &&
              has(said, "--skip-bad"))
      << said;
  EXPECT_FALSE(fs::exists(path("data.toml")));
  asked.skip_bad = true;
  const ImportReport report = import_data(asked);
  ASSERT_EQ(report.left_out.size(), 2u);
  EXPECT_TRUE(has(report.left_out[1], "part_7: it has no field load"));
  const Dataset dataset = Dataset::open(path("data.toml"));
  std::size_t used = 0;
  for (const char* split : {"train", "validation", "test"}) used += dataset.split(split).size();
  EXPECT_EQ(used, 6u);
}

TEST_F(Import, SaysWhatIsWrong) {
  write_parts(2);
  write_csv("two.csv", "a,b", [](int i) { return std::to_string(i) + ",1,2,3," + std::to_string(i); });
  std::ofstream(path("notes.txt")) << "no numbers here\n";
  EXPECT_TRUE(has(error_of(request({"two.csv"}), ErrorKind::Config), "the files hold: a, b"));
  EXPECT_TRUE(has(error_of(request({"absent.csv"}), ErrorKind::Io), "absent.csv"));
  ImportRequest asked = request({"part_0.csv", "part_1.csv"});
  asked.target = "lod";
  EXPECT_TRUE(has(error_of(asked, ErrorKind::Config), "lod"));
  asked = request({"part_0.csv"});
  asked.out = path("data.txt");
  EXPECT_TRUE(has(error_of(asked, ErrorKind::Config), ".toml"));
  import_data(request({"part_0.csv", "part_1.csv"}));
  EXPECT_TRUE(has(error_of(request({"part_0.csv"}), ErrorKind::Config), "--overwrite"));
  EXPECT_TRUE(has(error_of(request({"data.toml"}), ErrorKind::Config), "--overwrite"));
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_NE(entry.path().filename().string().front(), '.') << "a draft was left behind: " << entry.path();
}

TEST(PresetChoice, GoesBySizeAndDevice) {
  EXPECT_EQ(preset_for_size(300, true), "own-small-erwin-nsa");
  EXPECT_EQ(preset_for_size(300000, true), "own-small-erwin-nsa");
  EXPECT_EQ(preset_for_size(300, false), "own-small-erwin-nsa");
  EXPECT_EQ(preset_for_size(5000, false), "own-medium-erwin-nsa");
  EXPECT_EQ(preset_for_size(20001, false), "own-large-erwin-nsa");
}

}  // namespace
}  // namespace erwin
