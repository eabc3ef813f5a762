#pragma once
// The real window under an X server (Xvfb will do), driven by real mouse and key events: what its tests share.

#include <gtest/gtest.h>

#include <QAction>
#include <QApplication>
#include <QSignalSpy>
#include <QTest>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "ui/scene/scene_view.h"
#include "ui/window/application.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

inline bool display_is_required() {
  const char* value = std::getenv("ERWINSCOPE_REQUIRE_DISPLAY");
  return value && std::string(value) == "1";
}

// Knows which events took long: what every other event waited for.
class TimedApplication : public QApplication {
public:
  using QApplication::QApplication;

  bool notify(QObject* receiver, QEvent* event) override {
    if (depth_ > 0) return QApplication::notify(receiver, event);
    // Both may be gone afterwards.
    const std::string whose = receiver->metaObject()->className();
    const int type = event->type();
    const auto begin = std::chrono::steady_clock::now();
    ++depth_;
    const bool result = QApplication::notify(receiver, event);
    --depth_;
    const auto took = std::chrono::steady_clock::now() - begin;
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    if (milliseconds >= worth_telling_ms)
      long_ += " " + whose + ":" + std::to_string(type) + " " + std::to_string(milliseconds);
    return result;
  }

  // Receivers, types and milliseconds of the events that took some, since the last call.
  std::string take_long_events() { return std::exchange(long_, {}); }

private:
  static constexpr int worth_telling_ms = 3;
  int depth_ = 0;
  std::string long_;
};

// One for the whole program; Qt allows no second one.
inline TimedApplication& application() {
  static int argc = 1;
  static char name[] = "test_window";
  static char* argv[] = {name, nullptr};
  static TimedApplication* const made = [] {
    QSurfaceFormat::setDefaultFormat(SceneView::surface_format());
    return new TimedApplication(argc, argv);
  }();
  return *made;
}

class Window : public testing::Test {
protected:
  void SetUp() override {
    if (!has_display()) {
      if (display_is_required()) FAIL() << "ERWINSCOPE_REQUIRE_DISPLAY=1, but DISPLAY is not set";
      GTEST_SKIP() << "DISPLAY is not set: run under xvfb-run with QT_QPA_PLATFORM=xcb";
    }
    application();
    start(Settings());
  }

  void start(const Settings& settings) {
    window = std::make_unique<MainWindow>(settings);
    window->resize(1100, 700);
    window->show();
    ASSERT_TRUE(QTest::qWaitForWindowExposed(window.get(), 10000));
    QApplication::setActiveWindow(window.get());  // a bare X server has no window manager to do it; shortcuts need it
  }

  // True where the threads came to rest; what they published is then shown and painted.
  bool settle() {
    if (!QTest::qWaitFor([this] { return window->idle(); }, 60000)) return false;
    QSignalSpy painted(window->view(), &SceneView::painted);
    window->view()->update();
    return painted.wait(10000);
  }

  // The program's own cloud, shown.
  void open_sample() {
    window->open_own_sample();
    ASSERT_TRUE(settle());
    ASSERT_TRUE(window->scene_data().cloud);
  }

  // A visible point well inside the picture and not under the strip, in logical pixels.
  std::pair<std::int64_t, QPoint> visible_point(std::size_t skip = 0) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(window->scene_data().cloud->size()));
    std::iota(all.begin(), all.end(), std::int64_t{0});
    const auto located = window->view()->scene().locate(all);
    for (std::size_t i = 0; i < located.size(); ++i) {
      const QPoint at(static_cast<int>(located[i].x), static_cast<int>(located[i].y));
      if (located[i].visible && !window->view()->covered_by_strip(at) && skip-- == 0)
        return {static_cast<std::int64_t>(i), at};
    }
    return {-1, {}};
  }

  std::unique_ptr<MainWindow> window;
};

}  // namespace erwin::ui
