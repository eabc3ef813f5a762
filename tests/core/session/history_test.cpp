#include "core/session/history.h"

#include <gtest/gtest.h>

#include <string>

#include "core/session/selection.h"

namespace erwin {
namespace {

using Steps = History<int>;
using namespace std::chrono_literals;

// Times far apart, so that nothing merges unless a test says so.
struct Times {
  Steps::Clock::time_point now{};
  Steps::Clock::time_point later(std::chrono::milliseconds by = 10s) { return now += by; }
};

TEST(History, UndoAndRedoWalkTheSamePath) {
  Times times;
  Steps history(1);
  history.push(2, "two", false, times.later());
  history.push(3, "three", false, times.later());
  EXPECT_EQ(history.undo_name(), "three");
  EXPECT_TRUE(history.undo());
  EXPECT_EQ(history.now(), 2);
  EXPECT_EQ(history.undo_name(), "two");
  EXPECT_EQ(history.redo_name(), "three");
  EXPECT_TRUE(history.undo());
  EXPECT_EQ(history.now(), 1);
  EXPECT_FALSE(history.undo());
  EXPECT_EQ(history.now(), 1);
  EXPECT_TRUE(history.redo());
  EXPECT_TRUE(history.redo());
  EXPECT_EQ(history.now(), 3);
  EXPECT_FALSE(history.redo());
  EXPECT_EQ(history.redo_name(), "");
}

TEST(History, AChangeAfterUndoForgetsWhatWasUndone) {
  Times times;
  Steps history(1);
  history.push(2, "two", false, times.later());
  history.push(3, "three", false, times.later());
  history.undo();
  history.push(4, "four", false, times.later());
  EXPECT_FALSE(history.can_redo());
  history.undo();
  EXPECT_EQ(history.now(), 2);
}

TEST(History, ADraggedSliderIsOneStep) {
  Times times;
  Steps history(0);
  history.push(1, "level", true, times.later());
  for (int i = 2; i <= 9; ++i) history.push(i, "level", true, times.later(100ms));
  EXPECT_EQ(history.now(), 9);
  history.push(10, "head", true, times.later(100ms));   // another kind
  history.push(11, "head", true, times.later(2000ms));  // too late
  EXPECT_TRUE(history.undo());
  EXPECT_EQ(history.now(), 10);
  EXPECT_TRUE(history.undo());
  EXPECT_EQ(history.now(), 9);
  EXPECT_TRUE(history.undo());
  EXPECT_EQ(history.now(), 0);
}

TEST(History, KeysPressedQuicklyAreStepsOfTheirOwn) {
  Times times;
  Steps history(0);
  history.push(1, "level", true, times.later());
  history.push(2, "level", false, times.later(50ms));
  history.push(3, "level", false, times.later(50ms));
  history.push(4, "level", true, times.later(50ms));
  for (const int expected : {3, 2, 1, 0}) {
    EXPECT_TRUE(history.undo());
    EXPECT_EQ(history.now(), expected);
  }
}

TEST(History, ChangesAfterUndoDoNotMergeIntoThePast) {
  Times times;
  Steps history(0);
  history.push(1, "level", true, times.later());
  history.push(2, "head", true, times.later());
  history.undo();
  history.push(5, "level", true, times.later(1ms));
  EXPECT_TRUE(history.undo());
  EXPECT_EQ(history.now(), 1);
}

TEST(History, AmendingIsNoStep) {
  Times times;
  Steps history(0);
  history.push(1, "one", false, times.later());
  history.amend(7);
  EXPECT_EQ(history.now(), 7);
  history.undo();
  EXPECT_EQ(history.now(), 0);
  history.redo();
  EXPECT_EQ(history.now(), 7);
}

TEST(History, OldStepsAreForgottenAndTheNewestStay) {
  Times times;
  Steps history(-1);
  const int count = static_cast<int>(Steps::limit) + 50;
  for (int i = 0; i < count; ++i) history.push(i, "step", false, times.later());
  EXPECT_EQ(history.now(), count - 1);
  std::size_t back = 0;
  while (history.undo()) ++back;
  EXPECT_EQ(back, Steps::limit);
  EXPECT_EQ(history.now(), count - 1 - static_cast<int>(Steps::limit));
}

TEST(Selection, DifferencesAreNamed) {
  Selection a, b;
  EXPECT_TRUE(differences(a, b).empty());
  b.layer = 3;
  b.query = 120;
  b.sample = "car";
  EXPECT_EQ(differences(a, b), (std::vector<std::string>{"sample", "layer", "query"}));
  b = a;
  b.dataset = b.model = "x";
  b.frame = b.head = b.level = 9;
  b.branch = Branch::Local;
  EXPECT_EQ(differences(a, b), (std::vector<std::string>{"dataset", "model", "frame", "head", "branch", "level"}));
}

}  // namespace
}  // namespace erwin
