# Builds the binary, the unit tests and the helpers for one variant; build.sh is the way in.
#
#   make VARIANT=x86_64 binary|tests|tools        (also aarch64, asan, tsan, fuzz)
#
# Every app/**/*.c is found by itself. All of them but app/main.c go into libcourtyard.a, which the
# binary and each tests/{unit,sim,bench,boot}/**/*.c link; tests/support/**/*.c is linked into all of
# those tests. With a sanitizer the library is libcourtyard.so: hundreds of tests that each carried
# all of it, checked code and debug information, would take 20 GB. Nothing is listed here but what
# needs flags of its own.

VARIANT ?= x86_64
B := build/$(VARIANT)
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:
Q := $(if $(VERBOSE),,@)

# --- what a variant is -----------------------------------------------------------------------
COMMON := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -pthread -fno-strict-aliasing \
	-fstack-protector-strong -ffp-contract=off -fno-common
# Which value "may be used uninitialized" depends on the compiler's version and its inlining: told,
# not fatal.
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wundef -Wcast-qual -Wwrite-strings -Werror -Wno-error=maybe-uninitialized
SANITIZED := -g1 -O1 -fno-omit-frame-pointer -DCOURTYARD_SLOW_ASSERT

CC_x86_64 := gcc
CC_aarch64 := aarch64-linux-gnu-gcc
CC_asan := gcc
CC_tsan := gcc
CC_fuzz := clang
CC := $(CC_$(VARIANT))
TOOL := $(if $(filter aarch64,$(VARIANT)),aarch64-linux-gnu-)
MACHINE := $(if $(filter aarch64 x86_64,$(VARIANT)),$(VARIANT),$(shell uname -m))
MUSL := $(filter aarch64 x86_64,$(VARIANT))
SHARED := $(filter asan tsan,$(VARIANT))
LIBRARIES := $(shell vendor/build --where $(if $(MUSL),$(VARIANT),glibc))
ifeq ($(CC)$(LIBRARIES),)
$(error no such variant: $(VARIANT))
endif
comma := ,
VENDORED := -lcjson -llmdb -lmbedtls -lzstd -lz

ifdef MUSL
# The compiler is the host's, the C library is ours: headers, start files and libc are named one by
# one, so that nothing of the host's glibc gets in and no wrapper holds an absolute path.
gcc_file = $(shell $(CC) -print-file-name=$(1))
FLAGS := $(COMMON) -O2 -g1 -fPIE -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)=. \
	-nostdinc -isystem $(LIBRARIES)/include -isystem $(call gcc_file,include)
LINK_START := -static-pie -nostdlib -nostartfiles -Wl,-z,relro,-z,now,-z,noexecstack \
	-Wl,-z,stack-size=1048576 -Wl,--gc-sections -Wl,--build-id=none \
	$(LIBRARIES)/lib/rcrt1.o $(LIBRARIES)/lib/crti.o $(call gcc_file,crtbeginS.o)
LINK_END := $(LIBRARIES)/lib/mimalloc.o -L$(LIBRARIES)/lib $(VENDORED) \
	-Wl,--start-group -lc -lgcc -lgcc_eh -Wl,--end-group \
	$(call gcc_file,crtendS.o) $(LIBRARIES)/lib/crtn.o
else
SANITIZER_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZER_tsan := -fsanitize=thread
SANITIZER_fuzz := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -w
FLAGS := $(COMMON) $(SANITIZED) $(SANITIZER_$(VARIANT)) $(if $(SHARED),-fPIC) -isystem $(LIBRARIES)/include
LINK_START := $(SANITIZER_$(VARIANT)) -pthread
LINK_END := -L$(LIBRARIES)/lib $(VENDORED) -lm
endif
RUNTIME_PATH := $(if $(SHARED),-Wl$(comma)-rpath$(comma)$(CURDIR)/$(B))

# --- kernels with instructions of their own -----------------------------------------------------
# A file named NAME_ISA.c is compiled only for ISA's machine and with its flags; the code around it
# asks the processor before it calls in. Everything else is the plain x86-64 or ARMv8.0 base line.
ISA_x86_64 := ssse3 sse42 shani aesni avx2 avx512 avx512vnni avx512bf16 avxvnni
ISA_aarch64 := neon dotprod sve armsha
FLAGS_ssse3 := -mssse3
FLAGS_sse42 := -msse4.2 -mpopcnt
FLAGS_shani := -msha -mssse3 -msse4.1
FLAGS_aesni := -maes -mpclmul -mssse3 -msse4.1
FLAGS_avx2 := -mavx2 -mfma -mf16c -mbmi -mbmi2 -mpopcnt
FLAGS_avx512 := $(FLAGS_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd
FLAGS_avx512vnni := $(FLAGS_avx512) -mavx512vnni
FLAGS_avx512bf16 := $(FLAGS_avx512) -mavx512bf16
FLAGS_avxvnni := $(FLAGS_avx2) -mavxvnni
FLAGS_neon :=
FLAGS_dotprod := -march=armv8.2-a+dotprod
FLAGS_sve := -march=armv8.2-a+sve
FLAGS_armsha := -march=armv8-a+crypto

# Compilers take minutes over inline checks of addresses among so many vectors; by calls they check
# the same. Undefined behaviour in these files is gcc's to find, not clang's.
FLAGS_asan_kernel := --param=asan-instrumentation-with-call-threshold=0
FLAGS_fuzz_kernel := -fno-sanitize=undefined -mllvm -asan-instrumentation-with-call-threshold=0

isa_of = $(filter $(ISA_x86_64) $(ISA_aarch64),$(lastword $(subst _, ,$(basename $(notdir $(1))))))
FOREIGN := $(foreach m,$(filter-out $(MACHINE),x86_64 aarch64),$(ISA_$(m)))
native = $(foreach f,$(1),$(if $(filter $(FOREIGN),$(call isa_of,$(f))),,$(f)))

# --- what there is ------------------------------------------------------------------------------
find_c = $(if $(wildcard $(1)),$(sort $(shell find $(1) -name '*.c' -type f)))
APP := $(call native,$(filter-out app/main.c,$(call find_c,app)))
SUPPORT := $(call find_c,tests/support)
UNIT := $(call find_c,tests/unit)
SIM := $(call find_c,tests/sim)
BENCH := $(call find_c,tests/bench)
BOOT := $(call find_c,tests/boot)
FUZZ := $(call find_c,tests/fuzz)

object = $(patsubst %.c,$(B)/obj/%.o,$(1))
APP_OBJECTS := $(call object,$(APP))
# What every test links besides the library.
SUPPORT_OBJECTS := $(call object,$(SUPPORT)) $(B)/obj/messages.o
LIBRARY := $(B)/libcourtyard.$(if $(SHARED),so,a)
program = $(patsubst tests/%.c,$(B)/%,$(1))

.PHONY: all library binary tests tools headers sim bench boot fuzz replay FORCE
all: binary
library: $(LIBRARY)
tests: $(call program,$(UNIT))
sim: $(call program,$(SIM))
bench: $(call program,$(BENCH))
boot: $(call program,$(BOOT))
fuzz: $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ))
replay: $(patsubst tests/fuzz/%.c,$(B)/replay/%,$(FUZZ))
tools: build/tidy

# The stripped binary stands at the top of build/; the sanitizers' one stays in its folder.
BINARY := $(if $(MUSL),build/courtyard$(if $(filter x86_64,$(VARIANT)),,-$(VARIANT)),$(B)/courtyard)
ifneq ($(wildcard app/main.c),)
binary: $(BINARY)
else
binary: library
	@echo "app/main.c is not there yet: built the library only"
endif

# --- rules --------------------------------------------------------------------------------------
# Lists and flags are files that change only when their content does; what depends on them is made
# again when a source file comes or goes, or when a flag, the compiler or a library changes.
keep = @mkdir -p $(dir $(1)); printf '%s\n' '$(2)' >$(1).new; \
	if cmp -s $(1).new $(1); then rm $(1).new; else mv $(1).new $(1); fi
$(B)/flags: FORCE
	$(call keep,$@,$(CC) $(FLAGS) $(WARNINGS) $(LINK_START) $(LINK_END) $(foreach i,$(ISA_$(MACHINE)),$(i) $(FLAGS_$(i)))$(FLAGS_$(VARIANT)_kernel))
$(B)/objects: FORCE
	$(call keep,$@,$(APP_OBJECTS))
$(LIBRARIES)/.whole:
	$(Q)vendor/build $(if $(MUSL),$(VARIANT),glibc)

say = @printf '  %-5s %s\n' $(1) $(2)

$(B)/obj/app/%.o: app/%.c $(B)/flags | $(LIBRARIES)/.whole
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARNINGS) $(FLAGS) $(FLAGS_$(call isa_of,$<)) \
		$(if $(call isa_of,$<),$(FLAGS_$(VARIANT)_kernel)) -Iapp -MMD -MP -c $< -o $@

# What is embedded is no header, so the compiler's own list does not know it. What is made for
# embedding, by a rule of its own, stands in build/generated/.
EMBEDDED_DATA := $(if $(wildcard app/data),$(shell find app -path '*/embed/*' -type f -o \
	-name rules.txt)) $(wildcard app/pilot/templates/*.json) $(wildcard build/generated/*)
# Named one by one: a pattern without a recipe would add nothing to the rule above.
$(patsubst %.c,$(B)/obj/%.o,$(shell find app -name '*_embed.c')): $(EMBEDDED_DATA)
build/generated/opencc.gz: app/data/language/opencc.sh vendor/LOCK | $(LIBRARIES)/.whole
	$(call say,PACK,$@)
	$(Q)app/data/language/opencc.sh $(LIBRARIES)/share/opencc $@
$(B)/obj/app/data/language/chinese_embed.o: build/generated/opencc.gz

# Tests get all warnings but those on implicit narrowing, which only make them harder to read.
$(B)/obj/tests/%.o: tests/%.c $(B)/flags | $(LIBRARIES)/.whole
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARNINGS) -Wno-conversion $(FLAGS) -Iapp -Itests -MMD -MP -c $< -o $@

$(B)/libcourtyard.a: $(APP_OBJECTS) $(B)/objects
	$(call say,AR,$@)
	@mkdir -p $(@D); rm -f $@
	$(Q)$(TOOL)ar rcsD $@ $(APP_OBJECTS)
$(B)/libcourtyard.so: $(APP_OBJECTS) $(B)/objects
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK_START) -shared -Wl,-Bsymbolic $(APP_OBJECTS) $(LINK_END) -o $@

link = $(Q)$(CC) $(LINK_START) $(1) $(LIBRARY) $(RUNTIME_PATH) \
	$(LINK_END) -o $@

$(B)/courtyard: $(B)/obj/app/main.o $(B)/obj/assets.o $(LIBRARY)
	$(call say,LINK,$@)
	$(call link,$< $(B)/obj/assets.o)
ifdef MUSL
$(BINARY): $(B)/courtyard
	$(Q)$(TOOL)strip -s -o $@.new $< && mv $@.new $@
endif

$(call program,$(UNIT) $(SIM) $(BENCH) $(BOOT)): $(B)/%: $(B)/obj/tests/%.o $(SUPPORT_OBJECTS) $(LIBRARY)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(call link,$< $(SUPPORT_OBJECTS))

$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(SUPPORT_OBJECTS) $(LIBRARY)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(call link,-fsanitize=fuzzer $< $(SUPPORT_OBJECTS))
$(B)/replay/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/replay.o $(SUPPORT_OBJECTS) $(LIBRARY)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(call link,$< $(B)/obj/tests/replay.o $(SUPPORT_OBJECTS))

# Every header compiles alone: it includes what it uses.
headers: $(patsubst app/%,$(B)/headers/%.ok,$(shell find app -name '*.h'))
$(B)/headers/%.ok: app/% $(B)/flags | $(LIBRARIES)/.whole
	@mkdir -p $(@D)
	$(Q)echo '#include "$*"' | $(CC) $(WARNINGS) $(FLAGS) -Iapp -MMD -MP -MT $@ -MF $@.d \
		-fsyntax-only -x c - && touch $@

# The test that reads the source needs nothing but the host's compiler.
build/tidy: tests/tidy.c tests/check.h
	$(call say,CC,$<)
	@mkdir -p build
	$(Q)gcc -std=gnu17 -D_GNU_SOURCE -O2 -g $(WARNINGS) -Wno-conversion -Itests $< -o $@

# --- pages and messages, embedded ---------------------------------------------------------------
WEB := $(if $(wildcard web/package.json),$(sort $(shell find web -name node_modules -prune -o \
	-type f -print)))
EMBEDDED := $(wildcard web/messages/*.json app/server/api.json)

build/web.files: FORCE
	$(call keep,$@,$(WEB) $(EMBEDDED))
ifneq ($(WEB),)
web/node_modules/.whole: web/package-lock.json
	$(call say,NPM,web)
	$(Q)cd web && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.whole
build/web.done: $(WEB) build/web.files web/node_modules/.whole
	$(call say,WEB,build/web)
	@rm -rf build/web && mkdir -p build/web
	$(Q)node web/build.mjs build/web
	@touch $@
else
build/web.done: build/web.files
	@rm -rf build/web && mkdir -p build/web && touch $@
endif
# The binary carries pages and messages; tests only the messages, so that they need no node and are
# not held up by a page.
build/assets/assets.c: build/web.done build/web.files $(EMBEDDED) app/server/embed.sh
	$(call say,EMBED,$@)
	$(Q)app/server/embed.sh build/web build/assets
build/messages/assets.c: build/web.files $(EMBEDDED) app/server/embed.sh
	@mkdir -p build/no_web
	$(Q)app/server/embed.sh build/no_web build/messages
$(B)/obj/assets.o $(B)/obj/messages.o: $(B)/obj/%.o: build/%/assets.c $(B)/flags | $(LIBRARIES)/.whole
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARNINGS) $(FLAGS) -Iapp -MMD -MP -c $< -o $@

.SECONDARY:
-include $(shell [ -d $(B) ] && find $(B)/obj $(B)/headers -name '*.d' 2>/dev/null)
