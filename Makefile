# The everyday commands. `make book` and `make test` work from a fresh clone.
# PYTHON picks the interpreter that makes .venv: any of 3.11 to 3.13.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11, \
	$(shell $(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && command -v $(name))))
BIN := .venv/bin

.PHONY: book test lint format notebooks diff lock audit release bench mutants coverage clean environment

book: environment
	@$(BIN)/python -u -m reckoner.site.build

test: environment
	@$(BIN)/python tests/run.py

lint: environment
	@$(BIN)/python tests/run.py lint

format: environment
	$(BIN)/ruff check --fix-only --quiet lib tests benchmarks
	$(BIN)/ruff format lib tests benchmarks

# Run every notebook and store it with its outputs, after a change that moves numbers.
notebooks: environment
	@$(BIN)/python -u -m reckoner.site.build store

# What moved since a commit, as Markdown: results, verdicts, figures, sentences. `make diff BASE=main`
BASE ?= HEAD
diff: environment
	@$(BIN)/python -m reckoner.site.moved since $(BASE)

# The newest packages, each with the hashes of its files. UPGRADE= keeps the versions that are locked.
# The marker that holds for every supported machine says nothing, so it is left out.
UPGRADE ?= --upgrade
lock:
	@test -x $(BIN)/uv || $(MAKE) environment
	@mkdir -p _build; cp requirements.txt _build/lock.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --no-header \
		--no-annotate --generate-hashes $(UPGRADE) --extra test pyproject.toml -o _build/lock.txt
	@sed -E "s/python_full_version < '3.14'( and )?//; s/( and )?\(sys_platform == 'darwin' or sys_platform == 'linux'\)//; s/ ; +\\\\$$/ \\\\/" \
		_build/lock.txt > requirements.txt

# Licences of the packages, then their known faults. It asks an index, so it needs a network. Left out of
# the first: codespell (GPL) only reads, and axe-playwright-python (MIT) does not say its licence.
LICENCES := Apache;BSD;ISC;MIT;MPL;Mozilla;PSF;Python Software Foundation
audit: environment
	@test -x _build/audit/bin/pip-audit || { $(PYTHON) -m venv _build/audit; \
		_build/audit/bin/pip install --disable-pip-version-check --quiet pip-audit pip-licenses; }
	_build/audit/bin/pip-licenses --python $(BIN)/python --order license --partial-match \
		--allow-only "$(LICENCES)" --ignore-packages codespell axe-playwright-python
	_build/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.txt

# The editions of a release, in _build/release: a folder for a USB stick, a PDF (Chromium prints it), the
# source of the last commit, and their checksums.
release: book
	@$(BIN)/python -u -m reckoner.site.editions

# The library made wrong, one place at a time: how many its tests catch, in _build/mutants.csv. PARTS= names worksheets, or
# parts of modules' paths (with a slash, or judgement); another DRAW= takes other places; MUTANTS= how many of each.
DRAW ?= 1
MUTANTS ?= 8
mutants: environment
	@mkdir -p _build; rm -f _build/mutants.csv
	@for part in $(PARTS); do case $$part in \
		*/*|judgement) $(BIN)/python tests/code_mutants.py $$part --seed $(DRAW) --limit $(MUTANTS) -s _build/mutants.csv ;; \
		*) $(BIN)/python tests/mutants.py $$part --seed $(DRAW) --limit $(MUTANTS) -s _build/mutants.csv ;; \
		esac || exit 1; done

# Which lines and branches of the library the tests run, by room in tests/covered.csv; an hour. A card's need a card.
coverage: book
	@rm -rf _build/coverage; mkdir -p _build/coverage
	@$(BIN)/coverage run -m pytest -q -n 2 --dist loadfile tests; $(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered; $(BIN)/coverage json --quiet -o _build/coverage/found.json
	@$(BIN)/python tests/covered.py _build/coverage/found.json

# Every benchmark, with its peers; what is found stands in benchmarks/results.csv and in the book. PARTS= names some.
bench: book
	@$(BIN)/python -u benchmarks/run.py $(PARTS)

clean:
	rm -rf _build

environment:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	@cat requirements.txt pyproject.toml | cmp -s - .venv/installed-from || { set -e; \
		echo "Making .venv from requirements.txt (a few minutes, once)"; \
		$(PYTHON) -m venv --clear .venv; \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on --require-hashes -r requirements.txt; \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .; \
		cat requirements.txt pyproject.toml > .venv/installed-from; }
