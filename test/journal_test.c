/* journal_test.c: the chain of events, and the small nouns: ids, roles, channels, exceptions, users, answers. */
#include "rows.h"

/* ---- the chain ------------------------------------------------------------------------------- */
static char said[2048];
static int said_n;

static void on_say(void *arg, const char *text)
{
  (void)arg;
  struct buf b = { 0 };
  buf_printf(&b, "%s%s", said, text);
  buf_char(&b, '\n');
  size_t n = b.len < sizeof said - 1 ? b.len : sizeof said - 1;
  memcpy(said, b.data, n);
  said[n] = 0;
  said_n++;
  buf_release(&b);
}

static int check(struct db *db)
{
  said[0] = 0, said_n = 0;
  return journal_check(db, on_say, NULL);
}

static void put(struct db *db, int64_t entity, const char *type)
{
  CHECK_INT(journal_put(db, T0 + entity, 'o', entity, type, "token:till-1", "{\"n\":1}", NULL), ERR_OK);
}

static struct db *journal_of(int n)
{
  struct db *db = rows_open();
  CHECK(tx_begin(db));
  for (int i = 1; i <= n; i++) put(db, i, "order.created");
  CHECK(tx_commit(db));
  return db;
}

TEST(journal_numbers_its_events_and_holds)
{
  struct db *db = rows_open();
  int64_t seq = 0;
  CHECK_INT(journal_head(db), 0);
  CHECK_INT(check(db), 0);
  CHECK(tx_begin(db));
  CHECK_INT(journal_put(db, T0, 'g', 7, "group.locked", "timer", "{}", &seq), ERR_OK);
  CHECK_INT(seq, 1);
  CHECK_INT(journal_put(db, T0, 'o', 7, "order.created", "timer", "{\"a\":\"张三\"}", &seq), ERR_OK);
  CHECK_INT(seq, 2);
  CHECK(tx_commit(db));
  CHECK_INT(journal_head(db), 2);
  CHECK_INT(check(db), 0);
  rows_close(db);
}

TEST(journal_goes_on_after_an_undone_command)
{
  struct db *db = rows_open();
  CHECK(tx_begin(db));
  put(db, 1, "order.created");
  CHECK(tx_mark(db));
  put(db, 2, "order.created");
  put(db, 3, "order.created");
  CHECK(tx_undo(db) && tx_keep(db));
  put(db, 4, "order.created");
  CHECK(tx_commit(db));
  CHECK_INT(journal_head(db), 2);
  CHECK_INT(check(db), 0);
  rows_close(db);
}

TEST(journal_finds_every_change_of_history)
{
  static const struct {
    const char *what, *sql;
    int broken;
    const char *text; /* part of what is said */
  } cases[] = {
    { "time", "UPDATE events SET at = at + 1 WHERE seq = 4", 1, "event 4:" },
    { "kind", "UPDATE events SET kind = 'g' WHERE seq = 4", 1, "event 4:" },
    { "kind made longer", "UPDATE events SET kind = 'ox' WHERE seq = 4", 1, "event 4:" },
    { "entity", "UPDATE events SET entity = 99 WHERE seq = 4", 1, "event 4:" },
    { "type", "UPDATE events SET type = 'order.status' WHERE seq = 4", 1, "event 4:" },
    { "actor", "UPDATE events SET actor = 'user:amy' WHERE seq = 4", 1, "event 4:" },
    { "data", "UPDATE events SET data = '{\"n\":2}' WHERE seq = 4", 1, "event 4:" },
    { "data behind a NUL", "UPDATE events SET data = data || char(0) || 'x' WHERE seq = 4", 1, "event 4:" },
    { "digest", "UPDATE events SET digest = zeroblob(16) WHERE seq = 4", 2, "event 5:" },
    { "short digest", "UPDATE events SET digest = x'00' WHERE seq = 4", 1, "event 4:" },
    { "from type to actor", "UPDATE events SET type = 'order.create', actor = 'dtoken:till-1' WHERE seq = 4",
      1, "event 4:" },
    { "removed in the middle", "DELETE FROM events WHERE seq = 4", 1,
      "event 5: the one before it is missing" },
    { "removed at the start", "DELETE FROM events WHERE seq = 1", 1,
      "event 2: the one before it is missing" },
    { "removed and closed up", "DELETE FROM events WHERE seq = 8; UPDATE events SET seq = 8 WHERE seq = 9", 1,
      "event 8:" },
    { "swapped",
      "UPDATE events SET seq = 99 WHERE seq = 4; UPDATE events SET seq = 4 WHERE seq = 5;"
      "UPDATE events SET seq = 5 WHERE seq = 99",
      3, "event 5:" },
    { "put in later",
      "INSERT INTO events (seq, at, kind, entity, type, actor, data, digest)"
      " VALUES (11, 1, 'o', 1, 'order.hold', 'user:amy', '{}', zeroblob(16))",
      1, "event 11:" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct db *db = journal_of(10);
    test_note("%s", cases[i].what);
    CHECK_INT(check(db), 0);
    if (i == 13) CHECK_INT(db_exec(db, "DELETE FROM events WHERE seq = 10"), ERR_OK);
    CHECK_INT(db_exec(db, cases[i].sql), ERR_OK);
    CHECK_INT(check(db), cases[i].broken);
    CHECK_INT(said_n, cases[i].broken);
    CHECK(strstr(said, cases[i].text) != NULL);
    rows_close(db);
    rows_remove();
  }
}

TEST(journal_names_the_first_breaks_and_counts_the_rest)
{
  struct db *db = journal_of(40);
  CHECK_INT(db_exec(db, "UPDATE events SET data = '{}'"), ERR_OK);
  CHECK_INT(check(db), 40);
  CHECK_INT(said_n, 21);
  CHECK(strstr(said, "20 more") != NULL);
  rows_close(db);
}

/* ---- ids, slots, roles ----------------------------------------------------------------------- */
TEST(ids_have_one_spelling)
{
  static const struct {
    const char *text;
    char kind;
    int64_t id; /* 0: refused */
  } cases[] = {
    { "o_1", 'o', 1 },
    { "g_42", 'g', 42 },
    { "o_9223372036854775807", 'o', INT64_MAX },
    { "o_9223372036854775808", 'o', 0 },
    { "o_0", 'o', 0 },
    { "o_01", 'o', 0 },
    { "o_", 'o', 0 },
    { "o_1x", 'o', 0 },
    { "o_-1", 'o', 0 },
    { "g_1", 'o', 0 },
    { "o1", 'o', 0 },
    { "", 'o', 0 },
    { "o_ 1", 'o', 0 },
    { "O_1", 'o', 0 },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t id = 0;
    test_note("%s", cases[i].text);
    CHECK_INT(id_parse(cases[i].text, cases[i].kind, &id), cases[i].id != 0);
    CHECK_INT(id, cases[i].id);
    if (id) CHECK_STR(id_text(&a, cases[i].kind, id), cases[i].text);
  }
  CHECK(!id_parse(NULL, 'o', &(int64_t){ 0 }));
  arena_release(&a);
}

TEST(ids_in_json)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b);
  jw_array(&w);
  jw_id(&w, NULL, 'o', INT64_MAX), jw_id(&w, NULL, 'g', 10), jw_id(&w, NULL, 'g', 0),
    jw_id(&w, NULL, 'g', -1);
  jw_array_end(&w);
  CHECK_STR(b.data, "[\"o_9223372036854775807\",\"g_10\",null,null]");
  buf_release(&b);
}

TEST(slots_round_down)
{
  CHECK_INT(slot_of(0), 0);
  CHECK_INT(slot_of(SLOT_MS - 1), 0);
  CHECK_INT(slot_of(SLOT_MS), 1);
  CHECK_INT(slot_of(-1), -1);
  CHECK_INT(slot_of(-SLOT_MS), -1);
  CHECK_INT(slot_of(-SLOT_MS - 1), -2);
}

TEST(roles_are_known_words)
{
  static const struct {
    const char *list;
    unsigned roles; /* 0: refused */
    const char *text;
  } cases[] = {
    { "cs", ROLE_CS, "cs" },
    { "warehouse,cs", ROLE_CS | ROLE_WAREHOUSE, "cs,warehouse" },
    { "admin,admin", ROLE_ADMIN, "admin" },
    { "", 0, NULL },
    { "cs,", 0, NULL },
    { ",cs", 0, NULL },
    { "cs, admin", 0, NULL },
    { "boss", 0, NULL },
    { "c", 0, NULL },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    unsigned roles = 0;
    test_note("%s", cases[i].list);
    CHECK_INT(roles_parse(cases[i].list, &roles), cases[i].roles != 0);
    if (!cases[i].roles) continue;
    CHECK_INT(roles, cases[i].roles);
    CHECK_STR(roles_text(&a, roles), cases[i].text);
  }
  CHECK(!roles_parse(NULL, &(unsigned){ 0 }));
  CHECK_STR(roles_text(&a, 0), "");
  arena_release(&a);
}

/* ---- channels and single facts --------------------------------------------------------------- */
TEST(channels_are_found_by_name_and_id)
{
  struct db *db = rows_open();
  struct channel c;
  int64_t id, again;
  CHECK_INT(channel_find(db, &rows_mem, "till", &c), ERR_NOT_FOUND);
  CHECK(tx_begin(db));
  CHECK_INT(channel_add(db, "till", NULL, T0, &id), ERR_OK);
  CHECK_INT(channel_add(db, "tmall-home", "taobao", T0, &id), ERR_OK);
  CHECK_INT(channel_add(db, "till", "x", T0, &again), ERR_CONFLICT);
  CHECK(tx_commit(db));
  CHECK_INT(channel_find(db, &rows_mem, "tmall-home", &c), ERR_OK);
  CHECK_INT(c.id, id);
  CHECK_STR(c.family, "taobao");
  CHECK_INT(channel_by_id(db, &rows_mem, id - 1, &c), ERR_OK);
  CHECK_STR(c.name, "till");
  CHECK_INT(channel_by_id(db, &rows_mem, 99, &c), ERR_NOT_FOUND);
  rows_close(db);
}

TEST(meta_keeps_the_last_value)
{
  struct db *db = rows_open();
  char *v;
  CHECK_INT(meta_get(db, &rows_mem, "epoch", &v), ERR_NOT_FOUND);
  CHECK(v == NULL);
  CHECK_INT(meta_put(db, "epoch", "1"), ERR_OK);
  CHECK_INT(meta_put(db, "epoch", "2"), ERR_OK);
  CHECK_INT(meta_get(db, &rows_mem, "epoch", &v), ERR_OK);
  CHECK_STR(v, "2");
  rows_close(db);
}

/* ---- exceptions ------------------------------------------------------------------------------ */
TEST(exceptions_open_once_per_type_and_thing)
{
  static const struct {
    const char *type;
    int64_t order, payload, channel;
    bool is_new;
    int64_t id;
  } cases[] = {
    { "unknown_sku", 1, 0, 0, true, 1 },    { "unknown_sku", 1, 0, 0, false, 1 },
    { "unknown_sku", 2, 0, 0, true, 2 },    { "overdue:paid", 1, 0, 0, true, 3 },
    { "mapping_failed", 0, 5, 0, true, 4 }, { "mapping_failed", 0, 5, 9, false, 4 },
    { "mapping_failed", 0, 6, 0, true, 5 }, { "mapping_failed", 7, 6, 0, false, 5 },
    { "channel_auth", 0, 0, 3, true, 6 },   { "channel_auth", 0, 0, 3, false, 6 },
    { "channel_auth", 0, 0, 4, true, 7 },   { "backlog", 0, 0, 0, true, 8 },
    { "backlog", 0, 0, 0, false, 8 },
  };
  struct db *db = rows_open();
  CHECK(tx_begin(db));
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t id = 0;
    bool is_new = false;
    test_note("%s %zu", cases[i].type, i);
    CHECK_INT(exception_open(db, cases[i].type, cases[i].order, cases[i].payload, cases[i].channel, "cs", T0,
                             NULL, &id, &is_new),
              ERR_OK);
    CHECK_INT(is_new, cases[i].is_new);
    CHECK_INT(id, cases[i].id);
  }
  CHECK(tx_commit(db));
  CHECK(exception_is_open(db, "overdue:paid", 1));
  CHECK(!exception_is_open(db, "overdue:paid", 2));
  rows_close(db);
}

TEST(exceptions_settle_by_type_or_beginning)
{
  struct db *db = rows_open();
  bool is_new;
  CHECK(tx_begin(db));
  exception_open(db, "overdue:paid", 1, 0, 0, "cs", T0, "{}", NULL, NULL);
  exception_open(db, "overdue:split", 1, 0, 0, "cs", T0, "{}", NULL, NULL);
  exception_open(db, "overdue", 1, 0, 0, "cs", T0, "{}", NULL, NULL);
  exception_open(db, "overdue:paid", 2, 0, 0, "cs", T0, "{}", NULL, NULL);
  exception_open(db, "mapping_failed", 0, 8, 0, "cs", T0, "{}", NULL, NULL);
  CHECK_INT(exception_settle(db, "overdue:", 1, 0, "timer", T0 + 1), 2);
  CHECK_INT(exception_settle(db, "overdue:", 1, 0, "timer", T0 + 1), 0);
  CHECK(exception_is_open(db, "overdue", 1) && exception_is_open(db, "overdue:paid", 2));
  CHECK_INT(exception_settle(db, "overdue:paid", 2, 0, "timer", T0 + 1), 1);
  CHECK_INT(exception_settle(db, "mapping_failed", 0, 8, "timer", T0 + 1), 1);
  CHECK_INT(exception_settle(db, "mapping_", 0, 8, "timer", T0 + 1), 0);
  CHECK_INT(exception_open(db, "overdue:paid", 1, 0, 0, "cs", T0, "{}", NULL, &is_new), ERR_OK);
  CHECK(is_new);
  CHECK(tx_commit(db));
  rows_close(db);
}

TEST(exceptions_are_assigned_and_resolved_while_open)
{
  struct db *db = rows_open();
  struct exception x;
  int64_t id;
  CHECK(tx_begin(db));
  exception_open(db, "unknown_sku", 1, 0, 0, "cs", T0, "{\"sku\":\"A\"}", &id, NULL);
  CHECK_INT(exception_assign(db, id, "warehouse", "amy"), ERR_OK);
  CHECK_INT(exception_assign(db, id, NULL, "bob"), ERR_OK);
  CHECK_INT(exception_get(db, &rows_mem, id, &x), ERR_OK);
  CHECK_STR(x.owner, "warehouse");
  CHECK_INT(x.version, 3);
  CHECK_INT(x.order_id, 1);
  CHECK_INT(exception_resolve(db, id, "user:amy", "mapped", T0 + 5), ERR_OK);
  CHECK_INT(exception_resolve(db, id, "user:amy", "mapped", T0 + 5), ERR_CONFLICT);
  CHECK_INT(exception_assign(db, id, "cs", NULL), ERR_CONFLICT);
  CHECK_INT(exception_resolve(db, 99, "user:amy", "", T0), ERR_NOT_FOUND);
  CHECK_INT(exception_get(db, &rows_mem, 99, &x), ERR_NOT_FOUND);
  CHECK(tx_commit(db));
  rows_close(db);
}

/* ---- users, tokens, answers ------------------------------------------------------------------ */
static int tokens_seen;
static void on_token(void *arg, const struct token *t, const unsigned char digest[32])
{
  tokens_seen++;
  CHECK(digest[0] == (t->id == 1 ? 'a' : 'b'));
  (void)arg;
}

TEST(tokens_live_until_revoked)
{
  struct db *db = rows_open();
  unsigned char a[32] = { 'a' }, b[32] = { 'b' };
  struct token t;
  int64_t id;
  CHECK(tx_begin(db));
  CHECK_INT(token_add(db, "till-1", ROLE_CHANNEL, 3, a, T0, T0 + DAY_MS, &id), ERR_OK);
  CHECK_INT(token_add(db, "boss", ROLE_ADMIN | ROLE_CS, 0, b, T0, 0, &id), ERR_OK);
  CHECK_INT(token_add(db, "boss", ROLE_ADMIN, 0, a, T0, 0, &(int64_t){ 0 }), ERR_CONFLICT);
  CHECK(tx_commit(db));
  CHECK_INT(token_find(db, &rows_mem, "till-1", &t), ERR_OK);
  CHECK_INT(t.roles, ROLE_CHANNEL);
  CHECK_INT(t.channel_id, 3);
  CHECK_INT(t.expires_at, T0 + DAY_MS);
  tokens_seen = 0;
  CHECK_INT(token_each(db, on_token, NULL), ERR_OK);
  CHECK_INT(tokens_seen, 2);
  CHECK_INT(token_revoke(db, id), ERR_OK);
  CHECK_INT(token_revoke(db, id), ERR_NOT_FOUND);
  CHECK_INT(token_find(db, &rows_mem, "boss", &t), ERR_OK);
  CHECK_STR(t.state, "revoked");
  tokens_seen = 0;
  token_each(db, on_token, NULL);
  CHECK_INT(tokens_seen, 1);
  rows_close(db);
}

TEST(users_change_only_what_is_told)
{
  struct db *db = rows_open();
  int64_t id, found;
  CHECK(tx_begin(db));
  CHECK_INT(user_add(db, "amy", ROLE_CS, NULL, T0, &id), ERR_OK);
  CHECK_INT(user_add(db, "amy", ROLE_CS, NULL, T0, &found), ERR_CONFLICT);
  CHECK(tx_commit(db));
  CHECK_INT(user_find(db, "amy", &found), ERR_OK);
  CHECK_INT(found, id);
  CHECK_INT(user_find(db, "bob", &found), ERR_NOT_FOUND);
  CHECK_INT(user_update(db, id, NULL, "argon", NULL), ERR_OK);
  CHECK_INT(user_update(db, id, "admin", NULL, NULL), ERR_OK);
  CHECK_INT(user_update(db, 99, "admin", NULL, NULL), ERR_NOT_FOUND);
  CHECK_INT(user_update(db, id, NULL, NULL, "asleep"), ERR_CONFLICT);
  CHECK_INT(row_count(db, "SELECT count(*) FROM users WHERE roles = 'admin' AND password = 'argon'"
                          " AND state = 'active' AND version = 3"),
            1);
  rows_close(db);
}

TEST(answers_are_remembered_per_actor)
{
  struct db *db = rows_open();
  unsigned char digest[32] = { 1, 2 }, got[32];
  int status;
  char *body;
  CHECK_INT(answer_find(db, &rows_mem, "token:a", "k1", got, &status, &body), ERR_NOT_FOUND);
  CHECK_INT(answer_put(db, "token:a", "k1", digest, T0, 201, "{\"x\":1}"), ERR_OK);
  CHECK_INT(answer_put(db, "token:a", "k2", digest, T0 + 10, 200, "{}"), ERR_OK);
  CHECK_INT(answer_find(db, &rows_mem, "token:b", "k1", got, &status, &body), ERR_NOT_FOUND);
  CHECK_INT(answer_find(db, &rows_mem, "token:a", "k1", got, &status, &body), ERR_OK);
  CHECK_MEM(got, 32, digest, 32);
  CHECK_INT(status, 201);
  CHECK_STR(body, "{\"x\":1}");
  CHECK_INT(answer_prune(db, T0 + 5, 10), ERR_OK);
  CHECK_INT(answer_find(db, &rows_mem, "token:a", "k1", got, &status, &body), ERR_NOT_FOUND);
  CHECK_INT(answer_find(db, &rows_mem, "token:a", "k2", got, &status, &body), ERR_OK);
  rows_close(db);
}
