# Everything from a fresh clone: `make repro` runs the pipeline, `make test` checks the project.
# Both set up .venv first, from the locks, and again whenever a lock changes.

PYTHON ?= python3
BIN := .venv/bin
# DVC starts the stages with `python`, and it must be this environment's.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# With it Python would not find the project's modules.
unexport PYTHONSAFEPATH
# With it every process would compile its imports anew, because uv compiles nothing.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: repro install test test-peers test-browser test-cluster check format lock bench soak fuzz \
	incomplete

repro: .venv/pipeline.installed
	$(BIN)/dvc repro || { $(BIN)/python -m tools.mend && $(BIN)/dvc repro; }

# The packages of repro alone.
install: .venv/pipeline.installed

test: .venv/dev.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses=auto --dist=worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Tests of the real results.
check: .venv/dev.installed repro
	$(BIN)/python -m pytest tests/results.py

format: .venv/dev.installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Kills the pipeline again and again, and compares the results: make soak KILLS=200 SEED=1
KILLS ?= 50
SEED ?= 0
soak: .venv/dev.installed
	$(BIN)/python -m tests.soak --kills $(KILLS) --seed $(SEED)

# Fuzzes each reader, guided by coverage: make -j2 fuzz SECONDS=10
SECONDS ?= 300
FUZZ := $(addprefix fuzz-,http npm idx parameters weights npy csv pictures)
fuzz: $(FUZZ)
.PHONY: $(FUZZ)
$(FUZZ): fuzz-%: .venv/fuzz.installed
	$(BIN)/python -m tests.fuzz $* -max_total_time=$(SECONDS)

# The drawing board in the Chromium or Chrome that is installed.
test-browser: .venv/browser.installed repro
	$(BIN)/python -m pytest tests/browser.py

# Sweeps on a Slurm that the tests start and stop, one node on loopback.
test-cluster: .venv/dev.installed
	$(BIN)/python -m pytest tests/cluster.py

# Some of the libraries are large, and so they have an environment of their own.
bench: .venv-bench/installed repro
	.venv-bench/bin/python -m benchmarks $(BENCH)

# Our optimizers and schedule against PyTorch's.
test-peers: .venv-bench/installed
	.venv-bench/bin/python -m pytest tests/pytorch.py

.venv-bench/installed: requirements/compute.txt requirements/plot.txt requirements/pipeline.txt \
		requirements/bench.txt
	rm -rf .venv-bench
	$(PYTHON) -m tools.install .venv-bench $(filter-out requirements/bench.txt,$^)
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement requirements/bench.txt
	touch $@

# dev holds the packages of compute, plot, pipeline and sweep, too. No role has another version of one
# of its packages.
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--fork-strategy fewest --custom-compile-command "make lock"

lock: .venv/dev.installed
	$(LOCK) --group dev --output-file requirements/dev.txt pyproject.toml
	for role in compute plot pipeline sweep fuzz browser uv; do $(LOCK) --group $$role \
		--constraints requirements/dev.txt --output-file requirements/$$role.txt pyproject.toml || exit; done

# An install that did not end leaves no .venv/complete behind, and so makes every stamp old.
.venv/pipeline.installed: requirements/pipeline.txt requirements/compute.txt requirements/plot.txt
.venv/dev.installed: requirements/dev.txt
.venv/fuzz.installed: requirements/dev.txt requirements/fuzz.txt
.venv/browser.installed: requirements/dev.txt requirements/browser.txt
.venv/%.installed: requirements/uv.txt $(if $(wildcard .venv/complete),,incomplete)
	$(PYTHON) -m tools.install .venv $(filter-out requirements/uv.txt incomplete,$^)
	touch $@
