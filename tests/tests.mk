# Tests, fuzzers, benchmarks: included by the Makefile.
# tests/unit/NAME.c is one program, build/tests/NAME, linked with cmocka, libeidetic.a and tests/fx.
UNIT_SRC := $(wildcard tests/unit/*.c)
FX_SRC   := $(wildcard tests/fx/*.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(call obj,$(FX_SRC)) $(BUILD)/libeidetic.a
	@mkdir -p $(@D)
	$(QUIET_LD)$(CC) $(OPT) -rdynamic $(LDFLAGS) $(filter %.o,$^) -Wl,--whole-archive $(BUILD)/libeidetic.a \
	    -Wl,--no-whole-archive $(PKG_LIBS) -lcmocka -pthread -o $@
