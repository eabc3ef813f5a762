// What open() and detect() do before any reader: missing things, kinds by content, options, cancel, progress.

#include <chrono>
#include <cstdlib>
#include <thread>

#include <sys/stat.h>

#include "tests/core/io/own/files.h"
#include "tests/core/io/own/made_files.h"

namespace erwin::test {
namespace {

using io::FileKind;

TEST(Open, MissingFoldersPipesAndEmptyFiles) {
  const ScratchFolder folder;
  expect_error(ErrorKind::Io, "no such file", [&] { io::open(folder.path() / "absent.ply"); });
  expect_error(ErrorKind::Io, "absent.ply", [&] { io::open(folder.path() / "absent.ply"); });
  expect_error(ErrorKind::Io, "folder", [&] { io::open(folder.path()); });
  expect_error(ErrorKind::Io, "absent", [&] { io::sample_names(folder.path() / "absent"); });
  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  expect_error(ErrorKind::Io, "not a plain file", [&] { io::open(pipe); });
  expect_refused("", "empty");
  EXPECT_EQ(io::detect(MadeFile("").path()), FileKind::Empty);
}

TEST(Open, DetectsByContentWhateverTheName) {
  const std::vector<std::pair<std::string, FileKind>> kinds = {
      {"plain.npy", FileKind::Npy},  {"record.npy", FileKind::Npy},
      {"stored.npz", FileKind::Npz}, {"deflated.npz", FileKind::Npz},
      {"table.csv", FileKind::Text}, {"blanks.txt", FileKind::Text},
      {"atoms.xyz", FileKind::Xyz},  {"extended.xyz", FileKind::Xyz},
      {"ascii.ply", FileKind::Ply},  {"little.ply", FileKind::Ply},
      {"ascii.pcd", FileKind::Pcd},  {"binary.pcd", FileKind::Pcd},
      {"packed.pcd", FileKind::Pcd}, {"old.las", FileKind::Las},
      {"new.las", FileKind::Las},    {"dump.lammpstrj", FileKind::LammpsDump}};
  const auto files = one_of_each();
  ASSERT_EQ(files.size(), kinds.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    SCOPED_TRACE(files[i].first);
    ASSERT_EQ(files[i].first, kinds[i].first);
    const MadeFile misnamed(files[i].second, "misnamed.npz");
    EXPECT_STREQ(io::name_of(io::detect(misnamed.path())), io::name_of(kinds[i].second));
    EXPECT_EQ(misnamed.open()->size(), 8);
    EXPECT_EQ(any_remark(*misnamed.open(), "name ends in .npz"), kinds[i].second != FileKind::Npz);
    EXPECT_EQ(io::sample_names(misnamed.path()), std::vector<std::string>{""});
  }
}

TEST(Open, DetectsWhatIsOpenedElsewhere) {
  const std::vector<std::pair<std::string, FileKind>> kinds = {
      {"# vtk DataFile Version 3.0\n", FileKind::LegacyVtk},
      {"<?xml version=\"1.0\"?>\n<VTKFile type=\"PolyData\" version=\"0.1\">", FileKind::Vtp},
      {"<VTKFile version='0.1' type='UnstructuredGrid'>", FileKind::Vtu},
      {"<VTKFile type=\"ImageData\">", FileKind::Unknown},
      {"# cars\n[dataset]\nname = \"cars\"\n", FileKind::Manifest},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", FileKind::LfsPointer},
      {make_zip({{"archive/data.pkl", "\x80\x02."}, {"archive/data/0", "1234"}}), FileKind::TorchZip},
      {make_zip({{"letter.txt", "hello"}}), FileKind::Unknown},
      {"playlist of songs, 2 3 4\n", FileKind::Text}};
  for (const auto& [bytes, kind] : kinds)
    EXPECT_STREQ(io::name_of(io::detect(MadeFile(bytes).path())), io::name_of(kind)) << bytes.substr(0, 40);
}

TEST(Open, WhatIsNoCloudSaysWhatItIs) {
  expect_refused("[dataset]\nname = \"cars\"\n", "manifest");
  expect_refused(make_zip({{"archive/data.pkl", "\x80\x02."}}), "PyTorch");
  expect_refused(make_zip({{"letter.txt", "hello"}}), "ZIP archive without arrays");
  expect_refused("<VTKFile type=\"ImageData\">", "'ImageData'");
  expect_refused("\x80\x04\x95 pickle", "pickle");
  expect_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull");
}

TEST(Open, OptionsThatDoNotFitTheFile) {
  expect_refused("1 2 3\n", "positions can be named only", ErrorKind::Config, with_positions("a"));
  expect_refused("1 2 3\n", "several samples", ErrorKind::Config, with_sample("a"));
}

TEST(Open, ErrorsNameTheFile) {
  const MadeFile file("x,y,z\n1,2\n", "short.csv");
  expect_error(ErrorKind::Format, file.path().string(), [&] { file.open(); });
}

TEST(Open, ProgressRisesToItsEnd) {
  for (const auto& [name, bytes] : one_of_each()) {
    SCOPED_TRACE(name);
    const MadeFile file(bytes);
    double last = 0;
    io::open(file.path(), {}, Job({}, [&last](double fraction, std::string_view) {
               EXPECT_GE(fraction, last);
               last = fraction;
             }));
    EXPECT_EQ(last, 1);
  }
}

TEST(Open, CancelledAtOnce) {
  std::stop_source stop;
  stop.request_stop();
  const MadeFile file("1 2 3\n");
  expect_error(ErrorKind::Cancelled, "", [&] { io::open(file.path(), {}, Job(stop.get_token())); });
}

TEST(Open, CancelTakesEffectInTheMiddle) {
  std::string table;
  for (int i = 0; i < 300000; ++i) table += "0.25 0.5 0.75\n";
  const MadeFile file(table);
  std::stop_source stop;
  double reached = 0;
  const Job job(stop.get_token(), [&](double fraction, std::string_view) {
    reached = fraction;
    if (fraction > 0.4) stop.request_stop();
  });
  expect_error(ErrorKind::Cancelled, "", [&] { io::open(file.path(), {}, job); });
  EXPECT_LT(reached, 0.5);
}

}  // namespace
}  // namespace erwin::test
