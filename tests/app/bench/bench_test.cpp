// bench attention, ball, model and step on the CPU: what they print and write.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using nlohmann::json;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Bench : public testing::Test {
protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  // Runs `bench NAME --device cpu --quick` with the arguments and gives the JSON; `out` gets what was printed.
  json run(const std::string& name, std::vector<std::string> arguments, std::string* out = nullptr) const {
    std::vector<std::string> all{"bench", name, "--device", "cpu", "--quick", "--json", path("bench.json")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    // One thread: what other tests do on the same cores must not make a moment last minutes.
    const test::ProgramResult result = test::run_program(all, {"OMP_NUM_THREADS=1"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    if (out) *out = result.out;
    return json::parse(text_of(path("bench.json")));
  }

  test::ScratchFolder folder_;
};

void expect_document(const json& document, const std::string& name) {
  EXPECT_EQ(document.at("schema"), 1);
  EXPECT_EQ(document.at("bench"), name);
  EXPECT_FALSE(document.at("date").get<std::string>().empty());
  for (const char* key : {"device", "id", "driver", "torch", "cuda", "cudnn", "threads"})
    EXPECT_TRUE(document.at("environment").contains(key)) << key;
  EXPECT_EQ(document.at("environment").at("id"), "cpu");
  for (const json& row : document.at("rows")) {
    for (const char* key : {"group", "what", "pass", "precision", "role", "shape"})
      EXPECT_TRUE(row.contains(key)) << row.dump();
    EXPECT_TRUE(row.contains("launched_ms") || row.contains("note")) << "measured, or said why not: " << row.dump();
    if (!row.contains("launched_ms")) continue;
    const json& time = row.at("launched_ms");
    EXPECT_GT(time.at("fastest").get<double>(), 0);
    EXPECT_LE(time.at("fastest").get<double>(), time.at("median").get<double>());
    EXPECT_LE(time.at("median").get<double>(), time.at("slowest").get<double>());
    EXPECT_GE(time.at("runs").get<int>(), 2);
    EXPECT_FALSE(row.contains("graph_ms")) << "a CPU has no graphs";
  }
}

std::set<std::string> names_of(const json& document, const std::string& pass) {
  std::set<std::string> names;
  for (const json& row : document.at("rows"))
    if (row.at("pass") == pass) names.insert(row.at("what").get<std::string>());
  return names;
}

TEST_F(Bench, AttentionMeasuresOursItsPartsAndTheDensePeer) {
  std::string out;
  const json document = run("attention", {"--points", "512"}, &out);
  expect_document(document, "attention");
  const std::set<std::string> both = names_of(document, "forward + backward"), forward = names_of(document, "forward");
  for (const char* what : {"ours", "ours without our kernels (ATen)", "dense SDPA, default", "part: compressed",
                           "part: selected", "part: local", "part: gate merge", "part: phi (pool), not in ours"}) {
    EXPECT_TRUE(forward.contains(what)) << what;
    EXPECT_TRUE(both.contains(what)) << what;
    EXPECT_NE(out.find(what), std::string::npos) << out;
  }
  for (const char* what : {"part: mean queries", "part: scores and selection"}) {
    EXPECT_TRUE(forward.contains(what)) << what;
    EXPECT_FALSE(both.contains(what)) << "it has no gradient";
  }
  ASSERT_EQ(document.at("ratios").size(), 2u);
  std::map<std::string, double> median;
  for (const json& row : document.at("rows"))
    if (row.at("pass") == "forward") median[row.at("what")] = row.at("launched_ms").at("median");
  for (const json& ratio : document.at("ratios")) {
    EXPECT_EQ(ratio.at("peer"), "dense SDPA, default");
    if (ratio.at("pass") == "forward") {
      EXPECT_DOUBLE_EQ(ratio.at("launched"), median.at("dense SDPA, default") / median.at("ours"));
    }
  }
}

// 16 blocks of 32, those of the own ball of 256 left out: 8 stay of the 16 that could be selected.
TEST_F(Bench, AttentionCountsExponentials) {
  const json document = run("attention", {"--points", "512", "--rows", "forward |"});
  std::map<std::string, double> exps;
  for (const json& row : document.at("rows")) {
    EXPECT_EQ(row.at("pass"), "forward") << "--rows leaves out the others";
    if (row.contains("exps")) exps[row.at("what")] = row.at("exps");
  }
  EXPECT_EQ(exps.at("dense SDPA, default"), 16.0 * 512 * 512);
  EXPECT_EQ(exps.at("part: compressed"), 16.0 * 512 * 17);
  EXPECT_EQ(exps.at("part: selected"), 16.0 * 512 * 8 * 32);
  EXPECT_EQ(exps.at("part: local"), 16.0 * 512 * 256);
  EXPECT_EQ(exps.at("ours"), 16.0 * 512 * (17 + 256 + 256));
}

TEST_F(Bench, BallMeasuresThePeersWithoutAndWithABias) {
  std::string out;
  const json document = run("ball", {"--points", "512"}, &out);
  expect_document(document, "ball");
  for (const char* pass : {"forward", "forward + backward"})
    for (const char* what : {"ours, distance bias", "ours without our kernels (ATen)", "batched SDPA, default",
                             "batched SDPA, dense bias, default"})
      EXPECT_TRUE(names_of(document, pass).contains(what)) << what;
  ASSERT_EQ(document.at("ratios").size(), 2u);
  EXPECT_EQ(document.at("ratios")[0].at("peer"), "batched SDPA, default") << "the aim is to match it without a bias";
  EXPECT_NE(out.find("fastest peer's time over ours"), std::string::npos) << out;
}

TEST_F(Bench, StepDrawsTheCurve) {
  const json document = run("step", {"--points", "300,600", "--csv", path("curve.csv")});
  expect_document(document, "step");
  EXPECT_EQ(names_of(document, "step"), (std::set<std::string>{"erwin", "erwin-nsa", "full"}));
  EXPECT_EQ(document.at("rows").size(), 6u);
  std::istringstream csv(text_of(path("curve.csv")));
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "network,points,precision,step_ms,step_ms_graph,peak_bytes,note");
  int lines = 0;
  while (std::getline(csv, line)) {
    ++lines;
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), 6) << line;
  }
  EXPECT_EQ(lines, 6);
}

TEST_F(Bench, StepAndModelKnowThePapersSettings) {
  const json steps = run("step", {"--rows", "MD*erwin-nsa"});
  expect_document(steps, "step");
  ASSERT_EQ(steps.at("rows").size(), 1u);
  EXPECT_EQ(steps.at("rows")[0].at("shape"), (json{{"points", 512}, {"batch", 1}})) << "small on a CPU in a hurry";
  const json model = run("model", {"--rows", "cosmology*| erwin |", "one car"});
  expect_document(model, "model");
  EXPECT_EQ(names_of(model, "forward"), (std::set<std::string>{"erwin", "erwin-nsa, tree and graph by the host",
                                                               "erwin-nsa, explaining a query after it"}));
}

TEST_F(Bench, SaysWhatIsWrong) {
  const struct {
    std::vector<std::string> arguments;
    int code;
    const char* part;
  } cases[] = {
      {{"bench", "attention", "--device", "cpu", "--points", "100"}, 2, "multiples of 32"},
      {{"bench", "ball", "--device", "cpu", "--points", "100"}, 2, "multiples of 256"},
      {{"bench", "ball", "--device", "cpu", "--rows", "nothing of that name"}, 2, "no row"},
      {{"bench", "attention", "--device", "gpu"}, 2, "gpu"},
  };
  for (const auto& c : cases) {
    const test::ProgramResult result = test::run_program(c.arguments);
    EXPECT_EQ(result.exit_code, c.code) << result.err;
    EXPECT_NE(result.err.find(c.part), std::string::npos) << result.err;
  }
}

}  // namespace
}  // namespace erwin
