/* domain/poll.h: part of layer 4. What is known about getting orders from channels: where polling stands, how fast a
 * platform may be asked, what its secrets are (sealed), which pushes were seen, whom the platform was asked about. */
#ifndef ORDERD_DOMAIN_POLL_H
#define ORDERD_DOMAIN_POLL_H
#include "store.h"

/* ---- pace.c: pure rules of asking (domain 2.5, 2.7) --------------------------------------------------------- */
/* A token bucket in thousandths of a call. per_1000s 0: no limit. */
struct bucket {
  int64_t level, at;
};
/* Takes one call when there is one: 0; else how long to wait (ms). A clock that went back fills nothing. */
int64_t bucket_take(struct bucket *b, int64_t per_1000s, int64_t burst, int64_t now_ms);
void bucket_empty(struct bucket *b, int64_t now_ms); /* the platform said there is nothing left */
/* Full jitter: a random time up to base * 2^(failures-1), at most cap; failures from 1. */
int64_t backoff_ms(int failures, int64_t base_ms, int64_t cap_ms, uint64_t random);
/* The breaker opens after BREAKER_FAILURES failed calls in a row, each time for longer. 0: stay closed. */
#define BREAKER_FAILURES 5
int64_t breaker_open_ms(int64_t failures, int64_t least_ms, int64_t most_ms);
/* The next window of polling, by the platform's clock: [from, until). false: there is nothing to ask for yet.
 * walked: the end of the last window of this run, 0: none yet. */
struct window_rules {
  int64_t overlap_ms, settle_ms, window_ms, start_ms;
};
bool window_next(const struct window_rules *r, int64_t watermark, int64_t walked, int64_t now_ms, int64_t *from, int64_t *until);
/* When a channel is polled next: a multiple of every, moved by a share of it that the channel's name decides. */
int64_t poll_next_at(const char *channel, int64_t every_ms, int64_t now_ms);

/* ---- poll.c: tables polls, poll_runs, buckets, secrets, pushes, merge_asked ------------------------------------------- */
struct poll {
  int64_t channel_id, watermark, swept_at, run_at, ok_at, failures, open_until, skew_ms, received, misses;
  bool paused;
  const char *connector, *error;
};
enum err poll_get(struct db *db, struct arena *a, int64_t channel_id, struct poll *out); /* NOT_FOUND */
enum err poll_put(struct db *db, const struct poll *p); /* all of it but the watermark, which only grows: poll_reached() */
enum err poll_reached(struct db *db, int64_t channel_id, int64_t watermark);
enum err poll_again_from(struct db *db, int64_t channel_id, int64_t watermark); /* a person's wish: also backwards */
enum err poll_pause(struct db *db, int64_t channel_id, bool paused);
struct poll_run {
  int64_t channel_id, began_at, ended_at, from_at, until_at, calls, pages, received, created, updated, failed, misses;
  const char *kind, *error;
};
#define POLL_RUNS_KEPT 100 /* per channel */
enum err poll_run_put(struct db *db, const struct poll_run *r);
enum err bucket_get(struct db *db, int64_t channel_id, const char *call, struct bucket *out); /* NOT_FOUND */
enum err bucket_put(struct db *db, int64_t channel_id, const char *call, const struct bucket *b);
enum err secret_put(struct db *db, int64_t channel_id, const char *name, const void *sealed, size_t n, int64_t now_ms,
                    int64_t expires_at);
enum err secret_drop(struct db *db, int64_t channel_id, const char *name);
enum err secret_each(struct db *db, int64_t channel_id,
                     void (*fn)(void *arg, const char *name, const void *sealed, size_t n, int64_t expires_at), void *arg);
enum err push_seen(struct db *db, int64_t channel_id, const unsigned char digest[16], int64_t now_ms, bool *is_new);
enum err push_prune(struct db *db, int64_t before_ms);

#endif
