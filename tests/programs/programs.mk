# Programs that the network's tests and the bench run in the guest: a web server that Debian doesn't have as a static
# file, and our own plain peer; and one that takes memory and processors. Sets NET_PROGRAMS (build/programs/NAME...). The other strangers are Debian's own files,
# put into the guest with their libraries by the tests.
ifndef PROGRAMS_MK
PROGRAMS_MK := 1

LIGHTTPD       := $(BUILD)/programs/lighttpd
LIGHTTPD_TREE  := $(BUILD)/src/lighttpd
LIGHTTPD_BUILD := $(BUILD)/lighttpd
LIGHTTPD_PARTS := indexfile staticfile dirlisting cgi
LIGHTTPD_LACKS := pcre2 pcre zlib bzip2 brotli zstd

NETPEER        := $(BUILD)/programs/netpeer

PRESSURE       := $(BUILD)/programs/pressure

NET_PROGRAMS   := $(LIGHTTPD) $(NETPEER) $(PRESSURE)

$(NETPEER) $(PRESSURE): $(BUILD)/programs/%: tests/programs/%.c tests/programs/programs.mk
	@printf '  %-7s %s\n' CC $@
	@mkdir -p $(@D)
	@$(CC) -std=gnu17 -O2 -g $(WARNINGS) -static -o $@ $<

$(LIGHTTPD_TREE).fetched: scripts/source
	@printf '  %-7s %s\n' FETCH lighttpd
	@SLUICE_BUILD=$(BUILD) scripts/source lighttpd
	@touch $@

# libtool understands -all-static, configure doesn't.
$(LIGHTTPD): $(LIGHTTPD_TREE).fetched tests/programs/programs.mk
	@printf '  %-7s %s\n' HTTPD $@
	@rm -rf $(LIGHTTPD_BUILD) && mkdir -p $(LIGHTTPD_BUILD)/src $(@D)
	@printf 'PLUGIN_INIT(mod_%s)\n' $(LIGHTTPD_PARTS) > $(LIGHTTPD_BUILD)/src/plugin-static.h
	@cd $(LIGHTTPD_BUILD) && { LIGHTTPD_STATIC=yes $(abspath $(LIGHTTPD_TREE))/configure CC=gcc CFLAGS='-O2 -w' \
	    --enable-static --disable-shared $(LIGHTTPD_LACKS:%=--without-%) \
	    && env -u MAKEFLAGS -u MFLAGS $(MAKE) -C src -j2 LDFLAGS=-all-static all ; } > $(abspath $(LIGHTTPD_BUILD)).log 2>&1 || \
	    { tail -n 20 $(abspath $(LIGHTTPD_BUILD)).log; echo "lighttpd can't be built; see $(LIGHTTPD_BUILD).log"; exit 1; }
	@cp $(LIGHTTPD_BUILD)/src/lighttpd $@

.PHONY: net-programs
net-programs: $(NET_PROGRAMS)

#? Soak:   make net-soak               its part for the network: iperf3 for a minute each way (docs/network.md)
.PHONY: net-soak
net-soak:
	@scripts/setup test
	@$(MAKE) kernel initrd net-programs
	@SLUICE_SMP=2 SLUICE_IPERF_SECONDS=60 $(PYTHON) -B tests/run/test_net_programs.py iperf3
soak: net-soak

endif
