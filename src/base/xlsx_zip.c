/* xlsx_zip.c: the container of a workbook, of which nothing is believed that is said once only.
 *
 *   [head data] [head data] … [directory] [zip64 end] [end]
 *
 * What the directory says must be what each head says, nothing may lie on anything else, and an entry inflates to
 * exactly the size and checksum it claims. zip64 is read because streaming writers always write it, but its figures
 * are those of a file of at most XLSX_FILE_MAX bytes. */
#include "base.h"
#include <stdio.h>
#include <strings.h>
#include <zlib.h>

enum {
  END_BYTES = 22,
  COMMENT_MAX = 65535,
  LOCATOR_BYTES = 20,
  END64_BYTES = 56,
  ROW_BYTES = 46,
  HEAD_BYTES = 30,
  FLAG_ENCRYPTED = 1,
  FLAG_SIZES_FOLLOW = 8,
  FLAG_STRONG = 64,
  FLAG_MASKED = 0x2000,
  METHOD_STORED = 0,
  METHOD_DEFLATED = 8,
  MADE_BY_UNIX = 3,
  UNIX_TYPE = 0xf000,
  UNIX_LINK = 0xa000,
  EXTRA_ZIP64 = 1,
  PIECE = 64 * 1024,
};
#define ELSEWHERE 0xffffffffu /* the figure is in the zip64 extra */

#define SIG_HEAD 0x04034b50u
#define SIG_ROW 0x02014b50u
#define SIG_END 0x06054b50u
#define SIG_LOCATOR 0x07064b50u
#define SIG_END64 0x06064b50u

bool xlsx_fault_set(struct xlsx_fault *f, const char *code, const char *fmt, ...)
{
  va_list ap;
  if (f->code) return false;
  f->code = code;
  va_start(ap, fmt);
  vsnprintf(f->detail, sizeof f->detail, fmt, ap);
  va_end(ap);
  size_t n = strlen(f->detail); /* what was cut is cut between characters */
  while (n && !utf8_valid(f->detail, n)) f->detail[--n] = 0;
  return false;
}

static bool damaged(struct xlsx_fault *f, const char *what)
{
  return xlsx_fault_set(f, "zip_damaged", "The ZIP file is damaged: %s", what);
}

static bool refused(struct xlsx_fault *f, const char *what)
{
  return xlsx_fault_set(f, "zip_refused", "The ZIP file is refused: %s", what);
}

static uint32_t u16(const unsigned char *p)
{
  return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const unsigned char *p)
{
  return u16(p) | u16(p + 2) << 16;
}

static uint64_t u64(const unsigned char *p)
{
  return u32(p) | (uint64_t)u32(p + 4) << 32;
}

bool xlsx_is(const char *p, size_t n)
{
  return n >= 4 && (!memcmp(p, "PK\003\004", 4) || !memcmp(p, "PK\005\006", 4));
}

/* ---- the end of the file, where reading begins ---------------------------------------------------------- */
struct end {
  size_t at; /* of whatever follows the directory */
  size_t rows, directory, directory_n;
};

static const unsigned char *end_find(const struct xlsx_zip *z)
{
  if (z->n < END_BYTES) return NULL;
  for (size_t comment = 0; comment <= COMMENT_MAX && comment + END_BYTES <= z->n; comment++) {
    const unsigned char *p = z->p + z->n - END_BYTES - comment;
    if (u32(p) == SIG_END && u16(p + 20) == comment) return p;
  }
  return NULL;
}

/* A second end that contradicts the first is how a file shows one thing to a checker and another to a reader. */
static bool end64_check(const struct xlsx_zip *z, struct end *e, struct xlsx_fault *f)
{
  if (e->at < LOCATOR_BYTES || u32(z->p + e->at - LOCATOR_BYTES) != SIG_LOCATOR) return true;
  uint64_t at = u64(z->p + e->at - LOCATOR_BYTES + 8);
  if (at > e->at - LOCATOR_BYTES || e->at - LOCATOR_BYTES - at < END64_BYTES || u32(z->p + at) != SIG_END64)
    return damaged(f, "its zip64 end is not where it says");
  const unsigned char *p = z->p + at;
  if (u64(p + 24) != e->rows || u64(p + 32) != e->rows || u64(p + 40) != e->directory_n ||
      u64(p + 48) != e->directory)
    return damaged(f, "its zip64 end says something else than its end");
  e->at = (size_t)at;
  return true;
}

static bool end_read(const struct xlsx_zip *z, struct end *e, struct xlsx_fault *f)
{
  const unsigned char *p = end_find(z);
  if (!p) return damaged(f, "it has no end; it was cut short, or something was appended");
  if (u16(p + 4) || u16(p + 6) || u16(p + 8) != u16(p + 10)) return refused(f, "it is one of several parts");
  *e = (struct end){
    .at = (size_t)(p - z->p), .rows = u16(p + 10), .directory_n = u32(p + 12), .directory = u32(p + 16)
  };
  if (e->rows > XLSX_ENTRIES_MAX) return refused(f, "it has more than 200 entries");
  if (!end64_check(z, e, f)) return false;
  if (e->directory > e->at || e->directory_n != e->at - e->directory)
    return damaged(f, "its directory is not where it says");
  return true;
}

/* ---- one entry ---------------------------------------------------------------------------------------------- */

/* Figures that 32 bits did not hold stand in the order of the arguments, each only if it is needed. */
static bool zip64_read(const unsigned char *extra, size_t n, uint64_t *size, uint64_t *packed, uint64_t *head)
{
  uint64_t *figure[] = { size, packed, head };
  bool needed = *size == ELSEWHERE || *packed == ELSEWHERE || *head == ELSEWHERE;
  while (needed && n >= 4 && u16(extra) != EXTRA_ZIP64) {
    size_t len = 4 + u16(extra + 2);
    if (len > n) return false;
    extra += len, n -= len;
  }
  if (!needed) return true;
  if (n < 4 || n - 4 < u16(extra + 2)) return false;
  n = u16(extra + 2), extra += 4;
  for (size_t i = 0; i < COUNT(figure); i++) {
    if (*figure[i] != ELSEWHERE) continue;
    if (n < 8) return false;
    *figure[i] = u64(extra), extra += 8, n -= 8;
  }
  return true;
}

static bool name_leads_elsewhere(const char *name)
{
  if (*name == '/' || !*name) return true;
  for (const char *p = name; *p; p++) {
    if ((unsigned char)*p < 0x20 || *p == ':') return true;
    bool is_start = p == name || p[-1] == '/';
    if (is_start && p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2])) return true;
  }
  return false;
}

static const char *name_read(struct arena *a, const unsigned char *p, size_t n, struct xlsx_fault *f)
{
  char *name = arena_strn(a, (const char *)p, n);
  if (!utf8_valid(name, n)) return refused(f, "the name of an entry is no text"), NULL;
  for (char *s = name; *s; s++)
    if (*s == '\\') *s = '/';
  if (name_leads_elsewhere(name)) return refused(f, "the name of an entry leads out of it"), NULL;
  return name;
}

static bool flags_check(uint32_t flags, uint32_t method, uint32_t made_by, uint32_t attributes,
                        struct xlsx_fault *f)
{
  if (flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) return refused(f, "it is encrypted");
  if (method != METHOD_STORED && method != METHOD_DEFLATED)
    return refused(f, "an entry is packed by other means than deflate");
  if (made_by >> 8 == MADE_BY_UNIX && (attributes >> 16 & UNIX_TYPE) == UNIX_LINK)
    return refused(f, "an entry is a link");
  return true;
}

/* What stands in front of the data: it must be what the directory says. */
static bool head_check(const struct xlsx_zip *z, struct xlsx_entry *e, const unsigned char *row, size_t limit,
                       struct xlsx_fault *f)
{
  if (e->head > limit || limit - e->head < HEAD_BYTES || u32(z->p + e->head) != SIG_HEAD)
    return damaged(f, "an entry is not where the directory says");
  const unsigned char *p = z->p + e->head;
  size_t name_n = u16(p + 26), extra_n = u16(p + 28), room = limit - e->head - HEAD_BYTES;
  uint64_t packed = u32(p + 18), size = u32(p + 22), head = 0;
  bool follow = u16(p + 6) & FLAG_SIZES_FOLLOW;
  if (name_n + extra_n > room || e->packed > room - name_n - extra_n)
    return damaged(f, "an entry is longer than the file");
  if (name_n != u16(row + 28) || memcmp(p + HEAD_BYTES, row + ROW_BYTES, name_n) != 0 ||
      u16(p + 8) != u16(row + 10) || (u16(p + 6) & (FLAG_ENCRYPTED | FLAG_STRONG)))
    return damaged(f, "an entry is something else than the directory says");
  if (!follow && !zip64_read(p + HEAD_BYTES + name_n, extra_n, &size, &packed, &head))
    return damaged(f, "an entry has no size");
  if (!follow && (size != e->size || packed != e->packed || u32(p + 14) != e->crc))
    return damaged(f, "an entry has another size than in the directory");
  e->at = e->head + HEAD_BYTES + name_n + extra_n;
  return true;
}

static bool size_check(const struct xlsx_zip *z, const struct xlsx_entry *e, uint64_t size, uint64_t packed,
                       struct xlsx_fault *f)
{
  if (size > XLSX_INFLATED_MAX) return refused(f, "it would unpack to more than 64 MiB");
  if (packed > z->n) return damaged(f, "an entry is longer than the file");
  if (!e->is_deflated && size != packed) return damaged(f, "a stored entry has two sizes");
  if (size > XLSX_RATIO_FREE && size / XLSX_RATIO_MAX > packed)
    return refused(f, "an entry would unpack to more than a hundred times its size");
  return true;
}

/* The row of the directory at p; *n: how long it is. */
static bool row_read(struct arena *a, struct xlsx_zip *z, const unsigned char *p, size_t left, size_t limit,
                     size_t *n, struct xlsx_fault *f)
{
  struct xlsx_entry *e = &z->at[z->entries];
  if (left < ROW_BYTES || u32(p) != SIG_ROW) return damaged(f, "its directory is cut short");
  size_t name_n = u16(p + 28), extra_n = u16(p + 30);
  *n = ROW_BYTES + name_n + extra_n + u16(p + 32);
  if (*n > left) return damaged(f, "its directory is cut short");
  uint64_t packed = u32(p + 20), size = u32(p + 24), head = u32(p + 42);
  if (!flags_check(u16(p + 8), u16(p + 10), u16(p + 4), u32(p + 38), f)) return false;
  if (!zip64_read(p + ROW_BYTES + name_n, extra_n, &size, &packed, &head) || head > z->n)
    return damaged(f, "an entry has no size");
  e->name = name_read(a, p + ROW_BYTES, name_n, f);
  e->is_deflated = u16(p + 10) == METHOD_DEFLATED, e->crc = u32(p + 16);
  if (!e->name || !size_check(z, e, size, packed, f)) return false;
  e->size = (size_t)size, e->packed = (size_t)packed, e->head = (size_t)head;
  return head_check(z, e, p, limit, f);
}

/* ---- all of them ---------------------------------------------------------------------------------------------- */
static bool together_check(const struct xlsx_zip *z, struct xlsx_fault *f)
{
  size_t all = 0;
  for (size_t i = 0; i < z->entries; i++) {
    const struct xlsx_entry *e = &z->at[i];
    all += e->size;
    for (size_t k = 0; k < i; k++) {
      const struct xlsx_entry *o = &z->at[k];
      if (!strcasecmp(o->name, e->name)) return refused(f, "two entries have one name");
      if (e->head < o->at + o->packed && o->head < e->at + e->packed) return refused(f, "entries overlap");
    }
  }
  return all <= XLSX_INFLATED_MAX || refused(f, "it would unpack to more than 64 MiB");
}

bool xlsx_zip_open(struct arena *a, struct xlsx_zip *z, const void *p, size_t n, struct xlsx_fault *f)
{
  struct end end = { 0 };
  size_t row_n = 0;
  *z = (struct xlsx_zip){ .p = p, .n = n };
  if (n > XLSX_FILE_MAX) return refused(f, "it is larger than 64 MiB");
  if (!end_read(z, &end, f)) return false;
  z->at = arena_array(a, struct xlsx_entry, end.rows + 1);
  for (size_t at = end.directory; z->entries < end.rows; z->entries++, at += row_n)
    if (!row_read(a, z, z->p + at, end.at - at, end.directory, &row_n, f)) return false;
    else if (z->entries + 1 == end.rows && at + row_n != end.at)
      return damaged(f, "its directory has another length than it says");
  return together_check(z, f);
}

const struct xlsx_entry *xlsx_zip_find(const struct xlsx_zip *z, const char *name)
{
  for (size_t i = 0; i < z->entries; i++)
    if (!strcasecmp(z->at[i].name, name)) return &z->at[i];
  return NULL;
}

/* ---- the bytes of one ------------------------------------------------------------------------------------------- */
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

struct reading {
  const struct xlsx_entry *e;
  xlsx_take_fn *take;
  void *arg;
  struct xlsx_fault *f;
  size_t made;
  uLong crc;
};

/* More comes and is wanted. At the end of it all sizes and the checksum were right, or there is a fault. */
static bool piece_give(struct reading *r, const char *p, size_t n, bool is_last)
{
  r->made += n;
  r->crc = crc32(r->crc, (const Bytef *)p, (uInt)n);
  if (r->made > r->e->size || (is_last && r->made != r->e->size))
    return damaged(r->f, "an entry unpacks to another size than it says");
  if (is_last && r->crc != r->e->crc) return damaged(r->f, "the checksum of an entry is wrong");
  return r->take(r->arg, p, n, is_last) && !is_last;
}

static void stored_read(struct reading *r, const char *p)
{
  size_t left = r->e->size;
  for (bool more = true; more;) {
    size_t n = left < PIECE ? left : PIECE;
    left -= n;
    more = piece_give(r, p, n, !left);
    p += n;
  }
}

static void deflated_read(struct reading *r, const unsigned char *p)
{
  z_stream s = {
    .zalloc = zlib_alloc, .zfree = zlib_free, .next_in = (z_const Bytef *)p, .avail_in = (uInt)r->e->packed
  };
  char *piece = mem_new(PIECE);
  must(inflateInit2(&s, -MAX_WBITS) == Z_OK);
  for (bool more = true; more;) {
    s.next_out = (Bytef *)piece, s.avail_out = PIECE;
    int e = inflate(&s, Z_NO_FLUSH);
    bool is_last = e == Z_STREAM_END;
    if ((e != Z_OK && !is_last) || (is_last && s.avail_in) || (!is_last && s.avail_out))
      more = damaged(r->f, "an entry cannot be unpacked");
    else more = piece_give(r, piece, PIECE - s.avail_out, is_last);
  }
  inflateEnd(&s);
  mem_free(piece);
}

bool xlsx_zip_read(const struct xlsx_zip *z, const struct xlsx_entry *e, xlsx_take_fn *take, void *arg,
                   struct xlsx_fault *f)
{
  struct reading r = { .e = e, .take = take, .arg = arg, .f = f, .crc = crc32(0, NULL, 0) };
  if (e->is_deflated) deflated_read(&r, z->p + e->at);
  else stored_read(&r, (const char *)z->p + e->at);
  return !f->code;
}
