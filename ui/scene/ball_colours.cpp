#include "ui/scene/ball_colours.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace erwin::ui {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

bool is_empty(const BallBox& box) {
  return box.low[0] > box.high[0];
}

double diagonal(const BallBox& box) {
  double squares = 0;
  for (std::size_t k = 0; k < 3; ++k) squares += (box.high[k] - box.low[k]) * (box.high[k] - box.low[k]);
  return std::sqrt(squares);
}

// Distance between two boxes, 0 where they touch or overlap.
double gap(const BallBox& a, const BallBox& b) {
  double squares = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double d = std::max({0.0, a.low[k] - b.high[k], b.low[k] - a.high[k]});
    squares += d * d;
  }
  return std::sqrt(squares);
}

// Balls that share a side are nearer than those that share a corner, and boxes of rotated trees overlap: where the gap
// does not tell, the middles do.
constexpr double weight_of_middles = 0.1;

double separation(const BallBox& a, const BallBox& b) {
  double squares = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double d = 0.5 * (a.low[k] + a.high[k] - b.low[k] - b.high[k]);
    squares += d * d;
  }
  return gap(a, b) + weight_of_middles * std::sqrt(squares);
}

// Of anything inside a box; middles are no nearer than boxes.
double least_separation(const BallBox& box, const BallBox& ball) {
  return (1 + weight_of_middles) * gap(box, ball);
}

// Boxes around runs of balls, halved down to single ones: balls come in the order of their tree, so runs are compact.
class Neighbours {
public:
  Neighbours(std::span<const BallBox> balls, int colours) : balls_(balls), colours_(colours) {
    if (!balls.empty()) build(1, 0, balls.size());
  }

  // For every colour the separation of the nearest of the first `count` balls that bears it.
  const std::vector<double>& nearest(std::size_t ball, const std::vector<int>& worn, std::size_t count) {
    nearest_.assign(static_cast<std::size_t>(colours_), infinity);
    farthest_ = infinity;
    visit(1, 0, balls_.size(), ball, worn, count);
    return nearest_;
  }

private:
  void build(std::size_t node, std::size_t begin, std::size_t end) {
    if (boxes_.size() <= node) boxes_.resize(2 * node + 2);
    if (end - begin == 1) {
      boxes_[node] = balls_[begin];
      return;
    }
    const std::size_t middle = begin + (end - begin) / 2;
    build(2 * node, begin, middle);
    build(2 * node + 1, middle, end);
    for (std::size_t k = 0; k < 3; ++k)
      boxes_[node].low[k] = std::min(boxes_[2 * node].low[k], boxes_[2 * node + 1].low[k]),
      boxes_[node].high[k] = std::max(boxes_[2 * node].high[k], boxes_[2 * node + 1].high[k]);
  }

  void visit(std::size_t node, std::size_t begin, std::size_t end, std::size_t ball, const std::vector<int>& worn,
             std::size_t count) {
    if (begin >= count || is_empty(boxes_[node]) || least_separation(boxes_[node], balls_[ball]) > farthest_) return;
    if (end - begin == 1) {
      if (begin != ball) meet(begin, ball, worn);
      return;
    }
    const std::size_t middle = begin + (end - begin) / 2;
    // The half that holds the ball first: what is near cuts off what is far.
    const bool right_first = ball >= middle;
    for (const bool right : {right_first, !right_first})
      right ? visit(2 * node + 1, middle, end, ball, worn, count) : visit(2 * node, begin, middle, ball, worn, count);
  }

  void meet(std::size_t other, std::size_t ball, const std::vector<int>& worn) {
    double& best = nearest_[static_cast<std::size_t>(worn[other])];
    const double apart = separation(balls_[ball], balls_[other]);
    if (apart >= best) return;
    best = apart;
    farthest_ = *std::max_element(nearest_.begin(), nearest_.end());
  }

  std::span<const BallBox> balls_;
  int colours_;
  std::vector<BallBox> boxes_;
  std::vector<double> nearest_;
  double farthest_ = infinity;
};

}  // namespace

std::vector<int> tell_apart(std::span<const BallBox> balls, int colours) {
  std::vector<int> worn(balls.size());
  Neighbours neighbours(balls, colours);
  int turn = 0;
  std::vector<char> content(balls.size());  // no ball of its colour near
  double usual = 0;
  for (const BallBox& ball : balls)
    if (!is_empty(ball)) usual += diagonal(ball) / static_cast<double>(balls.size());
  for (int pass = 0; pass < 3; ++pass)
    for (std::size_t ball = 0; ball < balls.size(); ++ball) {
      if (is_empty(balls[ball]) || content[ball]) continue;
      const std::vector<double>& nearest = neighbours.nearest(ball, worn, pass == 0 ? ball : balls.size());
      // Equally good ones in turn, so that all are used; later passes keep what is as good as any.
      int chosen = pass == 0 ? turn : worn[ball];
      for (int k = 0; k < colours; ++k)
        if (const int candidate = (turn + k) % colours;
            nearest[static_cast<std::size_t>(candidate)] > nearest[static_cast<std::size_t>(chosen)])
          chosen = candidate;
      worn[ball] = chosen;
      content[ball] = nearest[static_cast<std::size_t>(chosen)] > 2 * std::max(usual, diagonal(balls[ball]));
      turn = (chosen + 1) % colours;
    }
  return worn;
}

}  // namespace erwin::ui
