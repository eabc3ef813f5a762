// The matrix by real mouse and keys: what it shows is the core's, and it is tied to the picture both ways.

#include <QFile>
#include <QImage>
#include <QLabel>
#include <QPushButton>
#include <QWheelEvent>
#include <cmath>

#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/matrix_panel.h"

namespace erwin::ui {
namespace {

class Matrix : public Explorer {
protected:
  void SetUp() override {
    Explorer::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    QTest::keyClick(window.get(), Qt::Key_9, Qt::AltModifier);
    ASSERT_TRUE(rest());
    ASSERT_TRUE(view()->isVisible());
    ASSERT_TRUE(panel()->has_matrix());
  }
  MatrixPanel* panel() { return window->matrix_panel(); }
  MatrixView* view() { return panel()->view(); }
  QString caption() { return window->findChild<QLabel*>("matrix-caption")->text(); }
  // The pause after a move of the window, and then the engine.
  bool rest() {
    QTest::qWait(200);
    return settle();
  }
  void wheel(const QPointF& at, int steps) {
    QWheelEvent event(at, view()->mapToGlobal(at), {}, {0, 120 * steps}, Qt::NoButton, Qt::NoModifier,
                      Qt::NoScrollPhase, false);
    QApplication::sendEvent(view(), &event);
  }
  void expect_the_cores_numbers() {
    const AttentionMatrix& shown = *view()->matrix();
    ASSERT_TRUE(shown.complete() && shown.is_exact());
    MatrixRequest request = shown.request;
    request.blocks_per_row = 0;
    const AttentionMatrix direct = attention_matrix(tap(), request);
    ASSERT_EQ(shown.cells.size(), direct.cells.size());
    for (std::size_t i = 0; i < direct.cells.size(); ++i)
      ASSERT_NEAR(shown.cells[i], direct.cells[i], 1e-5 + 1e-4 * direct.cells[i]) << i;
  }
};

TEST_F(Matrix, ShowsBlocksExactlyAndSaysSo) {
  EXPECT_EQ(view()->matrix()->request.rows.cells(), 128);
  EXPECT_TRUE(caption().startsWith("128 x 128 of 128 blocks")) << caption().toStdString();
  EXPECT_TRUE(caption().endsWith("Exact.")) << caption().toStdString();
  EXPECT_TRUE(panel()->caption().contains("mean of 4 heads"));
  expect_the_cores_numbers();
}

TEST_F(Matrix, TheWheelZoomsAboutTheCursorDownToPoints) {
  const MatrixView::Cell about{40, 90};
  const QPointF at = view()->cell_rect(about).center();
  const std::int64_t row_slot = view()->matrix()->request.rows.slot_begin[40];
  for (int i = 0; i < 20; ++i) wheel(at, 1);
  ASSERT_TRUE(rest());
  EXPECT_TRUE(caption().contains("points' slots")) << caption().toStdString();
  const auto cell = view()->cell_at(at);
  ASSERT_TRUE(cell);
  const auto& rows = view()->matrix()->request.rows.slot_begin;
  EXPECT_NEAR(static_cast<double>(rows[static_cast<std::size_t>(cell->row)]), static_cast<double>(row_slot + 16), 16);
  expect_the_cores_numbers();
  const auto zoomed = view()->window();
  QTest::qWait(800);  // what comes now is another step
  QTest::keyClick(window.get(), Qt::Key_M, Qt::ShiftModifier);
  ASSERT_TRUE(rest());
  EXPECT_EQ(view()->window().length, 4096);
  QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier);
  ASSERT_TRUE(rest());
  EXPECT_EQ(view()->window(), zoomed);
  expect_the_cores_numbers();
}

TEST_F(Matrix, ADragMovesItAndSoDoTheArrows) {
  for (int i = 0; i < 6; ++i) wheel(QPointF(view()->rect().center()), 1);
  const auto before = view()->window();
  const QPoint from = view()->rect().center();
  QTest::mousePress(view(), Qt::LeftButton, {}, from);
  for (int i = 1; i <= 5; ++i) QTest::mouseMove(view(), from + QPoint(8 * i, -6 * i));
  QTest::mouseRelease(view(), Qt::LeftButton, {}, from + QPoint(40, -30));
  const auto moved = view()->window();
  EXPECT_LT(moved.column, before.column);
  EXPECT_GT(moved.row, before.row);
  EXPECT_EQ(window->state().query.point, -1);  // a drag is not a click
  QTest::keyClick(view(), Qt::Key_Right);
  EXPECT_NEAR(view()->window().column, moved.column + 0.1 * moved.length, 1e-6);
  QTest::keyClick(view(), Qt::Key_Minus);
  EXPECT_GT(view()->window().length, moved.length);
}

TEST_F(Matrix, ACellUnderTheCursorIsTwoPlacesInThePicture) {
  const MatrixView::Cell cell{30, 100};
  QTest::mouseMove(view(), view()->cell_rect(cell).center().toPoint());
  ASSERT_TRUE(settle());
  const auto& places = window->view()->places();
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(places[1].name, "queries: block 30");
  EXPECT_EQ(places[0].name, "keys: block 100");
  // The box of the queries holds the block's points and no more.
  const LayerTap& layer = tap().require_layer(0);
  const auto positions = window->scene_data().cloud->positions(0);
  float low = HUGE_VALF, high = -HUGE_VALF;
  for (const std::int32_t point : points_of_slots(layer, 30 * 32, 31 * 32)) {
    low = std::min(low, positions[static_cast<std::size_t>(point) * 3]);
    high = std::max(high, positions[static_cast<std::size_t>(point) * 3]);
  }
  EXPECT_EQ(places[1].low[0], low);
  EXPECT_EQ(places[1].high[0], high);
  EXPECT_TRUE(
      window->findChild<QLabel*>("matrix-cell")->text().startsWith(QStringLiteral("block 30 (32 points) → block 100")));
  QTest::mouseMove(window->view(), QPoint(300, 300));
  ASSERT_TRUE(settle());
  EXPECT_TRUE(window->view()->places().empty());
}

TEST_F(Matrix, APointUnderTheCursorInThePictureIsARowAndAColumn) {
  const auto [point, at] = visible_point(60);
  QTest::mouseMove(window->view(), at);
  ASSERT_TRUE(QTest::qWaitFor([this] { return view()->marked_slot() >= 0; }, 5000));
  EXPECT_EQ(view()->marked_slot(), tap().require_layer(0).slot_of_point(point));
}

TEST_F(Matrix, AClickOnACellQueriesAPointOfItsRowAndUndoTakesItBack) {
  QTest::mouseClick(view(), Qt::LeftButton, {}, view()->cell_rect({17, 3}).center().toPoint());
  ASSERT_TRUE(settle());
  const std::int64_t point = window->state().query.point;
  ASSERT_GE(point, 0);
  EXPECT_EQ(tap().require_layer(0).slot_of_point(point) / 32, 17);
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->state().query.point, -1);
}

TEST_F(Matrix, FollowsLayerHeadAndBranch) {
  window->action("layer-next")->trigger();
  window->action("head-next")->trigger();
  window->action("branch-next")->trigger();
  ASSERT_TRUE(rest());
  ASSERT_TRUE(panel()->has_matrix());
  const MatrixRequest& made = view()->matrix()->request;
  EXPECT_EQ(made.layer, 1);
  EXPECT_EQ(made.head, 0);
  EXPECT_EQ(made.branch, Branch::Local);
  expect_the_cores_numbers();
}

TEST_F(Matrix, TheScaleSwitchesAndTheWindowIsWritten) {
  EXPECT_TRUE(view()->logarithmic());
  QTest::keyClick(window.get(), Qt::Key_L, Qt::ShiftModifier);
  EXPECT_FALSE(view()->logarithmic());
  const test::ScratchFolder scratch;
  const QString folder = QString::fromStdString(scratch.path().string());
  window->save_matrix(folder + "/matrix.png");
  const QImage picture(folder + "/matrix.png");
  EXPECT_GT(picture.width(), 200);
  window->save_matrix(folder + "/matrix.csv");
  QFile file(folder + "/matrix.csv");
  ASSERT_TRUE(file.open(QIODevice::ReadOnly));
  const QStringList lines = QString::fromUtf8(file.readAll()).split('\n', Qt::SkipEmptyParts);
  ASSERT_EQ(lines.size(), 3 + 128);
  const QStringList cells = lines[3 + 5].split(',');
  ASSERT_EQ(cells.size(), 4 + 128);
  EXPECT_EQ(cells[0], "160-191");
  EXPECT_NEAR(cells[4 + 9].toDouble(), view()->matrix()->cells[5 * 128 + 9], 1e-7);
  EXPECT_THROW(window->save_matrix(folder + "/matrix.txt"), Error);
}

}  // namespace
}  // namespace erwin::ui
