#pragma once
// Undo and redo over whole states: small values are kept as they were, so nothing has to know how to take itself back.

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace erwin {

template <typename State>
class History {
public:
  using Clock = std::chrono::steady_clock;
  // Continuous changes of the same kind that follow each other this closely are one step: a slider that is dragged.
  static constexpr std::chrono::milliseconds merge_time{700};
  static constexpr std::size_t limit = 500;  // steps; older ones are forgotten

  explicit History(State start) : steps_{Step{std::move(start), {}, {}}} {}

  const State& now() const { return steps_[at_].state; }
  // A new present; what was undone before is forgotten. `what` names the change to a person and says its kind.
  void push(State next, const std::string& what, bool continuous = false, Clock::time_point time = Clock::now()) {
    steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(at_) + 1, steps_.end());
    Step& present = steps_.back();
    if (continuous && may_merge_ && present.what == what && time - present.time < merge_time) {
      present.state = std::move(next);
      present.time = time;
      return;
    }
    steps_.push_back({std::move(next), what, time});
    if (steps_.size() > limit + 1) steps_.erase(steps_.begin());
    at_ = steps_.size() - 1;
    may_merge_ = continuous;
  }
  // Corrects the present without a step of its own: what could not be chosen, what follows from a choice.
  void amend(State present) { steps_[at_].state = std::move(present); }

  bool can_undo() const { return at_ > 0; }
  bool can_redo() const { return at_ + 1 < steps_.size(); }
  // What undo would take back and redo would do again; empty where there is nothing.
  std::string undo_name() const { return can_undo() ? steps_[at_].what : std::string(); }
  std::string redo_name() const { return can_redo() ? steps_[at_ + 1].what : std::string(); }

  // False, and nothing changes, where there is nothing to take back.
  bool undo() {
    if (!can_undo()) return false;
    --at_;
    may_merge_ = false;
    return true;
  }
  bool redo() {
    if (!can_redo()) return false;
    ++at_;
    may_merge_ = false;
    return true;
  }

private:
  struct Step {
    State state;
    std::string what;  // led here
    Clock::time_point time;
  };
  std::vector<Step> steps_;
  std::size_t at_ = 0;
  bool may_merge_ = false;  // the present is the newest of a row of continuous changes
};

}  // namespace erwin
