# Eidetic. `make help` lists the targets. Plain make, no configure step: the compiler's own
# dependency files say what to rebuild.
# SPDX-License-Identifier: Apache-2.0

VERSION   := 0.1.0
PREFIX    ?= /usr/local
BUILD     ?= build
PKGS      := liblzma zlib jansson capstone libxml-2.0 yara libpcre2-8 libcrypto yaml-0.1
TEST_PKGS := cmocka

CC        ?= gcc
OPT       ?= -O2
WARN      := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
             -Wno-missing-field-initializers
STD       := -std=gnu11 -fvisibility=hidden -fPIC -pthread -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
CPPFLAGS  += -I. -Icore/include -Icore -I$(BUILD)/gen -DEI_VERSION='"$(VERSION)"'
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl
CFLAGS_ALL = $(STD) $(WARN) $(OPT) -g $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -include core/base/banned.h

CORE_DIRS := base image space profile win registry scan ioc run out
CORE_SRC  := $(foreach d,$(CORE_DIRS),$(wildcard core/$(d)/*.c))
CLI_SRC   := $(wildcard core/cli/*.c)
PLUGINS   := $(sort $(wildcard plugins/*.c))
FORGE_SRC := $(wildcard samples/forge/*.c)
obj        = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIB_OBJ   := $(call obj,$(CORE_SRC) $(PLUGINS)) $(BUILD)/obj/gen/plugin_list.o $(BUILD)/obj/gen/profiles.o
# What the profile packer itself stands on: it makes gen/profiles.S, so it cannot need it.
PACK_OBJ  := $(call obj,$(wildcard core/base/*.c core/profile/*.c) profiles/pack.c)

.PHONY: all help demo
all: $(BUILD)/eidetic $(BUILD)/libeidetic.so $(BUILD)/forge

help:
	@echo 'make           build the command, the library and the image generator into $(BUILD)/'
	@echo 'make demo      forge a sample intrusion and run the main job on it'
	@echo 'make check     all tests (check-profiles: images of every known build, minutes)'
	@echo 'make asan      all tests under AddressSanitizer and UBSan (tsan: ThreadSanitizer)'
	@echo 'make lint      format, sizes, include arrows, headers alone, plugin statics'
	@echo 'make golden    the rows that tests/golden keeps, anew: read the difference before you take it'
	@echo 'make fuzz      a minute of libFuzzer for every parser (FUZZ_SECONDS=60)'
	@echo 'make bench     throughput and latency against the budgets'
	@echo 'make profiles  distil the built-in profiles again from their sources (PROFILE_DATA="DIR...")'
	@echo 'make install   the command, library, headers, man page; PREFIX=/usr/local DESTDIR= (uninstall)'

demo: all
	@samples/demo $(BUILD)

include tests/tests.mk

# ---- objects --------------------------------------------------------------------------------
$(BUILD)/obj/%.o: %.c | deps
	@mkdir -p $(@D)
	$(QUIET_CC)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# Kernels are built for their own instruction set and only called where the processor has it.
$(BUILD)/obj/core/scan/x86_ssse3.o: CFLAGS_ALL += -mssse3 -msse4.1
$(BUILD)/obj/core/scan/x86_avx2.o:  CFLAGS_ALL += -mavx2 -mbmi -mbmi2
$(BUILD)/obj/core/scan/x86_avx512.o: CFLAGS_ALL += -mavx2 -mbmi -mbmi2 -mavx512f -mavx512bw \
    -mavx512vl -mavx512vbmi -mavx512vbmi2

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(QUIET_CC)$(CC) $(CFLAGS_ALL) -c $< -o $@

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.S
	@mkdir -p $(@D)
	$(QUIET_CC)$(CC) -c $< -o $@

# Dropping a file into plugins/ is the registration.
$(BUILD)/gen/plugin_list.c: $(PLUGINS) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "run/builtin.h"'; \
	   for p in $(basename $(notdir $(PLUGINS))); do echo "extern const ei_plugin ei_plugin_$$p;"; done; \
	   echo 'const ei_plugin *const builtin_plugins[] = {'; \
	   for p in $(basename $(notdir $(PLUGINS))); do echo "	&ei_plugin_$$p,"; done; \
	   echo '	0'; echo '};'; } > $@

$(BUILD)/pack: $(PACK_OBJ)
	$(QUIET_LD)$(CC) $(OPT) $(LDFLAGS) $^ $(PKG_LIBS) -pthread -o $@

$(BUILD)/gen/profiles.S: $(BUILD)/pack $(wildcard profiles/*.json)
	@mkdir -p $(@D)
	$(QUIET_GEN)$(BUILD)/pack $(BUILD)/gen $(sort $(wildcard profiles/*.json))

# ---- products -------------------------------------------------------------------------------
$(BUILD)/libeidetic.a: $(LIB_OBJ)
	$(QUIET_LD)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/libeidetic.so: $(LIB_OBJ)
	$(QUIET_LD)$(CC) $(OPT) -shared -Wl,-soname,libeidetic.so.0 $(LDFLAGS) $^ $(PKG_LIBS) -pthread -o $@

$(BUILD)/eidetic: $(call obj,$(CLI_SRC)) $(BUILD)/libeidetic.a
	$(QUIET_LD)$(CC) $(OPT) -rdynamic $(LDFLAGS) $(call obj,$(CLI_SRC)) \
	    -Wl,--whole-archive $(BUILD)/libeidetic.a -Wl,--no-whole-archive $(PKG_LIBS) -pthread -o $@

$(BUILD)/forge: $(call obj,$(FORGE_SRC)) $(BUILD)/libeidetic.a
	$(QUIET_LD)$(CC) $(OPT) $(LDFLAGS) -Wl,-u,builtin_block $^ $(PKG_LIBS) -lm -pthread -o $@

ifeq ($(V),)
QUIET_CC  = @echo "  cc    $<";
QUIET_LD  = @echo "  link  $@";
QUIET_GEN = @echo "  gen   $@";
endif

# The profiles of this folder, anew from the symbol files they come from (profiles/README.md).
PROFILE_DATA ?= ../shared/data ../shared/data/isf
$(BUILD)/distil: $(call obj,profiles/distil.c) $(BUILD)/libeidetic.a
	$(QUIET_LD)$(CC) $(OPT) -rdynamic $(LDFLAGS) $(call obj,profiles/distil.c) \
	    -Wl,--whole-archive $(BUILD)/libeidetic.a -Wl,--no-whole-archive $(PKG_LIBS) -pthread -o $@

.PHONY: profiles
profiles: $(BUILD)/distil
	rm -rf $(BUILD)/distilled && mkdir -p $(BUILD)/distilled
	$(BUILD)/distil $(addprefix --root ,$(PROFILE_DATA)) --sources profiles/sources.tsv \
	    --names profiles/names.txt -o $(BUILD)/distilled
	rm -f profiles/*.json && mv $(BUILD)/distilled/*.json profiles/

# ---- make install, uninstall ----------------------------------------------------------------
HEADERS  := $(wildcard core/include/eidetic/*.h)
INTO      = $(DESTDIR)$(PREFIX)
SO_LINKS  = libeidetic.so libeidetic.so.$(firstword $(subst ., ,$(VERSION)))
FILL      = sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(PKG_LIBS)|'

.PHONY: install uninstall
install: all $(BUILD)/libeidetic.a
	install -d $(INTO)/bin $(INTO)/include/eidetic $(INTO)/lib/pkgconfig $(INTO)/share/man/man1
	install -m 755 $(BUILD)/eidetic $(INTO)/bin/eidetic
	install -m 644 $(HEADERS) $(INTO)/include/eidetic
	install -m 644 $(BUILD)/libeidetic.a $(INTO)/lib/libeidetic.a
	install -m 755 $(BUILD)/libeidetic.so $(INTO)/lib/libeidetic.so.$(VERSION)
	for link in $(SO_LINKS); do ln -sf libeidetic.so.$(VERSION) $(INTO)/lib/$$link; done
	$(FILL) core/eidetic.pc.in >$(INTO)/lib/pkgconfig/eidetic.pc
	$(FILL) core/cli/eidetic.1 >$(INTO)/share/man/man1/eidetic.1

uninstall:
	rm -f $(INTO)/bin/eidetic $(INTO)/share/man/man1/eidetic.1 $(INTO)/lib/pkgconfig/eidetic.pc
	rm -f $(addprefix $(INTO)/lib/,libeidetic.a libeidetic.so.$(VERSION) $(SO_LINKS))
	rm -f $(addprefix $(INTO)/include/eidetic/,$(notdir $(HEADERS)))
	rmdir $(INTO)/include/eidetic 2>/dev/null || true

# ---- set-up ---------------------------------------------------------------------------------
.PHONY: deps
deps:
	@pkg-config --exists $(PKGS) 2>/dev/null || sh .ci/setup

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: clean
clean:
	rm -rf $(BUILD)
