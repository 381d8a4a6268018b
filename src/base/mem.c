/* mem.c: arena, buffer, the error table, must(), hash64; the only malloc of ours. */
#include "base.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Tells AddressSanitizer which bytes of a block are handed out, so that an overrun inside an arena
 * is found like one on the heap. ARENA_GAP bytes between two allocations stay forbidden. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_GAP 16
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_GAP 16
#endif
#endif
#ifdef ARENA_GAP
#include <sanitizer/asan_interface.h>
#define arena_hide(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define arena_show(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define ARENA_GAP 0
#define arena_hide(p, n) ((void)(p), (void)(n))
#define arena_show(p, n) ((void)(p), (void)(n))
#endif

/* ---- errors -------------------------------------------------------------------------------- */
static const struct {
  short http;
  bool retry;
  const char *name, *title;
} err_table[ERR_N] = {
#define X(id, http, retry, title) [ERR_##id] = { http, retry, #id, title },
  ERR_MAP(X)
#undef X
};

static char err_codes[ERR_N][16];

/* Before main(), so that no two threads ever write the table. */
__attribute__((constructor)) static void err_codes_fill(void)
{
  for (size_t e = 0; e < ERR_N; e++) {
    const char *name = err_table[e].name;
    must(strlen(name) < sizeof err_codes[e]);
    for (size_t i = 0; name[i]; i++) err_codes[e][i] = name[i] == '_' ? '_' : (char)(name[i] - 'A' + 'a');
  }
}

int err_http(enum err e)
{
  must(e < ERR_N);
  return err_table[e].http;
}

bool err_retry(enum err e)
{
  must(e < ERR_N);
  return err_table[e].retry;
}

const char *err_title(enum err e)
{
  must(e < ERR_N);
  return err_table[e].title;
}

const char *err_code(enum err e)
{
  must(e < ERR_N);
  return err_codes[e];
}

/* Says one sentence and ends the process; uses neither the heap nor stdio, which may be what broke. */
_Noreturn static void die(const char *const *part, size_t parts)
{
  for (size_t i = 0; i < parts; i++)
    if (write(STDERR_FILENO, part[i], strlen(part[i])) < 0) break;
  abort();
}

_Noreturn void must_failed(const char *what, const char *file, int line)
{
  char number[12], *p = number + sizeof number;
  *--p = 0;
  do *--p = (char)('0' + line % 10);
  while ((line /= 10) > 0);
  const char *part[] = { "orderd: this must hold and does not: ", what, " (", file, ":", p, ")\n" };
  die(part, COUNT(part));
}

/* ---- heap ---------------------------------------------------------------------------------- */
static void *mem_have(void *p)
{
  static const char *const part[] = { "orderd: out of memory\n" };
  if (!p) die(part, COUNT(part));
  return p;
}

void *mem_new(size_t n)
{
  return mem_have(calloc(1, n ? n : 1));
}

void *mem_grow(void *p, size_t n)
{
  return mem_have(realloc(p, n ? n : 1));
}

void mem_free(void *p)
{
  free(p);
}

/* ---- arena --------------------------------------------------------------------------------- */
#define ARENA_BLOCK_MIN 4096
#define ARENA_BLOCK_MAX ((size_t)256 << 10)
#define ARENA_ALLOC_MAX ((size_t)1 << 40) /* more is a negative number that became a size */

/* The list runs from the newest block to the first. */
struct arena_block {
  struct arena_block *older;
  size_t size, used;
  _Alignas(16) unsigned char data[];
};

static void block_free(struct arena_block *b)
{
  arena_show(b->data, b->size);
  free(b);
}

void arena_release(struct arena *a)
{
  while (a->head) {
    struct arena_block *b = a->head;
    a->head = b->older;
    block_free(b);
  }
  a->used = 0;
}

void arena_reset(struct arena *a)
{
  while (a->head && a->head->older) {
    struct arena_block *b = a->head;
    a->head = b->older;
    block_free(b);
  }
  if (a->head) {
    a->head->used = 0;
    arena_hide(a->head->data, a->head->size);
  }
  a->used = 0;
}

/* Each block is twice the one before, up to a limit; a large wish gets a block of its own size. */
static struct arena_block *arena_block(struct arena *a, size_t n)
{
  size_t size = a->head ? a->head->size * 2 : ARENA_BLOCK_MIN - sizeof(struct arena_block);
  if (size > ARENA_BLOCK_MAX) size = ARENA_BLOCK_MAX;
  if (size < n) size = n;
  struct arena_block *b = mem_have(malloc(sizeof *b + size));
  *b = (struct arena_block){ a->head, size, 0 };
  arena_hide(b->data, size);
  a->head = b;
  return b;
}

/* Not zeroed. */
static void *arena_take(struct arena *a, size_t n)
{
  must(n <= ARENA_ALLOC_MAX);
  size_t room = ((n ? n : 1) + 15) / 16 * 16 + ARENA_GAP;
  struct arena_block *b = a->head;
  if (!b || b->size - b->used < room) b = arena_block(a, room);
  void *p = b->data + b->used;
  b->used += room;
  a->used += room;
  arena_show(p, n);
  return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
  return memset(arena_take(a, n), 0, n);
}

char *arena_strn(struct arena *a, const char *s, size_t n)
{
  char *p = arena_take(a, n + 1);
  if (n) memcpy(p, s, n);
  p[n] = 0;
  return p;
}

char *arena_str(struct arena *a, const char *s)
{
  return s ? arena_strn(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
  char small[256];
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(small, sizeof small, fmt, ap);
  va_end(ap);
  must(n >= 0);
  char *p;
  if ((size_t)n < sizeof small) {
    p = arena_strn(a, small, (size_t)n);
  } else {
    p = arena_take(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
  }
  va_end(again);
  return p;
}

/* ---- buffer -------------------------------------------------------------------------------- */
void buf_release(struct buf *b)
{
  free(b->data);
  *b = (struct buf){ 0 };
}

void buf_reserve(struct buf *b, size_t more)
{
  must(more <= ARENA_ALLOC_MAX);
  size_t need = b->len + more + 1;
  if (need <= b->cap) return;
  size_t cap = b->cap ? b->cap : 64;
  while (cap < need) cap *= 2;
  b->data = mem_grow(b->data, cap);
  b->cap = cap;
  b->data[b->len] = 0;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
  buf_reserve(b, n);
  if (n) memcpy(b->data + b->len, p, n);
  b->len += n;
  b->data[b->len] = 0;
}

void buf_str(struct buf *b, const char *s)
{
  buf_put(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
  buf_reserve(b, 1);
  b->data[b->len++] = c;
  b->data[b->len] = 0;
}

void buf_int(struct buf *b, int64_t v)
{
  char text[24], *p = text + sizeof text;
  uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
  do *--p = (char)('0' + u % 10);
  while ((u /= 10) > 0);
  if (v < 0) *--p = '-';
  buf_put(b, p, (size_t)(text + sizeof text - p));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  buf_reserve(b, 0);
  int n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
  va_end(ap);
  must(n >= 0);
  if ((size_t)n >= b->cap - b->len) {
    buf_reserve(b, (size_t)n);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
  }
  va_end(again);
  b->len += (size_t)n;
}

/* ---- hash64: SipHash-1-3 under the key (seed, seed with its halves exchanged) ---------------
 * Stable on disk: phone keys and look-up columns hold these values, so not one bit may change.
 * Vectors (test/mem_test.c holds more):
 *   hash64("", 0, 0)     = 0xd1fba762150c532c
 *   hash64("abc", 3, 0)  = 0xc03bc3a0042630f2
 *   hash64("abc", 3, 42) = 0xca4f839b21c13829 */
static inline uint64_t rotl(uint64_t x, int n)
{
  return x << n | x >> (64 - n);
}

static inline uint64_t load64(const unsigned char *p)
{
  uint64_t x;
  memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  x = __builtin_bswap64(x);
#endif
  return x;
}

static inline void sip_round(uint64_t v[4])
{
  v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
  v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
  v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
  v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
  v[3] ^= word;
  sip_round(v);
  v[0] ^= word;
}

uint64_t hash64(const void *p, size_t n, uint64_t seed)
{
  const unsigned char *s = p;
  uint64_t k0 = seed, k1 = rotl(seed, 32), last = (uint64_t)n << 56;
  /* The four words spell SipHash's published start state. */
  uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                    k1 ^ 0x7465646279746573 };
  for (; n >= 8; s += 8, n -= 8) sip_word(v, load64(s));
  for (size_t i = 0; i < n; i++) last |= (uint64_t)s[i] << (8 * i);
  sip_word(v, last);
  v[2] ^= 0xff;
  for (int i = 0; i < 3; i++) sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
