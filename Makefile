# BINN explorer. `make env` builds the environment; every other target builds it if it is missing.
#
#   make app  [DATA=data/new_york.nc] [CHECKPOINT=runs/ny/checkpoint] [PORT=5006]
#   make test [ARGS="-k solve"]      make lint      make bench      make results [DATA=...]
#   make env  [TORCH_INDEX=https://download.pytorch.org/whl/cpu] [PYTHON=python3.12]

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env app test lint bench results lock

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PORT ?= 5006
# the first Python of a supported version that really runs
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

env: $(READY)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found; name one: make env PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifdef TORCH_INDEX
	$(BIN)/python -m pip install --index-url "$(TORCH_INDEX)" --no-deps "$$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements.lock)"
endif
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# compile what compiles and solve what is shown first, so that the first visitor does not wait
	@if test -f binn/warm.py; then $(BIN)/python -m binn.warm && $(BIN)/python -m dashboard.warm; fi
	@touch $@

# only on this machine, so training from the page is allowed
app: $(READY)
	$(BIN)/panel serve app.py --address 127.0.0.1 --port $(PORT) \
		--allow-websocket-origin 127.0.0.1:$(PORT) --allow-websocket-origin localhost:$(PORT) \
		--args --allow-training $(if $(DATA),--data "$(DATA)") $(if $(CHECKPOINT),--checkpoint "$(CHECKPOINT)")

test: $(READY)
	$(BIN)/python -m pytest $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m benchmarks.performance $(ARGS)

results: $(READY)
	$(BIN)/python -m benchmarks.results $(if $(DATA),--data "$(DATA)") $(ARGS)

# pins what is installed now; then commit the lock and environment.yml together with pyproject.toml
lock: $(READY)
	$(BIN)/python tools/lock.py
