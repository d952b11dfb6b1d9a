#!/usr/bin/env bash
# Profiles the broker under a mix of loads, some of them with hooks, and merges
# the profiles into default.pgo, with which `go build` then optimises it. It takes
# about four minutes; the machine should do nothing else meanwhile.
#
#   PROFILE_TIME  how long each load is profiled (default: 5s)
#   OUT           the file to write (default: default.pgo beside this script)
set -euo pipefail
out=$(realpath "${OUT:-$(dirname "$0")/default.pgo}")
cd "$(dirname "$0")/../.."
mix=1to1-16,1to1-128,4to4-128,1to10-128,1to1000-128,queue-4to8,100k-hot,100k-turn
mix+=,request-64,nobody-128,headers-200,paced-1to100

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
# What is profiled must not depend on the profile before, nor on where it lies.
go build -pgo=off -trimpath -o "$bin" ./cmd/moonwire
go build -o "$bin" ./cmd/moonbench
"$bin/moonbench" run --scenario "$mix" --pairs 1 --warmup 500ms --measure 100ms \
	--a-name moonwire --a "$bin/moonwire -a 127.0.0.1 -p {port} --profile {prof}" \
	--profile "$bin/profiles" --profile-time "${PROFILE_TIME:-5s}"
hooked() { printf '%s' "$bin/moonwire -c docs/bench/hooks/$1.conf -a 127.0.0.1 -p {port} --profile {prof}"; }
"$bin/moonbench" run --scenario 1to1-128 --pairs 1 --warmup 500ms --measure 100ms \
	--a-name publish --a "$(hooked publish)" --b-name inspect --b "$(hooked inspect)" \
	--c-name rewrite --c "$(hooked rewrite)" --d-name stamp --d "$(hooked stamp)" \
	--profile "$bin/profiles" --profile-time "${PROFILE_TIME:-5s}"
go tool pprof -proto "$bin"/profiles/*.pprof >"$bin/default.pgo"
cp "$bin/default.pgo" "$out"
