#pragma once
// How far the query reaches, in numbers: its rollout after every layer, and the receptive field of its prediction. A
// part of the query panel.

#include <QWidget>
#include <memory>

#include "core/engine/reach_fields.h"

class QLabel;

namespace erwin::ui {

class Table;

class ReachBox : public QWidget {
  Q_OBJECT
public:
  explicit ReachBox(QWidget* parent = nullptr);
  // Null: not asked for; hidden where both are.
  void show_reach(std::shared_ptr<const Reach> rollout, std::shared_ptr<const Reach> receptive);

private:
  void list(const Reach& rollout);

  std::shared_ptr<const Reach> listed_;
  QLabel *rollout_, *receptive_;
  Table* steps_;
};

}  // namespace erwin::ui
