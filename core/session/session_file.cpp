#include "core/session/session_file.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/hash.h"

namespace erwin {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* format_name = "erwinscope session";
constexpr int format_version = 1;
constexpr std::uintmax_t largest_session = std::uintmax_t{1} << 20;
constexpr std::int64_t hashed_end = std::int64_t{8} << 20;

void hash_part(std::ifstream& in, std::int64_t begin, std::int64_t end, Sha256& hash, const Job& job) {
  std::vector<char> bytes(std::size_t{1} << 20);
  in.seekg(begin);
  while (in && begin < end) {
    job.check();
    in.read(bytes.data(), static_cast<std::streamsize>(std::min<std::int64_t>(std::ssize(bytes), end - begin)));
    hash.update(bytes.data(), static_cast<std::size_t>(in.gcount()));
    begin += in.gcount();
  }
}

json to_json(const SessionPlace& place, const fs::path& folder) {
  json entry{{"path", place.path}};
  const fs::path relative = place.path.empty() ? fs::path() : fs::path(place.path).lexically_relative(folder);
  if (!relative.empty()) entry["relative"] = relative.string();
  if (place.mark.bytes >= 0) entry["bytes"] = place.mark.bytes;
  if (!place.mark.sha256.empty()) entry["sha256"] = place.mark.sha256;
  return entry;
}

SessionPlace place_from(const json& document, const char* name) {
  SessionPlace place;
  if (!document.contains(name)) return place;
  const json& entry = document.at(name);
  place.path = entry.at("path").get<std::string>();
  place.relative = entry.value("relative", std::string());
  place.mark.bytes = entry.value("bytes", std::int64_t{-1});
  place.mark.sha256 = entry.value("sha256", std::string());
  return place;
}

}  // namespace

FileMark mark_of(const fs::path& path, const Job& job) {
  std::error_code problem;
  if (fs::is_directory(path, problem)) return {};
  std::ifstream in(path, std::ios::binary);
  const auto bytes = fs::file_size(path, problem);
  if (!in || problem) throw Error(ErrorKind::Io, "this file cannot be opened", path.string());
  FileMark mark;
  mark.bytes = static_cast<std::int64_t>(bytes);
  Sha256 hash;
  hash_part(in, 0, mark.bytes <= 2 * hashed_end ? mark.bytes : hashed_end, hash, job);
  if (mark.bytes > 2 * hashed_end) hash_part(in, mark.bytes - hashed_end, mark.bytes, hash, job);
  if (in.bad()) throw Error(ErrorKind::Io, "this file cannot be read", path.string());
  mark.sha256 = hash.hex();
  return mark;
}

std::string to_text(const SessionFile& session, const fs::path& folder) {
  json document{{"format", format_name},
                {"version", format_version},
                {"program", session.program},
                {"sample", session.sample},
                {"run", {{"device", session.device}, {"precision", session.precision}}},
                {"picture", session.picture}};
  if (!session.data.path.empty()) document["data"] = to_json(session.data, folder);
  if (!session.model.path.empty()) document["model"] = to_json(session.model, folder);
  for (const SessionChange& change : session.what_if)
    document["what_if"].push_back({{"change", change.text},
                                   {"layer", change.layer},
                                   {"head", change.head},
                                   {"point", change.point},
                                   {"on", change.on}});
  if (!session.layout.empty() || !session.geometry.empty())
    document["window"] = {{"geometry", session.geometry}, {"layout", session.layout}};
  // Paths need not be UTF-8.
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

SessionFile session_from_text(const std::string& text, const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    return Error(ErrorKind::Format, "this session cannot be opened", where + ": " + why,
                 "Sessions are the .ewsession files that 'Save session' writes");
  };
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) throw refuse(text.empty() ? "it is empty" : "it is cut off, or no JSON");
  if (!document.is_object() || document.value("format", json()) != format_name) throw refuse("it is no session");
  try {
    if (document.at("version").get<int>() != format_version)
      throw refuse("it was written by another version, " + document.value("program", std::string("unknown")));
    SessionFile session;
    session.program = document.value("program", std::string());
    session.data = place_from(document, "data");
    session.model = place_from(document, "model");
    session.sample = document.at("sample").get<std::string>();
    session.device = document.at("run").at("device").get<std::string>();
    session.precision = document.at("run").at("precision").get<std::string>();
    session.picture = document.at("picture").get<std::map<std::string, std::string>>();
    for (const json& change : document.value("what_if", json::array()))
      session.what_if.push_back({change.at("change").get<std::string>(), change.at("layer").get<int>(),
                                 change.at("head").get<int>(), change.at("point").get<std::int64_t>(),
                                 change.at("on").get<bool>()});
    if (document.contains("window")) {
      session.geometry = document.at("window").value("geometry", std::string());
      session.layout = document.at("window").value("layout", std::string());
    }
    return session;
  } catch (const json::exception& error) {
    throw refuse(error.what());
  }
}

void save_session(const fs::path& path, const SessionFile& session) {
  write_text_atomically(path, to_text(session, fs::absolute(path).lexically_normal().parent_path()));
}

SessionFile load_session(const fs::path& path) {
  std::error_code problem;
  const auto bytes = fs::file_size(path, problem);
  if (problem) throw Error(ErrorKind::Io, "this session cannot be read", path.string() + ": " + problem.message());
  if (bytes > largest_session)
    throw Error(ErrorKind::Format, "this session cannot be opened",
                path.string() + ": it has " + std::to_string(bytes) + " bytes, a session has a few thousand");
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.good() && !in.eof()) throw Error(ErrorKind::Io, "this session cannot be read", path.string());
  return session_from_text(text, path.string());
}

FoundPlace find_place(const SessionPlace& place, const fs::path& session, const Job& job) {
  const fs::path folder = fs::absolute(session).lexically_normal().parent_path();
  std::vector<fs::path> candidates{place.path};
  if (!place.relative.empty()) candidates.push_back((folder / place.relative).lexically_normal());
  candidates.push_back(folder / fs::path(place.path).filename());
  FoundPlace found;
  for (const fs::path& candidate : candidates) {
    std::error_code problem;
    if (candidate.empty() || !fs::exists(candidate, problem)) continue;
    const auto same = [&] {
      if (place.mark.bytes < 0) return true;
      const auto bytes = fs::file_size(candidate, problem);
      if (problem || static_cast<std::int64_t>(bytes) != place.mark.bytes) return false;
      return place.mark.sha256.empty() || mark_of(candidate, job) == place.mark;
    };
    if (same()) return {candidate.string(), false};
    if (found.path.empty()) found = {candidate.string(), true};
  }
  return found;
}

}  // namespace erwin
