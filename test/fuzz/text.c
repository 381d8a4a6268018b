/* Everything of layer 1 that reads text from outside and is not JSON, CSV or configuration. The first byte
 * chooses; what comes out is checked for what it promises. */
#include "base.h"

static void try_nfkc(struct arena *a, const char *s)
{
  const char *n = text_nfkc(a, s), *f = text_fold(a, s);
  must(utf8_valid(n, strlen(n)) && utf8_valid(f, strlen(f)));
  must(text_edits(n, f) == text_edits(f, n));
  must(text_likeness(n, n) == 1000 && text_likeness(n, f) >= 0);
}

static void term_check(void *arg, const char *term, size_t n)
{
  (void)arg;
  must(n > 0 && n <= TERM_MAX && utf8_valid(term, n) && !memchr(term, ' ', n));
}

static void try_terms(struct arena *a, const char *s)
{
  (void)a;
  text_terms(s, term_check, NULL);
}

static void try_phone(struct arena *a, const char *s)
{
  static const char *const country[] = { "CN", "GB", "US", "HU", "RU", "SG", "ZZ", "" };
  for (size_t i = 0; i < COUNT(country); i++) {
    struct phone p;
    phone_parse(s, country[i], &p);
    must((p.kind == PHONE_FULL) == (p.key != 0) && !(p.key >> 63));
    must(strspn(p.digits, "0123456789*") == strlen(p.digits) && strlen(p.extension) < sizeof p.extension);
    must(p.kind != PHONE_FULL || (strlen(p.digits) >= 7 && strlen(p.digits) <= 15));
  }
  must(strlen(phone_mask(a, s)) < 32);
  name_mask(a, s);
}

static void try_time(struct arena *a, const char *s)
{
  int64_t ms, loose, back;
  char text[TIME_TEXT];
  if (time_parse_loose(s, 480, &loose)) {
    must(time_parse(time_text(loose, text), &back) && back == loose);
    struct civil c = time_civil(loose, 480);
    must(time_from_civil(&c, 480) == loose - loose % 1000);
  }
  if (time_parse(s, &ms) && time_parse_loose(s, 480, &loose)) must(ms == loose);
  if (duration_parse(s, &ms)) must(ms >= 0 && duration_parse(duration_text(a, ms), &back) && back == ms);
}

static void try_money(struct arena *a, const char *s)
{
  static const char *const currency[] = { "CNY", "JPY", "KWD" };
  for (size_t i = 0; i < COUNT(currency); i++) {
    int64_t minor, back;
    if (!money_parse(s, currency[i], &minor)) continue;
    must(money_parse(money_text(a, minor, currency[i]), currency[i], &back) && back == minor);
  }
}

static void (*const try_table[])(struct arena *a, const char *s) = { try_nfkc, try_terms, try_phone, try_time, try_money };

static void try_gb18030(const char *s, size_t n)
{
  struct buf b = { 0 };
  if (gb18030_to_utf8(&b, s, n)) must(utf8_valid(b.data, b.len));
  buf_release(&b);
}

static void try_pack(const char *s, size_t n)
{
  struct buf packed = { 0 }, back = { 0 };
  pack(&packed, s, n);
  must(unpack(&back, packed.data, packed.len, n) && back.len == n && !memcmp(back.data, s, n));
  back.len = 0;
  if (unpack(&back, s, n, 10000)) must(back.len <= 10000);
  buf_release(&packed), buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  if (!n) return 0;
  unsigned which = *data % (COUNT(try_table) + 2);
  struct arena a = { 0 };
  const char *s = arena_strn(&a, (const char *)data + 1, n - 1); /* not always UTF-8, on purpose */
  if (which == COUNT(try_table)) try_gb18030(s, n - 1);
  else if (which > COUNT(try_table)) try_pack(s, n - 1);
  else try_table[which](&a, s);
  arena_release(&a);
  return 0;
}
