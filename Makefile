# The targets that README names. Everything that they install lives in $(VENV) or in the cache
# folder outside the tree; `make clean` removes the former.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

venv: $(VENV)/.installed  ## a virtual environment with the project, its tests and its documentation tools

$(VENV)/.installed: setup.cfg pyproject.toml tests/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c tests/constraints.txt -e '.[local,test,docs]'
	touch $@

lint: venv  ## ruff, mypy and the one-way imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: venv  ## pure decisions: seconds, no network
	$(BIN)/python -m pytest tests/unit

clean:  ## removes the virtual environments
	rm -rf .venv*

.PHONY: help venv lint unit clean
