#pragma once
// Everything that defines a network, as plain values. Checked once by check(), then trusted.

#include <cstdint>
#include <string>
#include <vector>

#include "core/tree/ball_tree.h"

namespace erwin {

enum class ModelKind { Erwin, ErwinNsa, Full, Ball };
enum class Compression { Pool, Mlp, Mean };
enum class Exclude { Ball, Block, None };
enum class CompressedQuery { Token, Block };
// Of the gates before training: all about 0.5, or local 0.88 and the two others 0.12 (method 3.2 and 8.2).
enum class GateStart { Even, Local };
// What the head gives: the target, or its mean and the deviation around it (method 6.2), learned by their likelihood.
enum class Head { Value, Gaussian };
enum class Embedding { Linear, Fourier };  // of the input features before the backbone (method 6)
enum class GraphKind { Knn, Lines };       // message-passing edges: k nearest neighbours, or the cloud's lines (bonds)

struct GraphConfig {
  GraphKind kind = GraphKind::Knn;
  int k = 8;              // edges per node
  bool self_loop = true;  // the node itself among the k
};

// The U-net trunk of `erwin` (method 2.1): one entry per level, finest first; decoder entries by level, finest first.
struct UnetConfig {
  std::vector<int> widths{64, 64};
  std::vector<int> ball_sizes{256, 256};
  std::vector<int> encoder_heads{8, 8};
  std::vector<int> encoder_depths{6, 6};
  std::vector<int> decoder_heads{8};
  std::vector<int> decoder_depths{6};
  std::vector<int> strides{1};
};

// The flat trunk of `erwin-nsa`, `full` and `ball` (method 8.2).
struct FlatConfig {
  int width = 64;
  int depth = 6;
  int heads = 16;       // query heads; `full` and `ball` use head width = width / heads
  int kv_heads = 1;     // erwin-nsa only
  int head_dim = 16;    // erwin-nsa only
  int ball_size = 512;  // local ball m, slots
  int block_size = 32;  // block b, slots; divides m
  int selected_blocks = 16;
  Compression compression = Compression::Pool;
  Exclude exclude = Exclude::Ball;
  CompressedQuery compressed_query = CompressedQuery::Token;
  GateStart gate_start = GateStart::Even;
};

struct ModelConfig {
  ModelKind kind = ModelKind::ErwinNsa;
  int dimension = 3;
  int input_features = 3;   // numbers per point that enter the embedding
  int output_features = 1;  // numbers per point that are predicted; a Gaussian head gives twice as many
  Head head = Head::Value;
  Embedding embedding = Embedding::Linear;
  int embedding_channels = 64;  // c_in of the backbone (even for Fourier)
  // true: input embedding and head (Linear, GELU, Linear) around the backbone; false: the bare backbone of an imported
  // Erwin state, whose input is c_in features and whose output is its width.
  bool wrapper = true;
  GraphConfig graph;
  int mp_steps = 3;
  int mlp_ratio = 4;
  double rotate_degrees = 45;
  Padding padding = Padding::Masked;
  bool freeze_sigma = false;
  double weight_deviation = 0.02;  // of the normal that a linear weight is drawn from
  UnetConfig unet;
  FlatConfig flat;

  // Slots of a tree unit: the ball of a flat trunk; the largest ball_l * prod(strides[:l]) of a U-net (8.1).
  int unit() const;
  // Numbers per point that leave the network.
  int network_outputs() const { return head == Head::Gaussian ? 2 * output_features : output_features; }
  // Raises Error{Config}: the key, its value, what is allowed.
  void check() const;
};

// About how many numbers a checked configuration's network holds, from its large matrices: what has to fit into memory.
std::int64_t estimate_parameters(const ModelConfig& config);

const char* name_of(ModelKind kind);         // "erwin", "erwin-nsa", "full", "ball"
const char* name_of(Compression value);      // "pool", "mlp", "mean"
const char* name_of(Exclude value);          // "ball", "block", "none"
const char* name_of(CompressedQuery value);  // "token", "block"
const char* name_of(GateStart value);        // "even", "local"
const char* name_of(Head value);             // "value", "gaussian"
const char* name_of(Embedding value);        // "linear", "fourier"
const char* name_of(GraphKind value);        // "knn", "lines"
const char* name_of(Padding value);          // "masked", "duplicate"

}  // namespace erwin
