/* What Taobao, JD, Douyin and Pinduoduo answer in the simulator: pages that miss nothing, the shape of the recorded
 * answers, groups of receivers, and what only one of them has. */
#include "sim_rig.h"

static int64_t number_at(const struct json *j, const char *path)
{
  int64_t v = -1;
  json_int(at(j, path), &v);
  return v;
}

/* ---- pages cover everything --------------------------------------------------------------------------------- */
static void rows_count(struct world *w, const struct shape *f, const struct json *j, unsigned char *seen,
                       size_t *found)
{
  for (const struct json *row = json_first(at(j, f->rows)); row; row = json_next(row), ++*found) {
    const struct sim_order *o = sim_find(w->s, json_string(json_get(row, f->id)));
    REQUIRE(o);
    CHECK_INT(seen[o->n]++, 0);
  }
}

static void walk(struct world *w, const struct shape *f)
{
  unsigned char *seen = mem_new(w->s->own->all.n + 1);
  size_t found = 0, pages = 0;
  const struct sim_list_of *all = &w->s->own->by_change;
  int64_t end = sim_now(w->sim) - 4 * MINUTE, until = 0;
  for (int64_t from = all->at[0]->indexed_ms; from <= end; from = until + 1000) {
    struct ask k;
    until = from + 30 * MINUTE - 1000 < end ? from + 30 * MINUTE - 1000 : end;
    int64_t total = 1;
    for (int64_t page = 1; (page - 1) * 3 < total; page++, pages++) {
      ask_page(&k, w, from, until, page, 3), send_signed(&k);
      total = number_at(k.j, f->total);
      CHECK(total >= 0);
      rows_count(w, f, k.j, seen, &found);
      ask_end(&k);
    }
  }
  CHECK_INT(found, sim_span(all, false, end + 1));
  CHECK(found > 100 && pages > found / 3);
  CHECK_INT(w->s->own->bad_signs + w->s->own->bad_tokens, 0);
  mem_free(seen);
}

TEST(sim_platforms_show_every_order_once)
{
  for (size_t i = 0; i < COUNT(shapes); i++) {
    struct world w;
    if (!world_open(&w, shapes[i].platform, 300)) return;
    sim_advance(w.sim, 20 * HOUR);
    walk(&w, &shapes[i]);
    world_close(&w);
  }
}

/* The newest change stands first where the platform says so. */
TEST(sim_platforms_begin_with_the_newest)
{
  for (size_t i = 0; i < COUNT(shapes); i++) {
    struct world w;
    struct ask k;
    int64_t first = 0, last = 0;
    if (!world_open(&w, shapes[i].platform, 1000)) return;
    int64_t end = sim_now(w.sim) - 4 * MINUTE;
    ask_page(&k, &w, end - 30 * MINUTE, end, 1, 100), send_signed(&k);
    const struct json *rows = at(k.j, shapes[i].rows);
    REQUIRE(json_count(rows) > 2);
    for (const struct json *row = json_first(rows); row; row = json_next(row)) {
      last = sim_find(w.s, json_string(json_get(row, shapes[i].id)))->indexed_ms;
      if (!first) first = last;
    }
    if (!strcmp(shapes[i].platform, "taobao") || !strcmp(shapes[i].platform, "pinduoduo"))
      CHECK(first > last);
    else CHECK(first < last);
    ask_end(&k);
    world_close(&w);
  }
}

/* ---- the shape of answers --------------------------------------------------------------------------------------- */
struct paths {
  struct arena mem;
  const char **at;
  size_t n, cap;
};

static bool has_path(const struct paths *p, const char *path)
{
  for (size_t i = 0; i < p->n; i++)
    if (!strcmp(p->at[i], path)) return true;
  return false;
}

static void path_add(struct paths *p, const char *path)
{
  if (has_path(p, path)) return;
  if (p->n == p->cap) p->cap = p->cap ? 2 * p->cap : 128, p->at = mem_grow(p->at, p->cap * sizeof *p->at);
  p->at[p->n++] = arena_str(&p->mem, path);
}

static void paths_of(struct paths *p, const struct json *j, const char *path)
{
  bool is_object = json_type(j) == JSON_OBJECT;
  if (*path) path_add(p, path);
  if (!is_object && json_type(j) != JSON_ARRAY) return;
  for (const struct json *e = json_first(j); e; e = json_next(e))
    paths_of(p, e,
             is_object ? arena_printf(&p->mem, "%s%s%s", path, *path ? "." : "", json_key(e))
                       : arena_printf(&p->mem, "%s[]", path));
}

static void paths_free(struct paths *p)
{
  mem_free(p->at);
  arena_release(&p->mem);
}

static bool is_word_end(const char *path, const char *words)
{
  size_t n = strcspn(words, " ");
  for (; *words; words += n, words += *words == ' ', n = strcspn(words, " ")) {
    size_t len = strlen(path);
    if (len >= n && n && !memcmp(path + len - n, words, n)) return true;
  }
  return false;
}

static const struct json *fixture(struct arena *a, const char *name)
{
  size_t n;
  struct faults f = { .mem = a };
  char *text = file_read(a, arena_printf(a, "../shared/reference/apis/fixtures/%s", name), 1 << 20, &n);
  return text ? json_parse(a, text, n, JSON_ELEMENTS_MAX, &f) : NULL;
}

struct recorded {
  const struct paths *same, *other; /* of this call; of the other one, which shows the same orders */
  const char *row, *other_row;
};

static bool is_recorded(struct paths *mine, const struct recorded *r, const char *path)
{
  size_t n = strlen(r->row);
  if (has_path(r->same, path)) return true;
  return !strncmp(path, r->row, n) &&
         has_path(r->other, arena_printf(&mine->mem, "%s%s", r->other_row, path + n));
}

static void compare(struct paths *mine, const struct recorded *r, const struct shape *f)
{
  for (size_t i = 0; i < mine->n; i++) {
    if (is_recorded(mine, r, mine->at[i]) || is_word_end(mine->at[i], f->more)) continue;
    test_note("%s has %s, the recorded answer not", f->platform, mine->at[i]);
    CHECK(false);
  }
  for (size_t i = 0; i < r->same->n; i++) {
    if (has_path(mine, r->same->at[i])) continue;
    test_note("%s has no %s", f->platform, r->same->at[i]);
    CHECK(false);
  }
}

static void shape_check(struct world *w, const struct shape *f)
{
  struct paths list = { 0 }, one = { 0 }, list_want = { 0 }, one_want = { 0 };
  struct ask k;
  paths_of(&list_want, fixture(&w->mem, f->list), ""), paths_of(&one_want, fixture(&w->mem, f->one), "");
  const struct sim_list_of *all = &w->s->own->by_change;
  int64_t end = sim_now(w->sim) - 4 * MINUTE;
  for (int64_t from = all->at[0]->indexed_ms; from <= end - 30 * MINUTE; from += 30 * MINUTE) {
    ask_page(&k, w, from, from + 30 * MINUTE, 1, 100), send_signed(&k);
    if (json_count(at(k.j, f->rows))) paths_of(&list, k.j, "");
    ask_end(&k);
  }
  for (size_t i = 0; i < all->n; i++) ask_one(&k, w, all->at[i]), paths_of(&one, k.j, ""), ask_end(&k);
  compare(&list, &(struct recorded){ &list_want, &one_want, f->list_row, f->one_row }, f);
  compare(&one, &(struct recorded){ &one_want, &list_want, f->one_row, f->list_row }, f);
  paths_free(&list), paths_free(&one), paths_free(&list_want), paths_free(&one_want);
}

TEST(sim_platforms_answer_like_the_recorded_ones)
{
  struct arena a = { 0 };
  bool here = fixture(&a, shapes[0].list);
  arena_release(&a);
  if (!here) SKIP("../shared/reference/apis/fixtures is not here");
  for (size_t i = 0; i < COUNT(shapes); i++) {
    struct world w;
    if (!world_open(&w, shapes[i].platform, 300)) return;
    shape_check(&w, &shapes[i]);
    world_close(&w);
  }
}

/* ---- which orders go together --------------------------------------------------------------------------------------------- */
/* Two orders of one receiver that wait, and one of another. */
static bool trio(struct world *w, const struct sim_order *out[3])
{
  const struct sim_list_of *l = &w->s->own->by_placed;
  for (size_t i = 0; i < l->n; i++)
    for (size_t k = i + 1; k < l->n; k++) {
      const struct sim_order *a = l->at[i], *b = l->at[k];
      if (a->customer != b->customer || a->phone_of != b->phone_of || a->address_of != b->address_of)
        continue;
      if (a->status != SIM_PAID || b->status != SIM_PAID) continue;
      out[0] = a, out[2] = b;
      for (size_t m = 0; m < l->n; m++)
        if (l->at[m]->status == SIM_PAID && l->at[m]->customer != a->customer) out[1] = l->at[m];
      return CHECK(out[1]);
    }
  return CHECK(false);
}

static void merge_ask(struct ask *k, struct world *w, const struct sim_order *const *o, size_t n, bool stale)
{
  const char *name = w->s->row->name;
  bool is_taobao = !strcmp(name, "taobao"), is_pdd = !strcmp(name, "pinduoduo");
  struct arena *a = &k->r.mem;
  struct buf b = { 0 };
  if (is_taobao) taobao_begin(k, w, "taobao.top.oaid.merge");
  else if (is_pdd) pdd_begin(k, w, "pdd.order.merge.ship.order.group");
  else douyin_begin(k, w, "/order/merge", "");
  buf_str(&b, is_taobao || is_pdd ? "[" : "{\"merge_list\":[");
  for (size_t i = 0; i < n; i++) {
    const char *token = stale ? "stale" : sim_receiver_token(a, w->s, o[i], is_taobao ? "1x" : "#");
    if (i) buf_char(&b, ',');
    if (is_pdd) buf_printf(&b, "{\"order_sn\":\"%s\"}", o[i]->id);
    else if (is_taobao) buf_printf(&b, "{\"oaid\":\"%s\",\"tid\":\"%s\"}", token, o[i]->id);
    else buf_printf(&b, "{\"open_address_id\":\"%s\",\"order_id\":\"%s\"}", token, o[i]->id);
  }
  buf_str(&b, is_taobao || is_pdd ? "]" : "]}");
  char *list = arena_strn(a, b.data, b.len);
  buf_release(&b);
  if (is_taobao || is_pdd) put(k, is_taobao ? "merge_list" : "order_list", list);
  else k->param_json = list;
  send_signed(k);
}

TEST(sim_platforms_group_receivers)
{
  static const char *const names[] = { "taobao", "douyin", "pinduoduo" };
  static const char *const too_many[] = { "isv.invalid-parameter", "isv.parameter-invalid",
                                          "\"error_code\":21001" };
  for (size_t i = 0; i < COUNT(names); i++) {
    struct world w;
    struct ask k;
    const struct sim_order *o[3] = { 0 }, *many[101];
    if (!world_open(&w, names[i], 200)) return;
    if (!trio(&w, o)) continue;
    merge_ask(&k, &w, o, 3, false);
    says(&k, arena_printf(&k.r.mem, i == 2 ? "[\"%s\",\"%s\"]" : "\"%s,%s\"", o[0]->id, o[2]->id));
    says(&k, arena_printf(&k.r.mem, "\"%s\"", o[1]->id));
    ask_end(&k);
    if (i < 2) { /* a token that is no longer the order's */
      merge_ask(&k, &w, o, 3, true);
      for (size_t m = 0; m < 3; m++) says(&k, arena_printf(&k.r.mem, "\"%s\"", o[m]->id));
      ask_end(&k);
    }
    for (size_t m = 0; m < COUNT(many); m++) many[m] = o[0];
    merge_ask(&k, &w, many, COUNT(many), false);
    says(&k, too_many[i]), ask_end(&k);
    world_close(&w);
  }
}

/* ---- one platform each ------------------------------------------------------------------------------------------------------ */
TEST(sim_taobao_gives_only_what_is_asked_for)
{
  static const struct {
    const char *fields;
    bool oaid, oid_str;
  } cases[] = {
    { "tid,oaid,orders", false, false },
    { "oaid,receiver_name,receiver_address,created,receiver_mobile", false, false },
    { "oaid, receiver_name,receiver_address,created,receiver_mobile,receiver_phone,orders,orders.oid_str",
      true, true },
  };
  struct world w;
  struct ask k;
  if (!world_open(&w, "taobao", 50)) return;
  const struct sim_order *o = w.s->own->by_placed.at[0];
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].fields);
    taobao_begin(&k, &w, "taobao.trade.fullinfo.get"), put(&k, "tid", o->id),
      put(&k, "fields", cases[i].fields);
    send_signed(&k);
    const struct json *trade = at(k.j, "trade_fullinfo_get_response.trade");
    CHECK(trade && !json_get(trade, "payment") && !json_get(trade, "tid_str"));
    CHECK_INT(json_get(trade, "oaid") != NULL, cases[i].oaid);
    CHECK_INT(json_get(json_at(at(trade, "orders.order"), 0), "oid_str") != NULL, cases[i].oid_str);
    ask_end(&k);
  }
  world_close(&w);
}

TEST(sim_taobao_simplifies_and_tells_of_more)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "taobao", 2000)) return;
  ask_page(&k, &w, NOW - 2 * HOUR, NOW, 1, 2), put(&k, "simplify", "true"), send_signed(&k);
  CHECK_INT(json_count(json_get(k.j, "trades")), 2);
  CHECK_INT(json_type(json_get(json_at(json_get(k.j, "trades"), 0), "orders")), JSON_ARRAY);
  ask_end(&k);
  for (int last = 0; last < 2; last++) {
    ask_page(&k, &w, NOW - 2 * HOUR, NOW, last ? 100000 : 1, 2), put(&k, "use_has_next", "true"),
      send_signed(&k);
    CHECK_INT(json_bool(at(k.j, "trades_sold_increment_get_response.has_next")), !last);
    CHECK(!at(k.j, "trades_sold_increment_get_response.total_results"));
    CHECK_INT(at(k.j, "trades_sold_increment_get_response.trades") != NULL,
              !last); /* an empty list is absent */
    ask_end(&k);
  }
  world_close(&w);
}

TEST(sim_jd_says_success_both_ways)
{
  struct world w;
  bool text = false, boolean = false;
  if (!world_open(&w, "jd", 20)) return;
  for (int i = 0; i < 40; i++) {
    struct ask k;
    ask_page(&k, &w, NOW - HOUR, NOW, 1, 10), send_signed(&k);
    const struct json *ok =
      at(k.j, "jingdong_pop_order_search_responce.searchorderinfo_result.apiResult.success");
    if (json_string(ok)) text = !strcmp(json_string(ok), "true");
    else boolean = json_bool(ok);
    ask_end(&k);
  }
  CHECK(text && boolean);
  world_close(&w);
}

TEST(sim_pinduoduo_shows_receivers_only_while_to_ship)
{
  struct world w;
  size_t shown = 0, hidden = 0, at_risk = 0;
  if (!world_open(&w, "pinduoduo", 400)) return;
  for (size_t i = 0; i < w.s->own->by_placed.n; i++) {
    struct ask k;
    const struct sim_order *o = w.s->own->by_placed.at[i];
    ask_one(&k, &w, o);
    const struct json *j = at(k.j, "order_info_get_response.order_info");
    const char *name = json_string(json_get(j, "receiver_name"));
    bool to_ship =
      number_at(j, "order_status") == 1 && number_at(j, "risk_control_status") == 0 && o->status == SIM_PAID;
    REQUIRE(name);
    if (!to_ship) CHECK_STR(name, "");
    shown += *name == '~', hidden += !*name, at_risk += number_at(j, "risk_control_status") == 1;
    CHECK(*json_string(json_get(j, "receiver_name_mask")));
    ask_end(&k);
  }
  CHECK(shown && hidden && at_risk);
  world_close(&w);
}

TEST(sim_pinduoduo_takes_json)
{
  struct world w;
  struct ask k;
  if (!world_open(&w, "pinduoduo", 50)) return;
  const char *id = w.s->own->by_placed.at[0]->id;
  pdd_begin(&k, &w, "pdd.order.merge.ship.order.group");
  put(&k, "order_list", arena_printf(&k.r.mem, "[{\"order_sn\":\"%s\"}]", id));
  put(&k, "sign", sign_wrapped(&k, sim_secret(w.s, "client_secret")));
  struct buf b = { 0 };
  for (size_t i = 0; i < k.n; i++)
    buf_printf(&b, !strcmp(k.f[i].name, "order_list") ? "%s\"%s\":%s" : "%s\"%s\":\"%s\"", i ? "," : "{",
               k.f[i].name, k.f[i].value);
  buf_char(&b, '}');
  k.n = 0, k.param_json = b.data;
  send_query(&k);
  says(&k, id);
  buf_release(&b), ask_end(&k);
  world_close(&w);
}

TEST(sim_douyin_signs_pushes)
{
  struct world w;
  struct arena a = { 0 };
  struct sim_push p = { 0 };
  if (!world_open(&w, "douyin", 20)) return;
  secret_set(w.s, "app_key", "6839996111408825868"),
    secret_set(w.s, "app_secret", "fictional-doudian-secret");
  const struct sim_order *o = w.s->own->by_placed.at[0];
  w.s->row->push(w.s, o, "http://127.0.0.1/hook", &a, &p);
  char *text = arena_printf(&a, "6839996111408825868%sfictional-doudian-secret", p.body.data);
  CHECK(strstr(p.headers.data, sim_hex(&a, DIGEST_MD5, text, strlen(text), false)));
  CHECK(strstr(p.headers.data, "app-id: 6839996111408825868\r\n"));
  struct faults f = { .mem = &a };
  const struct json *m = json_at(json_parse(&a, p.body.data, p.body.len, JSON_ELEMENTS_MAX, &f), 0);
  const char *data = json_string(json_get(m, "data"));
  REQUIRE(data);
  const struct json *d = json_parse(&a, data, strlen(data), JSON_ELEMENTS_MAX, &f);
  CHECK_STR(json_number(json_get(d, "p_id")), o->id);
  CHECK_INT(json_count(json_get(d, "s_ids")), o->lines);
  buf_release(&p.body), buf_release(&p.headers);
  arena_release(&a);
  world_close(&w);
}
