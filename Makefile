# Everything a newcomer needs: `make run` and `make test`. On Debian 12:
#   sudo apt-get install -y git make python3 python3-venv

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# Further arguments: make run ARGS='--port 8080', make test PYTEST_ARGS='-k symbols -x'.
ARGS ?=
# Two processes, whole files each: the browser and the servers of a file share what they set up.
PYTEST_ARGS ?= -n 2 --dist loadfile
BENCH ?= normal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint format bench bench-quick bench-huge faults faults-full clean

help:
	@echo 'make run          serve the wizard at http://127.0.0.1:5000/export'
	@echo 'make test         run every test'
	@echo 'make lint         formatting, lint, types, and who may import whom'
	@echo 'make format       let ruff format and fix what it can'
	@echo 'make bench        measure; bench-quick: seconds, bench-huge: a large database'
	@echo 'make faults       the fault suite, a quarter of an hour; faults-full: every case, hours'
	@echo 'make clean        remove what was built; data and exports stay'

run: $(VENV)/installed
	$(BIN)/python -m server $(ARGS)

test: $(VENV)/installed-test
	@.ci/tools chromium unzip 7z sqlite3
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed-bench
	$(BIN)/python -m tests.bench $(ARGS)

bench-quick: ARGS += --quick
bench-quick: bench

bench-huge: ARGS += --huge
bench-huge: bench

faults: $(VENV)/installed-test
	@.ci/tools faketime unshare prlimit setpriv
	$(BIN)/python -m pytest -m faults $(ARGS)

faults-full: export EXPIRYTRACK_FAULTS = full
faults-full: faults

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf .import_linter_cache .grimp_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second `make run` start at once; a change of what is needed installs anew.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 run'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	    { echo 'venv is missing: sudo apt-get install -y python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(PIP) -e .
	@touch $@

$(VENV)/installed-test: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(PIP) -e '.[test]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-bench: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(PIP) -e '.[test,bench]'
	@touch $@ $(VENV)/installed-test $(VENV)/installed
