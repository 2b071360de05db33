#!/usr/bin/env bash
# Makes the Python environment with Triton's client that the tests use, outside of the tree, where it is not there yet.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=$(cat test/inference/requirements.txt)
cache=${MLOPS_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mlops-ci}
home=$cache/$(echo "$wanted" | sed 's/\[http\]//; s/==/-/')
"$home/bin/python" -c 'import tritonclient.http' 2>/dev/null && exit 0
if ! python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv
fi
rm -rf "$home"
mkdir -p "$cache"
python3 -m venv "$home"
"$home/bin/pip" install --quiet --disable-pip-version-check --requirement test/inference/requirements.txt
"$home/bin/python" -c 'import tritonclient.http'
