/* Workbooks: rows only grow, cells are UTF-8 within the limits, a fault gives no row, and what is written of the rows is
 * read back as those rows. The first byte says what the rest is: a whole file; or the inside of a sheet, then (behind NUL
 * bytes) of the shared strings, of the styles and the workbook, which are put into a file that is right. */
#include "base.h"
#include "../lib/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct told {
  struct buf text;
  int64_t last, rows;
  struct xlsx_writer *copy;
};

static bool tell(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct told *t = arg;
  must(row > t->last && row <= XLSX_ROWS_MAX && (cells != NULL) == (why == NULL) && n <= CSV_COLUMNS_MAX);
  t->last = row, t->rows++;
  for (size_t i = 0; i < n; i++) {
    size_t len = strlen(cells[i]);
    must(utf8_valid(cells[i], len) && len <= CSV_CELL_MAX + 1);
  }
  return true;
}

static const char *bare(const char *cell)
{
  while (*cell == SHEET_INEXACT || *cell == '\t') cell++;
  return strlen(cell) > 1000 ? "" : cell;
}

/* Rows without the marks, for numbers are text in a copy. */
static bool keep(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct told *t = arg;
  (void)row;
  while (!why && n && !*bare(cells[n - 1])) n--;
  if (why || !n || t->text.len > 100000) return true;
  for (size_t i = 0; i < n; i++) {
    buf_printf(&t->text, "%zu:%s ", strlen(bare(cells[i])), bare(cells[i]));
    if (t->copy) xlsx_text(t->copy, bare(cells[i]));
  }
  buf_char(&t->text, '\n');
  if (t->copy) xlsx_row_end(t->copy);
  return true;
}

static bool put(void *arg, const void *p, size_t n)
{
  buf_put(arg, p, n);
  return true;
}

static bool first_row(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  return row == 1 || keep(arg, row, cells, n, why);
}

static void copy_check(const struct buf *file)
{
  static const char *column[CSV_COLUMNS_MAX];
  struct buf again = { 0 };
  struct told in = { 0 }, out = { 0 };
  struct xlsx_fault f;
  for (size_t i = 0; i < CSV_COLUMNS_MAX; i++) column[i] = "x";
  in.copy = xlsx_new("copy", column, CSV_COLUMNS_MAX, put, &again);
  must(xlsx_read(file->data, file->len, NULL, keep, &in, &f));
  must(xlsx_end(in.copy));
  xlsx_free(in.copy);
  must(xlsx_read(again.data, again.len, NULL, first_row, &out, &f));
  must(in.text.len == out.text.len && (!in.text.len || !memcmp(in.text.data, out.text.data, in.text.len)));
  buf_release(&again), buf_release(&in.text), buf_release(&out.text);
}

static const char *part_of(struct arena *a, const char **p, const char *end)
{
  if (*p >= end) return NULL;
  size_t n = strnlen(*p, (size_t)(end - *p));
  const char *s = arena_strn(a, *p, n);
  *p += n + 1;
  return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct arena a = { 0 };
  struct buf file = { 0 };
  struct told t = { 0 };
  struct xlsx_fault f;
  if (!n) return 0;
  const char *p = (const char *)data + 1, *end = (const char *)data + n;
  if (data[0] & 1) {
    struct book_parts b = { .rows = part_of(&a, &p, end) };
    b.strings = part_of(&a, &p, end), b.styles = part_of(&a, &p, end), b.workbook = part_of(&a, &p, end);
    if (!b.rows) b.rows = "";
    book_put(&file, &b);
  } else {
    buf_put(&file, p, n - 1);
  }
  bool ok = xlsx_read(file.data, file.len, data[0] & 2 ? "S" : NULL, tell, &t, &f);
  must(ok == !f.code && (ok || !t.rows) && (ok || (*f.detail && utf8_valid(f.detail, strlen(f.detail)))));
  if (ok && !(data[0] & 2)) copy_check(&file);
  buf_release(&file), buf_release(&t.text);
  arena_release(&a);
  return 0;
}
