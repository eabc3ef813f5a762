#pragma once
// The files of "Export" without a window: panels are made where nobody sees them, shown what they would show, and
// written.

#include <functional>
#include <memory>
#include <string>

#include "core/attention/matrix.h"
#include "core/base/job.h"
#include "ui/panels/icicle_view.h"
#include "ui/panels/shown_files.h"

namespace erwin::ui {

// Writes what `things` (without its panels) shows, an icicle in the colours `balls`; needs no display. matrix: works
// out the part that the state names; may be empty where there is no network. Raises what file_writer and its writer
// raise.
using MatrixMaker = std::function<AttentionMatrix(const MatrixRequest& request)>;
void export_offscreen(ShownThings things, const std::string& what, const std::string& path, const MatrixMaker& matrix,
                      BallColour balls, const Job& job);

}  // namespace erwin::ui
