#!/usr/bin/env bash
# Unpacks the ONNX project's models with their recorded inputs and outputs, from Debian's package of them, outside of the tree.
set -euo pipefail
cache=${MLOPS_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mlops-ci}
home=$cache/libonnx-testdata
[ -d "$home/usr/share/libonnx-testdata/data/node" ] && exit 0
rm -rf "$home"
mkdir -p "$home"
cd "$home"
apt-get download -qq libonnx-testdata 2>/dev/null || { apt-get update -qq && apt-get download -qq libonnx-testdata; }
dpkg-deb -x libonnx-testdata_*.deb .
rm libonnx-testdata_*.deb
