#pragma once
// Text, bars and lines laid out in pixels over a renderer's picture, (0, 0) the bottom left corner.

#include <vtkSmartPointer.h>

#include <string>
#include <vector>

#include "ui/scene/colour.h"

class vtkProp;
class vtkRenderer;

namespace erwin::ui {

enum class TextSide { Left, Right, Middle };  // which part of the text is at its place

class ScreenActors {
public:
  void attach(vtkRenderer& renderer) { renderer_ = &renderer; }
  void clear();

  void text(const std::string& what, double x, double y, double size, Rgb colour, bool bold = false,
            TextSide side = TextSide::Left);
  // Rows of equal height, from below.
  void rectangle(double x, double y, double width, double height, const std::vector<Rgb>& rows);
  // Bars of equal height from below that end at x and reach to the left, the longest by `width`.
  void bars_to_the_left(double x, double y, double height, double width, const std::vector<double>& lengths,
                        Rgb colour);
  void line(double x0, double y0, double x1, double y1, double width, Rgb colour);

private:
  void add(vtkProp* prop);
  vtkRenderer* renderer_ = nullptr;
  std::vector<vtkSmartPointer<vtkProp>> props_;
};

// About how wide a text is, in pixels.
double text_width(const std::string& text, double size);

}  // namespace erwin::ui
