/* The accident that the pre-ship lock is for (domain 6), every way it can come: a shop on Douyin, which counts the upload
 * of a number as shipped, a shop on Pinduoduo, which counts the pick-up, one shelf, one last piece, an order in each.
 * A cast is a list of events; all their orders are tried, in one tree whose branches are savepoints. After each command:
 * one parcel leaves at most, no bucket goes below zero, and who gets nothing is told. Ways that lead to the same rows and
 * the same books outside with the same events still to come are followed once. Some of them are committed for real, on a
 * disk in memory whose power goes in any moment, within commands and between them.
 * ACCIDENT=part of a cast's name runs these, and says every way that fails. */
#include "disk.h"
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define BEGUN 1794300000000ll
#define MINUTE 60000ll

enum { DY, PDD, SHOPS };
static const char *const shops[SHOPS] = { "dy", "pdd" }, *const destinations[SHOPS] = { "channel:dy",
                                                                                        "channel:pdd" };
static const struct channel_family families[] = {
  { .channel = "dy", .family = "douyin", .confirms = true, .on_pickup = false },
  { .channel = "pdd", .family = "pinduoduo", .confirms = true, .on_pickup = true },
};

/* What happens. Of one shop: its order is placed or paid; it is split; a number is uploaded by the API, or in the back
 * office; the channel is polled, or an old answer of it comes late; confirmations are sent and answered, or sent and answered
 * later; the carrier takes what may leave; the customer cancels; what was in the parcel is put back; a person takes the
 * label off. Of none: the process ends and begins again. */
#define EVENT_MAP(X) \
  X(PLACE, "place") \
  X(PAY, "pay") \
  X(SPLIT, "split") \
  X(CLAIM, "claim") \
  X(OFFICE, "office") \
  X(POLL, "poll") \
  X(LATE, "late") \
  X(CONFIRM, "confirm") \
  X(SEND, "send") \
  X(ANSWER, "answer") X(PICK, "pick") X(CANCEL, "cancel") X(BACK, "back") X(VOID, "void") X(CRASH, "crash")
enum event_kind {
#define X(id, name) EV_##id,
  EVENT_MAP(X)
#undef X
    EV_KINDS
};
static const char *const event_names[] = {
#define X(id, name) name,
  EVENT_MAP(X)
#undef X
};
struct event {
  enum event_kind kind;
  int shop;
};
#define EVENTS_MAX 12

/* How a platform meets the confirmations that are sent to it, one letter each, then all are accepted: a accepted, r refused,
 * l taken and the answer lost, m lost on the way, t not taken for sure. */
struct cast {
  const char *name, *events, *ways[SHOPS];
  bool again; /* every command is sent twice under its key, and once more without one */
  bool every; /* ways that come together are followed each all the same */
  bool sure;  /* in the end one parcel has left */
};

/* ---- the world outside ---------------------------------------------------------------------------------------------------- */

enum { W_NONE, W_PLACED, W_PAID, W_SHIPPED, W_CANCELLED };
#define NUMBERS_MAX 6
struct books { /* of a platform about its order */
  int word, stamp, numbers;
  char number[NUMBERS_MAX][12];
};
struct call { /* that the deliverer is in */
  bool made, ask;
  enum outcome_kind outcome;
  int64_t effect;
};
struct outside {
  struct books books[SHOPS];
  struct call call[SHOPS];
  int sent[SHOPS], labels[SHOPS]; /* confirmations that came, numbers that were thought up */
  bool ours[SHOPS];               /* the platform took a number of ours */
  int left;                       /* parcels that the carrier was given */
  bool wrapped[SHOPS]; /* cancelled in its parcel: the piece is in there until somebody takes it out */
};
struct accident {
  struct shop shop;
  const struct cast *cast;
  struct event event[EVENTS_MAX];
  int events, way[EVENTS_MAX + 1], ways;
  struct outside out;
  struct arena mem;
  bool durable, failed, ending;
  int keys;
  char why[400];
  uint64_t *seen;
  size_t seen_n, seen_max;
  uint64_t seed;
  int64_t nodes, ends, orders_left, commands, cut, restarts; /* counted */
};

static void differ(struct accident *t, const char *fmt, ...) PRINTF(2, 3);
static void differ(struct accident *t, const char *fmt, ...)
{
  va_list ap;
  if (t->failed) return;
  t->failed = true;
  va_start(ap, fmt);
  vsnprintf(t->why, sizeof t->why, fmt, ap);
  va_end(ap);
}

/* ---- the rows ----------------------------------------------------------------------------------------------------------------- */

static int64_t number_of(struct accident *t, const char *sql, int64_t a)
{
  struct stmt *q = db_stmt(t->shop.db, sql);
  stmt_int(q, 1, a);
  int64_t n = stmt_row(q) ? stmt_col_int(q, 0) : 0;
  stmt_end(q);
  return n;
}

static int64_t order_of(struct accident *t, int shop)
{
  return number_of(t, "SELECT id FROM orders WHERE external_id = $1", shop);
}

#define SAME_ORDER "(SELECT external_id FROM orders o WHERE o.id = x.order_id)"
#define NTH(table, id) "(SELECT count(*) FROM " table " y WHERE y.id <= " id ")"
/* All that commands go by, but for times, and with places instead of ids: those count up through branches that were left. */
static const char *const rows[] = {
  "SELECT external_id || status || coalesce(channel_status, ' ') || (SELECT count(*) FROM orders y WHERE y.id <= x.id)"
  " FROM orders x ORDER BY id",
  "SELECT " SAME_ORDER " || state || quantity || coalesce(warehouse_id, ' ') || ' ' || " NTH(
    "fulfilments", "x.fulfilment_id") " || (fulfilment_id > 0)"
                                      " FROM units x ORDER BY 1",
  "SELECT status || work FROM fulfilments x ORDER BY id",
  "SELECT " SAME_ORDER
  " || " NTH("fulfilments", "x.fulfilment_id") " || ' ' || quantity FROM fulfilment_lines x ORDER BY 1",
  "SELECT " NTH(
    "fulfilments",
    "x.fulfilment_id") " || tracking_no || state || carried || told || put_back || coalesce(channel_id, 0) || came_from"
                       " || coalesce(due_at > 0, 0) FROM claims x ORDER BY id",
  "SELECT " NTH("claims", "x.claim_id") " || ' ' || " SAME_ORDER " || state || coalesce(" NTH(
    "effects", "x.effect_id") ", 0) FROM confirmations x ORDER BY 1",
  "SELECT kind || destination || state || attempts FROM effects x ORDER BY id",
  "SELECT coalesce(" SAME_ORDER ", ' ') || type FROM exceptions x WHERE state = 'open' ORDER BY 1",
  "SELECT group_concat(on_hand || ' ' || reserved || ' ' || frozen || ' ' || quarantine) FROM stock x",
};

static uint64_t digest(struct accident *t)
{
  uint64_t h = 1;
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct stmt *q = db_stmt(t->shop.db, rows[i]);
    while (stmt_row(q)) {
      const char *text = stmt_col_text(q, 0);
      if (text) h = hash64(text, strlen(text), h + i);
    }
    if (stmt_end(q)) differ(t, "the rows %d cannot be read", (int)i);
  }
  return h;
}

/* ---- the rules ---------------------------------------------------------------------------------------------------------------- */

static void hold_stock(struct accident *t)
{
  static const char SQL[] =
    "SELECT on_hand, reserved, frozen, quarantine,"
    " (SELECT coalesce(sum(quantity), 0) FROM units WHERE state = 'reserved'),"
    " (SELECT coalesce(sum(quantity), 0) FROM units WHERE state = 'frozen'),"
    " (SELECT coalesce(sum(quantity), 0) FROM units WHERE state = 'shipped'),"
    " (SELECT count(*) FROM claims WHERE state <> 'void'), (SELECT count(*) FROM claims WHERE state = 'shipped') FROM stock";
  int64_t v[9] = { 0 };
  struct stmt *q = db_stmt(t->shop.db, SQL);
  if (stmt_row(q))
    for (int i = 0; i < 9; i++) v[i] = stmt_col_int(q, i);
  stmt_end(q);
  if (v[0] < 0 || v[1] < 0 || v[2] < 0 || v[3] < 0 || v[0] < v[1] + v[2])
    differ(t, "5.2: %d on hand, %d reserved, %d frozen", (int)v[0], (int)v[1], (int)v[2]);
  if (v[0] + v[3] + v[6] != 1)
    differ(t, "the piece: %d on hand, %d have left", (int)(v[0] + v[3]), (int)v[6]);
  if (v[4] != v[1] || v[5] != v[2]) differ(t, "5.2: buckets and pieces differ");
  if (v[4] + v[5] + v[6] > 1) differ(t, "6.5: the piece is promised %d times", (int)(v[4] + v[5] + v[6]));
  if (v[7] > 1 || v[8] > 1) differ(t, "6.5: %d parcels for one piece", (int)v[7]);
  if (t->out.left > 1) differ(t, "%d parcels left", t->out.left);
}

static bool has_open(struct accident *t, int64_t order_id, const char *type)
{
  static const char SQL[] =
    "SELECT 1 FROM exceptions WHERE order_id = $1 AND state = 'open' AND ($2 IS NULL OR type = $2)";
  struct stmt *q = db_stmt(t->shop.db, SQL);
  stmt_int(q, 1, order_id), stmt_text(q, 2, type);
  bool yes = stmt_row(q);
  stmt_end(q);
  return yes;
}

static void hold_wrapped(struct accident *t)
{
  static const char SQL[] = "SELECT sum(quantity) FROM units WHERE order_id = $1";
  for (int s = 0; s < SHOPS; s++)
    if (t->out.wrapped[s] && number_of(t, SQL, order_of(t, !s)))
      differ(t, "6.3: the order of %s has the piece that lies in the parcel of %s", shops[!s], shops[s]);
}

/* Who has no piece hears of it: oversold while it waits, something else when its channel says that it was sent. */
static void hold_told(struct accident *t)
{
  static const char SQL[] =
    "SELECT status, (SELECT count(*) FROM units u WHERE u.order_id = o.id) FROM orders o WHERE id = $1";
  for (int s = 0; s < SHOPS; s++) {
    int64_t id = order_of(t, s);
    char status[16] = "";
    int64_t pieces = 0;
    if (!id) continue;
    struct stmt *q = db_stmt(t->shop.db, SQL);
    stmt_int(q, 1, id);
    if (stmt_row(q)) snprintf(status, sizeof status, "%s", stmt_col_text(q, 0)), pieces = stmt_col_int(q, 1);
    stmt_end(q);
    if (pieces || !strcmp(status, "pending") || !strcmp(status, "cancelled")) continue;
    bool gone = !strcmp(status, "shipped") || !strcmp(status, "completed");
    if (!gone && strcmp(status, "paid") != 0)
      differ(t, "the order of %s is %s without a piece", shops[s], status);
    if (!has_open(t, id, gone ? NULL : "oversold"))
      differ(t, "nobody hears that the order of %s, %s, has no piece", shops[s], status);
  }
}

static void hold(struct accident *t)
{
  hold_stock(t);
  hold_told(t);
  hold_wrapped(t);
  if (t->out.ours[DY] && t->out.ours[PDD] && !strstr(t->cast->events, "cancel"))
    differ(t, "both customers were told a number of ours");
}

/* ---- commands ------------------------------------------------------------------------------------------------------------------- */

static void nothing(struct job *j)
{
  (void)j;
}

static void execute(struct accident *t, struct cmd *c)
{
  t->commands++;
  if (t->durable) {
    c->job.done = nothing;
    must(writer_push(t->shop.writer, &c->job));
    writer_collect(t->shop.writer);
    return;
  }
  must(tx_mark(t->shop.db));
  c->job.err = c->job.run(&c->job, t->shop.db);
  if (c->job.err) must(tx_undo(t->shop.db));
  must(tx_keep(t->shop.db));
}

static struct cmd *make(struct accident *t, const char *name, const char *target, const char *body,
                        const char *key)
{
  int id = cmd_find(name);
  must(id >= 0);
  struct cmd *c = cmd_new((enum cmd_id)id, &t->shop.env.env, &t->shop.rules, &t->shop.actor);
  c->target = arena_str(&c->mem, target);
  if (key) c->key = arena_str(&c->mem, key), memcpy(c->digest, key, 8);
  body = arena_str(&c->mem, body);
  c->job.err = cmd_parse(c, body, strlen(body));
  if (!c->job.err) execute(t, c);
  return c;
}

static const char *code_of(const struct cmd *c)
{
  return c->problem.code ? c->problem.code : err_code(c->job.err);
}

/* Sent again: under its key it is known; without one it changes nothing more, or is refused. */
static void send_again(struct accident *t, const char *name, const char *target, const char *body,
                       const char *key, const struct cmd *c)
{
  uint64_t before = digest(t);
  struct cmd *twice = make(t, name, target, body, key);
  if (!c->job.err && (twice->job.err || twice->out.len != c->out.len ||
                      memcmp(twice->out.data, c->out.data, c->out.len) != 0))
    differ(t, "%s under the same key answers %s", name, code_of(twice));
  cmd_free(twice);
  cmd_free(make(t, name, target, body, NULL));
  if (digest(t) != before) differ(t, "%s a second time does it twice", name);
}

static void ev_crash(struct accident *t);
static bool is_cut(const struct accident *t, enum err e)
{
  return e == ERR_IO && t->durable && disk_faulted();
}

/* The power went and took the answer with it: who asked asks again, as clients do. */
static enum err act(struct accident *t, const char *name, const char *target, const char *body)
{
  char key[16];
  snprintf(key, sizeof key, "key-%06d", ++t->keys);
  struct cmd *c = make(t, name, target, body, key);
  if (is_cut(t, c->job.err)) {
    cmd_free(c);
    t->cut++;
    ev_crash(t);
    c = make(t, name, target, body, key);
  }
  enum err e = c->job.err;
  if (e && e != ERR_CONFLICT) differ(t, "%s %s: %s", name, body, code_of(c));
  if (t->cast->again && !t->durable) send_again(t, name, target, body, key, c);
  cmd_free(c);
  return e;
}

static struct cmd *own(struct accident *t, enum cmd_id id, const void *args)
{
  static const struct actor self = { .name = "orderd" };
  struct cmd *c = cmd_new(id, &t->shop.env.env, &t->shop.rules, &self);
  c->args = args;
  execute(t, c);
  if (is_cut(t, c->job.err)) t->cut++, ev_crash(t);
  else if (c->job.err) differ(t, "%s: %s", cmd_kind(id)->name, code_of(c));
  return c;
}

/* ---- what happens ---------------------------------------------------------------------------------------------------------------- */

static void tell(struct accident *t, int shop, const struct books *b)
{
  static const char *const words[] = { "", "placed", "paid", "shipped", "cancelled" };
  struct buf o = { 0 };
  char at[TIME_TEXT];
  buf_printf(&o, "{\"channel\":\"%s\",\"external_id\":\"%d\",\"status\":\"%s\",\"updated_at\":\"%s\"",
             shops[shop], shop, words[b->word], time_text(BEGUN + b->stamp * 1000, at));
  buf_printf(
    &o,
    ",\"receiver\":{\"phone\":\"1380000000%d\"},\"lines\":[{\"line_id\":\"1\",\"sku\":\"A\",\"quantity\":1,\"price\":\"10.00\"}]",
    shop);
  for (int i = 0; i < b->numbers; i++)
    buf_printf(&o, "%s{\"carrier\":\"SF\",\"tracking_no\":\"%s\"}", i ? "," : ",\"shipments\":[",
               b->number[i]);
  buf_str(&o, b->numbers ? "]}" : "}");
  act(t, "order.ingest", NULL, shop_order(&t->mem, o.data));
  buf_release(&o);
}

static bool has_number(const struct books *b, const char *number)
{
  for (int i = 0; i < b->numbers; i++)
    if (!strcmp(b->number[i], number)) return true;
  return false;
}

static void book_number(struct books *b, const char *number)
{
  must(b->numbers < NUMBERS_MAX);
  snprintf(b->number[b->numbers++], sizeof b->number[0], "%s", number);
  b->stamp++;
}

static void new_number(struct accident *t, int shop, char *to, size_t n)
{
  snprintf(to, n, "%s%04d", shop == DY ? "DY" : "PD", ++t->out.labels[shop]);
}

static void ev_word(struct accident *t, int shop, int word)
{
  struct books *b = &t->out.books[shop];
  if (b->word >= word) return;
  b->word = word, b->stamp++;
  tell(t, shop, b);
}

/* Its label may be accepted, or nobody heard of it yet: both are in the parcel still (domain 6.3). */
static void ev_cancel(struct accident *t, int shop)
{
  static const char SQL[] =
    "SELECT 1 FROM claims k JOIN fulfilment_lines l ON l.fulfilment_id = k.fulfilment_id WHERE l.order_id = $1"
    " AND k.state = 'live' AND k.carried = 'label' AND (k.told = 'accepted' OR k.told = 'none')";
  t->out.wrapped[shop] |= number_of(t, SQL, order_of(t, shop)) != 0;
  ev_word(t, shop, W_CANCELLED);
}

static void ev_split(struct accident *t, int shop)
{
  int64_t id = order_of(t, shop);
  if (id) act(t, "order.move", arena_printf(&t->mem, "o_%d", (int)id), "{\"to\":\"split\"}");
}

static void ev_claim(struct accident *t, int shop)
{
  static const char SQL[] =
    "SELECT max(f.id) FROM fulfilments f JOIN fulfilment_lines l ON l.fulfilment_id = f.id WHERE l.order_id = $1";
  int64_t f = number_of(t, SQL, order_of(t, shop));
  char number[12];
  if (!f || (t->ending && has_open(t, order_of(t, shop), "double_shipment")))
    return; /* a person looks first */
  bool taken = number_of(t, "SELECT 1 FROM claims WHERE fulfilment_id = $1 AND state <> 'void'", f);
  new_number(t, shop, number, sizeof number);
  enum err e = act(t, "fulfilment.claim", arena_printf(&t->mem, "f_%d", (int)f),
                   arena_printf(&t->mem, "{\"carrier\":\"SF\",\"tracking_no\":\"%s\"}", number));
  if (taken && !e) differ(t, "6.1: a second number is taken");
}

/* Somebody uploads a number in the channel's back office; polling shows it. Douyin counts that as shipped. */
static void ev_office(struct accident *t, int shop)
{
  struct books *b = &t->out.books[shop];
  char number[12];
  if (b->word == W_CANCELLED || b->numbers) return; /* it has one already, or takes none */
  new_number(t, shop, number, sizeof number);
  book_number(b, number);
  if (shop == DY) b->word = W_SHIPPED;
  tell(t, shop, b);
}

static void ev_poll(struct accident *t, int shop)
{
  if (t->out.books[shop].word) tell(t, shop, &t->out.books[shop]);
}

static void ev_late(struct accident *t, int shop)
{
  const struct books b = { .word = W_PAID, .stamp = 1 };
  if (t->out.books[shop].word >= W_PAID) tell(t, shop, &b);
}

/* The carrier is given what the data base says may leave, and nothing else. */
static void ev_pick(struct accident *t, int shop)
{
  static const char SQL[] =
    "SELECT k.tracking_no FROM claims k JOIN fulfilment_lines l ON l.fulfilment_id = k.fulfilment_id"
    " WHERE l.order_id = $1 AND k.state = 'live' AND k.carried = 'label'";
  struct stmt *q = db_stmt(t->shop.db, SQL);
  char number[12] = "";
  stmt_int(q, 1, order_of(t, shop));
  if (stmt_row(q)) snprintf(number, sizeof number, "%s", stmt_col_text(q, 0));
  stmt_end(q);
  if (!*number) return;
  t->out.left++;
  struct books *b = &t->out.books[shop];
  if (has_number(b, number) && b->word == W_PAID) b->word = W_SHIPPED, b->stamp++;
  if (act(t, "parcel.trace", NULL,
          arena_printf(&t->mem, "{\"tracking_no\":\"%s\",\"status\":\"picked_up\"}", number)))
    differ(t, "the carrier has %s, and nobody wants to hear it", number);
}

/* What was in a parcel whose label is void lies on the shelf again. */
static void ev_back(struct accident *t, int shop)
{
  static const char SQL[] =
    "SELECT k.id FROM claims k JOIN fulfilment_lines l ON l.fulfilment_id = k.fulfilment_id WHERE l.order_id = $1 AND k.put_back";
  int64_t k = number_of(t, SQL, order_of(t, shop));
  t->out.wrapped[shop] = false;
  if (k) act(t, "claim.put_back", arena_printf(&t->mem, "k_%d", (int)k), "{\"sku\":\"A\"}");
}

static void ev_void(struct accident *t, int shop)
{
  static const char SQL[] =
    "SELECT k.id FROM claims k JOIN fulfilment_lines l ON l.fulfilment_id = k.fulfilment_id"
    " WHERE l.order_id = $1 AND k.state = 'live'";
  int64_t k = number_of(t, SQL, order_of(t, shop));
  if (k) act(t, "claim.void", arena_printf(&t->mem, "k_%d", (int)k), "{\"reason\":\"torn\"}");
}

/* ---- confirmations ------------------------------------------------------------------------------------------------------------------- */

static void number_in(struct accident *t, const struct effect *e, char *number, size_t n)
{
  struct faults f = { .mem = &t->mem };
  const struct json *j = json_parse(&t->mem, e->data, strlen(e->data), 1000, &f);
  snprintf(number, n, "%s", json_string(json_get(j, "tracking_no")));
}

static enum outcome_kind platform_asked(const struct books *b, const char *number)
{
  return has_number(b, number)                  ? OUTCOME_ACCEPTED
         : b->numbers || b->word == W_CANCELLED ? OUTCOME_REFUSED
                                                : OUTCOME_RETRY;
}

static enum outcome_kind platform_told(struct accident *t, int shop, const char *number)
{
  static const char SQL[] = "SELECT 1 FROM claims WHERE tracking_no = $1 AND state <> 'void'";
  struct books *b = &t->out.books[shop];
  const char *ways = t->cast->ways[shop] ? t->cast->ways[shop] : "";
  char way = (size_t)t->out.sent[shop] < strlen(ways) ? ways[t->out.sent[shop]] : 'a';
  t->out.sent[shop]++;
  struct stmt *q = db_stmt(t->shop.db, SQL);
  stmt_text(q, 1, number);
  if (!stmt_row(q)) differ(t, "6.4: %s is told of %s, whose label is void", shops[shop], number);
  stmt_end(q);
  if (has_number(b, number)) differ(t, "6.4: %s is told of %s twice", shops[shop], number);
  if (way == 'm') return OUTCOME_UNKNOWN;
  if (way == 't') return OUTCOME_RETRY;
  if (way == 'r' || b->numbers || b->word == W_CANCELLED) return OUTCOME_REFUSED;
  book_number(b, number);
  b->word = W_SHIPPED, t->out.ours[shop] = true;
  return way == 'l' ? OUTCOME_UNKNOWN : OUTCOME_ACCEPTED;
}

static void ev_send(struct accident *t, int shop)
{
  struct effects_take take = { .destination = destinations[shop],
                               .max = 1,
                               .ask_again_at = t->shop.env.now_ms + MINUTE };
  char number[12];
  if (t->out.call[shop].made) return; /* one at a time */
  struct cmd *c = own(t, CMD_EFFECTS_TAKE, &take);
  for (size_t i = 0; i < take.n && !c->job.err; i++) {
    const struct effect_taken *e = &take.list[i];
    number_in(t, &e->effect, number, sizeof number);
    t->out.call[shop] = (struct call){ .made = true, .ask = e->ask, .effect = e->effect.id };
    t->out.call[shop].outcome =
      e->ask ? platform_asked(&t->out.books[shop], number) : platform_told(t, shop, number);
  }
  cmd_free(c);
}

static void ev_answer(struct accident *t, int shop)
{
  struct call k = t->out.call[shop];
  struct effect_settle s = { .id = k.effect,
                             .outcome = { .kind = k.outcome, .code = "test" },
                             .asked = k.ask };
  if (!k.made) return;
  t->out.call[shop].made = false;
  cmd_free(own(t, CMD_EFFECT_SETTLE, &s));
  if (t->cast->again) cmd_free(own(t, CMD_EFFECT_SETTLE, &s));
}

/* The process ends; what it was told and had not noted it will never know. */
static void shop_again(struct accident *t);
static void ev_crash(struct accident *t)
{
  memset(t->out.call, 0, sizeof t->out.call);
  if (t->durable) shop_again(t);
  cmd_free(own(t, CMD_EFFECTS_RECOVER, NULL));
}

static void happen(struct accident *t, struct event e)
{
  t->shop.env.now_ms += MINUTE;
  switch (e.kind) {
  case EV_PLACE: ev_word(t, e.shop, W_PLACED); break;
  case EV_PAY: ev_word(t, e.shop, W_PAID); break;
  case EV_SPLIT: ev_split(t, e.shop); break;
  case EV_CLAIM: ev_claim(t, e.shop); break;
  case EV_OFFICE: ev_office(t, e.shop); break;
  case EV_POLL: ev_poll(t, e.shop); break;
  case EV_LATE: ev_late(t, e.shop); break;
  case EV_CONFIRM: ev_send(t, e.shop), ev_answer(t, e.shop); break;
  case EV_SEND: ev_send(t, e.shop); break;
  case EV_ANSWER: ev_answer(t, e.shop); break;
  case EV_PICK: ev_pick(t, e.shop); break;
  case EV_CANCEL: ev_cancel(t, e.shop); break;
  case EV_BACK: ev_back(t, e.shop); break;
  case EV_VOID: ev_void(t, e.shop); break;
  case EV_CRASH: ev_crash(t); break;
  case EV_KINDS: break;
  }
  arena_reset(&t->mem);
}

/* ---- the end: everybody does what is still to do, until nothing changes ---------------------------------------------------------- */

static void say_breach(void *arg, const char *text)
{
  struct accident *t = arg;
  if (t->durable || strncmp(text, "the counter ", 12))
    differ(t, "check: %s", text); /* they are written with the commit */
}

static void the_end(struct accident *t)
{
  static const enum event_kind rest[] = { EV_PAY, EV_POLL, EV_SPLIT, EV_CLAIM, EV_CONFIRM, EV_PICK, EV_BACK };
  static const char SQL[] = "SELECT 1 FROM units WHERE order_id = $1 AND state = 'shipped'";
  uint64_t was = 0, is = 1;
  t->ending = true, t->ends++;
  for (int round = 0; round < 8 && was != is && !t->failed; round++) {
    was = is;
    for (size_t i = 0; i < COUNT(rest) && !t->failed; i++)
      for (int s = 0; s < SHOPS && !t->failed; s++) happen(t, (struct event){ rest[i], s }), hold(t);
    is = digest(t);
  }
  if (!t->failed && was != is) differ(t, "it never comes to rest");
  for (int s = 0; s < SHOPS && !t->failed; s++) {
    int64_t id = order_of(t, s);
    if (!number_of(t, SQL, id) && t->out.books[s].word != W_CANCELLED && !has_open(t, id, NULL))
      differ(t, "the order of %s did not ship, and nobody hears of it", shops[s]);
  }
  bool person =
    has_open(t, order_of(t, DY), "double_shipment") || has_open(t, order_of(t, PDD), "double_shipment");
  if (!t->failed && t->cast->sure && !person && t->out.left != 1)
    differ(t, "%d parcels left in the end", t->out.left);
  t->orders_left += t->out.left;
  if (!t->failed) view_check(t->shop.db, &t->mem, &t->shop.rules.status, &t->shop.rules.merge, say_breach, t);
  arena_reset(&t->mem);
  t->ending = false;
}

/* ---- all ways ---------------------------------------------------------------------------------------------------------------------- */

static bool new_here(struct accident *t, uint64_t h)
{
  if (t->seen_n * 2 >= t->seen_max) {
    size_t was = t->seen_max;
    uint64_t *old = t->seen;
    t->seen_max = was ? was * 2 : 4096, t->seen_n = 0;
    t->seen = calloc(t->seen_max, sizeof *t->seen);
    must(t->seen);
    for (size_t i = 0; i < was; i++)
      if (old[i]) new_here(t, old[i]);
    free(old);
  }
  size_t at = h % t->seen_max;
  for (; t->seen[at]; at = (at + 1) % t->seen_max)
    if (t->seen[at] == h) return false;
  t->seen[at] = h, t->seen_n++;
  return true;
}

static void say_way(const struct accident *t)
{
  for (int i = 0; i < t->ways; i++) {
    struct event e = t->event[t->way[i]];
    fprintf(stderr, " %s%s%s", e.kind == EV_CRASH ? "" : shops[e.shop], e.kind == EV_CRASH ? "" : ".",
            event_names[e.kind]);
  }
  fprintf(stderr, "%s: %s\n", t->ending ? " and all that follows" : "", t->why);
}

/* An order is born before anything happens to it; equal events are not told apart. */
static bool may(const struct accident *t, unsigned left, int i)
{
  struct event e = t->event[i];
  for (int k = 0; k < t->events; k++) {
    if (!(left >> k & 1) || k == i) continue;
    const struct event *x = &t->event[k];
    if (k < i && x->kind == e.kind && x->shop == e.shop) return false;
    if (e.kind == EV_CRASH || x->shop != e.shop) continue;
    if (x->kind == EV_PLACE || (x->kind == EV_PAY && e.kind != EV_PLACE)) return false;
  }
  return true;
}

static void follow(struct accident *t, unsigned left, int *failures)
{
  for (int i = 0; i < t->events && *failures < 3; i++) {
    if (!(left >> i & 1) || !may(t, left, i)) continue;
    struct outside before = t->out;
    int64_t now_ms = t->shop.env.now_ms;
    unsigned rest = left & ~(1u << i);
    must(tx_mark(t->shop.db));
    t->way[t->ways++] = i, t->nodes++;
    happen(t, t->event[i]);
    hold(t);
    uint64_t h = hash64(&t->out, sizeof t->out, digest(t) + rest);
    if (!t->failed && (t->cast->every || new_here(t, h + !h))) {
      if (rest) follow(t, rest, failures);
      else the_end(t);
    }
    if (t->failed) say_way(t), ++*failures;
    t->failed = t->ending = false;
    must(tx_undo(t->shop.db) && tx_keep(t->shop.db));
    t->ways--, t->out = before, t->shop.env.now_ms = now_ms;
  }
}

/* ---- the shop ------------------------------------------------------------------------------------------------------------------------ */

static void rules_ready(struct shop *s)
{
  s->rules.family = families, s->rules.families = COUNT(families);
}

static bool shop_ready(struct accident *t, const char *path)
{
  static const char *const first[][2] = {
    { "warehouse.put", "{\"code\":\"HZ\"}" },
    { "sku.put", "{\"code\":\"A\"}" },
    { "stock.adjust", "{\"sku\":\"A\",\"warehouse\":\"HZ\",\"delta\":1,\"reason\":\"the last one\"}" },
  };
  if (!shop_open(&t->shop, path, NULL)) return false;
  rules_ready(&t->shop);
  for (size_t i = 0; i < COUNT(first); i++)
    if (shop_do(&t->shop, first[i][0], NULL, first[i][1])) return false;
  env_sim_init(&t->shop.env, BEGUN, 1);
  return true;
}

static void cast_read(struct accident *t, const struct cast *cast)
{
  char text[400], *save = NULL;
  t->cast = cast, t->events = 0;
  snprintf(text, sizeof text, "%s", cast->events);
  for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
    struct event *e = &t->event[t->events++];
    char *dot = strchr(w, '.'), *name = dot ? dot + 1 : w;
    must(t->events <= EVENTS_MAX);
    e->shop = dot && *w == 'p' ? PDD : DY, e->kind = EV_KINDS;
    for (int k = 0; k < EV_KINDS; k++)
      if (!strcmp(event_names[k], name)) e->kind = (enum event_kind)k;
    must(e->kind != EV_KINDS);
  }
}

#define BOTH(a) "dy." a " pdd." a " "
static const struct cast casts[] = {
  { "a race without a short cut", BOTH("pay") BOTH("split") "dy.claim pdd.office", .every = true,
    .sure = true },
  { "the plain race", "dy.place " BOTH("pay") BOTH("split") BOTH("claim") BOTH("confirm") BOTH("pick"),
    .sure = true },
  { "all of it twice", BOTH("pay") BOTH("split") BOTH("claim") BOTH("confirm") BOTH("pick"), .again = true,
    .sure = true },
  { "back offices", BOTH("pay") BOTH("split") BOTH("claim") BOTH("office") "dy.confirm dy.pick",
    .sure = true },
  { "back offices twice", BOTH("pay") BOTH("split") BOTH("claim") BOTH("office") BOTH("pick"), .again = true,
    .sure = true },
  { "news that is late", BOTH("pay") BOTH("split") BOTH("claim") BOTH("late") "dy.office dy.poll",
    .sure = true },
  { "refused", BOTH("pay") BOTH("split") BOTH("claim") BOTH("confirm") BOTH("pick") "dy.poll",
    .ways = { "r", "r" } },
  { "refused, and again", BOTH("pay") BOTH("split") BOTH("claim") BOTH("confirm") "dy.pick dy.claim",
    .ways = { "rr", "rr" }, .again = true },
  { "lost, but taken", BOTH("pay") BOTH("split") BOTH("claim") BOTH("confirm") "dy.confirm " BOTH("pick"),
    .ways = { "l", "l" }, .sure = true },
  { "lost on the way", BOTH("pay") BOTH("split") BOTH("claim") BOTH("confirm") "pdd.confirm " BOTH("pick"),
    .ways = { "mt", "mt" }, .sure = true },
  { "lost, and then by hand",
    BOTH("pay") "dy.split dy.claim dy.confirm dy.office dy.confirm dy.poll dy.pick pdd.split pdd.claim",
    .ways = { "m", NULL } },
  { "taken, lost, and polled",
    BOTH("pay") "dy.split dy.claim dy.send dy.poll dy.answer dy.confirm dy.pick pdd.claim",
    .ways = { "l", NULL }, .sure = true },
  { "an end in each moment",
    BOTH("pay") "dy.split dy.claim dy.send dy.answer dy.confirm dy.pick pdd.claim crash crash",
    .ways = { "m", NULL }, .sure = true },
  { "an end in each moment, by pick-up",
    BOTH("pay") "pdd.split pdd.claim pdd.pick pdd.send pdd.answer pdd.poll dy.claim crash crash",
    .ways = { NULL, "la" }, .sure = true },
  { "labels that tear", BOTH("pay") "dy.split dy.claim dy.claim dy.send dy.answer dy.confirm dy.void dy.pick",
    .ways = { "lr", NULL }, .sure = false },
  { "cancelled", BOTH("pay") BOTH("split") BOTH("claim") "dy.confirm dy.pick dy.cancel dy.back",
    .sure = false },
  { "cancelled by pick-up",
    BOTH("pay") "pdd.split " BOTH("claim") "pdd.confirm " BOTH("pick") "pdd.cancel pdd.back", .sure = false },
  { "cancelled and by hand",
    BOTH("pay") "dy.split dy.claim dy.confirm dy.cancel dy.back "
                "dy.office pdd.office",
    .sure = false },
};

static bool cast_run(struct accident *t, const struct cast *cast)
{
  int failures = 0;
  cast_read(t, cast);
  memset(&t->out, 0, sizeof t->out);
  t->seen_n = t->seen_max = 0, t->nodes = t->ends = t->orders_left = t->commands = 0;
  free(t->seen), t->seen = NULL;
  env_sim_init(&t->shop.env, BEGUN, 1);
  must(tx_begin(t->shop.db));
  int64_t began = mono_ms();
  follow(t, (1u << t->events) - 1, &failures);
  tx_rollback(t->shop.db), db_ids_back(t->shop.db);
  if (getenv("ACCIDENT"))
    fprintf(stderr, "%s: %d steps, %d ends, %d parcels, %d commands, %d ms\n", cast->name, (int)t->nodes,
            (int)t->ends, (int)t->orders_left, (int)t->commands, (int)(mono_ms() - began));
  return CHECK(t->ends > 0) && failures == 0;
}

static struct accident the;

TEST(accident_of_the_last_piece_never_comes)
{
  const char *only = getenv("ACCIDENT");
  char path[256];
  snprintf(path, sizeof path, "%s/accident.db", test_dir());
  REQUIRE(shop_ready(&the, path));
  for (size_t i = 0; i < COUNT(casts); i++) {
    if (only && !strstr(casts[i].name, only)) continue;
    test_note("%s", casts[i].name);
    CHECK(cast_run(&the, &casts[i]));
  }
  free(the.seen), the.seen = NULL;
  arena_release(&the.mem);
  shop_close(&the.shop);
}

/* ---- some ways, on a disk whose power goes ---------------------------------------------------------------------------------------- */

#define DURABLE_WAYS 6 /* of each cast */
#define CUT_WITHIN 12  /* disk operations: a command has about ten */

static void on_die(const char *why)
{
  (void)why;
  disk_halt();
}

static bool writer_begin(struct accident *t)
{
  const struct writer_options o = { .path = t->shop.path, .inline_mode = true };
  const char *why = "";
  t->shop.writer = writer_open(&t->shop.mem, &o, &why);
  t->shop.db = t->shop.writer ? writer_db(t->shop.writer) : NULL;
  if (!t->shop.writer) fprintf(stderr, "open: %s\n", why);
  return t->shop.writer != NULL;
}

/* The page cache survives a kill, and what was synced a power cut. */
static void shop_again(struct accident *t)
{
  disk_halt();
  writer_close(t->shop.writer);
  if (test_random(&t->seed) % 2) disk_power_cut(test_random(&t->seed));
  else disk_restart();
  disk_fault_at(0, DISK_NONE, false);
  t->restarts++;
  must(writer_begin(t));
}

/* Between two steps: what was answered is there, all of it and no more. */
static void stop_between(struct accident *t)
{
  uint64_t before = digest(t);
  shop_again(t);
  if (digest(t) != before) differ(t, "what was answered is not there after a restart");
  ev_crash(t);
}

static void way_durable(struct accident *t)
{
  unsigned left = (1u << t->events) - 1;
  t->ways = 0;
  while (left && !t->failed) {
    int i = (int)(test_random(&t->seed) % (uint64_t)t->events);
    if (!(left >> i & 1) || !may(t, left, i)) continue;
    t->way[t->ways++] = i, left &= ~(1u << i);
    uint64_t how = test_random(&t->seed) % 4;
    if (how < 2) disk_fault_at(1 + (int64_t)(test_random(&t->seed) % CUT_WITHIN), DISK_CUT, false);
    happen(t, t->event[i]);
    if (disk_faulted()) ev_crash(t); /* after the answer, in what is tidied up later */
    disk_fault_at(0, DISK_NONE, false);
    if (how == 2) stop_between(t);
    hold(t);
  }
  if (!t->failed) the_end(t);
  if (t->failed) say_way(t);
  arena_reset(&t->mem);
}

static void shop_back(struct accident *t)
{
  disk_back();
  memset(&t->out, 0, sizeof t->out);
  env_sim_init(&t->shop.env, BEGUN, 1);
  t->failed = t->ending = false;
  must(writer_begin(t));
}

TEST(accident_of_the_last_piece_never_comes_through_power_cuts)
{
  const char *only = getenv("ACCIDENT");
  log_open((enum log_level)(LOG_ERROR + 1), false); /* what we provoke here is no news */
  store_hooks = (struct store_hooks){ .vfs = "disk", .sync_directory = disk_sync_directory, .die = on_die };
  disk_format(1);
  memset(&the, 0, sizeof the);
  REQUIRE(shop_ready(&the, "t.db"));
  writer_close(the.shop.writer);
  disk_keep();
  the.durable = true;
  for (size_t i = 0; i < COUNT(casts); i++) {
    if (only && !strstr(casts[i].name, only)) continue;
    cast_read(&the, &casts[i]);
    for (int n = 0; n < DURABLE_WAYS; n++) {
      the.seed = i * 1000 + (uint64_t)n;
      test_note("%s, way %d", casts[i].name, n);
      shop_back(&the);
      way_durable(&the);
      CHECK(!the.failed);
      writer_close(the.shop.writer);
    }
  }
  if (only)
    fprintf(stderr, "%d commands, %d cut, %d restarts\n", (int)the.commands, (int)the.cut, (int)the.restarts);
  CHECK(only || (the.cut > 30 && the.restarts > 3 * the.cut / 2));
  the.shop.writer = NULL;
  arena_release(&the.mem);
  shop_close(&the.shop);
  disk_format(0);
  store_hooks = (struct store_hooks){ 0 };
}
