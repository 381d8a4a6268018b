/* export.c: lists of the API as files. Page after page, so that a file of any length costs the memory of one page. */
#include "edge.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#define PAGE_ROWS "500"
#define COLUMNS_MAX 64
#define LONG_NUMBER 12 /* digits from which a spreadsheet no longer shows a number as it is */
#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 200

/* A path that begins with '.' is one of the line (or a kit's part), where each is a row of its own. */
static const struct cli_column order_columns[] = {
  { "id", "id" },
  { "channel", "channel" },
  { "external_id", "external_id" },
  { "status", "status" },
  { "channel_status", "channel_status" },
  { "raw_status", "raw_status" },
  { "version", "version" },
  { "placed_at", "placed_at" },
  { "paid_at", "paid_at" },
  { "shipped_at", "shipped_at" },
  { "cancelled_at", "cancelled_at" },
  { "ship_by", "ship_by" },
  { "updated_at", "updated_at" },
  { "currency", "currency" },
  { "total", "total/amount" },
  { "freight", "freight/amount" },
  { "discount", "discount/amount" },
  { "paid", "paid/amount" },
  { "buyer_id", "buyer/id" },
  { "buyer_name", "buyer/name" },
  { "buyer_phone", "buyer/phone" },
  { "receiver_name", "receiver/name" },
  { "receiver_phone", "receiver/phone" },
  { "country", "receiver/country" },
  { "province", "receiver/province" },
  { "city", "receiver/city" },
  { "district", "receiver/district" },
  { "town", "receiver/town" },
  { "address", "receiver/address" },
  { "zip", "receiver/zip" },
  { "token", "receiver/token" },
  { "buyer_remark", "remarks/buyer" },
  { "seller_remark", "remarks/seller" },
  { "flag", "remarks/flag" },
  { "flags", "flags" },
  { "service", "service" },
  { "group", "group/id" },
  { "no_merge", "no_merge" },
  { "holds", "holds" },
  { "exceptions", "exceptions" },
  { "owner", "stage/owner" },
  { "tracking_no", "shipments" },
  { NULL, NULL },
};
static const struct cli_column line_columns[] = {
  { "order", "id" },
  { "channel", "channel" },
  { "external_id", "external_id" },
  { "status", "status" },
  { "channel_status", "channel_status" },
  { "placed_at", "placed_at" },
  { "paid_at", "paid_at" },
  { "group", "group/id" },
  { "receiver_name", "receiver/name" },
  { "receiver_phone", "receiver/phone" },
  { "province", "receiver/province" },
  { "city", "receiver/city" },
  { "district", "receiver/district" },
  { "town", "receiver/town" },
  { "address", "receiver/address" },
  { "line_id", ".line_id" },
  { "sku", ".sku" },
  { "title", ".title" },
  { "quantity", ".quantity" },
  { "currency", "currency" },
  { "price", ".price/amount" },
  { "line_discount", ".discount/amount" },
  { "refunded", ".refunded/amount" },
  { "total", "total/amount" },
  { "tracking_no", "shipments" },
  { NULL, NULL },
};
static const struct cli_column group_columns[] = {
  { "id", "id" },       { "state", "state" },         { "key", "key" },       { "from", "from" },
  { "until", "until" }, { "locked_at", "locked_at" }, { "orders", "orders" }, { NULL, NULL },
};
static const struct cli_column event_columns[] = {
  { "seq", "seq" },     { "at", "at" },     { "entity", "entity" }, { "type", "type" },
  { "actor", "actor" }, { "data", "data" }, { NULL, NULL },
};
static const struct cli_column exception_columns[] = {
  { "id", "id" },
  { "type", "type" },
  { "state", "state" },
  { "order", "order" },
  { "payload", "payload" },
  { "channel", "channel" },
  { "since", "since" },
  { "due_at", "due_at" },
  { "owner", "owner" },
  { "assignee", "assignee" },
  { "resolved_at", "resolved_at" },
  { "resolved_by", "resolved_by" },
  { "note", "note" },
  { "data", "data" },
  { NULL, NULL },
};
static const struct cli_column payload_columns[] = {
  { "id", "id" },
  { "channel", "channel" },
  { "source", "source" },
  { "state", "state" },
  { "received_at", "received_at" },
  { "orders", "orders" },
  { "attempts", "attempts" },
  { "size", "size" },
  { "row", "error/row" },
  { "column", "error/column" },
  { "code", "error/code" },
  { "detail", "error/detail" },
  { NULL, NULL },
};

/* The headers are those that the import reads; what it does not take back is told all the same. */
static const struct cli_column sku_columns[] = {
  { "code", "code" },           { "title", "title" },
  { "barcodes", "barcodes" },   { "weight_g", "weight_g" },
  { "length_mm", "length_mm" }, { "width_mm", "width_mm" },
  { "height_mm", "height_mm" }, { "hazard", "hazard" },
  { "safety", "safety" },       { "made", "made" },
  { "cold", "cold" },           { "state", "state" },
  { "available", "available" }, { NULL, NULL },
};
static const struct cli_column kit_columns[] = {
  { "code", "code" }, { "title", "title" }, { "sku", ".sku" }, { "quantity", ".quantity" }, { NULL, NULL },
};
static const struct cli_column mapping_columns[] = {
  { "channel", "channel" },
  { "channel_sku", "channel_sku" },
  { "sku", "sku" },
  { NULL, NULL },
};
static const struct cli_column warehouse_columns[] = {
  { "code", "code" },         { "title", "title" },       { "kind", "kind" },
  { "country", "country" },   { "division", "division" }, { "regions", "regions" },
  { "capacity", "capacity" }, { "state", "state" },       { NULL, NULL },
};
static const struct cli_column stock_columns[] = {
  { "sku", "sku" },
  { "warehouse", "warehouse" },
  { "on_hand", "on_hand" },
  { "reserved", "reserved" },
  { "frozen", "frozen" },
  { "available", "available" },
  { "quarantine", "quarantine" },
  { NULL, NULL },
};
static const struct cli_column ledger_columns[] = {
  { "id", "id" },
  { "at", "at" },
  { "sku", "sku" },
  { "warehouse", "warehouse" },
  { "from", "from" },
  { "to", "to" },
  { "quantity", "quantity" },
  { "reason", "reason" },
  { "ref", "ref" },
  { "actor", "actor" },
  { NULL, NULL },
};
static const struct cli_column case_columns[] = {
  { "case", "id" },
  { "order", "order" },
  { "channel", "channel" },
  { "external_id", "external_id" },
  { "kind", "kind" },
  { "state", "state" },
  { "step", "step" },
  { "round", "round" },
  { "currency", "amount/currency" },
  { "amount", "amount/amount" },
  { "reason", "reason" },
  { "note", "note" },
  { "refund", "refund" },
  { "refund_id", "refund_id" },
  { "goods", "goods" },
  { "due_at", "due_at" },
  { "created_at", "created_at" },
  { "ended_at", "ended_at" },
  { NULL, NULL },
};

#define ORDER_FILTERS "status channel group sku owner exception overdue urgent tag from to q sort"
static const struct export_kind {
  const char *name, *path, *filters, *cursor;
  const struct cli_column *columns;
  const char *lines; /* the list whose members are the rows; NULL: the things themselves */
} kinds[] = {
  { "orders", "/v1/orders", ORDER_FILTERS, "cursor", order_columns, NULL },
  { "lines", "/v1/orders", ORDER_FILTERS, "cursor", line_columns, "lines" },
  { "groups", "/v1/groups", "state several proposed", "cursor", group_columns, NULL },
  { "events", "/v1/events", "since entity", "since", event_columns, NULL },
  { "exceptions", "/v1/exceptions", "state type owner", "cursor", exception_columns, NULL },
  { "cases", "/v1/cases", "state kind step order overdue", "cursor", case_columns, NULL },
  { "payloads", "/v1/payloads", "state channel", "cursor", payload_columns, NULL },
  { "skus", "/v1/skus", "q state", "cursor", sku_columns, NULL },
  { "kits", "/v1/skus", "q state", "cursor", kit_columns, "parts" },
  { "mappings", "/v1/mappings", "channel sku", "cursor", mapping_columns, NULL },
  { "warehouses", "/v1/warehouses", "", NULL, warehouse_columns, NULL },
  { "stock", "/v1/stock", "sku warehouse", "cursor", stock_columns, NULL },
  { "ledger", "/v1/stock/ledger", "sku warehouse", "cursor", ledger_columns, NULL },
};

struct export
{
  struct cli *c;
  const struct export_kind *kind;
  enum { FORMAT_CSV, FORMAT_XLSX, FORMAT_NDJSON } format;
  bool excel;
  FILE *out;
  struct xlsx_writer *book; /* for XLSX */
  const char *path, *part;  /* of the file that is written; NULL: standard output */
  int64_t rows, begun_ms, told_ms;
};

/* ---- cells ---------------------------------------------------------------------------------------------------- */
static void value_put(struct buf *out, const struct json *j);

static void list_put(struct buf *out, const struct json *list)
{
  static const char *const names[] = { "tracking_no", "type", "reason", "id" }; /* what stands for a thing */
  for (const struct json *v = json_first(list); v; v = json_next(v)) {
    const struct json *word = json_type(v) == JSON_OBJECT ? NULL : v;
    for (size_t i = 0; !word && i < COUNT(names); i++)
      if (json_type(json_get(v, names[i])) == JSON_STRING) word = json_get(v, names[i]);
    if (!word) continue;
    if (out->len) buf_char(out, ' ');
    value_put(out, word);
  }
}

static void value_put(struct buf *out, const struct json *j)
{
  struct jw w;
  switch (json_type(j)) {
  case JSON_NULL: break;
  case JSON_BOOL: buf_str(out, json_bool(j) ? "true" : "false"); break;
  case JSON_NUMBER: buf_str(out, json_number(j)); break;
  case JSON_STRING: buf_str(out, json_string(j)); break;
  case JSON_ARRAY: list_put(out, j); break;
  case JSON_OBJECT: jw_init(&w, out), jw_json(&w, j); break;
  }
}

static const struct json *column_value(const struct json *row, const struct json *line, const char *path)
{
  return *path == '.' ? json_path(line, path + 1) : json_path(row, path);
}

static bool long_number(const char *s)
{
  size_t n = strlen(s);
  return n >= LONG_NUMBER && strspn(s, "0123456789") == n;
}

static void csv_row(struct export *x, struct buf *out, const struct json *row, const struct json *line)
{
  struct buf cell = { 0 };
  for (size_t i = 0; x->kind->columns[i].head; i++) {
    cell.len = 0, buf_str(&cell, "");
    value_put(&cell, column_value(row, line, x->kind->columns[i].path));
    if (i) buf_char(out, ',');
    if (x->excel && long_number(cell.data)) buf_printf(out, "\"=\"\"%s\"\"\"", cell.data);
    else csv_put(out, cell.data);
  }
  buf_str(out, "\r\n");
  buf_release(&cell);
}

static void json_row(struct export *x, struct buf *out, const struct json *row, const struct json *line)
{
  struct jw w;
  jw_init(&w, out);
  if (!line) {
    jw_json(&w, row);
  } else {
    jw_object(&w);
    for (size_t i = 0; x->kind->columns[i].head; i++) {
      const struct json *v = column_value(row, line, x->kind->columns[i].path);
      jw_key(&w, x->kind->columns[i].head);
      if (v) jw_json(&w, v);
      else jw_null(&w);
    }
    jw_object_end(&w);
  }
  buf_char(out, '\n');
}

/* Numbers are what can be added up: JSON's own, and money. What only looks like one stays text. */
static void book_row(struct export *x, const struct json *row, const struct json *line)
{
  struct buf cell = { 0 };
  for (size_t i = 0; x->kind->columns[i].head; i++) {
    const char *path = x->kind->columns[i].path, *amount = strstr(path, "/amount");
    const struct json *v = column_value(row, line, path);
    cell.len = 0, buf_str(&cell, "");
    value_put(&cell, v);
    bool is_number = json_type(v) == JSON_NUMBER || (amount && !amount[strlen("/amount")]);
    (is_number ? xlsx_number : xlsx_text)(x->book, cell.data);
  }
  buf_release(&cell);
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */
static void progress(struct export *x)
{
  int64_t now_ms = mono_ms();
  if (!x->c->err_tty || x->c->quiet || now_ms - x->begun_ms < PROGRESS_AFTER_MS ||
      now_ms - x->told_ms < PROGRESS_EVERY_MS)
    return;
  x->told_ms = now_ms;
  fprintf(stderr, "\r%lld rows ", (long long)x->rows);
}

static bool row_write(struct export *x, const struct json *row, const struct json *line)
{
  struct buf out = { 0 };
  x->rows++;
  if (x->book) return book_row(x, row, line), xlsx_row_end(x->book);
  (x->format == FORMAT_NDJSON ? json_row : csv_row)(x, &out, row, line);
  bool ok = fwrite(out.data, 1, out.len, x->out) == out.len;
  buf_release(&out);
  return ok;
}

static bool page_write(struct export *x, const struct json *data)
{
  bool ok = true;
  for (const struct json *row = json_first(data); ok && row; row = json_next(row)) {
    if (!x->kind->lines) ok = row_write(x, row, NULL);
    const struct json *line = x->kind->lines ? json_first(json_get(row, x->kind->lines)) : NULL;
    for (; ok && line; line = json_next(line)) ok = row_write(x, row, line);
  }
  progress(x);
  if (!ok)
    cli_fail(x->c, "%s: %s", x->path ? x->path : "standard output",
             ferror(x->out) ? strerror(errno) : "this is more than a workbook can hold; write CSV");
  return ok;
}

/* One page; *next is the cursor of the following one, NULL at the end. */
static int page_run(struct export *x, struct arena *a, const char *path, const char **next)
{
  struct faults f = { .mem = a };
  struct httpc_answer answer;
  int status = cli_call_in(x->c, a, "GET", path, NULL, 0, NULL, &answer);
  if (status < 0) return EXIT_FAILED;
  if (status != 200) return cli_refused(x->c, &answer);
  const struct json *j = json_parse(a, answer.body, answer.body_n, SIZE_MAX, &f);
  if (json_type(json_get(j, "data")) != JSON_ARRAY) return cli_fail(x->c, "the answer cannot be understood");
  *next = json_string(json_get(j, "next"));
  return page_write(x, json_get(j, "data")) ? EXIT_DONE : EXIT_FAILED;
}

static void path_first(struct export *x, struct buf *path)
{
  buf_str(path, x->kind->path);
  if (x->kind->cursor) buf_str(path, "?limit=" PAGE_ROWS); /* else it is one page */
  cli_query_put(path, x->c, x->kind->filters);
}

static int pages_run(struct export *x)
{
  struct buf base = { 0 }, path = { 0 };
  struct arena a = { 0 };
  const char *next = "";
  int status = EXIT_DONE;
  path_first(x, &base);
  buf_put(&path, base.data, base.len);
  while (!status && next) {
    status = page_run(x, &a, path.data, &next);
    if (status || !next) break;
    path.len = 0;
    if (!strcmp(x->kind->cursor,
                "since")) { /* the page's cursor takes the place of the filter of that name */
      buf_printf(&path, "%s?limit=" PAGE_ROWS, x->kind->path);
      cli_query_put(&path, x->c, "entity");
    } else {
      buf_put(&path, base.data, base.len);
    }
    buf_printf(&path, "&%s=", x->kind->cursor), cli_url_put(&path, next);
    arena_reset(&a);
  }
  arena_release(&a);
  buf_release(&base), buf_release(&path);
  return status;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------ */
static bool out_open(struct export *x)
{
  x->out = stdout;
  x->path = cli_option(x->c, "output");
  if (!x->path || !strcmp(x->path, "-")) return x->path = NULL, true;
  x->part = arena_printf(&x->c->mem, "%s.%ld.part", x->path, (long)getpid());
  int fd = open(x->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  x->out = fd < 0 ? NULL : fdopen(fd, "w");
  if (!x->out) cli_fail(x->c, "%s: %s", x->part, strerror(errno));
  return x->out;
}

static bool book_put(void *arg, const void *p, size_t n)
{
  struct export *x = arg;
  return fwrite(p, 1, n, x->out) == n;
}

static void book_open(struct export *x)
{
  const char *heads[COLUMNS_MAX];
  size_t n = 0;
  for (; x->kind->columns[n].head; n++) must(n < COLUMNS_MAX), heads[n] = x->kind->columns[n].head;
  x->book = xlsx_new(x->kind->name, heads, n, book_put, x);
}

/* An exit status; a workbook is whole only with its end. */
static int book_close(struct export *x, int status)
{
  if (!x->book) return status;
  if (!status && !xlsx_end(x->book)) status = cli_fail(x->c, "the workbook could not be written to its end");
  int64_t cut = xlsx_cut_count(x->book);
  if (!status && cut)
    cli_say(x->c,
            "%lld texts were longer than the 32,767 characters of a cell and were cut; CSV has them whole",
            (long long)cut);
  xlsx_free(x->book);
  x->book = NULL;
  return status;
}

/* The file has its name only when it is whole. */
static int out_finish(struct export *x, int status)
{
  bool ok = fflush(x->out) == 0 && !ferror(x->out);
  if (!x->path) return status;
  ok = fsync(fileno(x->out)) == 0 && ok;
  ok = fclose(x->out) == 0 && ok;
  if (!status && ok && rename(x->part, x->path) == 0) return EXIT_DONE;
  int why = errno;
  unlink(x->part);
  return status ? status : cli_fail(x->c, "%s: %s", x->path, strerror(why));
}

static void head_write(struct export *x)
{
  struct buf out = { 0 };
  if (x->format == FORMAT_XLSX) book_open(x);
  if (x->format != FORMAT_CSV) return;
  if (cli_option(x->c, "bom")) buf_str(&out, "\xef\xbb\xbf");
  for (size_t i = 0; x->kind->columns[i].head; i++)
    buf_printf(&out, "%s%s", i ? "," : "", x->kind->columns[i].head);
  buf_str(&out, "\r\n");
  fwrite(out.data, 1, out.len, x->out);
  buf_release(&out);
}

/* What is asked for, else what the name of the file promises. */
static int format_find(struct export *x)
{
  static const char *const names[] = { "csv", "xlsx", "ndjson" };
  const char *asked = cli_option(x->c, "format"), *path = cli_option(x->c, "output");
  size_t n = path ? strlen(path) : 0;
  x->format = x->c->json ? FORMAT_NDJSON : FORMAT_CSV;
  if (n > 5 && !strcasecmp(path + n - 5, ".xlsx")) x->format = FORMAT_XLSX;
  for (size_t i = 0; asked && i < COUNT(names); i++)
    if (!strcmp(asked, names[i])) return x->format = (int)i, EXIT_DONE;
  if (asked) return cli_wrong(x->c, "--format is csv, xlsx or ndjson");
  return EXIT_DONE;
}

static int export_options(struct export *x)
{
  const char *names[COUNT(kinds)];
  for (size_t i = 0; i < COUNT(kinds); i++) {
    names[i] = kinds[i].name;
    if (!strcmp(kinds[i].name, x->c->arg[0])) x->kind = &kinds[i];
  }
  const char *near = x->kind ? NULL : word_nearest(x->c->arg[0], names, COUNT(kinds));
  if (!x->kind)
    return cli_wrong(x->c, "%s is not exported; %s%s", x->c->arg[0],
                     near ? "did you mean " : x->c->command->args, near ? near : "");
  x->excel = cli_option(x->c, "excel") != NULL;
  int status = format_find(x);
  if (!status && x->format != FORMAT_CSV && (x->excel || cli_option(x->c, "bom")))
    return cli_wrong(x->c, "--bom and --excel are for CSV");
  return status;
}

static bool is_filter(const char *filters, const char *name)
{
  for (const char *p = filters; *p; p += strspn(p, " ")) {
    size_t n = strcspn(p, " ");
    if (strlen(name) == n && !memcmp(p, name, n)) return true;
    p += n;
  }
  return false;
}

/* A filter that this list does not have must not be passed over in silence. */
static int export_filters(struct export *x)
{
  static const char *const own[] = { "format", "output", "bom", "excel" };
  for (size_t i = 0; i < x->c->options; i++) {
    const char *name = x->c->option[i].name;
    bool known = is_filter(x->kind->filters, name);
    for (size_t k = 0; k < COUNT(own); k++) known = known || !strcmp(own[k], name);
    if (!known)
      return cli_wrong(x->c, "%s have no filter --%s; they have: %s", x->kind->name, name, x->kind->filters);
  }
  return EXIT_DONE;
}

int cli_export(struct cli *c)
{
  struct export x = { .c = c, .begun_ms = mono_ms() };
  int status = export_options(&x);
  if (!status) status = export_filters(&x);
  if (status) return status;
  bool has_file = cli_option(c, "output") && strcmp(cli_option(c, "output"), "-") != 0;
  if (x.format == FORMAT_XLSX && !has_file && c->out_tty)
    return cli_wrong(c, "a workbook is nothing to read on a terminal: name a file with --output FILE.xlsx");
  if (!cli_has_data(c) || !out_open(&x)) return EXIT_FAILED;
  head_write(&x);
  status = pages_run(&x);
  if (x.told_ms) fputs("\r\033[K", stderr);
  status = book_close(&x, status);
  status = out_finish(&x, status);
  if (!status && x.path) cli_say(c, "%lld rows in %s", (long long)x.rows, x.path);
  return status;
}
