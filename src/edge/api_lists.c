/* api_lists.c: the reads that only hand query values to a view. */
#include "edge.h"

static enum err path_id(const struct read *rd, char kind, int64_t *id)
{
  return id_parse(rd->call->id, kind, id) ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- groups --------------------------------------------------------------------------------------------------- */
enum err group_read(struct read *rd, struct db *db)
{
  int64_t id;
  TRY(path_id(rd, 'g', &id));
  return view_group(db, &rd->mem, &rd->rules->rules.merge, id, &rd->out, &rd->version);
}

enum err groups_read(struct read *rd, struct db *db)
{
  int limit, proposed, several;
  TRY(read_limit(rd, &limit));
  TRY(read_flag(rd, "proposed", &proposed));
  TRY(read_flag(rd, "several", &several));
  return view_groups(db, &rd->mem, &rd->rules->rules.merge, read_query(rd, "state"), proposed == 1,
                     several == 1, read_query(rd, "cursor"), limit, &rd->out, &rd->cursor, &rd->why);
}

/* ---- the inbox -------------------------------------------------------------------------------------------------- */
/* What arrived holds names, phones and addresses. */
enum err payload_read(struct read *rd, struct db *db)
{
  int64_t id;
  struct payload p;
  TRY(path_id(rd, 'p', &id));
  TRY(payload_get(db, &rd->mem, id, &p));
  if (call_one_channel(rd->call) && p.channel_id != rd->call->channel_id) return ERR_NOT_FOUND;
  bool body = call_full_view(rd->call);
  TRY(view_payload(db, &rd->mem, id, body, &rd->out));
  if (!body || !p.order_id) return ERR_OK;
  rd->seen = arena_array(&rd->mem, int64_t, 1);
  rd->seen[0] = p.order_id, rd->seen_n = 1, rd->what = "payload";
  return ERR_OK;
}

enum err payloads_read(struct read *rd, struct db *db)
{
  int limit;
  TRY(read_limit(rd, &limit));
  return view_payloads(db, &rd->mem, read_query(rd, "state"), read_query(rd, "channel"),
                       read_query(rd, "cursor"), limit, &rd->out, &rd->cursor, &rd->why);
}

/* ---- exceptions --------------------------------------------------------------------------------------------------- */
enum err exception_read(struct read *rd, struct db *db)
{
  int64_t id;
  TRY(path_id(rd, 'x', &id));
  return view_exception(db, &rd->mem, id, &rd->out, &rd->version);
}

enum err exceptions_read(struct read *rd, struct db *db)
{
  int limit;
  int64_t order = 0;
  TRY(read_limit(rd, &limit));
  TRY(read_id(rd, "order", 'o', &order));
  return view_exceptions(db, &rd->mem, read_query(rd, "state"), read_query(rd, "type"),
                         read_query(rd, "owner"), order, read_query(rd, "cursor"), limit, &rd->out,
                         &rd->cursor, &rd->why);
}

/* ---- short lists ----------------------------------------------------------------------------------------------------- */
enum err tokens_read(struct read *rd, struct db *db)
{
  return view_tokens(db, &rd->mem, &rd->out);
}

enum err users_read(struct read *rd, struct db *db)
{
  return view_users(db, &rd->mem, &rd->out);
}
