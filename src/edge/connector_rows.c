/* connector_rows.c: rows of a till's file as the JSON array that [orders] reads. */
#include "edge.h"

enum { NAMES_MAX = CSV_COLUMNS_MAX };

struct rows {
  struct arena *a;
  struct buf out;
  struct jw w;
  char *name[NAMES_MAX];
  size_t names;
  int64_t rows;
  const char *why;
};

static bool rows_fail(struct rows *r, int64_t row, const char *why)
{
  r->why = arena_printf(r->a, "line %lld: %s", (long long)row, why);
  return false;
}

/* ---- csv ----------------------------------------------------------------------------------------------------- */
/* Names of columns are told apart: "price", "price 2"; a nameless one is "column 3". */
static char *column_name(struct rows *r, const char *cell, size_t at)
{
  char *name = *cell ? arena_str(r->a, cell) : arena_printf(r->a, "column %zu", at + 1);
  for (int n = 2;; n++) {
    size_t i = 0;
    while (i < r->names && strcmp(r->name[i], name) != 0) i++;
    if (i == r->names) return name;
    name = arena_printf(r->a, "%s %d", cell, n);
  }
}

static bool csv_row(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct rows *r = arg;
  if (!cells) return rows_fail(r, row, why);
  if (n == 1 && !*cells[0]) return true;
  if (!r->names) {
    for (size_t i = 0; i < n && i < NAMES_MAX; i++) r->name[i] = column_name(r, cells[i], i), r->names++;
    return true;
  }
  if (n > r->names) return rows_fail(r, row, "more cells than the header has");
  jw_object(&r->w);
  for (size_t i = 0; i < r->names; i++) jw_kstring(&r->w, r->name[i], i < n ? cells[i] : "");
  jw_object_end(&r->w);
  if (r->out.len > CONNECTOR_BODY_MAX)
    return rows_fail(r, row, "the file is too large for one go; orderd import takes it");
  return ++r->rows > 0;
}

static void read_csv(struct rows *r, const char *text, size_t n)
{
  struct csv *c = csv_new(csv_row, r);
  csv_set_gb18030(c, csv_sniff_gb18030(text, n, true));
  if (csv_feed(c, text, n)) csv_end(c);
  csv_free(c);
}

/* ---- json -------------------------------------------------------------------------------------------------------- */
static bool gate(struct rows *r, int64_t row, const char *text, size_t n)
{
  const char *why;
  size_t at;
  if (json_gate(text, n, CONNECTOR_ELEMENTS_MAX, &why, &at)) return true;
  return rows_fail(r, row, arena_printf(r->a, "no JSON: %s, at byte %zu", why, at));
}

static void read_json(struct rows *r, const char *text, size_t n)
{
  if (!gate(r, 1, text, n)) return;
  struct json_span s = json_span_of(text, n);
  if (*s.p == '[') r->out.len = 0, buf_put(&r->out, s.p, (size_t)(s.end - s.p));
  else if (*s.p == '{') jw_raw(&r->w, s.p, (size_t)(s.end - s.p));
  else rows_fail(r, 1, "neither an array nor an object");
}

static void read_ndjson(struct rows *r, const char *text, size_t n)
{
  const char *end = text + n;
  int64_t line = 0;
  for (const char *p = text; p < end && !r->why;) {
    const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;
    size_t len = (size_t)(stop - p), blank = 0;
    line++;
    while (blank < len && strchr(" \t\r", p[blank]) && p[blank]) blank++;
    if (blank < len && gate(r, line, p, len)) jw_raw(&r->w, p, len - (p[len - 1] == '\r'));
    p = lf ? lf + 1 : end;
  }
}

bool connector_file_rows(struct arena *a, const char *format, const char *text, size_t n, const char **json,
                         size_t *json_n, const char **why)
{
  struct rows *r = mem_new(sizeof *r);
  bool is_csv = !strcmp(format, "csv"), is_json = !strcmp(format, "json");
  r->a = a;
  jw_init(&r->w, &r->out), jw_array(&r->w);
  if (!is_csv && n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3, n -= 3;
  if (is_csv) read_csv(r, text, n);
  else if (is_json) read_json(r, text, n);
  else read_ndjson(r, text, n);
  if (!is_json || r->out.data[r->out.len - 1] != ']') jw_array_end(&r->w);
  if (!r->why && r->out.len > CONNECTOR_BODY_MAX)
    r->why = "the file is too large for one go; orderd import takes it";
  *json = arena_strn(a, r->out.data, r->out.len), *json_n = r->out.len, *why = r->why;
  bool ok = !r->why;
  buf_release(&r->out);
  mem_free(r);
  return ok;
}
