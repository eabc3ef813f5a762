#pragma once
// How long the window takes, for --play: from a step until the picture that follows it is complete, and between the
// pictures of a turning camera.

#include <QElapsedTimer>
#include <QJsonObject>
#include <QObject>
#include <functional>
#include <string>
#include <vector>

namespace erwin::ui {

class MainWindow;

class PlayTimer : public QObject {
public:
  explicit PlayTimer(MainWindow& window);

  // Performs the step at the first call; true once nothing runs and the picture is complete.
  bool time(const std::function<void()>& step);
  // Turns the camera by a degree with every picture; true once so many have been painted.
  bool turn(int pictures);
  // Of what has ended last. time: "first_ms" and "ms" until the first and the last picture. turn: "pictures",
  // "median_ms" and "longest_ms" between two of them, and how many of the cloud's points the last one held.
  const QJsonObject& report() const { return report_; }

private:
  void painted();

  MainWindow& window_;
  QElapsedTimer clock_;
  bool running_ = false;
  int turns_left_ = 0;
  std::vector<double> pictures_;  // milliseconds since the start
  qint64 drawn_ = 0, total_ = 0;
  QJsonObject report_;
};

}  // namespace erwin::ui
