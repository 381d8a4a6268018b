/* Bytes of one connection, in any pieces. The oracle: how they were cut changes nothing in what is understood.
 * The first byte says where the cuts are. */
#include "http_steps.h"

#define CUTS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  if (n < 1 || n > 8192) return 0;
  uint64_t seed = data[0];
  const char *s = (const char *)data + 1;
  struct buf whole = { 0 }, bytes = { 0 }, pieces = { 0 };
  size_t cut[CUTS_MAX], cuts = 0;
  n--;
  for (size_t at = 0; cuts < CUTS_MAX && at <= n; cuts++) {
    cut[cuts] = at;
    at += 1 + hash64(&cuts, sizeof cuts, seed) % (1 + seed);
  }
  http_steps(&whole, s, n, NULL, 0);
  http_steps(&pieces, s, n, cut, cuts);
  http_steps_bytes(&bytes, s, n);
  must(whole.len == bytes.len && (!whole.len || !memcmp(whole.data, bytes.data, whole.len)));
  must(whole.len == pieces.len && (!whole.len || !memcmp(whole.data, pieces.data, whole.len)));
  buf_release(&whole);
  buf_release(&bytes);
  buf_release(&pieces);
  return 0;
}
