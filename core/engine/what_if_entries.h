#pragma once
// Changes to a network's run as a person writes them, KEY=VALUE, one text for the command line (`explain --what-if`),
// `gui --play` and the window's list:
//
//   force-in=BLOCK, force-out=BLOCK       for the queried point's own block in one layer
//   hide-block=BLOCK                      from every query and branch of the layer
//   head-off=HEAD, branch-off=BRANCH, gate.BRANCH=NUMBER
//   S=NUMBER, exclude=ball|block|none     how many blocks are selected, and which are left out
//   hide=POINTS, move=POINTS:dx,dy,dz, scale=POINTS:FACTOR, edit=FIELD:POINTS:FACTOR:OFFSET
//
// POINTS are ids and runs of ids, "3,10-20", and words: query (the queried point), ball (its ball in the layer),
// blockN (block N of the layer), all. Whoever has a set of chosen points also takes the word selection
// (with_selection). No Torch here; cheap enough for the GUI thread.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/config/model_config.h"
#include "core/data/point_cloud.h"
#include "core/engine/query_view.h"
#include "core/model/what_if.h"

namespace erwin {

// A change, and the question beside which it was written: what its layer, head and query are.
struct WhatIfEntry {
  std::string text;         // "head-off=3"
  int layer = -1;           // -1: every layer
  int head = -1;            // whose gates; -1: of every head
  std::int64_t point = -1;  // the query, an index in the cloud; -1: none
  bool on = true;           // false: stays in the list, changes nothing
  bool operator==(const WhatIfEntry&) const = default;
};

// Those that are on. layers: of the network's run on the cloud. Raises Error{Config}: a text that is not understood,
// something that network and cloud do not have, a change of a query's block without a query.
WhatIf what_if_of(std::span<const WhatIfEntry> entries, const PointCloud& cloud, const std::vector<LayerInfo>& layers,
                  const ModelConfig& config);

// A change with its own options behind it: "KEY=VALUE [--layer N|all] [--head N|mean] [--point ID|none]". What they do
// not say is as in `beside`. The change itself is looked at by what_if_of. Raises Error{Config}: an option that is not
// understood, no such point.
WhatIfEntry entry_from(const std::string& text, WhatIfEntry beside, const PointCloud& cloud);
// What entry_from reads back wherever it stands. id: of the entry's point in its file, or -1.
std::string text_of(const WhatIfEntry& entry, std::int64_t id);

// A change in which the word "selection" stands for points, with these ids in its place. Raises Error{Config} where
// there is such a word and no id.
std::string with_selection(const std::string& text, const std::string& ids);

// In words: "head 3 off, layer 5". The text itself where it is not understood.
std::string in_words(const WhatIfEntry& entry);
// Those that are on, one after the other; empty where none is.
std::string in_words(std::span<const WhatIfEntry> entries);
// As the command line takes it: "--layer 5 --what-if head-off=3". id: of the entry's point in its file, or -1.
std::string as_options(const WhatIfEntry& entry, std::int64_t id);

}  // namespace erwin
