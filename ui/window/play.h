#pragma once
// `gui --play`: a list of named steps that drive the window as a person would, for tests and for repeatable pictures.

#include <QObject>
#include <string>
#include <vector>

#include "core/engine/snapshot.h"

namespace erwin::ui {

class MainWindow;

class Play : public QObject {
  Q_OBJECT
public:
  // One step a line; empty lines and lines that start with # are skipped. Steps:
  //   open FILE, load FILE       a cloud or data set, a checkpoint
  //   run                        predict
  //   query ID                   a point by its row in the file; -1 clears
  //   layer N, head N, branch all|local|compressed|selected, level N
  //   color NAME                 target, prediction, error, balls, attention, or a field's name
  //   theme dark|light, camera TEXT, size WxH (of the scene)
  //   action NAME                any menu action
  //   wait idle                  until both threads rest; fails where one of them failed
  //   screenshot FILE            the scene as PNG;  grab FILE: the whole window
  //   print selection            one line of JSON on stdout
  //   quit
  Play(MainWindow& window, std::vector<std::string> lines);

  // After the application's end: 0, or the exit code of the failure, which has been told on stderr.
  int exit_code() const { return exit_code_; }
  void start();

private:
  void step();
  // True where the step is done, false where it must be tried again.
  bool perform(const std::string& verb, const std::string& rest);
  void fail(const Error& error, const std::string& line);
  void print_selection() const;

  MainWindow& window_;
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
  int exit_code_ = 0;
};

}  // namespace erwin::ui
