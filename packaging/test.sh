#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test that this machine can run.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_up all
set_up_python

cd "$root"
export QT_QPA_PLATFORM=xcb
# Several test programs share the cores: Torch's threads must sleep while they wait, not spin.
export OMP_WAIT_POLICY=passive
# The geometry cache of the user is none of the tests' business.
export XDG_CACHE_HOME=$build/test-cache
status=0
xvfb-run -a -s "-screen 0 1600x1000x24" ctest --test-dir "$build" --output-on-failure -j "$(nproc)" || status=$?
# ctest counts suites of quick cases as one and does not say why something was skipped.
awk '/^\[  PASSED  \] [0-9]+ test/ {passed += $4}
  /^\[  FAILED  \] [0-9]+ test/ {failed += $4}
  /: Skipped$/ {skipped += 1; getline reason; ++reasons[reason]}
  END {
    printf "cases: %d passed, %d failed, %d skipped\n", passed, failed, skipped
    for (reason in reasons) printf "  %4d skipped: %s\n", reasons[reason], reason
  }' "$build/Testing/Temporary/LastTest.log"
exit "$status"
