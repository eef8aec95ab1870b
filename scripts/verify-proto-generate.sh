#!/bin/sh
# Fails unless proto/ is lint clean, compatible with the last release, and everything generated from it
# (Python, TypeScript, descriptors) is up to date.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-"$root/.venv/bin/python"}
[ -x "$python" ] || python=python3
exec "$python" "$root/scripts/generate_proto.py" --check "$@"
