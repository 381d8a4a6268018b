/* Cases (domain 8): who may do what at which step, in every cell; four eyes and refunds over random histories beside a
 * naive model. CASE_SEED=N runs one history, CASE_HISTORIES=N so many. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

static const char *file(const char *name)
{
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", test_dir(), name);
  return path;
}

static int64_t asked(const char *name, int64_t otherwise)
{
  const char *text = getenv(name);
  return text ? strtoll(text, NULL, 10) : otherwise;
}

static void act_as(struct shop *s, const char *name, unsigned roles)
{
  s->actor = (struct actor){ .name = name, .roles = roles };
}

static enum err on_case(struct shop *s, const char *cmd, int64_t id, const char *body)
{
  char target[24];
  snprintf(target, sizeof target, "c_%lld", (long long)id);
  return shop_do(s, cmd, target, body);
}

static struct aftercase case_now(struct shop *s, int64_t id)
{
  struct aftercase k = { 0 };
  CHECK_INT(case_get(s->db, &s->mem, id, &k), ERR_OK);
  return k;
}

/* A shipped order of 200.00: two chairs of 70.00, a lamp of 50.00, freight 10.00. */
static const char LINES[] =
  "\"lines\":[{\"line_id\":\"1\",\"sku\":\"CHAIR\",\"title\":\"Chair\",\"quantity\":2,\"price\":\"70.00\"},"
  "{\"line_id\":\"2\",\"sku\":\"LAMP\",\"title\":\"Lamp\",\"quantity\":1,\"price\":\"50.00\"}]";

static void take_order(struct shop *s, int no, int minute, const char *refunds)
{
  char *text = arena_printf(
    &s->mem,
    "{\"external_id\":\"%d\",\"status\":\"shipped\",\"total\":\"200.00\",\"paid\":\"200.00\",\"freight\":\"10.00\","
    "\"updated_at\":\"2026-11-10T09:%02d:%02d+08:00\",%s,\"refunds\":[%s],\"receiver\":{\"phone\":\"138%08d\"}}",
    no, minute / 60 % 60, minute % 60, LINES, refunds, no);
  act_as(s, "channel:shop-a", ROLE_ADMIN);
  CHECK_INT(shop_do(s, "order.ingest", NULL, shop_order(&s->mem, text)), ERR_OK);
}

static int64_t open_case(struct shop *s, int order, const char *rest)
{
  char body[512];
  snprintf(body, sizeof body, "{\"order\":\"shop-a:%d\",\"reason\":\"a leg is loose\",%s}", order, rest);
  struct cmd *c = shop_run(s, "case.open", NULL, body);
  int64_t id = c->job.err ? 0 : c->numbers[0];
  cmd_free(c);
  return id;
}

static void whole(struct shop *s);

/* ---- the matrix -------------------------------------------------------------------------------------------------------- */

#define C ROLE_CS
#define W ROLE_WAREHOUSE
#define F ROLE_FINANCE
#define ALL (C | W | F)
/* Beside an admin: by position (open at cs, at warehouse, at finance; approved, done, rejected, cancelled). 0: nobody. */
static const struct cell {
  const char *cmd, *body;
  enum case_act act;
  unsigned who[7];
} cells[] = {
  { "case.approve", "{}", ACT_APPROVE, { C, W, F, 0, 0, 0, 0 } },
  { "case.reject", "{\"reason\":\"no\"}", ACT_REJECT, { C, W, F, 0, 0, 0, 0 } },
  { "case.send_back", "{\"reason\":\"look again\"}", ACT_SEND_BACK, { 0, W, F, 0, 0, 0, 0 } },
  { "case.change", "{\"amount\":\"10.00\"}", ACT_CHANGE, { ALL, ALL, ALL, 0, 0, 0, 0 } },
  { "case.receive", "{}", ACT_RECEIVE, { W, W, W, W, 0, 0, 0 } },
  { "case.cancel", "{\"reason\":\"no\"}", ACT_CANCEL, { C, C, C, 0, 0, 0, 0 } },
  { "case.refunded", "{}", ACT_REFUNDED, { 0, 0, 0, F, 0, 0, 0 } },
};
static const char *const positions[] = { "cs",   "warehouse", "finance",  "approved",
                                         "done", "rejected",  "cancelled" };

static int64_t case_at(struct shop *s, size_t position)
{
  static int order;
  take_order(s, ++order, 1, "");
  act_as(s, "user:asker", ROLE_ADMIN);
  int64_t id = open_case(s, order, "\"kind\":\"return\",\"lines\":[{\"line_id\":\"1\",\"quantity\":1}]");
  CHECK(id != 0);
  for (size_t i = 0; i < position && i < 3 && position < 5; i++) {
    static const char *const names[] = { "user:a", "user:b", "user:c" };
    act_as(s, names[i], ROLE_ADMIN);
    CHECK_INT(on_case(s, "case.approve", id, "{}"), ERR_OK);
  }
  if (position == 4) {
    CHECK_INT(on_case(s, "case.receive", id, "{\"lines\":[{\"line_no\":1,\"good\":1}]}"), ERR_OK);
    CHECK_INT(on_case(s, "case.refunded", id, "{}"), ERR_OK);
  }
  if (position == 5) CHECK_INT(on_case(s, "case.reject", id, "{\"reason\":\"no\"}"), ERR_OK);
  if (position == 6) CHECK_INT(on_case(s, "case.cancel", id, "{\"reason\":\"no\"}"), ERR_OK);
  return id;
}

static enum err wanted(const struct cell *cell, size_t position, unsigned role)
{
  unsigned people = ROLE_ADMIN | C | W | F;
  if (cell->act == ACT_RECEIVE) people = ROLE_ADMIN | W;
  if (cell->act == ACT_CANCEL) people = ROLE_ADMIN | C;
  if (cell->act == ACT_REFUNDED) people = ROLE_ADMIN | F;
  if (!(role & people)) return ERR_FORBIDDEN;
  unsigned who = cell->who[position];
  if (who && role & (who | ROLE_ADMIN)) return ERR_OK;
  if (!who) { /* nobody: the state forbids it, but first the step it stands at */
    bool first = cell->act == ACT_SEND_BACK && position == 0;
    return first && !(role & (C | ROLE_ADMIN)) ? ERR_FORBIDDEN : ERR_CONFLICT;
  }
  return ERR_FORBIDDEN;
}

TEST(case_matrix_of_roles_steps_and_states)
{
  struct shop s;
  int tried = 0, allowed = 0;
  REQUIRE(shop_open(&s, file("matrix.db"), NULL));
  for (size_t position = 0; position < COUNT(positions); position++) {
    int64_t id = case_at(&s, position);
    struct aftercase k = case_now(&s, id);
    CHECK_STR(k.state == CASE_OPEN ? case_step_name(k.step) : case_state_name(k.state), positions[position]);
    for (size_t i = 0; i < COUNT(cells); i++)
      for (int bit = 0; bit < ROLE_N; bit++) {
        unsigned role = 1u << bit;
        test_note("%s at %s as %s", cells[i].cmd, positions[position], roles_text(&s.mem, role));
        act_as(&s, "user:stranger", role);
        if (role == ROLE_CHANNEL) s.actor.channel = "shop-a";
        s.dry_run = true;
        struct cmd *c =
          shop_run(&s, cells[i].cmd, arena_printf(&s.mem, "c_%lld", (long long)id), cells[i].body);
        enum err want = wanted(&cells[i], position, role), is = cmd_err(c);
        CHECK_INT(is, want);
        cmd_free(c);
        s.dry_run = false;
        unsigned may =
          role & (ROLE_ADMIN | C | W | F) ? case_may(k.state, k.step, cells[i].act, role) : ERR_FORBIDDEN;
        if (want == ERR_OK) CHECK_INT(may, ERR_OK);
        else CHECK(may != ERR_OK);
        tried++, allowed += want == ERR_OK;
      }
    for (int bit = 0; bit < ROLE_N; bit++) { /* a photo has no body of JSON */
      bool open = k.state == CASE_OPEN;
      test_note("case.photo at %s as %s", positions[position], roles_text(&s.mem, 1u << bit));
      CHECK_INT(case_may(k.state, k.step, ACT_PHOTO, 1u << bit) == ERR_OK,
                open && (1u << bit) & (ROLE_ADMIN | ALL));
    }
    CHECK_INT(case_now(&s, id).version, k.version);
  }
  test_note("%s", "");
  CHECK_INT(tried, 7 * 7 * 7);
  CHECK(allowed > 30);
  whole(&s);
  shop_close(&s);
}

/* ---- what a file must show ------------------------------------------------------------------------------------------------ */

static void finding(void *arg, const char *text)
{
  (void)arg;
  printf("finding: %s\n", text);
}

static void whole(struct shop *s)
{
  struct arena mem = { 0 };
  CHECK_INT(view_check(s->db, &mem, &s->rules.status, &s->rules.merge, finding, NULL), 0);
  arena_release(&mem);
}

static int64_t number(struct shop *s, const char *sql)
{
  struct stmt *q = db_prepare(s->db, sql);
  int64_t n = stmt_row(q) ? stmt_col_int(q, 0) : -1;
  stmt_drop(q);
  return n;
}

static void unheard(void *arg, const char *text)
{
  (void)arg, (void)text;
}

TEST(case_check_finds_what_was_tampered_with)
{
  static const char *const harm[] = {
    "UPDATE cases SET amount = 20001",
    "UPDATE case_lines SET quantity = 3",
    "UPDATE case_lines SET amount = 7001",
    "UPDATE case_acts SET person = 'user:a' WHERE act = 'approve'",
    "UPDATE case_acts SET person = 'user:asker' WHERE n = 2",
    "UPDATE case_acts SET digest = zeroblob(32) WHERE n = 3",
    "DELETE FROM case_acts WHERE n = 3",
    "INSERT INTO case_photos (case_id, digest, actor, at) VALUES (1, zeroblob(32), 'x', 1)",
    "UPDATE cases SET order_id = 77",
    "UPDATE cases SET amount = amount - 1",
    "UPDATE cases SET currency = 'USD'",
    "UPDATE case_lines SET amount = amount - 1",
    "UPDATE case_lines SET case_id = 9",
    "UPDATE case_acts SET case_id = 9 WHERE n = 1",
    "UPDATE case_acts SET round = 9 WHERE n = 1",
    "UPDATE case_acts SET sealed = sealed || ' ' WHERE n = 2",
    "UPDATE cases SET state = 'done', ended_at = 1, refund = 'by_hand', goods = 'inspected', due_at = NULL",
    "UPDATE cases SET state = 'done', ended_at = 1, refund = 'accepted', goods = 'received', due_at = NULL",
    "UPDATE cases SET state = 'done', refund = 'accepted', goods = 'inspected', due_at = NULL",
    "UPDATE cases SET ended_at = 1",
    "UPDATE cases SET refund = 'sent', effect_id = NULL",
    "UPDATE cases SET exchange_id = 77",
    "UPDATE cases SET exchange_id = order_id",
    ("INSERT INTO cases (id, order_id, kind, state, step, round, currency, amount, ceiling, reason, refund, refund_id, goods,"
     " created_at, updated_at, step_since, actor, version) SELECT 0, order_id, 'refund_only', 'open', 'cs', 1, currency, 0, ceiling,"
     " 'x', 'none', 'R1', 'none', 1, 1, 1, 'x', 1 FROM cases; UPDATE cases SET refund_id = 'R1' WHERE id = 1"),
  };
  struct shop s;
  REQUIRE(shop_open(&s, file("harm.db"), NULL));
  CHECK_INT(case_at(&s, 3), 1);
  whole(&s);
  for (size_t i = 0; i < COUNT(harm); i++) {
    struct arena mem = { 0 };
    test_note("%s", harm[i]);
    CHECK(tx_begin(s.db));
    CHECK_INT(db_exec(s.db, harm[i]), ERR_OK);
    CHECK(view_check(s.db, &mem, &s.rules.status, &s.rules.merge, unheard, NULL) > 0);
    tx_rollback(s.db);
    arena_release(&mem);
  }
  test_note("%s", "");
  whole(&s);
  shop_close(&s);
}

/* ---- four eyes over random histories ---------------------------------------------------------------------------------------- */

#define PEOPLE 5
#define STEPS_OF_ONE 40
struct eyes { /* one case as a naive reader of its history sees it */
  bool asker[PEOPLE];
  int step_of[PEOPLE]; /* approved: step + 1 */
};

/* Each person has two tokens; the first people have several roles. */
static int become(struct shop *s, uint64_t *seed)
{
  static const unsigned roles[PEOPLE] = { ROLE_ADMIN, C | W | F, C, W | F, F | C };
  static const char *const names[2 * PEOPLE] = { "token:a",  "token:a2", "token:b",  "token:b2", "token:c",
                                                 "token:c2", "token:d",  "token:d2", "token:e",  "token:e2" };
  static const char *const people[PEOPLE] = { "user:a", "user:b", "user:c", "user:d", "user:e" };
  int p = (int)(test_random(seed) % PEOPLE);
  act_as(s, names[2 * p + (int)(test_random(seed) % 2)], roles[p]);
  s->actor.person = people[p];
  return p;
}

static void eyes_step(struct shop *s, struct eyes *e, int64_t id, uint64_t *seed)
{
  struct aftercase k = case_now(s, id);
  int p = become(s, seed), what = (int)(test_random(seed) % 10);
  char body[64];
  if (what < 6) {
    enum err got = on_case(s, "case.approve", id, "{}");
    bool barred = e->asker[p] || (e->step_of[p] && e->step_of[p] != (int)k.step + 1);
    if (k.state != CASE_OPEN) CHECK_INT(got, ERR_CONFLICT);
    else if (barred) CHECK_INT(got, ERR_FORBIDDEN);
    else CHECK_INT(got, s->actor.roles & (case_step_role(k.step) | ROLE_ADMIN) ? ERR_OK : ERR_FORBIDDEN);
    if (!got) e->step_of[p] = (int)k.step + 1;
  } else if (what < 8) {
    on_case(s, "case.send_back", id, "{\"reason\":\"again\"}");
  } else {
    snprintf(body, sizeof body, "{\"amount\":\"%d.00\"}", 1 + (int)(test_random(seed) % 60));
    if (what == 9 && !on_case(s, "case.change", id, body)) e->asker[p] = true;
  }
}

TEST(case_nobody_approves_twice_or_their_own_over_random_histories)
{
  struct shop s;
  int64_t n = asked("CASE_HISTORIES", 60), seed0 = asked("CASE_SEED", 1);
  int approved = 0;
  REQUIRE(shop_open(&s, file("eyes.db"), NULL));
  for (int64_t i = 0; i < n; i++) {
    uint64_t seed = (uint64_t)(seed0 + i);
    struct eyes e = { 0 };
    test_note("CASE_SEED=%lld", (long long)(seed0 + i));
    take_order(&s, (int)i + 1, 1, "");
    int p = become(&s, &seed);
    int64_t id =
      open_case(&s, (int)i + 1, "\"kind\":\"return\",\"lines\":[{\"line_id\":\"1\",\"quantity\":1}]");
    CHECK(id != 0);
    e.asker[p] = true;
    for (int k = 0; k < STEPS_OF_ONE; k++) eyes_step(&s, &e, id, &seed);
    approved += case_now(&s, id).state == CASE_APPROVED;
  }
  test_note("%s", "");
  CHECK(approved > n / 20), CHECK(approved < n);
  whole(&s);
  shop_close(&s);
}

/* ---- no more back than was paid, over random histories ---------------------------------------------------------------------- */

static const struct channel_family FAMILY[] = { { "shop-a", "shop-a", .refunds = true } };

struct money {                /* one order as its channel sees it; minor units */
  int64_t line[3], rest, all; /* went back for lines 1 and 2, for none of them, in all */
  char told[4000];
  int told_n, minute;
  int64_t sending; /* an effect under way; 0: none */
  int64_t sending_line[3], sending_all;
};

static const int64_t worth[3] = { 0, 14000, 5000 };

static void family_again(struct shop *s, bool refunds)
{
  s->rules.family = (struct channel_family *)(uintptr_t)FAMILY, s->rules.families = refunds ? 1 : 0;
}

/* The channel pays back something by itself, as far as it can, and says so. */
static void channel_refunds(struct shop *s, struct money *m, int order, uint64_t *seed)
{
  int line = (int)(test_random(seed) % 3);
  int64_t room = 20000 - m->all, amount = 1 + (int64_t)(test_random(seed) % 3000);
  if (line && worth[line] - m->line[line] < room) room = worth[line] - m->line[line];
  if (amount > room) amount = room;
  if (amount <= 0 || m->sending || m->told_n > 12) return;
  m->all += amount, *(line ? &m->line[line] : &m->rest) += amount;
  size_t len = strlen(m->told);
  snprintf(m->told + len, sizeof m->told - len,
           "%s{\"refund_id\":\"r%d\",\"status\":\"refunded\",\"amount\":\"%lld.%02lld\"%s%s%s}",
           len ? "," : "", ++m->told_n, (long long)(amount / 100), (long long)(amount % 100),
           line ? ",\"line_id\":\"" : "",
           line == 1   ? "1"
           : line == 2 ? "2"
                       : "",
           line ? "\"" : "");
  take_order(s, order, ++m->minute + 1, m->told);
}

static void money_of_case(struct shop *s, int64_t id, int64_t line[3], int64_t *all)
{
  struct case_line *l;
  size_t n;
  struct aftercase k = case_now(s, id);
  *all = k.amount, line[1] = line[2] = 0;
  CHECK_INT(case_lines(s->db, &s->mem, id, &l, &n), ERR_OK);
  for (size_t i = 0; i < n; i++) line[l[i].line_no] = l[i].amount;
}

static void paid_back(struct money *m, const int64_t line[3], int64_t all)
{
  m->all += all, m->line[1] += line[1], m->line[2] += line[2];
  CHECK(m->all <= 20000), CHECK(m->line[1] <= worth[1]), CHECK(m->line[2] <= worth[2]);
}

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

static void effect_take(struct shop *s, struct money *m)
{
  struct effects_take t = { .destination = "channel:shop-a", .max = 1, .ask_again_at = s->env.now_ms + 1 };
  if (m->sending) return;
  struct cmd *c = own(s, CMD_EFFECTS_TAKE, &t);
  CHECK_INT(c->job.err, ERR_OK);
  if (t.n && !t.list[0].ask) {
    const char *at = strstr(t.list[0].effect.data, "\"case\":\"c_");
    m->sending = t.list[0].effect.id;
    money_of_case(s, strtoll(at + 10, NULL, 10), m->sending_line, &m->sending_all);
  }
  cmd_free(c);
}

/* The channel has paid what we sent, or it refuses; and the answer may be lost. */
static void effect_answer(struct shop *s, struct money *m, uint64_t *seed)
{
  static const enum outcome_kind kinds[] = { OUTCOME_ACCEPTED, OUTCOME_REFUSED, OUTCOME_UNKNOWN };
  enum outcome_kind kind = kinds[test_random(seed) % 3];
  if (!m->sending) return;
  bool paid = kind == OUTCOME_ACCEPTED || (kind == OUTCOME_UNKNOWN && test_random(seed) % 2);
  struct effect_settle how = { .id = m->sending, .outcome = { .kind = kind, .code = "test" }, .random = 1 };
  if (paid) paid_back(m, m->sending_line, m->sending_all);
  m->sending = 0;
  cmd_free(own(s, CMD_EFFECT_SETTLE, &how));
}

static void random_case(struct shop *s, int order, uint64_t *seed)
{
  int kind = (int)(test_random(seed) % 4);
  char rest[200];
  int64_t amount = 1 + (int64_t)(test_random(seed) % 12000);
  if (kind == 0)
    snprintf(rest, sizeof rest, "\"kind\":\"refund_only\",\"amount\":\"%lld.%02lld\"",
             (long long)(amount / 100), (long long)(amount % 100));
  else
    snprintf(
      rest, sizeof rest,
      "\"kind\":\"return\",\"amount\":\"%lld.%02lld\",\"lines\":[{\"line_no\":%d,\"quantity\":1,\"amount\":\"%lld.%02lld\"}]",
      (long long)(amount / 100), (long long)(amount % 100), 1 + kind % 2, (long long)(amount / 200),
      (long long)(amount / 2 % 100));
  become(s, seed);
  open_case(s, order, rest);
}

static void refund_step(struct shop *s, struct money *m, int order, int64_t first, uint64_t *seed)
{
  int64_t cases = number(s, "SELECT coalesce(max(id), 0) FROM cases");
  int64_t id = cases > first ? first + 1 + (int64_t)(test_random(seed) % (uint64_t)(cases - first)) : 0;
  char body[64];
  switch (test_random(seed) % 16) {
  case 0:
  case 1: random_case(s, order, seed); return;
  case 2: channel_refunds(s, m, order, seed); return;
  case 3: take_order(s, order, ++m->minute + 1, m->told); return;
  case 4: effect_take(s, m); return;
  case 5:
  case 6: effect_answer(s, m, seed); return;
  case 7:
    CHECK(shop_reopen(s, NULL)); /* the process dies between commands: nothing may lean on memory */
    family_again(s, test_random(seed) % 4 != 0);
    return;
  default: break;
  }
  struct aftercase k;
  if (!id || case_get(s->db, &s->mem, id, &k)) return; /* a refused one leaves a gap */
  become(s, seed);
  snprintf(body, sizeof body, "{\"amount\":\"%d.00\"}", 1 + (int)(test_random(seed) % 120));
  switch (test_random(seed) % 12) {
  case 0: on_case(s, "case.change", id, body); return;
  case 1: on_case(s, "case.cancel", id, "{\"reason\":\"x\"}"); return;
  case 2: {
    int64_t line[3], all;
    if (strcmp(k.refund, "by_hand") != 0)
      return; /* finance looks before it pays by hand what may be on its way */
    money_of_case(s, id, line, &all);
    if (m->all + all > 20000 || m->line[1] + line[1] > worth[1] || m->line[2] + line[2] > worth[2])
      return; /* as its task says */
    act_as(s, "user:f", F);
    if (!on_case(s, "case.refunded", id, "{}")) paid_back(m, line, all);
    return;
  }
  default:
    if (k.state != CASE_OPEN) return;
    for (int i = 0; i < 4 && on_case(s, "case.approve", id, "{}"); i++) become(s, seed); /* whoever may */
  }
}

TEST(case_refunds_are_never_more_than_was_paid_over_random_histories)
{
  struct shop s;
  int64_t n = asked("CASE_HISTORIES", 40), seed0 = asked("CASE_SEED", 1), back = 0;
  REQUIRE(shop_open(&s, file("money.db"), NULL));
  family_again(&s, true);
  for (int64_t i = 0; i < n; i++) {
    uint64_t seed = (uint64_t)(seed0 + i) * 7919;
    struct money m = { 0 };
    test_note("CASE_SEED=%lld", (long long)(seed0 + i));
    int64_t first = number(&s, "SELECT coalesce(max(id), 0) FROM cases");
    take_order(&s, (int)i + 1, 1, "");
    for (int k = 0; k < 150; k++) refund_step(&s, &m, (int)i + 1, first, &seed);
    while (m.sending) effect_answer(&s, &m, &seed);
    back += m.all;
    CHECK_INT(
      db_exec(s.db, "UPDATE effects SET state = 'dropped' WHERE state <> 'done' AND state <> 'dropped'"),
      ERR_OK);
  }
  test_note("%s", "");
  CHECK(back > n * 2000); /* something did go back */
  if (getenv("CASE_SEED"))
    printf("%lld cases, %lld approved, %lld accepted, %lld unknown, %lld by hand\n",
           (long long)number(&s, "SELECT count(*) FROM cases"),
           (long long)number(&s, "SELECT count(*) FROM cases WHERE state = 'approved' OR state = 'done'"),
           (long long)number(&s, "SELECT count(*) FROM cases WHERE refund = 'accepted'"),
           (long long)number(&s, "SELECT count(*) FROM cases WHERE refund = 'unknown'"),
           (long long)number(&s, "SELECT count(*) FROM cases WHERE refund = 'by_hand'"));
  CHECK(number(&s, "SELECT count(*) FROM cases WHERE refund = 'accepted'") > n / 8);
  CHECK(number(&s, "SELECT count(*) FROM cases WHERE refund_id IS NOT NULL OR refund = 'unknown'") > 0);
  whole(&s);
  shop_close(&s);
}

/* ---- stories ------------------------------------------------------------------------------------------------------------------ */

static int open_exceptions(struct shop *s, const char *type)
{
  return (int)number(
    s, arena_printf(&s->mem, "SELECT count(*) FROM exceptions WHERE state = 'open' AND type = '%s'", type));
}

TEST(case_deadlines_survive_a_restart)
{
  struct shop s;
  static const char conf[] = "[returns]\ncs_remind = 1h\ncs_escalate = 2h\n";
  REQUIRE(shop_open(&s, file("due.db"), conf));
  int64_t id = case_at(&s, 0), since = s.env.now_ms;
  CHECK_INT(case_now(&s, id).due_at, since + 3600 * 1000);
  CHECK(shop_reopen(&s, conf));
  CHECK_INT(case_next_due(s.db), since + 3600 * 1000);
  s.env.now_ms = since + 3600 * 1000;
  CHECK_INT(shop_do(&s, "timers.fire", NULL, NULL), ERR_OK);
  CHECK_INT(number(&s, "SELECT count(*) FROM events WHERE type = 'case.reminder'"), 1);
  CHECK(shop_reopen(&s, conf));
  s.env.now_ms = since + 9 * 3600 * 1000;
  CHECK_INT(shop_do(&s, "timers.fire", NULL, NULL), ERR_OK);
  CHECK_INT(shop_do(&s, "timers.fire", NULL, NULL), ERR_OK);
  CHECK_INT(number(&s, "SELECT count(*) FROM events WHERE type = 'case.reminder'"), 1);
  CHECK_INT(number(&s, "SELECT count(*) FROM events WHERE type = 'case.overdue'"), 1);
  CHECK_INT(open_exceptions(&s, "case_overdue:cs"), 1);
  act_as(&s, "user:a", C);
  CHECK_INT(on_case(&s, "case.approve", id, "{}"), ERR_OK);
  CHECK_INT(open_exceptions(&s, "case_overdue:cs"), 0);
  CHECK_INT(case_now(&s, id).due_at, s.env.now_ms + 24ll * 3600 * 1000);
  shop_close(&s);
}

static bool told(struct shop *s, const char *type, const char *text)
{
  struct stmt *q = db_stmt(s->db, "SELECT data FROM exceptions WHERE state = 'open' AND type = $1");
  stmt_text(q, 1, type);
  bool is = stmt_row(q) && strstr(stmt_col_text(q, 0), text);
  stmt_end(q);
  return is;
}

/* One exception per order and type: it names all that are late, and stays until none is. */
TEST(case_overdue_cases_of_one_order_are_each_seen)
{
  struct shop s;
  static const char conf[] =
    "[returns]\ncs_remind = 1h\ncs_escalate = 2h\nwarehouse_remind = 0s\n"
    "warehouse_escalate = 0s\nfinance_remind = 0s\nfinance_escalate = 0s\ngoods_due = 1h\n";
  int64_t id[3];
  REQUIRE(shop_open(&s, file("due2.db"), conf));
  take_order(&s, 800, 1, "");
  act_as(&s, "user:asker", C);
  for (int i = 0; i < 3; i++) {
    id[i] = open_case(&s, 800,
                      i < 2 ? "\"kind\":\"return\",\"lines\":[{\"line_id\":\"1\",\"quantity\":1}]"
                            : "\"kind\":\"refund_only\",\"amount\":\"1.00\"");
    s.env.now_ms += 60 * 1000;
  }
  s.env.now_ms += 9 * 3600 * 1000;
  for (int i = 0; i < 2; i++) CHECK_INT(shop_do(&s, "timers.fire", NULL, NULL), ERR_OK);
  for (int i = 0; i < 2; i++)
    s.env.now_ms += 3600 * 1000, CHECK_INT(shop_do(&s, "timers.fire", NULL, NULL), ERR_OK);
  CHECK_INT(number(&s, "SELECT count(*) FROM events WHERE type = 'case.overdue'"), 3);
  CHECK_INT(open_exceptions(&s, "case_overdue:cs"), 1);
  for (int i = 0; i < 3; i++) { /* approved one by one: the others stay */
    char mine[24];
    for (int k = 0; k < 3; k++) {
      snprintf(mine, sizeof mine, "\"c_%d\"", (int)id[k]);
      test_note("approved %d, looking for %d", i, k);
      CHECK_INT(told(&s, "case_overdue:cs", mine), k >= i);
    }
    CHECK_INT(open_exceptions(&s, "case_overdue:cs"), 1);
    act_as(&s, "user:a", C);
    CHECK_INT(on_case(&s, "case.approve", id[i], "{}"), ERR_OK);
  }
  CHECK_INT(open_exceptions(&s, "case_overdue:cs"), 0);
  for (int i = 0; i < 2; i++) { /* both approved; neither comes */
    act_as(&s, "user:w", W);
    CHECK_INT(on_case(&s, "case.approve", id[i], "{}"), ERR_OK);
    act_as(&s, "user:f", F);
    CHECK_INT(on_case(&s, "case.approve", id[i], "{}"), ERR_OK);
  }
  s.env.now_ms += 2 * 3600 * 1000;
  CHECK_INT(shop_do(&s, "timers.fire", NULL, NULL), ERR_OK);
  CHECK_INT(open_exceptions(&s, "return_overdue"), 1);
  CHECK(told(&s, "return_overdue", "\"c_1\"") && told(&s, "return_overdue", "\"c_2\""));
  act_as(&s, "user:w", ROLE_ADMIN);
  CHECK(told(&s, "refund_by_hand", "\"c_1\"") && told(&s, "refund_by_hand", "\"c_2\""));
  for (int i = 0; i < 2; i++) {
    CHECK_INT(on_case(&s, "case.receive", id[i], "{\"lines\":[{\"line_no\":1,\"good\":1}]}"), ERR_OK);
    CHECK_INT(on_case(&s, "case.refunded", id[i], "{}"), ERR_OK);
    CHECK_INT(open_exceptions(&s, "return_overdue"), i == 0);
    CHECK(!told(&s, "return_overdue", "\"c_1\""));
    CHECK_INT(told(&s, "refund_by_hand", "\"c_2\""), i == 0);
    CHECK(!told(&s, "refund_by_hand", "\"c_1\""));
  }
  whole(&s);
  shop_close(&s);
}

TEST(case_refund_goes_by_the_connector_once)
{
  struct shop s;
  struct effects_take t = { .destination = "channel:shop-a", .max = 4, .ask_again_at = INT64_MAX };
  REQUIRE(shop_open(&s, file("once.db"), NULL));
  family_again(&s, true);
  int64_t id = case_at(&s, 3);
  CHECK_STR(case_now(&s, id).refund, "sent");
  struct cmd *c = own(&s, CMD_EFFECTS_TAKE, &t);
  REQUIRE(t.n == 1);
  CHECK_STR(t.list[0].effect.kind, "refund"), CHECK(!t.list[0].effect.safe);
  CHECK(strstr(t.list[0].effect.data, "\"amount\":\"70.00\"") != NULL);
  int64_t effect = t.list[0].effect.id;
  cmd_free(c);
  act_as(&s, "user:f", F);
  CHECK_INT(on_case(&s, "case.refunded", id, "{}"), ERR_CONFLICT); /* it is being sent */
  struct effect_settle how = { .id = effect,
                               .outcome = { .kind = OUTCOME_ACCEPTED, .result = "{\"refund_id\":\"R9\"}" } };
  cmd_free(own(&s, CMD_EFFECT_SETTLE, &how));
  struct aftercase k = case_now(&s, id);
  CHECK_STR(k.refund, "accepted"), CHECK_STR(k.refund_id, "R9"), CHECK_INT(k.state, CASE_APPROVED);
  CHECK_INT(on_case(&s, "case.refunded", id, "{}"), ERR_CONFLICT);
  act_as(&s, "user:w", W);
  CHECK_INT(on_case(&s, "case.receive", id, "{\"lines\":[{\"line_id\":\"1\",\"damaged\":1}]}"), ERR_OK);
  CHECK_INT(case_now(&s, id).state, CASE_DONE);
  whole(&s);
  shop_close(&s);
}

TEST(case_goods_go_through_quarantine)
{
  struct shop s;
  REQUIRE(shop_open(&s, file("goods.db"), NULL));
  act_as(&s, "test", ROLE_ADMIN);
  CHECK_INT(shop_do(&s, "warehouse.put", NULL, "{\"code\":\"HZ\",\"country\":\"CN\"}"), ERR_OK);
  CHECK_INT(shop_do(&s, "sku.put", NULL, "{\"code\":\"CHAIR\"}"), ERR_OK);
  CHECK_INT(shop_do(&s, "sku.put", NULL, "{\"code\":\"LAMP\"}"), ERR_OK);
  int64_t id = case_at(&s, 0);
  act_as(&s, "user:w", W);
  CHECK_INT(on_case(&s, "case.receive", id, "{\"lines\":[{\"line_id\":\"1\",\"quantity\":1}]}"), ERR_INVALID);
  CHECK_INT(
    on_case(&s, "case.receive", id, "{\"warehouse\":\"HZ\",\"lines\":[{\"line_id\":\"1\",\"quantity\":2}]}"),
    ERR_CONFLICT);
  CHECK_INT(
    on_case(&s, "case.receive", id, "{\"warehouse\":\"HZ\",\"lines\":[{\"line_id\":\"1\",\"quantity\":1}]}"),
    ERR_OK);
  struct stock stock;
  int64_t sku = number(&s, "SELECT id FROM skus WHERE code = 'CHAIR'"),
          place = number(&s, "SELECT id FROM warehouses");
  CHECK_INT(stock_get(s.db, sku, place, &stock), ERR_OK);
  CHECK_INT(stock.quarantine, 1), CHECK_INT(stock.on_hand, 0);
  CHECK_INT(on_case(&s, "case.receive", id, "{\"lines\":[{\"line_id\":\"1\",\"good\":2}]}"), ERR_CONFLICT);
  CHECK_INT(on_case(&s, "case.receive", id, "{\"lines\":[{\"line_id\":\"1\",\"good\":1}]}"), ERR_OK);
  CHECK_INT(stock_get(s.db, sku, place, &stock), ERR_OK);
  CHECK_INT(stock.quarantine, 0), CHECK_INT(stock.on_hand, 1), CHECK_INT(stock.available, 1);
  CHECK_STR(case_now(&s, id).goods, "inspected");
  whole(&s);
  shop_close(&s);
}

TEST(case_small_amounts_limits_and_goods_first)
{
  struct shop s;
  REQUIRE(shop_open(
    &s, file("rules.db"),
    "[returns]\nskip_below = 8000\nskip = warehouse finance\ncs_limit = 6000\nreceive_first = yes\n"));
  take_order(&s, 900, 1, "");
  act_as(&s, "user:asker", C);
  int64_t small = open_case(&s, 900, "\"kind\":\"refund_only\",\"amount\":\"60.00\""),
          large = open_case(&s, 900, "\"kind\":\"return\",\"lines\":[{\"line_id\":\"1\"}]");
  act_as(&s, "user:a", C);
  CHECK_INT(on_case(&s, "case.approve", small, "{}"), ERR_OK);
  CHECK_INT(case_now(&s, small).state, CASE_APPROVED);
  CHECK_INT(number(&s, "SELECT count(*) FROM case_acts WHERE act = 'skip'"), 2);
  CHECK_INT(on_case(&s, "case.approve", large, "{}"), ERR_FORBIDDEN); /* 140.00 is over the limit */
  act_as(&s, "user:boss", ROLE_ADMIN);
  CHECK_INT(on_case(&s, "case.approve", large, "{}"), ERR_OK);
  act_as(&s, "user:w", W);
  CHECK_INT(on_case(&s, "case.approve", large, "{}"), ERR_CONFLICT);
  CHECK_INT(on_case(&s, "case.receive", large, "{\"lines\":[{\"line_id\":\"1\",\"good\":2}]}"), ERR_OK);
  CHECK_INT(on_case(&s, "case.approve", large, "{}"), ERR_OK);
  whole(&s);
  shop_close(&s);
}

TEST(case_of_one_order_are_counted)
{
  struct shop s;
  REQUIRE(shop_open(&s, file("many.db"), NULL));
  take_order(&s, 902, 1, "");
  act_as(&s, "user:asker", ROLE_ADMIN);
  for (int i = 0; i <= CASES_MAX; i++) {
    int64_t id = open_case(&s, 902, "\"kind\":\"refund_only\",\"amount\":\"1.00\"");
    CHECK_INT(id != 0, i < CASES_MAX);
    if (id) CHECK_INT(on_case(&s, "case.reject", id, "{\"reason\":\"no\"}"), ERR_OK);
  }
  shop_close(&s);
}

TEST(case_tokens_of_nobody_may_be_kept_from_approving)
{
  struct shop s;
  REQUIRE(shop_open(&s, file("people.db"), "[returns]\npeople_only = yes\n"));
  int64_t id = case_at(&s, 0);
  act_as(&s, "token:cs", C);
  CHECK_INT(on_case(&s, "case.approve", id, "{}"), ERR_FORBIDDEN);
  s.actor.person = "user:kim";
  CHECK_INT(on_case(&s, "case.approve", id, "{}"), ERR_OK);
  shop_close(&s);
}

static enum err photo_to(struct shop *s, int64_t id, unsigned char n, int64_t size, bool *is_new)
{
  struct photo_row row = { .digest = { n, 1 }, .type = "image/png", .width = 2, .height = 2, .size = size };
  struct cmd *c = cmd_new(CMD_CASE_PHOTO, &s->env.env, &s->rules, &s->actor);
  c->target = arena_printf(&c->mem, "c_%lld", (long long)id);
  c->args = &row, c->job.done = nothing;
  must(writer_push(s->writer, &c->job));
  writer_collect(s->writer);
  enum err e = c->job.err;
  *is_new = !e && c->numbers[0];
  cmd_free(c);
  return e;
}

TEST(case_photos_have_quotas_and_begin_anew)
{
  struct shop s;
  bool is_new;
  REQUIRE(shop_open(&s, file("quota.db"), "[returns]\nphotos_max = 2\nphotos_mib = 1\n"));
  int64_t id = case_at(&s, 1), other = case_at(&s, 0), over = case_at(&s, 5);
  act_as(&s, "user:w", W);
  CHECK_INT(photo_to(&s, id, 1, 1 << 19, &is_new), ERR_OK), CHECK(is_new);
  CHECK_INT(case_now(&s, id).step, STEP_CS), CHECK_INT(case_now(&s, id).round, 2);
  CHECK_INT(photo_to(&s, id, 1, 1 << 19, &is_new), ERR_OK), CHECK(!is_new);
  CHECK_INT(photo_to(&s, id, 2, (1 << 19) + 1, &is_new), ERR_DISK_FULL);
  CHECK_INT(photo_to(&s, id, 3, 100, &is_new), ERR_OK);
  CHECK_INT(photo_to(&s, id, 4, 100, &is_new), ERR_TOO_LARGE);
  CHECK_INT(case_now(&s, id).round, 2); /* nothing was approved since: it goes on */
  CHECK_INT(photo_to(&s, other, 1, 1 << 19, &is_new), ERR_OK),
    CHECK(is_new); /* the same bytes lie there once */
  CHECK_INT(number(&s, "SELECT sum(size) FROM photos"), (1 << 19) + 100);
  CHECK_INT(photo_to(&s, over, 3, 100, &is_new), ERR_CONFLICT);
  act_as(&s, "user:v", ROLE_VIEWER);
  CHECK_INT(photo_to(&s, other, 5, 1, &is_new), ERR_FORBIDDEN);
  whole(&s);
  shop_close(&s);
}

TEST(case_repaired_goods_go_back_by_an_order_at_no_price)
{
  struct shop s;
  REQUIRE(shop_open(&s, file("repair.db"), NULL));
  take_order(&s, 901, 1, "");
  act_as(&s, "user:asker", C);
  int64_t id = open_case(&s, 901, "\"kind\":\"repair\",\"lines\":[{\"line_id\":\"2\"}]");
  static const char *const people[] = { "user:a", "user:b", "user:c" };
  for (int i = 0; i < 3; i++) {
    act_as(&s, people[i], ROLE_ADMIN);
    CHECK_INT(on_case(&s, "case.approve", id, "{}"), ERR_OK);
  }
  CHECK_INT(case_now(&s, id).exchange_id, 0);
  CHECK_INT(on_case(&s, "case.receive", id, "{\"lines\":[{\"line_id\":\"2\",\"good\":1}]}"), ERR_OK);
  struct aftercase k = case_now(&s, id);
  struct order o;
  CHECK_INT(k.state, CASE_DONE);
  CHECK_INT(order_get(s.db, &s.mem, k.exchange_id, &o), ERR_OK);
  CHECK_STR(o.external_id, id_text(&s.mem, 'c', id)), CHECK_INT(o.total, 0),
    CHECK_STR(o.phone, "13800000901");
  whole(&s);
  shop_close(&s);
}
