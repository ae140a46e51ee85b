# Two commands do everything: `make run` plays, `make test` checks. Both set up what they need first.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
# 3.11 and 3.12 first: python-rtmidi, which makes the MIDI ports, has wheels for no newer Python.
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.11 python3.12 python3 python3.14 python3.13)

.DEFAULT_GOAL := help
.PHONY: help setup run test check format

help: ## Show this help
	@echo "Tradefours: a live MIDI partner. Targets:"
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## Create .venv and install Tradefours with its server and its tests

run: setup ## Start to play: server, studio page and MIDI ports (options: make run ARGS="--help")
	$(BIN)/tradefours run $(ARGS)

test: setup ## Run all checks and all tests (options: make test ARGS="-k clock")
	tests/system-packages.sh
	@$(BIN)/python -c "import aalink" 2>/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check aalink || \
	    echo "skipped: the test of two Ableton Link peers, which needs aalink"
	$(MAKE) check
	$(if $(ARGS),$(PYTEST) $(ARGS),tests/all.sh $(PYTEST))

check: setup ## Lint, types and the direction of imports, without the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# --no-compile: what is never imported need not be compiled; 55 s of set-up instead of 69 on two cores.
$(INSTALLED): pyproject.toml setup.py $(wildcard model/engine/native/source/*) | $(BIN)/pip
	$(BIN)/pip install --no-compile --disable-pip-version-check --editable '.[server,dev]'
	@touch $@

# ensurepip is what Debian and Ubuntu leave out of python3 until python3-venv is installed.
$(BIN)/pip:
	@able() { for python in $(PYTHONS); do \
	    $$python -c "import sys$$1; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && return; done; return 1; }; \
	found=$$(for python in $(PYTHONS); do { $$python --version; } 2>/dev/null; done | sort -u | paste -sd, -); \
	able ", ensurepip" || { able && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv && able ", ensurepip"; } || \
	{ echo "expected Python 3.11 or newer with its venv module (on Debian and Ubuntu: apt install python3-venv)," \
	    "got $${found:-none}" >&2; exit 1; }; \
	echo "$$python -m venv $(VENV)"; $$python -m venv --clear $(VENV)
