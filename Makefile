# `make run` draws the first picture, `make test` runs the tests. Both make .venv first, and are quick the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

EDITOR := web/editor

.PHONY: run test test-quick lint types check editor editor-check bench recipe pictures screenshots clean

run: $(VENV)/.run
	$(BIN)/diffuscope run workflows/text_to_image.json

test: $(VENV)/.dev
	$(BIN)/python -m pytest

test-quick: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

check: lint types test-quick

# the editor's bundle is committed: only who changes the editor needs Node.js
editor: $(EDITOR)/node_modules/.package-lock.json
	npm --prefix $(EDITOR) run build

editor-check: $(EDITOR)/node_modules/.package-lock.json
	npm --prefix $(EDITOR) run types
	npm --prefix $(EDITOR) test
	npm --prefix $(EDITOR) run build -- --outDir ../../build/editor --emptyOutDir
	diff -rq web/static build/editor

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

recipe: $(VENV)/.dev
	$(PIP) --editable ".[recipe]"
	$(BIN)/python -m models.recipe

pictures: $(VENV)/.run
	$(BIN)/python docs/make_pictures.py

# of the editor, as a new user would come to see it: needs Debian's chromium
screenshots: $(VENV)/.dev
	DIFFUSCOPE_SCREENSHOTS=1 $(BIN)/python -m pytest tests/e2e/test_screenshots.py

clean:
	rm -rf $(VENV) $(EDITOR)/node_modules build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(EDITOR)/node_modules/.package-lock.json: $(EDITOR)/package-lock.json
	npm --prefix $(EDITOR) ci
	touch $@

# torch comes first and alone: the pinned CPU build is enough, and nothing else may pull another
$(VENV)/.run: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) "$$(grep '^torch==' constraints.txt)"
	$(PIP) --editable .
	touch $@

# two come without their dependencies (training frameworks, torchvision): of k-diffusion the tests read one file, of
# clip-interrogator the lists of terms
$(VENV)/.dev: $(VENV)/.run
	$(PIP) --editable ".[test,dev,recipe]"
	$(PIP) --no-deps $$(grep -E '^(k-diffusion|clip-interrogator)==' constraints.txt)
	touch $@
