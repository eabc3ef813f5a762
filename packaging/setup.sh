# Sourced by run.sh and test.sh: makes a Debian 12 able to build and run ErwinScope, and builds it.
# Speaks on stderr only, one line per step, and says nothing when nothing is to be done.
# Environment: ERWINSCOPE_LIBTORCH=/path uses that LibTorch; ERWINSCOPE_CUDA=OFF builds no CUDA code.
# Sets: root, build, and (for the programs started later) nothing else.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
cache=${XDG_CACHE_HOME:-$HOME/.cache}/erwinscope
logs=$root/build/logs
venv=$cache/venv
torch_version=2.11.0

packages=(
  build-essential cmake ninja-build ccache pkg-config git python3 python3-venv
  qt6-base-dev libqt6opengl6-dev libgl-dev libopengl-dev libegl-dev libvtk9-dev libimgui-dev
  libhdf5-dev zlib1g-dev libgtest-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libnanoflann-dev libeigen3-dev
  xvfb xauth fonts-dejavu-core libgl1-mesa-dri libegl-mesa0
)

say() { printf 'erwinscope set-up: %s\n' "$*" >&2; }

# fail WHICH-STEP WHY WHAT-TO-DO
fail() {
  printf 'erwinscope set-up failed at: %s\n  why: %s\n  what to do: %s\n' "$1" "$2" "$3" >&2
  exit 1
}

# The last lines of a log, for the "why" of a failure.
tail_of() { tail -n 5 "$1" 2>/dev/null | tr '\n' ' '; }

missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Abbrev}\n' "${packages[@]}" 2>/dev/null | awk '$2 == "ii" {print $1}')
  comm -23 <(printf '%s\n' "${packages[@]}" | sort) <(printf '%s\n' "$installed" | sort)
}

# A package counts as present too when its job is done by something installed another way (cmake from elsewhere, say).
install_packages() {
  if ! command -v apt-get >/dev/null; then
    [ -f "$build/build.ninja" ] && return 0
    fail "system packages" "this system has no apt-get" "install what Debian 12 calls: ${packages[*]}"
  fi
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "${missing// /}" ] || return 0
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      as_root=(sudo)
    else
      fail "system packages" "missing: ${missing}and this user may not install them" \
        "let an administrator run: apt-get install --no-install-recommends $missing"
    fi
  fi
  say "installing system packages: $missing"
  if ! "${as_root[@]}" apt-get update >"$logs/apt.log" 2>&1 ||
    ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >>"$logs/apt.log" 2>&1; then
    fail "system packages" "$(tail_of "$logs/apt.log")" "see $logs/apt.log; then run again, or install by hand: apt-get install $missing"
  fi
}

# pip_install WHAT-FOR PACKAGE...
pip_install() {
  local what=$1
  shift
  if ! [ -x "$venv/bin/pip" ]; then
    python3 -m venv "$venv" >"$logs/pip.log" 2>&1 ||
      fail "$what" "$(tail_of "$logs/pip.log")" "check that python3-venv is installed and $cache can be written"
  fi
  "$venv/bin/pip" install --no-input --disable-pip-version-check "$@" >"$logs/pip.log" 2>&1 ||
    fail "$what" "$(tail_of "$logs/pip.log")" "see $logs/pip.log, check the network and the free space of $cache, then run again"
}

find_libtorch() {
  if [ -n "${ERWINSCOPE_LIBTORCH:-}" ]; then
    [ -e "$ERWINSCOPE_LIBTORCH/lib/libtorch_cpu.so" ] ||
      fail "LibTorch" "ERWINSCOPE_LIBTORCH=$ERWINSCOPE_LIBTORCH holds no lib/libtorch_cpu.so" \
        "give the folder of LibTorch $torch_version that holds lib/ and include/, or unset the variable"
    libtorch=$(cd "$ERWINSCOPE_LIBTORCH" && pwd)
    return
  fi
  local mark=$venv/.torch-$torch_version
  if ! [ -e "$mark" ]; then
    local free
    free=$(df -Pk "$cache" | awk 'NR == 2 {print int($4 / 1048576)}')
    [ "$free" -ge 8 ] || fail "LibTorch" "it needs 8 GiB under $cache, $free GiB are free" \
      "make room, set XDG_CACHE_HOME to another disk, or ERWINSCOPE_LIBTORCH to a LibTorch that is there"
    say "installing LibTorch $torch_version (about 5 GB) in $venv"
    pip_install "LibTorch" "torch==$torch_version"
    touch "$mark"
  fi
  local folder
  for folder in "$venv"/lib/python3.*/site-packages/torch; do libtorch=$folder; done
  [ -e "$libtorch/lib/libtorch_cpu.so" ] ||
    fail "LibTorch" "$libtorch holds no lib/libtorch_cpu.so" "remove $venv and run again"
}

# CUDA code is built with a CUDA 13 compiler, as LibTorch's own libraries are: the system's, or PyPI's.
find_nvcc() {
  cuda_options=(-DERWINSCOPE_CUDA=OFF)
  [ "${ERWINSCOPE_CUDA:-ON}" = OFF ] && return
  local nvcc
  for nvcc in "${CUDACXX:-}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
    if [ -x "$nvcc" ] && "$nvcc" --version 2>/dev/null | grep -q 'release 13\.'; then
      cuda_options=(-DERWINSCOPE_CUDA=ON "-DCMAKE_CUDA_COMPILER=$nvcc")
      return
    fi
  done
  local mark=$venv/.nvcc-13.0
  if ! [ -e "$mark" ]; then
    say "installing the CUDA 13 compiler in $venv"
    pip_install "CUDA compiler" "nvidia-cuda-nvcc==13.0.*" "nvidia-nvvm==13.0.*" "nvidia-cuda-crt==13.0.*" \
      "nvidia-cuda-cccl==13.0.*" "nvidia-cuda-runtime==13.0.*"
    touch "$mark"
  fi
  local toolkit
  for toolkit in "$venv"/lib/python3.*/site-packages/nvidia/cu13; do :; done
  # The wheels lay libraries out for running; nvcc and CMake look for lib64 and for names without a version.
  [ -e "$toolkit/lib64" ] || ln -sfn lib "$toolkit/lib64"
  [ -e "$toolkit/lib/libcudart.so" ] || ln -sf libcudart.so.13 "$toolkit/lib/libcudart.so"
  [ -x "$toolkit/bin/nvcc" ] || fail "CUDA compiler" "$toolkit holds no bin/nvcc" \
    "remove $venv and run again, or build without CUDA code: ERWINSCOPE_CUDA=OFF"
  cuda_options=(-DERWINSCOPE_CUDA=ON "-DCMAKE_CUDA_COMPILER=$toolkit/bin/nvcc")
}

# For the tests that read and write files as other people's programs do.
set_up_python() {
  local mark=$venv/.h5py
  exec 9>"$cache/setup.lock"
  flock 9
  if ! [ -e "$mark" ]; then
    say "installing h5py and NumPy for the tests in $venv"
    pip_install "h5py and NumPy" h5py numpy
    touch "$mark"
  fi
  exec 9>&-
  export ERWINSCOPE_PYTHON=$venv/bin/python3
}

configure() {
  local wanted="$libtorch ${cuda_options[*]} $root"
  [ -f "$build/build.ninja" ] && [ "$(cat "$build/.configured" 2>/dev/null)" = "$wanted" ] && return
  say "configuring the build in $build"
  # Another compiler or LibTorch makes the old cache wrong.
  rm -f "$build/CMakeCache.txt" "$build/.configured"
  (cd "$root" && ERWINSCOPE_LIBTORCH=$libtorch cmake --preset release "${cuda_options[@]}") >"$logs/configure.log" 2>&1 ||
    fail "configuring" "$(grep -m1 -A4 'CMake Error' "$logs/configure.log" | tr '\n' ' ')" "see $logs/configure.log"
  printf '%s' "$wanted" >"$build/.configured"
}

# build_targets TARGET...: says so only when there is something to build (ninja is done at once when there is not).
build_targets() {
  ninja -C "$build" "$@" >"$logs/build.log" 2>&1 9>&- &
  local ninja=$! tenths
  trap 'kill "$ninja" 2>/dev/null; exit 130' INT TERM  # a background process does not see Ctrl-C by itself
  for tenths in 1 2 3 4 5 6 7 8; do
    kill -0 "$ninja" 2>/dev/null || break
    sleep 0.1
  done
  ! kill -0 "$ninja" 2>/dev/null || say "building (first time: many minutes; progress in $logs/build.log)"
  wait "$ninja" || fail "building" "$(grep -m1 -E 'error|FAILED' "$logs/build.log")" "see $logs/build.log"
  trap - INT TERM
}

# set_up TARGET...: everything up to a built program. One set-up at a time.
set_up() {
  mkdir -p "$cache" "$logs" || fail "folders" "cannot make $cache or $logs" "check the rights of these folders"
  exec 9>"$cache/setup.lock"
  flock 9
  install_packages
  find_libtorch
  find_nvcc
  configure
  build_targets "$@"
  exec 9>&-
}
