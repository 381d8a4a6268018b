/* import.c: orders out of files.
 *
 *   bytes ─► lines of NDJSON ────────────────────┬► batch ─► POST /v1/orders ─► a result per row
 *         ├► CSV ──────┬► rows ─► sheet ─► orders ┘    refused ─► POST /v1/payloads, where it can be mended
 *         └► workbook ─┘
 *
 * A file of any length costs the same memory: one piece of it, one batch, and in a dry run a number per order. Only of
 * a workbook all bytes are needed at once, for its directory is at its end; they are XLSX_FILE_MAX at most. */
#include "edge.h"
#include <poll.h>
#include <stdio.h>

#define PIECE_BYTES (256 * 1024)
#define POST_TRIES 40
#define POST_WAIT_MS 500
#define NO_CHANNEL "import" /* whom a row belongs to that does not say */
#define RAW_KEPT_MAX 480000 /* characters that POST /v1/payloads takes */
#define SEEN_FIRST 1024

struct slot {
  int64_t row;
  size_t at, n; /* in texts */
  bool done;
};
struct seen_set { /* orders that this file had already: hash and row, open addressing */
  struct seen_entry {
    uint64_t hash;
    int64_t row;
  } * at;
  size_t cap, n;
};
struct import_run {
  const struct import *o;
  struct arena *mem; /* for why */
  struct import_counts *n;
  struct csv *csv;
  struct sheet *sheet;
  struct goods *goods; /* instead of orders; NULL */
  struct buf line;     /* the unfinished line of NDJSON */
  bool line_lost;      /* it is over the limit: until its end */
  int64_t line_no;
  struct buf book;  /* the bytes of a workbook */
  struct buf texts; /* the orders of the batch, one after the other */
  struct slot slot[IMPORT_BATCH_ROWS];
  size_t slots;
  struct seen_set seen;
  bool encoding_known;
  char channel[65]; /* of the last order that said it: a damaged one among them is theirs */
  const char *why;  /* it cannot go on */
};

static bool stop(struct import_run *r, const char *why)
{
  if (!r->why) r->why = arena_str(r->mem, why);
  return false;
}

static void tell(struct import_run *r, int64_t row, const char *result, const char *id, const char *column,
                 const char *code, const char *detail)
{
  if (r->o->row) r->o->row(r->o->arg, row, result, id, column, code, detail);
  if (r->o->progress) r->o->progress(r->o->arg, r->n);
}

/* ---- refused rows are kept --------------------------------------------------------------------------------- */
static void payload_body(struct buf *body, struct import_run *r, const char *channel, const char *raw,
                         size_t raw_n, int64_t row, const char *column, const char *code, const char *detail)
{
  struct jw w;
  (void)r;
  jw_init(&w, body), jw_object(&w);
  jw_kstring(&w, "channel", channel), jw_kstring(&w, "source", "file");
  jw_key(&w, "raw"), jw_stringn(&w, raw, raw_n);
  jw_key(&w, "error"), jw_object(&w);
  jw_kstring(&w, "code", code), jw_kstring(&w, "detail", detail), jw_kint(&w, "row", row);
  if (column && *column) jw_kstring(&w, "column", column);
  jw_object_end(&w), jw_object_end(&w);
}

/* The same row of the same file is kept once, however often it is imported: its key is what it says. */
static bool payload_keep(struct import_run *r, const struct buf *body)
{
  unsigned char digest[SHA256_LEN];
  struct arena a = { 0 };
  struct buf key = { 0 };
  struct httpc_answer answer;
  sha256(body->data, body->len, digest);
  buf_str(&key, "import-"), hex_put(&key, digest, sizeof digest);
  int status = r->o->call(r->o->arg, &a, "/v1/payloads", body->data, body->len, key.data, &answer);
  bool ok = status / 100 == 2;
  if (!ok)
    stop(r, status < 0 ? "a refused row could not be kept"
                       : arena_printf(&a, "a refused row could not be kept: %s", answer.body));
  buf_release(&key);
  arena_release(&a);
  return ok;
}

static bool name_ok(const char *s)
{
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  size_t n = s ? strlen(s) : 0;
  return n && n <= 64 && strspn(s, allowed) == n;
}

static bool row_refused(struct import_run *r, int64_t row, const char *channel, const char *column,
                        const char *code, const char *detail, const char *raw, size_t raw_n)
{
  struct buf body = { 0 };
  bool ok = true, is_text = utf8_valid(raw, raw_n);
  r->n->rows++, r->n->refused++;
  tell(r, row, "refused", NULL, column, code, detail);
  if (r->o->dry_run || !raw_n || r->goods) return true;
  if (!is_text || raw_n > RAW_KEPT_MAX) {
    raw = is_text ? "(the row is longer than what is kept; it is in the file)"
                  : "(the row is not valid text; it is in the file)";
    raw_n = strlen(raw);
  }
  if (!name_ok(channel))
    channel = name_ok(r->o->channel) ? r->o->channel : *r->channel ? r->channel : NO_CHANNEL;
  payload_body(&body, r, channel, raw, raw_n, row, column, code, detail);
  ok = payload_keep(r, &body);
  buf_release(&body);
  return ok;
}

/* ---- a dry run has no memory but this -------------------------------------------------------------------------- */
static struct seen_entry *seen_find(struct seen_set *s, uint64_t hash)
{
  size_t i = (size_t)hash & (s->cap - 1);
  while (s->at[i].hash && s->at[i].hash != hash) i = (i + 1) & (s->cap - 1);
  return &s->at[i];
}

static void seen_grow(struct seen_set *s)
{
  struct seen_set big = { .cap = s->cap ? s->cap * 2 : SEEN_FIRST, .n = s->n };
  big.at = mem_new(big.cap * sizeof *big.at);
  for (size_t i = 0; i < s->cap; i++)
    if (s->at[i].hash) *seen_find(&big, s->at[i].hash) = s->at[i];
  mem_free(s->at);
  *s = big;
}

/* The row that had this order before, or 0. */
static int64_t seen_before(struct import_run *r, const char *channel, const char *external_id, int64_t row)
{
  struct seen_set *s = &r->seen;
  if (s->n * 2 >= s->cap) seen_grow(s);
  uint64_t hash = hash64(external_id, strlen(external_id), hash64(channel, strlen(channel), 7)) | 1;
  struct seen_entry *e = seen_find(s, hash);
  if (e->hash) return e->row;
  *e = (struct seen_entry){ hash, row };
  s->n++;
  return 0;
}

/* ---- times moved, for the demo ------------------------------------------------------------------------------------ */
static bool is_time_key(const char *key)
{
  static const char *const keys[] = { "placed_at", "paid_at", "updated_at", "ship_by", "shipped_at" };
  for (size_t i = 0; key && i < COUNT(keys); i++)
    if (!strcmp(keys[i], key)) return true;
  return false;
}

static void shift_put(struct jw *w, const struct json *j, int64_t shift_ms)
{
  int64_t ms;
  if (is_time_key(json_key(j)) && json_string(j) && time_parse(json_string(j), &ms)) {
    jw_time(w, ms + shift_ms);
  } else if (json_type(j) == JSON_OBJECT) {
    jw_object(w);
    for (const struct json *m = json_first(j); m; m = json_next(m))
      jw_key(w, json_key(m)), shift_put(w, m, shift_ms);
    jw_object_end(w);
  } else if (json_type(j) == JSON_ARRAY) {
    jw_array(w);
    for (const struct json *m = json_first(j); m; m = json_next(m)) shift_put(w, m, shift_ms);
    jw_array_end(w);
  } else {
    jw_json(w, j);
  }
}

/* ---- batches --------------------------------------------------------------------------------------------------------- */
static void batch_body(const struct import_run *r, struct buf *body)
{
  bool first = true;
  buf_str(body, "{\"orders\":[");
  for (size_t i = 0; i < r->slots; i++) {
    if (r->slot[i].done) continue;
    if (!first) buf_char(body, ',');
    first = false;
    buf_put(body, r->texts.data + r->slot[i].at, r->slot[i].n);
  }
  buf_str(body, "]}");
}

static const char *text_of(const struct json *j, const char *key, const char *otherwise)
{
  const char *s = json_string(json_get(j, key));
  return s ? s : otherwise;
}

static int64_t *count_of(struct import_counts *n, const char *result)
{
  const struct {
    const char *name;
    int64_t *n;
  } rows[] = {
    { "created", &n->created }, { "updated", &n->updated }, { "unchanged", &n->unchanged },
    { "stale", &n->stale },     { "taken", &n->taken },
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    if (!strcmp(rows[i].name, result)) return rows[i].n;
  return NULL;
}

static bool slot_refused(struct import_run *r, struct slot *s, const struct json *problem)
{
  const struct json *first = json_first(json_get(problem, "errors"));
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  const char *raw = r->texts.data + s->at;
  const struct json *order = json_parse(&a, raw, s->n, JSON_ELEMENTS_MAX, &f);
  const char *code = text_of(first, "code", text_of(problem, "code", "refused"));
  const char *detail = text_of(first, "detail", text_of(problem, "detail", ""));
  bool ok = row_refused(r, s->row, text_of(order, "channel", NULL), text_of(first, "pointer", ""), code,
                        detail, raw, s->n);
  arena_release(&a);
  return ok;
}

static bool slot_settle(struct import_run *r, struct slot *s, const struct json *result, int64_t status)
{
  const char *name = text_of(result, "result", NULL);
  int64_t *count = name ? count_of(r->n, name) : NULL;
  s->done = true;
  if (!count) return slot_refused(r, s, status ? json_get(result, "problem") : NULL);
  r->n->rows++, ++*count;
  tell(r, s->row, name, text_of(result, "id", text_of(result, "payload", "")), NULL, NULL, NULL);
  return true;
}

/* What the server has no room for now is asked again; the rest is settled. */
static bool results_take(struct import_run *r, const struct json *results, bool *again)
{
  const struct json *result = json_type(results) == JSON_ARRAY ? json_first(results) : NULL;
  for (size_t i = 0; i < r->slots; i++) {
    struct slot *s = &r->slot[i];
    int64_t status = 0;
    if (s->done) continue;
    if (!result || !json_int(json_get(result, "status"), &status))
      return stop(r, "the answer cannot be understood");
    if (status == 507) return stop(r, "the disk is nearly full: nothing more is taken");
    if (status == 500) return stop(r, text_of(json_get(result, "problem"), "detail", "the server failed"));
    if (status == 503 || status == 429) *again = true;
    else if (!slot_settle(r, s, result, status)) return false;
    result = json_next(result);
  }
  return true;
}

static bool batch_post(struct import_run *r, bool *again)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  struct buf body = { 0 };
  struct httpc_answer answer;
  bool ok = false;
  *again = false;
  batch_body(r, &body);
  const char *path = r->o->dry_run ? "/v1/orders?dry_run=true" : "/v1/orders?source=file";
  int status = r->o->call(r->o->arg, &a, path, body.data, body.len, NULL, &answer);
  buf_release(&body);
  const struct json *j =
    status > 0 ? json_parse(&a, answer.body, answer.body_n, JSON_ELEMENTS_BATCH_MAX, &f) : NULL;
  if (status == 207 && j) ok = results_take(r, json_get(j, "results"), again);
  else if (status == 503 || status == 429) ok = *again = true;
  else if (status < 0) stop(r, "there was no answer");
  else
    stop(r, arena_printf(&a, "%s (%s)", text_of(j, "detail", "the answer cannot be understood"),
                         text_of(j, "code", "?")));
  arena_release(&a);
  return ok;
}

static bool batch_flush(struct import_run *r)
{
  bool again = r->slots > 0;
  for (int tries = 0; again; tries++) {
    if (tries == POST_TRIES)
      return stop(r, "the server is too busy to take more; import the file again later");
    if (tries) poll(NULL, 0, POST_WAIT_MS);
    if (!batch_post(r, &again)) return false;
  }
  r->slots = 0, r->texts.len = 0;
  return true;
}

static bool batch_add(struct import_run *r, int64_t row, const char *json, size_t n)
{
  bool full = r->slots == IMPORT_BATCH_ROWS || r->texts.len + n > IMPORT_BATCH_BYTES;
  if (full && !batch_flush(r)) return false;
  r->slot[r->slots++] = (struct slot){ .row = row, .at = r->texts.len, .n = n };
  buf_put(&r->texts, json, n);
  return true;
}

/* ---- one order -------------------------------------------------------------------------------------------------------- */
static bool order_again(struct import_run *r, int64_t row, int64_t before)
{
  struct arena a = { 0 };
  r->n->rows++, r->n->again++;
  tell(r, row, "again", NULL, NULL, NULL, arena_printf(&a, "row %lld is this order too", (long long)before));
  arena_release(&a);
  return true;
}

static bool order_shifted(struct import_run *r, int64_t row, const struct json *j)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), shift_put(&w, j, r->o->shift_ms);
  bool ok = batch_add(r, row, b.data, b.len);
  buf_release(&b);
  return ok;
}

/* The text has passed the gate. Which channel it is, is decided by the order itself; a name that the person gave must
 * agree, so that a file imported under the wrong name does not become another shop's. */
static bool order_take(struct import_run *r, int64_t row, const struct json *j, const char *text, size_t n)
{
  const char *channel = json_type(j) == JSON_OBJECT ? json_string(json_get(j, "channel")) : NULL;
  const char *external_id = json_type(j) == JSON_OBJECT ? json_string(json_get(j, "external_id")) : NULL;
  if (channel && r->o->channel && strcmp(channel, r->o->channel) != 0) {
    r->n->other_channels++;
    return row_refused(r, row, channel, "/channel", "other_channel",
                       "The order is of another channel than the one that was named", text, n);
  }
  if (name_ok(channel)) snprintf(r->channel, sizeof r->channel, "%s", channel);
  int64_t before = r->o->dry_run && channel && external_id ? seen_before(r, channel, external_id, row) : 0;
  if (before) return order_again(r, row, before);
  return r->o->shift_ms ? order_shifted(r, row, j) : batch_add(r, row, text, n);
}

static bool order_text(struct import_run *r, int64_t row, const char *text, size_t n)
{
  struct arena a = { 0 };
  struct faults f = { .mem = &a };
  const struct json *j = json_parse(&a, text, n, JSON_ELEMENTS_MAX, &f);
  bool ok = j && r->goods ? goods_object(r->goods, row, text, n)
            : j           ? order_take(r, row, j, text, n)
                          : row_refused(r, row, NULL, "", f.at[0].code, f.at[0].detail, text, n);
  arena_release(&a);
  return ok;
}

/* ---- NDJSON -------------------------------------------------------------------------------------------------------------- */
static bool line_end(struct import_run *r)
{
  bool ok = true;
  size_t mark = r->line_no == 0 && r->line.len >= 3 && !memcmp(r->line.data, "\xef\xbb\xbf", 3) ? 3 : 0;
  r->line_no++;
  while (r->line.len > mark && strchr(" \t\r", r->line.data[r->line.len - 1])) r->line.len--;
  if (r->line_lost)
    ok = row_refused(r, r->line_no, NULL, "", "line_too_long", "A line has at most 1 MiB", r->line.data, 1);
  else if (r->line.len > mark) ok = order_text(r, r->line_no, r->line.data + mark, r->line.len - mark);
  r->line.len = 0, r->line_lost = false;
  return ok;
}

static bool lines_feed(struct import_run *r, const char *p, size_t n)
{
  for (const char *end = p + n, *lf; p < end; p = lf + 1) {
    lf = memchr(p, '\n', (size_t)(end - p));
    size_t piece = (size_t)((lf ? lf : end) - p);
    r->line_lost = r->line_lost || r->line.len + piece > IMPORT_LINE_MAX;
    if (!r->line_lost) buf_put(&r->line, p, piece);
    if (!lf) return true;
    if (!line_end(r)) return false;
  }
  return true;
}

/* ---- CSV ------------------------------------------------------------------------------------------------------------------- */
static void sheet_order(void *arg, int64_t first_row, const char *json, size_t n)
{
  struct import_run *r = arg;
  if (!r->why) order_text(r, first_row, json, n);
}

static void sheet_refused(void *arg, int64_t row, const char *column, const char *code, const char *detail,
                          const char *raw_json, size_t n)
{
  struct import_run *r = arg;
  if (!r->why) row_refused(r, row, NULL, column, code, detail, raw_json ? raw_json : "", raw_json ? n : 0);
}

static bool rows_feed(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct import_run *r = arg;
  if (r->goods) return goods_row(r->goods, row, cells, n, why);
  return sheet_row(r->sheet, row, cells, n, why) && !r->why;
}

/* The encoding shows at the first byte that is not ASCII; a sheet may be long before there is one. */
static void encoding_find(struct import_run *r, const char *p, size_t n, bool whole)
{
  if (r->encoding_known) return;
  size_t at = 0;
  while (at < n && !((unsigned char)p[at] & 0x80)) at++;
  if (at == n) return;
  r->encoding_known = true;
  csv_set_gb18030(r->csv, csv_sniff_gb18030(p + at, n - at, whole));
}

/* ---- workbooks --------------------------------------------------------------------------------------------------------------- */
static bool book_feed(struct import_run *r, const char *p, size_t n)
{
  if (r->book.len <= XLSX_FILE_MAX) buf_put(&r->book, p, n); /* one that is larger is refused by its size */
  return true;
}

/* It is refused as a whole: nothing of it was read, and there is no row that could be kept. */
static bool book_end(struct import_run *r)
{
  struct xlsx_fault f;
  if (book_read(&r->book, r->o->sheet, rows_feed, r, &f)) return !r->why;
  r->n->is_refused = true;
  row_refused(r, f.row, NULL, f.cell, f.code, f.detail, "", 0);
  return false;
}

/* ---- which of the three ------------------------------------------------------------------------------------------------------- */
enum kind { KIND_CSV, KIND_NDJSON, KIND_BOOK };

static bool format_find(struct import_run *r, const char *p, size_t n, enum kind *kind)
{
  size_t at = n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3) ? 3 : 0;
  while (at < n && strchr(" \t\r\n", p[at]) && p[at]) at++;
  if (n >= 4 && !memcmp(p, "\xd0\xcf\x11\xe0", 4))
    return stop(r,
                "this is an old workbook (XLS), or one with a password; save it as XLSX without a password");
  if (n >= 2 && (!memcmp(p, "\xff\xfe", 2) || !memcmp(p, "\xfe\xff", 2)))
    return stop(r, "this text is UTF-16; save it as UTF-8");
  if (n >= 2 && !memcmp(p, "\x1f\x8b", 2))
    return stop(r, "this file is compressed; unpack it, or pipe it: gunzip -c FILE | orderd import -");
  bool is_book = xlsx_is(p, n) || r->o->format == IMPORT_XLSX;
  bool is_ndjson = r->o->format == IMPORT_NDJSON || (r->o->format == IMPORT_AUTO && at < n && p[at] == '{');
  *kind = is_book ? KIND_BOOK : is_ndjson ? KIND_NDJSON : KIND_CSV;
  if (r->o->sheet && !is_book) return stop(r, "--sheet goes with a workbook (XLSX)");
  if (*kind == KIND_CSV && at < n && p[at] == '[')
    return stop(r, "this is a JSON list; write one order per line");
  return true;
}

/* As much as fits, so that pieces do not depend on how a pipe delivers. */
static int64_t piece_read(int64_t (*read)(void *arg, char *p, size_t n), void *arg, char *p, size_t max,
                          bool *end)
{
  size_t n = 0;
  while (n < max && !*end) {
    int64_t got = read(arg, p + n, max - n);
    if (got < 0) return -1;
    *end = !got;
    n += (size_t)got;
  }
  return (int64_t)n;
}

static bool piece_take(struct import_run *r, enum kind kind, const char *p, size_t n, bool end)
{
  if (kind == KIND_NDJSON) return lines_feed(r, p, n);
  if (kind == KIND_BOOK) return book_feed(r, p, n);
  encoding_find(r, p, n, end);
  return csv_feed(r->csv, p, n);
}

static bool pieces_end(struct import_run *r, enum kind kind)
{
  bool ok = kind == KIND_BOOK  ? book_end(r)
            : kind == KIND_CSV ? csv_end(r->csv)
                               : (!r->line.len && !r->line_lost) || line_end(r);
  if (!ok) return r->n->is_refused;
  if (r->goods) return goods_end(r->goods);
  if (kind != KIND_NDJSON) sheet_end(r->sheet);
  return true;
}

static bool pieces_run(struct import_run *r, int64_t (*read)(void *arg, char *p, size_t n), void *arg)
{
  char *piece = mem_new(PIECE_BYTES);
  enum kind kind = KIND_CSV;
  bool end = false, ok = true;
  for (bool first = true; ok && !end; first = false) {
    int64_t n = piece_read(read, arg, piece, PIECE_BYTES, &end);
    ok = n >= 0 || stop(r, "the file cannot be read to its end");
    if (ok && first) ok = format_find(r, piece, (size_t)n, &kind);
    if (ok) ok = piece_take(r, kind, piece, (size_t)n, end);
  }
  ok = ok && pieces_end(r, kind);
  mem_free(piece);
  return ok && !r->why;
}

bool import_run(const struct import *o, int64_t (*read)(void *arg, char *p, size_t n), void *read_arg,
                struct arena *a, struct import_counts *counts, const char **why)
{
  struct import_run *r = mem_new(sizeof *r);
  struct sheet_options sheet = SHEET_OPTIONS(o->channel);
  *counts = (struct import_counts){ 0 };
  r->o = o, r->mem = a, r->n = counts;
  if (o->as) r->goods = goods_new(o, a, counts);
  r->sheet = sheet_new(&sheet, sheet_order, sheet_refused, r);
  r->csv = csv_new(rows_feed, r);
  if (!o->auto_encoding) csv_set_gb18030(r->csv, o->gb18030), r->encoding_known = true;
  bool ok = pieces_run(r, read, read_arg) && batch_flush(r);
  *why = r->why ? r->why : r->goods ? goods_why(r->goods) : NULL;
  goods_free(r->goods);
  csv_free(r->csv);
  sheet_free(r->sheet);
  mem_free(r->seen.at);
  buf_release(&r->line), buf_release(&r->texts), buf_release(&r->book);
  mem_free(r);
  return ok && !*why;
}
