#!/usr/bin/env bash
# Installs what is missing, builds, and runs ErwinScope with the arguments given. Without arguments: the window with the
# sample cloud; where there is no display, a picture of it.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_up erwinscope

program=$build/bin/erwinscope
if [ $# -gt 0 ]; then exec "$program" "$@"; fi
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then exec "$program" gui "$root/datasets/sample.h5"; fi
exec "$program" render "$root/datasets/sample.h5" --out "$build/erwinscope-sample.png"
