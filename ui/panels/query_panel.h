#pragma once
// The queried point: its value, its gates, the blocks it selected, the points it looks at most.

#include <QWidget>

#include "ui/scene/scene_state.h"

class QLabel;
class QLineEdit;

namespace erwin::ui {

class Facts;
class ReachBox;
class ShareBars;
class Table;

class QueryPanel : public QWidget {
  Q_OBJECT
public:
  explicit QueryPanel(QWidget* parent = nullptr);
  void show_query(const SceneData& shown, const SceneState& state);
  // What is said beside another sample; empty: nothing.
  void show_samples(const QString& text, const QString& tip);
  // Brings the keyboard to the field of the point's id.
  void ask_for_point();
  // Everything shown, as text with tabs; empty where nothing is queried.
  QString text() const;

Q_SIGNALS:
  void point_chosen(qint64 point);           // index in the cloud
  void id_typed(qint64 id);                  // row in the file, -1: none
  void block_chosen(int row);                // of the query's blocks
  void block_marked(int block);              // its id
  void what_if_wanted(const QString& text);  // "force-out=12": a change (what_if_entries.h) of the marked block

private:
  void make_block_actions();
  void make_missed_table();
  void fill_missed(const SceneData& shown, const SceneState& state);
  void mark(int block);
  void fill_tables(const SceneData& shown, const SceneState& state);

  std::shared_ptr<const QueryView> listed_;
  std::shared_ptr<const MissedView> listed_missed_;
  Theme listed_theme_ = Theme::Dark;
  int marked_ = -1;
  QLineEdit* id_;
  QString samples_;
  QLabel *hint_, *note_, *received_, *set_, *compared_, *blocks_title_, *missed_title_, *top_title_;
  Facts* facts_;
  ShareBars* shares_;
  ReachBox* reach_;
  Table *blocks_, *missed_, *top_;
};

}  // namespace erwin::ui
