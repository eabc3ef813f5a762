#pragma once
// Records of tf.train.Example: a map from names to features, each one bytes value that holds a serialised TensorProto.
// Only the wire format of protocol buffers and the few fields that matter are known here; everything else is passed
// over. Nothing is trusted: lengths are held against the bytes that are there, shapes against the numbers.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace erwin {

struct TfTensor {
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::vector<double> values;       // row-major
};

// Looks into `payload`, which must outlive it. The map alone is read at first; a feature is decoded when asked for.
class TfExample {
public:
  // Raises Error{Format} where the bytes are no Example.
  explicit TfExample(std::string_view payload);

  bool has(std::string_view name) const { return features_.contains(name); }
  // Raises Error{Format}: no such feature (naming those that are there), no tensor of float32 or float64 in it, a shape
  // that its numbers do not fit.
  TfTensor tensor(std::string_view name) const;

private:
  std::map<std::string_view, std::string_view> features_;
};

}  // namespace erwin
