# The bench: one program, linked with the host's C library, that runs on Sluice and on Linux alike.

ifndef BENCH_MK
BENCH_MK := 1

BENCH_SRCS := $(sort $(wildcard tests/bench/*.c))
BENCH_ELF  := $(BUILD)/bench/bench

$(BENCH_ELF): $(BENCH_SRCS) tests/bench/bench.h tests/bench/bench.mk
	@printf '  %-7s %s\n' CC $@
	@mkdir -p $(@D)
	@$(CC) -std=gnu17 -O2 -g $(WARNINGS) -static -o $@ $(BENCH_SRCS)

BENCH_PLUGIN := $(BUILD)/bench/count.so

$(BENCH_PLUGIN): tests/bench/plugin/count.c tests/bench/bench.mk
	@printf '  %-7s %s\n' CC $@
	@mkdir -p $(@D)
	@$(CC) -std=gnu17 -O2 -g $(WARNINGS) -fPIC -shared -o $@ $<

.PHONY: bench bench-program
bench-program: $(BENCH_ELF) $(BENCH_PLUGIN) $(NET_PROGRAMS)
bench:
	@scripts/setup run
	@$(MAKE) $(JOBS) build-for-run bench-program
	@scripts/bench

endif
