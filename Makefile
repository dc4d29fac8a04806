# Sandai. `make help` lists what there is to make.

SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
.PHONY: help deps assets build lint test racked served rack rack-from-page rack-faults reprovision rack-down screenshots faults fuzz clean

RACK := .rack
APPLIANCE := bin/appliance --state $(RACK)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What the programs call on this host, what cgo (SQLite) is compiled with, and the browser of the tests.
PACKAGES := qemu-system-x86 qemu-utils ipxe-qemu seabios openipmi ipmitool mmdebstrap debian-archive-keyring \
	zstd iproute2 iputils-ping ovmf ipxe dosfstools mtools e2fsprogs fdisk cpio procps util-linux curl gcc libc6-dev \
	chromium fonts-ipafont-gothic

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the Debian packages that are needed and missing (as root)
	@missing=(); for p in $(PACKAGES); do \
	  [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing+=($$p); done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	  echo "installing $${missing[*]}"; \
	  [ "$$(id -u)" = 0 ] || { echo "run as root: apt-get install $${missing[*]}" >&2; exit 1; }; \
	  apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "$${missing[@]}"; \
	fi
	@command -v npm >/dev/null || { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends nodejs npm; }

VENDOR := web/page/assets/vendor
FROM_NPM := htmx.org/dist/htmx.min.js idiomorph/dist/idiomorph-ext.min.js \
	@xterm/xterm/lib/xterm.js @xterm/xterm/css/xterm.css @xterm/addon-fit/lib/addon-fit.js

$(VENDOR)/.stamp: package-lock.json Makefile
	npm ci --no-audit --no-fund --ignore-scripts
	rm -rf $(VENDOR) && mkdir -p $(VENDOR)
	for f in $(FROM_NPM); do grep -v '^//# sourceMappingURL' node_modules/$$f > $(VENDOR)/$${f##*/}; done
	touch $@

assets: $(VENDOR)/.stamp ## fetch what the page takes from npm

build: assets ## compile bin/appliance and bin/agent
	CGO_ENABLED=1 go build -o bin/appliance ./cmd/appliance
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w' -o bin/agent ./cmd/agent

lint: ## check format, go vet and staticcheck
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "run gofmt -w on:" $$unformatted >&2; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

test: deps build lint ## run every test that needs no full rack
	go test -race -timeout 25m $$(go list ./... | grep -v /e2e)
	go test -race -timeout 25m ./e2e

# A newer Debian makes newer images; what is installed already wants none.
INSTALLED := $(APPLIANCE) wait --timeout 0s >/dev/null 2>&1 && $(APPLIANCE) rack status --json 2>/dev/null | grep -q '^    "state": "done"'

# A virtual rack of blank machines, and what is to be written on them.
racked: deps build
	@$(INSTALLED) || { echo $(APPLIANCE) image build; $(APPLIANCE) image build; }
	$(APPLIANCE) lab up --dir $(RACK) $(if $(NODES),--nodes $(NODES))

# An appliance at work on it.
served: racked
	@$(APPLIANCE) wait --timeout 0s 2>/dev/null || \
	  $(APPLIANCE) lab exec --dir $(RACK) --detach --log $(RACK)/appliance.log --pidfile $(RACK)/appliance.pid -- $(APPLIANCE) serve
	@$(APPLIANCE) wait --timeout 1m || { tail -n 20 $(RACK)/appliance.log >&2; exit 3; }

rack: served ## bring up a virtual rack and make it a cloud; with the rack up and installed, nothing (NODES=docs/four.yaml: other machines than the three)
	$(APPLIANCE) rack import $(RACK)/rack.yaml
	@$(APPLIANCE) rack install --follow || { s=$$?; echo "make rack goes on where it stopped; the appliance's log is $(RACK)/appliance.log" >&2; exit $$s; }
	@$(APPLIANCE) rack report

rack-from-page: served ## the same as make rack on a new rack, by the page's button in a browser; a test
	go test ./e2e -run TestRackFromPage -of $(CURDIR)/$(RACK) -v -count 1 -timeout 150m
	@$(APPLIANCE) rack report

reprovision: deps build ## on make rack's rack: add, rescue, reinstall and release nodes with servers on them, new settings and passwords; a test
	go test ./e2e -run TestReprovision -of $(CURDIR)/$(RACK) -v -count 1 -timeout 300m

screenshots: deps build ## take pictures of every page into .rack/screenshots: of make rack's appliance, else of stand-ins
	@of=; if $(APPLIANCE) wait --timeout 0s >/dev/null 2>&1; then of=-of=$(CURDIR)/$(RACK); fi; \
	go test ./e2e -run TestPictures -pictures $(CURDIR)/$(RACK)/screenshots $$of -count 1 -timeout 20m
	@echo "the pictures are in $(RACK)/screenshots, and the milliseconds until each page showed something in paint.json beside them"

faults: deps build ## go through the fault suite on racks of stand-ins; the table is in .rack/faults.json
	@mkdir -p $(RACK)
	go test ./e2e -run TestFaults -faults $(CURDIR)/$(RACK)/faults.json -v -count 1 -timeout 60m

SEED := 1

rack-faults: racked ## install a new rack while the appliance is killed and power is cut, at steps that SEED picks; the rows go into .rack/faults.json
	go test ./e2e -run TestRackFaults -of $(CURDIR)/$(RACK) -faults $(CURDIR)/$(RACK)/faults.json -seed $(SEED) -v -count 1 -timeout 150m

FUZZTIME := 10m
FUZZERS := pxe:DHCP pxe:TFTP pxe:HTTP web:Agent inventory/rackfile:Parse installer/guide:Load installer/guide:Resolve installer/agent/disk:Contents

fuzz: assets ## fuzz what listens and what is read, each for FUZZTIME (10m); finds become seeds in testdata/fuzz
	for f in $(FUZZERS); do go test ./$${f%%:*} -run '^$$' -fuzz "^Fuzz$${f##*:}$$" -fuzztime $(FUZZTIME); done

rack-down: ## end the virtual rack and forget it; reports and logs stay in .rack
	@test -x bin/appliance || $(MAKE) build
	$(APPLIANCE) lab down --dir $(RACK)
	@rm -f $(RACK)/sandai.db $(RACK)/sandai.db-wal $(RACK)/sandai.db-shm $(RACK)/keyset.json $(RACK)/openrc $(RACK)/clouds.yaml $(RACK)/appliance.pid \
	  $(RACK)/token $(RACK)/ca.pem $(RACK)/serve.url

clean: ## remove what was compiled (not the rack, not the caches in /var/cache/sandai)
	rm -rf bin .test
