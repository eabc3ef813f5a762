#!/usr/bin/env bash
# Trains the ShapeNet-Car networks on the sample cars, several at once on one GPU, and reports how well each predicts the
# cars it has not seen: erwin, erwin-nsa, erwin-nsa-paper and full, batch 2, AdamW from 1e-3 to 5e-5 along a cosine of
# 4000 steps, stopped at step 1000. 16 cars train and 4 test, so nothing is left to validate on: the error is that of the
# last step, and the best one seen on the test cars is called best_of_test. Four cars prove nothing statistically.
#
#   packaging/train_cars_gpu.sh [SECONDS]      the total time limit, default 3600; what has not ended by then is saved,
#                                              listed with the step it reached, and goes on when this is run again
#
# Environment: ERWINSCOPE_SHARED (folder with data/car/shapenet_car_cgns), ERWINSCOPE_PROGRAM (default
# build/gpu/bin/erwinscope), OUT (default build/gpu/cars): runs/, cars.json and a log per run. For other experiments:
# MODELS, SEEDS, STEPS, SCHEDULE, JOBS (processes at once), DEVICE, SETTINGS (more "--set key=value").
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

limit=${1:-3600}
program=${ERWINSCOPE_PROGRAM:-$PWD/build/gpu/bin/erwinscope}
out=${OUT:-$PWD/build/gpu/cars}
models=${MODELS:-"erwin erwin-nsa erwin-nsa-paper full"}
seeds=${SEEDS:-"0 1 2"}
steps=${STEPS:-1000}
schedule=${SCHEDULE:-4000}
jobs=${JOBS:-4}
device=${DEVICE:-cuda}
read -r -a settings <<<"${SETTINGS:-}"
cars=${ERWINSCOPE_SHARED:?set it to the folder that holds data/car/shapenet_car_cgns}/data/car/shapenet_car_cgns

[ -x "$program" ] || { echo "there is no program $program: build it (packaging/test_gpu.sh does), or set ERWINSCOPE_PROGRAM" >&2; exit 2; }
[ -e "$cars/train_00.cgns" ] || { echo "there are no cars in $cars" >&2; exit 2; }
mkdir -p "$out/runs"
deadline=$(($(date +%s) + limit))
threads=$((($(nproc) + jobs - 1) / jobs))

# The offsets and scales of the published protocol, so that errors compare with it: positions are scaled to the box
# (-2, -1, -4.5) to (2, 4.5, 6) and standardised by 0.4063 and 0.1531, pressures by -36.3099 and 48.5743.
cat >"$out/cars.toml" <<TOML
[dataset]
name = "cars"
files = ["$cars/*.cgns"]
inputs = ["position"]
target = "pressure"
[split]
train = ["train_0*", "test_0[0-5]"]
test = ["test_0[6-9]"]
[normalisation.position]
mean = [-0.3748, 1.23465, -0.23385]
deviation = [0.6124, 0.84205, 1.60755]
[normalisation.pressure]
mean = -36.3099
deviation = 48.5743
TOML

train_one() { # MODEL SEED
  local run=$out/runs/$1-$2 left=$((deadline - $(date +%s)))
  local -a what=(--resume "$run")
  if ! [ -e "$run" ]; then
    what=("shapenet-car-$1" --data "$out/cars.toml" --out "$run" --seed "$2" --steps "$steps" --device "$device"
      --set train.schedule_steps="$schedule" --set train.batch=2 --set train.lr=1e-3 --set train.eta_min=5e-5
      --set train.warmup=0 --set train.weight_decay=0.01 --set train.threads="$threads"
      --set data.validation=test --set train.validate_every=$(((steps + 3) / 4)))
    for setting in "${settings[@]}"; do [ "$setting" = --set ] || what+=(--set "$setting"); done
  elif grep -q '"finished"' "$run/state.json" 2>/dev/null; then
    return 0
  fi
  [ "$left" -gt 5 ] || return 0
  # Ctrl-C finishes the step and saves; whoever does not answer within half a minute is ended.
  timeout --signal=INT --kill-after=30 "$left" "$program" train "${what[@]}" >>"$out/runs/$1-$2.log" 2>&1 || true
}

for seed in $seeds; do
  for model in $models; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
    train_one "$model" "$seed" &
  done
done
wait

python3 - "$out" "$models" "$seeds" "$steps" "$schedule" "$jobs" <<'PY'
import json, os, statistics, sys

out, models, seeds, steps, schedule, jobs = sys.argv[1:]
table = {"data": "16 cars train, 4 test", "steps": int(steps), "schedule_steps": int(schedule),
         "processes_at_once": int(jobs), "error": "mean squared error of the standardised pressure, test cars",
         "runs": [], "means": {}}
for model in models.split():
    for seed in seeds.split():
        run = os.path.join(out, "runs", f"{model}-{seed}")
        row = {"model": model, "seed": int(seed)}
        table["runs"].append(row)
        if not os.path.isdir(run):
            log = run + ".log"
            row["failed"] = open(log).read().strip().split("\n")[-1] if os.path.exists(log) else "not started in time"
            continue
        state = json.load(open(os.path.join(run, "state.json")))
        provenance = json.load(open(os.path.join(run, "provenance.json")))
        row.update(step=state["step"], state=state["state"], device=state.get("device"),
                   parameters=provenance["parameters"])
        if "error" in state: row["failed"] = state["error"]
        training, tests = {}, {}
        for line in open(os.path.join(run, "metrics.jsonl"), errors="replace"):
            try: entry = json.loads(line)
            except ValueError: continue
            if "loss" in entry: training[entry["step"]] = entry
            elif "validation" in entry: tests[entry["step"]] = entry["validation"]
        if training:
            last = training[max(training)]
            row.update(train_loss=last["loss"], peak_memory=last["memory"])
            # The first steps also load the cars and warm up.
            times = [entry["seconds"] for step, entry in training.items() if step > 10] or [last["seconds"]]
            row["steps_per_second"] = round(1 / statistics.mean(times), 3)
        if int(steps) in tests:
            row["error"] = tests[int(steps)]["mse_standardised"]
            row["error_in_pascal_squared"] = tests[int(steps)]["mse"]
        if tests:
            best = min(tests, key=lambda step: tests[step]["mse_standardised"])
            row["best_of_test"] = {"step": best, "error": tests[best]["mse_standardised"]}
    errors = [row["error"] for row in table["runs"] if row["model"] == model and "error" in row]
    if errors:
        table["means"][model] = {"mean": statistics.mean(errors), "lowest": min(errors), "highest": max(errors),
                                 "seeds": len(errors)}
path = os.path.join(out, "cars.json")
json.dump(table, open(path, "w"), indent=2)
for row in table["runs"]:
    print("{model:16} seed {seed}  step {step:>5}  error {error:>8}  {rate:>7} steps/s  {note}".format(
        model=row["model"], seed=row["seed"], step=row.get("step", "-"),
        error="%.4f" % row["error"] if "error" in row else "-", rate=row.get("steps_per_second", "-"),
        note=row.get("failed", "")))
for model, mean in table["means"].items():
    print("%-16s mean %.4f of %d" % (model, mean["mean"], mean["seeds"]))
print(path)
PY
