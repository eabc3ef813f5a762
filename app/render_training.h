#pragma once
// The row of pictures along a training run: what the network says of one cloud after every kept checkpoint.

#include <functional>
#include <vector>

#include "app/render_picture.h"

namespace erwin::app {

// One picture of a row: what is another in it.
using FilmStep = std::function<void(Shown& shown)>;

// A step for every checkpoint that options.run has kept. Unless shown.state has a range of numbers, it gets the one
// that the colours need over all of them (SharedRange), for which every checkpoint predicts now; what the pictures need
// of that is kept, up to options.keep_mib, above which a line on stderr says that the checkpoints will predict once
// more when they are drawn. options must outlive the steps. Raises what predicting raises.
std::vector<FilmStep> along_training(const RenderOptions& options, Shown& shown);

}  // namespace erwin::app
