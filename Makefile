# Every verb of the project. `make help` lists them. Needs Python >= 3.11 and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
LATEST := .venv-latest
WORKERS ?= auto
PIP_INSTALL := pip install --quiet --disable-pip-version-check

.PHONY: help install demo vergeos-demo test test-quick test-latest constraints fault-matrix lint format types docs docs-update schemas bench coverage clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## Set up .venv with snapplan and what its tests need, in the versions of constraints.txt

# An index that has one of these versions no more gets the newest of all: another test run, and it is said.
$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m $(PIP_INSTALL) --constraint constraints.txt --editable '.[dev]' || { \
		echo "warning: the versions of constraints.txt cannot be installed here; trying the newest ones" >&2; \
		$(BIN)/python -m $(PIP_INSTALL) --editable '.[dev]'; }
	@touch $@

demo: $(INSTALLED)  ## Protect, change, delete and restore real data in a scratch folder
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

vergeos-demo: $(INSTALLED)  ## A month of a simulated VergeOS system: import, change, apply, restore
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/vergeos/demo.sh

test: $(INSTALLED)  ## All tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-quick: $(INSTALLED)  ## The tests that take at most two minutes together
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not slow'

test-latest:  ## All tests with the newest version of everything, in a venv of its own
	@test -x $(LATEST)/bin/python || $(PYTHON) -m venv $(LATEST)
	@$(LATEST)/bin/python -m $(PIP_INSTALL) --upgrade --upgrade-strategy eager --editable '.[dev]'
	$(LATEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal

constraints:  ## Write constraints.txt anew: the newest version of everything, once test-latest passes
	@rm -rf $(LATEST) && $(PYTHON) -m venv $(LATEST)
	@$(LATEST)/bin/python -m $(PIP_INSTALL) --editable '.[dev]'
	@{ sed -n '/^#/p' constraints.txt; \
		$(LATEST)/bin/python -m pip freeze --local --exclude-editable 2>/dev/null | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$'; } \
		> constraints.new && mv constraints.new constraints.txt

fault-matrix: $(INSTALLED)  ## Each fault at each write to a simulated VergeOS, and a crash at every step; prints the table
	SNAPPLAN_FAULTS=all $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal \
		tests/end_to_end/test_vergeos_faults.py tests/end_to_end/test_vergeos_crashes.py

lint: $(INSTALLED)  ## Style and mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED)  ## Put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(INSTALLED)  ## mypy, strict
	$(BIN)/mypy

docs: $(INSTALLED)  ## Check that the generated pages and schemas are current and all links lead somewhere
	$(BIN)/python -m pytest -q tests/test_docs.py tests/test_schemas.py

docs-update: $(INSTALLED)  ## Write the generated pages and schemas anew
	$(BIN)/python -m docs.generate

bench: $(INSTALLED)  ## Measure against the limits, as ratios in one run
	$(BIN)/python -m bench

coverage: $(INSTALLED)  ## Branch coverage of the planner and the policy language
	$(BIN)/python -m coverage run -m pytest -q -m 'not slow'
	$(BIN)/python -m coverage report --include='snapplan/planner/*,snapplan/config/*'

clean:  ## Remove what make made
	rm -rf $(VENV) $(LATEST) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
