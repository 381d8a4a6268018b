/* api_ship.c: fulfilments, claims, waves and the packing bench: what is read of them. */
#include "edge.h"

static enum err path_id(const struct read *rd, char kind, int64_t *id)
{
  return id_parse(rd->call->id, kind, id) ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- fulfilments and claims -------------------------------------------------------------------------------------- */
enum err fulfilment_read(struct read *rd, struct db *db)
{
  int64_t id;
  TRY(path_id(rd, 'f', &id));
  return view_fulfilment(db, &rd->mem, id, &rd->out, &rd->version);
}

enum err fulfilments_read(struct read *rd, struct db *db)
{
  struct fulfilment_filter f = { .status = read_query(rd, "status"),
                                 .warehouse = read_query(rd, "warehouse"),
                                 .work = read_query(rd, "work"),
                                 .cursor = read_query(rd, "cursor") };
  TRY(read_limit(rd, &f.limit));
  TRY(read_id(rd, "order", 'o', &f.order_id));
  TRY(read_id(rd, "group", 'g', &f.group_id));
  TRY(read_id(rd, "wave", 'v', &f.wave_id));
  return view_fulfilments(db, &rd->mem, &f, &rd->out, &rd->cursor, &rd->why);
}

enum err claim_read(struct read *rd, struct db *db)
{
  int64_t id;
  TRY(path_id(rd, 'k', &id));
  return view_claim(db, &rd->mem, id, &rd->out, &rd->version);
}
