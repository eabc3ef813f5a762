// Checkpoints: what is saved comes back to the bit; what is damaged or hostile is an Error.

#include "core/model/checkpoint.h"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/model/model.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

ModelConfig small_network() {
  ModelConfig config;
  config.flat.width = 8;
  config.flat.depth = 1;
  config.flat.heads = 2;
  config.flat.head_dim = 4;
  config.flat.ball_size = 16;
  config.flat.block_size = 8;
  config.flat.selected_blocks = 2;
  config.embedding_channels = 8;
  config.mp_steps = 1;
  return config;
}

Checkpoint small_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.config = small_network();
  checkpoint.recipe.inputs = {"position"};
  checkpoint.recipe.target = "pressure (Pa)/surface";
  checkpoint.recipe.normalisation.position = {{0.1, -2.0, 3e6}, {1.0 / 3, 2.0, 1e-12}};
  checkpoint.recipe.normalisation.field[checkpoint.recipe.target] = {{-36.3099}, {48.5743}};
  checkpoint.weights = Model(checkpoint.config, 3).weights();
  checkpoint.weights.push_back({"counter", ElementType::Int64, {}, std::vector<std::byte>(8, std::byte{1})});
  checkpoint.weights.push_back({"wide", ElementType::Float64, {2, 1}, std::vector<std::byte>(16, std::byte{0x3f})});
  checkpoint.step = 123456789012;
  checkpoint.provenance = {{"data_hash", "abc"}, {"seed", "3"}, {"remark", "ü \"quoted\"\nline"}};
  return checkpoint;
}

std::map<std::string, const WeightArray*> by_name(const Weights& weights) {
  std::map<std::string, const WeightArray*> result;
  for (const WeightArray& weight : weights) result[weight.name] = &weight;
  return result;
}

TEST(Checkpoint, ComesBackToTheBit) {
  const test::ScratchFolder folder;
  const Checkpoint saved = small_checkpoint();
  save_checkpoint(folder.path() / "a.h5", saved);
  const Checkpoint loaded = load_checkpoint(folder.path() / "a.h5");
  Config before, after;
  put(before, saved.config);
  put(after, loaded.config);
  EXPECT_TRUE(before == after);
  EXPECT_EQ(loaded.recipe.inputs, saved.recipe.inputs);
  EXPECT_EQ(loaded.recipe.target, saved.recipe.target);
  EXPECT_EQ(loaded.recipe.normalisation.position.mean, saved.recipe.normalisation.position.mean);
  EXPECT_EQ(loaded.recipe.normalisation.position.deviation, saved.recipe.normalisation.position.deviation);
  ASSERT_TRUE(loaded.recipe.normalisation.field.contains(saved.recipe.target));
  EXPECT_EQ(loaded.recipe.normalisation.field.at(saved.recipe.target).mean, std::vector<double>{-36.3099});
  EXPECT_EQ(loaded.step, saved.step);
  EXPECT_EQ(loaded.provenance, saved.provenance);
  const auto wanted = by_name(saved.weights), found = by_name(loaded.weights);
  ASSERT_EQ(found.size(), wanted.size());
  for (const auto& [name, weight] : wanted) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found.at(name)->type, weight->type) << name;
    EXPECT_EQ(found.at(name)->shape, weight->shape) << name;
    EXPECT_EQ(found.at(name)->data, weight->data) << name;
  }
}

TEST(Checkpoint, KeepsTheRunsConfiguration) {
  const test::ScratchFolder folder;
  Checkpoint checkpoint = small_checkpoint();
  Config run;
  run.set("train.lr=0.25");
  run.set("model.width=512");  // the network's own configuration goes before it
  checkpoint.run_config = run.to_toml();
  save_checkpoint(folder.path() / "a.h5", checkpoint);
  const Config config = Config::from_toml_text(load_checkpoint(folder.path() / "a.h5").run_config);
  EXPECT_EQ(config.real("train.lr"), 0.25);
  EXPECT_EQ(config.integer("model.width"), 8);
  EXPECT_EQ(config.text("data.target"), checkpoint.recipe.target);
}

TEST(Checkpoint, ReplacesTheOldFileOrLeavesIt) {
  const test::ScratchFolder folder;
  const fs::path path = folder.path() / "last.h5";
  Checkpoint checkpoint = small_checkpoint();
  save_checkpoint(path, checkpoint);
  checkpoint.step = 2;
  save_checkpoint(path, checkpoint);
  EXPECT_EQ(load_checkpoint(path).step, 2);
  checkpoint.step = 3;
  checkpoint.weights.front().name = "a/b";
  EXPECT_THROW(save_checkpoint(path, checkpoint), Error);
  EXPECT_EQ(load_checkpoint(path).step, 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1)
      << "a temporary file was left";
}

// --- files that somebody damaged ---

void write_attribute(hid_t object, const char* name, hid_t type, const void* value) {
  H5Adelete(object, name);
  const hid_t space = H5Screate(H5S_SCALAR),
              attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, value);
  H5Aclose(attribute);
  H5Sclose(space);
}

void replace_dataset(hid_t file, const char* path, hid_t type, hsize_t rows, bool chunked, const void* values) {
  H5Ldelete(file, path, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(1, &rows, nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk = 1024;
  if (chunked) H5Pset_chunk(list, 1, &chunk);
  const hid_t data = H5Dcreate2(file, path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  if (values) H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(data);
  H5Pclose(list);
  H5Sclose(space);
}

void replace_text(hid_t object, const char* name, const std::string& text) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, text.size());
  write_attribute(object, name, type, text.c_str());
  H5Tclose(type);
}

struct Damage {
  const char* name;
  ErrorKind kind;
  const char* part;  // of the error's text
  std::function<void(hid_t file)> apply;
};

std::vector<Damage> damages() {
  const auto on = [](const char* path, std::function<void(hid_t)> change) {
    return [path, change](hid_t file) {
      const hid_t object = H5Oopen(file, path, H5P_DEFAULT);
      change(object);
      H5Oclose(object);
    };
  };
  return {
      {"newer", ErrorKind::Format, "newer version",
       on("/",
          [](hid_t root) {
            const std::int64_t number = 2;
            write_attribute(root, "format_number", H5T_NATIVE_INT64, &number);
          })},
      {"no format", ErrorKind::Format, "not a checkpoint", on("/", [](hid_t root) { H5Adelete(root, "format"); })},
      {"number as format", ErrorKind::Format, "not a checkpoint",
       on("/",
          [](hid_t root) {
            const std::int64_t number = 2;
            write_attribute(root, "format", H5T_NATIVE_INT64, &number);
          })},
      {"no weights", ErrorKind::Format, "/weight", [](hid_t file) { H5Ldelete(file, "/weight", H5P_DEFAULT); }},
      {"weights no group", ErrorKind::Format, "/weight",
       [](hid_t file) {
         const float value = 1;
         replace_dataset(file, "/weight", H5T_NATIVE_FLOAT, 1, false, &value);
       }},
      {"bytes for numbers", ErrorKind::Format, "/weight/wide",
       [](hid_t file) {
         const std::int8_t values[2] = {1, 2};
         replace_dataset(file, "/weight/wide", H5T_NATIVE_INT8, 2, false, values);
       }},
      {"not a number", ErrorKind::Format, "not finite",
       [](hid_t file) {
         const double values[2] = {1, std::numeric_limits<double>::quiet_NaN()};
         replace_dataset(file, "/weight/wide", H5T_NATIVE_DOUBLE, 2, false, values);
       }},
      {"8 TB", ErrorKind::Format, "8.0 TiB",
       [](hid_t file) { replace_dataset(file, "/weight/wide", H5T_NATIVE_DOUBLE, hsize_t{1} << 40, true, nullptr); }},
      {"group as weight", ErrorKind::Format, "/weight/extra",
       [](hid_t file) { H5Gclose(H5Gcreate2(file, "/weight/extra", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); }},
      {"unknown option", ErrorKind::Config, "model.wdith",
       on("/", [](hid_t root) { replace_text(root, "config", "[model]\nwdith = 4"); })},
      {"absurd network", ErrorKind::Config, "model.ball_size",
       on("/",
          [](hid_t root) {
            replace_text(root, "config",
                         "[model]\ndimension = 3\ninput_features = 3\noutput_features = 1\nball_size = 100");
          })},
      {"no config", ErrorKind::Format, "config", on("/", [](hid_t root) { H5Adelete(root, "config"); })},
      {"inputs no list", ErrorKind::Format, "inputs",
       on("/recipe", [](hid_t recipe) { replace_text(recipe, "inputs", "{\"a\": [[["); })},
      {"no deviation", ErrorKind::Format, "deviation",
       on("/normalisation/0", [](hid_t group) { H5Adelete(group, "deviation"); })},
      {"zero deviation", ErrorKind::Format, "not above 0",
       on("/normalisation/1",
          [](hid_t group) {
            const double zero = 0;
            write_attribute(group, "deviation", H5T_NATIVE_DOUBLE, &zero);
          })},
  };
}

TEST(Checkpoint, DamagedOnesAreNamed) {
  const test::ScratchFolder folder;
  const fs::path good = folder.path() / "good.h5";
  save_checkpoint(good, small_checkpoint());
  int number = 0;
  for (const Damage& damage : damages()) {
    const fs::path path = folder.path() / ("bad" + std::to_string(number++) + ".h5");
    fs::copy_file(good, path);
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    damage.apply(file);
    H5Fclose(file);
    try {
      load_checkpoint(path);
      ADD_FAILURE() << damage.name << " was loaded";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), damage.kind) << damage.name << ": " << error.what();
      EXPECT_NE(std::string(error.what()).find(damage.part), std::string::npos) << damage.name << ": " << error.what();
      EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos) << error.what();
    }
  }
}

TEST(Checkpoint, CutOffAndScrambledOnesNeverCrash) {
  const test::ScratchFolder folder;
  const fs::path good = folder.path() / "good.h5";
  save_checkpoint(good, small_checkpoint());
  std::ifstream in(good, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  int number = 0;
  const auto load = [&](const std::string& content, bool must_fail) {
    const fs::path path = folder.path() / ("case" + std::to_string(number++) + ".h5");
    std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    try {
      load_checkpoint(path);
      EXPECT_FALSE(must_fail) << content.size() << " of " << bytes.size() << " bytes were taken for a checkpoint";
    } catch (const Error&) {
    }
    fs::remove(path);
  };
  for (const double part : {0.0, 0.001, 0.02, 0.3, 0.7, 0.99})
    load(bytes.substr(0, static_cast<std::size_t>(part * static_cast<double>(bytes.size()))), true);
  std::uint32_t state = 12345;
  for (int round = 0; round < 12; ++round) {
    std::string changed = bytes;
    for (int i = 0; i < 8; ++i) {
      state = state * 1664525u + 1013904223u;
      // Most of the structure lies in the first part of the file.
      changed[(state >> 4) % std::min<std::size_t>(changed.size(), 6000)] = static_cast<char>(state >> 24);
    }
    load(changed, false);
  }
  EXPECT_THROW(load_checkpoint(folder.path() / "absent.h5"), Error);
  EXPECT_THROW(load_checkpoint(folder.path()), Error);
}

}  // namespace
}  // namespace erwin
