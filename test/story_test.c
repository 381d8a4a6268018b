/* Stories: test/flow/ *.t, command scripts against the real flows on a real file, with a clock that only the story moves.
 *
 *   # a comment
 *   conf | [merge]            lines of the configuration, before the first command
 *   as cs                     the roles of the one who acts from here on
 *   @ +72h                    time moves (and deadlines that are due fire)
 *   restart                   closes and opens the file
 *   take {…} => OK {…}        order.ingest of an order with defaults (shop_order)
 *   order.move o_1 {…} => CONFLICT {"code":"…"}
 *   show o_1 => OK {…} · fulfilment f_1 · claim k_1 · wave v_1 · pack f_1 · why o_1 · group g_1 · history o_1 · find {"q":"…"} => OK ["o_1"]
 *   sku A => OK {…} · skus · warehouse HZ · stock A · stock {"warehouse":"HZ"} · ledger {…} · mappings {…}
 *   check => OK               every invariant that a file can show
 * What stands behind => must be part of the answer (json_fits). */
#include "lib/shop.h"
#include "test.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct story {
  struct shop shop;
  struct buf conf;
  bool open;
  const char *file;
  int line;
};

static bool story_open(struct story *t)
{
  char path[256];
  if (t->open) return true;
  snprintf(path, sizeof path, "%s/%s.db", test_dir(), strrchr(t->file, '/') + 1);
  return t->open = CHECK(shop_open(&t->shop, path, t->conf.data));
}

static void say_breach(void *arg, const char *text)
{
  (void)arg;
  fprintf(stderr, "  check: %s\n", text);
}

/* sku A · warehouse HZ · stock {"sku":"A"} · ledger {"sku":"A","warehouse":"HZ"} · mappings {} · skus {"q":"sofa"} */
static enum err story_goods(struct story *t, struct arena *a, const char *verb, const char *target, const char *body, struct buf *out,
                            bool *known)
{
  struct db *db = t->shop.db;
  struct faults f = { .mem = a };
  const struct json *j = json_parse(a, body ? body : "{}", body ? strlen(body) : 2, 100, &f);
  const char *sku = json_string(json_get(j, "sku")), *place = json_string(json_get(j, "warehouse")), *next, *why;
  const struct sku_filter skus = { .q = json_string(json_get(j, "q")), .state = json_string(json_get(j, "state")), .limit = 100 };
  const struct mapping_filter mappings = { .channel = json_string(json_get(j, "channel")), .sku = sku, .limit = 100 };
  int64_t version;
  *known = true;
  if (!strcmp(verb, "sku")) return view_sku(db, a, target, out, &version);
  if (!strcmp(verb, "skus")) return view_skus(db, a, &skus, out, &next, &why);
  if (!strcmp(verb, "warehouse")) return view_warehouse(db, a, target, out, &version);
  if (!strcmp(verb, "stock")) return view_stock(db, a, sku ? sku : target, place, NULL, 100, out, &next, &why);
  if (!strcmp(verb, "ledger")) return view_stock_moves(db, a, sku, place, NULL, 100, out, &next, &why);
  if (!strcmp(verb, "mappings")) return view_channel_skus(db, a, &mappings, out, &next, &why);
  *known = false;
  return ERR_OK;
}

/* The answer of a query into out; the same error names as commands. */
static enum err story_query(struct story *t, const char *verb, const char *target, const char *body, struct buf *out, bool *known)
{
  struct shop *s = &t->shop;
  struct arena a = { 0 };
  int64_t id = 0, n;
  const char *next, *why = NULL;
  enum err e = ERR_NOT_FOUND;
  *known = true;
  if (target && target[1] == '_') id = strtoll(target + 2, NULL, 10);
  if (!strcmp(verb, "show")) {
    if (!view_order_id(s->db, target, &id)) e = view_order(s->db, &a, &s->rules.status, id, SHOW_FULL, out, &n);
  } else if (!strcmp(verb, "why"))
    e = view_order_why(s->db, &a, &s->rules.status, &s->rules.merge, id, SHOW_FULL, out);
  else if (!strcmp(verb, "group"))
    e = view_group(s->db, &a, &s->rules.merge, id, out, &n);
  else if (!strcmp(verb, "payload"))
    e = view_payload(s->db, &a, id, true, out);
  else if (!strcmp(verb, "fulfilment"))
    e = view_fulfilment(s->db, &a, id, out, &n);
  else if (!strcmp(verb, "wave"))
    e = view_wave(s->db, &a, id, SHOW_FULL, out, &n);
  else if (!strcmp(verb, "pack"))
    e = view_pack(s->db, &a, id, SHOW_FULL, out, &n);
  else if (!strcmp(verb, "claim"))
    e = view_claim(s->db, &a, id, out, &n);
  else if (!strcmp(verb, "exceptions"))
    e = view_exceptions(s->db, &a, "open", NULL, NULL, 0, NULL, 100, out, &next, &why);
  else if (!strcmp(verb, "history")) {
    struct event_filter f = { .kind = target[0], .entity = id, .limit = 100 };
    e = view_events(s->db, &a, &f, out, &n);
  } else if (!strcmp(verb, "find")) {
    struct faults f = { .mem = &a };
    struct json *j = json_parse(&a, body, strlen(body), 100, &f);
    struct order_filter o = { .q = json_string(json_get(j, "q")), .status = json_string(json_get(j, "status")),
                              .sku = json_string(json_get(j, "sku")), .exception = json_string(json_get(j, "exception")), .limit = 100 };
    struct buf list = { 0 };
    struct jw w;
    e = view_orders(s->db, &a, &s->rules.status, &o, SHOW_FULL, &list, &next, &why);
    jw_init(&w, out), jw_array(&w);
    j = e ? NULL : json_parse(&a, list.data, list.len, 20000, &f);
    for (const struct json *row = json_first(json_get(j, "data")); row; row = json_next(row)) jw_string(&w, json_string(json_get(row, "id")));
    jw_array_end(&w);
    buf_release(&list);
  } else if (!strcmp(verb, "check"))
    e = view_check(s->db, &a, &s->rules.status, &s->rules.merge, say_breach, NULL) ? ERR_CONFLICT : ERR_OK;
  else
    e = story_goods(t, &a, verb, target, body, out, known);
  arena_release(&a);
  return e;
}

static void story_compare(struct story *t, enum err e, const struct buf *out, const char *expect)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  size_t word = strcspn(expect, " ");
  char *name = arena_strn(&a, expect, word), code[40] = "";
  const char *got = err_code(e);
  for (size_t i = 0; got[i] && i < sizeof code - 1; i++) code[i] = got[i] >= 'a' && got[i] <= 'z' ? (char)(got[i] - 32) : got[i], code[i + 1] = 0;
  test_note("%s:%d %s", t->file, t->line, out->data ? out->data : "");
  CHECK_STR(code, name);
  const char *rest = expect + word + strspn(expect + word, " ");
  if (*rest) {
    struct buf why = { 0 };
    struct json *x = json_parse(&a, rest, strlen(rest), 20000, &f), *y = json_parse(&a, out->data ? out->data : "null", out->data ? out->len : 4, 20000, &f);
    CHECK(x && "the expectation is JSON");
    if (!json_fits(x, y, &why)) {
      fprintf(stderr, "  %s:%d differs: %s\n", t->file, t->line, why.data);
      CHECK(!"the answer fits");
    }
    buf_release(&why);
  }
  arena_release(&a);
}

static void story_time(struct story *t, const char *text)
{
  int64_t ms = 0;
  CHECK(*text == '+' && duration_parse(text + 1, &ms));
  t->shop.env.now_ms += ms;
  for (int i = 0; i < 100; i++) {
    struct cmd *c = shop_run(&t->shop, "timers.fire", NULL, NULL);
    bool more = c->left;
    CHECK_INT(c->job.err, ERR_OK);
    cmd_free(c);
    if (!more) break;
  }
}

static void story_index(struct story *t)
{
  for (int i = 0; i < 1000; i++) {
    struct cmd *c = shop_run(&t->shop, "search.step", NULL, NULL);
    bool more = c->left && !c->job.err;
    cmd_free(c);
    if (!more) return;
  }
}

static void story_command(struct story *t, char *line)
{
  struct arena a = { 0 };
  struct buf out = { 0 };
  bool known;
  char *expect = strstr(line, " => ");
  if (!CHECK(expect)) return;
  *expect = 0, expect += 4;
  char *verb = strtok_r(line, " ", &line), *target = NULL;
  line += strspn(line, " ");
  if (*line && *line != '{') target = strtok_r(line, " ", &line), line += strspn(line, " ");
  const char *body = *line ? line : NULL;
  enum err e = story_query(t, verb, target, body, &out, &known);
  if (!known) {
    bool take = !strcmp(verb, "take");
    if (!CHECK(take || cmd_find(verb) >= 0)) goto done;
    struct cmd *c = shop_run(&t->shop, take ? "order.ingest" : verb, target, take ? shop_order(&a, body) : body);
    e = c->job.err;
    if (e)
      cmd_problem(c, &out);
    else if (c->out.data)
      buf_put(&out, c->out.data, c->out.len);
    cmd_free(c);
  }
  story_compare(t, e, &out, expect);
done:
  buf_release(&out);
  arena_release(&a);
}

static void story_line(struct story *t, char *line)
{
  line[strcspn(line, "\n")] = 0;
  line += strspn(line, " ");
  if (!*line || *line == '#') return;
  if (!strncmp(line, "conf |", 6)) {
    buf_str(&t->conf, line + 6 + (line[6] == ' ')), buf_char(&t->conf, '\n');
    return;
  }
  if (!story_open(t)) return;
  if (*line == '@')
    story_time(t, line + 1 + strspn(line + 1, " "));
  else if (!strncmp(line, "as ", 3))
    CHECK(roles_parse(line + 3, &t->shop.actor.roles));
  else if (!strcmp(line, "restart"))
    CHECK(shop_reopen(&t->shop, t->conf.data));
  else if (!strcmp(line, "index"))
    story_index(t);
  else
    story_command(t, line);
}

static void story_file(const char *path)
{
  struct story t = { .file = path };
  char line[65536];
  FILE *f = fopen(path, "r");
  if (!CHECK(f)) return;
  while (fgets(line, sizeof line, f)) t.line++, story_line(&t, line);
  fclose(f);
  if (t.open) {
    struct buf out = { 0 };
    bool known;
    test_note("%s: at its end", path);
    CHECK_INT(story_query(&t, "check", NULL, NULL, &out, &known), ERR_OK);
    buf_release(&out);
    shop_close(&t.shop);
  }
  buf_release(&t.conf);
}

static int is_story(const struct dirent *d)
{
  size_t n = strlen(d->d_name);
  return n > 2 && !strcmp(d->d_name + n - 2, ".t");
}

TEST(stories)
{
  struct dirent **list;
  const char *only = getenv("STORY");
  int n = scandir("test/flow", &list, is_story, alphasort);
  CHECK(n > 0);
  for (int i = 0; i < n; i++) {
    char path[512];
    snprintf(path, sizeof path, "test/flow/%s", list[i]->d_name);
    if (!only || strstr(path, only)) story_file(path);
    free(list[i]);
  }
  free(list);
}
