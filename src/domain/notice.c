/* notice.c: what people are to be told, and how many of these make one message. */
#include "domain.h"

#define DAY_MIN (24 * 60)
#define MIN_MS 60000ll
#define COLS "id, at, coalesce(effect_id, 0), messenger, room, kind, cause, about, text, state, urgent"

static void notice_read(struct stmt *s, struct arena *a, struct notice *n)
{
  const char **const texts[] = {
    &n->messenger, &n->room, &n->kind, &n->cause, &n->about, &n->text, &n->state
  };
  n->id = stmt_col_int(s, 0), n->at = stmt_col_int(s, 1), n->effect_id = stmt_col_int(s, 2);
  for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = stmt_col_copy(s, 3 + (int)i, a);
  n->urgent = stmt_col_int(s, 10) != 0;
}

static enum err notice_known(struct db *db, const struct notice *n, bool *known)
{
  static const char SQL[] = "SELECT id FROM notices WHERE room = $1 AND cause = $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, n->room), stmt_text(s, 2, n->cause);
  *known = stmt_row(s);
  return stmt_end(s);
}

enum err notice_put(struct db *db, struct notice *n, int64_t now_ms, bool *is_new)
{
  static const char SQL[] =
    "INSERT INTO notices (id, messenger, room, kind, cause, about, text, urgent, state, at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9)";
  bool known;
  must(n->messenger && n->room && n->kind && n->cause && n->text);
  TRY(notice_known(db, n, &known));
  *is_new = !known;
  if (known) return ERR_OK;
  struct stmt *s = db_stmt(db, SQL);
  n->id = db_next_id(db, "notice");
  stmt_int(s, 1, n->id), stmt_text(s, 2, n->messenger), stmt_text(s, 3, n->room), stmt_text(s, 4, n->kind);
  stmt_text(s, 5, n->cause), stmt_text(s, 6, n->about), stmt_text(s, 7, n->text), stmt_int(s, 8, n->urgent);
  stmt_int(s, 9, now_ms);
  return stmt_run(s);
}

enum err notice_get(struct db *db, struct arena *a, int64_t id, struct notice *out)
{
  static const char SQL[] = "SELECT " COLS " FROM notices WHERE id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, id);
  bool found = stmt_row(s);
  if (found) notice_read(s, a, out);
  TRY(stmt_end(s));
  return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err notices_join(struct db *db, const char *messenger, const char *room, bool all, int64_t effect_id,
                      int64_t now_ms, int64_t *n)
{
  static const char SQL[] =
    "UPDATE notices SET messenger = $1, effect_id = $2, joined_at = $3 WHERE room = $4"
    " AND state = 'waiting' AND effect_id IS NULL AND urgent >= $5";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, messenger), stmt_int(s, 2, effect_id), stmt_int(s, 3, now_ms), stmt_text(s, 4, room);
  stmt_int(s, 5, !all);
  TRY(stmt_run(s));
  *n = db_changes(db);
  return ERR_OK;
}

enum err notice_with(struct db *db, int64_t id, int64_t effect_id, int64_t joined_at)
{
  static const char SQL[] =
    "UPDATE notices SET effect_id = $1, joined_at = CASE WHEN $2 > 0 THEN $2 END WHERE id = $3 AND state = 'waiting'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, effect_id), stmt_int(s, 2, joined_at), stmt_int(s, 3, id);
  TRY(stmt_run(s));
  return db_changes(db) ? ERR_OK : ERR_CONFLICT;
}

static enum err with_count(struct db *db, int64_t effect_id, int64_t *count)
{
  static const char SQL[] = "SELECT count(*) FROM notices WHERE effect_id = $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, effect_id);
  *count = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  return stmt_end(s);
}

enum err notices_with(struct db *db, struct arena *a, int64_t effect_id, struct notice *list, size_t max,
                      size_t *n, int64_t *count)
{
  static const char SQL[] = "SELECT " COLS " FROM notices WHERE effect_id = $1 ORDER BY id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, effect_id), stmt_int(s, 2, (int64_t)max);
  for (*n = 0; *n < max && stmt_row(s); ++*n) notice_read(s, a, &list[*n]);
  TRY(stmt_end(s));
  return with_count(db, effect_id, count);
}

enum err notices_ended(struct db *db, int64_t effect_id, const char *state, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE notices SET state = $1, ended_at = $2 WHERE effect_id = $3 AND state = 'waiting'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, state), stmt_int(s, 2, now_ms), stmt_int(s, 3, effect_id);
  return stmt_run(s);
}

enum err notices_leave(struct db *db, int64_t effect_id)
{
  static const char SQL[] =
    "UPDATE notices SET effect_id = NULL, joined_at = NULL WHERE effect_id = $1 AND state = 'waiting'";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, effect_id);
  return stmt_run(s);
}

enum err notices_drop(struct db *db, const char *room, int64_t effect_id, int64_t now_ms)
{
  static const char SQL[] =
    "UPDATE notices SET state = 'dropped', ended_at = $1 WHERE room = $2 AND state = 'waiting' AND effect_id IS NULL";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, now_ms), stmt_text(s, 2, room);
  TRY(stmt_run(s));
  return notices_ended(db, effect_id, "dropped", now_ms);
}

enum err notices_wait(struct db *db, const char *room, bool *any, bool *urgent)
{
  static const char SQL[] =
    "SELECT max(urgent) FROM notices WHERE room = $1 AND state = 'waiting' AND effect_id IS NULL";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, room);
  *any = stmt_row(s) && !stmt_col_null(s, 0);
  *urgent = *any && stmt_col_int(s, 0) != 0;
  return stmt_end(s);
}

int64_t notices_last(struct db *db, const char *messenger, const char *room, int64_t since)
{
  static const char SQL[] =
    "SELECT max(joined_at) FROM notices WHERE messenger = $1 AND joined_at > $2 AND room = $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, messenger), stmt_int(s, 2, since), stmt_text(s, 3, room);
  int64_t at = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return at;
}

int64_t notices_lately(struct db *db, const char *messenger, int64_t since, int64_t *first)
{
  static const char SQL[] =
    "SELECT count(DISTINCT effect_id), min(joined_at) FROM notices WHERE messenger = $1"
    " AND joined_at > $2";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, messenger), stmt_int(s, 2, since);
  bool found = stmt_row(s);
  int64_t n = found ? stmt_col_int(s, 0) : 0;
  *first = found ? stmt_col_int(s, 1) : 0;
  stmt_end(s);
  return n;
}

int64_t notices_lately_to(struct db *db, const char *messenger, int64_t since, int64_t contact_key)
{
  static const char SQL[] =
    "SELECT max(n.joined_at) FROM notices AS n JOIN orders AS o ON o.id = CAST(substr(n.about, 3) AS INTEGER)"
    " WHERE n.messenger = $1 AND n.joined_at > $2 AND substr(n.room, 1, 9) = 'customer:' AND o.contact_key = $3";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, messenger), stmt_int(s, 2, since), stmt_int(s, 3, contact_key);
  int64_t at = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return at;
}

/* A room's next message bears "#" and a number behind the room's name, where the one before it hangs. */
int64_t notice_message(struct db *db, struct arena *a, const char *destination, const char *room, bool *fixed,
                       bool *unknown)
{
  static const char SQL[] =
    "SELECT e.id, EXISTS (SELECT 1 FROM notices AS n WHERE n.effect_id = e.id), e.state = 'unknown' FROM effects AS e"
    " WHERE e.destination = $1 AND (e.subject = $2 OR (e.subject > $3 AND e.subject < $4))"
    " AND (e.state = 'waiting' OR e.state = 'sending' OR e.state = 'unknown') ORDER BY e.id DESC LIMIT 1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_text(s, 1, destination), stmt_text(s, 2, room);
  stmt_text(s, 3, arena_printf(a, "%s#", room)), stmt_text(s, 4, arena_printf(a, "%s$", room));
  bool found = stmt_row(s);
  int64_t id = found ? stmt_col_int(s, 0) : 0;
  *fixed = found && stmt_col_int(s, 1) != 0, *unknown = found && stmt_col_int(s, 2) != 0;
  stmt_end(s);
  return id;
}

enum err notices_prune(struct db *db, int64_t before_ms, int limit, int64_t *n)
{
  static const char SQL[] =
    "DELETE FROM notices WHERE id IN (SELECT id FROM (SELECT id, at, state, effect_id FROM notices ORDER BY id LIMIT $1)"
    " AS o WHERE at < $2 AND (state <> 'waiting' OR effect_id IS NULL))";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, limit), stmt_int(s, 2, before_ms);
  TRY(stmt_run(s));
  *n = db_changes(db);
  return ERR_OK;
}

/* ---- exceptions -------------------------------------------------------------------------------------------------------- */

size_t exceptions_since(struct db *db, struct arena *a, int64_t after, struct opened_exception *list,
                        size_t max)
{
  static const char SQL[] =
    "SELECT id, coalesce(order_id, 0), since, type, owner FROM exceptions WHERE id > $1 ORDER BY id LIMIT $2";
  struct stmt *s = db_stmt(db, SQL);
  size_t n = 0;
  stmt_int(s, 1, after), stmt_int(s, 2, (int64_t)max);
  for (; n < max && stmt_row(s); n++)
    list[n] = (struct opened_exception){ stmt_col_int(s, 0), stmt_col_int(s, 1), stmt_col_int(s, 2),
                                         stmt_col_copy(s, 3, a), stmt_col_copy(s, 4, a) };
  return stmt_end(s) ? 0 : n;
}

int64_t exceptions_before(struct db *db, int64_t ms)
{
  static const char SQL[] = "SELECT max(id) FROM exceptions WHERE since < $1";
  struct stmt *s = db_stmt(db, SQL);
  stmt_int(s, 1, ms);
  int64_t id = stmt_row(s) ? stmt_col_int(s, 0) : 0;
  stmt_end(s);
  return id;
}

/* ---- quiet hours: pure --------------------------------------------------------------------------------------------------- */

int64_t quiet_until(int64_t now_ms, int zone_min, int from_min, int to_min)
{
  struct civil c = time_civil(now_ms, zone_min);
  int now = c.hour * 60 + c.minute;
  bool in = from_min < to_min ? now >= from_min && now < to_min : now >= from_min || now < to_min;
  if (from_min == to_min || !in) return 0;
  int left = (to_min - now + DAY_MIN) % DAY_MIN;
  int64_t local = now_ms + zone_min * MIN_MS, into = local % MIN_MS;
  return now_ms - (into < 0 ? into + MIN_MS : into) + left * MIN_MS;
}

static const char *clock_parse(const char *p, int *minutes)
{
  for (int i = 0; i < 5; i++)
    if (i == 2 ? p[i] != ':' : p[i] < '0' || p[i] > '9') return NULL;
  int h = (p[0] - '0') * 10 + p[1] - '0', m = (p[3] - '0') * 10 + p[4] - '0';
  *minutes = h * 60 + m;
  return h < 24 && m < 60 ? p + 5 : NULL;
}

bool quiet_parse(const char *text, int *from_min, int *to_min)
{
  const char *p = clock_parse(text, from_min);
  if (!p || *p != '-') return false;
  p = clock_parse(p + 1, to_min);
  return p && !*p;
}

/* ---- one text of many: pure ------------------------------------------------------------------------------------------------ */

static size_t cut_at_character(const char *s, size_t most)
{
  size_t n = strlen(s);
  if (n <= most) return n;
  while (most && ((unsigned char)s[most] & 0xc0) == 0x80) most--;
  return most;
}

#define MORE_ROOM (DIGEST_LEAST / 2) /* for "… and N more" in either language */

void digest_put(struct buf *out, const struct notice *list, size_t n, int64_t count, size_t max, bool zh)
{
  size_t start = out->len, i = 0;
  must(max >= DIGEST_LEAST);
  for (; i < n; i++) {
    bool last = (int64_t)i + 1 == count;
    size_t room = max - (out->len - start) - (i > 0) - (last ? 0 : MORE_ROOM);
    if (out->len - start + (i > 0) + (last ? 0 : MORE_ROOM) > max) break;
    size_t len = cut_at_character(list[i].text, room);
    if (list[i].text[len] && i) break;
    if (i) buf_char(out, '\n');
    buf_put(out, list[i].text, len);
  }
  if ((int64_t)i < count)
    buf_printf(out, zh ? "\n… 还有 %lld 条" : "\n… and %lld more", (long long)(count - (int64_t)i));
  must(out->len - start <= max);
}
