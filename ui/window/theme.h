#pragma once
// The window's colours in both themes; the scene's own are palette_of (ui/scene).

#include <QColor>
#include <QPalette>
#include <QString>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

QPalette window_palette(Theme theme);
// Style sheet for what a palette cannot say: where the keyboard is, headings, the main button.
QString window_style(Theme theme);

struct BannerColours {
  QColor background, text;
};
BannerColours banner_colours(Theme theme);

// Contrast ratio of WCAG 2.1, 1 to 21; text needs 4.5, borders and marks 3.
double contrast(const QColor& a, const QColor& b);

}  // namespace erwin::ui
