# python3.11 where there is one, else any python3 that is new enough. Both are tried, not merely looked up.
PYTHON ?= $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP := -m pip install --quiet --quiet --disable-pip-version-check
# Environments of their own: the newest versions that pyproject.toml allows, the oldest, .venv under newer libraries.
NEWEST := .venv-newest
OLDEST := .venv-oldest
COMPAT := .venv-compat
# What touches answers. `make compat WITH="transformers==5.3.0"` asks for one version, within the bounds of pyproject.toml.
ANSWERING := transformers accelerate peft safetensors tokenizers huggingface_hub
WITH ?=
# torch's builds for Linux take gigabytes, and another one changes numbers: it moves only where `make update TORCH=...` says so.
TORCH ?= $(shell sed -n 's/^torch==//p' constraints.txt)
VERSIONS := -c 'from importlib.metadata import version; print(*(f"{name} {version(name)}" for name in \
	"torch $(ANSWERING) numpy pandas scikit-learn sktime".split()), sep=", ")'
DATA := $(or $(SEQREPROG_DATA),../shared/data)

.DEFAULT_GOAL := help
.PHONY: help install update demo test test-newest test-oldest test-slow compat contracts bench-classification bench-forecast bench-sequences bench-covariates bench-speed lint format clean

# After the installation nothing is fetched: a demo or a test that needs the network is a fault.
demo test test-newest test-oldest test-slow compat contracts bench-classification bench-forecast bench-sequences bench-covariates bench-speed: export HF_HUB_OFFLINE := 1

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## create .venv: all extras, the test tools, the versions of constraints.txt (again when these change)

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python >= 3.11 was found; pass one: make install PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing seqreprog with all extras into .venv (once, some minutes)"
	@$(BIN)/python $(PIP) --constraint constraints.txt --editable ".[all,dev]"
	@touch $@

update:  ## renew constraints.txt: the newest versions that pyproject.toml allows, of torch the same (or TORCH=2.14.1)
	@rm -rf .venv-update && $(PYTHON) -m venv .venv-update
	@.venv-update/bin/python $(PIP) --editable ".[all,dev]" "torch==$(TORCH)"
	@{ sed '/^[^#]/,$$d' constraints.txt; .venv-update/bin/python -m pip freeze --disable-pip-version-check --exclude-editable \
		| sed -E 's/[+].*//; /^(nvidia-|triton==|pip==|setuptools==)/d'; } > constraints.tmp
	@mv constraints.tmp constraints.txt && rm -rf .venv-update
	@echo "constraints.txt is renewed; next: make test"

demo: $(INSTALLED)  ## forecast a real series: a table, demo/forecast.csv, demo/forecast.png
	@$(BIN)/seqreprog demo --out demo

test: $(INSTALLED)  ## the tests, without the slow ones, in two processes of one thread
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2

test-newest:  ## the same with the newest versions that pyproject.toml allows (gigabytes, for torch)
	@test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	@$(NEWEST)/bin/python $(PIP) --upgrade --upgrade-strategy eager --editable ".[all,dev]"
	@$(NEWEST)/bin/python $(VERSIONS)
	@OMP_NUM_THREADS=1 $(NEWEST)/bin/python -m pytest -q -n 2

$(OLDEST)/.installed: pyproject.toml
	@rm -rf $(OLDEST) && $(PYTHON) -m venv $(OLDEST)
	@$(OLDEST)/bin/python $(PIP) uv
	@$(OLDEST)/bin/uv pip compile --quiet --resolution lowest-direct --python $(OLDEST)/bin/python --extra all --extra dev \
		--no-header --no-annotate --output-file $(OLDEST)/versions.txt pyproject.toml
	@$(OLDEST)/bin/python $(PIP) --constraint $(OLDEST)/versions.txt --editable ".[all,dev]"
	@touch $@

test-oldest: $(OLDEST)/.installed  ## the same with the lowest versions that pyproject.toml declares (gigabytes, for torch)
	@$(OLDEST)/bin/python $(VERSIONS)
	@SEQREPROG_LOWEST=1 OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -q -n 2

compat: $(INSTALLED)  ## the tests marked compat, with the newest libraries that touch answers laid over .venv (or WITH="peft==0.22.0")
	@rm -rf $(COMPAT) && $(BIN)/python -m venv $(COMPAT)
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > $(COMPAT)/below.pth
	@mv $(COMPAT)/below.pth "$$($(COMPAT)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@$(COMPAT)/bin/python $(PIP) --upgrade --editable ".[peft]" $(ANSWERING) $(WITH)
	@$(COMPAT)/bin/python $(VERSIONS)
	@OMP_NUM_THREADS=1 $(COMPAT)/bin/python -m pytest -q -n 2 -m compat

test-slow: $(INSTALLED)  ## the slow tests alone (minutes; real data where it is found)
	@SEQREPROG_EXPLORE=1 $(BIN)/python -m pytest -q -m slow --timeout 3600

contracts: $(INSTALLED)  ## sktime's whole conformance suite for our sktime estimators; prints how many checks pass
	@OMP_NUM_THREADS=1 $(BIN)/python tests/contracts/sktime_suite.py

bench-forecast: $(INSTALLED)  ## the forecasting results of the README, into docs/results (about an hour; needs SEQREPROG_DATA)
	@mkdir -p docs/results
	$(BIN)/seqreprog evaluate --config configs/etth1_96.toml --data $(DATA)/forecast_long/ETTh1/ETTh1.csv --json > docs/results/etth1_96.json
	$(BIN)/seqreprog evaluate --config configs/etth1_96_pure.toml --data $(DATA)/forecast_long/ETTh1/ETTh1.csv --json > docs/results/etth1_96_pure.json
	$(BIN)/python examples/benchmarks/random_backbone.py configs/etth1_96_pure.toml $(DATA)/forecast_long/ETTh1/ETTh1.csv --json docs/results/etth1_96_pure_random.json
	$(BIN)/seqreprog evaluate --config configs/pjm_24.toml --data $(DATA)/forecast_long/pjm_load_hourly/pjm_in_zone.csv --json > docs/results/pjm_24.json
	$(BIN)/python examples/benchmarks/m4_hourly.py --data $(DATA)/forecast_short/M4_hourly --json docs/results/m4_hourly.json

bench-speed: $(INSTALLED)  ## the figures of docs/speed.md, into docs/results (about two hours; needs SEQREPROG_DATA)
	@mkdir -p docs/results
	$(BIN)/python examples/benchmarks/speed.py --json docs/results/speed.json --plot docs/speed.png
	$(BIN)/python examples/benchmarks/fit_time.py --data $(DATA) --json docs/results/fit_time.json
	$(BIN)/python examples/benchmarks/readings.py --data $(DATA) --json docs/results/readings.json

bench-classification: $(INSTALLED)  ## docs/results-classification.md (hours; finished fits are not repeated; needs SEQREPROG_DATA)
	export OMP_NUM_THREADS=1; $(BIN)/python examples/benchmarks/classification.py --data $(DATA)
	$(BIN)/python examples/benchmarks/classification.py --data $(DATA) --page docs/results-classification.md

bench-sequences: $(INSTALLED)  ## docs/results-sequences.md (hours; finished fits are not repeated; needs SEQREPROG_DATA)
	export OMP_NUM_THREADS=1; run="$(BIN)/python examples/benchmarks/sequences.py --data $(DATA)"; \
	$$run --backwards & other=$$!; $$run && wait $$other
	$(BIN)/python examples/benchmarks/sequences.py --page docs/results-sequences.md

bench-covariates: $(INSTALLED)  ## docs/results-covariates.md (a quarter of an hour; finished runs are not repeated)
	$(BIN)/python examples/benchmarks/covariates.py --json docs/results/covariates.json --page docs/results-covariates.md

lint: $(INSTALLED)  ## ruff (rules and format) and mypy; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(INSTALLED)  ## apply ruff's fixes and format
	@$(BIN)/ruff check --fix --exit-zero .
	@$(BIN)/ruff format .

clean:  ## remove caches, builds, the demo's output and the environments beside .venv
	@rm -rf build dist demo .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find seqreprog tests -name __pycache__ -type d -prune -exec rm -rf {} +
