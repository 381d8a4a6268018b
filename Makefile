# orderd: order engine. `make help` lists the targets.
#
# Everything built goes below $(B) (default build/), one directory per variant, so
# `make B=DIR` builds beside another build of the same tree. Compilers run in this
# directory: .incbin paths are relative to it.

VERSION := 0.1.0
B       ?= build
PREFIX  ?= /usr/local
DURATION ?= 60
# The binary stands in the top directory, unless another build directory was asked for.
BIN     := $(if $(filter build,$(B)),orderd,$(B)/orderd)
RUN     := $(if $(filter /%,$(BIN)),,./)$(BIN)

# As many jobs as processors, unless told otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

TP  := third_party/build
GEN := $(B)/gen
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# ---- sources -------------------------------------------------------------------
LAYERS := base plat store domain flow edge
LAYER_base := 1
LAYER_plat := 2
LAYER_store := 3
LAYER_domain := 4
LAYER_flow := 5
LAYER_edge := 6
LAYER_main := 7

SRC       := $(foreach l,$(LAYERS),$(sort $(wildcard src/$l/*.c)))
MAIN      := $(wildcard src/main.c)
TESTS     := $(sort $(wildcard test/run.c test/*_test.c))
# test/sim/x.c is a program $(B)/VARIANT/sim-x, and so on; test/lib/*.c is linked into all of them.
PROG_DIRS := sim crash bench
TEST_LIB  := $(sort $(wildcard test/lib/*.c))
PROGS     := $(foreach d,$(PROG_DIRS),$(sort $(wildcard test/$d/*.c)))
FUZZERS   := $(sort $(wildcard test/fuzz/*.c))
ALL_C     := $(SRC) $(MAIN) $(TESTS) $(TEST_LIB) $(PROGS) $(FUZZERS)

# ---- generated: rules.mk beside a generator appends to GENERATED -------------------
GENERATED := $(GEN)/version.h
-include $(sort $(wildcard src/*/gen/rules.mk))

COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
.PHONY: FORCE
FORCE:
$(GEN)/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define ORDERD_VERSION "%s"\n#define ORDERD_COMMIT "%s"\n' '$(VERSION)' '$(COMMIT)' >$@.$$$$; \
	if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

# Those of Debian's libraries as well: nothing here unwinds a stack.
GENERATED += $(GEN)/no_frames.ld
$(GEN)/no_frames.ld:
	@mkdir -p $(@D)
	@echo 'SECTIONS { /DISCARD/ : { *(.eh_frame) } } INSERT AFTER .rodata;' >$@

# ---- flags -----------------------------------------------------------------------
CC    := gcc
CLANG := clang
ARCH  := $(shell uname -m)
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection \
  $(if $(filter x86_64,$(ARCH)),-fcf-protection) $(if $(filter aarch64,$(ARCH)),-mbranch-protection=standard)
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
BASE := -std=gnu11 -g $(WARN) $(HARDEN) -ffunction-sections -fdata-sections -D_GNU_SOURCE \
  -Iinclude -I$(GEN) -isystem $(TP)/include
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs -Wl,--gc-sections -static-libgcc

VARIANTS := release asan tsan fuzz
CC_release     := $(CC)
# Frames are for debuggers: they stand in orderd.debug, not in the program.
LFLAGS_release := -Wl,-T,$(GEN)/no_frames.ld -Wl,--no-eh-frame-hdr
CFLAGS_release := -O2 -fno-asynchronous-unwind-tables -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
# What runs once per command or in a drill, and is large: made for size.
SMALL_release  := $(wildcard src/edge/sim*.c src/edge/cli*.c src/edge/demo*.c src/edge/config.c src/edge/import*.c \
  src/edge/export*.c src/edge/picklist.c src/edge/connector.c src/edge/connector_form.c src/edge/connector_test.c \
  src/edge/metrics.c src/domain/rule_file.c)
CC_asan        := $(CC)
CFLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -DORDERD_SANITIZE
CC_tsan        := $(CC)
CFLAGS_tsan    := -O1 -fno-omit-frame-pointer -fsanitize=thread -DORDERD_SANITIZE
CC_fuzz        := $(CLANG)
CFLAGS_fuzz    := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DORDERD_SANITIZE
LFLAGS_asan    := -fsanitize=address,undefined
LFLAGS_tsan    := -fsanitize=thread
LFLAGS_fuzz    := -fsanitize=address,undefined

# All but libc is linked statically, in this order.
LIBS := $(patsubst %,$(TP)/lib/lib%.a,curl sqlite3 cjson llhttp uv mbedtls mbedx509 mbedcrypto utf8proc argon2 expat z lz4)
SYS_LIBS := -lm -lpthread

# ---- what others may call ----------------------------------------------------------
.PHONY: all static demo screenshots test bench bench-page soak fuzz lint format install clean distclean feed-check help \
  check-clang programs fuzzers tsan
all: $(if $(MAIN),$(BIN),$(SRC:src/%.c=$(B)/release/%.o))

help:
	@echo 'all (default)  ./orderd                  static       ./orderd-static, runs in an empty chroot'
	@echo 'demo           build and try it          test         everything, ends with "N passed, N failed"'
	@echo 'bench          measurements              soak         kill -9 and power cuts, DURATION=600'
	@echo 'fuzz           libFuzzer, DURATION=60    feed-check   replay of the feed at hand'
	@echo 'screenshots    the pictures of the README'
	@echo 'lint format    style                     install      DESTDIR= PREFIX=/usr/local'
	@echo 'clean          our objects               distclean    third_party/build too'

# The release binary stands in the top directory without symbols; gdb finds them in build/.
$(BIN): $(B)/release/orderd
	@objcopy --only-keep-debug $< $(B)/release/orderd.debug
	@objcopy --strip-all --add-gnu-debuglink=$(B)/release/orderd.debug $< $@.$$$$ && mv $@.$$$$ $@
static: $(BIN)-static
$(BIN)-static: $(B)/release/orderd-static
	@objcopy --strip-all $< $@.$$$$ && mv $@.$$$$ $@

demo: all
	$(RUN) --data demo demo --shop

# The pictures of the README, from a demo of its own.
screenshots: all test/page/node_modules/ready
	@rm -rf $(B)/shots && mkdir -p $(B)/shots
	@ORDERD_SERVER_LISTEN=127.0.0.1:7797 $(RUN) --data $(B)/shots/demo demo --shop >$(B)/shots/log & pid=$$!; \
	for i in $$(seq 120); do grep -q 'Ctrl-C ends it' $(B)/shots/log && break; sleep 1; done; \
	node test/page/shots.mjs http://127.0.0.1:7797 examples/console; status=$$?; kill $$pid; exit $$status

ENV := B='$(B)' ORDERD='$(RUN)' VERSION='$(VERSION)'
test: $(TP)/packages-test test/page/node_modules/ready
	@$(MAKE) --no-print-directory all programs fuzzers check-clang $(if $(MAIN),$(B)/asan/orderd)
	$(ENV) sh test/all.sh
bench: all $(TP)/packages-test
	@$(MAKE) --no-print-directory programs
	$(ENV) sh test/bench.sh
bench-page: all test/page/node_modules/ready
	$(ENV) node test/bench/page.mjs
soak: all
	@$(MAKE) --no-print-directory programs
	$(ENV) DURATION=$(if $(filter file,$(origin DURATION)),600,$(DURATION)) sh test/soak.sh
feed-check: all
	@$(MAKE) --no-print-directory programs
	$(ENV) sh test/feed_check.sh
fuzz: $(TP)/packages-test
	@$(MAKE) --no-print-directory fuzzers
	@n=$(words $(FUZZERS)); [ $$n -gt 0 ] || exit 0; each=$$(( $(DURATION) / n )); [ $$each -gt 0 ] || each=1; \
	for f in $(basename $(notdir $(FUZZERS))); do \
	  echo "fuzz-$$f: $$each s"; mkdir -p $(B)/fuzz/corpus/$$f; seeds=; \
	  [ ! -d test/fuzz/corpus/$$f ] || seeds=test/fuzz/corpus/$$f; \
	  $(B)/fuzz/fuzz-$$f -max_total_time=$$each -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 -verbosity=0 \
	    -artifact_prefix=$(B)/fuzz/$$f- $(B)/fuzz/corpus/$$f $$seeds || exit 1; \
	done
programs: $(if $(TESTS),$(B)/asan/orderd-test) \
  $(foreach p,$(PROGS),$(foreach v,release asan,$(B)/$v/$(subst /,-,$(p:test/%.c=%))))
fuzzers: $(FUZZERS:test/fuzz/%.c=$(B)/fuzz/fuzz-%)
tsan: $(if $(TESTS),$(B)/tsan/orderd-test) $(if $(MAIN),$(B)/tsan/orderd)

# Headers and tests are pages and tables, laid out by hand; the formatter keeps to src/.
lint: $(TP)/packages-lint $(GENERATED) $(TP)/ready
	sh test/tidy.sh
	clang-format --dry-run -Werror $(SRC) $(MAIN)
	clang-tidy --quiet --warnings-as-errors='*' --checks='$(TIDY)' $(SRC) $(MAIN) -- \
	  $(filter-out -Werror,$(BASE)) -DLAYER=7 2>/dev/null
TIDY := -*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-assignment-in-if-condition,$\
-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,$\
-bugprone-macro-parentheses,-bugprone-reserved-identifier,-bugprone-branch-clone,$\
clang-analyzer-core.*,clang-analyzer-deadcode.*,clang-analyzer-unix.*,misc-redundant-expression,$\
readability-misleading-indentation,readability-redundant-declaration
format: $(TP)/packages-lint
	clang-format -i $(SRC) $(MAIN)

UNIT_DIR ?= $(PREFIX)/lib/systemd/system
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(UNIT_DIR)
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/orderd
	sed 's|/usr/local/bin/orderd|$(PREFIX)/bin/orderd|' examples/orderd.service >$(DESTDIR)$(UNIT_DIR)/orderd.service
	chmod 644 $(DESTDIR)$(UNIT_DIR)/orderd.service

clean:
	rm -rf $(B) $(BIN) $(BIN)-static
distclean: clean
	rm -rf third_party/build

# ---- third_party: built when missing, one at a time -----------------------------------
define third_party
@mkdir -p $(TP)
+@flock $(TP)/.lock $(MAKE) -s --no-print-directory -C third_party $1
endef
$(TP)/ready: third_party/Makefile
	$(call third_party)
$(TP)/packages-test: third_party/Makefile
	$(call third_party,packages-test)
$(TP)/packages-lint: third_party/Makefile
	$(call third_party,packages-lint)
$(LIBS): $(TP)/ready ;
# Read as a makefile, it is made before anything else is looked at: generators need its compilers too.
ifneq ($(filter-out help clean distclean,$(or $(MAKECMDGOALS),all)),)
include $(TP)/ready
endif

# What the browser tests need, as the lock file says.
test/page/node_modules/ready: test/page/package-lock.json | $(TP)/packages-test
	@cd test/page && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

# ---- how things are built ---------------------------------------------------------------
# ASSET(name, "file") puts a file into an object; compilers do not report it as a
# dependency, so it is read from the sources.
ASSETS := $(shell grep -Ho '^ASSET([a-z0-9_]*, *"[^"]*")' $(ALL_C) /dev/null | \
  sed 's/^\([^:]*\):[^"]*"\([^"]*\)".*/\1:\2/')
layer = $(or $(LAYER_$(patsubst src/%/,%,$(dir $1))),7)

# $(call variant,NAME)
define variant
OBJ_$1      := $$(SRC:src/%.c=$(B)/$1/%.o)
TEST_OBJ_$1 := $$(TESTS:%.c=$(B)/$1/%.o) $$(TEST_LIB:%.c=$(B)/$1/%.o)
PROG_OBJ_$1 := $$(PROGS:%.c=$(B)/$1/%.o) $$(FUZZERS:%.c=$(B)/$1/%.o)

$$(OBJ_$1) $(B)/$1/main.o: $(B)/$1/%.o: src/%.c $(TP)/ready | $$(GENERATED)
	@mkdir -p $$(@D)
	@echo '$1 $$<'
	@$$(CC_$1) $$(BASE) $$(CFLAGS_$1) $$(if $$(filter $$<,$$(SMALL_$1)),-Os) -DLAYER=$$(call layer,$$<) -MMD -MP -c -o $$@ $$<
$$(TEST_OBJ_$1) $$(PROG_OBJ_$1): $(B)/$1/%.o: %.c $(TP)/ready | $$(GENERATED)
	@mkdir -p $$(@D)
	@echo '$1 $$<'
	@$$(CC_$1) $$(BASE) $$(CFLAGS_$1) -Itest -DLAYER=7 -MMD -MP -c -o $$@ $$<

$(B)/$1/orderd: $(B)/$1/main.o $$(OBJ_$1) $$(LIBS)
	@echo '$1 orderd'
	@$$(CC_$1) $$(LINK) $$(LFLAGS_$1) -o $$@ $$^ $$(SYS_LIBS)
$(B)/$1/orderd-test: $$(TEST_OBJ_$1) $$(OBJ_$1) $$(LIBS)
	@echo '$1 orderd-test'
	@$$(CC_$1) $$(LINK) $$(LFLAGS_$1) -o $$@ $$(filter-out %/ready,$$^) $$(SYS_LIBS)
$(foreach d,$(PROG_DIRS),$(patsubst test/$d/%.c,$(B)/$1/$d-%,$(filter test/$d/%,$(PROGS)))): \
  $$(TEST_LIB:%.c=$(B)/$1/%.o) $$(OBJ_$1) $$(LIBS)
	@echo '$1 $$(@F)'
	@$$(CC_$1) $$(LINK) $$(LFLAGS_$1) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $$(SYS_LIBS)
-include $$(OBJ_$1:.o=.d) $(B)/$1/main.d $$(TEST_OBJ_$1:.o=.d) $$(PROG_OBJ_$1:.o=.d)
endef
program = $(B)/$1/$(subst /,-,$(2:test/%.c=%)): $(B)/$1/$(2:.c=.o)
asset = $(B)/$1/$(patsubst src/%,%,$(basename $(firstword $2))).o: $(lastword $2)

$(foreach v,$(VARIANTS),$(foreach p,$(PROGS),$(eval $(call program,$v,$p))))
$(foreach v,$(VARIANTS),$(eval $(call variant,$v)))
$(foreach v,$(VARIANTS),$(foreach a,$(ASSETS),$(eval $(call asset,$v,$(subst :, ,$a)))))

$(foreach f,$(FUZZERS),$(eval $(B)/fuzz/fuzz-$(f:test/fuzz/%.c=%): $(B)/fuzz/$(f:.c=.o)))
$(FUZZERS:test/fuzz/%.c=$(B)/fuzz/fuzz-%): $(TEST_LIB:%.c=$(B)/fuzz/%.o) $(OBJ_fuzz) $(LIBS)
	@echo 'fuzz $(@F)'
	@$(CC_fuzz) $(LINK) -fsanitize=fuzzer,address,undefined -o $@ $^ $(SYS_LIBS)

# Fully static: the same objects. libc warns that names of users and hosts still need
# its configuration files at run time; that is known.
$(B)/release/orderd-static: $(B)/release/main.o $(OBJ_release) $(LIBS)
	@echo 'release orderd-static'
	@$(CC) -static-pie $(filter-out -pie,$(LINK)) -o $@ $^ $(SYS_LIBS) 2>$@.log || { cat $@.log; exit 1; }

# clang reads everything with the same warnings; its objects are not needed.
CLANG_OK := $(ALL_C:%.c=$(B)/clang/%.ok)
check-clang: $(CLANG_OK)
$(CLANG_OK): $(B)/clang/%.ok: %.c $(TP)/ready | $(GENERATED)
	@mkdir -p $(@D)
	@echo 'clang $<'
	@$(CLANG) $(BASE) -O2 -Itest -DLAYER=$(call layer,$<) -fsyntax-only -MMD -MP -MF $(@:.ok=.d) -MT $@ $<
	@touch $@
-include $(CLANG_OK:.ok=.d)
