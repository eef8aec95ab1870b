#!/usr/bin/env bash
# Every bench but the endurance run, smaller than its own defaults where those take minutes; what each took comes
# last. One that fails does not keep the others from running. `bench.sh --quick`: as little as each can do.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check --editable '.[bench]'

everywhere=("$@")
took=()
failed=0
run() {
    local began=$SECONDS status=0
    printf '\n== %s\n' "$*"
    "$python" -m "bench.$1" "${@:2}" "${everywhere[@]}" || status=$?
    [ "$status" -eq 0 ] || failed=1
    took+=("$(printf '%5d s  %s%s' "$((SECONDS - began))" "$1" "$([ "$status" -eq 0 ] || echo ': failed')")")
}
# What would be given twice otherwise.
unless_quick() { [[ " ${everywhere[*]} " == *' --quick '* ]] || echo "$@"; }

run sql.sink $(unless_quick --rounds 4)
run sql.grouped $(unless_quick --rounds 3 --seconds 1)
run sql.attach $(unless_quick --rounds 4)
run sql.canonical $(unless_quick --rounds 5)
run sql.lightning $(unless_quick --rounds 3)
run sql.replay $(unless_quick --slice 100000)
run relay.latency
run relay.catch_up
run relay.lanes
run relay.fanout $(unless_quick --rounds 5)
run relay.orgs
run relay.idle $(unless_quick --sockets 1000 --rounds 5 --idle 2)
run relay.publish $(unless_quick --rounds 2 --seconds 5 --rows 100000 --documents 5000)
run relay.storm $(unless_quick --clients 300 --rounds 3)
run page.speed $(unless_quick --rounds 3 --seconds 3)
run compare.jetstream $(unless_quick --messages 100000)
run endurance.growth
run endurance.scaling $(unless_quick --rounds 3)
run endurance.bloat $(unless_quick --sinks 50000)
run endurance.retention $(unless_quick --seconds 1 --horizon-rows 10000)

printf '\n'
printf '%s\n' "${took[@]}" "$(printf '%5d s' "$SECONDS")"
exit "$failed"
