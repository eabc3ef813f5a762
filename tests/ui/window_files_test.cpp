// Sessions in the window: saved, opened, kept by themselves, refused.

#include <QImage>
#include <QPushButton>
#include <QTreeWidget>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/model/checkpoint.h"
#include "core/session/session_file.h"
#include "tests/core/engine/networks.h"
#include "tests/support/example_record.h"
#include "tests/support/shared_data.h"
#include "tests/ui/two_samples.h"
#include "tests/ui/window_support.h"
#include "ui/panels/matrix_panel.h"

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

TEST_F(WindowFiles, TheChangesOfAWhatIfComeBack) {
  const fs::path model = scratch.path() / "small.h5", file = scratch.path() / "one.ewsession";
  save_checkpoint(model, test::untrained(test::small_nsa()));
  look_at_second(write_two_samples(scratch.path() / "data"));
  window->open(text(model));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().prediction);
  window->what_if("head-off=1 --layer 0");
  window->what_if("hide=3-5");
  window->what_if("off 0");
  ASSERT_TRUE(settle());
  const auto changes = window->session().now().what_if;
  ASSERT_EQ(changes.size(), 2U);
  ASSERT_TRUE(window->scene_data().what_if);
  save(file);

  start(Settings());
  reopen(file);
  EXPECT_FALSE(window->take_failure());
  EXPECT_EQ(window->session().now().what_if, changes);
  ASSERT_TRUE(window->scene_data().what_if);
  EXPECT_EQ(window->scene_data().what_if->hidden, (std::vector<std::int64_t>{3, 4, 5}));
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

// A record that a Python script wrote: its cloud, its layers, its rows; nothing of a network.
TEST_F(WindowFiles, ARecordOfAnotherProgramIsExploredReadOnly) {
  const fs::path path = test::write_example_record(scratch.path());
  if (path.empty()) GTEST_SKIP() << test::no_numpy;
  reopen(path);
  ASSERT_FALSE(window->take_failure());
  ASSERT_TRUE(window->model() && window->model()->is_record);
  EXPECT_EQ(window->model()->generator, "record_example.py");
  EXPECT_EQ(window->scene_data().cloud->size(), 200);
  ASSERT_TRUE(window->scene_data().prediction);
  EXPECT_FALSE(window->findChild<QPushButton*>("run")->isEnabled());

  QTest::mouseClick(window->view(), Qt::LeftButton, {}, visible_point().second);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().query);
  const std::int64_t point = window->state().query.point;
  EXPECT_EQ(window->scene_data().query->layer.name, "near");
  auto* top = window->findChild<QTreeWidget*>("top-points");
  ASSERT_EQ(top->topLevelItemCount(), 16);
  EXPECT_EQ(top->topLevelItem(0)->text(0), QString::number(point));  // the nearest point is the point itself
  QTest::keyClick(window->view(), Qt::Key_Period);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().query);
  EXPECT_EQ(window->scene_data().query->layer.name, "everywhere");
  EXPECT_NEAR(window->scene_data().query->row.sum(), 1, 1e-6);
  EXPECT_FALSE(window->scene_data().gates);
  window->colour_by(ColourBy::Field, "entropy");
  ASSERT_TRUE(settle());
  EXPECT_TRUE(window->scene_data().summary);

  // Another cloud is no cloud of the record; undo opens the record again, with its query.
  open_sample();
  EXPECT_FALSE(window->model());
  EXPECT_FALSE(window->take_failure());
  QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->model() && window->model()->is_record);
  EXPECT_EQ(window->state().query.point, point);
  EXPECT_TRUE(window->scene_data().query);

  const fs::path file = scratch.path() / "record.ewsession";
  save(file);
  const Moment before = window->session().now();
  start(Settings());
  reopen(file);
  EXPECT_FALSE(window->take_failure());
  EXPECT_EQ(differences(before, window->session().now()).join(", ").toStdString(), "");
  EXPECT_TRUE(window->scene_data().query);
}

TEST_F(WindowFiles, TheZoomOfTheMatrixComesBackWithItsScaleAndFitsTheTree) {
  const fs::path record = test::write_example_record(scratch.path());
  if (record.empty()) GTEST_SKIP() << test::no_numpy;
  reopen(record);
  window->action("panel-matrix")->trigger();
  ASSERT_TRUE(settle());
  MatrixView& view = *window->matrix_panel()->view();
  const auto whole = view.window();
  view.set_window({50, 20, 40});  // as the wheel does
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->state().matrix.length == 40; }, 5000));
  window->action("matrix-scale")->trigger();
  ASSERT_TRUE(settle());
  const auto zoomed = view.window();
  const fs::path file = scratch.path() / "zoom.ewsession";
  save(file);

  // Undo and redo are the window's, too.
  window->undo();
  EXPECT_TRUE(view.logarithmic());
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(view.window(), whole);
  window->redo();
  EXPECT_EQ(view.window(), zoomed);

  start(Settings());
  reopen(file);
  EXPECT_FALSE(window->take_failure());
  MatrixView& again = *window->matrix_panel()->view();
  ASSERT_TRUE(again.isVisible());
  EXPECT_EQ(again.window(), zoomed);
  EXPECT_FALSE(again.logarithmic());

  // A window of another tree is the whole of this one; one that reaches beyond its end is moved inside.
  window->set_option("matrix-window", "50,20,40,4096");
  EXPECT_EQ(again.window(), whole);
  const std::string slots = std::to_string(static_cast<long long>(whole.length));
  window->set_option("matrix-window", "1000000,0,32," + slots);
  EXPECT_EQ(again.window().row, whole.length - 32);
  EXPECT_THROW(window->set_option("matrix-window", "1,2,3"), Error);
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(WindowFiles, WhatIsShownIsExportedForOtherPrograms) {
  const fs::path record = test::write_example_record(scratch.path());
  if (record.empty()) GTEST_SKIP() << test::no_numpy;
  reopen(record);
  window->set_option("layer", "1");
  window->colour_by(ColourBy::Field, "height");
  window->ask_id(7);
  window->set_option("theme", "dark");
  window->action("panel-heads")->trigger();
  window->action("panel-matrix")->trigger();
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().query);
  const auto write = [&](const char* what, const char* name) {
    const fs::path path = scratch.path() / name;
    window->export_to(what, text(path));
    EXPECT_TRUE(settle());
    EXPECT_FALSE(window->take_failure());
    return path;
  };

  // The field and the row come back from every format as they are shown.
  const Field& height = *window->scene_data().cloud->field("height");
  const Field& attention = *window->scene_data().query->attention;
  for (const char* name : {"field.csv", "field.h5", "field.vtp"}) {
    const PointCloudPtr read = io::open(write("field", name));
    ASSERT_EQ(read->size(), 200) << name;
    for (const Field* field : {&height, &attention}) {
      const Field* back = read->field(field->name());
      ASSERT_TRUE(back) << name << " " << field->name();
      for (std::int64_t point = 0; point < 200; ++point) ASSERT_EQ(back->value(point), field->value(point)) << name;
    }
  }

  // Tables have all rows, and digits enough to be read back.
  const std::string points = text_of(write("points", "points.csv"));
  EXPECT_EQ(count_of(points, "\n"), 201U);
  EXPECT_EQ(count_of(text_of(write("heads", "heads.csv")), "\n"), 9U);  // 2 layers of 4 heads
  EXPECT_EQ(count_of(text_of(write("tree", "tree.csv")), "\n"), 10U);   // 200 slots halve 8 times
  double sum = 0;
  const std::string bars = text_of(write("histogram", "histogram.csv"));
  for (std::size_t at = bars.find('\n'); at + 1 < bars.size(); at = bars.find('\n', at + 1))
    sum += std::stod(bars.substr(bars.rfind(',', bars.find('\n', at + 1)) + 1));
  EXPECT_EQ(sum, 200);

  // On logarithmic colours the bars are of equal ratios.
  window->set_option("log", "on");
  ASSERT_TRUE(settle());
  std::istringstream ratios(text_of(write("histogram", "log.csv")));
  std::vector<double> factors;
  std::string line;
  std::getline(ratios, line);
  for (double from = 0, to = 0; std::getline(ratios, line);) {
    ASSERT_EQ(std::sscanf(line.c_str(), "%lf,%lf", &from, &to), 2);
    factors.push_back(to / from);
  }
  ASSERT_EQ(factors.size(), 64U);
  EXPECT_GT(factors.front(), 1.0);
  for (const double factor : factors) EXPECT_NEAR(factor, factors.front(), 1e-6 * factor);
  window->set_option("log", "auto");
  ASSERT_TRUE(settle());

  // Charts: white whatever the theme, with words as words and the cells as a picture.
  const std::string histogram = text_of(write("histogram", "histogram.svg")),
                    matrix = text_of(write("matrix", "matrix.svg")), heads = text_of(write("heads", "heads.svg"));
  for (const std::string& chart : {histogram, matrix, heads}) {
    EXPECT_TRUE(chart.starts_with("<svg ") && chart.ends_with("</svg>\n"));
    EXPECT_NE(chart.find("fill=\"#ffffff\""), std::string::npos);
    EXPECT_GE(count_of(chart, "<text "), 3U);
  }
  EXPECT_NE(histogram.find("height"), std::string::npos);
  EXPECT_GE(count_of(histogram, "<path "), 20U);
  EXPECT_EQ(count_of(matrix, "data:image/png;base64,"), 2U);  // cells and colours
  const QImage image(text(write("matrix", "matrix.png")));
  ASSERT_FALSE(image.isNull());
  EXPECT_EQ(image.pixelColor(2, 2), QColor(Qt::white));

  for (const auto& [what, name] :
       {std::pair("field", "field.doc"), std::pair("heads", "heads.png"), std::pair("loss", "loss.svg"),
        std::pair("blocks", "blocks.csv"), std::pair("matrix", "matrix.doc"), std::pair("moon", "moon.csv")})
    EXPECT_THROW(window->export_to(what, text(scratch.path() / name)), Error) << what;
  EXPECT_TRUE(window->session().now().look.theme == Theme::Dark);
}

}  // namespace
}  // namespace erwin::ui
