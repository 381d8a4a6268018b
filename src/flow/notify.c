/* notify.c: who is told of what. A notice waits for its room; the room's next message takes along what waits:
 *
 *   cause ─► notice per room ─► one effect per room, due a digest's time after the last ─► take: the lines join it
 *                                                                    └─ quiet hours: only what is urgent ─► told: sent
 *
 * What joined a message stays with it, so a try that is made again says the same and nothing is said twice. */
#include "flow.h"
#include <stdio.h>

#define LINES_MAX 200
#define EXCEPTIONS_STEP 100
#define LOOK_BACK_MS (3600ll * 1000)
#define LIMIT_LEAST 200
#define LIMIT_MOST 60000
#define LENGTH_DEFAULT 4000 /* of a messenger whose file cannot be read */
#define PER_MINUTE_DEFAULT 20
#define TEXT_MESSAGE_MAX 500 /* who takes no more bytes writes to telephones: that costs and disturbs */
#define MINUTE_MS 60000ll
#define BACKLOG_AGAIN_MS (3600ll * 1000)
#define EXCEPTIONS_TOLD "exceptions_told"
#define BACKLOG_TOLD "backlog_told"
#define PREFIX "notify "

struct notify { /* one [notify NAME] */
  const char *section, *name;
  const char *to, *on, *roles, *stages, *urgent, *phones, *mention, *template, *link;
  int quiet_from, quiet_to;
  int64_t digest_ms, limit;
  bool zh;
};

/* ---- the sections -------------------------------------------------------------------------------------------------------- */

static const char *const keys[] = { "to",       "on",   "roles", "stages", "urgent", "phones",  "mention",
                                    "template", "link", "quiet", "digest", "limit",  "language" };

static bool is_notify(const struct conf_entry *e)
{
  return !strncmp(e->section, PREFIX, sizeof PREFIX - 1);
}

static bool first_of_section(const struct conf *c, size_t i)
{
  if (!is_notify(&c->at[i])) return false;
  for (size_t k = 0; k < i; k++)
    if (!strcmp(c->at[k].section, c->at[i].section)) return false;
  return true;
}

static const char *value(const struct conf *c, const char *section, const char *key, const char *fallback)
{
  const struct conf_entry *e = conf_get(c, section, key);
  return e ? e->value : fallback;
}

static bool limit_parse(const char *s, int64_t *n)
{
  *n = 0;
  for (const char *p = s; *p; p++) {
    if (*p < '0' || *p > '9' || *n > LIMIT_MOST) return false;
    *n = *n * 10 + (*p - '0');
  }
  return *n >= LIMIT_LEAST && *n <= LIMIT_MOST;
}

/* Full numbers by blanks: + and digits. */
static bool phones_ok(const char *list)
{
  size_t n;
  for (const char *p = list; *p; p += n) {
    p += strspn(p, " ,\t\n");
    n = strcspn(p, " ,\t\n");
    size_t digits = strspn(p + (*p == '+'), "0123456789");
    if (n && (digits + (*p == '+') != n || digits < 7 || digits > 15)) return false;
  }
  return true;
}

/* Reads one section; the key that is wrong, or NULL. */
static const char *notify_read(const struct conf *c, const char *section, struct notify *n)
{
  *n = (struct notify){ .section = section, .name = section + sizeof PREFIX - 1 };
  n->to = value(c, section, "to", "");
  n->on = value(c, section, "on", "remind escalate backlog"), n->roles = value(c, section, "roles", "");
  n->urgent = value(c, section, "urgent", "backlog exception:double_shipment exception:intercept");
  n->phones = value(c, section, "phones", ""), n->template = value(c, section, "template", "");
  n->stages = value(c, section, "stages", ""), n->mention = value(c, section, "mention", "");
  n->link = value(c, section, "link", "");
  const char *quiet = value(c, section, "quiet", ""), *language = value(c, section, "language", "en");
  if (*quiet && !quiet_parse(quiet, &n->quiet_from, &n->quiet_to)) return "quiet";
  if (!duration_parse(value(c, section, "digest", "1m"), &n->digest_ms) || n->digest_ms < 1000)
    return "digest";
  if (!phones_ok(n->phones)) return "phones";
  if (!limit_parse(value(c, section, "limit", "60000"), &n->limit)) return "limit";
  n->zh = !strcmp(language, "zh");
  return n->zh || !strcmp(language, "en") ? NULL : "language";
}

static bool messenger_known(const struct conf *c, const char *name)
{
  for (size_t i = 0; i < c->n; i++)
    if (!strncmp(c->at[i].section, "messenger ", 10) && !strcmp(c->at[i].section + 10, name)) return true;
  return false;
}

static bool key_known(const char *key)
{
  for (size_t i = 0; i < COUNT(keys); i++)
    if (!strcmp(keys[i], key)) return true;
  return false;
}

const char *notify_fault(struct arena *a, const struct conf *c)
{
  struct notify n;
  for (size_t i = 0; i < c->n; i++) {
    const struct conf_entry *e = &c->at[i];
    if (is_notify(e) && !key_known(e->key))
      return arena_printf(a, "line %d: [%s] has no key %s", e->line, e->section, e->key);
    if (!first_of_section(c, i)) continue;
    if (strpbrk(e->section + sizeof PREFIX - 1, "/#:"))
      return arena_printf(a, "line %d: [%s]: a name holds no / # :", e->line, e->section);
    const char *wrong = notify_read(c, e->section, &n);
    if (wrong) return arena_printf(a, "line %d: [%s] %s cannot be understood", e->line, e->section, wrong);
    if (!messenger_known(c, n.to))
      return arena_printf(a, "line %d: [%s] to = %s: there is no section [messenger %s]", e->line, e->section,
                          n.to, n.to);
  }
  return NULL;
}

/* Words by blanks; one that ends in * stands for all that begin so. */
static bool listed(const char *list, const char *word)
{
  size_t n;
  for (const char *p = list; *p; p += n) {
    p += strspn(p, " ,\t\n");
    n = strcspn(p, " ,\t\n");
    if (n && p[n - 1] == '*' ? !strncmp(p, word, n - 1) : n && strlen(word) == n && !memcmp(p, word, n))
      return true;
  }
  return false;
}

/* "NAME" or, of text messages, "NAME/PHONE"; behind it "#…" where more than one message of it is under way. */
static bool room_section(struct cmd *c, const char *subject, struct notify *n, const char **room,
                         const char **phone)
{
  *room = arena_strn(&c->mem, subject, strcspn(subject, "#"));
  size_t len = strcspn(*room, "/");
  const char *section = arena_printf(&c->mem, PREFIX "%.*s", (int)len, *room);
  *phone = (*room)[len] ? *room + len + 1 : "";
  if (!c->rules->conf) return false;
  for (size_t i = 0; i < c->rules->conf->n; i++)
    if (!strcmp(c->rules->conf->at[i].section, section))
      return !notify_read(c->rules->conf, c->rules->conf->at[i].section, n);
  return false;
}

/* ---- messages ---------------------------------------------------------------------------------------------------------------- */

static const char *destination(struct cmd *c, const struct notify *n)
{
  return arena_printf(&c->mem, "messenger:%s", n->to);
}

static const struct party_rules *messenger_of(const struct cmd *c, const char *messenger)
{
  return rules_party(c->rules, "messenger", messenger);
}

static bool messenger_texts(const struct cmd *c, const char *messenger)
{
  const struct party_rules *p = messenger_of(c, messenger);
  return p && p->length > 0 && p->length <= TEXT_MESSAGE_MAX;
}

static bool is_text_message(const struct cmd *c, const struct notify *n)
{
  return *n->phones || *n->template || messenger_texts(c, n->to);
}

static int64_t quiet_end(const struct cmd *c, const struct notify *n)
{
  return quiet_until(c->now_ms, c->rules->status.calendar.zone_min, n->quiet_from, n->quiet_to);
}

static int64_t messenger_free(struct cmd *c, struct db *db, const char *messenger)
{
  const struct party_rules *p = messenger_of(c, messenger);
  int64_t first, most = p && p->per_minute > 0 ? p->per_minute : PER_MINUTE_DEFAULT;
  if (messenger_texts(c, messenger)) return 0; /* each number has a limit of its own */
  int64_t lately = notices_lately(db, messenger, c->now_ms - MINUTE_MS, &first);
  return lately < most ? 0 : first + MINUTE_MS;
}

/* When the room's next message may be put together. */
static int64_t message_due(struct cmd *c, struct db *db, const struct notify *n, const char *room,
                           bool urgent)
{
  int64_t last = notices_last(db, n->to, room, c->now_ms - n->digest_ms),
          due = last ? last + n->digest_ms : 0, quiet = urgent ? 0 : quiet_end(c, n);
  if (due < quiet) due = quiet;
  return due < c->now_ms ? c->now_ms : due;
}

static enum err message_put(struct cmd *c, struct db *db, const struct notify *n, const char *subject,
                            int64_t due)
{
  c->effects = true;
  return effect_put(db, "notice", destination(c, n), subject, !is_text_message(c, n), "{}", c->now_ms, due,
                    NULL);
}

/* A message for what waits, unless one is on its way that will take it along. */
static enum err message_ensure(struct cmd *c, struct db *db, const struct notify *n, const char *room)
{
  bool any, urgent, fixed, unknown;
  TRY(notices_wait(db, room, &any, &urgent));
  if (!any) return ERR_OK;
  int64_t open = notice_message(db, &c->mem, destination(c, n), room, &fixed, &unknown);
  int64_t due = message_due(c, db, n, room, urgent);
  if (open && !fixed) return urgent ? effect_hurry(db, open, due) : ERR_OK;
  if (open && !unknown) return ERR_OK; /* its end calls here again */
  /* What follows one that nobody knows about does not wait until a person has looked. */
  return message_put(c, db, n, open ? arena_printf(&c->mem, "%s#%lld", room, (long long)open) : room, due);
}

static void words_put(struct jw *w, const char *key, const char *list)
{
  size_t n;
  jw_key(w, key), jw_array(w);
  for (const char *p = list; *p; p += n) {
    p += strspn(p, " ,\t\n");
    n = strcspn(p, " ,\t\n");
    if (n) jw_stringn(w, p, n);
  }
  jw_array_end(w);
}

/* What all lines are about, where they are about one thing. */
static const char *one_about(const struct notice *list, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!list[i].about || strcmp(list[i].about, list[0].about) != 0) return NULL;
  return n ? list[0].about : NULL;
}

static size_t message_length(const struct cmd *c, const struct notify *n)
{
  const struct party_rules *p = messenger_of(c, n->to);
  int64_t most = p && p->length > 0 ? p->length : LENGTH_DEFAULT;
  if (most > n->limit) most = n->limit;
  return (size_t)(most < DIGEST_LEAST ? DIGEST_LEAST : most);
}

static const char *message_title(struct cmd *c, const struct notify *n, int64_t count)
{
  if (n->zh) return arena_printf(&c->mem, "订单提醒 %lld 条", (long long)count);
  return arena_printf(&c->mem, count == 1 ? "%lld notice" : "%lld notices", (long long)count);
}

static const char *message_text(struct cmd *c, const struct notify *n, const char *phone,
                                const struct notice *list, size_t lines, int64_t count)
{
  struct buf text = { 0 }, b = { 0 };
  struct jw w;
  bool urgent = false;
  for (size_t i = 0; i < lines; i++) urgent = urgent || list[i].urgent;
  const char *about = one_about(list, lines);
  digest_put(&text, list, lines, count, message_length(c, n), n->zh);
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "text", text.data);
  if (!is_text_message(c, n)) jw_kstring(&w, "title", message_title(c, n, count));
  if (*n->link) jw_kstring(&w, "link", about ? arena_printf(&c->mem, "%s/%s", n->link, about) : n->link);
  if (*phone) words_put(&w, "to", phone);
  if (*n->template) jw_kstring(&w, "template", n->template);
  jw_key(&w, "params"), jw_object(&w);
  jw_kstring(&w, "count", arena_printf(&c->mem, "%lld", (long long)count)),
    jw_kstring(&w, "text", list[0].text);
  jw_object_end(&w);
  words_put(&w, "mention", urgent ? n->mention : ""), jw_object_end(&w);
  const char *data = arena_strn(&c->mem, b.data, b.len);
  buf_release(&text), buf_release(&b);
  return data;
}

/* They wait for the morning, or until their messenger may be used again, and this message does not stand in the way of
 * what can go before. */
static enum err message_later(struct cmd *c, struct db *db, const struct notify *n, const char *room,
                              const char *subject, int64_t due)
{
  bool any, urgent;
  TRY(notices_wait(db, room, &any, &urgent));
  return any ? message_put(c, db, n, subject, due) : ERR_OK;
}

/* Lines join the message now, or *gone: not now. */
static enum err message_fill(struct cmd *c, struct db *db, const struct notify *n, const char *room,
                             const struct effect *e, bool *gone)
{
  int64_t quiet = quiet_end(c, n), busy = messenger_free(c, db, n->to),
          soon = message_due(c, db, n, room, true), joined;
  *gone = busy || soon > c->now_ms;
  if (*gone) return message_later(c, db, n, room, e->subject, busy > soon ? busy : soon);
  TRY(notices_join(db, n->to, room, !quiet, e->id, c->now_ms, &joined));
  *gone = !joined;
  return *gone ? message_later(c, db, n, room, e->subject, quiet) : ERR_OK;
}

static enum err room_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct notify n;
  const char *phone, *room;
  struct notice *list = arena_array(&c->mem, struct notice, LINES_MAX);
  size_t lines;
  int64_t count;
  bool known = room_section(c, t->effect.subject, &n, &room, &phone);
  *gone = !known || strcmp(t->effect.destination, destination(c, &n)) != 0;
  if (!known) return notices_drop(db, room, t->effect.id, c->now_ms); /* gone from the configuration */
  if (*gone) TRY(notices_leave(db, t->effect.id)); /* the room is reached otherwise by now */
  if (*gone) return message_ensure(c, db, &n, room);
  TRY(notices_with(db, &c->mem, t->effect.id, list, LINES_MAX, &lines, &count));
  if (!count) {
    TRY(message_fill(c, db, &n, room, &t->effect, gone));
    if (*gone) return ERR_OK;
    TRY(notices_with(db, &c->mem, t->effect.id, list, LINES_MAX, &lines, &count));
  }
  t->effect.data = message_text(c, &n, phone, list, lines, count);
  return ERR_OK;
}

enum err notice_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  return customer_subject(t->effect.subject) ? customer_take(c, db, t, gone) : room_take(c, db, t, gone);
}

enum err notice_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                     const char *result)
{
  struct notify n;
  struct effect now;
  const char *phone, *room;
  (void)what, (void)error, (void)result;
  TRY(effect_get(db, &c->mem, e->id, &now));
  if (!strcmp(now.state, "done")) TRY(notices_ended(db, e->id, "sent", c->now_ms));
  else if (!strcmp(now.state, "dropped")) TRY(notices_ended(db, e->id, "dropped", c->now_ms));
  if (customer_subject(e->subject) || !room_section(c, e->subject, &n, &room, &phone)) return ERR_OK;
  return message_ensure(c, db, &n, room);
}

/* ---- causes ------------------------------------------------------------------------------------------------------------------- */

struct cause {
  const char *kind, *who; /* who: a role or user:NAME; NULL: whoever listens */
  const char *stage;      /* NULL: of no stage */
  const char *key, *about;
  const char *en, *zh;
};

static enum err room_put(struct cmd *c, struct db *db, const struct notify *n, const char *room,
                         const struct cause *k)
{
  bool is_new;
  const char *text = n->zh ? k->zh : k->en;
  if (*n->link && k->about) text = arena_printf(&c->mem, "%s %s/%s", text, n->link, k->about);
  struct notice note = { .messenger = n->to,
                         .room = room,
                         .kind = k->kind,
                         .cause = k->key,
                         .about = k->about,
                         .text = text,
                         .urgent = !strcmp(k->kind, "test") || listed(n->urgent, k->kind) };
  TRY(notice_put(db, &note, c->now_ms, &is_new));
  return is_new ? message_ensure(c, db, n, room) : ERR_OK;
}

/* A text message has one recipient, so each is a room. */
static enum err phones_put(struct cmd *c, struct db *db, const struct notify *n, const struct cause *k)
{
  size_t len;
  for (const char *p = n->phones; *p; p += len) {
    p += strspn(p, " ,\t\n");
    len = strcspn(p, " ,\t\n");
    if (len) TRY(room_put(c, db, n, arena_printf(&c->mem, "%s/%.*s", n->name, (int)len, p), k));
  }
  return ERR_OK;
}

static enum err cause_put(struct cmd *c, struct db *db, const struct cause *k)
{
  const struct conf *conf = c->rules->conf;
  for (size_t i = 0; conf && i < conf->n; i++) {
    struct notify n;
    if (!first_of_section(conf, i) || notify_read(conf, conf->at[i].section, &n)) continue;
    if (!listed(n.on, k->kind)) continue;
    if (k->who && *n.roles && !listed(n.roles, k->who)) continue;
    if (k->stage && *n.stages && !listed(n.stages, k->stage)) continue;
    if (*n.phones) TRY(phones_put(c, db, &n, k));
    else TRY(room_put(c, db, &n, n.name, k));
  }
  return ERR_OK;
}

static const char *local_time(struct cmd *c, int64_t ms)
{
  struct civil t = time_civil(ms, c->rules->status.calendar.zone_min);
  return arena_printf(&c->mem, "%02d-%02d %02d:%02d", t.month, t.day, t.hour, t.minute);
}

enum err notify_stage(struct cmd *c, struct db *db, const struct order *o, const struct stage *s,
                      bool escalated)
{
  const char *kind = escalated ? "escalate" : "remind", *who = escalated && *s->lead ? s->lead : s->owner;
  const char *id = id_text(&c->mem, 'o', o->id), *since = local_time(c, o->stage_since);
  const struct cause k = {
    .kind = kind,
    .who = who,
    .stage = s->name,
    .key = arena_printf(&c->mem, "%s:%s:%s:%lld", kind, id, s->name, (long long)o->stage_since),
    .about = id,
    .en = arena_printf(&c->mem, "%s %s since %s in %s; owner: %s", escalated ? "Overdue:" : "Waits:", id,
                       since, s->label, s->owner),
    .zh = arena_printf(&c->mem, "%s%s 自 %s 处于「%s」，负责：%s", escalated ? "已超时：" : "待处理：", id,
                       since, *s->label_zh ? s->label_zh : s->label, s->owner),
  };
  return cause_put(c, db, &k);
}

enum err notify_case(struct cmd *c, struct db *db, const struct aftercase *a, bool escalated)
{
  const char *kind = escalated ? "escalate" : "remind", *id = id_text(&c->mem, 'c', a->id);
  const char *order = id_text(&c->mem, 'o', a->order_id), *step = case_step_name(a->step);
  const char *since = local_time(c, a->step_since);
  const struct cause k = {
    .kind = kind,
    .who = step, /* a step bears the name of the role that approves it */
    .key = arena_printf(&c->mem, "%s:%s:%s:%lld", kind, id, step, (long long)a->step_since),
    .about = id,
    .en = arena_printf(&c->mem, "%s %s of %s since %s; approval of: %s",
                       escalated ? "Overdue:" : "Waits:", id, order, since, step),
    .zh = arena_printf(&c->mem, "%s%s（订单 %s）自 %s 等待审批：%s", escalated ? "已超时：" : "待处理：", id,
                       order, since, step),
  };
  return cause_put(c, db, &k);
}

/* "on", a blank and when it was told last; else "off". */
static enum err backlog_told(struct cmd *c, struct db *db, int64_t *at)
{
  char *text = NULL;
  enum err e = meta_get(db, &c->mem, BACKLOG_TOLD, &text);
  *at = 0;
  if (e == ERR_NOT_FOUND || (!e && strncmp(text, "on ", 3) != 0)) return ERR_OK;
  for (const char *p = e ? "" : text + 3; *p >= '0' && *p <= '9'; p++) *at = *at * 10 + (*p - '0');
  return e;
}

enum err notify_backlog(struct cmd *c, struct db *db, const char *state, int64_t backlog, int64_t limit)
{
  bool over = !strcmp(state, "on");
  int64_t told;
  TRY(backlog_told(c, db, &told));
  if (over ? told && c->now_ms - told < BACKLOG_AGAIN_MS : !told) return ERR_OK; /* also after a new start */
  const struct cause k = {
    .kind = "backlog",
    .key = arena_printf(&c->mem, "backlog:%s:%lld", state, (long long)c->now_ms),
    .en = arena_printf(&c->mem, "Backlog alarm %s: %lld failed or dead, limit %lld",
                       !over  ? "is over"
                       : told ? "goes on"
                              : "begins",
                       (long long)backlog, (long long)limit),
    .zh = arena_printf(&c->mem, "积压报警（%s）：失败或死信 %lld 条，上限 %lld",
                       !over  ? "解除"
                       : told ? "持续"
                              : "开始",
                       (long long)backlog, (long long)limit),
  };
  TRY(meta_put(db, BACKLOG_TOLD, over ? arena_printf(&c->mem, "on %lld", (long long)c->now_ms) : "off"));
  return cause_put(c, db, &k);
}

static enum err exception_told(struct cmd *c, struct db *db, const struct opened_exception *x)
{
  if (!strncmp(x->type, "overdue:", 8) || !strncmp(x->type, "case_overdue:", 13) ||
      c->now_ms - x->since > LOOK_BACK_MS)
    return ERR_OK; /* the escalation says it, or nobody was to be told when it was opened */
  const char *id = id_text(&c->mem, 'x', x->id);
  const char *order = x->order_id ? id_text(&c->mem, 'o', x->order_id) : "";
  const struct cause k = {
    .kind = arena_printf(&c->mem, "exception:%s", x->type),
    .who = x->owner,
    .key = arena_printf(&c->mem, "exception:%s", id),
    .about = id,
    .en = arena_printf(&c->mem, "Exception %s %s %s", id, x->type, order),
    .zh = arena_printf(&c->mem, "异常 %s %s %s", id, x->type, order),
  };
  return cause_put(c, db, &k);
}

static bool any_section(const struct conf *c)
{
  for (size_t i = 0; c && i < c->n; i++)
    if (is_notify(&c->at[i])) return true;
  return false;
}

static enum err told_till(struct cmd *c, struct db *db, int64_t *last)
{
  char *text = NULL;
  enum err e = meta_get(db, &c->mem, EXCEPTIONS_TOLD, &text);
  *last = 0;
  if (e == ERR_NOT_FOUND) { /* the first time: not everything that is open since long ago */
    *last = exceptions_before(db, c->now_ms - LOOK_BACK_MS);
    return ERR_OK;
  }
  for (const char *p = text ? text : ""; *p >= '0' && *p <= '9'; p++) *last = *last * 10 + (*p - '0');
  return e;
}

enum err notify_exceptions(struct cmd *c, struct db *db)
{
  struct opened_exception list[EXCEPTIONS_STEP];
  int64_t last;
  size_t n;
  if (!any_section(c->rules->conf)) return ERR_OK;
  TRY(told_till(c, db, &last));
  int64_t before = last;
  while ((n = exceptions_since(db, &c->mem, last, list, EXCEPTIONS_STEP)) > 0) {
    for (size_t i = 0; i < n; i++) TRY(exception_told(c, db, &list[i]));
    last = list[n - 1].id;
  }
  return last == before ? ERR_OK
                        : meta_put(db, EXCEPTIONS_TOLD, arena_printf(&c->mem, "%lld", (long long)last));
}

/* ---- notice.test: a room's next message says that it works --------------------------------------------------------------------- */

enum err flow_notice_test_parse(struct cmd *c, const struct json *body)
{
  const char **room = arena_new(&c->mem, const char *);
  const struct arg rows[] = { { "room", ARG_TEXT, true, 100, room } };
  c->args = room;
  return args_read(c, body, rows, COUNT(rows));
}

enum err flow_notice_test_run(struct cmd *c, struct db *db)
{
  const char *name = *(const char *const *)c->args, *room, *phone;
  struct notify n;
  if (!room_section(c, name, &n, &room, &phone) || *phone || strcmp(room, name) != 0)
    return refuse(c, ERR_NOT_FOUND, "room_not_found", "There is no section [notify %.60s]", name);
  const struct cause k = {
    .kind = "test",
    .key = arena_printf(&c->mem, "test:%lld", (long long)c->now_ms),
    .en = arena_printf(&c->mem, "A try of %s by %s", room, c->actor.name),
    .zh = arena_printf(&c->mem, "%s 的测试消息（%s）", room, c->actor.name),
  };
  TRY(*n.phones ? phones_put(c, db, &n, &k) : room_put(c, db, &n, room, &k));
  c->status = 202;
  buf_str(&c->out, "{\"room\":");
  struct jw w;
  jw_init(&w, &c->out), jw_string(&w, room);
  buf_printf(&c->out, ",\"messenger\":");
  jw_init(&w, &c->out), jw_string(&w, n.to);
  buf_char(&c->out, '}');
  return ERR_OK;
}
