#include "core/dataset/internal/tf_example.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/numbers.h"

namespace erwin {

namespace {

constexpr const char* advice = "Write the file again with the program that made it";

[[noreturn]] void broken(const std::string& what) {
  throw Error(ErrorKind::Format, "the record is no tf.train.Example", what, advice);
}

// One field of a message: its number and what it holds.
struct WireField {
  std::uint64_t number = 0;
  int type = 0;              // 0 varint, 1 eight bytes, 2 bytes with their length, 5 four bytes
  std::uint64_t varint = 0;  // type 0
  std::string_view bytes;    // types 1, 2, 5
};

// The fields of a message one after another (protobuf.dev, "Encoding").
class WireReader {
public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  bool next(WireField& field) {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    field = {tag >> 3, static_cast<int>(tag & 7), 0, {}};
    switch (field.type) {
      case 0:
        field.varint = varint();
        return true;
      case 1:
        field.bytes = take(8);
        return true;
      case 2:
        field.bytes = take(varint());
        return true;
      case 5:
        field.bytes = take(4);
        return true;
      default:
        broken("a field of the unknown wire type " + std::to_string(field.type));
    }
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    broken("a number of more than ten bytes");
  }

  bool empty() const { return rest_.empty(); }

private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) broken("a field of " + std::to_string(count) + " bytes is cut off");
    const std::string_view bytes = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::string_view rest_;
};

// Field `number` of a message where it is a message or bytes; the last one counts, as in all readers of the format.
std::optional<std::string_view> bytes_of(std::string_view message, std::uint64_t number) {
  std::optional<std::string_view> found;
  WireReader reader(message);
  for (WireField field; reader.next(field);)
    if (field.number == number && field.type == 2) found = field.bytes;
  return found;
}

// DataType of tensorflow/core/framework/types.proto.
constexpr std::uint64_t dt_float = 1, dt_double = 2;

// What a TensorProto says, still undecoded.
struct RawTensor {
  std::uint64_t type = 0;
  std::vector<std::int64_t> shape;
  std::string_view content;     // the numbers as they lie in memory
  std::vector<double> written;  // or one by one; the last stands for all that are missing
};

std::vector<std::int64_t> shape_of(std::string_view message) {
  std::vector<std::int64_t> shape;
  WireReader dimensions(message);
  for (WireField dimension; dimensions.next(dimension);) {
    if (dimension.number != 2 || dimension.type != 2) continue;
    std::int64_t size = 0;  // as protocol buffers leave a zero out
    WireReader sizes(dimension.bytes);
    for (WireField field; sizes.next(field);)
      if (field.number == 1 && field.type == 0) size = static_cast<std::int64_t>(field.varint);
    shape.push_back(size);
  }
  return shape;
}

// Packed, or each number in a field of its own.
template <typename T>
void add_numbers(std::string_view bytes, std::vector<double>& values) {
  if (bytes.size() % sizeof(T) != 0) broken("a list of numbers is cut off");
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T))
    values.push_back(static_cast<double>(io::load_little<T>(bytes.data() + at)));
}

RawTensor raw_tensor(std::string_view message) {
  RawTensor tensor;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number == 1 && field.type == 0) tensor.type = field.varint;
    if (field.number == 2 && field.type == 2) tensor.shape = shape_of(field.bytes);
    if (field.number == 4 && field.type == 2) tensor.content = field.bytes;
    if (field.number == 5 && field.type != 0) add_numbers<float>(field.bytes, tensor.written);
    if (field.number == 6 && field.type != 0) add_numbers<double>(field.bytes, tensor.written);
  }
  return tensor;
}

std::uint64_t count_of(const std::vector<std::int64_t>& shape) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape)
    count = size < 0 ? std::numeric_limits<std::uint64_t>::max()
                     : io::saturating_product(count, static_cast<std::uint64_t>(size));
  return count;
}

TfTensor decoded(const RawTensor& raw) {
  if (raw.type != dt_float && raw.type != dt_double)
    throw Error(ErrorKind::Format, "the tensor does not hold floating point numbers",
                "its type is " + std::to_string(raw.type), "float32 (1) and float64 (2) can be read");
  const std::uint64_t count = count_of(raw.shape);
  const std::size_t width = raw.type == dt_float ? sizeof(float) : sizeof(double);
  TfTensor tensor{raw.shape, {}};
  if (!raw.content.empty() || raw.written.empty()) {
    if (io::saturating_product(count, width) != raw.content.size())
      throw Error(ErrorKind::Format, "the tensor holds another number of numbers than its shape says",
                  std::to_string(raw.content.size() / width) + " and " + std::to_string(count), advice);
    if (raw.type == dt_float)
      add_numbers<float>(raw.content, tensor.values);
    else
      add_numbers<double>(raw.content, tensor.values);
    return tensor;
  }
  if (raw.written.size() > count)
    throw Error(ErrorKind::Format, "the tensor holds another number of numbers than its shape says",
                std::to_string(raw.written.size()) + " and " + std::to_string(count), advice);
  require_memory(io::saturating_product(count, sizeof(double)), "a tensor of the record");
  tensor.values = raw.written;
  tensor.values.resize(static_cast<std::size_t>(count), raw.written.back());
  return tensor;
}

}  // namespace

// Example { Features features = 1; }, Features { map<string, Feature> feature = 1; } (an entry: key = 1, value = 2).
TfExample::TfExample(std::string_view payload) {
  const auto features = bytes_of(payload, 1);
  if (!features) broken("it has no features");
  WireReader entries(*features);
  for (WireField entry; entries.next(entry);) {
    if (entry.number != 1 || entry.type != 2) continue;
    features_[bytes_of(entry.bytes, 1).value_or("")] = bytes_of(entry.bytes, 2).value_or("");
  }
}

// Feature { BytesList bytes_list = 1; ... }, BytesList { repeated bytes value = 1; }.
TfTensor TfExample::tensor(std::string_view name) const {
  const auto found = features_.find(name);
  if (found == features_.end()) {
    std::string there;
    for (const auto& [known, bytes] : features_) there += (there.empty() ? "" : ", ") + std::string(known);
    throw Error(ErrorKind::Format, "the record lacks the feature '" + std::string(name) + "'", "it has " + there);
  }
  try {
    const auto list = bytes_of(found->second, 1);
    const auto value = list ? bytes_of(*list, 1) : std::nullopt;
    if (!value) throw Error(ErrorKind::Format, "the feature holds no tensor", {}, advice);
    return decoded(raw_tensor(*value));
  } catch (const Error& error) {
    throw error.at("feature " + std::string(name));
  }
}

}  // namespace erwin
