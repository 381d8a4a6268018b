#include "lib/shop.h"
#include <stdio.h>

static void shop_defaults(struct shop *s)
{
  s->actor = (struct actor){ .name = "test", .roles = ROLE_ADMIN };
}

static bool shop_rules(struct shop *s, const char *conf_text)
{
  const char *why = NULL;
  if (conf_text && !conf_parse(&s->mem, conf_text, strlen(conf_text), &s->conf, &why))
    return fprintf(stderr, "conf: %s\n", why), false;
  if (!rules_load(&s->mem, conf_text ? &s->conf : NULL, &s->rules, &why))
    return fprintf(stderr, "rules: %s\n", why), false;
  return true;
}

static bool shop_writer(struct shop *s)
{
  const char *why = NULL;
  struct writer_options o = { .path = s->path, .inline_mode = true };
  s->writer = writer_open(&s->mem, &o, &why);
  if (!s->writer) return fprintf(stderr, "open: %s\n", why), false;
  s->db = writer_db(s->writer);
  return true;
}

bool shop_open(struct shop *s, const char *path, const char *conf_text)
{
  memset(s, 0, sizeof *s);
  env_sim_init(&s->env, 1794300000000, 1); /* 2026-11-10 */
  s->path = arena_str(&s->mem, path);
  shop_defaults(s);
  const char *why = NULL;
  struct db *fresh = db_open(&s->mem, s->path, DB_CREATE, &why);
  if (!fresh) return fprintf(stderr, "create: %s\n", why), false;
  db_close(fresh);
  return shop_rules(s, conf_text) && shop_writer(s);
}

void shop_close(struct shop *s)
{
  if (s->writer) writer_close(s->writer);
  s->writer = NULL, s->db = NULL;
  arena_release(&s->mem);
}

bool shop_reopen(struct shop *s, const char *conf_text)
{
  writer_close(s->writer);
  s->writer = NULL;
  return shop_rules(s, conf_text) && shop_writer(s);
}

static void nothing(struct job *j)
{
  (void)j;
}

struct cmd *shop_run(struct shop *s, const char *name, const char *target, const char *body)
{
  int id = cmd_find(name);
  must(id >= 0);
  struct cmd *c = cmd_new((enum cmd_id)id, &s->env.env, &s->rules, &s->actor);
  c->target = arena_str(&c->mem, target);
  body = arena_str(&c->mem, body ? body : "");
  c->job.err = cmd_kind((enum cmd_id)id)->roles ? cmd_parse(c, body, strlen(body))
                                                : cmd_kind((enum cmd_id)id)->parse(c, NULL);
  if (c->job.err) return c;
  if (cmd_is_slow(c)) cmd_prepare(c);
  c->defer = s->defer, c->dry_run = s->dry_run;
  c->job.done = nothing;
  must(writer_push(s->writer, &c->job));
  writer_collect(s->writer);
  return c;
}

enum err shop_do(struct shop *s, const char *name, const char *target, const char *body)
{
  struct cmd *c = shop_run(s, name, target, body);
  enum err e = c->job.err;
  cmd_free(c);
  return e;
}

/* ---- orders with defaults ---------------------------------------------------------------------------------------- */

static const char order_base[] =
  "{\"channel\":\"shop-a\",\"external_id\":\"1\",\"status\":\"paid\",\"placed_at\":\"2026-11-10T08:00:00+08:00\",\"currency\":\"CNY\","
  "\"total\":\"10.00\",\"lines\":[{\"line_id\":\"1\",\"sku\":\"SKU-A\",\"title\":\"Cup\",\"quantity\":1,\"price\":\"10.00\"}],"
  "\"receiver\":{\"name\":\"张示例\",\"phone\":\"13800001111\",\"country\":\"CN\",\"province\":\"浙江省\",\"city\":\"杭州市\","
  "\"district\":\"西湖区\",\"address\":\"文三路100号 示例花园 2幢301室\"}}";

static void merged_put(struct jw *w, const struct json *base, const struct json *over, bool deep)
{
  jw_object(w);
  for (const struct json *m = json_first(base); m; m = json_next(m)) {
    const struct json *o = json_get(over, json_key(m));
    jw_key(w, json_key(m));
    if (deep && o && json_type(o) == JSON_OBJECT && json_type(m) == JSON_OBJECT) merged_put(w, m, o, false);
    else jw_json(w, o ? o : m);
  }
  for (const struct json *m = json_first(over); m; m = json_next(m))
    if (!json_get(base, json_key(m))) jw_key(w, json_key(m)), jw_json(w, m);
  jw_object_end(w);
}

char *shop_order(struct arena *a, const char *over)
{
  struct faults f = { .mem = a };
  struct json *base = json_parse(a, order_base, sizeof order_base - 1, 10000, &f),
              *o = json_parse(a, over, strlen(over), 20000, &f);
  struct buf b = { 0 };
  struct jw w;
  if (!o) fprintf(stderr, "bad story order: %s\n", over);
  must(base && o);
  jw_init(&w, &b), merged_put(&w, base, o, true);
  char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static const char *plain(const struct json *j)
{
  return json_type(j) == JSON_NUMBER ? json_number(j)
         : json_type(j) == JSON_BOOL ? (json_bool(j) ? "true" : "false")
                                     : json_string(j);
}

bool json_fits(const struct json *e, const struct json *a, struct buf *why)
{
  if (json_type(e) == JSON_STRING && !strcmp(json_string(e), "*")) return a != NULL;
  if (json_type(e) != json_type(a))
    return buf_printf(why, "another type (%d, %d)", json_type(e), json_type(a)), false;
  if (json_type(e) == JSON_OBJECT) {
    for (const struct json *m = json_first(e); m; m = json_next(m)) {
      const struct json *v = json_get(a, json_key(m));
      if ((!v && json_type(m) != JSON_NULL) || (v && !json_fits(m, v, why)))
        return buf_printf(why, " at %s", json_key(m)), false;
    }
    return true;
  }
  if (json_type(e) == JSON_ARRAY) {
    const struct json *x = json_first(e), *y = json_first(a);
    if (json_count(e) != json_count(a))
      return buf_printf(why, "%zu entries, not %zu", json_count(a), json_count(e)), false;
    for (; x; x = json_next(x), y = json_next(y))
      if (!json_fits(x, y, why)) return false;
    return true;
  }
  if (json_type(e) == JSON_NULL) return true;
  if (!strcmp(plain(e), plain(a))) return true;
  return buf_printf(why, "%s, not %s", plain(a), plain(e)), false;
}
