# The host ring: io/ and drivers/ as an ordinary process under the sanitizers. Each tests/host/test_NOUN.c is
# a cmocka program, linked with all of io/ and drivers/ and with the other C files here (env.c and helpers).
# SANITIZE=thread builds the same under ThreadSanitizer, apart from the others.

SANITIZE    ?= address,undefined
comma       := ,
HOST_CC     ?= gcc
HOST_BUILD  := $(BUILD)/host$(if $(filter-out address$(comma)undefined,$(SANITIZE)),-$(subst $(comma),-,$(SANITIZE)))
HOST_CFLAGS := -std=gnu17 -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing $(WARNINGS) \
               -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -DSLUICE_HOST_TEST=1 \
               -Iio/include -I. -Itests/host -I$(BUILD)/gen $(LWIP_INC) $(HOST_EXTRA)
HOST_LDLIBS := -lcmocka -lpthread

HOST_TEST_SRCS := $(sort $(wildcard tests/host/test_*.c))
HOST_LIB_SRCS := $(sort $(shell find io drivers -name '*.c') \
                        $(filter-out $(HOST_TEST_SRCS),$(wildcard tests/host/*.c)))
HOST_LIB_OBJS := $(HOST_LIB_SRCS:%=$(HOST_BUILD)/%.o) $(LWIP_SRCS:%=$(HOST_BUILD)/lwip/%.o)
HOST_TEST_OBJS := $(HOST_TEST_SRCS:%=$(HOST_BUILD)/%.o)
HOST_TESTS  := $(HOST_TEST_SRCS:tests/host/%.c=$(HOST_BUILD)/%)
HOST_LIB    := $(HOST_BUILD)/libsluice.a

$(eval $(call text_stamp,$(HOST_BUILD)/flags,$(HOST_CC) $(HOST_CFLAGS)))
$(eval $(call text_stamp,$(HOST_BUILD)/objects,$(HOST_LIB_OBJS)))

$(HOST_BUILD)/%.c.o: %.c $(HOST_BUILD)/flags | $(SYSCALL_INC) $(LWIP_FETCHED)
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(eval $(call lwip_objects,$(HOST_BUILD),$(HOST_BUILD)/flags,$$(HOST_CC) $$(call LWIP_PLAIN,$$(HOST_CFLAGS)),HOSTCC))

$(HOST_LIB): $(HOST_LIB_OBJS) $(HOST_BUILD)/objects
	$(Q)rm -f $@
	$(Q)ar rcs $@ $(HOST_LIB_OBJS)

# The whole archive: drivers stand in a linker section that nothing refers to by name.
$(HOST_TESTS): $(HOST_BUILD)/%: $(HOST_BUILD)/tests/host/%.c.o $(HOST_LIB)
	$(call say,HOSTLD,$@)
	$(Q)$(HOST_CC) -fsanitize=$(SANITIZE) -o $@ $< -Wl,--whole-archive $(HOST_LIB) -Wl,--no-whole-archive $(HOST_LDLIBS)

#? Soak:   make soak [CUTS=20000]          power cuts, many more than make test has (docs/reliability.md)
CUTS        ?= 20000
.PHONY: soak
soak:
	@scripts/setup test
	$(Q)$(MAKE) $(HOST_BUILD)/test_powercut
	$(Q)SLUICE_POWERCUTS=$(CUTS) SLUICE_POWERCUT_SEED=$${SLUICE_POWERCUT_SEED:-1000} $(HOST_BUILD)/test_powercut

# clang's warnings about the tests and what stands in for a kernel.
CLANG_HOST_STAMPS := $(patsubst %,$(BUILD)/clang-host/%.ok,$(wildcard tests/host/*.c))
clang-check: $(CLANG_HOST_STAMPS)
$(CLANG_HOST_STAMPS): $(BUILD)/clang-host/%.ok: % $(HOST_BUILD)/flags | $(SYSCALL_INC) $(LWIP_FETCHED)
	$(call say,CLANG,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(filter-out -fsanitize=% -fno-sanitize%,$(HOST_CFLAGS)) -MMD -MP -MF $(@:.ok=.d) -MT $@ \
	    -fsyntax-only $<
	@touch $@
-include $(CLANG_HOST_STAMPS:.ok=.d)

.PHONY: thread-tests
thread-tests:
	$(Q)$(MAKE) host-tests SANITIZE=thread

.SECONDARY: $(HOST_TEST_OBJS)
-include $(HOST_LIB_OBJS:.o=.d) $(HOST_TEST_OBJS:.o=.d)
