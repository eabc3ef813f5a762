#include "ui/scene/scene_options.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "ui/scene/numbers.h"

namespace erwin::ui {

namespace {

constexpr std::pair<const char*, RangeMode> range_words[] = {
    {"data", RangeMode::Data}, {"percentile", RangeMode::Percentile}, {"locked", RangeMode::Locked}};

SceneOption colour_option() {
  SceneOption option = choice_option<ColourBy>("color", "what the colours show", &SceneState::colour_by,
                                               {{"target", ColourBy::Target},
                                                {"prediction", ColourBy::Prediction},
                                                {"error", ColourBy::Error},
                                                {"balls", ColourBy::Balls},
                                                {"attention", ColourBy::Attention},
                                                {"compressed", ColourBy::Compressed},
                                                {"field", ColourBy::Field}});
  option.help += "; field: the one that 'field' names";
  return option;
}

SceneOption field_option() {
  return {"field",
          "NAME",
          "colour by a field of the cloud or of the prediction; empty: as 'color' says",
          {},
          [](SceneState& state, const std::string& text, const PointCloud*) {
            state.field = text;
            if (!text.empty()) state.colour_by = ColourBy::Field;
          },
          [](const SceneState& state, const PointCloud*) {
            return state.colour_by == ColourBy::Field ? state.field : std::string();
          }};
}

SceneOption range_option() {
  return {
      "range",
      "data|percentile|locked|LOW,HIGH",
      "ends of the colours: the field's own, those without its extremes, what they were when locked, or two numbers",
      {},
      [](SceneState& state, const std::string& text, const PointCloud*) {
        for (const auto& [word, mode] : range_words)
          if (text == word) {
            state.range_mode = mode;
            state.range.reset();
            return;
          }
        const std::vector<double> ends = numbers_in(text);
        if (ends.size() != 2 || !(ends[0] < ends[1]))
          reject_option("range", text, "Write it as LOW,HIGH with LOW < HIGH, or data, percentile, locked");
        state.range = FieldRange{ends[0], ends[1]};
      },
      [](const SceneState& state, const PointCloud*) {
        if (state.range) return exact_number(state.range->minimum) + "," + exact_number(state.range->maximum);
        for (const auto& [word, mode] : range_words)
          if (state.range_mode == mode) return std::string(word);
        return std::string();
      }};
}

SceneOption camera_option() {
  return {"camera",
          "TEXT",
          "iso, front, back, left, right, top, bottom; AZIMUTH,ELEVATION; or ten numbers",
          {},
          [](SceneState& state, const std::string& text, const PointCloud* cloud) {
            if (cloud && state.frame < cloud->frames()) camera_from(text, *cloud, 1, state.frame);
            state.look = text;
          },
          [](const SceneState& state, const PointCloud*) { return state.look; }};
}

SceneOption size_option() {
  return {"size",
          "WIDTHxHEIGHT",
          "of the picture, in pixels",
          {},
          [](SceneState& state, const std::string& text, const PointCloud*) {
            const std::size_t cross = std::min(text.find('x'), text.size());
            const long long width = whole_number_in(std::string_view(text).substr(0, cross)).value_or(0);
            const long long height =
                whole_number_in(std::string_view(text).substr(std::min(cross + 1, text.size()))).value_or(0);
            if (width < 16 || height < 16 || width > 16384 || height > 16384)
              reject_option("size", text, "Write it as WIDTHxHEIGHT, like 1280x800; 16x16 to 16384x16384");
            state.width = static_cast<int>(width);
            state.height = static_cast<int>(height);
          },
          [](const SceneState& state, const PointCloud*) {
            return std::to_string(state.width) + "x" + std::to_string(state.height);
          }};
}

std::vector<SceneOption> all_options() {
  std::vector<SceneOption> all;
  all.push_back(whole_option(
      "frame", "which frame of a trajectory, from 0", [](SceneState& state) -> int& { return state.frame; }, 0,
      std::numeric_limits<int>::max()));
  all.push_back(colour_option());
  all.push_back(field_option());
  all.push_back(whole_option(
      "component", "of a vector field, from 0; -1: its length",
      [](SceneState& state) -> int& { return state.component; }, -1, 1'000'000));
  all.push_back(choice_option<std::optional<ColourMap>>("map", "colour map; auto: what suits the quantity",
                                                        &SceneState::map,
                                                        {{"auto", std::nullopt},
                                                         {"sequential", ColourMap::Sequential},
                                                         {"diverging", ColourMap::Diverging},
                                                         {"heat", ColourMap::Heat},
                                                         {"cividis", ColourMap::Cividis},
                                                         {"grey", ColourMap::Grey},
                                                         {"categorical", ColourMap::Categorical}}));
  all.push_back(range_option());
  all.push_back(number_option("percentile", "percent left out at each end with range percentile",
                              &SceneState::percentile, 0, 49));
  all.push_back(choice_option<std::optional<bool>>("log", "logarithmic colours; auto: for attention and its like",
                                                   &SceneState::logarithmic,
                                                   {{"auto", std::nullopt}, {"on", true}, {"off", false}}));
  all.push_back(whole_option(
      "steps", "number of colours, 0 (without steps) to 64", [](SceneState& state) -> int& { return state.steps; }, 0,
      64));
  for (SceneOption& option : tree_options()) all.push_back(std::move(option));
  for (SceneOption& option : matrix_options()) all.push_back(std::move(option));
  all.push_back(choice_option<PointStyle>("style", "how points are drawn; auto: spheres, in large clouds pixels",
                                          &SceneState::style,
                                          {{"auto", PointStyle::Auto},
                                           {"spheres", PointStyle::Spheres},
                                           {"round", PointStyle::Round},
                                           {"pixels", PointStyle::Pixels},
                                           {"none", PointStyle::None}}));
  all.push_back(number_option("point-size", "in multiples of what suits the cloud", &SceneState::point_size, 0.05, 20));
  all.push_back(choice_option<CellStyle>(
      "cells", "how faces are drawn, instead of points; lines are sticks but with off", &SceneState::cells,
      {{"auto", CellStyle::Auto},
       {"off", CellStyle::Off},
       {"surface", CellStyle::Surface},
       {"edges", CellStyle::Edges},
       {"wireframe", CellStyle::Wireframe}}));
  all.push_back(text_option("arrows", "NAME", "vector field to draw as arrows; empty: none", &SceneState::arrows));
  all.push_back(whole_option(
      "arrow-component", "of it that colours the arrows, from 0; -1: its length",
      [](SceneState& state) -> int& { return state.arrow_component; }, -1, 2));
  all.push_back(whole_option(
      "arrow-count", "at most so many arrows, evenly chosen, up to 20000",
      [](SceneState& state) -> int& { return state.arrow_count; }, 1, 20'000));
  all.push_back(
      number_option("arrow-length", "in multiples of what suits their number", &SceneState::arrow_length, 0.05, 20));
  all.push_back(choice_option<Theme>("theme", "colours of everything but the data", &SceneState::theme,
                                     {{"dark", Theme::Dark}, {"light", Theme::Light}}));
  all.push_back(switch_option("edl", "eye-dome lighting: rims darken what lies behind them", &SceneState::edl));
  all.push_back(switch_option("legend", "what the colours mean", &SceneState::legend));
  all.push_back(switch_option("histogram", "of the shown values, beside the legend's colours", &SceneState::histogram));
  all.push_back(switch_option("scale-bar", "a length in the cloud's unit", &SceneState::scale_bar));
  all.push_back(switch_option("axes", "directions of x, y and z", &SceneState::axes));
  all.push_back(camera_option());
  all.push_back(
      choice_option<LookTarget>("target", "what the camera looks at; ball: the lone one, else the query's of the level",
                                &SceneState::target, {{"cloud", LookTarget::Cloud}, {"ball", LookTarget::Ball}}));
  all.push_back(choice_option<Projection>(
      "projection", "perspective, or parallel lines stay parallel", &SceneState::projection,
      {{"perspective", Projection::Perspective}, {"orthographic", Projection::Orthographic}}));
  all.push_back(size_option());
  all.push_back(
      number_option("text-scale", "of legend, title and lines, for dense displays", &SceneState::text_scale, 0.5, 4));
  return all;
}

}  // namespace

std::span<const SceneOption> scene_options() {
  static const std::vector<SceneOption> options = all_options();
  return options;
}

const SceneOption* find_scene_option(std::string_view name) {
  const auto options = scene_options();
  const auto found = std::find_if(options.begin(), options.end(), [&](const auto& o) { return o.name == name; });
  return found == options.end() ? nullptr : &*found;
}

namespace {

const SceneOption& require_option(std::string_view name) {
  if (const SceneOption* option = find_scene_option(name)) return *option;
  std::string names;
  for (const SceneOption& option : scene_options()) names += (names.empty() ? "" : ", ") + option.name;
  throw Error(ErrorKind::Config, "there is no such option of the picture", std::string(name), "There are " + names);
}

}  // namespace

void set_scene_option(SceneState& state, std::string_view name, const std::string& text, const PointCloud* cloud) {
  require_option(name).set(state, text, cloud);
}

std::string print_scene_option(const SceneState& state, std::string_view name, const PointCloud* cloud) {
  return require_option(name).print(state, cloud);
}

void reject_option(const std::string& name, const std::string& text, const std::string& hint) {
  throw Error(ErrorKind::Config, "this " + name + " is not understood", name + " " + text, hint);
}

SceneOption switch_option(std::string name, std::string help, bool SceneState::*member) {
  return choice_option<bool>(std::move(name), std::move(help), member, {{"on", true}, {"off", false}});
}

SceneOption number_option(std::string name, std::string help, double SceneState::*member, double low, double high) {
  const std::string limits = exact_number(low) + " to " + exact_number(high);
  return {name,
          "NUMBER",
          help + ", " + limits,
          {},
          [=](SceneState& state, const std::string& text, const PointCloud*) {
            const auto number = number_in(text);
            if (!number || *number < low || *number > high) reject_option(name, text, "Use a number from " + limits);
            state.*member = *number;
          },
          [=](const SceneState& state, const PointCloud*) { return exact_number(state.*member); }};
}

SceneOption whole_option(std::string name, std::string help, std::function<int&(SceneState&)> member, int low,
                         int high) {
  const std::string limits = high == std::numeric_limits<int>::max()
                                 ? std::to_string(low)
                                 : std::to_string(low) + " to " + std::to_string(high);
  return {name,
          "WHOLE NUMBER",
          help,
          {},
          [=](SceneState& state, const std::string& text, const PointCloud*) {
            const auto number = whole_number_in(text);
            if (!number || *number < low || *number > high)
              reject_option(name, text, "Use a whole number from " + limits);
            member(state) = static_cast<int>(*number);
          },
          [=](const SceneState& state, const PointCloud*) {
            SceneState copy = state;
            return std::to_string(member(copy));
          }};
}

SceneOption text_option(std::string name, std::string form, std::string help, std::string SceneState::*member) {
  return {std::move(name),
          std::move(form),
          std::move(help),
          {},
          [member](SceneState& state, const std::string& text, const PointCloud*) { state.*member = text; },
          [member](const SceneState& state, const PointCloud*) { return state.*member; }};
}

}  // namespace erwin::ui
