# Everything a person needs. Each target sets up what it needs first; a second run finds it done.
#   make up            the product, on http://localhost:8000 (PORT=8001 for another); Ctrl-C or make down stops it
#   make test          the whole suite on servers of its own      make test ARGS="tasks/tests -q"
#   make demo          every promise shown against a bundled target site
#   make check         lint, format, types, directions, migrations, deployment checks
#   make bench         speed, beside other systems                make bench ARGS=throughput
#   make chaos         kills, freezes and empties everything under load (SEED=1 MINUTES=3)
#   make backup FOLDER=…   make restore FOLDER=… (FLAGS="--overwrite --hold")   make backup-test shows that both work
#   make run CMD="python manage.py shell"      one command, with servers up and the settings pointing at them
PORT ?= 8000
HOST ?= 127.0.0.1
CMD ?=
ARGS ?=
BIN := .venv/bin
LOCAL := $(BIN)/python -m agency.local
export PORT HOST

.DEFAULT_GOAL := help
.PHONY: help venv venv-dev up down test check demo run bench chaos backup restore backup-test lock clean

help:
	@sed -n 's/^#   //p' Makefile

venv:
	@sh agency/local/setup.sh runtime

venv-dev:
	@sh agency/local/setup.sh dev

up: venv
	@exec $(LOCAL) up

down:
	@if [ -x $(BIN)/python ]; then exec $(LOCAL) down; else echo "Nothing runs."; fi

test: venv-dev
	@exec $(LOCAL) test $(ARGS)

check: venv-dev
	@exec $(LOCAL) check

demo: venv-dev
	@exec $(LOCAL) demo $(ARGS)

run: venv
	@exec $(LOCAL) run '$(subst ','\'',$(CMD))'

bench: venv-dev
	@exec $(LOCAL) bench $(ARGS)

chaos: venv-dev
	@exec $(LOCAL) chaos $(ARGS)

FOLDER ?= .local/backups/$(shell date -u +%Y-%m-%dT%H%M%SZ)
FLAGS ?=

backup: venv
	@exec $(LOCAL) run 'mkdir -p "$(dir $(FOLDER))" && python -m agency.local backup "$(FOLDER)"'

restore: venv
	@exec $(LOCAL) run 'python -m agency.local restore "$(FOLDER)" $(FLAGS)'

backup-test: venv-dev
	@exec $(LOCAL) backup-test

# Pins anew after a change of requirements*.in.
lock: venv-dev
	$(BIN)/uv pip compile -q --python $(BIN)/python --python-version 3.11 --universal --generate-hashes -o requirements.txt requirements.in
	$(BIN)/uv pip compile -q --python $(BIN)/python --python-version 3.11 --universal --generate-hashes -o requirements-dev.txt requirements-dev.in

# Only what can be made again; the data in .local/ stays.
clean: down
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .local/static .local/log
