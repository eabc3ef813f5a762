#define GL_GLEXT_PROTOTYPES
#include "ui/scene/kept_picture.h"

#include <GL/glcorearb.h>
#include <vtkOpenGLRenderWindow.h>
#include <vtkOpenGLState.h>
#include <vtkViewport.h>

#include <utility>

namespace erwin::ui {

namespace {

const char* const cover_vertex = R"(
void main() { gl_Position = vec4(float(gl_VertexID & 1) * 4.0 - 1.0, float(gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); })";
const char* const copy_fragment = R"(
uniform sampler2D picture;
uniform sampler2D depth;
out vec4 result;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  result = texelFetch(picture, at, 0);
  gl_FragDepth = texelFetch(depth, at, 0).r;
})";

// A texture of the picture's size; copied into from the framebuffer.
void make_texture(unsigned& name, GLint kind, GLenum format, GLenum type, int width, int height) {
  glGenTextures(1, &name);
  glBindTexture(GL_TEXTURE_2D, name);
  glTexImage2D(GL_TEXTURE_2D, 0, kind, width, height, 0, format, type, nullptr);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
}

}  // namespace

KeptPicture::KeptPicture() : copy_(cover_vertex, nullptr, copy_fragment) {}

void KeptPicture::keep(vtkOpenGLRenderWindow& window) {
  const int* size = window.GetSize();
  window.GetState()->vtkglActiveTexture(GL_TEXTURE0);
  if (size[0] != width_ || size[1] != height_ || !colour_) {
    if (colour_) glDeleteTextures(1, &colour_);
    if (depth_) glDeleteTextures(1, &depth_);
    width_ = size[0];
    height_ = size[1];
    make_texture(colour_, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, width_, height_);
    make_texture(depth_, GL_DEPTH_COMPONENT24, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT, width_, height_);
  }
  for (const unsigned texture : {colour_, depth_}) {
    glBindTexture(GL_TEXTURE_2D, texture);
    glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 0, 0, width_, height_);
  }
  glBindTexture(GL_TEXTURE_2D, 0);
}

void KeptPicture::bring_back(vtkOpenGLRenderWindow& window) {
  const int* size = window.GetSize();
  if (!colour_ || size[0] != width_ || size[1] != height_ || !copy_.use(window)) return;
  vtkOpenGLState& state = *window.GetState();
  if (!empty_array_) glGenVertexArrays(1, &empty_array_);
  state.vtkglActiveTexture(GL_TEXTURE1);
  glBindTexture(GL_TEXTURE_2D, depth_);
  state.vtkglActiveTexture(GL_TEXTURE0);
  glBindTexture(GL_TEXTURE_2D, colour_);
  copy_.set("picture", 0);
  copy_.set("depth", 1);
  state.vtkglDepthFunc(GL_ALWAYS);
  glBindVertexArray(empty_array_);
  glDrawArrays(GL_TRIANGLES, 0, 3);
  glBindVertexArray(0);
  glUseProgram(0);
  state.vtkglDepthFunc(GL_LEQUAL);
}

void KeptPicture::release() {
  copy_.release();
  if (colour_) glDeleteTextures(1, &colour_);
  if (depth_) glDeleteTextures(1, &depth_);
  if (empty_array_) glDeleteVertexArrays(1, &empty_array_);
  colour_ = depth_ = empty_array_ = 0;
}

KeepProp* KeepProp::New() {
  auto* made = new KeepProp;
  made->InitializeObjectBase();
  return made;
}

KeepProp::KeepProp() {
  UseBoundsOff();
}

void KeepProp::set_picture(std::shared_ptr<KeptPicture> picture) {
  picture_ = std::move(picture);
}

int KeepProp::RenderOpaqueGeometry(vtkViewport* viewport) {
  if (keep_ && picture_) picture_->keep(gl_window(*viewport));
  return 0;
}

}  // namespace erwin::ui
