/* rate_store.c: rate cards, their bands, and the lead times that were seen. */
#include "domain.h"

#define CARD_COLS \
  "id, code, carrier, service, origin, currency, divisor, step_g, minimum, fuel_bp, cod_bp, cod_minimum, insured_bp," \
  " insured_minimum, weight_max_g, side_max_mm, valid_from, valid_to, dangerous, cold, retired, version"
#define ROW_COLS \
  "id, card_id, province, city, model, from_g, to_g, first_g, first, per_kg, remote, days_least, days_most"

static void card_read(struct stmt *s, struct arena *a, struct rate_card *out)
{
  *out = (struct rate_card){ .id = stmt_col_int(s, 0),
                             .code = stmt_col_copy(s, 1, a),
                             .carrier = stmt_col_copy(s, 2, a),
                             .service = stmt_col_copy(s, 3, a),
                             .origin = stmt_col_copy(s, 4, a),
                             .currency = stmt_col_copy(s, 5, a),
                             .divisor = stmt_col_int(s, 6),
                             .step_g = stmt_col_int(s, 7),
                             .minimum = stmt_col_int(s, 8),
                             .fuel_bp = stmt_col_int(s, 9),
                             .cod_bp = stmt_col_int(s, 10),
                             .cod_minimum = stmt_col_int(s, 11),
                             .insured_bp = stmt_col_int(s, 12),
                             .insured_minimum = stmt_col_int(s, 13),
                             .weight_max_g = stmt_col_int(s, 14),
                             .side_max_mm = stmt_col_int(s, 15),
                             .valid_from = stmt_col_int(s, 16),
                             .valid_to = stmt_col_int(s, 17),
                             .dangerous = stmt_col_int(s, 18) != 0,
                             .cold = stmt_col_int(s, 19) != 0,
                             .retired = stmt_col_int(s, 20) != 0,
                             .version = stmt_col_int(s, 21) };
}

enum err rate_card_find(struct db *db, struct arena *a, const char *code, struct rate_card *out)
{
  struct stmt *s = db_stmt(db, "SELECT " CARD_COLS " FROM rate_cards WHERE code = $1");
  stmt_text(s, 1, code);
  bool found = stmt_row(s);
  if (found) card_read(s, a, out);
  enum err e = stmt_end(s);
  return e ? e : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err rate_card_put(struct db *db, struct rate_card *c, int64_t now_ms)
{
  static const char SQL[] =
    "INSERT INTO rate_cards (id, code, carrier, service, origin, currency, divisor, step_g, minimum, fuel_bp, cod_bp,"
    " cod_minimum, insured_bp, insured_minimum, weight_max_g, side_max_mm, valid_from, valid_to, dangerous, cold,"
    " retired, version, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
    " $17, $18, $19, $20, $21, $22, $23) ON CONFLICT (id) DO UPDATE SET carrier = excluded.carrier,"
    " service = excluded.service, origin = excluded.origin, currency = excluded.currency, divisor = excluded.divisor,"
    " step_g = excluded.step_g, minimum = excluded.minimum, fuel_bp = excluded.fuel_bp, cod_bp = excluded.cod_bp,"
    " cod_minimum = excluded.cod_minimum, insured_bp = excluded.insured_bp, insured_minimum = excluded.insured_minimum,"
    " weight_max_g = excluded.weight_max_g, side_max_mm = excluded.side_max_mm, valid_from = excluded.valid_from,"
    " valid_to = excluded.valid_to, dangerous = excluded.dangerous, cold = excluded.cold, retired = excluded.retired,"
    " version = excluded.version, updated_at = excluded.updated_at";
  if (!c->id) c->id = db_next_id(db, "rate_cards");
  c->version++;
  struct stmt *s = db_stmt(db, SQL);
  const int64_t numbers[] = { c->divisor,      c->step_g,      c->minimum,    c->fuel_bp,
                              c->cod_bp,       c->cod_minimum, c->insured_bp, c->insured_minimum,
                              c->weight_max_g, c->side_max_mm, c->valid_from, c->valid_to,
                              c->dangerous,    c->cold,        c->retired,    c->version,
                              now_ms };
  const char *const texts[] = { c->code, c->carrier, c->service, c->origin, c->currency };
  stmt_int(s, 1, c->id);
  for (size_t i = 0; i < COUNT(texts); i++) stmt_text(s, (int)i + 2, texts[i]);
  for (size_t i = 0; i < COUNT(numbers); i++) stmt_int(s, (int)i + 7, numbers[i]);
  return stmt_run(s);
}

static void row_read(struct stmt *s, struct arena *a, struct rate *out)
{
  *out = (struct rate){ .id = stmt_col_int(s, 0),
                        .card_id = stmt_col_int(s, 1),
                        .province = stmt_col_copy(s, 2, a),
                        .city = stmt_col_copy(s, 3, a),
                        .model = (enum rate_model)stmt_col_int(s, 4),
                        .from_g = stmt_col_int(s, 5),
                        .to_g = stmt_col_int(s, 6),
                        .first_g = stmt_col_int(s, 7),
                        .first = stmt_col_int(s, 8),
                        .per_kg = stmt_col_int(s, 9),
                        .remote = stmt_col_int(s, 10),
                        .days_least = stmt_col_int(s, 11),
                        .days_most = stmt_col_int(s, 12) };
}

static void row_values(struct stmt *s, int at, const struct rate *r)
{
  const int64_t numbers[] = { (int64_t)r->model, r->to_g,   r->first_g,    r->first,
                              r->per_kg,         r->remote, r->days_least, r->days_most };
  for (size_t i = 0; i < COUNT(numbers); i++) stmt_int(s, at + (int)i, numbers[i]);
}

enum err rate_put(struct db *db, const struct rate *r, bool *changed, bool *is_new)
{
  static const char FIND[] =
    "SELECT 1 FROM rates WHERE card_id = $1 AND province = $2 AND city = $3 AND from_g = $4";
  static const char PUT[] =
    "INSERT INTO rates (id, card_id, province, city, from_g, model, to_g, first_g, first, per_kg, remote, days_least,"
    " days_most) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    " ON CONFLICT (card_id, province, city, from_g) DO UPDATE SET model = excluded.model, to_g = excluded.to_g,"
    " first_g = excluded.first_g, first = excluded.first, per_kg = excluded.per_kg, remote = excluded.remote,"
    " days_least = excluded.days_least, days_most = excluded.days_most WHERE model <> excluded.model"
    " OR to_g <> excluded.to_g OR first_g <> excluded.first_g OR first <> excluded.first OR per_kg <> excluded.per_kg"
    " OR remote <> excluded.remote OR days_least <> excluded.days_least OR days_most <> excluded.days_most";
  struct stmt *s = db_stmt(db, FIND);
  stmt_int(s, 1, r->card_id), stmt_text(s, 2, r->province), stmt_text(s, 3, r->city),
    stmt_int(s, 4, r->from_g);
  *is_new = !stmt_row(s);
  TRY(stmt_end(s));
  s = db_stmt(db, PUT);
  stmt_int(s, 1, db_next_id(db, "rates")), stmt_int(s, 2, r->card_id), stmt_text(s, 3, r->province);
  stmt_text(s, 4, r->city), stmt_int(s, 5, r->from_g);
  row_values(s, 6, r);
  TRY(stmt_run(s));
  *changed = db_changes(db) > 0;
  return ERR_OK;
}

enum err rate_cards(struct db *db, struct arena *a, bool retired_too, struct rate_card **out, size_t *n)
{
  struct stmt *s = db_stmt(db, "SELECT " CARD_COLS " FROM rate_cards WHERE retired <= $1 ORDER BY id");
  size_t cap = 0;
  *out = NULL, *n = 0;
  stmt_int(s, 1, retired_too);
  while (stmt_row(s)) {
    if (*n == cap) {
      struct rate_card *grown = arena_array(a, struct rate_card, cap = cap ? 2 * cap : 16);
      if (*n) memcpy(grown, *out, *n * sizeof **out);
      *out = grown;
    }
    card_read(s, a, &(*out)[(*n)++]);
  }
  return stmt_end(s);
}

enum err rate_rows(struct db *db, struct arena *a, const char *province, struct rate **out, size_t *n)
{
  static const char SQL[] =
    "SELECT " ROW_COLS " FROM rates WHERE province = '' OR province = $1 ORDER BY card_id, id"
    " LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  size_t cap = 0;
  *out = NULL, *n = 0;
  stmt_text(s, 1, province), stmt_int(s, 2, RATE_ROWS_MAX);
  while (stmt_row(s)) {
    if (*n == cap) {
      struct rate *grown = arena_array(a, struct rate, cap = cap ? 2 * cap : 64);
      if (*n) memcpy(grown, *out, *n * sizeof **out);
      *out = grown;
    }
    row_read(s, a, &(*out)[(*n)++]);
  }
  return stmt_end(s);
}

/* ---- lead times: how many parcels of a carrier were how many days on their way to a province ------------------------ */
enum err lead_seen(struct db *db, const char *carrier, const char *province, int64_t days)
{
  static const char SQL[] = "INSERT INTO lead_times (carrier, province, days, parcels) VALUES ($1, $2, $3, 1)"
                            " ON CONFLICT (carrier, province, days) DO UPDATE SET parcels = parcels + 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, carrier), stmt_text(s, 2, province), stmt_int(s, 3, days < 0 ? 0 : days > 400 ? 400 : days);
  return stmt_run(s);
}

enum err lead_times(struct db *db, struct arena *a, struct lead_time **out, size_t *n)
{
  struct stmt *s =
    db_stmt(db, "SELECT carrier, province, days, parcels FROM lead_times ORDER BY carrier, province, days");
  size_t cap = 0;
  *out = NULL, *n = 0;
  while (stmt_row(s)) {
    if (*n == cap) {
      struct lead_time *grown = arena_array(a, struct lead_time, cap = cap ? 2 * cap : 64);
      if (*n) memcpy(grown, *out, *n * sizeof **out);
      *out = grown;
    }
    (*out)[(*n)++] = (struct lead_time){ stmt_col_copy(s, 0, a), stmt_col_copy(s, 1, a), stmt_col_int(s, 2),
                                         stmt_col_int(s, 3) };
  }
  return stmt_end(s);
}
