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
  f->owner = read_query(rd, "owner"), f->exception = read_query(rd, "exception");
  f->q = read_query(rd, "q"), f->sort = read_query(rd, "sort"), f->cursor = read_query(rd, "cursor");
  TRY(read_limit(rd, &f->limit));
  TRY(read_id(rd, "group", 'g', &f->group_id));
  TRY(read_time(rd, "from", &f->from));
  TRY(read_time(rd, "to", &f->to));
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
  if (read_query(rd, "warehouse")) { /* no order has one yet */
    buf_str(&rd->out, "{\"data\":[],\"next\":null}");
    return ERR_OK;
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
struct batch {
  struct call *k;
  struct cmd *row[ORDERS_BATCH_MAX];
  enum err err[ORDERS_BATCH_MAX];
  size_t n, waiting;
};

static const char *blanks(const char *p)
{
  return p + strspn(p, " \t\r\n");
}

/* {"orders": … is what makes a body a batch: looked for as the first key, so that one order costs nothing. */
static const char *orders_of(const char *body)
{
  const char *p = blanks(body);
  if (*p != '{') return NULL;
  p = blanks(p + 1);
  if (strncmp(p, "\"orders\"", 8) != 0) return NULL;
  p = blanks(p + 8);
  return *p == ':' ? blanks(p + 1) : NULL;
}

/* The end of the value at p, in text that the gate has passed. */
static const char *value_end(const char *p)
{
  int depth = 0;
  bool text = false;
  for (; *p; p++) {
    if (text) {
      if (*p == '\\') p++;
      else if (*p == '"' && (text = false, !depth)) return p + 1;
    } else if (*p == '"') {
      text = true;
    } else if (*p == '{' || *p == '[') {
      depth++;
    } else if (*p == '}' || *p == ']') {
      if (!depth) return p;
      if (!--depth) return p + 1;
    } else if (*p == ',' && !depth) {
      return p;
    }
  }
  return p;
}

static void batch_answer(struct batch *b)
{
  struct buf out = { 0 };
  buf_str(&out, "{\"results\":[");
  for (size_t i = 0; i < b->n; i++) {
    if (i) buf_char(&out, ',');
    order_row_put(&out, (int64_t)i, b->row[i], b->err[i]);
    api_cmd_free(b->k->api, b->row[i]);
  }
  buf_str(&out, "]}");
  call_reply(b->k, 207, NULL, &out);
  buf_release(&out);
  mem_free(b);
}

struct batch_owner {
  struct batch *b;
  size_t index;
};

static void batch_done(struct cmd *c)
{
  struct batch_owner *o = c->owner;
  o->b->err[o->index] = cmd_err(c);
  if (!--o->b->waiting) batch_answer(o->b);
}

static void batch_row(struct batch *b, const char *raw, size_t n, bool defer)
{
  struct api *api = b->k->api;
  struct cmd *c = order_cmd(b->k, defer);
  struct batch_owner *o = arena_new(&c->mem, struct batch_owner);
  *o = (struct batch_owner){ b, b->n };
  enum err e = cmd_parse(c, raw, n);
  if (!e && !api_push(api, c, batch_done, o)) e = ERR_BUSY;
  else if (!e) b->waiting++;
  b->row[b->n] = c;
  b->err[b->n++] = e;
}

static bool batch_refuse(struct call *k, const char *pointer, const char *code, const char *detail)
{
  struct problem p = { .code = code, .detail = detail, .faults = { .mem = &k->r->mem } };
  fault_add(&p.faults, pointer, code, "%s", detail);
  call_refuse_with(k, ERR_INVALID, &p);
  return false;
}

/* Nothing of a body that is wrong as a whole is taken: its shape is looked at before the first row starts. */
static bool batch_shape(struct call *k, const char *list, size_t *count)
{
  const char *p = list;
  *count = 0;
  if (*p != '[') return batch_refuse(k, "/orders", "not_a_list", "orders is a list of orders");
  for (p = blanks(p + 1); *p != ']'; p = blanks(*p == ',' ? p + 1 : p)) p = blanks(value_end(p)), ++*count;
  p = blanks(p + 1);
  if (*p == ',') return batch_refuse(k, "", "unknown_key", "Beside orders there is nothing in a batch");
  if (!*count) return batch_refuse(k, "/orders", "empty", "There is no order in it");
  if (*count > ORDERS_BATCH_MAX)
    return batch_refuse(k, "/orders", "too_many_orders", "A batch has at most 500 orders");
  return true;
}

static void batch_post(struct call *k, const char *list)
{
  struct http_request *r = k->r;
  const char *why = NULL;
  size_t at, count;
  const char *key = http_field(r, "idempotency-key");
  if (!json_gate(r->body, r->body_n, JSON_ELEMENTS_BATCH_MAX, &why, &at)) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_json", NULL, "At byte %zu: %s", at, why);
    return;
  }
  if (key && !idempotency_key_ok(key)) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_idempotency_key", NULL,
                "Idempotency-Key is 1 to 255 visible ASCII characters.");
    return;
  }
  if (http_field(r, "if-match")) {
    call_refuse(k, ERR_BAD_REQUEST, "bad_if_match", NULL, IF_MATCH_OF_MANY);
    return;
  }
  if (!batch_shape(k, list, &count)) return;
  struct batch *b = mem_new(sizeof *b);
  bool defer = api_surge(k->api);
  b->k = k;
  for (const char *p = blanks(list + 1), *end; *p != ']'; p = blanks(*end == ',' ? end + 1 : end)) {
    end = value_end(p);
    size_t n = (size_t)(end - p);
    end = blanks(end);
    batch_row(b, p, n, defer);
  }
  must(b->n == count);
  if (!b->waiting) batch_answer(b);
}

void orders_post(struct call *k)
{
  const char *list = orders_of(k->r->body);
  if (surge_is_full(k->api))
    call_refuse(k, ERR_BUSY, "surge", "Retry-After: 5\r\n", "Too many orders wait to be applied; try again.");
  else if (list) batch_post(k, list);
  else order_post(k);
}
