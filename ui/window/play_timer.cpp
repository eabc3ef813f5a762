#include "ui/window/play_timer.h"

#include <QTimer>
#include <algorithm>

#include "core/base/error.h"
#include "ui/scene/scene_view.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

PlayTimer::PlayTimer(MainWindow& window) : window_(window) {
  connect(window.view(), &SceneView::painted, this, &PlayTimer::painted);
  connect(window.view(), &SceneView::drawing_changed, this, [this](qint64 drawn, qint64 total) {
    drawn_ = drawn;
    total_ = total;
  });
}

void PlayTimer::painted() {
  if (!running_) return;
  pictures_.push_back(static_cast<double>(clock_.nsecsElapsed()) * 1e-6);
  if (turns_left_ > 0 && --turns_left_ > 0)
    // Not within the painting itself.
    QTimer::singleShot(0, window_.view(), [this] { window_.view()->orbit_by(1, 0); });
}

bool PlayTimer::time(const std::function<void()>& step) {
  if (!running_) {
    pictures_.clear();
    running_ = true;
    clock_.start();
    step();
    return false;
  }
  if (const auto failure = window_.take_failure())
    throw Error(failure->kind, failure->message, failure->detail, failure->hint);
  if (!window_.idle() || !window_.view()->settled()) return false;
  running_ = false;
  report_ = pictures_.empty() ? QJsonObject{{"first_ms", QJsonValue()}, {"ms", QJsonValue()}}
                              : QJsonObject{{"first_ms", pictures_.front()}, {"ms", pictures_.back()}};
  return true;
}

bool PlayTimer::turn(int pictures) {
  if (!running_) {
    pictures_.clear();
    running_ = true;
    turns_left_ = pictures + 1;  // the first one only starts the clock
    clock_.start();
    window_.view()->orbit_by(1, 0);
    return false;
  }
  if (turns_left_ > 0) return false;
  running_ = false;
  std::vector<double> between;
  for (std::size_t i = 1; i < pictures_.size(); ++i) between.push_back(pictures_[i] - pictures_[i - 1]);
  std::sort(between.begin(), between.end());
  report_ = {{"pictures", static_cast<qint64>(between.size())},
             {"median_ms", between[between.size() / 2]},
             {"longest_ms", between.back()},
             {"drawn", drawn_},
             {"total", total_}};
  return true;
}

}  // namespace erwin::ui
