#pragma once
// Linear systems known only through their product with a vector.

#include <functional>
#include <span>
#include <vector>

namespace erwin::generate {

using LinearMap = std::function<void(std::span<const double> x, std::span<double> result)>;

// x with |A x - b| <= tolerance |b|, by GMRES without restarts (Saad and Schultz, 1986). Meant for well-conditioned
// systems such as second-kind integral equations, which take some ten steps: every step keeps a vector.
// Raises Error{Internal} where max_iterations do not reach the tolerance.
std::vector<double> gmres(const LinearMap& a, std::span<const double> b, double tolerance, int max_iterations,
                          int& iterations);

}  // namespace erwin::generate
