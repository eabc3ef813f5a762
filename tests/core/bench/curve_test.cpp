#include "core/bench/curve.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace erwin::bench {
namespace {

Row step(const std::string& network, std::int64_t points, double milliseconds, double bytes) {
  Row row;
  row.group = "curve 1 x " + std::to_string(points);
  row.what = network;
  row.pass = "step";
  row.precision = "bf16";
  row.shape = {{"points", points}, {"batch", 1}};
  if (milliseconds > 0) {
    row.launched = summarise({milliseconds});
    row.peak_bytes = static_cast<std::int64_t>(bytes);
  }
  return row;
}

// Sparse: linear. Dense: as the square, not measured at the largest size.
std::vector<Row> rows() {
  return {step("erwin-nsa", 1000, 10, 100), step("full", 1000, 5, 50), step("erwin-nsa", 4000, 40, 400),
          step("full", 4000, 80, 200),      step("full", 16000, 0, 0), step("erwin-nsa", 16000, 160, 1600)};
}

TEST(Curve, GoesOnAlongItsSlopeWhereOthersWereMeasured) {
  const std::vector<Curve> curves = curves_of(rows());
  ASSERT_EQ(curves.size(), 2u);
  const Curve& full = curves[1];
  ASSERT_EQ(full.network, "full");
  ASSERT_EQ(full.at.size(), 3u);
  EXPECT_FALSE(full.at[2].measured);
  EXPECT_NEAR(full.at[2].milliseconds, 1280, 1e-6);  // 80 x 4^2
  EXPECT_NEAR(full.at[2].bytes, 800, 1e-6);
  EXPECT_TRUE(curves[0].at[2].measured);
}

TEST(Curve, CrossesBetweenSizes) {
  const std::vector<Curve> curves = curves_of(rows());
  // 10 (n / 1000) = 5 (n / 1000)^2 at n = 2000.
  EXPECT_NEAR(crossing(curves[0], curves[1], &CurvePoint::milliseconds), 2000, 1e-6);
  EXPECT_EQ(crossing(curves[0], curves[1], &CurvePoint::bytes), 0) << "full needs half as much everywhere";
  EXPECT_EQ(crossing(curves[1], curves[0], &CurvePoint::milliseconds), 0) << "it is the other one that gains";
}

TEST(Curve, ThePictureSaysWhatWasNotMeasured) {
  const std::string picture = curve_svg(rows(), "a device <fast>");
  EXPECT_TRUE(picture.starts_with("<svg"));
  EXPECT_NE(picture.find("stroke-dasharray"), std::string::npos);
  EXPECT_NE(picture.find("erwin-nsa below full from 1.95k"), std::string::npos);
  EXPECT_NE(picture.find("a device &lt;fast&gt;"), std::string::npos);
  EXPECT_EQ(picture.find("nan"), std::string::npos);
}

TEST(Curve, TheTableHoldsEveryRow) {
  const std::string table = curve_csv(rows());
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 7);
  EXPECT_NE(table.find("full,4000,bf16,80,,200,\n"), std::string::npos) << table;
}

}  // namespace
}  // namespace erwin::bench
