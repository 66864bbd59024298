# make run and make test are all that a newcomer needs: both install what the
# machine lacks, and say so. make help lists the rest.

GO ?= go
FUZZTIME ?= 30s
NEED := packaging/linux/need
prefix ?= /usr/local

# The tests against real gateways: they need root and Debian packages, and have
# a run and a time limit of their own.
REAL := ./engine/interop
UNIT = $(shell $(GO) list ./... | grep -v '/engine/interop$$')

# Fyne without OpenGL: what is checked and tested needs no C of it. Only the
# program itself has that, and ui/e2e builds it as make desktop does.
NOGL := -tags ci

.PHONY: help run build desktop install uninstall test check unit interop screenshots soak fuzz bench clean

help:
	@echo "make run      the desktop with a practice gateway; without a screen the demonstration in the terminal: no privilege, no network"
	@echo "make test     everything that has to pass: check, unit, interop (as root)"
	@echo "make check    formatting, go vet, staticcheck"
	@echo "make unit     tests of all packages with the race detector, fuzz seeds included"
	@echo "make interop  tests against real gateways: SoftEther, strongSwan, Libreswan (root)"
	@echo "make screenshots  the README's pictures, of the real window (root)"
	@echo "make soak     five minutes of rekeying against each Linux gateway (root)"
	@echo "make fuzz     each fuzz target for FUZZTIME=$(FUZZTIME)"
	@echo "make bench    all benchmarks, and culvert's speed against wireguard-go's and OpenVPN's (root; 15 minutes)"
	@echo "make build    the programs, into build/, but for the desktop"
	@echo "make desktop  culvert-desktop, into build/ (C compiler; the first time some minutes)"
	@echo "make install  the programs and the helper's service (systemd) below prefix=$(prefix), DESTDIR before it; uninstall: the opposite"
	@echo "              the desktop with them where make desktop has built it; desktop=no: never, desktop=yes: or fail"
	@echo "make clean    removes build/"

run:
	@GO="$(GO)" packaging/linux/run

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o build/ ./app/cmd/culvert ./app/cmd/culvertd

# Without -trimpath, as ui/e2e builds it: Fyne's C is compiled once, in minutes.
# Wayland and X11 are both in it, and chosen when it starts. Emojis are the
# system's: Fyne's own font of them takes 4 MB, and as much memory for each style.
desktop:
	@[ "$$(uname)" != Linux ] || $(NEED) desktop
	CGO_ENABLED=1 $(GO) build -tags "migrated_fynedo no_emoji" -o build/ ./app/cmd/culvert-desktop

install uninstall:
	@$(MAKE) --no-print-directory -f packaging/linux/install.mk $@

# Whoever cannot run the last part learns it first, not after ten minutes.
test:
	@[ "$$(id -u)" = 0 ] || { echo "make test: the tests against real gateways make network namespaces and need root." >&2; \
	  echo "Run it as root; without root there is: make check" >&2; exit 1; }
	@$(NEED) race unit desktop interop
	@$(MAKE) --no-print-directory check unit interop

check:
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "not gofmt-ed:" $$bad >&2; exit 1; }
	CGO_ENABLED=0 $(GO) vet $(NOGL) ./...
	CGO_ENABLED=0 $(GO) tool staticcheck $(NOGL) ./...

# The desktop is built first: a test's limit of time is not for a compiler.
unit: desktop
	@$(NEED) race unit
	CGO_ENABLED=1 $(GO) test -race $(NOGL) -timeout 10m $(UNIT)

interop:
	@[ "$$(id -u)" = 0 ] || { echo "make interop: network namespaces need root" >&2; exit 1; }
	@$(NEED) interop
	$(GO) test -count=1 -timeout 25m $(REAL)

# The pictures of the README, in the windows of that test: some minutes, for a
# graph that is full. All that it saw is in build/screenshots.
screenshots: desktop
	@$(NEED) unit
	CULVERT_SCREENSHOTS=$(CURDIR)/build/screenshots $(GO) test $(NOGL) -count=1 -timeout 15m -run TestDesktop ./ui/e2e
	@mkdir -p assets/screenshots
	cd build/screenshots && for f in light-3-connected dark-2-failure light-4-editor day-01-first-run; do \
	  cp $$f.png $(CURDIR)/assets/screenshots/$${f##*[0-9]-}.png; done

soak:
	@[ "$$(id -u)" = 0 ] || { echo "make soak: network namespaces need root" >&2; exit 1; }
	@$(NEED) interop
	$(GO) test -count=1 -timeout 60m -run '(StrongSwan|Libreswan)/rekey' -v $(REAL) -args -soak 5m

fuzz:
	@set -e; for p in $(UNIT); do \
	  list=$$($(GO) test -list '^Fuzz' $$p); \
	  for f in $$(echo "$$list" | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
	  done; done

# COMPARE is for the comparison: see $(GO) run ./engine/interop/compare -help
bench:
	@[ "$$(id -u)" = 0 ] || { echo "make bench: network namespaces need root" >&2; exit 1; }
	@$(NEED) bench
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 200ms $(UNIT)
	$(GO) run ./engine/interop/compare $(COMPARE)

clean:
	rm -rf build
