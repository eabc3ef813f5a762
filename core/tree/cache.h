#pragma once
// Trees and graphs that were built before: kept in memory, and on disk under the user's cache folder, by content hash.

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "core/base/job.h"
#include "core/tree/ball_tree.h"
#include "core/tree/knn.h"

namespace erwin {

using KnnGraphPtr = std::shared_ptr<const KnnGraph>;

struct CacheOptions {
  bool enabled = true;                                // false: everything is built anew
  std::filesystem::path folder;                       // of the entries on disk; empty: memory only
  std::uint64_t disk_bytes = std::uint64_t{2} << 30;  // beyond this the entries used longest ago are removed
  std::uint64_t memory_bytes = std::uint64_t{512} << 20;

  // folder = $XDG_CACHE_HOME/erwinscope/geometry, else ~/.cache/erwinscope/geometry; ERWINSCOPE_CACHE=off disables.
  static CacheOptions from_environment();
};

// Thread-safe. An entry's name is the SHA-256 of the positions and of every parameter of the build. An entry on disk
// that is damaged, foreign or of another format is ignored and written anew; a disk that cannot be written is logged
// once and then left alone. Results are the same with and without the cache; errors are those of the builds.
class GeometryCache {
public:
  explicit GeometryCache(CacheOptions options);

  // build_ball_tree. Node data is kept in memory only; from disk it is computed again.
  BallTreePtr ball_tree(std::span<const double> positions, int dimension, const TreeOptions& options,
                        const Job& job = {});
  // build_knn_graph.
  KnnGraphPtr knn_graph(std::span<const double> positions, int dimension, int k, bool self_loop, const Job& job = {});

  struct Counts {
    std::int64_t memory_hits = 0, disk_hits = 0, built = 0;
  };
  Counts counts() const;

private:
  struct Entry {
    std::shared_ptr<const void> value;
    std::uint64_t bytes = 0;
    std::list<std::string>::iterator age;
  };
  template <typename T>
  std::shared_ptr<const T> find(const std::string& key);
  void keep(const std::string& key, std::shared_ptr<const void> value, std::uint64_t bytes);
  std::string load(const std::string& key, const Job& job) const;
  void store(const std::string& key, const std::string& payload, const Job& job);
  void trim_disk() const;

  CacheOptions options_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> ages_;  // most recently used first
  std::uint64_t bytes_ = 0;
  bool disk_works_ = true;
  Counts counts_;
};

// The cache that sample preparation shares within the process; made on first use from the environment.
GeometryCache& shared_geometry_cache();

}  // namespace erwin
