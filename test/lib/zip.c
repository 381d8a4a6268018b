/* zip.c: see zip.h. */
#include "zip.h"
#include <zlib.h>

static void u16(struct buf *b, uint64_t v)
{
  buf_char(b, (char)v), buf_char(b, (char)(v >> 8));
}

static void u32(struct buf *b, uint64_t v)
{
  u16(b, v), u16(b, v >> 16);
}

static void u64(struct buf *b, uint64_t v)
{
  u32(b, v), u32(b, v >> 32);
}

static void deflated(struct buf *out, const char *p, size_t n)
{
  z_stream z = { .next_in = (z_const Bytef *)(uintptr_t)p, .avail_in = (uInt)n };
  must(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  buf_reserve(out, deflateBound(&z, n));
  z.next_out = (Bytef *)out->data, z.avail_out = (uInt)out->cap - 1;
  must(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out->len = z.total_out;
  deflateEnd(&z);
}

struct made {
  uint64_t at, packed, size, crc;
};

static void common(struct buf *b, const struct zip_part *p, const struct made *m, bool head)
{
  bool follows = head && p->follows;
  u16(b, 20), u16(b, p->flags | (p->follows ? 8 : 0));
  u16(b, p->method ? p->method : p->stored ? 0 : 8);
  u32(b, 33 << 16);
  u32(b, follows ? 0 : m->crc);
  u32(b, p->zip64 ? 0xffffffff : follows ? 0 : m->packed);
  u32(b, p->zip64 ? 0xffffffff : follows ? 0 : m->size);
  u16(b, strlen(p->name)), u16(b, p->zip64 ? 20 : 0);
}

static void extra(struct buf *b, const struct zip_part *p, const struct made *m)
{
  if (!p->zip64) return;
  u16(b, 1), u16(b, 16), u64(b, m->size), u64(b, m->packed);
}

static void part_put(struct buf *out, const struct zip_part *p, struct made *m)
{
  size_t n = p->n ? p->n : strlen(p->data);
  struct buf packed = { 0 };
  if (p->stored) buf_put(&packed, p->data, n);
  else deflated(&packed, p->data, n);
  *m = (struct made){ out->len, packed.len, p->size ? (uint64_t)p->size : n, crc32(0, (const Bytef *)p->data, (uInt)n) };
  u32(out, 0x04034b50), common(out, p, m, true);
  buf_str(out, p->name), extra(out, p, m);
  buf_put(out, packed.data, packed.len);
  if (p->follows) u32(out, 0x08074b50), u32(out, m->crc), u32(out, m->packed), u32(out, m->size);
  buf_release(&packed);
}

static void end_put(struct buf *out, size_t n, size_t at, const struct zip_end *e)
{
  size_t end = out->len;
  uint64_t entries = e->entries ? (uint64_t)e->entries : n;
  if (e->zip64) {
    uint64_t more = e->zip64_entries ? (uint64_t)e->zip64_entries : n;
    u32(out, 0x06064b50), u64(out, 44), u32(out, 45 << 16 | 45), u32(out, 0), u32(out, 0);
    u64(out, more), u64(out, more), u64(out, end - at), u64(out, at);
    u32(out, 0x07064b50), u32(out, 0), u64(out, end), u32(out, 1);
  }
  u32(out, 0x06054b50), u32(out, 0), u16(out, entries), u16(out, entries);
  u32(out, end - at), u32(out, e->at ? (uint64_t)e->at : at), u16(out, 0);
}

void zip_put(struct buf *out, const struct zip_part *part, size_t n, const struct zip_end *end)
{
  static const struct zip_end truth;
  struct arena a = { 0 };
  struct made *made = arena_array(&a, struct made, n + 1);
  for (size_t i = 0; i < n; i++) part_put(out, &part[i], &made[i]);
  size_t at = out->len;
  for (size_t i = 0; i < n; i++) {
    u32(out, 0x02014b50), u16(out, 3 << 8 | 20), common(out, &part[i], &made[i], false);
    u16(out, 0), u16(out, 0), u16(out, 0), u32(out, (uint64_t)part[i].mode << 16), u32(out, made[i].at);
    buf_str(out, part[i].name), extra(out, &part[i], &made[i]);
  }
  end_put(out, n, at, end ? end : &truth);
  arena_release(&a);
}

/* ---- workbooks ------------------------------------------------------------------------------------------ */
#define REL "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
#define REL_IN "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
#define REL_OUT "</Relationships>"

static const char *whole(struct arena *a, const char *inside, const char *element, const char *more)
{
  if (!strncmp(inside, "<?", 2) || !strncmp(inside, "<w", 2) || !strncmp(inside, "<!", 2)) return inside;
  return arena_printf(a, "<%s xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">%s%s%s</%s>", element,
                      *more ? "<sheetData>" : "", inside, more, element);
}

void book_put(struct buf *out, const struct book_parts *b)
{
  struct arena a = { 0 };
  const char *workbook = b->workbook ? b->workbook : "<workbook xmlns:r=\"x\"><sheets><sheet name=\"Orders\" r:id=\"rId1\"/></sheets></workbook>";
  struct zip_part part[] = {
    { .name = "_rels/.rels", .data = REL_IN "<Relationship Id=\"a\" Type=\"" REL "officeDocument\" Target=\"xl/workbook.xml\"/>" REL_OUT },
    { .name = "xl/workbook.xml", .data = workbook },
    { .name = "xl/_rels/workbook.xml.rels",
      .data = REL_IN "<Relationship Id=\"rId1\" Type=\"" REL "worksheet\" Target=\"worksheets/sheet1.xml\"/>"
                     "<Relationship Id=\"rId2\" Type=\"" REL "worksheet\" Target=\"/xl/worksheets/sheet2.xml\"/>"
                     "<Relationship Id=\"rId3\" Type=\"" REL "sharedStrings\" Target=\"sharedStrings.xml\"/>"
                     "<Relationship Id=\"rId4\" Type=\"" REL "styles\" Target=\"../xl/styles.xml\"/>" REL_OUT },
    { .name = "xl/worksheets/sheet2.xml",
      .data = "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>second</t></is></c></row></sheetData></worksheet>" },
    { .name = "xl/worksheets/sheet1.xml", .data = whole(&a, b->rows, "worksheet", "</sheetData>") },
    { .name = NULL }, { .name = NULL },
  };
  size_t n = 5;
  if (b->strings) part[n++] = (struct zip_part){ .name = "xl/sharedStrings.xml", .data = whole(&a, b->strings, "sst", "") };
  if (b->styles) part[n++] = (struct zip_part){ .name = "xl/styles.xml", .data = whole(&a, b->styles, "styleSheet", "") };
  zip_put(out, part, n, NULL);
  arena_release(&a);
}
