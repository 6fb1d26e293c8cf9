/*
 * test_guard.c - which addresses may be connected to, and how the allow list is read.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fetch/guard.h"

static bool permits(const struct guard *g, const char *ip, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        return guard_permits(g, (struct sockaddr *)&v4, sizeof v4);
    assert_int_equal(inet_pton(AF_INET6, ip, &v6.sin6_addr), 1);
    return guard_permits(g, (struct sockaddr *)&v6, sizeof v6);
}

static struct guard *guard_of(const char *allow)
{
    struct err e = ERR_INIT;
    struct guard *g = guard_new(allow, &e);

    if (!g)
        fail_msg("%s: %s", allow, e.text);
    return g;
}

static void check_all(const char *const *ips, size_t n, bool wanted)
{
    struct guard *g = guard_of(NULL);

    for (size_t i = 0; i < n; i++)
        if (permits(g, ips[i], 80) != wanted)
            fail_msg("%s is %s", ips[i], wanted ? "refused" : "permitted");
    guard_free(g);
}

static void permits_public_addresses(void **state)
{
    /* Many lie just outside a block that is refused. */
    static const char *const ips[] = {
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
        "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.31.196.1", "192.88.98.255",
        "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
        "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
        "8.8.8.8", "2001:4860:4860::8888", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1",
        "2606:4700::1111", "2a00:1450:4001::1", "2620:4f:8000::1", "3ffe:ffff::1", "3fff:1000::1",
        /* embedded public ones */
        "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:808:808::f7f7:f7f7",
        "2a00::5efe:8.8.8.8", "2a00::200:5efe:8.8.8.8"};

    (void)state;
    check_all(ips, sizeof ips / sizeof *ips, true);
}

static void refuses_ipv4_that_is_not_public(void **state)
{
    static const char *const ips[] = {
        "0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255",
        "100.64.0.0",      "100.127.255.255", "127.0.0.1",       "127.255.255.255",
        "169.254.0.0",     "169.254.169.254", "169.254.255.255", "172.16.0.0",
        "172.31.255.255",  "192.0.0.0",       "192.0.0.9",       "192.0.0.255",
        "192.0.2.0",       "192.0.2.255",     "192.88.99.1",     "192.168.0.0",
        "192.168.255.255", "198.18.0.0",      "198.19.255.255",  "198.51.100.0",
        "198.51.100.255",  "203.0.113.0",     "203.0.113.255",   "224.0.0.0",
        "239.255.255.255", "240.0.0.0",       "255.255.255.254", "255.255.255.255"};

    (void)state;
    check_all(ips, sizeof ips / sizeof *ips, false);
}

static void refuses_ipv6_that_is_not_global_unicast(void **state)
{
    static const char *const ips[] = {"::",
                                      "::1",
                                      "::2",
                                      "100::1",
                                      "100:0:0:1::1",
                                      "1fff:ffff::1",
                                      "4000::1",
                                      "5f00::1",
                                      "64:ff9b:1::8.8.8.8",
                                      "64:ff9b:1::127.0.0.1",
                                      "fc00::1",
                                      "fdff:ffff::1",
                                      "fe80::1",
                                      "febf:ffff::1",
                                      "fec0::1",
                                      "feff::1",
                                      "ff00::1",
                                      "ff02::1",
                                      "ffff::1",
                                      "2001:1::1",
                                      "2001:2::1",
                                      "2001:10::1",
                                      "2001:20::1",
                                      "2001:1ff:ffff::1",
                                      "2001:db8::1",
                                      "2001:db8:ffff:ffff::1",
                                      "3fff::1",
                                      "3fff:fff:ffff::1"};

    (void)state;
    check_all(ips, sizeof ips / sizeof *ips, false);
}

static void refuses_ipv6_around_ipv4_that_is_not_public(void **state)
{
    static const char *const ips[] = {
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
        /* compatible: long deprecated, so none of them */
        "::127.0.0.1", "::8.8.8.8", "::10.0.0.1",
        /* translated by SIIT (RFC 2765) */
        "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::192.168.1.1",
        "64:ff9b::169.254.169.254", "2002:7f00:1::1", "2002:a00:1::1",
        "2002:c0a8:101::", "2002:a9fe:a9fe::1",
        /* Teredo: a private server, a private client (10.0.0.1 inverted), both */
        "2001:0:a00:1::f7f7:f7f7", "2001:0:808:808::f5ff:fffe", "2001:0:7f00:1::80ff:fffe",
        "2a00::5efe:127.0.0.1", "2a00::200:5efe:10.0.0.1", "2002:808:808::5efe:10.0.0.1"};

    (void)state;
    check_all(ips, sizeof ips / sizeof *ips, false);
}

static void refuses_an_unknown_family_and_a_short_address(void **state)
{
    struct guard *g = guard_of("0.0.0.0/0,::/0");
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    (void)state;
    assert_false(guard_permits(g, &other, sizeof other));
    assert_false(guard_permits(g, (struct sockaddr *)&v4, sizeof v4 - 1));
    assert_true(guard_permits(g, (struct sockaddr *)&v4, sizeof v4));
    guard_free(g);
}

static void allows_the_places_of_its_list(void **state)
{
    static const struct {
        const char *allow, *ip;
        uint16_t port;
        bool wanted;
    } cases[] = {
        {"127.0.0.1/32:5000", "127.0.0.1", 5000, true},
        {"127.0.0.1/32:5000", "127.0.0.1", 5001, false},
        {"127.0.0.1/32:5000", "127.0.0.2", 5000, false},
        {"127.0.0.1/32:5000", "::ffff:127.0.0.1", 5000, true}, /* the same place */
        {"127.0.0.1/32:5000", "::1", 5000, false},
        {"127.0.0.1/32:5000", "64:ff9b::127.0.0.1", 5000, false}, /* another one */
        {"127.0.0.1:5000", "127.0.0.1", 5000, true},
        {"127.0.0.1", "127.0.0.1", 1, true},
        {"[::1]/128:5000", "::1", 5000, true},
        {"[::1]/128:5000", "::1", 80, false},
        {"[::1]:5000", "::1", 5000, true},
        {"[::1]", "::1", 5000, true},
        {"::1", "::1", 5000, true},
        {"fd00::/8", "fdff::1", 80, true},
        {"fd00::/8", "fe80::1", 80, false},
        {"::ffff:10.0.0.0/104", "10.2.3.4", 80, true},
        {"10.1.0.0/16", "10.1.255.255", 80, true},
        {"10.1.0.0/16", "10.2.0.0", 80, false},
        {"10.0.0.0/9", "10.127.0.1", 80, true},
        {"10.0.0.0/9", "10.128.0.1", 80, false},
        {"0.0.0.0/0", "127.0.0.1", 80, true},
        {"0.0.0.0/0", "::1", 80, false},
        {"10.1.0.0/16, 127.0.0.1/32:5000 ,[::1]/128:65535", "::1", 65535, true},
        {"10.1.0.0/16, 127.0.0.1/32:5000 ,[::1]/128:65535", "127.0.0.1", 5000, true},
        {"10.1.0.0/16,", "10.1.0.1", 5000, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guard *g = guard_of(cases[i].allow);

        if (permits(g, cases[i].ip, cases[i].port) != cases[i].wanted)
            fail_msg("%s, %s port %d", cases[i].allow, cases[i].ip, cases[i].port);
        assert_true(permits(g, "8.8.8.8", 443)); /* the list only adds */
        guard_free(g);
    }
}

static void names_the_entry_of_the_list_that_is_wrong(void **state)
{
    static const struct {
        const char *allow, *named;
    } cases[] = {
        {"localhost", "'localhost'"},
        {"10.0.0.0/8,nonsense/3,127.0.0.1", "'nonsense/3'"},
        {"10.0.0.0/33", "'10.0.0.0/33'"},
        {"10.0.0.0/-1", "'10.0.0.0/-1'"},
        {"10.0.0.0/", "'10.0.0.0/'"},
        {"10.0.0.0/8x", "'10.0.0.0/8x'"},
        {"10.0.0.1/8", "'10.0.0.1/8'"},
        {"fd00::1/8", "'fd00::1/8'"},
        {"::1/129", "'::1/129'"},
        {"127.0.0.1:0", "'127.0.0.1:0'"},
        {"127.0.0.1:65536", "'127.0.0.1:65536'"},
        {"127.0.0.1:", "'127.0.0.1:'"},
        {"127.0.0.1/32:http", "'127.0.0.1/32:http'"},
        {"[::1", "'[::1'"},
        {"[::1]x", "'[::1]x'"},
        {"[]", "'[]'"},
        {"10.0.0.0/8,,127.0.0.1", "''"},
        {"127.0.0.1 10.0.0.1", "'127.0.0.1'"},
        {"127.1", "'127.1'"},
        {"0x7f.0.0.1", "'0x7f.0.0.1'"},
        {"11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
         "1111111111111111111111111",
         "too long"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;

        assert_null(guard_new(cases[i].allow, &e));
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.text, cases[i].named))
            fail_msg("%s: %s", cases[i].allow, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permits_public_addresses),
        cmocka_unit_test(refuses_ipv4_that_is_not_public),
        cmocka_unit_test(refuses_ipv6_that_is_not_global_unicast),
        cmocka_unit_test(refuses_ipv6_around_ipv4_that_is_not_public),
        cmocka_unit_test(refuses_an_unknown_family_and_a_short_address),
        cmocka_unit_test(allows_the_places_of_its_list),
        cmocka_unit_test(names_the_entry_of_the_list_that_is_wrong),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
