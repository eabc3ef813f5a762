#pragma once
// The window with a cloud and an untrained network, and the same network asked directly.

#include <QFile>
#include <memory>
#include <optional>
#include <vector>

#include "core/model/predict.h"
#include "tests/core/engine/networks.h"
#include "tests/support/shared_data.h"
#include "tests/ui/window_support.h"

namespace erwin::ui {

class Explorer : public Window {
protected:
  void SetUp() override {
    Window::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto path = scratch_.path() / "untrained.h5";
    save_checkpoint(path, test::untrained(test::small_nsa()));
    open_sample();
    window->open(QString::fromStdString(path.string()));
    ASSERT_TRUE(settle());
    ASSERT_TRUE(window->scene_data().prediction);
    direct_.emplace(path);
  }

  // The record of the shown cloud with everything in it, made on this thread.
  const Tap& tap() {
    if (!result_) {
      TapRequest request;
      request.all_layers = true;
      result_ = direct_->run(*window->scene_data().cloud, 0, request);
    }
    return *result_->tap;
  }

  // A file of the window's Export.
  QString exported(const char* what, const char* name) {
    const QString path = QString::fromStdString((scratch_.path() / name).string());
    window->export_to(what, path);
    EXPECT_TRUE(settle());
    EXPECT_FALSE(window->take_failure());
    return path;
  }
  static QByteArray bytes_of(const QString& path) {
    QFile file(path);
    EXPECT_TRUE(file.open(QIODevice::ReadOnly));
    return file.readAll();
  }

private:
  test::ScratchFolder scratch_;
  std::optional<Predictor> direct_;
  std::optional<Predictor::Result> result_;
};

}  // namespace erwin::ui
