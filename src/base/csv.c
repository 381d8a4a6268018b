/* csv.c: CSV in and out.
 *
 * In: bytes collect in `raw` until a row is complete; then the row is cut into cells in place and
 * handed on. Only what decides where a row ends is looked at byte by byte: the quote, the comma and
 * the line ends. None of them is ever part of a longer character, in UTF-8 or in GB18030, so the row
 * is decoded when it is whole.
 *
 * A quote opens a quoted cell only at the start of a cell; elsewhere (="123") it is an ordinary
 * character. What follows a closing quote directly is taken as it stands.
 *
 * A row that is wrong is reported once. Reading goes on
 *   - after bad bytes or too long a cell: with the next row;
 *   - after more than CSV_ROW_MAX bytes: behind the next line end that is not inside quotes;
 *   - when a quote is still open after CSV_ROW_MAX bytes or at the end of the file: with the line
 *     after the one where the bad row began, so that one stray quote costs one line. Only
 *     RESYNC_MAX times in a file, else each stray quote could cost a megabyte of reading twice; from
 *     then on, behind the next line end whatever it is inside.
 * Empty lines are counted, so that numbers agree with what a spreadsheet shows, but not reported. */
#include "base.h"

enum { SLICE = 64 * 1024, RESYNC_MAX = 16 };

enum state {
  CELL_START,
  IN_CELL,
  IN_QUOTES,
  QUOTE_IN_QUOTES, /* the end of the cell, or the first half of "" */
  TO_LINE_END,     /* a lost row: quotes mean nothing until the line ends */
};

struct csv {
  csv_row_fn *row;
  void *arg;
  bool gb18030, stopped;
  int64_t row_no;
  struct buf raw;     /* bytes not yet reported */
  size_t start, scan; /* of the row, and how far it was looked at */
  enum state state;
  bool after_cr; /* an LF here belongs to the line end before */
  bool first;    /* nothing came yet: a byte order mark may stand here */
  bool skipping; /* the row was reported as too long: wait for its end */
  int resyncs;
  struct buf text; /* a GB18030 row decoded */
  char *cells[CSV_COLUMNS_MAX];
};

struct csv *csv_new(csv_row_fn *row, void *arg)
{
  must(row);
  struct csv *c = mem_new(sizeof(*c));
  c->row = row, c->arg = arg, c->first = true;
  return c;
}

void csv_free(struct csv *c)
{
  if (!c) return;
  buf_release(&c->raw);
  buf_release(&c->text);
  mem_free(c);
}

void csv_set_gb18030(struct csv *c, bool on)
{
  c->gb18030 = on;
}

static void report(struct csv *c, char **cells, size_t n, const char *why)
{
  if (!c->row(c->arg, c->row_no, cells, n, why)) c->stopped = true;
}

/* ---- one whole row ------------------------------------------------------------------------------ */

static const char *bytes_fault(const char *p, size_t n, bool gb18030)
{
  if (memchr(p, 0, n)) return "the row has NUL bytes (a file in UTF-16 must be saved as UTF-8)";
  return gb18030 ? "the row is not valid GB18030" : "the row is not valid UTF-8";
}

/* Copies the quoted part of a cell without its quotes; p stands behind the opening one. Returns what
 * follows the closing one. */
static char *quoted_cut(char *p, char *end, char **to)
{
  char *w = *to;
  while (p < end) {
    if (*p == '"' && !(p + 1 < end && p[1] == '"')) {
      p++;
      break;
    }
    if (*p == '"') p++; /* "" is one quote */
    *w++ = *p++;
  }
  *to = w;
  return p;
}

/* Writes the bare text of one cell at *to, in place: text only shrinks. Returns the comma behind the
 * cell, or end. */
static char *cell_cut(char *p, char *end, char **to)
{
  if (p < end && *p == '"') p = quoted_cut(p + 1, end, to);
  while (p < end && *p != ',') *(*to)++ = *p++;
  return p;
}

/* Cuts [p, end) into c->cells; a NUL may be written at end. Returns why it cannot be done, or NULL. */
static const char *cells_cut(struct csv *c, char *p, char *end, size_t *n)
{
  char *w = p;
  for (*n = 0;; p++) {
    if (*n == CSV_COLUMNS_MAX) return "the row has too many columns";
    char *cell = w;
    p = cell_cut(p, end, &w);
    if (w - cell > CSV_CELL_MAX) return "a cell is too long";
    bool last = p == end;
    *w++ = 0;
    c->cells[(*n)++] = cell;
    if (last) return NULL;
  }
}

static void row_report(struct csv *c, char *p, size_t len)
{
  c->row_no++;
  if (!len) return;
  if (c->gb18030) {
    c->text.len = 0;
    if (memchr(p, 0, len) || !gb18030_to_utf8(&c->text, p, len)) {
      report(c, NULL, 0, bytes_fault(p, len, true));
      return;
    }
    p = c->text.data, len = c->text.len;
  } else if (!utf8_valid(p, len)) {
    report(c, NULL, 0, bytes_fault(p, len, false));
    return;
  }
  size_t n;
  const char *why = cells_cut(c, p, p + len, &n);
  report(c, why ? NULL : c->cells, why ? 0 : n, why);
}

/* ---- finding rows ------------------------------------------------------------------------------- */

static bool is_line_end(char b)
{
  return b == '\n' || b == '\r';
}

static enum state state_next(enum state s, char b)
{
  switch (s) {
  case CELL_START:
    if (b == '"') return IN_QUOTES;
    return b == ',' ? CELL_START : IN_CELL;
  case IN_CELL: return b == ',' ? CELL_START : IN_CELL;
  case IN_QUOTES: return b == '"' ? QUOTE_IN_QUOTES : IN_QUOTES;
  case QUOTE_IN_QUOTES:
    if (b == '"') return IN_QUOTES;
    return b == ',' ? CELL_START : IN_CELL;
  case TO_LINE_END: break;
  }
  return s;
}

/* scan stands behind the line end. */
static void row_end(struct csv *c, char b)
{
  size_t start = c->start, len = c->scan - 1 - start;
  bool lost = c->skipping;
  c->after_cr = b == '\r';
  c->start = c->scan, c->state = CELL_START, c->skipping = false;
  if (!lost) row_report(c, c->raw.data + start, len);
}

/* Inside quotes, and there is no more to come, or no more that may be kept. */
static void quote_give_up(struct csv *c)
{
  size_t at = c->start;
  while (at < c->scan && !is_line_end(c->raw.data[at])) at++;
  bool resync = at < c->scan && c->resyncs < RESYNC_MAX;
  c->row_no++;
  if (resync) {
    c->resyncs++;
    c->after_cr = c->raw.data[at] == '\r';
    c->start = c->scan = at + 1;
    c->state = CELL_START;
  } else {
    c->skipping = true;
    c->state = TO_LINE_END;
  }
  report(c, NULL, 0, "a quote is opened and not closed");
}

static void row_too_long(struct csv *c)
{
  if (c->state == IN_QUOTES) {
    quote_give_up(c);
    return;
  }
  c->row_no++;
  c->skipping = true;
  report(c, NULL, 0, "the row is too long");
}

/* A byte order mark at the very start is dropped; false while that cannot be told yet. */
static bool mark_settled(struct csv *c, bool at_end)
{
  static const char mark[] = "\xef\xbb\xbf";
  size_t n = c->raw.len < 3 ? c->raw.len : 3;
  bool may_be = n && !memcmp(c->raw.data, mark, n);
  if (n < 3 && (may_be || !n) && !at_end) return false;
  if (n == 3 && may_be) c->start = c->scan = 3;
  c->first = false;
  return true;
}

static void rows_scan(struct csv *c)
{
  while (c->scan < c->raw.len && !c->stopped) {
    char b = c->raw.data[c->scan++];
    if (c->after_cr) {
      c->after_cr = false;
      if (b == '\n') {
        c->start = c->scan;
        continue;
      }
    }
    if (is_line_end(b) && c->state != IN_QUOTES) {
      row_end(c, b);
      continue;
    }
    c->state = state_next(c->state, b);
    if (c->scan - c->start > CSV_ROW_MAX && !c->skipping) row_too_long(c);
  }
  if (c->skipping) c->start = c->scan;
}

/* Forgets what was reported. */
static void raw_compact(struct csv *c)
{
  if (!c->start) return;
  c->raw.len -= c->start, c->scan -= c->start;
  memmove(c->raw.data, c->raw.data + c->start, c->raw.len);
  c->start = 0;
}

bool csv_feed(struct csv *c, const char *p, size_t n)
{
  while (n && !c->stopped) {
    size_t slice = n < SLICE ? n : SLICE;
    buf_put(&c->raw, p, slice);
    p += slice, n -= slice;
    if (c->first && !mark_settled(c, false)) continue;
    rows_scan(c);
    raw_compact(c);
  }
  return !c->stopped;
}

bool csv_end(struct csv *c)
{
  if (c->first) mark_settled(c, true);
  rows_scan(c);
  while (!c->stopped && c->state == IN_QUOTES) {
    quote_give_up(c);
    rows_scan(c);
  }
  if (!c->stopped && !c->skipping && c->scan > c->start) {
    size_t start = c->start;
    c->start = c->scan;
    row_report(c, c->raw.data + start, c->scan - start);
  }
  return !c->stopped;
}

/* ---- which encoding ----------------------------------------------------------------------------- */

/* Counts characters of several bytes that are right UTF-8, and bytes that belong to none. A character
 * cut off by the end is neither. */
static void utf8_count_both(const char *p, size_t n, size_t *right, size_t *wrong)
{
  *right = *wrong = 0;
  for (size_t i = 0; i < n;) {
    unsigned char lead = (unsigned char)p[i];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (len == 1) {
      i++;
    } else if (len > n - i) {
      return;
    } else if (utf8_valid(p + i, len)) {
      ++*right, i += len;
    } else {
      ++*wrong, i++;
    }
  }
}

static bool is_gb18030(const char *p, size_t n)
{
  struct buf b = { 0 };
  bool ok = gb18030_to_utf8(&b, p, n);
  buf_release(&b);
  return ok;
}

bool csv_sniff_gb18030(const char *p, size_t n, bool is_whole_file)
{
  size_t right, wrong;
  utf8_count_both(p, n, &right, &wrong);
  /* A UTF-8 file with some broken bytes often happens to be GB18030 too; a GB18030 file looks like
   * UTF-8 in one character of five at most. */
  if (!wrong || right > wrong * 2) return false;
  for (size_t cut = 0; cut <= (is_whole_file ? 0 : 3) && cut <= n; cut++)
    if (is_gb18030(p, n - cut)) return true;
  return false;
}

/* ---- out ---------------------------------------------------------------------------------------- */

static bool is_plain_number(const char *s)
{
  if (*s == '-' || *s == '+') s++;
  size_t digits = strspn(s, "0123456789"), more = 0;
  s += digits;
  if (*s == '.') more = strspn(++s, "0123456789");
  return !s[more] && digits + more > 0;
}

/* What a spreadsheet takes for a formula; the wide forms count where the system's language has them. */
static bool is_formula(const char *s)
{
  static const char *const start[] = { "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠" };
  for (size_t i = 0; i < COUNT(start); i++)
    if (!strncmp(s, start[i], strlen(start[i]))) return !is_plain_number(s);
  return false;
}

void csv_put(struct buf *out, const char *cell)
{
  if (!cell || !*cell) return;
  bool formula = is_formula(cell);
  size_t n = strlen(cell);
  bool quote = strpbrk(cell, "\",\r\n\t") || *cell == ' ' || cell[n - 1] == ' ';
  if (quote) buf_char(out, '"');
  if (formula) buf_char(out, '\'');
  for (const char *q; quote && (q = memchr(cell, '"', n)); n -= (size_t)(q + 1 - cell), cell = q + 1) {
    buf_put(out, cell, (size_t)(q + 1 - cell));
    buf_char(out, '"');
  }
  buf_put(out, cell, n);
  if (quote) buf_char(out, '"');
}
