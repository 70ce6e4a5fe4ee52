# Everything is set up by these targets; the first run installs into .venv, later ones never call pip.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: help install demo test check models
help:
	@echo "make demo    the whole way on simulated supernovae, offline, in minutes"
	@echo "make test    the tests"
	@echo "make check   lint, format, types, docstrings"
	@echo "make models  train the models that ship"

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("skysure needs Python 3.11 or later; this is %d.%d: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "installing into .venv (PyTorch is large; this happens once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,lensing,radio]'
	@touch $@

demo: install
	$(BIN)/skysure demo --out demo --force

test: install
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m numpydoc lint src/skysure/verbs/*.py src/skysure/run/*.py src/skysure/training/*.py

models: install
	$(BIN)/python scripts/make_models.py
