/* pace.c: how fast, how often and about which time a platform is asked. Pure. */
#include "domain.h"

int64_t bucket_take(struct bucket *b, int64_t per_1000s, int64_t burst, int64_t now_ms)
{
  if (!per_1000s) return 0;
  must(per_1000s > 0 && burst > 0);
  int64_t full = burst * 1000, gone = now_ms > b->at ? now_ms - b->at : 0;
  if (!b->at || gone > full * 1000 / per_1000s) b->level = full, b->at = now_ms;
  else {
    int64_t more = gone * per_1000s / 1000; /* only the time that made whole thousandths is used up */
    b->level += more;
    b->at = now_ms > b->at ? b->at + (more * 1000 + per_1000s - 1) / per_1000s : now_ms;
  }
  if (b->level > full) b->level = full;
  if (b->level < 1000) return ((1000 - b->level) * 1000 + per_1000s - 1) / per_1000s;
  b->level -= 1000;
  return 0;
}

void bucket_empty(struct bucket *b, int64_t now_ms)
{
  b->level = 0, b->at = now_ms;
}

int64_t backoff_ms(int failures, int64_t base_ms, int64_t cap_ms, uint64_t random)
{
  must(failures >= 1 && base_ms > 0 && cap_ms >= base_ms);
  int64_t most = base_ms;
  for (int i = 1; i < failures && most < cap_ms; i++) most *= 2;
  if (most > cap_ms) most = cap_ms;
  return (int64_t)(random % (uint64_t)(most + 1));
}

int64_t breaker_open_ms(int64_t failures, int64_t least_ms, int64_t most_ms)
{
  if (failures < BREAKER_FAILURES) return 0;
  int64_t ms = least_ms;
  for (int64_t i = BREAKER_FAILURES; i < failures && ms < most_ms; i++) ms *= 2;
  return ms < most_ms ? ms : most_ms;
}

bool window_next(const struct window_rules *r, int64_t watermark, int64_t walked, int64_t now_ms,
                 int64_t *from, int64_t *until)
{
  int64_t end = now_ms - r->settle_ms;
  *from = walked ? walked : watermark ? watermark - r->overlap_ms : now_ms - r->start_ms;
  /* Read beyond what we take for now: one of the clocks moved. Ask all the same, the answer tells the platform's time. */
  if (!walked && watermark > end) {
    if (*from > watermark - 60000) *from = watermark - 60000;
    end = watermark;
  }
  *until = *from + r->window_ms < end ? *from + r->window_ms : end;
  return *until > *from && (!walked || *until - *from >= 1000);
}

int64_t poll_next_at(const char *channel, int64_t every_ms, int64_t now_ms)
{
  must(every_ms > 0);
  int64_t share = (int64_t)(hash64(channel, strlen(channel), 0) % (uint64_t)every_ms);
  int64_t step = (now_ms - share) / every_ms;
  return (step + 1) * every_ms + share;
}
