/* The configuration as the flows use it: what is refused with its line, and what the values become. */
#include "flow.h"
#include "test.h"

#define HOUR (3600ll * 1000)

static bool load(struct arena *a, const char *text, struct rules *r, const char **why)
{
  struct conf *c = arena_new(a, struct conf);
  *why = NULL;
  return CHECK(conf_parse(a, text, strlen(text), c, why)) && rules_load(a, c, r, why);
}

TEST(rules_refused)
{
  static const struct {
    const char *conf, *why;
  } cases[] = {
    { "[merge]\nwindow = soon", "line 2: [merge] window = soon: a duration" },
    { "[merge]\nwindow = 72", "line 2: [merge] window = 72: a duration" },
    { "[merge]\nwindow = -1h", "a duration" },
    { "[merge]\nwindow = 999ms", "out of range" },
    { "[merge]\nwindow = 31d", "out of range" },
    { "[merge]\nwindow = 99999999999999999999h", "a duration" },
    { "[merge]\nmargin = 31d", "out of range" },
    { "[merge]\nremarks = yes", "merge or propose" },
    { "[merge]\nacross_channels = true", "yes or no" },
    { "[merge]\ngroup_max = 0", "a whole number in range" },
    { "[merge]\ngroup_max = 201", "a whole number in range" },
    { "[merge]\ngroup_max = 5.0", "a whole number in range" },
    { "[merge]\ngroup_max =", "a whole number in range" },
    { "[intake]\nnew_channels = maybe", "yes or no" },
    { "[intake]\nsurge_queue = 0", "in range" },
    { "[intake]\nbacklog_alarm = -5", "in range" },
    { "[intake]\nbacklog_alarm = 99999999999999", "in range" },
    { "\n\n[channel tm]\nfamily = Tao Bao", "line 4: [channel tm] family = Tao Bao: lower-case letters" },
    { "[channel tm]\nfamily =", "lower-case letters" },
    { "[channel tm]\nmerge = sometimes", "yes or no" },
    { "[stage paid]\nremindd = 1h", "line 2: [stage paid] has no key remindd; did you mean remind" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    struct rules r;
    const char *why;
    test_note("%s", cases[i].conf);
    CHECK(!load(&a, cases[i].conf, &r, &why));
    if (!CHECK(why && strstr(why, cases[i].why))) CHECK_STR(why, cases[i].why);
    arena_release(&a);
  }
}

TEST(rules_defaults)
{
  struct rules r, same;
  struct arena a = { 0 };
  const char *why;
  rules_default(&r);
  CHECK_INT(r.merge.window_ms, 72 * HOUR);
  CHECK_INT(r.merge.group_max, 50);
  CHECK(r.merge.across_channels && !r.merge.remarks_propose && r.new_channels);
  CHECK_INT(r.backlog_alarm, 500);
  CHECK_STR(rules_family(&r, "tm"), "tm");
  CHECK(rules_channel_merges(&r, "tm"));
  CHECK(rules_load(&a, NULL, &same, &why)); /* no file at all */
  CHECK_INT(same.merge.margin_ms, r.merge.margin_ms);
  CHECK_INT(same.status.moves, r.status.moves);
  arena_release(&a);
}

TEST(rules_values)
{
  struct rules r;
  struct arena a = { 0 };
  const char *why = "";
  bool ok = load(&a, "[merge]\nwindow = 1s\nmargin = 0s\nremarks = propose\nacross_channels = no\ngroup_max = 200\n"
                     "[intake]\nnew_channels = no\nsurge_queue = 1\nsurge_pending = 7\nbacklog_alarm = 1\npayload_keep = 1s\n"
                     "[channel tm-1]\nfamily = taobao\n[channel tm-2]\nfamily = taobao\nmerge = no\n[stage paid]\nremind = 1s\n", &r, &why);
  if (!ok) CHECK_STR(why, "");
  CHECK_INT(r.merge.window_ms, 1000);
  CHECK_INT(r.merge.margin_ms, 0);
  CHECK(r.merge.remarks_propose && !r.merge.across_channels && !r.new_channels);
  CHECK_INT(r.merge.group_max, 200);
  CHECK_INT(r.surge_queue, 1);
  CHECK_INT(r.surge_pending, 7);
  CHECK_INT(r.backlog_alarm, 1);
  CHECK_INT(r.payload_keep_ms, 1000);
  CHECK_INT(r.status.stage[ST_PAID].remind_ms, 1000);
  CHECK_STR(rules_family(&r, "tm-1"), "taobao");
  CHECK_STR(rules_family(&r, "tm-2"), "taobao");
  CHECK_STR(rules_family(&r, "tm-3"), "tm-3");
  CHECK(rules_channel_merges(&r, "tm-1") && !rules_channel_merges(&r, "tm-2"));
  arena_release(&a);
}

/* Who ships from us needs a group (domain 3, 1). */
TEST(rules_orders_that_ship)
{
  static const struct {
    const char *status;
    unsigned flags;
    bool ships;
  } cases[] = {
    { "pending", 0, false },
    { "paid", 0, true },
    { "split", 0, true },
    { "producing", 0, true },
    { "inspected", 0, true },
    { "pre_ship", 0, true },
    { "shipped", 0, false },
    { "completed", 0, false },
    { "cancelled", 0, false },
    { "check", 0, true }, /* a stage of the team's own */
    { "nowhere", 0, false },
    { "paid", FLAG_COD | FLAG_GIFT | FLAG_SEALED | FLAG_HOURLY | FLAG_PRESALE_UNPAID, true },
    { "paid", FLAG_PLATFORM_WAREHOUSE, false },
    { "paid", FLAG_PLATFORM_INSPECTION, false },
    { "split", FLAG_AGENCY | FLAG_COD, false },
  };
  struct rules r;
  struct arena a = { 0 };
  const char *why;
  CHECK(load(&a, "[stage check]\nafter = paid\n", &r, &why));
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s %x", cases[i].status, cases[i].flags);
    CHECK_INT(order_ships(&r, cases[i].status, cases[i].flags), cases[i].ships);
  }
  arena_release(&a);
}
