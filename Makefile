# The targets that people, CI and the release use alike. Everything is installed into $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Empty, it installs the newest version of every dependency.
CONSTRAINTS ?= constraints.txt

# The browser of `make e2e-ui`; a Debian package has the same name.
CHROMIUM ?= chromium

CODE := sdk functions tests benchmarks tools

.PHONY: help demo test test-fast test-oldest coverage e2e e2e-ui e2e-wandb wandb-next e2e-integrations simulate \
	simulate-mutants fuzz fuzz-properties fuzz-text fuzz-requests faults check check-template check-page audit format hooks docs docs-serve constraints dist bench sam-local clean

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV) || { echo "no venv module: on Debian or Ubuntu run 'apt-get install python3-venv', then make again" >&2; rm -rf $(VENV); exit 1; }

# One stamp for each extra: pip runs only when the requirements or the constraints have changed.
$(VENV)/.ready-%: $(VENV)/bin/python pyproject.toml $(CONSTRAINTS)
	@echo "installing the '$*' environment into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable '.[local,$*]'
	@touch $@

.venv-template/.ready: infra/requirements-check.txt
	@echo "installing cfn-lint and checkov into .venv-template ..."
	@$(PYTHON) -m venv .venv-template
	@.venv-template/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

demo: $(VENV)/.ready-demo  ## run the quickstart sweep with two agents
	@$(BIN)/python sdk/examples/quickstart/demo.py

test: $(VENV)/.ready-test  ## run all tests that need nothing but Python
	$(BIN)/python -m pytest --numprocesses=auto tests

test-fast: $(VENV)/.ready-test  ## run the tests that take less than a minute of CPU together
	$(BIN)/python -m pytest -m "not slow" --hypothesis-profile=fast tests

test-oldest:  ## run the fast tests with the oldest supported dependencies
	$(MAKE) test-fast VENV=.venv-oldest CONSTRAINTS=constraints-oldest.txt

coverage: $(VENV)/.ready-test  ## compare line and branch coverage of the unit and contract tests with their floor
	$(BIN)/python -m pytest --numprocesses=auto --cov --cov-report= tests/service tests/contracts tests/sdk
	@$(BIN)/coverage json --quiet -o .coverage.json
	$(BIN)/python tools/coverage_floor.py .coverage.json

e2e: $(VENV)/.ready-test  ## deploy the template into an emulated AWS on this machine and test that
	$(BIN)/python tests/e2e/aws/run.py

e2e-wandb: $(VENV)/.ready-test  ## run programs that import wandb, and its commands, in the versions of tests/e2e/wandb/versions.txt
	$(BIN)/python tests/e2e/environments.py wandb

wandb-next: $(VENV)/.ready-test  ## the same with the newest release of wandb
	$(BIN)/python tests/e2e/environments.py wandb --next

e2e-integrations: $(VENV)/.ready-test  ## run the integrations with the libraries of tests/e2e/integrations/versions.txt
	$(BIN)/python tests/e2e/environments.py integrations

e2e-ui: $(VENV)/.ready-test $(VENV)/.ready-browser node_modules/.ready  ## drive the dashboard in a real browser (Chromium; Firefox for reports)
	@command -v $(CHROMIUM) >/dev/null || { apt-get update -qq && apt-get install -y -qq $(CHROMIUM); }
	@command -v firefox-esr >/dev/null || command -v firefox >/dev/null || { apt-get update -qq && apt-get install -y -qq firefox-esr; }
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest --numprocesses=2 --override-ini=python_files='browser_*.py' tests/e2e/ui

simulate: $(VENV)/.ready-test  ## run the agent and the backend in simulated worlds (SEEDS=5000, or SEED=7 for its story)
	@PYTHONPATH=tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS))

simulate-mutants: $(VENV)/.ready-test  ## take out one mechanism after the other until a simulated world notices each
	$(BIN)/python tests/e2e/faults/worlds.py $(if $(WRITE),--write)

fuzz: fuzz-properties fuzz-text fuzz-requests  ## send random requests, sweep files and answers, for a minute or two (FULL=1: for an hour)

fuzz-properties: $(VENV)/.ready-test  ## the properties alone, by hypothesis
	$(BIN)/python -m pytest --numprocesses=auto $(if $(FULL),--hypothesis-profile=full) tests/service/test_fuzz.py tests/service/wandb/test_hostile_requests.py tests/service/test_hostile_configs.py tests/sdk/cli/test_cli_hostile.py

.venv-fuzz/.ready: tests/fuzzing/requirements.txt pyproject.toml
	@echo "installing atheris and schemathesis into .venv-fuzz ..."
	@$(PYTHON) -m venv .venv-fuzz
	@.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --requirement $< --editable '.[local]'
	@touch $@

fuzz-text: .venv-fuzz/.ready  ## fuzz the text of sweep files guided by coverage (SECONDS=600); needs a Python that atheris supports
	@mkdir -p build/fuzzing
	.venv-fuzz/bin/python tests/fuzzing/yaml_text.py build/fuzzing tests/fuzzing/corpus -artifact_prefix=build/fuzzing/ -max_total_time=$(or $(SECONDS),$(if $(FULL),1800,30))

fuzz-requests: .venv-fuzz/.ready  ## send requests that schemathesis makes from openapi.yaml (EXAMPLES=60 of each operation and kind)
	.venv-fuzz/bin/python tests/fuzzing/requests_by_schema.py --examples $(or $(EXAMPLES),$(if $(FULL),500,20))

faults: $(VENV)/.ready-test  ## run the fault suites at full size and the mutants (hours; ONLY=rows for one of them)
	$(BIN)/python tests/e2e/faults/run.py $(if $(ONLY),--only $(ONLY))

check: $(VENV)/.ready-test $(VENV)/.ready-check check-template check-page  ## check style, types, import contracts, security and workflows
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml sdk functions
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*_*.yml
	$(BIN)/python -m pytest tests/test_architecture.py

check-template: .venv-template/.ready  ## check template.yaml against CloudFormation's rules and for weak settings
	.venv-template/bin/cfn-lint template.yaml
	.venv-template/bin/checkov --file template.yaml --config-file infra/checkov.yaml

node_modules/.ready: package.json package-lock.json
	@command -v npm >/dev/null || { echo "the page is checked with Node: install nodejs and npm, then make again" >&2; exit 1; }
	npm ci --silent
	@touch $@

check-page: node_modules/.ready  ## check the types, style and pure functions of the dashboard's page (needs Node)
	npm run --silent check
	npm run --silent test

audit:  ## look up known vulnerabilities of the pinned dependencies (needs the internet)
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.venv-audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

format: $(VENV)/.ready-check  ## apply the formatter and the lint rules that can fix what they find
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

hooks: $(VENV)/.ready-check  ## install the Git hooks of .pre-commit-config.yaml
	$(BIN)/pre-commit install --install-hooks

docs: $(VENV)/.ready-docs  ## build the documentation into build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

docs-serve: $(VENV)/.ready-docs  ## serve the documentation and rebuild it on every change
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

constraints:  ## pin the newest dependencies in constraints.txt and the oldest in constraints-oldest.txt
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python -m pip install --quiet --disable-pip-version-check '.[local,aws,test,check,docs,demo,release,browser]'
	.venv-constraints/bin/python tools/constraints.py
	rm -rf .venv-constraints

dist: $(VENV)/.ready-release  ## build the source archive and the wheel into dist and check them (TAG=v1.2.3 for a release)
	$(if $(TAG),$(BIN)/python tools/check_tag.py $(TAG))
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*

bench: $(VENV)/.ready-test  ## run the hand-out benchmark beside its peers (minutes)
	$(BIN)/python benchmarks/handout.py

sam-local: $(VENV)/.ready-test  ## run the handlers under SAM CLI's emulation (needs Docker)
	infra/sam-local.sh $(BIN)/python

clean:  ## remove the environments, caches and build results
	rm -rf $(VENV) .venv-* .demo build dist .coverage .coverage.json .pytest_cache .mypy_cache .ruff_cache
