/* crypto.c: digests, tokens, passwords. The only file that includes mbedtls' digests and argon2. */
#include "plat.h"
#include <argon2.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

/* Until 3.0 the functions that report a fault had another name. */
#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

void sha256_parts(const struct sha256_part *part, size_t parts, unsigned char out[SHA256_LEN])
{
  mbedtls_sha256_context c;
  mbedtls_sha256_init(&c);
  int failed = mbedtls_sha256_starts(&c, 0);
  for (size_t i = 0; i < parts; i++)
    if (part[i].n) failed |= mbedtls_sha256_update(&c, part[i].p, part[i].n);
  failed |= mbedtls_sha256_finish(&c, out);
  mbedtls_sha256_free(&c);
  must(!failed);
}

void sha256(const void *p, size_t n, unsigned char out[SHA256_LEN])
{
  sha256_parts(&(struct sha256_part){ p, n }, 1, out);
}

/* RFC 2104 over the two calls above; a key longer than a block is digested first. */
#define SHA256_BLOCK 64

void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, unsigned char out[SHA256_LEN])
{
  unsigned char inner[SHA256_BLOCK] = { 0 }, outer[SHA256_BLOCK];
  if (key_n > SHA256_BLOCK) sha256(key, key_n, inner);
  else if (key_n) memcpy(inner, key, key_n);
  for (size_t i = 0; i < SHA256_BLOCK; i++) {
    outer[i] = inner[i] ^ 0x5C;
    inner[i] ^= 0x36;
  }
  unsigned char middle[SHA256_LEN];
  sha256_parts((struct sha256_part[]){ { inner, sizeof inner }, { p, n } }, 2, middle);
  sha256_parts((struct sha256_part[]){ { outer, sizeof outer }, { middle, sizeof middle } }, 2, out);
  explicit_bzero(inner, sizeof inner);
  explicit_bzero(outer, sizeof outer);
}

bool same_bytes(const void *a, const void *b, size_t n)
{
  const volatile unsigned char *x = a, *y = b;
  unsigned char differ = 0;
  for (size_t i = 0; i < n; i++) differ |= x[i] ^ y[i];
  return !differ;
}

void hex_put(struct buf *b, const void *p, size_t n)
{
  static const char digit[] = "0123456789abcdef";
  const unsigned char *s = p;
  buf_reserve(b, 2 * n);
  for (size_t i = 0; i < n; i++) {
    b->data[b->len++] = digit[s[i] >> 4];
    b->data[b->len++] = digit[s[i] & 15];
  }
  b->data[b->len] = 0;
}

/* ---- tokens ------------------------------------------------------------------------------------ */
#define TOKEN_BYTES 32
#define TOKEN_CHARS 43 /* six bits each, the last four */

char *token_text(struct arena *a, struct env *env, const char *prefix)
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unsigned char secret[TOKEN_BYTES + 1] = { 0 }; /* one zero byte, so that the last digit has its six bits */
  char text[TOKEN_CHARS + 1] = { 0 };
  env->random(env, secret, TOKEN_BYTES);
  for (size_t i = 0; i < TOKEN_CHARS; i++) {
    size_t bit = i * 6, at = bit / 8;
    unsigned two = (unsigned)secret[at] << 8 | secret[at + 1];
    text[i] = digit[two >> (10 - bit % 8) & 63];
  }
  char *token = arena_printf(a, "%s%s", prefix, text);
  explicit_bzero(secret, sizeof secret);
  explicit_bzero(text, sizeof text);
  return token;
}

/* ---- passwords ---------------------------------------------------------------------------------- */
#define ARGON_TIMES 2
#define ARGON_KIB 19456
#define ARGON_LANES 1
#define ARGON_SALT 16
#define ARGON_HASH 32
#define ARGON_TEXT_MAX 160

char *password_hash(struct arena *a, struct env *env, const char *password)
{
  unsigned char salt[ARGON_SALT];
  char text[ARGON_TEXT_MAX];
  env->random(env, salt, sizeof salt);
  int e = argon2id_hash_encoded(ARGON_TIMES, ARGON_KIB, ARGON_LANES, password, strlen(password), salt,
                                sizeof salt, ARGON_HASH, text, sizeof text);
  must(e == ARGON2_OK);
  return arena_str(a, text);
}

bool password_verify(const char *encoded, const char *password)
{
  return encoded && password && argon2id_verify(encoded, password, strlen(password)) == ARGON2_OK;
}
