#include "ui/scene/tree_hull.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

namespace erwin::ui {
namespace {

using Point = std::array<float, 3>;
using Wide = std::array<long double, 3>;

Wide minus(const Point& a, const Point& b) {
  return {static_cast<long double>(a[0]) - b[0], static_cast<long double>(a[1]) - b[1],
          static_cast<long double>(a[2]) - b[2]};
}

// Signed distance of d from the plane through a, b, c.
long double above(const Point& a, const Point& b, const Point& c, const Point& d) {
  const Wide u = minus(b, a), v = minus(c, a), w = minus(d, a);
  const Wide n{u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
  return (n[0] * w[0] + n[1] * w[1] + n[2] * w[2]) / std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
}

float extent(const std::vector<Point>& points) {
  float widest = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto [low, high] =
        std::minmax_element(points.begin(), points.end(), [k](const auto& a, const auto& b) { return a[k] < b[k]; });
    widest = std::max(widest, (*high)[k] - (*low)[k]);
  }
  return widest;
}

const Point& at(const std::vector<Point>& points, std::int32_t i) {
  return points[static_cast<std::size_t>(i)];
}

// Every edge belongs to two faces that run through it in opposite directions, and Euler's formula holds.
void expect_closed(const Hull& hull) {
  std::map<std::pair<int, int>, int> directed;
  for (const auto& [a, b, c] : hull.faces)
    for (const auto& edge : {std::pair(a, b), std::pair(b, c), std::pair(c, a)}) ++directed[edge];
  for (const auto& [edge, count] : directed) {
    EXPECT_EQ(count, 1);
    EXPECT_TRUE(directed.contains({edge.second, edge.first}));
  }
  EXPECT_EQ(hull.corners.size() + hull.faces.size(), directed.size() / 2 + 2);
}

void expect_inside(const std::vector<Point>& points, const Hull& hull) {
  const long double step = 3.0L * extent(points) / (1 << 20);
  for (const auto& [a, b, c] : hull.faces)
    for (const Point& p : points)
      ASSERT_LT(above(at(points, a), at(points, b), at(points, c), p), step) << a << " " << b << " " << c;
}

std::vector<Point> random_points(int count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<Point> points;
  for (int i = 0; i < count; ++i) points.push_back({normal(random), 3 * normal(random), 0.2f * normal(random) + 7});
  return points;
}

std::set<std::set<int>> face_sets(const Hull& hull) {
  std::set<std::set<int>> sets;
  for (const auto& [a, b, c] : hull.faces) sets.insert({a, b, c});
  return sets;
}

TEST(Hull, OfAFewPointsIsWhatTryingAllTrianglesGives) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const std::vector<Point> points = random_points(4 + static_cast<int>(seed % 9), seed);
    const int n = static_cast<int>(points.size());
    std::set<std::set<int>> expected;
    for (int a = 0; a < n; ++a)
      for (int b = a + 1; b < n; ++b)
        for (int c = b + 1; c < n; ++c) {
          int over = 0, under = 0;
          for (int d = 0; d < n; ++d) {
            if (d == a || d == b || d == c) continue;
            ++(above(at(points, a), at(points, b), at(points, c), at(points, d)) > 0 ? over : under);
          }
          if (over == 0 || under == 0) expected.insert({a, b, c});
        }
    const Hull hull = convex_hull(points);
    EXPECT_EQ(hull.dimension, 3);
    EXPECT_EQ(face_sets(hull), expected) << seed;
    expect_closed(hull);
  }
}

TEST(Hull, HoldsEveryPointAndIsClosed) {
  for (const int count : {20, 128, 3000}) {
    const std::vector<Point> points = random_points(count, static_cast<unsigned>(count));
    const Hull hull = convex_hull(points);
    expect_closed(hull);
    expect_inside(points, hull);
  }
}

TEST(Hull, PointsOnASphereAreAllCorners) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<Point> points;
  for (int i = 0; i < 500; ++i) {
    const Point p{normal(random), normal(random), normal(random)};
    const float length = std::hypot(p[0], p[1], p[2]);
    points.push_back({p[0] / length, p[1] / length, p[2] / length});
  }
  const Hull hull = convex_hull(points);
  EXPECT_EQ(hull.corners.size(), 500u);
  EXPECT_EQ(hull.faces.size(), 996u);
  expect_closed(hull);
}

// Everything lies in common planes here: grids are what real clouds are full of.
TEST(Hull, AGridIsABoxOfTwelveEdges) {
  std::vector<Point> points;
  for (int x = 0; x < 6; ++x)
    for (int y = 0; y < 6; ++y)
      for (int z = 0; z < 6; ++z)
        points.push_back({static_cast<float>(x), static_cast<float>(y), static_cast<float>(z) * 0.5f});
  std::shuffle(points.begin(), points.end(), std::mt19937(1));
  const Hull hull = convex_hull(points);
  EXPECT_EQ(hull.dimension, 3);
  expect_closed(hull);
  expect_inside(points, hull);
  double length = 0;
  for (const auto& [a, b] : hull.edges) {
    const Wide d = minus(at(points, a), at(points, b));
    length += static_cast<double>(std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]));
  }
  EXPECT_NEAR(length, 4 * (5 + 5 + 2.5), 1e-5);  // no line across a side
}

TEST(Hull, FlatPointsGiveAPolygonOnAnyPlane) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> share(0.05f, 0.95f);
  const std::array<std::array<Point, 3>, 4> planes{{{{{0, 0, 2}, {1, 0, 0}, {0, 1, 0}}},
                                                    {{{1, 5, 0}, {0, 0, 4}, {2, 0, 0}}},
                                                    {{{3, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
                                                    {{{0, 0, 0}, {1, 1, 0}, {0, 0, 1}}}}};
  for (const auto& [origin, u, v] : planes) {
    std::vector<Point> points;
    const auto add = [&, &o = origin, &s = u, &t = v](float a, float b) {
      points.push_back({o[0] + a * s[0] + b * t[0], o[1] + a * s[1] + b * t[1], o[2] + a * s[2] + b * t[2]});
    };
    for (const auto& [a, b] : {std::pair(0.f, 0.f), {1.f, 0.f}, {1.f, 1.f}, {0.f, 1.f}}) add(a, b);
    for (int i = 0; i < 50; ++i) add(share(random), share(random));
    const Hull hull = convex_hull(points);
    EXPECT_EQ(hull.dimension, 2);
    EXPECT_EQ(hull.corners, (std::vector<std::int32_t>{0, 1, 2, 3}));
    EXPECT_EQ(hull.edges.size(), 4u);
    EXPECT_EQ(hull.faces.size(), 2u);
  }
}

TEST(Hull, PointsOnALineOrInOnePlaceAreSaidToBe) {
  std::vector<Point> line;
  for (const float t : {0.5f, 0.25f, 1.0f, 0.0f, 0.5f}) line.push_back({t, 2 * t, -t});
  const Hull segment = convex_hull(line);
  EXPECT_EQ(segment.dimension, 1);
  EXPECT_EQ(segment.corners, (std::vector<std::int32_t>{2, 3}));
  EXPECT_EQ(segment.edges.size(), 1u);
  const Hull place = convex_hull(std::vector<Point>(7, Point{1, 2, 3}));
  EXPECT_EQ(place.dimension, 0);
  EXPECT_EQ(place.corners.size(), 1u);
  EXPECT_EQ(convex_hull(std::vector<Point>{{1, 2, 3}}).dimension, 0);
}

TEST(Hull, RepeatedAndFarAwayPointsDoNoHarm) {
  std::vector<Point> points;
  for (const Point& p : random_points(60, 9))
    for (int copy = 0; copy < 3; ++copy) points.push_back({p[0] * 1e-3f + 1000, p[1] * 1e-3f, p[2] * 1e30f});
  const Hull hull = convex_hull(points);
  if (hull.dimension == 3) expect_closed(hull);
  EXPECT_FALSE(hull.corners.empty());
}

}  // namespace
}  // namespace erwin::ui
