# `make help` lists all targets. Start with `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STACK := $(BIN)/otelgate
# Tests run in parallel, those of a file in one process. Stacks mostly wait, so there are more processes than cores.
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder --durations=10 --durations-min=20 $$($(BIN)/python tests/junit.py)
# Nothing runs beside these. Only their files are read, since reading all takes a core for seconds.
ALONE := $(PYTEST) -m alone -n 0 -rAP $$(grep --recursive --files-with-matches --include='test_*.py' 'mark\.alone' tests)
export PYTHONPATH := $(CURDIR)/sdk:$(CURDIR)/compose:$(CURDIR)/audit:$(CURDIR)/grafana:$(CURDIR)/console:$(CURDIR)/benchmarks
# Where the machine sets it, each process of pytest would rewrite the asserts of all test files again, 7 s of CPU.
unexport PYTHONDONTWRITEBYTECODE
# As the programs are built: most of what `go vet` and `go test` compile is used again.
export CGO_ENABLED := 0

lower = $(shell echo $(1) | tr A-Z a-z)

.DEFAULT_GOAL := help
.PHONY: help build up down status logs clean demo demo-capture example doctor test test-first test-quick test-slow test-versions attack test-report coverage-report check check-python check-go bench-sdk bench-gateway bench-audit bench-views audit-verify audit-export deploy backup restore annotate amtool promtool token sizing sbom vulnerabilities dashboards generate tables prices golden lock format

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | while IFS=$$'\t' read -r name text; do printf '  %-15s %s\n' "$$name" "$$text"; done

# --- the stack --------------------------------------------------------------------------------------
build: .venv/ready ## every program of the stack, from source, into the cache; the others do it when they need one
	@$(STACK) build

up: .venv/ready ## start everything (ENGINE=docker|native forces an engine)
	@$(STACK) up

down: .venv/ready ## stop everything, keep the data
	@$(STACK) down

status: .venv/ready ## what runs, and whether it answers
	@$(STACK) status

logs: .venv/ready ## the processes' logs (SERVICE=loki for one, FOLLOW=1 to stay)
	@$(STACK) logs $(SERVICE) $(if $(FOLLOW),--follow)

clean: .venv/ready ## stop everything and remove its data
	@$(STACK) clean

demo: .venv/ready ## run a LangGraph agent and show what arrived in each store
	@$(STACK) demo

demo-capture: .venv/ready ## write the demo's output into README.md
	@set -o pipefail; $(STACK) demo | $(BIN)/python tests/stack/demo_capture.py

example: .venv/ready ## an application and its users (APP=estate_bot|osool|bestbox|execora SECONDS=60 FAULT=... HISTORY=7d)
	@$(BIN)/python -m examples.common.run $(or $(APP),estate_bot) $(foreach switch,SECONDS RATE FAULT HISTORY SEED PORT, \
		$(if $(filter command,$(origin $(switch))),--$(call lower,$(switch)) $($(switch)))) $(ARGS)

doctor: .venv/ready ## follow one canary of each signal hop by hop and name the hop that loses it
	@$(STACK) doctor

audit-verify: .venv/ready ## check that the audit trail is complete and unchanged (ARGS="--from 2026-01-01 --json")
	@$(STACK) audit verify $(ARGS)

audit-export: .venv/ready ## turns as a file (ARGS="--format csv --output turns.csv")
	@$(STACK) audit export $(ARGS)

deploy: .venv/ready ## check, start, migrate, verify; fails naming the step (ARGS=--check|--json)
	@$(STACK) deploy $(ARGS)

backup: .venv/ready ## every store and the secrets in one file (TO=folder)
	@$(STACK) backup "$(or $(TO),$(error TO='': expected a folder, make backup TO=/var/backups))"

restore: .venv/ready ## put a backup in place of this stack's data (FROM=file, FORCE=1 if there are data)
	@$(STACK) restore "$(or $(FROM),$(error FROM='': expected a file that make backup wrote))" $(if $(FORCE),--force)

annotate: .venv/ready ## a line on every dashboard (EVENT=deployment|launch|campaign|change|outage VERSION=1.4.2 SERVICE=... TEXT="...")
	@$(STACK) annotate "$(or $(EVENT),$(error EVENT='': expected what happened, make annotate EVENT=deployment VERSION=1.4.2))" \
		$(foreach name,VERSION SERVICE TEXT,$(if $(filter command,$(origin $(name))),--$(call lower,$(name)) "$($(name))"))

token: .venv/ready ## a token for an application (APPLICATION=shop SERVICE="shop-*")
	@$(STACK) token "$(or $(APPLICATION),$(error APPLICATION='': expected a name, make token APPLICATION=shop))" \
		$(foreach service,$(if $(filter command,$(origin SERVICE)),$(SERVICE)),--service "$(service)")

amtool: .venv/ready ## ask Alertmanager (ARGS="alert query")
	@$(STACK) tool amtool $(ARGS)

promtool: .venv/ready ## check rules, ask Prometheus (ARGS="query instant http://127.0.0.1:9090 up")
	@$(STACK) tool promtool $(ARGS)

sizing: .venv/ready ## memory, CPU and disk of each service, and what a million of each signal takes (ARGS=--json)
	@$(STACK) sizing $(ARGS)

sbom: .venv/ready ## the parts of each program and of the Python lock, as CycloneDX (TO=dist/sbom)
	@$(STACK) sbom "$(or $(TO),dist/sbom)" $(ARGS)

vulnerabilities: .venv/ready ## known vulnerabilities of these parts (ARGS="--called --json"; OTELGATE_VULNERABILITIES_* name mirrors)
	@$(STACK) vulnerabilities $(ARGS)

# --- tests ------------------------------------------------------------------------------------------
# Built before the tests that start programs: a cold build takes longer than any test may. With the slow ones in one go: what
# waits for minutes leaves the cores to the others, and all share one stack.
test: test-first build ## all tests but the slow ones; sets up what it needs (ALL=1 for all)
	$(PYTEST) $(if $(ALL),-m "(starts or slow) and not alone" -n 8,-m "starts and not slow" -n 6) $(ARGS)
	$(if $(ALL),$(ALONE) $(ARGS))

# They tell of most mistakes. Side by side, since linters and Go's tests leave a core idle for much of their time.
test-first:
	@$(MAKE) --no-print-directory --jobs 3 check-python check-go test-quick

test-quick: .venv/ready ## those that start nothing, within a minute
	$(PYTEST) -m "not starts and not slow" -n 2 $(ARGS)

test-versions: .venv/ready ## the SDK's tests with the lowest and the newest allowed dependencies (ARGS="-k fork")
	$(BIN)/python tests/sdk/versions.py $(ARGS)

test-slow: build ## the slow tests: a 7-minute outage of every store, alerts from fault to delivery, a week of data
	$(PYTEST) -m "slow and not alone" -n 6 -rAP $(ARGS)
	$(ALONE) $(ARGS)

attack: build ## repeat the attacks of tests/attacks.yaml and print each result, before and now (ARGS="--write" or ARGS="--only sink")
	@$(BIN)/python tests/attack_report.py $(ARGS)

test-report: .venv/ready ## measurements of the last test runs, the slowest tests, and the sums (ARGS=--strict)
	@$(BIN)/python tests/run_report.py $(ARGS)

coverage-report: .venv/ready ## the rows of tests/coverage/rows.yaml, and whether tests have shown them (ARGS=--strict|--json|--stale)
	@$(BIN)/python tests/coverage_report.py $(ARGS)

check: ## linters, types, go vet, Go unit tests, generated files
	@$(MAKE) --no-print-directory --jobs 2 check-python check-go

check-python: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# With -trimpath, as the gateway is built, so that the build cache serves other clones, too. `go test` would repeat a part of
# `go vet`.
check-go:
	@files=$$(gofmt -l collector); test -z "$$files" || { echo "not formatted, run \`make format\`: $$files"; exit 1; }
	cd collector && go vet -trimpath ./... && go test -trimpath -vet=off ./...

bench-audit: .venv/ready ## throughput and memory of an audit sink
	$(BIN)/python benchmarks/bench_audit.py $(ARGS)

bench-views: .venv/ready ## time of each analytics view with a million turns
	$(BIN)/python benchmarks/bench_views.py $(ARGS)

bench-gateway: .venv/ready ## CPU time of each processing step per span, compared with OTTL
	$(BIN)/python benchmarks/bench_gateway.py $(ARGS)

bench-sdk: .venv/ready ## overhead of the SDK: with the gateway up and down, and without the SDK
	$(BIN)/python benchmarks/bench_sdk.py $(ARGS)

# --- for developers ---------------------------------------------------------------------------------
format: .venv/ready ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	gofmt -w collector

generate: .venv/ready tables ## the Collector's main, its components' metadata, and the copies of tables: settings, services, buckets, views
	collector/generate.sh
	$(BIN)/python compose/make_settings.py
	$(BIN)/python collector/derive/make_buckets.py
	$(BIN)/python collector/genai/make_mapped.py
	$(BIN)/python collector/make_metrics.py
	$(BIN)/python audit/make_analytics.py

tables: .venv/ready ## docs/reference/tables.md, from the audit store of an empty PostgreSQL
	$(BIN)/python audit/make_tables.py

prices: .venv/ready ## collector/prices.json, from the PyPI package genai-prices
	$(BIN)/python collector/pricing/make_prices.py

dashboards: .venv/ready ## grafana/rendered: dashboards, alerts and rules, from grafana/otelgate_grafana
	$(BIN)/python -m otelgate_grafana

golden: ## rewrite tests/golden/*/expected.json; read the diff
	cd collector && go test ./genai -run Golden -update

COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal
PROJECTS := pyproject.toml audit/pyproject.toml compose/pyproject.toml console/pyproject.toml
lock: .venv/ready ## requirements/*.txt, from the pyproject.toml of each distribution and requirements/*.in
	$(COMPILE) --no-emit-package otelgate --no-emit-package otelgate-audit --no-emit-package otelgate-stack $(foreach group,grafana examples test,--group $(group)) \
		$(PROJECTS) requirements/build.in -o requirements/dev.txt
	for name in providers celery; do $(COMPILE) pyproject.toml requirements/$$name.in -o requirements/$$name.txt || exit; done

# The machine's Python creates the environment; every package is installed by its hash.
.venv/ready: requirements/dev.txt $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PYTHON='$(PYTHON)': expected Python 3.11 or newer"; exit 1; }
	@echo "python environment … (.venv, about a minute on first use)"
	@$(PYTHON) -m venv .venv || { $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null && why="its message is above" || \
		why="its modules venv and ensurepip are missing (on Debian or Ubuntu, apt-get install python3-venv)"; \
		echo "$(PYTHON) -m venv .venv failed: $$why"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable audit --editable compose --editable console
	@touch $@
