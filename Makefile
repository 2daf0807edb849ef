PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCALSTACK_VENV := .venv-localstack
COMPILE := uv pip compile --generate-hashes --no-emit-index-url --no-header --quiet
LOCK := $(COMPILE) --universal --python-version 3.11
FAST := tests/unit
PICTURES := tests/pictures
LOOPBACK := tests/loopback
UNIT_VENV := .venv-3.13
IMAGE ?= media-worker
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' worker/__init__.py)
REVISION = $(shell git describe --always --dirty --exclude '*' --abbrev=12)
PYTHON313 ?= $(shell for python in python3.13 $${PYENV_ROOT:-$(HOME)/.pyenv}/versions/3.13*/bin/python; do \
	$$python -c 'import sys; sys.version_info[:2] == (3, 13) or sys.exit(1); print(sys.executable)' 2>/dev/null && break; done)

.PHONY: help setup fast check format schemas test test-faults soak mutants plain fuzz lint demo bench test-localstack test-containers test-3.13 ci image push deploy pythons checkov audit lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "%-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## make .venv: the command is then .venv/bin/media-worker

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m devstack.install requirements/dev.txt
	$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	touch $@

demo: setup  ## the whole service on this machine: make demo [MEDIA=folder] [OUTPUT=folder] [PROFILE=first|newest]
	@$(BIN)/python -m devstack.demo $(if $(MEDIA),--media "$(MEDIA)") $(if $(OUTPUT),--output "$(OUTPUT)") $(if $(PROFILE),--profile $(PROFILE))

fast: setup  ## the tests of pure code: after each edit (seconds)
	$(BIN)/pytest -n 2 --dist worksteal $(FAST)

check: lint fast  ## both: before each commit

format: setup  ## let ruff put right what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schemas: setup  ## docs/schema, made from the code anew
	$(BIN)/python -m tests.schemas

test: setup  ## every test that needs nothing but this machine
	$(BIN)/pytest -n 3 --dist worksteal -m "not localstack and not faults and not containers"

test-faults: setup  ## broken wires, refusals and kills (minutes)
	$(BIN)/pytest -n 3 -m faults

soak: setup  ## three workers under random faults: make soak [MINUTES=30] [SEED=…]
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

mutants: setup  ## sixteen small faults in copies of the worker, each of which the soak must find (half an hour)
	$(BIN)/python -m tests.soak.mutate $(if $(MUTANT),"$(MUTANT)")

plain: setup  ## the soak's faults to plain consumers, too: make plain NODE=…/node_modules CELERY=…/bin/python [ONLY=row] (half an hour)
	$(BIN)/python -m tests.soak.plain $(if $(NODE),--node "$(NODE)") $(if $(CELERY),--celery "$(CELERY)") $(if $(ONLY),--only "$(ONLY)")

fuzz: setup  ## messages, keys and damaged pictures, 10,000 of each (minutes)
	$(BIN)/pytest -n 2 --hypothesis-profile fuzz --timeout 1800 -m hypothesis

lint: setup  ## style, types, the arrows between the rooms, template, containers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin
	$(BIN)/mypy .ci/clean_room.py docs/backend/*.py
	$(BIN)/lint-imports --no-logo
	$(BIN)/cfn-lint infra/*.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint Dockerfile

test-localstack: setup $(LOCALSTACK_VENV)/.ready  ## the tests that want conditional writes and checksums as AWS does them
	$(BIN)/pytest -n 2 -m localstack

$(LOCALSTACK_VENV)/.ready: requirements/localstack.txt
	@test -n "$(PYTHON313)" || { echo "LocalStack 4.14 needs Python 3.13: make test-localstack PYTHON313=…"; exit 1; }
	$(PYTHON313) -m venv $(LOCALSTACK_VENV)
	$(LOCALSTACK_VENV)/bin/pip install -qq --require-hashes -r requirements/localstack.txt
	touch $@

test-containers: setup  ## the image and the compose stack, in containers (needs docker; minutes)
	$(BIN)/pytest -m containers

test-3.13: $(UNIT_VENV)/.ready  ## pure code, pictures and HTTP on the Python of the image
	$(UNIT_VENV)/bin/pytest -n 2 $(FAST) $(PICTURES) $(LOOPBACK)

$(UNIT_VENV)/.ready: requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON313)" || { echo "there is no Python 3.13: make test-3.13 PYTHON313=…"; exit 1; }
	$(PYTHON313) -m venv $(UNIT_VENV)
	$(UNIT_VENV)/bin/pip install -qq --require-hashes -r requirements/dev.txt
	$(UNIT_VENV)/bin/pip install -qq --no-deps --no-build-isolation --editable .
	touch $@

image:  ## the worker's image, tagged by its revision
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --tag $(IMAGE):$(REVISION) .

ci:  ## what CI runs, in a clean room; names what it leaves behind (20 minutes)
	.ci/run list

push:  ## the image into the repository of ENV's stack: make push ENV=staging
	infra/rollout.sh push "$(ENV)"

deploy:  ## a revision to ENV's service, this one or an earlier: make deploy ENV=staging [REVISION=…]
	infra/rollout.sh deploy "$(ENV)"

pythons:
	@echo PYTHON=$(shell $(PYTHON) -c 'import sys; print(sys.executable)') PYTHON313=$(PYTHON313)

bench: setup  ## the figures of docs/figures.md, measured here: make bench [NODE=…/node_modules, with sharp] (minutes)
	$(BIN)/python -m benchmarks $(if $(NODE),--node "$(NODE)")

checkov:  ## the templates against checkov's rules; what is excused says so by name (needs uv)
	uvx checkov --framework cloudformation --file infra/*.yaml --compact --quiet

audit:  ## known vulnerabilities of what is locked (needs uv)
	for file in requirements/*.txt; do uvx pip-audit --strict --require-hashes --disable-pip -r $$file || exit 1; done

lock:  ## resolve requirements/*.txt anew (needs uv)
	$(LOCK) --upgrade pyproject.toml -o requirements/run.txt
	$(LOCK) --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	$(COMPILE) --python-version 3.13 requirements/localstack.in -o requirements/localstack.txt

clean:  ## remove everything that make made
	rm -rf $(VENV) $(LOCALSTACK_VENV) $(UNIT_VENV) demo-output build dist .*_cache .hypothesis
