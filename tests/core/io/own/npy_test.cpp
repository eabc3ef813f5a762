#include "tests/core/io/own/files.h"
#include "tests/core/io/own/made_files.h"

namespace erwin::test {
namespace {

using Numbers = std::vector<double>;

// The same four points in every type NumPy can hold them in.
template <typename T>
void expect_type(const std::string& descr, bool big_endian) {
  SCOPED_TRACE(descr);
  const auto cloud = open_bytes(
      make_npy("'" + descr + "'", "(4, 3)", bytes_of<T>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, big_endian)));
  EXPECT_EQ(positions_of(*cloud), (Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(cloud->frames(), 1);
}

TEST(Npy, EveryNumberTypeInBothByteOrders) {
  expect_type<std::int8_t>("|i1", false);
  expect_type<std::uint8_t>("|u1", false);
  for (const bool big : {false, true}) {
    const std::string order = big ? ">" : "<";
    expect_type<std::int16_t>(order + "i2", big);
    expect_type<std::uint16_t>(order + "u2", big);
    expect_type<std::int32_t>(order + "i4", big);
    expect_type<std::uint32_t>(order + "u4", big);
    expect_type<std::int64_t>(order + "i8", big);
    expect_type<std::uint64_t>(order + "u8", big);
    expect_type<float>(order + "f4", big);
    expect_type<double>(order + "f8", big);
  }
}

TEST(Npy, HalfPrecision) {
  // binary16: 1.0, -2.0, 65504 (the largest), 2^-24 (the smallest), 0.5, -0.0
  const std::string data = bytes_of<std::uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0001, 0x3800, 0x8000});
  EXPECT_EQ(positions_of(*open_bytes(make_npy("'<f2'", "(2, 3)", data))), (Numbers{1, -2, 65504, 0x1p-24, 0.5, 0}));
}

TEST(Npy, FortranOrder) {
  const std::string data = bytes_of<float>({1, 4, 2, 5, 3, 6});  // columns of [[1, 2, 3], [4, 5, 6]]
  EXPECT_EQ(positions_of(*open_bytes(make_npy("'<f4'", "(2, 3)", data, true))), (Numbers{1, 2, 3, 4, 5, 6}));
  // [T, N, 3] = [2, 2, 3] holding t * 100 + n * 10 + axis, the first index fastest.
  std::string frames;
  for (int axis = 0; axis < 3; ++axis)
    for (int n = 0; n < 2; ++n)
      for (int t = 0; t < 2; ++t) frames += bytes_of(static_cast<double>(t * 100 + n * 10 + axis));
  const auto cloud = open_bytes(make_npy("'<f8'", "(2, 2, 3)", frames, true));
  EXPECT_EQ(cloud->frames(), 2);
  EXPECT_EQ(positions_of(*cloud, 0), (Numbers{0, 1, 2, 10, 11, 12}));
  EXPECT_EQ(positions_of(*cloud, 1), (Numbers{100, 101, 102, 110, 111, 112}));
}

TEST(Npy, TwoColumnsAreTwoDimensions) {
  const auto cloud = open_bytes(make_npy("'<f4'", "(2, 2)", bytes_of<float>({1, 2, 3, 4})));
  EXPECT_EQ(cloud->dimension(), 2);
  EXPECT_EQ(positions_of(*cloud), (Numbers{1, 2, 0, 3, 4, 0}));
}

TEST(Npy, FurtherColumnsBecomeFieldsInEveryFrame) {
  const auto cloud = open_bytes(make_npy("'<f4'", "(2, 1, 4)", bytes_of<float>({1, 2, 3, 40, 5, 6, 7, 80})));
  EXPECT_EQ(cloud->frames(), 2);
  EXPECT_EQ(values_of(*cloud, "column_4", 0), Numbers{40});
  EXPECT_EQ(values_of(*cloud, "column_4", 1), Numbers{80});
}

TEST(Npy, RecordsWithTitlesSubArraysPaddingAndWords) {
  const std::string descr =
      "[(('east', 'X'), '<f8'), ('Y', '>f4'), ('', '|V2'), ('z', '<i2'), ('v', '<f4', (2,)), ('name', '|S3'), ('ok', "
      "'|b1')]";
  std::string data;
  for (int i = 1; i <= 2; ++i)
    data += bytes_of(i * 1.5) + bytes_of(static_cast<float>(i * 10), true) + "##" +
            bytes_of(static_cast<std::int16_t>(-i)) +
            bytes_of<float>({static_cast<float>(i), static_cast<float>(2 * i)}) + "abc" +
            bytes_of(static_cast<std::uint8_t>(i - 1));
  const auto cloud = open_bytes(make_npy(descr, "(2,)", data));
  EXPECT_EQ(positions_of(*cloud), (Numbers{1.5, 10, -1, 3, 20, -2}));
  ASSERT_EQ(cloud->fields().size(), 2u);
  EXPECT_EQ(values_of(*cloud, "v"), (Numbers{1, 2, 2, 4}));
  EXPECT_EQ(cloud->require_field("v").kind(), FieldKind::Vector);
  EXPECT_EQ(values_of(*cloud, "ok"), (Numbers{0, 1}));
  EXPECT_TRUE(any_remark(*cloud, "'name'"));
}

TEST(Npy, PositionsCanBeOneMemberOfARecord) {
  const auto cloud = open_bytes(make_npy("[('id', '<i4'), ('pos', '<f4', (3,))]", "(1,)",
                                         bytes_of<std::int32_t>(7) + bytes_of<float>({1, 2, 3})));
  EXPECT_EQ(positions_of(*cloud), (Numbers{1, 2, 3}));
  EXPECT_EQ(values_of(*cloud, "id"), Numbers{7});
}

TEST(Npy, VersionTwoHeaders) {
  std::string file = make_npy("'<f4'", "(1, 3)", bytes_of<float>({1, 2, 3}));
  file = "\x93NUMPY" + std::string("\x02\x00", 2) + bytes_of(static_cast<std::uint32_t>(118)) + file.substr(10);
  EXPECT_EQ(positions_of(*open_bytes(file)), (Numbers{1, 2, 3}));
}

TEST(Npy, WhatCannotBePointsIsRefused) {
  expect_refused(make_npy("'|O'", "(4, 3)", ""), "Python objects");
  expect_refused(make_npy("[('x', '<f4'), ('what', 'O')]", "(1,)", std::string(12, '\0')), "Python objects");
  expect_refused(make_npy("'<c8'", "(1, 3)", std::string(24, '\0')), "no positions");
  expect_refused(make_npy("'<f4'", "(3,)", std::string(12, '\0')), "no positions");
  expect_refused(make_npy("'<f4'", "()", std::string(4, '\0')), "no positions");
  expect_refused(make_npy("'<f4'", "(3, 100)", std::string(1200, '\0')), "no positions");
  expect_refused(make_npy("[('a', '<f4')]", "(1,)", std::string(4, '\0')), "no positions");
  expect_refused(make_npy("'<f4'", "(0, 3)", ""), "no points");
  expect_refused(make_npy("'<f4'", "(2, 0, 3)", ""), "no points");
  expect_refused(make_npy("'<q4'", "(1, 3)", std::string(12, '\0')), "no positions");
  expect_refused(make_npy("'<f4'", "(1, -3)", std::string(12, '\0')), "header of the array is broken");
}

TEST(Npy, NonFinitePositionsAreRefusedUnlessDropped) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const std::string file =
      make_npy("'<f4'", "(4, 4)", bytes_of<float>({1, 2, 3, nan, nan, 0, 0, 1, 0, 0, inf, 2, 4, 5, 6, inf}));
  expect_refused(file, "row 1");
  expect_refused(file, "--drop-nonfinite");
  const auto cloud = open_bytes(file, dropping_nonfinite());
  EXPECT_EQ(positions_of(*cloud), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(cloud->source().dropped_points, 2);
  EXPECT_EQ(cloud->row_id(1), 3);
  // Fields keep their NaNs and infinities, counted.
  EXPECT_EQ(cloud->require_field("column_4").nonfinite_count(), 2);
  expect_refused(make_npy("'<f4'", "(1, 3)", bytes_of<float>({nan, 0, 0})), "no points", ErrorKind::Format,
                 dropping_nonfinite());
  // A point that is missing in one frame is missing in all.
  const auto frames = open_bytes(
      make_npy("'<f4'", "(2, 2, 3)", bytes_of<float>({1, 1, 1, 2, 2, 2, nan, 3, 3, 4, 4, 4})), dropping_nonfinite());
  EXPECT_EQ(positions_of(*frames, 1), (Numbers{4, 4, 4}));
  EXPECT_EQ(frames->row_id(0), 1);
}

TEST(Npy, FarCoordinatesKeepTheirDetail) {
  const auto cloud =
      open_bytes(make_npy("'<f8'", "(2, 3)", bytes_of<double>({1e6 + 0.001, 2e6, 3e6, 1e6 + 0.002, 2e6 + 1, 3e6})));
  EXPECT_NEAR(cloud->position(1)[0] - cloud->position(0)[0], 0.001, 1e-7);
  expect_refused(make_npy("'<f8'", "(2, 3)", bytes_of<double>({1e300, 0, 0, -1e300, 0, 0})), "too large");
}

TEST(Npz, OtherArraysBecomeFields) {
  const std::string xyz = make_npy("'<f4'", "(2, 3)", bytes_of<float>({1, 2, 3, 4, 5, 6}));
  for (const bool deflate : {false, true}) {
    const auto cloud =
        open_bytes(make_zip({{"pressure.npy", make_npy("'<f8'", "(2,)", bytes_of<double>({-1, 1}))},
                             {"velocity.npy", make_npy("'<f4'", "(2, 3)", bytes_of<float>({1, 0, 0, 0, 1, 0}))},
                             {"positions.npy", xyz},
                             {"class.npy", make_npy("'<i8'", "(2,)", bytes_of<std::int64_t>({3, 4}))},
                             {"other.npy", make_npy("'<f4'", "(5,)", std::string(20, '\0'))},
                             {"readme.txt", "hello"}},
                            deflate));
    EXPECT_EQ(positions_of(*cloud), (Numbers{1, 2, 3, 4, 5, 6}));
    ASSERT_EQ(cloud->fields().size(), 3u);
    EXPECT_EQ(values_of(*cloud, "pressure"), (Numbers{-1, 1}));
    EXPECT_EQ(cloud->require_field("velocity").kind(), FieldKind::Vector);
    EXPECT_EQ(cloud->require_field("class").kind(), FieldKind::Label);
    EXPECT_TRUE(any_remark(*cloud, "'other'"));
    EXPECT_TRUE(any_remark(*cloud, "readme.txt"));
  }
}

TEST(Npz, PositionsByNameShapeOrOption) {
  const std::string a = make_npy("'<f4'", "(1, 3)", bytes_of<float>({1, 2, 3})),
                    b = make_npy("'<f4'", "(1, 3)", bytes_of<float>({4, 5, 6}));
  EXPECT_EQ(positions_of(*open_bytes(make_zip({{"a.npy", a}}))), (Numbers{1, 2, 3}));
  EXPECT_EQ(positions_of(*open_bytes(make_zip({{"a.npy", a}, {"XYZ.npy", b}}))), (Numbers{4, 5, 6}));
  const std::string two = make_zip({{"a.npy", a}, {"b.npy", b}});
  expect_refused(two, "several arrays could be the positions (", ErrorKind::Config);
  EXPECT_EQ(positions_of(*open_bytes(two, with_positions("b"))), (Numbers{4, 5, 6}));
  expect_refused(two, "no array named 'c'", ErrorKind::Config, with_positions("c"));
  const auto axes = open_bytes(make_zip({{"Z.npy", make_npy("'<f4'", "(2,)", bytes_of<float>({5, 6}))},
                                         {"x.npy", make_npy("'<i4'", "(2,)", bytes_of<std::int32_t>({1, 2}))},
                                         {"y.npy", make_npy("'<f8'", "(2,)", bytes_of<double>({3, 4}))}}));
  EXPECT_EQ(positions_of(*axes), (Numbers{1, 3, 5, 2, 4, 6}));
  expect_refused(make_zip({{"t.npy", make_npy("'<f4'", "(2,)", std::string(8, '\0'))}}), "no positions");
  expect_refused(make_zip({}), "no positions");
}

TEST(Npz, FramesAndTheirFields) {
  const auto cloud =
      open_bytes(make_zip({{"R.npy", make_npy("'<f4'", "(2, 1, 3)", bytes_of<float>({1, 2, 3, 4, 5, 6}))},
                           {"E.npy", make_npy("'<f4'", "(2, 1)", bytes_of<float>({7, 8}))},
                           {"F.npy", make_npy("'<f4'", "(2, 1, 3)", bytes_of<float>({1, 1, 1, 2, 2, 2}))},
                           {"q.npy", make_npy("'<f4'", "(1,)", bytes_of<float>({9}))}}));
  EXPECT_EQ(cloud->frames(), 2);
  EXPECT_EQ(values_of(*cloud, "E", 1), Numbers{8});
  EXPECT_EQ(values_of(*cloud, "F", 1), (Numbers{2, 2, 2}));
  EXPECT_EQ(values_of(*cloud, "q", 1), Numbers{9});
}

TEST(Npz, ObjectArraysAreRefusedByName) {
  expect_refused(make_zip({{"positions.npy", make_npy("'<f4'", "(1, 3)", std::string(12, '\0'))},
                           {"meta.npy", make_npy("'|O'", "()", "\x80\x04N.")}}),
                 "'meta' holds Python objects");
}

}  // namespace
}  // namespace erwin::test
