# The developer's door. It needs GNU make, a POSIX shell and Python 3.11 or newer with venv, nothing else:
# each target sets up what it needs in .venv, once, from the hashed locks.
#
#   make test ARGS="tests/core -x"     ARGS goes to the program behind the target
#   make test PYTHON=python3.13        another Python (.venv is made anew for it)

.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
IN_VENV := $(BIN)/python
PYTHONS := python3.14 python3.13 python3.12 python3.11 python3 python
UV := uv==0.13.9
IMAGE ?= postback-worker

.PHONY: help demo test pythons check lint fmt chaos drills bench broker image chart release lock clean compiled

help: ## List the targets
	@while IFS= read -r line; do case $$line in [a-z]*:*"## "*) \
	  printf '%-14s%s\n' "make $${line%%:*}" "$${line#*## }";; esac; done <$(firstword $(MAKEFILE_LIST))

demo: compiled ## Run the whole worker with no set-up: embedded broker, two misbehaving networks, every event accounted for
	@$(BIN)/postback-worker demo $(ARGS)

test: $(VENV)/develop compiled ## Run the tests, with a real Apache Kafka from packages, and hold the coverage (ARGS="-m chaos": those that kill)
	@$(IN_VENV) -m pytest $(or $(ARGS),-m 'not chaos and not long' -n 3 --dist worksteal --cov --cov-report= -p tests.support.coverage_gate)

pythons: $(VENV)/develop ## Run the fast tests on each other supported Python that is here (ARGS: paths)
	@$(IN_VENV) -m tests.support.pythons $(ARGS)

check: lint ## Check format, lint, types and layers, and run the fast tests
	@$(IN_VENV) -m pytest -m "not kafka and not process and not chaos and not wire and not days" $(ARGS)

lint: $(VENV)/develop ## Check format, lint, types and layers
	@$(IN_VENV) -m ruff format --check .
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m mypy
	@$(BIN)/lint-imports

fmt: $(VENV)/develop ## Format the code and mend what the linter can
	@$(IN_VENV) -m ruff format .
	@$(IN_VENV) -m ruff check --fix .

chaos: $(VENV)/develop compiled ## Kill and stop real processes and prove that nothing is lost (SEED=n repeats a run)
	@$(IN_VENV) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(ARGS)

drills: $(VENV)/develop compiled ## Play incidents on real workers under a real Prometheus: alerts and the runbook (ARGS="--only NAME")
	@$(IN_VENV) -m tests.drills $(ARGS)

bench: $(VENV)/develop compiled ## Measure what an event costs, beside others (ARGS=--help: sweeps, latency, more)
	@$(IN_VENV) -m tests.bench $(ARGS)

broker: $(VENV)/develop ## Run a real Kafka on localhost:9092 until Ctrl-C (ARGS=--fresh wipes its data)
	@exec $(IN_VENV) -m tests.support.broker $(ARGS)

image: ## Build the container image with docker, podman or buildah
	@for engine in docker podman buildah; do \
	  $$engine info >/dev/null 2>&1 || continue; \
	  case $$engine in docker) format= ;; *) format='--format docker' ;; esac; \
	  exec $$engine build $$format -t $(IMAGE) $(ARGS) .; \
	done; \
	echo "No container engine answers: docker (is it running?), podman or buildah (apt-get install buildah) is needed." >&2; exit 1

chart: $(VENV)/develop ## Write what is derived from deploy/chart: the plain manifest, the table of values
	@$(IN_VENV) -m tests.deploy.chart

release: $(VENV)/develop ## Make a release in dist: VERSION=0.2.0 (ARGS=--dry-run makes and tries all, and changes nothing here)
	@$(IN_VENV) -m tests.release $(VERSION) $(ARGS)

lock: ## Make the hashed locks anew, keeping versions that still fit (ARGS=--upgrade takes the newest)
	@test -x .cache/lock/bin/uv || { $(find_python); "$$python" -m venv --clear .cache/lock; }
	@.cache/lock/bin/python -m pip install --quiet '$(UV)'
	@$(call compile,requirements.lock) --all-extras pyproject.toml
	@$(call compile,requirements-runtime.lock) --extra otel --constraints requirements.lock pyproject.toml
	@.cache/lock/bin/python -c 'import tomllib; \
	  print("editables", "pip", *tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  | $(call compile,requirements-build.lock) --constraints requirements.lock -

clean: ## Remove all that these targets made: .venv, caches, the broker's data
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
	  .coverage .coverage.* htmlcov dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- how .venv is made ---------------------------------------------------------------------------------
# hatchling asks for editables when it makes an editable install, so that is locked with it; and so is a pip
# that comes first, as what comes with Python 3.11 takes twice as long for the rest. Extras stay in the locks:
# pips before 23.3 look for a newer release of what another package asks for with an extra.
# Three stamps, each written only when its step is done: an interrupted step is done again.
# .venv/made-for says where it was made; one that was made by hand, was moved, or lost its Python is made anew.

compile = .cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
  --no-emit-index-url --custom-compile-command 'make lock' --output-file $(1) $(ARGS)

install = $(IN_VENV) -m pip install --quiet --disable-pip-version-check
# From wheels alone: a source distribution would run code of its own while it is installed.
locked = --require-hashes --only-binary :all:

# Where PYTHONDONTWRITEBYTECODE is set, each worker would compile its modules anew, a third of its start.
compile_modules = $(IN_VENV) -m compileall -q schemas worker || true

# Sets $python to the first one that is new enough, or ends with one line that says what is missing.
define find_python
python=; for name in $(or $(PYTHON),$(PYTHONS)); do \
  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$name; break; fi; \
done; \
if [ -z "$$python" ]; then \
  echo "Python 3.11 or newer is needed; tried: $(or $(PYTHON),$(PYTHONS)). Name one: make PYTHON=/path/to/python3" >&2; \
  exit 1; \
fi; \
if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
  echo "$$python lacks the venv module (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; \
fi
endef

MADE_FOR := $(CURDIR)$(if $(PYTHON), $(PYTHON))
ifneq ($(shell test -x $(IN_VENV) && test -r $(VENV)/made-for && while IFS= read -r line; do \
  test "$$line" != '$(MADE_FOR)' || echo "$$line"; done <$(VENV)/made-for),$(MADE_FOR))
.PHONY: $(VENV)/locked
endif

$(VENV)/locked: requirements-runtime.lock requirements-build.lock
	@$(find_python); echo "Setting up $(VENV) with $$python (once)" >&2; "$$python" -m venv --clear $(VENV)
	@$(install) $(locked) -r requirements-build.lock
	@$(install) $(locked) -r requirements-runtime.lock
	@printf '%s\n' '$(CURDIR)' '$(CURDIR) $(PYTHON)' >$(VENV)/made-for
	@touch $@

$(VENV)/runtime: $(VENV)/locked pyproject.toml
	@$(install) --no-deps --no-build-isolation --editable .
	@$(compile_modules)
	@touch $@

compiled: $(VENV)/runtime
	@$(compile_modules)

$(VENV)/develop: $(VENV)/runtime requirements.lock
	@echo "Adding the developer's tools to $(VENV)" >&2
	@$(install) $(locked) --no-compile -r requirements.lock
	@touch $@
