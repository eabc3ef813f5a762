#include "ui/window/help_window.h"

#include <QDialogButtonBox>
#include <QTextBrowser>
#include <QVBoxLayout>

#include "ui/scene/scene_options.h"
#include "ui/window/actions.h"

namespace erwin::ui {

namespace {

QString row(const QString& first, const QString& second, const QString& third) {
  return "<tr><td style='padding:2px 14px 2px 0'><b>" + first.toHtmlEscaped() +
         "</b></td><td style='padding:2px 14px 2px 0'>" + second.toHtmlEscaped() + "</td><td style='padding:2px 0'>" +
         third.toHtmlEscaped() + "</td></tr>";
}

}  // namespace

QString help_page() {
  QString page = "<h2>Mouse in the picture</h2><table>";
  page += row("Left drag", "turn", "");
  page += row("Right drag", "zoom", "");
  page += row("Middle drag, Shift + left drag", "move", "");
  page +=
      row("Alt + Shift + left drag", "what if points were elsewhere", "the selection, else the query's ball; Esc: no");
  page += row("Wheel", "zoom", "");
  page += row("Click a point", "query it", "its ball, the blocks it selected, its attention");
  page += "</table>";
  QString menu;
  for (const ActionSpec& action : action_table()) {
    if (menu != action.menu) {
      page += (menu.isEmpty() ? "" : "</table>");
      menu = action.menu;
      page += "<h2>" + menu + "</h2><table>";
    }
    page += row(shortcut_text(action), QString::fromStdString(plain_text(action)), QString::fromUtf8(action.help));
  }
  page +=
      "</table><h2>Options of the picture</h2><p>In the panel Appearance, in the palette (Ctrl+K, then name and "
      "value), and by the same names in <code>erwinscope render</code>.</p><table>";
  for (const SceneOption& option : scene_options())
    page += row(QString::fromStdString(option.name), QString::fromStdString(option.form),
                QString::fromStdString(option.help));
  return page + "</table>";
}

HelpWindow::HelpWindow(QWidget* parent) : QDialog(parent) {
  setObjectName("help");
  setAttribute(Qt::WA_DeleteOnClose);
  setWindowTitle(tr("Keys and actions"));
  auto* layout = new QVBoxLayout(this);
  auto* page = new QTextBrowser;
  page->setHtml(help_page());
  layout->addWidget(page, 1);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  layout->addWidget(buttons);
  resize(720, 620);
}

}  // namespace erwin::ui
