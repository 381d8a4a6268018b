/* photo.c: photos as strangers send them: walked, and written anew with what makes the picture and nothing else.
 * Every piece that is kept has a length that its own fields account for, so that it can hold no passenger; what can
 * not be looked into without decoding is only the compressed picture itself. */
#include "base.h"

struct walk {
  const unsigned char *p;
  size_t n, at;
  struct buf *out;
  struct photo *info;
  enum photo_fault fault;
};

static bool fail(struct walk *w, enum photo_fault fault, const char *detail)
{
  if (!w->fault) w->fault = fault, w->info->detail = detail;
  return false;
}

static bool damaged(struct walk *w, const char *detail)
{
  return fail(w, PHOTO_DAMAGED, detail);
}

static uint32_t be16(const unsigned char *p)
{
  return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const unsigned char *p)
{
  return be16(p) << 16 | be16(p + 2);
}

static uint32_t le16(const unsigned char *p)
{
  return (uint32_t)p[1] << 8 | p[0];
}

static uint32_t le24(const unsigned char *p)
{
  return le16(p) | (uint32_t)p[2] << 16;
}

static uint32_t le32(const unsigned char *p)
{
  return le16(p) | le16(p + 2) << 16;
}

static bool sides(struct walk *w, int64_t width, int64_t height)
{
  if (width < 1 || height < 1) return damaged(w, "The photo has no width or no height");
  if (width > PHOTO_SIDE_MAX || height > PHOTO_SIDE_MAX || width * height > PHOTO_PIXELS_MAX)
    return fail(w, PHOTO_TOO_LARGE, "The photo has too many pixels");
  w->info->width = (int)width, w->info->height = (int)height;
  return true;
}

/* ---- JPEG ------------------------------------------------------------------------------------------------------ */

enum {
  SOI = 0xd8,
  EOI = 0xd9,
  SOS = 0xda,
  DQT = 0xdb,
  DRI = 0xdd,
  DHT = 0xc4,
  APP0 = 0xe0,
  APP1 = 0xe1,
  APP14 = 0xee,
  APP15 = 0xef,
  COM = 0xfe
};

struct jpeg {
  struct walk *w;
  bool frame, jfif, adobe;
  unsigned char transform;
  int scans, orientation, parts;
  struct buf body; /* tables, frame and scans, as they will stand behind our own head */
};

static bool tables_quant(const unsigned char *p, size_t n)
{
  while (n) {
    size_t need = p[0] >> 4 ? 129 : 65;
    if (p[0] >> 4 > 1 || (p[0] & 15) > 3 || n < need) return false;
    p += need, n -= need;
  }
  return true;
}

static bool tables_huffman(const unsigned char *p, size_t n)
{
  while (n) {
    size_t codes = 0;
    if (n < 17 || p[0] >> 4 > 1 || (p[0] & 15) > 3) return false;
    for (size_t i = 1; i <= 16; i++) codes += p[i];
    if (codes > 256 || n < 17 + codes) return false;
    p += 17 + codes, n -= 17 + codes;
  }
  return true;
}

static bool frame(struct jpeg *j, int marker, const unsigned char *p, size_t n)
{
  if (j->frame) return damaged(j->w, "The JPEG has two frames");
  if (marker > 0xc2) return fail(j->w, PHOTO_UNKNOWN, "The JPEG is of a coding that no camera uses");
  if (n < 6 || p[0] != 8 || p[5] < 1 || p[5] > 4 || n != 6 + 3 * (size_t)p[5])
    return damaged(j->w, "The JPEG's frame is not of its form");
  for (size_t i = 0; i < p[5]; i++) {
    const unsigned char *c = p + 6 + 3 * i;
    if (c[1] >> 4 < 1 || c[1] >> 4 > 4 || (c[1] & 15) < 1 || (c[1] & 15) > 4 || c[2] > 3)
      return damaged(j->w, "The JPEG's frame is not of its form");
  }
  j->frame = true, j->parts = p[5];
  return sides(j->w, be16(p + 3), be16(p + 1));
}

/* Orientation out of an EXIF block, 0 where there is none: the one thing that is wanted of it. */
static int exif_orientation(const unsigned char *p, size_t n)
{
  if (n < 14 || memcmp(p, "Exif\0", 6) != 0) return 0;
  p += 6, n -= 6;
  bool big = p[0] == 'M';
  if (memcmp(p, big ? "MM" : "II", 2) != 0) return 0;
  uint32_t at = big ? be32(p + 4) : le32(p + 4);
  if (at < 8 || at > n - 2) return 0;
  uint32_t entries = big ? be16(p + at) : le16(p + at);
  for (at += 2; entries && n - at >= 12; entries--, at += 12) {
    const unsigned char *e = p + at;
    if ((big ? be16(e) : le16(e)) != 0x0112) continue;
    uint32_t v = big ? be16(e + 8) : le16(e + 8);
    return v >= 1 && v <= 8 ? (int)v : 0;
  }
  return 0;
}

static void segment(struct buf *out, int marker, const void *p, size_t n)
{
  buf_char(out, (char)0xff), buf_char(out, (char)marker);
  buf_char(out, (char)((n + 2) >> 8)), buf_char(out, (char)(n + 2));
  buf_put(out, p, n);
}

/* What is said of the picture in segments of applications, as far as a viewer needs it. */
static void application(struct jpeg *j, int marker, const unsigned char *p, size_t n)
{
  if (marker == APP0 && n >= 5 && !memcmp(p, "JFIF", 5)) j->jfif = true;
  if (marker == APP14 && n >= 12 && !memcmp(p, "Adobe", 5) && p[11] <= 2)
    j->adobe = true, j->transform = p[11];
  if (marker == APP1 && !j->orientation) j->orientation = exif_orientation(p, n);
}

/* The compressed part of a scan, up to the next marker. Bytes that only fill are left away. */
static bool scan_data(struct jpeg *j)
{
  struct walk *w = j->w;
  size_t from = w->at;
  while (w->at + 1 < w->n) {
    const unsigned char *ff = memchr(w->p + w->at, 0xff, w->n - w->at - 1);
    if (!ff) break;
    w->at = (size_t)(ff - w->p);
    unsigned char next = ff[1];
    if (next == 0 || (next >= 0xd0 && next <= 0xd7)) {
      w->at += 2;
      continue;
    }
    if (w->at == from) return damaged(w, "A scan of the JPEG is empty");
    buf_put(&j->body, w->p + from, w->at - from);
    return true;
  }
  return damaged(w, "The JPEG ends too early");
}

static bool scan(struct jpeg *j, const unsigned char *p, size_t n)
{
  if (!j->frame || n < 1 || p[0] < 1 || p[0] > j->parts || n != 4 + 2 * (size_t)p[0])
    return damaged(j->w, "A scan of the JPEG is not of its form");
  if (++j->scans > PHOTO_SCANS_MAX) return fail(j->w, PHOTO_TOO_LARGE, "The JPEG has too many scans");
  segment(&j->body, SOS, p, n);
  return scan_data(j);
}

static bool jpeg_segment(struct jpeg *j, int marker, const unsigned char *p, size_t n)
{
  if ((marker >= APP0 && marker <= APP15) || marker == COM) {
    if (!j->frame || j->scans == 0) application(j, marker, p, n);
    return true;
  }
  if (marker == SOS) return scan(j, p, n);
  bool ok = marker == DQT                                                          ? tables_quant(p, n) && n
            : marker == DHT                                                        ? tables_huffman(p, n) && n
            : marker == DRI                                                        ? n == 2
            : marker >= 0xc0 && marker <= 0xcf && marker != 0xc8 && marker != 0xcc ? true
                                                                                   : false;
  if (!ok) return damaged(j->w, "A part of the JPEG is not of its form");
  if (marker >= 0xc0 && marker <= 0xcf && marker != DHT && !frame(j, marker, p, n)) return false;
  segment(&j->body, marker, p, n);
  return true;
}

static bool jpeg_next(struct jpeg *j, int *marker)
{
  struct walk *w = j->w;
  if (w->at >= w->n || w->p[w->at] != 0xff) return damaged(w, "The JPEG ends too early, or lost its way");
  while (w->at < w->n && w->p[w->at] == 0xff) w->at++;
  if (w->at >= w->n) return damaged(w, "The JPEG ends too early");
  *marker = w->p[w->at++];
  if (*marker == EOI) return true;
  if (w->n - w->at < 2) return damaged(w, "The JPEG ends too early");
  size_t n = be16(w->p + w->at);
  if (*marker < 0xc0 || (*marker >= 0xd0 && *marker <= SOI) || n < 2 || n > w->n - w->at)
    return damaged(w, "A part of the JPEG is not of its form, or cut off");
  const unsigned char *p = w->p + w->at + 2;
  w->at += n;
  return jpeg_segment(j, *marker, p, n - 2);
}

static void jpeg_head(const struct jpeg *j, struct buf *out)
{
  static const unsigned char jfif[] = { 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0 };
  const unsigned char adobe[] = { 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, j->transform };
  const unsigned char exif[] = {
    'E', 'x', 'i', 'f',  0,    0, 'M', 'M', 0, 42, 0, 0, 0,
    8,   0,   1,   0x01, 0x12, 0, 3,   0,   0, 0,  1, 0, (unsigned char)j->orientation,
    0,   0,   0,   0,    0,    0
  };
  buf_char(out, (char)0xff), buf_char(out, (char)SOI);
  if (j->jfif) segment(out, APP0, jfif, sizeof jfif);
  if (j->orientation > 1) segment(out, APP1, exif, sizeof exif);
  if (j->adobe) segment(out, APP14, adobe, sizeof adobe);
}

static bool jpeg(struct walk *w)
{
  struct jpeg j = { .w = w };
  int marker = 0;
  w->info->kind = PHOTO_JPEG, w->at = 2;
  bool ok = true;
  while (ok && marker != EOI) ok = jpeg_next(&j, &marker);
  if (ok && !j.scans) ok = damaged(w, "The JPEG holds no picture");
  if (ok) {
    jpeg_head(&j, w->out);
    buf_put(w->out, j.body.data, j.body.len);
    buf_char(w->out, (char)0xff), buf_char(w->out, (char)EOI);
  }
  buf_release(&j.body);
  return ok;
}

/* ---- PNG ------------------------------------------------------------------------------------------------------- */

static uint32_t crc32_of(const unsigned char *p, size_t n)
{
  static const uint32_t half[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                     0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
  uint32_t c = 0xffffffff;
  for (size_t i = 0; i < n; i++) {
    c = half[(c ^ p[i]) & 15] ^ c >> 4;
    c = half[(c ^ p[i] >> 4) & 15] ^ c >> 4;
  }
  return c ^ 0xffffffff;
}

static bool png_head(struct walk *w, const unsigned char *p, size_t n, int *colour)
{
  static const unsigned depths[7] = { 1 | 2 | 4 | 8 | 16, 0, 8 | 16, 1 | 2 | 4 | 8, 8 | 16, 0, 8 | 16 };
  if (n != 13 || p[9] > 6 || p[8] == 0 || p[8] & (p[8] - 1) || !(depths[p[9]] & p[8]) || p[10] || p[11] ||
      p[12] > 1)
    return damaged(w, "The PNG's head is not of its form");
  *colour = p[9];
  if (be32(p) > INT32_MAX || be32(p + 4) > INT32_MAX) return damaged(w, "The PNG's head is not of its form");
  return sides(w, be32(p), be32(p + 4));
}

struct png {
  struct walk *w;
  int colour;
  bool head, palette, data, data_over, zlib;
};

static bool is_chunk(const unsigned char *p, const char *name)
{
  return !memcmp(p, name, 4);
}

/* Pieces that say how the picture looks, with the length that they must have. */
static bool png_small(const struct png *g, const unsigned char *type, size_t n)
{
  if (is_chunk(type, "gAMA")) return n == 4;
  if (is_chunk(type, "cHRM")) return n == 32;
  if (is_chunk(type, "sRGB")) return n == 1;
  if (!is_chunk(type, "tRNS")) return false;
  return g->colour == 0   ? n == 2
         : g->colour == 2 ? n == 6
                          : g->colour == 3 && g->palette && n >= 1 && n <= 256;
}

static bool png_chunk(struct png *g, const unsigned char *type, const unsigned char *p, size_t n, bool *keep)
{
  struct walk *w = g->w;
  *keep = true;
  if (is_chunk(type, "IHDR") != !g->head)
    return damaged(w, "The PNG does not begin with its head, or has two");
  if (!g->head) return g->head = true, png_head(w, p, n, &g->colour);
  if (is_chunk(type, "IDAT")) {
    if (g->data_over || (g->colour == 3 && !g->palette))
      return damaged(w, "The PNG's parts are out of order");
    if (!g->zlib && n >= 2 && ((p[0] & 15) != 8 || be16(p) % 31))
      return damaged(w, "The PNG holds no picture");
    g->zlib = g->zlib || n >= 2, g->data = true;
    return true;
  }
  g->data_over = g->data;
  if (is_chunk(type, "PLTE")) {
    if (g->palette || g->data || n < 3 || n > 768 || n % 3 || g->colour == 0 || g->colour == 4)
      return damaged(w, "The PNG's palette is not of its form");
    return g->palette = true;
  }
  if (is_chunk(type, "IEND")) return (g->zlib && !n) || damaged(w, "The PNG holds no picture");
  *keep = !g->data && png_small(g, type, n);
  if (!*keep && !(type[0] & 0x20)) return fail(w, PHOTO_UNKNOWN, "The PNG has parts that are not known");
  return true;
}

static bool png(struct walk *w)
{
  struct png g = { .w = w };
  struct buf kept = { 0 };
  bool ok = true, over = false;
  w->info->kind = PHOTO_PNG, w->at = 8;
  buf_put(&kept, w->p, 8);
  while (ok && !over) {
    const unsigned char *p = w->p + w->at;
    bool keep = false;
    if (w->n - w->at < 12 || be32(p) > w->n - w->at - 12) ok = damaged(w, "The PNG ends too early");
    else {
      size_t n = be32(p);
      if (crc32_of(p + 4, n + 4) != be32(p + 8 + n)) ok = damaged(w, "A part of the PNG is damaged");
      else ok = png_chunk(&g, p + 4, p + 8, n, &keep);
      if (ok && keep) buf_put(&kept, p, n + 12);
      over = ok && is_chunk(p + 4, "IEND");
      w->at += n + 12;
    }
  }
  if (ok) buf_put(w->out, kept.data, kept.len);
  buf_release(&kept);
  return ok;
}

/* ---- WebP ------------------------------------------------------------------------------------------------------ */

struct webp {
  struct walk *w;
  const unsigned char *picture, *alpha;
  size_t picture_n, alpha_n;
  uint32_t canvas_w, canvas_h;
  bool extended, lossless;
};

static bool webp_lossy(struct webp *g, const unsigned char *p, size_t n)
{
  static const unsigned char start[] = { 0x9d, 0x01, 0x2a };
  if (n < 10 || p[0] & 1 || memcmp(p + 3, start, 3) != 0 || le24(p) >> 5 > n - 10)
    return damaged(g->w, "The WebP's picture is not of its form");
  g->picture = p, g->picture_n = n;
  return sides(g->w, le16(p + 6) & 0x3fff, le16(p + 8) & 0x3fff);
}

static bool webp_lossless(struct webp *g, const unsigned char *p, size_t n)
{
  if (n < 6 || p[0] != 0x2f || p[4] >> 5) return damaged(g->w, "The WebP's picture is not of its form");
  uint32_t bits = le32(p + 1);
  g->picture = p, g->picture_n = n, g->lossless = true;
  return sides(g->w, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
}

static bool webp_chunk(struct webp *g, const unsigned char *type, const unsigned char *p, size_t n,
                       bool first)
{
  bool lossy = is_chunk(type, "VP8 "), lossless = is_chunk(type, "VP8L");
  if (is_chunk(type, "VP8X")) {
    if (!first || n != 10) return damaged(g->w, "The WebP's head is not of its form");
    if (p[0] & 2) return fail(g->w, PHOTO_UNKNOWN, "The WebP moves: a photo stands still");
    g->extended = true, g->canvas_w = le24(p + 4) + 1, g->canvas_h = le24(p + 7) + 1;
    return true;
  }
  if (is_chunk(type, "ANIM") || is_chunk(type, "ANMF"))
    return fail(g->w, PHOTO_UNKNOWN, "The WebP moves: a photo stands still");
  if ((lossy || lossless) && g->picture) return damaged(g->w, "The WebP has two pictures");
  if (lossy) return webp_lossy(g, p, n);
  if (lossless) return webp_lossless(g, p, n);
  if (is_chunk(type, "ALPH") && !g->picture && !g->alpha && n >= 2) g->alpha = p, g->alpha_n = n;
  return true;
}

static void webp_put(struct buf *out, const char *type, const void *p, size_t n)
{
  const unsigned char size[] = { (unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16),
                                 (unsigned char)(n >> 24) };
  buf_put(out, type, 4), buf_put(out, size, 4), buf_put(out, p, n);
  if (n & 1) buf_char(out, 0);
}

static void webp_write(const struct webp *g)
{
  struct buf body = { 0 };
  uint32_t x = (uint32_t)g->w->info->width - 1, y = (uint32_t)g->w->info->height - 1;
  const unsigned char head[10] = {
    0x10, 0, 0, 0, (unsigned char)x, (unsigned char)(x >> 8), 0, (unsigned char)y, (unsigned char)(y >> 8), 0
  };
  bool alpha = g->alpha && !g->lossless;
  buf_put(&body, "WEBP", 4);
  if (alpha) webp_put(&body, "VP8X", head, sizeof head), webp_put(&body, "ALPH", g->alpha, g->alpha_n);
  webp_put(&body, g->lossless ? "VP8L" : "VP8 ", g->picture, g->picture_n);
  webp_put(g->w->out, "RIFF", body.data, body.len);
  buf_release(&body);
}

static bool webp(struct walk *w)
{
  struct webp g = { .w = w };
  size_t end = (size_t)le32(w->p + 4) + 8;
  w->info->kind = PHOTO_WEBP, w->at = 12;
  if (end > w->n || end < 12) return damaged(w, "The WebP ends too early");
  for (bool first = true; w->at < end; first = false) {
    const unsigned char *p = w->p + w->at;
    if (end - w->at < 8 || le32(p + 4) > end - w->at - 8) return damaged(w, "The WebP ends too early");
    size_t n = le32(p + 4);
    if (!webp_chunk(&g, p, p + 8, n, first)) return false;
    w->at += 8 + n;
    if (n & 1 && w->at < end) w->at++;
  }
  if (!g.picture) return damaged(w, "The WebP holds no picture");
  if (g.extended && (g.canvas_w != (uint32_t)w->info->width || g.canvas_h != (uint32_t)w->info->height))
    return damaged(w, "The WebP's picture is not of the size that its head says");
  webp_write(&g);
  return true;
}

/* ---- any of them ----------------------------------------------------------------------------------------------- */

enum photo_fault photo_clean(struct buf *out, const void *p, size_t n, struct photo *info)
{
  static const unsigned char png_mark[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
  struct walk w = { .p = p, .n = n, .out = out, .info = info };
  *info = (struct photo){ 0 };
  if (n > PHOTO_BYTES_MAX) fail(&w, PHOTO_TOO_LARGE, "The photo has too many bytes");
  else if (n >= 4 && w.p[0] == 0xff && w.p[1] == SOI && w.p[2] == 0xff) jpeg(&w);
  else if (n >= 8 && !memcmp(p, png_mark, 8)) png(&w);
  else if (n >= 12 && !memcmp(p, "RIFF", 4) && !memcmp(w.p + 8, "WEBP", 4)) webp(&w);
  else fail(&w, PHOTO_UNKNOWN, "This is neither JPEG nor PNG nor WebP");
  return w.fault;
}

static const char *const types[] = { "", "image/jpeg", "image/png", "image/webp" };
static const char *const extensions[] = { "", "jpg", "png", "webp" };

const char *photo_type(enum photo_kind k)
{
  return types[k];
}

const char *photo_extension(enum photo_kind k)
{
  return extensions[k];
}

enum photo_kind photo_kind_of(const char *type)
{
  for (int k = PHOTO_JPEG; k <= PHOTO_WEBP; k++)
    if (!strcmp(types[k], type)) return (enum photo_kind)k;
  return PHOTO_NONE;
}
