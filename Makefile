# make serve   serve on HOST:PORT        make test    all tests        make check   lint, types, format
HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP = .venv/bin/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help serve test test-real check format lock bench

help: ## these lines
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

serve: .venv/.server ## serve on HOST:PORT (127.0.0.1:8000); installs on the first run
	@exec .venv/bin/reward-service serve --host $(HOST) --port $(PORT)

test: .venv/.dev ## all tests; installs on the first run
	.venv/bin/python -m pytest $(TESTS)

test-real: .venv/.dev ## tests on real outside components; each says loudly when it cannot run
	.venv/bin/python -m pytest -m real tests/real

check: .venv/.dev ## lint, types, format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv/.dev ## put the code in its form
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: .venv/.dev ## what the service costs over the bare verifier
	.venv/bin/python -m benchmarks.score

lock: ## pin the newest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install -q pip-tools
	.venv/lock/bin/pip-compile -q $(LOCK) --extra server --extra parquet -o requirements/server.lock pyproject.toml requirements/build.in
	.venv/lock/bin/pip-compile -q $(LOCK) --extra server --extra parquet --extra dev -c requirements/server.lock -o requirements/dev.lock pyproject.toml requirements/build.in
LOCK = --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "On Debian: apt-get install python3-venv"; rm -rf .venv; exit 1; }

.venv/.server: requirements/server.lock pyproject.toml | .venv/bin/python
	@echo "Installing (once; a minute or so)"
	@$(PIP) install -qq --require-hashes -r requirements/server.lock
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.lock pyproject.toml | .venv/bin/python
	@echo "Installing what the tests need (once; a minute or so)"
	@$(PIP) install -qq --require-hashes -r requirements/dev.lock
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@ .venv/.server
