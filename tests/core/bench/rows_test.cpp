// What is made of measured rows: ratios, shares, names.

#include <gtest/gtest.h>

#include "core/bench/bench.h"

namespace erwin::bench {
namespace {

Row row(std::string what, Role role, double launched, double replayed = 0) {
  Row made;
  made.group = "N 8";
  made.what = std::move(what);
  made.pass = "forward";
  made.precision = "bf16";
  made.role = role;
  if (launched > 0) made.launched = summarise({launched});
  if (replayed > 0) made.replayed = summarise({replayed});
  return made;
}

TEST(BenchRows, RatiosAreToTheFastestPeerLaunchedAlike) {
  Row ours = row("ours", Role::Ours, 2, 1);
  ours.aim = 3;
  Row elsewhere = row("flash of another size", Role::Peer, 0.1);
  elsewhere.group = "N 4";
  Row other_pass = row("flash, backward", Role::Peer, 0.1);
  other_pass.pass = "forward + backward";
  Row other_type = row("flash, float32", Role::Peer, 0.1);
  other_type.precision = "float32";
  const std::vector<Row> rows{ours,
                              row("flash", Role::Peer, 8, 7),
                              row("cuDNN", Role::Peer, 10, 5),
                              row("math", Role::Peer, 0),
                              row("part", Role::Other, 0.1),
                              elsewhere,
                              other_pass,
                              other_type};
  const std::vector<Ratio> all = ratios(rows);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].ours, "ours");
  EXPECT_EQ(all[0].peer, "flash");
  EXPECT_EQ(all[0].launched, 4);
  EXPECT_EQ(all[0].replayed, 5) << "as graphs cuDNN is the faster one";
  EXPECT_EQ(all[0].aim, 3);
}

TEST(BenchRows, NoRatioWithoutBoth) {
  EXPECT_TRUE(ratios({row("ours", Role::Ours, 1)}).empty());
  EXPECT_TRUE(ratios({row("ours", Role::Ours, 0), row("flash", Role::Peer, 1)}).empty());
  const std::vector<Ratio> launched = ratios({row("ours", Role::Ours, 1), row("flash", Role::Peer, 2, 1)});
  ASSERT_EQ(launched.size(), 1u);
  EXPECT_EQ(launched[0].replayed, 0) << "ours was not replayed";
}

TEST(BenchRows, TheShareOfTheCeilingIsTheLargerOne) {
  Environment environment;
  environment.exps_per_second = 1000;
  environment.bytes_per_second = 100;
  Row measured = row("ours", Role::Ours, 2000, 1000);  // the better: one second
  measured.exps = 500;
  measured.bytes = 20;
  EXPECT_DOUBLE_EQ(share_of_ceiling(measured, environment).value, 0.5);
  EXPECT_STREQ(share_of_ceiling(measured, environment).of, "exp");
  measured.bytes = 80;
  EXPECT_DOUBLE_EQ(share_of_ceiling(measured, environment).value, 0.8);
  EXPECT_STREQ(share_of_ceiling(measured, environment).of, "bytes");
  EXPECT_EQ(share_of_ceiling(measured, Environment{}).value, 0) << "of a device whose ceilings are not known";
  EXPECT_EQ(share_of_ceiling(row("skipped", Role::Ours, 0), environment).value, 0);
}

TEST(BenchRows, PatternsAreLookedForAnywhereInTheName) {
  const std::string name = row("dense SDPA, flash", Role::Peer, 1).name();
  EXPECT_EQ(name, "N 8 | dense SDPA, flash | forward | bf16");
  EXPECT_TRUE(matches(name, {}));
  EXPECT_TRUE(matches(name, {"flash"}));
  EXPECT_TRUE(matches(name, {"nothing", "N 8 * bf16"}));
  EXPECT_FALSE(matches(name, {"N 8 * float32", "backward"}));
}

}  // namespace
}  // namespace erwin::bench
