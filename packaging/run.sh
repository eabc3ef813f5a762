#!/usr/bin/env bash
# Installs what is missing, builds, and runs ErwinScope with the arguments given. Without arguments: the window with the
# flow samples and the network that was trained on others of their kind; where there is no display, a picture of where
# one point of an unseen sample looks.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_up erwinscope

program=$build/bin/erwinscope
# Threads that wait for work by spinning take the cores from the one that draws the window: a what-if took twice as long.
if [ "${1:-gui}" = gui ]; then export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; fi
if [ $# -gt 0 ]; then exec "$program" "$@"; fi
data=("$root/datasets/flow.toml" "$root/datasets/flow-erwin-nsa.h5")
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then exec "$program" gui "${data[@]}"; fi
exec "$program" render "${data[@]}" --sample "flow#test_000" --point 700 --layer 4 --colour attention --marks outline \
  --out "$build/erwinscope-flow.png"
