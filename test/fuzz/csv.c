/* CSV: any chunking gives the same rows; row numbers only grow; cells are UTF-8; what csv_put writes of
 * a row is read back as that row. The first byte chooses the encoding and the size of the pieces. */
#include "base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct told {
  struct buf text;
  int64_t last;
};

static bool tell(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct told *t = arg;
  must(row > t->last && (cells != NULL) == (why == NULL) && n <= CSV_COLUMNS_MAX);
  t->last = row;
  buf_printf(&t->text, "%lld", (long long)row);
  for (size_t i = 0; i < n; i++) {
    size_t len = strlen(cells[i]);
    must(utf8_valid(cells[i], len) && len <= CSV_CELL_MAX);
    buf_printf(&t->text, " %zu:%s", len, cells[i]);
  }
  buf_printf(&t->text, "%s\n", why ? why : "");
  return true;
}

static void read_csv(csv_row_fn *row, void *arg, const char *p, size_t n, size_t piece, bool gb18030)
{
  struct csv *c = csv_new(row, arg);
  csv_set_gb18030(c, gb18030);
  for (size_t i = 0; i < n; i += piece) must(csv_feed(c, p + i, piece < n - i ? piece : n - i));
  must(csv_end(c));
  csv_free(c);
}

/* ---- a row written and read again ---------------------------------------------------------------- */

struct wanted {
  char **cells;
  size_t n;
  int rows;
};

static bool same_row(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct wanted *w = arg;
  must(row == 1 && !why && n == w->n);
  for (size_t i = 0; i < n; i++)
    must(!strcmp(cells[i], w->cells[i]) || (*cells[i] == '\'' && !strcmp(cells[i] + 1, w->cells[i])));
  w->rows++;
  return true;
}

static bool write_again(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  (void)arg, (void)row;
  struct buf out = { 0 };
  struct wanted w = { .cells = cells, .n = n };
  if (why || n < 2) return true; /* a row of one empty cell is an empty line */
  for (size_t i = 0; i < n; i++) {
    if (i) buf_char(&out, ',');
    csv_put(&out, cells[i]);
  }
  /* A mark at the very start belongs to the file, not to the cell. */
  bool mark = !strncmp(out.data, "\xef\xbb\xbf", 3);
  if (!mark) read_csv(same_row, &w, out.data, out.len, 7, false), must(w.rows == 1);
  buf_release(&out);
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  if (!n) return 0;
  bool gb18030 = data[0] & 1;
  size_t piece = 1 + (data[0] >> 1) % 17;
  const char *p = (const char *)data + 1;
  n--;
  struct told whole = { 0 }, pieces = { 0 };
  read_csv(tell, &whole, p, n, n ? n : 1, gb18030);
  read_csv(tell, &pieces, p, n, piece, gb18030);
  must(whole.text.len == pieces.text.len &&
       (!whole.text.len || !memcmp(whole.text.data, pieces.text.data, whole.text.len)));
  read_csv(write_again, NULL, p, n, n ? n : 1, gb18030);
  if (csv_sniff_gb18030(p, n, true)) must(!utf8_valid(p, n));
  buf_release(&whole.text), buf_release(&pieces.text);
  return 0;
}
