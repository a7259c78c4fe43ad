# One word for each thing to do, the same by hand as in CI. Each target does its own set-up: all it needs is Python 3.11,
# 3.12 or 3.13 with pip. Settings: PYTHON=... chooses the interpreter, VENV=... the place of the environment, and ARGS="..."
# is handed to the command behind the word.

VENV ?= .venv
PYTHON ?=
ARGS ?=

# The interpreters to try, best known first. Some of these names may be there and not work, so each one is asked.
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3 python)
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

BIN := $(VENV)/bin
READY := $(VENV)/.ready
KAFKA := $(VENV)/.kafka
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock"

.PHONY: help demo test lint format bench simulate fuzz chaos standstill lock clean
.DELETE_ON_ERROR:

help: ## this list
	@echo 'make WORD [ARGS="..."]'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-11s %s\n", $$1, $$2 }'

demo: $(KAFKA) ## Kafka, the gateway's simulator and the connector together on this machine; ARGS="--duration 10" ends it
	@$(BIN)/connector demo $(ARGS)

test: $(KAFKA) ## every test; ARGS="tests/smpp -k window" chooses some
	@$(BIN)/python -m pytest $(ARGS)

simulate: $(READY) ## the submitter under faults drawn from seeds; ARGS="--seconds 180", ARGS="--seed 4711" replays one
	@$(BIN)/python -m tests.simulation $(ARGS)

lint: $(READY) ## style, format, types and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## let ruff put the tree into its format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(KAFKA) ## how fast each part and the whole path is on this machine
	@$(BIN)/python -m tests.bench $(ARGS)

fuzz: $(READY) ## a million damaged inputs for everything that reads; ARGS="--target pdu --seed 7" chooses
	@$(BIN)/python -m tests.fuzz $(ARGS)

chaos: $(KAFKA) ## faults that a seed chooses, among 10,000 messages; ARGS="--runs 20 --seed 1", ARGS="--crash-points"
	@$(BIN)/python -m tests.chaos $(ARGS)

standstill: $(KAFKA) ## a million messages wait while the gateway is down for an hour; ARGS="--messages 100000"
	@$(BIN)/python -m tests.e2e.standstill $(ARGS)

lock: $(READY) ## write the lock files again after pyproject.toml has changed; ARGS=--upgrade takes newer versions
	$(COMPILE) $(ARGS) --output-file requirements.lock
	$(COMPILE) $(ARGS) --extra dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## remove the environment and everything the tools have left
	rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: every library at the version and with the hash that the lock names, and this tree in place of a copy.
# Where the system's Python has no ensurepip (Debian keeps it in a package of its own), its pip fills the environment.
$(READY): requirements-dev.lock pyproject.toml
	@set -eu; \
	if ! $(BIN)/python -c '$(SUITABLE)' 2>/dev/null; then \
		found=''; \
		for candidate in $(PYTHONS); do \
			if "$$candidate" -c '$(SUITABLE)' 2>/dev/null; then found="$$candidate"; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo 'No Python 3.11, 3.12 or 3.13 among: $(PYTHONS). Install one, or name it: make PYTHON=/path/to/python3.12 ...' >&2; \
			exit 1; \
		fi; \
		echo "Making $(VENV) with $$("$$found" -c 'import sys; print(sys.executable, sys.version.split()[0])')"; \
		if "$$found" -c 'import ensurepip' 2>/dev/null; then \
			"$$found" -m venv --clear $(VENV); \
		else \
			"$$found" -m venv --clear --without-pip $(VENV); \
			"$$found" -m pip --python $(BIN)/python install --quiet --disable-pip-version-check pip; \
		fi; \
	fi
	@echo 'Installing the locked libraries: the first time takes a minute or two'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Apache Kafka, about 50 MB, once for this machine; its Java runtime is one of the locked libraries.
$(KAFKA): $(READY)
	@$(BIN)/python -m connector.embedded
	@touch $@
