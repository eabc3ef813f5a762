#pragma once
// What is shown as files, for other programs and for print: the window's "Export" and the command `erwinscope export`.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/attention/summary.h"
#include "core/base/job.h"
#include "ui/panels/loss_plot.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

class HistogramPanel;
class IciclePanel;
class MatrixPanel;

struct ShownFile {
  const char *name, *title, *filter;  // "heads", what it is, kinds of files as a file dialogue has them
};
std::span<const ShownFile> shown_files();
// Error{Config} for a name that is none of them, and for a file that is of none of its kinds.
const ShownFile& require_shown_file(const std::string& what, const std::string& path);

// Where they come from; what is null or empty is not shown.
struct ShownThings {
  SceneData data;
  SceneState state;
  std::string sample;  // its name, also as FILE#SAMPLE
  std::shared_ptr<const std::vector<LayerGlance>> heads;
  MatrixPanel* matrix = nullptr;
  HistogramPanel* histogram = nullptr;
  IciclePanel* icicle = nullptr;
  LossPlot* loss = nullptr;
  std::string run;  // whose loss it is
  std::vector<LossPoint> training, validation;
};

// What writes the file, atomically and on any thread; charts are painted by this call. Raises Error{Config} where there
// is nothing to write.
using FileWriter = std::function<void(const Job&)>;
FileWriter file_writer(const ShownThings& things, const std::string& what, const std::string& path);

}  // namespace erwin::ui
