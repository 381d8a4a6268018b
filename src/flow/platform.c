/* platform.c: what a platform says about which of its orders belong together; its word stands for our keys (domain 3.3).
 * A person's decision stays. */
#include "flow.h"

enum err flow_group_platform_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

struct asked {
  int64_t id, contact_key;
  const struct platform_verdict *said;
  bool changed;
};

static enum err asked_read(struct cmd *c, struct db *db, const struct platform_args *p, struct asked *list,
                           size_t *n)
{
  *n = 0;
  for (size_t i = 0; i < p->n; i++) {
    struct channel ch;
    struct order o;
    enum err e = channel_find(db, &c->mem, p->order[i].channel, &ch);
    if (!e) e = order_find(db, &c->mem, ch.id, p->order[i].external_id, &o);
    if (e == ERR_NOT_FOUND) continue; /* it left since the platform was asked */
    TRY(e);
    list[(*n)++] = (struct asked){ o.id, o.contact_key, &p->order[i], false };
  }
  return ERR_OK;
}

static enum err pair_say(struct cmd *c, struct db *db, const struct platform_args *p, struct asked *x,
                         struct asked *y)
{
  bool changed, together = !strcmp(x->said->group, y->said->group);
  if (!together && x->contact_key != y->contact_key && !group_decided(db, x->id, y->id))
    return ERR_OK; /* strangers */
  TRY(group_decide_platform(db, x->id, y->id, together, p->platform, c->now_ms, &changed));
  if (!changed) return ERR_OK;
  c->numbers[0]++;
  x->changed = y->changed = true;
  return group_unpropose(db, x->id, y->id);
}

static enum err asked_settle(struct cmd *c, struct db *db, const struct platform_args *p, struct asked *x)
{
  TRY(merge_asked_put(db, x->id, (int64_t)x->said->content, c->now_ms));
  if (!x->changed) return ERR_OK;
  TRY(order_set_decided(db, x->id));
  return progress_event(c, db, 'o', x->id, "merge.platform", "{\"platform\":\"%s\"}", p->platform);
}

enum err flow_group_platform_run(struct cmd *c, struct db *db)
{
  const struct platform_args *p = c->args;
  struct asked *list = arena_array(&c->mem, struct asked, p->n + 1);
  size_t n;
  TRY(asked_read(c, db, p, list, &n));
  for (size_t i = 0; i < n; i++)
    for (size_t k = i + 1; k < n; k++)
      if (list[i].id != list[k].id) TRY(pair_say(c, db, p, &list[i], &list[k]));
  for (size_t i = 0; i < n; i++) TRY(asked_settle(c, db, p, &list[i]));
  for (size_t i = 0; i < n; i++)
    if (list[i].changed) TRY(regroup(c, db, list[i].id));
  return ERR_OK;
}
