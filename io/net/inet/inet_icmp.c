/*
 * What the network says of packets that were sent: ICMP and ICMPv6 errors, read by raw pcbs of our
 * own before lwIP has them (it takes notice of none of these), and given to the socket that sent.
 */
#include <sluice/string.h>
#include "core_private.h"
#include "inet_sock.h"
#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/raw.h"

#define COPY_MAX   1240u /* of the packet complained of: IPv6's least MTU without its headers */
#define ICMP_FIXED 8u

enum { UNREACHABLE4 = 3, EXCEEDED4 = 11, PARAMETER4 = 12 };
#define FRAGMENTATION_NEEDED 4u /* code of UNREACHABLE4 */
enum { UNREACHABLE6 = 1, TOO_BIG6 = 2, EXCEEDED6 = 3, PARAMETER6 = 4 };

struct complaint {
    oskit_u8_t type, code;
    oskit_u32_t length; /* of bytes */
    oskit_u8_t bytes[ICMP_FIXED + COPY_MAX];
};

/* Linux's icmp_err_convert: what each code of "unreachable" means to a program. */
static void meaning4(struct inet_report *report)
{
    static const struct {
        oskit_error_t error;
        bool fatal;
    } codes[] = {
        {OSKIT_ENETUNREACH, false},  {OSKIT_EHOSTUNREACH, false}, {OSKIT_ENOPROTOOPT, true},
        {OSKIT_ECONNREFUSED, true},  {OSKIT_EMSGSIZE, false},     {OSKIT_EOPNOTSUPP, false},
        {OSKIT_ENETUNREACH, true},   {OSKIT_EHOSTUNREACH, true},  {OSKIT_ENETUNREACH, true},
        {OSKIT_ENETUNREACH, true},   {OSKIT_EHOSTUNREACH, true},  {OSKIT_ENETUNREACH, false},
        {OSKIT_EHOSTUNREACH, false}, {OSKIT_EHOSTUNREACH, true},  {OSKIT_EHOSTUNREACH, true},
        {OSKIT_EHOSTUNREACH, true},
    };

    report->error = OSKIT_EHOSTUNREACH;
    report->fatal = false;
    if (report->type == UNREACHABLE4 && report->code < SLUICE_COUNT(codes)) {
        report->error = codes[report->code].error;
        report->fatal = codes[report->code].fatal;
    } else if (report->type == PARAMETER4) {
        report->error = OSKIT_EPROTO;
        report->fatal = true;
    }
}

static void meaning6(struct inet_report *report)
{
    static const struct {
        oskit_error_t error;
        bool fatal;
    } codes[] = {
        {OSKIT_ENETUNREACH, false},  {OSKIT_EACCES, true},       {OSKIT_EHOSTUNREACH, false},
        {OSKIT_EHOSTUNREACH, false}, {OSKIT_ECONNREFUSED, true}, {OSKIT_EACCES, true},
        {OSKIT_EACCES, true},
    };

    report->error = report->type == TOO_BIG6 ? OSKIT_EMSGSIZE : OSKIT_EHOSTUNREACH;
    report->fatal = false;
    if (report->type == UNREACHABLE6 && report->code < SLUICE_COUNT(codes)) {
        report->error = codes[report->code].error;
        report->fatal = codes[report->code].fatal;
    } else if (report->type == PARAMETER6) {
        report->error = OSKIT_EPROTO;
        report->fatal = true;
    }
}

static void dispatch(oskit_u8_t protocol, const oskit_u8_t *transport, oskit_u32_t length,
                     struct inet_report *report)
{
    const oskit_u32_t header = 8;

    if (length >= 4) {
        report->source_port = (oskit_u16_t)(transport[0] << 8 | transport[1]);
        report->destination_port = (oskit_u16_t)(transport[2] << 8 | transport[3]);
    }
    report->data = length > header ? transport + header : transport;
    report->length = length > header ? length - header : 0;
    switch (protocol) {
    case IP_PROTO_TCP:
        tcp_reported(report);
        break;
    case IP_PROTO_UDP:
    case IP_PROTO_UDPLITE:
        udp_reported(report, protocol == IP_PROTO_UDPLITE);
        break;
    default:
        report->data = transport;
        report->length = length;
        raw_reported(protocol, report);
    }
}

/* The path's MTU, or the place of the bad parameter. */
static oskit_u32_t info4(const struct complaint *complaint)
{
    if (complaint->type == UNREACHABLE4 && complaint->code == FRAGMENTATION_NEEDED)
        return (oskit_u32_t)(complaint->bytes[6] << 8 | complaint->bytes[7]);
    return complaint->type == PARAMETER4 ? complaint->bytes[4] : 0;
}

static void complain4(const struct complaint *complaint, struct inet_report *report)
{
    const oskit_u8_t *ip = complaint->bytes + ICMP_FIXED;
    oskit_u32_t left = complaint->length > ICMP_FIXED ? complaint->length - ICMP_FIXED : 0;
    oskit_u32_t header = (ip[0] & 15u) * 4u, address;

    if (left < IP_HLEN || header < IP_HLEN || left < header)
        return;
    memcpy(&address, ip + 12, sizeof address);
    ip_addr_set_ip4_u32(&report->source, address);
    memcpy(&address, ip + 16, sizeof address);
    ip_addr_set_ip4_u32(&report->destination, address);
    report->info = info4(complaint);
    meaning4(report);
    dispatch(ip[9], ip + header, left - header, report);
}

static void address6(ip_addr_t *out, const oskit_u8_t *bytes)
{
    *out = (ip_addr_t){0};
    IP_SET_TYPE(out, IPADDR_TYPE_V6);
    memcpy(ip_2_ip6(out)->addr, bytes, sizeof ip_2_ip6(out)->addr);
    if (ip6_addr_lacks_zone(ip_2_ip6(out), IP6_UNKNOWN))
        ip6_addr_assign_zone(ip_2_ip6(out), IP6_UNKNOWN, ip_current_input_netif());
}

static void complain6(const struct complaint *complaint, struct inet_report *report)
{
    const oskit_u8_t *ip = complaint->bytes + ICMP_FIXED;
    oskit_u32_t left = complaint->length > ICMP_FIXED ? complaint->length - ICMP_FIXED : 0;

    if (left < IP6_HLEN)
        return;
    address6(&report->source, ip + 8);
    address6(&report->destination, ip + 24);
    memcpy(&report->info, complaint->bytes + 4, sizeof report->info);
    report->info = lwip_ntohl(report->info);
    meaning6(report);
    dispatch(ip[6], ip + IP6_HLEN, left - IP6_HLEN, report);
}

static bool is_complaint(bool v6, oskit_u8_t type)
{
    if (v6)
        return type >= UNREACHABLE6 && type <= PARAMETER6;
    return type == UNREACHABLE4 || type == EXCEEDED4 || type == PARAMETER4;
}

static u8_t event_icmp(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *source)
{
    bool v6 = ip_current_is_v6();
    u16_t header = ip_current_header_tot_len();
    static struct complaint complaint; /* core lock */
    struct inet_report report = {.v6 = v6, .offender = *source};

    (void)arg;
    (void)pcb;
    if (v6 && !inet_discovery_believes(p, header)) {
        pbuf_free(p);
        return 1;
    }
    if (p->tot_len < header + ICMP_FIXED)
        return 0;
    complaint.type = pbuf_get_at(p, header);
    if (!is_complaint(v6, complaint.type))
        return 0;
    complaint.length = pbuf_copy_partial(p, complaint.bytes, sizeof complaint.bytes, header);
    complaint.code = complaint.bytes[1];
    report.type = complaint.type;
    report.code = complaint.code;
    if (v6)
        complain6(&complaint, &report);
    else
        complain4(&complaint, &report);
    return 0; /* lwIP's and raw sockets' too */
}

static struct raw_pcb *four, *six;

oskit_error_t inet_icmp_start(void)
{
    inet_lock();
    four = raw_new_ip_type(IPADDR_TYPE_V4, IP_PROTO_ICMP);
    six = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6);
    if (four != NULL)
        raw_recv(four, event_icmp, NULL);
    if (six != NULL)
        raw_recv(six, event_icmp, NULL);
    inet_unlock();
    return four != NULL && six != NULL ? OSKIT_SUCCESS : OSKIT_ENOBUFS;
}

void inet_icmp_stop(void)
{
    inet_lock();
    if (four != NULL)
        raw_remove(four);
    if (six != NULL)
        raw_remove(six);
    four = six = NULL;
    inet_unlock();
}
