// Ctrl+K, by keys.

#include <QLineEdit>
#include <QTreeWidget>

#include "tests/ui/window_support.h"
#include "ui/window/command_palette.h"

namespace erwin::ui {
namespace {

class Palette : public Window {
protected:
  // Opens it by its key and types; null where it did not open.
  CommandPalette* type(const char* text) {
    // The one before is deleted when the event loop comes round to it.
    if (!QTest::qWaitFor([this] { return !window->findChild<CommandPalette*>("palette"); }, 5000)) return nullptr;
    QTest::keyClick(window.get(), Qt::Key_K, Qt::ControlModifier);
    auto* palette = window->findChild<CommandPalette*>("palette");
    if (palette) QTest::keyClicks(palette->findChild<QLineEdit*>(), text);
    return palette;
  }
  static QTreeWidget* list(CommandPalette* palette) { return palette->findChild<QTreeWidget*>(); }
  static void press(CommandPalette* palette, Qt::Key key) { QTest::keyClick(palette->findChild<QLineEdit*>(), key); }
};

TEST_F(Palette, EnterDoesWhatIsMarked) {
  open_sample();
  CommandPalette* palette = type("finer");
  ASSERT_NE(palette, nullptr);
  EXPECT_TRUE(palette->isVisible());
  EXPECT_EQ(list(palette)->topLevelItem(0)->text(0), "Finer balls");
  EXPECT_EQ(list(palette)->topLevelItem(0)->text(2), "]");
  const int level = window->state().level;
  press(palette, Qt::Key_Return);
  ASSERT_TRUE(QTest::qWaitFor([&] { return window->state().level == level + 1; }, 5000));
  ASSERT_TRUE(QTest::qWaitFor([&] { return !window->findChild<CommandPalette*>("palette"); }, 5000));
}

TEST_F(Palette, ArrowsMoveTheMarkAndEscapeChangesNothing) {
  open_sample();
  const SceneState before = window->state();
  CommandPalette* palette = type("ball");
  ASSERT_NE(palette, nullptr);
  EXPECT_EQ(list(palette)->indexOfTopLevelItem(list(palette)->currentItem()), 0);
  press(palette, Qt::Key_Down);
  EXPECT_EQ(list(palette)->indexOfTopLevelItem(list(palette)->currentItem()), 1);
  press(palette, Qt::Key_Escape);
  ASSERT_TRUE(QTest::qWaitFor([&] { return !window->findChild<CommandPalette*>("palette"); }, 5000));
  EXPECT_EQ(window->state().level, before.level);
  EXPECT_EQ(window->state().colour_by, before.colour_by);
}

TEST_F(Palette, AnOptionIsSetByNameAndValue) {
  open_sample();
  CommandPalette* palette = type("point-size 2.5");
  ASSERT_NE(palette, nullptr);
  EXPECT_EQ(list(palette)->topLevelItem(0)->text(0), "Set point-size to 2.5");
  press(palette, Qt::Key_Return);
  ASSERT_TRUE(QTest::qWaitFor([&] { return window->state().point_size == 2.5; }, 5000));
  QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier);
  EXPECT_EQ(window->state().point_size, 1);
  palette = type("point-size -3");
  ASSERT_NE(palette, nullptr);
  EXPECT_TRUE(list(palette)->topLevelItem(0)->isDisabled());
  press(palette, Qt::Key_Return);
  EXPECT_TRUE(palette->isVisible());
  EXPECT_EQ(window->state().point_size, 1);
}

TEST_F(Palette, NothingThatMatchesIsSaid) {
  CommandPalette* palette = type("xyzzy");
  ASSERT_NE(palette, nullptr);
  ASSERT_EQ(list(palette)->topLevelItemCount(), 1);
  EXPECT_TRUE(list(palette)->topLevelItem(0)->isDisabled());
  press(palette, Qt::Key_Return);
  EXPECT_TRUE(palette->isVisible());
}

}  // namespace
}  // namespace erwin::ui
