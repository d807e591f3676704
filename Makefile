# `make repro` runs the pipeline, `make test` checks the project. Both first set up .venv, with uv if it
# is installed, or with python3: make PYTHON=python3.12 names another.

BIN := .venv/bin
# DVC starts the stages with `python`, and it must be this environment's.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# With the first, Python would not find the project's modules; with the second, it would compile
# them anew in every process.
unexport PYTHONSAFEPATH PYTHONDONTWRITEBYTECODE
# uv trusts the certificates that the system trusts, as pip does.
export UV_SYSTEM_CERTS := 1

.PHONY: repro install test check format lock soak test-browser test-cluster bench
.NOTPARALLEL:

# DVC needs a git repository, and a ZIP of this one is none.
repro: .venv/run.installed
	@git rev-parse --git-dir >/dev/null 2>&1 || git init --quiet
	dvc repro

install: .venv/run.installed

test: .venv/dev.installed
	ruff check
	ruff format --check
	mypy
	coverage erase
	coverage run -m pytest --numprocesses=auto --maxschedchunk=1
	coverage combine --quiet
	coverage report

# Tests of the real results.
check: .venv/dev.installed repro
	pytest tests/results.py

format: .venv/dev.installed
	ruff check --fix
	ruff format

# Kills the pipeline again and again, and compares the results: make soak KILLS=200 SEED=1
KILLS := 50
SEED := 0
soak: .venv/dev.installed
	python -m tests.soak --kills $(KILLS) --seed $(SEED)

# The drawing board in the Chromium or Chrome that is installed.
test-browser: .venv/dev.installed repro
	pytest tests/browser.py

# Sweeps on a Slurm that the tests start and stop, one node on loopback.
test-cluster: .venv/dev.installed
	pytest tests/cluster.py

# The other libraries are large, and so they have an environment of their own.
bench: .venv-bench/installed repro
	.venv-bench/bin/python -m benchmarks $(BENCH)

.venv-bench/installed: .venv/dev.installed requirements/bench.txt
	rm -rf .venv-bench
	uv venv --quiet --python $(BIN)/python .venv-bench
	uv pip install --quiet --python .venv-bench/bin/python \
		--requirement requirements/run.txt --requirement requirements/bench.txt
	touch $@

# Linux, Windows and macOS, Python 3.11 and newer. NumPy's wheels for macOS 14 compute with Apple's
# Accelerate, and those for older ones with OpenBLAS: without the hashes of the first, uv and pip take
# the second.
LOCK := uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --custom-compile-command "make lock"
lock: .venv/dev.installed
	$(LOCK) --group dev --output-file .venv/dev.txt pyproject.toml
	for name in run.txt pylock.toml; do \
		$(LOCK) --group run --constraints .venv/dev.txt --output-file .venv/$$name pyproject.toml || exit; done
	sed -n '/numpy.*macosx_14/s/.*sha256 = "\([0-9a-f]*\)".*/\1/p' .venv/pylock.toml >.venv/accelerate
	for name in run.txt dev.txt; do \
		grep -vFf .venv/accelerate .venv/$$name >requirements/$$name || exit; done

SUPPORTED := import sys; from importlib.util import find_spec; \
	sys.version_info >= (3, 11) or sys.exit("error: Python " + sys.version.split()[0] + " is too old, \
	must be 3.11 or newer; name another: make PYTHON=python3.12"); \
	find_spec("ensurepip") or sys.exit("error: this Python has no ensurepip: install the package \
	python3-venv, or uv")
INSTALL := --quiet --require-hashes --requirement

# The environment is made anew when its lock has changed, its last install did not end, or the folder
# was moved. The packages of dev.txt are those of run.txt and more.
.venv/run.installed .venv/dev.installed: .venv/%.installed: requirements/%.txt
	@rm -rf .venv
	@if command -v uv >/dev/null; then \
		uv venv --quiet $(if $(PYTHON),--python "$(PYTHON)") .venv; \
	else \
		python="$(or $(PYTHON),python3)" && \
		"$$python" -c '$(SUPPORTED)' && "$$python" -m venv .venv && \
		sed -n '/^uv==/,/ via/p' requirements/dev.txt >.venv/uv.txt && \
		python -m pip install $(INSTALL) .venv/uv.txt; \
	fi
	@uv pip install --python $(BIN)/python $(INSTALL) $< || \
		{ test -x $(BIN)/pip && echo "uv failed, falling back to pip" && \
		python -m pip install $(INSTALL) $<; }
	@touch .venv/run.installed $@
	@echo "$(CURDIR)" >.venv/place

ifneq "$(shell test -x $(BIN)/python && cat .venv/place 2>/dev/null)" "$(CURDIR)"
$(shell rm -rf .venv)
endif
