#pragma once
// `gui --play`: named steps (play_steps.h) that drive the window as a person would, for tests and for repeatable
// pictures.

#include <QObject>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/snapshot.h"

class QSocketNotifier;

namespace erwin::ui {

class MainWindow;
class PlayTimer;

class Play : public QObject {
  Q_OBJECT
public:
  // `source` names the lines in errors. Empty lines and lines that start with # are skipped.
  Play(MainWindow& window, const std::string& source);
  ~Play() override;

  // Either a whole list of lines, or a file descriptor that is read as lines come in. Ends the application with the
  // last line, with `quit`, or with the first failure.
  void start(const std::vector<std::string>& lines);
  void start(int descriptor);

  // After the application's end: 0, or the exit code of the failure, which has been told on stderr.
  int exit_code() const { return exit_code_; }

private:
  using Perform = std::function<bool(const std::string& rest)>;  // false: not yet, try again
  void add_state_steps();
  void add_input_steps();
  void add_output_steps();
  void read_more();
  void take_lines(bool all);
  void soon();
  void step();
  void fail(const Error& error);
  void finish(int code);
  bool perform(const std::string& line);
  bool wait_for(const std::string& what);
  void check(const std::string& what);
  void write(const class QJsonObject& object) const;

  MainWindow& window_;
  std::string source_;
  std::map<std::string, Perform> steps_;
  std::deque<std::pair<int, std::string>> lines_;  // with their numbers
  int lines_read_ = 0, exit_code_ = 0;
  std::string unread_;  // a line that has not ended yet
  bool complete_ = false, scheduled_ = false, over_ = false;
  std::int64_t wait_until_ = 0;
  int descriptor_ = -1;
  std::unique_ptr<PlayTimer> timer_;
  QSocketNotifier* notifier_ = nullptr;
};

}  // namespace erwin::ui
