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
#include "ui/scene/kept_picture.h"
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

      // order: [n] points in a fair order, or null: as they are. moved: where they are instead, or null.
      void set_points(PointCloudPtr cloud, std::int64_t frame, std::shared_ptr<const std::vector<std::int32_t>> order,
                      std::shared_ptr<const MovedView> moved = nullptr);
  // Borrowed until the next call.
  void set_colours(const PointColours* colours);
  void set_look(const PointLook& look) { look_ = look; }

  // The next renders draw [begin, end) of the order; with begin > 0 on top of the kept picture.
  void set_part(std::int64_t begin, std::int64_t end);
  // What a KeepProp behind this one keeps, and this one brings back.
  const std::shared_ptr<KeptPicture>& kept() const { return kept_; }

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
  void draw_points(vtkRenderer& renderer, vtkOpenGLRenderWindow& window);
  void draw_chunks(vtkRenderer& renderer, const GlProgram& program);
  void upload(Chunk& chunk, std::int64_t begin, std::int64_t end);
  static void release(Chunk& chunk);

  PointCloudPtr cloud_;
  std::int64_t frame_ = 0, begin_ = 0, end_ = 0;
  std::shared_ptr<const std::vector<std::int32_t>> order_;
  std::shared_ptr<const MovedView> moved_;
  const PointColours* colours_ = nullptr;
  PointLook look_;
  std::array<double, 6> bounds_{1, -1, 1, -1, 1, -1};
  std::vector<Chunk> chunks_;
  GlProgram pixels_, round_, spheres_;
  std::shared_ptr<KeptPicture> kept_;
};

}  // namespace erwin::ui
