# `make demo` runs everything on this machine; `make help` lists the targets.
# No setting needs to be exported: `.env` is read where it exists (see .env.example).

SHELL := /bin/sh
STACK := .venv/bin/python -m hedge_master.local_stack
BIN := .venv/bin
FAST := $(wildcard tests/unit tests/dags tests/contracts tests/dbt)
export PYTHONPATH := $(CURDIR)/plugins
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help demo next-day up status down clean setup browser screenshots lint test test-fast fuzz torture bench-numbers dbt-docs

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 18

demo: setup ## start everything, run the pipeline once, print the ranking and the addresses
	@$(STACK) demo

next-day: ## let one trading day of the sample market go by, and tell what it brought
	@if test -x $(BIN)/python; then $(STACK) next-day; else echo "nothing is set up; make demo does it" >&2; exit 1; fi

up: setup ## start all services, nothing else
	@$(STACK) up

status: ## each service, each DAG's last run, the market date, the newest bar
	@if test -x $(BIN)/python; then $(STACK) status || :; else echo "nothing is set up; make demo does it"; fi

down: ## stop all services; the data stay
	@test ! -x $(BIN)/python || $(STACK) down

clean: ## erase all that was made, after saying what (YES=1: do not ask)
	@test ! -x $(BIN)/python || $(STACK) clean $(if $(YES),--yes)

setup: ## Python environments, Java, jars, sample prices; quick when nothing changed
	@docker/local/setup.sh

browser: ## Chromium for the browser test: installed where root and apt-get are there, else a line says how
	@docker/local/setup.sh --browser

lint: setup ## ruff, mypy, sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy plugins spark_jobs benchmarks
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project

test: lint browser ## lint and all tests
	@$(BIN)/python -m pytest

test-fast: setup ## unit, DAG, contract and dbt tests: no service is started
	@$(BIN)/python -m pytest $(FAST)

fuzz: setup ## 100,000 spoilt answers, judged by the stream and by plain Python (FUZZ_SEED=n: others)
	@FUZZ_MESSAGES=100000 $(BIN)/python -m pytest -s tests/fuzz

torture: KILLS ?= 50
torture: SEED ?= 2020
torture: setup ## KILLS=50 kills -9 of the stream's processes; what is left must be what a run without kills leaves
	@PYTHONPATH=plugins:spark_jobs:tests:tests/torture $(BIN)/python tests/torture/torture_run.py --kills $(KILLS) --seed $(SEED)

bench-numbers: setup ## what windows and ranking cost, pass or FAIL a line (11 minutes; QUICK=1: 4; FULL=1: 20)
	@missed=0; \
	$(BIN)/python benchmarks/windows.py $(if $(QUICK),--quick,$(if $(FULL),--symbols 8000)) || missed=1; \
	$(BIN)/python benchmarks/ranking.py $(if $(QUICK),--quick) || missed=1; \
	exit $$missed

# No server is asked, so the page has all but the tables' types; of the connection nothing is used, but it must be complete.
dbt-docs: export DBT_HOST = nowhere
dbt-docs: export DBT_PORT = 1
dbt-docs: export DBT_USER = nobody
dbt-docs: export DBT_ENV_SECRET_PASSWORD = none
dbt-docs: export DBT_DBNAME = none
dbt-docs: export DBT_READER = nobody
dbt-docs: DBT_PLACE = --project-dir dbt_project --profiles-dir dbt_project --target-path $(CURDIR)/.build/dbt-docs \
	--log-path $(CURDIR)/.build/dbt-docs
dbt-docs: setup ## models, columns, formulas and who reads them, as one page
	@$(BIN)/dbt --quiet parse $(DBT_PLACE)
	@$(BIN)/dbt --quiet docs generate --no-compile --empty-catalog --static $(DBT_PLACE)
	@echo "Open .build/dbt-docs/static_index.html"

screenshots: setup browser ## the pages of the running stack as pictures: docs/images, HM_HOME/screenshots
	@$(BIN)/python -m hedge_master.local_stack.screenshots
