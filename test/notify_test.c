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
  /* a message that was due before the quiet hours, and is taken in them */
  s.env.now_ms = night + 23 * HOUR + 29 * MINUTE + 30 * 1000 - HOUR;
  order(&s, "A2");
  s.env.now_ms += HOUR;
  cmd_free(own(&s, CMD_TIMERS_FIRE, NULL));
  s.env.now_ms += MINUTE;
  CHECK_STR(messages(&s, OUTCOME_ACCEPTED, NULL), "");
  s.env.now_ms = morning + 24 * HOUR;
  CHECK_INT(occurs(messages(&s, OUTCOME_ACCEPTED, NULL), "Waits: o_2 "), 1);
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

/* ---- messages: whom, how many, how long ------------------------------------------------------------------------------ */

static void messenger_is(struct shop *s, int64_t length, int64_t per_minute)
{
  struct party_rules *p = arena_new(&s->mem, struct party_rules);
  *p = (struct party_rules){ .kind = "messenger",
                             .name = "robot",
                             .destination = ROBOT,
                             .title = "A robot",
                             .length = length,
                             .per_minute = per_minute };
  s->rules.party = p, s->rules.parties = 1;
}

static const struct json *taken(struct cmd *c, const struct effects_take *t, size_t i)
{
  struct faults f = { .mem = &c->mem };
  return json_parse(&c->mem, t->list[i].effect.data, strlen(t->list[i].effect.data), JSON_ELEMENTS_MAX, &f);
}

TEST(notices_say_what_messengers_read)
{
  static const char ONE[] =
    "[messenger robot]\nconnector = plain\n[notify cs]\nto = robot\non = remind\nurgent = remind\n"
    "mention = amy 13800000000\nlink = https://orders.example/o\n"
    "[stage pending]\nowner = cs\nremind = 1h\nescalate = never\n";
  struct shop s;
  if (!open_shop(&s, ONE)) return;
  order(&s, "A1");
  later(&s, 61 * MINUTE);
  struct effects_take t = { .destination = ROBOT, .max = 8 };
  struct cmd *c = own(&s, CMD_EFFECTS_TAKE, &t);
  if (CHECK_INT((long long)t.n, 1)) {
    const struct json *j = taken(c, &t, 0);
    CHECK(t.list[0].effect.safe);
    CHECK_STR(json_string(json_get(j, "title")), "1 notice");
    CHECK_STR(json_string(json_get(j, "link")), "https://orders.example/o/o_1");
    CHECK(!json_get(j, "template") && !json_get(j, "to"));
    CHECK_INT((long long)json_count(json_get(j, "mention")), 2);
  }
  cmd_free(c);
  shop_close(&s);
}

TEST(notices_by_text_message_go_to_each_and_are_asked_about)
{
  static const char SMS[] =
    "[messenger robot]\nconnector = sms\n[notify duty]\nto = robot\non = backlog\ntemplate = T1\n"
    "phones = +8613800000001 +8613800000002\n";
  struct shop s;
  if (!open_shop(&s, SMS)) return;
  CHECK_INT(shop_do(&s, "notice.test", NULL, "{\"room\":\"duty\"}"), ERR_OK);
  CHECK_INT(shop_do(&s, "notice.test", NULL, "{\"room\":\"duty/+8613800000001\"}"), ERR_NOT_FOUND);
  CHECK_INT(shop_do(&s, "notice.test", NULL, "{\"room\":\"nobody\"}"), ERR_NOT_FOUND);
  struct effects_take t = { .destination = ROBOT, .max = 8, .ask_again_at = s.env.now_ms + HOUR };
  struct cmd *c = own(&s, CMD_EFFECTS_TAKE, &t);
  CHECK_INT((long long)t.n, 2);
  for (size_t i = 0; i < t.n; i++) {
    const struct json *j = taken(c, &t, i);
    CHECK(!t.list[i].effect.safe);
    CHECK_STR(json_string(json_get(j, "template")), "T1");
    CHECK_STR(json_string(json_first(json_get(j, "to"))), i ? "+8613800000002" : "+8613800000001");
    CHECK_STR(json_string(json_get(json_get(j, "params"), "count")), "1");
    const struct effect_settle e = { .id = t.list[i].effect.id,
                                     .outcome = { .kind = OUTCOME_UNKNOWN },
                                     .random = 1 };
    cmd_free(own(&s, CMD_EFFECT_SETTLE, &e));
  }
  cmd_free(c);
  /* nobody knows whether it was taken: it is asked about, and the next one goes meanwhile */
  later(&s, 2 * MINUTE);
  CHECK_INT(shop_do(&s, "notice.test", NULL, "{\"room\":\"duty\"}"), ERR_OK);
  t = (struct effects_take){ .destination = ROBOT, .max = 8, .ask_again_at = s.env.now_ms + HOUR };
  c = own(&s, CMD_EFFECTS_TAKE, &t);
  int asked = 0, sent = 0;
  for (size_t i = 0; i < t.n; i++) asked += t.list[i].ask, sent += !t.list[i].ask;
  CHECK_INT(asked, 2);
  CHECK_INT(sent, 2);
  cmd_free(c);
  shop_close(&s);
}

TEST(notices_go_to_the_rooms_of_their_stage_and_role)
{
  static const char ROOMS[] =
    "[messenger robot]\nconnector = plain\n[notify a]\nto = robot\non = remind\nstages = paid\n"
    "[notify b]\nto = robot\non = remind\nstages = pending\nroles = cs\n"
    "[notify c]\nto = robot\non = remind\nroles = finance\n[notify d]\nto = robot\non = backlog\n"
    "[stage pending]\nowner = cs\nremind = 1h\nescalate = never\n";
  struct shop s;
  if (!open_shop(&s, ROOMS)) return;
  order(&s, "A1");
  later(&s, 61 * MINUTE);
  const char *text = messages(&s, OUTCOME_ACCEPTED, NULL);
  CHECK_INT(occurs(text, "\n"), 1);
  CHECK_INT(occurs(text, "b: Waits: o_1 "), 1);
  shop_close(&s);
}

static void alarm(struct shop *s, const char *state)
{
  static const struct actor self = { .name = "orderd", .roles = ~0u };
  struct cmd *c = cmd_new(CMD_BACKLOG_ALARM, &s->env.env, &s->rules, &self);
  struct faults f = { .mem = &c->mem };
  const char *body = arena_printf(&c->mem, "{\"state\":\"%s\",\"backlog\":501,\"limit\":500}", state);
  CHECK_INT(cmd_kind(c->id)->parse(c, json_parse(&c->mem, body, strlen(body), JSON_ELEMENTS_MAX, &f)),
            ERR_OK);
  c->job.done = nothing;
  must(writer_push(s->writer, &c->job));
  writer_collect(s->writer);
  CHECK_INT(c->job.err, ERR_OK);
  cmd_free(c);
}

TEST(notices_tell_an_alarm_once)
{
  static const struct {
    int64_t later;
    const char *state, *told; /* NULL: nothing */
  } steps[] = {
    { 0, "off", NULL },
    { MINUTE, "on", "begins" },
    { MINUTE, "on", NULL }, /* after a new start */
    { 61 * MINUTE, "on", "goes on" },
    { 2 * MINUTE, "off", "is over" },
    { 2 * MINUTE, "off", NULL },
    { 2 * MINUTE, "on", "begins" },
  };
  static const char ALARMS[] = "[messenger robot]\nconnector = plain\n[notify d]\nto = robot\n";
  struct shop s;
  if (!open_shop(&s, ALARMS)) return;
  for (size_t i = 0; i < COUNT(steps); i++) {
    later(&s, steps[i].later);
    alarm(&s, steps[i].state);
    const char *text = messages(&s, OUTCOME_ACCEPTED, NULL);
    if (!CHECK(steps[i].told ? strstr(text, steps[i].told) != NULL : !*text)) test_note("%zu: %s", i, text);
  }
  shop_close(&s);
}

static int64_t ask_number(struct db *db, const char *sql)
{
  struct stmt *q = db_prepare(db, sql);
  int64_t n = stmt_row(q) ? stmt_col_int(q, 0) : -1;
  stmt_end(q), stmt_drop(q);
  return n;
}

TEST(notices_follow_their_room)
{
  static const char ONE[] = "[messenger robot]\nconnector = plain\n[messenger other]\nconnector = plain\n"
                            "[notify cs]\nto = robot\n[notify d]\nto = robot\n";
  static const char MOVED[] = "[messenger robot]\nconnector = plain\n[messenger other]\nconnector = plain\n"
                              "[notify cs]\nto = other\n";
  struct shop s;
  if (!open_shop(&s, ONE)) return;
  CHECK_INT(shop_do(&s, "notice.test", NULL, "{\"room\":\"cs\"}"), ERR_OK);
  CHECK_INT(shop_do(&s, "notice.test", NULL, "{\"room\":\"d\"}"), ERR_OK);
  CHECK_INT(occurs(messages(&s, OUTCOME_RETRY, NULL), "A try"), 2);
  CHECK(shop_reopen(&s, MOVED));
  later(&s, 10 * MINUTE);
  CHECK_STR(messages(&s, OUTCOME_ACCEPTED, NULL), ""); /* cs is elsewhere, d nowhere */
  struct effects_take t = { .destination = "messenger:other", .max = 8 };
  struct cmd *c = own(&s, CMD_EFFECTS_TAKE, &t);
  if (CHECK_INT((long long)t.n, 1))
    CHECK_STR(json_string(json_get(taken(c, &t, 0), "text")), "A try of cs by test");
  cmd_free(c);
  CHECK_INT(ask_number(s.db, "SELECT count(*) FROM notices WHERE state = 'dropped' AND room = 'd'"), 1);
  shop_close(&s);
}

/* ---- any history ------------------------------------------------------------------------------------------------------- */

#define ROOMS_N 4
#define SENT_MAX 20000
static const char MANY[] =
  "[messenger robot]\nconnector = plain\n[calendar]\nzone = +05:30\n"
  "[notify a]\nto = robot\non = remind test\nquiet = 22:00-08:00\nlimit = 300\n"
  "[notify b]\nto = robot\non = remind escalate backlog exception:*\nlanguage = zh\n"
  "[notify sms]\nto = robot\non = backlog escalate\nphones = +8613800000001 +8613800000002\n"
  "quiet = 12:00-13:00\n[outbox]\nbackoff = 1s\nbackoff_most = 5m\n"
  "[stage pending]\nowner = cs\nlead = admin\nremind = 30m\nescalate = 90m\n";
#define MANY_LENGTH 520
#define MANY_PER_MINUTE 2

struct history {
  struct shop s;
  uint64_t seed;
  int orders;
  size_t sent;
  struct {
    int64_t effect, at;
    uint64_t text;
    char room[32];
  } * list;
};

static uint64_t dice(struct history *h, uint64_t n)
{
  h->seed ^= h->seed << 13, h->seed ^= h->seed >> 7, h->seed ^= h->seed << 17;
  return h->seed % n;
}

static int64_t lines_of(const char *text)
{
  long long more = 0;
  int64_t lines = 1;
  for (const char *p = text; *p; p++) lines += *p == '\n';
  const char *end = strstr(text, "\n… ");
  if (end && (sscanf(end, "\n… and %lld more", &more) == 1 || sscanf(end, "\n… 还有 %lld 条", &more) == 1))
    return lines - 1 + more;
  return lines;
}

/* The first time that a message is put together: is it allowed now? Later times it must say the same. */
static void sent_look(struct history *h, const struct effect *e, const char *text)
{
  uint64_t said = hash64(text, strlen(text), 1);
  int64_t now = h->s.env.now_ms, lately = 0;
  char room[32];
  snprintf(room, sizeof room, "%.*s", (int)strcspn(e->subject, "#"), e->subject);
  for (size_t i = 0; i < h->sent; i++)
    if (h->list[i].effect == e->id) {
      CHECK(h->list[i].text == said);
      return;
    }
  for (size_t i = 0; i < h->sent; i++) {
    if (!strcmp(h->list[i].room, room)) CHECK(now - h->list[i].at >= MINUTE);
    lately += now - h->list[i].at < MINUTE;
  }
  CHECK(lately < MANY_PER_MINUTE);
  CHECK(strlen(text) <= MANY_LENGTH);
  struct arena a = { 0 };
  CHECK_INT(lines_of(text),
            ask_number(h->s.db, arena_printf(&a, "SELECT count(*) FROM notices WHERE effect_id = %lld",
                                             (long long)e->id)));
  arena_release(&a);
  bool urgent = strstr(text, "报警") || strstr(text, "alarm") || strstr(text, "A try");
  if (!urgent && !strcmp(room, "a")) CHECK(!quiet_until(now, 330, 1320, 480));
  if (!urgent && !strncmp(room, "sms", 3)) CHECK(!quiet_until(now, 330, 720, 780));
  if (!CHECK(h->sent < SENT_MAX)) return;
  h->list[h->sent].effect = e->id, h->list[h->sent].at = now, h->list[h->sent].text = said;
  snprintf(h->list[h->sent++].room, sizeof room, "%s", room);
}

static enum outcome_kind how(struct history *h, bool calm)
{
  static const enum outcome_kind kinds[] = { OUTCOME_ACCEPTED, OUTCOME_ACCEPTED, OUTCOME_RETRY,
                                             OUTCOME_UNKNOWN,  OUTCOME_REFUSED,  OUTCOME_ACCEPTED };
  return calm ? OUTCOME_ACCEPTED : kinds[dice(h, COUNT(kinds))];
}

static void deliver(struct history *h, bool calm)
{
  struct effects_take t = { .destination = ROBOT,
                            .max = 1 + (size_t)dice(h, 8),
                            .ask_again_at = h->s.env.now_ms + 1000 };
  struct cmd *c = own(&h->s, CMD_EFFECTS_TAKE, &t);
  for (size_t i = 0; i < t.n; i++) {
    const struct effect *e = &t.list[i].effect;
    enum outcome_kind kind = how(h, calm);
    const char *text = t.list[i].ask ? NULL : json_string(json_get(taken(c, &t, i), "text"));
    if (text) sent_look(h, e, text);
    if (!calm && !dice(h, 10)) continue; /* the process ends before the answer */
    if (t.list[i].ask && kind == OUTCOME_REFUSED) kind = OUTCOME_UNKNOWN;
    const struct effect_settle settle = {
      .id = e->id, .outcome = { .kind = kind }, .asked = t.list[i].ask, .random = dice(h, 1000)
    };
    cmd_free(own(&h->s, CMD_EFFECT_SETTLE, &settle));
  }
  cmd_free(c);
}

static void step(struct history *h)
{
  char text[64];
  struct arena a = { 0 };
  switch (dice(h, 9)) {
  case 0:
  case 1: snprintf(text, sizeof text, "N%d", ++h->orders), order(&h->s, text); break;
  case 2: alarm(&h->s, dice(h, 2) ? "on" : "off"); break;
  case 3: shop_do(&h->s, "notice.test", NULL, dice(h, 2) ? "{\"room\":\"a\"}" : "{\"room\":\"sms\"}"); break;
  case 4:
    CHECK(shop_reopen(&h->s, MANY)), messenger_is(&h->s, MANY_LENGTH, MANY_PER_MINUTE);
    cmd_free(own(&h->s, CMD_EFFECTS_RECOVER, NULL));
    break;
  case 5: {
    int64_t dead = ask_number(h->s.db, "SELECT coalesce(max(id), 0) FROM effects WHERE state = 'dead'");
    if (!dead) break;
    if (dice(h, 2)) shop_do(&h->s, "effect.retry", id_text(&a, 'e', dead), "{}");
    else shop_do(&h->s, "effect.drop", id_text(&a, 'e', dead), "{\"reason\":\"enough\"}");
    break;
  }
  case 6: { /* a person is impatient */
    int64_t waits = ask_number(h->s.db, "SELECT coalesce(max(id), 0) FROM effects WHERE state = 'waiting'");
    if (waits) shop_do(&h->s, "effect.retry", id_text(&a, 'e', waits), "{}");
    break;
  }
  default: break;
  }
  arena_release(&a);
  static const int64_t waits[] = { 0, 1000, 20000, MINUTE, 7 * MINUTE, HOUR };
  later(&h->s, waits[dice(h, COUNT(waits))]);
  deliver(h, false);
}

static void unheard(void *arg, const char *text)
{
  (void)arg;
  test_note("%s", text);
  CHECK(false);
}

static const char OPEN[] = "SELECT (SELECT count(*) FROM notices WHERE state = 'waiting')"
                           " + (SELECT count(*) FROM orders WHERE due_at IS NOT NULL)";

static void history_ends(struct history *h)
{
  struct db *db = h->s.db;
  cmd_free(own(&h->s, CMD_EFFECTS_RECOVER, NULL));
  shop_do(&h->s, "effect.retry_all", NULL, "{}");
  for (int i = 0; i < 600 && ask_number(h->s.db, OPEN) > 0; i++) {
    later(&h->s, 20 * MINUTE);
    deliver(h, true);
  }
  db = h->s.db;
  CHECK_INT(ask_number(db, "SELECT count(*) FROM notices WHERE state = 'waiting'"), 0);
  CHECK_INT(
    ask_number(
      db, "SELECT count(*) FROM effects WHERE kind = 'notice' AND state <> 'done' AND state <> 'dropped'"),
    0);
  /* each reminder stands in both rooms that listen, told or given up by a person */
  CHECK_INT(ask_number(db, "SELECT count(*) FROM notices WHERE kind = 'remind'"),
            2 * ask_number(db, "SELECT count(*) FROM events WHERE type = 'order.reminder'"));
  CHECK_INT(ask_number(db, "SELECT count(*) FROM notices WHERE kind = 'escalate'"),
            3 * ask_number(db, "SELECT count(*) FROM events WHERE type = 'order.overdue'"));
  CHECK_INT(ask_number(db, "SELECT count(*) FROM notices WHERE state = 'dropped' AND effect_id NOT IN"
                           " (SELECT id FROM effects WHERE state = 'dropped')"),
            0);
  CHECK_INT(view_check(db, &h->s.mem, &h->s.rules.status, &h->s.rules.merge, unheard, NULL), 0);
}

TEST(notices_are_told_once_in_any_history)
{
  for (uint64_t seed = 1; seed <= 4; seed++) {
    struct history h = { .seed = seed * 0x9e3779b97f4a7c15ull };
    if (!open_shop(&h.s, MANY)) return;
    messenger_is(&h.s, MANY_LENGTH, MANY_PER_MINUTE);
    h.list = mem_new(SENT_MAX * sizeof *h.list);
    for (int i = 0; i < 200; i++) step(&h);
    history_ends(&h);
    CHECK(h.sent > 20);
    mem_free(h.list);
    shop_close(&h.s);
  }
}
