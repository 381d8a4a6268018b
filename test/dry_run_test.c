/* dry_run_test.c: a command that is tried and undone (cmd_err). */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

static void nothing(struct job *j)
{
  (void)j;
}

static struct cmd *try_order(struct shop *s, const char *over, bool dry)
{
  struct arena a = { 0 };
  char *body = shop_order(&a, over);
  struct cmd *c = cmd_new(CMD_ORDER_INGEST, &s->env.env, &s->rules, &s->actor);
  c->source = "file", c->dry_run = dry;
  body = arena_str(&c->mem, body);
  CHECK_INT(cmd_parse(c, body, strlen(body)), ERR_OK);
  c->job.done = nothing;
  CHECK(writer_push(s->writer, &c->job));
  writer_collect(s->writer);
  arena_release(&a);
  return c;
}

static struct counts count(struct shop *s)
{
  struct counts n = { 0 };
  CHECK_INT(view_counts(s->db, &n), ERR_OK);
  return n;
}

TEST(dry_run_tells_and_leaves_no_trace)
{
  struct shop s;
  static const struct {
    const char *over;
    enum err err;
    enum ingest_result result;
    int status;
  } cases[] = {
    { "{\"external_id\":\"D2\"}", ERR_OK, INGEST_CREATED, 201 },
    { "{\"external_id\":\"D1\"}", ERR_OK, INGEST_UNCHANGED, 200 },
    { "{\"external_id\":\"D1\",\"total\":\"5.00\",\"updated_at\":\"2026-12-01T00:00:00Z\"}", ERR_OK, INGEST_UPDATED, 200 },
    { "{\"external_id\":\"D3\",\"channel\":\"brand-new\"}", ERR_OK, INGEST_CREATED, 201 },
  };
  char path[256];
  snprintf(path, sizeof path, "%s/dry.db", test_dir());
  REQUIRE(shop_open(&s, path, NULL));
  struct cmd *first = try_order(&s, "{\"external_id\":\"D1\"}", false);
  CHECK_INT(cmd_err(first), ERR_OK);
  cmd_free(first);
  struct counts before = count(&s);
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].over);
    struct cmd *c = try_order(&s, cases[i].over, true);
    CHECK_INT(cmd_err(c), cases[i].err), CHECK_INT(c->numbers[2], cases[i].result), CHECK_INT(c->status, cases[i].status);
    CHECK(c->job.err != ERR_OK); /* as a job it failed, which is what undid it */
    cmd_free(c);
    struct counts now = count(&s);
    CHECK_INT(now.orders, before.orders), CHECK_INT(now.lines, before.lines), CHECK_INT(now.events, before.events);
    CHECK_INT(now.groups_open, before.groups_open);
  }
  struct channel ch;
  CHECK_INT(channel_find(s.db, &s.mem, "brand-new", &ch), ERR_NOT_FOUND);
  struct cmd *real = try_order(&s, "{\"external_id\":\"D2\"}", false);
  CHECK_INT(cmd_err(real), ERR_OK), CHECK_INT(real->numbers[2], INGEST_CREATED);
  cmd_free(real);
  CHECK_INT(count(&s).orders, before.orders + 1);
  shop_close(&s);
}

/* A refusal is one, dry or not. */
TEST(dry_run_refuses_what_would_be_refused)
{
  struct shop s;
  char path[256];
  snprintf(path, sizeof path, "%s/dry.db", test_dir());
  REQUIRE(shop_open(&s, path, "[intake]\nnew_channels = no\n"));
  struct cmd *c = try_order(&s, "{\"channel\":\"nobody\"}", true);
  CHECK_INT(cmd_err(c), ERR_INVALID), CHECK_STR(c->problem.code, "unknown_channel");
  cmd_free(c);
  shop_close(&s);
}
