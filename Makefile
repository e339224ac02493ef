# Two commands matter: `make demo` and `make test`. Both do all their own set-up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RAY := .venv-ray

.PHONY: install demo check test test-ray bench clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	touch $@

demo: install
	$(BIN)/darkroom demo

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal

# The same tests of homes with a fleet, in an environment of their own: Ray is half a gigabyte that nothing else needs.
test-ray: $(RAY)/installed
	$(RAY)/bin/pytest -m ray -p no:cacheprovider --durations=5 tests/renderer

$(RAY)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(RAY)
	$(RAY)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,ray]"
	touch $@

bench: install
	$(BIN)/pytest -m bench -s tests/bench

clean:
	rm -rf $(VENV) $(RAY) .demo
