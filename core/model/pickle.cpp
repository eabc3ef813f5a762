#include "core/model/internal/pickle.h"

#include <bit>
#include <set>
#include <utility>

#include "core/base/error.h"

namespace erwin::model {

namespace {

constexpr std::size_t kMostValues = 2'000'000;

[[noreturn]] void damaged(const std::string& detail) {
  throw Error(ErrorKind::Format, "the state's description is damaged or not one of a state_dict", detail,
              "Save it again with torch.save(model.state_dict(), path)");
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::Format, "the file asks to run code, which is never done", "it names " + what.substr(0, 200),
              "Save tensors only: torch.save(model.state_dict(), path)");
}

// Everything a state_dict may name; storages by element type.
const std::set<std::string, std::less<>>& known_globals() {
  static const std::set<std::string, std::less<>> names{"collections OrderedDict",
                                                        "torch._utils _rebuild_tensor_v2",
                                                        "torch._utils _rebuild_parameter",
                                                        "torch FloatStorage",
                                                        "torch DoubleStorage",
                                                        "torch HalfStorage",
                                                        "torch BFloat16Storage",
                                                        "torch LongStorage",
                                                        "torch IntStorage",
                                                        "torch ShortStorage",
                                                        "torch CharStorage",
                                                        "torch ByteStorage",
                                                        "torch BoolStorage"};
  return names;
}

class Reader {
public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  Pickle read() {
    while (!done_) step(static_cast<unsigned char>(take(1)[0]));
    return std::move(pickle_);
  }

private:
  static constexpr std::size_t kMark = static_cast<std::size_t>(-1);

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) damaged("cut off at byte " + std::to_string(at_));
    const std::string_view part = bytes_.substr(at_, count);
    at_ += count;
    return part;
  }
  std::uint64_t number(int width) {
    const std::string_view raw = take(static_cast<std::uint64_t>(width));
    std::uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(raw[static_cast<std::size_t>(i)]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) damaged("cut off in a name");
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

  std::size_t make(PickleValue value) {
    if (pickle_.values.size() >= kMostValues) damaged("more values than any state has");
    pickle_.values.push_back(std::move(value));
    return pickle_.values.size() - 1;
  }
  void push(PickleValue value) { stack_.push_back(make(std::move(value))); }
  void push_integer(std::int64_t value) { push({.kind = PickleKind::Integer, .integer = value}); }
  std::size_t pop() {
    if (stack_.empty() || stack_.back() == kMark) damaged("a value is missing at byte " + std::to_string(at_));
    const std::size_t top = stack_.back();
    stack_.pop_back();
    return top;
  }
  std::size_t top() {
    const std::size_t index = pop();
    stack_.push_back(index);
    return index;
  }
  std::vector<std::size_t> pop_to_mark() {
    std::size_t begin = stack_.size();
    while (begin > 0 && stack_[begin - 1] != kMark) --begin;
    if (begin == 0) damaged("a mark is missing at byte " + std::to_string(at_));
    std::vector<std::size_t> items(stack_.begin() + static_cast<std::ptrdiff_t>(begin), stack_.end());
    stack_.resize(begin - 1);
    return items;
  }
  PickleValue& value(std::size_t index, PickleKind kind, const char* what) {
    PickleValue& found = pickle_.values[index];
    if (found.kind != kind) damaged(std::string("expected ") + what);
    return found;
  }
  void tuple(std::size_t count) {
    PickleValue result{.kind = PickleKind::Tuple};
    result.items.resize(count);
    for (std::size_t i = count; i-- > 0;) result.items[i] = pop();
    push(std::move(result));
  }

  void step(unsigned char operation) {
    switch (operation) {
      case 0x80:
        take(1);
        return;  // PROTO
      case 0x95:
        take(8);
        return;  // FRAME
      case '.':
        pickle_.root = pop(), done_ = true;
        return;  // STOP
      case '(':
        stack_.push_back(kMark);
        return;  // MARK
      case 'N':
        push({});
        return;  // NONE
      case 0x88:
        push({.kind = PickleKind::Boolean, .integer = 1});
        return;  // NEWTRUE
      case 0x89:
        push({.kind = PickleKind::Boolean, .integer = 0});
        return;  // NEWFALSE
      case 'J':
        push_integer(static_cast<std::int32_t>(number(4)));
        return;  // BININT
      case 'K':
        push_integer(static_cast<std::int64_t>(number(1)));
        return;  // BININT1
      case 'M':
        push_integer(static_cast<std::int64_t>(number(2)));
        return;  // BININT2
      case 0x8a:
        long_integer();
        return;  // LONG1
      case 'G':
        real();
        return;  // BINFLOAT
      case 'X':
        text(number(4));
        return;  // BINUNICODE
      case 0x8c:
        text(number(1));
        return;  // SHORT_BINUNICODE
      case ')':
        tuple(0);
        return;  // EMPTY_TUPLE
      case 0x85:
        tuple(1);
        return;  // TUPLE1
      case 0x86:
        tuple(2);
        return;  // TUPLE2
      case 0x87:
        tuple(3);
        return;  // TUPLE3
      case 't':
        push({.kind = PickleKind::Tuple, .items = pop_to_mark()});
        return;
      case ']':
        push({.kind = PickleKind::List});
        return;  // EMPTY_LIST
      case '}':
        push({.kind = PickleKind::Dict});
        return;  // EMPTY_DICT
      case 'a':
        append({pop()});
        return;  // APPEND
      case 'e':
        append(pop_to_mark());
        return;  // APPENDS
      case 's':
        set_items({pop(), pop()}, true);
        return;  // SETITEM
      case 'u':
        set_items(pop_to_mark(), false);
        return;  // SETITEMS
      case 'q':
        memo_[number(1)] = top();
        return;  // BINPUT
      case 'r':
        memo_[number(4)] = top();
        return;  // LONG_BINPUT
      case 0x94:
        memo_[memo_.size()] = top();
        return;  // MEMOIZE
      case 'h':
        remembered(number(1));
        return;  // BINGET
      case 'j':
        remembered(number(4));
        return;    // LONG_BINGET
      case 'c': {  // GLOBAL
        const std::string module(line());
        global(module, std::string(line()));
        return;
      }
      case 0x93: {  // STACK_GLOBAL
        const std::size_t name = pop(), module = pop();
        const std::string module_text = value(module, PickleKind::Text, "a module's name").text;
        global(module_text, value(name, PickleKind::Text, "a name").text);
        return;
      }
      case 'Q':
        storage();
        return;  // BINPERSID
      case 'R':
        reduce();
        return;  // REDUCE
      case 'b':
        pop(), value(top(), PickleKind::Dict, "a state_dict to set attributes of");
        return;  // BUILD: _metadata
      default: {
        static const char* hex = "0123456789abcdef";
        refuse(std::string("the operation 0x") + hex[operation >> 4] + hex[operation & 15]);
      }
    }
  }

  void long_integer() {
    const std::uint64_t width = number(1);
    if (width > 8) damaged("a number beyond 64 bits");
    std::uint64_t raw = number(static_cast<int>(width));
    if (width > 0 && width < 8 && raw >> (8 * width - 1)) raw |= ~std::uint64_t{0} << (8 * width);
    push_integer(static_cast<std::int64_t>(raw));
  }
  void real() {
    std::uint64_t bits = 0;
    for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
    push({.kind = PickleKind::Real, .real = std::bit_cast<double>(bits)});
  }
  void text(std::uint64_t length) { push({.kind = PickleKind::Text, .text = std::string(take(length))}); }
  void append(const std::vector<std::size_t>& items) {
    auto& list = value(top(), PickleKind::List, "a list").items;
    list.insert(list.end(), items.begin(), items.end());
  }
  void set_items(std::vector<std::size_t> items, bool reversed) {
    if (items.size() % 2) damaged("a key without a value");
    if (reversed) std::swap(items[0], items[1]);
    auto& dict = value(top(), PickleKind::Dict, "a dictionary").items;
    dict.insert(dict.end(), items.begin(), items.end());
  }
  void remembered(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) damaged("a value that was never stored");
    stack_.push_back(found->second);
  }
  void global(const std::string& module, const std::string& name) {
    std::string full = module + " " + name;
    if (!known_globals().contains(full)) refuse(module + "." + name);
    push({.kind = PickleKind::Global, .text = std::move(full)});
  }

  // ("storage", type, key, device, elements)
  void storage() {
    const std::vector<std::size_t> parts = value(pop(), PickleKind::Tuple, "a storage's tuple").items;
    if (parts.size() != 5 || value(parts[0], PickleKind::Text, "a text").text != "storage")
      damaged("a storage's tuple");
    PickleValue result{.kind = PickleKind::Storage, .items = {parts[1]}};
    if (!value(parts[1], PickleKind::Global, "a storage's type").text.ends_with("Storage")) damaged("a storage's type");
    result.text = value(parts[2], PickleKind::Text, "a storage's key").text;
    result.integer = value(parts[4], PickleKind::Integer, "a storage's size").integer;
    if (result.integer < 0) damaged("a storage's size is negative");
    push(std::move(result));
  }

  std::vector<std::int64_t> integers(std::size_t index) {
    const std::vector<std::size_t>& items = value(index, PickleKind::Tuple, "a shape").items;
    if (items.size() > 64) damaged("a tensor of more than 64 dimensions");
    std::vector<std::int64_t> result;
    for (const std::size_t item : items) result.push_back(value(item, PickleKind::Integer, "a size").integer);
    return result;
  }
  void reduce() {
    const std::size_t arguments = pop(), function = pop();
    const std::string name = value(function, PickleKind::Global, "something that can be called").text;
    const std::vector<std::size_t> items = value(arguments, PickleKind::Tuple, "arguments").items;
    if (name == "collections OrderedDict") {
      if (!items.empty()) damaged("an OrderedDict with arguments");
      push({.kind = PickleKind::Dict});
    } else if (name == "torch._utils _rebuild_parameter") {
      if (items.empty()) damaged("a parameter without data");
      value(items[0], PickleKind::Tensor, "a parameter's tensor");
      stack_.push_back(items[0]);
    } else if (name == "torch._utils _rebuild_tensor_v2") {
      if (items.size() < 4) damaged("a tensor without its shape");
      value(items[0], PickleKind::Storage, "a tensor's storage");
      PickleValue tensor{.kind = PickleKind::Tensor, .items = {items[0]}};
      tensor.integer = value(items[1], PickleKind::Integer, "a tensor's offset").integer;
      tensor.shape = integers(items[2]);
      tensor.stride = integers(items[3]);
      if (tensor.shape.size() != tensor.stride.size()) damaged("a tensor's shape and strides");
      push(std::move(tensor));
    } else {
      refuse("a call of " + name);
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool done_ = false;
  Pickle pickle_;
  std::vector<std::size_t> stack_;
  std::map<std::uint64_t, std::size_t> memo_;
};

}  // namespace

Pickle read_pickle(std::string_view bytes) {
  return Reader(bytes).read();
}

}  // namespace erwin::model
