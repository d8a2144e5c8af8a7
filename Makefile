# Every target sets up what it needs; none asks for another step first.
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CODE := crypto wire store server client_lib demo proof tests tools benchmarks
.DEFAULT_GOAL := help
.PHONY: help demo test prove check overload soak fuzz fuzz-minute model mutants bench coverage format lint types imports words links fmt lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml tools/make_venv.sh
	@tools/make_venv.sh $(VENV)
	@touch $@

demo: $(INSTALLED) ## Show two people, and between them what the relay sees (STORE=redis: two relays on a cluster)
	@$(if $(filter redis,$(STORE)),tools/system_packages.sh redis-server)
	@$(BIN)/hushpost demo $(if $(STORE),--store $(STORE))

test: $(INSTALLED) ## Run the tests
	@tools/system_packages.sh
	@$(if $(filter check,$(MAKECMDGOALS)),RECORD=1 )tools/run_tests.sh $(BIN)

check: format lint types imports words links fuzz-minute prove test coverage ## Do all that CI does, tests included

format: $(INSTALLED) ## Fail on code that is not formatted
	$(BIN)/ruff format --check $(CODE)

lint: $(INSTALLED) ## Fail on lint
	$(BIN)/ruff check $(CODE)

types: $(INSTALLED) ## Check types, mypy strict and pyright strict
	$(BIN)/mypy
	$(BIN)/basedpyright

imports: $(INSTALLED) ## Check who imports what
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/import_edges.py

words: $(INSTALLED) ## Check that no file holds what does not belong in the project
	$(BIN)/python tools/project_words.py

links: $(INSTALLED) ## Check the links between the pages
	$(BIN)/python tools/doc_links.py

coverage: $(INSTALLED) ## Judge each module by what its own test file covered in the last tests
	@test -f .coverage || RECORD=1 tools/run_tests.sh $(BIN)
	$(BIN)/python tools/coverage_by_file.py

prove: $(INSTALLED) ## Try to break what is claimed, and print what was found (SHARD=1/2, LONG=1)
	@$(BIN)/hushpost-prove $(if $(SHARD),--shard $(SHARD)) $(if $(LONG),--long)

overload: $(INSTALLED) ## Flood a relay in eight ways beside people who write to each other
	@$(BIN)/python -m benchmarks.overload

soak: $(INSTALLED) ## Weeks of ordinary life in MINUTES=30: nothing may grow
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),30)

fuzz-minute: $(INSTALLED) ## Fuzz every target, a minute in all
	$(BIN)/python -m tests.fuzz --seconds 60

fuzz: $(INSTALLED) ## Fuzz every target, guided by coverage where that is possible (MINUTES=30)
	$(BIN)/python -m tests.fuzz --guided --seconds $$(( $(or $(MINUTES),30) * 60 ))

model: $(INSTALLED) ## Hold the stores and the relay against their models for long (TIMES=50)
	HUSHPOST_MODEL_TIMES=$(or $(TIMES),50) $(BIN)/pytest -q tests/model --timeout 0 -k does_what_the_model_does

mutants: $(INSTALLED) ## Change wire and crypto where they changed, and see that tests notice (BASE=HEAD~1, ALL=1, SHARD=1/4, RECORD=FILE)
	$(BIN)/python -m tools.mutants $(if $(ALL),--all,--base $(or $(BASE),HEAD~1)) \
	  $(if $(SHARD),--shard $(SHARD)) $(if $(RECORD),--record $(RECORD))

bench: $(INSTALLED) ## Measure speed and memory beside a bare forwarder
	$(BIN)/python -m benchmarks

fmt: $(INSTALLED) ## Format the code and mend what the linter can
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

lock: $(INSTALLED) ## Pin anew what pyproject.toml allows, with hashes
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --upgrade --no-config --no-header --no-annotate --no-emit-index-url \
	  --quiet --output-file requirements.lock

clean: ## Remove all that the targets made
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +
