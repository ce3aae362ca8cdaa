# A thin front for Meson: the build itself is in meson.build.
BUILD ?= build

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

check: all
	meson test -C $(BUILD) --print-errorlogs

install: all
	meson install -C $(BUILD)

# make bench-maps runs bench/maps.c
bench-%: $(BUILD)/build.ninja
	@ninja -C $(BUILD) bench/bench-$* >/dev/null
	@$(BUILD)/bench/bench-$*

clean:
	rm -rf $(BUILD)

.PHONY: all check install clean
