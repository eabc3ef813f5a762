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
// pixel, however near the eye is. With depth d in [0, 1] between the near plane n and the far plane f, the distance is
// n f / (f - d (f - n)) in perspective: one distance in terms of another is a ratio of `inverse` below. The background
// is as far as can be and darkens nothing. Few operations, since software OpenGL pays for each.
const char* const fragment = R"(
uniform sampler2D depth;
uniform vec4 terms;    // far, far - near, units per depth (parallel) or per ratio (perspective), 1 where parallel
uniform float reach;
out vec4 result;
float behind(ivec2 at, float here) {
  float there = texelFetch(depth, at, 0).r;
  float fall = terms.w > 0.5 ? here - there : 1.0 - (terms.x - here * terms.y) / (terms.x - there * terms.y);
  float x = max(0.0, fall * terms.z - 0.5) * 0.3;
  return x / (1.0 + x);
}
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(depth, 0) - 1;
  float here = texelFetch(depth, at, 0).r;
  if (here >= 1.0) discard;
  int far = int(reach + 0.5), near = int(0.71 * reach + 0.5);
  ivec2 high = min(at + far, last), low = max(at - far, ivec2(0));
  ivec2 up = min(at + near, last), down = max(at - near, ivec2(0));
  float sum = behind(ivec2(high.x, at.y), here) + behind(ivec2(low.x, at.y), here) +
              behind(ivec2(at.x, high.y), here) + behind(ivec2(at.x, low.y), here) +
              behind(up, here) + behind(down, here) +
              behind(ivec2(up.x, down.y), here) + behind(ivec2(down.x, up.y), here);
  result = vec4(vec3(exp(-0.22 * sum)), 1.0);
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
  const double deep = near_far[1] - near_far[0];
  program_.set("terms", static_cast<float>(near_far[1]), static_cast<float>(deep),
               static_cast<float>((parallel ? deep : 1) / (pixel * reach_)), parallel ? 1.0f : 0.0f);
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
