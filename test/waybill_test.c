/* Waybills over random histories beside a naive carrier: it may not be reached, its answers get lost, people void, buy again
 * and cancel, parcels are picked up, the process dies. Whatever happens, a fulfilment never has two live numbers, and what
 * the carrier sold and nobody wants is taken back. WAYBILL_SEED=N runs one history, WAYBILL_HISTORIES=N so many. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define SOLD_MAX 200
#define WAY 8
#define MINUTE (60ll * 1000)
static const char CONF[] =
  "[stock]\ntrack = no\n[pack]\nverify = no\n[sender]\nname = Depot\nphone = 13800000001\n"
  "address = 1 Example Road\n[outbox]\nbackoff = 2s\ndead_after = 720h\n";
static const struct party_rules CARRIERS[] = {
  { "carrier", "SF", "carrier:SF", "SF", 0, 0, 1800000, true, true, true, true },
  { "carrier", "JDL", "carrier:JDL", "JDL", 0, 0, 1800000, true, true, true, true },
};

static int64_t asked(const char *name, int64_t otherwise)
{
  const char *text = getenv(name);
  return text ? strtoll(text, NULL, 10) : otherwise;
}

static int64_t number(struct shop *s, const char *sql)
{
  struct stmt *q = db_prepare(s->db, sql);
  int64_t n = stmt_row(q) ? stmt_col_int(q, 0) : -1;
  stmt_drop(q);
  return n;
}

/* ---- the carrier --------------------------------------------------------------------------------------------------- */
struct sold {
  char order_no[64], number[24];
  bool is_void, left; /* left: it picked the parcel up */
};
struct way { /* a call under way */
  struct effect effect;
  char order_no[64];
  bool ask;
};
struct street {
  struct shop s;
  struct sold sold[SOLD_MAX];
  struct way way[WAY];
  size_t n, under_way;
  int orders;
  uint64_t seed;
  bool quiet; /* nothing goes wrong any more */
};

static void street_rules(struct street *t)
{
  t->s.rules.party = CARRIERS, t->s.rules.parties = COUNT(CARRIERS);
}

static bool street_open(struct street *t, const char *conf)
{
  static int n;
  char path[256];
  snprintf(path, sizeof path, "%s/waybill-%d.db", test_dir(), ++n);
  if (!CHECK(shop_open(&t->s, path, conf))) return false;
  street_rules(t);
  return true;
}

static uint64_t draw(struct street *t, uint64_t n)
{
  return test_random(&t->seed) % n;
}

static struct sold *known(struct street *t, const char *order_no)
{
  for (size_t i = 0; i < t->n; i++)
    if (!strcmp(t->sold[i].order_no, order_no)) return &t->sold[i];
  return NULL;
}

static struct sold *sell(struct street *t, const char *order_no)
{
  struct sold *k = known(t, order_no);
  if (k) return k;
  must(t->n < SOLD_MAX);
  k = &t->sold[t->n];
  *k = (struct sold){ 0 };
  snprintf(k->order_no, sizeof k->order_no, "%s", order_no);
  snprintf(k->number, sizeof k->number, "SF%010d", (int)++t->n);
  return k;
}

/* ---- the deliverer ---------------------------------------------------------------------------------------------------- */
static void nothing(struct job *j)
{
  (void)j;
}

static struct cmd *own(struct shop *s, enum cmd_id id, const void *args)
{
  static const struct actor self = { .name = "orderd" };
  struct cmd *c = cmd_new(id, &s->env.env, &s->rules, &self);
  c->args = args, c->job.done = nothing;
  must(writer_push(s->writer, &c->job));
  writer_collect(s->writer);
  CHECK_INT(c->job.err, ERR_OK);
  return c;
}

static void take(struct street *t, const char *destination)
{
  struct effects_take k = { .destination = destination,
                            .max = WAY - t->under_way,
                            .ask_again_at = t->s.env.now_ms + MINUTE };
  if (!k.max) return;
  struct cmd *c = own(&t->s, CMD_EFFECTS_TAKE, &k);
  for (size_t i = 0; i < k.n; i++) {
    struct way *w = &t->way[t->under_way++];
    struct faults f = { .mem = &c->mem };
    const char *data = k.list[i].effect.data;
    const struct json *j = json_parse(&c->mem, data, strlen(data), JSON_ELEMENTS_MAX, &f);
    w->effect = k.list[i].effect, w->ask = k.list[i].ask;
    snprintf(w->order_no, sizeof w->order_no, "%s", json_string(json_get(j, "order_no")));
    w->effect.kind = !strcmp(w->effect.kind, "waybill") ? "waybill" : "waybill_void";
  }
  cmd_free(c);
}

static void settle(struct street *t, const struct way *w, enum outcome_kind kind, const char *result)
{
  struct effect_settle how = { .id = w->effect.id,
                               .outcome = { .kind = kind, .code = "test", .result = result },
                               .asked = w->ask,
                               .random = draw(t, 4000) };
  cmd_free(own(&t->s, CMD_EFFECT_SETTLE, &how));
}

/* One call: carried out or not, answered or not. */
static void call_end(struct street *t)
{
  if (!t->under_way) return;
  size_t at = draw(t, t->under_way);
  struct way w = t->way[at];
  t->way[at] = t->way[--t->under_way];
  uint64_t luck = t->quiet ? 9 : draw(t, 10);
  char result[128];
  if (luck == 0) return settle(t, &w, w.ask ? OUTCOME_UNKNOWN : OUTCOME_RETRY, NULL); /* not reached */
  bool buys = !strcmp(w.effect.kind, "waybill");
  struct sold *k = known(t, w.order_no);
  if (w.ask && !k) return settle(t, &w, luck == 1 ? OUTCOME_UNKNOWN : OUTCOME_RETRY, NULL);
  if (buys && !w.ask && luck == 2 && !k) return settle(t, &w, OUTCOME_REFUSED, NULL);
  if (buys) k = sell(t, w.order_no);
  else if (k && k->left) return settle(t, &w, OUTCOME_REFUSED, NULL);
  else if (k) k->is_void = true;
  if (luck <= 3) return settle(t, &w, OUTCOME_UNKNOWN, NULL); /* the answer is lost */
  snprintf(result, sizeof result, "{\"tracking_no\":\"%s\"}", k ? k->number : "");
  settle(t, &w, OUTCOME_ACCEPTED, buys ? result : NULL);
}

static void killed(struct street *t)
{
  t->under_way = 0; /* what was sent is not heard of any more */
  REQUIRE(shop_reopen(&t->s, CONF));
  street_rules(t);
  cmd_free(own(&t->s, CMD_EFFECTS_RECOVER, NULL));
}

/* ---- people ------------------------------------------------------------------------------------------------------------- */
static void order(struct street *t)
{
  struct arena a = { 0 };
  int n = ++t->orders;
  char *body = shop_order(
    &a, arena_printf(&a,
                     "{\"external_id\":\"W%d\",\"receiver\":{\"name\":\"Lin %d\",\"phone\":\"1380000%04d\","
                     "\"address\":\"%d Example Road\"}}",
                     n, n, n, n));
  CHECK_INT(shop_do(&t->s, "order.ingest", NULL, body), ERR_OK);
  shop_do(&t->s, "order.move", arena_printf(&a, "o_%d", n), "{\"to\":\"split\"}");
  arena_release(&a);
}

static const char *carrier(struct street *t)
{
  return draw(t, 2) ? "SF" : "JDL";
}

static void somebody(struct street *t)
{
  struct arena a = { 0 };
  int64_t parcels = number(&t->s, "SELECT count(*) FROM fulfilments"),
          waybills = number(&t->s, "SELECT count(*) FROM waybills");
  int64_t f = parcels ? 1 + (int64_t)draw(t, (uint64_t)parcels) : 1,
          b = waybills ? 1 + (int64_t)draw(t, (uint64_t)waybills) : 1;
  const char *b_id = arena_printf(&a, "b_%lld", (long long)b);
  switch (draw(t, 9)) {
  case 0:
    if (t->orders < 12) order(t);
    break;
  case 1:
  case 2:
  case 3:
    shop_do(&t->s, "waybill.buy", NULL,
            arena_printf(&a, "{\"fulfilment\":\"f_%lld\",\"carrier\":\"%s\"}", (long long)f, carrier(t)));
    break;
  case 4: shop_do(&t->s, "waybill.void", b_id, "{\"reason\":\"wrong box\"}"); break;
  case 5:
    shop_do(&t->s, "waybill.again", b_id,
            arena_printf(&a, "{\"reason\":\"wrong box\",\"carrier\":\"%s\"}", carrier(t)));
    break;
  case 6:
    shop_do(&t->s, "fulfilment.claim", arena_printf(&a, "f_%lld", (long long)f),
            arena_printf(&a, "{\"carrier\":\"YTO\",\"tracking_no\":\"YT%06d\"}", (int)draw(t, 1000000)));
    break;
  case 7:
    if (!draw(t, 3))
      shop_do(&t->s, "order.cancel", arena_printf(&a, "o_%d", 1 + (int)draw(t, 12)),
              "{\"reason\":\"changed their mind\"}");
    break;
  default: break;
  }
  arena_release(&a);
}

static void pick_up(struct street *t)
{
  struct arena a = { 0 };
  struct sold *k = t->n ? &t->sold[draw(t, t->n)] : NULL;
  struct claim c;
  /* the courier takes what bears a label that is stuck on a parcel */
  if (k && !k->is_void && !claim_by_number(t->s.db, &a, k->number, 0, &c) && !strcmp(c.state, "live")) {
    k->left = true;
    shop_do(&t->s, "parcel.trace", NULL,
            arena_printf(&a, "{\"tracking_no\":\"%s\",\"status\":\"picked_up\"}", k->number));
  }
  arena_release(&a);
}

/* ---- what must hold --------------------------------------------------------------------------------------------------------- */
static void holds(struct street *t)
{
  CHECK_INT(
    number(
      &t->s,
      "SELECT count(*) FROM (SELECT fulfilment_id FROM waybills WHERE state <> 'void' AND state <> 'refused'"
      " GROUP BY fulfilment_id HAVING count(*) > 1)"),
    0);
  CHECK_INT(
    number(
      &t->s,
      "SELECT count(*) FROM (SELECT fulfilment_id FROM claims WHERE state <> 'void' GROUP BY fulfilment_id"
      " HAVING count(*) > 1)"),
    0);
  CHECK_INT(
    number(
      &t->s,
      "SELECT count(*) FROM waybills w JOIN claims c ON c.fulfilment_id = w.fulfilment_id AND c.state <> 'void'"
      " WHERE w.state = 'bought' AND w.tracking_no <> c.tracking_no"),
    0);
  CHECK_INT(
    number(
      &t->s,
      "SELECT count(*) FROM claims c JOIN waybills w ON w.tracking_no = c.tracking_no WHERE c.state = 'live'"
      " AND w.state <> 'bought'"),
    0);
}

/* Of each fulfilment the carrier has one number at most that it did not take back; none where nothing is sent. */
static void in_the_end(struct street *t)
{
  for (size_t i = 0; i < t->n; i++) {
    struct arena a = { 0 };
    struct waybill w;
    struct stmt *q = db_prepare(t->s.db, "SELECT id FROM waybills WHERE order_no = $1");
    stmt_text(q, 1, t->sold[i].order_no);
    int64_t id = stmt_row(q) ? stmt_col_int(q, 0) : 0;
    stmt_drop(q);
    if (CHECK_INT(waybill_get(t->s.db, &a, id, &w), ERR_OK)) {
      bool live = !t->sold[i].is_void, wanted = w.state == WAYBILL_BOUGHT || t->sold[i].left;
      if (!CHECK(live == wanted))
        test_note("b_%lld is %s, at the carrier it is %s", (long long)id, waybill_state_name(w.state),
                  live ? "live" : "void");
    }
    arena_release(&a);
  }
  CHECK_INT(
    number(
      &t->s,
      "SELECT count(*) FROM waybills w JOIN fulfilments f ON f.id = w.fulfilment_id WHERE w.state = 'bought' AND"
      " f.status = 'cancelled'"),
    0);
}

static void quieten(struct street *t)
{
  struct trace_polls none;
  t->quiet = true;
  for (int i = 0; i < 40; i++) {
    t->s.env.now_ms += 60 * MINUTE;
    none = (struct trace_polls){ .max = 1 };
    cmd_free(own(&t->s, CMD_TRACES_TAKE, &none));
    take(t, "carrier:SF"), take(t, "carrier:JDL");
    while (t->under_way) call_end(t);
  }
}

static void history(uint64_t seed)
{
  static struct street t;
  memset(&t, 0, sizeof t);
  t.seed = seed * 2654435761u + 1;
  REQUIRE(street_open(&t, CONF));
  test_note("WAYBILL_SEED=%lld", (long long)seed);
  for (int i = 0; i < 4; i++) order(&t);
  for (int i = 0; i < 160 && t.n < SOLD_MAX - 20; i++) {
    t.s.env.now_ms += 20000;
    uint64_t what = draw(&t, 20);
    if (what < 8) somebody(&t);
    else if (what < 12) take(&t, draw(&t, 2) ? "carrier:SF" : "carrier:JDL");
    else if (what < 18) call_end(&t);
    else if (what == 18) pick_up(&t);
    else if (!draw(&t, 4)) killed(&t);
    holds(&t);
  }
  while (t.under_way) call_end(&t);
  quieten(&t);
  holds(&t), in_the_end(&t);
  shop_close(&t.s);
}

TEST(waybills_never_have_two_live_numbers)
{
  int64_t only = asked("WAYBILL_SEED", 0), n = asked("WAYBILL_HISTORIES", 10);
  if (only) history((uint64_t)only);
  else
    for (int64_t i = 1; i <= n; i++) history((uint64_t)i);
  test_note("all");
}

/* ---- what carriers tell ------------------------------------------------------------------------------------------------ */
static enum err trace(struct street *t, const char *status, int days_ago)
{
  char at[TIME_TEXT];
  struct arena a = { 0 };
  time_text(t->s.env.now_ms - days_ago * 24 * 60 * MINUTE, at);
  enum err e = shop_do(
    &t->s, "parcel.trace", NULL,
    arena_printf(&a, "{\"tracking_no\":\"SF0000000001\",\"status\":\"%s\",\"at\":\"%s\",\"note\":\"n\"}",
                 status, at));
  arena_release(&a);
  return e;
}

static void bought(struct street *t)
{
  order(t);
  CHECK_INT(shop_do(&t->s, "waybill.buy", NULL, "{\"fulfilment\":\"f_1\",\"carrier\":\"SF\"}"), ERR_OK);
  t->quiet = true, take(t, "carrier:SF"), call_end(t);
  CHECK_INT(number(&t->s, "SELECT count(*) FROM waybills WHERE state = 'bought' AND claim_id = 1"), 1);
}

TEST(traces_move_a_parcel_forward_only)
{
  static struct street t;
  static const char *const words[] = { "created", "picked_up", "in_transit", "out_for_delivery",
                                       "delivered" };
  memset(&t, 0, sizeof t), t.seed = 7;
  REQUIRE(street_open(&t, CONF));
  bought(&t);
  CHECK_INT(trace(&t, "created", 8), ERR_OK);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM claims WHERE carried = 'label'"), 1);
  CHECK_INT(trace(&t, "failed", 5), ERR_OK);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM claims WHERE carried = 'label'"), 1);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM exceptions WHERE type = 'delivery_failed' AND state = 'open'"),
            1);
  CHECK_INT(trace(&t, "delivered", 4), ERR_OK);
  for (int i = 0; i < 40; i++) CHECK_INT(trace(&t, words[draw(&t, COUNT(words))], 7), ERR_OK);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM claims WHERE carried = 'delivered'"), 1);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM exceptions WHERE type = 'delivery_failed' AND state = 'open'"),
            0);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM traces"), 3 + (int64_t)COUNT(words));
  CHECK_INT(trace(&t, "stolen", 7), ERR_INVALID);
  shop_close(&t.s);
}

/* Numbers come round again: what was told of the parcel before this one says nothing of it. */
TEST(traces_of_a_number_before_us_are_not_ours)
{
  static struct street t;
  memset(&t, 0, sizeof t), t.seed = 7;
  REQUIRE(street_open(&t, CONF));
  bought(&t);
  CHECK_INT(trace(&t, "delivered", 100), ERR_OK);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM claims WHERE carried = 'label'"), 1);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM traces"), 0);
  shop_close(&t.s);
}

TEST(waybills_that_a_carrier_refuses_leave_no_dead_effect)
{
  static struct street t;
  memset(&t, 0, sizeof t), t.seed = 7;
  REQUIRE(street_open(&t, CONF));
  order(&t);
  CHECK_INT(shop_do(&t.s, "waybill.buy", NULL, "{\"fulfilment\":\"f_1\",\"carrier\":\"SF\"}"), ERR_OK);
  take(&t, "carrier:SF");
  REQUIRE(t.under_way == 1);
  settle(&t, &t.way[0], OUTCOME_REFUSED, NULL), t.under_way = 0;
  CHECK_INT(number(&t.s, "SELECT count(*) FROM waybills WHERE state = 'refused'"), 1);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM effects WHERE state = 'dead'"), 0);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM exceptions WHERE state = 'open'"), 1);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM exceptions WHERE state = 'open' AND type = 'waybill_refused'"),
            1);
  CHECK_INT(shop_do(&t.s, "waybill.buy", NULL, "{\"fulfilment\":\"f_1\",\"carrier\":\"JDL\"}"), ERR_OK);
  t.quiet = true, take(&t, "carrier:JDL"), call_end(&t);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM exceptions WHERE state = 'open'"), 0);
  shop_close(&t.s);
}

TEST(waybills_numbers_wait_for_the_bench)
{
  static const char VERIFY[] =
    "[stock]\ntrack = no\n[pack]\nverify = yes\n[sender]\nname = Depot\nphone = 13800000001\n"
    "address = 1 Example Road\n";
  static struct street t;
  memset(&t, 0, sizeof t), t.seed = 7, t.quiet = true;
  REQUIRE(street_open(&t, VERIFY));
  order(&t);
  CHECK_INT(shop_do(&t.s, "waybill.buy", NULL, "{\"fulfilment\":\"f_1\",\"carrier\":\"SF\"}"), ERR_OK);
  take(&t, "carrier:SF"), call_end(&t);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM waybills WHERE state = 'bought' AND claim_id IS NULL"), 1);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM claims"), 0);
  CHECK_INT(shop_do(&t.s, "fulfilment.claim", "f_1", "{\"carrier\":\"SF\",\"tracking_no\":\"SF999999\"}"),
            ERR_CONFLICT);
  CHECK_INT(trace(&t, "picked_up", 7), ERR_OK); /* by a number that claims nothing */
  CHECK_INT(number(&t.s, "SELECT count(*) FROM exceptions WHERE type = 'left_unclaimed' AND state = 'open'"),
            1);
  shop_close(&t.s);
}

TEST(waybills_need_what_a_carrier_needs)
{
  static const char NOBODY[] = "[stock]\ntrack = no\n[pack]\nverify = no\n";
  static struct street t;
  memset(&t, 0, sizeof t), t.seed = 7;
  REQUIRE(street_open(&t, NOBODY));
  order(&t);
  CHECK_INT(shop_do(&t.s, "waybill.buy", NULL, "{\"fulfilment\":\"f_1\",\"carrier\":\"SF\"}"),
            ERR_CONFLICT); /* no sender */
  CHECK_INT(shop_do(&t.s, "waybill.buy", NULL, "{\"fulfilment\":\"f_1\",\"carrier\":\"YTO\"}"),
            ERR_CONFLICT);                                                                 /* by hand */
  CHECK_INT(shop_do(&t.s, "waybill.buy", NULL, "{\"fulfilment\":\"f_1\"}"), ERR_CONFLICT); /* several */
  CHECK_INT(shop_do(&t.s, "waybill.buy", NULL, "{\"fulfilment\":\"f_9\",\"carrier\":\"SF\"}"), ERR_NOT_FOUND);
  CHECK_INT(shop_do(&t.s, "waybill.buy", NULL, "{\"fulfilment\":\"f_1\",\"pieces\":0}"), ERR_INVALID);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM waybills"), 0);
  CHECK_INT(number(&t.s, "SELECT count(*) FROM effects"), 0);
  shop_close(&t.s);
}
