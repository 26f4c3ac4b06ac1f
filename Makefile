# Everything here sets itself up: a virtual environment in .venv, the locked dependencies, and mosquitto.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTED := $(VENV)/.tested
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal
SOURCES := $(shell find alerting config detectors docs guardian simulator tests $(wildcard *.md *.toml *.lock *.sh) -type f ! -name '*.pyc')
ONCE ?=

# What reaches every branch of alerting's core ([tool.coverage.run] in pyproject.toml), without tests drawn at
# random: what is reached must not be luck.
CORE_TESTS := $(patsubst %,tests/test_%.py,acceptance area arrival backup book calls courier courier_ways coverage \
	drill goes_too handover home_page incident learning ledger ledger_disk ledger_plans ledger_refusals \
	ledger_restored ledger_spare login look metrics month naming overtaken paths people_pages planner policy quiet quota \
	recognise replies rosters shifts spoken standing subject together triage urgent_first walk wording)

.PHONY: demo test test-all cover lint bench pictures clean lock
.DEFAULT_GOAL := test

demo: $(READY)
	$(BIN)/guardian demo $(if $(ONCE),--once)

test: $(READY)
	$(PYTEST) -m "not slow"
	touch $(TESTED)

# Tests that are not slow are run again only if something has changed since they passed.
test-all: $(READY) lint cover $(TESTED)
	./tests/servers.sh
	$(PYTEST) -m slow --durations 20

$(TESTED): $(SOURCES)
	$(MAKE) test

# Fails unless every branch of alerting's core is taken by a test.
cover: $(READY)
	$(BIN)/coverage run -m pytest -m "not slow and not timed and not hypothesis" $(CORE_TESTS)
	$(BIN)/coverage report

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/guardian bench ingest
	$(BIN)/guardian bench detectors

$(READY): requirements.lock pyproject.toml system-packages.sh
	./system-packages.sh "$(PYTHON)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Renew the pictures of the simulated suites and of the staff's pages in the docs.
pictures: $(READY)
	for suite in falls negatives days collapses climate fever storm; do \
		$(BIN)/guardian picture $$suite --out docs/pictures/$$suite.png || exit 1; done
	$(BIN)/python -m tests.page_pictures docs/pictures/staff

# Renew the lock: every dependency, development ones and the build tool included, with hashes.
lock:
	uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
		--extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
