# A thin front for Meson: the build itself is in meson.build.
BUILD ?= build

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

check: all
	meson test -C $(BUILD) --print-errorlogs

# Linux's own verifier tests, unpacked from Debian's linux-source-6.1 package.
check-selftests: all
	@ninja -C $(BUILD) check-selftests

install: all
	meson install -C $(BUILD)

# make bench-maps runs bench/maps.c
bench-%: $(BUILD)/build.ninja
	@ninja -C $(BUILD) bench/bench-$* >/dev/null
	@$(BUILD)/bench/bench-$*

clean:
	rm -rf $(BUILD)

.PHONY: all check check-selftests install clean
