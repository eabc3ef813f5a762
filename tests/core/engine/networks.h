#pragma once
// Networks and waiting, shared by the tests of the engine.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "core/config/model_config.h"
#include "core/engine/mailbox.h"
#include "core/model/checkpoint.h"
#include "core/model/model.h"

namespace erwin::test {

// Takes snapshots until the thread rests; the newest one holds everything.
template <typename Source, typename Snapshot>
Snapshot settle(Source& source, Mailbox<Snapshot>& mailbox) {
  Snapshot newest;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool idle = false;
  while (!idle && std::chrono::steady_clock::now() < end) {
    idle = source.idle();
    if (const auto snapshot = mailbox.take()) newest = *snapshot;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(idle);
  return newest;
}

inline ModelConfig small_nsa() {
  ModelConfig config;
  config.flat.width = 16;
  config.flat.depth = 2;
  config.flat.heads = 4;
  config.flat.head_dim = 8;
  config.flat.ball_size = 128;
  config.flat.block_size = 32;
  config.flat.selected_blocks = 3;
  config.embedding_channels = 16;
  config.mp_steps = 1;
  return config;
}

// Width 16 at the finest level, three levels, rotated every second block.
inline ModelConfig three_level_unet() {
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.unet.widths = {16, 32, 64};
  config.unet.ball_sizes = {64, 64, 64};
  config.unet.strides = {2, 2};
  config.unet.encoder_heads = {2, 4, 8};
  config.unet.encoder_depths = {2, 2, 2};
  config.unet.decoder_heads = {2, 4};
  config.unet.decoder_depths = {2, 2};
  config.embedding_channels = 16;
  config.mp_steps = 1;
  return config;
}

// An untrained network with a fixed seed that predicts "pressure".
inline Checkpoint untrained(const ModelConfig& config, std::uint64_t seed = 5) {
  Checkpoint checkpoint;
  checkpoint.config = config;
  checkpoint.recipe.target = "pressure";
  checkpoint.recipe.normalisation.position = {{0, 0, 0.6}, {1, 1, 1}};
  checkpoint.recipe.normalisation.field["pressure"] = {{0}, {60}};
  checkpoint.weights = Model(config, seed).weights();
  return checkpoint;
}

}  // namespace erwin::test
