#!/usr/bin/env bash
# Measures Moonwire beside nats-server on this machine and writes the result
# into docs/bench/. The machine should do nothing else meanwhile.
#
#   SCENARIOS  what to measure, as `moonbench list` names it (default: all)
#   PAIRS      how often each server runs each scenario (default: 5)
#   WARMUP     load before each measured window (default: 500ms)
#   MEASURE    the measured window (default: 1500ms)
#   BESIDE     what the further nats-servers run of it (default: design)
#   OUT        where README.md, results.json, raw.txt and the charts are
#              written; a README.md with the two marks must be there
#   PROFILES   where to keep the CPU profiles (default: nowhere)
set -euo pipefail
out=$(realpath "${OUT:-$(dirname "$0")}")
cd "$(dirname "$0")/../.."
beside=${BESIDE:-design}

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
profiles=${PROFILES:-$bin/profiles}
go build -o "$bin" ./cmd/moonwire ./cmd/moonbench

# The yardstick: the nats-server of this machine, or else that of go.mod.
if reference=$(command -v nats-server); then
	origin="as installed here"
else
	go build -o "$bin" github.com/nats-io/nats-server/v2
	reference=$bin/nats-server
	origin="built from go.mod with the same Go"
fi
version_of() { "$1" -v | sed 's/^[^ ]* v//; s/ .*//'; }
version=$(version_of "$reference")

# debian unpacks Debian's nats-server and prints where it is.
debian() {
	(
		command -v apt-get && command -v dpkg-deb && mkdir "$bin/debian" && cd "$bin/debian" &&
			apt-get download nats-server && dpkg-deb -x nats-server_*.deb .
	) >"$bin/debian.log" 2>&1 &&
		find "$bin/debian" -type f -name nats-server -perm -u+x | grep .
}

servers=(
	--a-name moonwire --a "$bin/moonwire -a 127.0.0.1 -p {port} --profile {prof}"
	--a-tls "$bin/moonwire -a 127.0.0.1 -p {port} --tls --tlscert {cert} --tlskey {key} --profile {prof}"
	--b-name "nats-server $version" --b "$reference -a 127.0.0.1 -p {port}"
	--b-tls "$reference -a 127.0.0.1 -p {port} --tls --tlscert {cert} --tlskey {key}"
	--c-name "nats-server $version, GOGC=800" --c "GOGC=800 $reference -a 127.0.0.1 -p {port}" --c-only "$beside"
	--e-name floor --e "$bin/moonbench floor --port {port}"
)
versions="moonwire $(version_of "$bin/moonwire")"
if commit=$(git describe --always --dirty 2>"$bin/git.log"); then versions+=" at $commit"; fi
versions+="; nats-server $version, $origin"
if old=$(debian); then
	servers+=(--d-name "nats-server $(version_of "$old")" --d "$old -a 127.0.0.1 -p {port}" --d-only "$beside")
	versions+="; nats-server $(version_of "$old"), Debian's"
else
	versions+="; Debian's nats-server could not be had on this machine, so that its column is missing"
fi

"$bin/moonbench" run --scenario "${SCENARIOS:-all}" --pairs "${PAIRS:-5}" \
	--warmup "${WARMUP:-500ms}" --measure "${MEASURE:-1500ms}" \
	"${servers[@]}" --profile "$profiles" \
	--json "$bin/results.json" --md "$bin/results.md" \
	--plot "$bin/results.svg" --plot-growth "$bin/growth.svg" 2>&1 | tee "$bin/raw.txt"

# The part of the page between the two marks is the result.
{
	sed '/<!-- results -->/q' "$out/README.md"
	printf '\n%s.  \n' "$versions"
	cat "$bin/results.md"
	printf '\n### Charts\n\n![cost of each unit](results.svg)\n'
	if grep -q '<circle' "$bin/growth.svg"; then
		printf '\n![cost against subscriptions and connections](growth.svg)\n'
		cp "$bin/growth.svg" "$out"
	fi
	printf '\n[results.json](results.json) has every run, [raw.txt](raw.txt) what moonbench printed.\n\n'
	sed -n '/<!-- end of results -->/,$p' "$out/README.md"
} >"$bin/page.md"
cp "$bin/page.md" "$out/README.md"
cp "$bin/results.json" "$bin/results.svg" "$bin/raw.txt" "$out"
# No paths of this machine.
sed -i "s|$profiles/||g; s|$bin/||g" "$out/README.md" "$out/results.json" "$out/raw.txt"
