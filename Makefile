# The two main commands are `make demo` and `make test`. They install what they need into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
EXTRA ?= test
DEMO ?= runs/demo
DEMO_DATA ?= data/demo

.PHONY: demo test check test-all clean

demo: $(VENV)/.core
	$(BIN)/python -m data_prep.marionette --preset=tiny --out=$(DEMO_DATA)/videos --workers=2
	$(BIN)/python -m data_prep.build --dataset=marionette --videos=$(DEMO_DATA)/videos/videos \
	    --annotations=$(DEMO_DATA)/videos/annotations --out=$(DEMO_DATA)/records --short_side=56 \
	    --workers=2
	$(BIN)/python -m vidkd_jax.main --config=configs/demo.py --workdir=$(DEMO) \
	    --config.data.root=$(DEMO_DATA)/records

test: $(VENV)/.$(EXTRA)
	$(BIN)/python -m pytest -n 2 --dist=loadfile --no-loadscope-reorder --max-worker-restart=0 tests

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Runs the tests with the newer Python versions on this machine, which get a newer version of JAX.
test-all: test
	@for version in 3.12 3.13; do \
	  python=; for each in python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python; do \
	    $$each --version >/dev/null 2>&1 && python=$$each && break; \
	  done; \
	  if [ -z "$$python" ]; then echo "python$$version is not on this machine: not tested"; continue; fi; \
	  $(MAKE) test PYTHON=$$python VENV=.venv-$$version || exit 1; \
	done

# One stamp file per extra. An extra is installed once, and again when setup.py changes.
$(VENV)/.core: setup.py
	$(MAKE) --no-print-directory install VENV=$(VENV) TARGET=. STAMP=$@

$(VENV)/.%: setup.py
	$(MAKE) --no-print-directory install VENV=$(VENV) TARGET='.[$*]' STAMP=$@

.PHONY: install
install:
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing into $(VENV), which takes a minute or two"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '$(TARGET)'
	touch $(STAMP)

clean:
	rm -rf $(VENV) .venv-* build *.egg-info
