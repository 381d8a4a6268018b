/* Notices: who is told of what, in how many messages, and when not. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

#define MINUTE 60000ll
#define HOUR (60 * MINUTE)
#define ROBOT "messenger:robot"
static const char CONF[] = "[messenger robot]\nconnector = plain\n"
                           "[notify cs]\nto = robot\nroles = cs\non = remind exception:*\n"
                           "[notify leads]\nto = robot\non = escalate backlog\nlanguage = zh\n"
                           "[stage pending]\nowner = cs\nlead = admin\nremind = 1h\nescalate = 2h\n";

/* ---- pure ----------------------------------------------------------------------------------------------------------- */

TEST(notices_know_quiet_hours)
{
  static const struct {
    const char *now, *until;
    int zone, from, to;
  } cases[] = {
    { "2026-11-11T21:59:59Z", NULL, 0, 1320, 480 },
    { "2026-11-11T22:00:00Z", "2026-11-12T08:00:00Z", 0, 1320, 480 },
    { "2026-11-11T23:59:30Z", "2026-11-12T08:00:00Z", 0, 1320, 480 },
    { "2026-11-12T00:00:00Z", "2026-11-12T08:00:00Z", 0, 1320, 480 },
    { "2026-11-12T07:59:59Z", "2026-11-12T08:00:00Z", 0, 1320, 480 },
    { "2026-11-12T08:00:00Z", NULL, 0, 1320, 480 },
    { "2026-11-11T14:00:00Z", "2026-11-12T00:00:00Z", 480, 1320, 480 },
    { "2026-11-12T00:00:00Z", NULL, 480, 1320, 480 },
    { "2026-11-11T16:31:07Z", "2026-11-12T02:30:00Z", 330, 1320, 480 },
    { "2026-11-12T12:30:00Z", "2026-11-12T13:00:00Z", 0, 720, 780 },
    { "2026-11-12T13:00:00Z", NULL, 0, 720, 780 },
    { "2026-11-12T12:30:00Z", NULL, 0, 600, 600 },
    { "2026-12-31T23:00:00Z", "2027-01-01T08:00:00Z", 0, 1320, 480 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t now, until = 0;
    CHECK(time_parse(cases[i].now, &now) && (!cases[i].until || time_parse(cases[i].until, &until)));
    if (!CHECK_INT(quiet_until(now, cases[i].zone, cases[i].from, cases[i].to), until))
      test_note("%s", cases[i].now);
  }
}

TEST(notices_fit_a_message)
{
  struct notice list[40];
  for (size_t i = 0; i < COUNT(list); i++)
    list[i] = (struct notice){ .text = i % 2 ? "订单等待确认，请尽快处理" : "Waits: o_1" };
  for (size_t n = 1; n <= COUNT(list); n++)
    for (size_t max = 96; max < 1200; max += 7) {
      struct buf b = { 0 };
      digest_put(&b, list, n, (int64_t)n, max, n % 3 == 0);
      CHECK(b.len <= max && utf8_valid(b.data, b.len));
      size_t lines = 1;
      for (size_t i = 0; i < b.len; i++) lines += b.data[i] == '\n';
      const char *more = strstr(b.data, "… ");
      long long left = 0;
      if (more) CHECK_INT(sscanf(more, n % 3 ? "… and %lld more" : "… 还有 %lld 条", &left), 1);
      CHECK_INT((long long)lines - (more != NULL) + left, (long long)n);
      buf_release(&b);
    }
}

TEST(notices_cut_at_characters)
{
  char text[4000] = "";
  for (int i = 0; i < 300; i++) strcat(text, "等");
  const struct notice one = { .text = text };
  for (size_t max = 96; max < 110; max++) {
    struct buf b = { 0 };
    digest_put(&b, &one, 1, 1, max, true);
    CHECK(utf8_valid(b.data, b.len) && b.len <= max && b.len > max - 3);
    buf_release(&b);
  }
}

/* ---- by commands ----------------------------------------------------------------------------------------------------- */

static bool open_shop(struct shop *s, const char *conf)
{
  static int n;
  char path[256];
  snprintf(path, sizeof path, "%s/notify-%d.db", test_dir(), ++n);
  return CHECK(shop_open(s, path, conf));
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
  CHECK_INT(c->job.err, ERR_OK);
  return c;
}

/* What goes out now, as "room: text" by lines; each is settled so. */
static const char *messages(struct shop *s, enum outcome_kind how, int64_t *last)
{
  static char out[8192];
  struct effects_take t = { .destination = ROBOT, .max = 8, .ask_again_at = s->env.now_ms + HOUR };
  out[0] = 0;
  struct cmd *c = own(s, CMD_EFFECTS_TAKE, &t);
  for (size_t i = 0; i < t.n; i++) {
    struct faults f = { .mem = &c->mem };
    const struct json *j =
      json_parse(&c->mem, t.list[i].effect.data, strlen(t.list[i].effect.data), JSON_ELEMENTS_MAX, &f);
    size_t at = strlen(out);
    snprintf(out + at, sizeof out - at, "%s: %s\n", t.list[i].effect.subject,
             json_string(json_get(j, "text")));
    const struct effect_settle e = { .id = t.list[i].effect.id, .outcome = { .kind = how }, .random = 1 };
    if (last) *last = e.id;
    cmd_free(own(s, CMD_EFFECT_SETTLE, &e));
  }
  cmd_free(c);
  return out;
}

static void order(struct shop *s, const char *no)
{
  struct arena a = { 0 };
  const char *over =
    arena_printf(&a, "{\"external_id\":\"%s\",\"status\":\"placed\",\"paid_at\":null,\"paid\":\"0.00\"}", no);
  CHECK_INT(shop_do(s, "order.ingest", NULL, shop_order(&a, over)), ERR_OK);
  arena_release(&a);
}

static void later(struct shop *s, int64_t ms)
{
  s->env.now_ms += ms;
  cmd_free(own(s, CMD_TIMERS_FIRE, NULL));
}

static int occurs(const char *text, const char *word)
{
  int n = 0;
  for (const char *p = text; (p = strstr(p, word)); p += strlen(word)) n++;
  return n;
}

TEST(notices_remind_the_owner_and_then_the_lead)
{
  struct shop s;
  if (!open_shop(&s, CONF)) return;
  order(&s, "A1"), order(&s, "A2");
  later(&s, 59 * MINUTE);
  CHECK_STR(messages(&s, OUTCOME_ACCEPTED, NULL), "");
  later(&s, 2 * MINUTE);
  const char *text = messages(&s, OUTCOME_ACCEPTED, NULL);
  CHECK_INT(occurs(text, "cs: "), 1);
  CHECK_INT(occurs(text, "Waits: o_1 "), 1);
  CHECK_INT(occurs(text, "Waits: o_2 "), 1);
  CHECK_INT(occurs(text, "leads: "), 0);
  later(&s, 2 * MINUTE);
  CHECK_STR(messages(&s, OUTCOME_ACCEPTED, NULL), "");
  later(&s, HOUR);
  text = messages(&s, OUTCOME_ACCEPTED, NULL);
  CHECK_INT(occurs(text, "leads: "), 1);
  CHECK_INT(occurs(text, "已超时：o_1"), 1);
  CHECK_INT(occurs(text, "overdue"), 0);
  later(&s, 24 * HOUR);
  CHECK_STR(messages(&s, OUTCOME_ACCEPTED, NULL), "");
  shop_close(&s);
}

TEST(notices_go_once_whatever_fails)
{
  static const char ONE[] = "[messenger robot]\nconnector = plain\n[notify cs]\nto = robot\non = remind\n"
                            "[stage pending]\nowner = cs\nlead = admin\nremind = 1h\nescalate = 2h\n";
  struct shop s;
  int64_t first, second;
  char said[8192];
  if (!open_shop(&s, ONE)) return;
  order(&s, "A1");
  later(&s, 61 * MINUTE);
  snprintf(said, sizeof said, "%s", messages(&s, OUTCOME_RETRY, &first));
  CHECK_INT(occurs(said, "o_1 "), 1);
  order(&s, "A2");
  CHECK(shop_reopen(&s, ONE));
  later(&s, 61 * MINUTE); /* A2 waits behind the message that failed */
  CHECK_INT(occurs(messages(&s, OUTCOME_UNKNOWN, NULL), "o_2 "), 0);
  later(&s, 10 * MINUTE);
  const char *again = messages(&s, OUTCOME_ACCEPTED, &second);
  CHECK_STR(again, said);
  CHECK_INT(second, first);
  later(&s, MINUTE);
  CHECK_INT(occurs(messages(&s, OUTCOME_ACCEPTED, NULL), "o_2 "), 1);
  shop_close(&s);
}

TEST(notices_of_one_room_come_a_minute_apart)
{
  struct shop s;
  char no[16];
  int seen = 0, sent = 0;
  if (!open_shop(&s, CONF)) return;
  for (int i = 0; i < 30; i++) {
    snprintf(no, sizeof no, "B%d", i);
    order(&s, no);
    s.env.now_ms += 7000;
  }
  s.env.now_ms += HOUR - 30 * 7000;
  int64_t before = 0;
  for (int i = 0; i < 60; i++) {
    later(&s, 7000);
    const char *text = messages(&s, OUTCOME_ACCEPTED, NULL);
    seen += occurs(text, "Waits: "), sent += *text != 0;
    if (*text && before) CHECK(s.env.now_ms - before >= MINUTE);
    if (*text) before = s.env.now_ms;
  }
  CHECK_INT(seen, 30);
  CHECK(sent >= 3 && sent <= 5);
  shop_close(&s);
}

TEST(notices_keep_quiet_but_for_what_is_urgent)
{
  static const char QUIET[] = "[messenger robot]\nconnector = plain\n[calendar]\nzone = +00:00\n"
                              "[notify all]\nto = robot\non = remind backlog\nquiet = 22:00-08:00\n"
                              "[stage pending]\nowner = cs\nremind = 1h\nescalate = never\n";
  struct shop s;
  int64_t night, morning;
  if (!open_shop(&s, QUIET)) return;
  CHECK(time_parse("2026-11-11T22:30:00Z", &night) && time_parse("2026-11-12T08:00:00Z", &morning));
  s.env.now_ms = night;
  order(&s, "A1");
  later(&s, 61 * MINUTE);
  CHECK_STR(messages(&s, OUTCOME_ACCEPTED, NULL), "");
  static const struct actor self = { .name = "orderd", .roles = ~0u };
  struct cmd *c = cmd_new(CMD_BACKLOG_ALARM, &s.env.env, &s.rules, &self);
  struct faults f = { .mem = &c->mem };
  static const char BODY[] = "{\"state\":\"on\",\"backlog\":501,\"limit\":500}";
  CHECK_INT(cmd_kind(c->id)->parse(c, json_parse(&c->mem, BODY, sizeof BODY - 1, JSON_ELEMENTS_MAX, &f)),
            ERR_OK);
  c->job.done = nothing;
  must(writer_push(s.writer, &c->job));
  writer_collect(s.writer);
  cmd_free(c);
  CHECK_STR(messages(&s, OUTCOME_ACCEPTED, NULL),
            "all: Backlog alarm begins: 501 failed or dead, limit 500\n");
  later(&s, 5 * MINUTE);
  CHECK_STR(messages(&s, OUTCOME_ACCEPTED, NULL), "");
  s.env.now_ms = morning;
  CHECK_INT(occurs(messages(&s, OUTCOME_ACCEPTED, NULL), "Waits: o_1 "), 1);
  shop_close(&s);
}

TEST(notices_refuse_what_is_configured_wrong)
{
  static const struct {
    const char *conf, *why;
  } cases[] = {
    { "[notify a]\nto = nobody\n", "there is no section [messenger nobody]" },
    { "[notify a]\nroles = cs\n", "there is no section [messenger ]" },
    { "[messenger m]\nconnector = x\n[notify a]\nto = m\nquiet = 22-8\n", "quiet cannot be understood" },
    { "[messenger m]\nconnector = x\n[notify a]\nto = m\nquiet = 25:00-08:00\n",
      "quiet cannot be understood" },
    { "[messenger m]\nconnector = x\n[notify a]\nto = m\nlimit = 10\n", "limit cannot be understood" },
    { "[messenger m]\nconnector = x\n[notify a]\nto = m\ndigest = 1ms\n", "digest cannot be understood" },
    { "[messenger m]\nconnector = x\n[notify a]\nto = m\nlanguage = fr\n", "language cannot be understood" },
    { "[messenger m]\nconnector = x\n[notify a]\nto = m\ncolour = red\n", "has no key colour" },
    { "[messenger m]\nconnector = x\n[notify a/b]\nto = m\n", "a name holds no /" },
    { "[messenger m]\nconnector = x\n[notify a]\nto = m\nquiet = 22:00-08:00\n", NULL },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    struct conf c;
    const char *why = NULL;
    CHECK(conf_parse(&a, cases[i].conf, strlen(cases[i].conf), &c, &why));
    why = notify_fault(&a, &c);
    if (!CHECK(cases[i].why ? why && strstr(why, cases[i].why) : !why))
      test_note("%s: %s", cases[i].conf, why ? why : "");
    arena_release(&a);
  }
}
