# Everything a checkout needs: `make demo` and `make test` work on a fresh clone with nothing but Python 3.11 or later.
PYTHON ?= python3
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
VALIDATOR_PYTHON ?= 3.12
BIN := .venv/bin
UV := $(BIN)/uv
COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_LINK_MODE := copy

.PHONY: demo test check lint wheel bench conformance lock sbom frontend clean

demo: .venv/.run frontend  ## the demo platform on http://127.0.0.1:8321
	@$(BIN)/flyusage demo

test: .venv/.dev .venv/.provider frontend  ## a worker per core and one more, each with its own Postgres, server and browser; WORKERS=1 runs one after the other
	@$(BIN)/python -m compileall -q flyusage  # or every server and command would compile it anew where Python may write nothing
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0

check: lint
	$(BIN)/python -m pytest -q tests/test_schema.py

lint: .venv/.dev frontend  ## what `check` looks at beside the schema, which `test` has had
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

wheel: .venv/.run frontend
	$(BIN)/python -m hatchling build --target wheel

bench: .venv/.bench frontend
	PYTHONPATH=tests $(BIN)/python -m tests.bench

conformance: .venv/.dev  ## FOCUS files before the official validator, which needs a Python of its own: VALIDATOR_PYTHON=3.12
	@mkdir -p .venv/samples
	FOCUS_SAMPLES=.venv/samples $(BIN)/python -m pytest -q -p no:randomly tests/invoices/focus/test_files.py
	$(UV) venv --quiet --allow-existing --python $(VALIDATOR_PYTHON) .venv/validator
	$(UV) pip install --quiet --python .venv/validator/bin/python 'focus-validator==2.2.1' 'pyarrow<22'
	.venv/validator/bin/python tests/conformance/focus.py .venv/samples

frontend: .venv/.run  ## builds only when something it is made of changed
	@$(BIN)/python -m flyusage.ui.bundle

lock: $(UV)  ## newest versions that fit pyproject.toml, by name, version and digest
	$(COMPILE) --upgrade --group dev --group bench --output-file .venv/everything.txt
	$(COMPILE) --group build --constraints .venv/everything.txt --output-file requirements.lock
	$(COMPILE) --group dev --constraints .venv/everything.txt --output-file requirements-dev.lock
	$(COMPILE) --group build --group bench --constraints .venv/everything.txt --output-file requirements-bench.lock

sbom: .venv/.dev  ## what all of it is made of, by the locks: CycloneDX
	$(BIN)/python bill_of_materials.py dist/flyusage.cdx.json

clean:
	rm -rf .venv .web .states dist tests/artefacts .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(UV): requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flyusage needs Python 3.11 or later. Try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.lock
	@touch $(UV)

.venv/.run: requirements.lock pyproject.toml | $(UV)
	@test .venv/.dev -nt requirements-dev.lock || { $(UV) pip sync --quiet --compile-bytecode --require-hashes requirements.lock && rm -f .venv/.dev .venv/.bench; }
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml | $(UV)
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes requirements-dev.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@rm -f .venv/.bench && touch .venv/.run $@

.venv/.provider: tests/oidc_provider/package.json tests/oidc_provider/bun.lock | .venv/.dev  ## the OpenID provider of the tests, by its lock
	@$(BIN)/python -m tests.provider
	@touch $@

.venv/.bench: requirements-bench.lock pyproject.toml | $(UV)
	@$(UV) pip install --quiet --compile-bytecode --require-hashes --requirements requirements-bench.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch .venv/.run $@
