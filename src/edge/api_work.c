/* api_work.c: work orders over HTTP. */
#include "edge.h"

enum err works_read(struct read *rd, struct db *db)
{
  struct work_filter f = { .state = read_query(rd, "state"),
                           .factory = read_query(rd, "factory"),
                           .cursor = read_query(rd, "cursor") };
  int overdue;
  TRY(read_limit(rd, &f.limit));
  TRY(read_id(rd, "order", 'o', &f.order_id));
  TRY(read_flag(rd, "overdue", &overdue));
  f.overdue = overdue > 0;
  f.now_ms = rd->api->env->now_ms(rd->api->env);
  return view_works(db, &rd->mem, &f, &rd->out, &rd->cursor, &rd->why);
}

enum err work_read_one(struct read *rd, struct db *db)
{
  int64_t id;
  if (!id_parse(rd->call->id, 'w', &id)) return ERR_NOT_FOUND;
  return view_work(db, &rd->mem, id, &rd->out, &rd->version);
}
