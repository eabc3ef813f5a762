// The program on a published data set in its original form, whole and damaged: info, train, infer, --skip-bad.

#include <nlohmann/json.hpp>

#include "tests/core/dataset/originals/support.h"
#include "tests/support/program.h"

namespace erwin::test {

namespace {

using Json = nlohmann::json;

class SkipBadTest : public testing::Test {
protected:
  void SetUp() override {
    ERWIN_PYTHON_OR_SKIP();
    write_originals("cosmology", root());
    put(path("tiny.toml"),
        "[model]\nkind = 'erwin-nsa'\nwidth = 8\ndepth = 1\nheads = 2\nhead_dim = 4\nball_size = 8\nblock_size = 2\n"
        "selected_blocks = 1\nembedding_channels = 8\nmp_steps = 1\ngraph_k = 2\n");
  }
  fs::path path(const std::string& name) const { return scratch_.path() / name; }
  fs::path root() const { return path("quijote"); }
  void damage(const std::string& shard) const {
    std::string bytes = bytes_of(root() / shard);
    bytes[bytes.size() - 40] ^= 4;  // in the last record's payload
    put(root() / shard, bytes);
  }
  ProgramResult run(const std::vector<std::string>& arguments) const {
    return run_program(arguments, {"XDG_CACHE_HOME=" + path("cache").string()});
  }
  ProgramResult train(std::vector<std::string> more) const {
    std::vector<std::string> all{
        "train", path("tiny.toml").string(), "--data", root().string(), "--steps", "2", "--device", "cpu",
        "--out", path("run").string()};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  }
  ScratchFolder scratch_;
};

}  // namespace

TEST_F(SkipBadTest, AFolderTrainsAndPredictsAtOnce) {
  const ProgramResult info = run({"info", root().string(), "--json"});
  ASSERT_EQ(info.exit_code, 0) << info.err;
  const Json told = Json::parse(info.out);
  EXPECT_EQ(told["samples"].size(), 9U);
  EXPECT_EQ(told["splits"], (Json{{"train", 5}, {"validation", 1}, {"test", 3}}));
  EXPECT_EQ(told["left_out"], Json::array());
  const ProgramResult trained = train({});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const ProgramResult predicted = run({"infer", path("run/checkpoints/last.h5").string(), root().string(), "--json"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  EXPECT_EQ(Json::parse(predicted.out)["samples"].size(), 3U);
}

TEST_F(SkipBadTest, DamageStopsTrainingUnlessItIsSkipped) {
  damage("halos_train_10.tfrecord");
  const ProgramResult stopped = train({"--set", "train.batch=5"});
  EXPECT_EQ(stopped.exit_code, 4);
  EXPECT_NE(stopped.err.find("halos_train_10.tfrecord: record 1"), std::string::npos) << stopped.err;
  fs::remove_all(path("run"));
  const ProgramResult trained = train({"--set", "train.batch=5", "--skip-bad"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_NE(trained.err.find("left out 1: halos_train_10#1"), std::string::npos) << trained.err;
  const Json provenance = Json::parse(bytes_of(path("run/provenance.json")));
  EXPECT_EQ(provenance["training_samples"].size(), 4U);
  ASSERT_EQ(provenance["left_out"].size(), 1U);
  EXPECT_EQ(provenance["left_out"][0]["name"], "halos_train_10#1");
}

TEST_F(SkipBadTest, DamageStopsPredictionUnlessItIsSkipped) {
  ASSERT_EQ(train({}).exit_code, 0);
  damage("halos_test_1.tfrecord");
  const std::string checkpoint = path("run/checkpoints/last.h5").string();
  const ProgramResult stopped = run({"infer", checkpoint, root().string()});
  EXPECT_EQ(stopped.exit_code, 4);
  EXPECT_NE(stopped.err.find("halos_test_1.tfrecord: record 2"), std::string::npos) << stopped.err;
  const ProgramResult predicted = run({"infer", checkpoint, root().string(), "--json", "--skip-bad"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  const Json told = Json::parse(predicted.out);
  EXPECT_EQ(told["samples"].size(), 2U);
  ASSERT_EQ(told["left_out"].size(), 1U);
  EXPECT_EQ(told["left_out"][0]["name"], "halos_test_1#2");
  EXPECT_NE(predicted.err.find("left out 1"), std::string::npos) << predicted.err;
}

}  // namespace erwin::test
