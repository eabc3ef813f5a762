#pragma once
// The shown sample beside another one, of which the same network says what it says of the shown one. Their points are
// different ones: what is compared are pictures, and how values are distributed (core/data/distribution.h).

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "core/data/distribution.h"
#include "core/data/point_cloud.h"
#include "core/engine/comparison.h"
#include "core/engine/gate_fields.h"
#include "core/engine/missed_view.h"
#include "core/engine/query_view.h"
#include "core/engine/reach_fields.h"
#include "core/engine/summary_fields.h"
#include "core/engine/who_looks.h"

namespace erwin {

struct Prediction;

// Lays the box of one cloud onto that of another: middle on middle, diagonal on diagonal, nothing turned.
struct BoxToBox {
  std::array<double, 3> from{}, to{};  // the middles, relative to each cloud's origin
  double scale = 1;                    // lengths in the second cloud over those in the first
  std::array<double, 3> place(const std::array<double, 3>& at) const;  // of the first cloud, in the second
  BoxToBox reversed() const { return {to, from, 1 / scale}; }
};
BoxToBox box_to_box(const PointCloud& from, std::int64_t from_frame, const PointCloud& to, std::int64_t to_frame);

// The point of `to` that is nearest to where `point` of `from` comes to lie. Linear in the points.
std::int64_t corresponding_point(const PointCloud& from, std::int64_t from_frame, std::int64_t point,
                                 const PointCloud& to, std::int64_t to_frame);

struct SampleRequest {
  Against against;          // with a sample
  QueryRequest shown;       // of the shown cloud
  std::string field;        // what is shown: of fields that are worked out on request, this one is
  bool all_layers = false;  // a summary is the mean over all layers
  bool operator==(const SampleRequest&) const = default;
};

struct SampleComparison {
  SampleRequest request;
  PointCloudPtr shown_cloud, cloud;
  std::int64_t frame = 0;  // of `cloud`: the shown one, or its last
  QueryRequest query;      // of `cloud`; point -1: none
  // The same as the snapshot has of the shown cloud; null what was not asked for.
  std::shared_ptr<const Prediction> prediction;
  std::shared_ptr<const QueryView> view;
  std::shared_ptr<const GateFields> gates;
  std::shared_ptr<const LayerSummary> summary;
  std::shared_ptr<const RecallView> recall;
  std::shared_ptr<const WhoLooks> who_looks;
  std::shared_ptr<const Reach> rollout, receptive;
};

// Two fields on different points.
struct FieldPair {
  std::shared_ptr<const Field> shown, other;
  std::int64_t shown_frame = 0, other_frame = 0;
  int component = -1;                                 // -1: the norm
  bool operator==(const FieldPair&) const = default;  // the same objects, not the same numbers
};
struct ComparedFields {
  FieldPair of;
  DistributionPair numbers;
};

}  // namespace erwin
