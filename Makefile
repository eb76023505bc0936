# SPDX-License-Identifier: Apache-2.0
# The Tcl package nats. `make help` tells what there is.

# Written down in tclbind/package.go alone.
VERSION := $(shell sed -n 's/^const Version = "\(.*\)"/\1/p' tclbind/package.go)
GO     ?= go
TCLSH  ?= tclsh

# tclConfig.sh says for which Tcl to build: give it, or it is looked for where tclsh and
# systems have it.
TCL_CONFIG ?= $(shell TCLSH="$(TCLSH)" sh tests/tclconfig)
config = $(shell . "$(TCL_CONFIG)" 2>/dev/null && echo "$$$(1)")

# The C compiler: Go's, or the one that there is.
compiler = $(shell sh tests/compiler "$(GO)")

tcl_major = $(call config,TCL_MAJOR_VERSION)
name      = $(if $(filter-out 8,$(tcl_major)),tcl9nats,nats)
suffix    = $(or $(call config,TCL_SHLIB_SUFFIX),.so)
library   = build/lib$(name)$(VERSION)$(suffix)

sources = $(shell find . \( -path ./build -o -path ./dist -o -path ./tests \) -prune -o -name '*.go' -not -name '*_test.go' -print) \
	$(wildcard tclbind/script/*.tcl tclbind/ctcl/*.[ch]) go.mod go.sum

# On macOS: the oldest that Go supports, or else it would be that of this machine.
MACOSX_DEPLOYMENT_TARGET ?= 12.0
export MACOSX_DEPLOYMENT_TARGET

build_flags = -tags ctcl$(without) -buildmode=c-shared
# What is given away does not tell where it was built: the same sources give the same file.
given_flags = -trimpath -buildvcs=false $(build_flags) -ldflags "-s -w -buildid="
# SERVER=no leaves the server out, which is half of the library.
without = $(if $(filter no,$(SERVER)),$(comma)noserver)
comma   = ,

# Where this Tcl looks for packages; with prefix (or PREFIX), lib below that.
install_prefix = $(or $(prefix),$(PREFIX))
package_root   = $(if $(install_prefix),$(install_prefix)/lib,$(tcl_packages))
# Looked for once, when it is asked for.
tcl_packages   = $(eval tcl_packages := $(shell TCL_CONFIG="$(TCL_CONFIG)" TCLSH="$(TCLSH)" sh tests/packagedir))$(tcl_packages)
package_dir    = $(package_root)/nats$(VERSION)
# Documents go beside it, or where the system has them.
man_dir = $(if $(install_prefix),$(install_prefix)/share/man/mann,$(package_dir)/man/mann)
doc_dir = $(if $(install_prefix),$(install_prefix)/share/doc/nats$(VERSION),$(package_dir))

natsh_all = $(addprefix natsh-,linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64)

.PHONY: all help deps manual demo test stress bench install uninstall clean natsh natsh-all $(natsh_all) windows test-windows release dist

all: deps $(library) manual

help:
	@echo "make            build the package for the Tcl of tclConfig.sh (TCL_CONFIG=file to say which; SERVER=no"
	@echo "                leaves the built-in server out)"
	@echo "make demo       build it and run examples/config_cache.tcl (FILE=file to load another file)"
	@echo "make test       run all tests; what they need beside Go, gcc and make is installed"
	@echo "make stress     clients of all kinds work while servers and connections fail, and what they were told is"
	@echo "                checked; for DURATION=2h; SEED=n repeats what is random"
	@echo "make natsh      build natsh, the shell that needs no Tcl, for this machine"
	@echo "make natsh-all  build natsh for all platforms, into build/"
	@echo "make windows    build the library for Windows, Tcl 8.6 and 9, with mingw-w64"
	@echo "make test-windows  try that and natsh.exe under wine; both Tcls for Windows are built for that, too, or"
	@echo "                TCLSH_WIN=file names a tclsh for Windows"
	@echo "make release    build the libraries for Linux on amd64 and arm64, for glibc 2.17 and newer"
	@echo "make dist       pack all that is given away, for all platforms, into dist/"
	@echo "make bench      time C Tcl and natsh against the same programs in Go, and write docs/bench.md and"
	@echo "                its charts. CASES=\"put keys\" runs some and writes nothing, CASES=list names"
	@echo "                them; ROUNDS=n; BIG=1 adds buckets of 1,000,000 keys; CPU=1 measures the"
	@echo "                processors' time instead of the time that passes, on a busy machine; OTHER=dir times another"
	@echo "                implementation of the package nats beside it (a case that it cannot run is left out);"
	@echo "                OTHER=tests/bench/floor the least that some of them can cost in Tcl"
	@echo "make manual     make manual pages and HTML of docs/manual, into build/man and build/html"
	@echo "make install    install the package where this Tcl looks (DESTDIR and prefix are honoured)"
	@echo "make uninstall  remove it from there"
	@echo "make clean      remove what was built"

# What a fresh machine with Go, gcc and make lacks.
deps:
	@TCL_CONFIG="$(TCL_CONFIG)" sh tests/needs "$(GO)" "$(TCLSH)"

# What Tcl reads needs the version, too.
pkgIndex.tcl: tclbind/package.go
	@sed -i.old 's/^}} $$dir [0-9].*/}} $$dir $(VERSION)/' $@ && rm -f $@.old && touch $@

$(library): $(sources) pkgIndex.tcl | deps
	@test -f "$(TCL_CONFIG)" || { echo "There is no tclConfig.sh$(if $(TCL_CONFIG), at $(TCL_CONFIG)): say where it is, TCL_CONFIG=FILE" >&2; exit 1; }
	@mkdir -p build
	@rm -f $@ # not written over: a process may have it loaded
	CGO_ENABLED=1 CC="$(compiler)" CGO_CFLAGS="-O2 -DUSE_TCL_STUBS $(call config,TCL_INCLUDE_SPEC)" \
	$(GO) build $(build_flags) -ldflags "-s -w" -o $@ .
	@rm -f $(basename $@).h

# Manual pages (man n nats_key_value) and HTML of the same text.
manual: build/man/mann/nats.n

build/man/mann/nats.n: $(wildcard docs/manual/*.md) tests/manual/main.go tclbind/package.go
	@mkdir -p build
	$(GO) run ./tests/manual -version $(VERSION) -from docs/manual -to build

demo: all
	@TCLLIBPATH="{$(CURDIR)}" "$(TCLSH)" examples/config_cache.tcl $(FILE)

test: all build/nats-server build/nats-server-2.10 build/keys
	@TCL_CONFIG="$(TCL_CONFIG)" sh tests/needs "$(GO)" "$(TCLSH)" tests
	@CC="$(compiler)" TCL_CONFIG="$(TCL_CONFIG)" GO="$(GO)" TCLSH="$(TCLSH)" bash tests/run

# What goes wrong meanwhile, and what is checked: docs/reliability.md.
DURATION ?= 5m
stress: all natsh build/nats-server
	@$(GO) build -o build/stress ./tests/stress
	@TCLLIBPATH="{$(CURDIR)}" build/stress -duration $(DURATION) -tclsh "$(TCLSH)" $(if $(SEED),-seed $(SEED))

# A server as a process of its own, for tests that kill or freeze one.
build/nats-server: go.mod go.sum
	@mkdir -p build
	$(GO) build -o $@ github.com/nats-io/nats-server/v2

# An older one, which lacks what came after it. Without the module proxy the suite that needs it is skipped.
build/nats-server-2.10: tests/oldserver/go.mod tests/oldserver/go.sum
	@mkdir -p build
	-cd tests/oldserver && "$(GO)" build -o ../../$@ github.com/nats-io/nats-server/v2

# Makes NKeys and JWTs for the tests.
build/keys: tests/keys/main.go go.mod go.sum
	@mkdir -p build
	$(GO) build -o $@ ./tests/keys

# The library for Windows, by mingw-w64: for Tcl 8.6 and 9, with the headers of both.
windows:
	@TCL_CONFIG="$(TCL_CONFIG)" sh tests/needs "$(GO)" "$(TCLSH)" windows
	@GO="$(GO)" VERSION="$(VERSION)" BUILD_FLAGS='$(given_flags)' sh tests/windows

# What is built for Windows, under wine.
test-windows: windows natsh-windows-amd64
	@TCLSH_WIN="$(TCLSH_WIN)" TCL_LIBRARY_WIN="$(TCL_LIBRARY_WIN)" SUITES="$(SUITES)" sh tests/windows-run

# Libraries that load on older Linuxes, too: amd64 and arm64 (ARCHS), Tcl 8.6 and 9.
ARCHS ?= amd64 arm64
release:
	@TCL_CONFIG="$(TCL_CONFIG)" sh tests/needs "$(GO)" "$(TCLSH)" $(ARCHS)
	@GO="$(GO)" VERSION="$(VERSION)" BUILD_FLAGS='$(given_flags)' ARCHS="$(ARCHS)" sh tests/release

# All that is given away, into dist/.
dist: release windows natsh-all manual
	@GO="$(GO)" VERSION="$(VERSION)" sh tests/packages

natsh:
	CGO_ENABLED=0 $(GO) build -ldflags "-s -w" -o build/natsh ./tclbind/natsh

# Those that modernc.org/tcl has. Here they are built; only this machine's is run.
natsh-all: $(natsh_all)

$(natsh_all): natsh-%:
	CGO_ENABLED=0 GOOS=$(firstword $(subst -, ,$*)) GOARCH=$(lastword $(subst -, ,$*)) $(GO) build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid=" -o build/$@$(if $(filter windows-%,$*),.exe) ./tclbind/natsh

# The least that Tcl's own part of some cases of the benchmark costs.
build/floor$(suffix): tests/bench/floor/floor.c
	@mkdir -p build
	$(compiler) -O2 -std=gnu11 -Wall -Wextra -Wno-unused-parameter -shared -fPIC -DUSE_TCL_STUBS -DUSE_TCLOO_STUBS \
		$(call config,TCL_INCLUDE_SPEC) -o $@ $< $(call config,TCL_STUB_LIB_SPEC)

# The least that it costs with a core in Go, as this package has.
build/floorgo$(suffix): tests/bench/floor/floor.c tests/bench/floorgo/floor.c tests/bench/floorgo/main.go
	@mkdir -p build
	CGO_ENABLED=1 CC="$(compiler)" CGO_CFLAGS="-O2 -std=gnu11 -DUSE_TCL_STUBS -DUSE_TCLOO_STUBS $(call config,TCL_INCLUDE_SPEC)" \
		CGO_LDFLAGS="$(call config,TCL_STUB_LIB_SPEC)" $(GO) build -tags floor -buildmode=c-shared -ldflags "-s -w" -o $@ ./tests/bench/floorgo

# Tcl and the same programs in Go, in turn (tests/bench).
ROUNDS ?= 7
bench: all natsh build/nats-server $(patsubst %,build/%$(suffix),$(notdir $(filter %bench/floor %bench/floorgo,$(OTHER))))
	@$(GO) build -o build/bench ./tests/bench
	@build/bench $(if $(filter list,$(CASES)),-list,-tclsh "$(TCLSH)" -rounds $(ROUNDS) \
		-cases "$(CASES)" -docs docs -other "$(OTHER)" $(if $(BIG),-big) $(if $(CPU),-cpu))

# What is built is installed without Go, which root's PATH often lacks; with it, it is brought up to date.
install: $(if $(shell command -v "$(GO)"),$(library))
	@case "$(package_root)" in /*) ;; *) echo "There is no folder to install to: say prefix=DIR, an absolute path" >&2; exit 1;; esac
	@test -f "$(library)" || { echo "There is no $(library) to install, and no Go to build it: run make, as a user with Go on the PATH" >&2; exit 1; }
	mkdir -p "$(DESTDIR)$(package_dir)" "$(DESTDIR)$(doc_dir)"
	rm -f "$(DESTDIR)$(package_dir)/$(notdir $(library))"
	cp $(library) pkgIndex.tcl "$(DESTDIR)$(package_dir)"
	cp -R docs examples README.md CHANGELOG.md LICENSE "$(DESTDIR)$(doc_dir)"
	@if test -d build/man/mann; then mkdir -p "$(DESTDIR)$(man_dir)" && cp build/man/mann/nats*.n "$(DESTDIR)$(man_dir)" \
		&& rm -rf "$(DESTDIR)$(doc_dir)/html" && cp -R build/html "$(DESTDIR)$(doc_dir)"; fi
	@echo "installed in $(DESTDIR)$(package_dir)"

uninstall:
	@case "$(package_root)" in /*) ;; *) echo "There is no folder to remove from: say prefix=DIR, an absolute path" >&2; exit 1;; esac
	rm -f $(foreach page,$(notdir $(wildcard docs/manual/*.md)),"$(DESTDIR)$(man_dir)/$(page:.md=.n)")
	rm -rf "$(DESTDIR)$(package_dir)" "$(DESTDIR)$(doc_dir)"

clean:
	rm -rf build dist
