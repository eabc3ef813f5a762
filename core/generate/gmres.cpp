#include "core/generate/gmres.h"

#include <cmath>
#include <string>
#include <utility>

#include "core/base/error.h"

namespace erwin::generate {

namespace {

using Vector = std::vector<double>;

double product(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Makes `next` orthogonal to the basis and of length 1; the coefficients are a column of the Hessenberg matrix.
Vector orthogonalise(Vector& next, const std::vector<Vector>& basis) {
  Vector column;
  for (const Vector& one : basis) {
    column.push_back(product(next, one));
    for (std::size_t i = 0; i < next.size(); ++i) next[i] -= column.back() * one[i];
  }
  column.push_back(std::sqrt(product(next, next)));
  if (column.back() > 0)
    for (double& value : next) value /= column.back();
  return column;
}

void rotate(const std::pair<double, double>& rotation, double& upper, double& lower) {
  const auto [c, s] = rotation;
  const double above = c * upper + s * lower;
  lower = c * lower - s * upper;
  upper = above;
}

}  // namespace

std::vector<double> gmres(const LinearMap& a, std::span<const double> b, double tolerance, int max_iterations,
                          int& iterations) {
  Vector start(b.begin(), b.end());
  const double size = std::sqrt(product(start, start));
  iterations = 0;
  if (size == 0) return start;
  for (double& value : start) value /= size;
  std::vector<Vector> basis{std::move(start)}, triangle;  // triangle: columns of R
  std::vector<std::pair<double, double>> rotations;
  Vector residual{size};  // of the least-squares problem; its last entry is the current error
  while (std::abs(residual.back()) > tolerance * size) {
    if (iterations == max_iterations)
      throw Error(ErrorKind::Internal, "the linear solver did not converge",
                  "after " + std::to_string(iterations) + " steps: " + std::to_string(residual.back() / size));
    ++iterations;
    Vector next(b.size());
    a(basis.back(), next);
    Vector column = orthogonalise(next, basis);
    for (std::size_t k = 0; k < rotations.size(); ++k) rotate(rotations[k], column[k], column[k + 1]);
    double &upper = column[column.size() - 2], &lower = column.back();
    const double length = std::hypot(upper, lower);
    if (!(length > 0)) throw Error(ErrorKind::Internal, "the linear system is singular");
    rotations.emplace_back(upper / length, lower / length);
    rotate(rotations.back(), upper, lower);
    column.pop_back();
    triangle.push_back(std::move(column));
    residual.push_back(0);
    rotate(rotations.back(), residual[residual.size() - 2], residual.back());
    basis.push_back(std::move(next));
  }
  Vector x(b.size());
  Vector weights(triangle.size());
  for (std::size_t k = triangle.size(); k-- > 0;) {
    double sum = residual[k];
    for (std::size_t later = k + 1; later < triangle.size(); ++later) sum -= triangle[later][k] * weights[later];
    weights[k] = sum / triangle[k][k];
  }
  for (std::size_t k = 0; k < weights.size(); ++k)
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += weights[k] * basis[k][i];
  return x;
}

}  // namespace erwin::generate
