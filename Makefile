# Sluice's one Makefile. `make help` lists what it makes; everything made is under build/.
#
# Sources are found by folder, so a new file needs no line here. Two parts bring their own rules:
#   libc/libc.mk          newlib and the user programs; sets USER_PROGRAMS (build/user/NAME...), which go
#                         into the initial RAM disk (init as /sbin/init, the rest into /bin)
#   tests/guest/guest.mk  the guest's test programs; sets GUEST_TESTS (build/guest/NAME...), and DIFFERENTIAL_TESTS for
#                         those that must also print the same on Linux
#   tests/host/host.mk    the tests of io/ and drivers/ that run as ordinary processes
#   tests/programs/programs.mk  strangers' programs for the network's tests and the bench
#   tests/bench/bench.mk  the comparison with Linux
#   tests/fuzz/fuzz.mk    the same parts under libFuzzer; sets FUZZ_TARGETS
#   io/net/inet/lwip.mk   lwIP, fetched and linked with io/ wherever that is; sets LWIP_SRCS

SHELL       := /bin/bash
MAKEFLAGS   += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:

BUILD       ?= build
ifeq ($(origin CC),default)
CC          := gcc
endif
CLANG       ?= clang
NM          ?= nm
OBJCOPY     ?= objcopy
PYTHON      := /usr/bin/python3
export SLUICE_BUILD := $(abspath $(BUILD))

Q           := $(if $(V),,@)
say          = $(if $(V),@:,@printf '  %-7s %s\n' $(1) $(2))

# Rebuild what depends on $(1) when its text changes, and only then.
define text_stamp
$(1): FORCE | ; @mkdir -p $$(@D); printf '%s\n' '$(2)' | cmp -s - $$@ || printf '%s\n' '$(2)' > $$@
endef

.PHONY: all help FORCE
all: kernel initrd
FORCE:

help:
	@sed -n 's/^#? \{0,1\}//p' $(MAKEFILE_LIST)

#? make run             build, boot, and give a shell on this terminal (leave with exit, or Ctrl-A X)
#? make test            build, then run every test;  scripts/test --help chooses among them
#? make check           formatting, static analysis, layering, gcc's and clang's warnings
#? make bench           measure Sluice and a Debian Linux side by side, and write docs/benchmarks.md
#? make debug           boot stopped, with gdb attached and the kernel's symbols loaded
#? make iso             build/sluice.iso, bootable by GRUB
#? make all             the kernel and the initial RAM disk
#? make doctor          what this machine lacks, a line each;  scripts/setup installs it
#? make fmt             format every C source in place
#? make clean           remove build/
#?
#? Parts:  kernel initrd newlib user host-tests guest-tests
#? Tests:  host-test thread-test fuzz-test guest-test differential-test interactive-test run-test
#? Options: V=1 shows commands;  BUILD=DIR builds elsewhere;  CC=... chooses the kernel's compiler

# ---- warnings -------------------------------------------------------------------------------------

WARNINGS    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef

include io/net/inet/lwip.mk

# ---- the kernel -----------------------------------------------------------------------------------

KERNEL_DIRS := boot drivers io kernel
# The compiler's own headers and no other system header.
CC_INCLUDE   = $(shell $(CC) -print-file-name=include 2>/dev/null)
# gcc's <limits.h> wraps the C library's unless it takes that one as seen already.
FREESTANDING := -std=gnu17 -ffreestanding -nostdinc -D_LIBC_LIMITS_H_
KERNEL_CODE := -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-pic -fno-pie \
               -fno-stack-protector -fno-omit-frame-pointer -fno-strict-aliasing \
               -fno-asynchronous-unwind-tables
KERNEL_INC  := -Iio/include -I. -I$(BUILD)/gen $(LWIP_INC) -isystem io/net/inet/port/libc \
               '-DSLUICE_ENV_INLINE="kernel/env_inline.h"'
KERNEL_OPT  ?= -O2 -g
KERNEL_CFLAGS = $(FREESTANDING) -isystem $(CC_INCLUDE) $(KERNEL_OPT) $(KERNEL_CODE) $(WARNINGS) \
               $(KERNEL_INC) $(KERNEL_EXTRA)
KERNEL_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=0x1000 \
               -Wl,-z,noexecstack -Wl,--fatal-warnings -T linker.ld

KERNEL_SRCS := $(sort $(shell find $(KERNEL_DIRS) -name '*.c' -o -name '*.S'))
KERNEL_LWIP := $(LWIP_SRCS:%=$(BUILD)/kernel/lwip/%.o)
KERNEL_OBJS := $(KERNEL_SRCS:%=$(BUILD)/kernel/%.o) $(KERNEL_LWIP)
KERNEL_ELF  := $(BUILD)/kernel/sluice.elf
KERNEL_ELF32 := $(BUILD)/kernel/sluice32.elf
SYSCALL_INC := $(BUILD)/gen/syscall_table.inc

.PHONY: kernel
kernel: $(KERNEL_ELF32)

$(eval $(call text_stamp,$(BUILD)/kernel/flags,$(CC) $(KERNEL_CFLAGS)))
$(eval $(call text_stamp,$(BUILD)/kernel/objects,$(KERNEL_LDFLAGS) $(KERNEL_OBJS)))

$(SYSCALL_INC): scripts/syscalls kernel/abi/syscalls.tbl
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) scripts/syscalls dispatch > $@

$(BUILD)/kernel/%.c.o: %.c $(BUILD)/kernel/flags | $(SYSCALL_INC) $(LWIP_FETCHED)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/kernel/%.S.o: %.S $(BUILD)/kernel/flags | $(SYSCALL_INC)
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) -MMD -MP -c $< -o $@

$(eval $(call lwip_objects,$(BUILD)/kernel,$(BUILD)/kernel/flags,$$(CC) $$(call LWIP_PLAIN,$$(KERNEL_CFLAGS)),CC))

# Linked twice: the first link settles every function's address, the second adds the table of them that a
# panic's backtrace reads. The table lies behind the code, so it moves no function; scripts/symbols checks.
KERNEL_LINK  = $(CC) $(KERNEL_LDFLAGS) -o $(1) $(KERNEL_OBJS) $(2)
SYMBOLS     := $(BUILD)/kernel/symbols

$(KERNEL_ELF): linker.ld scripts/symbols $(KERNEL_OBJS) $(BUILD)/kernel/objects
	$(call say,LD,$@)
	$(Q)$(PYTHON) scripts/symbols > $(SYMBOLS).0.S
	$(Q)$(CC) -c $(SYMBOLS).0.S -o $(SYMBOLS).0.o
	$(Q)$(call KERNEL_LINK,$(BUILD)/kernel/first.elf,$(SYMBOLS).0.o)
	$(Q)$(PYTHON) scripts/symbols --nm '$(NM)' $(BUILD)/kernel/first.elf > $(SYMBOLS).S
	$(Q)$(CC) -c $(SYMBOLS).S -o $(SYMBOLS).o
	$(Q)$(call KERNEL_LINK,$@,$(SYMBOLS).o)
	$(Q)$(PYTHON) scripts/symbols --nm '$(NM)' $@ | cmp -s - $(SYMBOLS).S || \
	    { echo 'the symbol table moved the code: .symtab_sluice must follow .text in linker.ld' >&2; \
	      rm -f $@; exit 1; }

# QEMU's -kernel takes a 32-bit multiboot image only.
$(KERNEL_ELF32): $(KERNEL_ELF)
	$(Q)$(OBJCOPY) --strip-all -O elf32-i386 $< $@

-include $(KERNEL_OBJS:.o=.d)

# The same sources read by clang, for its warnings alone.
CLANG_STAMPS := $(KERNEL_SRCS:%=$(BUILD)/clang/%.ok)
CLANG_CFLAGS = $(FREESTANDING) -isystem $(shell $(CLANG) -print-resource-dir 2>/dev/null)/include \
               -O2 $(KERNEL_CODE) $(WARNINGS) $(KERNEL_INC) $(KERNEL_EXTRA)
.PHONY: clang-check
clang-check: $(CLANG_STAMPS)
$(eval $(call text_stamp,$(BUILD)/clang/flags,$(CLANG) $(CLANG_CFLAGS)))

$(BUILD)/clang/%.ok: % $(BUILD)/clang/flags | $(SYSCALL_INC) $(LWIP_FETCHED)
	$(call say,CLANG,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) --target=x86_64-elf $(CLANG_CFLAGS) -MMD -MP -MF $(@:.ok=.d) -MT $@ -c $< -o /dev/null
	@touch $@

-include $(CLANG_STAMPS:.ok=.d)

# ---- user land, initial RAM disk, ISO -------------------------------------------------------------

-include libc/libc.mk
-include libc/dash.mk
-include tests/guest/guest.mk
-include tests/host/host.mk
-include tests/programs/programs.mk
-include tests/bench/bench.mk
-include tests/fuzz/fuzz.mk

INITRD      := $(BUILD)/initrd.cpio
ROOT_FILES  := $(shell find libc/root -type f 2>/dev/null)

.PHONY: initrd iso user newlib guest-tests host-tests differential-tests
user: $(USER_PROGRAMS)
guest-tests: $(GUEST_TESTS)
differential-tests: $(DIFFERENTIAL_TESTS)
host-tests: $(HOST_TESTS)
initrd: $(INITRD)

$(eval $(call text_stamp,$(BUILD)/initrd.parts,$(USER_PROGRAMS) $(ROOT_FILES)))

$(INITRD): scripts/initrd $(BUILD)/initrd.parts $(USER_PROGRAMS) $(ROOT_FILES)
	$(call say,CPIO,$@)
	$(Q)scripts/initrd base --output $@ $(USER_PROGRAMS)

ISO         := $(BUILD)/sluice.iso
iso: $(ISO)
$(ISO): $(KERNEL_ELF32) $(INITRD) scripts/mkiso
	$(call say,ISO,$@)
	$(Q)scripts/mkiso --output $@ --initrd $(INITRD) --append console.wrap

# ---- running, testing, looking after --------------------------------------------------------------

# As many jobs as processors, unless the caller chose.
JOBS        := $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: run test check debug doctor fmt clean build-for-run
.PHONY: host-test thread-test fuzz-test guest-test differential-test interactive-test run-test
build-for-run: kernel initrd

# scripts/setup may install the very compiler that this file asks for its paths: build in a new make.
run:
	@scripts/setup run
	@$(MAKE) $(JOBS) build-for-run
# The shell's last status is no fault of make's; that the machine failed (124 to 126) is.
	@scripts/run --net user || { status=$$?; [ $$status -lt 124 ] || [ $$status -gt 126 ]; }

test:
	@scripts/setup test
	@scripts/test --build

host-test thread-test fuzz-test guest-test differential-test interactive-test run-test:
	@scripts/setup test
	@scripts/test --build $(@:-test=)

check:
	@scripts/setup check
	@scripts/check

debug:
	@scripts/setup debug
	@$(MAKE) $(JOBS) build-for-run
	@scripts/debug

# For scripts/test: the value of a variable.
print-%:
	@echo '$($*)'

doctor:
	@scripts/doctor

fmt:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf -- $(BUILD)
