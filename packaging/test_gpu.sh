#!/usr/bin/env bash
# For a machine with an NVIDIA GPU, a CUDA 13 toolkit and a LibTorch, and no way to install anything: builds without the
# window and runs the tests that need a device, compute-sanitizer on the small cases of the kernels' tests, and the
# benchmarks.
#
#   PARTS="build tests sanitizer bench" packaging/test_gpu.sh
#
# Environment:
#   PARTS      what to do, in this order; default all. What an earlier call built is used again.
#   OUT        folder for logs and JSON; default build/gpu/out
#   TARGETS    what to build; default what the other parts need
#   TOOLS      of compute-sanitizer; default "memcheck racecheck initcheck synccheck"
#   PROGRAMS   tests for the sanitizer; default every test_*_gpu of tests/kernels
#   SMALL      their gtest filter; default without the large cases
#   BENCHES    default "tree attention ball model step"; each bench's options in BENCH_<NAME>, e.g. BENCH_STEP="--quick"
#   ERWINSCOPE_LIBTORCH (default the one that python3 imports), ERWINSCOPE_HEADERS (folder of the header-only libraries),
#   ERWINSCOPE_SHARED
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

parts=${PARTS:-build tests sanitizer bench}
build=$PWD/build/gpu
out=${OUT:-$build/out}
tools=${TOOLS:-memcheck racecheck initcheck synccheck}
programs=${PROGRAMS:-$(grep -ho 'test_[a-z_]*_gpu' tests/kernels/*/CMakeLists.txt | sort -u | tr '\n' ' ')}
small=${SMALL:--*Large*:*Million*:*ManyClouds*:*Awkward*:*AllLevels*:*OfUnequal*:*AnyNumber*:*RotatesToTheBit*:*ManyPoints*:*ManyBalls*}
benches=${BENCHES:-tree attention ball model step}
jobs=$(nproc)
failed=0
mkdir -p "$out"

wanted() { [[ " $parts " == *" $1 "* ]]; }
title() { echo "== $1 (after $SECONDS s)"; }

build_all() {
  local libtorch=${ERWINSCOPE_LIBTORCH:-$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))')}
  local targets=${TARGETS:-}
  if [ -z "$targets" ] && ! wanted tests && { wanted sanitizer || wanted bench; }; then
    if wanted bench; then targets=erwinscope; fi
    if wanted sanitizer; then targets="$targets $programs"; fi
  fi
  ERWINSCOPE_LIBTORCH=$libtorch cmake --preset server -B "$build" -DERWINSCOPE_HEADERS="${ERWINSCOPE_HEADERS:-}" \
    -DERWINSCOPE_WERROR=OFF -DCMAKE_CUDA_ARCHITECTURES=native >"$out/build.log" 2>&1 ||
    { tail -n 20 "$out/build.log"; exit 1; }
  # What can be built is built and tested even where something else cannot.
  # shellcheck disable=SC2086 # a list
  ninja -C "$build" -k 0 -j "$jobs" $targets >>"$out/build.log" 2>&1 ||
    { failed=1; grep -A5 -m5 -E "error:|FAILED" "$out/build.log" || true; }
}

run_tests() {
  ctest --test-dir "$build" -L gpu --output-on-failure -j 4 >"$out/ctest_gpu.log" 2>&1 || failed=1
  grep -E "Failed|Skipped|Not Run|Timeout|tests passed|Error|Failure|max" "$out/ctest_gpu.log" | head -60 || true
}

# One program under one tool; what it has to say goes to its own log.
check() {
  local tool=$1 program=$2 log=$out/$1_$2.log status=0
  timeout 200 compute-sanitizer --tool "$tool" --error-exitcode 9 "$build/bin/$program" --gtest_filter="$small" \
    >"$log" 2>&1 || status=$?
  case $status in
    0) echo "$tool $program: clean, $(grep -c '\[       OK' "$log") tests" ;;
    124) echo "$tool $program: not finished in 200 s" ;;
    *) echo "$tool $program: exit code $status"; grep -E "=====|FAILED" "$log" | head -n 12 ;;
  esac
  return "$status"
}

run_sanitizer() {
  # Several at once: most of a run is the tool's own work on the CPU.
  local running=() tool program process
  for tool in $tools; do
    for program in $programs; do
      check "$tool" "$program" &
      running+=($!)
      if [ "${#running[@]}" -ge 6 ]; then
        wait "${running[0]}" || failed=1
        running=("${running[@]:1}")
      fi
    done
  done
  for process in "${running[@]}"; do wait "$process" || failed=1; done
}

run_bench() {
  local name options
  for name in $benches; do
    options=BENCH_${name^^}
    local arguments=(--json "$out/bench_$name.json")
    if [ "$name" = step ]; then arguments+=(--csv "$out/curve.csv"); fi
    title "bench $name"
    # shellcheck disable=SC2086 # options are a list
    (set -f; "$build/bin/erwinscope" bench "$name" "${arguments[@]}" ${!options:-} 2>"$out/bench_$name.log" |
      tee "$out/bench_$name.txt") || { failed=1; tail -n 3 "$out/bench_$name.log"; }
  done
}

if wanted build; then title build; build_all; fi
"$build/bin/erwinscope" --version || failed=1
if wanted tests; then title "tests that need a device"; run_tests; fi
if wanted sanitizer; then title compute-sanitizer; run_sanitizer; fi
if wanted bench; then run_bench; fi
title "done"
exit "$failed"
