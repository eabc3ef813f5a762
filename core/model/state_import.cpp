#include "core/model/state_import.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/zip.h"
#include "core/model/internal/pickle.h"

namespace erwin {

namespace {

using model::Pickle;
using model::PickleKind;
using model::PickleValue;

[[noreturn]] void damaged(const std::string& detail) {
  throw Error(ErrorKind::Format, "the state is damaged", detail,
              "Save it again with torch.save(model.state_dict(), path)");
}

float from_half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  std::uint32_t exponent = (bits >> 10) & 31, fraction = bits & 0x3ff;
  if (exponent == 0) {
    // Subnormal: fraction * 2^-24, exact in float32.
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  exponent = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | exponent << 23 | fraction << 13);
}

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// How the elements of a storage lie in the file and what they become.
struct StorageType {
  std::size_t bytes;
  ElementType element;
};

std::optional<StorageType> storage_type(const std::string& global) {
  static const std::map<std::string, StorageType> types{
      {"torch FloatStorage", {4, ElementType::Float32}}, {"torch DoubleStorage", {8, ElementType::Float64}},
      {"torch HalfStorage", {2, ElementType::Float32}},  {"torch BFloat16Storage", {2, ElementType::Float32}},
      {"torch LongStorage", {8, ElementType::Int64}},    {"torch IntStorage", {4, ElementType::Int64}},
      {"torch ShortStorage", {2, ElementType::Int64}},   {"torch CharStorage", {1, ElementType::Int64}},
      {"torch ByteStorage", {1, ElementType::Int64}},    {"torch BoolStorage", {1, ElementType::Int64}}};
  const auto found = types.find(global);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

template <typename T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// One element as the bytes of the type it becomes.
using Convert = void (*)(const char* from, std::byte* to);
template <typename To, typename Make>
void store(std::byte* to, Make make) {
  const To value = make();
  std::memcpy(to, &value, sizeof(To));
}
template <typename From, typename To>
void plain(const char* from, std::byte* to) {
  store<To>(to, [&] { return static_cast<To>(load<From>(from)); });
}
Convert converter(const std::string& global) {
  if (global == "torch FloatStorage") return plain<float, float>;
  if (global == "torch DoubleStorage") return plain<double, double>;
  if (global == "torch HalfStorage")
    return
        [](const char* from, std::byte* to) { store<float>(to, [&] { return from_half(load<std::uint16_t>(from)); }); };
  if (global == "torch BFloat16Storage")
    return [](const char* from, std::byte* to) {
      store<float>(to, [&] { return from_bfloat16(load<std::uint16_t>(from)); });
    };
  if (global == "torch LongStorage") return plain<std::int64_t, std::int64_t>;
  if (global == "torch IntStorage") return plain<std::int32_t, std::int64_t>;
  if (global == "torch ShortStorage") return plain<std::int16_t, std::int64_t>;
  if (global == "torch CharStorage") return plain<std::int8_t, std::int64_t>;
  return plain<std::uint8_t, std::int64_t>;
}

std::size_t size_of(ElementType type) {
  return type == ElementType::Float32 ? 4 : 8;
}

class TorchFile {
public:
  TorchFile(const std::filesystem::path& path, const Job& job) : file_(path), job_(job) {
    try {
      members_ = io::zip_members(file_);
    } catch (const Error& error) {
      throw Error(error.kind(), "the file is not one that torch.save wrote", error.message() + ": " + error.detail(),
                  "Files of PyTorch before 1.6 must be loaded and saved again");
    }
    for (const io::ZipMember& member : members_)
      if (member.name == "data.pkl" || member.name.ends_with("/data.pkl"))
        prefix_ = member.name.substr(0, member.name.size() - std::strlen("data.pkl"));
    if (!find("data.pkl"))
      throw Error(ErrorKind::Format, "the zip archive is not one that torch.save wrote", "it has no data.pkl",
                  "Give a file made by torch.save(model.state_dict(), path)");
    if (const io::ZipMember* order = find("byteorder");
        order && order->bytes < 64 && io::unzip(file_, *order) != "little")
      throw Error(ErrorKind::Format, "the state was saved on a big-endian machine", {},
                  "Save it on a little-endian one");
  }

  Weights read() {
    pickle_ = model::read_pickle(io::unzip(file_, *find("data.pkl"), job_));
    const PickleValue& dict = state_dict();
    Weights weights;
    std::set<std::string> names;
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const PickleValue& key = pickle_.at(dict.items[i]);
      const PickleValue& value = pickle_.at(dict.items[i + 1]);
      if (value.kind != PickleKind::Tensor) continue;
      if (key.kind != PickleKind::Text) damaged("a tensor without a name");
      if (!names.insert(key.text).second) damaged("two tensors are named " + key.text);
      weights.push_back(tensor(key.text, value));
    }
    return weights;
  }

private:
  const io::ZipMember* find(const std::string& name) const {
    for (const io::ZipMember& member : members_)
      if (member.name == prefix_ + name) return &member;
    return nullptr;
  }

  bool holds_tensors(const PickleValue& value) const {
    if (value.kind != PickleKind::Dict) return false;
    for (std::size_t i = 1; i < value.items.size(); i += 2)
      if (pickle_.at(value.items[i]).kind == PickleKind::Tensor) return true;
    return false;
  }

  // The dictionary of tensors: the root, or the one inside a training checkpoint.
  const PickleValue& state_dict() const {
    const PickleValue& root = pickle_.at(pickle_.root);
    if (holds_tensors(root)) return root;
    if (root.kind != PickleKind::Dict) damaged("it holds no dictionary of tensors");
    std::string keys;
    const PickleValue* only = nullptr;
    int candidates = 0;
    for (std::size_t i = 0; i < root.items.size(); i += 2) {
      const PickleValue& key = pickle_.at(root.items[i]);
      const PickleValue& value = pickle_.at(root.items[i + 1]);
      if (key.kind == PickleKind::Text && i < 40) keys += (keys.empty() ? "" : ", ") + key.text.substr(0, 60);
      if (!holds_tensors(value)) continue;
      if (key.text == "model_state_dict" || key.text == "state_dict" || key.text == "model") return value;
      only = &value;
      ++candidates;
    }
    if (candidates == 1) return *only;
    throw Error(ErrorKind::Format, "the file does not say which of its parts is the model's state", "its keys: " + keys,
                "Save the state alone: torch.save(model.state_dict(), path)");
  }

  const std::string& storage_bytes(const PickleValue& storage, std::size_t element_bytes) {
    auto found = storages_.find(storage.text);
    if (found == storages_.end()) {
      const io::ZipMember* member = find("data/" + storage.text);
      if (!member) damaged("the storage data/" + storage.text.substr(0, 60) + " is missing");
      found = storages_.emplace(storage.text, io::unzip(file_, *member, job_)).first;
    }
    if (found->second.size() / element_bytes < static_cast<std::uint64_t>(storage.integer))
      damaged("the storage data/" + storage.text + " has " + std::to_string(found->second.size()) + " bytes for " +
              std::to_string(storage.integer) + " elements");
    return found->second;
  }

  // Elements of a tensor; refuses what its storage does not hold.
  std::int64_t checked_count(const std::string& name, const PickleValue& tensor, std::int64_t stored) const {
    std::int64_t count = 1, last = tensor.integer;
    bool fits = tensor.integer >= 0;
    for (std::size_t axis = 0; fits && axis < tensor.shape.size(); ++axis) {
      std::int64_t reach = 0;
      fits = tensor.shape[axis] >= 0 && tensor.stride[axis] >= 0 &&
             !__builtin_mul_overflow(count, tensor.shape[axis], &count) &&
             !__builtin_mul_overflow(std::max<std::int64_t>(0, tensor.shape[axis] - 1), tensor.stride[axis], &reach) &&
             !__builtin_add_overflow(last, reach, &last) && count < std::int64_t{1} << 56;
    }
    if (!fits || (count > 0 && last >= stored))
      damaged("the shape of " + name + " does not fit its storage of " + std::to_string(stored) + " elements");
    return count;
  }

  WeightArray tensor(const std::string& name, const PickleValue& tensor) {
    job_.check();
    const PickleValue& storage = pickle_.at(tensor.items[0]);
    const std::string& global = pickle_.at(storage.items[0]).text;
    const auto type = storage_type(global);
    if (!type) damaged("the type of " + name);
    const std::string& bytes = storage_bytes(storage, type->bytes);
    const auto count = static_cast<std::uint64_t>(checked_count(name, tensor, storage.integer));
    const std::size_t out = size_of(type->element);
    // A stride of 0 repeats elements: a small file may describe large tensors.
    require_memory(count * out, "the tensor " + name);
    WeightArray weight{name, type->element, tensor.shape, std::vector<std::byte>(count * out)};
    const Convert convert = converter(global);
    std::vector<std::int64_t> index(tensor.shape.size());
    std::int64_t at = tensor.integer;
    for (std::uint64_t i = 0; i < count; ++i) {
      convert(bytes.data() + static_cast<std::size_t>(at) * type->bytes, weight.data.data() + i * out);
      for (std::size_t axis = index.size(); axis-- > 0;) {
        at += tensor.stride[axis];
        if (++index[axis] < tensor.shape[axis]) break;
        at -= tensor.stride[axis] * tensor.shape[axis];
        index[axis] = 0;
      }
      if (i % (1 << 20) == 0) job_.check();
    }
    return weight;
  }

  io::InputFile file_;
  const Job& job_;
  std::vector<io::ZipMember> members_;
  std::string prefix_;
  Pickle pickle_;
  std::map<std::string, std::string> storages_;
};

// --- matching ---

// Without the names that torch.compile and DataParallel put around a module.
std::string without_wrappers(std::string name) {
  const std::string compiled = "_orig_mod.", parallel = "module.";
  for (std::size_t at = 0; (at = name.find(compiled, at)) != std::string::npos;)
    if (at == 0 || name[at - 1] == '.')
      name.erase(at, compiled.size());
    else
      ++at;
  while (name.starts_with(parallel)) name.erase(0, parallel.size());
  return name;
}

// What stands before every wanted name in the state: the prefix under which most of them are found, "" before others.
std::string common_prefix(const std::map<std::string, const WeightArray*>& state, const Weights& wanted) {
  std::set<std::string> candidates{""};
  for (const auto& [name, weight] : state)
    for (const WeightArray& target : wanted)
      if (name.size() > target.name.size() && name.ends_with("." + target.name))
        candidates.insert(name.substr(0, name.size() - target.name.size()));
  std::string best;
  std::size_t most = 0;
  for (const std::string& prefix : candidates) {
    std::size_t found = 0;
    for (const WeightArray& target : wanted) found += state.contains(prefix + target.name);
    if (found > most) most = found, best = prefix;
  }
  return best;
}

double element(const WeightArray& weight, std::size_t index) {
  const auto* data = reinterpret_cast<const char*>(weight.data.data());
  switch (weight.type) {
    case ElementType::Float32:
      return static_cast<double>(load<float>(data + 4 * index));
    case ElementType::Float64:
      return load<double>(data + 8 * index);
    case ElementType::Int64:
      return static_cast<double>(load<std::int64_t>(data + 8 * index));
  }
  return 0;
}

WeightArray converted(const WeightArray& from, const WeightArray& wanted) {
  WeightArray result{wanted.name, wanted.type, wanted.shape, from.data};
  if (from.type == wanted.type) return result;
  const std::size_t count = from.data.size() / size_of(from.type);
  result.data.assign(count * size_of(wanted.type), std::byte{});
  for (std::size_t i = 0; i < count; ++i) {
    const double value = element(from, i);
    std::byte* to = result.data.data() + i * size_of(wanted.type);
    if (wanted.type == ElementType::Float32)
      store<float>(to, [&] { return static_cast<float>(value); });
    else if (wanted.type == ElementType::Float64)
      store<double>(to, [&] { return value; });
    else
      store<std::int64_t>(to, [&] { return static_cast<std::int64_t>(value); });
  }
  return result;
}

std::string listed(const std::string& title, const std::vector<std::string>& names) {
  if (names.empty()) return "";
  std::string text = title + " (" + std::to_string(names.size()) + "): ";
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 12); ++i)
    text += (i ? ", " : "") + names[i].substr(0, 120);
  return text + (names.size() > 12 ? ", ...; " : "; ");
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

Weights read_torch_state(const std::filesystem::path& path, const Job& job) {
  try {
    return TorchFile(path, job).read();
  } catch (const Error& error) {
    throw error.at(path.string());
  }
}

Weights match_state(const Weights& state, const Weights& wanted) {
  std::map<std::string, const WeightArray*> by_name;
  std::vector<std::string> missing, surplus, reshaped;
  for (const WeightArray& weight : state)
    if (!by_name.emplace(without_wrappers(weight.name), &weight).second) surplus.push_back(weight.name);
  const std::string prefix = common_prefix(by_name, wanted);
  Weights result;
  for (const WeightArray& target : wanted) {
    const auto found = by_name.find(prefix + target.name);
    if (found == by_name.end()) {
      if (target.name.ends_with(".num_batches_tracked"))
        result.push_back({target.name, target.type, target.shape, std::vector<std::byte>(target.data.size())});
      else
        missing.push_back(target.name);
      continue;
    }
    const WeightArray& weight = *found->second;
    if (weight.shape != target.shape)
      reshaped.push_back(target.name + " is " + shape_text(weight.shape) + ", not " + shape_text(target.shape));
    else
      result.push_back(converted(weight, target));
    by_name.erase(found);
  }
  for (const auto& [name, weight] : by_name) surplus.push_back(weight->name);
  const std::string trouble =
      listed("missing", missing) + listed("not part of the network", surplus) + listed("of another shape", reshaped);
  if (!trouble.empty())
    throw Error(ErrorKind::Model, "the state does not fit the network of the configuration",
                trouble.substr(0, trouble.size() - 2), "Set the options under [model] as the state was trained with");
  return result;
}

}  // namespace erwin
