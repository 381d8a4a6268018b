/* CSV in and out. */
#include "base.h"
#include "test.h"
#include <stdio.h>

/* Rows as text: number: cells with | between them, or ! and the reason; ; between rows. */
struct told {
  struct buf text;
  int64_t stop_at; /* row() says stop there; 0: never */
};

static bool tell(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct told *t = arg;
  buf_printf(&t->text, "%s%lld:", t->text.len ? ";" : "", (long long)row);
  if (!cells) buf_printf(&t->text, "!%s", why);
  for (size_t i = 0; cells && i < n; i++) buf_printf(&t->text, "%s%s", i ? "|" : "", cells[i]);
  return row != t->stop_at;
}

/* Reads s in pieces of the given size (0: all at once). */
static void read_csv(struct told *t, const char *s, size_t n, size_t piece, bool gb18030)
{
  struct csv *c = csv_new(tell, t);
  csv_set_gb18030(c, gb18030);
  for (size_t i = 0; i < n; i += piece ? piece : n)
    csv_feed(c, s + i, piece && piece < n - i ? piece : n - i);
  csv_end(c);
  csv_free(c);
}

#define OPEN "!a quote is opened and not closed"
#define UTF8 "!the row is not valid UTF-8"
#define NUL "!the row has NUL bytes (a file in UTF-16 must be saved as UTF-8)"
#define ROW(in, want) \
  { \
    in, sizeof(in) - 1, want \
  }

static const struct {
  const char *in;
  size_t n;
  const char *want;
} rows[] = {
  ROW("", ""),
  ROW("a", "1:a"),
  ROW("a,b\n", "1:a|b"),
  ROW("a,b\nc,d", "1:a|b;2:c|d"),
  ROW("a\r\nb\r\n", "1:a;2:b"),
  ROW("a\rb\r", "1:a;2:b"),
  ROW("a\n\rb", "1:a;3:b"),
  ROW("a\r\r\nb", "1:a;3:b"),
  ROW("\n\na\n\nb\n", "3:a;5:b"),
  ROW(",\n,,", "1:|;2:||"),
  ROW(" a , b ", "1: a | b "),
  ROW("\xef\xbb\xbf"
      "a,b",
      "1:a|b"),
  ROW("\xef\xbb\xbf", ""),
  ROW("\xef\xbb\xbf\"a,b\",c", "1:a,b|c"),
  ROW("\xef\xbb", "1:" UTF8),
  ROW("\xef\xbb\xbf\xef\xbb\xbf"
      "a",
      "1:\xef\xbb\xbf"
      "a"),
  ROW("a\n\xef\xbb\xbf"
      "b",
      "1:a;2:\xef\xbb\xbf"
      "b"),
  /* quotes */
  ROW("\"a\"", "1:a"),
  ROW("\"\"", "1:"),
  ROW("\"\",\"\"", "1:|"),
  ROW("\"a,b\",\"c\"\"d\"", "1:a,b|c\"d"),
  ROW("\"a\r\nb\",c\r\nd", "1:a\r\nb|c;2:d"),
  ROW("\"a\nb\rc\"", "1:a\nb\rc"),
  ROW("\"\"\"\"", "1:\""),
  ROW("\"\"\"a\"\"\"", "1:\"a\""),
  ROW("a\"b,c", "1:a\"b|c"),
  ROW("a\"\"b", "1:a\"\"b"),
  ROW("=\"0123\",x", "1:=\"0123\"|x"),
  ROW("\"=\"\"0123\"\"\",x", "1:=\"0123\"|x"),
  ROW("\"a\"b,c", "1:ab|c"),
  ROW("\"a\" ,c", "1:a |c"),
  ROW("\"a\"b\"c\",d", "1:ab\"c\"|d"),
  ROW(" \"a\",b", "1: \"a\"|b"),
  ROW("\"a\"\nb", "1:a;2:b"),
  ROW("\t\"a\"", "1:\t\"a\""),
  /* a quote that never ends costs its line */
  ROW("\"a", "1:" OPEN),
  ROW("\"", "1:" OPEN),
  ROW("a,\"b\nc,d\ne", "1:" OPEN ";2:c|d;3:e"),
  ROW("a\nb,\"x\r\nc\r\nd", "1:a;2:" OPEN ";3:c;4:d"),
  ROW("\"a\n\"b\n\"c\n", "1:a\nb;2:" OPEN),
  ROW("\"a\nb,c\n\"\"\"d", "1:a\nb,c\n\"d"),
  ROW("\"\"\"\nb", "1:" OPEN ";2:b"),
  /* bytes */
  ROW("a\xff,b\nc", "1:" UTF8 ";2:c"),
  ROW("\xc4\xe3\nc", "1:" UTF8 ";2:c"),
  ROW("a\0b\nc", "1:" NUL ";2:c"),
  ROW("a\0\n\0b\0", "1:" NUL ";2:" NUL),
  ROW("\"a\0\nb\",c\nd", "1:" NUL ";2:d"),
  ROW("张三,😀\n李四", "1:张三|😀;2:李四"),
};

TEST(csv_rows_in_any_chunking)
{
  for (size_t i = 0; i < COUNT(rows); i++)
    for (size_t piece = 0; piece < 6; piece++) {
      struct told t = { 0 };
      test_note("row %zu in pieces of %zu: %s", i, piece, rows[i].in);
      read_csv(&t, rows[i].in, rows[i].n, piece, false);
      CHECK_STR(t.text.len ? t.text.data : "", rows[i].want);
      buf_release(&t.text);
    }
}

TEST(csv_gb18030)
{
  /* 你好,"李|四" with second bytes that look like ASCII (| is 7C), a four-byte character, a bad row */
  static const char in[] =
    "\xc4\xe3\xba\xc3,\"\x81\x7c,x\"\nA,\x81\x30\x81\x30\n\xff,1\n\xc4\n\xd5\xc5\xc8\xfd\n";
  for (size_t piece = 0; piece < 4; piece++) {
    struct told t = { 0 };
    test_note("in pieces of %zu", piece);
    read_csv(&t, in, sizeof(in) - 1, piece, true);
    CHECK_STR(
      t.text.data,
      "1:你好|亅,x;2:A|\xc2\x80;3:!the row is not valid GB18030;4:!the row is not valid GB18030;5:张三");
    buf_release(&t.text);
  }
}

TEST(csv_stops_when_told)
{
  struct told t = { .stop_at = 2 };
  struct csv *c = csv_new(tell, &t);
  CHECK(csv_feed(c, "a\n", 2));
  CHECK(!csv_feed(c, "b\nc\nd\n", 6));
  CHECK(!csv_feed(c, "e\n", 2));
  CHECK(!csv_end(c));
  CHECK_STR(t.text.data, "1:a;2:b");
  csv_free(c);
  buf_release(&t.text);
  csv_free(NULL);
}

TEST(csv_stops_in_the_last_row)
{
  struct told t = { .stop_at = 1 };
  struct csv *c = csv_new(tell, &t);
  CHECK(csv_feed(c, "\"a\nb", 4));
  CHECK(!csv_end(c));
  CHECK_STR(t.text.data, "1:" OPEN);
  csv_free(c);
  buf_release(&t.text);
}

static void put_times(struct buf *b, const char *s, size_t n)
{
  while (n-- > 0) buf_str(b, s);
}

/* Rows at and over each limit, and that the row after them is read. */
TEST(csv_limits)
{
  static const struct {
    const char *head, *fill, *tail;
    size_t n;
    const char *want; /* NULL: passes */
  } limits[] = {
    { "", "x", "", CSV_CELL_MAX, NULL },
    { "", "x", "", CSV_CELL_MAX + 1, "2:!a cell is too long;3:next|1" },
    { "\"", "x", "\"", CSV_CELL_MAX + 1, "2:!a cell is too long;3:next|1" },
    { "\"", "\"\"", "\"", CSV_CELL_MAX, NULL },
    { "", ",", "", CSV_COLUMNS_MAX - 1, NULL },
    { "", ",", "", CSV_COLUMNS_MAX, "2:!the row has too many columns;3:next|1" },
    { "", "1234567,", "", 100000, "2:!the row has too many columns;3:next|1" },
    { "", "1234567,", "", 140000, "2:!the row is too long;3:next|1" },
    { "", "x", "", 5 << 20, "2:!the row is too long;3:next|1" },
    { "", "1234567\",", "", 140000, "2:!the row is too long;3:next|1" },
    { "", "\"1\n2\",", "", 300000, "2:!the row is too long;3:next|1" },
    /* an open quote over the limit: the line it began in, or up to the next line end */
    { "\"", "x", "", 3 << 20, "2:!a quote is opened and not closed;3:next|1" },
    { "\"", "x\ny", "", 0, "2:!a quote is opened and not closed;3:next|1" },
  };
  for (size_t i = 0; i < COUNT(limits); i++) {
    struct buf b = { 0 };
    struct told t = { 0 };
    buf_str(&b, "first\n");
    buf_str(&b, limits[i].head), put_times(&b, limits[i].fill, limits[i].n), buf_str(&b, limits[i].tail);
    buf_str(&b, "\nnext,1\n");
    test_note("row %zu", i);
    read_csv(&t, b.data, b.len, i % 2 ? 4099 : 0, false);
    if (limits[i].want) CHECK_STR(t.text.data + strlen("1:first;"), limits[i].want);
    else CHECK(strstr(t.text.data, ";3:next|1") && !strchr(t.text.data, '!'));
    buf_release(&b), buf_release(&t.text);
  }
}

/* A row of exactly the greatest length is a row; one byte more is not. */
TEST(csv_row_max_is_exact)
{
  for (size_t more = 0; more < 2; more++) {
    struct buf b = { 0 };
    struct told t = { 0 };
    for (size_t i = 0; i < CSV_ROW_MAX + more; i++) buf_char(&b, i % 100000 ? 'x' : ',');
    buf_str(&b, "\r\nnext");
    read_csv(&t, b.data, b.len, 1 + more * 65535, false);
    CHECK_INT(strstr(t.text.data, "1:!the row is too long") != NULL, more);
    CHECK(strstr(t.text.data, ";2:next"));
    buf_release(&b), buf_release(&t.text);
  }
}

struct tally {
  int64_t rows, faults, last;
};

static bool count(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct tally *t = arg;
  (void)n, (void)why;
  if (cells) t->rows++;
  else t->faults++;
  t->last = row;
  return true;
}

/* Every line opens a quote, seen from the line before or on its own: reading must not become
 * quadratic, and every row is either given or reported. */
TEST(csv_many_open_quotes)
{
  struct tally t = { 0 };
  struct csv *c = csv_new(count, &t);
  for (int i = 0; i < 600000; i++) csv_feed(c, "x\",\"\n", 5);
  CHECK(csv_end(c));
  csv_free(c);
  CHECK(t.faults >= 1);
  CHECK_INT(t.last, t.rows + t.faults);
}

static bool is_sniffed(const char *s)
{
  return csv_sniff_gb18030(s, strlen(s), true);
}

TEST(csv_sniff)
{
  static const struct {
    const char *text;
    bool gb;
  } texts[] = {
    { "", false },
    { "order,name\n1,x", false },
    { "订单编号,收货人\n", false },
    { "\xef\xbb\xbf订单编号\n", false },
    { "\xb6\xa9\xb5\xa5\xb1\xe0\xba\xc5,\xca\xd5\xbb\xf5\xc8\xcb\n", true },
    { "a,\xc4\xe3", true },
    { "\xff\xfe"
      "a",
      false },
    { "caf\xe9,x\n", true }, /* e9 2c is no GB18030; the next row says why it is here */
    { "\x81\x30\x81\x30", true },
    { "订单编号,收货人\n1,damaged \xff here\n", false },
    { "订单编号,收货人姓名,收货地址\n1,damaged \xc4\xe3 here\n", false },
  };
  for (size_t i = 0; i < COUNT(texts); i++) {
    test_note("row %zu", i);
    if (strstr(texts[i].text, "caf")) CHECK(!is_sniffed(texts[i].text)); /* neither: rows report it */
    else CHECK_INT(is_sniffed(texts[i].text), texts[i].gb);
  }
  /* A beginning of a file may end inside a character; a whole file may not. */
  static const char gb[] = "\xb6\xa9\xb5\xa5\xb1\xe0\xba\xc5,\xca\xd5\xbb\xf5\xc8\xcb",
                    utf8[] = "订单编号,收货人";
  for (size_t cut = 1; cut < 12; cut++) CHECK(csv_sniff_gb18030(gb, sizeof(gb) - cut, false));
  for (size_t cut = 1; cut < 12; cut++) CHECK(!csv_sniff_gb18030(utf8, sizeof(utf8) - cut, false));
  CHECK(!csv_sniff_gb18030("\xb6\xa9\0\xb5\xa5\xff", 6, true));
}

TEST(csv_put_table)
{
  static const struct {
    const char *in, *want;
  } cells[] = {
    { NULL, "" },
    { "", "" },
    { "a", "a" },
    { "张三", "张三" },
    { "a,b", "\"a,b\"" },
    { "a\"b", "\"a\"\"b\"" },
    { "\"", "\"\"\"\"" },
    { "a\nb", "\"a\nb\"" },
    { "a\rb", "\"a\rb\"" },
    { " a", "\" a\"" },
    { "a ", "\"a \"" },
    { "a b", "a b" },
    { "a\"\"b\"", "\"a\"\"\"\"b\"\"\"" },
    /* what a spreadsheet would run */
    { "=1+1", "'=1+1" },
    { "=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\"" },
    { "+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0" },
    { "-2+3", "'-2+3" },
    { "@SUM(A1)", "'@SUM(A1)" },
    { "\t=1", "\"'\t=1\"" },
    { "\r=1", "\"'\r=1\"" },
    { "\n=1", "\"'\n=1\"" },
    { "＝1+1", "'＝1+1" },
    { "＋1", "'＋1" },
    { "－x", "'－x" },
    { "＠x", "'＠x" },
    { "-", "'-" },
    { "+", "'+" },
    { "--1", "'--1" },
    { "-1-1", "'-1-1" },
    { "+1 2", "'+1 2" },
    { "-1e5", "'-1e5" },
    { "-.", "'-." },
    { "=", "'=" },
    /* plain numbers are left alone */
    { "-1", "-1" },
    { "+1", "+1" },
    { "-1.50", "-1.50" },
    { "+8613800000000", "+8613800000000" },
    { "-.5", "-.5" },
    { "-0", "-0" },
    { "12.5", "12.5" },
    { "a=1", "a=1" },
    { "1-1", "1-1" },
  };
  for (size_t i = 0; i < COUNT(cells); i++) {
    struct buf b = { 0 };
    test_note("row %zu", i);
    csv_put(&b, cells[i].in);
    CHECK_STR(b.data ? b.data : "", cells[i].want);
    buf_release(&b);
  }
}

/* ---- properties ---------------------------------------------------------------------------------- */

static const char *random_cell(struct arena *a, uint64_t *seed)
{
  static const char *const piece[] = { "a", "\"", ",", "\n", "\r", "\r\n", " ", "张",
                                       "=", "-",  "1", "'",  "\t", "x\"y", "😀" };
  struct buf b = { 0 };
  for (uint64_t n = test_random(seed) % 6; n; n--) buf_str(&b, piece[test_random(seed) % COUNT(piece)]);
  const char *s = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return s;
}

/* What goes out comes back the same, but for the apostrophe before formulas. */
TEST(csv_out_and_in_again)
{
  for (uint64_t i = 0; i < 4000; i++) {
    uint64_t seed = i;
    struct arena a = { 0 };
    struct buf out = { 0 };
    struct told got = { 0 }, want = { 0 };
    int64_t row = 0;
    for (uint64_t r = 1 + test_random(&seed) % 3; r; r--) {
      char *cells[4];
      size_t n = 2 + test_random(&seed) % 3;
      for (size_t c = 0; c < n; c++) {
        const char *cell = random_cell(&a, &seed);
        struct buf one = { 0 };
        if (c) buf_char(&out, ',');
        csv_put(&out, cell);
        csv_put(&one, cell);
        bool mark = one.len && strstr(one.data, *one.data == '"' ? "\"'" : "'") == one.data && *cell != '\'';
        cells[c] = mark ? arena_printf(&a, "'%s", cell) : arena_str(&a, cell);
        buf_release(&one);
      }
      buf_str(&out, "\r\n");
      tell(&want, ++row, cells, n, NULL);
    }
    test_note("seed %llu", (unsigned long long)i);
    read_csv(&got, out.data, out.len, test_random(&seed) % 5, false);
    CHECK_STR(got.text.data, want.text.data);
    buf_release(&out), buf_release(&got.text), buf_release(&want.text);
    arena_release(&a);
  }
}
