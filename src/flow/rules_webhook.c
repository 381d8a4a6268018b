/* rules_webhook.c: [webhook NAME]: who is told of which events, and what an address of theirs may be. Pure. */
#include "flow.h"

#define URL_MAX 2000
#define HOST_NAME_MAX_BYTES 253 /* resolvers cut longer ones, each in its own way */
#define AT_ONCE_DEFAULT 4
#define AT_ONCE_MAX 16

static bool fail(struct arena *a, const char **why, const struct conf_entry *e, const char *text)
{
  bool secret = strchr(e->value, '@') != NULL; /* a password may stand before it */
  *why = arena_printf(a, "line %d: [%s] %s = %s: %s", e->line, e->section, e->key, secret ? "***" : e->value,
                      text);
  return false;
}

/* ---- addresses -------------------------------------------------------------------------------------------------------- */

static bool is_number(const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (s[i] < '0' || s[i] > '9') return false;
  return n > 0;
}

/* 10.0.0.1 and nothing like 0x0a.1, 167772161 or 012.0.0.1, which some read as addresses and others as names. */
static bool is_plain_ipv4(const char *host)
{
  int parts = 0;
  for (const char *p = host; *p; parts++) {
    size_t n = strcspn(p, ".");
    int v = 0;
    if (!is_number(p, n) || n > 3 || (n > 1 && *p == '0')) return false;
    for (size_t i = 0; i < n; i++) v = v * 10 + (p[i] - '0');
    if (v > 255) return false;
    p += n;
    if (*p && !*++p) return false;
  }
  return parts == 4;
}

/* A last label that is a number is read as one by resolvers. */
static bool looks_numeric(const char *host)
{
  const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;
  return is_number(last, strlen(last)) || (last[0] == '0' && last[1] == 'x');
}

static const char *host_fault(const char *host)
{
  size_t n = strlen(host);
  if (*host == '[') {
    bool ok = n > 3 && host[n - 1] == ']' && strspn(host + 1, "0123456789abcdef:.") == n - 2;
    return ok ? NULL : "its host is no IPv6 address";
  }
  if (!n) return "it has no host";
  if (n > HOST_NAME_MAX_BYTES) return "its host is too long";
  if (strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != n || *host == '.' || *host == '-')
    return "its host is not a name of letters, digits, dots and dashes (of others give the xn-- form)";
  if (looks_numeric(host) && !is_plain_ipv4(host)) return "its host is an address in an odd form";
  return NULL;
}

static char *lower(struct arena *a, const char *s, size_t n)
{
  char *t = arena_strn(a, s, n);
  for (char *p = t; *p; p++)
    if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
  return t;
}

const char *webhook_url_fault(struct arena *a, const char *url, const char **host)
{
  size_t scheme = !strncmp(url, "https://", 8) ? 8 : !strncmp(url, "http://", 7) ? 7 : 0;
  if (!scheme) return "an address begins with https:// or http://";
  if (strlen(url) > URL_MAX) return "it is too long";
  for (const char *p = url; *p; p++)
    if (*p <= ' ' || *p > '~') return "blanks, line ends and signs beyond ASCII must be written as %XX";
  const char *from = url + scheme;
  size_t n = strcspn(from, "/?#");
  if (memchr(from, '@', n)) return "it names a user";
  if (memchr(from, '\\', n)) return "it holds a backslash";
  if (strchr(url, '#')) return "it holds a #";
  const char *colon = from + n;
  while (colon > from && colon[-1] != ':' && colon[-1] != ']') colon--;
  bool has_port = colon > from && colon[-1] == ':';
  if (has_port) {
    size_t digits = (size_t)(from + n - colon);
    int port = 0;
    for (size_t i = 0; i < digits && i < 6; i++) port = port * 10 + (colon[i] - '0');
    if (!is_number(colon, digits) || digits > 5 || port < 1 || port > 65535)
      return "its port is not from 1 to 65535";
    n = (size_t)(colon - 1 - from);
  }
  *host = lower(a, from, n);
  return host_fault(*host);
}

/* ---- events -------------------------------------------------------------------------------------------------------------- */

static bool pattern_ok(const char *p, size_t n)
{
  size_t stem = n && p[n - 1] == '*' ? n - 1 : n;
  for (size_t i = 0; i < stem; i++)
    if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._", p[i])) return false;
  return n <= 64 && (stem == n || !stem || p[stem - 1] == '.');
}

static bool patterns_ok(const char *list)
{
  size_t n, some = 0;
  for (const char *p = list; *p; p += n) {
    p += strspn(p, " ,\t\n");
    n = strcspn(p, " ,\t\n");
    if (n && !pattern_ok(p, n)) return false;
    some += n > 0;
  }
  return some > 0;
}

bool webhook_wants(const struct webhook *h, const char *event)
{
  size_t n;
  for (const char *p = h->events; *p; p += n) {
    p += strspn(p, " ,\t\n");
    n = strcspn(p, " ,\t\n");
    if (n && p[n - 1] == '*' ? !strncmp(p, event, n - 1) : n && strlen(event) == n && !memcmp(p, event, n))
      return true;
  }
  return false;
}

/* ---- the sections ---------------------------------------------------------------------------------------------------------- */

const struct webhook *rules_webhook(const struct rules *r, const char *name)
{
  for (size_t i = 0; i < r->webhooks; i++)
    if (!strcmp(r->webhook[i].name, name)) return &r->webhook[i];
  return NULL;
}

static struct webhook *webhook_of(struct arena *a, struct rules *r, const char *name)
{
  struct webhook *known = (struct webhook *)(uintptr_t)rules_webhook(r, name);
  if (known) return known;
  if (r->webhooks == WEBHOOKS_MAX) return NULL;
  struct webhook *h = &r->webhook[r->webhooks++];
  *h = (struct webhook){ .name = arena_str(a, name), .at_once = AT_ONCE_DEFAULT };
  return h;
}

static bool name_ok(const char *name)
{
  size_t n = strlen(name);
  return n >= 1 && n <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static bool small_parse(const char *s, int64_t *n)
{
  *n = 0;
  for (const char *p = s; *p && *n < 1000; p++) *n = *n * 10 + (*p - '0');
  return is_number(s, strlen(s)) && *n >= 1 && *n <= AT_ONCE_MAX;
}

static bool key_read(struct arena *a, struct webhook *h, const struct conf_entry *e, const char **why)
{
  if (!strcmp(e->key, "url")) {
    const char *fault = webhook_url_fault(a, e->value, &h->host);
    h->url = arena_str(a, e->value);
    return !fault || fail(a, why, e, fault);
  }
  if (!strcmp(e->key, "events")) {
    h->events = arena_str(a, e->value);
    return patterns_ok(e->value) ||
           fail(a, why, e, "names of events by blanks, like order.status claim.* or *");
  }
  if (!strcmp(e->key, "timeout"))
    return (duration_parse(e->value, &h->timeout_ms) && h->timeout_ms >= 100 && h->timeout_ms <= 600000) ||
           fail(a, why, e, "a duration from 100ms to 10m");
  if (!strcmp(e->key, "at_once"))
    return small_parse(e->value, &h->at_once) || fail(a, why, e, "a whole number from 1 to 16");
  return true; /* its secret is read where files can be */
}

static bool word_in(const char *list, const char *word)
{
  size_t n = strlen(word), len;
  for (const char *p = list; *p; p += len) {
    p += strspn(p, " ,\t\n");
    len = strcspn(p, " ,\t\n");
    if (len == n && n && !strncmp(p, word, n)) return true;
  }
  return false;
}

static bool webhook_whole(struct arena *a, const struct rules *r, struct webhook *h, int line,
                          const char **why)
{
  if (!h->timeout_ms) h->timeout_ms = r->outbox.timeout_ms;
  if (!h->events) h->events = "*";
  h->may_be_private = h->host && word_in(r->outbox.allow, h->host);
  if (h->url) return true;
  *why = arena_printf(a, "line %d: [webhook %s] has no url", line, h->name);
  return false;
}

bool webhooks_load(struct arena *a, const struct conf *c, struct rules *r, const char **why)
{
  int line[WEBHOOKS_MAX];
  r->webhook = arena_array(a, struct webhook, WEBHOOKS_MAX), r->webhooks = 0;
  for (size_t i = 0; i < c->n; i++) {
    const struct conf_entry *e = &c->at[i];
    if (strncmp(e->section, "webhook ", 8) != 0) continue;
    size_t before = r->webhooks;
    if (!name_ok(e->section + 8))
      return fail(a, why, e, "a webhook's name is made of lower-case letters, digits, . _ -");
    struct webhook *h = webhook_of(a, r, e->section + 8);
    if (!h) return fail(a, why, e, "too many webhooks");
    if (r->webhooks > before) line[before] = e->line;
    if (!key_read(a, h, e, why)) return false;
  }
  for (size_t i = 0; i < r->webhooks; i++)
    if (!webhook_whole(a, r, &r->webhook[i], line[i], why)) return false;
  return true;
}
