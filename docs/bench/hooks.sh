#!/usr/bin/env bash
# Measures what hooks cost on this machine and writes it into docs/bench/hooks.md,
# in about nine minutes. The machine should do nothing else meanwhile; how busy
# it was is written down.
#
#   ROUNDS   how often each benchmark runs (default: 20)
#   TIME     how long each time (default: 60ms)
#   PAIRS    how often each broker runs, and each benchmark of a plugin (default: 7)
#   WARMUP   load before each measured window (default: 300ms)
#   MEASURE  the measured window (default: 700ms)
#   BEFORE   the revision before the broker asked hooks
#   OUT      the page to change (default: hooks.md beside this script)
set -euo pipefail
out=$(realpath "${OUT:-$(dirname "$0")/hooks.md}")
cd "$(dirname "$0")/../.."
before=${BEFORE:-76297ca}
configs=docs/bench/hooks

bin=$(mktemp -d)
tree=$bin/tree
trap 'git worktree remove --force "$tree" 2>"$bin/git.log" || true; rm -rf "$bin"' EXIT

# The broker before hooks, and the benchmarks of its connections: as they are
# now, with the little that they need of a package that did not have it then.
git worktree add --quiet --detach "$tree" "$before"
cp -r hooks/hookbench "$tree/hooks/"
cp server/conn/publish_test.go "$tree/server/conn/"
cat >>"$tree/server/conn/export_test.go" <<-'GO'

	func (c *Client) Admit(a *Admission) {
		c.admit(a)
		c.startTimers()
	}

	func (c *Client) Batch(b []byte) {
		if c.worker == nil {
			c.work()
		} else {
			c.equip()
		}
		c.run(b)
		c.ctx.EndRun()
		c.parser.Reset()
		c.flush()
	}

	func (c *Client) Rest() { c.release() }
GO
(cd "$tree" && go build -o "$bin/before" ./cmd/moonwire)
# Where the linker puts a function changes what it costs by more than is asked here,
# so the past and the present are linked several times, each time in another order.
layouts=5
declare -A trees=([before]=$tree [now]=$PWD)
for ((layout = 1; layout <= layouts; layout++)); do
	for what in "${!trees[@]}"; do
		(cd "${trees[$what]}" && go test -c -pgo=off -ldflags="-randlayout=$layout" -o "$bin/conn-$what-$layout.test" ./server/conn)
	done
done

# What runs in the broker is built as the broker is; what is compared with the
# past, and the yardstick, without a profile.
go build -o "$bin" ./cmd/moonwire ./cmd/moonbench
build() { go test -c -pgo="$3" -o "$bin/$1.test" "./$2"; }
profile=$PWD/cmd/moonwire/default.pgo
build yardstick hooks/lua/sandbox off
build sandbox hooks/lua/sandbox "$profile"
build hooks hooks "$profile"
build builtin hooks/builtin "$profile"
build lua hooks/lua "$profile"
build plugins plugins "$profile"

load() { cut -d ' ' -f 1-3 /proc/loadavg; }
loads="at the start $(load)"

# bench FILE TEST FOLDER PATTERN
bench() {
	(cd "$3" && "$bin/$2.test" -test.run '^$' -test.bench "$4" -test.benchtime "${TIME:-60ms}" -test.timeout 10m) >>"$bin/$1.txt"
}
unhooked='^Benchmark(Publish|Subscribe|Connect)$'
for ((round = 1; round <= ${ROUNDS:-20}; round++)); do
	echo "round $round of ${ROUNDS:-20}, load $(load)"
	bench now yardstick hooks/lua/sandbox '^BenchmarkYardstick$'
	layout=$((round % layouts + 1))
	bench now "conn-now-$layout" server/conn "$unhooked"
	bench before "conn-before-$layout" "$tree/server/conn" "$unhooked"
	bench now "conn-now-$layout" server/conn '^Benchmark(PublishSubjects|HookedElsewhereSubjects)$/^to_0$'
	bench now hooks hooks '^BenchmarkNothingLoaded$'
	bench now hooks hooks '^Benchmark(NotMatching|GoHook|ChainOfThree|Cached)$/^(subjects=16|batch=1|batch=16|lookup)$'
	bench now lua hooks/lua '^Benchmark(Subject|Publish|Batch64|New|Inspect|Inspect64|Chain|Cached|Rewrite|Unread|Connect)$'
	bench now sandbox hooks/lua/sandbox '^Benchmark(Empty|Pool)$'
	bench now builtin hooks/builtin '^Benchmark(Stamp|RateLimit)$/^(user|all,headers,batch16|user,batch16)$'
done
for ((round = 1; round <= ${PAIRS:-7}; round++)); do
	TIME=300ms bench now plugins plugins '^Benchmark(Yardstick|Do|DoAllProcessors|Inspect|Table)$'
done
loads+=", after the benchmarks $(load)"

plain="$bin/moonwire -a 127.0.0.1 -p {port}"
with() { printf '%s' "$bin/moonwire -c $configs/$1.conf -a 127.0.0.1 -p {port}"; }
runs=()
# against NAME PAIRS and servers of moonbench: they run in turns with a broker that
# has nothing loaded.
against() {
	local name=$1 pairs=$2
	shift 2
	"$bin/moonbench" run --scenario 1to1-128 --pairs "$pairs" --warmup "${WARMUP:-300ms}" --measure "${MEASURE:-700ms}" \
		--a-name "nothing loaded" --a "$plain" "$@" --json "$bin/$name.json" >"$bin/$name.log"
	runs+=(--run "$bin/$name.json")
}
pairs=${PAIRS:-7}
against before $((2 * pairs)) --b-name "before hooks ($before)" --b "$bin/before -a 127.0.0.1 -p {port}"
against each "$pairs" --b-name "Lua publish, for other subjects" --b "$(with elsewhere)" --c-name "stamp, all that it knows" --c "$(with stamp)" \
	--d-name "Lua publish" --d "$(with publish)" --e-name "three times Lua publish" --e "$(with chain)" \
	--f-name "Lua inspect" --f "$(with inspect)"
against kept "$pairs" --b-name "a native mapping, and Lua rewrite with kept answers" --b "$(with rewrite)" \
	--c-name "permissions of the configuration" --c "$(with permissions)" --d-name "the same of Lua connect" --d "$(with connect)"
loads+=", at the end $(load)"

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
"$bin/moonbench" hooks --bench "$bin/now.txt" --before "$bin/before.txt" "${runs[@]}" --page "$out" \
	--note "moonwire at $(git describe --always --dirty), compared with $before; $(go version | cut -d ' ' -f 3)" \
	--note "$(nproc) × ${cpu:-unknown}, Linux $(uname -r); $(date -u '+%Y-%m-%d %H:%M:%S') UTC" \
	--note "load average: $loads" \
	--note "${ROUNDS:-20} rounds of ${TIME:-60ms} for each benchmark; windows of ${MEASURE:-700ms} for each broker"
