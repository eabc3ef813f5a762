// States saved by PyTorch: states/*.pt were written by states/make_states.py.

#include "core/model/state_import.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "core/base/error.h"
#include "core/io/internal/hdf5.h"
#include "core/model/internal/pickle.h"
#include "core/model/model.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

fs::path state_file(const char* name) {
  return test::source_folder() / "tests/core/model/checkpoint/states" / name;
}

template <typename T>
std::vector<T> values(const WeightArray& weight) {
  std::vector<T> result(weight.data.size() / sizeof(T));
  std::memcpy(result.data(), weight.data.data(), result.size() * sizeof(T));
  return result;
}

WeightArray floats(const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<float>& numbers) {
  WeightArray weight{name, ElementType::Float32, shape, std::vector<std::byte>(4 * numbers.size())};
  std::memcpy(weight.data.data(), numbers.data(), weight.data.size());
  return weight;
}

const WeightArray& named(const Weights& weights, std::string_view name) {
  for (const WeightArray& weight : weights)
    if (weight.name == name) return weight;
  throw std::runtime_error("no " + std::string(name));
}

template <typename Action>
Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was raised";
  return Error(ErrorKind::Internal, "none");
}

TEST(StateImport, ReadsEveryTypeAndStride) {
  const Weights state = read_torch_state(state_file("plain.pt"));
  ASSERT_EQ(state.size(), 8u);
  const WeightArray& transposed = named(state, "embed.weight");
  EXPECT_EQ(transposed.shape, (std::vector<std::int64_t>{4, 3}));
  EXPECT_EQ(values<float>(transposed),
            (std::vector<float>{0, 1, 2, 0.25f, 1.25f, 2.25f, 0.5f, 1.5f, 2.5f, 0.75f, 1.75f, 2.75f}));
  EXPECT_EQ(values<float>(named(state, "embed.slice")), (std::vector<float>{1, 1.5f, 2, 2.5f}));
  EXPECT_EQ(named(state, "embed.double").type, ElementType::Float64);
  EXPECT_EQ(values<double>(named(state, "embed.double")), (std::vector<double>{0.1, -2.5e300}));
  EXPECT_EQ(values<float>(named(state, "embed.half")), (std::vector<float>{1.5f, -65504.f, 0x1p-24f, 0.f}));
  EXPECT_EQ(values<float>(named(state, "embed.bfloat")), (std::vector<float>{3.140625f, -0x1p100f}));
  EXPECT_EQ(named(state, "norm.num_batches_tracked").shape, std::vector<std::int64_t>{});
  EXPECT_EQ(values<std::int64_t>(named(state, "norm.num_batches_tracked")), std::vector<std::int64_t>{7});
  EXPECT_EQ(values<float>(named(state, "repeated")), (std::vector<float>{2.5f, 2.5f, 2.5f, 2.5f}));
  EXPECT_TRUE(named(state, "empty").data.empty());
}

TEST(StateImport, FindsTheStateInATrainingCheckpoint) {
  const Weights state = read_torch_state(state_file("training.pt"));
  const Weights wanted{floats("0.weight", {1, 2}, {0, 0}),
                       floats("0.bias", {1}, {0}),
                       floats("1.weight", {1}, {0}),
                       floats("1.bias", {1}, {0}),
                       floats("1.running_mean", {1}, {5}),
                       floats("1.running_var", {1}, {5}),
                       {"1.num_batches_tracked", ElementType::Int64, {}, std::vector<std::byte>(8, std::byte{9})}};
  const Weights matched = match_state(state, wanted);
  EXPECT_EQ(values<float>(named(matched, "0.weight")), (std::vector<float>{1, 2}));
  EXPECT_EQ(values<float>(named(matched, "0.bias")), std::vector<float>{3});
  EXPECT_EQ(values<float>(named(matched, "1.running_mean")), std::vector<float>{0});
  EXPECT_EQ(values<std::int64_t>(named(matched, "1.num_batches_tracked")), std::vector<std::int64_t>{0})
      << "absent: starts at 0";
}

TEST(StateImport, ListsWhatDoesNotFit) {
  const Weights state{floats("net.a", {2}, {1, 2}), floats("net.b", {1}, {1}), floats("head.c", {1}, {1})};
  const Error error = error_of([&] {
    match_state(state, {floats("a", {3}, {0, 0, 0}), floats("b", {1}, {0}), floats("d", {1}, {0})});
  });
  EXPECT_EQ(error.kind(), ErrorKind::Model);
  const std::string text = error.what();
  EXPECT_NE(text.find("missing (1): d"), std::string::npos) << text;
  EXPECT_NE(text.find("not part of the network (1): head.c"), std::string::npos) << text;
  EXPECT_NE(text.find("a is [2], not [3]"), std::string::npos) << text;
}

TEST(StateImport, NothingIsExecuted) {
  const Error error = error_of([] { read_torch_state(state_file("evil.pt")); });
  EXPECT_EQ(error.kind(), ErrorKind::Format);
  EXPECT_NE(std::string(error.what()).find("posix.system"), std::string::npos) << error.what();
  EXPECT_FALSE(fs::exists("erwinscope-was-fooled"));
}

TEST(StateImport, DamagedFilesAreErrors) {
  const test::ScratchFolder folder;
  std::ifstream in(state_file("plain.pt"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const fs::path path = folder.path() / "case.pt";
  const auto read = [&](const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
    return read_torch_state(path);
  };
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{3}, std::size_t{500}, bytes.size() / 2, bytes.size() - 1})
    EXPECT_EQ(error_of([&] { read(bytes.substr(0, length)); }).kind(), ErrorKind::Format) << length;
  // Every byte of the file in turn: a changed name or padding may pass, nothing may crash or hang.
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0xff);
    try {
      read(changed);
    } catch (const Error&) {
    }
  }
}

// "\x80\x02" starts a pickle, '.' ends it.
TEST(StateImport, HostilePicklesAreErrors) {
  const auto refused = [](const std::string& program) {
    const Error error = error_of([&] { model::read_pickle("\x80\x02"s + program); });
    EXPECT_EQ(error.kind(), ErrorKind::Format) << error.what();
    return std::string(error.what());
  };
  EXPECT_NE(refused("cbuiltins\neval\nX\x01\0\0\0"
                    "1\x85R."s)
                .find("builtins.eval"),
            std::string::npos);
  refused("."s);  // nothing on the stack
  refused("}"s);  // no end
  refused(
      "X\xff\xff\xff\xff"
      "a."s);             // a text longer than the file
  refused("h\x05."s);     // a value never stored
  refused("t."s);         // a tuple without a mark
  refused("}(K\x01u."s);  // a key without a value
  refused(
      "K\x01"
      "b."s);  // attributes of nothing
  refused(
      "\x8a\x09"
      "123456789."s);                                                      // a number of 72 bits
  EXPECT_NE(refused("i__main__\nx\n."s).find("0x69"), std::string::npos);  // INST calls a class
  EXPECT_NE(refused("ccollections\nOrderedDict\n]R."s).find("arguments"), std::string::npos);
  // A list that holds itself, and deep nesting: read without recursion.
  EXPECT_NO_THROW(model::read_pickle("\x80\x02]q\0h\0a."s));
  std::string deep = "\x80\x02)"s;
  for (int i = 0; i < 200000; ++i) deep += '\x85';
  EXPECT_NO_THROW(model::read_pickle(deep + "."));
}

// The authors' state in its own names, as a wrapper around the network saved it, fills our network.
TEST(StateImport, TheAuthorsNamesAreOurs) {
  ERWIN_SHARED_OR_SKIP(path, "parity/erwin_car_unet_rotated.h5");
  const h5::File file = h5::File::open(path);
  Weights state;
  for (const h5::Entry& entry : file.children("/state")) {
    const h5::DatasetInfo info = file.info(entry.path);
    WeightArray weight = floats("module.main_model." + entry.name, info.shape, file.read_floats(entry.path));
    state.push_back(std::move(weight));
  }
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.wrapper = false;
  config.input_features = config.embedding_channels = 8;
  config.output_features = 16;
  config.mp_steps = 2;
  config.unet = {{16, 32}, {64, 32}, {2, 4}, {2, 2}, {2}, {2}, {2}};
  Model network(config, 0);
  const Weights matched = match_state(state, network.weights());
  EXPECT_EQ(matched.size(), state.size());
  network.load_weights(matched);
  for (const WeightArray& weight : network.weights()) {
    if (weight.type != ElementType::Float32) continue;
    const std::vector<float> wanted = file.read_floats("/state/" + weight.name);
    EXPECT_EQ(values<float>(weight), wanted) << weight.name;
  }
  state.pop_back();
  EXPECT_EQ(error_of([&] { match_state(state, network.weights()); }).kind(), ErrorKind::Model);
}

}  // namespace
}  // namespace erwin
