#include "core/session/session_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/base/error.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

SessionFile example(const fs::path& data) {
  SessionFile session;
  session.program = "0.1.0";
  session.data = {data.string(), {}, mark_of(data)};
  session.sample = "car \"7\" \xc3\xa9";
  session.device = "cuda:1";
  session.precision = "bfloat16";
  session.picture = {{"color", "balls"}, {"point", "12"}, {"camera", "1,2,3"}};
  session.what_if = {{"head-off=3", 1, -1, 12, true}, {"S=2", -1, -1, -1, false}};
  session.geometry = "AAAA";
  session.layout = "BBBB";
  return session;
}

TEST(SessionFile, WhatIsWrittenIsReadBackAndTheDataIsNamedBothWays) {
  const test::ScratchFolder scratch;
  write(scratch.path() / "data" / "cloud.h5", "a cloud");
  const SessionFile session = example(scratch.path() / "data" / "cloud.h5");
  const fs::path file = scratch.path() / "sessions" / "one.ewsession";
  fs::create_directories(file.parent_path());
  save_session(file, session);
  SessionFile read = load_session(file);
  EXPECT_EQ(read.data.relative, "../data/cloud.h5");
  read.data.relative.clear();
  EXPECT_EQ(read, session);
}

TEST(SessionFile, AMovedFileIsFoundByItsContentBesideTheSession) {
  const test::ScratchFolder scratch;
  const fs::path old = scratch.path() / "old" / "data" / "cloud.h5";
  write(old, "a cloud");
  save_session(scratch.path() / "old" / "one.ewsession", example(old));

  // Nothing moved.
  const auto where = [](const fs::path& session) { return find_place(load_session(session).data, session); };
  EXPECT_EQ(where(scratch.path() / "old" / "one.ewsession").path, old.string());

  // Session and data moved together.
  fs::rename(scratch.path() / "old", scratch.path() / "new");
  FoundPlace found = where(scratch.path() / "new" / "one.ewsession");
  EXPECT_EQ(found.path, (scratch.path() / "new" / "data" / "cloud.h5").string());
  EXPECT_FALSE(found.changed);

  // The data was put beside the session; another file has taken its old place.
  fs::rename(scratch.path() / "new" / "data" / "cloud.h5", scratch.path() / "new" / "cloud.h5");
  write(old, "a crowd");
  found = where(scratch.path() / "new" / "one.ewsession");
  EXPECT_EQ(found.path, (scratch.path() / "new" / "cloud.h5").string());
  EXPECT_FALSE(found.changed);

  // Only a file of other content is left.
  fs::remove(scratch.path() / "new" / "cloud.h5");
  found = where(scratch.path() / "new" / "one.ewsession");
  EXPECT_EQ(found.path, old.string());
  EXPECT_TRUE(found.changed);

  fs::remove(old);
  EXPECT_EQ(where(scratch.path() / "new" / "one.ewsession").path, "");
}

TEST(SessionFile, EveryPrefixAndEveryWrongTypeIsOneFormatError) {
  const test::ScratchFolder scratch;
  write(scratch.path() / "cloud.h5", "a cloud");
  const std::string whole = to_text(example(scratch.path() / "cloud.h5"), scratch.path());
  const auto refused = [](const std::string& text) {
    try {
      (void)session_from_text(text, "x.ewsession");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Format) << error.what();
      EXPECT_NE(std::string(error.what()).find("x.ewsession"), std::string::npos);
      return true;
    }
    return false;
  };
  const std::size_t last = whole.find_last_of('}');
  for (std::size_t length = 0; length <= last; ++length) EXPECT_TRUE(refused(whole.substr(0, length))) << length;
  EXPECT_FALSE(refused(whole));
  for (
      const char* text :
      {"[]", "null", "7", "\"erwinscope session\"", "{}", R"({"format": 3})", R"({"format": "erwinscope session"})",
       R"({"format": "erwinscope session", "version": 2})",
       R"({"format": "erwinscope session", "version": 1, "sample": 3, "run": {}, "picture": {}})",
       R"({"format": "erwinscope session", "version": 1, "sample": "a", "run": [], "picture": {}})",
       R"({"format":"erwinscope session","version":1,"sample":"a","run":{"device":"a","precision":"b"},"picture":[1]})",
       R"({"format":"erwinscope session","version":1,"sample":"a","data":"x","run":{"device":"a","precision":"b"},"picture":{}})"})
    EXPECT_TRUE(refused(text)) << text;
}

TEST(SessionFile, MissingFoldersAndHugeFilesAreRefused) {
  const test::ScratchFolder scratch;
  EXPECT_THROW(load_session(scratch.path() / "none.ewsession"), Error);
  EXPECT_THROW(load_session(scratch.path()), Error);
  write(scratch.path() / "huge.ewsession", std::string((1 << 20) + 1, ' '));
  EXPECT_THROW(load_session(scratch.path() / "huge.ewsession"), Error);
}

TEST(SessionFile, OfALargeFileBothEndsCount) {
  const test::ScratchFolder scratch;
  const fs::path path = scratch.path() / "large";
  write(path, "begin");
  fs::resize_file(path, (std::uintmax_t{16} << 20) + 100);
  const FileMark before = mark_of(path);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('x');
  }
  EXPECT_EQ(mark_of(path).bytes, before.bytes);
  EXPECT_NE(mark_of(path).sha256, before.sha256);
}

}  // namespace
}  // namespace erwin
