#include "ui/window/run_monitor.h"

#include <QTimer>
#include <fstream>
#include <functional>
#include <utility>

#include "core/base/error.h"

namespace erwin::ui {

namespace {

constexpr int look_every_ms = 400;
constexpr std::size_t most_log = 2000;  // letters of a failed start

std::string end_of(const std::filesystem::path& log) {
  std::ifstream file(log, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.size() > most_log ? text.substr(text.size() - most_log) : text;
}

// A process that nobody has waited for yet counts as ended.
bool has_ended(std::int64_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string stat;
  if (!std::getline(file, stat)) return true;
  const std::size_t name_end = stat.rfind(") ");
  return name_end != std::string::npos && name_end + 2 < stat.size() && stat[name_end + 2] == 'Z';
}

}  // namespace

struct RunMonitor::State {
  explicit State(const std::filesystem::path& run) : watch(run) {}
  RunWatch watch;
  std::int64_t process = 0;  // 0: not ours to start
  std::filesystem::path log;
  std::string problem;
  bool first = true;

  RunView view() const;
};

RunView RunMonitor::State::view() const {
  RunView seen;
  seen.root = watch.run().root();
  seen.exists = watch.exists();
  seen.state = watch.state();
  seen.step = watch.step();
  seen.rate = watch.rate();
  seen.seconds_left = watch.seconds_left();
  seen.probe = watch.probe();
  seen.probe_step = watch.probe_step();
  seen.problem = problem.empty() ? watch.problem() : problem;
  const MetricsHistory& metrics = watch.metrics();
  LossCurves curves = loss_curves(metrics);
  seen.training = std::move(curves.training);
  seen.validation = std::move(curves.validation);
  if (!metrics.training().empty()) seen.memory = metrics.training().back().memory;
  if (const ValidationEntry* best = metrics.best()) seen.best = *best;
  if (!metrics.probes().empty()) seen.last_probe = metrics.probes().back();
  if (!seen.exists && process > 0 && has_ended(process)) {
    seen.start_failed = end_of(log);
    if (seen.start_failed.empty()) seen.start_failed = "the training process ended at once and said nothing";
  }
  return seen;
}

RunMonitor::RunMonitor(QObject* parent) : QObject(parent), timer_(new QTimer(this)) {
  timer_->setInterval(look_every_ms);
  connect(timer_, &QTimer::timeout, this, &RunMonitor::look);
  mailbox_.set_listener([this] {
    QMetaObject::invokeMethod(
        this, [this] { take(); }, Qt::QueuedConnection);
  });
}

RunMonitor::~RunMonitor() {
  mailbox_.set_listener({});
}

void RunMonitor::watch(const std::filesystem::path& run) {
  watch_start(run, 0, {});
}

void RunMonitor::watch_start(const std::filesystem::path& run, std::int64_t process, const std::filesystem::path& log) {
  run_ = run;
  view_ = nullptr;
  state_ = run.empty() ? nullptr : std::make_shared<State>(run);
  if (state_) {
    state_->process = process;
    state_->log = log;
    timer_->start();
    look();
  } else {
    timer_->stop();
  }
  Q_EMIT changed();
}

// One look at a time: a slow disk makes them rarer, not longer.
void RunMonitor::look() {
  if (!state_ || !worker_.idle()) return;
  worker_.post([this, state = state_](std::stop_token) {
    const bool news = state->watch.update();
    if (!news && !state->first && (state->watch.exists() || state->process == 0)) return;
    state->first = false;
    mailbox_.put(std::make_shared<RunView>(state->view()));
  });
}

void RunMonitor::take() {
  const auto view = mailbox_.take();
  if (!view || view->root != run_) return;
  view_ = view;
  if (!view_->start_failed.empty()) timer_->stop();
  Q_EMIT changed();
}

void RunMonitor::find(const std::filesystem::path& folder) {
  worker_.post([this, folder](std::stop_token) {
    QStringList runs;
    for (const auto& run : find_runs(folder)) runs << QString::fromStdString(run.string());
    QMetaObject::invokeMethod(
        this, [this, runs] { Q_EMIT found(runs); }, Qt::QueuedConnection);
  });
}

void RunMonitor::send(Request request) {
  steer([request](const RunLayout& run) { erwin::send(run, request); });
}

void RunMonitor::send(const ProbeRequest& request) {
  steer([request](const RunLayout& run) { erwin::send(run, request); });
}

void RunMonitor::steer(std::function<void(const RunLayout&)> what) {
  if (!state_) return;
  worker_.post([state = state_, what = std::move(what)](std::stop_token) {
    try {
      what(state->watch.run());
      state->problem.clear();
    } catch (const Error& error) {
      state->problem = error.what();
    }
    state->first = true;  // the next look tells
  });
}

}  // namespace erwin::ui
