/* Payloads that wait or failed, in numbers: more than one step's worth. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

#define MANY 150

static struct shop *shop_fresh(void)
{
  static struct shop s;
  char path[256];
  snprintf(path, sizeof path, "%s/t.db", test_dir());
  must(shop_open(&s, path, NULL));
  return &s;
}

static int64_t ask(struct shop *s, const char *sql)
{
  struct stmt *q = db_prepare(s->db, sql);
  int64_t n = stmt_row(q) ? stmt_col_int(q, 0) : -1;
  stmt_drop(q);
  return n;
}

TEST(retry_all_tries_each_failed_payload_once)
{
  struct shop *s = shop_fresh();
  for (int i = 0; i < MANY; i++)
    CHECK_INT(shop_do(s, "payload.put", NULL,
                      arena_printf(&s->mem,
                                   "{\"channel\":\"till\",\"raw\":\"row %d\",\"error\":"
                                   "{\"code\":\"bad_row\",\"detail\":\"no phone\"}}",
                                   i)),
              ERR_OK);
  struct cmd *c = shop_run(s, "payload.retry_all", NULL, "{}");
  CHECK_INT(c->job.err, ERR_OK);
  CHECK_INT(c->numbers[0], 0);
  CHECK_INT(c->numbers[1], MANY);
  cmd_free(c);
  CHECK_INT(ask(s, "SELECT count(*) FROM payloads WHERE state = 'failed' AND attempts = 1"), MANY);
  shop_close(s);
}

TEST(taken_payloads_are_counted_as_they_are_applied)
{
  struct shop *s = shop_fresh();
  int64_t applied = 0, steps = 0;
  for (int i = 0; i < MANY; i++) {
    struct cmd *c = cmd_new(CMD_ORDER_INGEST, &s->env.env, &s->rules, &s->actor);
    const char *body = shop_order(&s->mem, arena_printf(&s->mem, "{\"external_id\":\"T%d\"}", i));
    c->defer = true;
    CHECK_INT(cmd_parse(c, body, strlen(body)), ERR_OK);
    CHECK_INT(writer_push(s->writer, &c->job), 1);
    writer_collect(s->writer);
    CHECK_INT(c->status, 202);
    cmd_free(c);
  }
  for (bool more = true; more && steps < MANY; steps++) {
    struct cmd *c = shop_run(s, "payloads.apply", NULL, NULL);
    CHECK_INT(c->job.err, ERR_OK);
    CHECK_INT(c->numbers[1], 0);
    applied += c->numbers[0];
    more = c->left;
    cmd_free(c);
  }
  CHECK_INT(applied, MANY);
  CHECK_INT(ask(s, "SELECT count(*) FROM orders"), MANY);
  shop_close(s);
}
