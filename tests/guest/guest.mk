# Programs that test the system from inside: tests/guest/NAME.c prints KTAP, tests/conformance/NAME.c prints what must
# be the same on Linux. Each is one static file, built with newlib, that runs on both.
#   GUEST_TESTS          build/guest/NAME
#   DIFFERENTIAL_TESTS   build/conformance/NAME

ifndef GUEST_MK
GUEST_MK := 1

GUEST_TESTS := $(patsubst tests/guest/%.c,$(BUILD)/guest/%,$(sort $(wildcard tests/guest/*.c)))
DIFFERENTIAL_TESTS := $(patsubst tests/conformance/%.c,$(BUILD)/conformance/%,$(sort $(wildcard tests/conformance/*.c)))

# Tests may crash on purpose, at low addresses too; no aliasing rules; cases run in the order of the source.
GUEST_TEST_CFLAGS = $(USER_CFLAGS) -fno-strict-aliasing -fno-toplevel-reorder --param=min-pagesize=0 -Itests/guest -I$(BUILD)/gen

# For tests that make up arguments: what kind each implemented call's are.
SYSCALL_KINDS := $(BUILD)/gen/syscall_kinds.inc
$(SYSCALL_KINDS): scripts/syscalls kernel/abi/syscalls.tbl
	@mkdir -p $(@D)
	@/usr/bin/python3 scripts/syscalls kinds > $@

$(GUEST_TESTS): $(BUILD)/guest/%: tests/guest/%.c $(USER_LIBC) $(USER_CC) | $(SYSCALL_KINDS)
	@printf '  %-7s %s\n' USERCC $@
	@mkdir -p $(@D)
	@$(USER_CC) $(GUEST_TEST_CFLAGS) -MMD -MP -MF $@.d -MT $@ $< -o $@

$(DIFFERENTIAL_TESTS): $(BUILD)/conformance/%: tests/conformance/%.c $(USER_LIBC) $(USER_CC)
	@printf '  %-7s %s\n' USERCC $@
	@mkdir -p $(@D)
	@$(USER_CC) $(GUEST_TEST_CFLAGS) -MMD -MP -MF $@.d -MT $@ $< -o $@

-include $(GUEST_TESTS:=.d) $(DIFFERENTIAL_TESTS:=.d)

endif
