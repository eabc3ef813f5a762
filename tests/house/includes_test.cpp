// The includes of the whole project keep the house rules, and the checker itself catches planted violations.

#include "tests/house/includes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/shared_data.h"

namespace erwin::house {
namespace {

namespace fs = std::filesystem;

Sources project_sources() {
  Sources sources;
  const fs::path root = test::source_folder();
  for (const char* room : {"app", "ui", "core", "kernels"})
    for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".hpp" && extension != ".cpp" && extension != ".cu" && extension != ".cuh")
        continue;
      std::ifstream in(entry.path(), std::ios::binary);
      sources[entry.path().lexically_relative(root).generic_string()] = {std::istreambuf_iterator<char>(in), {}};
    }
  return sources;
}

TEST(HouseIncludes, TheProjectKeepsTheRules) {
  const Sources sources = project_sources();
  ASSERT_GT(sources.size(), 40U);
  ASSERT_TRUE(sources.count("core/tree/ball_tree.h"));
  for (const Violation& violation : check_includes(sources))
    ADD_FAILURE() << violation.file << " breaks the rule " << violation.rule;
}

// The files that break a rule of this name.
std::vector<std::string> breakers(const Sources& sources, const std::string& rule) {
  std::vector<std::string> files;
  for (const Violation& violation : check_includes(sources))
    if (violation.rule.starts_with(rule + ":")) files.push_back(violation.file);
  return files;
}

using Files = std::vector<std::string>;

TEST(HouseIncludesChecker, CatchesAnIncludeAgainstTheLayers) {
  const Sources sources{{"kernels/a/a.h", "#include \"core/base/error.h\"\n"},
                        {"core/base/error.h", "#include \"ui/scene/view.h\"\n#include \"kernels/a/b.h\"\n"},
                        {"kernels/a/b.h", ""},
                        {"ui/scene/view.h", "#include \"app/command.h\"\n#include \"core/base/b.h\"\n"},
                        {"core/base/b.h", ""},
                        {"app/command.h", "#include \"ui/scene/view.h\"\n#include \"kernels/a/b.h\"\n"}};
  EXPECT_EQ(breakers(sources, "layer"), (Files{"core/base/error.h", "kernels/a/a.h", "ui/scene/view.h"}));
  // A header that is not there yet is judged by its name.
  EXPECT_EQ(breakers({{"core/x.cpp", "#include \"ui/absent.h\"\n"}}, "layer"), Files{"core/x.cpp"});
}

TEST(HouseIncludesChecker, CatchesTorchAndHdf5WhereTheyMustNotShow) {
  for (const char* header : {"<torch/torch.h>", "<ATen/ATen.h>", "<c10/util/Exception.h>", "\"ATen/core/Tensor.h\""}) {
    const std::string line = std::string("#include ") + header + "\n";
    const Sources sources{{"core/model/a.h", line}, {"core/model/a.cpp", line}, {"core/model/internal/b.h", line},
                          {"ui/c.cpp", line},       {"kernels/k/d.cu", line},   {"app/e.cpp", line}};
    EXPECT_EQ(breakers(sources, "torch"), (Files{"core/model/a.h", "kernels/k/d.cu", "ui/c.cpp"})) << header;
  }
  for (const char* header : {"<hdf5.h>", "<H5Cpp.h>", "<highfive/H5File.hpp>", "\"hdf5/serial/hdf5.h\""}) {
    const std::string line = std::string("#include ") + header + "\n";
    const Sources sources{
        {"core/io/a.h", line}, {"core/io/a.cpp", line}, {"core/io/internal/b.h", line}, {"ui/c.h", line}};
    EXPECT_EQ(breakers(sources, "hdf5"), (Files{"core/io/a.h", "ui/c.h"})) << header;
  }
}

TEST(HouseIncludesChecker, SeesThroughOurOwnHeaders) {
  const Sources sources{{"core/model/a.h", "#include \"core/model/internal/b.h\"\n"},
                        {"core/model/internal/b.h", "# include <ATen/ATen.h>\n"},
                        {"ui/view.cpp", "#include <QWidget>\n#include \"core/model/a.h\"\n"},
                        {"app/gui.cpp", "#include \"ui/view.h\"\n#include \"core/model/a.h\"\n"},
                        {"ui/view.h", "#include <QtGui/QWindow>\n"},
                        {"core/io/deep.h", "#include \"beside.h\"\n"},
                        {"core/io/beside.h", "#include <hdf5.h>\n"}};
  EXPECT_EQ(breakers(sources, "torch"), (Files{"core/model/a.h", "ui/view.cpp"}));
  EXPECT_EQ(breakers(sources, "qt-torch"), (Files{"app/gui.cpp", "ui/view.cpp"}));
  EXPECT_EQ(breakers(sources, "hdf5"), (Files{"core/io/beside.h", "core/io/deep.h"}));
}

TEST(HouseIncludesChecker, CatchesQtAndVtkBelowTheWindow) {
  const Sources sources{{"core/a.cpp", "#include <QString>\n"},
                        {"core/b.h", "#include <vtkSmartPointer.h>\n"},
                        {"core/io/vtk_child/child.cpp", "#include <vtkXMLPolyDataReader.h>\n"},
                        {"core/io/vtk_formats.cpp", "#include <vtkXMLPolyDataReader.h>\n"},
                        {"kernels/k.cpp", "#include <QtCore/QString>\n"},
                        {"ui/w.cpp", "#include <QString>\n#include <vtkRenderer.h>\n"}};
  EXPECT_EQ(breakers(sources, "qt-vtk"), (Files{"core/a.cpp", "core/b.h", "core/io/vtk_formats.cpp", "kernels/k.cpp"}));
}

TEST(HouseIncludesChecker, CatchesInternalHeadersAboveCore) {
  const Sources sources{{"app/a.cpp", "#include \"core/model/internal/batch.h\"\n"},
                        {"ui/b.cpp", "#include \"core/io/internal/x.h\"\n"},
                        {"core/train/c.cpp", "#include \"core/model/internal/batch.h\"\n"}};
  EXPECT_EQ(breakers(sources, "internal"), (Files{"app/a.cpp", "ui/b.cpp"}));
}

TEST(HouseIncludesChecker, ReadsIncludesAsTheCompilerDoes) {
  EXPECT_EQ(includes_of("#include <a>\n  #  include \"b\"  // why\n// #include <c>\n/* #include <d>\n#include <e> */\n"
                        "const char* s = R\"(\n#include <f>\n)\";\n#include <g>"),
            (Files{"a", "b", "g"}));
  // Marks inside other marks end nothing early.
  EXPECT_EQ(includes_of("const char* e = \"ERROR\";\nchar q = '\"';\nint n = 1'000;\nconst char* t = \"a \\\" // "
                        "b\";\n#include <h>\n"),
            Files{"h"});
  EXPECT_TRUE(
      check_includes({{"core/a.h", "#include <vector>\n#include \"core/b.h\"\n"}, {"core/b.h", "#include <queue>\n"}})
          .empty());
}

}  // namespace
}  // namespace erwin::house
