#pragma once
// A chart of the window as a file for print: black on white whatever the theme, with its caption above it.

#include <QString>

class QWidget;

namespace erwin::ui {

// By extension: .svg with lines and letters, .png with two pixels a point. Raises Error{Config} for others, Error{Io}.
void write_chart(QWidget& chart, const QString& caption, const QString& path);

}  // namespace erwin::ui
