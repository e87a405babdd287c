# dash, the second shell: Debian's sources, built with newlib. Adds build/user/dash to USER_PROGRAMS.
ifndef DASH_MK
DASH_MK := 1

DASH       := $(BUILD)/user/dash
DASH_TREE  := $(BUILD)/src/dash
DASH_BUILD := $(BUILD)/dash

USER_PROGRAMS += $(DASH)

$(DASH_TREE).fetched: scripts/source
	@printf '  %-7s %s\n' FETCH dash
	@SLUICE_BUILD=$(BUILD) scripts/source dash
	@touch $@

# Its own make knows what depends on what; ours asks it again when the sources or the C library changed.
$(DASH): $(DASH_TREE).fetched $(USER_LIBC) $(USER_CC) libc/dash.mk
	@printf '  %-7s %s\n' DASH $@
	@rm -rf $(DASH_BUILD) && mkdir -p $(DASH_BUILD) $(@D)
	@cd $(DASH_BUILD) && { $(abspath $(DASH_TREE))/configure --host=x86_64-elf --build=x86_64-linux-gnu \
	    CC="$(abspath $(USER_CC))" CFLAGS="-O2 -g" CC_FOR_BUILD=gcc --without-libedit --disable-fnmatch --disable-glob \
	    && $(MAKE) MAKEFLAGS= ; } > $(abspath $(DASH_BUILD)).log 2>&1 || \
	    { tail -n 20 $(abspath $(DASH_BUILD)).log; echo "dash can't be built; all of it: $(DASH_BUILD).log"; exit 1; }
	@cp $(DASH_BUILD)/src/dash $@
	@touch $@

endif
