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
    printf '\n== %s\n' "$*"
    "$python" -m "bench.$1" "${@:2}" || status=$?
    [ "$status" -eq 0 ] || failed=1
    took+=("$(printf '%5d s  %s%s' "$((SECONDS - began))" "$1" "$([ "$status" -eq 0 ] || echo ': failed')")")
}

run sql.canonical
run relay.lanes
run sql.sink
run sql.replay --slice 100000
run compare.jetstream --messages 100000
run relay.latency
run endurance.growth
run endurance.scaling
run endurance.bloat --sinks 50000
run endurance.retention --seconds 1 --horizon-rows 10000
run relay.fanout --rounds 5
run relay.orgs
run relay.idle --sockets 1000 --rounds 5 --idle 2
run relay.storm --clients 300 --shape together

printf '\n'
printf '%s\n' "${took[@]}" "$(printf '%5d s' "$SECONDS")"
exit "$failed"
