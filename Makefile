PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILE := uv pip compile --generate-hashes --no-emit-index-url --no-header --quiet
LOCK := $(COMPILE) --universal --python-version 3.11

.PHONY: setup lint test demo bench test-localstack lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | sort

setup: $(VENV)/.ready  ## make .venv with everything pinned by hash

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --require-hashes -r requirements/dev.txt
	$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	touch $@

lock:  ## resolve requirements/*.txt anew (needs uv)
	$(LOCK) --upgrade pyproject.toml -o requirements/run.txt
	$(LOCK) --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	$(LOCK) --extra dev --extra bench -c requirements/dev.txt pyproject.toml -o requirements/bench.txt
	echo hatchling | $(LOCK) -c requirements/dev.txt - -o requirements/build.txt
	$(COMPILE) --python-version 3.13 requirements/localstack.in -o requirements/localstack.txt
