# The front of everything that is done with a checkout: `make help`.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup packages root demo test bench soak check clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

setup: node_modules/.package-lock.json ## fetch the packages that package-lock.json names

# npm writes this file last. An older npm warns of Node's version, which concerns Landline's own Node and not npm's.
node_modules/.package-lock.json: package-lock.json
	@scripts/packages setup
	@echo 'npm ci'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

packages:
	@scripts/packages

root:
	@[ "$$(id -u)" = 0 ] || { echo 'landline: NOT_ROOT: this makes network namespaces, and needs root' >&2; \
	  echo '→ use `sudo make $(MAKECMDGOALS)`' >&2; exit 1; }

demo: root setup packages ## an office on this machine, and environments in it
	@scripts/demo

test: setup packages ## the check, then all tests; those that need root are skipped without it
	@test/run --check

bench: root setup packages ## the numbers
	@bench/run

soak: root setup packages ## the long tests
	@test/run --soak

check: setup ## format, lint, types, promises, direction, dead code
	@scripts/check

clean: ## what tests left on this machine, and caches
	@if [ -x test/clean ]; then test/clean; fi
	@rm -rf .cache coverage
