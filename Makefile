# Two commands for everyone: `make demo` shows what this is, `make test` runs all that CI runs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint docs numbers benchmarks clean

demo: .venv/installed
	$(BIN)/pushforward run digits/gan

test: .venv/developed lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: .venv/developed
	$(BIN)/python -m pushforward.docs

numbers: .venv/developed
	$(BIN)/python benchmarks/recipe_numbers.py $(RECIPES)
	$(BIN)/python -m pushforward.docs

benchmarks: .venv/developed
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/round.py
	$(BIN)/python benchmarks/spectrum.py
	$(BIN)/python benchmarks/tangent_gram.py
	$(BIN)/python benchmarks/ensembles.py

clean:
	rm -rf .venv build dist

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet -e .
	touch $@

.venv/developed: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@ .venv/installed
