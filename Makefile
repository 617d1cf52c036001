# Everything that is done here, by name. `make help` lists it.
#
# Each target runs on the Node that the project pins (node_modules/.bin/node), not on the machine's.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# V8's compiled code is kept between starts, as ./gatehouse does: most of what the tests do is to start something.
export NODE_COMPILE_CACHE ?= $(CURDIR)/data/compile-cache

# npm writes this file last whenever it installs, so `npm install` counts as well.
INSTALLED := node_modules/.package-lock.json
BUILT := dist/.built
SOURCES := $(shell find proxy services -name page -prune -o -type f ! -name '*.test.ts' -print 2>/dev/null)
# Each service's page/ becomes dist/pages/<service>/; services/shared/page/ is part of all of them. The proxy has one, too.
PAGES := dist/pages/dashboard/index.html \
  $(patsubst services/%/page/index.html,dist/pages/%/index.html,$(wildcard services/*/page/index.html))
# Which tests `make test` runs, how many files at a time, and how many milliseconds each test may take. They wait for
# much (a lease that ends, a container, a recording), so that two cores have time for three files.
TESTS ?= 'proxy/**/*.test.ts' 'services/**/*.test.ts' 'test/**/*.test.ts'
TEST_CONCURRENCY ?= 3
TEST_TIMEOUT ?= 60000

.DEFAULT_GOAL := help
.PHONY: help install build run dev test check bench dashboard-picture desktop desktop-figures differential conformance fuzz agree soak chaos alerts gameday registry scale deploy-systemd compose-up compose-down docs clean

help: ## Lists these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Installs the packages of package-lock.json, and with them Node, if they changed.

build: $(BUILT) $(PAGES) ## Compiles proxy/ and services/, and the services' pages, into dist/.

run: $(BUILT) $(PAGES) ## Serves routes.yaml and all services: https on 8443, http on 8080, devices on 8000.
	@exec node dist/services/run.js

dev: $(INSTALLED) ## Serves routes.yaml from the sources and starts again when a file of proxy/ changes.
	@exec node --watch-path=proxy proxy/main.ts serve

# The runner keeps what failed for its last page; reporter.ts says it at once. A file that never ends is a leak, and
# fails at the time limit.
test: $(INSTALLED) $(PAGES) ## Runs all tests. One file or folder: make test TESTS=proxy/address.test.ts
	@node test/setup/install-parts.ts
	@exec timeout --kill-after=10 850 \
	  node --test --test-concurrency=$(TEST_CONCURRENCY) --test-timeout=$(TEST_TIMEOUT) \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./test/setup/reporter.ts --test-reporter-destination=stderr $(TESTS)

CHECKS := types style floors unused schema docs house
.PHONY: $(CHECKS:%=check-%)

check: $(INSTALLED) ## Checks all that can be read off the files: types, style, floors, unused code, docs in sync.
	@$(MAKE) --keep-going $(CHECKS:%=check-%)

check-types:
	@echo 'types: the code compiles'
	@tsc
	@tsc -p tsconfig.pages.json
check-style:
	@echo 'style: files are formatted and linted'
	@biome ci --colors=off --error-on-warnings --log-level=warn .
check-floors:
	@echo 'floors: no import climbs, none goes in a circle, each engine has one importer'
	@depcruise --config .dependency-cruiser.mjs --output-type err-long proxy services test
check-unused:
	@echo 'unused: every file, export and package is used'
	@knip --no-progress
check-schema:
	@echo 'schema: the JSON Schema of routes.yaml is the one that the code makes'
	@node proxy/main.ts schema --check
check-docs:
	@echo 'docs: docs/reference.md is the one that the code makes'
	@node test/check/reference.ts --check
check-house:
	@echo 'house: licence present, no registry named, nothing private in git'
	@node test/check/house.ts

bench: $(BUILT) ## Measures Gatehouse beside nginx, HAProxy and Caddy.
	@exec node test/bench/run.ts

desktop-figures: $(INSTALLED) dist/pages/desktops/index.html ## Measures what a desktop costs: start, round trip, stream, memory.
	@exec node test/services/desktops/figures.ts

dashboard-picture: $(INSTALLED) dist/pages/dashboard/index.html ## Takes docs/dashboard.png of a Gatehouse with traffic.
	@exec node test/dashboard/picture.ts

desktop: ## Builds the image of a small Debian desktop, if what it is made of has changed.
	@deploy/desktop/build

differential: $(INSTALLED) ## Sends the same odd requests to Gatehouse, nginx and HAProxy, and compares.
	@node test/setup/install-parts.ts
	@exec node test/differential/run.ts

conformance: $(INSTALLED) ## Holds Gatehouse against the standards, nginx beside it. Takes five minutes.
	@node test/setup/install-parts.ts conformance
	@exec node test/conformance/run.ts

fuzz: $(INSTALLED) ## Sends spoilt requests and frames for ten minutes. MINUTES=1, SEED=… and FIRST=… change that.
	@exec node test/fuzz/run.ts

agree: $(INSTALLED) ## Asks explain and a running proxy the same million requests. REQUESTS=1000 and SEED=… change that.
	@exec node test/foresight/run.ts

soak: $(INSTALLED) ## An hour of everything at once, on two fifths of the machine. SOAK_MINUTES=10 changes that.
	@exec nice node test/soak/run.ts

chaos: $(INSTALLED) ## Kills proxies, workers, targets and Redis under load for five minutes. MINUTES, SEED and RATE change that.
	@node test/setup/install-parts.ts
	@exec node test/chaos/run.ts

alerts: $(INSTALLED) ## Fires each alert by a real fault, and asks every query of the dashboards. Takes eight minutes.
	@node test/setup/install-parts.ts alerts
	@exec node test/alerts/run.ts

gameday: $(INSTALLED) ## Does what can happen to a proxy, times how it is noticed and mended, and writes docs/gameday.md.
	@node test/setup/install-parts.ts alerts
	@exec node test/alerts/gameday.ts

registry: $(INSTALLED) ## Measures what 10,000 leases cost one proxy. LEASES and SECONDS change that.
	@exec node test/scale/registry.ts

scale: $(INSTALLED) ## Works out the traffic of leases and limits for fleets of 3, 30 and 300 proxies.
	@exec node test/scale/simulate.ts

deploy-systemd: $(BUILT) $(PAGES) ## Installs into a Debian with systemd, in a container, and measures reload, upgrade, watchdog. Takes root and Docker.
	@deploy/compose/local/build systemd
	@exec node test/deploy/systemd.ts

compose-up: ## Starts everything in containers. deploy/compose/up --help says more.
	@deploy/compose/up

compose-down: ## Ends what compose-up started; data stays.
	@deploy/compose/down

docs: $(INSTALLED) ## Writes docs/reference.md from the schema, the errors, the metrics and the commands.
	@node test/check/reference.ts

clean: ## Removes what was built. Data, certificates and packages stay.
	rm -rf dist data/compile-cache

# Exactly what the lock file says, which `--no-save` leaves as it is. `npm ci` would refuse one that was made where the
# registry has no packages for other systems. Install scripts of packages are not run: none of ours needs one.
$(INSTALLED): package-lock.json
	npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The mark carries the time at which the build began, so that a source saved meanwhile counts as newer.
$(BUILT): $(INSTALLED) tsconfig.json tsconfig.build.json $(SOURCES)
	@mkdir -p dist && touch dist/.started
	tsc -p tsconfig.build.json
	@tar --exclude=page --exclude='*.ts' -cf - proxy services | tar -xf - -C dist
	@mv dist/.started $@

dist/pages/%/index.html: $(INSTALLED) services/vite.config.ts $(shell find services/*/page proxy/admin/page -type f 2>/dev/null)
	PAGE=$* vite build --config services/vite.config.ts --logLevel warn
