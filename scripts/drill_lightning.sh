#!/usr/bin/env bash
# The drill of the Lightning cutover: `drill_lightning.sh [OPTION…]`, options of `python -m drills lightning`.
#
# The cutover is over, and the legacy mode is removed. So the drill runs in a worktree of the last commit that has both
# modes, with the environment of this checkout, and writes its report here.
set -euo pipefail
commit=2df8bbedc1326ad0a536583b3890694d0a4f9706
root=$(cd "$(dirname "$0")/.." && pwd)
report=$root/docs/sync/status/2026-02-20-khala-lightning-cutover-drill.md

if ! git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null; then
    echo "drill-lightning: commit $commit, the last one with both modes, is not in this clone." >&2
    echo "  Get the whole history: git fetch --unshallow, or clone without --depth." >&2
    exit 1
fi
place=$(mktemp -d)/khala
git -C "$root" worktree add --quiet --detach "$place" "$commit"
trap 'git -C "$root" worktree remove --force "$place"; rmdir "$(dirname "$place")"' EXIT
cd "$place/tests"
PYTHONPATH=$place/python:$place/tests "$root/.venv/bin/python" -m drills lightning --report "$report" "$@"
