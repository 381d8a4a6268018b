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
