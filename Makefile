# The everyday commands. `make book` and `make test` work from a fresh clone.
# PYTHON picks the interpreter that makes .venv: any of 3.11 to 3.13.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11, \
	$(shell $(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && command -v $(name))))
BIN := .venv/bin

.PHONY: book test lint format notebooks diff lock clean environment

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

# The marker that holds for every supported machine says nothing, so it is left out.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --no-header \
		--no-annotate --upgrade --extra test pyproject.toml \
	| sed -E "s/python_full_version < '3.14'( and )?//; s/( and )?\(sys_platform == 'darwin' or sys_platform == 'linux'\)//; s/ ; $$//" \
		> requirements.txt

clean:
	rm -rf _build

environment:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	@cat requirements.txt pyproject.toml | cmp -s - .venv/installed-from || { set -e; \
		echo "Making .venv from requirements.txt (a few minutes, once)"; \
		$(PYTHON) -m venv --clear .venv; \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on -r requirements.txt; \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .; \
		cat requirements.txt pyproject.toml > .venv/installed-from; }
