#!/usr/bin/env bash
# Packs the built program with every library it needs but LibTorch, for a machine where nothing can be installed: one
# archive that a user without root unpacks anywhere and starts with ./erwinscope/erwinscope.
#
#   packaging/bundle.sh [OUT.tar.xz]       default: build/erwinscope-VERSION-x86_64.tar.xz
#
# Environment:
#   BUNDLE_BUILD   folder of the build; default build/release (packaging/run.sh makes it)
#   BUNDLE_XVFB=1  also an X server without a screen, with Mesa: a second archive beside the first, ...-xvfb.tar.xz
#
# There the program needs: x86-64 Linux with glibc 2.36 and libstdc++ of GCC 12 or newer (Debian 12, Ubuntu 24.04), and
# LibTorch 2.11 by ERWINSCOPE_LIBTORCH=/path/to/torch, or that of the python3 on the path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${BUNDLE_BUILD:-build/release}
program=$build/bin/erwinscope
fail() { printf 'bundle: %s\n' "$*" >&2; exit 1; }
[ -x "$program" ] || fail "there is no $program; build it first, with packaging/run.sh --version"
version=$("$program" --version | awk 'NR == 1 {print $2}')
out=${1:-build/erwinscope-$version-x86_64.tar.xz}
plugins=$(qtpaths6 --query QT_INSTALL_PLUGINS 2>/dev/null || echo /usr/lib/x86_64-linux-gnu/qt6/plugins)
[ -f "$plugins/platforms/libqxcb.so" ] || fail "Qt's xcb plugin is not in $plugins"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# Belongs to the system that runs it, to LibTorch, or to the display driver.
foreign='/(ld-linux|libc|libm|libdl|librt|libpthread|libutil|libresolv|libstdc\+\+|libgcc_s)(-x86-64)?\.so|/torch/lib/|/nvidia/|/cuda[^/]*/|libcuda\.so|libnvidia'
# libraries FOLDER FILE...: what the files need, each under the name they ask for.
libraries() {
  local folder=$1 path
  shift
  mkdir -p "$folder"
  ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u | grep -Ev "$foreign" |
    while read -r path; do cp -Ln "$path" "$folder/$(basename "$path")"; done
}
pack() { # FOLDER ARCHIVE
  mkdir -p "$(dirname "$2")"
  tar -C "$stage" --owner=0 --group=0 --sort=name -cf - "$1" | xz -T0 -6 >"$2.part"
  mv "$2.part" "$2"
  printf '%s: %s MiB\n' "$2" "$(($(stat -c %s "$2") / 1048576))"
}

app=$stage/erwinscope
mkdir -p "$app/bin" "$app/share/erwinscope" "$app/plugins/platforms" "$app/plugins/xcbglintegrations"
cp "$program" "$build/bin/erwinscope-vtk-reader" "$app/bin/"
cp -r resources/help resources/presets datasets "$app/share/erwinscope/"
cp LICENSE packaging/THIRD_PARTY.md "$app/"
cp "$plugins/platforms/libqxcb.so" "$plugins/platforms/libqoffscreen.so" "$app/plugins/platforms/"
cp "$plugins"/xcbglintegrations/*.so "$app/plugins/xcbglintegrations/"
libraries "$app/lib" "$app"/bin/* "$app"/plugins/*/*.so
# NVIDIA's GLX, found at run time, asks for it; a server seldom has it.
cp -L /usr/lib/x86_64-linux-gnu/libXext.so.6 "$app/lib/"
# Debian's libtiff, which VTK's image library wants, wants JBIG-KIT, whose licence is the GPL. No TIFF is ever read or
# written here, so a library with the same names and nothing behind them takes its place.
if [ -f "$app/lib/libjbig.so.0" ]; then
  rm "$app/lib/libjbig.so.0"
  nm -D --undefined-only "$app/lib/libtiff.so.6" |
    awk '$2 ~ /^jbg_/ {print "void " $2 "(void) { __builtin_trap(); }"}' >"$stage/jbig.c"
  cc -shared -fPIC -Wl,-soname,libjbig.so.0 -o "$app/lib/libjbig.so.0" "$stage/jbig.c"
fi
if [ -f "$build/lib/liberwin_cuda.so" ]; then cp "$build/lib/liberwin_cuda.so" "$app/lib/"; fi
find "$app/bin" "$app/lib" "$app/plugins" -type f -exec strip --strip-unneeded {} + 2>/dev/null || true
install -Dm644 /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf "$app/share/fonts/DejaVuSans.ttf"
cat >"$app/share/fonts/fonts.conf" <<'CONF'
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">.</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
CONF
install -m755 packaging/bundle_start.sh "$app/erwinscope"
pack erwinscope "$out"

if [ "${BUNDLE_XVFB:-0}" = 1 ]; then
  server=$stage/xvfb
  mkdir -p "$server/bin" "$server/share" "$server/dri"
  cp "$(command -v Xvfb)" "$(command -v xkbcomp)" "$server/bin/"
  cp -r /usr/share/X11/xkb "$server/share/"
  cp -L /usr/lib/x86_64-linux-gnu/dri/swrast_dri.so "$server/dri/"
  # For programs too, where the display driver has no GLX for such a server.
  mkdir -p "$server/lib"
  cp -L /usr/lib/x86_64-linux-gnu/libGLX_mesa.so.0 "$server/lib/"
  libraries "$server/lib" "$server"/bin/* "$server"/dri/* "$server/lib/libGLX_mesa.so.0"
  find "$server" -name '*.so*' -exec strip --strip-unneeded {} + 2>/dev/null || true
  pack xvfb "${out%.tar.xz}-xvfb.tar.xz"
fi
