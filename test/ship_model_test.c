/* Stock, split, claims and the outbox beside a naive model: random histories, every rule of domain 3 to 6 held after every
 * command (test/lib/shipmodel.h). SHIP_SEED=N runs one history, SHIP_HISTORIES=N so many. */
#include "lib/shipmodel.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define HISTORIES 2000
#define STEPS 100

static int64_t asked(const char *name, int64_t otherwise)
{
  const char *text = getenv(name);
  return text ? strtoll(text, NULL, 10) : otherwise;
}

static const char *file(const char *name)
{
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", test_dir(), name);
  return path;
}

TEST(ship_histories_keep_every_rule)
{
  struct shop s;
  struct ship_run run = { .steps = (int)asked("SHIP_STEPS", STEPS), .verbose = getenv("SHIP_SEED") != NULL };
  int64_t seed = asked("SHIP_SEED", 1), n = asked("SHIP_HISTORIES", run.verbose ? 1 : HISTORIES);
  int failed = 0;
  REQUIRE(ship_shop_open(&s, file("model.db")));
  for (int64_t i = 0; i < n && failed < 3; i++) failed += !ship_history(&s, (uint64_t)(seed + i), &run);
  CHECK_INT(failed, 0);
  static const uint64_t per_hundred[] = { 150, 50, 25, 25,
                                          2 }; /* claims, shipped, voids, confirmed, asked about */
  for (size_t i = 0; n >= 100 && i < COUNT(per_hundred); i++)
    CHECK(run.counts[i] >= (uint64_t)n / 100 * per_hundred[i]);
  shop_close(&s);
}

TEST(ship_histories_are_the_same_again)
{
  struct shop s;
  struct ship_run run = { .steps = STEPS };
  REQUIRE(ship_shop_open(&s, file("same.db")));
  for (uint64_t seed = 1; seed <= 20; seed++) CHECK(ship_history_same(&s, seed, &run));
  shop_close(&s);
}
