# A thin front for Meson: the build itself is in meson.build.
#
#	make			builds into build/
#	make check		and runs the tests
#	make install		to PREFIX (/usr/local), below DESTDIR when that is given
#	make bench-NAME		runs bench/NAME.c
BUILD ?= build
PREFIX ?= /usr/local

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

check: all
	meson test -C $(BUILD) --print-errorlogs

# Linux's own verifier tests, unpacked from Debian's linux-source-6.1 package.
check-selftests: all
	@ninja -C $(BUILD) check-selftests

# eBPF as Debian's packages ship it (scripts/deps objects), beside this machine's Linux.
check-objects: all
	@ninja -C $(BUILD) check-objects

# z3 proves the abstract numbers at 64 bits (half an hour); each check of the verifier is deleted in
# turn, and a test must miss it.
check-proofs check-deletions: all
	@ninja -C $(BUILD) $@

install: $(BUILD)/build.ninja
	@meson configure $(BUILD) -Dprefix='$(PREFIX)'
	@ninja -C $(BUILD)
	DESTDIR='$(DESTDIR)' meson install -C $(BUILD) --no-rebuild

# make bench-maps runs bench/maps.c
bench-%: $(BUILD)/build.ninja
	@ninja -C $(BUILD) bench/bench-$* >/dev/null
	@$(BUILD)/bench/bench-$*

# With the programs that this machine has.
bench-verifier: $(BUILD)/build.ninja
	@ninja -C $(BUILD) bench/bench-verifier >/dev/null
	@bench/verifier.sh $(BUILD) $(BENCH_ARGS)

clean:
	rm -rf $(BUILD)

.PHONY: all bench-verifier check check-selftests check-objects install clean
