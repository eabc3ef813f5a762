#pragma once
// What stands beside the picture: data and model, the query, an error's banner. They show what they are given and say
// what was chosen; they decide nothing.

#include <QFrame>
#include <QWidget>
#include <memory>

#include "ui/scene/scene_state.h"

class QComboBox;
class QLabel;
class QTreeWidget;

namespace erwin::ui {

class Banner : public QFrame {
  Q_OBJECT
public:
  explicit Banner(QWidget* parent = nullptr);
  void show_failure(const Failure& failure);
  QString text() const;

private:
  QLabel* text_;
};

class DataPanel : public QWidget {
  Q_OBJECT
public:
  explicit DataPanel(QWidget* parent = nullptr);
  void show_all(const OpenedCloud* opened, const ModelInfo* model, const SceneData& shown, const SceneState& state);

Q_SIGNALS:
  void sample_chosen(const QString& name);
  void colour_chosen(int colour_by, const QString& field);

private:
  void fill_colours(const SceneData& shown, const SceneState& state);
  QComboBox *samples_, *colours_;
  QLabel *cloud_, *model_;
};

class QueryPanel : public QWidget {
  Q_OBJECT
public:
  explicit QueryPanel(QWidget* parent = nullptr);
  void show_query(const SceneData& shown, const SceneState& state);

Q_SIGNALS:
  void point_chosen(qint64 point);

private:
  QLabel *head_, *gates_;
  QTreeWidget *blocks_, *top_;
};

}  // namespace erwin::ui
