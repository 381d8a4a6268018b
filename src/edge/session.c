/* session.c: signing in and out.
 *
 *   name, password ── reader: the user's hash, is the browser known? ── budget ── pool: argon2id ── session.begin
 *
 * Whoever guesses is slowed down by the address they come from. A browser that was signed in before has a budget of
 * its own, and one of the places for hashing is kept for such: so nobody can keep the owner out by failing. A name
 * that does not exist costs the same time as one that does. */
#include "edge.h"
#include <stdio.h>
#include <uv.h>

struct signing {
  uv_work_t work;
  struct call *k;
  struct arena mem;
  const char *name, *password, *fresh; /* fresh: the new password, when one's own is changed */
  char budget[HTTP_PEER_TEXT + 16];
  unsigned char device[SHA256_LEN];
  struct sign_in who;
  struct cmd *c;
  bool right, held;
  const char *session, *device_cookie;
};

static struct signing *signing_new(struct call *k)
{
  struct signing *s = mem_new(sizeof *s);
  s->work.data = s, s->k = k;
  const char *device = cookie_value(&s->mem, http_field(k->r, "cookie"), DEVICE_COOKIE);
  if (device) sha256(device, strlen(device), s->device);
  s->device_cookie = device;
  return s;
}

static void signing_free(struct signing *s)
{
  if (s->held) s->k->api->hashing--;
  arena_release(&s->mem);
  mem_free(s);
}

static int64_t now_of(const struct call *k)
{
  return k->api->env->now_ms(k->api->env);
}

/* A body of texts, all of which must be there and nothing else. */
static bool texts_read(struct call *k, struct arena *a, const char *const *names, const char **out, size_t n)
{
  struct problem p = { .faults = { .mem = &k->r->mem } };
  struct json *j = json_parse(&k->r->mem, k->r->body, k->r->body_n, JSON_ELEMENTS_MAX, &p.faults);
  bool bad_json = !j;
  if (j && json_type(j) != JSON_OBJECT) fault_add(&p.faults, "", "not_an_object", "The body is an object");
  for (size_t i = 0; j && i < n && !p.faults.n; i++) {
    const char *text = json_string(json_get(j, names[i]));
    if (!text || !*text || strlen(text) > 1000)
      fault_add(&p.faults, json_pointer(&k->r->mem, "", names[i]), "missing", "A text is wanted here");
    else out[i] = arena_str(a, text);
  }
  if (j && !p.faults.n && json_count(j) != n)
    fault_add(&p.faults, "", "unknown_key", "Something here has no meaning");
  if (p.faults.n) call_refuse_with(k, bad_json ? ERR_BAD_REQUEST : ERR_INVALID, &p);
  return !p.faults.n;
}

/* ---- who am I ------------------------------------------------------------------------------------------- */
void session_get(struct call *k)
{
  struct buf out = { 0 };
  who_put(&out, k);
  call_reply(k, 200, NULL, &out);
  buf_release(&out);
}

/* ---- commands of our own, with a body -------------------------------------------------------------------- */
static struct cmd *own_cmd(struct call *k, enum cmd_id id, const char *name, const struct buf *body)
{
  struct actor who = { .name = name, .person = name };
  struct cmd *c = api_cmd(k->api, id, &who);
  struct json *j = json_parse(&c->mem, body->data, body->len, JSON_ELEMENTS_MAX, &c->problem.faults);
  must(j);
  c->job.err = cmd_kind(id)->parse(c, j);
  return c;
}

/* ---- the new session --------------------------------------------------------------------------------------- */
static void session_answer(struct signing *s)
{
  struct call *k = s->k;
  struct buf out = { 0 };
  const char *secure = k->r->secure ? "; Secure" : "";
  const char *headers = arena_printf(
    &k->r->mem,
    "Set-Cookie: " SESSION_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s\r\n"
    "Set-Cookie: " DEVICE_COOKIE "=%s; Path=/v1/; HttpOnly; SameSite=Strict; Max-Age=31536000%s\r\n",
    s->session, (long long)(SESSION_MS / 1000), secure, s->device_cookie, secure);
  k->who = (struct actor){ .name = s->name, .roles = s->who.roles };
  k->user = s->name;
  who_put(&out, k);
  call_reply(k, 201, headers, &out);
  buf_release(&out);
  signing_free(s);
}

static void session_is_known(void *arg)
{
  session_answer(arg);
}

static void session_made(struct cmd *c)
{
  struct signing *s = c->owner;
  struct call *k = s->k;
  if (cmd_err(c)) {
    call_refuse_with(k, c->job.err, &c->problem);
    signing_free(s);
  } else {
    auth_refresh(k->api->auth, session_is_known, s);
  }
  api_cmd_free(k->api, c);
}

static void signing_push(struct signing *s, struct cmd *c, void (*done)(struct cmd *))
{
  struct call *k = s->k;
  if (!c->job.err && api_push(k->api, c, done, s)) return;
  if (c->job.err) call_refuse_with(k, c->job.err, &c->problem);
  else call_refuse(k, ERR_BUSY, "queue_full", NULL, "Too many writes wait already; try again.");
  api_cmd_free(k->api, c);
  signing_free(s);
}

static void session_begin(struct signing *s)
{
  struct call *k = s->k;
  struct buf body = { 0 };
  struct jw w;
  s->session = token_text(&s->mem, k->api->env, "ors_");
  if (!s->device_cookie || !s->who.known_device) s->device_cookie = token_text(&s->mem, k->api->env, "ord_");
  jw_init(&w, &body), jw_object(&w);
  jw_kstring(&w, "user", s->name), jw_kstring(&w, "session", s->session);
  jw_kstring(&w, "device", s->device_cookie), jw_kstring(&w, "address", k->r->peer);
  jw_object_end(&w);
  struct cmd *c = own_cmd(k, CMD_SESSION_BEGIN, arena_printf(&s->mem, "user:%s", s->name), &body);
  buf_release(&body);
  signing_push(s, c, session_made);
}

/* ---- is the password right? -------------------------------------------------------------------------------- */
/* Of a password that nobody has: it only takes the time. */
static const char NOBODY[] =
  "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static void verify_run(uv_work_t *w)
{
  struct signing *s = w->data;
  bool known = s->who.id && s->who.password;
  s->right = password_verify(known ? s->who.password : NOBODY, s->password) && known;
  if (s->right && s->c) cmd_prepare(s->c);
}

static void password_changed(struct cmd *c);

static void verify_done(uv_work_t *w, int status)
{
  (void)status;
  struct signing *s = w->data;
  struct call *k = s->k;
  k->api->hashing--, s->held = false;
  if (!s->right) {
    auth_blame(k->api->auth, s->budget, now_of(k));
    if (s->c) api_cmd_free(k->api, s->c);
    call_refuse(k, s->fresh ? ERR_FORBIDDEN : ERR_UNAUTHORIZED, "wrong_password", NULL,
                s->fresh ? "The old password is wrong." : "The name or the password is wrong.");
    signing_free(s);
    return;
  }
  auth_forgive(k->api->auth, s->budget, now_of(k));
  if (s->c) signing_push(s, s->c, password_changed);
  else session_begin(s);
}

static void verify_start(struct signing *s)
{
  struct call *k = s->k;
  snprintf(s->budget, sizeof s->budget, "%s%s", s->who.known_device ? "device " : "from ",
           s->who.known_device ? s->name : k->r->peer);
  int64_t wait = auth_wait_ms(k->api->auth, s->budget, now_of(k));
  int most = PASSWORDS_AT_ONCE - !s->who.known_device;
  if (wait || k->api->hashing >= most) {
    k->api->throttled++;
    const char *after =
      arena_printf(&k->r->mem, "Retry-After: %lld\r\n", (long long)((wait + 999) / 1000 + !wait));
    call_refuse(k, ERR_TOO_MANY, wait ? "too_many_failures" : "too_many_passwords", after,
                wait ? "Too many wrong passwords; wait a little." : "Others are signing in; try again.");
    if (s->c) api_cmd_free(k->api, s->c);
    signing_free(s);
    return;
  }
  k->api->hashing++, s->held = true;
  must(!uv_queue_work(k->api->loop, &s->work, verify_run, verify_done));
}

static enum err find_run(struct read *rd, struct db *db)
{
  struct signing *s = rd->args;
  return sign_in_find(db, &s->mem, s->name, s->device, &s->who);
}

static void find_done(struct read *rd)
{
  struct signing *s = rd->args;
  enum err e = rd->err;
  read_free(rd);
  if (!e) {
    verify_start(s);
    return;
  }
  call_refuse(s->k, e, NULL, NULL, "%s", err_title(e));
  if (s->c) api_cmd_free(s->k->api, s->c);
  signing_free(s);
}

static void find_start(struct signing *s)
{
  struct read *rd = read_new(s->k->api, NULL);
  rd->run = find_run, rd->done = find_done, rd->args = s;
  read_start_always(rd);
}

/* Signing somebody in from another site's page is refused; programs send no Origin. */
static bool origin_ok(struct call *k)
{
  if (!http_field(k->r, "origin") || origin_is_own(k->r)) return true;
  call_refuse(k, ERR_FORBIDDEN, "other_origin", NULL, "Sign in on orderd's own page.");
  return false;
}

void session_post(struct call *k)
{
  static const char *const names[] = { "name", "password" };
  const char *text[2];
  if (!origin_ok(k)) return;
  struct signing *s = signing_new(k);
  if (!texts_read(k, &s->mem, names, text, 2)) {
    signing_free(s);
    return;
  }
  s->name = text[0], s->password = text[1];
  find_start(s);
}

/* ---- one's own password ------------------------------------------------------------------------------------- */
static void password_known(void *arg)
{
  struct signing *s = arg;
  struct buf out = { 0 };
  buf_str(&out, "{\"result\":\"changed\"}");
  call_reply(s->k, 200, NULL, &out);
  buf_release(&out);
  signing_free(s);
}

static void password_changed(struct cmd *c)
{
  struct signing *s = c->owner;
  struct call *k = s->k;
  if (cmd_err(c)) {
    call_refuse_with(k, c->job.err, &c->problem);
    signing_free(s);
  } else {
    auth_refresh(k->api->auth, password_known, s);
  }
  api_cmd_free(k->api, c);
}

void session_password_post(struct call *k)
{
  static const char *const names[] = { "old", "new" };
  const char *text[2];
  if (!k->user) {
    call_refuse(k, ERR_CONFLICT, "no_session", NULL, "A token has no password: sign in to the console.");
    return;
  }
  struct signing *s = signing_new(k);
  struct buf body = { 0 };
  struct jw w;
  if (!texts_read(k, &s->mem, names, text, 2)) {
    signing_free(s);
    return;
  }
  s->name = k->user, s->password = text[0], s->fresh = text[1];
  jw_init(&w, &body), jw_object(&w), jw_kstring(&w, "user", k->user), jw_kstring(&w, "password", s->fresh);
  jw_kint(&w, "session", -k->token_id), jw_object_end(&w);
  s->c = own_cmd(k, CMD_USER_PASSWORD, k->who.name, &body);
  buf_release(&body);
  if (s->c->job.err) signing_push(s, s->c, password_changed);
  else find_start(s);
}

/* ---- out ------------------------------------------------------------------------------------------------------ */
static void ended_known(void *arg)
{
  struct cmd *c = arg;
  struct call *k = c->owner;
  call_reply(k, 200, "Set-Cookie: " SESSION_COOKIE "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0\r\n",
             &c->out);
  api_cmd_free(k->api, c);
}

static void ended(struct cmd *c)
{
  struct call *k = c->owner;
  if (cmd_err(c)) call_done(c);
  else auth_refresh(k->api->auth, ended_known, c);
}

void session_end_post(struct call *k)
{
  struct buf body = { 0 };
  struct jw w;
  if (!k->user) {
    call_refuse(k, ERR_CONFLICT, "no_session", NULL, "A token is revoked, not signed out.");
    return;
  }
  jw_init(&w, &body), jw_object(&w), jw_kstring(&w, "user", k->user), jw_kint(&w, "session", -k->token_id);
  jw_object_end(&w);
  struct cmd *c = own_cmd(k, CMD_SESSION_END, k->who.name, &body);
  buf_release(&body);
  must(!c->job.err);
  call_push(k, c, ended);
}

/* ---- the first administrator ------------------------------------------------------------------------------------ */
static void setup_made(struct cmd *c)
{
  struct signing *s = c->owner;
  struct call *k = s->k;
  enum err e = cmd_err(c);
  if (e) {
    call_refuse_with(k, c->job.err, &c->problem);
    api_cmd_free(k->api, c);
    signing_free(s);
    return;
  }
  k->api->setup_code = NULL;
  api_cmd_free(k->api, c);
  s->who.roles = ROLE_ADMIN;
  session_begin(s);
}

static void setup_run(uv_work_t *w)
{
  cmd_prepare(((struct signing *)w->data)->c);
}

static void setup_hashed(uv_work_t *w, int status)
{
  (void)status;
  struct signing *s = w->data;
  s->k->api->hashing--, s->held = false;
  signing_push(s, s->c, setup_made);
}

static bool code_is_right(struct call *k, const char *code)
{
  const char *want = k->api->setup_code;
  return want && strlen(code) == strlen(want) && same_bytes(code, want, strlen(want));
}

static void setup_start(struct signing *s, const char *code)
{
  struct call *k = s->k;
  struct buf body = { 0 };
  struct jw w;
  int64_t wait = auth_wait_ms(k->api->auth, k->r->peer, now_of(k));
  if (wait || k->api->hashing >= PASSWORDS_AT_ONCE) {
    call_refuse(k, ERR_TOO_MANY, "too_many_failures", "Retry-After: 1\r\n", "Wait a little and try again.");
    signing_free(s);
    return;
  }
  if (!code_is_right(k, code)) {
    auth_blame(k->api->auth, k->r->peer, now_of(k));
    call_refuse(k, ERR_FORBIDDEN, "bad_setup_code", NULL,
                "This link was used or is of an earlier start: the one that works is in serve's output.");
    signing_free(s);
    return;
  }
  jw_init(&w, &body), jw_object(&w), jw_kstring(&w, "name", s->name), jw_kstring(&w, "password", s->password);
  jw_object_end(&w);
  s->c = own_cmd(k, CMD_USER_SETUP, "local", &body);
  buf_release(&body);
  if (s->c->job.err) {
    signing_push(s, s->c, setup_made);
    return;
  }
  k->api->hashing++, s->held = true;
  must(!uv_queue_work(k->api->loop, &s->work, setup_run, setup_hashed));
}

void setup_post(struct call *k)
{
  static const char *const names[] = { "code", "name", "password" };
  const char *text[3];
  if (!origin_ok(k)) return;
  struct signing *s = signing_new(k);
  if (!texts_read(k, &s->mem, names, text, 3)) {
    signing_free(s);
    return;
  }
  s->name = text[1], s->password = text[2];
  setup_start(s, text[0]);
}
