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

/* ---- waves and the bench --------------------------------------------------------------------------------------- */
enum privacy slip_privacy(const struct read *rd)
{
  return call_full_view(rd->call) ? SHOW_FULL : SHOW_MASKED;
}

/* What customers and sellers wrote is theirs: that it was shown is noted. */
void slips_seen(struct read *rd, const struct slip *list, size_t n, const char *what)
{
  size_t all = 0;
  if (!call_full_view(rd->call)) return;
  for (size_t i = 0; i < n; i++) all += list[i].remarks;
  rd->seen = arena_array(&rd->mem, int64_t, all + 1), rd->what = what;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < list[i].remarks; k++) {
      const struct slip_remark *r = &list[i].remark[k];
      bool said = (r->buyer && *r->buyer) || (r->seller && *r->seller);
      if (said && (!rd->seen_n || rd->seen[rd->seen_n - 1] != r->order_id))
        rd->seen[rd->seen_n++] = r->order_id;
    }
}

enum err pack_read(struct read *rd, struct db *db)
{
  int64_t id;
  struct slip p;
  TRY(path_id(rd, 'f', &id));
  TRY(slip_read(db, &rd->mem, id, slip_privacy(rd), &p));
  rd->version = p.version;
  slip_json(&rd->out, &p);
  slips_seen(rd, &p, 1, "pack");
  return ERR_OK;
}

enum err wave_read(struct read *rd, struct db *db)
{
  int64_t id;
  struct sheet s;
  TRY(path_id(rd, 'v', &id));
  TRY(sheet_read(db, &rd->mem, id, slip_privacy(rd), &s));
  rd->version = s.wave.version;
  sheet_json(&rd->out, &s);
  slips_seen(rd, s.slip, s.slips, "wave");
  return ERR_OK;
}

enum err waves_read(struct read *rd, struct db *db)
{
  int limit;
  TRY(read_limit(rd, &limit));
  return view_waves(db, &rd->mem, read_query(rd, "state"), read_query(rd, "warehouse"),
                    read_query(rd, "cursor"), limit, &rd->out, &rd->cursor, &rd->why);
}
