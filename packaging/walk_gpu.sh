#!/usr/bin/env bash
# The whole program, window included, on a machine with an NVIDIA GPU and no screen, from the bundle (bundle.sh): trains on
# CUDA with the probe in the picture, predicts, queries, measures frames of large clouds, and draws them without X.
#
#   packaging/walk_gpu.sh PROGRAM [XVFB-FOLDER]
#
# PROGRAM: the bundle's ./erwinscope/erwinscope. XVFB-FOLDER: unpacked from the bundle of BUNDLE_XVFB=1, where the
# machine has no Xvfb. OUT: folder for what is written, default build/walk: *.png, walk.jsonl (times), fields.txt.
# DEVICE: default cuda. POINTS: of the large clouds, default "1000000 10000000". EXPLORED: of those whose attention is
# asked about, default "4096 100000".
set -euo pipefail

program=$(readlink -f "$1")
server=${2:-}
out=$(mkdir -p "${OUT:-build/walk}" && cd "${OUT:-build/walk}" && pwd)
device=${DEVICE:-cuda}
points=${POINTS:-1000000 10000000}
explored=${EXPLORED:-4096 100000}
work=$(mktemp -d)
rm -f "$out/walk.jsonl"
xvfb=
trap '[ -z "$xvfb" ] || kill "$xvfb" 2>/dev/null; rm -rf "$work"' EXIT
title() { echo "== $1 (after $SECONDS s)"; }

start_server() {
  if [ -n "$server" ]; then
    # The server looks for its keyboard tables and their compiler in the system's places.
    [ -d /usr/share/X11/xkb ] || { mkdir -p /usr/share/X11 && cp -r "$server/share/xkb" /usr/share/X11/; }
    [ -x /usr/bin/xkbcomp ] || cp "$server/bin/xkbcomp" /usr/bin/
    LD_LIBRARY_PATH=$server/lib LIBGL_DRIVERS_PATH=$server/dri "$server/bin/Xvfb" :77 -screen 0 1680x1050x24 +extension GLX \
      >"$work/xvfb.log" 2>&1 &
  else
    Xvfb :77 -screen 0 1680x1050x24 >"$work/xvfb.log" 2>&1 &
  fi
  xvfb=$!
  for _ in $(seq 50); do
    [ -S /tmp/.X11-unix/X77 ] && return
    kill -0 "$xvfb" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/xvfb.log" >&2
  return 1
}
# A server without a screen draws with Mesa; programs draw with the driver's GL where it can, else with Mesa's, carried
# beside the server.
choose_gl() {
  export DISPLAY=:77 QT_QPA_PLATFORM=xcb
  local vendor
  for vendor in nvidia mesa; do
    export __GLX_VENDOR_LIBRARY_NAME=$vendor
    if [ "$vendor" = mesa ] && [ -n "$server" ]; then export LD_LIBRARY_PATH=$server/lib LIBGL_DRIVERS_PATH=$server/dri; fi
    if echo quit | timeout 60 "$program" gui --settings "$work/settings.ini" --play - >/dev/null 2>"$work/gl.log"; then
      echo "the window draws with the GL of: $vendor"
      return
    fi
    echo "no window with the GL of $vendor: $(tail -n 1 "$work/gl.log")"
  done
  return 1
}
# play NAME: steps from standard input
play() {
  local status=0
  rm -f "$work/settings.ini"  # open panels of the last one would have their answers worked out
  timeout -k 10 "${LIMIT:-120}" "$program" gui --settings "$work/settings.ini" --play - \
    >>"$out/walk.jsonl" 2>"$work/$1.log" || status=$?
  [ "$status" = 0 ] || { echo "$1 ended with $status"; tail -n 5 "$work/$1.log"; }
}

data=$(dirname "$program")/share/erwinscope/datasets
[ -d "$data" ] || data=$(cd "$(dirname "$program")/../../../datasets" && pwd)
title "clouds"
# Shells of points on a sphere, with a field: what `generate sample` makes keeps its points apart, which takes minutes.
python3 - "$work" $points $explored <<'PY'
import array, math, random, sys
for count in map(int, sys.argv[2:]):
    random.seed(1)
    shell = []
    for _ in range(count // 20):
        z, angle = 2 * random.random() - 1, 2 * math.pi * random.random()
        s = math.sqrt(1 - z * z)
        shell += [s * math.cos(angle), s * math.sin(angle), z, math.sin(5 * z) * math.cos(4 * angle)]
    with open(f"{sys.argv[1]}/{count}.ply", "wb") as out:
        out.write(f"ply\nformat binary_little_endian 1.0\nelement vertex {20 * (count // 20)}\nproperty float x\n"
                  "property float y\nproperty float z\nproperty float pressure\nend_header\n".encode())
        for k in range(20):
            radius, turn = 1 + 0.03 * k, 0.37 * k
            c, s = radius * math.cos(turn), radius * math.sin(turn)
            block = array.array("f", shell)
            x, y = shell[0::4], shell[1::4]
            block[0::4] = array.array("f", [c * a - s * b for a, b in zip(x, y)])
            block[1::4] = array.array("f", [s * a + c * b for a, b in zip(x, y)])
            block[2::4] = array.array("f", [radius * a for a in shell[2::4]])
            block.tofile(out)
PY
title "fields on $device and on the CPU"
for d in "$device" cpu; do "$program" infer "$data/flow-erwin-nsa.h5" "$data/flow.toml" --device "$d" --json >"$work/$d.json" || true; done
python3 - "$work/$device.json" "$work/cpu.json" >"$out/fields.txt" <<'PY' || true
import json, sys
there, here = (json.load(open(f)) for f in sys.argv[1:3])
print(json.dumps({"there": there.get("mean"), "cpu": here.get("mean")}))
PY
cat "$out/fields.txt"
title "pictures without X"
for n in $points; do
  env -u DISPLAY "$program" render "$work/$n.ply" --out "$out/egl_$n.png" --size 1280x800 2>"$work/render.log" ||
    tail -n 3 "$work/render.log"
done
# shellcheck disable=SC2086 # a list
env -u DISPLAY "$program" bench scene --points $points 2>&1 | tee "$out/scene.txt" || true
start_server
title "the window"
choose_gl
cat >"$work/run.toml" <<TOML
[model]
kind = "erwin-nsa"
embedding_channels = 32
width = 64
depth = 4
ball_size = 128
rotate = 45
[train]
steps = 600
batch = 4
lr = 1e-3
device = "$device"
precision = "bf16"
TOML
play start <<PLAY
time open $data/flow.toml
time load $data/flow-erwin-nsa.h5
set device $device
wait idle
time run
query 700
wait idle
time query 300
time layer 2
time color attention
print selection
grab $out/window.png
PLAY
title "training"
play train <<PLAY
open $data/flow.toml
wait idle
train $work/run.toml $data/flow.toml $work/run 600
wait step 50
action train-probe
wait probe
grab $out/probe.png
wait run finished
print run
load $work/run/checkpoints/last.h5
set device $device
wait idle
query 300
wait idle
assert fields prediction
grab $out/trained.png
PLAY
for n in $explored; do
  title "the explorer at $n points"
  LIMIT=$((100 + n / 10000)) play "explore_$n" <<PLAY
size 1280x800
open $work/$n.ply
load $data/flow-erwin-nsa.h5
set device $device
wait idle
time run
time query 300
time query 900
time color attention
time layer 3
time action misses
action misses
time what-if branch-off=compressed
time what-if head-off=1
time what-if clear
grab $out/query_$n.png
action panel-attribution
wait idle
time action attribute
query 700
time action attribute
grab $out/attribution_$n.png
set precision bf16
wait idle
time query 300
time action attribute
time action colour-receptive-field
grab $out/explored_$n.png
action panel-matrix
wait 5000
grab $out/matrix_$n.png
PLAY
done
for n in $points; do
  title "$n points"
  play "$n" <<PLAY
size 1280x800
time open $work/$n.ply
action meter
turn 100
time color pressure
time color balls
time level 6
time set point-size 3
time action undo
grab $out/window_$n.png
PLAY
done
if [ -f "$out/window_1000000.png" ]; then
  title "a prediction of 10^6 points, cancelled"
  LIMIT=200 play cancel <<PLAY
open $work/1000000.ply
load $data/flow-erwin-nsa.h5
wait 3000
time action cancel
PLAY
fi
title "done"
cat "$out/walk.jsonl"
