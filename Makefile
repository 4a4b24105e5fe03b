# `make` alone lists what can be made. Needs Python 3.11 or newer; make PYTHON=python3.12 … chooses one.
# Everything is installed into .venv and written to build/. Works with GNU make 3.81 (macOS) and newer.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help tutorial slides test lowest dist lab lint format clean

PYTHON ?= python3
JOBS ?= 2
CELL_TIMEOUT ?= 120
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
CODE := seqrec_lib tests notebooks
NOTEBOOKS := $(sort $(wildcard notebooks/[0-9][0-9]_*.ipynb notebooks/solutions/[0-9][0-9]_*.ipynb))
# One worker a core, each with one thread, and a notebook's cells stay together.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile \
  --color=no --durations=5
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=$(CELL_TIMEOUT) \
  --nbval-sanitize-with=notebooks/tools/nbval_sanitize.cfg

# The kernel of .venv runs the notebooks, whatever else is registered for this user.
export JUPYTER_PREFER_ENV_PATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:
	@echo "make tutorial   run every notebook on the built-in sample, lessons first; pages in build/"
	@echo "make slides     the slides of the six sessions; build/slides/"
	@echo "make test       linter, type checker, unit tests, and the notebooks as tests"
	@echo "make lowest     the library's tests with the lowest versions that pyproject.toml allows"
	@echo "make dist       wheel and sdist, checked, installed in an empty environment and used; build/dist/"
	@echo "make lab        JupyterLab, with notebook 00 open"
	@echo "make lint       ruff and mypy only"
	@echo "make format     let ruff format library, tests and notebooks"
	@echo "make clean      remove build/ and caches (rm -rf .venv removes the installation)"

# Once, and again when a list of requirements changes. Nothing after this needs the network.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
	  echo "If a newer one is installed, name it:  make PYTHON=python3.12 $(or $(MAKECMDGOALS),tutorial)" >&2; \
	  exit 1; }
	@echo "Installing PyTorch, JupyterLab and what they need into $(VENV): about 2 GB, some minutes, once."
	$(PYTHON) -m venv $(VENV)
	@( while sleep 10; do echo "  $$SECONDS s: $$(du -sh $(VENV) | cut -f 1) are there"; done ) & word=$$!; \
	trap "kill $$word" EXIT; \
	$(BIN)/python -m pip install --requirement requirements.txt
	$(BIN)/python -m pip install --no-deps --editable .
	@touch $@
	@echo "Installed: $$(du -sh $(VENV) | cut -f 1) in $(VENV). Other commands than make's need:  source $(BIN)/activate"

tutorial: $(STAMP)
	@$(BIN)/python notebooks/tools/run_notebooks.py --jobs $(JOBS) --cell-timeout $(CELL_TIMEOUT)

slides: $(STAMP)
	@$(BIN)/python notebooks/tools/slides.py

# Jupyter's question about news would lie over the first cells: this environment answers no.
lab: $(STAMP)
	@mkdir -p $(VENV)/share/jupyter/lab/settings && echo \
	  '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' \
	  > $(VENV)/share/jupyter/lab/settings/overrides.json
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
	  $(if $(filter 0,$(shell id -u)),--allow-root)

# Both test runs take place even if the first one fails; their last lines are shown again at the end.
test: lint
	@mkdir -p build
	@set -o pipefail; status=0; \
	$(PYTEST) tests | tee build/test-units.log || status=1; \
	SEQREC_DATASET= SEQREC_PROFILE=smoke $(PYTEST) $(NBVAL) $(NOTEBOOKS) | tee build/test-notebooks.log || status=1; \
	echo; \
	echo "tests      $$(tail -n 1 build/test-units.log)"; \
	echo "notebooks  $$(tail -n 1 build/test-notebooks.log)"; \
	exit $$status

# Several gigabytes, since the lowest torch comes from PyPI with CUDA; weekly in the workflow.
lowest:
	$(PYTHON) -m venv build/lowest
	build/lowest/bin/python -m pip install --quiet $$($(PYTHON) -m tests.lowest)
	OMP_NUM_THREADS=1 build/lowest/bin/python -m pytest --numprocesses=$(JOBS) --dist=loadfile \
	  --color=no -W ignore::DeprecationWarning $(addprefix tests/,common data evaluation models network training)

# What a release publishes (.github/workflows/release.yml): the wheel is built from the sdist.
dist:
	rm -rf build/dist build/release
	$(PYTHON) -m venv build/release
	build/release/bin/python -m pip install --quiet build==1.6.1 twine==7.0.0
	build/release/bin/python -m build --outdir build/dist .
	build/release/bin/python -m twine check --strict build/dist/*
	$(PYTHON) -m tests.release build/dist

lint: $(STAMP)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

clean:
	rm -rf build .pytest_cache .hypothesis .mypy_cache .ruff_cache *.egg-info
	find seqrec_lib tests notebooks -name __pycache__ -prune -exec rm -rf {} + \
	  -o -name .ipynb_checkpoints -prune -exec rm -rf {} +
