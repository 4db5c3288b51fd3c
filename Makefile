PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)

.PHONY: repro test check lock

repro: .venv/installed  ## run the pipeline
	dvc repro
	@cat reports/summary.txt

test: check

check: .venv/installed  ## format, lint, types, tests
	ruff format --check .
	ruff check .
	mypy pipeline
	pytest

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
