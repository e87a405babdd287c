# The fuzz ring: parts that read what strangers wrote, under libFuzzer and the sanitizers. Each
# tests/fuzz/fuzz_NOUN.c is a target, linked with io/, drivers/ and the helpers of tests/host as clang builds
# them. tests/fuzz/run runs one; tests/fuzz/corpus/NOUN/ has the inputs that it begins with.
#
#? Fuzz:   make fuzz TARGET=NOUN SECONDS=N   look for faults in one target (tests/fuzz/README.md)

FUZZ_BUILD  := $(BUILD)/fuzz
FUZZ_CFLAGS := -std=gnu17 -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing $(WARNINGS) \
               -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DSLUICE_HOST_TEST=1 \
               -Iio/include -I. -Itests/host -I$(BUILD)/gen $(LWIP_INC) $(FUZZ_EXTRA)
# Randomness comes from the harness: a run must be the same each time.
FUZZ_LDFLAGS := -fsanitize=fuzzer,address,undefined -Wl,--wrap=getrandom
FUZZ_SRCS   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TARGETS := $(FUZZ_SRCS:tests/fuzz/fuzz_%.c=$(FUZZ_BUILD)/%)
FUZZ_OBJS   := $(FUZZ_SRCS:%=$(FUZZ_BUILD)/obj/%.o)
FUZZ_LIB_SRCS := $(HOST_LIB_SRCS) $(filter-out $(FUZZ_SRCS),$(wildcard tests/fuzz/*.c))
FUZZ_LIB_OBJS := $(FUZZ_LIB_SRCS:%=$(FUZZ_BUILD)/obj/%.o) $(LWIP_SRCS:%=$(FUZZ_BUILD)/obj/lwip/%.o)
FUZZ_LIB    := $(FUZZ_BUILD)/obj/libsluice.a

$(eval $(call text_stamp,$(FUZZ_BUILD)/obj/flags,$(CLANG) $(FUZZ_CFLAGS)))
$(eval $(call text_stamp,$(FUZZ_BUILD)/obj/objects,$(FUZZ_LIB_OBJS)))

$(FUZZ_BUILD)/obj/%.c.o: %.c $(FUZZ_BUILD)/obj/flags | $(SYSCALL_INC) $(LWIP_FETCHED)
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

$(eval $(call lwip_objects,$(FUZZ_BUILD)/obj,$(FUZZ_BUILD)/obj/flags,$$(CLANG) $$(call LWIP_PLAIN,$$(FUZZ_CFLAGS)),FUZZCC))

$(FUZZ_LIB): $(FUZZ_LIB_OBJS) $(FUZZ_BUILD)/obj/objects
	$(Q)rm -f $@
	$(Q)ar rcs $@ $(FUZZ_LIB_OBJS)

$(FUZZ_TARGETS): $(FUZZ_BUILD)/%: $(FUZZ_BUILD)/obj/tests/fuzz/fuzz_%.c.o $(FUZZ_LIB)
	$(call say,FUZZLD,$@)
	$(Q)$(CLANG) $(FUZZ_LDFLAGS) -o $@ $< $(FUZZ_LIB) $(HOST_LDLIBS)

TARGET      ?= all
SECONDS     ?= 60
.PHONY: fuzz fuzz-targets
fuzz-targets: $(FUZZ_TARGETS)
fuzz:
	@scripts/setup test
	$(Q)$(MAKE) $(if $(filter all,$(TARGET)),fuzz-targets,$(FUZZ_BUILD)/$(TARGET))
	$(Q)for target in $(if $(filter all,$(TARGET)),$(notdir $(FUZZ_TARGETS)),$(TARGET)); do \
	    tests/fuzz/run --seconds $(SECONDS) $(FUZZ_BUILD)/$$target || exit; done

# Takes over from what was found the few inputs that reach code which the kept ones don't.
.PHONY: fuzz-keep
fuzz-keep: $(FUZZ_BUILD)/$(TARGET)
	$(Q)mkdir -p $(FUZZ_BUILD)/found/$(TARGET)
	$(Q)$< -set_cover_merge=1 -use_counters=0 -max_len=4096 tests/fuzz/corpus/$(TARGET) $(FUZZ_BUILD)/found/$(TARGET)

# make check compiles these, too.
clang-check: $(FUZZ_OBJS) $(FUZZ_BUILD)/obj/tests/fuzz/fuzz.c.o

.SECONDARY: $(FUZZ_OBJS)
-include $(FUZZ_LIB_OBJS:.o=.d) $(FUZZ_OBJS:.o=.d)
