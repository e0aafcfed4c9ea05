# `make run` starts the service, `make test` runs every test; `make help` lists the rest.

MAKEFLAGS += --no-print-directory
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
QUICK := $(TARGET)/quick
RELEASE := $(TARGET)/release
# In CI the lock file is as committed or the run fails.
LOCKED := $(if $(CI),--locked)
SERVICES := --package character-service --package storage-service --package message-hub --bins
# What no other project embeds.
UNPACKAGED := $(addprefix --exclude ,character-tests character-api character-app character-service storage-service message-hub)

# Programs that embed a crate. Each fails unless it does what it says. A test compares this list with crates/*/examples.
EXAMPLES := adapter cached_storage embedded_storage hub_events live_character log_to_hub nats_hub remote_hub remote_storage \
	shared_cache small_service storage_over_hub test_doubles

.DEFAULT_GOAL := help
.PHONY: help run run-hub demo stack dist test test-instance hunt mutants bench bench-scale check lint-words fix contract openapi asyncapi problems clients figures

help: ## list these targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-14s %s\n", $$1, $$2 }'

run: ## build and start the service on 127.0.0.1:8000, with nothing else running and data in ./data
	@$(CARGO) build --profile quick $(LOCKED) --package character-service --bin character-service
	@exec $(QUICK)/character-service

demo: ## the same, with the hundred characters of deploy/demo-data
	@$(CARGO) build --profile quick $(LOCKED) --package character-service --bin character-service
	@$(QUICK)/character-service import deploy/demo-data
	@exec $(QUICK)/character-service

run-hub: ## build and start the Message Hub on 127.0.0.1:8200, with its events in ./data; set MESSAGE_HUB_TOKEN
	@$(CARGO) build --profile quick $(LOCKED) --package message-hub --bin message-hub
	@exec $(QUICK)/message-hub

stack: ## the whole platform on loopback: PostgreSQL, Redis, NATS, the Message Hub, the Storage Service, the Character Service
	@./deploy/test-dependencies.sh
	@$(CARGO) build --profile quick $(LOCKED) $(SERVICES)
	@exec ./deploy/stack.sh "$(QUICK)"

dist: ## the services, optimised as a whole, in target/release: what is installed and what bench measures; takes longer
	@$(CARGO) build --release $(LOCKED) $(SERVICES)
	@echo "$(RELEASE)/character-service $(RELEASE)/storage-service $(RELEASE)/message-hub"

test: ## every test, against real servers; installs PostgreSQL and Redis where permitted
	@./deploy/test-dependencies.sh
	@$(CARGO) build $(LOCKED) $(SERVICES)
	@$(CARGO) test --workspace --no-fail-fast $(LOCKED)
	@for example in $(EXAMPLES); do $(TARGET)/debug/examples/$$example || { echo "the example $$example failed" >&2; exit 1; }; done

test-instance: ## the suite against the Storage Service at TEST_STORAGE_SERVICE_URL, with the token TEST_STORAGE_TOKEN
	@test -n "$$TEST_STORAGE_SERVICE_URL" && test -n "$$TEST_STORAGE_TOKEN" || \
		{ echo "set TEST_STORAGE_SERVICE_URL and TEST_STORAGE_TOKEN; without them, use make test, which starts its own" >&2; exit 2; }
	@$(CARGO) build $(LOCKED) $(SERVICES)
	@$(CARGO) test $(LOCKED) --package character-tests --test instance

hunt: ## the long hunts for stale answers, lost commits, lost events and undescribed answers, and the page about a new kind of row; some forty minutes
	@./deploy/test-dependencies.sh
	@$(CARGO) test --release $(LOCKED) --package character-cache --test hunts -- --ignored --nocapture
	@$(CARGO) test --release $(LOCKED) --package character-storage-sql --test log_postgres --test plans -- --ignored --nocapture
	@for engine in sqlite postgres; do \
		$(CARGO) test $(LOCKED) --package character-storage-sql --no-default-features --features $$engine || exit; \
	done
	@$(CARGO) test --release $(LOCKED) --package character-tests --test hub -- --ignored
	@$(CARGO) test --release $(LOCKED) --package character-tests --test documentation aggregate:: -- --ignored
	@for proof in a_rollout every_committed a_hub_that_is_away; do \
		HUNT_SECONDS=60 $(CARGO) test --release $(LOCKED) --package character-tests --test event_delivery $$proof -- --nocapture || exit; \
	done
	@HUNT_SECONDS=600 $(CARGO) test --release $(LOCKED) --package character-tests --test documentation generated -- --nocapture

mutants: ## change the storage in memory and the one over SQL in one place after another, and list the changes that no test finds; about two hours
	@command -v cargo-mutants >/dev/null || $(CARGO) install --locked cargo-mutants
	@$(CARGO) mutants --file crates/storage-port/src/memory.rs --file 'crates/storage-port/src/memory/*.rs' \
		--test-package character-storage-testkit --timeout 600 --output target -- --test conformance
	@MUTANTS_FOLDER=$(abspath $(TARGET))/mutants-sql MUTANTS_EFFORT=$(or $(MUTANTS_EFFORT),6) \
		$(CARGO) test $(LOCKED) --package character-storage-sql --test mutants -- --ignored --nocapture

bench-scale: ## measure the Storage Service over 10,000,000 versions in PostgreSQL, beside a small database
	@./deploy/test-dependencies.sh bench
	@$(CARGO) bench $(LOCKED) --package character-tests --bench service -- --scale

bench: ## measure the costs, each compared with a floor of the same run; docs/benchmarks.md keeps the results
	@./deploy/test-dependencies.sh bench
	@$(CARGO) bench $(LOCKED) --package character-storage-http --bench transport_stack
	@$(CARGO) test --release $(LOCKED) --package character-storage-http --lib bookkeeping -- --ignored --nocapture
	@$(CARGO) bench $(LOCKED) --package character-cache --benches
	@$(CARGO) bench $(LOCKED) --package character-cache-redis --benches
	@$(CARGO) bench $(LOCKED) --package character-storage-sql --bench storage
	@$(CARGO) bench $(LOCKED) --package character-message-hub-nats --bench publish
	@$(CARGO) bench $(LOCKED) --package character-tests --bench service
	@$(CARGO) bench $(LOCKED) --package character-tests --bench instructions
	@$(CARGO) bench $(LOCKED) --package character-tests --bench http
	@$(CARGO) bench $(LOCKED) --package character-tests --bench log
	@$(CARGO) bench $(LOCKED) --package character-tests --bench events
	@$(CARGO) bench $(LOCKED) --package character-tests --bench overload
	@$(CARGO) bench $(LOCKED) --package character-tests --bench sizing

check: ## formatting, lints, documentation, words, the crate graph, dependencies, packages, licences, the OpenAPI and AsyncAPI documents, the clients, workflows, scripts
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets $(LOCKED) -- -D warnings
	@for engine in sqlite postgres; do \
		$(CARGO) clippy --quiet --package character-storage-sql --no-default-features --features $$engine $(LOCKED) -- -D warnings || exit; \
	done
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps $(LOCKED) --quiet
	@$(CARGO) test --quiet --package character-tests --test crate_graph $(LOCKED)
	@CARGO="$(CARGO)" ./deploy/check-dependencies.sh
	@$(CARGO) package --workspace $(UNPACKAGED) --no-verify --allow-dirty --quiet $(LOCKED)
	@./deploy/check-asyncapi.sh
	@./deploy/check-deployment.sh
	@./deploy/check-openapi.sh
	@./deploy/clients.sh --check
	@$(MAKE) lint-words

lint-words: ## find words in documents and comments that hide the meaning; deploy/banned-words.tsv names better ones
	@./deploy/lint-words.sh

fix: ## format the code and apply the automatic fixes of the lints
	@$(CARGO) clippy --workspace --all-targets --fix --allow-dirty --allow-staged --quiet
	@$(CARGO) fmt --all

contract: ## write the sentences of the clauses of the suite to CONTRACT.md; the tests compare them
	@$(CARGO) test --quiet $(LOCKED) --package character-storage-testkit --test contract -- --ignored
	@$(CARGO) test --quiet $(LOCKED) --package character-message-hub-testkit --test contract -- --ignored

openapi: ## regenerate docs/openapi.json; the tests compare it with what the service serves
	@$(CARGO) run --quiet $(LOCKED) --package character-service --bin character-service -- openapi > docs/openapi.json

asyncapi: ## regenerate docs/asyncapi.json; the tests compare it with what the service prints
	@$(CARGO) run --quiet $(LOCKED) --package character-service --bin character-service -- asyncapi > docs/asyncapi.json

problems: ## regenerate docs/problems.md; the tests compare it with the list of the kinds of problems
	@$(CARGO) test --quiet $(LOCKED) --package character-api --test api write_the_document_about_problems -- --ignored

clients: ## regenerate the generated parts of clients/ from docs/openapi.json; make check compares them
	@./deploy/clients.sh

figures: ## count the crates that each embedded crate brings, in docs/embedding.md; the tests compare them
	@$(CARGO) test --quiet $(LOCKED) --package character-tests --test crate_graph write_the_figures -- --ignored
