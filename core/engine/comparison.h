#pragma once
// The shown layer, head or network beside another one: the other's look of the query and its prediction, the
// differences as fields, and how much both agree (core/attention/agreement.h).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/attention/agreement.h"
#include "core/base/job.h"
#include "core/data/field.h"
#include "core/engine/query_view.h"

namespace erwin {

// What the shown is compared with. What is not given is as shown.
struct Against {
  std::string checkpoint;  // empty: the same network
  std::optional<int> layer, head;
  std::string sample;       // of the open data set, or a file; empty: the same cloud. Not together with a checkpoint
  std::int64_t point = -1;  // with a sample: id of the point that is queried there; -1: the one at the same place
  bool empty() const { return checkpoint.empty() && !layer && !head && sample.empty(); }
  bool operator==(const Against&) const = default;
};
// "none"; or parts with commas: "layer=2", "head=1" (-1: mean), and the path of a checkpoint, or "sample=NAME" and with
// it "point=ID". Raises Error{Config}.
Against against_from(const std::string& text);
std::string to_string(const Against& against);
// The question that the other side is asked; of another sample its point is not known yet.
QueryRequest other_side(const Against& against, const QueryRequest& shown);

struct Agreement {
  // Of the query; NaN without one.
  double divergence = 0;  // Jensen-Shannon of the two rows, in bits
  double overlap = 0;     // sum_j min of the two rows
  double selected = 0;    // Jaccard index of the points its block selected; NaN unless both layers are nsa
  // Of all points.
  double mean_selected = 0;           // mean of that index
  std::int64_t selected_points = 0;   // over so many points
  double prediction_correlation = 0;  // Pearson's, of all components; NaN where one network predicts both
  double prediction_difference = 0;   // root mean square, in the target's unit; likewise
};

struct Comparison {
  Against against;
  QueryRequest shown, other;                // the same point; layer, head and branch of both sides
  std::shared_ptr<const QueryView> view;    // the other's; null without a query
  std::vector<LayerInfo> layers;            // of the other network; empty where it is the same
  std::shared_ptr<const Field> prediction;  // the other network's, named "prediction"; null where it is the same
  std::vector<Field> fields;                // compared_fields that are there
  Agreement agreement;
  const Field* field(std::string_view name) const;  // null where there is none of this name
};

// "attention_against", "attention_difference": the other's row and the shown minus it; "prediction_against",
// "prediction_difference": likewise, where the networks differ.
inline constexpr const char* attention_against = "attention_against";
inline constexpr const char* attention_difference = "attention_difference";
inline constexpr const char* prediction_against = "prediction_against";
inline constexpr const char* prediction_difference = "prediction_difference";
inline bool is_compared_field(std::string_view name) {
  return name == attention_against || name == attention_difference || name == prediction_against ||
         name == prediction_difference;
}

// One side: a record with q, k, v of the layer, and the prediction it belongs to.
struct ComparedSide {
  const Tap* tap = nullptr;
  const Field* prediction = nullptr;
};
// The same cloud on both sides. `shown.point` -1: predictions and selections only. Raises what attention_row raises;
// Error{Config} where `other` is a layer or head that is not there.
std::shared_ptr<const Comparison> make_comparison(const ComparedSide& ours, const ComparedSide& theirs,
                                                  const Against& against, const QueryRequest& shown,
                                                  const Job& job = {});

}  // namespace erwin
