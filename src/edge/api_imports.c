/* api_imports.c: a file of orders dropped into the console.
 *
 *   bytes ── pool: the same reader as the command line's (a workbook in its jail) ── reader: what each row would do
 *         ── writer: import.put, some hundred rows at a time ──► preview
 *
 * Nothing is applied before a person has seen it. */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define AT_ONCE 2
#define PIECE_ROWS 250

struct looking {
  uv_work_t work;
  struct call *k;
  struct arena mem;
  const char *name, *channel, *why;
  const char *body;
  size_t body_n, at;
  struct import_row *rows;
  size_t n, room, told; /* told: rows whose result the reader has said */
  bool too_many, failed;
  size_t sent;
  int64_t id;
};

static void looking_free(struct looking *l)
{
  l->k->api->imports--;
  arena_release(&l->mem);
  mem_free(l->rows);
  mem_free(l);
}

static struct import_row *row_add(struct looking *l)
{
  if (l->n == IMPORT_ROWS_MAX) return l->too_many = true, NULL;
  if (l->n == l->room) {
    l->room = l->room ? l->room * 2 : 256;
    l->rows = mem_grow(l->rows, l->room * sizeof *l->rows);
  }
  l->rows[l->n] = (struct import_row){ .seq = (int64_t)l->n + 1 };
  return &l->rows[l->n++];
}

/* ---- on the pool: the file becomes orders ------------------------------------------------------------------- */
static int64_t body_read(void *arg, char *p, size_t n)
{
  struct looking *l = arg;
  size_t left = l->body_n - l->at, take = left < n ? left : n;
  memcpy(p, l->body + l->at, take);
  l->at += take;
  return (int64_t)take;
}

/* The reader believes that it sends batches of orders to a server: they are kept here. */
static int batch_keep(void *arg, struct arena *a, const char *path, const void *body, size_t n,
                      const char *key, struct httpc_answer *out)
{
  struct looking *l = arg;
  struct faults f = { .mem = a };
  struct buf answer = { 0 };
  bool first = true;
  (void)path, (void)key;
  const struct json *j = json_parse(a, body, n, JSON_ELEMENTS_BATCH_MAX, &f), *list = json_get(j, "orders");
  if (!j || json_type(list) != JSON_ARRAY) return -1;
  buf_str(&answer, "{\"results\":[");
  for (const struct json *o = json_first(list); o; o = json_next(o)) {
    struct import_row *r = row_add(l);
    struct buf text = { 0 };
    struct jw w;
    if (!r) break;
    jw_init(&w, &text), jw_json(&w, o);
    r->body = arena_strn(&l->mem, text.data, text.len), r->body_n = text.len;
    buf_release(&text);
    buf_str(&answer, first ? "" : ",");
    buf_str(&answer, "{\"status\":201,\"result\":\"created\",\"id\":\"\"}");
    first = false;
  }
  buf_str(&answer, "]}");
  *out = (struct httpc_answer){ .status = l->too_many ? 413 : 207 };
  out->body = arena_strn(a, answer.data, answer.len), out->body_n = answer.len;
  buf_release(&answer);
  return out->status;
}

static const char *error_json(struct arena *a, const char *column, const char *code, const char *detail)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "code", code), jw_kstring(&w, "detail", detail);
  jw_kstring(&w, "column", column && *column ? column : NULL), jw_object_end(&w);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* A batch's rows are told in its order, after it was kept; rows that are no order are told as they come. */
static void row_told(void *arg, int64_t row, const char *result, const char *id, const char *column,
                     const char *code, const char *detail)
{
  struct looking *l = arg;
  (void)id;
  if (!strcmp(result, "created")) {
    while (l->told < l->n && !l->rows[l->told].body) l->told++;
    if (l->told < l->n) l->rows[l->told++].row = row;
    return;
  }
  struct import_row *r = row_add(l);
  if (!r) return;
  r->row = row;
  r->result = !strcmp(result, "again") ? "again" : "refused";
  r->error = error_json(&l->mem, column, code ? code : result, detail);
}

static void file_run(uv_work_t *w)
{
  struct looking *l = w->data;
  struct import_counts counts = { 0 };
  const struct import o = { .name = l->name,
                            .channel = l->channel,
                            .dry_run = true,
                            .auto_encoding = true,
                            .call = batch_keep,
                            .row = row_told,
                            .arg = l };
  l->failed = !import_run(&o, body_read, l, &l->mem, &counts, &l->why) || l->too_many;
}

/* ---- on a reader: what would each order do? -------------------------------------------------------------------- */
static void row_judge(struct read *rd, struct db *db, struct looking *l, struct import_row *r)
{
  struct arena one = { 0 };
  struct faults f = { .mem = &one };
  struct json *j = json_parse(&one, r->body, r->body_n, JSON_ELEMENTS_MAX, &f);
  struct draft *d = j ? draft_parse(&one, j, "", &f) : NULL;
  if (d) {
    draft_seal(&one, d, r->body, r->body_n);
    r->number = arena_printf(&l->mem, "%s:%s", d->channel, d->external_id);
    r->result = ingest_preview(db, &one, &rd->rules->rules, d, &r->order_id);
    if (r->result && !strcmp(r->result, "refused"))
      r->error = error_json(&l->mem, "/channel", "unknown_channel", "There is no such channel");
  } else {
    r->result = "refused";
    r->error = error_json(&l->mem, f.n ? f.at[0].pointer : NULL, f.n ? f.at[0].code : "bad_order",
                          f.n ? f.at[0].detail : "This is no order");
  }
  arena_release(&one);
}

static enum err judge_run(struct read *rd, struct db *db)
{
  struct looking *l = rd->args;
  db_deadline(db, READ_LONG_MS);
  for (size_t i = 0; i < l->n; i++) {
    struct import_row *r = &l->rows[i];
    if (!r->body || r->result) continue;
    row_judge(rd, db, l, r);
    if (!r->result) return db_err(db) ? db_err(db) : ERR_IO;
  }
  return ERR_OK;
}

/* ---- on the writer: some rows at a time ------------------------------------------------------------------------- */
static void piece_send(struct looking *l);

static void piece_done(struct cmd *c)
{
  struct looking *l = c->owner;
  struct call *k = l->k;
  const struct import_put *p = c->args;
  bool over = c->job.err || p->last;
  l->id = c->numbers[0], l->sent += p->n;
  if (c->job.err) call_refuse_with(k, c->job.err, &c->problem);
  else if (p->last)
    call_reply(k, 201,
               arena_printf(&k->r->mem, "Location: /v1/imports/i_%lld\r\nETag: \"%lld\"\r\n",
                            (long long)l->id, (long long)c->version),
               &c->out);
  api_cmd_free(k->api, c);
  if (over) looking_free(l);
  else piece_send(l);
}

static void piece_send(struct looking *l)
{
  struct call *k = l->k;
  struct cmd *c = api_cmd(k->api, CMD_IMPORT_PUT, &k->who);
  struct import_put *p = arena_new(&c->mem, struct import_put);
  size_t left = l->n - l->sent;
  *p = (struct import_put){ .id = l->id, .name = l->name, .channel = l->channel };
  p->rows = l->rows + l->sent, p->n = left < PIECE_ROWS ? left : PIECE_ROWS;
  p->last = p->n == left, p->total = (int64_t)l->n;
  c->args = p;
  if (api_push(k->api, c, piece_done, l)) return;
  api_cmd_free(k->api, c);
  call_refuse(k, ERR_BUSY, "queue_full", NULL, "Too many writes wait already; try again.");
  looking_free(l);
}

static void judged(struct read *rd)
{
  struct looking *l = rd->args;
  enum err e = rd->err;
  read_free(rd);
  if (!e) {
    piece_send(l);
    return;
  }
  call_refuse(l->k, e, NULL, NULL, "%s", err_title(e));
  looking_free(l);
}

/* As the file has them: a row that is no order is told before the batch around it. */
static int by_row(const void *x, const void *y)
{
  const struct import_row *a = x, *b = y;
  if (a->row != b->row) return a->row < b->row ? -1 : 1;
  return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static void rows_sort(struct looking *l)
{
  if (l->n) qsort(l->rows, l->n, sizeof *l->rows, by_row);
  for (size_t i = 0; i < l->n; i++) l->rows[i].seq = (int64_t)i + 1;
}

static void file_done(uv_work_t *w, int status)
{
  (void)status;
  struct looking *l = w->data;
  if (l->too_many) {
    call_refuse(l->k, ERR_INVALID, "too_many_rows", NULL,
                "At most %d rows at once; use orderd import for more.", IMPORT_ROWS_MAX);
    looking_free(l);
  } else if (l->failed || !l->n) {
    call_refuse(l->k, ERR_INVALID, "not_readable", NULL, "%s",
                l->failed && l->why ? l->why : "No order was found in this file");
    looking_free(l);
  } else {
    struct read *rd = read_new(l->k->api, NULL);
    rows_sort(l);
    rd->run = judge_run, rd->done = judged, rd->args = l, rd->heavy = true;
    read_start_always(rd);
  }
}

static bool channel_name_ok(const char *s)
{
  size_t n = strlen(s);
  return n && n <= 64 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

void imports_post(struct call *k)
{
  const char *channel = http_query(k->r, "channel"), *name = http_query(k->r, "name");
  if (channel && *channel && !channel_name_ok(channel)) {
    call_refuse(k, ERR_INVALID, "bad_channel", NULL, "A channel's name is letters, digits, . _ -");
  } else if (name && utf8_count(name) > 200) {
    call_refuse(k, ERR_INVALID, "name_too_long", NULL, "The file's name has at most 200 characters.");
  } else if (!k->r->body_n) {
    call_refuse(k, ERR_INVALID, "empty_file", NULL, "The file is empty.");
  } else if (k->api->imports >= AT_ONCE) {
    call_refuse(k, ERR_BUSY, "imports_run", NULL, "Other files are being looked through; try again.");
  } else {
    struct looking *l = mem_new(sizeof *l);
    l->work.data = l, l->k = k, l->body = k->r->body, l->body_n = k->r->body_n;
    l->name = arena_str(&l->mem, name && *name ? name : "file");
    l->channel = channel && *channel ? arena_str(&l->mem, channel) : NULL;
    k->api->imports++;
    must(!uv_queue_work(k->api->loop, &l->work, file_run, file_done));
  }
}

/* ---- looking at them ----------------------------------------------------------------------------------------------- */
static enum err target(struct read *rd, int64_t *id)
{
  return id_parse(rd->call->id, 'i', id) ? ERR_OK : ERR_NOT_FOUND;
}

enum err import_read(struct read *rd, struct db *db)
{
  int64_t id;
  TRY(target(rd, &id));
  return view_import(db, id, &rd->out, &rd->version);
}

enum err imports_read(struct read *rd, struct db *db)
{
  int limit;
  TRY(read_limit(rd, &limit));
  return view_imports(db, &rd->mem, read_query(rd, "cursor"), limit, &rd->out, &rd->cursor, &rd->why);
}

enum err import_rows_read(struct read *rd, struct db *db)
{
  int64_t id;
  int limit;
  TRY(target(rd, &id));
  TRY(read_limit(rd, &limit));
  return view_import_rows(db, &rd->mem, id, read_query(rd, "result"), SHOW_MASKED, read_query(rd, "cursor"),
                          limit, &rd->out, &rd->cursor, &rd->why);
}
