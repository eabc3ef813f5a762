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

int number_in(std::string_view text, const std::string& whole) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value < -1)
    throw Error(ErrorKind::Config, "what to compare with is not understood", whole,
                "Write none, layer=2, head=1, a checkpoint's path, or several of them with commas");
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
      against.layer = std::max(0, number_in(std::string_view(part).substr(6), text));
    else if (part.starts_with("head="))
      against.head = number_in(std::string_view(part).substr(5), text);
    else if (!part.empty() && against.checkpoint.empty())
      against.checkpoint = part;
    else
      number_in({}, text);  // says what may be written
    begin = end + 1;
  }
  return against;
}

std::string to_string(const Against& against) {
  std::string text = against.checkpoint;
  const auto add = [&](const char* name, const std::optional<int>& value) {
    if (value) text += (text.empty() ? "" : ",") + std::string(name) + "=" + std::to_string(*value);
  };
  add("layer", against.layer);
  add("head", against.head);
  return text.empty() ? "none" : text;
}

std::shared_ptr<const Comparison> make_comparison(const ComparedSide& ours, const ComparedSide& theirs,
                                                  const Against& against, const QueryRequest& shown, const Job& job) {
  auto result = std::make_shared<Comparison>();
  result->against = against;
  result->shown = result->other = shown;
  result->other.layer = against.layer.value_or(shown.layer);
  result->other.head = against.head.value_or(shown.head);
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
