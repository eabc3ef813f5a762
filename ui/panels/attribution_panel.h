#pragma once
// Why this prediction? The shown layer's first-order share of it by branch and by block, and, block by block, what
// really happens when it is taken away (method 8.4). A row is a block in the picture, and the other way round.

#include <QWidget>
#include <memory>

#include "core/engine/attribution_view.h"
#include "ui/scene/scene_state.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QPushButton;
class QSpinBox;

namespace erwin::ui {

class DeletionPlot;
class Facts;
class Table;

class AttributionPanel : public QWidget {
  Q_OBJECT
public:
  explicit AttributionPanel(QWidget* parent = nullptr);
  void show_attribution(const SceneData& shown, const SceneState& state, bool busy);
  // The block of the layer under the mouse in the picture, or -1.
  void hover_block(std::int64_t block);
  // What the form says beside point and layer.
  AttributionRequest request(const SceneState& state) const;
  // Empty where nothing was worked out.
  QString csv() const;

Q_SIGNALS:
  void wanted();
  void block_marked(int block);
  void block_chosen(int block);  // activated: fly there
  void colour_wanted(const QString& field);

private:
  QWidget* make_form();
  void list();
  void mark(int block);

  std::shared_ptr<const AttributionView> listed_;
  int marked_ = -1;
  std::int64_t hovered_ = -1;
  QLabel *hint_, *branches_title_, *blocks_title_, *curves_title_, *note_;
  QWidget* form_part_;
  QComboBox* knock_out_;
  QCheckBox* all_layers_;
  QSpinBox* component_;
  QPushButton *run_, *copy_, *colour_;
  Table *branches_, *blocks_;
  DeletionPlot* plot_;
};

}  // namespace erwin::ui
