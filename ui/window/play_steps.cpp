#include "ui/window/play_steps.h"

#include <cstdio>

namespace erwin::ui {

const std::vector<PlayStep>& play_steps() {
  static const std::vector<PlayStep> steps{
      {"open", "FILE", "open a cloud or a data set; 'open own' the cloud that the program makes itself"},
      {"load", "FILE", "open a checkpoint: it predicts the open cloud at once"},
      {"drop", "FILE", "the same as dropping the file on the window"},
      {"run", "", "predict"},
      {"sample", "NAME", "another sample of the data set"},
      {"query", "ID", "a point by its row in the file; -1: none"},
      {"layer", "N", "attention layer, in order of evaluation from 0"},
      {"head", "N", "query head from 0; -1: mean over the heads"},
      {"branch", "NAME", "all, local, compressed, selected"},
      {"level", "N", "of the tree, 0 is the root"},
      {"frame", "N", "of a trajectory, from 0"},
      {"color", "NAME", "target, prediction, error, balls, attention, or the name of a field"},
      {"theme", "NAME", "dark or light"},
      {"camera", "TEXT", "iso, front, back, left, right, top, bottom; AZIMUTH,ELEVATION; or ten numbers"},
      {"size", "WIDTHxHEIGHT", "of the picture, in logical pixels"},
      {"set", "NAME VALUE", "an option of the picture, by its name in 'render --help'; also device and precision"},
      {"action", "NAME", "an action of the menus, by name"},
      {"key", "KEYS", "press keys, like Ctrl+K, where the keyboard is"},
      {"type", "TEXT", "type letters where the keyboard is"},
      {"click", "X Y", "click into the picture, logical pixels from its top left corner"},
      {"cell", "ROW COLUMN", "rest the mouse on a cell of the matrix panel's window, counted from 0"},
      {"select", "box X0 Y0 X1 Y1|lasso X Y X Y ...|ids IDS|none",
       "select points: with the mouse in the picture, logical pixels; by ids and runs of ids like 3,10-20; none"},
      {"drag", "X0 Y0 X1 Y1",
       "move the selected points, else the query's ball, with the mouse (Alt and Shift held), logical pixels"},
      {"ball", "LEVEL NUMBER", "click on a ball of the panel Icicle: the camera flies there"},
      {"what-if", "KEY=VALUE [--layer N|all] [--head N|mean] [--point ID|none]",
       "a change as 'explain --what-if' takes it, in the shown layer; off N, on N, remove N: of the list, from 0; "
       "clear"},
      {"train", "CONFIG DATA OUT [STEPS]", "start a training run in a process of its own, and watch it"},
      {"watch", "RUN", "watch a run that is there; 'action train-pause' and its like steer it"},
      {"session", "save|open FILE", "what the window shows, as a file (.ewsession), and back"},
      {"undo", "", "take the last change back"},
      {"redo", "", "do it again"},
      {"wait", "idle|MS|run PHASE|step N|probe",
       "until nothing runs, failing where something failed; some milliseconds; until the watched run is running, "
       "paused, "
       "stopped, finished; until it has done N steps; until the picture shows what it sees"},
      {"assert", "WHAT VALUE...", "fail unless: fields NAME...; or a key of 'print selection' has this value"},
      {"time", "STEP", "perform a step and print how long it takes until nothing runs and the picture is complete"},
      {"turn", "N", "turn the camera by N pictures and print the time between them"},
      {"print", "selection|fields|options|run", "one line of JSON on standard output"},
      {"matrix", "FILE", "the matrix panel's window: .png as it looks, .csv its numbers"},
      {"attribution", "FILE", "the attributed prediction ('action attribute') as CSV"},
      {"export", "WHAT FILE",
       "field (.csv, .h5, .vtp), matrix, histogram, loss, attribution, icicle (.svg, .png, .csv), heads (.svg, .csv), "
       "blocks, "
       "missed, points, tree (.csv)"},
      {"screenshot", "FILE", "the picture as PNG"},
      {"grab", "FILE", "the whole window as PNG"},
      {"quit", "", "end"},
  };
  return steps;
}

std::string play_steps_text() {
  std::string text;
  for (const PlayStep& step : play_steps()) {
    char line[200];
    std::snprintf(line, sizeof line, "  %-34s %s\n", (std::string(step.verb) + " " + step.arguments).c_str(),
                  step.help);
    text += line;
  }
  return text;
}

}  // namespace erwin::ui
