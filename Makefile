# Everything a newcomer needs; `make help` lists it. Works from any directory (make -C).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
VENV := $(ROOT).venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= python3
# Passed on to pytest: make test PYTEST_ARGS='-k replay'
PYTEST_ARGS ?=
# The tests wait more than they compute: three at once on two cores. In the order of pyproject.toml
# the folders with long tests come first. PARALLEL= runs them one after another.
PARALLEL ?= --numprocesses=3 --dist=loadfile --no-loadscope-reorder
# make faults RUNS=42 SEED=7; FAULT=disk_full for one kind only.
RUNS ?= 28
SEED ?=
FAULT ?=
# make drill DRILL_ARGS='--window-s 60'; --help lists them.
DRILL_ARGS ?=
# make surfaces SURFACES_ARGS=--check
SURFACES_ARGS ?=
# make bench BENCH_ARGS=--quick
BENCH_ARGS ?=

# The tests start khala hundreds of times: it is not to be compiled each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env demo demo-lightning surfaces dev web page-if-possible phone-if-possible test test-ts bench docs limits screenshots faults drill drill-lightning lint format schema clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 — /p' $(ROOT)Makefile

env: $(STAMP) ## create .venv with everything in it

# The stamp is older than pyproject.toml when a dependency changed; pip then adds what is missing.
$(STAMP): $(ROOT)pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Khala needs Python 3.11 or newer; name one with: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is incomplete: apt-get install python3-venv"; exit 1; }
	@# Made anew only when it does not work: over another Python's environment venv breaks it.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '$(ROOT).[dev]'
	@touch $@

demo: $(STAMP) page-if-possible ## everything once: Postgres, relay, page, a real command, its summary changing live
	@cd $(ROOT) && $(BIN)/python scripts/demo.py

demo-lightning: $(STAMP) ## the Lightning control plane with khala dev: a paywall, its deployment, a payment seen live
	@cd $(ROOT) && $(BIN)/python scripts/demo_lightning.py

surfaces: $(STAMP) page-if-possible phone-if-possible ## page, phone and desktop on one khala dev, until Ctrl-C; SURFACES_ARGS=--check: how soon each shows a change
	@$(if $(findstring --check,$(SURFACES_ARGS)),$(ROOT)scripts/typescript.sh packages)
	@cd $(ROOT)tests && exec $(BIN)/python -m surfaces $(SURFACES_ARGS)

dev: $(STAMP) page-if-possible ## Postgres, relay and page, until Ctrl-C
	@cd $(ROOT) && exec $(BIN)/khala dev

web: $(STAMP) ## build the admin page that khala dev serves
	@$(ROOT)scripts/typescript.sh web

# Neither Node nor the network is needed for the rest.
page-if-possible: $(STAMP)
	@$(ROOT)scripts/typescript.sh web || echo "the admin page is not built; everything else works" >&2

phone-if-possible: $(STAMP)
	@$(ROOT)scripts/typescript.sh mobile || echo "the mobile application is not built; everything else works" >&2

test: $(STAMP) ## every test
	@KHALA_BIN=$${KHALA_BIN:-$(BIN)/khala} exec $(ROOT)scripts/test.sh $(PARALLEL) $(PYTEST_ARGS)

test-ts: $(STAMP) ## the TypeScript tests, against a live relay; skipped without Node
	@KHALA_BIN=$${KHALA_BIN:-$(BIN)/khala} $(ROOT)scripts/typescript.sh test

faults: $(STAMP) ## seeded runs with a fault in each; RUNS, SEED, FAULT
	@cd $(ROOT)tests && exec $(BIN)/python -m faults --runs $(RUNS) \
		$(if $(SEED),--seed $(SEED)) $(if $(FAULT),--fault $(FAULT))

drill: $(STAMP) ## the cutover of the runtime, executed here with faults and a browser; writes its report
	@$(ROOT)scripts/typescript.sh packages && $(ROOT)scripts/typescript.sh web
	@cd $(ROOT)tests && exec $(BIN)/python -m drills codex $(DRILL_ARGS)

drill-lightning: $(STAMP) ## the cutover of the Lightning control plane, at the commit that had both modes; 25 minutes
	@exec $(ROOT)scripts/drill_lightning.sh $(DRILL_ARGS)

bench: $(STAMP) ## every benchmark, in under 15 minutes on an otherwise idle machine; BENCH_ARGS=--quick: in four
	@exec $(ROOT)scripts/bench.sh $(BENCH_ARGS)

docs: limits ## the documentation site, in site/
	@cd $(ROOT) && $(BIN)/python scripts/docs_site.py site

limits: $(STAMP) ## write docs/reference/limits.md, http-operations.md and deploy/khala.env again after a change of what is in them
	@cd $(ROOT) && $(BIN)/python scripts/limits_doc.py && $(BIN)/python scripts/environment_file.py
	@cd $(ROOT) && $(BIN)/python scripts/http_doc.py

screenshots: $(STAMP) ## take the screenshots of docs/ again
	@KHALA_BIN=$${KHALA_BIN:-$(BIN)/khala} $(ROOT)scripts/typescript.sh screenshots
	@cd $(ROOT)tests && $(BIN)/python -m support.desktop.desktop_screenshot

lint: $(STAMP) ## ruff, mypy, sqlfluff, biome, tsc, links of the documents; all read-only
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target \
		--file=$(ROOT)Makefile lint-sql lint-python lint-ts lint-docs

.PHONY: lint-sql lint-python lint-ts lint-docs

lint-sql: $(STAMP)
	@cd $(ROOT) && $(BIN)/sqlfluff lint --disable-progress-bar --processes 2 db

lint-python: $(STAMP)
	@cd $(ROOT) && $(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@cd $(ROOT) && $(BIN)/mypy

lint-ts: $(STAMP)
	@$(ROOT)scripts/typescript.sh lint

lint-docs: $(STAMP)
	@cd $(ROOT) && $(BIN)/python scripts/docs_site.py .cache/site

format: $(STAMP) ## let ruff rewrite what lint complains about
	@cd $(ROOT) && $(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

schema: $(STAMP) ## write db/schema.sql again after a change of the schema
	@cd $(ROOT)tests && $(BIN)/python -m support.schema.schema_dump

clean: ## remove the environment, caches and the development database
	rm -rf $(VENV) $(ROOT).khala $(ROOT).cache $(ROOT).mypy_cache $(ROOT).pytest_cache \
		$(ROOT).ruff_cache $(ROOT).hypothesis $(ROOT)dist $(ROOT)build $(ROOT)site \
		$(ROOT)typescript/*/node_modules $(ROOT)typescript/*/dist \
		$(ROOT)typescript/web/dist-legacy $(ROOT)typescript/*/test-results $(ROOT)typescript/mobile/.expo $(ROOT)typescript/rendering/.next
