#include "core/tree/cache.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include "core/base/atomic_file.h"
#include "core/base/cache_folder.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

// An entry: this line, the SHA-256 of the payload as 64 hex digits, the payload.
constexpr std::string_view magic = "erwinscope geometry 1\n";
constexpr std::size_t header_bytes = magic.size() + 64;
constexpr std::string_view extension = ".geometry";

// Numbers one after another, in this machine's byte order (part of the key).
class Writer {
public:
  void number(std::int64_t value) { append(&value, sizeof value); }
  template <typename T>
  void values(const std::vector<T>& values) {
    number(static_cast<std::int64_t>(values.size()));
    append(values.data(), values.size() * sizeof(T));
  }
  std::string take() { return std::move(bytes_); }

private:
  void append(const void* data, std::size_t bytes) { bytes_.append(static_cast<const char*>(data), bytes); }
  std::string bytes_;
};

// Reads what Writer wrote; ok() turns false instead of reading beyond the end.
class Reader {
public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::int64_t number() {
    std::int64_t value = 0;
    take(&value, sizeof value);
    return value;
  }
  template <typename T>
  std::vector<T> values() {
    const std::int64_t size = number();
    if (!ok_ || size < 0 || static_cast<std::uint64_t>(size) > rest_.size() / sizeof(T)) {
      ok_ = false;
      return {};
    }
    std::vector<T> result(static_cast<std::size_t>(size));
    take(result.data(), result.size() * sizeof(T));
    return result;
  }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && rest_.empty(); }

private:
  void take(void* to, std::size_t bytes) {
    ok_ = ok_ && bytes <= rest_.size();
    if (!ok_ || bytes == 0) return;
    std::memcpy(to, rest_.data(), bytes);
    rest_.remove_prefix(bytes);
  }
  std::string_view rest_;
  bool ok_ = true;
};

// In pieces of a few milliseconds.
void add_bytes(Sha256& hash, const void* data, std::size_t bytes, const Job& job) {
  constexpr std::size_t piece = 1 << 20;
  const auto* const begin = static_cast<const char*>(data);
  for (std::size_t at = 0; at < bytes; at += piece) {
    job.check();
    hash.update(begin + at, std::min(piece, bytes - at));
  }
}

std::string hash_of(const std::string& payload, const Job& job) {
  Sha256 hash;
  add_bytes(hash, payload.data(), payload.size(), job);
  return hash.hex();
}

std::string key_of(std::string_view kind, std::span<const double> positions,
                   std::initializer_list<std::int64_t> parameters, const Job& job) {
  Sha256 hash;
  hash.update(magic.data(), magic.size());
  hash.update(kind.data(), kind.size());
  for (const std::int64_t value : parameters) hash.update(&value, sizeof value);
  add_bytes(hash, positions.data(), positions.size_bytes(), job);
  return hash.hex();
}

std::string pack(const BallTree& tree) {
  Writer writer;
  writer.number(tree.point_count);
  writer.number(tree.slot_count);
  writer.number(tree.unit_count);
  writer.number(tree.unit);
  writer.number(tree.dimension);
  writer.values(tree.slot_point);
  writer.values(tree.slot_mask);
  writer.values(tree.point_slot);
  return writer.take();
}

// Every index is checked, so that even a forged entry cannot lead outside the arrays.
std::optional<BallTree> unpack_tree(std::string_view payload, std::int64_t points, int dimension,
                                    const TreeOptions& options) {
  Reader reader(payload);
  BallTree tree;
  tree.point_count = reader.number();
  tree.slot_count = reader.number();
  tree.unit_count = reader.number();
  tree.unit = static_cast<int>(reader.number());
  tree.dimension = static_cast<int>(reader.number());
  tree.slot_point = reader.values<std::int32_t>();
  tree.slot_mask = reader.values<std::uint8_t>();
  tree.point_slot = reader.values<std::int32_t>();
  if (!reader.finished() || tree.point_count != points || tree.dimension != dimension || tree.unit != options.unit ||
      tree.unit_count < 1 || tree.slot_count != tree.unit_count * tree.unit || tree.slot_count < points ||
      std::ssize(tree.slot_point) != tree.slot_count || std::ssize(tree.slot_mask) != tree.slot_count ||
      std::ssize(tree.point_slot) != points)
    return std::nullopt;
  std::int64_t real = 0;
  for (std::size_t s = 0; s < tree.slot_point.size(); ++s) {
    const std::int32_t point = tree.slot_point[s];
    if (point < 0 || point >= points || tree.slot_mask[s] > 1) return std::nullopt;
    if (tree.slot_mask[s] && tree.point_slot[static_cast<std::size_t>(point)] != static_cast<std::int32_t>(s))
      return std::nullopt;
    real += tree.slot_mask[s];
  }
  if (real != points) return std::nullopt;
  return tree;
}

std::string pack(const KnnGraph& graph) {
  Writer writer;
  writer.number(graph.edges_per_point);
  writer.values(graph.source);
  writer.values(graph.receiver);
  return writer.take();
}

std::optional<KnnGraph> unpack_graph(std::string_view payload, std::int64_t points) {
  Reader reader(payload);
  KnnGraph graph;
  graph.edges_per_point = reader.number();
  graph.source = reader.values<std::int32_t>();
  graph.receiver = reader.values<std::int32_t>();
  const auto inside = [&](std::int32_t point) { return point >= 0 && point < points; };
  if (!reader.finished() || graph.source.size() != graph.receiver.size() || graph.edges_per_point < 0 ||
      graph.edges_per_point > points || std::ssize(graph.source) != points * graph.edges_per_point ||
      !std::all_of(graph.source.begin(), graph.source.end(), inside) ||
      !std::all_of(graph.receiver.begin(), graph.receiver.end(), inside))
    return std::nullopt;
  return graph;
}

template <typename T>
std::uint64_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

std::uint64_t bytes_of(const BallTree& tree) {
  std::uint64_t bytes = bytes_of(tree.slot_point) + bytes_of(tree.slot_mask) + bytes_of(tree.point_slot);
  for (const TreeLevel& level : tree.levels)
    bytes += bytes_of(level.slot_begin) + bytes_of(level.point_count) + bytes_of(level.split_axis) +
             bytes_of(level.centre) + bytes_of(level.radius) + bytes_of(level.box_minimum) +
             bytes_of(level.box_maximum);
  return bytes;
}

fs::path file_of(const fs::path& folder, const std::string& key) {
  return folder / (key + std::string(extension));
}

}  // namespace

CacheOptions CacheOptions::from_environment() {
  CacheOptions options;
  options.enabled = caching_allowed();
  options.folder = cache_folder("geometry");
  return options;
}

GeometryCache::GeometryCache(CacheOptions options) : options_(std::move(options)) {}

template <typename T>
std::shared_ptr<const T> GeometryCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  ages_.splice(ages_.begin(), ages_, found->second.age);
  ++counts_.memory_hits;
  return std::static_pointer_cast<const T>(found->second.value);
}

void GeometryCache::keep(const std::string& key, std::shared_ptr<const void> value, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > options_.memory_bytes || entries_.count(key)) return;
  ages_.push_front(key);
  entries_[key] = {std::move(value), bytes, ages_.begin()};
  bytes_ += bytes;
  while (bytes_ > options_.memory_bytes) {
    const auto oldest = entries_.find(ages_.back());
    bytes_ -= oldest->second.bytes;
    entries_.erase(oldest);
    ages_.pop_back();
  }
}

// The payload of an intact entry on disk, else nothing.
std::string GeometryCache::load(const std::string& key, const Job& job) const {
  if (options_.folder.empty()) return {};
  const fs::path path = file_of(options_.folder, key);
  std::error_code problem;
  const auto size = fs::file_size(path, problem);
  if (problem || size <= header_bytes || size > options_.disk_bytes) return {};
  std::string header(header_bytes, '\0'), payload(static_cast<std::size_t>(size - header_bytes), '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(header.data(), static_cast<std::streamsize>(header.size()));
  constexpr std::size_t piece = 1 << 22;
  for (std::size_t at = 0; in && at < payload.size(); at += piece) {
    job.check();
    in.read(payload.data() + at, static_cast<std::streamsize>(std::min(piece, payload.size() - at)));
  }
  if (!in || !header.starts_with(magic) || header.substr(magic.size()) != hash_of(payload, job)) {
    log(LogLevel::Info, "ignored a damaged cache entry: " + path.string());
    return {};
  }
  fs::last_write_time(path, fs::file_time_type::clock::now(), problem);  // used now; trimming goes by this time
  return payload;
}

void GeometryCache::store(const std::string& key, const std::string& payload, const Job& job) {
  if (options_.folder.empty() || payload.size() + header_bytes > options_.disk_bytes) return;
  const std::lock_guard lock(mutex_);
  if (!disk_works_) return;
  try {
    const fs::path path = file_of(options_.folder, key);
    const auto write = [&](const fs::path& temporary) {
      std::ofstream out(temporary, std::ios::binary);
      out << magic << hash_of(payload, job);
      constexpr std::size_t piece = 1 << 22;
      for (std::size_t at = 0; at < payload.size(); at += piece) {
        job.check();
        out.write(payload.data() + at, static_cast<std::streamsize>(std::min(piece, payload.size() - at)));
      }
      out.close();
      if (!out) throw Error(ErrorKind::Io, "cannot write the cache", temporary.string());
    };
    write_file_atomically(path, write, Flush::No);  // an entry that a crash has cut is noticed by its hash
    trim_disk();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Cancelled) throw;
    disk_works_ = false;
    log(LogLevel::Warning, std::string("the geometry cache is not written to disk: ") + error.what());
  }
}

void GeometryCache::trim_disk() const {
  struct File {
    fs::file_time_type used;
    std::uint64_t bytes;
    fs::path path;
  };
  std::vector<File> files;
  std::uint64_t total = 0;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(options_.folder, problem)) {
    if (entry.path().extension() != extension) continue;
    std::error_code gone;  // another process may trim at the same time
    const File file{entry.last_write_time(gone), entry.file_size(gone), entry.path()};
    if (gone) continue;
    total += file.bytes;
    files.push_back(file);
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
  for (const File& file : files) {
    if (total <= options_.disk_bytes) return;
    fs::remove(file.path, problem);
    total -= file.bytes;
  }
}

BallTreePtr GeometryCache::ball_tree(std::span<const double> positions, int dimension, const TreeOptions& options,
                                     const Job& job) {
  if (!options_.enabled || positions.empty() || dimension < 1)
    return std::make_shared<const BallTree>(build_ball_tree(positions, dimension, options, job));
  const auto padding = static_cast<std::int64_t>(options.padding);
  const std::string disk_key = key_of("tree", positions, {dimension, options.unit, padding}, job);
  const std::string key = disk_key + (options.nodes ? "+nodes" : "");
  if (auto known = find<BallTree>(key)) return known;
  BallTree tree;
  const auto points = static_cast<std::int64_t>(positions.size()) / dimension;
  if (auto stored = unpack_tree(load(disk_key, job), points, dimension, options)) {
    tree = std::move(*stored);
    if (options.nodes) compute_levels(tree, positions, job);
    const std::lock_guard lock(mutex_);
    ++counts_.disk_hits;
  } else {
    tree = build_ball_tree(positions, dimension, options, job);
    store(disk_key, pack(tree), job);
    const std::lock_guard lock(mutex_);
    ++counts_.built;
  }
  auto result = std::make_shared<const BallTree>(std::move(tree));
  keep(key, result, bytes_of(*result));
  return result;
}

KnnGraphPtr GeometryCache::knn_graph(std::span<const double> positions, int dimension, int k, bool self_loop,
                                     const Job& job) {
  if (!options_.enabled || positions.empty() || dimension < 1)
    return std::make_shared<const KnnGraph>(build_knn_graph(positions, dimension, k, self_loop, job));
  const std::string key = key_of("graph", positions, {dimension, k, self_loop}, job);
  if (auto known = find<KnnGraph>(key)) return known;
  KnnGraph graph;
  const auto points = static_cast<std::int64_t>(positions.size()) / dimension;
  if (auto stored = unpack_graph(load(key, job), points)) {
    graph = std::move(*stored);
    const std::lock_guard lock(mutex_);
    ++counts_.disk_hits;
  } else {
    graph = build_knn_graph(positions, dimension, k, self_loop, job);
    job.check();
    store(key, pack(graph), job);
    const std::lock_guard lock(mutex_);
    ++counts_.built;
  }
  auto result = std::make_shared<const KnnGraph>(std::move(graph));
  keep(key, result, bytes_of(result->source) + bytes_of(result->receiver));
  return result;
}

GeometryCache::Counts GeometryCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

GeometryCache& shared_geometry_cache() {
  static GeometryCache cache(CacheOptions::from_environment());
  return cache;
}

}  // namespace erwin
