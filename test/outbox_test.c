/* The outbox and its flows: in order per destination and subject, one under way each, an intent before every call, an
 * unknown outcome asked about, dead ones in front of a person. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define HOUR (3600ll * 1000)
#define ERP "webhook:erp"
static const char CONF[] = "[webhook erp]\nurl = https://erp.example/in\nevents = order.* backlog.alarm\n"
                           "[outbox]\nbackoff = 8s\nbackoff_most = 1h\ndead_after = 72h\nkeep = 7d\n"
                           "[channel shop-a]\nshare = 50\n";

static bool open_shop(struct shop *s, const char *conf)
{
  static int n;
  char path[256];
  snprintf(path, sizeof path, "%s/outbox-%d.db", test_dir(), ++n);
  return CHECK(shop_open(s, path, conf));
}

/* ---- commands that only the deliverer sends ----------------------------------------------------------------------- */
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
  return c;
}

/* Texts live until the next take. */
static struct effects_take take_some(struct shop *s, const char *destination, size_t max)
{
  static struct cmd *before;
  static struct effects_take t;
  cmd_free(before);
  t = (struct effects_take){ .destination = destination, .max = max, .ask_again_at = s->env.now_ms + 120000 };
  before = own(s, CMD_EFFECTS_TAKE, &t);
  CHECK_INT(before->job.err, ERR_OK);
  struct effects_take out = t;
  if (before->job.err) out.n = 0;
  return out;
}

static int64_t take_id(struct shop *s, const char *destination)
{
  struct effects_take t = take_some(s, destination, 1);
  return t.n ? t.list[0].effect.id : 0;
}

static void settle_with(struct shop *s, struct effect_settle how)
{
  struct cmd *c = own(s, CMD_EFFECT_SETTLE, &how);
  CHECK_INT(c->job.err, ERR_OK);
  cmd_free(c);
}

static void settle(struct shop *s, int64_t id, enum outcome_kind kind)
{
  settle_with(s, (struct effect_settle){ .id = id, .outcome = { .kind = kind, .code = "test", .destination = kind == OUTCOME_RETRY },
                                         .asked = false, .random = 4000 });
}

static int64_t put(struct shop *s, const char *kind, const char *destination, const char *subject, bool safe)
{
  int64_t id = 0;
  CHECK(tx_begin(s->db));
  CHECK_INT(effect_put(s->db, kind, destination, subject, safe, "{}", s->env.now_ms, s->env.now_ms, &id), ERR_OK);
  CHECK(tx_commit(s->db));
  return id;
}

static const char *state_of(struct shop *s, int64_t id)
{
  static char text[16];
  struct arena a = { 0 };
  struct effect e;
  snprintf(text, sizeof text, "%s", effect_get(s->db, &a, id, &e) ? "none" : e.state);
  arena_release(&a);
  return text;
}

static int64_t due_of(struct shop *s, int64_t id)
{
  struct arena a = { 0 };
  struct effect e;
  int64_t due = effect_get(s->db, &a, id, &e) ? 0 : e.due_at;
  arena_release(&a);
  return due;
}

static int64_t exceptions(struct shop *s, const char *type)
{
  struct stmt *q = db_prepare(s->db, "SELECT count(*) FROM exceptions WHERE state = 'open' AND type = $1");
  stmt_text(q, 1, type);
  int64_t n = stmt_row(q) ? stmt_col_int(q, 0) : -1;
  stmt_end(q), stmt_drop(q);
  return n;
}

/* ---- the table itself ------------------------------------------------------------------------------------------------ */
TEST(outbox_goes_in_order_per_destination_and_subject)
{
  struct shop s;
  int64_t ids[8];
  REQUIRE(open_shop(&s, CONF));
  int64_t a1 = put(&s, "x", "channel:a", "o_1", false), a2 = put(&s, "x", "channel:a", "o_1", false),
          b1 = put(&s, "x", "channel:a", "o_2", false), other = put(&s, "x", "channel:b", "o_1", false);
  REQUIRE(effect_next(s.db, "channel:a", s.env.now_ms, ids, 8) == 2);
  CHECK_INT(ids[0], a1), CHECK_INT(ids[1], b1);
  CHECK_INT(effect_next(s.db, "channel:a", s.env.now_ms, ids, 1), 1);
  CHECK_INT(effect_next(s.db, "channel:a", s.env.now_ms - 1, ids, 8), 0); /* not yet due */
  CHECK(tx_begin(s.db));
  CHECK_INT(effect_intent(s.db, a1, s.env.now_ms), ERR_OK);
  CHECK_INT(effect_intent(s.db, a1, s.env.now_ms), ERR_CONFLICT);
  REQUIRE(effect_next(s.db, "channel:a", s.env.now_ms, ids, 8) == 1); /* a2 waits behind what is under way */
  CHECK_INT(ids[0], b1);
  CHECK_INT(effect_settle(s.db, a1, "unknown", NULL, s.env.now_ms + 5000, s.env.now_ms), ERR_OK);
  CHECK_INT(effect_next(s.db, "channel:a", s.env.now_ms, ids, 8), 1); /* and behind what is unknown */
  CHECK_INT(effect_unknown(s.db, "channel:a", s.env.now_ms, ids, 8), 0);
  CHECK_INT(effect_unknown(s.db, "channel:a", s.env.now_ms + 5000, ids, 8), 1);
  CHECK_INT(effect_settle(s.db, a1, "done", NULL, 0, s.env.now_ms), ERR_OK);
  CHECK_INT(effect_settle(s.db, a1, "done", NULL, 0, s.env.now_ms), ERR_CONFLICT);
  REQUIRE(effect_next(s.db, "channel:a", s.env.now_ms, ids, 8) == 2);
  CHECK_INT(ids[0], a2);
  CHECK_INT(effect_drop(s.db, a2, s.env.now_ms), ERR_OK);
  CHECK_INT(effect_drop(s.db, a2, s.env.now_ms), ERR_CONFLICT);
  CHECK_INT(effect_dead(s.db, b1, "{\"kind\":\"x\"}", s.env.now_ms), ERR_OK);
  CHECK_INT(effect_count(s.db, "dead"), 1);
  CHECK(effect_dead_any(s.db, "channel:a")), CHECK(!effect_dead_any(s.db, "channel:b"));
  CHECK_INT(effect_again(s.db, b1, s.env.now_ms), ERR_OK);
  CHECK_INT(effect_again(s.db, b1, s.env.now_ms), ERR_CONFLICT);
  CHECK(tx_commit(s.db));
  struct effect_destination *list;
  size_t n;
  CHECK_INT(effect_destinations(s.db, &s.mem, &list, &n), ERR_OK);
  REQUIRE(n == 2);
  CHECK_STR(list[0].name, "channel:a"), CHECK_STR(list[1].name, "channel:b");
  CHECK_INT(list[1].due_at, due_of(&s, other));
  shop_close(&s);
}

TEST(outbox_keeps_one_waiting_push_of_an_article)
{
  struct shop s;
  REQUIRE(open_shop(&s, CONF));
  int64_t first = put(&s, "stock", "channel:a", "MUG", true);
  CHECK_INT(put(&s, "stock", "channel:a", "MUG", true), first);
  CHECK(put(&s, "stock", "channel:b", "MUG", true) != first);
  CHECK(tx_begin(s.db));
  CHECK_INT(effect_intent(s.db, first, s.env.now_ms), ERR_OK);
  CHECK(tx_commit(s.db));
  int64_t second = put(&s, "stock", "channel:a", "MUG", true); /* moved while the first is under way */
  CHECK(second != first);
  int64_t ids[4];
  CHECK_INT(effect_next(s.db, "channel:a", s.env.now_ms, ids, 4), 0); /* it does not overtake */
  CHECK(tx_begin(s.db));
  CHECK_INT(effect_settle(s.db, first, "waiting", NULL, s.env.now_ms + 1000, s.env.now_ms), ERR_OK);
  CHECK(tx_commit(s.db));
  CHECK_STR(state_of(&s, first), "dropped"); /* the newer one says all */
  CHECK_STR(state_of(&s, second), "waiting");
  CHECK(tx_begin(s.db));
  CHECK_INT(effect_intent(s.db, second, s.env.now_ms), ERR_OK);
  CHECK_INT(effect_settle(s.db, second, "waiting", NULL, s.env.now_ms + 60000, s.env.now_ms), ERR_OK);
  CHECK(tx_commit(s.db));
  CHECK_INT(put(&s, "stock", "channel:a", "MUG", true), second); /* one that failed keeps its wait */
  CHECK_INT(due_of(&s, second), s.env.now_ms + 60000);
  shop_close(&s);
}

TEST(outbox_recovers_what_was_under_way)
{
  struct shop s;
  int64_t n;
  REQUIRE(open_shop(&s, CONF));
  int64_t safe = put(&s, "webhook", ERP, "o_1", true), unsafe = put(&s, "x", "channel:a", "o_1", false),
          push = put(&s, "stock", "channel:a", "MUG", true), idle = put(&s, "x", "channel:a", "o_9", false);
  CHECK(tx_begin(s.db));
  const int64_t sent[] = { safe, unsafe, push };
  for (size_t i = 0; i < COUNT(sent); i++) CHECK_INT(effect_intent(s.db, sent[i], s.env.now_ms), ERR_OK);
  CHECK(tx_commit(s.db));
  int64_t newer = put(&s, "stock", "channel:a", "MUG", true);
  struct cmd *c = own(&s, CMD_EFFECTS_RECOVER, NULL);
  n = c->numbers[0];
  cmd_free(c);
  CHECK_INT(n, 3);
  CHECK_STR(state_of(&s, safe), "waiting"), CHECK_STR(state_of(&s, unsafe), "unknown");
  CHECK_STR(state_of(&s, push), "dropped"), CHECK_STR(state_of(&s, newer), "waiting"), CHECK_STR(state_of(&s, idle), "waiting");
  shop_close(&s);
}

/* An ask that a crash interrupted is made again at once: what stood for its next time was for when no answer came. */
TEST(outbox_asks_at_once_after_a_crash)
{
  struct shop s;
  REQUIRE(open_shop(&s, CONF));
  int64_t id = put(&s, "x", "channel:a", "o_1", false), due[1];
  CHECK(tx_begin(s.db));
  CHECK_INT(effect_intent(s.db, id, s.env.now_ms), ERR_OK);
  CHECK(tx_commit(s.db));
  cmd_free(own(&s, CMD_EFFECTS_RECOVER, NULL));
  CHECK(tx_begin(s.db));
  CHECK_INT(effect_ask(s.db, id, s.env.now_ms + 120000), ERR_OK);
  CHECK(tx_commit(s.db));
  CHECK_INT(effect_unknown(s.db, "channel:a", s.env.now_ms, due, 1), 0);
  cmd_free(own(&s, CMD_EFFECTS_RECOVER, NULL));
  CHECK_INT(effect_unknown(s.db, "channel:a", s.env.now_ms, due, 1), 1);
  CHECK_INT(due[0], id);
  shop_close(&s);
}

TEST(outbox_forgets_what_is_long_done)
{
  struct shop s;
  bool left;
  REQUIRE(open_shop(&s, CONF));
  int64_t ids[6];
  for (int i = 0; i < 6; i++) ids[i] = put(&s, "x", "channel:a", i < 3 ? "o_1" : "o_2", true);
  CHECK(tx_begin(s.db));
  CHECK_INT(effect_dead(s.db, ids[0], NULL, s.env.now_ms), ERR_OK);
  for (int i = 1; i < 5; i++) CHECK_INT(effect_drop(s.db, ids[i], s.env.now_ms), ERR_OK);
  CHECK_INT(effects_prune(s.db, s.env.now_ms, 100, &left), ERR_OK);
  CHECK_STR(state_of(&s, ids[1]), "dropped"); /* not older than that */
  CHECK_INT(effects_prune(s.db, s.env.now_ms + 1, 3, &left), ERR_OK);
  CHECK(left), CHECK_STR(state_of(&s, ids[3]), "none"), CHECK_STR(state_of(&s, ids[4]), "dropped");
  CHECK_INT(effects_prune(s.db, s.env.now_ms + 1, 3, &left), ERR_OK);
  CHECK(!left), CHECK_STR(state_of(&s, ids[4]), "none");
  CHECK_STR(state_of(&s, ids[0]), "dead"), CHECK_STR(state_of(&s, ids[5]), "waiting");
  CHECK(tx_commit(s.db));
  shop_close(&s);
}

/* ---- settle --------------------------------------------------------------------------------------------------------------- */
TEST(effects_wait_longer_with_every_failure_and_die_when_old)
{
  struct shop s;
  REQUIRE(open_shop(&s, CONF));
  int64_t id = put(&s, "webhook", ERP, "o_1", true);
  CHECK(tx_begin(s.db));
  CHECK(!db_exec(s.db, "UPDATE effects SET kind = 'x'")); /* no event stands behind it */
  CHECK(tx_commit(s.db));
  for (int failure = 1; failure <= 4; failure++) {
    CHECK_INT(take_id(&s, ERP), id);
    settle(&s, id, OUTCOME_RETRY); /* random 4000 of at most 8, 16, 32, 64 s */
    CHECK_STR(state_of(&s, id), "waiting");
    CHECK_INT(due_of(&s, id) - s.env.now_ms, 4000);
    CHECK_INT(take_id(&s, ERP), 0);
    s.env.now_ms = due_of(&s, id);
  }
  CHECK_INT(take_id(&s, ERP), id);
  settle_with(&s, (struct effect_settle){ .id = id, .outcome = { OUTCOME_RETRY, "http_503", "busy", NULL, 5 * HOUR, true } });
  CHECK_INT(due_of(&s, id) - s.env.now_ms, HOUR); /* Retry-After is honoured up to an hour */
  s.env.now_ms += 72 * HOUR;
  int64_t behind = put(&s, "x", ERP, "o_2", true);
  CHECK_INT(take_id(&s, ERP), id);
  settle(&s, id, OUTCOME_RETRY);
  CHECK_STR(state_of(&s, id), "dead"), CHECK_STR(state_of(&s, behind), "waiting");
  CHECK_INT(exceptions(&s, "effect_dead:" ERP), 1);
  /* by hand: all begins anew, and the exception is over */
  CHECK_INT(shop_do(&s, "effect.retry", "e_1", "{}"), ERR_OK);
  CHECK_STR(state_of(&s, id), "waiting"), CHECK_INT(exceptions(&s, "effect_dead:" ERP), 0);
  CHECK_INT(take_id(&s, ERP), id);
  settle(&s, id, OUTCOME_RETRY);
  CHECK_INT(take_id(&s, ERP), behind);
  CHECK_STR(state_of(&s, id), "waiting");
  shop_close(&s);
}

TEST(effects_behind_a_destination_that_is_down_die_with_the_first)
{
  struct shop s;
  REQUIRE(open_shop(&s, CONF));
  int64_t ids[5];
  for (int i = 0; i < 5; i++) ids[i] = put(&s, "x", ERP, "o_1", true);
  s.env.now_ms += 72 * HOUR + 1;
  int64_t young = put(&s, "x", ERP, "o_1", true);
  CHECK_INT(take_id(&s, ERP), ids[0]);
  settle(&s, ids[0], OUTCOME_RETRY);
  for (int i = 0; i < 5; i++) CHECK_STR(state_of(&s, ids[i]), "dead");
  CHECK_STR(state_of(&s, young), "waiting");
  CHECK_INT(exceptions(&s, "effect_dead:" ERP), 1); /* one, not five */
  struct cmd *c = shop_run(&s, "effect.retry_all", NULL, "{\"destination\":\"channel:nobody\"}");
  CHECK_STR(c->out.data, "{\"retried\":0,\"skipped\":0,\"left\":false}");
  cmd_free(c);
  c = shop_run(&s, "effect.retry_all", NULL, "{\"destination\":\"" ERP "\"}");
  CHECK_STR(c->out.data, "{\"retried\":5,\"skipped\":0,\"left\":false}");
  cmd_free(c);
  CHECK_INT(exceptions(&s, "effect_dead:" ERP), 0);
  shop_close(&s);
}

/* What may not happen twice is asked about; only the word that it is not there lets it go out again. */
TEST(effects_that_are_not_safe_are_asked_about)
{
  struct shop s;
  REQUIRE(open_shop(&s, CONF));
  int64_t id = put(&s, "x", "channel:a", "o_1", false), next = put(&s, "x", "channel:a", "o_1", false);
  CHECK_INT(take_id(&s, "channel:a"), id);
  settle(&s, id, OUTCOME_UNKNOWN);
  CHECK_STR(state_of(&s, id), "unknown");
  CHECK_INT(take_id(&s, "channel:a"), 0);
  s.env.now_ms = due_of(&s, id);
  struct effects_take t = take_some(&s, "channel:a", 4);
  REQUIRE(t.n == 1);
  CHECK(t.list[0].ask), CHECK_INT(t.list[0].effect.id, id), CHECK_INT(t.list[0].effect.attempts, 1);
  CHECK_INT(take_some(&s, "channel:a", 4).n, 0); /* it is being asked about */
  settle_with(&s, (struct effect_settle){ .id = id, .outcome = { .kind = OUTCOME_UNKNOWN, .code = "no_answer" }, .asked = true, .random = 1 });
  CHECK_STR(state_of(&s, id), "unknown");
  s.env.now_ms = due_of(&s, id);
  t = take_some(&s, "channel:a", 4);
  REQUIRE(t.n == 1 && t.list[0].ask);
  settle_with(&s, (struct effect_settle){ .id = id, .outcome = { .kind = OUTCOME_RETRY }, .asked = true });
  CHECK_STR(state_of(&s, id), "waiting"), CHECK_INT(due_of(&s, id), s.env.now_ms); /* nothing failed: at once */
  t = take_some(&s, "channel:a", 4);
  REQUIRE(t.n == 1);
  CHECK(!t.list[0].ask), CHECK_INT(t.list[0].effect.id, id), CHECK_INT(t.list[0].effect.attempts, 2);
  settle(&s, id, OUTCOME_ACCEPTED);
  CHECK_STR(state_of(&s, id), "done"), CHECK_INT(take_id(&s, "channel:a"), next);
  settle(&s, next, OUTCOME_UNKNOWN);
  s.env.now_ms += 73 * HOUR;
  t = take_some(&s, "channel:a", 4);
  REQUIRE(t.n == 1 && t.list[0].ask);
  settle_with(&s, (struct effect_settle){ .id = next, .outcome = { .kind = OUTCOME_UNKNOWN }, .asked = true });
  CHECK_STR(state_of(&s, next), "dead");
  char target[24];
  snprintf(target, sizeof target, "e_%lld", (long long)next);
  CHECK_INT(shop_do(&s, "effect.retry", target, "{}"), ERR_OK);
  CHECK_STR(state_of(&s, next), "unknown"); /* a person's wish does not send it blindly either */
  CHECK_INT(shop_do(&s, "effect.drop", target, "{\"reason\":\"settled by telephone\"}"), ERR_OK);
  CHECK_STR(state_of(&s, next), "dropped");
  CHECK_INT(shop_do(&s, "effect.drop", target, "{\"reason\":\"again\"}"), ERR_CONFLICT);
  CHECK_INT(shop_do(&s, "effect.retry", target, "{}"), ERR_CONFLICT);
  CHECK_INT(shop_do(&s, "effect.retry", "e_99", "{}"), ERR_NOT_FOUND);
  shop_close(&s);
}

TEST(outbox_that_is_held_gives_nothing_out)
{
  struct shop s;
  REQUIRE(open_shop(&s, CONF));
  int64_t id = put(&s, "x", "channel:a", "o_1", false);
  CHECK(tx_begin(s.db));
  CHECK_INT(meta_put(s.db, META_OUTBOX_HELD, "1"), ERR_OK);
  CHECK(tx_commit(s.db));
  struct effects_take t = take_some(&s, "channel:a", 4);
  CHECK(t.held), CHECK_INT(t.n, 0), CHECK_STR(state_of(&s, id), "waiting");
  for (int i = 0; i < 2; i++) {
    struct cmd *c = shop_run(&s, "outbox.release", NULL, "{}");
    CHECK_STR(c->out.data, i ? "{\"held\":false,\"was_held\":false}" : "{\"held\":false,\"was_held\":true}");
    cmd_free(c);
  }
  CHECK_INT(take_id(&s, "channel:a"), id);
  shop_close(&s);
}

/* ---- webhooks ------------------------------------------------------------------------------------------------------------------ */
TEST(webhooks_are_put_with_the_event_that_they_tell_of)
{
  struct shop s;
  char id[64];
  REQUIRE(open_shop(&s, CONF));
  char *order = shop_order(&s.mem, "{\"external_id\":\"1\"}");
  CHECK_INT(shop_do(&s, "order.ingest", NULL, order), ERR_OK);
  int64_t some = effect_count(s.db, "waiting");
  s.dry_run = true;
  CHECK_INT(shop_do(&s, "order.ingest", NULL, shop_order(&s.mem, "{\"external_id\":\"2\"}")), ERR_CONFLICT);
  s.dry_run = false;
  CHECK_INT(effect_count(s.db, "waiting"), some);
  CHECK(some >= 1);
  CHECK_INT(shop_do(&s, "order.move", "o_1", "{\"to\":\"completed\"}"), ERR_CONFLICT); /* refused: nothing to tell */
  CHECK_INT(effect_count(s.db, "waiting"), some);
  CHECK_INT(shop_do(&s, "order.hold", "o_1", "{\"reason\":\"call 13800001111\",\"note\":\"张示例 rang\"}"), ERR_OK);
  CHECK_INT(effect_count(s.db, "waiting"), some + 1);
  struct effects_take t = take_some(&s, ERP, 4);
  REQUIRE(t.n == 1); /* one order, one after the other */
  struct faults f = { .mem = &s.mem };
  struct json *j = json_parse(&s.mem, t.list[0].body, t.list[0].body_n, 1000, &f);
  CHECK_STR(json_string(json_get(j, "type")), "order.created"), CHECK_STR(json_string(json_get(j, "entity")), "o_1");
  CHECK_STR(json_string(json_get(json_get(j, "data"), "status")), "paid");
  CHECK_STR(json_string(json_get(j, "id")), t.list[0].id);
  CHECK(!strncmp(t.list[0].id, "e_1_", 4) && !strchr(t.list[0].id, '.'));
  snprintf(id, sizeof id, "%s", t.list[0].id);
  char *body = arena_strn(&s.mem, t.list[0].body, t.list[0].body_n);
  settle(&s, t.list[0].effect.id, OUTCOME_RETRY);
  s.env.now_ms += HOUR;
  t = take_some(&s, ERP, 4);
  REQUIRE(t.n == 1);
  CHECK_STR(t.list[0].id, id), CHECK_STR(t.list[0].body, body); /* the same at every try */
  while (t.n) {
    CHECK(!strstr(t.list[0].body, "13800001111") && !strstr(t.list[0].body, "张示例")); /* nothing personal, ever */
    settle(&s, t.list[0].effect.id, OUTCOME_ACCEPTED);
    t = take_some(&s, ERP, 4);
  }
  /* what a restored database tells is not taken for what was told before */
  CHECK(tx_begin(s.db));
  CHECK_INT(meta_put(s.db, META_INSTANCE, ""), ERR_OK);
  CHECK(tx_commit(s.db));
  CHECK_INT(shop_do(&s, "order.release", "o_1", "{}"), ERR_OK);
  t = take_some(&s, ERP, 1);
  REQUIRE(t.n == 1);
  CHECK(strcmp(strrchr(t.list[0].id, '_'), strrchr(id, '_')) != 0);
  shop_close(&s);
}

TEST(webhooks_that_nobody_configured_cost_nothing)
{
  struct shop s;
  REQUIRE(open_shop(&s, NULL));
  CHECK_INT(shop_do(&s, "order.ingest", NULL, shop_order(&s.mem, "{}")), ERR_OK);
  CHECK_INT(effect_count(s.db, "waiting"), 0);
  char *value;
  CHECK_INT(meta_get(s.db, &s.mem, META_INSTANCE, &value), ERR_NOT_FOUND);
  shop_close(&s);
}

/* ---- stock ------------------------------------------------------------------------------------------------------------------------ */
static int64_t figure(struct shop *s, const char *code, bool *told)
{
  static const struct actor self = { .name = "orderd" };
  struct cmd *c = cmd_new(CMD_STOCK_TELL, &s->env.env, &s->rules, &self);
  struct sku k;
  int64_t n = -1;
  CHECK_INT(sku_find(s->db, &c->mem, code, &k), ERR_OK);
  CHECK_INT(effect_stock_figure(c, s->db, "shop-a", k.id, &n, told), ERR_OK);
  cmd_free(c);
  return n;
}

static void goods(struct shop *s)
{
  static const char *const skus[] = {
    "{\"code\":\"A\",\"title\":\"Cup\",\"safety\":2}", "{\"code\":\"B\",\"title\":\"Plate\"}",
    "{\"code\":\"M\",\"title\":\"Engraving\",\"made\":true}",
    "{\"code\":\"KIT\",\"title\":\"Set\",\"parts\":[{\"sku\":\"A\",\"quantity\":2},{\"sku\":\"B\",\"quantity\":1},{\"sku\":\"M\",\"quantity\":1}]}",
    "{\"code\":\"MADE-KIT\",\"title\":\"All made\",\"parts\":[{\"sku\":\"M\",\"quantity\":1}]}",
  };
  static const struct {
    const char *sku, *warehouse;
    int quantity;
  } rows[] = { { "A", "HZ", 11 }, { "A", "GZ", 6 }, { "B", "HZ", 3 }, { "B", "GZ", 9 } };
  CHECK_INT(shop_do(s, "warehouse.put", NULL, "{\"code\":\"HZ\",\"country\":\"CN\"}"), ERR_OK);
  CHECK_INT(shop_do(s, "warehouse.put", NULL, "{\"code\":\"GZ\",\"country\":\"CN\"}"), ERR_OK);
  for (size_t i = 0; i < COUNT(skus); i++) CHECK_INT(shop_do(s, "sku.put", NULL, skus[i]), ERR_OK);
  for (size_t i = 0; i < COUNT(rows); i++) {
    char body[160];
    snprintf(body, sizeof body, "{\"sku\":\"%s\",\"warehouse\":\"%s\",\"delta\":%d,\"reason\":\"delivery\"}", rows[i].sku,
             rows[i].warehouse, rows[i].quantity);
    CHECK_INT(shop_do(s, "stock.adjust", NULL, body), ERR_OK);
  }
}

TEST(stock_figures_keep_safety_share_and_the_scarcest_part)
{
  struct shop s;
  bool told;
  REQUIRE(open_shop(&s, CONF));
  goods(&s);
  CHECK_INT(figure(&s, "A", &told), 7), CHECK(told);  /* (17 - 2) * 50 % */
  CHECK_INT(figure(&s, "B", &told), 6), CHECK(told);  /* 12 * 50 % */
  CHECK_INT(figure(&s, "M", &told), 0), CHECK(!told); /* made to order: there is no figure */
  CHECK_INT(figure(&s, "MADE-KIT", &told), 0), CHECK(!told);
  CHECK_INT(figure(&s, "KIT", &told), 3), CHECK(told); /* HZ 11/2 and 3: 3; GZ 6/2 and 9: 3; of 6 half */
  shop_close(&s);
}

TEST(stock_is_told_once_for_all_that_moved)
{
  struct shop s;
  const struct channel_family can[] = { { .channel = "shop-a", .family = "shop-a", .stocks = true } };
  REQUIRE(open_shop(&s, CONF));
  s.rules.family = can, s.rules.families = 1;
  CHECK_INT(shop_do(&s, "order.ingest", NULL, shop_order(&s.mem, "{}")), ERR_OK); /* opens the channel */
  goods(&s);
  CHECK_INT(shop_do(&s, "mapping.put", NULL, "{\"channel\":\"shop-a\",\"channel_sku\":\"CUP-1\",\"sku\":\"A\"}"), ERR_OK);
  CHECK_INT(shop_do(&s, "mapping.put", NULL, "{\"channel\":\"shop-a\",\"channel_sku\":\"SET-1\",\"sku\":\"KIT\"}"), ERR_OK);
  struct cmd *c = shop_run(&s, "stock.tell", NULL, NULL);
  CHECK_INT(c->job.err, ERR_OK), CHECK_INT(c->left, 0), CHECK_INT(c->numbers[0], view_stock_last_move(s.db));
  cmd_free(c);
  s.env.now_ms += 1000;
  struct effects_take t = take_some(&s, "channel:shop-a", 8);
  REQUIRE(t.n == 2); /* the cup, and the set that it is part of */
  CHECK_STR(t.list[0].effect.subject, "CUP-1"), CHECK_INT(t.list[0].quantity, 7);
  CHECK_STR(t.list[1].effect.subject, "SET-1"), CHECK_INT(t.list[1].quantity, 3);
  int64_t cup = t.list[0].effect.id;
  settle(&s, t.list[1].effect.id, OUTCOME_ACCEPTED);
  settle(&s, cup, OUTCOME_UNKNOWN); /* safe: not asked about, sent again with a fresh figure */
  CHECK_STR(state_of(&s, cup), "waiting");
  CHECK_INT(shop_do(&s, "stock.adjust", NULL, "{\"sku\":\"A\",\"warehouse\":\"HZ\",\"delta\":-5,\"reason\":\"broken\"}"), ERR_OK);
  CHECK_INT(shop_do(&s, "stock.tell", NULL, NULL), ERR_OK);
  s.env.now_ms += 10000;
  t = take_some(&s, "channel:shop-a", 8);
  REQUIRE(t.n == 2);
  size_t at = strcmp(t.list[0].effect.subject, "CUP-1") ? 1 : 0;
  CHECK_INT(t.list[at].effect.id, cup), CHECK_INT(t.list[at].quantity, 5); /* (12 - 2) * 50 % */
  shop_close(&s);
}

/* ---- a world that loses answers and processes that die: seen from the other side -------------------------------------------------- */
#define KEYS 4
struct side { /* what really happened outside, per effect */
  int taken, sent;
  bool safe, asked_free;
};

/* Sends, takes or loses, answers or not; the ledger outside must show what must never be. */
TEST(outbox_makes_every_effect_once_whatever_happens)
{
  for (uint64_t round = 1; round <= 60; round++) {
    struct shop s;
    struct side side[64] = { { 0 } };
    uint64_t seed = round;
    int64_t last[2][KEYS] = { { 0 } };
    int puts = 0;
    REQUIRE(open_shop(&s, CONF));
    test_note("seed %llu", (unsigned long long)round);
    for (int step = 0; step < 200; step++) {
      static const char *const subject[KEYS] = { "o_1", "o_2", "o_3", "o_4" };
      static const char *const destination[2] = { "channel:a", "channel:b" };
      uint64_t r = test_random(&seed);
      size_t where = r >> 8 & 1, key = r >> 16 & 3;
      if (r % 4 == 0 && puts < 40) {
        bool safe = r >> 24 & 1;
        int64_t id = put(&s, "x", destination[where], subject[key], safe);
        side[id].safe = safe, puts++;
        continue;
      }
      if (r % 29 == 1) { /* the process dies and comes back */
        REQUIRE(shop_reopen(&s, CONF));
        cmd_free(own(&s, CMD_EFFECTS_RECOVER, NULL));
        continue;
      }
      s.env.now_ms += (int64_t)(r % 20000);
      struct effects_take t = take_some(&s, destination[where], 1 + (r >> 32 & 3));
      for (size_t i = 0; i < t.n; i++) {
        const struct effect *e = &t.list[i].effect;
        struct side *x = &side[e->id];
        uint64_t luck = test_random(&seed);
        size_t k = (size_t)(e->subject[2] - '1');
        struct effect_settle how = { .id = e->id, .asked = t.list[i].ask, .random = luck >> 40 };
        if (t.list[i].ask) {
          CHECK(!x->safe);
          how.outcome.kind = luck % 3 == 0 ? OUTCOME_UNKNOWN : x->taken ? OUTCOME_ACCEPTED : OUTCOME_RETRY;
          if (how.outcome.kind == OUTCOME_RETRY) x->asked_free = true;
        } else {
          CHECK(e->id >= last[where][k]); /* in order */
          if (!x->safe) CHECK(!x->sent || x->asked_free), CHECK(!x->taken); /* never again without asking, never twice */
          last[where][k] = e->id, x->sent++, x->asked_free = false;
          bool reached = luck & 1, answered = luck & 2;
          x->taken += reached;
          how.outcome.kind = reached && answered ? OUTCOME_ACCEPTED : !reached && answered ? OUTCOME_RETRY : OUTCOME_UNKNOWN;
          if (how.outcome.kind == OUTCOME_RETRY) x->asked_free = true; /* it surely was not taken */
        }
        if (luck % 17 == 5) break; /* died before it could be noted, with all that stood behind it in hand */
        settle_with(&s, how);
      }
    }
    for (int calm = 0; calm < 400 && effect_count(s.db, "waiting") + effect_count(s.db, "sending") + effect_count(s.db, "unknown"); calm++) {
      s.env.now_ms += 10 * 60 * 1000;
      if (effect_count(s.db, "sending")) cmd_free(own(&s, CMD_EFFECTS_RECOVER, NULL));
      for (int where = 0; where < 2; where++) {
        struct effects_take t = take_some(&s, where ? "channel:b" : "channel:a", 8);
        for (size_t i = 0; i < t.n; i++) {
          struct side *x = &side[t.list[i].effect.id];
          if (!t.list[i].ask && !x->safe) CHECK(!x->taken);
          if (!t.list[i].ask) x->taken++;
          settle_with(&s, (struct effect_settle){ .id = t.list[i].effect.id, .asked = t.list[i].ask,
                                                  .outcome.kind = x->taken ? OUTCOME_ACCEPTED : OUTCOME_RETRY });
        }
      }
    }
    CHECK_INT(effect_count(s.db, "dead"), 0);
    for (int id = 1; id <= puts; id++) {
      CHECK_STR(state_of(&s, id), "done");
      CHECK(side[id].safe ? side[id].taken >= 1 : side[id].taken == 1);
    }
    shop_close(&s);
  }
  test_note("%s", "");
}
