/* The status machine as data (domain 4): the built-in table walked cell by cell, deadlines, a team's own stages. */
#include "domain.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- the built-in table ------------------------------------------------------------------------------------ */

#define C TRIGGER_COMMAND
#define H TRIGGER_CHANNEL
#define S TRIGGER_SYSTEM
static const struct {
  const char *from, *to;
  unsigned triggers;
  enum guard guard;
  bool forward, locks;
} allowed[] = {
  { "pending", "paid", C | H, GUARD_NO_HOLD, true, false },
  { "pending", "cancelled", C | H, GUARD_NONE, false, false },
  { "paid", "split", C | S, GUARD_KNOWN_SKUS, true, false },
  { "paid", "cancelled", C | H, GUARD_NO_PARCEL, false, false },
  { "paid", "shipped", H, GUARD_NO_HOLD, true, true },
  { "split", "producing", C | S, GUARD_NO_HOLD, true, true },
  { "split", "pre_ship", C | S, GUARD_NO_HOLD, true, true },
  { "split", "cancelled", C | H, GUARD_NO_PARCEL, false, false },
  { "split", "shipped", H, GUARD_NO_HOLD, true, true },
  { "producing", "inspected", C | S, GUARD_NO_HOLD, true, false },
  { "producing", "cancelled", C | H, GUARD_NO_PARCEL, false, false },
  { "producing", "shipped", H, GUARD_NO_HOLD, true, true },
  { "producing", "split", S, GUARD_NO_PARCEL, false, false },
  { "inspected", "split", S, GUARD_NO_PARCEL, false, false },
  { "inspected", "pre_ship", C | S, GUARD_NO_HOLD, true, true },
  { "inspected", "producing", C | S, GUARD_NONE, false, false },
  { "inspected", "cancelled", C | H, GUARD_NO_PARCEL, false, false },
  { "inspected", "shipped", H, GUARD_NO_HOLD, true, true },
  { "pre_ship", "shipped", C | H | S, GUARD_PARCEL, true, true },
  { "pre_ship", "split", C | S, GUARD_NO_PARCEL, false, false },
  { "pre_ship", "inspected", S, GUARD_NO_PARCEL, false, false },
  { "pre_ship", "cancelled", C | H, GUARD_NO_PARCEL, false, false },
  { "shipped", "completed", C | H | S, GUARD_NO_HOLD, true, false },
  { "cancelled", "pending", C, GUARD_NONE, false, false },
};

TEST(status_every_cell)
{
  struct status_table t;
  status_table_default(&t);
  for (int from = 0; from < t.stages; from++)
    for (int to = 0; to < t.stages; to++)
      for (unsigned trigger = 1; trigger <= S; trigger <<= 1) {
        size_t i = 0;
        while (i < COUNT(allowed) &&
               (strcmp(allowed[i].from, t.stage[from].name) || strcmp(allowed[i].to, t.stage[to].name)))
          i++;
        const struct move *m = status_move(&t, from, to, trigger);
        test_note("%s -> %s by %u", t.stage[from].name, t.stage[to].name, trigger);
        if (!CHECK_INT(m != NULL, i < COUNT(allowed) && (allowed[i].triggers & trigger)) || !m) continue;
        CHECK_INT(m->guard, allowed[i].guard);
        CHECK_INT(m->forward, allowed[i].forward);
        CHECK_INT(m->locks_group, allowed[i].locks);
      }
}

TEST(status_names)
{
  struct status_table t;
  status_table_default(&t);
  CHECK_INT(t.stages, ST_BUILTIN_N);
  for (int i = 0; i < t.stages; i++) {
    const struct stage *s = &t.stage[i];
    unsigned roles;
    test_note("%s", s->name);
    CHECK_INT(status_find(&t, s->name), i);
    CHECK(s->label && *s->label && s->label_zh && *s->label_zh);
    CHECK_INT(s->terminal, i == ST_COMPLETED || i == ST_CANCELLED);
    if (s->terminal) {
      CHECK(!s->remind_ms && !s->escalate_ms);
      continue;
    }
    CHECK(roles_parse(s->owner, &roles) && roles_parse(s->lead, &roles));
    CHECK(s->remind_ms > 0 && s->escalate_ms >= s->remind_ms);
  }
  CHECK_INT(status_find(&t, "nowhere"), -1);
  CHECK_INT(status_find(&t, ""), -1);
  CHECK_INT(status_find(&t, NULL), -1);
  CHECK_INT(status_find(&t, "Paid"), -1);
}

TEST(status_ways)
{
  static const struct {
    const char *from, *to;
    unsigned trigger;
    const char *way; /* "" none */
  } cases[] = {
    { "pending", "paid", H, "paid" },
    { "pending", "shipped", H, "paid shipped" },
    { "pending", "completed", H, "paid shipped completed" },
    { "paid", "completed", H, "shipped completed" },
    { "inspected", "completed", H, "shipped completed" },
    { "pre_ship", "shipped", H, "shipped" },
    { "split", "cancelled", H, "cancelled" },
    { "shipped", "paid", H, "" },      /* late news never moves back */
    { "shipped", "cancelled", H, "" }, /* a parcel is away */
    { "completed", "shipped", H, "" },
    { "completed", "cancelled", H, "" },
    { "cancelled", "paid", H, "" }, /* terminal but for an explicit reopen */
    { "cancelled", "shipped", H, "" },
    { "paid", "paid", H, "" },
    { "split", "paid", H, "" },
    { "paid", "split", H, "" }, /* ours alone */
    { "pending", "completed", C, "paid split pre_ship shipped completed" },
    { "pending", "completed", S, "" },
    { "cancelled", "completed", C, "pending paid split pre_ship shipped completed" },
    { "split", "inspected", C, "producing inspected" },
  };
  struct status_table t;
  struct arena a = { 0 };
  status_table_default(&t);
  for (size_t i = 0; i < COUNT(cases); i++) {
    int way[STATUS_MAX];
    const char *text = "";
    int n =
      status_way(&t, status_find(&t, cases[i].from), status_find(&t, cases[i].to), cases[i].trigger, way);
    for (int k = 0; k < n; k++) text = arena_printf(&a, "%s%s%s", text, k ? " " : "", t.stage[way[k]].name);
    test_note("%s to %s", cases[i].from, cases[i].to);
    CHECK_STR(text, cases[i].way);
  }
  int way[STATUS_MAX];
  CHECK_INT(status_way(&t, -1, ST_PAID, C, way), 0);
  CHECK_INT(status_way(&t, ST_PAID, -1, C, way), 0);
  arena_release(&a);
}

TEST(status_words_of_channels)
{
  static const struct {
    const char *word;
    int status;
  } cases[] = { { "placed", ST_PENDING },
                { "paid", ST_PAID },
                { "partly_shipped", ST_PAID },
                { "shipped", ST_SHIPPED },
                { "completed", ST_COMPLETED },
                { "cancelled", ST_CANCELLED },
                { "pending", -1 },
                { "PAID", -1 },
                { "", -1 },
                { "split", -1 },
                { "canceled", -1 } };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].word);
    CHECK_INT(status_of_channel(cases[i].word), cases[i].status);
    CHECK_INT(status_channel_known(cases[i].word), cases[i].status >= 0);
  }
}

TEST(status_guards)
{
  CHECK_STR(guard_code(GUARD_NONE), "");
  for (int g = GUARD_NO_HOLD; g <= GUARD_PARCEL; g++)
    CHECK(*guard_code((enum guard)g) && *guard_text((enum guard)g));
}

/* ---- the calendar ---------------------------------------------------------------------------------------------- */

static int64_t ms_of(const char *text)
{
  int64_t ms = 0;
  CHECK(time_parse(text, &ms));
  return ms;
}

#define MIN 60000ll
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define CHINA \
  { \
    .zone_min = 480, .from_min = 540, .to_min = 1080, .days = 0x1f, .holidays = { 20261001, 20261002 }, \
    .holidays_n = 2 \
  }

TEST(calendar_rows)
{
  static const struct calendar china = CHINA,
                               weekend = { .zone_min = -300, .from_min = 600, .to_min = 660, .days = 0x60 },
                               always = { .zone_min = 480, .from_min = 0, .to_min = 1440, .days = 0x7f };
  static const struct {
    const struct calendar *calendar;
    const char *since;
    int64_t ms;
    bool working;
    const char *then;
  } cases[] = {
    /* 2026-11-10 is a Tuesday */
    { &china, "2026-11-10T10:00:00+08:00", 2 * HOUR, true, "2026-11-10T12:00:00+08:00" },
    { &china, "2026-11-10T10:00:00+08:00", 2 * DAY, false, "2026-11-12T10:00:00+08:00" },
    { &china, "2026-11-14T10:00:00+08:00", 1, false, "2026-11-14T10:00:00.001+08:00" },
    { &china, "2026-11-10T17:00:00+08:00", 2 * HOUR, true, "2026-11-11T10:00:00+08:00" },
    { &china, "2026-11-13T17:30:00+08:00", HOUR, true, "2026-11-16T09:30:00+08:00" }, /* over a weekend */
    { &china, "2026-11-14T12:00:00+08:00", HOUR, true, "2026-11-16T10:00:00+08:00" },
    { &china, "2026-11-10T08:00:00+08:00", HOUR, true, "2026-11-10T10:00:00+08:00" },
    { &china, "2026-11-10T20:00:00+08:00", HOUR, true, "2026-11-11T10:00:00+08:00" },
    { &china, "2026-11-10T18:00:00+08:00", 1, true, "2026-11-11T09:00:00.001+08:00" },
    { &china, "2026-11-10T09:00:00+08:00", 9 * HOUR, true, "2026-11-10T18:00:00+08:00" },
    { &china, "2026-11-10T09:00:00+08:00", 9 * HOUR + 1, true, "2026-11-11T09:00:00.001+08:00" },
    { &china, "2026-11-10T09:00:00+08:00", 45 * HOUR, true,
      "2026-11-16T18:00:00+08:00" }, /* five working days */
    { &china, "2026-11-10T09:00:00+08:00", 0, true, "2026-11-10T09:00:00+08:00" },
    { &china, "2026-11-14T12:00:00+08:00", 0, true, "2026-11-14T12:00:00+08:00" },
    { &china, "2026-09-30T17:00:00+08:00", 2 * HOUR, true,
      "2026-10-05T10:00:00+08:00" }, /* Thu, Fri off, then the weekend */
    { &china, "2026-10-01T10:00:00+08:00", HOUR, true, "2026-10-05T10:00:00+08:00" },
    { &china, "2026-11-10T00:30:00Z", HOUR, true, "2026-11-10T02:00:00Z" }, /* 08:30 in the shop's zone */
    { &china, "2026-11-09T23:59:59Z", HOUR, true, "2026-11-10T02:00:00Z" }, /* still Monday in Greenwich */
    { &china, "2026-11-15T16:00:00Z", HOUR, true, "2026-11-16T02:00:00Z" }, /* Monday began in the shop */
    { &weekend, "2026-11-13T23:00:00-05:00", 90 * MIN, true, "2026-11-15T10:30:00-05:00" },
    { &weekend, "2026-11-14T04:59:59Z", HOUR, true, "2026-11-14T16:00:00Z" }, /* Friday night there */
    { &always, "2026-11-10T22:00:00+08:00", 5 * HOUR, true, "2026-11-11T03:00:00+08:00" },
    { &always, "2026-12-31T23:59:59.999+08:00", 2, true, "2027-01-01T00:00:00.001+08:00" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%zu: %s + %lld", i, cases[i].since, (long long)cases[i].ms);
    CHECK_INT(calendar_add(cases[i].calendar, ms_of(cases[i].since), cases[i].ms, cases[i].working),
              ms_of(cases[i].then));
  }
}

/* Minute by minute, as a person with a wall calendar would count. */
static int64_t count_minutes(const struct calendar *c, int64_t since, int64_t minutes)
{
  int64_t at = since;
  while (minutes) {
    struct civil d = time_civil(at, c->zone_min);
    int minute = d.hour * 60 + d.minute, ymd = d.year * 10000 + d.month * 100 + d.day;
    bool off = !(c->days >> d.weekday & 1) || minute < c->from_min || minute >= c->to_min;
    for (int i = 0; i < c->holidays_n; i++) off |= c->holidays[i] == ymd;
    at += MIN;
    minutes -= !off;
  }
  return at;
}

TEST(calendar_equals_counting_minutes)
{
  uint64_t seed = 7;
  for (int i = 0; i < 400; i++) {
    struct calendar c = CHINA;
    c.zone_min = (int)(test_random(&seed) % 28 * 60) - 12 * 60;
    c.from_min = (int)(test_random(&seed) % 1200);
    c.to_min = c.from_min + 30 + (int)(test_random(&seed) % (uint64_t)(1440 - c.from_min - 29));
    if (c.to_min > 1440) c.to_min = 1440;
    c.days = 1 + (unsigned)(test_random(&seed) % 127);
    int64_t since = ms_of("2026-09-25T00:00:00Z") + (int64_t)(test_random(&seed) % (10 * 1440)) * MIN;
    int64_t minutes = 1 + (int64_t)(test_random(&seed) % 1500);
    test_note("%d: zone %d, %d-%d, days %x, since %lld, %lld minutes", i, c.zone_min, c.from_min, c.to_min,
              c.days, (long long)since, (long long)minutes);
    if (!CHECK_INT(calendar_add(&c, since, minutes * MIN, true), count_minutes(&c, since, minutes))) return;
  }
}

/* Nobody works: the answer is far away, but there is one. */
TEST(calendar_without_end)
{
  struct calendar c = CHINA;
  c.days = 0;
  int64_t since = ms_of("2026-11-10T10:00:00Z");
  CHECK(calendar_add(&c, since, HOUR, true) > since + 3000 * DAY);
}

/* ---- a team's own table -------------------------------------------------------------------------------------------- */

static struct conf conf_of(struct arena *a, const char *text)
{
  struct conf c;
  const char *why = NULL;
  CHECK(conf_parse(a, text, strlen(text), &c, &why));
  return c;
}

TEST(status_conf_refused)
{
  static const struct {
    const char *conf, *why; /* part of the reason, with its line */
  } cases[] = {
    { "[stage paid]\nremindd = 1h", "line 2: [stage paid] has no key remindd; did you mean remind" },
    { "[stage paid]\nown = cs", "line 2: [stage paid] has no key own; did you mean owner" },
    { "\n\n[stage paid]\nzzzzzzzzz = 1", "line 4: [stage paid] has no key zzzzzzzzz" },
    { "[stage paid]\nremind = soon", "line 2: soon is no duration" },
    { "[stage paid]\nremind = 10ms", "line 2: 10ms is no duration of a second or more" },
    { "[stage paid]\nremind = -1h", "line 2: -1h is no duration" },
    { "[stage paid]\nowner = boss", "line 2: boss is neither a role nor user:NAME" },
    { "[stage paid]\nowner = cs,warehouse", "line 2: cs,warehouse is neither" },
    { "[stage paid]\nlead = user:", "line 2: user: is neither" },
    { "[stage paid]\nclock = office", "line 2: clock is always or working" },
    { "[stage paid]\nremind = 3h\nescalate = 2h", "stage paid escalates before it reminds" },
    { "[stage paid]\nremind = 5h",
      "stage paid escalates before it reminds" }, /* the built-in escalate is 4h */
    { "[stage check]\nowner = cs", "[stage check] needs after = STAGE" },
    { "[stage check]\nafter = nowhere", "line 2: unknown stage nowhere" },
    { "[stage Check]\nafter = paid", "Check is no name for a stage" },
    { "[stage x]\nafter = paid", "x is no name for a stage" },
    { "[stage 2nd]\nafter = paid", "2nd is no name for a stage" },
    { "[stage a_name_that_is_longer_than_it_may]\nafter = paid", "is no name for a stage" },
    { "[stage check]\nafter = pending",
      "line 2: a stage of yours stands between paid and pre_ship, not after pending" },
    { "[stage check]\nafter = pre_ship", "not after pre_ship" },
    { "[stage check]\nafter = shipped", "not after shipped" },
    { "[stage check]\nafter = completed", "not after completed" },
    { "[stage check]\nafter = cancelled", "not after cancelled" },
    { "[stage check]\nafter = check", "not after check" },
    { "[stage aa]\nafter = bb\n[stage bb]\nafter = aa",
      "line 4: stages of yours stand after one another in a circle" },
    { "[stage split]\nafter = paid", "line 2: split is built in" },
    { "[stage split]\nnext = nowhere", "line 2: unknown stage nowhere" },
    { "[stage split]\nnext = split", "line 2: split cannot follow split" },
    { "[stage split]\nnext = pending", "line 2: pending cannot follow split" },
    { "[stage split]\nnext = paid", "line 2: paid cannot follow split" },
    { "[stage split]\nnext = pre_ship, shipped",
      "line 2: shipped cannot follow split" }, /* past the parcel's guard */
    { "[stage split]\nnext = pre_ship, cancelled", "line 2: cancelled cannot follow split" },
    { "[stage split]\nnext = completed", "line 2: completed cannot follow split" },
    { "[stage completed]\nnext = split",
      "line 2: next is for stages from paid on and before pre_ship, not for completed" },
    { "[stage cancelled]\nnext = split", "not for cancelled" },
    { "[stage shipped]\nnext = split", "not for shipped" },
    { "[stage pre_ship]\nnext = split", "not for pre_ship" },
    { "[stage pending]\nnext = split", "not for pending" },
    { "[stage split]\nnext = pre_ship", "stage producing cannot be reached from pending" },
    { "[stage split]\nnext = producing\n[stage producing]\nnext = split", "is a dead end" },
    { "[stage producing]\nnext =", "stage producing is a dead end: nothing leads from it to completed" },
    { "[stage paid]\nnext = producing", "stage split cannot be reached" },
    { "[stage check]\nafter = paid\nnext = check2\n[stage check2]\nafter = check\nnext =", "dead end" },
    { "[calendar]\nhour = 09:00-18:00", "line 2: [calendar] has no key hour; did you mean hours" },
    { "[calendar]\nhours = 9-18", "line 2: 9-18 are no hours" },
    { "[calendar]\nhours = 18:00-09:00", "are no hours" },
    { "[calendar]\nhours = 09:00-09:00", "are no hours" },
    { "[calendar]\nhours = 09:00-24:01", "are no hours" },
    { "[calendar]\nhours = 09:60-18:00", "are no hours" },
    { "[calendar]\nzone = 8", "8 is no zone" },
    { "[calendar]\nzone = +15:00", "+15:00 is no zone" },
    { "[calendar]\nzone = Asia/Shanghai", "is no zone" },
    { "[calendar]\ndays = mon, someday", "someday is no day" },
    { "[calendar]\ndays =", "at least one day is worked" },
    { "[calendar]\nholidays = 2026-10-01, soon", "soon is no date" },
    { "[calendar]\nholidays = 2026-13-01", "is no date" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    struct conf c = conf_of(&a, cases[i].conf);
    struct status_table t;
    const char *why = "";
    test_note("%s", cases[i].conf);
    CHECK(!status_table_load(&a, &c, &t, &why));
    if (!CHECK(strstr(why, cases[i].why))) CHECK_STR(why, cases[i].why);
    arena_release(&a);
  }
}

/* from, to, trigger: + allowed, - not. */
static void check_moves(const struct status_table *t, const char *text)
{
  char copy[1024], *save = NULL;
  snprintf(copy, sizeof copy, "%s", text);
  for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    char from[32], to[32], trigger = 0, sign = *word;
    test_note("%s", word);
    if (!CHECK(sscanf(word + 1, "%31[^>]>%31[^:]:%c", from, to, &trigger) == 3)) continue;
    unsigned bit = trigger == 'c' ? C : trigger == 'h' ? H : S;
    CHECK(status_find(t, from) >= 0 && status_find(t, to) >= 0);
    CHECK_INT(status_move(t, status_find(t, from), status_find(t, to), bit) != NULL, sign == '+');
  }
}

TEST(status_conf_taken)
{
  static const struct {
    const char *conf, *moves;
  } cases[] = {
    { "", "+paid>split:c +paid>split:s -paid>split:h" },
    /* one stage between: the old way is closed for people, the channel still may say what is a fact */
    { "[stage check]\nafter = paid",
      "+paid>check:c +paid>check:s -paid>check:h -paid>split:c -paid>split:s +check>split:c +check>split:s "
      "+check>cancelled:c +check>cancelled:h +check>shipped:h -check>shipped:c +paid>shipped:h +paid>cancelled:c" },
    { "[stage pack]\nafter = inspected",
      "+inspected>pack:c +pack>pre_ship:c -inspected>pre_ship:c +inspected>producing:c +split>pre_ship:c" },
    { "[stage pack]\nafter = split",
      "+split>pack:c -split>producing:c -split>pre_ship:c +pack>producing:c +pack>pre_ship:c" },
    /* two behind one another, in either order of the file */
    { "[stage aa]\nafter = paid\n[stage bb]\nafter = aa",
      "+paid>aa:c +aa>bb:c +bb>split:c -aa>split:c -paid>split:c -paid>bb:c" },
    { "[stage bb]\nafter = aa\n[stage aa]\nafter = paid",
      "+paid>aa:c +aa>bb:c +bb>split:c -aa>split:c -paid>split:c" },
    /* next: the same as it was keeps what it had, the system's moves too */
    { "[stage split]\nnext = producing, pre_ship",
      "+split>producing:c +split>producing:s +split>pre_ship:c +split>pre_ship:s +split>shipped:h" },
    { "[stage split]\nnext = producing pre_ship inspected",
      "+split>inspected:c +split>inspected:s +split>shipped:h -split>inspected:h" },
    { "[stage check]\nafter = split\nnext = pre_ship\n[stage split]\nnext = check, producing",
      "+split>check:c +split>producing:c "
      "-split>pre_ship:c +check>pre_ship:c -check>producing:c" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    struct conf c = conf_of(&a, cases[i].conf);
    struct status_table t;
    const char *why = "";
    if (!CHECK(status_table_load(&a, &c, &t, &why))) CHECK_STR(why, cases[i].conf);
    else check_moves(&t, cases[i].moves);
    arena_release(&a);
  }
}

/* Whatever stages are added: the group is locked before a stage of the team's own begins or anything is made or
 * labelled, and a hold stops every way on. */
TEST(status_conf_keeps_locks_and_holds)
{
  static const char *const confs[] = { "",
                                       "[stage aa]\nafter = paid",
                                       "[stage aa]\nafter = split",
                                       "[stage aa]\nafter = inspected",
                                       "[stage aa]\nafter = split\n[stage bb]\nafter = aa",
                                       "[stage split]\nnext = inspected, producing" };
  for (size_t i = 0; i < COUNT(confs); i++) {
    struct arena a = { 0 };
    struct conf c = conf_of(&a, confs[i]);
    struct status_table t;
    const char *why = "";
    test_note("%s", confs[i]);
    CHECK(status_table_load(&a, &c, &t, &why));
    for (int m = 0; m < t.moves; m++) {
      const struct move *x = &t.move[m];
      test_note("%s: %s -> %s", confs[i], t.stage[x->from].name, t.stage[x->to].name);
      bool begins =
        x->to == ST_PRODUCING || x->to == ST_PRE_SHIP || x->to == ST_SHIPPED || x->to >= ST_BUILTIN_N;
      if (x->forward) CHECK_INT(x->locks_group, begins);
      bool back = x->to == ST_CANCELLED || x->from == ST_CANCELLED ||
                  (x->from == ST_INSPECTED && x->to == ST_PRODUCING) ||
                  ((x->from == ST_PRODUCING || x->from == ST_INSPECTED || x->from == ST_PRE_SHIP) &&
                   x->to == ST_SPLIT) ||
                  (x->from == ST_PRE_SHIP && x->to == ST_INSPECTED);
      CHECK_INT(x->forward, !back);
    }
    arena_release(&a);
  }
}

TEST(status_conf_values)
{
  struct arena a = { 0 };
  struct conf c = conf_of(
    &a,
    "[stage paid]\nlabel = Bezahlt\nlabel_zh = 款到\nowner = user:amy\nlead = finance\nremind = 90s\nescalate = never\n"
    "clock = working\n[calendar]\nzone = -03:30\nhours = 08:30-24:00\ndays = sat sun\nholidays = 2026-10-01,\n  2026/10/2\n");
  struct status_table t;
  const char *why = "";
  if (!CHECK(status_table_load(&a, &c, &t, &why))) CHECK_STR(why, "");
  const struct stage *s = &t.stage[ST_PAID];
  CHECK_STR(s->label, "Bezahlt");
  CHECK_STR(s->label_zh, "款到");
  CHECK_STR(s->owner, "user:amy");
  CHECK_STR(s->lead, "finance");
  CHECK_INT(s->remind_ms, 90000);
  CHECK_INT(s->escalate_ms, 0);
  CHECK(s->working_time);
  CHECK_INT(t.calendar.zone_min, -210);
  CHECK_INT(t.calendar.from_min, 510);
  CHECK_INT(t.calendar.to_min, 1440);
  CHECK_INT(t.calendar.days, 0x60);
  CHECK_INT(t.calendar.holidays_n, 2);
  CHECK_INT(t.calendar.holidays[1], 20261002);
  arena_release(&a);
}

TEST(status_conf_limits)
{
  struct arena a = { 0 };
  struct buf b = { 0 };
  struct status_table t;
  const char *why = "";
  for (int i = 0; i < STATUS_MAX - ST_BUILTIN_N; i++) buf_printf(&b, "[stage extra_%d]\nafter = paid\n", i);
  struct conf c = conf_of(&a, b.data);
  if (!CHECK(status_table_load(&a, &c, &t, &why))) CHECK_STR(why, "");
  CHECK_INT(t.stages, STATUS_MAX);
  buf_str(&b, "[stage one_more]\nafter = paid\n");
  c = conf_of(&a, b.data);
  CHECK(!status_table_load(&a, &c, &t, &why));
  CHECK(strstr(why, "more than 32 stages"));
  b.len = 0;
  buf_str(&b, "[calendar]\nholidays = ");
  for (int i = 0; i < 65; i++) buf_printf(&b, "%d-01-%02d ", 2026 + i / 28, i % 28 + 1);
  c = conf_of(&a, b.data);
  CHECK(!status_table_load(&a, &c, &t, &why));
  CHECK(strstr(why, "more than 64 holidays"));
  buf_release(&b);
  arena_release(&a);
}
