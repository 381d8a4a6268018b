/* Photos as strangers send them: told by their content, walked, written anew. What was put in by hand here as metadata,
 * passengers and lies must be gone, or the photo is refused. */
#include "base.h"
#include "test.h"
#include <stdlib.h>

static void put(struct buf *b, const char *s, size_t n)
{
  buf_put(b, s, n);
}
#define PUT(b, literal) put((b), (literal), sizeof(literal) - 1)

static void be16_put(struct buf *b, size_t v)
{
  buf_char(b, (char)(v >> 8)), buf_char(b, (char)v);
}

static void be32_put(struct buf *b, uint32_t v)
{
  be16_put(b, v >> 16), be16_put(b, v & 0xffff);
}

static void le32_put(struct buf *b, uint32_t v)
{
  for (int i = 0; i < 4; i++) buf_char(b, (char)(v >> 8 * i));
}

/* ---- a JPEG in pieces -------------------------------------------------------------------------------------------------- */

static void seg(struct buf *b, int marker, const void *p, size_t n)
{
  buf_char(b, (char)0xff), buf_char(b, (char)marker), be16_put(b, n + 2), buf_put(b, p, n);
}

static void dqt(struct buf *b)
{
  char t[65] = { 0 };
  memset(t + 1, 16, 64);
  seg(b, 0xdb, t, sizeof t);
}

static void sof(struct buf *b, int marker, int width, int height)
{
  const char f[] = { 8, (char)(height >> 8), (char)height, (char)(width >> 8), (char)width, 1, 1, 0x11, 0 };
  seg(b, marker, f, sizeof f);
}

static void dht(struct buf *b, int id)
{
  char t[18] = { (char)id, 1 };
  seg(b, 0xc4, t, sizeof t);
}

static void scan(struct buf *b)
{
  PUT(b, "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x3f\xff\x00\x12\xff\xd0\x55");
}

static void exif(struct buf *b, bool little, int orientation)
{
  struct buf t = { 0 };
  PUT(&t, "Exif\0\0");
  if (little)
    PUT(&t, "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"), buf_char(&t, (char)orientation),
      PUT(&t, "\0\0\0\0\0\0\0");
  else
    PUT(&t, "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"), buf_char(&t, (char)orientation),
      PUT(&t, "\0\0\0\0\0\0");
  PUT(&t, "GPS 30.25N 120.16E");
  seg(b, 0xe1, t.data, t.len);
  buf_release(&t);
}

static void jpeg_begin(struct buf *b)
{
  PUT(b, "\xff\xd8");
  seg(b, 0xe0, "JFIF\0\1\1\0\0\1\0\1\0\0", 14);
}

static void jpeg_rest(struct buf *b)
{
  dqt(b), sof(b, 0xc0, 8, 8), dht(b, 0), dht(b, 0x10), scan(b), PUT(b, "\xff\xd9");
}

/* ---- a PNG, a WebP --------------------------------------------------------------------------------------------------------- */

static uint32_t crc_of(const unsigned char *p, size_t n)
{
  uint32_t c = 0xffffffff;
  for (size_t i = 0; i < n; i++) {
    c ^= p[i];
    for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
  }
  return ~c;
}

static void chunk(struct buf *b, const char *type, const void *p, size_t n)
{
  size_t at = b->len + 4;
  be32_put(b, (uint32_t)n), buf_str(b, type);
  buf_put(b, p, n);
  be32_put(b, crc_of((unsigned char *)b->data + at, n + 4));
}

static const char DEFLATED[] = "\x78\x9c\x63\x60\x60\x60\x00\x00\x00\x04\x00\x01";

static void png_begin(struct buf *b, uint32_t width, uint32_t height, int colour)
{
  struct buf h = { 0 };
  PUT(b, "\x89PNG\r\n\x1a\n");
  be32_put(&h, width), be32_put(&h, height), buf_char(&h, 8), buf_char(&h, (char)colour), PUT(&h, "\0\0\0");
  chunk(b, "IHDR", h.data, h.len);
  buf_release(&h);
}

static void png_end(struct buf *b)
{
  chunk(b, "IDAT", DEFLATED, sizeof DEFLATED - 1), chunk(b, "IEND", "", 0);
}

static void part(struct buf *b, const char *type, const void *p, size_t n)
{
  buf_str(b, type), le32_put(b, (uint32_t)n), buf_put(b, p, n);
  if (n & 1) buf_char(b, 0);
}

static const char LOSSLESS[] = "\x2f\x01\x40\x00\x00\x00\x00\x00",
                  LOSSY[] = "\x10\x00\x00\x9d\x01\x2a\x02\x00\x02\x00\x00\x00";

static void webp(struct buf *b, const struct buf *parts)
{
  PUT(b, "RIFF"), le32_put(b, (uint32_t)parts->len + 4), PUT(b, "WEBP");
  buf_put(b, parts->data, parts->len);
}

/* ---- trying ------------------------------------------------------------------------------------------------------------------- */

static bool holds(const struct buf *b, const char *what)
{
  return memmem(b->data ? b->data : "", b->len, what, strlen(what)) != NULL;
}

/* Cleaned; and clean again gives the same bytes. */
static enum photo_fault clean(const struct buf *in, struct buf *out, struct photo *info)
{
  struct buf again = { 0 };
  struct photo same;
  out->len = 0;
  enum photo_fault f = photo_clean(out, in->data, in->len, info);
  CHECK_INT(f == PHOTO_OK, info->detail == NULL);
  CHECK(!f || !out->len);
  if (!f) {
    CHECK_INT(photo_clean(&again, out->data, out->len, &same), PHOTO_OK);
    CHECK_MEM(again.data, again.len, out->data, out->len);
    CHECK_INT(same.width, info->width), CHECK_INT(same.height, info->height),
      CHECK_INT(same.kind, info->kind);
  }
  buf_release(&again);
  return f;
}

/* Every shorter piece of it is refused, and no byte of it may make us fall. */
static void cut_and_spoilt(const struct buf *in)
{
  uint64_t seed = 7;
  struct photo info;
  for (size_t n = 0; n < in->len; n++) {
    struct buf out = { 0 };
    char *exact = mem_new(n + 1);
    memcpy(exact, in->data, n);
    CHECK(photo_clean(&out, exact, n, &info) != PHOTO_OK);
    mem_free(exact), buf_release(&out);
  }
  for (int i = 0; i < 3000; i++) {
    struct buf out = { 0 }, bad = { 0 };
    buf_put(&bad, in->data, in->len);
    bad.data[test_random(&seed) % bad.len] = (char)test_random(&seed);
    bad.data[test_random(&seed) % bad.len] = (char)test_random(&seed);
    clean(&bad, &out, &info);
    buf_release(&out), buf_release(&bad);
  }
}

TEST(photo_jpeg_loses_all_but_the_picture)
{
  struct buf in = { 0 }, out = { 0 };
  struct photo info;
  jpeg_begin(&in);
  exif(&in, false, 6);
  PUT(&in, "\xff\xff"); /* bytes that only fill */
  seg(&in, 0xe1, "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>", 40);
  seg(&in, 0xed, "Photoshop 3.0\0 8BIM by-line", 27), seg(&in, 0xe2, "ICC_PROFILE\0\1\1<script>", 22);
  seg(&in, 0xee, "Adobe\0d\0\0\0\0\1passenger", 21), seg(&in, 0xfe, "<svg onload=alert(1)>", 21);
  jpeg_rest(&in);
  PUT(&in, "<html><script>alert(1)</script>PK\x03\x04");
  REQUIRE(clean(&in, &out, &info) == PHOTO_OK);
  CHECK_INT(info.kind, PHOTO_JPEG), CHECK_INT(info.width, 8), CHECK_INT(info.height, 8);
  static const char *const gone[] = { "GPS",         "xap",       "xmpmeta", "8BIM", "by-line",
                                      "ICC_PROFILE", "<script>",  "<svg",    "html", "PK\x03",
                                      "alert",       "passenger", "30.25N" };
  for (size_t i = 0; i < COUNT(gone); i++) CHECK(!holds(&out, gone[i]));
  CHECK(holds(&out, "Exif")), CHECK(holds(&out, "JFIF")), CHECK(holds(&out, "Adobe"));
  CHECK_MEM(out.data + out.len - 2, 2, "\xff\xd9", 2);
  buf_release(&in), buf_release(&out);
}

TEST(photo_orientation_stays_and_nothing_else_of_exif)
{
  for (int little = 0; little < 2; little++)
    for (int orientation = 0; orientation <= 9; orientation++) {
      struct buf in = { 0 }, out = { 0 };
      struct photo info;
      test_note("orientation %d", orientation);
      jpeg_begin(&in), exif(&in, little, orientation), jpeg_rest(&in);
      CHECK_INT(clean(&in, &out, &info), PHOTO_OK);
      const char want[] = { 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (char)orientation };
      bool kept = memmem(out.data, out.len, want, sizeof want) != NULL;
      CHECK_INT(kept, orientation >= 2 && orientation <= 8), CHECK(!holds(&out, "GPS"));
      buf_release(&in), buf_release(&out);
    }
}

TEST(photo_jpeg_that_is_none)
{
  static const struct {
    int marker, width, height;
    enum photo_fault want;
  } frames[] = {
    { 0xc0, 8, 8, PHOTO_OK },
    { 0xc1, 8, 8, PHOTO_OK },
    { 0xc2, 8, 8, PHOTO_OK },
    { 0xc3, 8, 8, PHOTO_UNKNOWN },
    { 0xc9, 8, 8, PHOTO_UNKNOWN },
    { 0xc0, 0, 8, PHOTO_DAMAGED },
    { 0xc0, 8, 0, PHOTO_DAMAGED },
    { 0xc0, 65535, 65535, PHOTO_TOO_LARGE },
    { 0xc0, 16385, 1, PHOTO_TOO_LARGE },
    { 0xc0, 16384, 1, PHOTO_OK },
    { 0xc0, 16384, 16384, PHOTO_TOO_LARGE },
    { 0xcc, 8, 8, PHOTO_DAMAGED },
  };
  for (size_t i = 0; i < COUNT(frames); i++) {
    struct buf in = { 0 }, out = { 0 };
    struct photo info;
    test_note("frame %zu", i);
    jpeg_begin(&in), dqt(&in), sof(&in, frames[i].marker, frames[i].width, frames[i].height);
    dht(&in, 0), scan(&in), PUT(&in, "\xff\xd9");
    CHECK_INT(clean(&in, &out, &info), frames[i].want);
    buf_release(&in), buf_release(&out);
  }
}

TEST(photo_jpeg_tables_hold_no_passenger)
{
  static const char odd[] = "a table with a passenger";
  for (size_t i = 0; i < 6; i++) {
    struct buf in = { 0 }, out = { 0 }, t = { 0 };
    struct photo info;
    test_note("%zu", i);
    jpeg_begin(&in);
    if (i == 0)
      buf_reserve(&t, 65), PUT(&t, "\0"), buf_put(&t, (char[64]){ 16 }, 64), buf_str(&t, odd),
        seg(&in, 0xdb, t.data, t.len);
    if (i == 1) buf_put(&t, (char[18]){ 0, 1 }, 18), buf_str(&t, odd), seg(&in, 0xc4, t.data, t.len);
    if (i == 2) seg(&in, 0xdd, "\0\0<script>", 10);
    if (i == 3) seg(&in, 0xdb, "", 0);
    if (i == 4) seg(&in, 0xdc, "\0\10", 2); /* DNL: a height that comes later */
    if (i == 5) dqt(&in), sof(&in, 0xc0, 8, 8);
    jpeg_rest(&in);
    CHECK_INT(clean(&in, &out, &info), PHOTO_DAMAGED);
    buf_release(&in), buf_release(&out), buf_release(&t);
  }
}

TEST(photo_jpeg_scans_are_counted)
{
  for (int scans = 99; scans <= 102; scans++) {
    struct buf in = { 0 }, out = { 0 };
    struct photo info;
    jpeg_begin(&in), dqt(&in), sof(&in, 0xc2, 8, 8), dht(&in, 0);
    for (int i = 0; i < scans; i++) scan(&in), seg(&in, 0xfe, "between", 7);
    PUT(&in, "\xff\xd9");
    CHECK_INT(clean(&in, &out, &info), scans > PHOTO_SCANS_MAX ? PHOTO_TOO_LARGE : PHOTO_OK);
    CHECK(!holds(&out, "between"));
    buf_release(&in), buf_release(&out);
  }
}

TEST(photo_jpeg_cut_and_spoilt)
{
  struct buf in = { 0 };
  jpeg_begin(&in), exif(&in, true, 3), exif(&in, false, 6), jpeg_rest(&in);
  cut_and_spoilt(&in);
  buf_release(&in);
}

TEST(photo_png_loses_all_but_the_picture)
{
  struct buf in = { 0 }, out = { 0 };
  struct photo info;
  png_begin(&in, 2, 2, 2);
  chunk(&in, "tEXt", "Comment\0<script>", 16), chunk(&in, "eXIf", "MM\0*GPS", 7),
    chunk(&in, "iTXt", "XML:com.adobe.xmp", 17);
  chunk(&in, "zTXt", "k\0\0zip", 6), chunk(&in, "iCCP", "icc-profile", 11),
    chunk(&in, "tIME", "\7\352\13\13\1\1\1", 7);
  chunk(&in, "gAMA", "\0\0\261\217", 4), chunk(&in, "sRGB", "\0", 1), chunk(&in, "sRGB", "\0passenger", 10);
  chunk(&in, "acTL", "\0\0\0\2\0\0\0\0", 8), chunk(&in, "prVt", "private", 7);
  png_end(&in);
  PUT(&in, "PK\x03\x04 a zip behind it");
  REQUIRE(clean(&in, &out, &info) == PHOTO_OK);
  CHECK_INT(info.kind, PHOTO_PNG), CHECK_INT(info.width, 2);
  static const char *const gone[] = { "tEXt", "<script>", "eXIf",      "GPS",  "adobe",   "zTXt",
                                      "iCCP", "tIME",     "passenger", "acTL", "private", "zip" };
  for (size_t i = 0; i < COUNT(gone); i++) CHECK(!holds(&out, gone[i]));
  CHECK(holds(&out, "gAMA")), CHECK(holds(&out, "sRGB")), CHECK(holds(&out, "IDAT"));
  buf_release(&in), buf_release(&out);
}

TEST(photo_png_that_is_none)
{
  for (int i = 0; i < 13; i++) {
    struct buf in = { 0 }, out = { 0 };
    struct photo info;
    enum photo_fault want = PHOTO_DAMAGED;
    test_note("%d", i);
    if (i == 0) png_begin(&in, 65535, 65535, 2), want = PHOTO_TOO_LARGE;
    else if (i == 1) png_begin(&in, 0, 4, 2);
    else if (i == 2) png_begin(&in, 2, 2, 5); /* no such colour */
    else if (i == 3) png_begin(&in, 2, 2, 3); /* a palette is missing */
    else if (i == 4) png_begin(&in, 0x80000001u, 2, 2);
    else if (i != 5) png_begin(&in, 2, 2, 2);
    if (i == 5) PUT(&in, "\x89PNG\r\n\x1a\n");
    if (i == 6) chunk(&in, "EVIL", "x", 1), want = PHOTO_UNKNOWN;
    if (i == 7) chunk(&in, "PLTE", "12", 2);
    if (i == 8) chunk(&in, "IDAT", "<html>", 6);
    if (i == 9)
      chunk(&in, "IDAT", DEFLATED, sizeof DEFLATED - 1), chunk(&in, "tEXt", "x", 1); /* then more data */
    if (i == 10) chunk(&in, "IHDR", "", 0);
    if (i == 11) chunk(&in, "IEND", "", 0);
    if (i == 12) chunk(&in, "gAMA", "1234", 4), in.data[in.len - 1] ^= 1; /* what its sum does not fit */
    png_end(&in);
    CHECK_INT(clean(&in, &out, &info), want);
    buf_release(&in), buf_release(&out);
  }
}

TEST(photo_png_cut_and_spoilt)
{
  struct buf in = { 0 };
  png_begin(&in, 2, 2, 3);
  chunk(&in, "PLTE", "abcdef", 6), chunk(&in, "tRNS", "\0\1", 2), png_end(&in);
  cut_and_spoilt(&in);
  buf_release(&in);
}

TEST(photo_webp_loses_all_but_the_picture)
{
  struct buf in = { 0 }, out = { 0 }, parts = { 0 };
  struct photo info;
  part(&parts, "VP8X", "\x3c\0\0\0\1\0\0\1\0\0", 10), part(&parts, "ICCP", "profile", 7);
  part(&parts, "ALPH", "\0alpha", 6), part(&parts, "VP8 ", LOSSY, sizeof LOSSY - 1);
  part(&parts, "EXIF", "MM\0*GPS", 7), part(&parts, "XMP ", "<x:xmpmeta>", 11),
    part(&parts, "evil", "<script>", 8);
  webp(&in, &parts);
  PUT(&in, "PK\x03\x04 a zip");
  REQUIRE(clean(&in, &out, &info) == PHOTO_OK);
  CHECK_INT(info.kind, PHOTO_WEBP), CHECK_INT(info.width, 2), CHECK_INT(info.height, 2);
  static const char *const gone[] = { "ICCP", "profile", "EXIF", "GPS", "xmpmeta", "<script>", "zip" };
  for (size_t i = 0; i < COUNT(gone); i++) CHECK(!holds(&out, gone[i]));
  CHECK(holds(&out, "ALPH")), CHECK(holds(&out, "VP8X"));
  in.len = parts.len = 0;
  part(&parts, "VP8L", LOSSLESS, sizeof LOSSLESS - 1), webp(&in, &parts);
  CHECK_INT(clean(&in, &out, &info), PHOTO_OK), CHECK_INT(out.len, in.len);
  cut_and_spoilt(&in);
  buf_release(&in), buf_release(&out), buf_release(&parts);
}

TEST(photo_webp_that_is_none)
{
  static const char wide[] = "\x10\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f\x00\x00";
  for (int i = 0; i < 8; i++) {
    struct buf in = { 0 }, out = { 0 }, parts = { 0 };
    struct photo info;
    enum photo_fault want = PHOTO_DAMAGED;
    test_note("%d", i);
    if (i == 0) part(&parts, "VP8X", "\x02\0\0\0\1\0\0\1\0\0", 10), want = PHOTO_UNKNOWN;
    if (i == 1) part(&parts, "ANMF", "x", 1), want = PHOTO_UNKNOWN;
    if (i == 2) part(&parts, "VP8 ", wide, sizeof wide - 1), want = PHOTO_TOO_LARGE;
    if (i == 3) part(&parts, "VP8X", "\0\0\0\0\7\0\0\7\0\0", 10); /* another size than the picture's */
    if (i == 4) part(&parts, "VP8L", "\x2e\0\0\0\0\0", 6);
    if (i == 5) part(&parts, "VP8 ", "<html>", 6);
    if (i == 6) part(&parts, "VP8L", LOSSLESS, sizeof LOSSLESS - 1); /* two of them */
    if (i < 7) part(&parts, "VP8L", LOSSLESS, sizeof LOSSLESS - 1);
    webp(&in, &parts);
    CHECK_INT(clean(&in, &out, &info), want);
    buf_release(&in), buf_release(&out), buf_release(&parts);
  }
}

TEST(photo_that_is_something_else)
{
  static const char *const texts[] = { "",
                                       "\xff\xd8",
                                       "\xff\xd8\xff",
                                       "<svg xmlns='http://www.w3.org/2000/svg'/>",
                                       "<!DOCTYPE html>",
                                       "GIF89a\1\0\1\0",
                                       "BM",
                                       "%PDF-1.7",
                                       "PK\x03\x04",
                                       "RIFF\4\0\0\0WAVE",
                                       "\x89PNG\r\n" };
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct buf in = { 0 }, out = { 0 };
    struct photo info;
    buf_str(&in, texts[i]);
    CHECK_INT(clean(&in, &out, &info), PHOTO_UNKNOWN);
    buf_release(&in), buf_release(&out);
  }
  struct buf big = { 0 }, out = { 0 };
  struct photo info;
  jpeg_begin(&big);
  buf_reserve(&big, PHOTO_BYTES_MAX), memset(big.data + big.len, 0, PHOTO_BYTES_MAX),
    big.len = PHOTO_BYTES_MAX + 1;
  CHECK_INT(photo_clean(&out, big.data, big.len, &info), PHOTO_TOO_LARGE);
  CHECK_STR(photo_type(PHOTO_JPEG), "image/jpeg"), CHECK_STR(photo_extension(PHOTO_WEBP), "webp");
  CHECK_INT(photo_kind_of("image/png"), PHOTO_PNG), CHECK_INT(photo_kind_of("image/gif"), PHOTO_NONE);
  buf_release(&big), buf_release(&out);
}
