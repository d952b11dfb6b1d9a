# Targets for people; .ci/run is what decides (make check runs it).
GO ?= go
PYTHON ?= python3
TOOL := $(GO) tool -modfile=.ci/tools.mod
FUZZTIME ?= 2000x
FUZZ ?= ./...

.PHONY: check build test race lint fuzz cli node python gen bench bench-check bench-hooks pgo abuse kills conform

check:
	bash .ci/run

build:
	$(GO) build ./...

test:
	$(GO) test ./...

# Packages are left out whose tests run programs and little else, which takes long
# and shows the detector nothing.
race:
	$(GO) test -race $$($(GO) list ./... | grep -vE '^[^/]*$$|/cmd/moonwire$$|/plugintool$$|/examples(/plugins|/lua/.*)?$$|/plugins/conform$$')

# gofumpt prints the files that it would change. Those that protoc makes are as it makes them.
lint:
	@files=$$($(TOOL) gofumpt -l $$(git ls-files --cached --others --exclude-standard '*.go' ':!*.pb.go')); \
	if [ -n "$$files" ]; then echo "not formatted: $$files (run: $(TOOL) gofumpt -w .)"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags natscli .
	$(GO) vet -tags node,python . ./examples/plugins ./cmd/moonwire/plugintool
	$(TOOL) staticcheck ./...

# Every fuzz target of the packages FUZZ, FUZZTIME runs of each. With a time in its place
# (5m) a run can fail when that is over: https://go.dev/issue/75804, until Go 1.27.
fuzz:
	@set -e; for p in $$($(GO) list $(FUZZ)); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$p; \
		done; \
	done

# The nats command line client against the broker.
cli:
	$(GO) test -tags natscli -run 'CLI' -count 1 .

# Plugins in Node: their own tests, the broker's of them, and the documents that use npm. It needs node and npm.
node:
	$(GO) test -tags node -run Node -count 1 ./examples/plugins ./cmd/moonwire/plugintool .

# The same in Python. It needs what examples/plugins/python/requirements.txt names.
python:
	PYTHON="$(PYTHON)" $(GO) test -tags python -run Python -count 1 ./examples/plugins

# A storm of 100,000 strangers: wrong credentials, garbage, connections and
# handshakes that do not go on. It says what it cost.
abuse:
	MOONWIRE_ABUSE=100000 $(GO) test ./server -run '^TestStrangers$$' -count 1 -timeout 10m -v

# A plugin that is killed a hundred times while everybody asks it. It says how
# long they had to wait.
kills:
	MOONWIRE_KILLS=100 $(GO) test ./plugins -run '^TestKilled$$' -count 1 -timeout 10m -v

# The SDKs held to the protocol: a plugin of all points in Go and the examples, and
# the same in Node where npm is there.
conform:
	@set -e; bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; \
	$(GO) build -pgo=off -o "$$bin/moonwire" ./cmd/moonwire; \
	$(GO) test -c -o "$$bin/plugin" ./plugins/conform; \
	conform="$$bin/moonwire hook conform -timeout 20s -start-timeout 30s"; \
	echo "Go, all points:"; $$conform -env WHICH=good "$$bin/plugin"; \
	cp -r examples/plugins "$$bin/examples"; \
	for name in directory orders audit; do $(GO) build -pgo=off -o "$$bin/examples/$$name/$$name" ./examples/plugins/$$name; done; \
	(cd "$$bin/examples/directory" && ./directory add-group -publish ">" clerks); \
	echo "Go, the directory:"; $$conform -config '{"store": "directory.db"}' "$$bin/examples/directory/directory"; \
	echo "Go, orders:"; $$conform -config '{"schemas": [{"subject": "orders.*.new", "file": "schemas/order-1.json", "version": "order/1"}]}' "$$bin/examples/orders/orders"; \
	echo "Go, the audit:"; $$conform -config '{"database": "audit.db"}' "$$bin/examples/audit/audit"; \
	if ! command -v npm >/dev/null; then echo "Node: there is no npm"; exit 0; fi; \
	cp -r examples/plugins/node "$$bin/node"; (cd "$$bin/node" && npm ci --no-audit --no-fund --ignore-scripts --silent); \
	echo "Node, the example:"; $$conform -config '{"redact": ["password"]}' "$$bin/node/http-auth/main.js"; \
	echo "Node, all points:"; $$conform node "$$bin/node/sdk/testdata/policy.js"

# Everything that is generated, made anew.
gen:
	$(GO) generate ./...

# Cost of a delivered message beside nats-server's; writes docs/bench/. It says
# how long it takes: with all scenarios most of an hour.
bench:
	bash docs/bench/run.sh

# What hooks cost, in about nine minutes; writes docs/bench/hooks.md.
bench-hooks:
	bash docs/bench/hooks.sh

# The profile that the broker is built with, made anew.
pgo:
	bash cmd/moonwire/pgo.sh

# What moonbench measures, in little more than a minute: every load for a moment, and one of them
# with each of the hooks that are measured. It fails when a message is lost, doubled or out of
# order, never on timing.
bench-check:
	@set -e; bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; \
	$(GO) build -o "$$bin" ./cmd/moonwire ./cmd/moonbench; \
	"$$bin/moonbench" run --quiet --pairs 1 --warmup 100ms --measure 200ms --patience 30s --scenario all \
		--a-name moonwire --a "$$bin/moonwire -a 127.0.0.1 -p {port}" \
		--a-tls "$$bin/moonwire -a 127.0.0.1 -p {port} --tls --tlscert {cert} --tlskey {key}"; \
	for c in docs/bench/hooks/*.conf; do \
		"$$bin/moonbench" run --quiet --pairs 1 --warmup 100ms --measure 200ms --patience 30s --scenario 1to1-128 \
			--a-name "$$c" --a "$$bin/moonwire -c $$c -a 127.0.0.1 -p {port}"; \
	done
