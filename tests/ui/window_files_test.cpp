// Sessions in the window: saved, opened, kept by themselves, refused.

#include <QPushButton>
#include <filesystem>
#include <fstream>

#include "core/session/session_file.h"
#include "tests/support/shared_data.h"
#include "tests/ui/two_samples.h"
#include "tests/ui/window_support.h"

namespace erwin::ui {
namespace {

namespace fs = std::filesystem;

QString text(const fs::path& path) {
  return QString::fromStdString(path.string());
}

class WindowFiles : public Window {
protected:
  // The second sample of a file, looked at in a way of its own.
  void look_at_second(const fs::path& data) {
    window->open(text(data));
    ASSERT_TRUE(settle());
    window->open_sample("two#second");
    ASSERT_TRUE(settle());
    window->colour_by(ColourBy::Field, "height");
    window->set_option("range", "3,250");
    window->set_option("point-size", "2.5");
    window->set_option("theme", "light");
    window->ask_id(17);
    window->set_option("camera", "30,40");
    ASSERT_TRUE(settle());
  }
  void save(const fs::path& path) {
    window->save_session(text(path));
    ASSERT_TRUE(settle());
    ASSERT_TRUE(fs::exists(path));
  }
  void reopen(const fs::path& path) {
    window->open(text(path));
    ASSERT_TRUE(settle());
  }
  test::ScratchFolder scratch;
};

TEST_F(WindowFiles, ASessionComesBackInANewWindowWithAllThatWasShown) {
  look_at_second(write_two_samples(scratch.path() / "data"));
  window->action("panel-log")->trigger();
  const fs::path file = scratch.path() / "one.ewsession";
  save(file);
  const Moment before = window->session().now();
  const Camera camera = window->view()->scene().state().camera;

  start(Settings());
  ASSERT_FALSE(window->scene_data().cloud);
  reopen(file);
  EXPECT_FALSE(window->take_failure());
  EXPECT_EQ(differences(before, window->session().now()).join(", ").toStdString(), "");
  EXPECT_EQ(to_string(window->view()->scene().state().camera), to_string(camera));

  // One step of the history, which undo takes back.
  QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier);
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->idle(); }, 60000));
  EXPECT_FALSE(window->scene_data().cloud);
}

TEST_F(WindowFiles, DataThatMovedBesideTheSessionIsFoundAndDataThatIsNowhereIsAnErrorThatLeavesTheWorkAlone) {
  window->set_unattended(true);
  const fs::path data = write_two_samples(scratch.path() / "a");
  look_at_second(data);
  const fs::path file = scratch.path() / "b" / "one.ewsession";
  fs::create_directories(file.parent_path());
  save(file);
  window->close_cloud();
  fs::rename(data, scratch.path() / "b" / "two.h5");
  reopen(file);
  EXPECT_EQ(window->session().selection().dataset, (scratch.path() / "b" / "two.h5").string());
  EXPECT_EQ(window->session().selection().sample, "two#second");

  open_sample();
  const Moment before = window->session().now();
  fs::remove(scratch.path() / "b" / "two.h5");
  reopen(file);
  const auto failure = window->take_failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::Io);
  EXPECT_NE(failure->detail.find("two.h5"), std::string::npos);
  EXPECT_EQ(differences(before, window->session().now()).join(", ").toStdString(), "");
  EXPECT_TRUE(window->scene_data().cloud);
}

TEST_F(WindowFiles, AHostileSessionIsOneErrorAndLeavesTheWorkAlone) {
  look_at_second(write_two_samples(scratch.path()));
  const fs::path good = scratch.path() / "good.ewsession", bad = scratch.path() / "bad.ewsession";
  save(good);
  const Moment before = window->session().now();
  const auto refused = [&](const std::string& content) {
    std::ofstream(bad, std::ios::binary) << content;
    window->open(text(bad));
    ASSERT_TRUE(settle());
    const auto failure = window->take_failure();
    ASSERT_TRUE(failure) << content.substr(0, 100);
    EXPECT_NE(failure->detail.find("bad.ewsession"), std::string::npos) << failure->detail;
    EXPECT_EQ(differences(before, window->session().now()).join(", ").toStdString(), "");
  };
  std::ifstream in(good);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  refused("");
  refused(whole.substr(0, whole.size() / 2));
  const auto with = [&](const std::function<void(SessionFile&)>& change) {
    SessionFile session = load_session(good);
    change(session);
    return to_text(session, scratch.path());
  };
  refused(with([](SessionFile& s) { s.picture["no-such-option"] = "1"; }));
  refused(with([](SessionFile& s) { s.picture["point-size"] = "-4"; }));
  refused(with([](SessionFile& s) { s.picture["point"] = "300"; }));
  refused(with([](SessionFile& s) { s.picture["frame"] = "5"; }));
  refused(with([](SessionFile& s) { s.picture["camera"] = "1,2,3,4"; }));
  refused(with([](SessionFile& s) { s.precision = "float3"; }));
  refused(with([](SessionFile& s) { s.sample.clear(); }));
  // A layout that is no layout is left out.
  std::ofstream(bad, std::ios::binary) << with([](SessionFile& s) {
    s.layout = "@@@@ no base64";
    s.geometry = "AAAA";
  });
  reopen(bad);
  EXPECT_FALSE(window->take_failure());
}

TEST_F(WindowFiles, WhatIsOpenIsKeptAtExitAndOfferedAtTheNextStart) {
  const Settings settings(text(scratch.path() / "settings" / "window.ini"));
  start(settings);
  look_at_second(write_two_samples(scratch.path()));
  const Moment before = window->session().now();
  window->close();
  ASSERT_TRUE(fs::exists(scratch.path() / "settings" / "last.ewsession"));
  start(settings);
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->findChild<QPushButton*>("last-session") != nullptr; }, 30000));
  QTest::mouseClick(window->findChild<QPushButton*>("last-session"), Qt::LeftButton);
  ASSERT_TRUE(settle());
  EXPECT_EQ(differences(before, window->session().now()).join(", ").toStdString(), "");

  // A window in which nothing was opened keeps nothing, and a broken one is not offered.
  start(settings);
  window->close();
  EXPECT_EQ(load_session(scratch.path() / "settings" / "last.ewsession").sample, "two#second");
  std::ofstream(scratch.path() / "settings" / "last.ewsession") << "{";
  start(settings);
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->findChild<QPushButton*>("sample-0") != nullptr; }, 30000));
  EXPECT_EQ(window->findChild<QPushButton*>("last-session"), nullptr);
  QTest::keyClick(window.get(), Qt::Key_G, Qt::ControlModifier | Qt::AltModifier);
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->idle(); }, 60000));
  EXPECT_TRUE(window->take_failure());
}

}  // namespace
}  // namespace erwin::ui
