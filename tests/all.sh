#!/usr/bin/env bash
# All tests, in two halves at once; called as `tests/all.sh COMMAND-OF-PYTEST`. Most tests of servers and clients wait
# for music to sound. Those that know no real time use the processor meanwhile, at a priority that keeps nobody waiting.
set -uo pipefail
timeless=(tests/model tests/music tests/streaming)
lowest=(nice -n 19)
command -v chrt >/dev/null && lowest=(chrt --idle 0)

log=$(mktemp)
trap 'kill $(jobs -p) 2>/dev/null; rm -f "$log"' EXIT
"${lowest[@]}" "$@" -n auto --maxprocesses 2 --dist worksteal "${timeless[@]}" >"$log" 2>&1 &
timeless_half=$!

failed=0
"$@" "${timeless[@]/#/--ignore=}" || failed=$?
wait "$timeless_half" || failed=$?
echo "The half that knows no real time: ${timeless[*]}"
cat "$log"
exit "$failed"
