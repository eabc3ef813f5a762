#include "ui/window/session_restore.h"

#include <filesystem>

#include "core/base/error.h"
#include "core/base/version.h"
#include "core/model/model.h"
#include "ui/scene/scene_options.h"

namespace erwin::ui {

namespace {

// In the list's order: later ones refine earlier ones. The picture's size is the widget's.
void set_options(const SessionFile& session, SceneState& state, const PointCloud* cloud) {
  for (const SceneOption& option : scene_options())
    if (const auto given = session.picture.find(option.name);
        given != session.picture.end() && option.name != "size" && option.name != "text-scale")
      option.set(state, given->second, cloud);
}

RunSettings run_of(const SessionFile& session) {
  if (session.device.empty() || session.device.size() > 16)
    throw Error(ErrorKind::Config, "this device is not understood", session.device.substr(0, 40));
  return {session.device, precision_from(session.precision)};
}

std::string absolute(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace

SessionRestore read_session(const std::string& path, const Job& job) {
  SessionRestore restore{path, load_session(path), {}, {}};
  const SessionFile& session = restore.session;
  try {
    if (session.sample.empty())
      throw Error(ErrorKind::Format, "this session cannot be opened", "it shows no cloud",
                  "Sessions are the .ewsession files that 'Save session' writes");
    for (const auto& [name, text] : session.picture) {
      SceneState trial;
      set_scene_option(trial, name, text, nullptr);
    }
    run_of(session);
  } catch (const Error& error) {
    throw error.at(path);
  }
  if (!session.data.path.empty()) restore.data = find_place(session.data, path, job);
  if (!session.model.path.empty()) restore.model = find_place(session.model, path, job);
  return restore;
}

Moment moment_of(const SessionRestore& restore, const PointCloud& cloud) {
  SceneState state;
  try {
    set_options(restore.session, state, &cloud);
    if (state.frame >= cloud.frames())
      throw Error(ErrorKind::Config, "there is no such frame", "frame " + std::to_string(state.frame));
  } catch (const Error& error) {
    throw error.at(restore.file);
  }
  Moment moment;
  moment.run = run_of(restore.session);
  moment.selection.dataset = restore.data.path;
  moment.selection.sample = restore.session.sample;
  moment.selection.model = restore.model.path;
  for (const SessionChange& change : restore.session.what_if) {
    const std::int64_t point = change.point < 0 ? -1 : cloud.point_of_row(change.point);
    if (change.point >= 0 && point < 0)
      throw Error(ErrorKind::Config, "there is no point with this id",
                  restore.file + ": what_if, " + std::to_string(change.point));
    moment.what_if.push_back({change.text, change.layer, change.head, point, change.on});
  }
  return moment_of(state, moment);
}

SessionFile session_of(const Moment& moment, const SceneState& drawn, const PointCloud& cloud) {
  SessionFile session;
  session.program = ERWINSCOPE_VERSION;
  session.data.path = absolute(moment.selection.dataset);
  session.sample = moment.selection.sample;
  session.model.path = absolute(moment.selection.model);
  session.device = moment.run.device;
  session.precision = name_of(moment.run.precision);
  for (const WhatIfEntry& entry : moment.what_if)
    session.what_if.push_back(
        {entry.text, entry.layer, entry.head, entry.point < 0 ? -1 : cloud.row_id(entry.point), entry.on});
  const SceneState state = scene_state(moment);
  for (const SceneOption& option : scene_options()) session.picture[option.name] = option.print(state, &cloud);
  for (const char* name : {"size", "text-scale"}) session.picture[name] = print_scene_option(drawn, name, nullptr);
  session.picture["camera"] = to_string(drawn.camera);
  session.picture.erase("target");  // the camera is there already
  return session;
}

}  // namespace erwin::ui
