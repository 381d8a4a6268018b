/* xlsx_write.c: rows as a workbook, in one go.
 *
 *   _rels/.rels, styles ─► sheet1.xml, sheet2.xml … row by row ─► workbook.xml, its rels ─► [Content_Types].xml ─► directory
 *
 * Sizes follow the data of an entry, for they are not known before; texts stand in their cells, for a table of them would
 * have to be kept. What names the sheets comes last, for nobody knows before how many there are. */
#include "base.h"
#include <stdio.h>
#include <zlib.h>

enum {
  DEFLATE_LEVEL = 4, /* half the time of 6 for a twentieth more bytes */
  DEFLATE_MEMORY = 8,
  PIECE = 64 * 1024,
  SHEETS_MAX = 100,
  NAME_UNITS_MAX = 31, /* of a sheet */
  DIGITS_KEPT = 15,
  DECIMALS_MAX = 4, /* with a style of their own */
};
#define SHEET_BYTES_MAX \
  ((size_t)2 << 30) /* a sheet of larger rows than any program opens goes on in the next one */
#define FILE_BYTES_MAX ((uint64_t)0xfff00000) /* without zip64 */
#define MAIN "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define RELS "http://schemas.openxmlformats.org/package/2006/relationships"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define SPREADSHEET "application/vnd.openxmlformats-officedocument.spreadsheetml."

/* A style is its place in cellXfs below. */
enum { STYLE_PLAIN, STYLE_HEAD, STYLE_TEXT, STYLE_NUMBER }; /* the last: plus the number of decimals */

struct entry {
  char name[40];
  uint32_t crc;
  uint64_t at, packed, size;
};

struct xlsx_writer {
  struct arena mem;
  xlsx_put_fn *put;
  void *arg;
  const char *sheet;
  const char **column;
  size_t columns;
  bool failed, ended;
  int64_t rows_max; /* of a sheet */
  uint64_t at;      /* bytes given */
  z_stream z;
  struct entry entry[SHEETS_MAX + 8];
  size_t entries;
  int sheets;
  int64_t row; /* the last one of this sheet */
  int cell;    /* the next one of the row */
  bool in_row;
  struct buf xml;
  char piece[PIECE];
  int64_t cut;
};

/* ---- the container ------------------------------------------------------------------------------------------------ */
static voidpf zlib_alloc(voidpf arg, uInt items, uInt size)
{
  (void)arg;
  return mem_new((size_t)items * size);
}

static void zlib_free(voidpf arg, voidpf p)
{
  (void)arg;
  mem_free(p);
}

static void bytes_put(struct xlsx_writer *x, const void *p, size_t n)
{
  x->at += n;
  x->failed = x->failed || x->at > FILE_BYTES_MAX || !x->put(x->arg, p, n);
}

static void u16_put(struct buf *b, uint32_t v)
{
  buf_char(b, (char)v), buf_char(b, (char)(v >> 8));
}

static void u32_put(struct buf *b, uint64_t v)
{
  u16_put(b, (uint32_t)v & 0xffff), u16_put(b, (uint32_t)(v >> 16) & 0xffff);
}

/* What the head of an entry and its row in the directory have in common. The time is 1980-01-01: files of the same rows
 * are the same bytes. */
static void common_put(struct buf *b, const struct entry *e, bool sizes_follow)
{
  u16_put(b, 20), u16_put(b, 8), u16_put(b, Z_DEFLATED);
  u16_put(b, 0), u16_put(b, 33);
  u32_put(b, sizes_follow ? 0 : e->crc);
  u32_put(b, sizes_follow ? 0 : e->packed);
  u32_put(b, sizes_follow ? 0 : e->size);
  u16_put(b, (uint32_t)strlen(e->name)), u16_put(b, 0);
}

static void entry_begin(struct xlsx_writer *x, const char *name)
{
  struct buf head = { 0 };
  must(x->entries < COUNT(x->entry));
  struct entry *e = &x->entry[x->entries++];
  *e = (struct entry){ .at = x->at, .crc = (uint32_t)crc32(0, NULL, 0) };
  snprintf(e->name, sizeof e->name, "%s", name);
  u32_put(&head, 0x04034b50), common_put(&head, e, true);
  buf_str(&head, e->name);
  bytes_put(x, head.data, head.len);
  buf_release(&head);
  must(deflateReset(&x->z) == Z_OK);
}

static void deflate_run(struct xlsx_writer *x, const char *p, size_t n, int flush)
{
  struct entry *e = &x->entry[x->entries - 1];
  x->z.next_in = (z_const Bytef *)p, x->z.avail_in = (uInt)n;
  int done;
  do {
    x->z.next_out = (Bytef *)x->piece, x->z.avail_out = PIECE;
    done = deflate(&x->z, flush);
    must(done == Z_OK || done == Z_STREAM_END || done == Z_BUF_ERROR);
    size_t made = PIECE - x->z.avail_out;
    if (made && !x->failed) bytes_put(x, x->piece, made);
    e->packed += made;
  } while (!x->z.avail_out || (flush == Z_FINISH && done != Z_STREAM_END));
}

/* What waits in xml goes into the entry. */
static void entry_put(struct xlsx_writer *x)
{
  struct entry *e = &x->entry[x->entries - 1];
  if (!x->xml.len) return;
  e->crc = (uint32_t)crc32(e->crc, (const Bytef *)x->xml.data, (uInt)x->xml.len);
  e->size += x->xml.len;
  if (!x->failed) deflate_run(x, x->xml.data, x->xml.len, Z_NO_FLUSH);
  x->xml.len = 0;
}

static void entry_end(struct xlsx_writer *x)
{
  struct entry *e = &x->entry[x->entries - 1];
  struct buf tail = { 0 };
  entry_put(x);
  if (!x->failed) deflate_run(x, "", 0, Z_FINISH);
  u32_put(&tail, 0x08074b50), u32_put(&tail, e->crc), u32_put(&tail, e->packed), u32_put(&tail, e->size);
  if (!x->failed) bytes_put(x, tail.data, tail.len);
  buf_release(&tail);
}

static void directory_put(struct xlsx_writer *x)
{
  struct buf b = { 0 };
  uint64_t at = x->at;
  for (size_t i = 0; i < x->entries; i++) {
    const struct entry *e = &x->entry[i];
    u32_put(&b, 0x02014b50), u16_put(&b, 20), common_put(&b, e, false);
    u16_put(&b, 0), u16_put(&b, 0), u16_put(&b, 0), u32_put(&b, 0), u32_put(&b, e->at);
    buf_str(&b, e->name);
  }
  size_t n = b.len;
  u32_put(&b, 0x06054b50), u16_put(&b, 0), u16_put(&b, 0);
  u16_put(&b, (uint32_t)x->entries), u16_put(&b, (uint32_t)x->entries);
  u32_put(&b, n), u32_put(&b, at), u16_put(&b, 0);
  if (!x->failed) bytes_put(x, b.data, b.len);
  buf_release(&b);
}

static void part_put(struct xlsx_writer *x, const char *name, const char *xml)
{
  entry_begin(x, name);
  buf_str(&x->xml, xml);
  entry_end(x);
}

/* ---- the parts that are the same in all files ---------------------------------------------------------------------- */
static const char top_rels[] =
  XML "<Relationships xmlns=\"" RELS "\"><Relationship Id=\"rId1\" Type=\"" OFFICE
      "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";

/* Text is @, so that it stays text when somebody edits the cell. */
static const char styles[] = XML
  "<styleSheet xmlns=\"" MAIN "\"><numFmts count=\"3\"><numFmt numFmtId=\"164\" formatCode=\"0.0\"/>"
  "<numFmt numFmtId=\"165\" formatCode=\"0.000\"/><numFmt numFmtId=\"166\" formatCode=\"0.0000\"/></numFmts>"
  "<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font>"
  "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>"
  "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
  "<fill><patternFill patternType=\"gray125\"/></fill></fills>"
  "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
  "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>"
  "<cellXfs count=\"8\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"
#define XF(format, font) \
  "<xf numFmtId=\"" #format "\" fontId=\"" #font \
  "\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyFont=\"1\"/>"
  XF(49, 1) XF(49, 0) XF(1, 0) XF(164, 0) XF(2, 0) XF(165, 0) XF(166, 0)
#undef XF
    "</cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles>"
    "</styleSheet>";

/* ---- sheets ---------------------------------------------------------------------------------------------------------- */

/* Never more than a sheet's name may have; the names that are given are short and plain. */
static void sheet_name_put(struct xlsx_writer *x, struct buf *out, int no)
{
  xlsx_escape(out, x->sheet, strlen(x->sheet), NAME_UNITS_MAX - 4);
  if (no > 1) buf_printf(out, " %d", no);
}

static void cell_open(struct xlsx_writer *x, const char *type, int style)
{
  char name[16];
  xlsx_cell_name(name, x->cell, x->row);
  buf_printf(&x->xml, "<c r=\"%s\" s=\"%d\"%s>", name, style, type);
}

static void text_put(struct xlsx_writer *x, const char *text, int style)
{
  size_t n = strlen(text);
  cell_open(x, " t=\"inlineStr\"", style);
  buf_str(&x->xml, "<is><t xml:space=\"preserve\">");
  if (!xlsx_escape(&x->xml, text, n, XLSX_CELL_MAX)) x->cut++;
  buf_str(&x->xml, "</t></is></c>");
}

static void row_open(struct xlsx_writer *x)
{
  x->row++, x->cell = 0, x->in_row = true;
  buf_printf(&x->xml, "<row r=\"%lld\">", (long long)x->row);
}

static void row_close(struct xlsx_writer *x)
{
  buf_str(&x->xml, "</row>");
  x->in_row = false;
  if (x->xml.len > PIECE) entry_put(x);
}

static void sheet_open(struct xlsx_writer *x)
{
  char name[40];
  snprintf(name, sizeof name, "xl/worksheets/sheet%d.xml", ++x->sheets);
  entry_begin(x, name);
  buf_str(&x->xml, XML "<worksheet xmlns=\"" MAIN "\"><sheetViews><sheetView workbookViewId=\"0\">"
                       "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>"
                       "</sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/>");
  buf_printf(&x->xml, "<cols><col min=\"1\" max=\"%zu\" width=\"18\" customWidth=\"1\"/></cols><sheetData>",
             x->columns);
  x->row = 0, row_open(x);
  for (size_t i = 0; i < x->columns; i++, x->cell++) text_put(x, x->column[i], STYLE_HEAD);
  row_close(x);
}

static void sheet_close(struct xlsx_writer *x)
{
  buf_str(&x->xml, "</sheetData></worksheet>");
  entry_end(x);
}

/* ---- rows ------------------------------------------------------------------------------------------------------------- */
struct xlsx_writer *xlsx_new(const char *sheet, const char *const *columns, size_t n, xlsx_put_fn *put,
                             void *arg)
{
  must(put && n && n <= XLSX_COLUMNS_MAX);
  struct xlsx_writer *x = mem_new(sizeof *x);
  x->put = put, x->arg = arg, x->columns = n, x->rows_max = XLSX_ROWS_MAX;
  x->sheet = arena_str(&x->mem, sheet);
  x->column = arena_array(&x->mem, const char *, n);
  for (size_t i = 0; i < n; i++) x->column[i] = arena_str(&x->mem, columns[i]);
  x->z.zalloc = zlib_alloc, x->z.zfree = zlib_free;
  must(deflateInit2(&x->z, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, DEFLATE_MEMORY, Z_DEFAULT_STRATEGY) ==
       Z_OK);
  part_put(x, "_rels/.rels", top_rels);
  part_put(x, "xl/styles.xml", styles);
  sheet_open(x);
  return x;
}

/* A sheet ends when the next row comes, so that none is left without rows. */
static void row_need(struct xlsx_writer *x)
{
  if (x->in_row) return;
  bool full = x->row >= x->rows_max || x->entry[x->entries - 1].size > SHEET_BYTES_MAX;
  if (full && x->sheets == SHEETS_MAX) x->failed = true;
  if (full && !x->failed) sheet_close(x), sheet_open(x);
  row_open(x);
}

void xlsx_rows_max_set(struct xlsx_writer *x, int64_t rows)
{
  must(rows > 1 && rows <= XLSX_ROWS_MAX);
  x->rows_max = rows;
}

void xlsx_text(struct xlsx_writer *x, const char *text)
{
  row_need(x);
  must((size_t)x->cell < x->columns);
  if (text && *text) text_put(x, text, STYLE_TEXT);
  x->cell++;
}

/* -12.50: the digits and the decimals of it; false when it is not of this form. */
static bool decimal_read(const char *s, size_t *digits, size_t *decimals)
{
  s += *s == '-';
  size_t whole = strspn(s, "0123456789");
  bool is_padded = *s == '0' && whole > 1;
  s += whole;
  *decimals = *s == '.' ? strspn(++s, "0123456789") : 0;
  *digits = whole + *decimals;
  return whole && !is_padded && !s[*decimals] && (s[-1] != '.' || *decimals);
}

void xlsx_number(struct xlsx_writer *x, const char *decimal)
{
  size_t digits, decimals;
  if (!decimal || !decimal_read(decimal, &digits, &decimals) || digits >= DIGITS_KEPT ||
      decimals > DECIMALS_MAX) {
    xlsx_text(x, decimal);
    return;
  }
  row_need(x);
  must((size_t)x->cell < x->columns);
  cell_open(x, "", STYLE_NUMBER + (int)decimals);
  buf_printf(&x->xml, "<v>%s</v></c>", decimal);
  x->cell++;
}

bool xlsx_row_end(struct xlsx_writer *x)
{
  row_need(x);
  row_close(x);
  return !x->failed;
}

/* ---- the end ------------------------------------------------------------------------------------------------------------ */
static void workbook_put(struct xlsx_writer *x)
{
  entry_begin(x, "xl/workbook.xml");
  buf_str(&x->xml, XML "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" OFFICE
                       "\"><bookViews><workbookView/></bookViews><sheets>");
  for (int i = 1; i <= x->sheets; i++) {
    buf_str(&x->xml, "<sheet name=\""), sheet_name_put(x, &x->xml, i);
    buf_printf(&x->xml, "\" sheetId=\"%d\" r:id=\"rId%d\"/>", i, i);
  }
  buf_str(&x->xml, "</sheets></workbook>");
  entry_end(x);
}

static void workbook_rels_put(struct xlsx_writer *x)
{
  entry_begin(x, "xl/_rels/workbook.xml.rels");
  buf_str(&x->xml, XML "<Relationships xmlns=\"" RELS "\">");
  for (int i = 1; i <= x->sheets; i++)
    buf_printf(&x->xml,
               "<Relationship Id=\"rId%d\" Type=\"" OFFICE "/worksheet\" Target=\"worksheets/sheet%d.xml\"/>",
               i, i);
  buf_printf(&x->xml,
             "<Relationship Id=\"rId%d\" Type=\"" OFFICE "/styles\" Target=\"styles.xml\"/></Relationships>",
             x->sheets + 1);
  entry_end(x);
}

static void content_types_put(struct xlsx_writer *x)
{
  entry_begin(x, "[Content_Types].xml");
  buf_str(
    &x->xml, XML
    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
    "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
    "<Default Extension=\"xml\" ContentType=\"application/xml\"/>"
    "<Override PartName=\"/xl/workbook.xml\" ContentType=\"" SPREADSHEET "sheet.main+xml\"/>"
    "<Override PartName=\"/xl/styles.xml\" ContentType=\"" SPREADSHEET "styles+xml\"/>");
  for (int i = 1; i <= x->sheets; i++)
    buf_printf(
      &x->xml,
      "<Override PartName=\"/xl/worksheets/sheet%d.xml\" ContentType=\"" SPREADSHEET "worksheet+xml\"/>", i);
  buf_str(&x->xml, "</Types>");
  entry_end(x);
}

bool xlsx_end(struct xlsx_writer *x)
{
  must(!x->ended && !x->in_row);
  x->ended = true;
  sheet_close(x);
  workbook_put(x), workbook_rels_put(x), content_types_put(x);
  directory_put(x);
  return !x->failed;
}

int64_t xlsx_cut_count(const struct xlsx_writer *x)
{
  return x->cut;
}

void xlsx_free(struct xlsx_writer *x)
{
  if (!x) return;
  deflateEnd(&x->z);
  buf_release(&x->xml);
  arena_release(&x->mem);
  mem_free(x);
}
