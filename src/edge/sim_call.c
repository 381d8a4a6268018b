/* sim_call.c: what answers of the simulator are made of: parameters, limits, tokens, pages, texts. Knows the
 * platforms only by their rows. */
#include "edge.h"
#include <stdio.h>

#define INT_DIGITS_MAX 15 /* seconds with so many can still be made milliseconds */

/* ---- parameters --------------------------------------------------------------------------------- */
const char *sim_param(const struct sim_call *c, const char *name)
{
  for (size_t i = 0; i < c->params; i++)
    if (!strcmp(c->param[i].name, name)) return c->param[i].value;
  return NULL;
}

static bool int_parse(const char *t, int64_t *out)
{
  bool minus = *t == '-';
  t += minus;
  size_t n = strspn(t, "0123456789");
  if (!n || n > INT_DIGITS_MAX || t[n]) return false;
  int64_t v = 0;
  for (; *t; t++) v = v * 10 + (*t - '0');
  *out = minus ? -v : v;
  return true;
}

bool sim_param_int(const struct sim_call *c, const char *name, int64_t *out)
{
  const char *t = sim_param(c, name);
  return t && int_parse(t, out);
}

const char *sim_header(const struct sim_call *c, const char *lower_name)
{
  return http_field(c->r, lower_name);
}

static struct sim_counter *counter(struct sim_shop_own *own, const char *name)
{
  for (size_t i = 0; i < own->calls; i++)
    if (!strcmp(own->call[i].name, name)) return &own->call[i];
  must(own->calls < SIM_NAMES_MAX); /* names are literals of the platform's file */
  own->call[own->calls].name = name;
  return &own->call[own->calls++];
}

void sim_called(struct sim_call *c, const char *name)
{
  if (!c->name) counter(c->shop->own, name)->n++;
  c->name = name;
}

void sim_bad_sign(struct sim_call *c)
{
  c->shop->own->bad_signs++;
}

void sim_answer_header(struct sim_call *c, const char *name, const char *fmt, ...)
{
  va_list ap;
  char value[2048];
  va_start(ap, fmt);
  int n = vsnprintf(value, sizeof value, fmt, ap);
  va_end(ap);
  must(n >= 0 && (size_t)n < sizeof value);
  buf_printf(&c->headers, "%s: %s\r\n", name, value);
}

void sim_answer_again(struct sim_call *c, int status)
{
  c->status = status;
  c->body.len = 0;
  jw_init(&c->w, &c->body);
}

/* ---- limits ------------------------------------------------------------------------------------- */
static struct sim_bucket *bucket_of(struct sim_call *c, const char *name, int64_t burst)
{
  struct sim_shop_own *own = c->shop->own;
  for (size_t i = 0; i < own->buckets; i++)
    if (!strcmp(own->bucket[i].name, name)) return &own->bucket[i];
  must(own->buckets < SIM_NAMES_MAX);
  struct sim_bucket *b = &own->bucket[own->buckets++];
  *b = (struct sim_bucket){ .name = name, .micro = burst * SIM_MILLION, .at_ms = c->now_ms };
  return b;
}

static bool tokens_take(struct sim_bucket *b, int64_t now_ms, int64_t per_1000s, int64_t burst,
                        int64_t *wait_ms)
{
  int64_t most = burst * SIM_MILLION, past = now_ms - b->at_ms;
  if (past > most / per_1000s + 1) past = most / per_1000s + 1;
  if (past > 0) b->micro += past * per_1000s;
  if (b->micro > most) b->micro = most;
  b->at_ms = now_ms;
  if (b->micro < SIM_MILLION) {
    *wait_ms = (SIM_MILLION - b->micro + per_1000s - 1) / per_1000s;
    return false;
  }
  b->micro -= SIM_MILLION;
  return true;
}

bool sim_take(struct sim_call *c, const char *bucket, int64_t per_1000s, int64_t burst, int64_t *wait_ms)
{
  struct sim_shop_own *own = c->shop->own;
  int64_t own_wait = 0, *wait = wait_ms ? wait_ms : &own_wait;
  if (c->now_ms >= own->storm_until_ms && sim_hits(c->shop->sim, SIM_FAULT_RATE_LIMIT, c->draw)) {
    own->fault[SIM_FAULT_RATE_LIMIT]++;
    own->storm_until_ms = c->now_ms + 2000 + (int64_t)(c->draw >> 32) % 8000;
  }
  bool ok = c->now_ms >= own->storm_until_ms, planned = !strcmp(sim_plan_how(c->shop, c->name), "throttle");
  if (!ok) *wait = own->storm_until_ms - c->now_ms;
  else if (planned) ok = false, *wait = 1000;
  else if (per_1000s && burst && !c->shop->sim->o.no_limits)
    ok = tokens_take(bucket_of(c, bucket, burst), c->now_ms, per_1000s, burst, wait);
  if (!ok) own->throttled++;
  return ok;
}

int64_t sim_taken(const struct sim_call *c, const char *bucket, int64_t burst)
{
  const struct sim_shop_own *own = c->shop->own;
  if (c->now_ms < own->storm_until_ms) return burst;
  for (size_t i = 0; i < own->buckets; i++)
    if (!strcmp(own->bucket[i].name, bucket)) return burst - own->bucket[i].micro / SIM_MILLION;
  return 0;
}

/* ---- signing ------------------------------------------------------------------------------------ */
static char *hex_text(struct arena *a, const unsigned char *p, size_t n, bool upper)
{
  const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  char *out = arena_alloc(a, 2 * n + 1);
  for (size_t i = 0; i < n; i++) out[2 * i] = digits[p[i] >> 4], out[2 * i + 1] = digits[p[i] & 15];
  return out;
}

char *sim_hex(struct arena *a, enum digest d, const char *text, size_t n, bool upper)
{
  unsigned char out[DIGEST_MAX];
  size_t len = digest_bytes(d, text, n, out);
  return hex_text(a, out, len, upper);
}

char *sim_mac_hex(struct arena *a, enum digest d, const char *key, const char *text, size_t n, bool upper)
{
  unsigned char out[DIGEST_MAX];
  size_t len = digest_mac(d, key, strlen(key), text, n, out);
  return hex_text(a, out, len, upper);
}

static char *base64_text(struct arena *a, const void *p, size_t n)
{
  struct buf b = { 0 };
  base64_put(&b, p, n);
  char *out = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return out;
}

char *sim_mac_base64(struct arena *a, enum digest d, const char *key, const char *text, size_t n)
{
  unsigned char out[DIGEST_MAX];
  size_t len = digest_mac(d, key, strlen(key), text, n, out);
  return base64_text(a, out, len);
}

void sim_encode(struct buf *out, const char *text)
{
  static const char hex[] = "0123456789ABCDEF";
  for (; *text; text++) {
    unsigned char ch = (unsigned char)*text;
    bool plain = (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') ||
                 ch == '-' || ch == '.' || ch == '_' || ch == '~';
    if (plain) {
      buf_char(out, (char)ch);
      continue;
    }
    buf_char(out, '%'), buf_char(out, hex[ch >> 4]), buf_char(out, hex[ch & 15]);
  }
}

static bool is_in(const char *name, const char *const *list)
{
  for (; list && *list; list++)
    if (!strcmp(name, *list)) return true;
  return false;
}

/* The next field after `last` in byte order of names (and of values among the same), or NULL. */
static const struct http_field *field_after(const struct http_field *f, size_t n,
                                            const struct http_field *last)
{
  const struct http_field *best = NULL;
  for (const struct http_field *x = f; x < f + n; x++) {
    int vs = last ? strcmp(x->name, last->name) : 1;
    if (!vs) vs = strcmp(x->value, last->value);
    if (!vs) vs = x > last ? 1 : x < last ? -1 : 0;
    if (vs <= 0) continue;
    int to = best ? strcmp(x->name, best->name) : -1;
    if (!to) to = strcmp(x->value, best->value);
    if (to < 0) best = x;
  }
  return best;
}

void sim_sorted(struct buf *out, const struct http_field *f, size_t n, const char *pair, const char *join,
                const char *const *except, bool encode)
{
  bool begun = false;
  for (const struct http_field *x = field_after(f, n, NULL); x; x = field_after(f, n, x)) {
    if (is_in(x->name, except)) continue;
    if (begun) buf_str(out, join);
    begun = true;
    if (encode) sim_encode(out, x->name);
    else buf_str(out, x->name);
    buf_str(out, pair);
    if (encode) sim_encode(out, x->value);
    else buf_str(out, x->value);
  }
}

bool sim_same(const char *given, const char *wanted)
{
  return given && strlen(given) == strlen(wanted) && same_bytes(given, wanted, strlen(wanted));
}

bool sim_nonce_new(struct sim_call *c, const char *nonce, int64_t keep_ms)
{
  struct sim_shop_own *own = c->shop->own;
  uint64_t hash = hash64(nonce, strlen(nonce), 2);
  size_t n = 0;
  bool used = false;
  for (size_t i = 0; i < own->nonces; i++) {
    if (own->nonce[i].until_ms <= c->now_ms) continue;
    used |= own->nonce[i].hash == hash;
    own->nonce[n++] = own->nonce[i];
  }
  own->nonces = n;
  if (used) return false;
  if (n == own->nonces_cap)
    own->nonces_cap = n ? 2 * n : 64, own->nonce = mem_grow(own->nonce, own->nonces_cap * sizeof *own->nonce);
  own->nonce[own->nonces++] = (struct sim_nonce){ hash, c->now_ms + keep_ms };
  return true;
}

/* ---- secrets and tokens ----------------------------------------------------------------------------- */
static size_t secret_at(const struct sim_shop *s, const char *name)
{
  size_t i = 0;
  while (i < SIM_SECRETS_MAX && s->row->secret[i].name && strcmp(s->row->secret[i].name, name) != 0) i++;
  must(i < SIM_SECRETS_MAX && s->row->secret[i].name);
  return i;
}

const char *sim_secret(const struct sim_shop *s, const char *name)
{
  return s->own->secret[secret_at(s, name)];
}

static const char *secret_new(struct sim_shop *s, size_t i, uint32_t no)
{
  const struct sim_secret_form *f = &s->row->secret[i];
  static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  size_t kinds = f->kind == '9' ? 10 : f->kind == 'x' ? 16 : 36;
  const char *prefix = f->prefix ? f->prefix : "";
  char *out = arena_alloc(&s->sim->mem, strlen(prefix) + (size_t)f->length + 1), *at = out;
  for (; *prefix; prefix++) *at++ = *prefix;
  for (int k = 0; k < f->length; k++) {
    uint64_t h = sim_hash(s->sim, f->name, (uint64_t)(unsigned)s->number << 32 | no, (uint64_t)(unsigned)k);
    *at++ = digits[!k && f->kind == '9' ? 1 + h % 9 : h % kinds];
  }
  return out;
}

static int64_t token_life_ms(const struct sim_shop *s)
{
  return s->sim->o.token_life_ms ? s->sim->o.token_life_ms : s->row->token_s * 1000;
}

void sim_secrets_make(struct sim_shop *s)
{
  for (size_t i = 0; i < SIM_SECRETS_MAX && s->row->secret[i].name; i++)
    s->own->secret[i] = secret_new(s, i, 0);
  s->own->access_until_ms = sim_now(s->sim) + token_life_ms(s);
}

enum sim_token sim_token_check(struct sim_call *c, const char *given)
{
  const struct sim_shop *s = c->shop;
  struct sim_shop_own *own = s->own;
  must(s->row->access);
  enum sim_token is = SIM_TOKEN_UNKNOWN;
  if (sim_same(given, sim_secret(s, s->row->access)))
    is = !s->row->refresh || c->now_ms < own->access_until_ms ? SIM_TOKEN_OK : SIM_TOKEN_EXPIRED;
  else if (own->old_access && sim_same(given, own->old_access))
    is = c->now_ms < own->old_access_until_ms ? SIM_TOKEN_OK : SIM_TOKEN_EXPIRED;
  own->bad_tokens += is != SIM_TOKEN_OK;
  return is;
}

static void tokens_rotate(struct sim_shop *s, int64_t now_ms)
{
  struct sim_shop_own *own = s->own;
  size_t access = secret_at(s, s->row->access), refresh = secret_at(s, s->row->refresh);
  own->token_no++;
  own->old_access = own->secret[access];
  own->old_access_until_ms = own->access_until_ms;
  own->secret[access] = secret_new(s, access, own->token_no);
  own->access_until_ms = now_ms + token_life_ms(s);
  if (!s->row->refresh_once) return;
  own->old_refresh = own->secret[refresh];
  own->old_refresh_until_ms = now_ms + s->sim->o.refresh_grace_ms;
  own->secret[refresh] = secret_new(s, refresh, own->token_no);
}

bool sim_refresh(struct sim_call *c, const char *given, int64_t *expires_s)
{
  struct sim_shop *s = c->shop;
  struct sim_shop_own *own = s->own;
  must(s->row->access && s->row->refresh);
  bool is_last =
    own->old_refresh && sim_same(given, own->old_refresh) && c->now_ms < own->old_refresh_until_ms;
  if (!is_last && !sim_same(given, sim_secret(s, s->row->refresh))) {
    own->bad_tokens++;
    return false;
  }
  if (!is_last) tokens_rotate(s, c->now_ms);
  *expires_s = (own->access_until_ms - c->now_ms) / 1000;
  return true;
}

/* ---- pages ---------------------------------------------------------------------------------------------- */
static int64_t time_in(const struct sim_order *o, bool by_placed)
{
  return by_placed ? o->placed_ms : o->indexed_ms;
}

size_t sim_span(const struct sim_list_of *l, bool by_placed, int64_t ms)
{
  size_t lo = 0, hi = l->n;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (time_in(l->at[mid], by_placed) < ms) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

struct span {
  const struct sim_query *q;
  const struct sim_list_of *l;
  size_t lo, hi;
};

static const struct sim_order *span_at(const struct span *s, size_t i)
{
  return s->l->at[s->q->newest_first ? s->hi - 1 - i : s->lo + i];
}

/* Rows offset … offset + limit - 1 of the span, and how many it has in all. */
static int64_t span_rows(const struct span *s, int64_t offset, int64_t limit, const struct sim_order **row,
                         size_t *n)
{
  int64_t all = (int64_t)(s->hi - s->lo);
  if (!s->q->want) {
    for (int64_t i = offset; i < all && i < offset + limit; i++) row[(*n)++] = span_at(s, (size_t)i);
    return all;
  }
  int64_t seen = 0;
  for (size_t i = 0; i < (size_t)all; i++) {
    const struct sim_order *o = span_at(s, i);
    if (!s->q->want(o, s->q->arg)) continue;
    if (seen >= offset && seen < offset + limit) row[(*n)++] = o;
    seen++;
  }
  return seen;
}

/* A page of a list over which time goes on: rows come twice, or in another order. */
static void rows_disturb(struct sim_call *c, const struct sim_query *q, struct sim_page *p)
{
  struct sim *s = c->shop->sim;
  size_t n = p->n;
  for (size_t i = 0; i < n; i++)
    if (sim_hits(s, SIM_FAULT_DUPLICATES, c->draw + 1 + i)) {
      p->row[p->n++] = p->row[i];
      c->shop->own->fault[SIM_FAULT_DUPLICATES]++, s->duplicates++;
    }
  for (size_t i = 1; q->any_order && i < n; i++)
    if (sim_hits(s, SIM_FAULT_REORDER, c->draw + 1 + i)) {
      const struct sim_order *o = p->row[i];
      p->row[i] = p->row[i - 1], p->row[i - 1] = o;
      c->shop->own->fault[SIM_FAULT_REORDER]++;
    }
}

/* ---- cursors: the place of the last row, "SECONDS.N" in hexadecimal --------------------------------- */
struct place {
  int64_t ms;
  uint32_t n;
};

static char *place_text(struct arena *a, const struct sim_order *o, bool by_placed)
{
  return arena_printf(a, "%llx.%x", (unsigned long long)(time_in(o, by_placed) / 1000), o->n);
}

static bool hex_read(const char **p, uint64_t most, uint64_t *out)
{
  size_t n = strspn(*p, "0123456789abcdef");
  *out = 0;
  if (!n || n > 10) return false;
  for (size_t i = 0; i < n; i++) *out = *out * 16 + (uint64_t)(**p <= '9' ? **p - '0' : **p - 'a' + 10), ++*p;
  return *out <= most;
}

static bool place_parse(const char *t, struct place *out)
{
  uint64_t s, n;
  if (!hex_read(&t, 1ull << 40, &s) || *t++ != '.' || !hex_read(&t, UINT32_MAX, &n) || *t) return false;
  *out = (struct place){ (int64_t)s * 1000, (uint32_t)n };
  return true;
}

/* How many rows come before the place (or with it). */
static size_t span_until(const struct span *s, const struct place *at, bool with)
{
  size_t lo = s->lo, hi = s->hi;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    const struct sim_order *o = s->l->at[mid];
    int64_t ms = time_in(o, s->q->by_placed);
    bool before = ms != at->ms ? ms < at->ms : with ? o->n <= at->n : o->n < at->n;
    if (before) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

static bool span_after(struct span *s, const char *cursor)
{
  struct place at;
  if (!place_parse(cursor, &at)) return false;
  if (s->q->newest_first) s->hi = span_until(s, &at, false);
  else s->lo = span_until(s, &at, true);
  return true;
}

/* ---- a page of a list --------------------------------------------------------------------------------- */
static bool is_first(const struct sim_query *q)
{
  return !q->offset && !(q->cursor && *q->cursor);
}

static bool page_is_stuck(struct sim_call *c, const struct sim_query *q, const struct sim_page *p)
{
  struct sim_shop_own *own = c->shop->own;
  if (is_first(q) && p->more && c->now_ms >= own->stuck_until_ms &&
      sim_hits(c->shop->sim, SIM_FAULT_SAME_PAGE, c->draw))
    own->stuck_until_ms = c->now_ms + 20000;
  return !is_first(q) && c->now_ms < own->stuck_until_ms;
}

static void page_fill(struct sim_call *c, const struct span *s, int64_t offset, struct sim_page *p)
{
  p->n = 0;
  p->total = span_rows(s, offset, s->q->limit, p->row, &p->n);
  p->next = offset + s->q->limit;
  p->more = p->next < p->total;
  p->cursor = p->more && p->n ? place_text(c->a, p->row[p->n - 1], s->q->by_placed) : NULL;
}

void sim_list(struct sim_call *c, const struct sim_query *q, struct sim_page *out)
{
  must(q->offset >= 0 && q->limit > 0 && q->limit <= 1000);
  struct span s = { .q = q, .l = q->by_placed ? &c->shop->own->by_placed : &c->shop->own->by_change };
  s.lo = sim_span(s.l, q->by_placed, q->from_ms);
  s.hi = sim_span(s.l, q->by_placed, q->to_ms < INT64_MAX ? q->to_ms + 1 : q->to_ms);
  if (s.hi < s.lo) s.hi = s.lo;
  *out = (struct sim_page){ .row = arena_array(c->a, const struct sim_order *, 2 * q->limit) };
  struct span rest = s;
  if (q->cursor && *q->cursor && !span_after(&rest, q->cursor)) {
    out->bad_cursor = true;
    return;
  }
  page_fill(c, &rest, q->offset, out);
  if (page_is_stuck(c, q, out)) {
    page_fill(c, &s, 0, out);
    out->more = true, out->next = q->offset, out->cursor = q->cursor;
    c->shop->own->fault[SIM_FAULT_SAME_PAGE]++;
  }
  rows_disturb(c, q, out);
}

/* ---- writing ---------------------------------------------------------------------------------------------- */
char *sim_local(struct arena *a, int64_t ms, int zone_min)
{
  struct civil t = time_civil(ms, zone_min);
  return arena_printf(a, "%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

char *sim_iso(struct arena *a, int64_t ms, int zone_min)
{
  char *out = sim_local(a, ms, zone_min);
  int z = zone_min < 0 ? -zone_min : zone_min;
  out[10] = 'T';
  return arena_printf(a, "%s%c%02d:%02d", out, zone_min < 0 ? '-' : '+', z / 60, z % 60);
}

char *sim_iso_z(struct arena *a, int64_t ms)
{
  char *out = sim_local(a, ms, 0);
  out[10] = 'T';
  return arena_printf(a, "%sZ", out);
}

bool sim_local_parse(const char *text, int zone_min, int64_t *ms)
{
  return text && time_parse_loose(text, zone_min, ms);
}

char *sim_money(struct arena *a, const struct sim_shop *s, int64_t minor)
{
  return money_text(a, minor, s->row->currency);
}

void sim_kmoney(struct sim_call *c, const char *key, int64_t minor)
{
  jw_kstring(&c->w, key, sim_money(c->a, c->shop, minor));
}

void sim_kmoney_number(struct sim_call *c, const char *key, int64_t minor)
{
  sim_kraw(c, key, sim_money(c->a, c->shop, minor));
}

void sim_kraw(struct sim_call *c, const char *key, const char *json)
{
  jw_key(&c->w, key);
  jw_raw(&c->w, json, strlen(json));
}

/* ---- what hides people ------------------------------------------------------------------------------------ */
char *sim_mask(struct arena *a, const char *text, int head, int tail)
{
  int n = (int)utf8_count(text), i = 0;
  struct buf b = { 0 };
  for (const char *p = text, *from = p; utf8_next(&p); from = p, i++) {
    if (i < head || i >= n - tail) buf_put(&b, from, (size_t)(p - from));
    else buf_char(&b, '*');
  }
  char *out = arena_strn(a, b.len ? b.data : "", b.len);
  buf_release(&b);
  return out;
}

char *sim_cipher(struct arena *a, const struct sim_shop *s, const char *text)
{
  unsigned char out[40];
  for (size_t i = 0; i < sizeof out; i += 8) {
    uint64_t h = sim_hash(s->sim, text, (uint64_t)(unsigned)s->number, i);
    memcpy(out + i, &h, 8);
  }
  return base64_text(a, out, sizeof out);
}

char *sim_receiver_token(struct arena *a, const struct sim_shop *s, const struct sim_order *o,
                         const char *prefix)
{
  const char *family = s->row->family ? s->row->family : s->row->name;
  char *who = arena_printf(a, "%s/%llu/%u/%u/%u", family, (unsigned long long)sim_seed(s->sim), o->customer,
                           o->phone_of, o->address_of);
  return arena_printf(a, "%s%s", prefix, sim_hex(a, DIGEST_SHA1, who, strlen(who), false));
}
