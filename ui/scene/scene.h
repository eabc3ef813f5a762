#pragma once
// The picture: points in their colours, the query's ring, the boxes of its ball and of the blocks it selected, legend.
// Window and `render` draw through this one class into whatever VTK window they own.

#include <vtkSmartPointer.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "ui/scene/legend_actors.h"
#include "ui/scene/point_colours.h"
#include "ui/scene/scene_state.h"

class vtkActor;
class vtkPointGaussianMapper;
class vtkPolyData;
class vtkRenderWindow;
class vtkRenderer;

namespace erwin::ui {

class Scene {
public:
  // Adds its renderers to the window; must go before it.
  explicit Scene(vtkRenderWindow& window);
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  // Draws nothing by itself: the window's owner renders. Recomputes colours; positions only for another cloud or frame.
  void update(const SceneData& data, const SceneState& state);
  // The cheap part of update, while the mouse moves.
  void set_camera(const Camera& camera);

  const SceneState& state() const { return state_; }
  const SceneData& data() const { return data_; }
  const PointColours& colours() const { return colours_; }

  // Of a point's disc, in the cloud's unit.
  double disc_radius() const;
  // Row-major, world (relative to the cloud's origin) to clip space of a picture of the state's size.
  std::array<double, 16> world_to_clip() const;
  struct Located {
    double x = 0, y = 0;   // pixel, (0, 0) the top left corner of the picture
    bool inside = false;   // within the picture
    bool visible = false;  // and no disc that is nearer, or about as near, covers its centre
    Rgb colour;            // what was drawn there, where it is visible
  };
  // The point whose disc is drawn at a pixel, (0, 0) the top left corner; -1: none. Linear in the number of points.
  std::int64_t disc_at(double x, double y) const;
  std::vector<Located> locate(const std::vector<std::int64_t>& points) const;

private:
  struct Screen {
    double x, y, depth, radius;  // pixels, but for the depth
  };
  std::vector<Screen> project_all() const;
  void upload_positions();
  void upload_colours();
  void place_marks();

  SceneData data_;
  SceneState state_;
  PointColours colours_;
  double spacing_ = 1;  // suits the cloud: about half the distance between neighbours

  vtkSmartPointer<vtkRenderer> renderer_, front_;  // front_: never hidden by points
  vtkSmartPointer<vtkPolyData> points_, boxes_, ring_;
  vtkSmartPointer<vtkPointGaussianMapper> point_mapper_, ring_mapper_;
  vtkSmartPointer<vtkActor> point_actor_, box_actor_, ring_actor_;
  LegendActors legend_;
};

}  // namespace erwin::ui
