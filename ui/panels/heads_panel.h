#pragma once
// Heads at a glance: a row for every head of every layer, and for the mean of a layer's heads. A row that is chosen is
// the layer and head that everything else shows.

#include <QWidget>
#include <memory>
#include <string>
#include <vector>

#include "core/attention/summary.h"
#include "ui/scene/scene_state.h"

class QLabel;

namespace erwin::ui {

class Table;

class HeadsPanel : public QWidget {
  Q_OBJECT
public:
  using Glances = std::shared_ptr<const std::vector<LayerGlance>>;
  explicit HeadsPanel(QWidget* parent = nullptr);
  // Null glances: nothing is known yet.
  void show_heads(const Glances& glances, const SceneData& shown, const SceneState& state);
  // All rows with tabs.
  QString text() const;

Q_SIGNALS:
  void head_chosen(int layer, int head);  // head -1: their mean

private:
  void list();
  void mark(int layer, int head);
  void tint();

  Glances listed_;
  Theme theme_ = Theme::Dark;
  int marked_layer_ = -1, marked_head_ = -1;
  QLabel* hint_;
  Table* table_;
};

}  // namespace erwin::ui
