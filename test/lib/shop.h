/* shop.h: a whole orderd without sockets: inline writer, simulated clock, commands by name. For stories, properties
 * and drills. Everything is deterministic by its seed. */
#ifndef ORDERD_SHOP_H
#define ORDERD_SHOP_H
#include "flow.h"

struct shop {
  struct arena mem;
  struct env_sim env;
  struct rules rules;
  struct conf conf;
  struct actor actor;
  struct writer *writer;
  struct db *db;
  char *path;
  bool defer;   /* order.ingest only takes, as under a surge */
  bool dry_run; /* commands run and are undone */
};
/* conf_text may be NULL. false with a message on standard error. */
bool shop_open(struct shop *s, const char *path, const char *conf_text);
void shop_close(struct shop *s);
bool shop_reopen(struct shop *s, const char *conf_text);
/* Runs one command by its table name; the caller frees it. err in c->job.err. */
struct cmd *shop_run(struct shop *s, const char *name, const char *target, const char *body);
/* The same with only a result wanted. */
enum err shop_do(struct shop *s, const char *name, const char *target, const char *body);
/* A canonical order with defaults for all that `over` (a JSON object) does not say; receiver is merged by member. */
char *shop_order(struct arena *a, const char *over);
/* expected is a subset of actual: members by name, lists by place and length; "*" fits any value, numbers by text. */
bool json_fits(const struct json *expected, const struct json *actual, struct buf *why);

#endif
