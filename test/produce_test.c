/* Work orders over random histories beside a naive factory (domain 7.2): it may not be reached, answers get lost, its news
 * come in any order and again, orders change meanwhile and the process dies. PRODUCE_SEED=N runs one history,
 * PRODUCE_HISTORIES=N so many. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define WORKS 64
#define NEWS 24
#define WAY 8

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

static void said(void *arg, const char *text)
{
  (void)arg;
  test_note("check: %s", text);
}

/* ---- the factory ------------------------------------------------------------------------------------------------------ */
struct made {
  int64_t id, seq, news;
  char body[2000];
  enum work_state state;
  bool stop;  /* somebody must say whether it stops */
  bool asked; /* it was asked to */
  struct {
    int64_t seq;
    enum work_state state; /* WORK_WANTED: it goes on, cancel refused */
  } told[NEWS];
};
struct way { /* a call under way */
  struct effect effect;
  char data[2000];
  bool ask;
};
struct plant {
  struct shop s;
  struct made made[WORKS];
  struct way way[WAY];
  size_t n, under_way;
  int order, minute;
  uint64_t seed;
  bool quiet; /* nothing goes wrong any more */
};

static uint64_t draw(struct plant *p, uint64_t n)
{
  return test_random(&p->seed) % n;
}

static struct made *known(struct plant *p, int64_t id)
{
  for (size_t i = 0; i < p->n; i++)
    if (p->made[i].id == id) return &p->made[i];
  return NULL;
}

static void news(struct made *m, enum work_state state)
{
  if (m->news == NEWS) return;
  m->told[m->news].seq = ++m->seq, m->told[m->news++].state = state;
  if (state != WORK_WANTED) m->state = state;
}

static void make(struct plant *p, int64_t id, const char *body)
{
  struct made *m = known(p, id);
  if (m) {
    CHECK_STR(body, m->body);
    return;
  }
  must(p->n < WORKS && strlen(body) < sizeof m->body);
  m = &p->made[p->n++];
  *m = (struct made){ .id = id };
  memcpy(m->body, body, strlen(body) + 1);
  news(m, WORK_ACCEPTED);
}

static void get_on(struct plant *p)
{
  struct made *m = p->n ? &p->made[draw(p, p->n)] : NULL;
  if (!m || m->news > NEWS - 4) return;
  if (m->stop && draw(p, 2)) {
    m->stop = false;
    news(m, m->state == WORK_STARTED && draw(p, 2) ? WORK_CANCELLED : WORK_WANTED);
  } else if (m->state == WORK_ACCEPTED) news(m, WORK_STARTED);
  else if (m->state == WORK_STARTED) news(m, draw(p, 3) ? WORK_FINISHED : WORK_STARTED);
  else if (m->state == WORK_FINISHED) {
    static const enum work_state ends[] = { WORK_PASSED, WORK_PASSED, WORK_FAILED, WORK_SCRAPPED };
    news(m, ends[draw(p, COUNT(ends))]);
  } else if (m->state == WORK_FAILED && !draw(p, 6)) news(m, WORK_PASSED); /* polished after all */
}

static const char *stands(struct plant *p, const struct made *m)
{
  return arena_printf(&p->s.mem, "{\"seq\":%lld,\"state\":\"%s\"}", (long long)m->seq,
                      work_state_name(m->state));
}

/* What it answers to cancel. */
static const char *stop(struct plant *p, struct made *m)
{
  m->asked = true;
  if (m->state == WORK_ACCEPTED) news(m, WORK_CANCELLED);
  if (m->state == WORK_STARTED && m->news < NEWS - 4) {
    m->stop = true;
    return "{\"cancel\":\"asked\"}";
  }
  return m->state == WORK_CANCELLED ? stands(p, m) : "{\"cancel\":\"refused\"}";
}

/* ---- calls ----------------------------------------------------------------------------------------------------------------- */
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

static void take(struct plant *p)
{
  struct effects_take t = { .destination = "factory:F1", .max = 1, .ask_again_at = p->s.env.now_ms + 1 };
  if (p->under_way == WAY) return;
  struct cmd *c = own(&p->s, CMD_EFFECTS_TAKE, &t);
  CHECK_INT(c->job.err, ERR_OK);
  if (t.n) {
    struct way *w = &p->way[p->under_way++];
    must(strlen(t.list[0].effect.data) < sizeof w->data);
    *w = (struct way){ .effect = t.list[0].effect, .ask = t.list[0].ask };
    memcpy(w->data, t.list[0].effect.data, strlen(t.list[0].effect.data) + 1);
    w->effect.kind = !strcmp(w->effect.kind, "work") ? "work" : "work_cancel";
    id_parse(t.list[0].effect.subject, 'w', &w->effect.attempts); /* its number, for us */
  }
  cmd_free(c);
}

static void settle(struct plant *p, const struct way *w, enum outcome_kind kind, const char *result)
{
  struct effect_settle how = { .id = w->effect.id,
                               .asked = w->ask,
                               .outcome = { .kind = kind, .code = "test", .result = result },
                               .random = 1 };
  struct cmd *c = own(&p->s, CMD_EFFECT_SETTLE, &how);
  CHECK_INT(c->job.err, ERR_OK);
  cmd_free(c);
}

static void answer(struct plant *p)
{
  if (!p->under_way) return;
  size_t at = draw(p, p->under_way);
  struct way w = p->way[at];
  p->way[at] = p->way[--p->under_way];
  int64_t id = w.effect.attempts;
  struct made *m = known(p, id);
  uint64_t luck = p->quiet ? 9 : draw(p, 10);
  bool is_work = !strcmp(w.effect.kind, "work");
  if (luck == 0) settle(p, &w, w.ask ? OUTCOME_UNKNOWN : OUTCOME_RETRY, NULL); /* it was not reached */
  else if (w.ask) settle(p, &w, m ? OUTCOME_ACCEPTED : OUTCOME_RETRY, m ? stands(p, m) : NULL);
  else if (is_work && luck == 1 && !m) settle(p, &w, OUTCOME_REFUSED, NULL);
  else if (is_work) {
    if (luck > 2) make(p, id, w.data);
    m = known(p, id);
    if (luck < 5) settle(p, &w, OUTCOME_UNKNOWN, NULL);
    else settle(p, &w, OUTCOME_ACCEPTED, luck == 5 ? NULL : stands(p, m));
  } else {
    const char *says = m ? stop(p, m) : NULL;
    if (luck < 4) settle(p, &w, OUTCOME_UNKNOWN, NULL);
    else settle(p, &w, OUTCOME_ACCEPTED, says);
  }
}

static void tell(struct plant *p, const struct made *m, size_t i)
{
  char target[24], body[120];
  snprintf(target, sizeof target, "w_%lld", (long long)m->id);
  if (m->told[i].state == WORK_WANTED)
    snprintf(body, sizeof body, "{\"seq\":%lld,\"cancel\":\"refused\"}", (long long)m->told[i].seq);
  else
    snprintf(body, sizeof body, "{\"seq\":%lld,\"state\":\"%s\",\"step\":1,\"steps\":2}",
             (long long)m->told[i].seq, work_state_name(m->told[i].state));
  p->s.actor = (struct actor){ .name = "factory:F1", .roles = ROLE_PRODUCTION };
  CHECK_INT(shop_do(&p->s, "work.progress", target, body), ERR_OK);
}

/* ---- people --------------------------------------------------------------------------------------------------------------------- */
static void rules_again(struct plant *p)
{
  static const struct party_rules party = {
    .kind = "factory", .name = "F1", .destination = "factory:F1", .asks = true
  };
  static const char *const factory[] = { "F1" };
  p->s.rules.party = (struct party_rules *)(uintptr_t)&party, p->s.rules.parties = 1;
  p->s.rules.factory = factory, p->s.rules.factories = 1;
}

static enum err person(struct plant *p, const char *cmd, const char *target, const char *body)
{
  p->s.actor = (struct actor){ .name = "user:a", .roles = ROLE_ADMIN };
  return shop_do(&p->s, cmd, target, body);
}

static void order_take(struct plant *p, int quantity)
{
  int minute = ++p->minute;
  char *text = arena_printf(
    &p->s.mem,
    "{\"external_id\":\"%d\",\"updated_at\":\"2026-11-10T%02d:%02d:00+08:00\",\"lines\":[{\"line_id\":\"1\",\"sku\":\"SOFA\","
    "\"title\":\"Sofa\",\"quantity\":%d},{\"line_id\":\"2\",\"sku\":\"DESK\",\"title\":\"Desk\",\"quantity\":1}],"
    "\"receiver\":{\"phone\":\"138%08d\"}}",
    p->order, 9 + minute / 60, minute % 60, quantity, p->order);
  p->s.actor = (struct actor){ .name = "channel:shop-a", .roles = ROLE_ADMIN };
  CHECK_INT(shop_do(&p->s, "order.ingest", NULL, shop_order(&p->s.mem, text)), ERR_OK);
}

static const char *order_id(struct plant *p)
{
  return arena_printf(&p->s.mem, "shop-a:%d", p->order);
}

static void step(struct plant *p, int64_t first)
{
  int64_t works = number(&p->s, "SELECT coalesce(max(id), 0) FROM work_orders");
  const char *any = works > first
                      ? arena_printf(&p->s.mem, "w_%lld",
                                     (long long)(first + 1 + (int64_t)draw(p, (uint64_t)(works - first))))
                      : NULL;
  p->s.env.now_ms += (int64_t)draw(p, 3000);
  switch (draw(p, 24)) {
  case 0: order_take(p, 1 + (int)draw(p, 4)); return;
  case 1:
    if (works - first < 40)
      person(p, "work.cancel", any, draw(p, 2) ? "{\"reason\":\"x\",\"again\":true}" : "{\"reason\":\"x\"}");
    return;
  case 2: person(p, "order.hold", order_id(p), "{\"reason\":\"x\"}"); return;
  case 3:
  case 4: person(p, "order.release", order_id(p), "{}"); return;
  case 5: person(p, "effect.retry_all", NULL, "{}"); return;
  case 6:
    if (draw(p, 4)) return;
    CHECK(shop_reopen(&p->s, NULL)); /* the process dies between commands: nothing may lean on memory */
    rules_again(p);
    p->under_way = 0;
    cmd_free(own(&p->s, CMD_EFFECTS_RECOVER, NULL));
    return;
  case 7:
  case 8:
  case 9:
  case 10: take(p); return;
  case 11:
  case 12:
  case 13: answer(p); return;
  case 14:
  case 15:
  case 16:
  case 17: get_on(p); return;
  default: {
    const struct made *m = p->n ? &p->made[draw(p, p->n)] : NULL;
    if (m) tell(p, m, draw(p, (uint64_t)m->news));
  }
  }
}

/* ---- what must hold when all has been said -------------------------------------------------------------------------------------- */
static void quiet(struct plant *p)
{
  p->quiet = true;
  person(p, "order.release", order_id(p), "{}");
  for (int round = 0; round < 60; round++) {
    p->s.env.now_ms += 20 * 60000;
    person(p, "effect.retry_all", NULL, "{}");
    for (int i = 0; i < 4; i++) take(p);
    while (p->under_way) answer(p);
    for (size_t i = 0; i < p->n; i++) {
      if (p->made[i].stop) p->made[i].stop = false, news(&p->made[i], WORK_WANTED);
      for (size_t k = 0; k < (size_t)p->made[i].news; k++)
        if (round < 2 || k + 3 > (size_t)p->made[i].news) tell(p, &p->made[i], k);
    }
  }
}

static void as_the_factory_says(struct plant *p, int64_t first)
{
  static const char SQL[] =
    "SELECT id, state, seq, covers, cancel FROM work_orders WHERE id > $1 ORDER BY id";
  struct stmt *q = db_prepare(p->s.db, SQL);
  stmt_int(q, 1, first);
  while (stmt_row(q)) {
    const struct made *m = known(p, stmt_col_int(q, 0));
    const char *state = stmt_col_text(q, 1), *cancel = stmt_col_text(q, 4);
    test_note("PRODUCE_SEED=%d: w_%d %s %s", p->order, (int)stmt_col_int(q, 0), state, cancel);
    if (!m) {
      CHECK(!strcmp(state, "refused") ||
            !strcmp(state, "cancelled")); /* and those that are wanted were told */
      CHECK_INT(stmt_col_int(q, 2), 0);
      continue;
    }
    CHECK_STR(state, work_state_name(m->state));
    if (stmt_col_int(q, 3) && !strcmp(cancel, "none")) continue;
    CHECK(m->state >= WORK_PASSED ||
          strcmp(cancel, "none")); /* what is not wanted was asked not to be made */
  }
  CHECK_INT(stmt_end(q), ERR_OK);
  stmt_drop(q);
}

static void enough(struct plant *p)
{
  static const char SQL[] =
    "SELECT count(*) FROM fulfilment_lines l JOIN fulfilments f ON f.id = l.fulfilment_id WHERE f.status = 'producing' AND"
    " l.quantity > (SELECT coalesce(sum(w.quantity), 0) FROM work_orders w WHERE w.fulfilment_id = l.fulfilment_id AND"
    " w.order_id = l.order_id AND w.line_no = l.line_no AND w.covers = 1 AND w.state <> 'failed' AND w.state <> 'scrapped')";
  CHECK_INT(number(&p->s, SQL), 0);
  struct arena mem = { 0 };
  CHECK_INT(view_check(p->s.db, &mem, &p->s.rules.status, &p->s.rules.merge, said, NULL), 0);
  arena_release(&mem);
}

TEST(produce_follows_the_factory_over_random_histories)
{
  static struct plant p;
  int64_t n = asked("PRODUCE_HISTORIES", 25), seed0 = asked("PRODUCE_SEED", 1);
  char path[256];
  p = (struct plant){ 0 };
  snprintf(path, sizeof path, "%s/works.db", test_dir());
  REQUIRE(shop_open(&p.s, path, NULL));
  rules_again(&p);
  CHECK_INT(person(&p, "warehouse.put", NULL, "{\"code\":\"F1\",\"kind\":\"factory\"}"), ERR_OK);
  CHECK_INT(person(&p, "sku.put", NULL, "{\"code\":\"SOFA\",\"made\":true}"), ERR_OK);
  CHECK_INT(person(&p, "sku.put", NULL, "{\"code\":\"DESK\",\"made\":true}"), ERR_OK);
  for (int64_t i = 0; i < n; i++) {
    int64_t first = number(&p.s, "SELECT coalesce(max(id), 0) FROM work_orders");
    p.seed = (uint64_t)(seed0 + i) * 7919, p.order = (int)(seed0 + i), p.n = p.under_way = 0, p.minute = 0;
    p.quiet = false;
    test_note("PRODUCE_SEED=%d", p.order);
    order_take(&p, 1 + (int)draw(&p, 4));
    CHECK_INT(person(&p, "order.move", order_id(&p), "{\"to\":\"split\"}"), ERR_OK);
    CHECK_INT(person(&p, "order.move", order_id(&p), "{\"to\":\"producing\"}"), ERR_OK);
    for (int k = 20 + (int)draw(&p, 130); k > 0; k--) step(&p, first);
    quiet(&p);
    as_the_factory_says(&p, first);
    enough(&p);
  }
  test_note("%s", "");
  CHECK(number(&p.s, "SELECT count(*) FROM work_orders WHERE state = 'passed'") > n / 4);
  CHECK(number(&p.s, "SELECT count(*) FROM work_orders WHERE rework_of IS NOT NULL") > n / 4);
  if (getenv("PRODUCE_SEED"))
    printf("%lld work orders, %lld passed, %lld cancelled\n",
           (long long)number(&p.s, "SELECT count(*) FROM work_orders"),
           (long long)number(&p.s, "SELECT count(*) FROM work_orders WHERE state = 'passed'"),
           (long long)number(&p.s, "SELECT count(*) FROM work_orders WHERE state = 'cancelled'"));
  shop_close(&p.s);
}
