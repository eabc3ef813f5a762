#pragma once
// How the picture is put together: the Scene draws the points itself; everything else is a layer in files of its own,
// listed in scene_layers.cpp.

#include <memory>
#include <vector>

#include "ui/scene/legend.h"
#include "ui/scene/scene_state.h"

class vtkRenderer;

namespace erwin::ui {

struct PreparedPoints;

// Facts about the picture that layers share.
struct SceneMetrics {
  double disc_radius = 1;  // of a point's disc, in the cloud's unit
  double spacing = 1;      // suits the cloud: about half the distance between neighbours, whatever the points' size
  const PreparedPoints* points = nullptr;  // colours, order, marks; valid within the call
};

// Called in this order: attach once; update after every change of data or state; camera_moved after every update and
// every move of the camera; explain after every update.
class SceneLayer {
public:
  virtual ~SceneLayer() = default;

  // Adds the layer's actors, invisible. cloud: hides and is hidden by points; front: drawn after and never hidden by
  // points. Both share one camera.
  virtual void attach(vtkRenderer& cloud, vtkRenderer& front) = 0;
  // data.cloud is not null. Positions are drawn relative to the cloud's origin. Compare pointers to see what is new.
  virtual void update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) = 0;
  // For what keeps its size on the screen. Must be cheap; state.camera is the new one.
  virtual void camera_moved(const SceneState&, const SceneMetrics&) {}
  // After every update and every move of the camera, and before each render. What lies among the points is drawn in
  // parts with them (Scene::draw_more), each on top of the kept picture of those before: the next render adds what lies
  // between these shares of all, 0 to 1. What is no large matter is drawn whole with the first part, where from is 0.
  // Translucent things cannot be kept: they are drawn last, where to is 1.
  virtual void show_part(double, double) {}
  // Adds swatches and notes below those of the points.
  virtual void explain(Legend&) const {}
};

// All layers, in the order in which they are attached.
std::vector<std::unique_ptr<SceneLayer>> make_layers();

// World units that one pixel covers at a place, for marks of a constant size on the screen.
double pixel_size_at(const Vec3& place, const SceneState& state);

}  // namespace erwin::ui
