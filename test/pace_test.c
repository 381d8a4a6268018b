/* How fast, how often and about which time a platform is asked. */
#include "domain.h"
#include "test.h"

TEST(bucket_gives_its_burst_and_then_its_rate)
{
  struct bucket b = { 0 };
  for (int i = 0; i < 20; i++) CHECK_INT(bucket_take(&b, 17, 20, 1000000), 0);
  int64_t wait = bucket_take(&b, 17, 20, 1000000);
  CHECK_INT(wait, 58824); /* 1 / 0.017 s */
  CHECK(bucket_take(&b, 17, 20, 1000000 + wait - 1) > 0);
  CHECK_INT(bucket_take(&b, 17, 20, 1000000 + wait), 0);
  CHECK_INT(bucket_take(&b, 0, 0, 5), 0);
}

/* Asked every millisecond, a slow bucket still fills: no time is lost by rounding. */
TEST(bucket_keeps_small_times)
{
  struct bucket b = { 0 };
  int taken = 0;
  CHECK_INT(bucket_take(&b, 17, 1, 1000000), 0);
  for (int64_t t = 1000001; t <= 1000000 + 600000; t++) taken += bucket_take(&b, 17, 1, t) == 0;
  CHECK_INT(taken, 10); /* 600 s at 0.017 a second */
}

TEST(bucket_is_not_filled_by_a_clock_that_goes_back)
{
  struct bucket b = { 0 };
  CHECK_INT(bucket_take(&b, 1000, 1, 5000000), 0);
  CHECK(bucket_take(&b, 1000, 1, 4000000) > 0);
  CHECK_INT(bucket_take(&b, 1000, 1, 4001000), 0);
  bucket_empty(&b, 9000000);
  CHECK_INT(bucket_take(&b, 1000, 5, 9000000), 1000);
}

/* Whatever the times of asking: never more calls in a span than burst + rate * span. */
TEST(bucket_never_gives_more_than_it_may)
{
  uint64_t seed = 7;
  for (int round = 0; round < 200; round++) {
    int64_t per = 1 + (int64_t)(test_random(&seed) % 20000), burst = 1 + (int64_t)(test_random(&seed) % 30);
    struct bucket b = { 0 };
    int64_t t = 1000000, taken = 0;
    for (int i = 0; i < 2000; i++) {
      t += (int64_t)(test_random(&seed) % 50);
      taken += bucket_take(&b, per, burst, t) == 0;
    }
    test_note("%lld in 1000 s, burst %lld", (long long)per, (long long)burst);
    CHECK(taken <= burst + (t - 1000000) * per / 1000000 + 1);
  }
}

TEST(backoff_is_full_jitter_under_a_growing_cap)
{
  uint64_t seed = 3;
  int64_t most[8] = { 0 };
  for (int f = 1; f < 8; f++)
    for (int i = 0; i < 3000; i++) {
      int64_t ms = backoff_ms(f, 1000, 20000, test_random(&seed));
      CHECK(ms >= 0 && ms <= 20000 && ms <= 1000ll << (f - 1));
      if (ms > most[f]) most[f] = ms;
    }
  for (int f = 1; f < 8; f++)
    CHECK(most[f] > (f < 6 ? 900ll << (f - 1) : 18000)); /* the whole span is used */
  CHECK(backoff_ms(60, 1000, 20000, UINT64_MAX) <= 20000);
}

TEST(breaker_opens_after_five_and_for_longer)
{
  static const int64_t want[] = { 0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900 };
  for (size_t i = 0; i < COUNT(want); i++)
    CHECK_INT(breaker_open_ms((int64_t)i, 30000, 900000), want[i] * 1000);
}

/* From watermark less overlap, cut to the platform's longest window, up to now less the settle time, without holes. */
TEST(windows_cover_time_without_holes)
{
  static const struct {
    struct window_rules r;
    int64_t watermark, now;
    int windows;
  } cases[] = {
    { { 1800000, 60000, 86400000, 259200000 }, 0, 1000000000000, 3 }, /* a new channel: three days back */
    { { 1800000, 60000, 86400000, 259200000 }, 999999400000, 1000000000000, 1 }, /* ten minutes later */
    { { 1800000, 240000, 1800000, 259200000 },
      999999400000,
      1000000000000,
      2 }, /* windows as long as the overlap */
    { { 1800000, 60000, 86400000, 259200000 }, 999740800000, 1000000000000, 4 }, /* three days off */
    { { 0, 60000, 86400000, 1000 }, 999999940000, 1000000000000, 0 },           /* nothing has settled yet */
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t from, until, walked = 0, first = 0;
    int n = 0;
    test_note("case %zu", i);
    while (window_next(&cases[i].r, cases[i].watermark, walked, cases[i].now, &from, &until) && n < 10) {
      if (walked) CHECK_INT(from, walked);
      else first = from;
      CHECK(until - from <= cases[i].r.window_ms && until <= cases[i].now - cases[i].r.settle_ms);
      walked = until, n++;
    }
    CHECK_INT(n, cases[i].windows);
    if (!n) continue;
    CHECK_INT(walked, cases[i].now - cases[i].r.settle_ms);
    CHECK_INT(first, cases[i].watermark ? cases[i].watermark - cases[i].r.overlap_ms
                                        : cases[i].now - cases[i].r.start_ms);
  }
}

/* A watermark that lies in our future was read by the platform's clock, which we have yet to learn: something is asked. */
TEST(windows_ask_when_the_clock_is_behind)
{
  static const struct window_rules rules[] = { { 1800000, 60000, 86400000, 259200000 },
                                               { 0, 60000, 86400000, 259200000 } };
  for (size_t i = 0; i < COUNT(rules); i++) {
    int64_t from = 0, until = 0, mark = 1000086400000;
    test_note("rules %zu", i);
    CHECK(window_next(&rules[i], mark, 0, 1000000000000, &from, &until));
    CHECK(until == mark && from < until);
    CHECK(!window_next(&rules[i], mark, until, 1000000000000, &from, &until)); /* once */
  }
}

/* Channels do not fire together: a hundred names share out the ten minutes. */
TEST(channels_are_spread)
{
  int in_tenth[10] = { 0 };
  for (int i = 0; i < 100; i++) {
    struct arena a = { 0 };
    int64_t at = poll_next_at(arena_printf(&a, "shop-%d", i), 600000, 1794300000000);
    CHECK(at > 1794300000000 && at <= 1794300600000);
    in_tenth[(at - 1794300000001) / 60000]++;
    CHECK_INT(poll_next_at(arena_printf(&a, "shop-%d", i), 600000, at), at + 600000);
    arena_release(&a);
  }
  for (int i = 0; i < 10; i++) CHECK(in_tenth[i] >= 2 && in_tenth[i] <= 25);
}
