# Tests, fuzzers, benchmarks: included by the Makefile.
# tests/unit/NAME.c is one program, build/tests/NAME, linked with cmocka, libeidetic.a and tests/fx;
# tests/fuzz/NAME.c is one entry, build/fuzz/NAME, run over tests/corpus/NAME.
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*.c) $(wildcard tests/plugins/*.c))
UNIT_BIN := $(patsubst tests/plugins/%.c,$(BUILD)/tests/plugin_%,$(UNIT_BIN))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(filter-out tests/fuzz/driver.c,$(wildcard tests/fuzz/*.c)))
FX_OBJ   := $(call obj,$(wildcard tests/fx/*.c) samples/forge/isf_layout.c)

# Whole, so that what only plugins call is there too.
WHOLE_LIB = -Wl,--whole-archive $(BUILD)/libeidetic.a -Wl,--no-whole-archive $(PKG_LIBS)
LINK_TEST = $(QUIET_LD)$(CC) $(OPT) -rdynamic $(LDFLAGS) $(filter %.o,$^) $(WHOLE_LIB) -pthread

$(BUILD)/tests/plugin_%: $(BUILD)/obj/tests/plugins/%.o $(FX_OBJ) $(BUILD)/libeidetic.a
	@mkdir -p $(@D)
	$(LINK_TEST) -lcmocka -o $@

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(FX_OBJ) $(FORGE_PART_OBJ) $(BUILD)/libeidetic.a
	@mkdir -p $(@D)
	$(LINK_TEST) -lcmocka -o $@

# The forge shares nothing with the readers, so its tests take from the library only what it uses.
FORGE_PARTS := $(call obj,$(filter-out samples/forge/main.c,$(wildcard samples/forge/*.c)))
$(BUILD)/tests/forge_%: $(BUILD)/obj/tests/unit/forge_%.o $(FORGE_PARTS) $(BUILD)/libeidetic.a
	@mkdir -p $(@D)
	$(QUIET_LD)$(CC) $(OPT) $(LDFLAGS) $^ $(PKG_LIBS) -lcmocka -pthread -o $@

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/driver.o $(BUILD)/libeidetic.a
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@

$(BUILD)/hive-dump: $(BUILD)/obj/tests/parity/hives/dump.o $(BUILD)/libeidetic.a
	$(LINK_TEST) -o $@

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libeidetic.a
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@

.PRECIOUS: $(BUILD)/obj/%.o

# ---- make check -----------------------------------------------------------------------------
.PHONY: check check-build
check-build: all $(UNIT_BIN) $(FUZZ_BIN) $(TEST_EXTRA)

check: check-build
	@tests/run $(BUILD)

# ---- make check-profiles: images of every known build, every plugin (make check: of each family one)
# ISF: folders with symbol files of kernels to take as well.
.PHONY: check-profiles
check-profiles: all
	@EIDETIC_BUILD=$(BUILD) sh tests/cli/builds_all $(or $(ISF),$(or $(EIDETIC_SHARED),../shared)/data/isf)

# ---- make golden: the rows that are kept, anew ----------------------------------------------
.PHONY: golden
golden: all
	@tests/golden/make $(BUILD) tests/golden

# ---- make asan, tsan: the same tests under the sanitizers -----------------------------------
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
.PHONY: asan tsan
asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT=-O1 CFLAGS="$(ASAN)" LDFLAGS="$(ASAN)" check

tsan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan OPT=-O1 CFLAGS=-fsanitize=thread LDFLAGS=-fsanitize=thread check

# ---- make lint ------------------------------------------------------------------------------
.PHONY: lint format
lint: all
	@CC=$(CC) tests/lint $(BUILD)

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

# ---- make fuzz: minutes of libFuzzer for each entry (FUZZ_SECONDS each) ---------------------
FUZZ_SECONDS ?= 60
FUZZ_FLAGS   := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
.PHONY: fuzz
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzzing CC=clang OPT=-O1 CFLAGS="$(FUZZ_FLAGS)" \
	    LDFLAGS="$(FUZZ_FLAGS)" FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz-run

FUZZERS := $(notdir $(FUZZ_BIN))
.PHONY: fuzz-run $(FUZZERS:%=fuzz-%)
fuzz-run: $(FUZZERS:%=fuzz-%)
$(FUZZERS:%=fuzz-%): fuzz-%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libeidetic.a
	@mkdir -p $(BUILD)/libfuzzer $(BUILD)/found/$*
	@$(CC) $(OPT) -fsanitize=fuzzer,address,undefined $< $(WHOLE_LIB) -pthread -o $(BUILD)/libfuzzer/$*
	@echo "  fuzz  $* for $(FUZZ_SECONDS) s"
	@$(BUILD)/libfuzzer/$* -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 -rss_limit_mb=4096 \
	    -timeout=10 $(BUILD)/found/$* $(wildcard tests/corpus/$*/good tests/corpus/$*/bad) 2>&1 | tail -4

# ---- make bench -----------------------------------------------------------------------------
BENCH_BIN := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
.PHONY: bench bench-build
bench-build: all $(BENCH_BIN)

bench: bench-build
	@tests/bench/run $(BUILD)
