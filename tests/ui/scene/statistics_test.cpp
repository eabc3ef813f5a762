// Histograms, percentiles and the ranges that colours take from them.

#include "ui/scene/field_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "ui/scene/guide_layer.h"
#include "ui/scene/numbers.h"
#include "ui/scene/point_colours.h"
#include "ui/scene/range_lock.h"

namespace erwin::ui {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();

Field scalar(std::vector<float> values, std::int64_t frames = 1) {
  return Field("f", FieldKind::Scalar, 1, std::move(values), "Pa", 0, frames);
}

SceneData cloud_with(Field field, std::int64_t frames = 1) {
  PointCloud::Parts parts;
  parts.frames = frames;
  const std::int64_t points = field.points();
  for (std::int64_t frame = 0; frame < frames; ++frame)
    for (std::int64_t i = 0; i < points; ++i)
      parts.positions.insert(parts.positions.end(), {static_cast<float>(i), static_cast<float>(i % 3), 0.0f});
  parts.fields.push_back(std::move(field));
  SceneData data;
  data.cloud = std::make_shared<PointCloud>(std::move(parts));
  return data;
}

TEST(Histogram, CountsEveryValueOnce) {
  const Field field = scalar({0, 0.5f, 1, 2.5f, 4, nan, infinite, -1, 5});
  const Histogram found = histogram_of(field, 0, 0, {0, 4}, false, 4);
  EXPECT_EQ(found.counts, (std::vector<std::int64_t>{2, 1, 1, 1}));  // the upper end belongs to the last bin
  EXPECT_EQ(found.below, 1);
  EXPECT_EQ(found.above, 1);
  EXPECT_EQ(found.nonfinite, 2);
}

TEST(Histogram, LogarithmicBinsHaveEqualRatios) {
  const Field field = scalar({1, 5, 10, 50, 100, 999, 1000, 0, -3});
  const Histogram found = histogram_of(field, 0, 0, {1, 1000}, true, 3);
  EXPECT_EQ(found.counts, (std::vector<std::int64_t>{2, 2, 3}));
  EXPECT_EQ(found.below, 2);
}

TEST(Histogram, OfLengthsFramesAndRangesWithoutWidth) {
  const Field vectors("v", FieldKind::Vector, 2, {3, 4, 0, 1, 0, 0, 6, 8}, {}, 0, 2);
  EXPECT_EQ(histogram_of(vectors, -1, 1, {0, 10}, false, 2).counts, (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(histogram_of(vectors, 1, 0, {0, 4}, false, 2).counts, (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(histogram_of(scalar({7, 7, 7}), 0, 0, {7, 7}, false, 5).counts, (std::vector<std::int64_t>{3, 0, 0, 0, 0}));
}

TEST(Percentiles, AreRanksOfTheFiniteValues) {
  std::vector<float> values(101);
  std::iota(values.begin(), values.end(), 0.0f);
  for (std::size_t i = 0; i < values.size(); ++i) std::swap(values[i], values[(37 * i) % 101]);
  values.push_back(nan);
  const auto two = percentile_range(scalar(values), 0, 2);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->minimum, 2);
  EXPECT_EQ(two->maximum, 98);
  const auto none = percentile_range(scalar(values), 0, 0);
  EXPECT_EQ(none->minimum, 0);
  EXPECT_EQ(none->maximum, 100);
  EXPECT_FALSE(percentile_range(scalar({nan, nan}), 0, 2));
}

TEST(Ranges, PercentileLeavesOutliersToTheEnds) {
  std::vector<float> values(200, 1.0f);
  std::iota(values.begin(), values.end(), 0.0f);
  values[7] = 1e6f;
  const SceneData data = cloud_with(scalar(values));
  SceneState state;
  state.range_mode = RangeMode::Percentile;
  const PointColours made = colour_points(data, state);
  ASSERT_TRUE(made.legend.scale);
  EXPECT_LT(made.legend.scale->maximum, 200);
  EXPECT_EQ(made.rgb[7], map_colour(ColourMap::Sequential, 1));
  ASSERT_TRUE(made.legend.scale->histogram);
  EXPECT_EQ(made.legend.scale->histogram->above, made.legend.scale->histogram->below);
}

TEST(Ranges, FixedEndsAreTheMapsEnds) {
  const SceneData data = cloud_with(scalar({0, 5, 10, 15}));
  SceneState state;
  state.range = FieldRange{5, 10};
  const PointColours made = colour_points(data, state);
  EXPECT_EQ(made.rgb[0], map_colour(ColourMap::Sequential, 0));
  EXPECT_EQ(made.rgb[1], map_colour(ColourMap::Sequential, 0));
  EXPECT_EQ(made.rgb[2], map_colour(ColourMap::Sequential, 1));
  EXPECT_EQ(made.rgb[3], map_colour(ColourMap::Sequential, 1));
}

TEST(Ranges, ALockKeepsWhatWasOnTheScreenAcrossSamplesAndFrames) {
  const SceneData first = cloud_with(scalar({0, 5, 10})), second = cloud_with(scalar({0, 50, 100}));
  RangeLock lock;
  // The end of the colours of every picture, the lock's if the state has one.
  const auto shown = [&](std::vector<Tile> tiles, const PointColours* on_screen = nullptr) {
    lock.apply(tiles, on_screen);
    std::vector<double> ends;
    for (const Tile& tile : tiles) ends.push_back(colour_points(tile.data, tile.state).legend.scale->maximum);
    return ends;
  };
  SceneState state;
  state.range = FieldRange{1, 9};
  const PointColours on_screen = colour_points(first, state);
  state.range.reset();
  state.range_mode = RangeMode::Locked;
  EXPECT_EQ(shown({{first, state}}, &on_screen), std::vector<double>({9}));
  EXPECT_EQ(shown({{second, state}, {first, state}}), std::vector<double>({9, 9}));
  // The prediction of a quantity is the same quantity; another field is not, and has the ends of all pictures.
  SceneState other = state;
  other.colour_by = ColourBy::Field;
  other.field = "f";
  EXPECT_EQ(shown({{first, other}, {second, other}}), std::vector<double>({100, 100}));
  EXPECT_EQ(shown({{first, other}}), std::vector<double>({100}));
  EXPECT_EQ(shown({{second, state}}), std::vector<double>({9}));
  // Numbers that are given go before the lock and do not change it.
  SceneState told = state;
  told.range = FieldRange{0, 7};
  EXPECT_EQ(shown({{second, told}}), std::vector<double>({7}));
  EXPECT_EQ(shown({{second, state}}), std::vector<double>({9}));
  SceneState free = state;
  free.range_mode = RangeMode::Data;
  EXPECT_EQ(shown({{second, free}}), std::vector<double>({100}));
  EXPECT_EQ(shown({{second, state}}), std::vector<double>({100}));
}

TEST(Ranges, TheDatasOwnRangeIsThatOfAllFrames) {
  const SceneData data = cloud_with(scalar({0, 1, 2, 6, 7, 8}, 2), 2);
  SceneState state;
  for (state.frame = 0; state.frame < 2; ++state.frame) {
    const PointColours made = colour_points(data, state);
    EXPECT_EQ(made.legend.scale->minimum, 0);
    EXPECT_EQ(made.legend.scale->maximum, 8);
  }
}

TEST(Scales, LogarithmStepsAndSigns) {
  SceneState state;
  state.logarithmic = true;
  const PointColours logs = colour_points(cloud_with(scalar({0, 1, 100, 10000})), state);
  EXPECT_TRUE(logs.legend.scale->logarithmic);
  EXPECT_EQ(logs.legend.scale->minimum, 1);  // the smallest that has a logarithm
  EXPECT_EQ(logs.rgb[0], map_colour(ColourMap::Sequential, 0));
  const Rgb middle = map_colour(ColourMap::Sequential, 0.5);
  EXPECT_NEAR(logs.rgb[2].g, middle.g, 1);
  const PointColours negative = colour_points(cloud_with(scalar({-3, -2, -1})), state);
  EXPECT_FALSE(negative.legend.scale->logarithmic);
  EXPECT_FALSE(negative.legend.scale->remarks.empty());

  state.logarithmic.reset();
  state.steps = 2;
  const PointColours steps = colour_points(cloud_with(scalar({0, 4, 6, 10})), state);
  EXPECT_EQ(steps.rgb[0], map_colour(ColourMap::Sequential, 0));
  EXPECT_EQ(steps.rgb[1], steps.rgb[0]);
  EXPECT_EQ(steps.rgb[2], map_colour(ColourMap::Sequential, 1));

  state.steps = 0;
  state.map = ColourMap::Diverging;
  const PointColours signs = colour_points(cloud_with(scalar({-2, 0, 10})), state);
  EXPECT_EQ(signs.legend.scale->minimum, -10);  // zero is in the pale middle
  const Rgb pale = map_colour(ColourMap::Diverging, 0.5);
  EXPECT_NEAR(signs.rgb[1].r, pale.r, 1);
}

TEST(Scales, TheTableAgreesWithTheColourOfEachNumber) {
  for (const bool logarithmic : {false, true})
    for (const int steps : {0, 2, 7}) {
      LegendScale scale;
      scale.minimum = 0.5;
      scale.maximum = 80;
      scale.logarithmic = logarithmic;
      scale.steps = steps;
      const ColourTable table(scale);
      for (double value = -1; value < 90; value += 0.37) {
        const Rgb exact = colour_of_number(value, scale), quick = table(value);
        EXPECT_NEAR(exact.r, quick.r, 1) << value;
        EXPECT_NEAR(exact.g, quick.g, 1) << value;
        EXPECT_NEAR(exact.b, quick.b, 1) << value;
      }
      EXPECT_EQ(table(nan), no_number);
    }
}

TEST(Scales, KindsAreCountedOut) {
  SceneState state;
  const PointColours labels = colour_points(cloud_with(Field("kind", FieldKind::Label, 1, {0, 1, 1, 12, -1})), state);
  EXPECT_EQ(labels.rgb[1], palette()[1]);
  EXPECT_EQ(labels.rgb[3], palette()[2]);
  EXPECT_EQ(labels.rgb[4], palette()[9]);
  ASSERT_EQ(labels.legend.swatches.size(), 4u);
  EXPECT_EQ(labels.legend.swatches[0].text, "-1");
  state.map = ColourMap::Categorical;
  EXPECT_EQ(colour_points(cloud_with(scalar({2, 3, nan})), state).rgb[2], no_number);
}

TEST(ScaleBar, IsARoundNumberInSensibleUnits) {
  const auto check = [](double pixel, const char* unit, double length, const char* label) {
    const ScaleBar bar = scale_bar_for(pixel, unit, 120);
    EXPECT_NEAR(bar.length, length, 1e-9 * length) << label;
    EXPECT_NEAR(bar.pixels, length / pixel, 1e-6) << label;
    EXPECT_EQ(bar.label, label);
  };
  check(0.01, "m", 1, "1 m");
  check(0.005, "m", 0.5, "50 cm");
  check(1, "m", 100, "100 m");
  check(20, "m", 2000, "2 km");
  check(1.7e-6, "m", 2e-4, "200 um");
  check(0.4, "Mpc/h", 20, "20 Mpc/h");
  check(0.0034, "nm", 0.2, "0.2 nm");
  EXPECT_TRUE(scale_bar_for(0, "m", 120).label.empty());
  EXPECT_TRUE(scale_bar_for(nan, "m", 120).label.empty());
}

TEST(Numbers, ReadAndWrittenTheSameInEveryLocale) {
  EXPECT_EQ(number_in("1e3"), 1000);
  EXPECT_EQ(number_in("+2.5"), 2.5);
  for (const char* bad : {"", "1,5", "nan", "inf", "2x", " 1", "+-1", "1e999"}) EXPECT_FALSE(number_in(bad)) << bad;
  EXPECT_EQ(numbers_in("1,2.5,-3"), (std::vector<double>{1, 2.5, -3}));
  EXPECT_TRUE(numbers_in("1,,2").empty());
  EXPECT_TRUE(numbers_in("1,2,").empty());
  EXPECT_EQ(number_in(exact_number(0.1)), 0.1);
  EXPECT_EQ(short_number(-0.0), "0");
  EXPECT_EQ(short_number(12345), "1.234e+04");
}

}  // namespace
}  // namespace erwin::ui
