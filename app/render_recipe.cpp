#include "app/render_recipe.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "ui/scene/png_text.h"

namespace erwin::app {

using nlohmann::json;

const char* const recipe_keyword = "erwinscope-recipe";

std::string to_text(const RenderRecipe& recipe) {
  const json document{
      {"schema", 1},
      {"program", recipe.program},
      {"data",
       {{"path", recipe.data},
        {"sample", recipe.sample},
        {"hash", recipe.data_hash},
        {"positions", recipe.positions},
        {"drop_nonfinite", recipe.drop_nonfinite}}},
      {"checkpoint", {{"path", recipe.checkpoint}, {"hash", recipe.checkpoint_hash}, {"step", recipe.step}}},
      {"device", recipe.device},
      {"options", recipe.options},
      {"predicted_component", recipe.predicted_component},
      {"what_if", recipe.what_if},
      {"camera_matrix", recipe.camera_matrix}};
  // Paths need not be UTF-8; a PNG's words are ASCII.
  return document.dump(-1, ' ', true, json::error_handler_t::replace);
}

RenderRecipe recipe_from_text(const std::string& text, const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    return Error(ErrorKind::Format, "the recipe in this picture cannot be used", where + ": " + why,
                 "Give a picture that 'erwinscope render' has written");
  };
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) throw refuse("it is not JSON");
  try {
    if (document.at("schema").get<int>() != 1)
      throw refuse("it was written by a newer program, " + document.value("program", std::string("unknown")));
    RenderRecipe recipe;
    recipe.program = document.at("program").get<std::string>();
    const json& data = document.at("data");
    recipe.data = data.at("path").get<std::string>();
    recipe.sample = data.at("sample").get<std::string>();
    recipe.data_hash = data.at("hash").get<std::string>();
    recipe.positions = data.at("positions").get<std::string>();
    recipe.drop_nonfinite = data.at("drop_nonfinite").get<bool>();
    const json& checkpoint = document.at("checkpoint");
    recipe.checkpoint = checkpoint.at("path").get<std::string>();
    recipe.checkpoint_hash = checkpoint.at("hash").get<std::string>();
    recipe.step = checkpoint.value("step", std::int64_t{-1});
    recipe.device = document.at("device").get<std::string>();
    recipe.options = document.at("options").get<std::map<std::string, std::string>>();
    recipe.predicted_component = document.value("predicted_component", 0);
    recipe.what_if = document.value("what_if", std::vector<std::string>());
    recipe.camera_matrix = document.at("camera_matrix").get<std::array<double, 16>>();
    return recipe;
  } catch (const json::exception& error) {
    throw refuse(error.what());
  }
}

RenderRecipe read_recipe(const std::filesystem::path& picture) {
  const ui::PngTexts texts = ui::read_png_texts(picture);
  const auto found = texts.find(recipe_keyword);
  if (found == texts.end())
    throw Error(ErrorKind::Format, "this picture holds no recipe", picture.string(),
                "Pictures that 'erwinscope render' writes hold one; other programs may remove it");
  return recipe_from_text(found->second, picture.string());
}

std::string hash_file(const std::filesystem::path& path, const Job& job) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(ErrorKind::Io, "this file cannot be opened", path.string());
  Sha256 hash;
  std::vector<char> bytes(std::size_t{1} << 20);
  while (in) {
    job.check();
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    hash.update(bytes.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) throw Error(ErrorKind::Io, "this file cannot be read", path.string());
  return hash.hex();
}

void require_same(const std::string& what, const std::string& path, const std::string& expected,
                  const std::string& found) {
  if (expected != found)
    throw Error(
        ErrorKind::Format, "the " + what + " has changed since the picture was made",
        (path.empty() ? what : path) + ": SHA-256 " + found.substr(0, 12) + ", in the recipe " + expected.substr(0, 12),
        "Give the " + what + " that it was made from, or make a new picture without --recipe");
}

}  // namespace erwin::app
