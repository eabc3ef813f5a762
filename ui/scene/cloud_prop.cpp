#define GL_GLEXT_PROTOTYPES
#include "ui/scene/cloud_prop.h"

#include <GL/glcorearb.h>
#include <vtkCamera.h>
#include <vtkMatrix4x4.h>
#include <vtkOpenGLRenderWindow.h>
#include <vtkOpenGLState.h>
#include <vtkRenderer.h>

#include <algorithm>
#include <cstring>

namespace erwin::ui {

namespace {

// Small enough that one is drawn within 100 ms by software, large enough that a card is not kept waiting.
constexpr std::int64_t chunk_points = 1 << 16;

// Alpha carries a point's relative size: 128 is 1, 0 is no point at all.
const char* const pixel_vertex = R"(
in vec3 position;
in vec4 colour;
uniform mat4 to_clip;
uniform float side;
flat out vec3 tint;
void main() {
  gl_Position = colour.a == 0.0 ? vec4(2.0, 2.0, 2.0, 1.0) : to_clip * vec4(position, 1.0);
  gl_PointSize = max(1.0, side * colour.a * (255.0 / 128.0));
  tint = colour.rgb;
})";
const char* const pixel_fragment = R"(
flat in vec3 tint;
out vec4 result;
void main() { result = vec4(tint, 1.0); })";

const char* const disc_vertex = R"(
in vec3 position;
in vec4 colour;
uniform mat4 to_view;
uniform float radius;
out vec4 centre;
out vec3 shade;
void main() {
  centre = vec4((to_view * vec4(position, 1.0)).xyz, radius * colour.a * (255.0 / 128.0));
  shade = colour.rgb;
})";
const char* const disc_geometry = R"(
layout(points) in;
layout(triangle_strip, max_vertices = 4) out;
in vec4 centre[];
in vec3 shade[];
uniform mat4 to_clip;
out vec2 offset;
flat out vec3 tint;
flat out vec4 ball;
void main() {
  for (int corner = 0; corner < 4; ++corner) {
    offset = vec2(float(corner & 1) * 2.0 - 1.0, float(corner >> 1) * 2.0 - 1.0);
    tint = shade[0];
    ball = centre[0];
    gl_Position = to_clip * vec4(ball.xy + ball.w * offset, ball.z, 1.0);
    EmitVertex();
  }
  EndPrimitive();
})";
const char* const round_fragment = R"(
in vec2 offset;
flat in vec3 tint;
out vec4 result;
void main() {
  if (dot(offset, offset) > 1.0) discard;
  result = vec4(tint, 1.0);
})";
// The middle of a ball carries the point's exact colour; its surface bulges towards the eye.
const char* const sphere_fragment = R"(
in vec2 offset;
flat in vec3 tint;
flat in vec4 ball;
uniform vec4 depth_terms;
out vec4 result;
void main() {
  float away = dot(offset, offset);
  if (away > 1.0) discard;
  float bulge = sqrt(1.0 - away);
  result = vec4(tint * (away < 0.2 ? 1.0 : 0.55 + 0.45 * bulge / sqrt(0.8)), 1.0);
  float z = ball.z + ball.w * bulge;
  gl_FragDepth = 0.5 + 0.5 * (depth_terms.x * z + depth_terms.y) / (depth_terms.z * z + depth_terms.w);
})";

GlMatrix column_major(const vtkMatrix4x4* matrix) {
  GlMatrix result;
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 4; ++column)
      result[static_cast<std::size_t>(4 * column + row)] = static_cast<float>(matrix->GetElement(row, column));
  return result;
}

}  // namespace

CloudProp* CloudProp::New() {
  auto* made = new CloudProp;
  made->InitializeObjectBase();
  return made;
}

CloudProp::CloudProp()
    : pixels_(pixel_vertex, nullptr, pixel_fragment, {"position", "colour"}),
      round_(disc_vertex, disc_geometry, round_fragment, {"position", "colour"}),
      spheres_(disc_vertex, disc_geometry, sphere_fragment, {"position", "colour"}),
      kept_(std::make_shared<KeptPicture>()) {}

void CloudProp::set_points(PointCloudPtr cloud, std::int64_t frame,
                           std::shared_ptr<const std::vector<std::int32_t>> order,
                           std::shared_ptr<const MovedView> moved) {
  cloud_ = std::move(cloud);
  frame_ = frame;
  order_ = std::move(order);
  moved_ = std::move(moved);
  const Bounds box = cloud_->bounds(frame);
  for (std::size_t k = 0; k < 3; ++k) {
    bounds_[2 * k] = box.minimum[k] - cloud_->origin()[k];
    bounds_[2 * k + 1] = box.maximum[k] - cloud_->origin()[k];
  }
  for (std::size_t i = 0; moved_ && i < moved_->positions.size(); ++i) {
    const auto value = static_cast<double>(moved_->positions[i]);
    bounds_[2 * (i % 3)] = std::min(bounds_[2 * (i % 3)], value);
    bounds_[2 * (i % 3) + 1] = std::max(bounds_[2 * (i % 3) + 1], value);
  }
  for (Chunk& chunk : chunks_) chunk.positions_fresh = chunk.colours_fresh = false;
}

void CloudProp::set_colours(const PointColours* colours) {
  colours_ = colours;
  for (Chunk& chunk : chunks_) chunk.colours_fresh = false;
}

void CloudProp::set_part(std::int64_t begin, std::int64_t end) {
  begin_ = begin;
  end_ = end;
}

int CloudProp::RenderOpaqueGeometry(vtkViewport* viewport) {
  if (!cloud_ || !colours_) return 0;
  auto& renderer = *static_cast<vtkRenderer*>(viewport);
  vtkOpenGLRenderWindow& window = gl_window(*viewport);
  vtkOpenGLState& state = *window.GetState();
  state.vtkglEnable(GL_DEPTH_TEST);
  state.vtkglDepthMask(GL_TRUE);
  state.vtkglDisable(GL_BLEND);
  state.vtkglDisable(GL_CULL_FACE);
  if (begin_ > 0) kept_->bring_back(window);
  if (look_.style != PointStyle::None) draw_points(renderer, window);
  state.vtkglEnable(GL_BLEND);
  return 1;
}

void CloudProp::draw_points(vtkRenderer& renderer, vtkOpenGLRenderWindow& window) {
  GlProgram& program = look_.style == PointStyle::Pixels  ? pixels_
                       : look_.style == PointStyle::Round ? round_
                                                          : spheres_;
  if (program.use(window)) {
    draw_chunks(renderer, program);
    glUseProgram(0);
  }
}

void CloudProp::draw_chunks(vtkRenderer& renderer, const GlProgram& program) {
  vtkCamera& camera = *renderer.GetActiveCamera();
  const double aspect = renderer.GetTiledAspectRatio();
  if (look_.style == PointStyle::Pixels) {
    program.set("to_clip", column_major(camera.GetCompositeProjectionTransformMatrix(aspect, -1, 1)));
    program.set("side", static_cast<float>(look_.pixels));
    glEnable(GL_PROGRAM_POINT_SIZE);
  } else {
    const vtkMatrix4x4* projection = camera.GetProjectionTransformMatrix(aspect, -1, 1);
    program.set("to_clip", column_major(projection));
    program.set("to_view", column_major(camera.GetViewTransformMatrix()));
    program.set("radius", static_cast<float>(look_.radius));
    const auto term = [&](int row, int column) { return static_cast<float>(projection->GetElement(row, column)); };
    program.set("depth_terms", term(2, 2), term(2, 3), term(3, 2), term(3, 3));
  }
  const auto needed = static_cast<std::size_t>((cloud_->size() + chunk_points - 1) / chunk_points);
  for (; chunks_.size() > needed; chunks_.pop_back()) release(chunks_.back());
  chunks_.resize(needed);
  for (std::int64_t first = begin_ / chunk_points * chunk_points; first < end_; first += chunk_points) {
    Chunk& chunk = chunks_[static_cast<std::size_t>(first / chunk_points)];
    upload(chunk, first, std::min(first + chunk_points, cloud_->size()));
    glBindVertexArray(chunk.array);
    const std::int64_t from = std::max(begin_ - first, std::int64_t{0});
    glDrawArrays(GL_POINTS, static_cast<GLint>(from),
                 static_cast<GLsizei>(std::min(end_ - first, chunk_points) - from));
  }
  glBindVertexArray(0);
  glDisable(GL_PROGRAM_POINT_SIZE);
}

void CloudProp::upload(Chunk& chunk, std::int64_t begin, std::int64_t end) {
  const auto count = static_cast<std::size_t>(end - begin);
  const auto point_at = [&](std::size_t i) {
    const auto place = static_cast<std::size_t>(begin) + i;
    return order_ ? static_cast<std::size_t>((*order_)[place]) : place;
  };
  if (!chunk.array) {
    glGenVertexArrays(1, &chunk.array);
    glGenBuffers(1, &chunk.positions);
    glGenBuffers(1, &chunk.colours);
    glBindVertexArray(chunk.array);
    glEnableVertexAttribArray(0);
    glEnableVertexAttribArray(1);
    glBindBuffer(GL_ARRAY_BUFFER, chunk.positions);
    glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0, nullptr);
    glBindBuffer(GL_ARRAY_BUFFER, chunk.colours);
    glVertexAttribPointer(1, 4, GL_UNSIGNED_BYTE, GL_TRUE, 0, nullptr);
  }
  if (!chunk.positions_fresh) {
    const auto positions = moved_ ? std::span<const float>(moved_->positions) : cloud_->positions(frame_);
    std::vector<float> gathered(3 * count);
    for (std::size_t i = 0; i < count; ++i) std::copy_n(&positions[3 * point_at(i)], 3, &gathered[3 * i]);
    glBindBuffer(GL_ARRAY_BUFFER, chunk.positions);
    glBufferData(GL_ARRAY_BUFFER, static_cast<GLsizeiptr>(gathered.size() * sizeof(float)), gathered.data(),
                 GL_STATIC_DRAW);
  }
  if (!chunk.colours_fresh) {
    std::vector<std::uint8_t> gathered(4 * count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t point = point_at(i);
      std::memcpy(&gathered[4 * i], &colours_->rgb[point], 3);
      const float size = colours_->sizes.empty() ? 1.0f : std::clamp(colours_->sizes[point], 0.0f, 1.99f);
      gathered[4 * i + 3] = static_cast<std::uint8_t>(size * 128 + 0.5f);
    }
    glBindBuffer(GL_ARRAY_BUFFER, chunk.colours);
    glBufferData(GL_ARRAY_BUFFER, static_cast<GLsizeiptr>(gathered.size()), gathered.data(), GL_STATIC_DRAW);
  }
  glBindBuffer(GL_ARRAY_BUFFER, 0);
  chunk.positions_fresh = chunk.colours_fresh = true;
}

void CloudProp::release(Chunk& chunk) {
  if (!chunk.array) return;
  glDeleteVertexArrays(1, &chunk.array);
  glDeleteBuffers(1, &chunk.positions);
  glDeleteBuffers(1, &chunk.colours);
}

void CloudProp::ReleaseGraphicsResources(vtkWindow*) {
  for (Chunk& chunk : chunks_) release(chunk);
  chunks_.clear();
  for (GlProgram* program : {&pixels_, &round_, &spheres_}) program->release();
  kept_->release();
}

}  // namespace erwin::ui
