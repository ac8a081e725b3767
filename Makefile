# Thin on purpose: each target calls bootstrap.py, which Windows runs as `py bootstrap.py report`.
# More words for the program go into ARGS: make test ARGS="-k episodes", make report ARGS=my-study

PYTHON ?= python3
ARGS ?=

.PHONY: help report test check lab spark bench soak lock lock-check env clean
.DEFAULT_GOAL := help

help: ## show these targets
	@echo "make report      build the environment if needed, make the report of the demo study"
	@echo "make test        build the environment if needed, run the tests"
	@echo "make check       format, lint, types, tests"
	@echo "make lab         JupyterLab on the notebooks, in an environment of its own"
	@echo "make spark       the tests of the episodes on DuckDB and Spark, in an environment of its own; needs Java"
	@echo "make bench       timings against named peers"
	@echo "make soak        the long runs; appends a dated line to bench/soak.csv"
	@echo "make lock        resolve requirements.lock again (maintainers)"
	@echo "make lock-check  show that every locked package has a wheel for Windows, macOS and Linux"
	@echo "make env         build the environment only"
	@echo "make clean       remove the environments and the tools' caches; reports/ and work/ stay"

report test check lab spark bench soak lock lock-check env:
	$(PYTHON) bootstrap.py $@ $(ARGS)

clean:
	rm -rf .venv .venv-lab .venv-spark .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
