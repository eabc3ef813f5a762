#define GL_GLEXT_PROTOTYPES
#include "ui/scene/gl_program.h"

#include <GL/glcorearb.h>
#include <vtkOpenGLRenderWindow.h>
#include <vtkOpenGLShaderCache.h>
#include <vtkRenderer.h>

#include "core/base/log.h"

namespace erwin::ui {

namespace {

// 0 where the driver refuses it.
GLuint compile(GLenum kind, const char* text) {
  const GLuint shader = glCreateShader(kind);
  const char* const parts[] = {"#version 150\n", text};
  glShaderSource(shader, 2, parts, nullptr);
  glCompileShader(shader);
  GLint fine = 0;
  glGetShaderiv(shader, GL_COMPILE_STATUS, &fine);
  if (fine) return shader;
  char message[1000] = "";
  glGetShaderInfoLog(shader, sizeof message, nullptr, message);
  log(LogLevel::Error, std::string("a shader does not compile: ") + message);
  glDeleteShader(shader);
  return 0;
}

}  // namespace

GlProgram::GlProgram(const char* vertex, const char* geometry, const char* fragment, std::array<const char*, 2> inputs)
    : vertex_(vertex), geometry_(geometry), fragment_(fragment), inputs_(inputs) {}

bool GlProgram::build() {
  id_ = glCreateProgram();
  const std::pair<GLenum, const char*> stages[] = {
      {GL_VERTEX_SHADER, vertex_}, {GL_GEOMETRY_SHADER, geometry_}, {GL_FRAGMENT_SHADER, fragment_}};
  for (const auto& [kind, text] : stages) {
    if (!text) continue;
    const GLuint shader = compile(kind, text);
    if (!shader) return false;
    glAttachShader(id_, shader);
    glDeleteShader(shader);  // goes with the program
  }
  for (GLuint i = 0; i < inputs_.size(); ++i)
    if (inputs_[i]) glBindAttribLocation(id_, i, inputs_[i]);
  glLinkProgram(id_);
  GLint fine = 0;
  glGetProgramiv(id_, GL_LINK_STATUS, &fine);
  if (!fine) {
    char message[1000] = "";
    glGetProgramInfoLog(id_, sizeof message, nullptr, message);
    log(LogLevel::Error, std::string("a shader program does not link: ") + message);
  }
  return fine;
}

bool GlProgram::use(vtkOpenGLRenderWindow& window) {
  if (refused_) return false;
  if (!id_ && !build()) {
    refused_ = true;
    return false;
  }
  window.GetShaderCache()->ReleaseCurrentShader();
  glUseProgram(id_);
  return true;
}

void GlProgram::release() {
  if (id_) glDeleteProgram(id_);
  id_ = 0;
  refused_ = false;
}

void GlProgram::set(const char* name, const GlMatrix& value) const {
  glUniformMatrix4fv(glGetUniformLocation(id_, name), 1, GL_FALSE, value.data());
}
void GlProgram::set(const char* name, float value) const {
  glUniform1f(glGetUniformLocation(id_, name), value);
}
void GlProgram::set(const char* name, float x, float y) const {
  glUniform2f(glGetUniformLocation(id_, name), x, y);
}
void GlProgram::set(const char* name, float x, float y, float z, float w) const {
  glUniform4f(glGetUniformLocation(id_, name), x, y, z, w);
}
void GlProgram::set(const char* name, int value) const {
  glUniform1i(glGetUniformLocation(id_, name), value);
}

vtkOpenGLRenderWindow& gl_window(vtkViewport& viewport) {
  return *static_cast<vtkOpenGLRenderWindow*>(viewport.GetVTKWindow());
}

}  // namespace erwin::ui
