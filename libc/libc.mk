# newlib against our headers, our own part of the libc, and the user programs. What others use from here:
#   USER_PROGRAMS   build/user/NAME for each libc/bin/NAME.c
#   USER_CC         the compiler of user programs: build/newlib/bin/sluice-cc, which knows headers, crt0 and libraries
#   USER_LIBC       what a program built with it depends on
#   newlib          the target that builds all of the libc

ifndef LIBC_MK
LIBC_MK := 1

NEWLIB_TAR  ?= $(firstword $(wildcard /usr/src/newlib/newlib-*.tar.xz))
NEWLIB      := $(BUILD)/newlib
NEWLIB_TREE := $(NEWLIB)/source
NEWLIB_OBJ  := $(NEWLIB)/build
NEWLIB_OUT  := $(NEWLIB)/newlib
LIBC_GEN    := $(NEWLIB)/include
USER_CC     := $(NEWLIB)/bin/sluice-cc
USER_LIBC   := $(NEWLIB)/lib/libc.a

LIBC_HEADERS := $(sort $(shell find libc/include -name '*.h'))
LIBC_SRCS   := $(sort $(wildcard libc/src/*.c libc/src/*.S libc/src/*/*.c))
LIBC_OBJS   := $(LIBC_SRCS:libc/src/%=$(NEWLIB)/objects/%.o) $(NEWLIB)/objects/stubs.S.o
# Portable parts of newlib that its generic configuration leaves out.
NEWLIB_EXTRA := posix/regcomp posix/regexec posix/regerror posix/regfree posix/collate posix/collcmp posix/fnmatch \
               posix/posix_spawn
NEWLIB_EXTRA_OBJS := $(NEWLIB_EXTRA:%=$(NEWLIB)/objects/newlib/%.o)
# Members of newlib's libc.a that ours replace.
NEWLIB_REPLACED := clock time signal raise psignal system rename strerror strsignal getreent gettimeofdayr

LIBC_TARGET_CODE := -O2 -g -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -ffunction-sections \
               -fdata-sections -U__linux__ -U__linux -Ulinux -U__gnu_linux__
# What newlib's sources ask for instead of looking; -fcommon and -w: they are not ours to mend.
NEWLIB_CFLAGS := $(filter-out -g,$(LIBC_TARGET_CODE)) -fno-strict-aliasing -fcommon -w -I$(abspath libc/include) \
               -DSIGNAL_PROVIDED -DHAVE_FCNTL -DHAVE_RENAME -DHAVE_BLKSIZE -DHAVE_OPENDIR -DHAVE_NANOSLEEP \
               -DHAVE_SYSTEM -DHAVE_MKDIR -DCLOCK_PROVIDED -DGETREENT_PROVIDED -D_GLIBC_EXTENSION \
               -DEFTYPE=EINVAL
NEWLIB_CONFIGURE := --target=x86_64-elf --disable-multilib --disable-libgloss --disable-nls \
               --disable-newlib-supplied-syscalls --enable-newlib-io-c99-formats --enable-newlib-io-long-long \
               --enable-newlib-io-long-double --enable-newlib-io-pos-args \
               --enable-newlib-mb --enable-newlib-global-stdio-streams
NEWLIB_TOOLS := CC_FOR_TARGET=gcc AS_FOR_TARGET=as AR_FOR_TARGET=ar RANLIB_FOR_TARGET=ranlib LD_FOR_TARGET=ld \
               NM_FOR_TARGET=nm OBJDUMP_FOR_TARGET=objdump STRIP_FOR_TARGET=strip READELF_FOR_TARGET=readelf \
               MAKEINFO=true

USER_WARNINGS := -Wall -Wextra -Werror
LIBC_CFLAGS := -std=gnu17 $(LIBC_TARGET_CODE) $(USER_WARNINGS) -D_GNU_SOURCE
USER_CFLAGS := -std=gnu17 -O2 -g $(USER_WARNINGS) -D_GNU_SOURCE

.PHONY: newlib
newlib: $(USER_LIBC)

# ---- newlib itself: unpacked once, configured when its options change, made when a header of ours changes ----

$(NEWLIB)/unpacked: $(NEWLIB_TAR) libc/mend-newlib
	@test -n '$(NEWLIB_TAR)' || { echo 'newlib is missing: scripts/setup installs newlib-source' >&2; exit 1; }
	@printf '  %-7s %s\n' UNPACK $(NEWLIB_TAR)
	@rm -rf $(NEWLIB_TREE) && mkdir -p $(NEWLIB_TREE)
	@tar -xJf $(NEWLIB_TAR) -C $(NEWLIB_TREE) --strip-components=1 --no-same-owner
	@libc/mend-newlib $(NEWLIB_TREE)
	@touch $@

$(NEWLIB)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(NEWLIB_CFLAGS) $(NEWLIB_CONFIGURE)' | cmp -s - $@ || \
	    printf '%s\n' '$(NEWLIB_CFLAGS) $(NEWLIB_CONFIGURE)' > $@

$(NEWLIB)/configured: $(NEWLIB)/unpacked $(NEWLIB)/flags
	@printf '  %-7s %s\n' CONFIG newlib
	@rm -rf $(NEWLIB_OBJ) $(NEWLIB_OUT) && mkdir -p $(NEWLIB_OBJ)
	@cd $(NEWLIB_OBJ) && $(abspath $(NEWLIB_TREE))/configure --prefix=$(abspath $(NEWLIB_OUT)) \
	    $(NEWLIB_CONFIGURE) $(NEWLIB_TOOLS) CFLAGS_FOR_TARGET='$(NEWLIB_CFLAGS)' \
	    > $(abspath $(NEWLIB))/configure.log 2>&1 || { tail -20 $(abspath $(NEWLIB))/configure.log >&2; exit 1; }
	@touch $@

# Its make finds out by itself which of its files a changed header touches. It must not see this make's variables.
$(NEWLIB)/made: $(NEWLIB)/configured $(LIBC_HEADERS)
	@printf '  %-7s %s\n' MAKE newlib
	@for target in all-target-newlib install-target-newlib; do \
	    env -u MAKEFLAGS -u MFLAGS -u CC -u BUILD $(MAKE_PLAIN) -C $(NEWLIB_OBJ) -j$(shell nproc) $$target \
	    > $(NEWLIB)/$$target.log 2>&1 || { grep -m5 error $(NEWLIB)/$$target.log >&2; exit 1; }; done
	@touch $@
MAKE_PLAIN  := make

# ---- our part ---------------------------------------------------------------------------------------------

$(LIBC_GEN)/bits/syscall.h: scripts/syscalls kernel/abi/syscalls.tbl
	@mkdir -p $(@D)
	@/usr/bin/python3 scripts/syscalls numbers > $@

$(NEWLIB)/objects/stubs.S: scripts/syscalls kernel/abi/syscalls.tbl libc/stubs.list
	@mkdir -p $(@D)
	@/usr/bin/python3 scripts/syscalls stubs > $@

$(NEWLIB)/objects/stubs.S.o: $(NEWLIB)/objects/stubs.S
	@gcc -c $< -o $@

$(USER_CC): libc/sluice-cc.in libc/libc.mk
	@mkdir -p $(@D)
	@sed -e 's|@TOP@|$(abspath .)|g' -e 's|@NEWLIB@|$(abspath $(NEWLIB))|g' \
	    -e 's|@CODE@|$(filter-out -O2 -g,$(LIBC_TARGET_CODE))|g' $< > $@
	@chmod +x $@

$(NEWLIB)/objects/%.c.o: libc/src/%.c $(USER_CC) $(NEWLIB)/made | $(LIBC_GEN)/bits/syscall.h
	@printf '  %-7s %s\n' LIBC $<
	@mkdir -p $(@D)
	@$(USER_CC) $(LIBC_CFLAGS) -MMD -MP -c $< -o $@

$(NEWLIB)/objects/%.S.o: libc/src/%.S
	@printf '  %-7s %s\n' LIBC $<
	@mkdir -p $(@D)
	@gcc -g -c $< -o $@

$(NEWLIB_EXTRA_OBJS): $(NEWLIB)/objects/newlib/%.o: $(NEWLIB)/made $(USER_CC) | $(LIBC_GEN)/bits/syscall.h
	@mkdir -p $(@D)
	@$(USER_CC) $(NEWLIB_CFLAGS) $(NEWLIB_RENAMES) -D_GNU_SOURCE -I$(NEWLIB_TREE)/newlib/libc/posix -c \
	    $(NEWLIB_TREE)/newlib/libc/$*.c -o $@

# Its underscored calls are ours without; src/spawn.c calls it.
$(NEWLIB)/objects/newlib/posix/posix_spawn.o: NEWLIB_RENAMES := -D_open=open -D_close=close -D_fcntl=fcntl \
               -D_execve=execve -Dposix_spawn=__newlib_spawn -Dposix_spawnp=__newlib_spawnp

# One libc.a, as a compiler expects it: newlib's without what ours replaces, and ours.
$(USER_LIBC): $(NEWLIB)/made $(LIBC_OBJS) $(NEWLIB_EXTRA_OBJS) libc/libc.mk
	@printf '  %-7s %s\n' AR $@
	@mkdir -p $(@D)
	@rm -f $@.new
	@cp $(NEWLIB_OUT)/x86_64-elf/lib/libc.a $@.new
	@ar d $@.new $(NEWLIB_REPLACED:%=lib_a-%.o)
	@ar rcs $@.new $(filter-out %/crt0.S.o,$(LIBC_OBJS)) $(NEWLIB_EXTRA_OBJS)
	@cp $(NEWLIB_OUT)/x86_64-elf/lib/libm.a $(@D)/libm.a
	@cp $(NEWLIB)/objects/crt0.S.o $(@D)/crt0.o
	@mv $@.new $@

# ---- programs ---------------------------------------------------------------------------------------------

USER_PROGRAM_SRCS := $(sort $(wildcard libc/bin/*.c))
USER_PROGRAMS := $(USER_PROGRAM_SRCS:libc/bin/%.c=$(BUILD)/user/%)

$(BUILD)/user/%: libc/bin/%.c $(USER_LIBC) $(USER_CC)
	@printf '  %-7s %s\n' USERCC $@
	@mkdir -p $(@D)
	@$(USER_CC) $(USER_CFLAGS) -MMD -MP -MF $@.d -MT $@ $< -o $@

-include $(LIBC_OBJS:.o=.d) $(USER_PROGRAMS:=.d)

endif
