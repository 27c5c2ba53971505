# Every chore of the house, one command each. `make help` lists them.
#
# Needs make and Python 3.11 or newer, no root and no services. PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
PORT ?= 8000
JOBS ?= 3
export PYTHON
# A machine that forbids .pyc files would compile everything anew in every process.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
LOCKS := requirements
READY_RUN := .venv/.ready-run
READY_DEV := .venv/.ready-dev
READY_BROWSER := .venv/.ready-browser

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run test test-browser test-kills soak differential fuzz lint format types words diagram screens bench lock wheel secrets clean

help: ## list every chore
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY_RUN) ## build .venv from the locks; .venv/bin/onward is the command line

run: $(READY_RUN) ## start everything with demo data on http://127.0.0.1:8000 (PORT=N for another)
	@exec $(BIN)/onward up --port $(PORT)

test: $(READY_DEV) ## run the suite on SQLite and PostgreSQL (T=tests/mail for a part, JOBS=N processes)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(T)

test-browser: $(READY_BROWSER) ## run the browser tests; needs Chromium
	$(BIN)/python -m pytest -m browser $(or $(T),tests/browser)

test-kills: $(READY_DEV) ## kill processes and stop servers at every point of their way
	$(BIN)/python -m pytest -m kills -n $(JOBS) --dist worksteal $(or $(T),tests/crash)

soak: $(READY_DEV) ## kill random processes under load for a minute, then count mails
	$(BIN)/python -m pytest -m soak -s $(or $(T),tests/soak)

differential: $(READY_DEV) ## hold the simulator against production, 10,000 times (minutes)
	$(BIN)/python -m pytest -m differential -n $(JOBS) --dist worksteal $(or $(T),tests/engine)

fuzz: $(READY_DEV) ## let a public fuzzer read the API's document and try to break it
	$(BIN)/python -m pytest -m fuzz $(or $(T),tests/api)

lint: $(READY_DEV) ## check style, arrows between the rooms, and the house's numbers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python .ci/house.py

format: $(READY_DEV) ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(READY_BROWSER) ## check the types, strictly
	$(BIN)/mypy
	$(BIN)/mypy docs/client.py

words: $(READY_RUN) ## check that every word of the panel has its Bulgarian translation
	$(BIN)/python -m web.words check

diagram: $(READY_RUN) ## draw the shipped playbook anew for the docs
	$(BIN)/onward playbook diagram --format svg --output docs/discovery.svg

screens: $(READY_BROWSER) ## draw every page anew into docs/screens; needs Chromium
	$(BIN)/python -m pytest -m screens tests/browser/test_screens.py

bench: $(READY_DEV) ## measure speed against bare counterparts (minutes; writes to bench/results)
	$(BIN)/python -m bench

lock: ## write the hashed locks anew from pyproject.toml (UPGRADE=--upgrade renews every pin)
	sh $(LOCKS)/lock.sh

wheel: $(READY_RUN) ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

secrets: ## write the secrets that docker-compose.yml reads (SMTP_URL=smtp://user:password@host:587)
	@test -n "$(SMTP_URL)" || { echo "Say where mail leaves: make secrets SMTP_URL=smtp://user:password@host:587" >&2; exit 2; }
	@test ! -e secrets || { echo "There are secrets already, in secrets/; new ones would not fit the database." >&2; exit 2; }
	@word() { $(PYTHON) -c 'import secrets; print(secrets.token_hex(24))'; }; \
	mkdir -m 700 secrets && database=$$(word) && redis=$$(word) && \
	word > secrets/secret_key && echo "$$database" > secrets/postgres_password && echo "$$redis" > secrets/redis_password && \
	echo "postgresql+psycopg://onward:$$database@postgres/onward" > secrets/database_url && \
	echo "redis://:$$redis@redis:6379/0" > secrets/redis_url && echo '$(SMTP_URL)' > secrets/smtp_url && \
	chmod 444 secrets/* && echo "Six files are in secrets/. Keep a copy in a safe place."

clean: ## remove what was built; keeps .venv and the data in var/
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

$(READY_RUN): $(LOCKS)/run.txt $(LOCKS)/build.txt $(LOCKS)/environment.sh pyproject.toml
	@sh $(LOCKS)/environment.sh run build project
	@touch $@

$(READY_DEV): $(READY_RUN) $(LOCKS)/dev.txt
	@sh $(LOCKS)/environment.sh run dev
	@touch $@

$(READY_BROWSER): $(READY_DEV) $(LOCKS)/browser.txt
	@sh $(LOCKS)/environment.sh browser
	@touch $@
