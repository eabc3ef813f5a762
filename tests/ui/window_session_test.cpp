// What the window does with its state: undo and redo, dropped files, the start without files, what it remembers.

#include <QDir>
#include <QDropEvent>
#include <QFile>
#include <QFrame>
#include <QLineEdit>
#include <QMimeData>
#include <QPushButton>
#include <QTreeWidget>
#include <QUrl>
#include <fstream>

#include "tests/support/shared_data.h"
#include "tests/ui/two_samples.h"
#include "tests/ui/window_support.h"

namespace erwin::ui {
namespace {

void drop(QWidget& target, const std::filesystem::path& path) {
  QMimeData content;
  content.setUrls({QUrl::fromLocalFile(QString::fromStdString(path.string()))});
  QDragEnterEvent enter(QPoint(300, 300), Qt::CopyAction, &content, Qt::LeftButton, {});
  QApplication::sendEvent(&target, &enter);
  ASSERT_TRUE(enter.isAccepted());
  QDropEvent event(QPointF(300, 300), Qt::CopyAction, &content, Qt::LeftButton, {});
  QApplication::sendEvent(&target, &event);
}

TEST_F(Window, TheFirstStartOffersSamplesAndOneOfThemOpens) {
  auto* welcome = window->findChild<QFrame*>("welcome");
  ASSERT_NE(welcome, nullptr);
  EXPECT_TRUE(welcome->isVisible());
  // The list is read by a thread and arrives when it does.
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->findChild<QPushButton*>("sample-0") != nullptr; }, 30000));
  QTest::mouseClick(window->findChild<QPushButton*>("sample-0"), Qt::LeftButton);
  ASSERT_TRUE(settle());
  EXPECT_FALSE(welcome->isVisible());
  ASSERT_TRUE(window->scene_data().cloud);
  QTest::keyClick(window.get(), Qt::Key_W, Qt::ControlModifier);
  EXPECT_TRUE(welcome->isVisible());
  EXPECT_FALSE(window->scene_data().cloud);
  QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier);
  ASSERT_TRUE(settle());
  EXPECT_TRUE(window->scene_data().cloud);
}

TEST_F(Window, UndoAndRedoByKeysTakeBackEveryKindOfChange) {
  open_sample();
  const auto undo = [this] { QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier); };
  const auto redo = [this] { QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier); };
  const int level = window->state().level;
  QTest::keyClick(window.get(), Qt::Key_BracketRight);  // level, and colours by balls
  QTest::keyClick(window.get(), Qt::Key_T);
  QTest::keyClick(window.get(), Qt::Key_L);
  QTest::mouseClick(window->view(), Qt::LeftButton, {}, visible_point(5).second);
  ASSERT_TRUE(settle());
  const std::int64_t point = window->state().query.point;
  ASSERT_GE(point, 0);
  undo();
  EXPECT_EQ(window->state().query.point, -1);
  EXPECT_FALSE(window->state().legend);
  undo();
  EXPECT_TRUE(window->state().legend);
  undo();
  EXPECT_EQ(window->state().theme, Theme::Dark);
  EXPECT_EQ(window->state().level, level + 1);
  undo();
  EXPECT_EQ(window->state().level, level);
  EXPECT_EQ(window->state().colour_by, ColourBy::Target);
  for (int i = 0; i < 4; ++i) redo();
  EXPECT_EQ(window->state().level, level + 1);
  EXPECT_EQ(window->state().theme, Theme::Light);
  EXPECT_FALSE(window->state().legend);
  EXPECT_EQ(window->state().query.point, point);
}

TEST_F(Window, UndoOpensTheSampleBefore) {
  const test::ScratchFolder scratch;
  window->open(QString::fromStdString(write_two_samples(scratch.path()).string()));
  ASSERT_TRUE(settle());
  const std::string first = window->session().selection().sample;
  window->ask(7);
  QTest::keyClick(window.get(), Qt::Key_PageDown, Qt::ControlModifier);
  ASSERT_TRUE(settle());
  EXPECT_NE(window->session().selection().sample, first);
  EXPECT_EQ(window->state().query.point, -1);  // a point of the other sample
  EXPECT_NEAR(window->scene_data().cloud->bounds().minimum[2], 1, 1e-5);
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->session().selection().sample, first);
  EXPECT_EQ(window->state().query.point, 7);
  EXPECT_NEAR(window->scene_data().cloud->bounds().minimum[2], 0, 1e-5);
}

TEST_F(Window, UndoOfAFileThatIsGoneIsAFailureAndTheCloudStays) {
  open_sample();
  {
    const test::ScratchFolder scratch;
    window->open(QString::fromStdString(write_two_samples(scratch.path()).string()));
    ASSERT_TRUE(settle());
    window->close_cloud();
    window->open_own_sample();
    ASSERT_TRUE(settle());
  }
  window->undo();  // nothing open
  window->undo();  // the file that is gone
  // Nothing is open: there is no picture to wait for.
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->idle(); }, 30000));
  const auto failure = window->take_failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::Io);
  EXPECT_TRUE(window->session().selection().sample.empty());
}

TEST_F(Window, ADroppedFileOpensAndABrokenOneIsABanner) {
  const test::ScratchFolder scratch;
  drop(*window, write_two_samples(scratch.path()));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().cloud);
  EXPECT_EQ(window->scene_data().cloud->size(), 300);
  std::ofstream(scratch.path() / "broken.ply") << "ply\nformat ascii 1.0\nelement vertex 99999999999\n";
  drop(*window, scratch.path() / "broken.ply");
  ASSERT_TRUE(settle());
  EXPECT_TRUE(window->take_failure());
  EXPECT_TRUE(window->findChild<QFrame*>("banner")->isVisible());
  EXPECT_EQ(window->scene_data().cloud->size(), 300);
}

TEST_F(Window, ThePointsIdCanBeTyped) {
  open_sample();
  QTest::keyClick(window.get(), Qt::Key_G, Qt::ControlModifier);
  auto* line = window->findChild<QLineEdit*>("point-id");
  ASSERT_TRUE(line->hasFocus());
  QTest::keyClicks(line, "1234");
  QTest::keyClick(line, Qt::Key_Return);
  EXPECT_EQ(window->state().query.point, 1234);
  line->selectAll();
  QTest::keyClicks(line, "999999");
  QTest::keyClick(line, Qt::Key_Return);
  EXPECT_TRUE(window->take_failure());
  EXPECT_EQ(window->state().query.point, 1234);
}

TEST_F(Window, TheKeyboardReachesEveryPanelAndLeavesItAgain) {
  open_sample();
  window->view()->setFocus();
  QSet<QString> reached;
  for (int i = 0; i < 200; ++i) {
    const QWidget* focused = QApplication::focusWidget();
    ASSERT_NE(focused, nullptr);
    for (const QWidget* w = focused; w; w = w->parentWidget())
      if (!w->objectName().isEmpty()) reached << w->objectName();
    QTest::keyClick(const_cast<QWidget*>(focused), Qt::Key_Tab);
    if (i > 3 && QApplication::focusWidget() == window->view()) break;
  }
  EXPECT_EQ(QApplication::focusWidget(), window->view()) << "Tab does not come round";
  for (const char* name : {"colours", "device", "precision", "point-id"}) EXPECT_TRUE(reached.contains(name)) << name;
  for (const auto& [key, panel] : {std::pair(Qt::Key_3, "panel-appearance"), std::pair(Qt::Key_4, "panel-tree"),
                                   std::pair(Qt::Key_6, "panel-log")}) {
    QTest::keyClick(window.get(), key, Qt::AltModifier);
    const QWidget* focused = QApplication::focusWidget();
    ASSERT_NE(focused, nullptr);
    EXPECT_TRUE(window->findChild<QWidget*>(panel)->isAncestorOf(focused)) << panel;
  }
  QTest::keyClick(window.get(), Qt::Key_0, Qt::AltModifier);
  EXPECT_EQ(QApplication::focusWidget(), window->view());
}

TEST_F(Window, FlyingToTheQuerysBallNeedsNoNetwork) {
  open_sample();
  window->ask(100);
  ASSERT_TRUE(settle());
  const auto distance = [this] {
    const Camera camera = window->view()->scene().state().camera;
    return std::hypot(camera.position[0] - camera.focus[0], camera.position[1] - camera.focus[1],
                      camera.position[2] - camera.focus[2]);
  };
  const double before = distance();
  QTest::keyClick(window->view(), Qt::Key_G);
  EXPECT_TRUE(QTest::qWaitFor([&] { return distance() < 0.8 * before && window->view()->settled(); }, 10000));
}

TEST_F(Window, PanelsChooseWhatIsShown) {
  open_sample();
  auto* colours = window->findChild<QTreeWidget*>("colours");
  colours->setFocus();
  QTest::keyClick(colours, Qt::Key_Down);
  EXPECT_EQ(window->state().colour_by, ColourBy::Balls);
  QTest::keyClick(window.get(), Qt::Key_4, Qt::AltModifier);
  auto* levels = window->findChild<QTreeWidget*>("levels");
  QTest::keyClick(levels, Qt::Key_Up);
  EXPECT_EQ(window->state().level, 3);
  EXPECT_EQ(levels->topLevelItem(3)->text(1), "8");  // 2^3 balls
}

TEST_F(Window, OptionsAreRememberedAndABrokenFileIsNoTrouble) {
  const test::ScratchFolder scratch;
  const QString file = QString::fromStdString((scratch.path() / "deep" / "window.ini").string());
  start(Settings(file));
  open_sample();
  QTest::keyClick(window.get(), Qt::Key_T);
  window->set_option("point-size", "1.5");
  window->configure({"cpu", Precision::BFloat16});
  window->open(QString::fromStdString(write_two_samples(scratch.path()).string()));
  ASSERT_TRUE(settle());
  window->resize(900, 640);
  window->close();
  start(Settings(file));
  EXPECT_EQ(window->state().theme, Theme::Light);
  EXPECT_EQ(window->state().point_size, 1.5);
  EXPECT_EQ(window->session().now().run, (RunSettings{"cpu", Precision::BFloat16}));
  const Remembered kept = Settings(file).read();
  ASSERT_EQ(kept.recent.size(), 1);
  EXPECT_TRUE(kept.recent.first().endsWith("two.h5"));
  EXPECT_FALSE(window->session().can_undo());  // what was remembered is no step

  window->close();
  QFile broken(file);
  ASSERT_TRUE(broken.open(QIODevice::WriteOnly));
  broken.write("[picture]\npoint-size=-7\ntheme=purple\nlegend=off\n[window\ngeometry=@ByteArray(\\x1\\x2");
  broken.close();
  start(Settings(file));
  EXPECT_EQ(window->state().point_size, 1);
  EXPECT_EQ(window->state().theme, Theme::Dark);
}

}  // namespace
}  // namespace erwin::ui
