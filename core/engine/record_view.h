#pragma once
// An attention record (core/model/record.h) as the explorer shows it: read-only, without the network that made it.

#include <memory>

#include "core/base/job.h"
#include "core/engine/snapshot.h"
#include "core/model/record.h"
#include "core/tree/ball_tree.h"

namespace erwin {

// The balls of the record as a tree with node data: all slots, then its balls, its blocks and its slots, and between
// them runs that are halved again and again. Of the first layer that runs on the points themselves in the main tree;
// the cloud's own tree where there is none. A record whose layers have no balls gets runs of its slots.
BallTreePtr tree_of_record(const AttentionRecord& record, const Job& job = {});

// Its fields named prediction, target and error, its tree, its layers. Raises Error{Format}: no layer.
std::shared_ptr<Prediction> prediction_of_record(const AttentionRecord& record, const Job& job = {});

}  // namespace erwin
