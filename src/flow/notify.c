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
#define EXCEPTIONS_TOLD "exceptions_told"
#define PREFIX "notify "

struct notify { /* one [notify NAME] */
  const char *section, *name;
  const char *to, *on, *roles, *urgent, *phones, *template, *link;
  int quiet_from, quiet_to;
  int64_t digest_ms, limit;
  bool zh;
};

/* ---- the sections -------------------------------------------------------------------------------------------------------- */

static const char *const keys[] = { "to",   "on",    "roles",  "urgent", "phones",  "template",
                                    "link", "quiet", "digest", "limit",  "language" };

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

/* Reads one section; the key that is wrong, or NULL. */
static const char *notify_read(const struct conf *c, const char *section, struct notify *n)
{
  *n = (struct notify){ .section = section, .name = section + sizeof PREFIX - 1 };
  n->to = value(c, section, "to", "");
  n->on = value(c, section, "on", "remind escalate backlog"), n->roles = value(c, section, "roles", "");
  n->urgent = value(c, section, "urgent", "backlog exception:double_shipment exception:intercept");
  n->phones = value(c, section, "phones", ""), n->template = value(c, section, "template", "");
  n->link = value(c, section, "link", "");
  const char *quiet = value(c, section, "quiet", ""), *language = value(c, section, "language", "en");
  if (*quiet && !quiet_parse(quiet, &n->quiet_from, &n->quiet_to)) return "quiet";
  if (!duration_parse(value(c, section, "digest", "1m"), &n->digest_ms) || n->digest_ms < 1000)
    return "digest";
  if (!limit_parse(value(c, section, "limit", "2000"), &n->limit)) return "limit";
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
    if (strchr(e->section + sizeof PREFIX - 1, '/'))
      return arena_printf(a, "line %d: [%s]: a name holds no /", e->line, e->section);
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

/* "NAME" or, of text messages, "NAME/PHONE". */
static bool room_section(struct cmd *c, const char *room, struct notify *n, const char **phone)
{
  size_t len = strcspn(room, "/");
  const char *section = arena_printf(&c->mem, PREFIX "%.*s", (int)len, room);
  *phone = room[len] ? room + len + 1 : "";
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

static int64_t quiet_end(const struct cmd *c, const struct notify *n)
{
  return quiet_until(c->now_ms, c->rules->status.calendar.zone_min, n->quiet_from, n->quiet_to);
}

static int64_t message_due(struct cmd *c, struct db *db, const struct notify *n, const char *room,
                           bool urgent)
{
  int64_t last = notices_last(db, room), due = last ? last + n->digest_ms : 0,
          quiet = urgent ? 0 : quiet_end(c, n);
  if (due < quiet) due = quiet;
  return due < c->now_ms ? c->now_ms : due;
}

/* A message for what waits, unless one is on its way that will take it along. */
static enum err message_ensure(struct cmd *c, struct db *db, const struct notify *n, const char *room)
{
  bool any, urgent, fixed;
  TRY(notices_wait(db, room, &any, &urgent));
  if (!any) return ERR_OK;
  const char *to = destination(c, n);
  int64_t open = notice_message(db, to, room, &fixed), due = message_due(c, db, n, room, urgent);
  if (open && fixed) return ERR_OK; /* its end calls here again */
  c->effects = true;
  if (open) return urgent ? effect_hurry(db, open, due) : ERR_OK;
  return effect_put(db, "notice", to, room, true, "{}", c->now_ms, due, NULL);
}

static const char *message_text(struct cmd *c, const struct notify *n, const char *phone,
                                const struct notice *list, size_t lines, int64_t count)
{
  struct buf text = { 0 }, b = { 0 };
  struct jw w;
  digest_put(&text, list, lines, count, (size_t)n->limit, n->zh);
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "text", text.data);
  jw_kstring(&w, "title",
             n->zh ? arena_printf(&c->mem, "订单提醒 %lld 条", (long long)count)
                   : arena_printf(&c->mem, "%lld notices", (long long)count));
  if (*n->link) jw_kstring(&w, "link", n->link);
  if (*phone) jw_kstring(&w, "to", phone);
  if (*n->template) {
    jw_kstring(&w, "template", n->template), jw_key(&w, "params"), jw_object(&w);
    jw_kstring(&w, "count", arena_printf(&c->mem, "%lld", (long long)count)),
      jw_kstring(&w, "text", list[0].text);
    jw_object_end(&w);
  }
  jw_object_end(&w);
  const char *data = arena_strn(&c->mem, b.data, b.len);
  buf_release(&text), buf_release(&b);
  return data;
}

enum err notice_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  struct notify n;
  const char *phone, *room = t->effect.subject;
  struct notice *list = arena_array(&c->mem, struct notice, LINES_MAX);
  size_t lines;
  int64_t count, joined;
  *gone = !room_section(c, room, &n, &phone); /* the section is gone from the configuration */
  if (*gone) return ERR_OK;
  TRY(notices_with(db, &c->mem, t->effect.id, list, LINES_MAX, &lines, &count));
  if (!count) {
    int64_t quiet = quiet_end(c, &n);
    TRY(notices_join(db, room, !quiet, t->effect.id, c->now_ms, &joined));
    TRY(notices_with(db, &c->mem, t->effect.id, list, LINES_MAX, &lines, &count));
    *gone = !count;
    bool any, urgent;
    TRY(notices_wait(db, room, &any, &urgent));
    if (*gone &&
        any) /* they wait for the morning, and this message does not stand in the way of what cannot */
      TRY(effect_put(db, "notice", t->effect.destination, room, true, "{}", c->now_ms, quiet, NULL));
    if (*gone) return ERR_OK;
  }
  t->effect.data = message_text(c, &n, phone, list, lines, count);
  return ERR_OK;
}

enum err notice_told(struct cmd *c, struct db *db, const struct effect *e, enum told what, const char *error,
                     const char *result)
{
  struct notify n;
  struct effect now;
  const char *phone;
  (void)what, (void)error, (void)result;
  TRY(effect_get(db, &c->mem, e->id, &now));
  if (!strcmp(now.state, "done")) TRY(notices_ended(db, e->id, "sent", c->now_ms));
  else if (!strcmp(now.state, "dropped")) TRY(notices_ended(db, e->id, "dropped", c->now_ms));
  return room_section(c, e->subject, &n, &phone) ? message_ensure(c, db, &n, e->subject) : ERR_OK;
}

/* ---- causes ------------------------------------------------------------------------------------------------------------------- */

struct cause {
  const char *kind, *who; /* who: a role or user:NAME; NULL: whoever listens */
  const char *key, *about;
  const char *en, *zh;
};

static enum err room_put(struct cmd *c, struct db *db, const struct notify *n, const char *room,
                         const struct cause *k)
{
  bool is_new;
  const char *text = n->zh ? k->zh : k->en;
  if (*n->link && k->about) text = arena_printf(&c->mem, "%s %s/%s", text, n->link, k->about);
  const struct notice note = { .room = room,
                               .kind = k->kind,
                               .cause = k->key,
                               .about = k->about,
                               .text = text,
                               .urgent = listed(n->urgent, k->kind) };
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
    .key = arena_printf(&c->mem, "%s:%s:%s:%lld", kind, id, s->name, (long long)o->stage_since),
    .about = id,
    .en = arena_printf(&c->mem, "%s %s since %s in %s; owner: %s", escalated ? "Overdue:" : "Waits:", id,
                       since, s->label, s->owner),
    .zh = arena_printf(&c->mem, "%s%s 自 %s 处于「%s」，负责：%s", escalated ? "已超时：" : "待处理：", id,
                       since, *s->label_zh ? s->label_zh : s->label, s->owner),
  };
  return cause_put(c, db, &k);
}

enum err notify_backlog(struct cmd *c, struct db *db, const char *state, int64_t backlog, int64_t limit)
{
  bool over = !strcmp(state, "on");
  const struct cause k = {
    .kind = "backlog",
    .key = arena_printf(&c->mem, "backlog:%s:%lld", state, (long long)c->now_ms),
    .en = arena_printf(&c->mem, "Backlog alarm %s: %lld failed or dead, limit %lld",
                       over ? "begins" : "is over", (long long)backlog, (long long)limit),
    .zh = arena_printf(&c->mem, "积压报警（%s）：失败或死信 %lld 条，上限 %lld", over ? "开始" : "解除",
                       (long long)backlog, (long long)limit),
  };
  return cause_put(c, db, &k);
}

static enum err exception_told(struct cmd *c, struct db *db, const struct opened_exception *x)
{
  if (!strncmp(x->type, "overdue:", 8)) return ERR_OK; /* the escalation says it */
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
