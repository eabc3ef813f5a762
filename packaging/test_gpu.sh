#!/usr/bin/env bash
# For a machine with an NVIDIA GPU, a CUDA 13 toolkit and a LibTorch, and no way to install anything: builds without the
# window and runs the tests that need a device, compute-sanitizer on the small ones, and the benchmarks.
# Environment: ERWINSCOPE_LIBTORCH (else the one that python3 imports), ERWINSCOPE_HEADERS (folder of the header-only
# libraries), ERWINSCOPE_SHARED, OUT (folder for logs and JSON; default build/gpu/out).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=$PWD/build/gpu
out=${OUT:-$build/out}
mkdir -p "$out"
export ERWINSCOPE_LIBTORCH=${ERWINSCOPE_LIBTORCH:-$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))')}

echo "== build"
cmake --preset server -B "$build" -DERWINSCOPE_HEADERS="${ERWINSCOPE_HEADERS:-}" -DERWINSCOPE_WERROR=OFF \
  -DCMAKE_CUDA_ARCHITECTURES=native >"$out/build.log" 2>&1 || { tail -n 20 "$out/build.log"; exit 1; }
time ninja -C "$build" -k 0 >>"$out/build.log" 2>&1 || grep -A5 -m5 -E "error:" "$out/build.log"
"$build/bin/erwinscope" --version

echo "== tests that need a device"
ctest --test-dir "$build" -L gpu --output-on-failure -j 4 2>&1 >"$out/ctest_gpu.log" || true; grep -E "Failed|tests passed|Error|Failure|max" "$out/ctest_gpu.log" | head -60

echo "== compute-sanitizer"
for tool in memcheck racecheck initcheck synccheck; do
  printf '%s: ' "$tool"
  compute-sanitizer --tool "$tool" --error-exitcode 9 "$build/bin/test_segment_mean_gpu" >"$out/$tool.log" 2>&1 && echo clean || tail -n 3 "$out/$tool.log"
done

echo "== benchmarks"
"$build/bin/erwinscope" bench tree --json "$out/bench_tree.json"
