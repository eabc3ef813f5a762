#pragma once
// How a picture was made, kept in its PNG file, and what is needed to make it again.

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/job.h"

namespace erwin::app {

struct RenderRecipe {
  std::string program;  // "0.1.0"
  std::string data;     // absolute path; empty: the program's own cloud
  std::string sample;   // which sample of a data set
  std::string data_hash;
  std::string positions;  // how the data was opened: --positions, --drop-nonfinite
  bool drop_nonfinite = false;
  std::string checkpoint;  // absolute path; empty: none
  std::string checkpoint_hash;
  std::int64_t step = -1;  // of a training run, where the picture is one of a row along it
  std::string device;
  std::map<std::string, std::string> options;  // every option of the picture, by name
  int predicted_component = 0;                 // that contributions split
  std::vector<std::string> what_if;            // changes to the network's run, as --what-if takes them
  std::array<double, 16> camera_matrix{};      // row-major, world (relative to the cloud's origin) to clip space
};

// The keyword of the text that holds a recipe.
extern const char* const recipe_keyword;

// ASCII, one line.
std::string to_text(const RenderRecipe& recipe);
// Any text may come. Raises Error{Format} that says what is wrong; `where` names the file.
RenderRecipe recipe_from_text(const std::string& text, const std::string& where);
// Raises what read_png_texts raises, and Error{Format} for a picture without a recipe.
RenderRecipe read_recipe(const std::filesystem::path& picture);

// SHA-256 of a file's bytes. Raises Error{Io}.
std::string hash_file(const std::filesystem::path& path, const Job& job);

// Raises Error{Format}: `what` at `path` is not what the picture was made from.
void require_same(const std::string& what, const std::string& path, const std::string& expected,
                  const std::string& found);

}  // namespace erwin::app
