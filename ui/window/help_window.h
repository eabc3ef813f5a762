#pragma once
// F1: keys and actions, made from the table of actions; mouse; options of the picture.

#include <QDialog>
#include <QString>

namespace erwin::ui {

// The page as HTML.
QString help_page();

class HelpWindow : public QDialog {
  Q_OBJECT
public:
  explicit HelpWindow(QWidget* parent);
};

}  // namespace erwin::ui
