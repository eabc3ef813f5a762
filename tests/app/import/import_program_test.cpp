// `erwinscope import` as a person uses it: the page's example, word for word, and what the program says.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The shell commands of a page: its first block that begins with ```sh.
std::string example_of(const std::string& page) {
  const std::size_t begin = page.find("```sh\n") + 6;
  return page.substr(begin, page.find("```", begin) - begin);
}

TEST(ImportProgram, TheExampleOfThePageRuns) {
  const test::ScratchFolder folder;
  const std::string example = example_of(text_of(test::source_folder() / "resources/help/own-data.md"));
  ASSERT_NE(example.find("erwinscope import"), std::string::npos);
  EXPECT_NE(text_of(test::source_folder() / "README.md").find(example), std::string::npos)
      << "the README shows it, too";
  std::ofstream(folder.path() / "example.sh") << "set -e\n" << example;
  const std::string command = "cd '" + folder.path().string() + "' && PATH='" +
                              test::program_path().parent_path().string() + "':\"$PATH\" sh example.sh > out 2> err";
  const int status = std::system(command.c_str());
  const std::string out = text_of(folder.path() / "out"), err = text_of(folder.path() / "err");
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << out << err;
  for (const char* part : {"train        6 samples", "validation   1 samples", "test         1 samples",
                           "train with: erwinscope train --data data.toml", "20 steps", "mse (std.)"})
    EXPECT_NE(out.find(part), std::string::npos) << part << "\n" << out;
  EXPECT_NE(err.find("own-small-erwin-nsa, for 300 points"), std::string::npos) << err;
  EXPECT_TRUE(fs::exists(folder.path() / "mine/run/checkpoints/last.h5"));
}

TEST(ImportProgram, DensityTrainsAsItIs) {
  const test::ScratchFolder folder;
  const auto path = [&](const std::string& name) { return (folder.path() / name).string(); };
  for (int s = 0; s < 3; ++s) {
    std::ofstream out(path("s" + std::to_string(s) + ".csv"));
    out << "x,y,z,load\n";
    for (int i = 0; i < 60; ++i)
      out << i % 8 << "," << i / 8 << "," << (i + s) % 5 << "," << i * (s + 1) % 13 << ".5\n";
  }
  test::ProgramResult result = test::run_program(
      {"import", path("s0.csv"), path("s1.csv"), path("s2.csv"), "--out", path("d.toml"), "--task", "density"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  result =
      test::run_program({"train", "--data", path("d.toml"), "--steps", "2", "--device", "cpu", "--out", path("run")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  result = test::run_program({"infer", path("run/checkpoints/last.h5"), path("d.toml"), "--json"});
  EXPECT_NE(result.out.find("nll_standardised"), std::string::npos) << result.out << result.err;

  result = test::run_program({"import", path("s0.csv"), "--out", path("e.toml"), "--task", "guess"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("--task"), std::string::npos) << result.err;
  result = test::run_program({"train"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("--data DATA"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace erwin
