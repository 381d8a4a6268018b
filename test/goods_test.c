/* Stock against a naive model (domain 5.2): random bookings, counts and moves, with orders that reserve and leave, and
 * with processes that end in the middle. Every bucket is the sum of its ledger, and none is negative. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKUS 4
#define PLACES 3

struct shelf {
  int64_t on_hand, quarantine;
};
struct model {
  struct shelf at[SKUS][PLACES];
};
struct step { /* one command, with what the model says of it */
  const char *verb;
  char body[256];
  bool ok;
};

/* ---- the model: no buckets but two, no SQL, no ledger --------------------------------------------------------- */

static int64_t pick(uint64_t *seed, int64_t n)
{
  return (int64_t)(test_random(seed) % (uint64_t)n);
}

static void step_adjust(struct model *m, uint64_t *seed, int k, int p, struct step *s)
{
  int64_t delta = pick(seed, 21) - 10;
  s->verb = "stock.adjust";
  s->ok = delta && m->at[k][p].on_hand + delta >= 0;
  if (s->ok) m->at[k][p].on_hand += delta;
  snprintf(s->body, sizeof s->body, "{\"sku\":\"S%d\",\"warehouse\":\"W%d\",\"delta\":%d,\"reason\":\"r\"}",
           k, p, (int)delta);
}

static void step_count(struct model *m, uint64_t *seed, int k, int p, struct step *s)
{
  int64_t n = pick(seed, 30);
  s->verb = "stock.count", s->ok = true;
  m->at[k][p].on_hand = n;
  snprintf(s->body, sizeof s->body, "{\"sku\":\"S%d\",\"warehouse\":\"W%d\",\"counted\":%d}", k, p, (int)n);
}

static void step_move(struct model *m, uint64_t *seed, int k, int p, struct step *s)
{
  int to = (int)pick(seed, PLACES);
  bool from_q = pick(seed, 3) == 0, to_q = pick(seed, 3) == 0;
  int64_t n = pick(seed, 12);
  int64_t *from = from_q ? &m->at[k][p].quarantine : &m->at[k][p].on_hand,
          *dest = to_q ? &m->at[k][to].quarantine : &m->at[k][to].on_hand;
  s->verb = "stock.move";
  s->ok = n > 0 && from != dest && *from >= n;
  if (s->ok) *from -= n, *dest += n;
  snprintf(
    s->body, sizeof s->body,
    "{\"sku\":\"S%d\",\"warehouse\":\"W%d\",\"to\":\"W%d\",\"quantity\":%d,\"from_bucket\":\"%s\",\"to_bucket\":\"%s\"}",
    k, p, to, (int)n, from_q ? "quarantine" : "available", to_q ? "quarantine" : "available");
}

static struct step step_next(struct model *m, uint64_t *seed)
{
  struct step s = { 0 };
  int k = (int)pick(seed, SKUS), p = (int)pick(seed, PLACES);
  switch (pick(seed, 4)) {
  case 0: step_count(m, seed, k, p, &s); break;
  case 1: step_move(m, seed, k, p, &s); break;
  default: step_adjust(m, seed, k, p, &s); break;
  }
  return s;
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

static bool dictionary(struct shop *s)
{
  char body[64];
  bool ok = true;
  for (int k = 0; k < SKUS; k++) {
    snprintf(body, sizeof body, "{\"code\":\"S%d\"}", k);
    ok = ok && CHECK_INT(shop_do(s, "sku.put", NULL, body), ERR_OK);
  }
  for (int p = 0; p < PLACES; p++) {
    snprintf(body, sizeof body, "{\"code\":\"W%d\"}", p);
    ok = ok && CHECK_INT(shop_do(s, "warehouse.put", NULL, body), ERR_OK);
  }
  return ok;
}

/* The ledger summed by hand. Ids are given in the order of the dictionary, from 1. */
static void ledger_agrees(struct shop *s)
{
  int64_t sum[SKUS][PLACES][128] = { 0 };
  struct stmt *q =
    db_prepare(s->db, "SELECT sku_id, warehouse_id, source, target, quantity FROM stock_moves ORDER BY id");
  while (stmt_row(q)) {
    int64_t k = stmt_col_int(q, 0) - 1, p = stmt_col_int(q, 1) - 1, n = stmt_col_int(q, 4);
    if (!CHECK(k >= 0 && k < SKUS && p >= 0 && p < PLACES && n > 0)) break;
    int64_t *bucket = sum[k][p];
    bucket[*stmt_col_text(q, 2) & 127] -= n, bucket[*stmt_col_text(q, 3) & 127] += n;
    CHECK(bucket['a'] >= 0 && bucket['r'] >= 0 && bucket['f'] >= 0 && bucket['q'] >= 0);
  }
  stmt_end(q), stmt_drop(q);
  for (int k = 0; k < SKUS; k++)
    for (int p = 0; p < PLACES; p++) {
      struct stock now;
      int64_t *bucket = sum[k][p];
      CHECK_INT(stock_get(s->db, k + 1, p + 1, &now), ERR_OK);
      CHECK_INT(now.available, bucket['a']), CHECK_INT(now.reserved, bucket['r']),
        CHECK_INT(now.frozen, bucket['f']);
      CHECK_INT(now.quarantine, bucket['q']), CHECK_INT(now.on_hand, bucket['a'] + bucket['r'] + bucket['f']);
    }
}

static void model_agrees(struct shop *s, const struct model *m)
{
  for (int k = 0; k < SKUS; k++)
    for (int p = 0; p < PLACES; p++) {
      struct stock now;
      CHECK_INT(stock_get(s->db, k + 1, p + 1, &now), ERR_OK);
      CHECK_INT(now.on_hand, m->at[k][p].on_hand), CHECK_INT(now.quarantine, m->at[k][p].quarantine);
    }
}

static void say(void *arg, const char *text)
{
  (void)arg;
  fprintf(stderr, "  check: %s\n", text);
}

static void check_agrees(struct shop *s)
{
  struct arena a = { 0 };
  CHECK_INT(view_check(s->db, &a, &s->rules.status, &s->rules.merge, say, NULL), 0);
  arena_release(&a);
}

static const char *file(const char *name)
{
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", test_dir(), name);
  return path;
}

/* ---- bookings alone: the model says what each one does -------------------------------------------------------------- */

#define STEPS 1500

TEST(goods_stock_is_what_a_naive_model_says)
{
  struct model m = { 0 };
  struct shop s;
  uint64_t seed = 5;
  REQUIRE(shop_open(&s, file("model.db"), NULL) && dictionary(&s));
  for (int i = 0; i < STEPS; i++) {
    struct step t = step_next(&m, &seed);
    test_note("step %d: %s %s", i, t.verb, t.body);
    enum err e = shop_do(&s, t.verb, NULL, t.body);
    if (!CHECK_INT(e == ERR_OK, t.ok)) break;
    if (!t.ok) CHECK(e == ERR_CONFLICT || e == ERR_INVALID);
    if (i % 250 == 249) {
      CHECK(shop_reopen(&s, NULL));
      model_agrees(&s, &m), ledger_agrees(&s);
    }
  }
  check_agrees(&s);
  shop_close(&s);
}

/* ---- ended in the middle: what was answered is there, and nothing else ---------------------------------------------------- */

/* Runs commands until it ends without a word; a byte per answer. */
static void run_and_die(const char *path, struct model m, uint64_t seed, int steps, int to)
{
  struct shop s;
  if (!shop_open(&s, path, NULL)) _exit(1);
  for (int i = 0; i < steps; i++) {
    struct step t = step_next(&m, &seed);
    shop_do(&s, t.verb, NULL, t.body);
    if (write(to, "", 1) != 1) _exit(1);
  }
  _exit(9);
}

static int64_t answers(const char *path, const struct model *m, uint64_t seed, int steps)
{
  int pipes[2];
  char bytes[256];
  int64_t n = 0;
  if (!CHECK(!pipe(pipes))) return 0;
  fflush(NULL);
  pid_t child = fork();
  if (!child) close(pipes[0]), run_and_die(path, *m, seed, steps, pipes[1]);
  close(pipes[1]);
  for (ssize_t got; (got = read(pipes[0], bytes, sizeof bytes)) > 0;) n += got;
  close(pipes[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 9);
  return n;
}

TEST(goods_what_was_answered_survives)
{
  struct model m = { 0 };
  struct shop s;
  uint64_t seed = 11, lengths = 3;
  REQUIRE(shop_open(&s, file("killed.db"), NULL) && dictionary(&s));
  shop_close(&s);
  for (int round = 0; round < 12; round++) {
    int64_t n = answers(file("killed.db"), &m, seed, (int)pick(&lengths, 60));
    test_note("round %d, %d answers", round, (int)n);
    for (int64_t i = 0; i < n; i++) step_next(&m, &seed);
    REQUIRE(shop_open(&s, file("killed.db"), NULL));
    model_agrees(&s, &m), ledger_agrees(&s), check_agrees(&s);
    shop_close(&s);
  }
}

/* ---- with orders: they reserve, are cancelled, and lose what a count does not find ------------------------------------------ */

static void order_random(struct shop *s, uint64_t *seed, int n)
{
  struct arena a = { 0 };
  char *body = arena_printf(
    &a,
    "{\"external_id\":\"R%d\",\"receiver\":{\"phone\":\"139%08d\"},\"lines\":[{\"line_id\":\"1\",\"sku\":\"S%d\",\"quantity\":%d,\"price\":\"1.00\"}]}",
    n, n, (int)pick(seed, SKUS), (int)pick(seed, 5) + 1);
  CHECK_INT(shop_do(s, "order.ingest", NULL, shop_order(&a, body)), ERR_OK);
  arena_release(&a);
}

static void heal(struct shop *s)
{
  for (int i = 0; i < 50; i++) {
    struct cmd *c = shop_run(s, "stock.heal", NULL, NULL);
    bool more = c->left && !c->job.err;
    CHECK_INT(c->job.err, ERR_OK);
    cmd_free(c);
    if (!more) return;
  }
}

TEST(goods_orders_and_bookings_together)
{
  struct shop s;
  struct model m = { 0 };
  uint64_t seed = 23;
  int orders = 0;
  char target[32];
  REQUIRE(shop_open(&s, file("orders.db"), NULL) && dictionary(&s));
  for (int i = 0; i < 600; i++) {
    test_note("step %d", i);
    int64_t what = pick(&seed, 10);
    if (what < 4) {
      order_random(&s, &seed, ++orders);
    } else if (what == 4 && orders) {
      snprintf(target, sizeof target, "o_%d", (int)pick(&seed, orders) + 1);
      shop_do(&s, "order.cancel", target, "{\"reason\":\"r\"}");
    } else if (what == 5) {
      heal(&s);
    } else {
      struct step t = step_next(&m, &seed);
      enum err e = shop_do(&s, t.verb, NULL, t.body);
      CHECK(e == ERR_OK || e == ERR_CONFLICT || e == ERR_INVALID);
    }
    if (i % 100 == 99) {
      CHECK(shop_reopen(&s, NULL));
      ledger_agrees(&s), check_agrees(&s);
    }
  }
  CHECK(orders > 100);
  shop_close(&s);
}
