#pragma once
// A chart of the window as a file for print: black on white whatever the theme, with its caption above it.

#include <QString>
#include <functional>
#include <string>

#include "core/base/job.h"

class QWidget;

namespace erwin::ui {

// Painted now; what comes back writes it atomically, on any thread (Error{Io}). By extension: .svg with lines and
// letters, .png with two pixels a point. Raises Error{Config} for others.
std::function<void(const Job&)> chart_writer(QWidget& chart, const QString& caption, const std::string& path);

}  // namespace erwin::ui
