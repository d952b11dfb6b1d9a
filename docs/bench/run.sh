#!/usr/bin/env bash
# Measures Moonwire beside nats-server on this machine and writes the result
# into docs/bench/. The machine should do nothing else meanwhile.
#
#   SCENARIOS  what to measure, as `moonbench list` names it (default: design)
#   PAIRS      how often each server runs each scenario (default: 5)
set -euo pipefail
cd "$(dirname "$0")/../.."
scenarios=${SCENARIOS:-design} pairs=${PAIRS:-5}

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin" ./cmd/moonwire ./cmd/moonbench
if command -v nats-server >"$bin/path"; then
	reference=$(cat "$bin/path")
else
	go build -o "$bin" github.com/nats-io/nats-server/v2
	reference=$bin/nats-server
fi
version=$("$reference" -v | sed 's/.*v//')

"$bin/moonbench" run --scenario "$scenarios" --pairs "$pairs" \
	--a-name moonwire --a "$bin/moonwire -a 127.0.0.1 -p {port}" \
	--b-name "nats-server $version" --b "$reference -a 127.0.0.1 -p {port}" \
	--json docs/bench/results.json --md "$bin/results.md" --plot docs/bench/results.svg

# The part of the page between the two marks is the result.
{
	sed '/<!-- results -->/q' docs/bench/README.md
	echo
	sed "s|$bin/||g" "$bin/results.md"
	echo
	sed -n '/<!-- end of results -->/,$p' docs/bench/README.md
} >"$bin/page.md"
cp "$bin/page.md" docs/bench/README.md
sed -i "s|$bin/||g" docs/bench/results.json
