# Usher. `make run` and `make test` are all a newcomer needs; each installs what it lacks.

PACKAGES      = g++ libssl-dev libcrypt-dev libargon2-dev libpwquality-dev libcrack2-dev cracklib-runtime libsystemd-dev libsqlite3-dev \
                libtomlplusplus-dev pkg-config dpkg-dev socat
TEST_PACKAGES = mandoc openssl python3 python3-venv python3-pytest python3-jwt python3-django python3-argon2 python3-passlib \
                ruby ruby-jwt ruby-bcrypt ruby-rack ruby-sinatra ruby-rack-test puma php-cli php-cgi php-nyholm-psr7 python3-flask python3-fastapi \
                nodejs node-express node-typescript systemd valgrind
# What the benchmarks compare with.
BENCH_PACKAGES = gcc redis-server python3-venv python3-jwt ruby ruby-jwt

# A release has the Swift and C++ runtimes in it and needs only Debian's own libraries. (The C++ library is found in a folder where there is
# only the static one; relative relocations, packed, take 4 KB instead of 550. Optimized across modules when it is linked, a VERIFY takes 4 % less.)
RELEASE = swift build -c release --static-swift-stdlib --experimental-lto-mode=full -Xswiftc -use-ld=lld -Xlinker -L$(CURDIR)/.build/static \
          -Xlinker -z -Xlinker pack-relative-relocs -Xlinker --gc-sections
# An import that Package.swift does not name is an error: SwiftPM alone would let it pass.
STRICT  = --explicit-target-dependency-import-check error

USHERD   ?= .build/release/usherd
USHERCTL ?= .build/release/usherctl
VERSION = $(shell sed -n 's/.*static let version = "\(.*\)"/\1/p' Sources/UsherModel/Version.swift)
STATE   = $(CURDIR)/state

# Where `make install` puts things: DESTDIR is put before all paths and goes into no file; PREFIX goes into the units. Settings are in /etc.
PREFIX   = /usr/local
SBIN     = $(DESTDIR)$(PREFIX)/sbin
UNITS    = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERS = $(DESTDIR)$(PREFIX)/lib/sysusers.d
CATALOG  = $(DESTDIR)$(PREFIX)/lib/systemd/catalog
MAN      = $(DESTDIR)$(PREFIX)/share/man
DOC      = $(DESTDIR)$(PREFIX)/share/doc/usher
# Where shells look for completions. (zsh: Debian's own folder for packages, or that of the machine's administrator.)
BASH_COMPLETION = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/usherctl
ZSH_COMPLETION  = $(DESTDIR)$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)/_usherctl
FISH_COMPLETION = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/usherctl.fish

.PHONY: build run install uninstall deb test test-clients test-systemd check lint test-tsan fuzz bench instructions deps test-deps clean

build: deps
	@mkdir -p .build/static && ln -sf "$$(g++ -print-file-name=libstdc++.a)" .build/static/
	@$(RELEASE) --product usherd
	@$(RELEASE) --product usherctl

run: build
	@echo
	@echo "  When it is ready, type in another terminal:   socat READLINE UNIX-CONNECT:$(STATE)/usher.sock"
	@echo "  and there:                                    HELP"
	@echo
	@exec $(USHERD) --listen $(STATE)/usher.sock --admin-listen $(STATE)/admin.sock --state $(STATE)

# What was built; root need not have a Swift.
install:
	@for program in $(USHERD) $(USHERCTL); do \
	    test -x $$program || { echo "There is no $$program: run \`make build\` first." >&2; exit 1; }; done
	install -D -s -m 0755 $(USHERD) $(SBIN)/usherd
	install -D -s -m 0755 $(USHERCTL) $(SBIN)/usherctl
	@install -d $(dir $(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION))
	$(USHERCTL) --generate-completion-script bash >$(BASH_COMPLETION)
	$(USHERCTL) --generate-completion-script zsh >$(ZSH_COMPLETION)
	$(USHERCTL) --generate-completion-script fish >$(FISH_COMPLETION)
	@chmod 0644 $(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION)
	@install -d $(UNITS)
	for unit in systemd/*.service systemd/*.socket systemd/*.timer; do \
	    sed 's|/usr/sbin/|$(PREFIX)/sbin/|' $$unit >$(UNITS)/$${unit#*/} && chmod 0644 $(UNITS)/$${unit#*/} || exit 1; done
	install -D -m 0644 systemd/usher.sysusers $(SYSUSERS)/usher.conf
	install -D -m 0644 systemd/usher.catalog $(CATALOG)/usher.catalog
	install -D -m 0644 man/usherd.8 $(MAN)/man8/usherd.8
	install -D -m 0644 man/usherctl.8 $(MAN)/man8/usherctl.8
	install -D -m 0644 man/usher.toml.5 $(MAN)/man5/usher.toml.5
	install -D -m 0644 protocol.md $(DOC)/protocol.md
	test -e $(DESTDIR)/etc/usher/usher.toml || install -D -m 0644 systemd/usher.toml $(DESTDIR)/etc/usher/usher.toml
ifeq ($(DESTDIR),)
	@printf '%s\n' "" "Now, as root:" \
	    "    systemd-sysusers $(SYSUSERS)/usher.conf       # the user usherd, the group usher" \
	    "    journalctl --update-catalog" \
	    $(if $(filter-out /usr /usr/local,$(PREFIX)),"    systemctl link $(UNITS)/usher*.[st]*           # systemd looks for none below $(PREFIX)") \
	    "    systemctl daemon-reload" \
	    "    systemctl enable --now usher.socket" \
	    "    systemctl try-restart usher.service 'usher@*.service'    # where an older one runs"
endif

# Settings, state and the user usherd stay.
uninstall:
	rm -f $(SBIN)/usherd $(SBIN)/usherctl $(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION) $(foreach unit,$(wildcard systemd/*.service systemd/*.socket systemd/*.timer),$(UNITS)/$(notdir $(unit))) \
	    $(SYSUSERS)/usher.conf $(CATALOG)/usher.catalog $(MAN)/man8/usherd.8 $(MAN)/man8/usherctl.8 $(MAN)/man5/usher.toml.5 $(DOC)/protocol.md

# A package for the Debian that it is built on.
deb: build
	@debian/build $(VERSION) .build/deb

# Everything that can fail: unit tests, then the real daemon from outside, then its clients, then under a real systemd.
test: test-deps build
	@Tests/run

# The clients alone.
test-clients: test-deps build
	@.venv/bin/python -m pytest -q Tests/Clients

# The last part alone. It needs root: the tests boot a systemd in namespaces of their own.
test-systemd: test-deps build
	@.venv/bin/python -m pytest -q -ra Tests/Systemd

check: lint test-deps
	swift build $(STRICT) --build-tests
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory instructions

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

test-tsan: test-deps
	TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/tsan.suppressions swift test $(STRICT) --sanitize thread --scratch-path .build-tsan

fuzz: deps
	@Tests/Fuzz/run 30

bench: build
	@Tests/packages $(BENCH_PACKAGES) || echo "What needs them is skipped."
	@Benchmarks/pyjwt .build/pyjwt
	@python3 Benchmarks/bench.py --usherd $(USHERD) --python .build/pyjwt/bin/python --json .build/bench.json --svg .build/bench.svg

# Whether a request takes more instructions than it did.
instructions: build
	@python3 Benchmarks/instructions.py --usherd $(USHERD)

deps:
	@Tests/packages $(PACKAGES)

test-deps: deps
	@Tests/packages $(TEST_PACKAGES)
	@Tests/venv .venv

clean:
	rm -rf .build .build-* .venv

# Three small web apps that share a login, on loopback.
DEMO_PACKAGES = php-cli python3 python3-flask ruby ruby-rack puma

.PHONY: demo test-demo

demo: build
	@Tests/packages $(DEMO_PACKAGES)
	@demo/run

# The demo in a real browser; screenshots stay in .build/demo.
test-demo: build
	@if Tests/packages $(DEMO_PACKAGES) procps python3-pytest python3-selenium chromium chromium-driver; \
	then /usr/bin/python3 -m pytest -q -ra Tests/Demo; \
	else echo "The demo is not tested: what it needs, a browser above all, is not to be had."; echo "1 skipped"; fi
