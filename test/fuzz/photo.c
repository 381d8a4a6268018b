/* Photos: whatever comes, what is written is a photo of the same kind and size that is the same when it is cleaned again,
 * no longer than what came but for a head of ours, and of a fault nothing is written. */
#include "base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct buf out = { 0 }, again = { 0 };
  struct photo info, same;
  enum photo_fault f = photo_clean(&out, data, n, &info);
  must((f == PHOTO_OK) == (info.detail == NULL) && (f == PHOTO_OK) == (out.len > 0));
  if (!f) {
    must(out.len <= n + 100 && info.width >= 1 && info.width <= PHOTO_SIDE_MAX && info.height >= 1 && info.height <= PHOTO_SIDE_MAX);
    must(!photo_clean(&again, out.data, out.len, &same));
    must(again.len == out.len && !memcmp(again.data, out.data, out.len));
    must(same.kind == info.kind && same.width == info.width && same.height == info.height);
  }
  buf_release(&out), buf_release(&again);
  return 0;
}
