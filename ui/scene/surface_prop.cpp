#include "ui/scene/surface_prop.h"

#include <vtkActor.h>
#include <vtkViewport.h>
#include <vtkWindow.h>

#include <cmath>

namespace erwin::ui {

SurfaceProp* SurfaceProp::New() {
  auto* made = new SurfaceProp;
  made->InitializeObjectBase();
  return made;
}

void SurfaceProp::add(vtkActor* pile) {
  piles_.emplace_back(pile);
}

void SurfaceProp::clear() {
  gone_.insert(gone_.end(), piles_.begin(), piles_.end());
  piles_.clear();
}

void SurfaceProp::show_part(double from, double to) {
  from_ = from;
  to_ = to;
}

int SurfaceProp::RenderOpaqueGeometry(vtkViewport* viewport) {
  for (const auto& pile : gone_) pile->ReleaseGraphicsResources(viewport->GetVTKWindow());
  gone_.clear();
  const auto count = static_cast<double>(piles_.size());
  // A pile is drawn in the part that its place begins in, so that all parts together draw each of them once.
  const auto place_of = [&](double share) { return static_cast<std::size_t>(std::ceil(share * count)); };
  int drawn = 0;
  for (std::size_t i = place_of(from_); i < place_of(to_) && i < piles_.size(); ++i)
    drawn += piles_[i]->RenderOpaqueGeometry(viewport);
  return drawn > 0;
}

double* SurfaceProp::GetBounds() {
  return piles_.empty() ? nullptr : piles_.front()->GetBounds();
}

void SurfaceProp::ReleaseGraphicsResources(vtkWindow* window) {
  for (const auto& pile : piles_) pile->ReleaseGraphicsResources(window);
  for (const auto& pile : gone_) pile->ReleaseGraphicsResources(window);
  gone_.clear();
}

}  // namespace erwin::ui
