/* The protocols' counts, by the names of /proc/net/snmp. */
#include <sluice/inet.h>
#include "core_private.h"
#include "lwip/stats.h"
#include "lwip/priv/tcp_priv.h"

typedef void count_show(void *arg, const char *protocol, const char *name, oskit_u64_t value);

struct count {
    const char *protocol, *name;
    const u32_t *value; /* NULL: not counted, or computed */
    oskit_u32_t fixed;
};

/* In Linux's order, which programs rely on. */
#define COUNT(group, what, field)           \
    {                                       \
#group, #what, &lwip_stats.field, 0 \
    }
#define FIXED(group, what, number)                 \
    {                                              \
#group, #what, NULL, (oskit_u32_t)(number) \
    }

static const struct count counts[] = {
    FIXED(Ip, Forwarding, 2),
    FIXED(Ip, DefaultTTL, IP_DEFAULT_TTL),
    COUNT(Ip, InReceives, mib2.ipinreceives),
    COUNT(Ip, InHdrErrors, mib2.ipinhdrerrors),
    COUNT(Ip, InAddrErrors, mib2.ipinaddrerrors),
    COUNT(Ip, ForwDatagrams, mib2.ipforwdatagrams),
    COUNT(Ip, InUnknownProtos, mib2.ipinunknownprotos),
    COUNT(Ip, InDiscards, mib2.ipindiscards),
    COUNT(Ip, InDelivers, mib2.ipindelivers),
    COUNT(Ip, OutRequests, mib2.ipoutrequests),
    COUNT(Ip, OutDiscards, mib2.ipoutdiscards),
    COUNT(Ip, OutNoRoutes, mib2.ipoutnoroutes),
    FIXED(Ip, ReasmTimeout, IP_REASS_MAXAGE),
    COUNT(Ip, ReasmReqds, mib2.ipreasmreqds),
    COUNT(Ip, ReasmOKs, mib2.ipreasmoks),
    COUNT(Ip, ReasmFails, mib2.ipreasmfails),
    COUNT(Ip, FragOKs, mib2.ipfragoks),
    COUNT(Ip, FragFails, mib2.ipfragfails),
    COUNT(Ip, FragCreates, mib2.ipfragcreates),
    COUNT(Icmp, InMsgs, mib2.icmpinmsgs),
    COUNT(Icmp, InErrors, mib2.icmpinerrors),
    COUNT(Icmp, InCsumErrors, icmp.chkerr),
    COUNT(Icmp, InDestUnreachs, mib2.icmpindestunreachs),
    COUNT(Icmp, InTimeExcds, mib2.icmpintimeexcds),
    COUNT(Icmp, InParmProbs, mib2.icmpinparmprobs),
    COUNT(Icmp, InSrcQuenchs, mib2.icmpinsrcquenchs),
    COUNT(Icmp, InRedirects, mib2.icmpinredirects),
    COUNT(Icmp, InEchos, mib2.icmpinechos),
    COUNT(Icmp, InEchoReps, mib2.icmpinechoreps),
    COUNT(Icmp, InTimestamps, mib2.icmpintimestamps),
    COUNT(Icmp, InTimestampReps, mib2.icmpintimestampreps),
    COUNT(Icmp, InAddrMasks, mib2.icmpinaddrmasks),
    COUNT(Icmp, InAddrMaskReps, mib2.icmpinaddrmaskreps),
    COUNT(Icmp, OutMsgs, mib2.icmpoutmsgs),
    COUNT(Icmp, OutErrors, mib2.icmpouterrors),
    COUNT(Icmp, OutDestUnreachs, mib2.icmpoutdestunreachs),
    COUNT(Icmp, OutTimeExcds, mib2.icmpouttimeexcds),
    FIXED(Icmp, OutParmProbs, 0),
    FIXED(Icmp, OutSrcQuenchs, 0),
    FIXED(Icmp, OutRedirects, 0),
    COUNT(Icmp, OutEchos, mib2.icmpoutechos),
    COUNT(Icmp, OutEchoReps, mib2.icmpoutechoreps),
    FIXED(Icmp, OutTimestamps, 0),
    FIXED(Icmp, OutTimestampReps, 0),
    FIXED(Icmp, OutAddrMasks, 0),
    FIXED(Icmp, OutAddrMaskReps, 0),
    FIXED(Tcp, RtoAlgorithm, 1),
    FIXED(Tcp, RtoMin, 2 * TCP_SLOW_INTERVAL),
    FIXED(Tcp, RtoMax, 120000),
    FIXED(Tcp, MaxConn, -1),
    COUNT(Tcp, ActiveOpens, mib2.tcpactiveopens),
    COUNT(Tcp, PassiveOpens, mib2.tcppassiveopens),
    COUNT(Tcp, AttemptFails, mib2.tcpattemptfails),
    COUNT(Tcp, EstabResets, mib2.tcpestabresets),
    FIXED(Tcp, CurrEstab, 0),
    COUNT(Tcp, InSegs, mib2.tcpinsegs),
    COUNT(Tcp, OutSegs, mib2.tcpoutsegs),
    COUNT(Tcp, RetransSegs, mib2.tcpretranssegs),
    COUNT(Tcp, InErrs, mib2.tcpinerrs),
    COUNT(Tcp, OutRsts, mib2.tcpoutrsts),
    COUNT(Tcp, InCsumErrors, tcp.chkerr),
    COUNT(Udp, InDatagrams, mib2.udpindatagrams),
    COUNT(Udp, NoPorts, mib2.udpnoports),
    COUNT(Udp, InErrors, mib2.udpinerrors),
    COUNT(Udp, OutDatagrams, mib2.udpoutdatagrams),
    COUNT(Udp, RcvbufErrors, udp.memerr),
    FIXED(Udp, SndbufErrors, 0),
    COUNT(Udp, InCsumErrors, udp.chkerr),
    FIXED(Udp, IgnoredMulti, 0),
    FIXED(Udp, MemErrors, 0),
};

static oskit_u32_t established(void)
{
    oskit_u32_t count = 0;
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        count += pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT;
    return count;
}

static bool is_established(const struct count *count)
{
    return !count->value && count->name[0] == 'C';
}

void inet_counts_each(count_show *show, void *arg)
{
    oskit_u32_t values[sizeof counts / sizeof counts[0]];
    inet_lock();
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        values[i] = counts[i].value ? *counts[i].value : counts[i].fixed;
        if (is_established(&counts[i]))
            values[i] = established();
    }
    inet_unlock();
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        show(arg, counts[i].protocol, counts[i].name, values[i]);
}
