#include "core/engine/comparison.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/data/field_list.h"

namespace erwin {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void reject(const std::string& whole, const std::string& hint) {
  throw Error(ErrorKind::Config, "what to compare with is not understood", whole, hint);
}

constexpr const char* how_to_write =
    "Write none, layer=2, head=1 (-1: their mean), a checkpoint's path, sample=NAME, or several of them with commas";

template <typename Number>
Number number_in(std::string_view text, Number least, const std::string& whole) {
  Number value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) reject(whole, how_to_write);
  if (value < least)
    reject(whole, least < 0 ? "Heads count from 0; -1 is their mean" : "Layers and points count from 0");
  return value;
}

Field difference_of(const Field& a, const Field& b, const char* name) {
  std::vector<float> values(a.values().begin(), a.values().end());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= b.values()[i];
  return Field(name, a.kind(), a.components(), std::move(values), a.unit());
}

void compare_predictions(const Field& ours, const Field& theirs, Comparison& result) {
  if (ours.points() != theirs.points() || ours.components() != theirs.components())
    throw Error(ErrorKind::Config, "the two networks predict different quantities",
                std::to_string(ours.components()) + " and " + std::to_string(theirs.components()) + " components",
                "Compare networks that were trained on the same target");
  result.prediction = std::make_shared<const Field>(theirs);
  result.fields.push_back(renamed(theirs, prediction_against));
  result.fields.push_back(difference_of(ours, theirs, prediction_difference));
  result.agreement.prediction_correlation = correlation(ours.values(), theirs.values());
  double square = 0, count = 0;
  for (const float value : result.fields.back().values()) {
    if (!std::isfinite(value)) continue;
    square += static_cast<double>(value) * static_cast<double>(value);
    ++count;
  }
  result.agreement.prediction_difference = count > 0 ? std::sqrt(square / count) : none;
}

}  // namespace

const Field* Comparison::field(std::string_view name) const {
  return field_named(fields, name);
}

Against against_from(const std::string& text) {
  Against against;
  if (text.empty() || text == "none") return against;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    if (part.starts_with("layer="))
      against.layer = number_in(std::string_view(part).substr(6), 0, text);
    else if (part.starts_with("head="))
      against.head = number_in(std::string_view(part).substr(5), -1, text);
    else if (part.starts_with("point="))
      against.point = number_in(std::string_view(part).substr(6), std::int64_t{0}, text);
    else if (part.starts_with("sample=") && part.size() > 7)
      against.sample = part.substr(7);
    else if (!part.empty() && part != "sample=" && against.checkpoint.empty())
      against.checkpoint = part;
    else
      reject(text, how_to_write);
    begin = end + 1;
  }
  if (!against.sample.empty() && !against.checkpoint.empty())
    reject(text, "Compare with another checkpoint or with another sample, not with both at once");
  if (against.point >= 0 && against.sample.empty()) reject(text, "point=ID goes with sample=NAME");
  return against;
}

std::string to_string(const Against& against) {
  std::string text = against.checkpoint;
  const auto add = [&](const char* name, const std::optional<int>& value) {
    if (value) text += (text.empty() ? "" : ",") + std::string(name) + "=" + std::to_string(*value);
  };
  add("layer", against.layer);
  add("head", against.head);
  if (!against.sample.empty()) text += (text.empty() ? "sample=" : ",sample=") + against.sample;
  if (against.point >= 0) text += ",point=" + std::to_string(against.point);
  return text.empty() ? "none" : text;
}

QueryRequest other_side(const Against& against, const QueryRequest& shown) {
  QueryRequest other = shown;
  other.layer = against.layer.value_or(shown.layer);
  other.head = against.head.value_or(shown.head);
  return other;
}

std::shared_ptr<const Comparison> make_comparison(const ComparedSide& ours, const ComparedSide& theirs,
                                                  const Against& against, const QueryRequest& shown, const Job& job) {
  auto result = std::make_shared<Comparison>();
  result->against = against;
  result->shown = shown;
  result->other = other_side(against, shown);
  const LayerTap &layer = ours.tap->require_layer(shown.layer), &other = theirs.tap->require_layer(result->other.layer);
  if (ours.tap->point_count != theirs.tap->point_count)
    throw Error(ErrorKind::Config, "the two records are of different clouds",
                std::to_string(ours.tap->point_count) + " and " + std::to_string(theirs.tap->point_count) + " points",
                "Compare networks on the same cloud");
  Agreement& agreement = result->agreement;
  agreement = {none, none, none, none, 0, none, none};
  if (ours.prediction && theirs.prediction && ours.prediction != theirs.prediction)
    compare_predictions(*ours.prediction, *theirs.prediction, *result);
  if (ours.tap != theirs.tap) result->layers = describe(*theirs.tap);
  const bool select = layer.kind == LayerKind::Nsa && other.kind == LayerKind::Nsa;
  const SelectionSide here{ours.tap, shown.layer, shown.head},
      there{theirs.tap, result->other.layer, result->other.head};
  if (select) {
    const MeanOverlap mean = mean_selection_overlap(here, there, job);
    agreement.mean_selected = mean.mean;
    agreement.selected_points = mean.points;
  }
  if (shown.point < 0) return result;
  const QueryView own = make_query_view(*ours.tap, shown, job);
  auto view = std::make_shared<const QueryView>(make_query_view(*theirs.tap, result->other, job));
  agreement.divergence = jensen_shannon(own.row.points, view->row.points);
  agreement.overlap = row_overlap(own.row.points, view->row.points);
  if (select) agreement.selected = selection_overlap(here, there, shown.point);
  result->fields.push_back(renamed(*view->attention, attention_against));
  result->fields.push_back(difference_of(*own.attention, *view->attention, attention_difference));
  result->view = std::move(view);
  return result;
}

}  // namespace erwin
