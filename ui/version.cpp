#include "ui/version.h"

#include <vtkVersion.h>

#include <QtGlobal>

namespace erwin::ui {

std::string qt_version() {
  return qVersion();
}
std::string vtk_version() {
  return vtkVersion::GetVTKVersion();
}

}  // namespace erwin::ui
