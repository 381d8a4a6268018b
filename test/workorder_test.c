/* Work orders (domain 7.2): every state against every event, and events in any order. */
#include "domain.h"
#include "test.h"

TEST(work_every_state_and_event)
{
  for (int from = 0; from < WORK_STATES; from++)
    for (int to = WORK_ACCEPTED; to < WORK_STATES; to++)
      for (int64_t seq = 0; seq <= 6; seq++) {
        struct work_order w = {
          .state = (enum work_state)from, .seq = 4, .step = 2, .steps = 3, .covers = true
        };
        struct work_event e = {
          .seq = seq, .says_state = true, .state = (enum work_state)to, .step = 1, .steps = 5
        };
        bool newer = !seq || seq > 4;
        test_note("%s by %s %d", work_state_name(w.state), work_state_name(e.state), (int)seq);
        CHECK_INT(work_apply(&w, &e), newer);
        CHECK_INT(w.state, newer ? to : from), CHECK_INT(w.step, newer ? 1 : 2),
          CHECK_INT(w.seq, seq > 4 ? seq : 4);
        CHECK_INT(work_begun(&w),
                  w.state == WORK_STARTED || w.state == WORK_FINISHED || w.state == WORK_PASSED);
        CHECK_INT(work_live(&w), w.state != WORK_FAILED && w.state != WORK_SCRAPPED);
      }
}

TEST(work_cancel_is_answered_once)
{
  for (int c = 0; c < CANCEL_KINDS; c++) {
    struct work_order w = { .state = WORK_STARTED, .cancel = (enum work_cancel)c };
    const struct work_event e = { .seq = 1, .cancel_refused = true };
    CHECK_INT(work_apply(&w, &e), c == CANCEL_ASKED);
    CHECK_INT(w.cancel, c == CANCEL_ASKED ? CANCEL_REFUSED : c);
    CHECK_INT(w.state, WORK_STARTED), CHECK_INT(w.seq, 0);
  }
}

static uint64_t next(uint64_t *x)
{
  *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
  return *x;
}

TEST(work_depends_only_on_the_highest_sequence)
{
  uint64_t x = 88172645463325252ull;
  for (int round = 0; round < 2000; round++) {
    struct work_event e[12];
    struct work_order w = { .covers = true };
    size_t last = COUNT(e), date = COUNT(e);
    for (size_t i = 0; i < COUNT(e); i++) {
      e[i] = (struct work_event){ .seq = (int64_t)i + 1, .says_state = next(&x) % 4 != 0 };
      e[i].state = (enum work_state)(WORK_ACCEPTED + next(&x) % (WORK_STATES - WORK_ACCEPTED));
      e[i].step = (int64_t)(next(&x) % 9), e[i].steps = 9;
      e[i].expected_at = next(&x) % 3 ? 0 : (int64_t)(1 + next(&x) % 1000);
      if (e[i].says_state) last = i;
      if (e[i].expected_at) date = i;
    }
    for (int k = 0; k < 40; k++) work_apply(&w, &e[next(&x) % COUNT(e)]);
    for (size_t i = COUNT(e); i-- > 0;) work_apply(&w, &e[i]); /* what was dropped is sent again */
    test_note("round %d", round);
    CHECK_INT(w.seq, last == COUNT(e) ? 0 : e[last].seq);
    if (last < COUNT(e)) CHECK_INT(w.state, e[last].state), CHECK_INT(w.step, e[last].step);
    CHECK_INT(w.expected_at, date < COUNT(e) ? e[date].expected_at : 0);
  }
}

/* The next order of 0 … n - 1 after this one; false: it was the last. */
static bool permute(size_t *at, size_t n)
{
  size_t i = n - 1, k = n - 1;
  while (i > 0 && at[i - 1] >= at[i]) i--;
  if (!i) return false;
  while (at[k] <= at[i - 1]) k--;
  size_t t = at[i - 1];
  at[i - 1] = at[k], at[k] = t;
  for (size_t lo = i, hi = n - 1; lo < hi; lo++, hi--) t = at[lo], at[lo] = at[hi], at[hi] = t;
  return true;
}

TEST(work_every_order_of_six_events)
{
  static const struct work_event e[] = {
    { .seq = 1, .says_state = true, .state = WORK_ACCEPTED, .expected_at = 500 },
    { .seq = 2, .says_state = true, .state = WORK_STARTED, .step = 1, .steps = 3 },
    { .seq = 3, .cancel_refused = true },
    { .seq = 4, .says_state = true, .state = WORK_STARTED, .step = 3, .steps = 3, .expected_at = 700 },
    { .seq = 5, .says_state = true, .state = WORK_FINISHED, .step = 3, .steps = 3 },
    { .seq = 6, .says_state = true, .state = WORK_PASSED, .step = 3, .steps = 3, .note = "fine" },
  };
  size_t at[COUNT(e)], orders = 0;
  for (size_t i = 0; i < COUNT(e); i++) at[i] = i;
  do {
    struct work_order once = { .state = WORK_SENT, .covers = true, .cancel = CANCEL_ASKED }, twice = once;
    for (size_t i = 0; i < COUNT(e); i++) {
      work_apply(&once, &e[at[i]]);
      work_apply(&twice, &e[at[i]]), work_apply(&twice, &e[at[i / 2]]), work_apply(&twice, &e[at[i]]);
    }
    test_note("%zu: %zu%zu%zu%zu%zu%zu", orders, at[0], at[1], at[2], at[3], at[4], at[5]);
    for (const struct work_order *w = &once; w; w = w == &once ? &twice : NULL) {
      CHECK_INT(w->state, WORK_PASSED), CHECK_INT(w->seq, 6), CHECK_INT(w->step, 3);
      CHECK_INT(w->expected_at, 700), CHECK_INT(w->expected_seq, 4);
      CHECK_INT(w->cancel, CANCEL_REFUSED), CHECK_STR(w->note, "fine");
    }
    orders++;
  } while (permute(at, COUNT(at)));
  CHECK_INT((int)orders, 720);
}
