/* http_steps.h: what the parser makes of bytes, as text; for the tests and the fuzzer. */
#ifndef ORDERD_HTTP_STEPS_H
#define ORDERD_HTTP_STEPS_H
#include "edge.h"

/* The steps for n bytes that arrive in pieces: cut[] holds where they end, rising; the rest is the last piece.
 * Bodies may have 4 KiB, on the path /small 16 bytes. */
void http_steps(struct buf *out, const char *s, size_t n, const size_t *cut, size_t cuts);
/* The same, byte by byte. */
void http_steps_bytes(struct buf *out, const char *s, size_t n);

#endif
