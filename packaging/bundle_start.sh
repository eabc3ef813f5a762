#!/usr/bin/env bash
# Starts the ErwinScope that lies beside this file, with its own libraries and the LibTorch of this machine.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)

torch=${ERWINSCOPE_LIBTORCH:-}
if [ -z "$torch" ]; then
  torch=$(python3 -c 'import importlib.util, os; print(os.path.dirname(importlib.util.find_spec("torch").origin))' 2>/dev/null) || true
fi
if [ ! -f "$torch/lib/libtorch_cpu.so" ]; then
  printf 'erwinscope: LibTorch was not found%s\nSet ERWINSCOPE_LIBTORCH to the folder "torch" of a PyTorch 2.11 installation, or to an unpacked LibTorch 2.11\n' \
    "${torch:+ in $torch}" >&2
  exit 7
fi
# PyPI's PyTorch keeps CUDA's libraries in folders beside its own.
path=$here/lib:$torch/lib
for folder in "$torch"/../nvidia/*/lib /usr/local/cuda/lib64 /usr/local/nvidia/lib64; do
  if [ -d "$folder" ]; then path=$path:$folder; fi
done
export LD_LIBRARY_PATH=$path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export QT_PLUGIN_PATH=$here/plugins
# Where the driver lies apart, as in containers, GL's dispatcher does not find it by itself.
vendor=/usr/local/nvidia/share/glvnd/egl_vendor.d/10_nvidia.json
if [ -z "${__EGL_VENDOR_LIBRARY_FILENAMES:-}" ] && [ ! -d /usr/share/glvnd/egl_vendor.d ] && [ -f "$vendor" ]; then
  export __EGL_VENDOR_LIBRARY_FILENAMES=$vendor
fi
# A machine without a screen seldom has fonts.
if [ -z "${FONTCONFIG_FILE:-}" ] && [ ! -f /etc/fonts/fonts.conf ]; then
  export FONTCONFIG_FILE=$here/share/fonts/fonts.conf
fi
# As run.sh has it: threads that wait leave the cores to the one that draws.
if [ "${1:-gui}" = gui ]; then export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; fi
exec "$here/bin/erwinscope" "$@"
