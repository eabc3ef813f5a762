#pragma once
// The axis of numbers at the left of a small chart, with round ends (core/base/svg.h).

#include <QFontMetrics>
#include <QPalette>
#include <QRectF>

#include "core/base/svg.h"

class QPainter;

namespace erwin::ui {

// What its numbers need left of the area.
double axis_room(const svg::Axis& axis, const QFontMetrics& metrics);
// Where a value is in the area, from its bottom up.
double height_of(double value, const svg::Axis& axis, const QRectF& area);
// A faint line across the area and a number at every tick; the line of 0 is darker.
void draw_value_axis(QPainter& painter, const svg::Axis& axis, const QRectF& area, const QPalette& palette);

}  // namespace erwin::ui
