/* api_effects.c: the outbox as people see it. What they do with it are commands. */
#include "edge.h"

enum err effect_one_read(struct read *rd, struct db *db)
{
  int64_t id;
  if (!id_parse(rd->call->id, 'e', &id)) return ERR_NOT_FOUND;
  return view_effect(db, &rd->mem, id, &rd->out, &rd->version);
}

enum err callback_read(struct read *rd, struct db *db)
{
  int64_t id;
  return id_parse(rd->call->id, 'q', &id) ? view_callback(db, &rd->mem, id, &rd->out) : ERR_NOT_FOUND;
}

enum err callbacks_read(struct read *rd, struct db *db)
{
  int limit;
  TRY(read_limit(rd, &limit));
  return view_callbacks(db, &rd->mem, read_query(rd, "state"), read_query(rd, "destination"),
                        read_query(rd, "cursor"), limit, &rd->out, &rd->cursor, &rd->why);
}

enum err effects_read(struct read *rd, struct db *db)
{
  int limit;
  TRY(read_limit(rd, &limit));
  return view_effects(db, &rd->mem, read_query(rd, "state"), read_query(rd, "kind"),
                      read_query(rd, "destination"), read_query(rd, "cursor"), limit, &rd->out, &rd->cursor,
                      &rd->why);
}

enum err notice_read(struct read *rd, struct db *db)
{
  int64_t id;
  return id_parse(rd->call->id, 'm', &id) ? view_notice(db, id, &rd->out) : ERR_NOT_FOUND;
}

enum err notices_read(struct read *rd, struct db *db)
{
  const struct notice_filter f = { .room = read_query(rd, "room"),
                                   .state = read_query(rd, "state"),
                                   .about = read_query(rd, "about") };
  int limit;
  TRY(read_limit(rd, &limit));
  return view_notices(db, &rd->mem, &f, read_query(rd, "cursor"), limit, &rd->out, &rd->cursor, &rd->why);
}
