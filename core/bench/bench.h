#pragma once
// What `erwinscope bench attention|ball|model|step` measures: our operations and networks beside others that answer the
// same question, on the same tensors in one process.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/bench/timing.h"

namespace erwin::bench {

// Where and with what was measured.
struct Environment {
  std::string device;  // name of the GPU, or the processor
  std::string id;      // "cuda:0", "cpu"
  std::string driver;  // version of the NVIDIA driver; empty without one
  std::string torch, cuda, cudnn;
  int threads = 0;  // of the host
  // What the device does at best, for the rows' shares; 0 where it is not known.
  double exps_per_second = 0, bytes_per_second = 0;
};
Environment describe(const std::string& device);
// The processor as the system names it.
std::string processor_name();

enum class Role {
  Ours,   // what the aims speak of
  Peer,   // answers the same question; ours is compared with the fastest one
  Other,  // shown beside: parts of ours, other paths
};
const char* name_of(Role role);  // "ours", "peer", "other"

struct Row {
  std::string group;      // rows that are compared with each other
  std::string what;       // "ours", "dense SDPA, cuDNN"
  std::string pass;       // "forward", "forward + backward", "step"
  std::string precision;  // "bf16", "float32", "tf32"
  Role role = Role::Other;
  std::map<std::string, std::int64_t> shape;
  std::optional<Timing> launched;  // kernel by kernel, as the host launches them
  std::optional<Timing> replayed;  // recorded once as a CUDA graph, one launch per run
  std::string note;                // why something was not measured, or what to know
  // Bytes, where the device's allocator tells: the peak above what was there before the run, what the allocator held at
  // the most (with the graph's own memory), and the bytes of q, k, v and the result to compare with.
  std::optional<std::int64_t> peak_bytes, reserved_bytes, tensor_bytes;
  double exps = 0, bytes = 0;              // exponentials that have to be taken, bytes that have to be moved
  double aim = 0;                          // ours: wanted ratio of the fastest peer's time to ours; 0: none
  double quoted_ms = 0, quoted_bytes = 0;  // of the authors' compiled network on an H100; 0: none

  std::string name() const;  // "group | what | pass | precision": what patterns are matched with
  // The shorter of the two medians; 0 where neither was measured.
  double best_ms() const;
};

// The fastest peer of a group and pass against ours, by the medians launched alike.
struct Ratio {
  std::string group, ours, pass, precision, peer;
  double launched = 0, replayed = 0;  // peer's time / our time; 0 where one of them is missing
  double aim = 0;
};
std::vector<Ratio> ratios(const std::vector<Row>& rows);

// The larger of the shares of the device's exponentials and bytes per second that the row reached, and which it is.
struct Share {
  double value = 0;
  const char* of = "";  // "exp", "bytes"
};
Share share_of_ceiling(const Row& row, const Environment& environment);

struct Options {
  std::string device = "auto";
  bool quick = false;                 // fewer runs, and on a CPU smaller sizes
  std::vector<std::string> patterns;  // only rows whose name holds one of these; * and ? as in a shell; empty: all
  std::vector<std::int64_t> points;   // instead of the sizes of the aims
  // Sees every row as soon as it is there.
  std::function<void(const Row& row)> finished;
};
bool matches(const std::string& name, const std::vector<std::string>& patterns);

// Three-branch attention (method 8.3) from q, k, v, positions, gate logits and block keys and values to the merged
// result, its branches and steps one by one, dense attention and the ATen path. Raises Error{Config}, {Device},
// {Cancelled}; a row that does not fit into memory says so.
std::vector<Row> bench_attention(const Options& options, const Job& job);
// Ball attention with the distance bias; batched attention over the balls without and with a dense bias.
std::vector<Row> bench_ball(const Options& options, const Job& job);
// Inference of the networks at the settings of their papers, and of one car from positions to prediction.
std::vector<Row> bench_model(const Options& options, const Job& job);
// Whole training steps at those settings, and of networks of equal width and depth as the cloud grows ("curve").
std::vector<Row> bench_step(const Options& options, const Job& job);

}  // namespace erwin::bench
