/* Workbooks in and out. All people, numbers and places are made up. */
#include "domain.h"
#include "lib/zip.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

/* Rows as text: number: cells with | between them, or ! and the reason; ; between rows. A cell that is marked as inexact
 * begins with ~, one that is marked as text with '. */
struct rows_told {
  struct buf text;
  int64_t stop_at, last;
};

static bool tell(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct rows_told *t = arg;
  CHECK(row > t->last && (cells != NULL) == (why == NULL));
  t->last = row;
  buf_printf(&t->text, "%s%lld:", t->text.len ? ";" : "", (long long)row);
  if (!cells) buf_printf(&t->text, "!%s", why);
  for (size_t i = 0; cells && i < n; i++) {
    const char *mark = *cells[i] == SHEET_INEXACT ? "~" : *cells[i] == '\t' ? "'" : "";
    buf_printf(&t->text, "%s%s%s", i ? "|" : "", mark, cells[i] + (*mark != 0));
  }
  return row != t->stop_at;
}

/* What the bytes say: rows, or "code row cell". */
static void check_bytes(const struct buf *file, const char *sheet, const char *want)
{
  struct rows_told t = { 0 };
  struct xlsx_fault f;
  buf_str(&t.text, "");
  if (!xlsx_read(file->data, file->len, sheet, tell, &t, &f)) {
    CHECK(*f.detail && utf8_valid(f.detail, strlen(f.detail)));
    CHECK_INT(t.text.len, 0); /* nothing of a damaged file is given */
    buf_printf(&t.text, "%s %lld %s", f.code, (long long)f.row, f.cell);
    if (strncmp(want, t.text.data, strlen(want)) != 0) printf("    %s\n", f.detail);
  }
  CHECK_STR(t.text.data, want);
  buf_release(&t.text);
}

static void check_book(const struct book_parts *b, const char *want)
{
  struct buf file = { 0 };
  book_put(&file, b);
  check_bytes(&file, NULL, want);
  buf_release(&file);
}

/* ---- what a cell says --------------------------------------------------------------------------------- */

TEST(xlsx_numbers)
{
  static const struct {
    const char *in, *want; /* NULL: no number; ~: not exact */
  } rows[] = {
    { "0", "0" }, { "-0", "0" }, { "0.00", "0" }, { "1", "1" }, { "199.00", "199" }, { "12.50", "12.5" }, { "-3.5", "-3.5" },
    { "+7", "7" }, { " 5 ", "5" }, { ".5", "0.5" }, { "5.", "5" }, { "007", "7" }, { "13812345678.0", "13812345678" },
    { "1.3812345678E10", "13812345678" }, { "1E+2", "100" }, { "1.2E-3", "0.0012" }, { "1e-10", "0.0000000001" },
    { "199.98999999999998", "199.99" }, { "0.30000000000000004", "0.3" }, { "9.9999999999999995E-2", "0.1" },
    { "999999.99999999999", "1000000" }, { "0.99999999999999999", "1" },
    { "99999999999999", "99999999999999" }, { "12345678901234.5", "12345678901234.5" },
    { "123456789012345", "~123456789012345" }, { "4610611175417320556", "~4610611175417320556" },
    { "4.6106111754173205E+18", "~4610611175417320500" }, { "1.23456789012345E+014", "~123456789012345" },
    { "1234567890123456.5", "~1234567890123456.5" },
    { "", NULL }, { "-", NULL }, { "x", NULL }, { "1x", NULL }, { "1,5", NULL }, { "1E", NULL }, { "1E+999", NULL }, { "1.2.3", NULL },
    { "NaN", NULL }, { "0x10", NULL }, { "1 2", NULL },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct buf b = { 0 };
    bool exact = true, ok = xlsx_number_put(&b, rows[i].in, &exact);
    test_note("%s", rows[i].in);
    CHECK(ok == (rows[i].want != NULL));
    if (!ok) continue;
    CHECK_STR(b.data, rows[i].want + (*rows[i].want == '~'));
    CHECK(exact == (*rows[i].want != '~'));
    buf_release(&b);
  }
}

TEST(xlsx_formats)
{
  static const struct {
    const char *code;
    enum xlsx_format want;
  } rows[] = {
    { "General", XLSX_PLAIN }, { "0.00", XLSX_PLAIN }, { "#,##0.00", XLSX_PLAIN }, { "@", XLSX_PLAIN }, { "0%", XLSX_PLAIN },
    { "\"pcs\" 0", XLSX_PLAIN }, { "0\\d", XLSX_PLAIN }, { "_d0", XLSX_PLAIN }, { "[Red]0.00;[Blue]-0.00", XLSX_PLAIN },
    { "[$-804]0", XLSX_PLAIN }, { "[$￥-804]#,##0.00", XLSX_PLAIN }, { "G/通用格式", XLSX_PLAIN }, { "# ?/?", XLSX_PLAIN },
    { "0\"元\"", XLSX_PLAIN }, { "", XLSX_PLAIN }, { "\"", XLSX_PLAIN }, { "\\", XLSX_PLAIN }, { "[", XLSX_PLAIN },
    { "yyyy-mm-dd", XLSX_TIME }, { "yyyy\\-mm\\-dd\\ hh:mm:ss", XLSX_TIME }, { "m/d/yy h:mm", XLSX_TIME },
    { "[$-804]yyyy\"年\"m\"月\"d\"日\";@", XLSX_TIME }, { "h:mm AM/PM", XLSX_TIME }, { "mm:ss.0", XLSX_TIME }, { "e\"年\"", XLSX_TIME },
    { "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", XLSX_TIME }, { "[h]:mm:ss", XLSX_ELAPSED }, { "[mm]:ss", XLSX_ELAPSED },
    { "0.00E+00", XLSX_SCIENTIFIC }, { "##0.0E+0", XLSX_SCIENTIFIC }, { "0e-0", XLSX_SCIENTIFIC },
  };
  for (size_t i = 0; i < COUNT(rows); i++) test_note("%s", rows[i].code), CHECK_INT(xlsx_format_read(rows[i].code), rows[i].want);
  CHECK_INT(xlsx_format_builtin(0), XLSX_PLAIN), CHECK_INT(xlsx_format_builtin(2), XLSX_PLAIN);
  CHECK_INT(xlsx_format_builtin(11), XLSX_SCIENTIFIC), CHECK_INT(xlsx_format_builtin(14), XLSX_TIME);
  CHECK_INT(xlsx_format_builtin(22), XLSX_TIME), CHECK_INT(xlsx_format_builtin(31), XLSX_TIME);
  CHECK_INT(xlsx_format_builtin(46), XLSX_ELAPSED), CHECK_INT(xlsx_format_builtin(49), XLSX_PLAIN);
}

TEST(xlsx_times)
{
  static const struct {
    const char *in, *want;
    enum xlsx_format format;
    bool from_1904;
  } rows[] = {
    { "42647.445335648149", "2016-10-04 10:41:17", XLSX_TIME, false },
    { "42647.4453356481", "2016-10-04 10:41:17", XLSX_TIME, false },
    { "4.2647445335648149E4", "2016-10-04 10:41:17", XLSX_TIME, false },
    { "42647", "2016-10-04", XLSX_TIME, false },
    { "42647.9999999999", "2016-10-05", XLSX_TIME, false },
    { "42647.5000057870", "2016-10-04 12:00:00.500", XLSX_TIME, false },
    { "1", "1900-01-01", XLSX_TIME, false },
    { "59", "1900-02-28", XLSX_TIME, false },
    { "60", NULL, XLSX_TIME, false },
    { "61", "1900-03-01", XLSX_TIME, false },
    { "25569", "1970-01-01", XLSX_TIME, false },
    { "2958465", "9999-12-31", XLSX_TIME, false },
    { "2958466", NULL, XLSX_TIME, false },
    { "-1", NULL, XLSX_TIME, false },
    { "0.5", "12:00:00", XLSX_TIME, false },
    { "0", "00:00:00", XLSX_TIME, false },
    { "41185.445335648149", "2016-10-04 10:41:17", XLSX_TIME, true },
    { "1", "1904-01-02", XLSX_TIME, true },
    { "1.5", "36:00:00", XLSX_ELAPSED, false },
    { "x", NULL, XLSX_TIME, false },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct buf b = { 0 };
    bool ok = xlsx_time_put(&b, rows[i].in, rows[i].format, rows[i].from_1904);
    test_note("%s", rows[i].in);
    CHECK(ok == (rows[i].want != NULL));
    if (ok) CHECK_STR(b.data, rows[i].want);
    buf_release(&b);
  }
}

/* Every second of some years comes out as it went in, and is read by the order import. */
TEST(xlsx_times_of_all_days)
{
  for (int64_t i = 0; i < 20000; i++) {
    int64_t s = 1000000000 + i * 39119; /* from 2001 to 2026 */
    char serial[40];
    struct buf b = { 0 };
    int64_t ms = 0;
    snprintf(serial, sizeof serial, "%.*f", (int)(10 + i % 3), 25569 + (double)s / 86400);
    CHECK(xlsx_time_put(&b, serial, XLSX_TIME, false) && time_parse_loose(b.data, 0, &ms));
    CHECK_INT(ms, s * 1000);
    buf_release(&b);
  }
}

TEST(xlsx_cell_names)
{
  static const char *const wrong[] = { "", "A", "1", "A0", "a1", "A01", "XFE1", "A1048577", "AAAA1", "A1 ", "$A$1", "A-1", "A99999999999" };
  int column, row;
  char name[16];
  for (size_t i = 0; i < COUNT(wrong); i++) test_note("%s", wrong[i]), CHECK(!xlsx_cell_parse(wrong[i], &column, &row));
  for (int i = 0; i < XLSX_COLUMNS_MAX; i++) {
    xlsx_cell_name(name, i, 7);
    CHECK(xlsx_cell_parse(name, &column, &row) && column == i && row == 7);
  }
  CHECK_STR(name, "XFD7");
  CHECK(xlsx_cell_parse("BC1048576", &column, &row) && column == 54 && row == 1048576);
}

TEST(xlsx_escapes)
{
  static const struct {
    const char *text, *xml;
  } both[] = { { "a", "a" }, { "a&b<c>\"d\"", "a&amp;b&lt;c&gt;&quot;d&quot;" }, { "a\r\nb", "a_x000D_\nb" }, { "\x01", "_x0001_" },
               { "_x000D_", "_x005F_x000D_" }, { "_x00G0_", "_x00G0_" }, { "_", "_" }, { "a_x12", "a_x12" }, { "_x0041", "_x0041" }, { "😀张", "😀张" } };
  static const struct {
    const char *xml, *text;
  } in[] = { { "_xD83D__xDE00_", "😀" }, { "_xD83D_", "_xD83D_" }, { "_xDE00_a", "_xDE00_a" }, { "_x0000_", "_x0000_" }, { "__x0041_", "_A" },
             { "_x0041_x0042_", "Ax0042_" }, { "_x4F60_", "你" } };
  for (size_t i = 0; i < COUNT(both); i++) {
    struct buf b = { 0 };
    CHECK(xlsx_escape(&b, both[i].text, strlen(both[i].text), 100));
    CHECK_STR(b.data, both[i].xml);
    buf_release(&b);
  }
  for (size_t i = 0; i < COUNT(in); i++) {
    struct buf b = { 0 };
    xlsx_unescape(&b, in[i].xml, strlen(in[i].xml));
    CHECK_STR(b.data, in[i].text);
    buf_release(&b);
  }
  struct buf b = { 0 };
  CHECK(!xlsx_escape(&b, "ab😀c", strlen("ab😀c"), 3));
  CHECK_STR(b.data, "ab");
  buf_release(&b);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */
#define TEXT(s) "<c t=\"inlineStr\"><is><t>" s "</t></is></c>"
#define NUM(v) "<c><v>" v "</v></c>"

TEST(xlsx_rows)
{
  static const char strings[] = "<si><t>one</t></si><si><r><t>rich </t></r><r><rPr><b/></rPr><t xml:space=\"preserve\">text </t></r></si>"
                                "<si><t>東京</t><rPh sb=\"0\" eb=\"2\"><t>トウキョウ</t></rPh></si><si/><si><t>a_x000D_\nb &amp; &#x4E2D;</t></si>"
                                "<si><t>1234567890123460</t></si>";
  static const char styles[] = "<numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy/m/d\\ h:mm\"/></numFmts>"
                               "<cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs>"
                               "<cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/><xf numFmtId=\"11\"/><xf numFmtId=\"22\"/></cellXfs>";
  static const struct {
    const char *rows, *want;
  } cases[] = {
    { "", "" },
    { "<row/><row><c/></row>", "" },
    { "<row>" TEXT("a") NUM("1") "</row><row r=\"5\"><c r=\"C5\"><v>2</v></c></row><row>" TEXT("x") "</row>", "1:a|1;5:||2;6:x" },
    { "<row><c t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c><c t=\"s\"><v>2</v></c><c t=\"s\"><v>3</v></c><c t=\"s\"><v>4</v></c></row>",
      "1:one|rich text |東京||a\r\nb & 中" },
    { "<row><c t=\"s\"><v>5</v></c><c><v>1234567890123460</v></c><c><v>1.23456789012346E+15</v></c></row>",
      "1:'1234567890123460|~1234567890123460|~1234567890123460" },
    { "<row><c s=\"1\"><v>42647.445335648149</v></c><c s=\"3\"><v>42647</v></c><c s=\"2\"><v>12</v></c><c s=\"99\"><v>1</v></c></row>",
      "1:~2016-10-04 10:41:17|~2016-10-04|~12|1" },
    { "<row><c s=\"1\"><v>-5</v></c><c t=\"d\"><v>2016-10-04T10:41:17</v></c></row>", "1:-5|~2016-10-04T10:41:17" },
    { "<row><c t=\"b\"><v>1</v></c><c t=\"b\"><v>0</v></c><c t=\"e\"><v>#DIV/0!</v></c><c t=\"e\"><v>#SPILL!</v></c></row>",
      "1:TRUE|FALSE|#DIV/0!|#N/A" },
    { "<row><c t=\"str\"><f>A1&amp;B1</f><v>ab</v></c><c><f>1+1</f><v>2</v></c><c><f>X()</f></c><c t=\"str\"><f>Y()</f><v></v></c><c t=\"n\"><v>NaN</v></c></row>",
      "1:ab|2|#N/A||#NUM!" },
    { "<row>" TEXT("=1+1") TEXT(" b ") TEXT("<![CDATA[<x>]]>") "</row>", "1:=1+1| b |<x>" },
    { "<x:row xmlns:x=\"u\"><x:c t=\"n\"><x:v>3</x:v></x:c></x:row>", "1:3" },
    { "<row><c r=\"SR1\"><v>1</v></c></row><row><c r=\"SS2\"><v>1</v></c></row><row><c r=\"SS3\" s=\"1\"/></row>",
      NULL }, /* 512 columns, then one more */
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("case %zu", i);
    if (cases[i].want) check_book(&(struct book_parts){ .rows = cases[i].rows, .strings = strings, .styles = styles }, cases[i].want);
  }
  struct buf want = { 0 };
  buf_str(&want, "1:");
  for (int i = 0; i < 511; i++) buf_char(&want, '|');
  buf_str(&want, "1;2:!the row has too many columns");
  check_book(&(struct book_parts){ .rows = cases[COUNT(cases) - 1].rows, .strings = strings, .styles = styles }, want.data);
  buf_release(&want);
}

TEST(xlsx_dates_of_1904)
{
  check_book(&(struct book_parts){ .workbook = "<workbook xmlns:r=\"x\"><workbookPr date1904=\"1\"/><sheets><sheet name=\"S\" r:id=\"rId1\"/></sheets></workbook>",
                                   .styles = "<cellXfs><xf numFmtId=\"14\"/></cellXfs>",
                                   .rows = "<row><c s=\"0\"><v>41185</v></c></row>" },
             "1:~2016-10-04");
}

TEST(xlsx_long_cells_and_rows)
{
  struct arena a = { 0 };
  char *big = arena_alloc(&a, CSV_CELL_MAX + 2), *half = arena_alloc(&a, CSV_CELL_MAX + 1);
  memset(big, 'x', CSV_CELL_MAX + 1), memset(half, 'y', CSV_CELL_MAX);
  struct buf file = { 0 };
  const char *rows = arena_printf(&a, "<row>" TEXT("%s") "</row><row>" TEXT("%s") TEXT("%s") TEXT("%s") TEXT("%s") "</row><row>" TEXT("z") "</row>",
                                  big, half, half, half, half);
  struct zip_part part[] = {
    { .name = "xl/workbook.xml", .stored = true, .data = "<workbook xmlns:r=\"x\"><sheets><sheet name=\"S\" r:id=\"i\"/></sheets></workbook>" },
    { .name = "xl/_rels/workbook.xml.rels", .stored = true, .data = "<r><Relationship Id=\"i\" Type=\"/worksheet\" Target=\"s.xml\"/></r>" },
    { .name = "xl/s.xml", .stored = true, .data = arena_printf(&a, "<worksheet><sheetData>%s</sheetData></worksheet>", rows) },
  };
  zip_put(&file, part, COUNT(part), NULL);
  check_bytes(&file, NULL, "1:!a cell is too long;2:!the row is too long;3:z");
  buf_release(&file);
  arena_release(&a);
}

/* Longer than a cell may be only by its escapes: it is whole. */
TEST(xlsx_long_escapes)
{
  struct buf rows = { 0 }, want = { 0 };
  struct buf file = { 0 };
  buf_str(&rows, "<worksheet><sheetData><row><c t=\"str\"><v>"), buf_str(&want, "1:");
  for (int i = 0; i < 100000; i++) buf_str(&rows, "_x0041_"), buf_char(&want, 'A');
  buf_str(&rows, "</v></c></row></sheetData></worksheet>");
  struct zip_part part[] = { { .name = "xl/workbook.xml", .data = "<workbook xmlns:r=\"x\"><sheets><sheet name=\"S\" r:id=\"i\"/></sheets></workbook>" },
                             { .name = "xl/_rels/workbook.xml.rels", .data = "<r><Relationship Id=\"i\" Type=\"/worksheet\" Target=\"s.xml\"/></r>" },
                             { .name = "xl/s.xml", .data = rows.data, .stored = true } };
  zip_put(&file, part, COUNT(part), NULL);
  check_bytes(&file, NULL, want.data);
  buf_release(&file), buf_release(&rows), buf_release(&want);
}

TEST(xlsx_which_sheet)
{
  static const char two[] = "<workbook xmlns:r=\"x\"><sheets><sheet name=\"说明\" state=\"hidden\" r:id=\"rId1\"/><sheet name=\"订单\" r:id=\"rId2\"/></sheets></workbook>";
  struct buf file = { 0 };
  book_put(&file, &(struct book_parts){ .workbook = two, .rows = "<row>" TEXT("first") "</row>" });
  check_bytes(&file, NULL, "1:second");
  check_bytes(&file, "订单", "1:second");
  check_bytes(&file, "说明", "1:first");
  check_bytes(&file, "Orders", "sheet_unknown 0 ");
  struct rows_told t = { 0 };
  struct xlsx_fault f;
  CHECK(!xlsx_read(file.data, file.len, "Orders", tell, &t, &f));
  CHECK_STR(f.detail, "No sheet is called Orders; there are: 说明, 订单");
  buf_release(&file);
  check_book(&(struct book_parts){ .workbook = "<workbook xmlns:r=\"x\"><sheets><sheet name=\"A\" state=\"veryHidden\" r:id=\"rId1\"/></sheets></workbook>", .rows = "" },
             "sheet_unknown 0 ");
  check_book(&(struct book_parts){ .workbook = "<workbook><sheets/></workbook>", .rows = "" }, "sheet_unknown 0 ");
  check_book(&(struct book_parts){ .workbook = "<workbook xmlns:r=\"x\"><sheets><sheet name=\"A\" r:id=\"rId9\"/></sheets></workbook>", .rows = "" }, "sheet_unknown 0 ");
  check_book(&(struct book_parts){ .workbook = "<workbook xmlns:r=\"x\"><sheets><sheet name=\"A\" r:id=\"rId3\"/></sheets></workbook>", .strings = "", .rows = "" },
             "sheet_unknown 0 ");
}

TEST(xlsx_merged_cells)
{
#define SHEET(rows, merges) "<worksheet><sheetData>" rows "</sheetData><mergeCells>" merges "</mergeCells></worksheet>"
#define MERGE(ref) "<mergeCell ref=\"" ref "\"/>"
  static const char rows[] = SHEET("<row>" TEXT("no") TEXT("sku") "</row><row>" TEXT("1") TEXT("a") "</row><row><c/>" TEXT("b") "</row><row r=\"5\"><c r=\"B5\"><v>4</v></c></row>"
                                   "<row>" TEXT("2") TEXT("d") "</row>",
                                   MERGE("A2:A5"));
  check_book(&(struct book_parts){ .rows = rows }, "1:no|sku;2:1|a;3:1|b;5:1|4;6:2|d");
  static const char right[] = SHEET("<row>" TEXT("title") "</row><row><c r=\"B2\"><v>1</v></c></row>", MERGE("A1:C1"));
  check_book(&(struct book_parts){ .rows = right }, "1:title;2:|1");
  static const char head[] = SHEET("<row>" TEXT("no") TEXT("goods") "</row><row><c/>" TEXT("sku") TEXT("qty") "</row>", MERGE("A1:A2") MERGE("B1:C1"));
  check_book(&(struct book_parts){ .rows = head }, "1:no|goods;2:no|sku|qty");
  /* the whole sheet is one cell: nothing is made of it, and in no time */
  static const char all[] = SHEET("<row>" TEXT("a") TEXT("b") "</row><row><c/><c/><c><v>1</v></c></row>", MERGE("A1:XFD1048576") MERGE("A1:A1048576"));
  check_book(&(struct book_parts){ .rows = all }, "1:a|b;2:||1");
  static const char over[] = SHEET("<row>" TEXT("a") "</row><row>" TEXT("b") "</row><row><c/></row>", MERGE("A1:A3") MERGE("A2:A3") MERGE("A1:A3"));
  check_book(&(struct book_parts){ .rows = over }, "1:a;2:b;3:b");
  static const char wrong[] = SHEET("<row>" TEXT("a") "</row>", MERGE("A1:XFE9"));
  check_book(&(struct book_parts){ .rows = wrong }, "cell_invalid 1 ");
  static const char back[] = SHEET("<row>" TEXT("a") "</row>", MERGE("B5:A1"));
  check_book(&(struct book_parts){ .rows = back }, "cell_invalid 1 ");
}

TEST(xlsx_can_be_stopped)
{
  struct buf file = { 0 };
  struct rows_told t = { .stop_at = 2 };
  struct xlsx_fault f;
  book_put(&file, &(struct book_parts){ .rows = "<row>" NUM("1") "</row><row>" NUM("2") "</row><row>" NUM("3") "</row>" });
  CHECK(xlsx_read(file.data, file.len, NULL, tell, &t, &f));
  CHECK_STR(t.text.data, "1:1;2:2");
  buf_release(&file), buf_release(&t.text);
}

/* ---- orders ------------------------------------------------------------------------------------------------ */
struct result {
  struct buf text;
};

static void on_order(void *arg, int64_t row, const char *json, size_t n)
{
  struct result *r = arg;
  buf_printf(&r->text, "%lld %.*s\n", (long long)row, (int)n, json);
}

static void on_refuse(void *arg, int64_t row, const char *column, const char *code, const char *detail, const char *raw, size_t n)
{
  struct result *r = arg;
  const char *why;
  size_t at;
  CHECK(*detail && json_gate(raw, n, JSON_ELEMENTS_MAX, &why, &at) && !strstr(raw, "u001"));
  buf_printf(&r->text, "! %lld [%s] %s\n", (long long)row, column, code);
}

static void orders_of(struct result *r, const struct buf *file)
{
  struct sheet_options o = SHEET_OPTIONS("test-shop");
  struct sheet *s = sheet_new(&o, on_order, on_refuse, r);
  struct xlsx_fault f;
  if (CHECK(xlsx_read(file->data, file->len, NULL, sheet_row, s, &f))) sheet_end(s);
  else printf("    %s %s\n", f.cell, f.detail);
  sheet_free(s);
}

#define HEAD "<row>" TEXT("订单编号") TEXT("订单状态") TEXT("订单创建时间") TEXT("商家编码") TEXT("数量") TEXT("总金额") TEXT("联系手机") "</row>"
#define ORDER(no, sku, time) \
  "<row>" no "<c t=\"inlineStr\"><is><t>买家已付款，等待卖家发货</t></is></c>" time sku NUM("2") NUM("398.00") NUM("13800000000") "</row>"
#define TIME "<c s=\"1\"><v>42647.445335648149</v></c>"

TEST(xlsx_orders)
{
  static const char styles[] = "<cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/><xf numFmtId=\"11\"/></cellXfs>";
  static const char rows[] = HEAD ORDER(TEXT("2876543219876543219"), TEXT("SOFA"), TIME) ORDER(NUM("2.8765432198765432E+18"), TEXT("SOFA"), TIME)
    ORDER(NUM("287654321987654"), TEXT("SOFA"), TIME) ORDER(NUM("28765432198765"), TEXT("SOFA"), TIME)
      ORDER("<c s=\"2\"><v>28765432198</v></c>", TEXT("SOFA"), TIME) ORDER(TEXT("2876543219876540000"), TEXT("SOFA"), TIME)
        ORDER(TEXT("A7"), "<c s=\"1\"><v>42647</v></c>", TIME) ORDER(TEXT("A8"), NUM("4006381333931"), TIME) ORDER(TEXT("A9"), TEXT("S"), TEXT("#N/A"));
  struct buf file = { 0 };
  struct result r = { 0 };
  book_put(&file, &(struct book_parts){ .rows = rows, .styles = styles });
  orders_of(&r, &file);
  const char *json = "\",\"status\":\"paid\",\"placed_at\":\"2016-10-04T02:41:17.000Z\",\"currency\":\"CNY\",\"total\":\"398.00\","
                     "\"receiver\":{\"phone\":\"13800000000\"},\"lines\":[{\"sku\":\"";
  const char *raw = "\",\"quantity\":2}],\"raw_status\":\"买家已付款，等待卖家发货\"}\n";
  const char *first = "{\"channel\":\"test-shop\",\"external_id\":\"";
  struct arena a = { 0 };
  char *want = arena_printf(&a, "2 %s2876543219876543219%sSOFA%s! 3 [订单编号] id_damaged\n! 4 [订单编号] id_damaged\n5 %s28765432198765%sSOFA%s! 6 [订单编号] id_damaged\n"
                                "7 %s2876543219876540000%sSOFA%s! 8 [商家编码] sku_damaged\n9 %sA8%s4006381333931%s! 10 [订单创建时间] cell_error\n",
                            first, json, raw, first, json, raw, first, json, raw, first, json, raw);
  CHECK_STR(r.text.data, want);
  arena_release(&a);
  buf_release(&file), buf_release(&r.text);
}

/* ---- hostile files -------------------------------------------------------------------------------------------- */
#define WORKBOOK "<workbook xmlns:r=\"x\"><sheets><sheet name=\"S\" r:id=\"i\"/></sheets></workbook>"
#define BOOK_RELS "<r><Relationship Id=\"i\" Type=\"/worksheet\" Target=\"s.xml\"/></r>"
#define CELL "<worksheet><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>"
#define PARTS { .name = "xl/workbook.xml", .data = WORKBOOK }, { .name = "xl/_rels/workbook.xml.rels", .data = BOOK_RELS }

static void check_zip(const struct zip_part *part, size_t n, const struct zip_end *end, const char *want)
{
  struct buf file = { 0 };
  zip_put(&file, part, n, end);
  check_bytes(&file, NULL, want);
  buf_release(&file);
}

TEST(xlsx_containers)
{
  static char zeros[4 << 20];
  memset(zeros, ' ', sizeof zeros);
  static const struct {
    struct zip_part sheet, more;
    struct zip_end end;
    const char *want;
  } rows[] = {
    { .sheet = { .data = CELL }, .want = "1:1" },
    { .sheet = { .data = CELL, .stored = true }, .want = "1:1" },
    { .sheet = { .data = CELL, .follows = true }, .want = "1:1" },
    { .sheet = { .data = CELL, .zip64 = true }, .want = "1:1" },
    { .sheet = { .data = CELL, .zip64 = true, .follows = true }, .end = { .zip64 = true }, .want = "1:1" },
    { .sheet = { .data = CELL }, .more = { .name = "xl\\media\\a.png", .data = "x" }, .want = "1:1" },
    { .sheet = { .data = CELL }, .more = { .name = "dir/", .data = "" }, .want = "1:1" },
    { .sheet = { .data = CELL, .flags = 1 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL, .flags = 0x40 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL, .method = 12 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL, .method = 99 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL, .mode = 0120777 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL, .mode = 0100644 }, .want = "1:1" },
    { .sheet = { .data = CELL }, .more = { .name = "../../etc/passwd", .data = "x" }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "a/../../b", .data = "x" }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "..\\b", .data = "x" }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "/etc/passwd", .data = "x" }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "C:\\b", .data = "x" }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "a\nb", .data = "x" }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "a\xff", .data = "x" }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "XL/S.XML", .data = "x" }, .want = "zip_refused 0 " }, /* twice */
    { .sheet = { .data = CELL }, .more = { .name = "bomb", .data = zeros, .n = sizeof zeros }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "big", .data = "x", .size = 70 << 20 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .more = { .name = "big", .data = "x", .zip64 = true, .size = (int64_t)1 << 40 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL, .size = 20 }, .want = "zip_damaged 0 " },
    { .sheet = { .data = CELL, .size = 2000 }, .want = "zip_damaged 0 " },
    { .sheet = { .data = CELL, .stored = true, .method = 8 }, .want = "zip_damaged 0 " },
    { .sheet = { .data = CELL }, .end = { .entries = 201 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .end = { .entries = 65535 }, .want = "zip_refused 0 " },
    { .sheet = { .data = CELL }, .end = { .entries = 1 }, .want = "zip_damaged 0 " },
    { .sheet = { .data = CELL }, .end = { .entries = 4 }, .want = "zip_damaged 0 " },
    { .sheet = { .data = CELL }, .end = { .at = 7 }, .want = "zip_damaged 0 " },
    { .sheet = { .data = CELL }, .end = { .zip64 = true, .zip64_entries = 1000000 }, .want = "zip_damaged 0 " },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct zip_part part[] = { PARTS, rows[i].sheet, rows[i].more };
    part[2].name = "xl/s.xml";
    test_note("row %zu", i);
    check_zip(part, rows[i].more.name ? 4 : 3, &rows[i].end, rows[i].want);
  }
}

TEST(xlsx_entries_that_overlap)
{
  struct zip_part part[] = { PARTS, { .name = "xl/s.xml", .data = CELL, .stored = true } };
  struct buf file = { 0 };
  zip_put(&file, part, 3, NULL);
  /* the last row of the directory points at the first entry */
  char *row = NULL;
  for (size_t i = 0; i + 4 < file.len; i++)
    if (!memcmp(file.data + i, "PK\001\002", 4)) row = file.data + i;
  REQUIRE(row);
  memset(row + 42, 0, 4);
  check_bytes(&file, NULL, "zip_damaged 0 "); /* its head says something else */
  buf_release(&file);
  /* an entry whose data are another entry, head and all */
  struct buf inner = { 0 };
  zip_put(&inner, part, 3, NULL);
  struct zip_part quoted[] = { { .name = "a", .data = inner.data, .n = inner.len, .stored = true } };
  zip_put(&file, quoted, 1, NULL);
  size_t at = file.len - 22 - 46 - 1;
  struct buf both = { 0 };
  buf_put(&both, file.data, at);
  char head[46 + 1];
  memcpy(head, file.data + at, sizeof head);
  buf_put(&both, head, sizeof head);
  for (size_t i = 0, seen = 0; i + 4 < inner.len; i++) /* the first row of the quoted directory, moved behind the head */
    if (!memcmp(inner.data + i, "PK\001\002", 4) && !seen++) {
      buf_put(&both, inner.data + i, 46 + strlen("xl/workbook.xml"));
      both.data[both.len - strlen("xl/workbook.xml") - 4] = 31;
    }
  size_t n = both.len - at;
  unsigned char end[22] = { 'P', 'K', 5, 6, 0, 0, 0, 0, 2, 0, 2, 0, (unsigned char)n, (unsigned char)(n >> 8), 0, 0, (unsigned char)at, (unsigned char)(at >> 8) };
  buf_put(&both, end, sizeof end);
  struct rows_told t = { 0 };
  struct xlsx_fault f;
  CHECK(!xlsx_read(both.data, both.len, NULL, tell, &t, &f));
  CHECK_STR(f.detail, "The ZIP file is refused: entries overlap");
  buf_release(&file), buf_release(&inner), buf_release(&both);
}

TEST(xlsx_cut_short_and_changed)
{
  struct buf file = { 0 };
  struct xlsx_fault f;
  book_put(&file, &(struct book_parts){ .rows = HEAD, .strings = "<si><t>x</t></si>", .styles = "<cellXfs/>" });
  for (size_t n = 0; n < file.len; n++) {
    struct rows_told t = { 0 };
    CHECK(!xlsx_read(file.data, n, NULL, tell, &t, &f) && !t.text.len);
  }
  struct rows_told whole = { 0 };
  CHECK(xlsx_read(file.data, file.len, NULL, tell, &whole, &f));
  size_t same = 0;
  for (size_t i = 0; i < file.len; i++) {
    struct rows_told t = { 0 };
    file.data[i] ^= 0x15;
    bool ok = xlsx_read(file.data, file.len, NULL, tell, &t, &f);
    if (ok) CHECK_STR(t.text.data, whole.text.data), same++;
    else CHECK_INT(t.text.len, 0);
    file.data[i] ^= 0x15;
    buf_release(&t.text);
  }
  CHECK(same < file.len / 2); /* times and the like may be anything */
  buf_str(&file, "x");
  check_bytes(&file, NULL, "zip_damaged 0 ");
  buf_release(&file), buf_release(&whole.text);
}

TEST(xlsx_other_files)
{
  static const struct {
    const char *name, *says;
  } rows[] = { { "content.xml", "OpenDocument" }, { "word/document.xml", "text document" }, { "xl/workbook.bin", "XLSB" }, { "photo.jpg", "not a workbook" } };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct buf file = { 0 };
    struct rows_told t = { 0 };
    struct xlsx_fault f;
    zip_put(&file, &(struct zip_part){ .name = rows[i].name, .data = "<x/>" }, 1, NULL);
    CHECK(!xlsx_read(file.data, file.len, NULL, tell, &t, &f));
    CHECK_STR(f.code, "not_a_workbook");
    CHECK(strstr(f.detail, rows[i].says));
    buf_release(&file);
  }
  check_zip(NULL, 0, NULL, "not_a_workbook 0 ");
  struct zip_part many[201];
  char names[201][16];
  for (int i = 0; i < 201; i++) snprintf(names[i], 16, "f%d", i), many[i] = (struct zip_part){ .name = names[i], .data = "x" };
  check_zip(many, 201, NULL, "zip_refused 0 ");
  CHECK(xlsx_is("PK\003\004", 4) && xlsx_is("PK\005\006 ", 5) && !xlsx_is("PK\003", 3) && !xlsx_is("PKzip", 5));
}

TEST(xlsx_hostile_xml)
{
  struct arena a = { 0 };
  struct buf deep = { 0 };
  for (int i = 0; i < 70; i++) buf_str(&deep, "<a>");
  for (int i = 0; i < 70; i++) buf_str(&deep, "</a>");
  struct buf long_tag = { 0 };
  buf_str(&long_tag, "<row a=\"");
  for (uint64_t i = 0, seed = 7; i < 200000; i++) buf_printf(&long_tag, "%016llx", (unsigned long long)test_random(&seed));
  buf_str(&long_tag, "\"/>");
  struct buf names = { 0 }, attributes = { 0 };
  for (int i = 0; i < 2100; i++) buf_printf(&names, "<a%d/>", i), buf_printf(&attributes, "<c a%d=\"\"/>", i);
  const struct {
    const char *rows, *want;
  } cases[] = {
    { names.data, "xml_refused 0 " },
    { attributes.data, "xml_refused 0 " },
    { "<!DOCTYPE worksheet [<!ENTITY x \"y\">]><worksheet><sheetData><row><c t=\"str\"><v>&x;</v></c></row></sheetData></worksheet>", "xml_refused 0 " },
    { "<!DOCTYPE worksheet SYSTEM \"file:///etc/passwd\"><worksheet/>", "xml_refused 0 " },
    { "<!DOCTYPE w><worksheet/>", "xml_refused 0 " },
    { "<row><c t=\"str\"><v>&x;</v></c></row>", "xml_damaged 1 " },
    { "<row><c t=\"str\"><v>&#0;</v></c></row>", "xml_damaged 1 " },
    { "<row><c t=\"str\"><v>\x01</v></c></row>", "xml_damaged 1 " },
    { "<row><c t=\"str\"><v>\xff</v></c></row>", "xml_damaged 1 " },
    { "<row><c>", "xml_damaged 1 " },
    { "<row></c></row>", "xml_damaged 1 " },
    { "<worksheet/><worksheet/>", "xml_damaged 0 " },
    { "<?xml version=\"1.0\" encoding=\"x-user-defined\"?><worksheet/>", "xml_damaged 0 " },
    { deep.data, "xml_refused 0 " },
    { long_tag.data, "xml_refused 0 " },
    { "<row>" NUM("1") "</row><row><c t=\"s\"><v>1</v></c></row>", "cell_invalid 2 A2" },
    { "<row>" NUM("1") "<c t=\"s\"><v>-1</v></c></row>", "cell_invalid 1 B1" },
    { "<row><c t=\"s\"><v>99999999999</v></c></row>", "cell_invalid 1 A1" },
    { "<row><c t=\"s\"><v>0x0</v></c></row>", "cell_invalid 1 A1" },
    { "<row><c t=\"q\"><v>1</v></c></row>", "cell_invalid 1 A1" },
    { "<row><c t=\"b\"><v>2</v></c></row>", "cell_invalid 1 A1" },
    { "<row><c><v>12a</v></c></row>", "cell_invalid 1 A1" },
    { "<row><c r=\"A2\"/></row>", "cell_invalid 1 " },
    { "<row><c r=\"XFE1\"/></row>", "cell_invalid 1 " },
    { "<row><c r=\"B1\"/><c r=\"A1\"/></row>", "cell_invalid 1 " },
    { "<row><c r=\"B1\"/><c r=\"B1\"/></row>", "cell_invalid 1 " },
    { "<row r=\"3\"/><row r=\"3\"/>", "cell_invalid 3 " },
    { "<row r=\"3\"/><row r=\"2\"/>", "cell_invalid 3 " },
    { "<row r=\"0\"/>", "cell_invalid 0 " },
    { "<row r=\"-1\"/>", "cell_invalid 0 " },
    { "<row r=\"1048577\"/>", "cell_invalid 0 " },
    { "<row r=\"1048576\"/><row/>", "cell_invalid 1048576 " },
    { "<row><c><c><c><v>1</v></c></c></c></row>", "" }, /* of no meaning, and harmless */
    { "<c r=\"A1\"><v>1</v></c>", "" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("case %zu", i);
    check_book(&(struct book_parts){ .rows = cases[i].rows, .strings = "<si><t>x</t></si>" }, cases[i].want);
  }
  check_book(&(struct book_parts){ .rows = "", .strings = "<!DOCTYPE sst><sst/>" }, "xml_refused 0 ");
  check_book(&(struct book_parts){ .rows = "", .styles = "<!DOCTYPE s><s/>" }, "xml_refused 0 ");
  check_book(&(struct book_parts){ .rows = "", .workbook = "<!DOCTYPE s><s/>" }, "xml_refused 0 ");
  arena_release(&a);
  buf_release(&deep), buf_release(&long_tag), buf_release(&names), buf_release(&attributes);
}

/* A million cells in a row; and one long text in all cells, which is little to say and much to hold. */
TEST(xlsx_much_of_little)
{
  struct buf rows = { 0 }, strings = { 0 };
  for (int i = 0; i < 1000000; i++) buf_str(&rows, i % 7 ? "<c/>" : i % 11 ? "<c s='1'/>" : "<c t='s'></c>");
  struct arena a = { 0 };
  struct buf file = { 0 };
  struct zip_part part[] = { PARTS, { .name = "xl/s.xml", .stored = true } };
  part[2].data = arena_printf(&a, "<worksheet><sheetData><row>%s</row></sheetData></worksheet>", rows.data);
  zip_put(&file, part, 3, NULL);
  check_bytes(&file, NULL, "cell_invalid 1 ");
  buf_release(&file);
  buf_str(&strings, "<sst><si><t>");
  for (int i = 0; i < 100000; i++) buf_char(&strings, 'x');
  buf_str(&strings, "</t></si></sst>");
  rows.len = 0;
  for (int i = 0; i < 3000; i++) buf_str(&rows, "<row><c t='s'><v>0</v></c></row>");
  struct zip_part all[] = { { .name = "xl/workbook.xml", .data = WORKBOOK },
                            { .name = "xl/_rels/workbook.xml.rels", .data = "<r><Relationship Id=\"i\" Type=\"/worksheet\" Target=\"s.xml\"/><Relationship Id=\"j\" Type=\"/sharedStrings\" Target=\"t.xml\"/></r>" },
                            { .name = "xl/s.xml", .stored = true, .data = arena_printf(&a, "<worksheet><sheetData>%s</sheetData></worksheet>", rows.data) },
                            { .name = "xl/t.xml", .stored = true, .data = strings.data } };
  zip_put(&file, all, 4, NULL);
  check_bytes(&file, NULL, "xml_refused 2685 ");
  buf_release(&file), buf_release(&rows), buf_release(&strings);
  arena_release(&a);
}

/* ---- out ------------------------------------------------------------------------------------------------------- */
static bool put(void *arg, const void *p, size_t n)
{
  buf_put(arg, p, n);
  return true;
}

static bool put_little(void *arg, const void *p, size_t n)
{
  size_t *left = arg;
  (void)p;
  if (n > *left) return false;
  *left -= n;
  return true;
}

static const char *const three[] = { "id", "text", "amount" };

TEST(xlsx_written)
{
  struct buf file = { 0 };
  struct xlsx_writer *x = xlsx_new("or<de>rs", three, 3, put, &file);
  static const struct {
    const char *text, *number;
  } rows[] = { { "=1+1", "199.00" }, { "", "" }, { "a\r\n&\t<b>\x01_x0041_", "-0.50" }, { "2876543219876543219", "2876543219876543219" },
               { "张三", "12345678901234.50" }, { "x", "1.23456" }, { "x", "007" }, { "x", "1e5" }, { "x", "12" }, { "x", "1.2345" } };
  for (size_t i = 0; i < COUNT(rows); i++) xlsx_text(x, "i"), xlsx_text(x, rows[i].text), xlsx_number(x, rows[i].number), CHECK(xlsx_row_end(x));
  xlsx_row_end(x);
  CHECK(xlsx_end(x));
  CHECK_INT(xlsx_cut_count(x), 0);
  xlsx_free(x);
  check_bytes(&file, "or<de>rs", "1:id|text|amount;2:i|=1+1|199;3:i;4:i|a\r\n&\t<b>\x01_x0041_|-0.5;5:i|'2876543219876543219|'2876543219876543219;"
                                 "6:i|张三|12345678901234.50;7:i|x|1.23456;8:i|x|007;9:i|x|1e5;10:i|x|12;11:i|x|1.2345");
  buf_release(&file);
}

TEST(xlsx_writer_stops_where_nobody_listens)
{
  struct buf file = { 0 };
  struct xlsx_writer *x = xlsx_new("o", three, 3, put, &file);
  CHECK(xlsx_end(x));
  xlsx_free(x);
  for (size_t limit = 0; limit < file.len; limit += 37) {
    size_t left = limit;
    x = xlsx_new("o", three, 3, put_little, &left);
    xlsx_text(x, "a"), xlsx_row_end(x);
    CHECK(!xlsx_end(x));
    xlsx_free(x);
  }
  buf_release(&file);
}

TEST(xlsx_sheet_after_sheet)
{
  struct buf file = { 0 };
  struct xlsx_writer *x = xlsx_new("orders", three, 3, put, &file);
  xlsx_rows_max_set(x, 3);
  for (int i = 1; i <= 4; i++) {
    char no[12];
    snprintf(no, sizeof no, "%d", i);
    xlsx_text(x, no), xlsx_row_end(x);
  }
  CHECK(xlsx_end(x));
  xlsx_free(x);
  check_bytes(&file, NULL, "1:id|text|amount;2:1;3:2");
  check_bytes(&file, "orders 2", "1:id|text|amount;2:3;3:4");
  check_bytes(&file, "orders 3", "sheet_unknown 0 ");
  buf_release(&file);
}

TEST(xlsx_text_longer_than_a_cell)
{
  struct arena a = { 0 };
  char *text = arena_alloc(&a, 40001);
  memset(text, 'x', 40000);
  struct buf file = { 0 };
  struct xlsx_writer *x = xlsx_new("o", three, 1, put, &file);
  xlsx_text(x, text), xlsx_row_end(x);
  CHECK(xlsx_end(x));
  CHECK_INT(xlsx_cut_count(x), 1);
  xlsx_free(x);
  text[XLSX_CELL_MAX] = 0;
  check_bytes(&file, NULL, arena_printf(&a, "1:id;2:%s", text));
  buf_release(&file);
  arena_release(&a);
}

static const char *random_cell(struct arena *a, uint64_t *seed)
{
  static const char *const piece[] = { "a", "\"", "&", "\n", "\r", "\t", " ", "张", "=", "<", "1", "'", "_x000D_", "_", "😀", "]]>", "\x02", "0000000000000000" };
  struct buf b = { 0 };
  buf_str(&b, "");
  for (uint64_t n = test_random(seed) % 6; n; n--) buf_str(&b, piece[test_random(seed) % COUNT(piece)]);
  if (*b.data == '\t') b.len = 0; /* a TAB in front is a mark */
  const char *s = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return s;
}

/* What goes out comes back the same. */
TEST(xlsx_out_and_in_again)
{
  for (uint64_t i = 0; i < 1500; i++) {
    uint64_t seed = i;
    struct arena a = { 0 };
    struct buf file = { 0 };
    struct rows_told want = { 0 };
    struct xlsx_writer *x = xlsx_new("s", three, 3, put, &file);
    tell(&want, 1, (char *[]){ (char *)"id", (char *)"text", (char *)"amount" }, 3, NULL);
    int64_t row = 1;
    for (uint64_t r = test_random(&seed) % 4; r; r--) {
      char *cells[3];
      size_t used = 0;
      for (size_t c = 0; c < 3; c++) {
        const char *cell = random_cell(&a, &seed);
        bool long_digits = strlen(cell) > 15 && strspn(cell, "0123456789") == strlen(cell);
        cells[c] = arena_printf(&a, "%s%s", long_digits ? "\t" : "", cell);
        if (*cell) used = c + 1;
        xlsx_text(x, cell);
      }
      xlsx_row_end(x), row++;
      if (used) tell(&want, row, cells, used, NULL);
    }
    CHECK(xlsx_end(x));
    xlsx_free(x);
    test_note("seed %llu", (unsigned long long)i);
    check_bytes(&file, NULL, want.text.data);
    buf_release(&file), buf_release(&want.text);
    arena_release(&a);
  }
}

/* Money and quantities are the same number again, whatever their digits. */
TEST(xlsx_numbers_out_and_in_again)
{
  for (uint64_t i = 0; i < 3000; i++) {
    uint64_t seed = i;
    int decimals = (int)(test_random(&seed) % 5);
    struct arena a = { 0 };
    uint64_t scale = 1, v = test_random(&seed) >> test_random(&seed) % 64;
    for (int d = 0; d < decimals; d++) scale *= 10;
    char *text = decimals ? arena_printf(&a, "%llu.%0*llu", (unsigned long long)(v / scale), decimals, (unsigned long long)(v % scale)) : arena_printf(&a, "%llu", (unsigned long long)v);
    struct buf file = { 0 };
    struct rows_told t = { 0 };
    struct xlsx_fault f;
    struct xlsx_writer *x = xlsx_new("s", three, 1, put, &file);
    xlsx_number(x, text), xlsx_row_end(x);
    CHECK(xlsx_end(x));
    xlsx_free(x);
    CHECK(xlsx_read(file.data, file.len, NULL, tell, &t, &f));
    char *got = t.text.data + strlen("1:id;2:");
    CHECK(*got != '~');
    got += *got == '\'';
    struct buf plain_got = { 0 }, plain_want = { 0 };
    bool exact;
    test_note("%s", text);
    CHECK(xlsx_number_put(&plain_got, got, &exact) && xlsx_number_put(&plain_want, text, &exact));
    if (strlen(text) < 16) CHECK_STR(plain_got.data, plain_want.data);
    else CHECK_STR(got, text); /* more than a spreadsheet counts with: as text */
    buf_release(&plain_got), buf_release(&plain_want), buf_release(&file), buf_release(&t.text);
    arena_release(&a);
  }
}

/* ---- real sheets ------------------------------------------------------------------------------------------------- */
#define FEED "../shared/data/feed/"

/* In a workbook of texts, digits are text: in CSV a TAB says so. */
static bool as_text(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct arena a = { 0 };
  for (size_t i = 0; i < n; i++)
    if (strlen(cells[i]) > 15 && strspn(cells[i], "0123456789") == strlen(cells[i])) cells[i] = arena_printf(&a, "\t%s", cells[i]);
  bool more = sheet_row(arg, row, cells, n, why);
  arena_release(&a);
  return more;
}

struct copy {
  struct xlsx_writer *x;
  size_t columns;
  int64_t row;
  struct buf file;
};

static bool copy_row(void *arg, int64_t row, char **cells, size_t n, const char *why)
{
  struct copy *c = arg;
  if (!c->x) {
    c->columns = n;
    c->x = xlsx_new("sheet", (const char *const *)cells, n, put, &c->file);
  } else {
    for (c->row++; c->row < row; c->row++) xlsx_row_end(c->x);
    for (size_t i = 0; i < n && i < c->columns && !why; i++) xlsx_text(c->x, cells[i]);
    xlsx_row_end(c->x);
  }
  c->row = row;
  return true;
}

static bool gz_read(struct buf *out, const char *path, size_t max)
{
  gzFile f = gzopen(path, "rb");
  if (!f) return false;
  buf_reserve(out, max);
  int n = gzread(f, out->data, (unsigned)max);
  out->len = n > 0 ? (size_t)n : 0;
  gzclose(f);
  return n > 0;
}

/* The same export as a workbook and as CSV is the same orders and the same refusals. */
TEST(xlsx_of_real_exports)
{
  static const char *const files[] = { "sheet_tmao", "sheet_jdd", "sheet_dou", "sheet_shop", "sheet_wx" };
  struct buf csv = { 0 };
  if (!gz_read(&csv, FEED "sheet_tmao.csv.gz", 16)) SKIP("no ../shared/data");
  for (size_t i = 0; i < COUNT(files); i++) {
    struct sheet_options o = SHEET_OPTIONS("test-shop");
    struct result by_csv = { 0 }, by_book = { 0 };
    struct copy copy = { 0 };
    char path[200];
    snprintf(path, sizeof path, FEED "%s.csv.gz", files[i]);
    test_note("%s", files[i]);
    csv.len = 0;
    REQUIRE(gz_read(&csv, path, 1 << 20));
    while (csv.len && csv.data[csv.len - 1] != '\n') csv.len--;
    for (int pass = 0; pass < 2; pass++) {
      struct sheet *s = sheet_new(&o, on_order, on_refuse, &by_csv);
      struct csv *c = pass ? csv_new(copy_row, &copy) : csv_new(as_text, s);
      csv_set_gb18030(c, csv_sniff_gb18030(csv.data, csv.len, false));
      csv_feed(c, csv.data, csv.len);
      csv_end(c);
      if (!pass) sheet_end(s);
      csv_free(c), sheet_free(s);
    }
    CHECK(xlsx_end(copy.x));
    orders_of(&by_book, &copy.file);
    CHECK(by_csv.text.len > 10000);
    CHECK_MEM(by_book.text.data, by_book.text.len, by_csv.text.data, by_csv.text.len);
    xlsx_free(copy.x);
    buf_release(&copy.file), buf_release(&by_csv.text), buf_release(&by_book.text);
  }
  buf_release(&csv);
}
