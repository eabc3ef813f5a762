// The child process that parses VTK's formats: what its misfortunes look like from outside.

#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <stop_token>
#include <thread>

#include "tests/core/io/hdf5/support.h"
#include "tests/support/shared_data.h"

namespace erwin::test {

namespace {

// A shell script in the place of the VTK reader while the object lives.
class Impostor {
public:
  Impostor(const std::filesystem::path& folder, const std::string& script) {
    const auto path = put(folder / "impostor.sh", "#!/bin/sh\n" + script + "\n");
    ::chmod(path.c_str(), 0755);
    ::setenv("ERWINSCOPE_VTK_READER", path.c_str(), 1);
  }
  ~Impostor() { ::unsetenv("ERWINSCOPE_VTK_READER"); }
};

std::filesystem::path some_vtk(const std::filesystem::path& folder) {
  return put(folder / "a.vtk", "# vtk DataFile Version 3.0\nx\nASCII\nDATASET POLYDATA\nPOINTS 2 float\n0 0 0 1 2 3\n");
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST(VtkChild, ACrashIsAnError) {
  ScratchFolder scratch;
  const Impostor child(scratch.path(), "echo terrible things >&2; kill -SEGV $$");
  const Error error = refusal(some_vtk(scratch.path()));
  EXPECT_EQ(error.kind(), ErrorKind::Format);
  EXPECT_NE(error.detail().find("signal 11: terrible things"), std::string::npos) << error.what();
}

TEST(VtkChild, NonsenseIsAnError) {
  ScratchFolder scratch;
  for (const char* script :
       {"echo nonsense and more nonsense", "printf EWVTK001Q", "printf 'EWVTK001P\\377\\377\\377\\177aaaaaaaaaaaaaa'",
        "printf 'EWVTK001P\\0\\0\\0\\0\\0\\0\\0\\0f\\3\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\60'", "exit 0",
        "printf EWVTK001Z"}) {
    SCOPED_TRACE(script);
    const Impostor child(scratch.path(), script);
    const Error error = refusal(some_vtk(scratch.path()));
    EXPECT_TRUE(error.kind() == ErrorKind::Format || error.kind() == ErrorKind::Memory) << error.what();
  }
}

TEST(VtkChild, TimeRunsOut) {
  ScratchFolder scratch;
  const Impostor child(scratch.path(), "exec sleep 60");
  io::OpenOptions options;
  options.child_seconds = 1;
  const auto start = std::chrono::steady_clock::now();
  const Error error = refusal(some_vtk(scratch.path()), options);
  EXPECT_LT(since(start), 3);
  EXPECT_NE(std::string(error.what()).find("took too long"), std::string::npos) << error.what();
}

TEST(VtkChild, AStopIsSeenWithin200Milliseconds) {
  ScratchFolder scratch;
  const Impostor child(scratch.path(), "exec sleep 60");
  std::stop_source stop;
  std::chrono::steady_clock::time_point asked;
  const std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  const Error error = refusal(some_vtk(scratch.path()), {}, Job(stop.get_token()));
  EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
  EXPECT_LT(since(asked), 0.2);
}

#ifdef ERWIN_HAS_VTK_READER

TEST(VtkChild, ATinyMemoryIsAnError) {
  ERWIN_SHARED_OR_SKIP(path, "data/pointclouds/vtk/horse.vtp");
  io::OpenOptions options;
  options.child_memory_bytes = std::uint64_t{2} << 20;
  EXPECT_EQ(refusal(path, options).kind(), ErrorKind::Memory);
}

TEST(VtkChild, CutOffAndFlippedFilesOpenOrAreRefused) {
  ERWIN_SHARED_OR_SKIP(folder, "data/pointclouds/vtk");
  ScratchFolder scratch;
  io::OpenOptions options;
  options.child_memory_bytes = std::uint64_t{1} << 30;
  options.child_seconds = 10;
  for (const char* name : {"cow.vtp", "can.vtu", "blow.vtk"}) {
    const std::string whole = bytes_of(folder / name);
    for (unsigned part = 1; part <= 6; ++part) {
      const auto cut =
          put(scratch.path() / ("cut" + std::to_string(part) + name), whole.substr(0, whole.size() * part / 7));
      opens_or_refuses(cut, options);
      const auto flip = put(scratch.path() / ("flip" + std::to_string(part) + name),
                            flipped(whole, part, 30, part % 2 ? whole.size() : 3000));
      opens_or_refuses(flip, options);
    }
    EXPECT_FALSE(opens_or_refuses(put(scratch.path() / (std::string("half") + name), whole.substr(0, whole.size() / 2)),
                                  options))
        << name;
  }
}

TEST(VtkChild, AFileWithoutPointsSaysSo) {
  ScratchFolder scratch;
  const auto path =
      put(scratch.path() / "none.vtk", "# vtk DataFile Version 3.0\nx\nASCII\nDATASET POLYDATA\nPOINTS 0 float\n");
  EXPECT_NE(std::string(refusal(path).what()).find("no points"), std::string::npos);
}

TEST(VtkChild, StripsAndVectorsOfTwoComponents) {
  ScratchFolder scratch;
  const auto path =
      put(scratch.path() / "strip.vtk",
          "# vtk DataFile Version 3.0\nx\nASCII\nDATASET POLYDATA\nPOINTS 4 float\n0 0 0 1 0 0 0 1 0 1 1 0\n"
          "TRIANGLE_STRIPS 1 5\n4 0 1 2 3\nPOINT_DATA 4\nSCALARS kind int 1\nLOOKUP_TABLE default\n1 2 3 4\n"
          "FIELD more 1\nuv 2 4 float\n0 0 1 0 0 1 1 1\n");
  const PointCloudPtr cloud = io::open(path);
  EXPECT_EQ(cloud->cells().triangles, (std::vector<std::uint32_t>{0, 1, 2, 1, 3, 2}));
  EXPECT_EQ(cloud->require_field("kind").kind(), FieldKind::Label);
  EXPECT_EQ(cloud->require_field("uv").components(), 2);
}

#endif

}  // namespace erwin::test
