/* auth.c: who calls. Tokens are 256 random bits and only their SHA-256 is kept, so a lookup by digest tells an
 * attacker nothing by its time. The table in memory is read anew after every command that changes tokens, before
 * that command is answered: a token that was revoked with a 200 does not work any more.
 *
 * Who fails often is told to wait, longer each time; a valid token is looked at first and always passes, so that
 * nobody can lock somebody else out by failing from the same address. */
#include "edge.h"
#include <strings.h>

#define BEARER_MAX 512
#define AUTH_PROBES 8
#define CHALLENGE "WWW-Authenticate: Bearer realm=\"orderd\"\r\n"

/* ---- the table: open addressing by the digest's first bytes --------------------------------------------------- */
struct auth_entry {
  unsigned char digest[SHA256_LEN];
  struct token token; /* strings in the table's arena */
  const char *channel;
};
struct auth_table {
  struct arena mem;
  struct auth_entry *at; /* id 0: free */
  size_t cap, n;
  bool setup_open; /* nobody can sign in yet */
};

struct auth_table *auth_table_new(void)
{
  struct auth_table *t = mem_new(sizeof *t);
  t->cap = 16;
  t->at = mem_new(t->cap * sizeof *t->at);
  return t;
}

void auth_table_free(struct auth_table *t)
{
  if (!t) return;
  arena_release(&t->mem);
  mem_free(t->at);
  mem_free(t);
}

size_t auth_table_count(const struct auth_table *t)
{
  return t->n;
}

static struct auth_entry *slot_of_digest(struct auth_entry *at, size_t cap, const unsigned char *digest)
{
  uint64_t h;
  memcpy(&h, digest, sizeof h);
  size_t i = (size_t)(h & (cap - 1));
  while (at[i].token.id && !same_bytes(at[i].digest, digest, SHA256_LEN)) i = (i + 1) & (cap - 1);
  return &at[i];
}

static void table_grow(struct auth_table *t)
{
  size_t cap = t->cap * 2;
  struct auth_entry *at = mem_new(cap * sizeof *at);
  for (size_t i = 0; i < t->cap; i++)
    if (t->at[i].token.id) *slot_of_digest(at, cap, t->at[i].digest) = t->at[i];
  mem_free(t->at);
  t->at = at, t->cap = cap;
}

void auth_table_add(struct auth_table *t, const struct token *k, const char *channel,
                    const unsigned char digest[32])
{
  must(k->id != 0); /* below zero: a session */
  if (t->n * 2 >= t->cap) table_grow(t);
  struct auth_entry *e = slot_of_digest(t->at, t->cap, digest);
  t->n += !e->token.id;
  e->token = *k;
  e->token.name = arena_str(&t->mem, k->name);
  e->token.state = NULL, e->token.user = arena_str(&t->mem, k->user);
  e->channel = arena_str(&t->mem, channel);
  memcpy(e->digest, digest, SHA256_LEN);
}

static bool token_is_live(const struct token *k, int64_t now_ms)
{
  return k->id && (!k->expires_at || now_ms < k->expires_at);
}

const struct token *auth_table_find(const struct auth_table *t, const char *token, int64_t now_ms,
                                    const char **channel)
{
  unsigned char digest[SHA256_LEN];
  sha256(token, strlen(token), digest);
  const struct auth_entry *e = slot_of_digest(t->at, t->cap, digest);
  if (!token_is_live(&e->token, now_ms)) return NULL;
  *channel = e->channel;
  return &e->token;
}

/* ---- the header ---------------------------------------------------------------------------------------------------- */
const char *bearer_token(const char *field)
{
  if (!field || strncasecmp(field, "Bearer ", 7) != 0) return NULL;
  const char *t = field + 7 + strspn(field + 7, " ");
  size_t n = strlen(t),
         good = strspn(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");
  return n && n == good && n <= BEARER_MAX ? t : NULL;
}

/* ---- who failed too often: a bounded table by address, the oldest gives way ------------------------------------------- */
struct failures {
  uint64_t address;
  int64_t last_ms, wait_until_ms;
  int n;
};
struct waiter {
  struct waiter *next;
  void (*then)(void *arg);
  void *arg;
};
struct auth {
  struct api *api;
  struct auth_table *table;
  struct failures at[AUTH_ADDRESSES_MAX];
  bool reading, failed;
  struct waiter *now, *later; /* for the read under way; for the one after it */
};

int64_t auth_delay_ms(int failures)
{
  int over = failures - AUTH_FREE_FAILURES;
  if (over <= 0) return 0;
  return over > 9 ? AUTH_FORGET_MS : 1000ll << (over - 1);
}

static struct failures *failures_of(struct auth *a, const char *peer, int64_t now_ms)
{
  uint64_t h = hash64(peer, strlen(peer), 0x61757468) | 1;
  struct failures *oldest = NULL;
  for (size_t i = 0; i < AUTH_PROBES; i++) {
    struct failures *f = &a->at[(h + i) % AUTH_ADDRESSES_MAX];
    if (f->address == h && now_ms - f->last_ms < AUTH_FORGET_MS) return f;
    if (f->address == h) oldest = f;
    else if (!oldest || (oldest->address != h && f->last_ms < oldest->last_ms)) oldest = f;
  }
  *oldest = (struct failures){ .address = h };
  return oldest;
}

int64_t auth_wait_ms(struct auth *a, const char *who, int64_t now_ms)
{
  const struct failures *f = failures_of(a, who, now_ms);
  return now_ms < f->wait_until_ms ? f->wait_until_ms - now_ms : 0;
}

void auth_blame(struct auth *a, const char *who, int64_t now_ms)
{
  struct failures *f = failures_of(a, who, now_ms);
  f->last_ms = now_ms;
  f->wait_until_ms = now_ms + auth_delay_ms(++f->n);
  a->api->auth_failures++;
}

void auth_forgive(struct auth *a, const char *who, int64_t now_ms)
{
  struct failures *f = failures_of(a, who, now_ms);
  f->n = 0, f->wait_until_ms = 0;
}

/* ---- cookies ------------------------------------------------------------------------------------------------------------- */
char *cookie_value(struct arena *a, const char *field, const char *name)
{
  size_t n = strlen(name);
  for (const char *p = field; p && *p;) {
    p += strspn(p, " ;");
    size_t len = strcspn(p, ";");
    if (len > n && p[n] == '=' && !memcmp(p, name, n)) return arena_strn(a, p + n + 1, len - n - 1);
    p += len;
  }
  return NULL;
}

/* What a page of another site makes a browser send carries that site's name, or none. */
bool origin_is_own(const struct http_request *r)
{
  const char *origin = http_field(r, "origin"), *host = http_field(r, "host");
  if (!origin || !host) return false;
  if (!strncmp(origin, "http://", 7)) origin += 7;
  else if (!strncmp(origin, "https://", 8)) origin += 8;
  else return false;
  return !strcasecmp(origin, host);
}

static bool is_read(const struct http_request *r)
{
  return !strcmp(r->method, "GET") || !strcmp(r->method, "HEAD");
}

static bool session_call(struct auth *a, struct call *k, const char *cookie, int64_t now_ms)
{
  const char *channel;
  const struct token *t = auth_table_find(a->table, cookie, now_ms, &channel);
  if (!t || t->id > 0) {
    k->refused = ERR_UNAUTHORIZED, k->code = "signed_out",
    k->detail = "The session has ended: sign in again.";
    return false;
  }
  if (!is_read(k->r) && !origin_is_own(k->r)) {
    k->refused = ERR_FORBIDDEN, k->code = "other_origin";
    k->detail = "A write with a session's cookie must come from orderd's own pages.";
    return false;
  }
  k->who.name = k->who.person = arena_printf(&k->r->mem, "user:%s", t->user);
  k->who.roles = t->roles;
  k->token_id = t->id, k->user = arena_str(&k->r->mem, t->user);
  return true;
}

bool auth_session(struct auth *a, struct call *k)
{
  char *cookie = cookie_value(&k->r->mem, http_field(k->r, "cookie"), SESSION_COOKIE);
  return cookie && session_call(a, k, cookie, a->api->env->now_ms(a->api->env));
}

bool auth_setup_open(const struct auth *a)
{
  return a->table->setup_open;
}

static bool call_unknown(struct auth *a, struct call *k, int64_t now_ms, bool tried)
{
  struct failures *f = failures_of(a, k->r->peer, now_ms);
  a->api->auth_failures++;
  if (now_ms < f->wait_until_ms) {
    a->api->throttled++;
    k->refused = ERR_TOO_MANY, k->code = "too_many_failures";
    k->detail = "Too many requests from here had no valid token.";
    k->headers = arena_printf(&k->r->mem, "Retry-After: %lld\r\n",
                              (long long)((f->wait_until_ms - now_ms + 999) / 1000));
    return false;
  }
  f->last_ms = now_ms;
  if (tried) f->wait_until_ms = now_ms + auth_delay_ms(++f->n);
  k->refused = ERR_UNAUTHORIZED;
  k->detail = tried ? "The token is unknown, revoked or expired." : "Send Authorization: Bearer TOKEN.";
  k->headers = tried ? "WWW-Authenticate: Bearer realm=\"orderd\", error=\"invalid_token\"\r\n" : CHALLENGE;
  return false;
}

bool auth_call(struct auth *a, struct call *k)
{
  struct http_request *r = k->r;
  int64_t now_ms = a->api->env->now_ms(a->api->env);
  const char *field = http_field(r, "authorization"), *token = bearer_token(field), *channel = NULL;
  char *cookie = field ? NULL : cookie_value(&r->mem, http_field(r, "cookie"), SESSION_COOKIE);
  if (cookie && !r->local_admin) return session_call(a, k, cookie, now_ms);
  if (r->local_admin && !field) {
    k->who = (struct actor){ .name = "local", .roles = ROLE_ADMIN };
    return true;
  }
  const struct token *t = token ? auth_table_find(a->table, token, now_ms, &channel) : NULL;
  if (t && t->id < 0) t = NULL; /* a session's cookie is no token */
  if (!t) return call_unknown(a, k, now_ms, field != NULL);
  k->who.name = arena_printf(&r->mem, "token:%s", t->name);
  k->who.roles = t->roles;
  k->who.channel = arena_str(&r->mem, channel);
  if (t->user) k->who.person = arena_printf(&r->mem, "user:%s", t->user);
  k->token_id = t->id, k->channel_id = t->channel_id;
  return true;
}

bool auth_alive(const struct auth *a, int64_t token_id, int64_t now_ms)
{
  if (!token_id) return true; /* the Unix socket's */
  for (size_t i = 0; i < a->table->cap; i++)
    if (a->table->at[i].token.id == token_id) return token_is_live(&a->table->at[i].token, now_ms);
  return false;
}

/* ---- reading the tokens ------------------------------------------------------------------------------------------------ */
struct auth_reading {
  struct db *db;
  struct auth_table *table;
  struct arena mem;
};

static void token_take(void *arg, const struct token *t, const unsigned char digest[32])
{
  struct auth_reading *g = arg;
  struct channel c = { 0 };
  if (t->channel_id && channel_by_id(g->db, &g->mem, t->channel_id, &c)) return; /* speaks for nobody */
  auth_table_add(g->table, t, c.name, digest);
}

static void session_take(void *arg, const struct token *t, const unsigned char digest[32])
{
  struct auth_reading *g = arg;
  struct token s = *t;
  s.id = -s.id;
  auth_table_add(g->table, &s, NULL, digest);
}

static enum err table_read(struct db *db, struct auth_table **out)
{
  struct auth_reading g = { .db = db, .table = auth_table_new() };
  enum err e = token_each(db, token_take, &g);
  if (!e) e = session_each(db, session_take, &g);
  g.table->setup_open = !e && !sign_in_possible(db);
  arena_release(&g.mem);
  if (e) auth_table_free(g.table);
  else *out = g.table;
  return e;
}

static enum err refresh_run(struct read *rd, struct db *db)
{
  return table_read(db, (struct auth_table **)&rd->args);
}

static void refresh_start(struct auth *a);

static void waiters_tell(struct waiter *w)
{
  for (struct waiter *next; w; w = next) {
    next = w->next;
    w->then(w->arg);
    mem_free(w);
  }
}

/* A failed read leaves the old table, which may know a revoked token: tried again with each tick. */
static void refresh_done(struct read *rd)
{
  struct auth *a = rd->api->auth;
  a->reading = false;
  if (!rd->err) {
    auth_table_free(a->table);
    a->table = rd->args;
    struct waiter *told = a->now;
    a->now = NULL;
    feed_tokens_changed(a->api->feed);
    waiters_tell(told);
  } else {
    log_line(LOG_WARN, "the tokens could not be read again: %s", err_title(rd->err));
  }
  a->failed = rd->err != ERR_OK;
  read_free(rd);
  if (a->later && !a->failed) refresh_start(a);
}

void auth_tick(struct auth *a)
{
  if (a->failed) refresh_start(a);
}

static void refresh_start(struct auth *a)
{
  if (a->reading) return;
  struct waiter **end = &a->now;
  while (*end) end = &(*end)->next;
  *end = a->later, a->later = NULL;
  struct read *rd = read_new(a->api, NULL);
  rd->run = refresh_run, rd->done = refresh_done;
  a->reading = true;
  read_start_always(rd);
}

void auth_refresh(struct auth *a, void (*then)(void *arg), void *arg)
{
  struct waiter *w = mem_new(sizeof *w), **end = &a->later;
  *w = (struct waiter){ NULL, then, arg };
  while (*end) end = &(*end)->next;
  *end = w;
  refresh_start(a);
}

bool auth_load(struct auth *a, struct db *db)
{
  struct auth_table *t = NULL;
  if (table_read(db, &t)) return false;
  auth_table_free(a->table);
  a->table = t;
  return true;
}

struct auth *auth_open(struct api *api)
{
  struct auth *a = mem_new(sizeof *a);
  a->api = api;
  a->table = auth_table_new();
  return a;
}

void auth_close(struct auth *a)
{
  must(!a->now && !a->later);
  auth_table_free(a->table);
  mem_free(a);
}
