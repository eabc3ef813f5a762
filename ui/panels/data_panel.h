#pragma once
// The cloud, what colours it, and the network: facts, and the choices that go with them.

#include <QWidget>
#include <optional>
#include <vector>

#include "ui/panels/colour_choices.h"

class QComboBox;
class QHBoxLayout;
class QLabel;
class QPushButton;

namespace erwin::ui {

class Facts;
class Table;

class DataPanel : public QWidget {
  Q_OBJECT
public:
  explicit DataPanel(QWidget* parent = nullptr);
  void show_cloud(const OpenedCloud* opened, const SceneData& shown, const SceneState& state);
  void show_model(const ModelInfo* model, const SceneData& shown, const RunSettings& settings,
                  const std::optional<MemoryNeed>& memory, bool busy);

Q_SIGNALS:
  void sample_chosen(const QString& name);
  void colour_chosen(int colour_by, const QString& field);
  void run_settings_chosen(const QString& device, int precision);
  void run_wanted();
  void checkpoint_wanted();

private:
  QWidget* make_colours();
  QHBoxLayout* make_run_buttons();
  QWidget* make_model();
  void fill_colours(const SceneData& shown, const SceneState& state);

  PointCloudPtr listed_;
  std::vector<ColourChoice> choices_;
  QLabel *cloud_name_, *remarks_, *model_name_, *model_hint_;
  QComboBox *samples_, *device_, *precision_;
  Facts *cloud_facts_, *model_facts_;
  QWidget* colour_part_;
  Table* colours_;
  QPushButton *run_, *load_;
};

}  // namespace erwin::ui
