/* Rule files: what is taken has a stage, a condition and actions that read back as they were written; what is refused names
 * a line and a column. Asking it ends, whatever it says. */
#include "domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static const char order[] = "{\"id\":\"o_1\",\"lines\":[{\"sku\":\"A\",\"quantity\":1}]}";
  struct arena a = { 0 };
  const char *why = NULL;
  struct sandbox *box = sandbox_open(&a, &why);
  must(box);
  sandbox_deadline(box, RULE_MS);
  struct rule *r = rule_parse(&a, box, "big", (const char *)data, n, &why);
  if (!r) {
    must(why && !strncmp(why, "big.rule:", 9) && strlen(why) < 4096);
  } else {
    bool match;
    must(r->when && r->condition && r->actions && r->actions <= RULE_ACTIONS_MAX);
    for (size_t i = 0; i < r->actions; i++) {
      struct buf b = { 0 };
      rule_action_put(&r->action[i], &b);
      must(b.len);
      must(r->action[i].act != RULE_GIFT || (r->action[i].n >= 1 && r->action[i].n <= RULE_GIFT_MOST));
      must((r->action[i].act == RULE_SKIP) == !strcmp(r->when, RULE_WHEN_CASE));
      buf_release(&b);
    }
    enum err e = rule_ask(box, &a, r, order, sizeof order - 1, 0, &match, &why);
    must(!e || (e == ERR_INVALID && why && !match));
  }
  sandbox_close(box);
  arena_release(&a);
  return 0;
}
