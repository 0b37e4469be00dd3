# make T=tests/unit/core narrows the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
T ?= tests

.PHONY: setup demo figures lint type test test-slow docs check bench conversions clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "edgekit needs Python 3.11 or newer; make PYTHON=python3.11"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt -e '.[all,dev]'
	touch $@

demo: setup
	$(BIN)/edgekit run edgekit.toml

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: setup
	$(BIN)/mypy

test: setup
	$(BIN)/pytest -m 'not slow' -n 2 --dist loadscope --no-loadscope-reorder $(T)

test-slow: setup
	$(BIN)/pytest -m slow $(T) || test $$? -eq 5  # 5: no test is slow today

docs: setup
	$(BIN)/python docs/generate.py

check: lint type test

# The README's table, from a run of the demo on this machine.
figures: demo
	$(BIN)/python docs/figures.py build/demo
	$(BIN)/python docs/generate.py

bench: setup
	@test -n "$(DATA)" || { echo 'give DATA=FOLDER, a folder with Fashion-MNIST; see docs/results.md'; exit 2; }
	$(BIN)/edgekit run benchmarks/fashion_mnist.toml --data $(DATA)

conversions: setup
	@test -n "$(DATA)" || { echo 'give DATA=FOLDER, a folder with mlperf_tiny/; see docs/conversions.md'; exit 2; }
	$(BIN)/python benchmarks/conversions.py $(DATA)
	$(BIN)/python benchmarks/nets.py

clean:
	rm -rf build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
