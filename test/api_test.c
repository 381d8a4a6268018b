/* The API's pure parts: the route table, openapi.json against it both ways, headers, tokens, frames. */
#include "edge.h"
#include "test.h"

/* ---- routes -------------------------------------------------------------------------------------------------- */
TEST(route_is_found_by_method_and_path)
{
  static const struct {
    const char *method, *path, *op, *id;
  } cases[] = {
    { "GET", "/", "home", NULL },
    { "GET", "/healthz", "healthz", NULL },
    { "HEAD", "/healthz", "healthz", NULL },
    { "POST", "/v1/orders", "postOrders", NULL },
    { "GET", "/v1/orders", "listOrders", NULL },
    { "GET", "/v1/orders/o_1", "getOrder", "o_1" },
    { "GET", "/v1/orders/shop-1:A 1", "getOrder", "shop-1:A 1" },
    { "GET", "/v1/orders/o_1/events", "listOrderEvents", "o_1" },
    { "POST", "/v1/orders/o_1/hold", "holdOrder", "o_1" },
    { "POST", "/v1/payloads/retry", "retryPayloads", NULL },
    { "POST", "/v1/payloads/p_1/retry", "retryPayload", "p_1" },
    { "GET", "/v1/payloads/p_1", "getPayload", "p_1" },
    { "POST", "/v1/users/u_1", "updateUser", "u_1" },
    { "GET", "/v1/orders/", NULL, NULL },
    { "GET", "/v1/orders//events", NULL, NULL },
    { "GET", "/v1/orders/o_1/", NULL, NULL },
    { "GET", "/v1/orders/o_1/holdx", NULL, NULL },
    { "GET", "/v1", NULL, NULL },
    { "GET", "", NULL, NULL },
    { "GET", "/V1/orders", NULL, NULL },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    const char *id, *allow = "";
    const struct route *t = route_find(&a, cases[i].method, cases[i].path, &id, &allow);
    test_note("%s %s", cases[i].method, cases[i].path);
    CHECK_STR(t ? t->op : NULL, cases[i].op);
    if (t) CHECK_STR(id, cases[i].id);
    else CHECK_STR(allow, "");
    arena_release(&a);
  }
}

TEST(route_says_which_methods_a_path_knows)
{
  static const struct {
    const char *method, *path, *allow;
  } cases[] = {
    { "DELETE", "/v1/orders", "POST, GET, HEAD" },  { "PUT", "/v1/orders/o_1", "GET, HEAD" },
    { "GET", "/v1/orders/o_1/hold", "POST" },       { "get", "/healthz", "GET, HEAD" },
    { "OPTIONS", "/v1/tokens", "GET, HEAD, POST" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    const char *id, *allow = "";
    test_note("%s %s", cases[i].method, cases[i].path);
    CHECK(!route_find(&a, cases[i].method, cases[i].path, &id, &allow));
    CHECK_STR(allow, cases[i].allow);
    arena_release(&a);
  }
}

TEST(route_rows_are_whole)
{
  for (size_t i = 0; i < route_table_n; i++) {
    const struct route *t = &route_table[i];
    test_note("%s %s", t->method, t->path);
    CHECK(route_roles(t) != 0);
    CHECK(t->doc && strlen(t->doc) > 8);
    CHECK((t->cmd != CMD_N) + (t->run != NULL) + (t->read != NULL) >= 1);
    CHECK(!(t->read && t->run));
    CHECK_INT(!strcmp(t->method, "POST"),
              t->body != BODY_NONE); /* nothing changes by GET, no POST without a body */
    if (t->cmd != CMD_N) CHECK_STR(t->method, "POST");
    for (size_t j = 0; j < i; j++) {
      CHECK(strcmp(t->op, route_table[j].op) != 0);
      CHECK(strcmp(t->method, route_table[j].method) != 0 || strcmp(t->path, route_table[j].path) != 0);
    }
  }
}

TEST(every_command_of_people_has_one_route)
{
  for (int c = 0; c < CMD_N; c++) {
    int n = 0;
    for (size_t i = 0; i < route_table_n; i++) n += route_table[i].cmd == c;
    test_note("%s", cmd_kind((enum cmd_id)c)->name);
    CHECK_INT(n, cmd_kind((enum cmd_id)c)->roles ? 1 : 0);
  }
}

TEST(only_these_routes_are_open)
{
  for (size_t i = 0; i < route_table_n; i++) {
    const char *path = route_table[i].path;
    bool post = !strcmp(route_table[i].method, "POST");
    bool open = !strcmp(path, "/") || !strcmp(path, "/console/{id}") || (post && !strcmp(path, "/v1/session")) ||
                !strcmp(path, "/v1/setup") || !strcmp(path, "/healthz") || !strcmp(path, "/readyz") ||
                !strncmp(path, "/v1/hooks/", 10); /* a signature is asked for there */
    test_note("%s %s", route_table[i].method, path);
    CHECK_INT((route_roles(&route_table[i]) & ROLE_OPEN) != 0, open);
  }
}

/* ---- openapi.json ----------------------------------------------------------------------------------------------- */
static struct json *openapi(struct arena *a)
{
  struct faults f = { .mem = a };
  size_t n;
  const char *text = openapi_text(&n);
  return json_parse(a, text, n, JSON_ELEMENTS_BATCH_MAX, &f);
}

static const char *method_lower(const char *method)
{
  return !strcmp(method, "GET") ? "get" : !strcmp(method, "POST") ? "post" : "?";
}

static const struct json *operation_of(const struct json *doc, const struct route *t)
{
  return json_get(json_get(json_get(doc, "paths"), t->path), method_lower(t->method));
}

/* A parameter itself, or the one of components that it points at. */
static const struct json *parameter(const struct json *doc, const struct json *p)
{
  const char *ref = json_string(json_get(p, "$ref"));
  if (!ref) return p;
  return json_get(json_get(json_get(doc, "components"), "parameters"), strrchr(ref, '/') + 1);
}

static bool has_parameter(const struct json *doc, const struct json *op, const char *in, const char *name)
{
  for (const struct json *p = json_first(json_get(op, "parameters")); p; p = json_next(p)) {
    const struct json *q = parameter(doc, p);
    if (!strcmp(json_string(json_get(q, "in")), in) && !strcmp(json_string(json_get(q, "name")), name))
      return true;
  }
  return false;
}

static bool word_in(const char *list, const char *word)
{
  size_t n = strlen(word);
  for (const char *p = list; p && *p;) {
    size_t len = strcspn(p, " ");
    if (len == n && !memcmp(p, word, n)) return true;
    p += len + strspn(p + len, " ");
  }
  return false;
}

/* "/v1/cases/{id}/photos/{digest}" */
static bool in_path(const char *path, const char *name)
{
  size_t n = strlen(name);
  for (const char *p = path; (p = strchr(p, '{')); p++)
    if (!strncmp(p + 1, name, n) && p[n + 1] == '}') return true;
  return false;
}

static void check_parameters(const struct json *doc, const struct route *t, const struct json *op)
{
  for (const char *p = t->query; p && *p;) {
    char name[32];
    size_t n = strcspn(p, " ");
    memcpy(name, p, n), name[n] = 0;
    test_note("%s %s query %s", t->method, t->path, name);
    CHECK(has_parameter(doc, op, "query", name));
    p += n + strspn(p + n, " ");
  }
  for (const struct json *p = json_first(json_get(op, "parameters")); p; p = json_next(p)) {
    const struct json *q = parameter(doc, p);
    const char *in = json_string(json_get(q, "in")), *name = json_string(json_get(q, "name"));
    test_note("%s %s parameter %s", t->method, t->path, name);
    if (!strcmp(in, "query")) CHECK(word_in(t->query, name));
    if (!strcmp(in, "path")) CHECK(in_path(t->path, name));
  }
  CHECK_INT(has_parameter(doc, op, "path", "id"), strstr(t->path, "{id}") != NULL);
  /* signing in twice makes two sessions, and what it answers is a secret that is not kept */
  bool signs = !strncmp(t->path, "/v1/session", 11) || !strcmp(t->path, "/v1/setup") ||
               !strncmp(t->path, "/v1/connectors/", 15); /* files, with versions of their own */
  CHECK_INT(has_parameter(doc, op, "header", "Idempotency-Key"),
            t->body != BODY_NONE && t->body != BODY_RAW && t->body != BODY_FILE && !signs);
}

static void check_body(const struct route *t, const struct json *op)
{
  const struct json *body = json_get(op, "requestBody"), *content = json_get(body, "content");
  test_note("%s %s body", t->method, t->path);
  CHECK_INT(body != NULL, t->body != BODY_NONE);
  if (!body) return;
  const char *type = t->body == BODY_RAW     ? "*/*"
                     : t->body == BODY_PHOTO ? "image/jpeg"
                     : t->body == BODY_FILE  ? "application/octet-stream"
                                             : "application/json";
  CHECK(json_get(content, type) != NULL);
  CHECK_INT(json_get(content, "application/x-ndjson") != NULL, t->body == BODY_ORDERS);
  CHECK_INT(json_bool(json_get(body, "required")), t->body != BODY_MAYBE && t->body != BODY_RAW);
}

/* "Roles: admin, cs. More." */
static void check_roles(const struct route *t, const struct json *op)
{
  const char *text = json_string(json_get(op, "description"));
  unsigned told = 0, roles = route_roles(t);
  test_note("%s %s roles", t->method, t->path);
  const struct json *security = json_get(op, "security");
  CHECK_INT(security && !json_count(security), (roles & ROLE_OPEN) != 0);
  if (roles & ROLE_OPEN) return;
  if (!CHECK(text && !strncmp(text, "Roles: ", 7))) return;
  for (int i = 0; i < ROLE_N; i++) {
    struct arena a = { 0 };
    const char *name = roles_text(&a, 1u << i);
    const char *end = strchr(text, '.');
    for (const char *p = strstr(text, name); p && p < end; p = strstr(p + 1, name))
      if (p[-1] == ' ' && strchr(",. ", p[strlen(name)])) told |= 1u << i;
    arena_release(&a);
  }
  CHECK_INT(told, roles);
}

static void check_answers(const struct route *t, const struct json *op)
{
  const struct json *r = json_get(op, "responses");
  static const char *const of_tokens[] = { "400", "401", "403", "429", "503" };
  static const char *const of_bodies[] = { "413", "415", "422", "507" };
  for (size_t i = 0; !(route_roles(t) & ROLE_OPEN) && i < COUNT(of_tokens); i++)
    CHECK(json_get(r, of_tokens[i]) != NULL);
  for (size_t i = 0; t->body != BODY_NONE && i < COUNT(of_bodies); i++)
    CHECK(json_get(r, of_bodies[i]) != NULL);
  if (strstr(t->path, "{id}")) CHECK(json_get(r, "404") != NULL);
}

TEST(openapi_describes_every_route)
{
  struct arena a = { 0 };
  struct json *doc = openapi(&a);
  if (CHECK(doc != NULL)) CHECK_STR(json_string(json_get(doc, "openapi")), "3.1.0");
  for (size_t i = 0; doc && i < route_table_n; i++) {
    const struct route *t = &route_table[i];
    const struct json *op = operation_of(doc, t);
    test_note("%s %s", t->method, t->path);
    if (!CHECK(op != NULL)) continue;
    CHECK_STR(json_string(json_get(op, "operationId")), t->op);
    check_parameters(doc, t, op);
    check_body(t, op);
    check_roles(t, op);
    check_answers(t, op);
  }
  arena_release(&a);
}

TEST(openapi_describes_nothing_else)
{
  struct arena a = { 0 };
  size_t n = 0;
  const struct json *doc = openapi(&a);
  for (const struct json *p = json_first(json_get(doc, "paths")); p; p = json_next(p)) n += json_count(p);
  CHECK_INT(n, route_table_n);
  arena_release(&a);
}

static void check_refs(const struct json *doc, const struct json *j)
{
  const char *ref = json_string(json_get(j, "$ref"));
  if (json_type(j) == JSON_OBJECT && ref) {
    char part[3][64] = { "", "", "" };
    const char *p = ref + 2;
    test_note("%s", ref);
    for (int i = 0; i < 3 && *p; i++) {
      size_t n = strcspn(p, "/");
      memcpy(part[i], p, n < 63 ? n : 63);
      p += n + (p[n] == '/');
    }
    CHECK(!strncmp(ref, "#/", 2) && json_get(json_get(json_get(doc, part[0]), part[1]), part[2]) != NULL);
  }
  if (json_type(j) == JSON_OBJECT || json_type(j) == JSON_ARRAY)
    for (const struct json *m = json_first(j); m; m = json_next(m)) check_refs(doc, m);
}

TEST(openapi_points_at_what_is_there)
{
  struct arena a = { 0 };
  const struct json *doc = openapi(&a);
  check_refs(doc, doc);
  arena_release(&a);
}

/* ---- headers ------------------------------------------------------------------------------------------------------- */
TEST(if_match_is_one_etag)
{
  static const struct {
    const char *field;
    enum err err;
    int64_t version;
  } cases[] = {
    { "\"1\"", ERR_OK, 1 },
    { "\"123456789012345678\"", ERR_OK, 123456789012345678 },
    { "*", ERR_OK, 0 },
    { "", ERR_BAD_REQUEST, 0 },
    { "1", ERR_BAD_REQUEST, 0 },
    { "\"\"", ERR_BAD_REQUEST, 0 },
    { "\"0\"", ERR_BAD_REQUEST, 0 },
    { "\"01\"", ERR_BAD_REQUEST, 0 },
    { "\"1", ERR_BAD_REQUEST, 0 },
    { "\"-1\"", ERR_BAD_REQUEST, 0 },
    { "W/\"1\"", ERR_BAD_REQUEST, 0 },
    { "\"1\", \"2\"", ERR_BAD_REQUEST, 0 },
    { "\"1234567890123456789\"", ERR_BAD_REQUEST, 0 },
    { "\"abc\"", ERR_BAD_REQUEST, 0 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t version = -1;
    test_note("%s", cases[i].field);
    CHECK_INT(call_if_match(cases[i].field, &version), cases[i].err);
    if (!cases[i].err) CHECK_INT(version, cases[i].version);
  }
}

TEST(idempotency_keys_are_short_and_visible)
{
  char key[258];
  memset(key, 'k', sizeof key);
  key[255] = 0;
  CHECK(idempotency_key_ok(key));
  key[255] = 'k', key[256] = 0;
  CHECK(!idempotency_key_ok(key));
  CHECK(idempotency_key_ok("!~"));
  CHECK(!idempotency_key_ok(""));
  CHECK(!idempotency_key_ok("a b"));
  CHECK(!idempotency_key_ok("a\tb"));
  CHECK(!idempotency_key_ok("schl\xc3\xbcssel"));
}

TEST(bearer_token_is_one_word)
{
  CHECK_STR(bearer_token("Bearer ord_abc-_.~+/="), "ord_abc-_.~+/=");
  CHECK_STR(bearer_token("bearer   x"), "x");
  CHECK(!bearer_token(NULL));
  CHECK(!bearer_token(""));
  CHECK(!bearer_token("Bearer"));
  CHECK(!bearer_token("Bearer "));
  CHECK(!bearer_token("Basic abc"));
  CHECK(!bearer_token("Bearer a b"));
  CHECK(!bearer_token("Bearer a\xc3\xa9"));
  CHECK(!bearer_token("Bearerx"));
}

/* ---- tokens -------------------------------------------------------------------------------------------------------------- */
static void table_put(struct auth_table *t, int64_t id, const char *secret, int64_t expires_at)
{
  unsigned char digest[SHA256_LEN];
  struct token k = { .id = id, .name = "n", .roles = ROLE_CS, .expires_at = expires_at };
  sha256(secret, strlen(secret), digest);
  auth_table_add(t, &k, NULL, digest);
}

TEST(token_is_found_by_its_secret_until_it_expires)
{
  struct auth_table *t = auth_table_new();
  const char *channel;
  table_put(t, 1, "one", 0);
  table_put(t, 2, "two", 1000);
  CHECK_INT(auth_table_find(t, "one", 5, &channel)->id, 1);
  CHECK_INT(auth_table_find(t, "two", 999, &channel)->id, 2);
  CHECK(!auth_table_find(t, "two", 1000, &channel));
  CHECK(!auth_table_find(t, "three", 5, &channel));
  CHECK(!auth_table_find(t, "", 5, &channel));
  CHECK(!auth_table_find(t, "ONE", 5, &channel));
  auth_table_free(t);
}

TEST(token_table_grows)
{
  struct auth_table *t = auth_table_new();
  const char *channel;
  for (int i = 1; i <= 1000; i++) {
    struct buf b = { 0 };
    buf_printf(&b, "secret-%d", i);
    table_put(t, i, b.data, 0);
    buf_release(&b);
  }
  CHECK_INT(auth_table_count(t), 1000);
  for (int i = 1; i <= 1000; i++) {
    struct buf b = { 0 };
    buf_printf(&b, "secret-%d", i);
    const struct token *k = auth_table_find(t, b.data, 0, &channel);
    CHECK_INT(k ? k->id : 0, i);
    buf_release(&b);
  }
  auth_table_free(t);
}

TEST(who_fails_often_waits_longer_each_time)
{
  for (int n = 0; n <= AUTH_FREE_FAILURES; n++) CHECK_INT(auth_delay_ms(n), 0);
  CHECK_INT(auth_delay_ms(AUTH_FREE_FAILURES + 1), 1000);
  CHECK_INT(auth_delay_ms(AUTH_FREE_FAILURES + 2), 2000);
  for (int n = 1; n < 1000; n++) {
    CHECK(auth_delay_ms(n) >= auth_delay_ms(n - 1));
    CHECK(auth_delay_ms(n) <= AUTH_FORGET_MS);
  }
  CHECK_INT(auth_delay_ms(1 << 30), AUTH_FORGET_MS);
}

/* ---- events as frames ---------------------------------------------------------------------------------------------------------- */
TEST(events_become_frames)
{
  static const char page[] =
    "{\"data\":[{\"seq\":7,\"type\":\"a\",\"data\":{\"x\":\"}]\\\"{\",\"y\":[1,{}]}},"
    "{\"seq\":12,\"type\":\"b\",\"data\":{}}],\"next\":null}";
  struct buf out = { 0 };
  struct frame at[4];
  CHECK_INT(frames_put(&out, page, strlen(page), at, 4), 2);
  CHECK_STR(out.data, "id: 7\ndata: {\"seq\":7,\"type\":\"a\",\"data\":{\"x\":\"}]\\\"{\",\"y\":[1,{}]}}\n\n"
                      "id: 12\ndata: {\"seq\":12,\"type\":\"b\",\"data\":{}}\n\n");
  CHECK_INT(at[0].seq, 7);
  CHECK_INT(at[1].seq, 12);
  CHECK_STR(out.data + at[1].at, "id: 12\ndata: {\"seq\":12,\"type\":\"b\",\"data\":{}}\n\n");
  out.len = 0;
  CHECK_INT(frames_put(&out, page, strlen(page), at, 1), 1);
  out.len = 0;
  CHECK_INT(frames_put(&out, "{\"data\":[],\"next\":null}", 23, at, 4), 0);
  CHECK_INT(frames_put(&out, "", 0, at, 4), 0);
  buf_release(&out);
}

/* ---- rows of a batch ---------------------------------------------------------------------------------------------------------------- */
TEST(rows_of_a_batch_say_what_happened)
{
  struct env_sim env;
  struct rules *rules = mem_new(sizeof *rules);
  static const struct actor who = { .name = "t", .roles = ROLE_ADMIN };
  static const char bad[] = "{\"channel\":\"a\"}";
  struct buf out = { 0 };
  env_sim_init(&env, 1000, 1);
  rules_default(rules);
  struct cmd *c = cmd_new(CMD_ORDER_INGEST, &env.env, rules, &who);
  c->status = 201, c->numbers[0] = 5, c->numbers[2] = INGEST_CREATED;
  order_row_put(&out, 3, c, ERR_OK);
  CHECK_STR(out.data, "{\"index\":3,\"status\":201,\"result\":\"created\",\"id\":\"o_5\"}");
  c->status = 202, c->numbers[0] = 0, c->numbers[1] = 9, c->numbers[2] = INGEST_TAKEN;
  out.len = 0;
  order_row_put(&out, 4, c, ERR_OK);
  CHECK_STR(out.data, "{\"index\":4,\"status\":202,\"result\":\"taken\",\"payload\":\"p_9\"}");
  cmd_free(c);
  c = cmd_new(CMD_ORDER_INGEST, &env.env, rules, &who);
  enum err e = cmd_parse(c, bad, strlen(bad));
  CHECK_INT(e, ERR_INVALID);
  out.len = 0;
  order_row_put(&out, 0, c, e);
  CHECK(strstr(out.data, "\"status\":422") && strstr(out.data, "\"problem\":{") &&
        strstr(out.data, "/external_id"));
  cmd_free(c);
  buf_release(&out);
  mem_free(rules);
}
