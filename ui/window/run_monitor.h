#pragma once
// Watches one training run from a thread of its own, only through the run's directory, and says what is new. The run is
// a process of its own: neither side can hurt the other.

#include <QObject>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/mailbox.h"
#include "core/engine/worker.h"
#include "core/train/run_directory.h"
#include "core/train/run_watch.h"
#include "ui/panels/loss_plot.h"

class QTimer;

namespace erwin::ui {

// What there is to know of a run at one moment.
struct RunView {
  std::filesystem::path root;
  bool exists = false;
  RunState state;
  std::int64_t step = 0;
  double rate = 0;           // steps per second, 0: unknown
  double seconds_left = -1;  // negative: unknown
  std::uint64_t memory = 0;  // bytes at the peak
  std::vector<LossPoint> training, validation;
  std::optional<ValidationEntry> best;
  std::optional<ProbeEntry> last_probe;
  std::filesystem::path probe;  // newest probe file, empty: none
  std::int64_t probe_step = -1;
  std::string problem;       // what cannot be read
  std::string start_failed;  // what a process that ended before there was a run has said
};

class RunMonitor : public QObject {
  Q_OBJECT
public:
  explicit RunMonitor(QObject* parent = nullptr);
  ~RunMonitor() override;

  // An empty path: nothing is watched.
  void watch(const std::filesystem::path& run);
  // The same for a run that a process is about to make: it ends early where the run cannot be made, and says why in
  // `log`.
  void watch_start(const std::filesystem::path& run, std::int64_t process, const std::filesystem::path& log);
  const std::filesystem::path& watched() const { return run_; }
  std::shared_ptr<const RunView> view() const { return view_; }

  // Runs that lie directly in a folder, newest first: found() says them.
  void find(const std::filesystem::path& folder);
  // Small files in the run's control/; what fails is a problem of the next view.
  void send(Request request);
  void send(const ProbeRequest& request);

Q_SIGNALS:
  void changed();
  void found(const QStringList& runs);

private:
  struct State;
  void look();
  void steer(std::function<void(const RunLayout&)> what);
  void take();

  std::filesystem::path run_;
  std::shared_ptr<const RunView> view_;
  std::shared_ptr<State> state_;  // of the worker's thread, for the run that is watched
  Mailbox<RunView> mailbox_;
  QTimer* timer_;
  Worker worker_;  // last: its thread uses the mailbox
};

}  // namespace erwin::ui
