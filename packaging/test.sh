#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test that this machine can run.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_up all

cd "$root"
export QT_QPA_PLATFORM=xcb
exec xvfb-run -a -s "-screen 0 1600x1000x24" ctest --test-dir "$build" --output-on-failure -j "$(nproc)"
