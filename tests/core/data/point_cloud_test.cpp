#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/data/point_cloud.h"

namespace erwin {

namespace {

PointCloud::Parts triangle() {
  PointCloud::Parts parts;
  parts.positions = {0, 0, 0, 1, 0, 0, 0, 1, 0};
  return parts;
}

}  // namespace

TEST(Field, RangeIsOverFiniteValuesAndCountsTheRest) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Field field("p", FieldKind::Scalar, 1, {3, nan, -2, std::numeric_limits<float>::infinity()}, "Pa");
  EXPECT_EQ(field.nonfinite_count(), 2);
  EXPECT_EQ(field.range()->minimum, -2);
  EXPECT_EQ(field.range()->maximum, 3);
}

TEST(Field, LargeNumbersKeepTheirDetail) {
  const std::vector<double> times = {1.6e9 + 0.001, 1.6e9 + 0.002, 1.6e9 + 1};
  const Field field = Field::from_doubles("t", FieldKind::Scalar, 1, times, "s");
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(field.value(i), times[static_cast<std::size_t>(i)], 1e-6);
}

TEST(Field, NormOfAVector) {
  const Field field("v", FieldKind::Vector, 3, {3, 4, 0, 0, 0, 1});
  EXPECT_EQ(field.range(-1)->maximum, 5);
  EXPECT_EQ(field.points(), 2);
}

TEST(PointCloud, CoordinatesNearAMillionKeepTheirDetail) {
  const std::vector<double> absolute = {4320978.61, 289814.15, 170.76, 4320978.62, 289814.16, 170.75};
  const CentredPositions centred = centre_positions(absolute);
  PointCloud::Parts parts;
  parts.positions = centred.positions;
  parts.origin = centred.origin;
  const PointCloud cloud(std::move(parts));
  for (int i = 0; i < 2; ++i)
    for (int axis = 0; axis < 3; ++axis)
      EXPECT_NEAR(cloud.position(i)[static_cast<std::size_t>(axis)], absolute[static_cast<std::size_t>(3 * i + axis)],
                  1e-4);
}

TEST(PointCloud, NearZeroTheOriginStaysZero) {
  EXPECT_EQ(centre_positions(std::vector<double>{0, 0, 0, 1, 2, 3}).origin, (std::array<double, 3>{}));
}

TEST(PointCloud, BadPartsAreNamed) {
  auto empty = triangle();
  empty.positions.clear();
  EXPECT_THROW(PointCloud(std::move(empty)), Error);
  auto cells = triangle();
  cells.cells.triangles = {0, 1, 3};
  EXPECT_THROW(PointCloud(std::move(cells)), Error);
  auto infinite = triangle();
  infinite.positions[4] = INFINITY;
  EXPECT_THROW(PointCloud(std::move(infinite)), Error);
  auto fields = triangle();
  fields.fields.emplace_back("p", FieldKind::Scalar, 1, std::vector<float>{1, 2});
  EXPECT_THROW(PointCloud(std::move(fields)), Error);
}

TEST(PointCloud, IdsAreRowsOfTheFile) {
  auto parts = triangle();
  parts.row_ids = {1, 4, 9};
  const PointCloud cloud(std::move(parts));
  EXPECT_EQ(cloud.row_id(2), 9);
  EXPECT_EQ(cloud.point_of_row(4), 1);
  EXPECT_EQ(cloud.point_of_row(5), -1);
}

TEST(PointCloud, TheHashSeesPositionsAndFields) {
  const PointCloud a(triangle());
  auto moved = triangle();
  moved.positions[0] = 0.5F;
  auto with_field = triangle();
  with_field.fields.emplace_back("p", FieldKind::Scalar, 1, std::vector<float>{1, 2, 3});
  EXPECT_EQ(a.content_hash(), PointCloud(triangle()).content_hash());
  EXPECT_NE(a.content_hash(), PointCloud(std::move(moved)).content_hash());
  EXPECT_NE(a.content_hash(), PointCloud(std::move(with_field)).content_hash());
}

}  // namespace erwin
