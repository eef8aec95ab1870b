#!/usr/bin/env bash
# Every test; arguments go to pytest. Those of the TypeScript packages mostly wait, so they run beside
# pytest and are shown in one piece when they have ended. The last line is pytest's closing line.
set -euo pipefail
cd "$(dirname "$0")/.."

# Some of pytest's need them too. Without Node the tests say so.
! scripts/typescript.sh node || scripts/typescript.sh packages

said=$(mktemp -d)
# A group of its own: it heeds signals, and is ended as a whole when this script is.
set -m
(
    status=0
    scripts/typescript.sh test >"$said/typescript" 2>&1 || status=$?
    printf '\n'
    cat "$said/typescript"
    exit "$status"
) </dev/null &
typescript=$!
set +m
trap 'kill -- "-$typescript" 2>/dev/null || true; rm -rf "$said"' EXIT

colour=auto
[ ! -t 1 ] || colour=yes
# Ctrl-C is for pytest, which says how far it came; then nobody waits for the rest.
interrupted=
trap 'interrupted=yes' INT
pytest=0
.venv/bin/python -m pytest --color="$colour" "$@" | tee -i "$said/pytest" || pytest=$?
[ -z "$interrupted" ] || exit 130

beside=0
if kill -0 "$typescript" 2>/dev/null; then
    wait "$typescript" || beside=$?
    tail -n 1 "$said/pytest"
else
    wait "$typescript" || beside=$?
fi
if [ "$beside" -ne 0 ]; then
    # Where only the end of a log is kept, it tells which: the marks of vitest, node:test, Jest and Playwright.
    echo "the TypeScript tests failed (status $beside): see above. They name:" >&2
    grep -aE '^ *(FAIL |not ok |● |[0-9]+\) \[|TypeScript test failed|npm error|[A-Za-z]*Error: )' "$said/typescript" |
        sort -u | head -n 60 >&2 || true
fi
[ "$pytest" -eq 0 ] || exit "$pytest"
exit "$beside"
