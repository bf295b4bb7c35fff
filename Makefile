# Two commands for newcomers: `make demo` and `make test`. Both set up everything they need.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
ENOUGH := $(VENV)/.demo

.PHONY: help setup demo test lint docs clojure repl bench vectors wheel sanitize fuzz exports mutants clean

help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv and install the package with its development tools

# Compiling every module of every package takes longer than installing them: Python does it as
# they are imported.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt

# Linux without an NVIDIA GPU: the build of torch for CPUs, a twentieth of the size of the other, from
# the package index in use, else from PyTorch's own.
ifeq ($(shell uname -s)$(shell command -v nvidia-smi),Linux)
CPU_TORCH := $(INSTALL) --constraint constraints-cpu.txt torch
TORCH := $(CPU_TORCH) 2> /dev/null || $(CPU_TORCH) --index-url https://download.pytorch.org/whl/cpu || \
	echo "no build of torch for CPUs could be found: it comes with CUDA"
endif

$(ENOUGH): pyproject.toml setup.py constraints.txt constraints-cpu.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(TORCH)
	$(INSTALL) --editable ".[demo]"
	@touch $@

$(READY): $(ENOUGH)
	$(INSTALL) --editable ".[dev]"
	@touch $@

demo: $(ENOUGH)  ## train a small network on the Mauna Loa CO2 record and draw its forecast
	$(BIN)/lnn demo --output out/demo

test: setup lint ## lint, type checks, conformance vectors and every test
	$(BIN)/python -m pytest -n auto --dist worksteal
	tests/clojure/run

clojure: setup   ## the Clojure tests
	tests/clojure/run

repl: setup      ## a Clojure REPL with a guided tour
	tests/clojure/run --repl

lint: setup
	$(BIN)/ruff check python spec tests examples benchmarks packaging docs/site setup.py
	$(BIN)/ruff format --check python spec tests examples benchmarks packaging docs/site setup.py
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: setup      ## the documentation as a site in build/site: every warning is an error
	$(BIN)/sphinx-build -q -W --keep-going -b html -c docs/site . build/site
	@echo "build/site/index.html"

bench: setup     ## the fused step beside its peers in out/bench, Clojure beside Python
	$(BIN)/python -m benchmarks
	tests/clojure/run --bench

vectors: setup   ## regenerate the conformance vectors from the float64 reference
	$(BIN)/python -m spec.generate

wheel: setup     ## the wheel for any Linux, and the source distribution, in dist
	PATH="$(CURDIR)/$(BIN):$$PATH" packaging/wheel

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

sanitize: setup  ## the kernel's tests under the address and undefined-behaviour sanitizers
	CFLAGS="$(SANITIZE) -g" LDFLAGS="$(SANITIZE)" $(BIN)/python setup.py -q build_ext --force --inplace
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
		ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
		$(BIN)/python -m pytest -q tests/python/test_native*.py tests/python/test_fused.py \
		tests/python/test_streaming.py tests/python/test_conformance.py \
		tests/python/test_online.py tests/python/test_online_guarded.py \
		-k 'not leak and not memory_leave and not before_torch'
	$(BIN)/python setup.py -q build_ext --force --inplace

fuzz: setup      ## random changes of live networks under the sanitizers: SEQUENCES=20000
	CFLAGS="$(SANITIZE) -g" LDFLAGS="$(SANITIZE)" $(BIN)/python setup.py -q build_ext --force --inplace
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" ASAN_OPTIONS=detect_leaks=0 \
		$(BIN)/python -m tests.fuzz --sequences $(or $(SEQUENCES),20000)
	$(BIN)/python setup.py -q build_ext --force --inplace

exports: setup   ## exported C on every compiler and emulator at hand: NETWORKS=1000 random ones
	nice -n 5 $(BIN)/python -m tests.exports --random $(or $(NETWORKS),1000)

mutants: setup   ## plant small faults in Python, C and Clojure: the tests have to catch 95 %
	$(INSTALL) --editable ".[mutants]"
	nice -n 5 $(BIN)/python -m tests.mutants

clean:           ## remove the environment and everything built
	rm -rf $(VENV) build out python/*.egg-info python/liquid_neural_networks/_kernel/*.so
