/* The ioctls of netdevice(7), arp(7) and routes, on any socket. */
#include "net_case.h"

#include "io/net/interface.h"
#include "io/net/ioctl.h"

static oskit_error_t request(uint32_t command, void *argument)
{
    int32_t result = 77;
    oskit_error_t err = net_ioctl(command, (uintptr_t)argument, &result);

    assert_int_equal(result, 0);
    return err;
}

static struct ioctl_request named(const char *name)
{
    struct ioctl_request out;

    memset(&out, 0, sizeof out);
    strcpy(out.name, name);
    return out;
}

static struct ioctl_request with_address(const char *name, const char *address)
{
    struct ioctl_request out = named(name);

    ioctl_address_set(&out.u.address, (const uint8_t *)address);
    return out;
}

static void test_links(void **state)
{
    struct ioctl_request r = named("eth0");

    (void)state;
    net_begin();
    assert_int_equal(request(SIOCGIFINDEX, &r), 0);
    assert_int_equal(r.u.number, 2);
    assert_int_equal(request(SIOCGIFFLAGS, &r), 0);
    assert_int_equal(r.u.flags & INTERFACE_UP, INTERFACE_UP);
    assert_int_equal(request(SIOCGIFHWADDR, &r), 0);
    assert_int_equal(r.u.address.family, 1);
    assert_memory_equal(r.u.address.u.hardware, "\2\0\0\0\0\1", 6);
    assert_int_equal(request(SIOCGIFMTU, &r), 0);
    assert_int_equal(r.u.number, 1500);
    r.u.number = 1400;
    assert_int_equal(request(SIOCSIFMTU, &r), 0);
    r.u.number = -1;
    assert_int_equal(request(SIOCSIFMTU, &r), OSKIT_E_INVALIDARG);
    assert_int_equal(request(SIOCGIFTXQLEN, &r), 0);
    assert_int_equal(r.u.number, 1000);
    r.u.flags = 0;
    assert_int_equal(request(SIOCSIFFLAGS, &r), 0);
    assert_int_equal(request(SIOCGIFFLAGS, &r), 0);
    assert_int_equal(r.u.flags & INTERFACE_UP, 0);
    r.u.number = 1;
    assert_int_equal(request(SIOCGIFNAME, &r), 0);
    assert_string_equal(r.name, "lo");
    r.u.number = 9;
    assert_int_equal(request(SIOCGIFNAME, &r), OSKIT_ENODEV);
    r = named("eth9");
    assert_int_equal(request(SIOCGIFMTU, &r), OSKIT_ENODEV);
    assert_int_equal(request(0x8999, &r), OSKIT_ENOTTY);
    net_end();
}

static void test_addresses(void **state)
{
    struct ioctl_request r = named("eth0");

    (void)state;
    net_begin();
    assert_int_equal(request(SIOCGIFADDR, &r), 0);
    assert_memory_equal(r.u.address.u.in.address, "\x0a\0\2\x0f", 4);
    assert_int_equal(request(SIOCGIFNETMASK, &r), 0);
    assert_memory_equal(r.u.address.u.in.address, "\xff\xff\xff\0", 4);
    assert_int_equal(request(SIOCGIFBRDADDR, &r), 0);
    assert_memory_equal(r.u.address.u.in.address, "\x0a\0\2\xff", 4);
    r = with_address("eth0", "\xc0\xa8\1\2");
    assert_int_equal(request(SIOCSIFADDR, &r), 0);
    assert_int_equal(request(SIOCGIFNETMASK, &r), 0);
    assert_memory_equal(r.u.address.u.in.address, "\xff\xff\xff\0", 4);
    r = with_address("eth0", "\xff\xff\0\0");
    assert_int_equal(request(SIOCSIFNETMASK, &r), 0);
    r = with_address("eth0", "\xff\0\xff\0");
    assert_int_equal(request(SIOCSIFNETMASK, &r), OSKIT_E_INVALIDARG);
    r = with_address("eth0", "\xc0\xa8\xff\xff");
    assert_int_equal(request(SIOCSIFBRDADDR, &r), 0);
    r = with_address("eth0", "\0\0\0\0");
    assert_int_equal(request(SIOCSIFADDR, &r), 0);
    assert_int_equal(request(SIOCGIFADDR, &r), OSKIT_EADDRNOTAVAIL);
    socket_caller_get = net_nobody;
    assert_int_equal(request(SIOCSIFADDR, &r), OSKIT_EPERM);
    socket_caller_get = NULL;
    net_end();
}

static void test_list(void **state)
{
    struct ioctl_request entries[3];
    struct {
        int32_t length, pad;
        uint64_t requests;
    } list = {0, 0, 0};

    (void)state;
    net_begin();
    assert_int_equal(request(SIOCGIFCONF, &list), 0);
    assert_int_equal(list.length, 80);
    list.requests = (uintptr_t)entries;
    list.length = 79;
    assert_int_equal(request(SIOCGIFCONF, &list), 0);
    assert_int_equal(list.length, 40);
    list.length = sizeof entries;
    assert_int_equal(request(SIOCGIFCONF, &list), 0);
    assert_int_equal(list.length, 80);
    assert_string_equal(entries[1].name, "eth0");
    assert_memory_equal(entries[1].u.address.u.in.address, "\x0a\0\2\x0f", 4);
    env_test_bad_user(&entries[1], 1);
    assert_int_equal(request(SIOCGIFCONF, &list), OSKIT_EFAULT);
    env_test_bad_user(NULL, 0);
    net_end();
}

/* Linux's struct rtentry, as far as it is looked at. */
struct route {
    uint64_t pad1;
    struct ioctl_address destination, gateway, mask;
    uint16_t flags, pad2[3];
    uint64_t pad3[2];
    int16_t metric, pad4[3];
    uint64_t device, rest[3];
};

static void test_routes(void **state)
{
    struct route route = {.flags = 3};

    (void)state;
    net_begin();
    ioctl_address_set(&route.destination, (const uint8_t *)"\xac\x10\0\0");
    ioctl_address_set(&route.gateway, (const uint8_t *)"\x0a\0\2\7");
    ioctl_address_set(&route.mask, (const uint8_t *)"\xff\xff\0\0");
    assert_int_equal(request(SIOCADDRT, &route), 0);
    assert_int_equal(request(SIOCADDRT, &route), OSKIT_EEXIST);
    assert_int_equal(request(SIOCDELRT, &route), 0);
    assert_int_equal(request(SIOCDELRT, &route), OSKIT_ESRCH);
    route.device = (uintptr_t) "eth9";
    assert_int_equal(request(SIOCADDRT, &route), OSKIT_ENODEV);
    route.device = 0;
    ioctl_address_set(&route.gateway, (const uint8_t *)"\x0b\0\2\7");
    assert_int_equal(request(SIOCADDRT, &route), OSKIT_ENETUNREACH);
    ioctl_address_set(&route.destination, (const uint8_t *)"\xac\x10\0\1");
    assert_int_equal(request(SIOCADDRT, &route), OSKIT_E_INVALIDARG);
    net_end();
}

struct arp {
    struct ioctl_address protocol, hardware;
    int32_t flags;
    struct ioctl_address mask;
    char device[16];
};

static void test_arp(void **state)
{
    struct arp arp = {.flags = 6};

    (void)state;
    net_begin();
    strcpy(arp.device, "eth0");
    ioctl_address_set(&arp.protocol, (const uint8_t *)"\x0a\0\2\x63");
    assert_int_equal(request(SIOCGARP, &arp), OSKIT_ENXIO);
    arp.flags = 6;
    arp.hardware.family = 1;
    memcpy(arp.hardware.u.hardware, "\2\0\0\0\0\x63", 6);
    assert_int_equal(request(SIOCSARP, &arp), 0);
    memset(&arp.hardware, 0, sizeof arp.hardware);
    assert_int_equal(request(SIOCGARP, &arp), 0);
    assert_memory_equal(arp.hardware.u.hardware, "\2\0\0\0\0\x63", 6);
    assert_int_equal(arp.flags & 2, 2);
    assert_int_equal(request(SIOCDARP, &arp), 0);
    assert_int_equal(request(SIOCGARP, &arp), OSKIT_ENXIO);
    net_end();
}

static void test_ethtool(void **state)
{
    struct ioctl_request r = named("eth0");
    uint32_t value[2] = {0xa, 7};
    struct {
        uint32_t command;
        char driver[32], rest[160];
    } driver = {.command = 3};

    (void)state;
    net_begin();
    r.u.data = (uintptr_t)value;
    assert_int_equal(request(SIOCETHTOOL, &r), 0);
    assert_int_equal(value[1], 1);
    value[0] = 0x7777;
    assert_int_equal(request(SIOCETHTOOL, &r), OSKIT_EOPNOTSUPP);
    r.u.data = (uintptr_t)&driver;
    assert_int_equal(request(SIOCETHTOOL, &r), 0);
    assert_string_equal(driver.driver, "fake");
    strcpy(r.name, "lo");
    assert_int_equal(request(SIOCETHTOOL, &r), OSKIT_EOPNOTSUPP);
    net_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_links),  HARNESS_TEST(test_addresses), HARNESS_TEST(test_list),
        HARNESS_TEST(test_routes), HARNESS_TEST(test_arp),       HARNESS_TEST(test_ethtool),
    };
    return cmocka_run_group_tests_name("net_ioctl", tests, NULL, NULL);
}
