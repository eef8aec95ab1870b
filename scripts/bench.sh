#!/usr/bin/env bash
# Every benchmark, smaller than its own defaults where those take minutes; what each took comes last.
# One that fails does not keep the others from running.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check --editable '.[bench]'

took=()
failed=0
run() {
    local began=$SECONDS status=0
    printf '\n== bench/%s\n' "$*"
    "$python" "bench/$1" "${@:2}" || status=$?
    [ "$status" -eq 0 ] || failed=1
    took+=("$(printf '%5d s  %s%s' "$((SECONDS - began))" "$1" "$([ "$status" -eq 0 ] || echo ': failed')")")
}

run canonical.py
run lanes.py
run sink.py
run replay.py --slice 100000
run jetstream.py --messages 100000
run latency.py
run growth.py
run scaling.py
run bloat.py --sinks 50000
run retention.py --seconds 1 --horizon-rows 10000
run fanout.py --rounds 5
run orgs.py
run idle.py --sockets 1000 --rounds 5 --idle 2
run storm.py --clients 300 --shape together

printf '\n'
printf '%s\n' "${took[@]}" "$(printf '%5d s' "$SECONDS")"
exit "$failed"
