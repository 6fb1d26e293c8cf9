/*
 * guard.c - the special-purpose address registries as tables of prefixes.
 *
 * An address is judged as 16 bytes; an IPv4 one as IPv4-mapped IPv6, so that there is one form of
 * prefix. Public means: nothing in the tables refuses it, and an IPv6 address is in 2000::/3, which
 * is all that IANA has given out as global unicast.
 */
#include "guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/config.h"

#define V4_BITS 96 /* of the mapped prefix before an IPv4 address */
#define ENTRY_MAX 100

struct address {
    uint8_t bytes[16];
};

struct prefix {
    struct address address;
    int bits;
};

struct allowed {
    struct prefix prefix;
    int port; /* 0: any */
};

struct guard {
    size_t count;
    struct allowed allowed[];
};

/* Bytes of IPv6 up to the last that is not 0. */
#define V6(...)                                                                                    \
    {                                                                                              \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define V4(a, b, c, d) V6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d)

/* IANA IPv4 Special-Purpose Address Registry, and the multicast and reserved blocks. The few
 * addresses inside 192.0.0.0/24 that are reachable serve no pictures. */
static const struct prefix refused_v4[] = {
    {V4(0, 0, 0, 0), 96 + 8},       /* "this network" (RFC 791) */
    {V4(10, 0, 0, 0), 96 + 8},      /* private (RFC 1918) */
    {V4(100, 64, 0, 0), 96 + 10},   /* shared by carriers (RFC 6598) */
    {V4(127, 0, 0, 0), 96 + 8},     /* loopback (RFC 1122) */
    {V4(169, 254, 0, 0), 96 + 16},  /* link-local, cloud metadata (RFC 3927) */
    {V4(172, 16, 0, 0), 96 + 12},   /* private (RFC 1918) */
    {V4(192, 0, 0, 0), 96 + 24},    /* IETF protocol assignments (RFC 6890) */
    {V4(192, 0, 2, 0), 96 + 24},    /* documentation (RFC 5737) */
    {V4(192, 88, 99, 0), 96 + 24},  /* 6to4 relay anycast (RFC 7526) */
    {V4(192, 168, 0, 0), 96 + 16},  /* private (RFC 1918) */
    {V4(198, 18, 0, 0), 96 + 15},   /* benchmarking (RFC 2544) */
    {V4(198, 51, 100, 0), 96 + 24}, /* documentation (RFC 5737) */
    {V4(203, 0, 113, 0), 96 + 24},  /* documentation (RFC 5737) */
    {V4(224, 0, 0, 0), 96 + 4},     /* multicast (RFC 5771) */
    {V4(240, 0, 0, 0), 96 + 4},     /* reserved, limited broadcast (RFC 1112, RFC 919) */
};

/* IANA IPv6 Special-Purpose Address Registry, inside 2000::/3. */
static const struct prefix refused_v6[] = {
    {V6(0x20, 0x01), 23},             /* IETF protocol assignments (RFC 2928); but Teredo */
    {V6(0x20, 0x01, 0x0d, 0xb8), 32}, /* documentation (RFC 3849) */
    {V6(0x3f, 0xff), 20},             /* documentation (RFC 9637) */
};

static const struct prefix mapped = {V6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), V4_BITS};
static const struct prefix global_unicast = {V6(0x20), 3};
static const struct prefix nat64 = {V6(0, 0x64, 0xff, 0x9b), 96};     /* RFC 6052 */
static const struct prefix six_to_four = {V6(0x20, 0x02), 16};        /* RFC 3056 */
static const struct prefix teredo = {V6(0x20, 0x01, 0x00, 0x00), 32}; /* RFC 4380 */

static bool prefix_holds(const struct prefix *p, const struct address *a)
{
    size_t whole = (size_t)p->bits / 8;
    unsigned rest = (unsigned)p->bits % 8;

    if (memcmp(p->address.bytes, a->bytes, whole) != 0)
        return false;
    return !rest || (p->address.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}

static bool any_holds(const struct prefix *p, size_t n, const struct address *a)
{
    for (size_t i = 0; i < n; i++)
        if (prefix_holds(&p[i], a))
            return true;
    return false;
}

static struct address from_v4(const uint8_t v4[4])
{
    struct address a = mapped.address;

    memcpy(a.bytes + 12, v4, 4);
    return a;
}

static bool is_public_v4(const uint8_t v4[4])
{
    struct address a = from_v4(v4);

    return !any_holds(refused_v4, sizeof refused_v4 / sizeof *refused_v4, &a);
}

/* Both ends of the tunnel: the server's address, and the client's, which is sent inverted. */
static bool is_public_teredo(const struct address *a)
{
    uint8_t client[4];

    for (size_t i = 0; i < sizeof client; i++)
        client[i] = a->bytes[12 + i] ^ 0xff;
    return is_public_v4(a->bytes + 4) && is_public_v4(client);
}

/* An interface identifier of 0000:5efe or 0200:5efe and an IPv4 address (RFC 5214, 6.1). */
static bool is_isatap(const struct address *a)
{
    return (a->bytes[8] & ~2) == 0 && a->bytes[9] == 0 && a->bytes[10] == 0x5e &&
           a->bytes[11] == 0xfe;
}

static bool is_public(const struct address *a)
{
    if (prefix_holds(&mapped, a) || prefix_holds(&nat64, a))
        return is_public_v4(a->bytes + 12);
    if (!prefix_holds(&global_unicast, a))
        return false;
    if (is_isatap(a) && !is_public_v4(a->bytes + 12))
        return false;
    if (prefix_holds(&six_to_four, a))
        return is_public_v4(a->bytes + 2);
    if (prefix_holds(&teredo, a))
        return is_public_teredo(a);
    return !any_holds(refused_v6, sizeof refused_v6 / sizeof *refused_v6, a);
}

static bool is_allowed(const struct guard *g, const struct address *a, int port)
{
    for (size_t i = 0; i < g->count; i++)
        if ((!g->allowed[i].port || g->allowed[i].port == port) &&
            prefix_holds(&g->allowed[i].prefix, a))
            return true;
    return false;
}

bool guard_permits(const struct guard *g, const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct address a;
    int port;

    if (len >= sizeof v4 && address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4); /* a sockaddr need not be aligned for its family */
        a = from_v4((const uint8_t *)&v4.sin_addr);
        port = ntohs(v4.sin_port);
    } else if (len >= sizeof v6 && address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        memcpy(a.bytes, &v6.sin6_addr, sizeof a.bytes);
        port = ntohs(v6.sin6_port);
    } else {
        return false;
    }
    return is_allowed(g, &a, port) || is_public(&a);
}

/* Cuts the entry at the first of the characters given, which is put at *cut (NUL: none is there).
 * Returns what comes behind it. */
static char *split(char *text, const char *at, char *cut)
{
    char *end = text + strcspn(text, at);

    *cut = *end;
    if (!*end)
        return end;
    *end = '\0';
    return end + 1;
}

static int parse_range(const char *digits, int64_t max, int *ret)
{
    int64_t n;

    if (config_parse_number(digits, &n) || n < 0 || n > max)
        return -1;
    *ret = (int)n;
    return 0;
}

static int parse_address(const char *text, struct prefix *ret, int *ret_max_bits)
{
    uint8_t v4[4];

    if (inet_pton(AF_INET, text, v4) == 1) {
        ret->address = from_v4(v4);
        *ret_max_bits = 32;
        return 0;
    }
    *ret_max_bits = 128;
    return inet_pton(AF_INET6, text, ret->address.bytes) == 1 ? 0 : -1;
}

/* Whether nothing but 0 is behind the prefix: "10.1.2.3/8" is more likely a slip than a wish. */
static bool is_clean(const struct prefix *p)
{
    for (int bit = p->bits; bit < 128; bit++)
        if (p->address.bytes[bit / 8] & (0x80u >> (bit % 8)))
            return false;
    return true;
}

/* One "ADDRESS[/BITS][:PORT]", which is taken apart in place. Returns NULL, or what is wrong. */
static const char *parse_entry(char *entry, struct allowed *ret)
{
    char *address = entry, *rest, cut;
    int max_bits, bits;

    if (*entry == '[') {
        address++;
        rest = split(address, "]", &cut);
        if (cut != ']' || (*rest && *rest != '/' && *rest != ':'))
            return "its bracket is not closed";
        cut = *rest;
        rest += cut != '\0';
    } else if (strchr(entry, ':') != strrchr(entry, ':')) {
        rest = split(address, "/", &cut); /* IPv6 without brackets has no port */
    } else {
        rest = split(address, "/:", &cut);
    }
    if (parse_address(address, &ret->prefix, &max_bits))
        return "not an IP address";
    bits = max_bits;
    if (cut == '/') {
        char *digits = rest;

        rest = split(digits, ":", &cut);
        if (parse_range(digits, max_bits, &bits))
            return "the prefix length is out of range";
    }
    ret->prefix.bits = bits + 128 - max_bits;
    if (!is_clean(&ret->prefix))
        return "the address has bits set behind its prefix";
    ret->port = 0;
    if (cut == ':' && (parse_range(rest, 65535, &ret->port) || !ret->port))
        return "the port is out of range";
    return NULL;
}

static int add_entry(struct guard *g, const char *text, size_t len, struct err *e)
{
    char entry[ENTRY_MAX];
    const char *wrong = "too long";

    if (len < sizeof entry) {
        memcpy(entry, text, len);
        entry[len] = '\0';
        wrong = parse_entry(entry, &g->allowed[g->count]);
    }
    if (wrong)
        return err_set(e, ERR_INPUT, "'%.*s': %s (wanted: CIDR[:port])", (int)len, text, wrong);
    g->count++;
    return 0;
}

struct guard *guard_new(const char *allow, struct err *e)
{
    struct guard *g;
    size_t count = 1;

    if (!allow)
        allow = "";
    for (const char *p = allow; *p; p++)
        count += *p == ',';
    g = calloc(1, sizeof *g + count * sizeof *g->allowed);
    if (!g) {
        err_set(e, ERR_NOMEM, "no memory for the places that may be fetched from");
        return NULL;
    }
    while (*allow) {
        const char *entry = allow + strspn(allow, " ");
        size_t len = strcspn(entry, ", ");

        allow = entry + len + strspn(entry + len, " ");
        if ((*allow && *allow != ',') || add_entry(g, entry, len, e)) {
            err_set(e, ERR_INPUT, "'%.*s': no comma behind it", (int)len, entry);
            guard_free(g);
            return NULL;
        }
        allow += *allow == ',';
    }
    return g;
}

void guard_free(struct guard *g)
{
    free(g);
}
