#define GL_GLEXT_PROTOTYPES
#include "ui/scene/depth_shade_prop.h"

#include <GL/glcorearb.h>
#include <vtkCamera.h>
#include <vtkOpenGLRenderWindow.h>
#include <vtkOpenGLState.h>
#include <vtkRenderer.h>

#include <cmath>

namespace erwin::ui {

namespace {

const char* const vertex = R"(
void main() { gl_Position = vec4(float(gl_VertexID & 1) * 4.0 - 1.0, float(gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); })";

// Depths are compared in units of the pixel's own size at that depth: a plane at 45 degrees falls by one unit per
// pixel, however near the eye is.
const char* const fragment = R"(
uniform sampler2D depth;
uniform vec4 range;   // near, far, pixel size at distance 1 (perspective) or anywhere, 1 where parallel
uniform float reach;
out vec4 result;
float distance_at(ivec2 at) {
  float d = texelFetch(depth, at, 0).r;
  if (d >= 1.0) return -1.0;
  return range.w > 0.5 ? mix(range.x, range.y, d) : range.x * range.y / (range.y - d * (range.y - range.x));
}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(depth, 0) - 1;
  float here = distance_at(at);
  if (here < 0.0) discard;
  float unit = range.z * (range.w > 0.5 ? 1.0 : here) * reach;
  const vec2 around[8] = vec2[8](vec2(1, 0), vec2(-1, 0), vec2(0, 1), vec2(0, -1), vec2(0.71, 0.71),
                                 vec2(-0.71, 0.71), vec2(0.71, -0.71), vec2(-0.71, -0.71));
  float behind = 0.0;
  for (int i = 0; i < 8; ++i) {
    float there = distance_at(clamp(at + ivec2(round(around[i] * reach)), ivec2(0), last));
    if (there > 0.0) behind += 1.0 - exp(-max(0.0, (here - there) / unit - 0.5) * 0.25);
  }
  result = vec4(vec3(exp(-0.3 * behind)), 1.0);
})";

}  // namespace

DepthShadeProp* DepthShadeProp::New() {
  auto* made = new DepthShadeProp;
  made->InitializeObjectBase();
  return made;
}

DepthShadeProp::DepthShadeProp() : program_(vertex, nullptr, fragment) {
  UseBoundsOff();
}

int DepthShadeProp::RenderOverlay(vtkViewport* viewport) {
  auto& renderer = *static_cast<vtkRenderer*>(viewport);
  vtkOpenGLRenderWindow& window = gl_window(*viewport);
  if (!program_.use(window)) return 0;
  vtkOpenGLState& state = *window.GetState();
  const int* size = window.GetSize();
  if (!empty_array_) glGenVertexArrays(1, &empty_array_);
  state.vtkglActiveTexture(GL_TEXTURE0);
  if (!depth_) glGenTextures(1, &depth_);
  glBindTexture(GL_TEXTURE_2D, depth_);
  if (size[0] != width_ || size[1] != height_) {
    width_ = size[0];
    height_ = size[1];
    glTexImage2D(GL_TEXTURE_2D, 0, GL_DEPTH_COMPONENT24, width_, height_, 0, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT,
                 nullptr);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
  }
  glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 0, 0, width_, height_);

  vtkCamera& camera = *renderer.GetActiveCamera();
  double near_far[2];
  camera.GetClippingRange(near_far);
  const bool parallel = camera.GetParallelProjection();
  const double pixel = parallel ? 2 * camera.GetParallelScale() / height_
                                : 2 * std::tan(camera.GetViewAngle() * 0.00872664625997) / height_;
  program_.set("depth", 0);
  program_.set("range", static_cast<float>(near_far[0]), static_cast<float>(near_far[1]), static_cast<float>(pixel),
               parallel ? 1.0f : 0.0f);
  program_.set("reach", static_cast<float>(reach_));
  state.vtkglDisable(GL_DEPTH_TEST);
  state.vtkglDepthMask(GL_FALSE);
  state.vtkglEnable(GL_BLEND);
  state.vtkglBlendFuncSeparate(GL_ZERO, GL_SRC_COLOR, GL_ZERO, GL_ONE);
  glBindVertexArray(empty_array_);
  glDrawArrays(GL_TRIANGLES, 0, 3);
  glBindVertexArray(0);
  glBindTexture(GL_TEXTURE_2D, 0);
  glUseProgram(0);
  state.vtkglBlendFuncSeparate(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA, GL_ONE, GL_ONE_MINUS_SRC_ALPHA);
  state.vtkglDepthMask(GL_TRUE);
  state.vtkglEnable(GL_DEPTH_TEST);
  return 1;
}

void DepthShadeProp::ReleaseGraphicsResources(vtkWindow*) {
  program_.release();
  if (depth_) glDeleteTextures(1, &depth_);
  if (empty_array_) glDeleteVertexArrays(1, &empty_array_);
  depth_ = empty_array_ = 0;
  width_ = height_ = 0;
}

}  // namespace erwin::ui
