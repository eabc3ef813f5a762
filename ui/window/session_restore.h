#pragma once
// A session file between the moment it was read and the moment the window shows what it says.

#include <string>

#include "core/data/point_cloud.h"
#include "core/session/session_file.h"
#include "ui/window/session.h"

namespace erwin::ui {

struct SessionRestore {
  std::string file;  // the session's own path
  SessionFile session;
  FoundPlace data, model;  // where they lie now
};

// Reads a session and looks for its files. Everything that can be refused without the cloud is refused here: words of
// the picture, device and precision. Reads files: for the I/O thread. Raises Error{Io}, Error{Format}, Error{Config}.
SessionRestore read_session(const std::string& path, const Job& job);

// What the session says, with the cloud that it shows. Raises Error{Config}: a point, a frame or a camera that it
// cannot have.
Moment moment_of(const SessionRestore& restore, const PointCloud& cloud);

// The other way: every option of the picture as text. `drawn`: what the view knows of size and camera.
SessionFile session_of(const Moment& moment, const SceneState& drawn, const PointCloud& cloud);

}  // namespace erwin::ui
