/* domain/rule.h: part of layer 4. Rules of the team as text files (contract 5): what they say, which of them are on, what they
 * left on orders. Reading one needs a sandbox; nothing here decides when a rule is asked, see flow/rule.c. */
#ifndef ORDERD_DOMAIN_RULE_H
#define ORDERD_DOMAIN_RULE_H
#include "store.h"

#define RULE_FILE_MAX (64 << 10)
#define RULES_MAX 200
#define RULE_ACTIONS_MAX 16
#define RULE_MS 5           /* that asking one may take: time that its thread worked */
#define RULE_OVERRUNS_MAX 5 /* then it is off */
#define RULE_DIGEST 32
#define RULE_GIFT_MOST 99   /* pieces in one line */
#define RULE_WHEN_CASE "case" /* asked about a case's steps, not when an order comes somewhere */
#define RULE_VERSION 12 /* of the digest, in hexadecimal: what people see */
#define RULE_ACT_MAP(X)                                                                                  \
  X(HOLD, "hold", "hold REASON") X(TAG, "tag", "tag NAME") X(ROUTE, "route", "route WAREHOUSE")          \
  X(PRIORITY, "priority", "priority NUMBER") X(SPLIT, "split", "split apart") X(PROPOSE, "propose", "propose") \
  X(GIFT, "gift", "gift SKU QUANTITY") X(SKIP, "skip", "skip STEP")
enum rule_act {
#define X(id, name, form) RULE_##id,
  RULE_ACT_MAP(X)
#undef X
  RULE_ACT_N
};
struct rule_action {
  enum rule_act act;
  const char *text; /* reason, tag, warehouse, SKU, step */
  int64_t n;        /* priority, quantity, step */
  int line;
};
struct rule_example {
  const char *name, *order; /* JSON, as :order */
  const char *of_case;      /* JSON, as :case; NULL: none */
  int line;
  bool matches;
  int64_t now_ms;
};
struct rule {
  const char *name, *title, *when; /* when: taken, the stage that an order comes to, or RULE_WHEN_CASE */
  int64_t order;                   /* lower ones are asked first; then by name */
  bool stop;                       /* when it matches, no later rule is asked */
  const char *text;
  size_t text_n;
  unsigned char digest[RULE_DIGEST];
  char version[RULE_VERSION + 1];
  struct sandbox_sql *condition;
  struct rule_action action[RULE_ACTIONS_MAX];
  size_t actions;
  struct rule_example *example;
  size_t examples;
};
/* NULL with *why: "NAME.rule:LINE:COLUMN: what". Compiled in the sandbox, with which it ends. */
struct rule *rule_parse(struct arena *a, struct sandbox *box, const char *name, const char *text, size_t n, const char **why);
bool rule_name_ok(const char *name); /* letters a-z, digits, _ and -; 1 to 32 */
/* Asks: OK with *match, or INVALID with *why: an error of the SQL, or it took too much. */
enum err rule_ask(struct sandbox *box, struct arena *a, const struct rule *r, const char *order, size_t order_n, int64_t now_ms,
                  bool *match, const char **why);
/* The same with a case (JSON; NULL: none) beside the order. */
enum err rule_ask_case(struct sandbox *box, struct arena *a, const struct rule *r, const char *order, size_t order_n,
                       const char *of_case, int64_t now_ms, bool *match, const char **why);
bool rule_skips(const struct rule *r, int64_t step); /* has skip for this step of a case */
void digest_shown(const unsigned char digest[RULE_DIGEST], char out[RULE_VERSION + 1]);
void rule_action_put(const struct rule_action *x, struct buf *out); /* "tag big" */
/* Runs what the file itself gives as examples; how many fail, said one by one. */
int rule_examples(struct sandbox *box, struct arena *a, const struct rule *r, void (*say)(void *arg, const char *text), void *arg);

struct rule_set { /* those of one reading, in the order they are asked */
  struct sandbox *box;
  struct rule **rule;
  size_t n;
};
const struct rule *rule_find(const struct rule_set *s, const char *name); /* NULL */
void rule_set_sort(struct rule_set *s);

/* ---- tables rules, rule_applied, order_tags, order_wishes ------------------------------------------------------------- */
struct rule_state {
  bool known, on; /* known: switched on or off in this very version */
  int64_t applied, overruns, changed_at;
};
enum err rule_state(struct db *db, const struct rule *r, struct rule_state *out);
enum err rule_switch(struct db *db, const struct rule *r, bool on, int64_t now_ms); /* overruns begin anew */
enum err rule_overrun(struct db *db, const struct rule *r, int64_t now_ms, int64_t *overruns);
/* *is_new: this version was not applied to this order at this stage before. */
enum err rule_remember(struct db *db, const struct rule *r, int64_t order_id, int64_t now_ms, bool *is_new);
enum err rule_counted(struct db *db, const struct rule *r, int64_t now_ms);
enum err tag_put(struct db *db, int64_t order_id, const char *tag, bool *is_new);
struct order_wish { /* what rules want of an order; the last that says something has it */
  const char *warehouse;
  int64_t priority;
  bool apart, propose;
};
enum err wish_get(struct db *db, struct arena *a, int64_t order_id, struct order_wish *out); /* all zero: none */
enum err wish_put(struct db *db, int64_t order_id, const struct order_wish *w);
/* Orders placed in [from, to), newest first, those before this id. */
size_t rule_past(struct db *db, int64_t from, int64_t to, int64_t before, int64_t *ids, size_t max);
size_t rule_past_cases(struct db *db, int64_t from, int64_t to, int64_t before, int64_t *ids, size_t max); /* by when they were opened */
enum err row_tags(struct db *db, struct jw *w, int64_t order_id); /* "tags":[…] of an order */
enum err row_priority(struct db *db, struct jw *w, int64_t order_id); /* "priority":N where a rule gave one */

/* ---- gift.c: table gifts ------------------------------------------------------------------------------------------------ */
#define GIFT_LINE 1000 /* line numbers beyond this are gifts */
#define GIFTS_MAX 50   /* of one order */
#define GIFT_MISSING_TAG "gift-missing"
struct gift {
  int64_t order_id, line_no, quantity, at;
  const char *sku, *rule;
  unsigned char digest[RULE_DIGEST];
};
enum err gift_put(struct db *db, struct gift *g); /* its line_no is chosen here; CONFLICT: GIFTS_MAX */
enum err gift_set(struct db *db, int64_t order_id, int64_t line_no, int64_t quantity);
enum err gifts_of_order(struct db *db, struct arena *a, int64_t order_id, struct gift **list, size_t *n);
enum err row_gifts(struct db *db, struct jw *w, int64_t order_id); /* "gifts":[…] of an order that has some */

#endif
