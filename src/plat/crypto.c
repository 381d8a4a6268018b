/* crypto.c: digests, tokens, passwords. The only file that includes mbedtls' digests and argon2. */
#include "plat.h"
#include <argon2.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md5.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

/* Until 3.0 the functions that report a fault had another name. */
#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#define mbedtls_md5_starts mbedtls_md5_starts_ret
#define mbedtls_md5_update mbedtls_md5_update_ret
#define mbedtls_md5_finish mbedtls_md5_finish_ret
#define mbedtls_sha1_starts mbedtls_sha1_starts_ret
#define mbedtls_sha1_update mbedtls_sha1_update_ret
#define mbedtls_sha1_finish mbedtls_sha1_finish_ret
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

static void md5_parts(const struct sha256_part *part, size_t parts, unsigned char *out)
{
  mbedtls_md5_context c;
  mbedtls_md5_init(&c);
  int failed = mbedtls_md5_starts(&c);
  for (size_t i = 0; i < parts; i++)
    if (part[i].n) failed |= mbedtls_md5_update(&c, part[i].p, part[i].n);
  failed |= mbedtls_md5_finish(&c, out);
  mbedtls_md5_free(&c);
  must(!failed);
}

static void sha1_parts(const struct sha256_part *part, size_t parts, unsigned char *out)
{
  mbedtls_sha1_context c;
  mbedtls_sha1_init(&c);
  int failed = mbedtls_sha1_starts(&c);
  for (size_t i = 0; i < parts; i++)
    if (part[i].n) failed |= mbedtls_sha1_update(&c, part[i].p, part[i].n);
  failed |= mbedtls_sha1_finish(&c, out);
  mbedtls_sha1_free(&c);
  must(!failed);
}

static const struct {
  size_t len;
  void (*parts)(const struct sha256_part *part, size_t parts, unsigned char *out);
} digest_table[] = {
  [DIGEST_MD5] = { 16, md5_parts },
  [DIGEST_SHA1] = { 20, sha1_parts },
  [DIGEST_SHA256] = { SHA256_LEN, sha256_parts },
};

size_t digest_bytes(enum digest d, const void *p, size_t n, unsigned char out[DIGEST_MAX])
{
  must((size_t)d < COUNT(digest_table));
  digest_table[d].parts(&(struct sha256_part){ p, n }, 1, out);
  return digest_table[d].len;
}

/* RFC 2104; a key longer than a block is digested first. All three digests have the same block. */
#define DIGEST_BLOCK 64

size_t digest_mac(enum digest d, const void *key, size_t key_n, const void *p, size_t n,
                  unsigned char out[DIGEST_MAX])
{
  must((size_t)d < COUNT(digest_table));
  unsigned char inner[DIGEST_BLOCK] = { 0 }, outer[DIGEST_BLOCK], middle[DIGEST_MAX];
  size_t len = digest_table[d].len;
  if (key_n > DIGEST_BLOCK) digest_bytes(d, key, key_n, inner);
  else if (key_n) memcpy(inner, key, key_n);
  for (size_t i = 0; i < DIGEST_BLOCK; i++) {
    outer[i] = inner[i] ^ 0x5C;
    inner[i] ^= 0x36;
  }
  digest_table[d].parts((struct sha256_part[]){ { inner, sizeof inner }, { p, n } }, 2, middle);
  digest_table[d].parts((struct sha256_part[]){ { outer, sizeof outer }, { middle, len } }, 2, out);
  explicit_bzero(inner, sizeof inner);
  explicit_bzero(outer, sizeof outer);
  return len;
}

void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, unsigned char out[SHA256_LEN])
{
  digest_mac(DIGEST_SHA256, key, key_n, p, n, out);
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

/* ---- base64 (RFC 4648) -------------------------------------------------------------------------- */
void base64_put(struct buf *b, const void *p, size_t n)
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *s = p;
  buf_reserve(b, (n + 2) / 3 * 4);
  for (size_t i = 0; i < n; i += 3) {
    size_t here = n - i < 3 ? n - i : 3;
    unsigned v = (unsigned)s[i] << 16 | (here > 1 ? (unsigned)s[i + 1] << 8 : 0) | (here > 2 ? s[i + 2] : 0);
    b->data[b->len++] = digit[v >> 18];
    b->data[b->len++] = digit[v >> 12 & 63];
    b->data[b->len++] = here > 1 ? digit[v >> 6 & 63] : '=';
    b->data[b->len++] = here > 2 ? digit[v & 63] : '=';
  }
  b->data[b->len] = 0;
}

static int base64_digit(char c)
{
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

/* Without the padding, which is right or missing altogether; false when it is neither. */
static bool base64_trim(const char *text, size_t *n)
{
  size_t pad = 0;
  while (pad < 2 && pad < *n && text[*n - 1 - pad] == '=') pad++;
  if (pad && *n % 4) return false;
  *n -= pad;
  return *n % 4 != 1;
}

bool base64_get(struct buf *b, const char *text, size_t n)
{
  if (!base64_trim(text, &n)) return false;
  size_t before = b->len;
  unsigned v = 0;
  buf_reserve(b, n / 4 * 3 + 3);
  for (size_t i = 0; i < n; i++) {
    int d = base64_digit(text[i]);
    if (d < 0) {
      b->data[b->len = before] = 0;
      return false;
    }
    v = v << 6 | (unsigned)d;
    if (i % 4) b->data[b->len++] = (char)(v >> (6 - 2 * (i % 4)));
  }
  b->data[b->len] = 0;
  return true;
}

/* ---- sealing ------------------------------------------------------------------------------------ */
#define SEAL_NONCE 12
#define SEAL_TAG 16

void seal(struct buf *out, struct env *env, const unsigned char key[SEAL_KEY], const char *what,
          const void *p, size_t n)
{
  mbedtls_gcm_context c;
  mbedtls_gcm_init(&c);
  must(!mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, SEAL_KEY * 8));
  buf_reserve(out, SEAL_NONCE + n + SEAL_TAG);
  unsigned char *at = (unsigned char *)out->data + out->len;
  env->random(env, at, SEAL_NONCE);
  must(!mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, n, at, SEAL_NONCE, (const unsigned char *)what,
                                  strlen(what), p, at + SEAL_NONCE, SEAL_TAG, at + SEAL_NONCE + n));
  out->len += SEAL_NONCE + n + SEAL_TAG;
  out->data[out->len] = 0;
  mbedtls_gcm_free(&c);
}

bool unseal(struct buf *out, const unsigned char key[SEAL_KEY], const char *what, const void *p, size_t n)
{
  if (n < SEAL_NONCE + SEAL_TAG) return false;
  const unsigned char *s = p;
  size_t len = n - SEAL_NONCE - SEAL_TAG;
  mbedtls_gcm_context c;
  mbedtls_gcm_init(&c);
  must(!mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, SEAL_KEY * 8));
  buf_reserve(out, len);
  bool ok = !mbedtls_gcm_auth_decrypt(&c, len, s, SEAL_NONCE, (const unsigned char *)what, strlen(what),
                                      s + n - SEAL_TAG, SEAL_TAG, s + SEAL_NONCE,
                                      (unsigned char *)out->data + out->len);
  mbedtls_gcm_free(&c);
  if (ok) out->len += len;
  out->data[out->len] = 0;
  return ok;
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
