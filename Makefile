# Short targets, the same for people and CI. Everything lives in .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

SEEDS ?= 2000

.PHONY: help demo test e2e simulate faults check bench sam-local clean

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV) || { echo "no venv module: on Debian or Ubuntu run 'apt-get install python3-venv', then make again" >&2; rm -rf $(VENV); exit 1; }

# One stamp per set of extras: pip runs only when pyproject.toml has changed.
$(VENV)/.ready-%: $(VENV)/bin/python pyproject.toml
	@echo "installing the '$*' environment into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,$*]'
	@touch $@

demo: $(VENV)/.ready-demo  ## run the quickstart sweep with two agents
	@$(BIN)/python sdk/examples/quickstart/demo.py

test: $(VENV)/.ready-test  ## all tests that need nothing but Python
	$(BIN)/python -m pytest --numprocesses=auto tests

e2e: $(VENV)/.ready-test  ## deploy the template into an AWS of this machine's own, and test that
	$(BIN)/python tests/e2e/aws/run.py

simulate: $(VENV)/.ready-test  ## the agent and the backend in simulated worlds (SEEDS=5000, or SEED=7 for a story)
	@PYTHONPATH=tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

faults: $(VENV)/.ready-test  ## the fault suites at full size, and the mutants (hours)
	$(BIN)/python tests/e2e/faults/run.py

check: $(VENV)/.ready-test $(VENV)/.ready-check  ## lint, types, import contracts
	$(BIN)/ruff check sdk functions tests benchmarks
	$(BIN)/ruff format --check sdk functions tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml sdk functions
	$(BIN)/python -m pytest tests/test_architecture.py

bench: $(VENV)/.ready-test  ## hand-out benchmark beside its peers (minutes)
	$(BIN)/python benchmarks/handout.py

sam-local: $(VENV)/.ready-test  ## the handlers under SAM CLI's emulation (needs Docker)
	infra/sam-local.sh $(BIN)/python

clean:  ## remove the environment and caches
	rm -rf $(VENV) .venv-* .demo .pytest_cache .mypy_cache .ruff_cache
