# Everything lives in .venv; nothing is installed outside of it. Needs: python3 >= 3.11, make, PyPI.
PYTHON ?= python3
BIN := .venv/bin
XDIST ?= -n 3

.PHONY: help demo test databases axe crash lint bench selftest selftest-full selftest-generated matrix clean
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/.base: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "wfconform needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing wfconform into .venv ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.dev: .venv/.base
	@echo "installing the development tools into .venv ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv/.base ## check the embedded reference over real HTTP and write a report
	$(BIN)/wfconform check --embedded --json reports/demo.json --junit reports/demo.xml --html reports/demo.html

.venv/.databases: .venv/.base tests/durable/install.py
	@echo "installing database servers for the tests, where they can be had ..."
	@$(BIN)/python tests/durable/install.py .venv/databases
	@touch $@

databases: .venv/.databases ## install the database servers that the tests and measurements of durable runs use

.venv/.axe: .venv/.base tests/report/install.py
	@$(BIN)/python tests/report/install.py .venv/axe
	@touch $@

axe: .venv/.axe ## install axe-core, which the tests of pages run in Chromium where both can be had

test: .venv/.dev .venv/.databases .venv/.axe ## run the tests
	$(BIN)/pytest $(XDIST) $(ARGS)

lint: .venv/.dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev ## measure (ratios side by side, medians)
	@for b in benchmarks/bench_*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

crash: .venv/.dev .venv/.databases ## kill the server 50 times under load, and look whether a turn was lost or doubled
	$(BIN)/python benchmarks/crash.py

selftest: .venv/.base ## show that each deliberate defect is caught and each conforming variant passes
	$(BIN)/wfconform selftest

selftest-full: .venv/.base ## the same with the seeds 1, 2 and 3
	@for seed in 1 2 3; do echo "== seed $$seed"; $(BIN)/wfconform selftest --seed $$seed || exit 1; done

selftest-generated: .venv/.dev ## generated requests alone: nothing in what conforms (seeds 1, 2, 3), faults caught
	$(BIN)/python -m tests.generated.sweep

matrix: .venv/.base ## write docs/matrix.md: which defect breaks which requirement
	$(BIN)/wfconform selftest --declared --markdown docs/matrix.md

clean: ## remove what make made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .import_linter_cache dist
	find reports -type f ! -name README.md ! -path 'reports/sample*' -delete
