#include "core/session/selection.h"

namespace erwin {

std::vector<std::string> differences(const Selection& before, const Selection& after) {
  std::vector<std::string> names;
  const auto compare = [&](const char* name, auto member) {
    if (before.*member != after.*member) names.emplace_back(name);
  };
  compare("dataset", &Selection::dataset);
  compare("sample", &Selection::sample);
  compare("model", &Selection::model);
  compare("frame", &Selection::frame);
  compare("layer", &Selection::layer);
  compare("head", &Selection::head);
  compare("branch", &Selection::branch);
  compare("query", &Selection::query);
  compare("level", &Selection::level);
  compare("selection", &Selection::points);
  return names;
}

}  // namespace erwin
