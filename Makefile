# Two commands do everything on a fresh machine: `make demo` and `make test`. The rest is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check test-cluster test-live soak bench generate lock setup system clean

demo: $(READY)           ## a miniature fleet, the collector, the store and the pages; Ctrl-C ends it
	$(BIN)/lynceus demo

test: $(READY) system    ## the fast set: at most 8 minutes on 2 cores
	$(BIN)/pytest -q -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered --cov-fail-under=100

check: $(READY)          ## style, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-cluster: $(READY)   ## a real kube-apiserver, etcd and kwok, built once from their Go modules
	$(BIN)/python -m tests.cluster.build
	$(BIN)/pytest -q -m cluster --timeout 600 tests/cluster

test-live: $(READY) system ## kill rounds; live Prometheus and Alertmanager
	$(BIN)/pytest -q -m live --timeout 900 tests

soak: $(READY)           ## the long kill loop, by hand
	LYNCEUS_KILL_ROUNDS=1000 $(BIN)/pytest -q -m live --timeout 36000 tests -k kill

bench: $(READY)          ## CPU against kubernetes.watch and client-go, as ratios, in one run
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.state
	$(BIN)/python -m tests.bench.pricing
	$(BIN)/python -m tests.bench.backlog
	$(BIN)/python -m tests.bench.queries

generate: $(READY)       ## dashboards and alert rules from the catalogue
	$(BIN)/python -m dashboards
	$(BIN)/python -m alerts

lock: $(READY)           ## pin what pyproject.toml asks for, with hashes and without any index address
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile -q --generate-hashes --all-extras --strip-extras \
	  --no-emit-index-url --no-emit-find-links --allow-unsafe --output-file requirements.lock pyproject.toml

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

system:                  ## what tests need of Debian: promtool, Prometheus, Alertmanager, Chromium
	@sh tests/debian.sh

clean:
	rm -rf $(VENV) .cache .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
