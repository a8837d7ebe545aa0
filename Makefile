# AgentFlow: `make help` lists the targets. Only Python 3.11 or newer must be installed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run demo install-cli test test-all simulate chaos chaos-ha mutate bench soak audit prove compare lint style fmt lock migrate-up backup restore verify-backup run-control-plane run-worker docker-there dev-up dev-down status logs build dev-deps k8s-deploy engines agentdojo phoenix clean python-there

VENV := .venv
RUN := $(VENV)/bin/python
# The newest version that every pinned package was tried with comes first.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.local ## Start everything, run the sample once, serve until Ctrl-C: make run ARGS=--no-sample TOOLS=./mytools.py TLS=1
	@exec $(RUN) -m deploy.local run $(if $(BROKERS),--brokers $(BROKERS)) $(if $(REDIS),--redis $(REDIS)) $(if $(TLS),--tls) $(ARGS)

demo: $(VENV)/.local ## Run the sample, an evaluation and a rollout in a temporary directory, then stop; TLS=1 encrypts it
	@exec $(RUN) -m deploy.local demo $(if $(TLS),--tls)

install-cli: $(VENV)/.local ## Put agentctl on the path: make install-cli BIN_DIR=~/.local/bin
	@$(RUN) deploy/local/install_cli.py --venv $(VENV) $(if $(BIN_DIR),--bin-dir "$(BIN_DIR)")

engines: $(VENV)/.local ## Start only Kafka, Redis, PostgreSQL, ClickHouse and NATS, until Ctrl-C
	@exec $(RUN) -m deploy.local.engines --data-dir .agentflow

# Tests without engines use every core, while types are checked. Tests that start engines wait for a third of
# their time, so three files run at a time, the longest first; tests that load or measure the whole machine run alone.
FREE := tests/unit tests/simulation
WHOLE := tests/load
# Each later feature may add 90 s: these are where to look when it is more.
SLOWEST := --durations=10
# A process that dies ends the phase: one that replaces it may wait for ever, if its first file has one test.
ENDS := --max-worker-restart 0
# A real broker on a busy machine may lose a race that no test meant: see docs/decisions/0064.
RETRY := --retry-failed 8
SHARED := -n 3 --dist loadfile --no-loadscope-reorder $(ENDS) $(addprefix --ignore=,$(FREE) $(WHOLE))

test: style ## Run all checks and all tests
	@$(RUN) -m mypy >$(VENV)/types.txt 2>&1 & types=$$!; \
	$(RUN) -m tests.support.phase $(SLOWEST) -n auto $(ENDS) $(FREE); tests=$$?; \
	wait $$types; types=$$?; cat $(VENV)/types.txt; [ $$types = 0 ] || exit $$types; exit $$tests
	$(RUN) -m tests.support.phase $(RETRY) $(SLOWEST) $(SHARED)
	$(RUN) -m tests.support.phase $(RETRY) $(SLOWEST) $(WHOLE)

test-all: lint agentdojo phoenix ## Run the same with every variant of the slow tests
	HYPOTHESIS_PROFILE=random $(RUN) -m tests.support.phase $(SLOWEST) -n auto $(ENDS) -m "" $(FREE)
	HYPOTHESIS_PROFILE=random $(RUN) -m tests.support.phase $(RETRY) $(SLOWEST) -m "" $(SHARED)
	CHAOS_SEED=random HYPOTHESIS_PROFILE=random $(RUN) -m tests.support.phase $(RETRY) $(SLOWEST) -m "" $(WHOLE)

# Without it the tests that need it are skipped, and say so.
agentdojo: $(VENV)/.dev ## Install the benchmark AgentDojo in an environment of its own
	@$(RUN) -m bench.agentdojo --install || echo "AgentDojo is not measured"

phoenix: $(VENV)/.dev ## Install Arize Phoenix, which takes spans in, in an environment of its own (0.9 GB)
	@$(RUN) -m bench.phoenix || echo "no span goes to Arize Phoenix"

lint: style ## Run the checks: style, types, import layers, Lua
	$(RUN) -m mypy

style: $(VENV)/.dev ## Run the checks but that of types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/lint-imports
	$(RUN) -m tests.support.lua_lint

fmt: $(VENV)/.dev ## Format the code and apply automatic fixes
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

simulate: $(VENV)/.dev ## Play seeds of the simulation: make simulate N=10000 SEED=0
	@exec $(RUN) -m tests.simulation --seeds $(or $(N),10000) --seed $(or $(SEED),0)

chaos: $(VENV)/.dev ## Inject faults into a loaded system, then check: make chaos MINUTES=5 SEED=0
	@exec $(RUN) -m tests.chaos --minutes $(or $(MINUTES),5) --seed $(or $(SEED),0) $(if $(TLS),--tls)

chaos-ha: $(VENV)/.dev ## Kill brokers, masters of Redis and stores under load, then check: make chaos-ha SEED=0 ARGS="--brokers 6"
	@exec $(RUN) -m tests.chaos.ha --seed $(or $(SEED),0) $(ARGS)

mutate: $(VENV)/.dev ## Measure the share of wrong edits that tests notice: make mutate N=400 SEED=0; resumes where it stopped
	@exec $(RUN) -m tests.mutation --count $(or $(N),400) --seed $(or $(SEED),0)

bench: $(VENV)/.dev ## Measure speed, and stock Faust in the same run
	@exec $(RUN) -m bench

soak: $(VENV)/.dev ## Load the system at half its capacity under its limits of memory: make soak HOURS=2
	@exec $(RUN) -m bench.soak --hours $(or $(HOURS),2)

audit: $(VENV)/.dev ## Audit locks, known vulnerabilities, licenses; offline too: make audit ARGS="--database FOLDER --update"
	@exec $(RUN) -m deploy.audit $(ARGS)

prove: $(VENV)/.dev ## Print acceptance figures with floors: make prove AREA=house|engine|firsthour|calls|surface|prompts|rollouts|observability|flow|privacy|doors|deploy [QUICK=1]
	@exec $(RUN) -m bench.prove --area "$(AREA)" $(if $(QUICK),--quick)

compare: $(VENV)/.dev ## Compare with another checkout, in turns: make compare BASE=../old PAIRS=5
	@exec $(RUN) -m bench.compare --base "$(BASE)" --pairs $(or $(PAIRS),5)

migrate-up: $(VENV)/.local ## Migrate the PostgreSQL and ClickHouse named in the environment
	@exec $(RUN) -m deploy.migrate up

run-control-plane: $(VENV)/.local ## Serve the API against the engines named in the environment
	@exec $(RUN) -m api

run-worker: $(VENV)/.local ## Run a worker against the engines named in the environment
	@exec $(RUN) -m streams worker

# Docker's own word for a missing engine is longer than ours.
COMPOSE := docker compose
docker-there:
	@$(COMPOSE) version >/dev/null 2>&1 || { echo "docker compose was not found: install Docker with its compose plugin, or use make run, which needs neither" >&2; exit 1; }

.env:
	@cp .env.example .env && echo "made .env from .env.example: change its passwords and keys for anything but this machine"

dev-up: .env | docker-there ## Build the images and start everything in containers: http://localhost:8080
	@$(COMPOSE) up --build --detach --wait

dev-down: | docker-there ## Stop the containers and keep their data: make dev-down ARGS=--volumes deletes it
	@$(COMPOSE) down $(ARGS)

status: | docker-there ## Show the containers and whether they are healthy
	@$(COMPOSE) ps

logs: | docker-there ## Follow the logs of the containers: make logs ARGS="worker control-plane"
	@$(COMPOSE) logs --follow --tail 200 $(ARGS)

build: | docker-there ## Build the images agentflow-control-plane and agentflow-worker
	@$(COMPOSE) build

dev-deps: $(VENV)/.dev ## Install what tests, checks and the local system need

k8s-deploy: $(VENV)/.local ## Apply deploy/k8s by kubectl: make k8s-deploy IMAGE_PREFIX=registry.example/agentflow/ TAG=v1.0.0
	@exec $(RUN) -m deploy.manifests apply --image-prefix "$(IMAGE_PREFIX)" --tag "$(or $(TAG),latest)"

backup: $(VENV)/.local ## Back up the running site: make backup TO=DIR|s3://… [KEYS=PLACE] [ARGS="--incremental --key-file FILE"]
	@exec $(RUN) -m deploy.backup take "$(TO)" $(if $(KEYS),--keys "$(KEYS)") $(ARGS)

restore: $(VENV)/.local ## Restore a backup onto an empty site: make restore FROM=PLACE [KEYS=PLACE] [ARGS="--until TIME --into DIR"]
	@exec $(RUN) -m deploy.backup restore "$(FROM)" $(if $(KEYS),--keys "$(KEYS)") $(ARGS)

verify-backup: $(VENV)/.local ## Restore a backup into a temporary stack and compare: make verify-backup FROM=PLACE [KEYS=PLACE]
	@exec $(RUN) -m deploy.backup verify "$(FROM)" $(if $(KEYS),--keys "$(KEYS)") $(ARGS)

lock: $(VENV)/.dev ## Pin the newest versions that satisfy requirements*.in
	for name in requirements requirements-model requirements-semantic requirements-otlp requirements-local requirements-dev requirements-peers requirements-install; do \
		$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			--no-annotate --no-emit-index-url --no-emit-find-links $(LOCK_FLAGS) $$name.in -o $$name.lock || exit 1; \
	done
	$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --no-emit-find-links $(LOCK_FLAGS) \
		--overrides requirements-agentdojo.without requirements-agentdojo.in -o requirements-agentdojo.lock
	$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --no-emit-find-links $(LOCK_FLAGS) requirements-phoenix.in -o requirements-phoenix.lock
	$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --no-emit-find-links $(LOCK_FLAGS) \
		--overrides requirements-classifier.without requirements-classifier.in -o requirements-classifier.lock

clean: ## Delete the environment and the local data
	rm -rf $(VENV) .venv-agentdojo .venv-phoenix .agentflow

# The stamps: an install is repeated only when its lock changes. Downloads of the engines are part of it.
$(VENV)/.local: requirements-local.lock requirements-install.lock deploy/local/kafka-jars.sha256 deploy/local/install.py | python-there
	@$(PYTHON) deploy/local/install.py --venv $(VENV) requirements-local.lock
	@$(RUN) -m deploy.local.engines --fetch-only
	@touch $@

$(VENV)/.dev: requirements-dev.lock requirements-install.lock deploy/local/kafka-jars.sha256 deploy/local/install.py | python-there
	@$(PYTHON) deploy/local/install.py --venv $(VENV) requirements-dev.lock
	@$(RUN) -m deploy.local.engines --fetch-only
	@touch $@

python-there:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found: install it, or pass its path: make PYTHON=/path/to/python3" >&2; exit 1; }
