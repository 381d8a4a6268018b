/* session.c: signing in and out. Whether the password was right was found out before, on a pool thread: what comes
 * here are the digests of two cookies that the browser gets. */
#include "flow.h"

struct session_args {
  const char *user, *session, *device, *address;
  int64_t id;
};

enum err flow_session_begin_parse(struct cmd *c, const struct json *body)
{
  struct session_args *a = arena_new(&c->mem, struct session_args);
  const struct arg rows[] = { { "user", ARG_TEXT, true, 64, &a->user },
                              { "session", ARG_TEXT, true, 100, &a->session },
                              { "device", ARG_TEXT, true, 100, &a->device },
                              { "address", ARG_TEXT, true, 64, &a->address } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_session_begin_run(struct cmd *c, struct db *db)
{
  const struct session_args *a = c->args;
  unsigned char session[32], device[32];
  unsigned roles;
  int64_t user, id;
  if (user_find(db, a->user, &user) || !user_active(db, user, &roles))
    return refuse(c, ERR_UNAUTHORIZED, "wrong_password", "The name or the password is wrong");
  sha256(a->session, strlen(a->session), session);
  sha256(a->device, strlen(a->device), device);
  TRY(session_add(db, user, session, a->address, c->now_ms, &id));
  TRY(device_add(db, user, device, c->now_ms));
  c->status = 201, c->numbers[0] = id;
  return progress_event(c, db, 'u', user, "user.signed_in", "{\"session\":%lld}", (long long)id);
}

enum err flow_session_end_parse(struct cmd *c, const struct json *body)
{
  struct session_args *a = arena_new(&c->mem, struct session_args);
  const struct arg rows[] = { { "user", ARG_TEXT, true, 64, &a->user },
                              { "session", ARG_INT, true, 0, &a->id } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_session_end_run(struct cmd *c, struct db *db)
{
  const struct session_args *a = c->args;
  int64_t user = 0;
  enum err e = session_end(db, a->id);
  buf_str(&c->out, "{\"result\":\"signed_out\"}");
  if (e == ERR_NOT_FOUND) return ERR_OK; /* it had ended by itself */
  TRY(e);
  TRY(user_find(db, a->user, &user));
  return progress_event(c, db, 'u', user, "user.signed_out", "{\"session\":%lld}", (long long)a->id);
}
