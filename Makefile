# Every target sets the environment up first; when that is done already it costs a fraction of a second.
PYTHON ?= python3
# default, cpu, auto, cu130, ...; without a word the build that is installed stays.
TORCH ?= keep
BIN := .venv/bin
# Only root needs, and only root gets, Jupyter's permission to run as root.
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: setup lab test run save html bench lint lock help

help:
	@echo "make lab    set up and open the book in JupyterLab"
	@echo "make test   set up and run every test and every notebook"
	@echo "make setup  only set up   (TORCH=cpu for Linux without a GPU, PYTHON=python3.12 to choose)"
	@echo "make run NB=notebooks/...ipynb   execute one notebook in place"
	@echo "make save | html | bench | lint | lock   see CONTRIBUTING.md"

setup:
	@$(PYTHON) tools/setup_environment.py --torch $(TORCH)

# JupyterLab prints the address with its token and opens a browser where there is one. It asks nobody
# for news or updates, so it starts the same without a network.
lab: setup
	$(BIN)/jupyter lab $(ALLOW_ROOT) --ServerApp.root_dir="$(CURDIR)" \
	  --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb --LabApp.news_url= \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate $(LAB_ARGS)

test: setup
	$(BIN)/python -m pytest $(TEST_ARGS)

run: setup
	@test -n "$(NB)" || { echo "Which notebook? make run NB=notebooks/part2_linear_regression/08_linear_regression.ipynb"; exit 2; }
	$(BIN)/python tools/notebook.py run $(NB)

save: setup
	$(BIN)/python -m d2lhelpers.save

html: setup
	$(BIN)/python docs/build.py

bench: setup
	$(BIN)/python -m benchmarks

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m d2lhelpers.save --check

lock: setup
	$(BIN)/python tools/lock.py
