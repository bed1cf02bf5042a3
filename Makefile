# Usher. `make run` and `make test` are all a newcomer needs; each installs what it lacks.

PACKAGES      = g++ libssl-dev libcrypt-dev libsystemd-dev libsqlite3-dev libtomlplusplus-dev pkg-config socat
TEST_PACKAGES = python3 python3-venv python3-pytest python3-jwt ruby ruby-jwt php-cli systemd

# A release has the Swift and C++ runtimes in it and needs only Debian's own libraries. (The C++ library is found in a folder where there is
# only the static one; relative relocations, packed, take 4 KB instead of 550.)
RELEASE = swift build -c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker -L$(CURDIR)/.build/static \
          -Xlinker -z -Xlinker pack-relative-relocs -Xlinker --gc-sections --product usherd
# An import that Package.swift does not name is an error: SwiftPM alone would let it pass.
STRICT  = --explicit-target-dependency-import-check error

USHERD = .build/release/usherd
STATE  = $(CURDIR)/state

.PHONY: build run test test-systemd check lint test-tsan fuzz bench deps test-deps clean

build: deps
	@mkdir -p .build/static && ln -sf "$$(g++ -print-file-name=libstdc++.a)" .build/static/
	@$(RELEASE)

run: build
	@echo
	@echo "  When it is ready, type in another terminal:   socat READLINE UNIX-CONNECT:$(STATE)/usher.sock"
	@echo "  and there:                                    HELP"
	@echo
	@exec $(USHERD) --listen $(STATE)/usher.sock --state $(STATE)

# Everything that can fail: unit tests, then the real daemon from outside, then under a real systemd.
test: test-deps build
	@Tests/run

# That last part alone. It needs root: the tests boot a systemd in namespaces of their own.
test-systemd: test-deps build
	@.venv/bin/python -m pytest -q -ra Tests/Systemd

check: lint test-deps
	swift build $(STRICT) --build-tests
	@$(MAKE) --no-print-directory test

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

test-tsan: test-deps
	TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/tsan.suppressions swift test $(STRICT) --sanitize thread --scratch-path .build-tsan

fuzz: deps
	@Tests/Fuzz/run 30

bench: build
	@python3 Benchmarks/bench.py --usherd $(USHERD)

deps:
	@Tests/packages $(PACKAGES)

test-deps: deps
	@Tests/packages $(TEST_PACKAGES)
	@Tests/venv .venv

clean:
	rm -rf .build .build-* .venv
