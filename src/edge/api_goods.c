/* api_goods.c: the dictionary and stock: one thing or a list of them in, lists out. */
#include "edge.h"

/* ---- in ------------------------------------------------------------------------------------------------------------- */

static bool is_trial(const struct call *k)
{
  const char *dry = http_query(k->r, "dry_run");
  return dry && !strcmp(dry, "true");
}

static struct cmd *row_cmd(struct call *k, size_t index, const char *raw, size_t n)
{
  struct cmd *c = api_cmd(k->api, (enum cmd_id)k->route->cmd, &k->who);
  const char *key = http_field(k->r, "idempotency-key");
  c->source = "api", c->dry_run = is_trial(k);
  /* a row's key goes with its place, so that a list that is sent again books nothing twice */
  if (key && !c->dry_run) call_key(k, c, arena_printf(&c->mem, "%s#%zu", key, index), raw, n);
  return c;
}

/* What the command answers, with the row's number and status before it. */
static void row_put(struct buf *out, int64_t index, const struct cmd *c, enum err e)
{
  buf_printf(out, "{\"index\":%lld,\"status\":%d,", (long long)index, e ? err_http(e) : c->status);
  if (e) {
    buf_str(out, "\"problem\":");
    problem_put(out, e, 0, &c->problem);
    buf_char(out, '}');
  } else {
    must(c->out.len > 2 && c->out.data[0] == '{');
    buf_put(out, c->out.data + 1, c->out.len - 1);
  }
}

static void rows_post(struct call *k, const char *list, const char *one)
{
  const struct batch_kind kind = { list, one, "too_many_rows", row_cmd, row_put };
  const char *rows = api_batch_of(k->r->body, list);
  if (rows) {
    struct batch_kind *kept = arena_new(&k->r->mem, struct batch_kind);
    *kept = kind;
    api_batch_post(k, kept, rows);
    return;
  }
  if (k->r->body_n > BODY_JSON_MAX) {
    call_refuse(k, ERR_TOO_LARGE, NULL, NULL, "One %s has at most 1 MiB.", one);
    return;
  }
  struct cmd *c = call_cmd(k, (enum cmd_id)k->route->cmd);
  if (!c) return;
  c->dry_run = is_trial(k);
  call_send(k, c, k->r->body, k->r->body_n);
}

void skus_post(struct call *k)
{
  rows_post(k, "skus", "SKU");
}

void mappings_post(struct call *k)
{
  rows_post(k, "mappings", "mapping");
}

void warehouses_post(struct call *k)
{
  rows_post(k, "warehouses", "warehouse");
}

void counts_post(struct call *k)
{
  rows_post(k, "counts", "count");
}

void adjustments_post(struct call *k)
{
  rows_post(k, "adjustments", "adjustment");
}

void rates_post(struct call *k)
{
  rows_post(k, "rates", "rate");
}

/* ---- out ------------------------------------------------------------------------------------------------------------ */

enum err sku_read_one(struct read *rd, struct db *db)
{
  return view_sku(db, &rd->mem, rd->call->id, &rd->out, &rd->version);
}

enum err skus_read(struct read *rd, struct db *db)
{
  struct sku_filter f = { .q = read_query(rd, "q"),
                          .state = read_query(rd, "state"),
                          .cursor = read_query(rd, "cursor") };
  TRY(read_limit(rd, &f.limit));
  return view_skus(db, &rd->mem, &f, &rd->out, &rd->cursor, &rd->why);
}

enum err mappings_read(struct read *rd, struct db *db)
{
  struct mapping_filter f = { .channel = read_query(rd, "channel"),
                              .sku = read_query(rd, "sku"),
                              .cursor = read_query(rd, "cursor") };
  TRY(read_limit(rd, &f.limit));
  return view_channel_skus(db, &rd->mem, &f, &rd->out, &rd->cursor, &rd->why);
}

enum err warehouse_read_one(struct read *rd, struct db *db)
{
  return view_warehouse(db, &rd->mem, rd->call->id, &rd->out, &rd->version);
}

enum err warehouses_read(struct read *rd, struct db *db)
{
  return view_warehouses(db, &rd->mem, &rd->out);
}

enum err stock_read_all(struct read *rd, struct db *db)
{
  int limit;
  TRY(read_limit(rd, &limit));
  return view_stock(db, &rd->mem, read_query(rd, "sku"), read_query(rd, "warehouse"),
                    read_query(rd, "cursor"), limit, &rd->out, &rd->cursor, &rd->why);
}

enum err ledger_read(struct read *rd, struct db *db)
{
  int limit;
  TRY(read_limit(rd, &limit));
  return view_stock_moves(db, &rd->mem, read_query(rd, "sku"), read_query(rd, "warehouse"),
                          read_query(rd, "cursor"), limit, &rd->out, &rd->cursor, &rd->why);
}

enum err rate_cards_read(struct read *rd, struct db *db)
{
  return view_rate_cards(db, &rd->mem, &rd->out);
}

enum err rate_card_read(struct read *rd, struct db *db)
{
  return view_rate_card(db, &rd->mem, rd->call->id, &rd->out, &rd->version);
}

/* One call looks as long as a read may; the next one goes on where it ended. */
#define WHAT_IF_MS 1500

enum err rates_what_if(struct read *rd, struct db *db)
{
  struct faults f = { .mem = &rd->mem };
  struct http_request *r = rd->call->r;
  const struct json *j = json_parse(&rd->mem, r->body, r->body_n, JSON_ELEMENTS_MAX, &f);
  int64_t from = 0, to = INT64_MAX, after = 0, now = rd->api->env->now_ms(rd->api->env);
  struct what_if w;
  if (json_type(j) != JSON_OBJECT) return read_bad(rd, "the body is an object: maybe from, to, after");
  for (const struct json *m = json_first(j); m; m = json_next(m)) {
    const char *key = json_key(m), *s = json_string(m);
    if (!strcmp(key, "from") && s && time_parse_loose(s, 480, &from)) continue;
    if (!strcmp(key, "to") && s && time_parse_loose(s, 480, &to)) continue;
    if (!strcmp(key, "after") && json_int(m, &after) && after >= 0) continue;
    return read_bad(
      rd, arena_printf(&rd->mem, "%.60s: from and to (days or times), or after (next of the answer before)",
                       key));
  }
  TRY(rate_what_if(&rd->mem, db, &rd->rules->rules, now, from, to, after, mono_ms() + WHAT_IF_MS, &w));
  what_if_put(&rd->out, &w);
  return ERR_OK;
}
