# Two commands do everything on a fresh machine: `make demo` and `make test`. The rest is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
DEVELOPS := $(VENV)/.develops
# A lock is whole, so nothing is resolved: --no-deps keeps what is published later out, and `pip check` proves it whole.
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install -q --no-deps
LAWS := $(BIN)/pytest -q -n 2 --timeout 600 -m "hypothesis and not live and not cluster" tests
LOCK := .cache/lock/bin/pip-compile -q --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-find-links

.PHONY: demo test check test-cluster test-deploy test-store-cluster test-focus test-live test-seen test-laws search-laws test-start test-image lint-deploy soak soak-replicas fuzz bench image image-push sbom generate look docs lock setup system clean

demo: $(RUNS)                    ## a miniature fleet, the collector, the store and the pages; Ctrl-C ends it; DEMO='--port 9000'
	$(BIN)/lynceus demo $(DEMO)

test: $(DEVELOPS) system         ## the fast set: about half an hour on 2 cores; a quarter of the examples of each law
	$(BIN)/pytest -q -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered --cov-fail-under=100

check: $(DEVELOPS)               ## style, types, direction of imports, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict --quiet --site-dir .cache/site

test-cluster: $(DEVELOPS)        ## a real kube-apiserver, etcd and kwok, built once from their Go modules
	$(BIN)/python -m tests.cluster.build
	$(BIN)/pytest -q -m cluster --timeout 600 tests/cluster

test-deploy: $(DEVELOPS)         ## the Helm chart and overlays of the manifests, by helm and kustomize, built once from their Go modules
	$(BIN)/pytest -q -m deploy tests/deploy

test-store-cluster: $(DEVELOPS)  ## two ClickHouse servers out of chdb as two shards, about 3 minutes
	$(BIN)/pytest -q -m store_cluster --timeout 300 tests/store_cluster

test-focus: $(DEVELOPS)          ## the official FOCUS validator, in a Python 3.12 of its own, on exported files
	$(BIN)/pytest -q -m focus --timeout 900 tests/store

test-live: $(DEVELOPS) system    ## kill rounds; incidents through Prometheus and Alertmanager to a pager; clickhouse-go
	$(BIN)/pytest -q -n 2 --dist worksteal -m live --timeout 900 tests

test-seen: $(DEVELOPS) system    ## the demo's pages: every figure against the command's, axe-core in each look; messages through kills; by hand
	$(BIN)/pytest -q -m seen --timeout 900 tests

test-laws: $(DEVELOPS)           ## every law with all its examples, the same each time
	LYNCEUS_EXAMPLES=full $(LAWS)

search-laws: $(DEVELOPS)         ## every law with all its examples, drawn at random, ten times, by hand
	for round in $$(seq 10); do LYNCEUS_EXAMPLES=new $(LAWS) || exit 1; done

test-start: $(DEVELOPS) system   ## each Python of the machine: locks, both commands from a clean clone, core and prices
	$(BIN)/pytest -q -m start tests/start

soak: $(DEVELOPS)                ## the long kill loop, and a hundred rounds of clusters that come and go, by hand
	LYNCEUS_KILL_ROUNDS=1000 $(BIN)/pytest -q -m live --timeout 36000 tests -k kill
	LYNCEUS_FLEET_ROUNDS=100 $(BIN)/pytest -q -m live tests/service/test_fleet.py

soak-replicas: $(DEVELOPS)       ## two replicas, kill -9 every half minute for ten minutes, by hand
	LYNCEUS_REPLICA_ROUNDS=20 $(BIN)/pytest -q -s -m live --timeout 3600 tests/live/test_replicas.py

fuzz: $(DEVELOPS)                ## some 20,000 requests made from the API's description, as three departments, by hand
	LYNCEUS_FUZZ_CASES=610 $(BIN)/pytest -q -n 3 -m live --timeout 3600 tests/fuzz
	$(BIN)/python -m tests.bench.timing

bench: $(DEVELOPS)               ## CPU against kubernetes.watch and client-go, as ratios, in one run
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.state
	$(BIN)/python -m tests.bench.holds
	$(BIN)/python -m tests.bench.pricing
	$(BIN)/python -m tests.bench.backlog
	$(BIN)/python -m tests.bench.queries
	$(BIN)/python -m tests.bench.focus
	$(BIN)/python -m tests.bench.statement
	$(BIN)/python -m tests.bench.reports
	$(BIN)/python -m tests.bench.dashboards
	$(BIN)/python -m tests.bench.scrape
	$(BIN)/python -m tests.bench.price_lists
	$(BIN)/python -m tests.bench.savings
	$(BIN)/python -m tests.bench.fleet --seconds 120

image:                           ## the container image by docker, podman or buildah: VARIANT, TAG, REGISTRY (docs/operate/image.md)
	sh deploy/image/build.sh

image-push:                      ## sends the image to REGISTRY
	sh deploy/image/build.sh push

sbom:                            ## what the image holds, as CycloneDX, in .cache/sbom: VARIANT=engine or server
	rm -rf .cache/sbom/env && mkdir -p .cache/sbom
	sh deploy/image/install.sh $(or $(VARIANT),engine) .cache/sbom/env
	mv .cache/sbom/env/share/lynceus.cdx.json .cache/sbom/$(or $(VARIANT),engine).cdx.json
	rm -r .cache/sbom/env

test-image: $(DEVELOPS)          ## both environments of the image: their size, and the program's own tests in them
	$(BIN)/pytest -q -m image --timeout 3600 tests/deploy/image

lint-deploy: $(DEVELOPS)         ## manifests, chart, Dockerfile and compose file before checkov, hadolint, kube-score, kubernetes-validate, compose-spec
	$(BIN)/python -m tests.deploy.lint

generate: $(DEVELOPS)            ## dashboards, alert rules, the role and docs/reference, from the code
	$(BIN)/python -m generate

look: $(DEVELOPS) system         ## all dashboards as pictures, from eight minutes of the demo, into .cache/look/pictures; LOOK='--docs'
	$(BIN)/python -m tests.dashboards.look $(LOOK)

docs: $(DEVELOPS)                ## the documentation as a site on http://127.0.0.1:8480, rebuilt as you write
	$(BIN)/mkdocs serve --strict --dev-addr 127.0.0.1:8480

lock:                            ## pin what pyproject.toml asks for, with hashes and without any index address
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/pip install -q --disable-pip-version-check pip-tools==7.6.2
	$(LOCK) --extra build --extra embedded --extra parquet --extra traces --output-file requirements.lock pyproject.toml
	$(LOCK) --extra build --extra parquet --extra traces --constraint requirements.lock --output-file requirements-server.lock pyproject.toml
	$(LOCK) --all-extras --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(LOCK) --output-file deploy/image/sbom.lock deploy/image/sbom.in
	$(LOCK) --output-file tests/deploy/lint/tools.lock tests/deploy/lint/tools.in

setup: $(DEVELOPS)

# What runs: the image has it, and `make demo`.
$(RUNS): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-build-isolation -e .
	$(PIP) check
	touch $@

# What develops: the same releases, and the tools of `make test` and `make check`.
$(DEVELOPS): $(RUNS) requirements-dev.lock
	$(INSTALL) --require-hashes -r requirements-dev.lock
	$(PIP) check
	touch $@

system:                          ## what tests need of Debian: promtool, Prometheus, Alertmanager, Chromium
	@sh tests/debian.sh

clean:
	rm -rf $(VENV) .cache .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
