#pragma once
// The picture: points in their colours, layers of other things (scene_layer.h), legend. Window and `render` draw
// through this one class into whatever VTK window they own.

#include <vtkSmartPointer.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/tree/pick.h"
#include "ui/scene/legend_actors.h"
#include "ui/scene/prepared_points.h"
#include "ui/scene/scene_layer.h"
#include "ui/scene/scene_state.h"

class vtkRenderWindow;
class vtkRenderer;

namespace erwin::ui {

class CloudProp;
class DepthShadeProp;
class KeepProp;

class Scene {
public:
  // Adds its renderers to the window; must go before it.
  explicit Scene(vtkRenderWindow& window);
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  // Draws nothing by itself: the window's owner renders. `points` was prepared for this data and state, on any thread;
  // null: prepared here.
  void update(const SceneData& data, const SceneState& state, PreparedPointsPtr points = nullptr);
  // The cheap part of update, while the mouse moves.
  void set_camera(const Camera& camera);

  const SceneState& state() const { return state_; }
  const SceneData& data() const { return data_; }
  const PointColours& colours() const { return points_->colours; }
  // Everything the picture explains: that of the points and that of the layers.
  const Legend& legend() const { return legend_; }

  // ---- Large clouds in parts, for views that must answer while they draw ----
  // Points have a fair order (PreparedPoints::order): every prefix is an even subsample of the cloud. Unless told
  // otherwise, every render of the window draws all of them.
  //   while something moves:  set_camera(...); draw_first(k); render           a new picture of the first k points
  //   at rest:                do { draw_more(k); render; } while (!complete())  adds the next k to the picture
  // Each render gives a whole picture (marks, legend) of drawn() points and may be shown, only the first two of a scene
  // lack text; where it took several, depth lighting is one more. draw_more continues only what draw_more drew last:
  // after update, set_camera, draw_first and draw_all it begins with the first k. Drawing the same part again changes
  // nothing.
  void draw_all();
  void draw_first(std::int64_t count);
  void draw_more(std::int64_t count);
  // Points in the picture as of the next render.
  std::int64_t drawn() const { return end_; }
  bool complete() const;

  // What Auto comes to.
  PointStyle style() const;
  // Of a point's disc, in the cloud's unit.
  double disc_radius() const;
  // Row-major, world (relative to the cloud's origin) to clip space of a picture of the state's size.
  std::array<double, 16> world_to_clip() const;
  // The ray through a pixel, (0, 0) the top left corner, `pixels` wide to either side.
  PickRay ray_at(double x, double y, double pixels) const;

  struct Located {
    double x = 0, y = 0;   // pixel, (0, 0) the top left corner of the picture
    bool inside = false;   // within the picture
    bool visible = false;  // and no disc that is nearer, or about as near, covers or shades its centre
    Rgb colour;            // what was drawn there, where it is visible
  };
  // The point whose disc is drawn at a pixel, (0, 0) the top left corner; -1: none. A node's disc stands for the point
  // nearest to its centre. Linear in the number of points and nodes.
  std::int64_t disc_at(double x, double y) const;
  // The same where there are too many points: discs of nodes only.
  std::int64_t node_disc_at(double x, double y) const;
  std::vector<Located> locate(const std::vector<std::int64_t>& points) const;

private:
  struct Screen {
    double x, y, depth, radius, size, pixel;  // radius in pixels; depth, size, a pixel's width in the cloud's unit
  };
  class Projector;
  // A disc that may be the one at a pixel: the nearest so far.
  struct Hit {
    std::int64_t point = -1;
    double depth;
  };
  std::vector<Screen> project_all() const;
  void meet_nodes(double x, double y, Hit& hit) const;
  void take_points(PreparedPointsPtr points, bool moved);
  void set_part();
  void restart();
  SceneMetrics metrics() const;

  SceneData data_;
  SceneState state_;
  PreparedPointsPtr points_;
  Legend legend_;
  double spacing_ = 1;  // suits the cloud: about half the distance between neighbours
  enum class Parts { All, First, More } parts_ = Parts::All;
  std::int64_t begin_ = 0, end_ = 0;
  bool last_ = false;  // of Parts::More: the one that brings depth lighting
  enum class Ready { Nothing, Points, Keeping, All } ready_ = Ready::Nothing;  // whose programs have been made

  vtkSmartPointer<vtkRenderer> renderer_, front_;  // front_: never hidden by points
  vtkSmartPointer<CloudProp> cloud_;
  vtkSmartPointer<KeepProp> keep_;
  vtkSmartPointer<DepthShadeProp> shade_;
  std::vector<std::unique_ptr<SceneLayer>> layers_;
  LegendActors legend_actors_;
};

// What LookTarget::Ball looks at; empty where there is no such ball.
std::vector<std::int32_t> target_points(const SceneData& data, const SceneState& state);

}  // namespace erwin::ui
