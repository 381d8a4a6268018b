/* journal.c: events, append only. Each row's digest covers the row before it and itself:
 *
 *   digest = SHA-256( digest of the row before, or 16 zero bytes
 *                   | seq at entity, lengths of type, actor, data: 8 bytes each, highest first
 *                   | kind (1 byte) | type | actor | data )
 *
 * so whoever edits, removes or swaps rows would have to write every later digest anew. */
#include "domain.h"

struct event {
  int64_t seq, at, entity;
  char kind;
  const char *type, *actor, *data;
  size_t type_n, actor_n, data_n;
};

/* Of each SHA-256 the first 16 bytes are kept: whoever could find a second text for them could as well write the
 * whole chain anew, and there is one per event. */
#define DIGEST_LEN 16

static void put64(unsigned char *p, uint64_t v)
{
  for (int i = 0; i < 8; i++) p[i] = (unsigned char)(v >> (56 - 8 * i));
}

static void event_digest(const struct event *e, const unsigned char before[DIGEST_LEN],
                         unsigned char out[DIGEST_LEN])
{
  unsigned char head[6 * 8 + 1], whole[SHA256_LEN];
  put64(head, (uint64_t)e->seq), put64(head + 8, (uint64_t)e->at), put64(head + 16, (uint64_t)e->entity);
  put64(head + 24, e->type_n), put64(head + 32, e->actor_n), put64(head + 40, e->data_n);
  head[48] = (unsigned char)e->kind;
  const struct sha256_part part[] = {
    { before, DIGEST_LEN },   { head, sizeof head },  { e->type, e->type_n },
    { e->actor, e->actor_n }, { e->data, e->data_n },
  };
  sha256_parts(part, COUNT(part), whole);
  memcpy(out, whole, DIGEST_LEN);
}

static const char SQL_LAST[] = "SELECT seq, digest FROM events ORDER BY seq DESC LIMIT 1";
static const char SQL_PUT[] =
  "INSERT INTO events (seq, at, kind, entity, type, actor, data, digest) VALUES ($1, $2, $3, $4, $5,"
  " $6, $7, $8)";

/* The end of the chain is read from the table each time: nothing in memory can go out of step with a
 * savepoint that was undone, and the last page is always in the cache. */
static enum err journal_last(struct db *db, int64_t *seq, unsigned char digest[DIGEST_LEN])
{
  struct stmt *s = db_stmt(db, SQL_LAST);
  *seq = 0;
  memset(digest, 0, DIGEST_LEN);
  if (stmt_row(s)) {
    size_t n;
    const void *p = stmt_col_blob(s, 1, &n);
    *seq = stmt_col_int(s, 0);
    if (n == DIGEST_LEN) memcpy(digest, p, n); /* else the file was tampered with: `check` says so */
  }
  return stmt_end(s);
}

int64_t journal_head(struct db *db)
{
  unsigned char digest[DIGEST_LEN];
  int64_t seq = 0;
  return journal_last(db, &seq, digest) ? 0 : seq;
}

static bool is_birth(const char *type)
{
  return !strcmp(type, "order.created");
}

const char *journal_data(const char *type, const char *data)
{
  return is_birth(type) && !strcmp(data, "{}") ? JOURNAL_USUAL : data;
}

enum err journal_put(struct db *db, int64_t at, char kind, int64_t entity, const char *type,
                     const char *actor, const char *data, int64_t *seq)
{
  must(type && actor && data && data[0] == '{');
  if (is_birth(type) && !strcmp(data, JOURNAL_USUAL)) data = "{}";
  struct event e = {
    .at = at,
    .kind = kind,
    .entity = entity,
    .type = type,
    .actor = actor,
    .data = data,
    .type_n = strlen(type),
    .actor_n = strlen(actor),
    .data_n = strlen(data),
  };
  unsigned char before[DIGEST_LEN], digest[DIGEST_LEN];
  TRY(journal_last(db, &e.seq, before));
  e.seq++;
  event_digest(&e, before, digest);
  struct stmt *s = db_stmt(db, SQL_PUT);
  stmt_int(s, 1, e.seq), stmt_int(s, 2, at), stmt_textn(s, 3, &e.kind, 1), stmt_int(s, 4, entity);
  stmt_textn(s, 5, type, e.type_n), stmt_textn(s, 6, actor, e.actor_n), stmt_textn(s, 7, data, e.data_n);
  stmt_blob(s, 8, digest, sizeof digest);
  if (seq) *seq = e.seq;
  return stmt_run(s);
}

/* ---- check ----------------------------------------------------------------------------------- */
#define JOURNAL_SAY_MAX 20 /* the first breaks are named, the rest only counted */

struct journal_walk {
  void (*say)(void *arg, const char *text);
  void *arg;
  struct arena mem;
  int broken;
};

static void journal_say(struct journal_walk *w, int64_t seq, const char *what)
{
  if (++w->broken > JOURNAL_SAY_MAX) return;
  w->say(w->arg, arena_printf(&w->mem, "event %lld: %s", (long long)seq, what));
}

/* Lengths as the file has them: a NUL put into a text does not hide what follows it. */
static bool event_read(struct stmt *s, struct event *e)
{
  size_t kind_n;
  const char *kind = stmt_col_blob(s, 2, &kind_n);
  e->seq = stmt_col_int(s, 0), e->at = stmt_col_int(s, 1), e->entity = stmt_col_int(s, 3);
  e->kind = kind_n ? kind[0] : 0;
  e->type = stmt_col_blob(s, 4, &e->type_n);
  e->actor = stmt_col_blob(s, 5, &e->actor_n);
  e->data = stmt_col_blob(s, 6, &e->data_n);
  return kind_n == 1;
}

int journal_check(struct db *db, void (*say)(void *arg, const char *text), void *arg)
{
  static const char SQL[] =
    "SELECT seq, at, kind, entity, type, actor, data, digest FROM events ORDER BY seq";
  struct journal_walk w = { say, arg, { 0 }, 0 };
  unsigned char before[DIGEST_LEN] = { 0 }, digest[DIGEST_LEN];
  int64_t seq = 0;
  struct stmt *s = db_stmt(db, SQL);
  while (stmt_row(s)) {
    struct event e;
    size_t n;
    bool whole = event_read(s, &e);
    const unsigned char *stored = stmt_col_blob(s, 7, &n);
    event_digest(&e, before, digest);
    if (e.seq != seq + 1) journal_say(&w, e.seq, "the one before it is missing");
    else if (!whole || n != DIGEST_LEN || !same_bytes(stored, digest, n))
      journal_say(&w, e.seq, "its digest does not follow from the one before: edited, moved or put in later");
    /* Goes on from what is stored, so that one edited row is one finding and not all that follow. */
    seq = e.seq;
    memcpy(before, n == DIGEST_LEN ? stored : digest, DIGEST_LEN);
  }
  if (w.broken > JOURNAL_SAY_MAX)
    say(arg, arena_printf(&w.mem, "events: %d more breaks of the chain", w.broken - JOURNAL_SAY_MAX));
  arena_release(&w.mem);
  return stmt_end(s) ? -1 : w.broken;
}
