/* config_test.c: keys, their values and where they come from; see also the command line's tests. */
#include "edge.h"
#include "test.h"
#include <stdio.h>
#include <string.h>

static struct arena mem;

static bool load(const char *text, char *const *environ_, const struct config_flag *flag, size_t flags, struct config *out, const char **why)
{
  const char *path = arena_printf(&mem, "%s/orderd.conf", test_dir());
  struct config_source s = { .path = path, .environ = environ_, .flag = flag, .flags_n = flags };
  if (text && !file_write(path, text, strlen(text), 0600)) return false;
  return config_load(&mem, &s, out, why);
}

TEST(config_sizes)
{
  static const struct {
    const char *text;
    int64_t bytes; /* -1: refused */
  } cases[] = {
    { "0", 0 }, { "1", 1 }, { "512k", 512 << 10 }, { "512K", 512 << 10 }, { "64M", 64ll << 20 }, { "2G", 2ll << 30 }, { "3T", 3ll << 40 },
    { "", -1 }, { "M", -1 }, { "1.5M", -1 }, { "-1", -1 }, { "64 M", -1 }, { "64MB", -1 }, { "64m", -1 }, { "999999999999999T", -1 },
    { "99999999999999999999", -1 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t n = -2;
    test_note("%s", cases[i].text);
    CHECK(size_parse(cases[i].text, &n) == (cases[i].bytes >= 0));
    if (cases[i].bytes >= 0) CHECK_INT(n, cases[i].bytes);
  }
}

TEST(config_names_of_the_environment)
{
  CHECK_STR(config_env_name(&mem, "server", "listen"), "ORDERD_SERVER_LISTEN");
  CHECK_STR(config_env_name(&mem, "stage pre_ship", "label_zh"), "ORDERD_STAGE_PRE_SHIP_LABEL_ZH");
  CHECK_STR(config_env_name(&mem, "channel tmall-home.2", "family"), "ORDERD_CHANNEL_TMALL_HOME_2_FAMILY");
  arena_release(&mem);
}

/* The table's defaults are those that the flows have of their own. */
TEST(config_defaults_are_the_rules)
{
  struct config k;
  const char *why = NULL;
  struct rules own, r;
  struct buf text = { 0 };
  rules_default(&own);
  REQUIRE(load("", NULL, NULL, 0, &k, &why));
  CHECK_INT(k.conf.n, 0);
  for (size_t i = 0; i < k.n; i++)
    if (k.at[i].value && *k.at[i].value && strncmp(k.at[i].section, "server", 6))
      buf_printf(&text, "[%s]\n%s = %s\n", k.at[i].section, k.at[i].key, k.at[i].value);
  struct conf all;
  REQUIRE(conf_parse(&mem, text.data, text.len, &all, &why));
  REQUIRE(rules_load(&mem, &all, &r, &why));
  CHECK_INT(r.merge.window_ms, own.merge.window_ms), CHECK_INT(r.merge.margin_ms, own.merge.margin_ms);
  CHECK_INT(r.merge.remarks_propose, own.merge.remarks_propose), CHECK_INT(r.merge.across_channels, own.merge.across_channels);
  CHECK_INT(r.merge.group_max, own.merge.group_max), CHECK_INT(r.payload_keep_ms, own.payload_keep_ms);
  CHECK_INT(r.backlog_alarm, own.backlog_alarm), CHECK_INT(r.surge_queue, own.surge_queue), CHECK_INT(r.surge_pending, own.surge_pending);
  CHECK_INT(r.new_channels, own.new_channels), CHECK_INT(r.status.stages, own.status.stages);
  for (int i = 0; i < own.status.stages; i++) {
    const struct stage *x = &own.status.stage[i], *y = &r.status.stage[i];
    test_note("%s", x->name);
    CHECK_STR(y->label, x->label), CHECK_STR(y->label_zh, x->label_zh), CHECK_STR(y->owner, x->owner), CHECK_STR(y->lead, x->lead);
    CHECK_INT(y->remind_ms, x->remind_ms), CHECK_INT(y->escalate_ms, x->escalate_ms), CHECK_INT(y->working_time, x->working_time);
  }
  CHECK_INT(r.status.calendar.zone_min, own.status.calendar.zone_min), CHECK_INT(r.status.calendar.from_min, own.status.calendar.from_min);
  CHECK_INT(r.status.calendar.to_min, own.status.calendar.to_min), CHECK_INT(r.status.calendar.days, own.status.calendar.days);
  CHECK_INT(config_number(&k, "server", "connections_max"), HTTP_CONNECTIONS_MAX);
  CHECK_INT(config_number(&k, "server", "connections_per_address"), HTTP_PER_ADDRESS_MAX);
  CHECK_INT(config_number(&k, "data", "disk_reserve"), DISK_RESERVE_BYTES);
  buf_release(&text);
  arena_release(&mem);
}

TEST(config_the_strongest_wins)
{
  char env_window[] = "ORDERD_MERGE_WINDOW=30h", env_listen[] = "ORDERD_SERVER_LISTEN=127.0.0.1:2", other[] = "HOME=/x";
  char *const env[] = { other, env_window, env_listen, NULL };
  const struct config_flag flag[] = { { "server", "listen", "127.0.0.1:3", "--listen" } };
  const char *text = "[server]\nlisten = 127.0.0.1:1\nhosts = a.example  b.example\n[merge]\nwindow = 20h\nmargin = 1h\n", *why = NULL;
  struct config k;
  const char **hosts;
  REQUIRE(load(text, env, flag, 1, &k, &why));
  CHECK_STR(config_text(&k, "server", "listen"), "127.0.0.1:3");
  CHECK_INT(config_number(&k, "merge", "window"), 30 * 3600000ll), CHECK_INT(config_number(&k, "merge", "margin"), 3600000);
  CHECK_INT(config_number(&k, "merge", "group_max"), 50), CHECK_INT(config_number(&k, "server", "trusted_proxy"), 0);
  CHECK_INT(config_hosts(&mem, &k, &hosts), 2), CHECK_STR(hosts[0], "a.example"), CHECK_STR(hosts[1], "b.example");
  CHECK(!k.unknown_env);
  CHECK_STR(conf_get(&k.conf, "merge", "window")->value, "30h");
  CHECK(!conf_get(&k.conf, "merge", "group_max")); /* what nobody set is not in it */
  arena_release(&mem);
}

TEST(config_template_is_a_configuration)
{
  struct buf text = { 0 };
  struct config k;
  struct conf c;
  const char *why = NULL;
  config_template(&mem, &text);
  CHECK(utf8_valid(text.data, text.len));
  REQUIRE(load(text.data, NULL, NULL, 0, &k, &why));
  CHECK_INT(k.conf.n, 0); /* all of it is comments */
  REQUIRE(conf_parse(&mem, text.data, text.len, &c, &why));
  CHECK_INT(c.n, 0);
  for (size_t i = 0; i < config_keys_n; i++) {
    const struct config_key *row = &config_keys[i];
    test_note("[%s] %s", row->section, row->key);
    CHECK(strstr(text.data, arena_printf(&mem, "\n#%s =", row->key)) != NULL);
    size_t n = strlen(row->doc);
    CHECK(n > 10 && row->doc[n - 1] == '.');
  }
  buf_release(&text);
  arena_release(&mem);
}

TEST(config_refuses)
{
  static const struct {
    const char *text, *says;
  } cases[] = {
    { "[server]\nlisten = x\n", "orderd.conf:2: [server] listen" }, { "[server]\nlisten = 1.2.3.4:70000\n", "address and a port" },
    { "[server]\nlisten = ::1:80\n", "address and a port" }, { "[server]\nhosts = A.example\n", "lower case" },
    { "[server]\nconnections_max = 3\n", "from 17 to" }, { "[server]\nidle_timeout = 1ms\n", "from 100ms to" },
    { "[serer]\nx = 1\n", "did you mean server?" }, { "[zzzzzzzz]\nx = 1\n", "there is no section" }, { "[channel]\nfamily = x\n", "[channel NAME]" },
    { "[channel a]\nfamly = x\n", "did you mean family?" }, { "[merge]\nlisten = x\n", "[server] has one" },
    { "[stage paid]\nescalate = 1h\n", "escalates before" }, { "[calendar]\ndays = someday\n", "line 2" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct config k;
    const char *why = NULL;
    test_note("%s", cases[i].text);
    CHECK(!load(cases[i].text, NULL, NULL, 0, &k, &why));
    CHECK(why && strstr(why, cases[i].says));
    if (why && !strstr(why, cases[i].says)) fprintf(stderr, "  says: %s\n", why);
    arena_release(&mem);
  }
}

/* ---- the table of commands ----------------------------------------------------------------------------------- */
TEST(commands_are_told_apart)
{
  for (size_t i = 0; i < cli_commands_n; i++) {
    const struct cli_command *k = &cli_commands[i];
    test_note("%s", k->name);
    CHECK(k->run && k->doc && k->example && strncmp(k->example, "orderd ", 7) == 0);
    CHECK(!k->method || (k->path && k->path[0] == '/'));
    for (size_t j = 0; j < i; j++) CHECK(strcmp(cli_commands[j].name, k->name) != 0);
  }
}

/* Every call that a row names is a route, and every filter that it hands on is one that the route knows. */
TEST(commands_call_routes)
{
  for (size_t i = 0; i < cli_commands_n; i++) {
    const struct cli_command *k = &cli_commands[i];
    const char *id, *allow;
    if (!k->method) continue;
    test_note("%s", k->name);
    char *path = arena_str(&mem, k->path);
    path[strcspn(path, "?")] = 0;
    char *brace = strchr(path, '{');
    if (brace) memcpy(brace, "o_1", 3);
    const struct route *r = route_find(&mem, k->method, path, &id, &allow);
    if (!CHECK(r != NULL)) continue;
    for (const char *p = k->query ? k->query : ""; *p; p += strspn(p, " ")) {
      size_t n = strcspn(p, " ");
      const char *word = arena_printf(&mem, " %.*s ", (int)n, p), *known = arena_printf(&mem, " %s ", r->query ? r->query : "");
      CHECK(strstr(known, word) != NULL);
      p += n;
    }
  }
  arena_release(&mem);
}

/* ---- printing -------------------------------------------------------------------------------------------------- */
TEST(text_is_safe_and_measured)
{
  static const struct {
    const char *in, *out;
    size_t width;
  } cases[] = {
    { "abc", "abc", 3 }, { "张示例", "张示例", 6 }, { "a\nb", "a\\nb", 4 }, { "a\tb", "a b", 3 }, { "\x1b[2J", "\\u001b[2J", 9 },
    { "\xe2\x80\xae", "\\u202e", 6 }, { "\xc2\x9b", "\\u009b", 6 }, { "e\xcc\x81", "e\xcc\x81", 1 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct buf b = { 0 };
    text_safe(&b, cases[i].in);
    CHECK_STR(b.data, cases[i].out), CHECK_INT(text_width(b.data), cases[i].width);
    buf_release(&b);
  }
}
