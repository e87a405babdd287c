# lwIP, the TCP/IP protocols: Debian's sources, compiled with our settings (io/net/inet/port). What others use from here:
#   LWIP_FETCHED   what an object needs before it may include "lwip/..."
#   LWIP_INC       where these headers are, and the settings
#   LWIP_SRCS      the sources that we use, as paths below LWIP_TREE/src
#   LWIP_PLAIN     for flags: what lwIP is compiled without, since its warnings are not ours to mend

LWIP_TREE   := $(BUILD)/src/lwip
LWIP_FETCHED := $(LWIP_TREE).mended
LWIP_INC    := -Iio/net/inet/port -isystem $(LWIP_TREE)/src/include
# Its headers count as the system's, through which dependencies aren't followed.
LWIP_SRCS   := $(addprefix core/,def.c inet_chksum.c init.c ip.c netif.c pbuf.c raw.c stats.c tcp.c tcp_in.c tcp_out.c \
                   timeouts.c udp.c) \
               $(addprefix core/ipv4/,dhcp.c etharp.c icmp.c igmp.c ip4.c ip4_addr.c ip4_frag.c) \
               $(addprefix core/ipv6/,ethip6.c icmp6.c inet6.c ip6.c ip6_addr.c ip6_frag.c mld6.c nd6.c) \
               netif/ethernet.c
# What depends on our settings, which lwIP's headers include: the compiler takes those for the system's and doesn't note it.
LWIP_SETTINGS := $(wildcard io/net/inet/port/*.h io/net/inet/port/*/*.h)
LWIP_USERS  := $(wildcard io/net/inet/*.c)
# One place of its says htonl, which the headers leave to others here.
LWIP_PLAIN   = $(filter-out $(WARNINGS),$(1)) -w -Dhtonl=__builtin_bswap32

$(LWIP_TREE).fetched: scripts/source
	$(call say,FETCH,lwip)
	$(Q)SLUICE_BUILD=$(BUILD) scripts/source lwip
	$(Q)touch $@

# The first retransmission comes after a second, as RFC 6298 has it: 2.1.3 has its 3 where settings don't reach.
# And what a peer sends beyond our window, out of order or with an end in the middle, is no reason to give up: it uses
# the window up. There, 2.1.3 asserts that no peer does so.
# And whatever acknowledges more says how large the window is from there on, even if it was sent again and so is old:
# 2.1.3 keeps the size, so that the window's end moves beyond all that the peer has offered.
# And a packet of IPv6 that came in fragments is what its first one says, not the one that came first or last.
# And who is told that nobody takes a packet gets as much of it back as 576 bytes hold (RFC 1812, 4.3.2.3): 2.1.3 gives 8 bytes.
# And a segment that is cut, because the window is smaller, keeps its FIN no more: 2.1.3 sends it with both parts, so that
# the first one's end is the stream's to the peer.
$(LWIP_FETCHED): $(LWIP_TREE).fetched io/net/inet/lwip.mk
	$(Q)sed -i -e 's/\(define ICMP_DEST_UNREACH_DATASIZE\) 8\b.*/\1 (576 - 2 * IP_HLEN - 8)/' \
	    -e '/SMEMCPY((u8_t \*)q->payload + sizeof(struct icmp_echo_hdr), (u8_t \*)p->payload,/{N;s/.*/  pbuf_copy_partial(p, (u8_t *)q->payload + sizeof(struct icmp_echo_hdr), response_pkt_len, 0);/}' \
	    $(LWIP_TREE)/src/core/ipv4/icmp.c
	$(Q)sed -i 's|= 3000 / TCP_SLOW_INTERVAL|= LWIP_TCP_RTO_TIME / TCP_SLOW_INTERVAL|' $(LWIP_TREE)/src/core/tcp.c
	$(Q)sed -i -e '/LWIP_ASSERT("tcp_receive: tcplen > rcv_wnd/d' \
	    -e '/LWIP_ASSERT("tcp_receive: ooseq tcplen > rcv_wnd/,+1d' \
	    -e 's/if (\(TCP_SEQ_LT(pcb->snd_wl1, seqno)\)/if (TCP_SEQ_BETWEEN(ackno, pcb->lastack + 1, pcb->snd_nxt) || \1/' \
	    -e 's/rcv_wnd -= \(tcplen\|TCP_TCPLEN(cseg)\);/rcv_wnd -= LWIP_MIN(pcb->rcv_wnd, \1);/' \
	    $(LWIP_TREE)/src/core/tcp_in.c
	$(Q)sed -i 's/^        ip6hdr = \((struct ip6_hdr \*)p->payload;\)$$/        ip_data.current_ip6_header = ip6hdr = \1/' \
	    $(LWIP_TREE)/src/core/ipv6/ip6.c
	$(Q)sed -i -e 's/orig_hdr, sizeof(iprh))/orig_hdr, sizeof(*iprh))/' \
	    -e 's/^  if (start == 0) {$$/  if (start == 0 \&\& (ipr->nexth = frag_hdr->_nexth, 1)) {/' \
	    $(LWIP_TREE)/src/core/ipv6/ip6_frag.c
	$(Q)sed -i 's/TCPH_SET_FLAG(useg->tcphdr, split_flags)/TCPH_FLAGS_SET(useg->tcphdr, split_flags)/' $(LWIP_TREE)/src/core/tcp_out.c
	$(Q)touch $@

# The rule and the objects of lwIP: $(1) the folder, $(2) the stamp of the flags, $(3) how to compile, $(4) the word to say.
define lwip_objects
$(1)/lwip/%.c.o: $(LWIP_FETCHED) $(LWIP_SETTINGS) $(2)
	$$(call say,$(4),lwip/$$*.c)
	@mkdir -p $$(@D)
	$$(Q)$(3) -c $(LWIP_TREE)/src/$$*.c -o $$@
$(patsubst %,$(1)/%.o,$(LWIP_USERS)): $(LWIP_SETTINGS)
endef
