/* Two addresses, parted by the first line feed: each is read and judged against the other. What must hold
 * for any text: parts are valid UTF-8 and not empty, an address differs from itself in no part, the
 * verdict is the same both ways, and the memory it takes is bounded. */
#include "base.h"

#define USED_MAX (512 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_parts(const struct addr *x)
{
  for (int p = 0; p < ADDR_N; p++)
    if (x->part[p]) must(x->part[p][0] && utf8_valid(x->part[p], strlen(x->part[p])));
  must(x->rest && utf8_valid(x->rest, strlen(x->rest)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  if (n > 4096) return 0;
  struct arena a = { 0 };
  char *one = arena_strn(&a, (const char *)data, n), *two = memchr(one, '\n', n);
  if (two) *two++ = 0;
  else two = one;
  struct addr x, y;
  addr_parse(&a, &(struct addr_text){ .detail = one }, &x);
  addr_parse(
    &a, &(struct addr_text){ .country = "CN", .province = one, .city = two, .detail = two, .zip = one }, &y);
  check_parts(&x), check_parts(&y);
  enum addr_part by, turned;
  enum addr_verdict v = addr_agree(&a, &x, &x, &by, NULL);
  must(v != ADDR_DIFFER || by == ADDR_N);
  v = addr_agree(&a, &x, &y, &by, NULL);
  must(v == addr_agree(&a, &y, &x, &turned, NULL) && by == turned);
  must(a.used < USED_MAX);
  arena_release(&a);
  return 0;
}
