/* httpc_addr.c: is this an address of the open internet, or one that only we can reach (a machine beside us, the host's own
 * services, a cloud's metadata)? Pure. */
#include "edge.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct range4 {
  uint32_t net;
  int bits;
};
static const struct range4 closed4[] = {
  { 0x00000000, 8 },  /* this host */
  { 0x0a000000, 8 },  /* private */
  { 0x64400000, 10 }, /* carriers' NAT */
  { 0x7f000000, 8 },  /* loopback */
  { 0xa9fe0000, 16 }, /* link-local, metadata of clouds */
  { 0xac100000, 12 }, /* private */
  { 0xc0000000, 24 }, /* protocol assignments */
  { 0xc0000200, 24 }, /* examples */
  { 0xc0586300, 24 }, /* 6to4 relays */
  { 0xc0a80000, 16 }, /* private */
  { 0xc6120000, 15 }, /* benchmarks */
  { 0xc6336400, 24 }, /* examples */
  { 0xcb007100, 24 }, /* examples */
  { 0xe0000000, 4 },  /* multicast */
  { 0xf0000000, 4 },  /* reserved, broadcast */
};

static bool public4(uint32_t a)
{
  for (size_t i = 0; i < COUNT(closed4); i++)
    if (a >> (32 - closed4[i].bits) == closed4[i].net >> (32 - closed4[i].bits)) return false;
  return true;
}

static uint32_t four(const unsigned char *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Addresses that hold an IPv4 one are what that is; else only global unicast, without its special parts. */
static bool public6(const unsigned char p[16])
{
  static const unsigned char zeros[12] = { 0 }, mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff },
                             nat64[12] = { 0, 0x64, 0xff, 0x9b };
  if (!memcmp(p, mapped, 12) || !memcmp(p, nat64, 12)) return public4(four(p + 12));
  if (!memcmp(p, zeros, 12)) return false; /* ::, ::1, and the old way of holding IPv4 */
  if (p[0] == 0x20 && p[1] == 0x02) return public4(four(p + 2)); /* 6to4 */
  if ((p[0] & 0xe0) != 0x20) return false; /* fc00::/7, fe80::/10, ff00::/8 and all the rest */
  if (p[0] == 0x20 && p[1] == 0x01 && p[2] < 2) return false; /* 2001::/23: Teredo and other tunnels */
  if (p[0] == 0x20 && p[1] == 0x01 && p[2] == 0x0d && p[3] == 0xb8) return false; /* examples */
  return !(p[0] == 0x3f && p[1] == 0xff && p[2] < 0x10);                          /* examples */
}

bool addr_is_public(const struct sockaddr *a)
{
  if (a->sa_family == AF_INET)
    return public4(ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr));
  if (a->sa_family == AF_INET6)
    return public6(((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr);
  return false;
}

bool addr_text_is_public(const char *text)
{
  struct in_addr v4;
  struct in6_addr six;
  if (inet_pton(AF_INET, text, &v4) == 1) return public4(ntohl(v4.s_addr));
  return inet_pton(AF_INET6, text, &six) == 1 && public6(six.s6_addr);
}
