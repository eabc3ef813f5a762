// Whole runs within this process: resumed, extended, branched, steered, refused.

#include "core/train/run.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "core/base/error.h"
#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "core/train/memory_plan.h"
#include "core/train/probe_file.h"
#include "core/train/sampler.h"
#include "tests/core/train/support.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void expect_same_weights(const fs::path& a, const fs::path& b) {
  const Checkpoint first = load_training_checkpoint(a), second = load_training_checkpoint(b);
  EXPECT_EQ(first.step, second.step);
  const auto compare = [](const Weights& x, const Weights& y) {
    ASSERT_EQ(x.size(), y.size());
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(x[i].data == y[i].data) << x[i].name;
  };
  compare(first.weights, second.weights);
  compare(first.training->mean, second.training->mean);
  EXPECT_EQ(first.training->samples_drawn, second.training->samples_drawn);
}

class Runs : public ::testing::Test {
protected:
  Runs() : manifest_(test::make_spirals(folder_.path())) {}
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  RunResult start(const Config& config, const std::string& out) const {
    return run_training({config, path(out), "test", {}});
  }
  // Ends like a Ctrl-C once `step` is done.
  void start_and_stop(const Config& config, const std::string& out, std::int64_t step) const {
    std::stop_source stop;
    EXPECT_THROW(run_training({config, path(out), "test", {}}, Job(stop.get_token()),
                              [&](const RunProgress& progress) {
                                if (progress.step == step) stop.request_stop();
                              }),
                 Error);
  }
  Config config(ModelKind kind = ModelKind::ErwinNsa) const { return test::spiral_config(manifest_, kind); }

  test::ScratchFolder folder_;
  fs::path manifest_;
};

TEST_F(Runs, TheDirectoryHoldsAllThatIsNeeded) {
  Config wanted = config();
  wanted.set("train.keep_every=4");
  const RunResult result = start(wanted, "run");
  const RunLayout run(path("run"));
  EXPECT_EQ(result.steps, 12);
  EXPECT_EQ(read_run_state(run).phase, RunPhase::Finished);
  for (const fs::path& file : {run.last(), run.best(), run.checkpoint(0), run.checkpoint(4), run.checkpoint(12),
                               run.metrics_table(), run.log()})
    EXPECT_TRUE(fs::exists(file)) << file;
  EXPECT_FALSE(fs::exists(run.checkpoint(5)));
  EXPECT_EQ(load_checkpoint(run.checkpoint(0)).step, 0);

  const MetricsHistory metrics = read_metrics(run.metrics());
  ASSERT_EQ(metrics.training().size(), 12u);
  ASSERT_EQ(metrics.validation().size(), 3u) << "steps 5, 10 and the last";
  EXPECT_EQ(metrics.validation()[0].samples, 1);
  EXPECT_EQ(metrics.validation()[0].split, "validation");
  EXPECT_GT(metrics.training()[0].memory, 1u << 20);
  ASSERT_TRUE(result.best);
  EXPECT_EQ(load_checkpoint(run.best()).step, result.best->step);
  for (const ValidationEntry& entry : metrics.validation())
    EXPECT_LE(result.best->mse_standardised, entry.mse_standardised);

  const auto provenance = nlohmann::json::parse(text_of(run.provenance()));
  for (const char* key : {"data_hash", "code_version", "seed", "device", "precision", "command", "started"})
    EXPECT_TRUE(provenance.contains(key)) << key;
  EXPECT_EQ(provenance["training_samples"].size(), 5u);
  // The written configuration is complete: the same run again, from nothing else.
  const Config again = Config::from_toml_file(run.config());
  EXPECT_EQ(again.integer("model.input_features"), 3);
  start(again, "again");
  expect_same_weights(run.last(), RunLayout(path("again")).last());
  EXPECT_THROW(start(again, "again"), Error) << "never overwritten";
}

// Stopped, gone on with, on other numbers of loader threads, with augmentation: the bits of an unbroken run.
TEST_F(Runs, ResumedRunsEqualUnbrokenOnes) {
  for (const ModelKind kind : {ModelKind::ErwinNsa, ModelKind::Erwin}) {
    Config wanted = config(kind);
    wanted.set("train.batch=2");
    wanted.set("train.shuffle_points=true");
    wanted.set("train.rotate_points=any");
    wanted.set("train.schedule=cosine");
    wanted.set("train.steps=8");
    const std::string name = name_of(kind);
    start(wanted, name + "-whole");
    start_and_stop(wanted, name, 3);
    EXPECT_EQ(read_run_state(RunLayout(path(name))).phase, RunPhase::Stopped);
    const RunResult rest = resume_training({path(name), {}, {}, {}, "test"});
    EXPECT_EQ(rest.first_step, 3);
    EXPECT_EQ(rest.steps, 8);
    expect_same_weights(RunLayout(path(name)).last(), RunLayout(path(name + "-whole")).last());
    const MetricsHistory whole = read_metrics(RunLayout(path(name + "-whole")).metrics()),
                         parts = read_metrics(RunLayout(path(name)).metrics());
    ASSERT_EQ(parts.training().size(), 8u);
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(parts.training()[i].loss, whole.training()[i].loss);
    EXPECT_EQ(parts.validation().back().mse_standardised, whole.validation().back().mse_standardised);
    EXPECT_EQ(parts.resumes(), 1);
  }
}

// Stopped at 6 of a schedule of 12 and extended: as if it had gone through.
TEST_F(Runs, AnExtendedRunKeepsItsSchedule) {
  Config wanted = config();
  wanted.set("train.schedule=cosine");
  start(wanted, "whole");
  wanted.set("train.schedule_steps=12");
  wanted.set("train.steps=6");
  start(wanted, "part");
  try {
    resume_training({path("part"), {}, {}, {}, "test"});
    FAIL() << "it had ended";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Config);
    EXPECT_NE(error.hint().find("--steps"), std::string::npos);
  }
  resume_training({path("part"), 12, {}, {}, "test"});
  expect_same_weights(RunLayout(path("part")).last(), RunLayout(path("whole")).last());
  EXPECT_EQ(Config::from_toml_file(RunLayout(path("part")).config()).integer("train.steps"), 12);
}

TEST_F(Runs, ABranchGoesOnFromAnyCheckpoint) {
  Config wanted = config();
  wanted.set("train.keep_every=4");
  start(wanted, "run");
  const fs::path from = RunLayout(path("run")).checkpoint(4);
  const RunResult same = run_training({wanted, path("same"), "test", from});
  EXPECT_EQ(same.first_step, 4);
  expect_same_weights(RunLayout(path("same")).last(), RunLayout(path("run")).last());
  EXPECT_TRUE(fs::exists(RunLayout(path("same")).checkpoint(4)));
  EXPECT_NE(text_of(RunLayout(path("same")).provenance()).find("branched_from"), std::string::npos);
  wanted.set("train.lr=1e-4");
  run_training({wanted, path("other"), "test", from});
  EXPECT_NE(load_checkpoint(RunLayout(path("other")).last()).weights.front().data,
            load_checkpoint(RunLayout(path("run")).last()).weights.front().data);
  wanted.set("model.width=32");
  EXPECT_THROW(run_training({wanted, path("wider"), "test", from}), Error);
  EXPECT_FALSE(fs::exists(path("wider")));
}

TEST_F(Runs, OtherDataAreRefused) {
  start_and_stop(config(), "run", 2);
  io::write(path("train_0.csv"), {{"cloud", test::spiral(61, 0)}});
  try {
    resume_training({path("run"), {}, {}, {}, "test"});
    FAIL() << "the data have changed";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("not those"), std::string::npos) << error.what();
  }
  EXPECT_THROW(resume_training({folder_.path(), {}, {}, {}, "test"}), Error) << "no run";
}

TEST_F(Runs, ValidationSplits) {
  Config wanted = config();
  wanted.set("train.steps=1");
  const auto split_of = [&](const std::string& out) {
    const auto provenance = nlohmann::json::parse(text_of(RunLayout(path(out)).provenance()));
    return std::pair(provenance["validation_split"].get<std::string>(), provenance["validation_samples"].size());
  };
  wanted.set("data.validation=test");
  start(wanted, "published");
  EXPECT_EQ(split_of("published"), std::pair(std::string("test"), std::size_t{1}));
  wanted.set("data.validation=none");
  start(wanted, "none");
  EXPECT_EQ(split_of("none").second, 0u);
  EXPECT_FALSE(fs::exists(RunLayout(path("none")).best()));
  wanted.set("data.validation=tset");
  EXPECT_THROW(start(wanted, "wrong"), Error);
  // One file: no splits; some samples are set aside, the same ones whatever the seed.
  io::NamedClouds clouds;
  for (int i = 0; i < 8; ++i) clouds.emplace_back("c" + std::to_string(i), test::spiral(50 + i, i));
  fs::create_directories(path("one"));
  io::write(path("one/all.h5"), clouds);
  wanted.set("data.validation=validation");
  wanted.set("data.validation_share=0.3");
  wanted.set("data.target=height");
  wanted.assign("data.path", path("one/all.h5").string());
  std::vector<nlohmann::json> aside;
  for (const char* seed : {"1", "2"}) {
    wanted.set(std::string("train.seed=") + seed);
    start(wanted, std::string("aside") + seed);
    const auto provenance = nlohmann::json::parse(text_of(RunLayout(path(std::string("aside") + seed)).provenance()));
    EXPECT_EQ(provenance["training_samples"].size(), 6u);
    aside.push_back(provenance["validation_samples"]);
  }
  EXPECT_EQ(aside[0].size(), 2u);
  EXPECT_EQ(aside[0], aside[1]);
}

// A run in a thread of its own, steered and watched only through its directory.
TEST_F(Runs, ObeysRequests) {
  Config wanted = config();
  wanted.set("train.steps=1000000");
  wanted.set("train.validate_every=0");
  const RunLayout run(path("run"));
  RunResult result;
  std::jthread training([&] { result = start(wanted, "run"); });
  RunState state;
  const auto reaches = [&](auto condition) {
    for (int i = 0; i < 2000; ++i) {
      try {
        state = read_run_state(run);
        if (condition()) return true;
      } catch (const Error&) {  // not there yet
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  ASSERT_TRUE(reaches([&] { return state.phase == RunPhase::Running; }));
  send(run, Request::Pause);
  ASSERT_TRUE(reaches([&] { return state.phase == RunPhase::Paused; }));
  const std::int64_t paused_at = state.step;
  EXPECT_EQ(load_checkpoint(run.last()).step, paused_at) << "what is paused is saved";
  send(run, Request::Step);
  EXPECT_TRUE(reaches([&] { return state.phase == RunPhase::Paused && state.step == paused_at + 1; }));
  send(run, ProbeRequest{"test_0", false, {1}, 0.05});
  ASSERT_TRUE(reaches([&] { return fs::exists(run.probe(paused_at + 1)); })) << "also while paused";
  const Probe probe = load_probe(run.probe(paused_at + 1));
  EXPECT_EQ(probe.sample, "test_0");
  ASSERT_EQ(probe.fields.size(), 3u);
  EXPECT_EQ(probe.fields[0].name(), "prediction");
  EXPECT_NEAR(probe.fields[1].value(3), test::spiral(70, 6.5)->require_field("height").value(3), 1e-6);
  ASSERT_EQ(probe.tap->layers.size(), 2u);
  EXPECT_FALSE(probe.tap->layers[0].has_qkv());
  EXPECT_TRUE(probe.tap->layers[1].has_qkv());
  send(run, ProbeRequest{"absent", false, {}, 0.05});
  send(run, Request::Resume);
  ASSERT_TRUE(reaches([&] { return read_metrics(run.metrics()).probes().size() >= 3; })) << "it goes on by itself";
  EXPECT_LE(read_metrics(run.metrics()).probes().back().share, 0.2);
  send(run, Request::Stop);
  training.join();
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(load_checkpoint(run.last()).step, result.steps);
  EXPECT_EQ(read_run_state(run).phase, RunPhase::Stopped);
  EXPECT_NE(text_of(run.log()).find("ignored a probe"), std::string::npos);
}

TEST_F(Runs, ADivergedRunKeepsItsLastGoodCheckpoint) {
  Config wanted = config();
  wanted.set("train.lr=1000");
  wanted.set("train.weight_decay=1");
  wanted.set("train.schedule=const");
  wanted.set("train.checkpoint_every=2");
  wanted.set("train.validate_every=0");
  wanted.set("train.steps=100");
  const RunLayout run(path("run"));
  try {
    start(wanted, "run");
    FAIL() << "it did not diverge";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Model);
  }
  const RunState state = read_run_state(run);
  EXPECT_EQ(state.phase, RunPhase::Failed);
  EXPECT_NE(state.error.find("diverged"), std::string::npos);
  const Checkpoint last = load_training_checkpoint(run.last());  // would refuse what is not finite
  EXPECT_EQ(last.step, state.step - state.step % 2);
  EXPECT_EQ(read_metrics(run.metrics()).training().back().step, state.step);
}

TEST_F(Runs, WhatWillNotFitIsRefusedWithWhatDoes) {
  Config wanted = config();
  wanted.set("train.steps=1");
  const std::int64_t parameters = start(wanted, "first").parameters;
  const ModelConfig model = model_config(Config::from_toml_file(RunLayout(path("first")).config()));
  wanted.set("train.batch=4");
  wanted.set("train.recompute=off");
  TrainConfig train = train_config(wanted);
  const auto total = [&] { return predict_memory(model, train, parameters, sample_size(model, 84), true).total(); };
  const std::uint64_t four = total();
  train.batch = 2;
  wanted.assign("train.memory_limit", 0.5 * static_cast<double>(four + total()) / (1 << 30));
  try {
    start(wanted, "run");
    FAIL() << "it does not fit";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Memory);
    EXPECT_NE(error.hint().find("train.batch=2 --set train.accumulate=2"), std::string::npos) << error.what();
    EXPECT_NE(error.detail().find("predicted"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(fs::exists(path("run")));
  wanted.set("train.memory_check=false");
  wanted.set("train.memory_limit=0");
  start(wanted, "run");
}

// Between what a step needs that keeps everything and one that runs its blocks again, a run does the latter by itself,
// and arrives at the same weights.
TEST_F(Runs, WhereItDoesNotFitOtherwiseBlocksRunAgain) {
  Config wanted = config();
  wanted.set("train.steps=3");
  wanted.set("train.batch=4");
  wanted.set("train.recompute=off");
  const std::int64_t parameters = start(wanted, "whole").parameters;
  const ModelConfig model = model_config(Config::from_toml_file(RunLayout(path("whole")).config()));
  TrainConfig train = train_config(wanted);
  const std::uint64_t keeping = predict_memory(model, train, parameters, sample_size(model, 84), true).total();
  train.recompute = "on";
  const std::uint64_t again = predict_memory(model, train, parameters, sample_size(model, 84), true).total();
  ASSERT_LT(again, keeping);
  wanted.set("train.recompute=auto");
  // The limit is forced upon the tensors too, so it is not only the prediction that has to fit.
  wanted.assign("train.memory_limit", 0.5 * static_cast<double>(again + keeping) / (1 << 30));
  start(wanted, "again");
  expect_same_weights(RunLayout(path("again")).last(), RunLayout(path("whole")).last());
  std::ifstream log(RunLayout(path("again")).log());
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(text.find("run again in the backward pass"), std::string::npos) << text;
}

// One sample is too large for the limit: what was done until then is saved, and the run goes on from there with more.
TEST_F(Runs, OutOfMemoryOnTheWaySaves) {
  io::write(path("train_5.csv"), {{"cloud", test::spiral(4000, 0)}});
  Config wanted = config();
  wanted.set("train.validate_every=0");
  wanted.set("train.steps=6");
  std::int64_t seed = 0;  // of an order in which the large one comes fourth
  const auto place = [](std::int64_t of) {
    Sampler sampler(6, static_cast<std::uint64_t>(of));
    std::int64_t at = 0;
    while (sampler.next() != 5) ++at;
    return at;
  };
  while (place(seed) != 3) ++seed;
  wanted.assign("train.seed", seed);
  start(wanted, "whole");
  wanted.set("train.memory_check=false");
  wanted.set("train.memory_limit=0.02");
  const RunLayout run(path("run"));
  try {
    start(wanted, "run");
    FAIL() << "it does not fit";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Memory) << error.what();
    EXPECT_NE(error.hint().find("train --from"), std::string::npos) << error.what();
    EXPECT_NE(error.detail().find("step 3 is saved"), std::string::npos) << error.what();
  }
  EXPECT_EQ(read_run_state(run).phase, RunPhase::Failed);
  wanted.set("train.memory_limit=0");
  run_training({wanted, path("more"), "test", run.last()});
  expect_same_weights(RunLayout(path("more")).last(), RunLayout(path("whole")).last());
}

// What is offered must itself be accepted.
TEST(MemoryPlan, OffersWhatFits) {
  ModelConfig model = test::small_network(ModelKind::Erwin);
  model.unet.widths = {256, 512};
  TrainConfig train;
  train.batch = 16;
  train.recompute = "off";
  const SampleSize size = sample_size(model, 100000);
  const auto total = [&](const TrainConfig& one) { return predict_memory(model, one, 1000000, size, false).total(); };
  TrainConfig half = train;
  half.batch = 8;
  half.accumulate = 2;
  ASSERT_LT(total(half), total(train));
  const std::string offer = what_fits(model, train, 1000000, size, false, total(half));
  EXPECT_NE(offer.find("train.batch=8"), std::string::npos) << offer;
  EXPECT_NE(offer.find("train.accumulate=2"), std::string::npos) << offer;
  EXPECT_EQ(what_fits(model, train, 1000000, size, false, total(train)), "the same settings");
  half.batch = 1;
  half.accumulate = 16;
  half.precision = "bf16";
  EXPECT_NE(what_fits(model, train, 1000000, size, false, total(half) - 1).find("points"), std::string::npos);
  const std::uint64_t on_cpu = predict_memory(model, train, 1000000, size, true).total();
  EXPECT_NO_THROW(require_training_memory(model, train, 1000000, size, "cpu", on_cpu));
  EXPECT_THROW(require_training_memory(model, train, 1000000, size, "cuda:0", total(half)), Error);
}

TEST(Probe, SurvivesTheFileAndRefusesDamage) {
  const test::ScratchFolder folder;
  const ModelConfig config = test::small_network(ModelKind::Erwin);
  SampleRecipe recipe;
  recipe.target = "height";
  const ModelSample sample = prepare_sample(*test::spiral(75, 0), 0, recipe, config);
  const Model model(config, 3);
  Probe probe;
  probe.step = 7;
  probe.sample = "s";
  probe.budget = 0.05;
  const Model::Output output = model.predict(sample, TapRequest{true, {}});
  probe.tap = output.tap;
  probe.fields.emplace_back("prediction", FieldKind::Scalar, 1, output.values, "m");
  save_probe(folder.path() / "p.h5", probe);
  const Probe back = load_probe(folder.path() / "p.h5");
  EXPECT_EQ(back.step, 7);
  EXPECT_EQ(back.budget, 0.05);
  EXPECT_TRUE(std::equal(back.fields[0].values().begin(), back.fields[0].values().end(), output.values.begin()));
  ASSERT_EQ(back.tap->layers.size(), probe.tap->layers.size());
  for (std::size_t i = 0; i < back.tap->layers.size(); ++i) {
    const LayerTap &a = back.tap->layers[i], &b = probe.tap->layers[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.rotated, b.rotated);
    EXPECT_EQ(a.pool_level, b.pool_level);
    EXPECT_EQ(a.slot_points, b.slot_points);
    EXPECT_EQ(a.point_slot, b.point_slot);
    EXPECT_EQ(a.local_q.shape(), b.local_q.shape());
    EXPECT_TRUE(std::equal(a.lse_local.values().begin(), a.lse_local.values().end(), b.lse_local.values().begin()));
  }
  const std::string bytes = text_of(folder.path() / "p.h5");
  for (const double part : {0.0, 0.3, 0.9, 0.999}) {
    std::ofstream(folder.path() / "cut.h5", std::ios::binary)
        << bytes.substr(0, static_cast<std::size_t>(part * static_cast<double>(bytes.size())));
    EXPECT_THROW(load_probe(folder.path() / "cut.h5"), Error) << part;
  }
  save_checkpoint(folder.path() / "c.h5", {config, recipe, model.weights(), 0, {}, {}, {}});
  EXPECT_THROW(load_probe(folder.path() / "c.h5"), Error);
  LayerTap wrong = probe.tap->layers[0];
  wrong.slot_points[0] = 75;  // beyond the points
  auto tap = std::make_shared<Tap>(*probe.tap);
  tap->layers[0] = wrong;
  probe.tap = tap;
  save_probe(folder.path() / "w.h5", probe);
  EXPECT_THROW(load_probe(folder.path() / "w.h5"), Error);
}

}  // namespace
}  // namespace erwin
