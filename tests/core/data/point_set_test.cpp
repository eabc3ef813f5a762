// Sets of points as text.

#include "core/data/point_set.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace erwin {
namespace {

TEST(PointSet, IdsAndRunsOfIdsAreRead) {
  EXPECT_EQ(ids_in("3"), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(ids_in("3,10-12,7"), (std::vector<std::int64_t>{3, 10, 11, 12, 7}));
  EXPECT_EQ(ids_in("5-5"), (std::vector<std::int64_t>{5}));
  for (const char* text : {"", ",", "3,", "a", "-", "1-", "-1", "4-2", "1-2-3", "0-999999999999", "1 2", "3.5"})
    EXPECT_THROW(ids_in(text), Error) << text;
}

TEST(PointSet, AndWritten) {
  for (const char* text : {"3", "3,4", "3-5", "0,2-7,9,11,12"}) EXPECT_EQ(text_of_ids(ids_in(text)), text);
  EXPECT_EQ(text_of_ids({}), "");
}

}  // namespace
}  // namespace erwin
