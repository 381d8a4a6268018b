/* What people decide and run: groups by hand, exceptions, tokens, users, and the house-keeping. */
#include "flow.h"

/* ---- groups by hand (domain 3.9) ---------------------------------------------------------------------------------------- */

struct group_args {
  const char *order, *note;
  int64_t if_version;
};

static enum err group_args_parse(struct cmd *c, const struct json *body, bool order)
{
  struct group_args *a = arena_new(&c->mem, struct group_args);
  const struct arg rows[] = { { "note", ARG_TEXT, false, 500, &a->note },
                              { "if_version", ARG_VERSION, false, 0, &a->if_version },
                              { "order", ARG_TEXT, true, 200, &a->order } };
  c->args = a;
  return args_read(c, body, rows, order ? 3 : 2);
}

enum err flow_group_remove_parse(struct cmd *c, const struct json *body)
{
  return group_args_parse(c, body, true);
}

enum err flow_group_add_parse(struct cmd *c, const struct json *body)
{
  return group_args_parse(c, body, true);
}

enum err flow_group_lock_parse(struct cmd *c, const struct json *body)
{
  return group_args_parse(c, body, false);
}

static enum err group_target(struct cmd *c, struct db *db, struct group *g)
{
  int64_t id;
  const struct group_args *a = c->args;
  enum err e = c->target && id_parse(c->target, 'g', &id) ? group_get(db, &c->mem, id, g) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "group_not_found", "There is no group %.100s", c->target ? c->target : "");
  TRY(e);
  int64_t asked = a->if_version ? a->if_version : c->if_version;
  if (asked && asked != g->version) {
    c->problem.extra = arena_printf(&c->mem, "\"version\":%lld", (long long)g->version);
    return refuse(c, ERR_STALE, "stale_version", "The group has version %lld by now", (long long)g->version);
  }
  return ERR_OK;
}

static enum err open_only(struct cmd *c, const struct group *g)
{
  if (!strcmp(g->state, "open")) return ERR_OK;
  return refuse(c, ERR_CONFLICT, !strcmp(g->state, "locked") ? "group_locked" : "group_empty",
                "The group is %s: it neither takes nor gives", g->state);
}

static enum err group_answer(struct cmd *c, struct db *db, int64_t id)
{
  return view_group(db, &c->mem, &c->rules->merge, id, &c->out, &c->version);
}

static enum err decide_event(struct cmd *c, struct db *db, int64_t order, const char *type, int64_t group,
                             const char *note)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_id(&w, "group", 'g', group);
  if (note) jw_kstring(&w, "note", note);
  jw_object_end(&w);
  enum err e = progress_event(c, db, 'o', order, type, "%s", b.data);
  buf_release(&b);
  return e;
}

static enum err decide_against(struct cmd *c, struct db *db, int64_t id, const struct merge_order *members,
                               size_t n, const char *verdict)
{
  TRY(order_set_decided(db, id));
  for (size_t i = 0; i < n; i++) {
    if (members[i].id == id) continue;
    TRY(group_decide(db, id, members[i].id, verdict, c->actor.name, c->now_ms));
    TRY(order_set_decided(db, members[i].id));
    TRY(group_unpropose(db, id, members[i].id));
  }
  return ERR_OK;
}

/* An order that is only proposed to the group: it stays out for good. */
static enum err proposal_refused(struct cmd *c, struct db *db, const struct group *g, const struct order *o,
                                 const char *note)
{
  struct merge_order *members;
  size_t n;
  bool any = false;
  TRY(order_group_members(db, &c->mem, g->id, &members, &n));
  for (size_t i = 0; i < n && !strcmp(g->state, "open"); i++)
    any = any || group_proposed(db, o->id, members[i].id);
  if (!any)
    return refuse(c, ERR_CONFLICT, "not_in_group", "The order is neither in this group nor proposed to it");
  TRY(decide_against(c, db, o->id, members, n, "apart"));
  TRY(decide_event(c, db, o->id, "group.refused", g->id, note));
  return group_answer(c, db, g->id);
}

enum err flow_group_remove_run(struct cmd *c, struct db *db)
{
  const struct group_args *a = c->args;
  struct group g;
  struct order o;
  struct merge_order *members;
  size_t n;
  TRY(group_target(c, db, &g));
  TRY(order_target(c, db, a->order, &o));
  if (o.group_id != g.id) return proposal_refused(c, db, &g, &o, a->note);
  TRY(open_only(c, &g));
  TRY(order_group_members(db, &c->mem, g.id, &members, &n));
  if (n < 2) return refuse(c, ERR_CONFLICT, "alone", "The order is alone in its group");
  TRY(decide_against(c, db, o.id, members, n, "apart"));
  TRY(decide_event(c, db, o.id, "group.removed", g.id, a->note));
  TRY(regroup(c, db, o.id));
  return group_answer(c, db, g.id);
}

enum err flow_group_add_run(struct cmd *c, struct db *db)
{
  const struct group_args *a = c->args;
  struct group g, own;
  struct order o;
  struct merge_order *members, me;
  size_t n;
  TRY(group_target(c, db, &g));
  TRY(order_target(c, db, a->order, &o));
  TRY(open_only(c, &g));
  if (o.group_id == g.id) return refuse(c, ERR_CONFLICT, "in_group", "The order is in this group already");
  if (o.group_id) {
    TRY(group_get(db, &c->mem, o.group_id, &own));
    TRY(open_only(c, &own));
  }
  TRY(order_as_merge(db, &c->mem, o.id, &me));
  if (!me.free)
    return refuse(c, ERR_CONFLICT, "not_free", "The order cannot be merged now: %s",
                  o.no_merge              ? o.no_merge
                  : order_holds(db, o.id) ? "held"
                                          : o.status);
  TRY(order_group_members(db, &c->mem, g.id, &members, &n));
  for (size_t i = 0; i < n; i++) {
    if (!members[i].free)
      return refuse(c, ERR_CONFLICT, "not_free", "A member of the group cannot be merged now");
    if (strcmp(members[i].currency, me.currency))
      return refuse(c, ERR_CONFLICT, "other_currency", "The group's orders are in %s", members[i].currency);
  }
  if ((int)n + 1 > c->rules->merge.group_max)
    return refuse(c, ERR_CONFLICT, "group_full", "A group takes %d orders at most",
                  c->rules->merge.group_max);
  TRY(decide_against(c, db, o.id, members, n, "together"));
  TRY(decide_event(c, db, o.id, "group.added", g.id, a->note));
  TRY(regroup(c, db, o.id));
  TRY(order_get(db, &c->mem, o.id, &o));
  return group_answer(c, db, o.group_id);
}

enum err flow_group_lock_run(struct cmd *c, struct db *db)
{
  struct group g;
  TRY(group_target(c, db, &g));
  TRY(open_only(c, &g));
  TRY(group_close(c, db, g.id, 0, "a person"));
  return group_answer(c, db, g.id);
}

/* ---- exceptions ---------------------------------------------------------------------------------------------------------------- */

struct exception_args {
  const char *owner, *assignee, *note;
};

static enum err exception_target(struct cmd *c, struct db *db, struct exception *x)
{
  int64_t id;
  enum err e = c->target && id_parse(c->target, 'x', &id) ? exception_get(db, &c->mem, id, x) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "exception_not_found", "There is no exception %.100s", c->target ? c->target : "");
  TRY(e);
  if (c->if_version && c->if_version != x->version) {
    c->problem.extra = arena_printf(&c->mem, "\"version\":%lld", (long long)x->version);
    return refuse(c, ERR_STALE, "stale_version", "The exception has version %lld by now",
                  (long long)x->version);
  }
  if (strcmp(x->state, "open"))
    return refuse(c, ERR_CONFLICT, "resolved", "The exception is resolved already");
  return ERR_OK;
}

enum err flow_exception_assign_parse(struct cmd *c, const struct json *body)
{
  struct exception_args *a = arena_new(&c->mem, struct exception_args);
  const struct arg rows[] = { { "owner", ARG_TEXT, false, 24, &a->owner },
                              { "assignee", ARG_TEXT, false, 64, &a->assignee } };
  unsigned roles;
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  if (!a->owner && !a->assignee)
    fault_add(&c->problem.faults, "/owner", "missing", "An owner (a role) or an assignee (a user)");
  if (a->owner && (strchr(a->owner, ',') || !roles_parse(a->owner, &roles)))
    fault_add(&c->problem.faults, "/owner", "unknown_role", "This is no role");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err flow_exception_assign_run(struct cmd *c, struct db *db)
{
  const struct exception_args *a = c->args;
  struct exception x;
  int64_t user;
  TRY(exception_target(c, db, &x));
  if (a->assignee && user_find(db, a->assignee, &user))
    return refuse(c, ERR_INVALID, "unknown_user", "There is no user %.64s", a->assignee);
  TRY(exception_assign(db, x.id, a->owner, a->assignee));
  TRY(progress_event(c, db, 'x', x.id, "exception.assigned", "{\"owner\":\"%s\",\"assignee\":\"%s\"}",
                     a->owner ? a->owner : x.owner, a->assignee ? a->assignee : ""));
  return view_exception(db, &c->mem, x.id, &c->out, &c->version);
}

enum err flow_exception_resolve_parse(struct cmd *c, const struct json *body)
{
  struct exception_args *a = arena_new(&c->mem, struct exception_args);
  const struct arg rows[] = { { "note", ARG_TEXT, true, 500, &a->note } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_exception_resolve_run(struct cmd *c, struct db *db)
{
  const struct exception_args *a = c->args;
  struct exception x;
  struct buf b = { 0 };
  struct jw w;
  TRY(exception_target(c, db, &x));
  TRY(exception_resolve(db, x.id, c->actor.name, a->note, c->now_ms));
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "type", x.type), jw_kstring(&w, "note", a->note),
    jw_object_end(&w);
  enum err e = progress_event(c, db, 'x', x.id, "exception.resolved", "%s", b.data);
  buf_release(&b);
  TRY(e);
  return view_exception(db, &c->mem, x.id, &c->out, &c->version);
}

/* ---- tokens and users ------------------------------------------------------------------------------------------------------------ */

#define NAME_MAX_CHARS 64

struct access_args {
  const char *name, *roles, *channel, *user, *password, *state, *hash;
  const char *expires;
  int64_t session;
  unsigned bits;
  int64_t expires_at;
  char *secret;
  unsigned char digest[32];
};

static bool name_ok(const char *s)
{
  size_t n = strlen(s);
  return n && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") == n;
}

static void check_access(struct cmd *c, struct access_args *a)
{
  struct faults *f = &c->problem.faults;
  if (a->name && !name_ok(a->name)) fault_add(f, "/name", "bad_characters", "Letters, digits, . _ - @");
  if (a->roles && !roles_parse(a->roles, &a->bits))
    fault_add(f, "/roles", "unknown_role",
              "A comma list of admin, cs, warehouse, production, finance, viewer, channel");
  if (a->bits & ROLE_CHANNEL && (a->bits != ROLE_CHANNEL || !a->channel) && c->id == CMD_TOKEN_ADD)
    fault_add(f, "/channel", "missing", "The role channel stands alone and names its channel");
  if (a->channel && !(a->bits & ROLE_CHANNEL))
    fault_add(f, "/channel", "bad_channel", "Only the role channel is bound to one");
}

enum err flow_token_add_parse(struct cmd *c, const struct json *body)
{
  struct access_args *a = arena_new(&c->mem, struct access_args);
  const struct arg rows[] = {
    { "name", ARG_TEXT, true, NAME_MAX_CHARS, &a->name },
    { "roles", ARG_TEXT, true, 100, &a->roles },
    { "channel", ARG_TEXT, false, 64, &a->channel },
    { "user", ARG_TEXT, false, NAME_MAX_CHARS, &a->user },
    { "expires_at", ARG_TEXT, false, 40, &a->expires },
  };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  check_access(c, a);
  if (a->expires && (!time_parse(a->expires, &a->expires_at) || a->expires_at <= c->now_ms))
    fault_add(&c->problem.faults, "/expires_at", "bad_time", "A time with its zone, in the future");
  if (c->problem.faults.n) return ERR_INVALID;
  a->secret = token_text(&c->mem, c->env, "ord_");
  sha256(a->secret, strlen(a->secret), a->digest);
  return ERR_OK;
}

/* A token that a person uses has no role that the person has not. */
static enum err token_user(struct cmd *c, struct db *db, const struct access_args *a, int64_t *user_id)
{
  unsigned roles = 0;
  *user_id = 0;
  if (!a->user) return ERR_OK;
  enum err e = user_find(db, a->user, user_id);
  if (e == ERR_NOT_FOUND || (!e && !user_active(db, *user_id, &roles)))
    return refuse_at(c, "/user", "unknown_user", "There is no active user %.64s", a->user);
  TRY(e);
  if (roles & ROLE_ADMIN) roles = ~0u; /* who may make any token may have any */
  if (a->bits & ~roles) return refuse_at(c, "/roles", "not_the_users", "The user has not all of these roles");
  return ERR_OK;
}

enum err flow_token_add_run(struct cmd *c, struct db *db)
{
  struct access_args *a = (struct access_args *)c->args;
  struct channel ch = { 0 };
  struct token t;
  int64_t id, user_id;
  TRY(token_user(c, db, a, &user_id));
  if (a->channel && channel_find(db, &c->mem, a->channel, &ch)) {
    TRY(channel_add(db, a->channel, rules_family(c->rules, a->channel), c->now_ms, &ch.id));
    TRY(progress_event(c, db, 'c', ch.id, "channel.created", "{\"name\":\"%s\"}", a->channel));
  }
  if (!token_find(db, &c->mem, a->name, &t))
    return refuse(c, ERR_CONFLICT, "name_taken", "There is a token %s (%s)", a->name, t.state);
  TRY(token_add(db, a->name, a->bits, ch.id, a->digest, c->now_ms, a->expires_at, &id));
  if (user_id) TRY(token_bind(db, id, user_id));
  TRY(progress_event(c, db, 't', id, "token.added", "{\"name\":\"%s\",\"roles\":\"%s\"}", a->name, a->roles));
  struct jw w;
  c->status = 201, c->numbers[0] = id;
  jw_init(&w, &c->out), jw_object(&w);
  jw_id(&w, "id", 't', id), jw_kstring(&w, "name", a->name),
    jw_kstring(&w, "roles", roles_text(&c->mem, a->bits)), jw_kstring(&w, "token", a->secret);
  jw_object_end(&w);
  return ERR_OK;
}

static enum err no_body_but_note(struct cmd *c, const struct json *body)
{
  struct exception_args *a = arena_new(&c->mem, struct exception_args);
  const struct arg rows[] = { { "note", ARG_TEXT, false, 500, &a->note } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_token_revoke_parse(struct cmd *c, const struct json *body)
{
  return no_body_but_note(c, body);
}

static enum err same_version(struct cmd *c, const char *what, int64_t version)
{
  if (!c->if_version || c->if_version == version) return ERR_OK;
  c->problem.extra = arena_printf(&c->mem, "\"version\":%lld", (long long)version);
  return refuse(c, ERR_STALE, "stale_version", "The %s has version %lld by now", what, (long long)version);
}

enum err flow_token_revoke_run(struct cmd *c, struct db *db)
{
  int64_t id = 0;
  struct token t = { 0 };
  if (!c->target || (!id_parse(c->target, 't', &id) && token_find(db, &c->mem, c->target, &t)))
    return refuse(c, ERR_NOT_FOUND, "token_not_found", "There is no token %.64s", c->target ? c->target : "");
  if (!id) id = t.id;
  int64_t version = 0;
  enum err e = token_version(db, id, &version);
  if (!e) TRY(same_version(c, "token", version));
  if (!e) e = token_revoke(db, id);
  if (e == ERR_NOT_FOUND) return refuse(c, e, "token_not_found", "There is no active token %.64s", c->target);
  TRY(e);
  buf_printf(&c->out, "{\"id\":\"t_%lld\",\"state\":\"revoked\"}", (long long)id);
  return progress_event(c, db, 't', id, "token.revoked", "{}");
}

#define PASSWORD_LEAST 10

static void check_password(struct cmd *c, const struct access_args *a)
{
  if (a->password && utf8_count(a->password) < PASSWORD_LEAST)
    fault_add(&c->problem.faults, "/password", "too_short", "At least %d characters", PASSWORD_LEAST);
}

enum err flow_user_add_parse(struct cmd *c, const struct json *body)
{
  struct access_args *a = arena_new(&c->mem, struct access_args);
  const struct arg rows[] = {
    { "name", ARG_TEXT, true, NAME_MAX_CHARS, &a->name },
    { "roles", ARG_TEXT, true, 100, &a->roles },
    { "password", ARG_TEXT, false, 200, &a->password },
  };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  check_access(c, a), check_password(c, a);
  if (a->bits & ROLE_CHANNEL)
    fault_add(&c->problem.faults, "/roles", "bad_role", "The role channel is for tokens");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

bool cmd_is_slow(const struct cmd *c)
{
  const struct access_args *a = c->args;
  bool sets = c->id == CMD_USER_ADD || c->id == CMD_USER_UPDATE || c->id == CMD_USER_SETUP ||
              c->id == CMD_USER_PASSWORD;
  return sets && a && a->password && !a->hash;
}

void cmd_prepare(struct cmd *c)
{
  struct access_args *a = (struct access_args *)c->args;
  if (!cmd_is_slow(c)) return;
  a->hash = password_hash(&c->mem, c->env, a->password);
}

enum err flow_user_add_run(struct cmd *c, struct db *db)
{
  const struct access_args *a = c->args;
  int64_t id;
  must(!cmd_is_slow(c)); /* hashing does not belong on the writer */
  if (!user_find(db, a->name, &id))
    return refuse(c, ERR_CONFLICT, "name_taken", "There is a user %s", a->name);
  TRY(user_add(db, a->name, a->bits, a->hash, c->now_ms, &id));
  TRY(progress_event(c, db, 'u', id, "user.added", "{\"name\":\"%s\",\"roles\":\"%s\"}", a->name, a->roles));
  c->status = 201, c->numbers[0] = id;
  struct jw w;
  jw_init(&w, &c->out), jw_object(&w);
  jw_id(&w, "id", 'u', id), jw_kstring(&w, "name", a->name),
    jw_kstring(&w, "roles", roles_text(&c->mem, a->bits)), jw_kstring(&w, "state", "active");
  jw_object_end(&w);
  return ERR_OK;
}

/* ---- who looks after themselves: the first administrator, and a password of one's own ---------------------------- */
enum err flow_user_setup_parse(struct cmd *c, const struct json *body)
{
  struct access_args *a = arena_new(&c->mem, struct access_args);
  const struct arg rows[] = { { "name", ARG_TEXT, true, NAME_MAX_CHARS, &a->name },
                              { "password", ARG_TEXT, true, 200, &a->password } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  a->roles = "admin", a->bits = ROLE_ADMIN;
  check_access(c, a), check_password(c, a);
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err flow_user_setup_run(struct cmd *c, struct db *db)
{
  if (sign_in_possible(db))
    return refuse(c, ERR_CONFLICT, "set_up_already", "Somebody can sign in already: ask an administrator");
  return flow_user_add_run(c, db);
}

enum err flow_user_password_parse(struct cmd *c, const struct json *body)
{
  struct access_args *a = arena_new(&c->mem, struct access_args);
  const struct arg rows[] = { { "user", ARG_TEXT, true, NAME_MAX_CHARS, &a->user },
                              { "password", ARG_TEXT, true, 200, &a->password },
                              { "session", ARG_INT, true, 0, &a->session } };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  check_password(c, a);
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

/* Everybody else who knew the old one is out. */
enum err flow_user_password_run(struct cmd *c, struct db *db)
{
  const struct access_args *a = c->args;
  int64_t id;
  must(!cmd_is_slow(c));
  TRY(user_find(db, a->user, &id));
  TRY(user_update(db, id, NULL, a->hash, NULL));
  TRY(session_end_user(db, id, a->session));
  TRY(device_end_user(db, id));
  TRY(progress_event(c, db, 'u', id, "user.password", "{}"));
  buf_str(&c->out, "{\"result\":\"changed\"}");
  return ERR_OK;
}

enum err flow_user_update_parse(struct cmd *c, const struct json *body)
{
  struct access_args *a = arena_new(&c->mem, struct access_args);
  const struct arg rows[] = {
    { "roles", ARG_TEXT, false, 100, &a->roles },
    { "password", ARG_TEXT, false, 200, &a->password },
    { "state", ARG_TEXT, false, 10, &a->state },
  };
  c->args = a;
  TRY(args_read(c, body, rows, COUNT(rows)));
  check_access(c, a), check_password(c, a);
  if (a->state && strcmp(a->state, "active") && strcmp(a->state, "revoked"))
    fault_add(&c->problem.faults, "/state", "unknown_state", "active or revoked");
  if (!a->roles && !a->password && !a->state)
    fault_add(&c->problem.faults, "", "missing", "Nothing to change");
  return c->problem.faults.n ? ERR_INVALID : ERR_OK;
}

enum err flow_user_update_run(struct cmd *c, struct db *db)
{
  const struct access_args *a = c->args;
  int64_t id = 0;
  must(!cmd_is_slow(c));
  if (!c->target || (!id_parse(c->target, 'u', &id) && user_find(db, c->target, &id)))
    return refuse(c, ERR_NOT_FOUND, "user_not_found", "There is no user %.64s", c->target ? c->target : "");
  int64_t version = 0;
  enum err e = user_version(db, id, &version);
  if (!e) TRY(same_version(c, "user", version));
  if (!e) e = user_update(db, id, a->roles ? roles_text(&c->mem, a->bits) : NULL, a->hash, a->state);
  if (e == ERR_NOT_FOUND) return refuse(c, e, "user_not_found", "There is no user %.64s", c->target);
  TRY(e);
  bool out = a->hash || (a->state && strcmp(a->state, "active") != 0);
  if (out) TRY(session_end_user(db, id, 0));
  if (out) TRY(device_end_user(db, id));
  TRY(progress_event(c, db, 'u', id, "user.updated", "{\"roles\":%s%s%s,\"password\":%s,\"state\":\"%s\"}",
                     a->roles ? "\"" : "null", a->roles ? a->roles : "", a->roles ? "\"" : "",
                     a->hash ? "true" : "false", a->state ? a->state : ""));
  buf_printf(&c->out, "{\"id\":\"u_%lld\",\"result\":\"updated\"}", (long long)id);
  return ERR_OK;
}

/* ---- who saw personal data (domain 9) ------------------------------------------------------------------------------------------------ */

struct seen_args {
  const char *actor, *what;
  const struct json *orders;
};

enum err flow_audit_seen_parse(struct cmd *c, const struct json *body)
{
  struct seen_args *a = arena_new(&c->mem, struct seen_args);
  const struct arg rows[] = { { "actor", ARG_TEXT, true, 100, &a->actor },
                              { "what", ARG_TEXT, true, 20, &a->what },
                              { "orders", ARG_TEXTS, true, 0, &a->orders } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_audit_seen_run(struct cmd *c, struct db *db)
{
  const struct seen_args *a = c->args;
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "what", a->what);
  jw_key(&w, "orders"), jw_array(&w);
  for (const struct json *o = json_first(a->orders); o; o = json_next(o))
    if (json_string(o)) jw_string(&w, json_string(o));
  jw_array_end(&w), jw_object_end(&w);
  enum err e = journal_put(db, c->now_ms, 's', 0, "pii.seen", a->actor, b.data, NULL);
  buf_release(&b);
  return e;
}

/* ---- a connector's file was changed: the file is the truth, this says who ---------------------------------------------------- */
struct changed_args {
  const char *name, *version;
  bool in_force; /* the configuration was read again; else a fault elsewhere keeps the old one */
};

enum err flow_connector_changed_parse(struct cmd *c, const struct json *body)
{
  struct changed_args *a = arena_new(&c->mem, struct changed_args);
  const struct arg rows[] = { { "name", ARG_TEXT, true, 40, &a->name },
                              { "version", ARG_TEXT, true, 64, &a->version },
                              { "in_force", ARG_BOOL, true, 0, &a->in_force } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_connector_changed_run(struct cmd *c, struct db *db)
{
  const struct changed_args *a = c->args;
  struct jw w;
  jw_init(&w, &c->out), jw_object(&w), jw_kstring(&w, "name", a->name), jw_kstring(&w, "version", a->version);
  jw_kbool(&w, "in_force", a->in_force), jw_object_end(&w);
  return progress_event(c, db, 's', 0, "connector.changed", "{\"name\":\"%s\",\"version\":\"%s\"}", a->name,
                        a->version);
}

/* ---- house-keeping --------------------------------------------------------------------------------------------------------------------- */

#define SEARCH_STEP_ORDERS 200
#define KEEP_STEP_ROWS 2000
#define ANSWERS_KEEP_MS (7ll * 24 * 3600 * 1000)

enum err flow_search_step_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_search_step_run(struct cmd *c, struct db *db)
{
  bool left;
  TRY(search_step(db, SEARCH_STEP_ORDERS, &left));
  c->left = left;
  return ERR_OK;
}

enum err flow_keep_house_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

#define NOTICES_KEEP_MS (90ll * 24 * 3600 * 1000) /* so long no cause comes again */
#define PUSHES_KEEP_MS (7ll * 24 * 3600 * 1000)

enum err flow_keep_house_run(struct cmd *c, struct db *db)
{
  char *text = NULL;
  int64_t from = 0, was;
  bool effects_left;
  enum err e = meta_get(db, &c->mem, "pruned_payload", &text);
  if (e && e != ERR_NOT_FOUND) return e;
  for (const char *p = text ? text : "0"; *p; p++) from = from * 10 + (*p - '0');
  was = from;
  if (c->rules->payload_keep_ms)
    TRY(payload_prune(db, c->now_ms - c->rules->payload_keep_ms, &from, KEEP_STEP_ROWS));
  if (from != was) TRY(meta_put(db, "pruned_payload", arena_printf(&c->mem, "%lld", (long long)from)));
  c->left = from != was;
  TRY(push_prune(db, c->now_ms - PUSHES_KEEP_MS));
  TRY(callback_prune(db, c->now_ms - c->rules->outbox.keep_ms, KEEP_STEP_ROWS));
  TRY(effects_prune(db, c->now_ms - c->rules->outbox.keep_ms, KEEP_STEP_ROWS, &effects_left));
  c->left |= effects_left;
  int64_t notices,
    keep = c->rules->outbox.keep_ms > NOTICES_KEEP_MS ? c->rules->outbox.keep_ms : NOTICES_KEEP_MS;
  TRY(notices_prune(db, c->now_ms - keep, KEEP_STEP_ROWS, &notices));
  c->left |= notices > 0;
  TRY(session_prune(db, c->now_ms));
  TRY(imports_prune(db, c->now_ms - 3600 * 1000));
  return answer_prune(db, c->now_ms - ANSWERS_KEEP_MS, KEEP_STEP_ROWS);
}

/* ---- the backlog's alarm (domain 2.9): who watches decides when; this makes it an event ------------------------------------------------ */

struct alarm_args {
  const char *state;
  int64_t backlog, limit;
};

enum err flow_backlog_alarm_parse(struct cmd *c, const struct json *body)
{
  struct alarm_args *a = arena_new(&c->mem, struct alarm_args);
  const struct arg rows[] = { { "state", ARG_TEXT, true, 8, &a->state },
                              { "backlog", ARG_INT, true, 0, &a->backlog },
                              { "limit", ARG_INT, true, 0, &a->limit } };
  c->args = a;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_backlog_alarm_run(struct cmd *c, struct db *db)
{
  const struct alarm_args *a = c->args;
  TRY(notify_backlog(c, db, a->state, a->backlog, a->limit));
  return progress_event(c, db, 's', 0, "backlog.alarm", "{\"state\":\"%s\",\"backlog\":%lld,\"limit\":%lld}",
                        a->state, (long long)a->backlog, (long long)a->limit);
}
