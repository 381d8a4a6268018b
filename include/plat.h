/* plat.h: layer 2. What the machine gives: clock, randomness, log, digests, files. */
#ifndef ORDERD_PLAT_H
#define ORDERD_PLAT_H
#include "base.h"

/* ---- env: everything a simulation replaces ------------------------------------------------------ */
struct env {
  int64_t (*now_ms)(struct env *);            /* wall clock, ms UTC */
  void (*random)(struct env *, void *p, size_t n);
};
struct env *env_real(void);
struct env_sim { /* a counter and a seed: the same seed gives the same run */
  struct env env;
  int64_t now_ms;
  uint64_t seed;
};
void env_sim_init(struct env_sim *s, int64_t now_ms, uint64_t seed);
int64_t mono_ms(void); /* monotonic; for time-outs and measuring only, never stored */
struct timespec;
void mono_after(struct timespec *until, int64_t ms); /* so long from now, for pthread_cond_timedwait() on CLOCK_MONOTONIC */
int64_t mono_us(void);
int64_t thread_us(void); /* what this thread has worked; a busy machine adds nothing */

/* ---- log lines: one per call, to standard error or a file, control characters escaped ------------ */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
void log_open(enum log_level least, bool color);
void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

/* ---- digests ------------------------------------------------------------------------------------- */
#define SHA256_LEN 32
void sha256(const void *p, size_t n, unsigned char out[SHA256_LEN]);
struct sha256_part {
  const void *p;
  size_t n;
};
void sha256_parts(const struct sha256_part *part, size_t parts, unsigned char out[SHA256_LEN]);
void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, unsigned char out[SHA256_LEN]);
/* What platforms sign with; MD5 and SHA-1 protect nothing of ours. MAC: HMAC (RFC 2104) of the digest. */
enum digest { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256 };
#define DIGEST_MAX 32
size_t digest_bytes(enum digest d, const void *p, size_t n, unsigned char out[DIGEST_MAX]);
size_t digest_mac(enum digest d, const void *key, size_t key_n, const void *p, size_t n, unsigned char out[DIGEST_MAX]);
void base64_put(struct buf *b, const void *p, size_t n);
bool base64_get(struct buf *b, const char *text, size_t n); /* standard or URL alphabet, padding may be missing; false: not base64 */
/* Sealing of secrets: AES-256-GCM, a random nonce before and the tag behind. what: bound to it, not stored. */
#define SEAL_KEY 32
void seal(struct buf *out, struct env *env, const unsigned char key[SEAL_KEY], const char *what, const void *p, size_t n);
bool unseal(struct buf *out, const unsigned char key[SEAL_KEY], const char *what, const void *p, size_t n); /* false: damaged, or not sealed so */
bool same_bytes(const void *a, const void *b, size_t n); /* constant time */
void hex_put(struct buf *b, const void *p, size_t n);
char *token_text(struct arena *a, struct env *env, const char *prefix); /* 256 bits, URL-safe */

/* Passwords: argon2id (RFC 9106, second recommended option scaled to 19 MiB, t=2, p=1 as OWASP
 * advises), encoded text. Slow on purpose: never on the loop or the writer. */
char *password_hash(struct arena *a, struct env *env, const char *password);
bool password_verify(const char *encoded, const char *password);

/* ---- files ----------------------------------------------------------------------------------------- */
/* Whole file into the arena, NUL added; NULL with errno when it cannot be read or is over max. */
char *file_read(struct arena *a, const char *path, size_t max, size_t *n);
/* Written beside, fsynced, renamed, directory fsynced; mode as given. */
bool file_write(const char *path, const void *p, size_t n, int mode);
bool file_rename(const char *from, const char *to); /* directory fsynced */
bool dir_make(const char *path, int mode); /* true when it is there already */
int64_t disk_free(const char *path);       /* bytes an unprivileged process may use, -1 on error */
/* An exclusive lock held until exit; -1 when another process holds it (its pid in *holder, 0 unknown). */
int lock_take(const char *path, int *holder);
bool lock_is_held(const char *path, int *holder); /* by whom; looks without taking, so it is in nobody's way */
/* No core dumps, not traceable. */
void process_harden(void);

/* ---- jail.c: work on bytes that strangers made, in a process that may only compute and answer ---------------
 * The child gets a copy of all memory and nothing else: no descriptor but the pipe, no file, socket or process, limited
 * time and memory. Only from a process without threads. What it answers is to be believed no more than the bytes. */
struct jail {
  int pid, fd;
};
enum jail_end { JAIL_DONE, JAIL_TOO_LONG, JAIL_BROKEN };
typedef void jail_work(void *arg);
bool jail_open(struct jail *j, jail_work *work, void *arg); /* false: there is no room for a process */
void jail_put(const void *p, size_t n);                     /* in the child: to the parent */
bool jail_read(struct jail *j, void *p, size_t n);          /* in the parent: all n bytes, or false */
enum jail_end jail_close(struct jail *j);                   /* waits for its end */

/* ---- named points ------------------------------------------------------------------------------------------
 * Where a test lets the process die as by kill -9, in sanitizer builds only: ORDERD_KILL_AT=name, or name:3 for the third
 * time. Each name stands in the source once; test/outbox/points.test.mjs finds them there and tries every one. */
#ifdef ORDERD_SANITIZE
void kill_point(const char *name);
#define KILL_POINT(name) kill_point(name)
#else
#define KILL_POINT(name) ((void)0)
#endif

#endif
