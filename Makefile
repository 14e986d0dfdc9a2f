# The targets that README names. Everything that they install lives in $(VENV) or in the cache
# folder outside the tree; `make clean` removes the former.
VENV ?= .venv
PYTHON ?= python3
# node: pods run, needs root; control-plane: pods can be made, needs none.
LEVEL ?= node
BIN := $(VENV)/bin
# Tests run so many at a time: hubs and pages leave room for each other. 0 runs them one by one.
WORKERS ?= 2
# In the order of their tiers: a browser keeps an event loop in its process, where no other can run.
PYTEST := -m pytest --numprocesses $(WORKERS) --dist loadgroup --no-loadscope-reorder
# Few that fail run once more, alone (1: tests failed; anything else is no test's failure).
test_twice = $(1) $(PYTEST) --cache-clear $(2) || { [ $$? = 1 ] && $(1) -m tests.second_try; }
# What knows nothing of a hub is the same with each JupyterHub.
HUBLESS := $(patsubst %,--ignore-glob='*/%',$(shell cat tests/hubless.txt))
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

venv: $(VENV)/.installed  ## a virtual environment with the project, its tests and its documentation tools

$(VENV)-newest/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)-newest
	$(VENV)-newest/bin/pip install --quiet --disable-pip-version-check -e '.[local,test]'
	touch $@

$(VENV)/.installed: setup.cfg pyproject.toml tests/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c tests/constraints.txt -e '.[local,test,docs]'
	touch $@

lint: venv  ## ruff, mypy and the one-way imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A machine that can't have the cluster says why here (3), and each tier that needs it says so again.
# In CI a cluster that fails to come up is the end: no test would tell more.
test: lint docs  ## everything; README's one test command
	@$(BIN)/python -m tests.cluster up --level $(LEVEL) || [ $$? = 3 ] || [ -z "$$CI" ]
	$(MAKE) --no-print-directory test-newest
	@$(call test_twice,$(BIN)/python,tests)

docs: venv  ## this project's pages, in docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

unit: venv  ## decisions, and servers as local processes; no network
	$(BIN)/python $(PYTEST) tests/unit

integration: venv  ## a real kube-apiserver and a real hub
	$(BIN)/python $(PYTEST) tests/integration

e2e: venv  ## real pods, a real OpenID provider, a real Chromium
	$(BIN)/python $(PYTEST) tests/e2e

faults: venv  ## hubs, API servers and nodes that die, on a cluster of their own; FAULTS_SEED=n
	$(BIN)/python $(PYTEST) tests/faults

keycloak: venv  ## a real Keycloak, alone and with a hub and a browser; needs Java
	$(BIN)/python $(PYTEST) tests/keycloak

# JupyterHub 6 beside the 5.5 that Zero to JupyterHub pins.
test-newest: $(VENV)-newest/.installed
	@$(call test_twice,$(VENV)-newest/bin/python,$(HUBLESS) tests/unit tests/integration)

cluster-up: venv  ## a real Kubernetes with a node (root); prints the path of its kubeconfig
	@$(BIN)/python -m tests.cluster up --level $(LEVEL)

cluster-down: venv  ## ends it; leaves nothing behind
	@$(BIN)/python -m tests.cluster down
	@JHUB_GATEWAY_CLUSTER=faults $(BIN)/python -m tests.cluster down

# Needs `make cluster-up`'s machine. Ratios to plain KubeSpawner; BENCH_REPEATS=5, BENCH_JSON=file.
bench: venv  ## how long a start takes, beside plain KubeSpawner; not part of `make test`
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.storm
	@$(BIN)/python -m benchmarks.cull

# Needs no root. N=400 ROUNDS=3 SCENARIOS=storm,slow-creates RESTART=1000 PROFILE=directory.
bench-storm: venv  ## hundreds of starts at once, beside plain KubeSpawner: the second part of bench
	@$(BIN)/python -m benchmarks.storm

# Needs no root and no cluster. USERS=5000 SERVERS=1000 ROUNDS=3.
bench-cull: venv  ## a look at 1,000 servers, beside jupyterhub-idle-culler: the third part of bench
	@$(BIN)/python -m benchmarks.cull

screenshots: venv  ## the documentation's pictures of the profile page; needs what e2e needs
	JHUB_GATEWAY_SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/e2e/test_profile_page.py -k profile_page_is

demo:  ## a hub with a gateway's login on this machine, at PORT (8000)
	@$(PYTHON) -m demo

demo-kubernetes:  ## the same in pods: on `make cluster-up`'s cluster, or on KUBECONFIG's
	@$(PYTHON) -m demo --kubernetes

clean:  ## removes the virtual environments
	rm -rf .venv*

.PHONY: help venv lint docs test unit integration e2e faults keycloak test-newest screenshots bench bench-storm bench-cull cluster-up cluster-down demo demo-kubernetes clean
