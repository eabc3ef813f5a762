#pragma once
// Heads at a glance as files: a table for other programs, and a chart for print.

#include <string>
#include <vector>

#include "core/attention/summary.h"

namespace erwin {

// A row per head with all digits: layer, name, head, gate_local, gate_compressed, gate_selected, entropy (nats),
// effective_keys, distance (the cloud's unit), memory, agreement, points_asked, points.
std::string heads_csv(const std::vector<LayerGlance>& layers);

// Distance, entropy, gates and agreement over the layers, one panel below the other: a dot per head, from left to right
// in the order of the heads, and a bar at the layer's mean. Gates are those of layers of kind nsa; without such a layer
// their panel is left out. unit: of the distances; empty: the cloud's. Black and colours that the colour-blind tell
// apart, on white. note: what else must be said of the network, half a sentence.
std::string heads_svg(const std::vector<LayerGlance>& layers, const std::string& unit, const std::string& note = {});

}  // namespace erwin
