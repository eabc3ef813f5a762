#pragma once
// A failure over the picture: what is wrong, and what to do about it.

#include <QFrame>

#include "core/engine/snapshot.h"
#include "ui/scene/scene_state.h"

class QLabel;

namespace erwin::ui {

class Banner : public QFrame {
  Q_OBJECT
public:
  explicit Banner(QWidget* parent = nullptr);
  void show_failure(const Failure& failure);
  void set_theme(Theme theme);
  QString text() const;

private:
  QLabel *message_, *hint_;
};

}  // namespace erwin::ui
