# Everything a developer and CI run. Every target makes the virtual environment it needs: a clean clone with Python 3.11 or
# newer, git and make is enough. Where uv is on PATH it is used, else venv and pip. PYTHON=/path/to/python chooses another one.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run demo test pictures soak mutants check bench bench-smoke fuzz docs test-lowest lock clean

PYTHONS := $(or $(PYTHON),python3 python3.11 python3.12 python3.13)
LOCK_FLAGS ?=
SECONDS_EACH ?= 120

# One worker a core; the tests of a file stay together, since they share its servers. Files are taken in the order of their names
# and not of how many tests they hold: so tests/unit comes last, whose files are short, and no worker waits long for another.
# `make test PARALLEL=` runs one after the other.
PARALLEL ?= -n auto --dist loadfile --no-loadscope-reorder

# Nothing but the package index is asked, and it is asked patiently.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_RETRIES ?= 10
export UV_HTTP_RETRIES ?= 10
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export NO_MKDOCS_2_WARNING := 1

# The tests start some two hundred processes: each would compile the whole program anew where bytecode is not to be written.
export PYTHONDONTWRITEBYTECODE :=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.stamp-dev ## the service on SQLite, with three suppliers on loopback and a feed that is pushed to; Ctrl-C ends it
	@exec .venv/bin/python -m examples.service

demo: .venv/.stamp-dev ## a supplier on loopback, synced three times into SQLite
	.venv/bin/python -m examples.first_sync

test: .venv/.stamp-dev .servers/.stamp ## the whole suite; warnings are errors, what was skipped is listed
	.venv/bin/python -m pytest $(PARALLEL)

pictures: .venv/.stamp-dev .servers/.stamp ## what the dashboard looks like, for the docs (docs/images)
	.venv/bin/python -m pytest -n 0 tests/e2e/dashboard/play_pictures.py

soak: .venv/.stamp-dev ## kill a server under push load, twenty times (a minute)
	FEEDMILL_KILLS=20 .venv/bin/python -m pytest tests/fault/test_push_killed.py

mutants: .venv/.stamp-dev ## seeded defects, each of which must make a test fail (a minute)
	.venv/bin/python -m pytest tests/fault/play_mutants.py

check: .venv/.stamp-dev ## lint, format, types, import contracts
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy --strict
	.venv/bin/pyright
	.venv/bin/python -m pytest -q tests/unit/test_import_contract.py

bench: .venv/.stamp-bench ## measure speed and memory, beside other programs (an hour or two, 10 GB below TMPDIR)
	.venv/bin/python -m benchmarks

bench-smoke: .venv/.stamp-bench ## the benchmarks on a few rows: does everything run? (two minutes)
	.venv/bin/python -m pytest tests/integration/play_benchmarks.py

fuzz: .venv/.stamp-fuzz ## fuzz every mapper, two minutes each, and the API; SECONDS_EACH=600 for longer
	.venv/bin/python -m tests.fuzz --seconds $(SECONDS_EACH)
	FEEDMILL_API_EXAMPLES=100 .venv/bin/python -m pytest -q tests/conformance/test_http_api.py

docs: .venv/.stamp-docs ## build the pages into site/
	.venv/bin/mkdocs build --strict

test-lowest: .venv-lowest/.stamp-dev .servers/.stamp ## the suite on the lowest versions that pyproject.toml allows
	.venv-lowest/bin/python -m pytest $(PARALLEL)

lock: .venv/.stamp-lock ## renew both constraints files; LOCK_FLAGS=--upgrade moves every version
	$(LOCK) --group dev --group docs --group fuzz --group bench $(LOCK_FLAGS) --output-file constraints.txt
	$(LOCK) --group dev --resolution lowest-direct --upgrade --output-file constraints-lowest.txt

clean: ## remove what the targets made, environments too; databases stay
	rm -rf .venv .venv-lowest .servers site build dist .mypy_cache .ruff_cache .hypothesis .coverage

LOCK = .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --custom-compile-command "make lock"

# The stamps: an environment is installed into again only when what it is made from has changed.
.venv/.stamp-dev: pyproject.toml constraints.txt
	$(call make_venv,.venv)
	$(call install,.venv,constraints.txt,--editable . --group dev)
	@touch $@

.venv/.stamp-docs: .venv/.stamp-dev
	$(call install,.venv,constraints.txt,--group docs)
	@touch $@

# The peers that Feedmill is measured beside, and what draws the plots: half a gigabyte that nothing else needs.
.venv/.stamp-bench: .venv/.stamp-dev
	$(call install,.venv,constraints.txt,--group bench)
	@touch $@

# Kept out of `dev`: it has wheels for few platforms, and nothing else needs it.
.venv/.stamp-fuzz: .venv/.stamp-dev
	$(call install,.venv,constraints.txt,--group fuzz)
	@touch $@

# Not held to the constraints, and not after .stamp-dev: the lock has to be mendable when the bounds no longer fit it.
.venv/.stamp-lock: pyproject.toml
	$(call make_venv,.venv)
	$(call install,.venv,/dev/null,--group lock)
	@touch $@

.venv-lowest/.stamp-dev: pyproject.toml constraints-lowest.txt
	$(call make_venv,.venv-lowest)
	$(call install,.venv-lowest,constraints-lowest.txt,--editable . --group dev)
	@touch $@

# Real FTP and SSH servers for the tests, unpacked and not installed. Without apt or a network there is no stamp and no failure:
# the script says what will be skipped, and the next call tries again.
.servers/.stamp: tests/servers/fetch_debian.sh
	@sh $< .servers

# $(call make_venv,DIR): keep DIR when it is a working environment with pip, else make it anew. Without uv the Python has to
# bring ensurepip, which Debian keeps in a package of its own, so a Python without it is passed over for the next.
define make_venv
@if $(1)/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exit 0; fi; \
new=; whole=; \
for python in $(PYTHONS); do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	new="$${new:-$$python}"; \
	if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then whole="$$python"; break; fi; \
done; \
rm -rf $(1); \
if command -v uv >/dev/null; then \
	uv venv --quiet --seed --python "$${new:-$(or $(PYTHON),>=3.11)}" $(1); \
elif [ -n "$$whole" ]; then \
	"$$whole" -m venv $(1); \
elif [ -n "$$new" ]; then \
	echo "Error: $$new cannot make virtual environments, because it lacks ensurepip: install it (Debian and Ubuntu: apt install python3-venv), or install uv, or call make with PYTHON=/path/to/another/python." >&2; exit 1; \
else \
	echo "Error: none of '$(PYTHONS)' is Python 3.11 or newer: install Python 3.11, or uv, or call make with PYTHON=/path/to/python3.11." >&2; exit 1; \
fi
endef

# $(call install,DIR,CONSTRAINTS,WHAT): pip is renewed first, since an old one knows no --group.
define install
@echo "installing into $(1) ..."
@if command -v uv >/dev/null; then \
	uv pip install --quiet --python $(1)/bin/python --constraints $(2) --build-constraints $(2) $(3); \
else \
	$(1)/bin/python -m pip install --quiet 'pip>=25.3,<27' && \
	$(1)/bin/python -m pip install --quiet --constraint $(2) --build-constraint $(2) $(3); \
fi
endef
