# `make run` opens the demo, `make check` is for between two edits, `make test` for before a push; each does all set-up by
# itself, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVING := .venv-serve
CLUSTER := .venv-cluster
# A process for each processor, up to eight, since each may hold TensorFlow and a browser. A file's tests stay together and
# share what they set up. Files are taken in order, not by their number of tests, so that the browser's come last.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# annoy comes as source code, and with its own flags (-ffast-math) clang compiles one that answers wrongly or crashes. These
# are safe with gcc too; -march=native lets it use AVX on a PC, which halves the time of a search at least.
ifeq ($(shell uname -sm),Linux x86_64)
NATIVE := ,-march=native
endif
ANNOY_COMPILER_ARGS ?= -O3,-std=c++14,-DANNOYLIB_MULTITHREADED_BUILD$(NATIVE)
export ANNOY_COMPILER_ARGS

.PHONY: run test test-serving test-cluster check lint docs lock all-tests quick-tests figures pets clean

run: $(VENV)/.installed
	$(BIN)/streamlit run app.py

# The Oxford-IIIT Pet dataset, 0.8 GB; stopped, it goes on where it was.
pets: $(VENV)/.installed
	$(BIN)/python -m imgsearch build pets --dataset oxford_iiit_pet

# Everything; what takes longest, the tests, has the last line.
test: $(VENV)/.installed-dev
	$(MAKE) --no-print-directory --jobs --keep-going lint docs all-tests

# What answers, in an environment of its own with no more than requirements-serve.txt and pytest.
test-serving: $(SERVING)/.installed
	SERVING_SET=1 $(SERVING)/bin/python -m pytest tests/serving

# What runs on a cluster, in an environment of its own: with Ray, on a cluster of two processors of this machine, and with a
# Milvus server of its own, which some of the tests kill.
test-cluster: $(CLUSTER)/.installed
	$(CLUSTER)/bin/python -m pytest tests/cluster

# The same without the tests that take long: some three minutes on two processors.
check: $(VENV)/.installed-dev
	$(MAKE) --no-print-directory --jobs --keep-going lint docs quick-tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The API reference, in build/api/index.html; a name in it that leads nowhere is an error.
docs: $(VENV)/.installed-dev
	$(BIN)/python -m scripts.api_reference

# All versions with their hashes, from the ranges in pyproject.toml: requirements-dev.txt is the lock, requirements.txt the
# part of it that page and builds need, requirements-serve.txt the part that answers. One version serves every system and
# Python, so it is one that was tested. What is locked stays while the ranges allow it; UPGRADE=--upgrade takes the newest.
# requirements-cluster.txt is for `make test-cluster` alone. It has the versions of the lock, but for python-dateutil, of
# which moto's botocore needs an older one.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--custom-compile-command "make lock"
lock: $(VENV)/.installed-dev
	$(COMPILE) $(UPGRADE) --extra build --extra dev --output-file requirements-dev.txt pyproject.toml
	$(COMPILE) --extra build --constraint requirements-dev.txt --no-annotate --output-file requirements.txt pyproject.toml
	$(COMPILE) --constraint requirements-dev.txt --no-annotate --output-file requirements-serve.txt pyproject.toml
	sed -nE '/^python-dateutil==/d; s/^([a-z0-9-]+==.*) \\$$/\1/p' requirements-dev.txt > $(VENV)/constraints.txt
	$(COMPILE) $(UPGRADE) --extra cluster --group cluster-tests --constraint $(VENV)/constraints.txt --no-annotate \
		--output-file requirements-cluster.txt pyproject.toml

all-tests: $(VENV)/.installed-dev
	$(PYTEST)

# Two folders are not even read, since their modules import TensorFlow and Playwright.
quick-tests: $(VENV)/.installed-dev
	$(PYTEST) -m "not slow and not weights and not e2e" --ignore tests/weights --ignore tests/e2e

# Every benchmark anew, hours on two cores, and what the documents say of them. Stopped, it goes on where it was.
figures: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.all
	$(BIN)/python -m benchmarks.documents

clean:
	rm -rf $(VENV) $(SERVING) $(CLUSTER)

# An environment in the folder of the target, and no annoy in pip's cache that was compiled with other flags.
define new-environment
	$(PYTHON) scripts/check_system.py
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip cache remove annoy >/dev/null 2>&1 || true
endef

# Each stamp is written last: a set-up that was cut off is done again, a finished one needs no network.
$(VENV)/.installed: requirements.txt
	$(new-environment)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	touch $@

# With pytest, and what that needs, as the lock has them.
$(SERVING)/.installed: requirements-serve.txt requirements-dev.txt
	$(new-environment)
	sed -nE '/^(iniconfig|pluggy|pygments|pytest)==/,/[^\\]$$/p' requirements-dev.txt > $(SERVING)/pytest.txt
	$(SERVING)/bin/python -m pip install --disable-pip-version-check -r requirements-serve.txt -r $(SERVING)/pytest.txt
	touch $@

$(CLUSTER)/.installed: requirements-cluster.txt
	$(new-environment)
	$(CLUSTER)/bin/python -m pip install --disable-pip-version-check -r requirements-cluster.txt
	touch $@
