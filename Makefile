PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
QUICK := not (process or slow or browser)

.PHONY: repro test quick check docs lock

repro: .venv/installed  ## run the pipeline
	dvc repro
	@cat reports/summary.txt

test: check  ## format, lint, types, layers, tests
	pytest

quick: check  ## the same with the fast tests alone, within a minute
	pytest -m "$(QUICK)"

check: .venv/installed  ## format, lint, types, layers
	ruff format --check .
	ruff check .
	mypy pipeline
	lint-imports --no-logo

docs: .venv/installed  ## write the pages that follow from schemas and registries
	python -m pipeline.reference

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@

lock:  ## take the newest versions into constraints.txt
	rm -rf .venv
	$(PYTHON) -m venv .venv
	pip install --quiet --disable-pip-version-check --editable '.[test]'
	(echo '# Every package at the version that is tested. Refresh: `make lock`, then `make test`.'; \
	 pip freeze --exclude-editable) > constraints.txt
	touch .venv/installed
