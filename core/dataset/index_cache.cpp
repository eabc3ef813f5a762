#include "core/dataset/internal/index_cache.h"

#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <string>

#include "core/base/atomic_file.h"
#include "core/base/cache_folder.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

// An entry: this line, the file's identity as a line, the SHA-256 of the numbers as 64 hex digits, the numbers.
constexpr std::string_view magic = "erwinscope index 1\n";
constexpr std::size_t hash_digits = 64;

// Empty where the file cannot be looked at.
std::string identity_of(std::string_view kind, const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return {};
  return std::string(kind) + " " + std::to_string(status.st_size) + " " + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec) + " " + fs::absolute(file).lexically_normal().string() + "\n";
}

// One entry per kind and path, so that a changed file replaces its old index.
fs::path entry_of(std::string_view kind, const fs::path& file) {
  const fs::path folder = cache_folder("index");
  if (folder.empty() || !caching_allowed()) return {};
  return folder / (sha256_hex(std::string(kind) + "\n" + fs::absolute(file).lexically_normal().string()) + ".index");
}

}  // namespace

std::optional<std::vector<std::uint64_t>> find_index(std::string_view kind, const fs::path& file) {
  const fs::path entry = entry_of(kind, file);
  if (entry.empty()) return std::nullopt;
  std::ifstream in(entry, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const std::string head = std::string(magic) + identity_of(kind, file);
  if (!bytes.starts_with(head) || bytes.size() < head.size() + hash_digits) return std::nullopt;
  const std::string_view numbers = std::string_view(bytes).substr(head.size() + hash_digits);
  if (numbers.size() % sizeof(std::uint64_t) != 0 || bytes.compare(head.size(), hash_digits, sha256_hex(numbers)) != 0)
    return std::nullopt;
  std::vector<std::uint64_t> result(numbers.size() / sizeof(std::uint64_t));
  if (!result.empty()) std::memcpy(result.data(), numbers.data(), numbers.size());
  return result;
}

void keep_index(std::string_view kind, const fs::path& file, const std::vector<std::uint64_t>& numbers) {
  const fs::path entry = entry_of(kind, file);
  const std::string identity = identity_of(kind, file);
  if (entry.empty() || identity.empty()) return;
  const std::string bytes(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(std::uint64_t));
  try {
    write_text_atomically(entry, std::string(magic) + identity + sha256_hex(bytes) + bytes);
  } catch (const Error& error) {
    log(LogLevel::Info, std::string("the index is not kept: ") + error.what());
  }
}

}  // namespace erwin
