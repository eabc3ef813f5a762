#!/usr/bin/env bash
# Makes the networks that ship in datasets/, several at once on one GPU, and measures them:
#   flow      erwin-nsa on 200 generated bodies, tested on 24 others
#   beacons   planted truth: erwin-nsa and ball attention alone, at full size and at the small one that ships
#   halos     the CPU-sized erwin-nsa and erwin on 200 generated boxes, for more steps than a CPU has patience for
#   polymer   the same on 100 generated chains
#
#   packaging/train_shipped_gpu.sh [SECONDS]   the total time limit, default 470: trainings that have not ended by then
#                                              finish their step, are measured as they are, and say so in shipped.json
#
# Environment: WHAT (default "flow beacons"), NETWORKS (of them only these presets, e.g. "beacons-erwin-nsa beacons-ball"),
# ERWINSCOPE_PROGRAM (default build/gpu/bin/erwinscope, built where it is absent; then ERWINSCOPE_LIBTORCH and
# ERWINSCOPE_HEADERS as for test_gpu.sh), OUT (default build/gpu/shipped): shipped.json with errors, statistics, times and
# commands, a weights-only checkpoint per network, logs.txt. WORK (default build/gpu/shipped-work, made anew): data and
# runs. DEVICE (default cuda). SEED (default 0).
# TRIAL=1: a few steps on a few samples, to see that all parts work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

begin=$(date +%s)
limit=${1:-470}
deadline=$((begin + limit - 25)) # the measuring comes after
what=${WHAT:-flow beacons}
out=${OUT:-$PWD/build/gpu/shipped}
work=${WORK:-$PWD/build/gpu/shipped-work}
device=${DEVICE:-cuda}
seed=${SEED:-0}
program=${ERWINSCOPE_PROGRAM:-$PWD/build/gpu/bin/erwinscope}
# Every cloud is prepared once per training: storing its tree on disk would only take time.
export ERWINSCOPE_CACHE=off
mkdir -p "$out"
rm -rf "$work"
mkdir -p "$work"

if ! [ -x "$program" ]; then
  export ERWINSCOPE_LIBTORCH=${ERWINSCOPE_LIBTORCH:-$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))')}
  { cmake --preset server -B build/gpu -DERWINSCOPE_HEADERS="${ERWINSCOPE_HEADERS:-}" -DERWINSCOPE_WERROR=OFF \
    -DERWINSCOPE_TESTS=OFF -DCMAKE_CUDA_ARCHITECTURES=native && ninja -C build/gpu erwinscope; } \
    >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; exit 1; }
  program=$PWD/build/gpu/bin/erwinscope
fi
echo "ready to run after $(($(date +%s) - begin)) s"

# Every network: its preset, its data, and more settings.
few=${TRIAL:+--set train.steps=2}
declare -A data=() settings=()
order=()
if [[ " $what " == *" flow "* ]]; then
  order+=(flow-erwin-nsa)
  data[flow-erwin-nsa]=flow
  settings[flow-erwin-nsa]=$few
fi
if [[ " $what " == *" beacons "* ]]; then
  for size in beacons beacons-small; do
    for kind in erwin-nsa ball; do
      order+=("$size-$kind")
      data[$size-$kind]=$size
      settings[$size-$kind]=$few
    done
  done
fi
for base in halos polymer; do
  [[ " $what " == *" $base "* ]] || continue
  for kind in erwin-nsa erwin; do
    order+=("$base-small-$kind")
    data[$base-small-$kind]=$base
    settings[$base-small-$kind]=${few:---set train.steps=3000}
  done
done
chosen=()
for name in "${order[@]}"; do
  [[ " ${NETWORKS:-$name} " == *" $name "* ]] && chosen+=("$name") || unset "data[$name]"
done
order=("${chosen[@]}")
[ "${#order[@]}" -gt 0 ] || { echo "WHAT is '$what', NETWORKS '${NETWORKS:-}': none is left" >&2; exit 2; }

make_data() {
  local -a flow=(--samples 240 --validation 16 --test 24) full=(--samples 464 --validation 16 --test 48)
  local -a small=(--samples 756 --validation 16 --test 40) chains=(--samples 120 --validation 8 --test 12)
  [ -z "${TRIAL:-}" ] || { flow=(--samples 4) full=(--samples 4) small=(--samples 4) chains=(--samples 4); }
  case $1 in
    flow) "$program" generate flow "$work/flow.h5" "${flow[@]}" --seed 2 ;;
    halos)
      "$program" generate halos "$work/halos.h5" "${flow[@]}" --seed 2 --points 1500 --mesh 64 --smoothing 8 ;;
    polymer) "$program" generate polymer "$work/polymer.h5" "${chains[@]}" --seed 2 --test-interval 5 ;;
    beacons) "$program" generate beacons "$work/beacons.h5" "${full[@]}" --seed 2 ;;
    beacons-small)
      "$program" generate beacons "$work/beacons-small.h5" "${small[@]}" --seed 2 --clusters 8 --points 32 \
        --config beacons-small-erwin-nsa ;;
  esac
}
# One after the other: each takes all cores.
for name in $(printf '%s\n' "${data[@]}" | sort -u); do make_data "$name" | tee -a "$work/data.log"; done
echo "data ready after $(($(date +%s) - begin)) s"

threads=$((($(nproc) + ${#order[@]} - 1) / ${#order[@]}))
train_and_measure() { # NETWORK
  local name=$1 run=$work/$1 left=$((deadline - $(date +%s)))
  local -a more
  read -r -a more <<<"${settings[$name]}"
  [ "$left" -gt 5 ] || { echo "no time left for $name"; return 0; }
  # Ctrl-C finishes the step and saves.
  timeout --signal=INT --kill-after=20 "$left" "$program" train "$name" --data "$work/${data[$name]}.toml" \
    --out "$run" --device "$device" --seed "$seed" --set train.threads="$threads" "${more[@]}" >"$work/$name.log" 2>&1 || true
  local from=$run/checkpoints/best.h5
  [ -e "$from" ] || from=$run/checkpoints/last.h5
  [ -e "$from" ] || { echo "$name left no checkpoint"; tail -n 3 "$work/$name.log"; return 0; }
  "$program" convert "$from" "$out/$name.h5"
  "$program" infer "$out/$name.h5" "$work/${data[$name]}.toml" --json --device "$device" >"$work/$name.infer.json"
  [[ $name != beacons* ]] || "$program" bench beacons "$out/$name.h5" "$work/${data[$name]}.toml" --device "$device" \
    --json "$work/$name.bench.json"
}
for name in "${order[@]}"; do train_and_measure "$name" & done
wait

python3 - "$work" "$out" "${order[@]}" <<'PY'
import json, os, sys

work, out, names = sys.argv[1], sys.argv[2], sys.argv[3:]
def read(path):
    return json.load(open(path)) if os.path.exists(path) else None
table = {"data": [], "networks": {}}
for base in ("flow", "beacons", "beacons-small", "halos", "polymer"):
    manifest = os.path.join(work, base + ".toml")
    if os.path.exists(manifest): table["data"].append({base: open(manifest).readline().strip("# \n")})
for name in names:
    row = table["networks"][name] = {}
    run = os.path.join(work, name)
    state, provenance = read(os.path.join(run, "state.json")), read(os.path.join(run, "provenance.json"))
    infer, bench = read(run + ".infer.json"), read(run + ".bench.json")
    if state: row.update(steps_done=state.get("step"), state=state.get("state"), device=state.get("device"))
    if provenance: row.update(command=provenance.get("command"), parameters=provenance.get("parameters"))
    weights = os.path.join(out, name + ".h5")
    if os.path.exists(weights): row["bytes"] = os.path.getsize(weights)
    if infer: row.update(checkpoint_step=infer["step"], test_samples=len(infer["samples"]), test_error=infer["mean"])
    if bench: row.update(selection=bench["layers"])
    metrics = os.path.join(run, "metrics.jsonl")
    if os.path.exists(metrics):
        times, losses, validation = [], [], []
        for line in open(metrics, errors="replace"):
            try: entry = json.loads(line)
            except ValueError: continue
            if "loss" in entry:
                times.append(entry["seconds"])
                losses.append(entry["loss"])
            if "validation" in entry: validation.append([entry["step"], entry["validation"]["mse_standardised"]])
        if len(times) > 20: row["median_step_ms"] = round(1000 * sorted(times)[len(times) // 2], 2)
        if losses: row["last_losses"] = sum(losses[-50:]) / len(losses[-50:])
        row["validation"] = validation
for size in ("beacons", "beacons-small"):
    nsa, ball = (table["networks"].get(f"{size}-{kind}", {}).get("test_error") for kind in ("erwin-nsa", "ball"))
    if nsa and ball: table[size + "_ratio"] = nsa["mse_standardised"] / ball["mse_standardised"]
json.dump(table, open(os.path.join(out, "shipped.json"), "w"), indent=1)
for name, row in table["networks"].items():
    error = row.get("test_error", {}).get("mse_standardised")
    best = max((layer["ratio"] for layer in row.get("selection", [])), default=None)
    print(name, "step", row.get("checkpoint_step"), "of", row.get("steps_done"), "test error", error,
          "| selects the partner", best, "times as often as chance |", row.get("median_step_ms"), "ms per step")
print({key: table[key] for key in table if key.endswith("_ratio")})
PY
tail -n 40 "$work"/*.log >"$out/logs.txt"
echo "done after $(($(date +%s) - begin)) s: $out"
