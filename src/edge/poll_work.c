/* poll_work.c: what a run does on the pool: requests built, answers judged and mapped, all in the channel's sandbox. */
#include "edge.h"

enum { SECRET_LEAST = 6 };

static const char *const call_names[CALL_N] = { "list", "detail", "one", "refresh", "merge" };

const char *call_name(enum call_kind k)
{
  return call_names[k];
}

static const char *work_secret(void *work, const char *name)
{
  const struct work *w = work;
  return poll_secret_of(w->pollee, &w->secrets, name);
}

static const char *work_setting(void *work, const char *name)
{
  return poll_setting(((struct work *)work)->pollee, name);
}

bool work_build(struct pollee *p, struct work *w)
{
  connector_values(p->box, work_secret, work_setting, w);
  return connector_build(p->box, &w->mem, call_names[w->kind], &w->vars, &w->call, &w->why);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

/* {"external_id":…} becomes {"channel":"tmall-home","external_id":…}. */
const char *order_with_channel(struct arena *a, const struct pollee *p, const struct connector_order *o,
                               size_t *n)
{
  struct buf b = { 0 };
  struct jw w;
  const char *rest = memchr(o->order, '{', o->order_n);
  size_t at = rest ? (size_t)(rest + 1 - o->order) : 0;
  buf_str(&b, "{\"channel\":");
  jw_init(&w, &b), jw_string(&w, p->set.name);
  while (at < o->order_n && strchr(" \t\r\n", o->order[at])) at++;
  if (at < o->order_n && o->order[at] != '}') buf_char(&b, ',');
  buf_put(&b, o->order + at, o->order_n - at);
  char *text = arena_strn(a, b.data, b.len);
  *n = b.len;
  buf_release(&b);
  return text;
}

static const char *faults_text(struct arena *a, const struct problem *pr)
{
  struct buf b = { 0 };
  problem_put(&b, ERR_INVALID, 0, pr);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

static void item_fill(struct pollee *p, struct cmd *c, const struct connector_order *o,
                      struct poll_item *item)
{
  struct problem pr = { .code = "mapping_failed", .faults.mem = &c->mem };
  size_t n = 0;
  const char *text = order_with_channel(&c->mem, p, o, &n);
  const struct json *j = json_parse(&c->mem, text, n, JSON_ELEMENTS_MAX, &pr.faults);
  struct draft *d = j ? draft_parse(&c->mem, j, "", &pr.faults) : NULL;
  item->raw = arena_strn(&c->mem, o->raw, o->raw_n), item->raw_n = o->raw_n;
  if (d) {
    draft_seal(&c->mem, d, item->raw, item->raw_n);
    item->draft = d;
    return;
  }
  pr.detail = "What the connector made of this row is no order";
  item->error = faults_text(&c->mem, &pr);
}

void work_items(struct pollee *p, struct work *w, struct connector_order *list, size_t n)
{
  struct cmd *c = w->page;
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  page->item = arena_array(&c->mem, struct poll_item, n + 1);
  page->items = n;
  w->row = arena_array(&w->mem, uint64_t, n + 1);
  for (size_t i = 0; i < n; i++) {
    item_fill(p, c, &list[i], &page->item[i]);
    w->row[i] = hash64(list[i].raw, list[i].raw_n, 1);
    w->rows_failed += !page->item[i].draft;
  }
  w->rows = (int64_t)n, w->order = list, w->orders = n;
}

/* A page that the mapping chokes on as a whole is kept as a whole; a person mends the file and maps it again. */
static void page_kept(struct pollee *p, struct work *w, const char *why)
{
  struct problem pr = { .code = "mapping_failed", .detail = why };
  struct buf raw = { 0 };
  struct jw j;
  jw_init(&j, &raw), jw_object(&j), jw_kstring(&j, "at", "$"), jw_kstring(&j, "call", call_names[w->kind]);
  if (w->vars.rows) jw_key(&j, "rows"), jw_raw(&j, w->vars.rows, strlen(w->vars.rows));
  jw_key(&j, "order"), jw_raw(&j, w->answer.body, w->answer.body_n);
  jw_object_end(&j);
  struct cmd *c = w->page;
  struct poll_page *page = (struct poll_page *)(uintptr_t)c->args;
  (void)p;
  page->item = arena_new(&c->mem, struct poll_item);
  page->items = 1, w->rows_failed = 1, w->rows = 1;
  page->item->raw = arena_strn(&c->mem, raw.data, raw.len), page->item->raw_n = raw.len;
  page->item->error = faults_text(&c->mem, &pr);
  w->row = arena_new(&w->mem, uint64_t);
  *w->row = hash64(raw.data, raw.len, 1);
  buf_release(&raw);
}

static void read_orders(struct pollee *p, struct work *w, const char *section)
{
  struct connector_order *list = NULL;
  size_t n = 0;
  const char *why = NULL;
  if (connector_orders(p->box, &w->mem, section, &w->answer, &w->vars, &list, &n, &why))
    work_items(p, w, list, n);
  else if (!w->keeps && connector_limited(p->box)) w->why = why, w->limited = true;
  else page_kept(p, w, why);
}

static bool read_list(struct pollee *p, struct work *w)
{
  const struct connector *k = p->connector;
  const struct connector_request *r = connector_request(k, "list");
  w->pages = 1;
  if (r->walk == WALK_BACKWARD && w->probe &&
      !connector_pages(p->box, &w->mem, &w->answer, &w->vars, &w->pages, &w->why))
    return false;
  if (w->pages > 1) return true; /* its rows come again, at the end of the walk */
  if (r->walk != WALK_BACKWARD && k->has_next &&
      !connector_next(p->box, &w->mem, "list", &w->answer, &w->vars, &w->cursor, &w->why))
    return false;
  if (!k->has_detail) {
    read_orders(p, w, "orders");
    return true;
  }
  if (!connector_ids(p->box, &w->mem, "ids list", &w->answer, &w->vars, &w->id, &w->ids, &w->why))
    return false;
  w->row = arena_array(&w->mem, uint64_t, w->ids + 1);
  for (size_t i = 0; i < w->ids; i++)
    w->row[i] = hash64(w->id[i].id, strlen(w->id[i].id), (uint64_t)w->id[i].updated_ms);
  w->rows = (int64_t)w->ids;
  return true;
}

/* The mapping reads all pages of an answer at once: until the last is here, only its cursor counts. */
static void read_detail(struct pollee *p, struct work *w)
{
  if (connector_section(p->connector, "next detail")) {
    if (!connector_next(p->box, &w->mem, "detail", &w->answer, &w->vars, &w->cursor, &w->why) || w->cursor)
      return;
    if (*w->pages_before) {
      w->answer.body = arena_printf(&w->mem, "[%s,%s]", w->pages_before, w->answer.body);
      w->answer.body_n = strlen(w->answer.body);
      w->answer.gated = false;
    }
  }
  read_orders(p, w, "orders");
}

void work_read(struct pollee *p, struct work *w)
{
  connector_values(p->box, work_secret, work_setting, w);
  connector_judge(p->box, &w->mem, call_names[w->kind], &w->answer, &w->vars, &w->verdict);
  if (w->verdict.kind != VERDICT_OK) return;
  w->answer.gated =
    w->kind == CALL_LIST || w->kind == CALL_DETAIL || w->kind == CALL_ONE; /* else it may be empty */
  switch (w->kind) {
  case CALL_LIST:
    if (!read_list(p, w)) w->limited = connector_limited(p->box);
    break;
  case CALL_DETAIL: read_detail(p, w); break;
  case CALL_ONE:
    if (!connector_section(p->connector, "ids one")) read_orders(p, w, "orders one");
    else connector_ids(p->box, &w->mem, "ids one", &w->answer, &w->vars, &w->id, &w->ids, &w->why);
    break;
  case CALL_REFRESH:
    connector_tokens(p->box, &w->mem, &w->answer, &w->vars, &w->token, &w->tokens, &w->why);
    break;
  case CALL_MERGE:
    connector_groups(p->box, &w->mem, &w->answer, &w->vars, &w->group, &w->groups, &w->why);
    break;
  case CALL_N: break;
  }
}

/* ---- for people ------------------------------------------------------------------------------------------------------ */
static int hex_byte(const char *s, size_t n)
{
  int byte = 0;
  for (size_t i = 0; i < 2; i++) {
    char c = i < n ? s[i] : 0;
    int digit = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                     : -1;
    if (digit < 0) return -1;
    byte = byte * 16 + digit;
  }
  return byte;
}

/* A short secret would be found in every other word: it counts where it is all of a JSON string or of a parameter. */
static bool stands_alone(const char *text, size_t at, size_t len, size_t n)
{
  char before = at ? text[at - 1] : 0, after = at + len < n ? text[at + len] : 0;
  if (!before && !after) return true;
  if (before == '"') return after == '"' || after == '\\' || !after;
  return before == '=' && (!after || strchr("&# \t\r\n\"'<>;,\\", after));
}

/* How much of s spells v, as it is, %-encoded or escaped in JSON; 0: not v. At the end of s its beginning is enough: the
 * text was cut there. */
static size_t secret_spelled(const char *s, size_t n, const char *v)
{
  size_t i = 0;
  for (const char *at = v; *at; at++) {
    if (i == n) return at - v >= SECRET_LEAST ? i : 0;
    if (s[i] != *at)
      while (i < n && s[i] == '\\') i++;
    if (i < n && s[i] == *at) i++;
    else if (i < n && s[i] == '%' && hex_byte(s + i + 1, n - i - 1) == (unsigned char)*at) i += 3;
    else if (n - i > 4 && !memcmp(s + i, "u00", 3) && hex_byte(s + i + 3, n - i - 3) == (unsigned char)*at)
      i += 5;
    else return 0;
  }
  return i;
}

struct secret_lists {
  const struct poll_secret_value *own, *given;
  size_t own_n, given_n;
};

static bool secret_at(const struct secret_lists *l, const char *text, size_t at, size_t all, size_t *len)
{
  const char *s = text + at;
  size_t n = all - at;
  for (size_t i = 0; i < l->own_n + l->given_n; i++) {
    const char *v = i < l->own_n ? l->own[i].value : l->given[i - l->own_n].value;
    if (!*v || !(*len = secret_spelled(s, n, v))) continue;
    if (strlen(v) >= SECRET_LEAST || stands_alone(text, at, *len, all)) return true;
  }
  return false;
}

/* Secrets of ours become ***, runs of seven digits and more keep their first three: what a platform says of an error may
 * hold a token or a phone. */
static char *redacted(struct arena *a, const struct secret_lists *l, const char *text, size_t n, size_t most)
{
  struct buf b = { 0 };
  for (size_t i = 0; i < n && b.len < most;) {
    size_t len = 0;
    if (secret_at(l, text, i, n, &len)) {
      buf_str(&b, "***"), i += len;
      continue;
    }
    size_t digits = 0;
    while (i + digits < n && text[i + digits] >= '0' && text[i + digits] <= '9') digits++;
    if (digits >= 7) buf_put(&b, text + i, 3), buf_str(&b, "****"), i += digits;
    else if (digits) buf_put(&b, text + i, digits), i += digits;
    else {
      unsigned char ch = (unsigned char)text[i++];
      buf_char(&b, ch < ' ' ? ' ' : (char)ch);
    }
  }
  while (b.len && !utf8_valid(b.data, b.len)) b.len--; /* cut inside a character, or not UTF-8 at all */
  char *out = arena_strn(a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return out;
}

char *text_redacted(struct arena *a, const struct pollee *p, const char *text, size_t n, size_t most)
{
  const struct secret_lists l = { p->secret, p->set.given, p->secrets, p->set.givens };
  return redacted(a, &l, text, n, most);
}

char *text_redacted_of(struct arena *a, const struct poll_settings *s, const char *text, size_t n,
                       size_t most)
{
  const struct secret_lists l = { NULL, s->given, 0, s->givens };
  return redacted(a, &l, text, n, most);
}
