# Everything that a developer types; `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
DATA ?= ./data
PORT ?= 8000

.PHONY: help setup run test check bench nightly lock docs screenshots clean

help: ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## make .venv with everything, build the page assets, find a browser for the tests
	@scripts/setup.sh develop

run: ## set up what running needs, then serve the demo organisation at http://127.0.0.1:8000
	@scripts/setup.sh run
	@.venv/bin/caiso up --data $(DATA) --port $(PORT)

test: ## what CI runs: engine and content, web, browser
	@scripts/setup.sh develop
	@scripts/test.sh

check: ## format, lint, types, import contracts, templates, spelling, packs
	@scripts/setup.sh develop
	@scripts/check.sh

bench: ## quick benchmarks; figures to bench/results/
	@scripts/setup.sh develop
	@$(PY) -m bench --quick

nightly: ## million-input fuzzing, soak, full benchmarks, wheel installation, dependency audit
	@scripts/setup.sh develop
	@scripts/nightly.sh

lock: ## make requirements/*.txt again from pyproject.toml
	@scripts/lock.sh

docs: ## make the pages of docs/ that come from the code
	@$(PY) -m scripts.reference

screenshots: ## take the pictures of the README from a running demo
	@scripts/setup.sh develop
	@$(PY) -m scripts.screenshots

clean: ## remove what was built; data directories stay
	@rm -rf .venv build dist src/caiso/web/static/built frontend/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis bench/results
	@find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +
