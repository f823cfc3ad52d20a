# Every target makes what it needs: a virtual environment with the locked dependencies.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo run test soak chaos check format bench pictures lock clean

demo: $(VENV)/.ready  ## the whole morning in a browser, no token needed (RESET=1 starts over, PORT=8082, SPEAK=en or zh)
	@exec $(BIN)/allclear demo $(if $(RESET),--reset) $(if $(PORT),--port $(PORT)) $(if $(SPEAK),--language $(SPEAK))

run: $(VENV)/.ready  ## the bot on real Telegram: ALLCLEAR_TOKENS=... make run
	@exec $(BIN)/allclear run

# Bytecode is kept whatever the environment says: workers and the processes that tests start would compile
# the same files some twenty times.
test: $(VENV)/.ready-dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 4 --dist loadgroup

soak: $(VENV)/.ready-dev  ## random people do random things for thousands of steps (SEED=7 walks one walk again, SEEDS=20 fewer bad months)
	@ALLCLEAR_SOAK=1 ALLCLEAR_SEED="$(SEED)" ALLCLEAR_SEEDS="$(SEEDS)" $(BIN)/python -m pytest -n 2 tests/test_*.py tests/bot/test_any_update.py tests/bot/test_transport_faults.py tests/process \
	  tests/storage/test_asking.py tests/storage/test_holds.py tests/storage/test_rights.py tests/checkin/test_retelling.py
	@ALLCLEAR_SEED="$(SEED)" $(BIN)/python -m pytest -n 2 --dist loadgroup --postgresql
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --pooler tests/storage tests/handlers tests/bot/test_leases.py tests/test_mornings.py
	@$(MAKE) --no-print-directory chaos

chaos: $(VENV)/.ready-dev  ## kills, full disks, dead databases for a quarter to half an hour; writes docs/reliability.md
	@$(BIN)/python -m tests.chaos --seed "$(or $(SEED),1)"

check: $(VENV)/.ready-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/.ready-dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.ready-bench  ## how fast it is beside its peers, some minutes; writes docs/performance.md
	@$(BIN)/python -m benchmarks

pictures: $(VENV)/.ready-dev  ## the README's, from a demo of its own; needs a Chromium
	@$(BIN)/python docs/pictures/make.py

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Allclear needs Python 3.11 or newer. Install it, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Preparing the environment in $(VENV) (a minute, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements.lock
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	@$(PIP) -r requirements-dev.lock
	@touch $@

$(VENV)/.ready-bench: $(VENV)/.ready-dev requirements-bench.lock
	@$(PIP) -r requirements-bench.lock
	@touch $@

lock:  ## pin every dependency again, naming no host
	@$(PIP) uv
	@for set in ":requirements.lock" "--group dev:requirements-dev.lock" "--group bench:requirements-bench.lock"; do \
	  $(BIN)/uv pip compile pyproject.toml $${set%%:*} --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o $${set##*:}; done

clean:
	rm -rf $(VENV)
