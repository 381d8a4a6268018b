/* api_stats.c: the figures of the console's home and dashboard. */
#include "edge.h"

#define HOUR_MS (3600ll * 1000)
#define DAY_MS (24 * HOUR_MS)
#define FLOW_MOST_MS (31 * DAY_MS)

enum err stages_read(struct read *rd, struct db *db)
{
  const struct status_table *t = &rd->rules->rules.status;
  struct jw w;
  (void)db; /* they stand in the configuration */
  jw_init(&w, &rd->out), jw_object(&w), jw_key(&w, "data"), jw_array(&w);
  for (int i = 0; i < t->stages; i++) {
    const struct stage *g = &t->stage[i];
    jw_object(&w), jw_kstring(&w, "name", g->name), jw_kstring(&w, "label", g->label);
    jw_kstring(&w, "label_zh", g->label_zh), jw_kstring(&w, "owner", *g->owner ? g->owner : NULL);
    jw_kstring(&w, "lead", *g->lead ? g->lead : NULL), jw_kint(&w, "remind_ms", g->remind_ms);
    jw_kint(&w, "escalate_ms", g->escalate_ms), jw_kbool(&w, "working_time", g->working_time);
    jw_kbool(&w, "terminal", g->terminal), jw_object_end(&w);
  }
  jw_array_end(&w), jw_object_end(&w);
  return ERR_OK;
}

enum err stats_orders_read(struct read *rd, struct db *db)
{
  return view_stats_orders(db, &rd->mem, &rd->rules->rules.status, &rd->out);
}

static int64_t now_of(const struct read *rd)
{
  return rd->api->env->now_ms(rd->api->env);
}

enum err stats_backlog_read(struct read *rd, struct db *db)
{
  return view_stats_backlog(db, &rd->rules->rules.status, now_of(rd), &rd->out);
}

/* from and to of the query, or the last `usual` up to now. */
static enum err window_read(struct read *rd, int64_t usual, int64_t *from, int64_t *to)
{
  *to = now_of(rd);
  TRY(read_time(rd, "to", to));
  *from = *to - usual;
  TRY(read_time(rd, "from", from));
  return *from < *to ? ERR_OK : read_bad(rd, "from lies before to");
}

enum err stats_flow_read(struct read *rd, struct db *db)
{
  int64_t from, to;
  TRY(window_read(rd, 48 * HOUR_MS, &from, &to));
  if (to - from > FLOW_MOST_MS) return read_bad(rd, "at most 31 days at once");
  return view_stats_flow(db, from, to, &rd->out);
}

enum err stats_exceptions_read(struct read *rd, struct db *db)
{
  int64_t from, to;
  TRY(window_read(rd, 30 * DAY_MS, &from, &to));
  return view_stats_exceptions(db, from, to, &rd->out);
}

enum err stats_leads_read(struct read *rd, struct db *db)
{
  int64_t from, to;
  TRY(window_read(rd, 30 * DAY_MS, &from, &to));
  return view_stats_leads(db, read_query(rd, "channel"), from, to, &rd->out);
}
