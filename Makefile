# make serve   serve on HOST:PORT        make test    all tests        make check   lint, types, format
HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP = .venv/bin/python -m pip --disable-pip-version-check --no-input

APART = $(patsubst requirements/%.lock,.venv/.%,$(filter-out %/server.lock %/dev.lock,$(wildcard requirements/*.lock)))

.DEFAULT_GOAL := help
.PHONY: help serve test test-real check format lock bench bench-sandboxes bench-judge bench-client bench-overlap bench-answers bench-overload bench-scale bench-replicas simulate train sandbox-image

help: ## these lines
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

serve: .venv/.server ## serve on HOST:PORT (127.0.0.1:8000); installs on the first run
	@exec .venv/bin/reward-service serve --host $(HOST) --port $(PORT)

train: .venv/.server .venv/.trl ## a small RL run: two cores, a minute (CONFIG=...)
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/trl/bin/python -m trainer_client train $(or $(CONFIG),tiny)

test: .venv/.dev ## all tests; installs on the first run
	.venv/bin/python -m pytest $(TESTS)

test-real: .venv/.dev $(APART) ## tests on real outside components; each says loudly when it cannot run
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

bench-sandboxes: .venv/.dev ## programs a second, ours against other ways to run them
	.venv/bin/python -m benchmarks.sandboxes

bench-judge: .venv/.dev .venv/.vllm ## what asking the judge costs over its bare server, and how many answers need it
	.venv/bin/python -m benchmarks.judge

bench-client: .venv/.dev ## what the client costs over a bare request
	.venv/bin/python -m benchmarks.client

bench-overlap: .venv/.dev ## how much of the rewards' time hides behind generation
	.venv/bin/python -m benchmarks.overlap

bench-overload: .venv/.dev ## what three times its capacity does to a replica
	.venv/bin/python -m benchmarks.overload

bench-scale: .venv/.dev ## what an item of each domain costs, and where
	.venv/bin/python -m benchmarks.scale $(ARGS)

bench-replicas: .venv/.dev ## what a second replica, or machine of a Ray cluster, adds
	.venv/bin/python -m benchmarks.replicas

simulate: .venv/.dev ## what a step waits for, by the times that bench-scale measured (ARGS="--rollouts 1000000")
	.venv/bin/python -m benchmarks.simulate $(ARGS)

bench-answers: .venv/.dev ## how well and how fast final answers are compared, ours against Math-Verify
	.venv/bin/python -m benchmarks.answers

sandbox-image: .venv/.dev ## the image of docker workers (BASE=debian:bookworm-slim)
	.venv/bin/python -m sandboxes.image build $(if $(BASE),--base $(BASE))

lock: ## pin the newest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install -q pip-tools
	.venv/lock/bin/pip-compile -q $(LOCK) --extra server --extra parquet --extra sandbox --extra docker --extra redis -o requirements/server.lock pyproject.toml requirements/build.in
	.venv/lock/bin/pip-compile -q $(LOCK) --extra server --extra parquet --extra sandbox --extra docker --extra redis --extra dev -c requirements/server.lock -o requirements/dev.lock pyproject.toml requirements/build.in
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

# vLLM and the trainers pin what we do not, and each other's: an environment each, of the versions that were tested.
.venv/.%: requirements/%.lock | .venv/bin/python
	@echo "Installing $* (once; a minute or two)"
	@$(PYTHON) -m venv .venv/$*
	@.venv/$*/bin/python -m pip --disable-pip-version-check --no-input install -qq --no-deps -r requirements/$*.lock
	@touch $@
