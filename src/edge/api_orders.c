/* api_orders.c: orders in and out. */
#include "edge.h"

/* ---- reading ------------------------------------------------------------------------------------------------------------- */
static enum privacy privacy_of(const struct read *rd)
{
  return call_full_view(rd->call) ? SHOW_FULL : SHOW_MASKED;
}

/* A channel's machine is told about its own orders only; of others it cannot even tell whether they are there. */
static enum err order_id_read(struct read *rd, struct db *db, int64_t *id)
{
  struct order o;
  TRY(view_order_id(db, rd->call->id, id));
  if (!call_one_channel(rd->call)) return ERR_OK;
  TRY(order_get(db, &rd->mem, *id, &o));
  return o.channel_id == rd->call->channel_id ? ERR_OK : ERR_NOT_FOUND;
}

static void seen_one(struct read *rd, int64_t id, const char *what)
{
  if (!call_full_view(rd->call)) return;
  rd->seen = arena_array(&rd->mem, int64_t, 1);
  rd->seen[0] = id;
  rd->seen_n = 1;
  rd->what = what;
}

enum err order_read(struct read *rd, struct db *db)
{
  int64_t id;
  TRY(order_id_read(rd, db, &id));
  TRY(view_order(db, &rd->mem, &rd->rules->rules.status, id, privacy_of(rd), &rd->out, &rd->version));
  seen_one(rd, id, "view");
  return ERR_OK;
}

enum err order_why_read(struct read *rd, struct db *db)
{
  int64_t id;
  const struct rules *r = &rd->rules->rules;
  TRY(order_id_read(rd, db, &id));
  TRY(view_order_why(db, &rd->mem, &r->status, &r->merge, id, privacy_of(rd), &rd->out));
  seen_one(rd, id, "why");
  return ERR_OK;
}

enum err order_events_read(struct read *rd, struct db *db)
{
  struct event_filter f = { .kind = 'o' };
  TRY(read_limit(rd, &f.limit));
  TRY(read_number(rd, "since", &f.since));
  TRY(read_number(rd, "cursor", &f.since));
  TRY(order_id_read(rd, db, &f.entity));
  return events_page(rd, db, &f);
}

/* The ids of the rows of a list that we wrote ourselves: quotes inside of text are escaped, so this cannot be
 * part of a value. */
static void seen_list(struct read *rd)
{
  static const char KEY[] = "{\"id\":\"o_";
  if (!call_full_view(rd->call) || !rd->out.len) return;
  const char *p = rd->out.data, *end = p + rd->out.len;
  rd->seen = arena_array(&rd->mem, int64_t, LIST_LIMIT_MAX);
  while (rd->seen_n < LIST_LIMIT_MAX && (p = memmem(p, (size_t)(end - p), KEY, sizeof KEY - 1))) {
    int64_t id = 0;
    for (p += sizeof KEY - 1; p < end && *p >= '0' && *p <= '9'; p++) id = id * 10 + (*p - '0');
    rd->seen[rd->seen_n++] = id;
  }
  rd->what = "list";
}

static enum err filter_read(struct read *rd, struct order_filter *f)
{
  f->status = read_query(rd, "status"), f->channel = read_query(rd, "channel"),
  f->sku = read_query(rd, "sku");
  f->warehouse = read_query(rd, "warehouse");
  f->owner = read_query(rd, "owner"), f->exception = read_query(rd, "exception");
  f->tag = read_query(rd, "tag");
  f->q = read_query(rd, "q"), f->sort = read_query(rd, "sort"), f->cursor = read_query(rd, "cursor");
  f->finds_all = rd->call->who.roles & ROLES_FULL_VIEW;
  TRY(read_limit(rd, &f->limit));
  TRY(read_id(rd, "group", 'g', &f->group_id));
  TRY(read_time(rd, "from", &f->from));
  TRY(read_time(rd, "to", &f->to));
  TRY(read_flag(rd, "urgent", &f->urgent));
  TRY(read_flag(rd, "held", &f->held));
  return read_flag(rd, "overdue", &f->overdue);
}

enum err orders_read(struct read *rd, struct db *db)
{
  struct order_filter f = { 0 };
  struct call *k = rd->call;
  TRY(filter_read(rd, &f));
  if (call_one_channel(k)) {
    if (!k->who.channel || (f.channel && strcmp(f.channel, k->who.channel) != 0)) return ERR_FORBIDDEN;
    f.channel = k->who.channel;
  }
  TRY(
    view_orders(db, &rd->mem, &rd->rules->rules.status, &f, privacy_of(rd), &rd->out, &rd->cursor, &rd->why));
  seen_list(rd);
  return ERR_OK;
}

/* ---- one order in ------------------------------------------------------------------------------------------------------------ */
/* What the query says about a write: a trial without effect, and where the orders come from. */
static void order_how(struct call *k, struct cmd *c, bool defer)
{
  const char *dry = http_query(k->r, "dry_run"), *source = http_query(k->r, "source");
  c->source = source && !strcmp(source, "file") ? "file" : "api";
  c->dry_run = dry && !strcmp(dry, "true");
  if (c->dry_run) c->job.again = NULL;               /* it is undone in any case */
  c->defer = defer && !c->dry_run && !c->if_version; /* a version is compared now, or not at all */
}

struct cmd *order_cmd(struct call *k, bool defer)
{
  struct cmd *c = api_cmd(k->api, CMD_ORDER_INGEST, &k->who);
  order_how(k, c, defer);
  return c;
}

static bool surge_is_full(const struct api *api)
{
  return api->pending > api->rules->rules.surge_pending;
}

static void order_post(struct call *k)
{
  if (k->r->body_n > BODY_JSON_MAX) {
    call_refuse(k, ERR_TOO_LARGE, NULL, NULL, "One order has at most 1 MiB.");
    return;
  }
  struct cmd *c = call_cmd(k, CMD_ORDER_INGEST);
  if (!c) return;
  order_how(k, c, api_surge(k->api));
  call_send(k, c, k->r->body, k->r->body_n);
}

/* ---- many orders in one body --------------------------------------------------------------------------------------------------- */
static struct cmd *batch_order(struct call *k, size_t index, const char *raw, size_t n)
{
  (void)index, (void)raw, (void)n;
  return order_cmd(k, api_surge(k->api));
}

static const struct batch_kind orders_batch = { "orders", "order", "too_many_orders", batch_order,
                                                order_row_put };

void orders_post(struct call *k)
{
  const char *list = api_batch_of(k->r->body, "orders");
  if (surge_is_full(k->api))
    call_refuse(k, ERR_BUSY, "surge", "Retry-After: 5\r\n", "Too many orders wait to be applied; try again.");
  else if (list) api_batch_post(k, &orders_batch, list);
  else order_post(k);
}
