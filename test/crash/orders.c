/* orders.c: the real order flow under power cuts, kills and disk errors; see crash.h.
 *
 * New orders, copies, news and old news, orders that merge, orders only taken and applied later, moves, holds,
 * cancels, groups by hand, deadlines, the search index, house-keeping: random batches of commands, as serve sends
 * them. Each command bears an actor's name of its own ("c17"), so the chain of events tells which of them happened:
 * once, never, or twice. Each version of an order bears a serial, so its row tells which version it is.
 *
 * The ledger holds what was answered. What was not answered may have happened, but a batch is one transaction: all
 * of it or none, and of several that failed one after the other at most one. */
#include "crash.h"
#include "flow.h"
#include <stdio.h>
#include <stdlib.h>

#define ORDERS_MAX 4096
#define DEEDS_MAX 40000
#define BATCH_MAX 10
#define PUTS_MAX 4096
#define HALVES_MAX 64
#define PEOPLE 60
#define AGAIN_WITHIN_MS (6ll * 24 * 3600 * 1000) /* answers are remembered for 7 days */
#define BORN_MS 1794300000000                    /* 2026-11-10 */

/* X(id, command, event that tells that it happened, weight, keyed, about an order) */
#define KIND_MAP(X) \
  X(NEW, ORDER_INGEST, "order.created", 30, false, true) \
  X(NEWS, ORDER_INGEST, "order.updated", 12, false, true) \
  X(COPY, ORDER_INGEST, NULL, 8, false, true) \
  X(OLD, ORDER_INGEST, NULL, 4, false, true) \
  X(DEFER, ORDER_INGEST, NULL, 8, false, true) \
  X(APPLY, PAYLOADS_APPLY, NULL, 4, false, false) \
  X(MOVE, ORDER_MOVE, "order.status", 8, true, true) \
  X(HOLD, ORDER_HOLD, "order.hold", 6, true, true) \
  X(RELEASE, ORDER_RELEASE, "order.release", 4, true, true) \
  X(CANCEL, ORDER_CANCEL, "order.status", 2, true, true) \
  X(TAKE_OUT, GROUP_REMOVE, "group.removed", 3, true, true) \
  X(PUT_IN, GROUP_ADD, "group.added", 3, true, true) \
  X(LOCK, GROUP_LOCK, NULL, 1, false, true) \
  X(KEEP, PAYLOAD_PUT, NULL, 3, false, false) \
  X(RETRY, PAYLOAD_RETRY_ALL, NULL, 1, false, false) \
  X(RESOLVE, EXCEPTION_RESOLVE, "exception.resolved", 2, true, false) \
  X(TIMERS, TIMERS_FIRE, NULL, 3, false, false) \
  X(SEARCH, SEARCH_STEP, NULL, 3, false, false) \
  X(HOUSE, KEEP_HOUSE, NULL, 1, false, false)
enum kind_id {
#define X(id, cmd, mark, weight, keyed, order) KIND_##id,
  KIND_MAP(X)
#undef X
    KIND_N
};
static const struct kind {
  const char *name;
  enum cmd_id cmd;
  const char *mark;
  int weight;
  bool keyed, order;
} kind_table[] = {
#define X(id, cmd, mark, weight, keyed, order) { #id, CMD_##cmd, mark, weight, keyed, order },
  KIND_MAP(X)
#undef X
};

/* OPEN: not answered, or answered with the disk's trouble; a crash decides. GONE: it decided against it. */
enum deed_state { OPEN, DONE, REFUSED, GONE };
struct deed {
  enum kind_id kind;
  enum deed_state state;
  int order; /* -1: about none */
  int64_t serial, batch, at_ms;
  int64_t group; /* of group commands */
  int expect;    /* events of its mark; -1: not known */
  bool told;     /* the answer to a key is known */
  uint64_t answer;
  int marks, events; /* found */
};

struct facts { /* of one order; serial 0: not there */
  int64_t serial, pending, holds;
};
struct entry {
  struct facts sure;
  int64_t id, version, group;
  int64_t content_serial, content; /* of the body with that serial */
  bool busy;                       /* in the batch that is being made */
};

struct ledger {
  struct entry order[ORDERS_MAX];
  int orders;
  struct deed deed[DEEDS_MAX];
  int deeds, open_from; /* none before open_from is OPEN */
  struct {
    int64_t serial;
    int deed;
  } put[PUTS_MAX]; /* payloads that cannot be mapped */
  int puts;
  int64_t serials, batch, order_id_max;
  int64_t latest_ms; /* the latest that the clock has shown, and house-keeping may have gone by */
  bool dead, deferring, applying; /* of the batch that is being made */
  struct env_sim env;
  struct rules rules;
  struct arena rules_mem;
  int64_t answered, refused, failed, again, checked;
};

static uint64_t mix(uint64_t seed)
{
  return crash_random(&seed);
}

/* ---- orders: the same for the same number and serial ---------------------------------------------- */
static const char *const channels[] = { "shop-a", "shop-b", "till" };

static void order_name(struct buf *out, int n)
{
  buf_printf(out, "%s:T%06d", channels[n % 3], n);
}

static const char *status_text(int64_t serial)
{
  static const char *const rare[] = { "cancelled", "shipped", "placed", "completed" };
  uint64_t r = mix((uint64_t)serial) % 24;
  return r < COUNT(rare) ? rare[r] : "paid";
}

static void receiver_put(struct buf *out, int n, int64_t serial)
{
  uint64_t r = mix((uint64_t)serial ^ 0x77);
  int person = (int)(mix((uint64_t)n ^ 0xabcd) % PEOPLE), room = r % 9 ? 301 : 401;
  buf_printf(
    out,
    "\"receiver\":{\"name\":\"示例%d\",\"phone\":\"138%s%04d\",\"token\":\"tok-%d\",\"country\":\"CN\","
    "\"province\":\"浙江省\",\"city\":\"杭州市\",\"district\":\"西湖区\",\"address\":\"",
    person, mix((uint64_t)n) % 11 ? "0000" : "****", person, person);
  if (r % 2) buf_printf(out, "文三路%d号 示例花园 2幢%d室\"}", 100 + 2 * person, room);
  else buf_printf(out, "文三路 %d 号示例花园2号楼%d\"}", 100 + 2 * person, room);
}

static void body_put(struct buf *out, int n, int64_t serial)
{
  char placed[TIME_TEXT], updated[TIME_TEXT];
  uint64_t r = mix((uint64_t)serial ^ 0x1234);
  time_text(BORN_MS + n * 600000ll, placed);
  time_text(BORN_MS + serial * 1000, updated);
  buf_printf(
    out,
    "{\"channel\":\"%s\",\"external_id\":\"T%06d\",\"status\":\"%s\",\"placed_at\":\"%s\",\"updated_at\":\"%s\","
    "\"currency\":\"CNY\",\"total\":\"%llu.00\",",
    channels[n % 3], n, status_text(serial), placed, updated, (unsigned long long)(r % 500));
  receiver_put(out, n, serial);
  buf_str(out, ",\"lines\":[");
  for (uint64_t i = 0; i < 1 + r % 3; i++)
    buf_printf(
      out,
      "%s{\"line_id\":\"%llu\",\"sku\":\"SKU-%llu\",\"title\":\"杯子\",\"quantity\":%llu,\"price\":\"9.00\"}",
      i ? "," : "", (unsigned long long)i + 1, (unsigned long long)(mix(r + i) % 50),
      (unsigned long long)(1 + r % 4));
  buf_str(out, "],");
  if (r % 10 == 0)
    buf_str(out, "\"refunds\":[{\"refund_id\":\"r1\",\"status\":\"requested\",\"amount\":\"1.00\"}],");
  if (!strcmp(status_text(serial), "shipped"))
    buf_printf(out, "\"shipments\":[{\"carrier\":\"SF\",\"tracking_no\":\"SF%lld\"}],", (long long)serial);
  if (mix((uint64_t)n) % 13 == 0) buf_str(out, "\"flags\":[\"cod\"],");
  buf_printf(out, "\"remarks\":{\"seller\":\"s%lld\"}}", (long long)serial);
}

static int64_t content_of(struct ledger *g, int n, int64_t serial)
{
  struct entry *o = &g->order[n];
  if (o->content_serial == serial) return o->content;
  struct arena mem = { 0 };
  struct buf body = { 0 };
  struct faults f = { .mem = &mem };
  body_put(&body, n, serial);
  struct json *j = json_parse(&mem, body.data, body.len, JSON_ELEMENTS_MAX, &f);
  struct draft *d = j ? draft_parse(&mem, j, "", &f) : NULL;
  must(d);
  o->content_serial = serial, o->content = d->content;
  buf_release(&body), arena_release(&mem);
  return o->content;
}

/* ---- commands -------------------------------------------------------------------------------------- */
static uint64_t text_hash(const struct buf *b)
{
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < b->len; i++) h = (h ^ (unsigned char)b->data[i]) * 1099511628211u;
  return h;
}

/* The bytes of a payload that is no order. */
static void raw_put(struct buf *out, int64_t serial)
{
  buf_printf(out, "{\"row\":\"s%lld\",\"phone\":\"1.38E+10\"}", (long long)serial);
}

static void args_put(const struct deed *d, struct buf *out)
{
  static const char *const stages[] = {
    "split", "producing", "inspected", "pre_ship", "shipped", "completed"
  };
  struct jw w;
  struct buf text = { 0 };
  switch (d->kind) {
  case KIND_MOVE:
    buf_printf(out, "{\"to\":\"%s\"}",
               stages[mix((uint64_t)d->serial) % 3 ? 0 : mix((uint64_t)d->serial) % 6]);
    break;
  case KIND_HOLD: buf_printf(out, "{\"reason\":\"r%lld\"}", (long long)d->serial); break;
  case KIND_CANCEL: buf_str(out, "{\"reason\":\"customer\"}"); break;
  case KIND_TAKE_OUT:
  case KIND_PUT_IN:
    order_name(&text, d->order);
    buf_printf(out, "{\"order\":\"%s\"}", text.data);
    break;
  case KIND_KEEP:
    raw_put(&text, d->serial);
    jw_init(&w, out), jw_object(&w), jw_kstring(&w, "channel", "till"), jw_kstring(&w, "raw", text.data);
    jw_key(&w, "error"), jw_raw(&w, "{\"code\":\"bad_row\",\"detail\":\"no phone\"}", 38), jw_object_end(&w);
    break;
  case KIND_RESOLVE: buf_str(out, "{\"note\":\"seen\"}"); break;
  default:
    if (kind_table[d->kind].cmd == CMD_ORDER_INGEST) body_put(out, d->order, d->serial);
    else buf_str(out, "{}");
  }
  buf_release(&text);
}

static const char *target_of(struct cmd *c, const struct deed *d)
{
  struct buf name = { 0 };
  if (d->kind == KIND_RESOLVE)
    return arena_printf(&c->mem, "x_%llu", (unsigned long long)(1 + mix((uint64_t)d->serial) % 20));
  if (d->group) return arena_printf(&c->mem, "g_%lld", (long long)d->group);
  if (d->order < 0) return NULL;
  order_name(&name, d->order);
  const char *text = arena_str(&c->mem, name.data);
  buf_release(&name);
  return text;
}

static bool is_trouble(enum err e)
{
  return e == ERR_IO || e == ERR_DISK_FULL || e == ERR_BUSY;
}

/* A later commit overwrites whatever an earlier batch that failed may have left in the WAL. */
static void failed_is_gone(struct ledger *g, int64_t before)
{
  for (int i = g->open_from; i < g->deeds; i++)
    if (g->deed[i].state == OPEN && g->deed[i].batch < before) g->deed[i].state = GONE;
  while (g->open_from < g->deeds && g->deed[g->open_from].state != OPEN) g->open_from++;
}

static enum ingest_result ingest_expected(const struct entry *o, const struct deed *d)
{
  if (d->kind == KIND_DEFER) return INGEST_TAKEN;
  if (!o->sure.serial) return INGEST_CREATED;
  return d->serial > o->sure.serial    ? INGEST_UPDATED
         : d->serial == o->sure.serial ? INGEST_UNCHANGED
                                       : INGEST_STALE;
}

static struct facts facts_after(struct facts f, const struct deed *d)
{
  switch (d->kind) {
  case KIND_APPLY:
    if (f.pending > f.serial) f.serial = f.pending;
    f.pending = 0;
    break;
  case KIND_DEFER: f.pending = d->serial; break;
  case KIND_HOLD: f.holds++; break;
  case KIND_RELEASE: f.holds = 0; break;
  default:
    if (kind_table[d->kind].cmd == CMD_ORDER_INGEST && d->serial > f.serial) f.serial = d->serial;
  }
  return f;
}

static void ingest_answered(struct ledger *g, struct deed *d, const struct cmd *c)
{
  struct entry *o = &g->order[d->order];
  enum ingest_result r = (enum ingest_result)c->numbers[2], want = ingest_expected(o, d);
  if (r != want)
    crash_broken("order %d: serial %lld was %s, not %s", d->order, (long long)d->serial,
                 ingest_result_name(r), ingest_result_name(want));
  d->expect = r == INGEST_CREATED || r == INGEST_UPDATED;
  if (r == INGEST_CREATED && c->numbers[0] <= g->order_id_max)
    crash_broken("order %d: the number %lld was given out before", d->order, (long long)c->numbers[0]);
  if (r == INGEST_CREATED) g->order_id_max = c->numbers[0];
  if (r == INGEST_TAKEN) return;
  if (o->id && o->id != c->numbers[0])
    crash_broken("order %d: was o_%lld, is o_%lld", d->order, (long long)o->id, (long long)c->numbers[0]);
  o->id = c->numbers[0], o->group = c->numbers[3];
  if (c->version < o->version)
    crash_broken("order %d: version %lld after %lld", d->order, (long long)c->version, (long long)o->version);
  o->version = c->version;
}

static void all_applied(struct ledger *g, const struct deed *d)
{
  for (int n = 0; n < g->orders; n++)
    if (g->order[n].sure.pending) g->order[n].sure = facts_after(g->order[n].sure, d);
}

static void answered(struct ledger *g, struct deed *d, const struct cmd *c)
{
  const struct kind *k = &kind_table[d->kind];
  d->expect = k->mark ? 1 : -1;
  if (k->cmd == CMD_ORDER_INGEST) ingest_answered(g, d, c);
  else if (k->order && c->version && !d->group) g->order[d->order].version = c->version;
  if (d->kind == KIND_APPLY) {
    if (c->numbers[1] || c->numbers[2])
      crash_broken("%lld payloads failed, %lld still wait", (long long)c->numbers[1],
                   (long long)c->numbers[2]);
    all_applied(g, d);
  } else if (k->order) {
    g->order[d->order].sure = facts_after(g->order[d->order].sure, d);
  }
  d->state = DONE, d->told = true, d->answer = text_hash(&c->out);
  g->answered++;
  if (d->expect == 1 || d->kind == KIND_DEFER || d->kind == KIND_KEEP) failed_is_gone(g, d->batch);
}

/* The same key and body once more: the same answer, and nothing happens. */
static void answered_again(struct ledger *g, struct deed *d, const struct cmd *c)
{
  g->again++;
  if (c->job.err)
    crash_broken("%s %lld was done, and its key is answered with %s now", kind_table[d->kind].name,
                 (long long)d->serial, err_code(c->job.err));
  else if (d->told && d->answer != text_hash(&c->out))
    crash_broken("%s %lld: its key brings another answer", kind_table[d->kind].name, (long long)d->serial);
  d->told = true, d->answer = text_hash(&c->out);
}

/* What a command on its way belongs to. */
struct work {
  struct ledger *g;
  struct deed *d;
};

static void refused(struct ledger *g, struct deed *d, const struct cmd *c)
{
  const struct kind *k = &kind_table[d->kind];
  if (k->cmd == CMD_ORDER_INGEST ||
      !k->order) /* nothing that these ask for can be wrong, but for an exception's number */
    if (d->kind != KIND_RESOLVE)
      crash_broken("%s %lld was refused: %s", k->name, (long long)d->serial, err_code(c->job.err));
  d->state = REFUSED;
  g->refused++;
}

static void work_done(struct job *j)
{
  struct cmd *c = (struct cmd *)j;
  struct work *k = c->owner;
  struct ledger *g = k->g;
  if (g->dead) {
    /* does not count */
  } else if (is_trouble(c->job.err)) {
    g->failed++;
    if (crash_calm()) crash_broken("a command failed without a fault: %s", err_code(c->job.err));
  } else if (k->d->state == DONE) {
    answered_again(g, k->d, c);
  } else if (c->job.err) {
    refused(g, k->d, c);
  } else {
    answered(g, k->d, c);
  }
  cmd_free(c);
}

static void push(struct ledger *g, struct writer *w, struct deed *d)
{
  const struct kind *k = &kind_table[d->kind];
  char name[32];
  struct buf args = { 0 };
  snprintf(name, sizeof name, "c%d", (int)(d - g->deed));
  struct actor who = { .name = name, .roles = ROLE_ADMIN };
  struct cmd *c = cmd_new(k->cmd, &g->env.env, &g->rules, &who);
  struct work *work = arena_new(&c->mem, struct work);
  *work = (struct work){ g, d };
  c->owner = work, c->job.done = work_done, c->defer = d->kind == KIND_DEFER;
  c->target = target_of(c, d);
  args_put(d, &args);
  enum err e = cmd_kind(k->cmd)->roles ? cmd_parse(c, args.data, args.len) : cmd_kind(k->cmd)->parse(c, NULL);
  must(!e);
  if (k->keyed) {
    c->key = arena_str(&c->mem, name);
    sha256(args.data, args.len, c->digest);
  }
  buf_release(&args);
  must(writer_push(w, &c->job));
}

/* ---- batches ------------------------------------------------------------------------------------------ */
static int order_pick(struct ledger *g, uint64_t *seed, bool there)
{
  for (int tries = 0; g->orders && tries < 20; tries++) {
    int n = (int)(crash_random(seed) % (uint64_t)g->orders);
    struct entry *o = &g->order[n];
    if (!o->busy && !o->sure.pending && (o->sure.serial || !there)) return n;
  }
  return -1;
}

static enum kind_id kind_pick(uint64_t *seed)
{
  int all = 0;
  for (int k = 0; k < KIND_N; k++) all += kind_table[k].weight;
  int at = (int)(crash_random(seed) % (uint64_t)all), k = 0;
  while (at >= kind_table[k].weight) at -= kind_table[k++].weight;
  return (enum kind_id)k;
}

/* An order that a batch never answered may have to be made still: -1 is a new one. */
static int order_for(struct ledger *g, enum kind_id k, uint64_t *seed)
{
  bool fresh = k == KIND_NEW || (k == KIND_DEFER && crash_random(seed) % 2);
  if (!fresh) return order_pick(g, seed, k != KIND_DEFER && k != KIND_NEWS);
  return g->orders < ORDERS_MAX ? g->orders++ : -1;
}

static int64_t serial_for(struct ledger *g, enum kind_id k, const struct entry *o)
{
  if (k == KIND_COPY) return o->sure.serial;
  if (k == KIND_OLD) return o->sure.serial - 1;
  return ++g->serials;
}

static bool fits_batch(const struct ledger *g, enum kind_id k)
{
  if (k == KIND_APPLY) return !g->deferring && !g->applying;
  return k != KIND_DEFER || !g->applying;
}

static void deed_new(struct ledger *g, struct writer *w, uint64_t *seed)
{
  enum kind_id k = kind_pick(seed);
  int n = -1;
  if (g->deeds == DEEDS_MAX || !fits_batch(g, k) || (k == KIND_KEEP && g->puts == PUTS_MAX)) return;
  if (kind_table[k].order && (n = order_for(g, k, seed)) < 0) return;
  struct entry *o = n >= 0 ? &g->order[n] : NULL;
  int64_t serial = serial_for(g, k, o);
  bool group = k == KIND_TAKE_OUT || k == KIND_PUT_IN || k == KIND_LOCK;
  struct deed d = { .kind = k, .order = n, .serial = serial, .batch = g->batch, .at_ms = g->env.now_ms };
  if (k == KIND_PUT_IN) d.group = g->order[crash_random(seed) % (uint64_t)g->orders].group;
  else if (group) d.group = o->group;
  if (group && !d.group) return;
  /* what an answer that never comes would have meant */
  d.expect = k == KIND_NEW || k == KIND_NEWS || (k == KIND_DEFER) ? 1 : -1;
  if (o) o->busy = true;
  if (k == KIND_APPLY) g->applying = true;
  if (k == KIND_DEFER) g->deferring = true;
  if (k == KIND_KEEP) g->put[g->puts].serial = serial, g->put[g->puts++].deed = g->deeds;
  struct deed *kept = &g->deed[g->deeds++];
  *kept = d;
  push(g, w, kept);
}

/* A caller that got no answer, or a refusal, or that is not sure, sends the same key again. */
static void deed_again(struct ledger *g, struct writer *w, uint64_t *seed)
{
  if (!g->deeds) return;
  struct deed *d = &g->deed[crash_random(seed) % (uint64_t)g->deeds];
  struct entry *o = d->order >= 0 ? &g->order[d->order] : NULL;
  if (!kind_table[d->kind].keyed || d->state == OPEN || g->latest_ms - d->at_ms > AGAIN_WITHIN_MS) return;
  if (o && (o->busy || o->sure.pending)) return;
  if (o) o->busy = true;
  if (d->state != DONE) {
    d->state = OPEN, d->batch = g->batch, d->expect = -1;
    if (g->open_from > (int)(d - g->deed)) g->open_from = (int)(d - g->deed);
  }
  push(g, w, d);
}

/* Up to two hours; now and then the clock jumps, also back. */
static int64_t clock_step(uint64_t *seed)
{
  static const int64_t jumps[] = { -3600 * 1000, -2ll * 24 * 3600 * 1000, 24ll * 3600 * 1000 };
  if (crash_random(seed) % 40 == 0) return jumps[crash_random(seed) % COUNT(jumps)];
  return (int64_t)(crash_random(seed) % (2 * 3600 * 1000));
}

static void step(void *state, struct writer *w, uint64_t *seed)
{
  struct ledger *g = state;
  int n = 1 + (int)(crash_random(seed) % BATCH_MAX);
  for (int i = 0; i < g->orders; i++) g->order[i].busy = false;
  g->deferring = g->applying = false;
  g->batch++;
  g->env.now_ms += clock_step(seed);
  if (g->env.now_ms > g->latest_ms) g->latest_ms = g->env.now_ms;
  for (int i = 0; i < n; i++)
    if (crash_random(seed) % 8) deed_new(g, w, seed);
    else deed_again(g, w, seed);
}

/* ---- comparing: events ----------------------------------------------------------------------------------- */
static void must_be_zero(struct db *db, const char *sql, const char *what)
{
  struct stmt *s = db_prepare(db, sql);
  int64_t v = stmt_row(s) ? stmt_col_int(s, 0) : -1;
  if (stmt_end(s) || v) crash_broken("%s: %lld", what, (long long)v);
  stmt_drop(s);
}

/* A parcel of two orders moves both: of the other one the event says that the system moved it. */
static void event_count(struct ledger *g, const char *type, const char *actor, const char *data)
{
  if (actor[0] != 'c' || actor[1] < '0' || actor[1] > '9') return;
  long n = strtol(actor + 1, NULL, 10);
  if (n >= g->deeds) {
    crash_broken("an event of %s, who did not do anything yet", actor);
    return;
  }
  struct deed *d = &g->deed[n];
  const char *mark = kind_table[d->kind].mark;
  bool news =
    kind_table[d->kind].cmd == CMD_ORDER_INGEST &&
    (!strcmp(type, "order.created") || !strcmp(type, "order.updated") || !strcmp(type, "order.conflict"));
  d->events++;
  bool followed = !strcmp(type, "order.status") && strstr(data, "\"trigger\":\"system\"");
  d->marks +=
    news || (mark && kind_table[d->kind].cmd != CMD_ORDER_INGEST && !strcmp(type, mark) && !followed);
}

static void events_read(struct ledger *g, struct db *db)
{
  for (int i = 0; i < g->deeds; i++) g->deed[i].marks = g->deed[i].events = 0;
  struct stmt *s = db_prepare(db, "SELECT type, actor, data FROM events ORDER BY seq");
  while (stmt_row(s)) event_count(g, stmt_col_text(s, 0), stmt_col_text(s, 1), stmt_col_text(s, 2));
  if (stmt_end(s)) crash_broken("events cannot be read: %s", db_err_text(db));
  stmt_drop(s);
}

/* ---- comparing: orders, payloads, holds --------------------------------------------------------------------- */
struct found {
  struct facts facts;
  int64_t id, version, content;
};

static int order_number(const char *external_id)
{
  long n = external_id && external_id[0] == 'T' ? strtol(external_id + 1, NULL, 10) : -1;
  return n >= 0 && n < ORDERS_MAX ? (int)n : -1;
}

static int64_t serial_in(const char *remark)
{
  return remark && remark[0] == 's' ? strtoll(remark + 1, NULL, 10) : -1;
}

static void orders_found(struct ledger *g, struct db *db, struct found *found)
{
  struct stmt *s = db_prepare(db, "SELECT o.external_id, o.remark_seller, o.id, o.version, o.content, c.name,"
                                  " (SELECT count(*) FROM holds h WHERE h.order_id = o.id)"
                                  " FROM orders o JOIN channels c ON c.id = o.channel_id ORDER BY o.id");
  while (stmt_row(s)) {
    const char *name = stmt_col_text(s, 0);
    int n = order_number(name);
    if (n < 0 || n >= g->orders || strcmp(stmt_col_text(s, 5), channels[n % 3]) != 0 ||
        found[n].facts.serial) {
      crash_broken("order %s is there twice, or was never sent", name);
      continue;
    }
    found[n].facts.serial = serial_in(stmt_col_text(s, 1));
    found[n].facts.holds = stmt_col_int(s, 6);
    found[n].id = stmt_col_int(s, 2), found[n].version = stmt_col_int(s, 3),
    found[n].content = stmt_col_int(s, 4);
  }
  if (stmt_end(s)) crash_broken("orders cannot be read: %s", db_err_text(db));
  stmt_drop(s);
}

/* A payload that waits holds the bytes as they were sent. */
static void pending_found(struct ledger *g, struct db *db, const struct payload *p, struct found *found)
{
  struct buf want = { 0 };
  const char *ext = p->body ? strstr(p->body, "\"external_id\":\"") : NULL;
  const char *seller = p->body ? strstr(p->body, "\"seller\":\"") : NULL;
  int n = ext ? order_number(ext + 15) : -1;
  (void)db;
  if (n < 0 || n >= g->orders || !seller || found[n].facts.pending) {
    crash_broken("payload %lld waits twice, or was never sent", (long long)p->id);
    return;
  }
  found[n].facts.pending = serial_in(seller + 10);
  body_put(&want, n, found[n].facts.pending);
  if (strcmp(want.data, p->body) != 0) crash_broken("payload %lld is not what was sent", (long long)p->id);
  buf_release(&want);
}

static void payloads_found(struct ledger *g, struct db *db, struct found *found, int *puts)
{
  struct arena mem = { 0 };
  struct stmt *s = db_prepare(db, "SELECT id FROM payloads WHERE state <> 'applied' ORDER BY id");
  while (stmt_row(s)) {
    struct payload p;
    if (payload_get(db, &mem, stmt_col_int(s, 0), &p)) {
      crash_broken("payload %lld cannot be read", (long long)stmt_col_int(s, 0));
    } else if (!strcmp(p.state, "pending")) {
      pending_found(g, db, &p, found);
    } else {
      int64_t serial = p.body && !strncmp(p.body, "{\"row\":\"", 8) ? serial_in(p.body + 8) : -1;
      int i = 0;
      while (i < g->puts && g->put[i].serial != serial) i++;
      if (i < g->puts && !strcmp(p.state, "failed")) puts[i]++;
      else crash_broken("payload %lld is %s, and nobody sent it", (long long)p.id, p.state);
    }
    arena_reset(&mem);
  }
  if (stmt_end(s)) crash_broken("payloads cannot be read: %s", db_err_text(db));
  stmt_drop(s);
  arena_release(&mem);
}

/* ---- comparing: all of a batch, or nothing ------------------------------------------------------------------- */
struct halves {
  struct {
    int64_t batch;
    int yes, no;
  } at[HALVES_MAX];
  int n;
};

static void half_note(struct halves *h, int64_t batch, bool happened)
{
  int i = 0;
  while (i < h->n && h->at[i].batch != batch) i++;
  if (i == HALVES_MAX) return;
  if (i == h->n) h->at[h->n].batch = batch, h->at[h->n].yes = h->at[h->n].no = 0, h->n++;
  h->at[i].yes += happened;
  h->at[i].no += !happened;
}

static void halves_check(const struct halves *h)
{
  int batches = 0;
  for (int i = 0; i < h->n; i++) {
    batches += h->at[i].yes > 0;
    if (h->at[i].yes && h->at[i].no)
      crash_broken("half a batch: %d of its commands are there, %d are not", h->at[i].yes, h->at[i].no);
  }
  if (batches > 1) crash_broken("%d batches that failed one after the other are there", batches);
}

static bool facts_same(struct facts a, struct facts b)
{
  return a.serial == b.serial && a.pending == b.pending && a.holds == b.holds;
}

static bool is_open_about(const struct ledger *g, const struct deed *d, int n)
{
  bool applies = d->kind == KIND_APPLY && g->order[n].sure.pending;
  return d->state == OPEN && (d->order == n || applies);
}

/* Is an order as one of the commands that were not answered would have left it? Which one it was, it tells only
 * when no other leads to the same. */
static bool unanswered_explain(const struct ledger *g, int n, struct facts found, struct halves *h)
{
  struct facts sure = g->order[n].sure;
  bool explained = false;
  for (int i = g->open_from; i < g->deeds; i++) {
    const struct deed *d = &g->deed[i];
    if (!is_open_about(g, d, n)) continue;
    struct facts then = facts_after(sure, d);
    bool happened = facts_same(found, then), tells = !facts_same(sure, then);
    for (int k = g->open_from; k < g->deeds; k++)
      if (k != i && is_open_about(g, &g->deed[k], n) && facts_same(then, facts_after(sure, &g->deed[k])))
        tells = false;
    explained = explained || happened;
    if (tells && (d->expect == 1 || d->kind == KIND_APPLY || happened)) half_note(h, d->batch, happened);
  }
  return explained;
}

static void order_check(struct ledger *g, int n, struct found *f, bool crashed, struct halves *h)
{
  struct entry *o = &g->order[n];
  bool explained = crashed && unanswered_explain(g, n, f->facts, h);
  bool possible = explained || facts_same(f->facts, o->sure);
  if (!possible)
    crash_broken("order %d: serial %lld, taken %lld, %lld holds were promised; %lld, %lld, %lld are there", n,
                 (long long)o->sure.serial, (long long)o->sure.pending, (long long)o->sure.holds,
                 (long long)f->facts.serial, (long long)f->facts.pending, (long long)f->facts.holds);
  if (f->facts.serial && f->content != content_of(g, n, f->facts.serial))
    crash_broken("order %d: it is not what serial %lld told", n, (long long)f->facts.serial);
  if (f->facts.serial && (f->version < o->version || (o->id && f->id != o->id)))
    crash_broken("order %d: o_%lld version %lld was promised, o_%lld version %lld is there", n,
                 (long long)o->id, (long long)o->version, (long long)f->id, (long long)f->version);
  if (f->id > g->order_id_max) g->order_id_max = f->id;
  if (crashed) o->sure = f->facts, o->id = f->id, o->version = f->version;
}

static void deed_check(struct ledger *g, struct deed *d, bool crashed, struct halves *h)
{
  const struct kind *k = &kind_table[d->kind];
  bool may = d->state == DONE || (d->state == OPEN && crashed);
  if (!may && d->events)
    crash_broken("%s %lld did not happen, but has %d events", k->name, (long long)d->serial, d->events);
  if (d->state == DONE && d->expect >= 0 && d->marks != d->expect)
    crash_broken("%s %lld happened %d times, not %d", k->name, (long long)d->serial, d->marks, d->expect);
  if (d->state == DONE && !d->expect && d->events && d->kind != KIND_DEFER)
    crash_broken("%s %lld changed nothing, but has events", k->name, (long long)d->serial);
  if (d->marks > 1) crash_broken("%s %lld happened %d times", k->name, (long long)d->serial, d->marks);
  if (d->state != OPEN || !crashed) return;
  bool fate_shows = d->kind == KIND_NEW || d->kind == KIND_NEWS;
  if (fate_shows || d->events) half_note(h, d->batch, d->events > 0);
  d->state = d->events ? DONE : GONE;
  d->expect = k->mark ? d->marks : -1;
  d->told = false;
  (void)g;
}

static void puts_check(struct ledger *g, const int *puts, bool crashed, struct halves *h)
{
  for (int i = 0; i < g->puts; i++) {
    struct deed *d = &g->deed[g->put[i].deed];
    bool may = d->state == DONE || (d->state == OPEN && crashed);
    if (puts[i] > 1 || (puts[i] && !may) || (!puts[i] && d->state == DONE))
      crash_broken("the payload of serial %lld is there %d times", (long long)d->serial, puts[i]);
    if (d->state == OPEN && crashed) half_note(h, d->batch, puts[i] > 0);
    if (d->state == OPEN && crashed && puts[i]) d->state = DONE, d->expect = -1;
  }
}

static void breach(void *arg, const char *text)
{
  (void)arg;
  crash_broken("check: %s", text);
}

/* What the rules say about any file, and that no order is missing in the search index. */
static void rules_check(struct ledger *g, struct db *db)
{
  struct arena mem = { 0 };
  char sql[256];
  if (view_check(db, &mem, &g->rules.status, &g->rules.merge, breach, NULL) < 0)
    crash_broken("the check cannot be run: %s", db_err_text(db));
  snprintf(sql, sizeof sql,
           "SELECT count(*) FROM orders WHERE id <= %lld AND id NOT IN (SELECT rowid FROM search)",
           (long long)search_done(db));
  must_be_zero(db, sql, "orders that the search index claims to hold");
  must_be_zero(db, "SELECT count(*) FROM search_todo WHERE order_id NOT IN (SELECT id FROM orders)",
               "orders to index that are not there");
  arena_release(&mem);
}

static void compare(void *state, struct db *db, bool crashed)
{
  static struct found found[ORDERS_MAX];
  static int puts[PUTS_MAX];
  struct ledger *g = state;
  struct halves halves = { 0 };
  memset(found, 0, sizeof found[0] * (size_t)g->orders);
  memset(puts, 0, sizeof puts[0] * (size_t)g->puts);
  events_read(g, db);
  orders_found(g, db, found);
  payloads_found(g, db, found, puts);
  for (int n = 0; n < g->orders; n++) order_check(g, n, &found[n], crashed, &halves);
  puts_check(g, puts, crashed, &halves);
  for (int i = 0; i < g->deeds; i++) deed_check(g, &g->deed[i], crashed, &halves);
  halves_check(&halves);
  rules_check(g, db);
  if (crashed) g->open_from = g->deeds;
  g->checked += g->orders;
}

/* ---- the workload ------------------------------------------------------------------------------------------------- */
static void born(void *state, struct db *db)
{
  struct ledger *g = state;
  (void)db;
  memset(g->order, 0, sizeof g->order[0] * (size_t)g->orders);
  g->orders = g->deeds = g->open_from = g->puts = 0;
  g->serials = g->batch = g->order_id_max = g->latest_ms = 0;
  env_sim_init(&g->env, BORN_MS + 1000ll * 3600 * 1000, 1);
}

static void begin(void *state, struct writer *w)
{
  struct ledger *g = state;
  (void)w;
  g->dead = false;
}

static void end(void *state)
{
  struct ledger *g = state;
  g->dead = true;
}

static void told(void *state)
{
  const struct ledger *g = state;
  printf(
    "orders: %lld commands answered, %lld refused by the rules, %lld keys sent again, %lld failed with the disk; "
    "%lld orders compared\n",
    (long long)g->answered, (long long)g->refused, (long long)g->again, (long long)g->failed,
    (long long)g->checked);
}

int main(int argc, char **argv)
{
  static struct ledger ledger;
  const struct crash_workload load = { .name = "orders",
                                       .state = &ledger,
                                       .born = born,
                                       .begin = begin,
                                       .step = step,
                                       .end = end,
                                       .check = compare,
                                       .told = told };
  const char *why = NULL;
  must(rules_load(&ledger.rules_mem, NULL, &ledger.rules, &why));
  return crash_main(argc, argv, &load);
}
