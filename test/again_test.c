/* again_test.c: a batch that runs without savepoints, and once more with them when one of its orders failed halfway,
 * leaves the very same file and gives the very same answers as its commands one by one. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

static void nothing(struct job *j)
{
  (void)j;
}

static const struct {
  const char *over, *key;
  int64_t if_version;
  enum err err;
  int status;
} script[] = {
  { "{\"external_id\":\"A1\"}", NULL, 0, ERR_OK, 201 },
  { "{\"external_id\":\"A1\"}", NULL, 0, ERR_OK, 200 },
  { "{\"external_id\":\"A2\",\"placed_at\":\"2026-11-11T00:05:00Z\"}", "k1", 0, ERR_OK, 201 },
  { "{\"external_id\":\"A2\",\"placed_at\":\"2026-11-11T00:05:00Z\"}", "k1", 0, ERR_OK, 201 },
  /* the channel is made, then the version does not fit: something must be undone */
  { "{\"external_id\":\"B1\",\"channel\":\"brand-new\"}", NULL, 7, ERR_STALE, 0 },
  { "{\"external_id\":\"A1\",\"updated_at\":\"2026-12-01T00:00:00Z\",\"flags\":[\"gift\"]}", NULL, 0, ERR_OK, 200 },
  /* nothing was written before it failed */
  { "{\"external_id\":\"A1\"}", NULL, 9, ERR_STALE, 0 },
  { "{\"external_id\":\"B2\",\"channel\":\"brand-new\"}", "k2", 0, ERR_OK, 201 },
  { "{\"external_id\":\"A3\",\"status\":\"shipped\",\"placed_at\":\"2026-11-11T00:06:00Z\"}", NULL, 0, ERR_OK, 201 },
};

static int agains;
static void (*cmd_again)(struct job *);
static void count_again(struct job *j)
{
  agains++;
  cmd_again(j);
}

static struct cmd *command(struct shop *s, size_t i, bool bold)
{
  struct cmd *c = cmd_new(CMD_ORDER_INGEST, &s->env.env, &s->rules, &s->actor);
  char *body = shop_order(&c->mem, script[i].over);
  CHECK_INT(cmd_parse(c, body, strlen(body)), ERR_OK);
  c->if_version = script[i].if_version, c->key = script[i].key;
  if (c->key) memset(c->digest, 7, sizeof c->digest);
  cmd_again = c->job.again;
  c->job.again = bold ? count_again : NULL;
  c->job.done = nothing;
  return c;
}

static void gather(struct shop *s)
{
  const char *why;
  writer_close(s->writer);
  struct writer_options o = { .path = s->path, .inline_mode = true, .inline_gather = true };
  s->writer = writer_open(&s->mem, &o, &why);
  must(s->writer);
  s->db = writer_db(s->writer);
}

static void run_all(struct shop *s, struct cmd **c, bool one_batch)
{
  for (size_t i = 0; i < COUNT(script); i++) {
    c[i] = command(s, i, one_batch);
    CHECK(writer_push(s->writer, &c[i]->job));
    if (!one_batch) writer_collect(s->writer);
  }
  writer_collect(s->writer);
}

/* Every row of every table. */
static void dump(struct db *db, struct buf *out)
{
  struct arena mem = { 0 };
  const char *table[128];
  int n = 0;
  struct stmt *s = db_prepare(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY 1");
  while (stmt_row(s)) must(n < 128), table[n++] = stmt_col_copy(s, 0, &mem);
  stmt_drop(s);
  for (int i = 0; i < n; i++) {
    const char *but = strcmp(table[i], "counters") ? "" : "WHERE name <> '" COUNTER_BATCH "'";
    s = db_prepare(db, arena_printf(&mem, "SELECT * FROM \"%s\" %s ORDER BY 1", table[i], but));
    while (stmt_row(s)) {
      buf_str(out, table[i]);
      for (int k = 0; k < stmt_cols(s); k++) {
        size_t len;
        const void *p = stmt_col_blob(s, k, &len);
        buf_char(out, '|'), buf_put(out, p ? p : "", p ? len : 0);
      }
      buf_char(out, '\n');
    }
    stmt_drop(s);
  }
  arena_release(&mem);
}

TEST(a_batch_without_savepoints_is_the_same)
{
  struct shop one, all;
  struct cmd *a[COUNT(script)], *b[COUNT(script)];
  struct buf x = { 0 }, y = { 0 };
  char path[256];
  snprintf(path, sizeof path, "%s/one.db", test_dir());
  REQUIRE(shop_open(&one, path, NULL));
  snprintf(path, sizeof path, "%s/all.db", test_dir());
  REQUIRE(shop_open(&all, path, NULL));
  gather(&all);
  run_all(&one, a, false);
  agains = 0;
  run_all(&all, b, true);
  CHECK_INT(agains, COUNT(script)); /* it did come to that */
  for (size_t i = 0; i < COUNT(script); i++) {
    test_note("%zu %s", i, script[i].over);
    CHECK_INT(a[i]->job.err, script[i].err);
    CHECK_INT(b[i]->job.err, script[i].err);
    if (!script[i].err) CHECK_INT(a[i]->status, script[i].status), CHECK_INT(b[i]->status, script[i].status);
    CHECK_STR(b[i]->out.data ? b[i]->out.data : "", a[i]->out.data ? a[i]->out.data : "");
    CHECK_STR(b[i]->problem.code ? b[i]->problem.code : "", a[i]->problem.code ? a[i]->problem.code : "");
    CHECK_INT(b[i]->version, a[i]->version);
    for (size_t k = 0; k < COUNT(a[i]->numbers); k++) CHECK_INT(b[i]->numbers[k], a[i]->numbers[k]);
    cmd_free(a[i]), cmd_free(b[i]);
  }
  test_note(" ");
  dump(one.db, &x), dump(all.db, &y);
  CHECK(x.len > 1000);
  CHECK_MEM(y.data, y.len, x.data, x.len);
  buf_release(&x), buf_release(&y);
  shop_close(&one), shop_close(&all);
}
