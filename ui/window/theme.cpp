#include "ui/window/theme.h"

#include <algorithm>
#include <cmath>

namespace erwin::ui {

namespace {

struct Colours {
  QColor window, base, alternate, raised, text, faint, disabled, line, accent, on_accent, focus;
};

const Colours& colours_of(Theme theme) {
  static const Colours dark{QColor(32, 36, 43),    QColor(24, 27, 33),    QColor(29, 33, 40),    QColor(46, 52, 62),
                            QColor(226, 229, 235), QColor(163, 170, 182), QColor(128, 134, 146), QColor(70, 77, 90),
                            QColor(0, 100, 158),   QColor(255, 255, 255), QColor(86, 180, 233)};
  static const Colours light{QColor(238, 239, 241), QColor(255, 255, 255), QColor(246, 247, 248), QColor(250, 250, 251),
                             QColor(28, 31, 36),    QColor(84, 90, 101),   QColor(128, 133, 142), QColor(190, 194, 201),
                             QColor(0, 100, 158),   QColor(255, 255, 255), QColor(0, 100, 158)};
  return theme == Theme::Dark ? dark : light;
}

double luminance(const QColor& colour) {
  const auto linear = [](double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
  return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
}

}  // namespace

QPalette window_palette(Theme theme) {
  const Colours& c = colours_of(theme);
  QPalette palette(c.raised, c.window);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText})
    palette.setColor(role, c.text);
  palette.setColor(QPalette::Window, c.window);
  palette.setColor(QPalette::Base, c.base);
  palette.setColor(QPalette::AlternateBase, c.alternate);
  palette.setColor(QPalette::ToolTipBase, c.raised);
  palette.setColor(QPalette::PlaceholderText, c.faint);
  palette.setColor(QPalette::Highlight, c.accent);
  palette.setColor(QPalette::HighlightedText, c.on_accent);
  palette.setColor(QPalette::Link, c.focus);
  palette.setColor(QPalette::Mid, c.line);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    palette.setColor(QPalette::Disabled, role, c.disabled);
  return palette;
}

QString window_style(Theme theme) {
  const Colours& c = colours_of(theme);
  return QStringLiteral(
             "QAbstractItemView, QPlainTextEdit, QTextBrowser { border: 1px solid %1; border-radius: 3px; }"
             "QAbstractItemView:focus, QPlainTextEdit:focus, QTextBrowser:focus { border: 1px solid %2; }"
             "#pictureFrame { border: 2px solid %3; }"
             "#pictureFrame[focused=\"true\"], #pictureFrame[chosen=\"true\"] { border: 2px solid %2; }"
             "QLabel[role=\"heading\"] { font-weight: 600; }"
             "QLabel[role=\"title\"] { font-weight: 600; font-size: 15pt; }"
             "QLabel[role=\"faint\"] { color: %4; }"
             "QPushButton[role=\"main\"] { background: %5; color: %6; border: 1px solid %5; border-radius: 3px;"
             " padding: 5px 14px; font-weight: 600; }"
             "QPushButton[role=\"main\"]:hover, QPushButton[role=\"main\"]:focus { border: 2px solid %2; }"
             "QPushButton[role=\"main\"]:disabled { background: %7; color: %8; border-color: %1; }"
             "QCommandLinkButton { border: 1px solid %1; border-radius: 4px; background: %7; }"
             "QCommandLinkButton:hover, QCommandLinkButton:focus { border: 1px solid %2; }"
             "QHeaderView::section { padding: 3px 6px; border: none; border-bottom: 1px solid %1; background: %7; }"
             "QCheckBox::indicator, QTreeView::indicator { width: 11px; height: 11px; border: 1px solid %4;"
             " border-radius: 2px; background: %3; }"
             "QCheckBox::indicator:checked, QTreeView::indicator:checked { background: %5; border: 3px solid %4;"
             " width: 7px; height: 7px; }"
             "QTabBar { qproperty-elideMode: 3; qproperty-usesScrollButtons: true; }"  // ElideNone: no title is cut
             "QToolTip { color: %9; background: %7; border: 1px solid %1; padding: 3px; }")
      .arg(c.line.name(), c.focus.name(), c.window.name(), c.faint.name(), c.accent.name(), c.on_accent.name(),
           c.raised.name(), c.disabled.name(), c.text.name());
}

BannerColours banner_colours(Theme theme) {
  if (theme == Theme::Dark) return {QColor(122, 38, 22), QColor(255, 255, 255)};
  return {QColor(252, 226, 220), QColor(110, 24, 8)};
}

double contrast(const QColor& a, const QColor& b) {
  const double first = luminance(a), second = luminance(b);
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

}  // namespace erwin::ui
