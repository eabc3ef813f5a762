// `erwinscope bench attention|ball|model|step`: what core/bench measures, as a table, JSON and CSV.

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "app/bench.h"
#include "app/bench_report.h"
#include "app/command.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/bench/bench.h"
#include "core/bench/curve.h"
#include "core/model/predict.h"

namespace erwin::app {

namespace {

using Measure = std::vector<bench::Row> (*)(const bench::Options& options, const Job& job);

struct Request {
  bench::Options options;
  std::string json, csv, svg;
};

void run(const std::string& name, Measure measure, const Request& request) {
  bench::Options options = request.options;
  options.device = resolve_device(options.device);
  const bench::Environment environment = bench::describe(options.device);
  // What is measured is not lost with a run that is broken off: the file is written anew with every row.
  std::vector<bench::Row> done;
  options.finished = [&](const bench::Row& row) {
    done.push_back(row);
    if (!request.json.empty()) write_text_atomically(request.json, json_of(name, done, environment).dump(2) + "\n");
    if (!::isatty(STDERR_FILENO))
      std::fprintf(stderr, "%s: %s\n", row.group.c_str(), line_of(row, environment).c_str());
  };
  const std::vector<bench::Row> rows = measure(options, command_job());
  command_job().progress(1, "done");
  if (rows.empty())
    throw Error(ErrorKind::Config, "no row has such a name", "--rows",
                "Give a part of a name: a size as in \"N 4096\", \"dense\", \"forward\", \"bf16\"");
  print(rows, environment);
  if (!request.csv.empty()) write_text_atomically(request.csv, bench::curve_csv(rows));
  if (!request.svg.empty())
    write_text_atomically(request.svg, bench::curve_svg(rows, environment.device + ", bf16, " + today()));
}

CLI::App& add(CLI::App& bench, const std::string& name, const std::string& help, Measure measure,
              const std::shared_ptr<Request>& request) {
  CLI::App* const command = bench.add_subcommand(name, help);
  command->add_option("--device", request->options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--rows", request->options.patterns,
                      "only rows whose name \"group | what | pass | type\" holds one of these; * and ? as in a shell");
  command->add_flag("--quick", request->options.quick, "fewer runs, and small sizes on a CPU");
  command->add_option("--json", request->json, "also write the table to this file as JSON, row by row");
  command->callback([=] { run(name, measure, *request); });
  return *command;
}

void add_points(CLI::App& command, const std::shared_ptr<Request>& request) {
  command.add_option("--points", request->options.points, "measure these sizes instead")->delimiter(',');
}

void add_all(CLI::App& bench) {
  const auto request = [] { return std::make_shared<Request>(); };
  const auto attention = request(), ball = request(), step = request();
  add_points(add(bench, "attention", "three-branch attention and its parts beside dense attention",
                 bench::bench_attention, attention),
             attention);
  add_points(add(bench, "ball", "ball attention beside batched dense attention without and with a bias",
                 bench::bench_ball, ball),
             ball);
  add(bench, "model", "inference at the papers' settings, and of one car from positions to prediction",
      bench::bench_model, request());
  CLI::App& steps = add(bench, "step", "training steps at the papers' settings, and against the number of points",
                        bench::bench_step, step);
  add_points(steps, step);
  steps.add_option("--csv", step->csv, "write time and memory against the number of points to this file");
  steps.add_option("--svg", step->svg, "and a picture of them to this one");
}

const CommandRegistration registration{[](CLI::App& app) { add_all(bench_command(app)); }};

}  // namespace

}  // namespace erwin::app
