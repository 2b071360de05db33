#!/usr/bin/env bash
# python-environment.sh NAME: makes the Python environment of the client that test/NAME uses (feast, mlflow, inference), outside of the tree, where it is not there yet.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=test/$1/requirements.txt
cache=${MLOPS_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mlops-ci}
home=$cache/$(head -1 "$requirements" | sed 's/\[.*\]//; s/==/-/')
[ -e "$home/complete" ] && "$home/bin/python" -c 'import sys' 2>/dev/null && exit 0
if ! python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv
fi
rm -rf "$home"
mkdir -p "$cache"
python3 -m venv "$home"
"$home/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
touch "$home/complete"
