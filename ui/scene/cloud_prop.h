#pragma once
// The points themselves: our own OpenGL, because VTK's point mapper maps and uploads everything anew when anything
// changes. Points lie on the card in a fair order, in chunks that are uploaded when they are first drawn, so that the
// first part of a large cloud, or its new colours, is there at once.

#include <vtkProp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "ui/scene/gl_program.h"
#include "ui/scene/point_colours.h"

class vtkRenderer;

namespace erwin::ui {

struct PointLook {
  PointStyle style = PointStyle::Spheres;  // Pixels, Round or Spheres
  double radius = 1;                       // world units, of Round and Spheres
  double pixels = 2;                       // side of a point in Pixels
};

class CloudProp : public vtkProp {
public:
  static CloudProp* New();
  vtkTypeMacro(CloudProp, vtkProp)

      // order: [n] points in a fair order, or null: as they are.
      void set_points(PointCloudPtr cloud, std::int64_t frame, std::shared_ptr<const std::vector<std::int32_t>> order);
  // Borrowed until the next call.
  void set_colours(const PointColours* colours);
  void set_look(const PointLook& look) { look_ = look; }

  // The next renders draw [begin, end) of the order; with begin > 0 on top of what the last render that kept its
  // picture left, and with keep they leave theirs for the next.
  void set_part(std::int64_t begin, std::int64_t end, bool keep);

  int RenderOpaqueGeometry(vtkViewport* viewport) override;
  vtkTypeBool HasTranslucentPolygonalGeometry() override { return 0; }
  double* GetBounds() override { return bounds_.data(); }
  void ReleaseGraphicsResources(vtkWindow* window) override;

protected:
  CloudProp();
  ~CloudProp() override = default;

private:
  struct Chunk {
    unsigned array = 0, positions = 0, colours = 0;  // OpenGL names
    bool positions_fresh = false, colours_fresh = false;
  };
  void draw_chunks(vtkRenderer& renderer, const GlProgram& program);
  void upload(Chunk& chunk, std::int64_t begin, std::int64_t end);
  static void release(Chunk& chunk);
  void keep_picture(vtkOpenGLRenderWindow& window);
  void bring_picture_back(vtkOpenGLRenderWindow& window);

  PointCloudPtr cloud_;
  std::int64_t frame_ = 0, begin_ = 0, end_ = 0;
  bool keep_ = false;
  std::shared_ptr<const std::vector<std::int32_t>> order_;
  const PointColours* colours_ = nullptr;
  PointLook look_;
  std::array<double, 6> bounds_{1, -1, 1, -1, 1, -1};
  std::vector<Chunk> chunks_;
  GlProgram pixels_, round_, spheres_, copy_;
  unsigned kept_colour_ = 0, kept_depth_ = 0, empty_array_ = 0;
  int kept_width_ = 0, kept_height_ = 0;
};

}  // namespace erwin::ui
