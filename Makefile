# The commands of the README. `make` alone lists them.

help: ## List the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/'

run: ## Serve one node on SQLite, with a demo
	cargo run --release

race: ## A thousand requests for one seat, against what is running
	./test-concurrent.sh -n 1000 -t 1

bench: ## Holdfast beside other designs, measured on this machine in some ten minutes
	tests/install-servers.sh
	cargo run --release -p bench -- compare

test: ## Every test, on real servers
	tests/install-servers.sh
	cargo test --workspace

lint: ## Formatting, clippy, scripts, Nginx, Prometheus, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	shellcheck test-concurrent.sh tests/*.sh .ci/*
	.ci/check-ops
	.ci/check-licences

.PHONY: help run race bench test lint
