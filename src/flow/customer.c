/* customer.c: what customers are told about their parcels: shipped, delayed. Once per event and parcel, by day, and only
 * who wants it: the order bears consent_sms, or its channel says that all its customers do; a channel may forbid it.
 *
 *   the parcel left ─► whom of its orders may be written to? ─► notice and its effect ─► take: still true, still allowed?
 *                                                                   └─ night, or its number had one just now: later
 *
 * A message costs and disturbs, so it is not safe: where nobody knows whether it was taken, it is asked about. */
#include "flow.h"

#define PREFIX "customers "
#define ROOM "customer:"
#define MINUTE_MS 60000ll
#define STALE_MS (48ll * 3600 * 1000) /* news of the day before yesterday are none */

enum news { NEWS_SHIPPED, NEWS_DELAYED, NEWS_N };
static const struct {
  const char *name, *zh, *en;
} news_table[] = {
  [NEWS_SHIPPED] = { "shipped", "您的订单 {order} 已由 {carrier} 发出，运单号 {tracking_no}。",
                     "Your order {order} is on its way with {carrier}, tracking number {tracking_no}." },
  [NEWS_DELAYED] = { "delayed", "很抱歉，您的订单 {order} 会晚一些发出，我们正在加紧处理。",
                     "We are sorry: your order {order} will be sent later than promised." },
};

struct letter { /* one [customers EVENT] */
  const char *to, *template, *template_en, *params, *text, *text_en;
  int quiet_from, quiet_to;
};

/* ---- the sections ----------------------------------------------------------------------------------------------------- */

static const char *const keys[] = { "to", "template", "template_en", "params", "text", "text_en", "quiet" };

static const char *value(const struct conf *c, const char *section, const char *key, const char *fallback)
{
  const struct conf_entry *e = conf_get(c, section, key);
  return e ? e->value : fallback;
}

static bool params_known(const char *list)
{
  static const char *const known[] = { "order", "carrier", "tracking_no", "shop" };
  size_t n;
  for (const char *p = list; *p; p += n) {
    bool found = false;
    p += strspn(p, " ,\t\n");
    n = strcspn(p, " ,\t\n");
    for (size_t i = 0; i < COUNT(known); i++)
      found = found || (strlen(known[i]) == n && !memcmp(known[i], p, n));
    if (n && !found) return false;
  }
  return true;
}

/* The key that is wrong, or NULL. */
static const char *letter_read(const struct conf *c, const char *section, enum news news, struct letter *l)
{
  l->to = value(c, section, "to", "");
  l->template = value(c, section, "template", ""),
  l->template_en = value(c, section, "template_en", l->template);
  l->params = value(c, section, "params", "order carrier tracking_no shop");
  l->text = value(c, section, "text", news_table[news].zh);
  l->text_en = value(c, section, "text_en", news_table[news].en);
  if (!params_known(l->params)) return "params";
  return quiet_parse(value(c, section, "quiet", "21:00-09:00"), &l->quiet_from, &l->quiet_to) ? NULL
                                                                                              : "quiet";
}

static bool news_find(const char *name, size_t n, enum news *news)
{
  for (int i = 0; i < NEWS_N; i++)
    if (strlen(news_table[i].name) == n && !memcmp(news_table[i].name, name, n))
      return *news = (enum news)i, true;
  return false;
}

static bool key_known(const char *key)
{
  for (size_t i = 0; i < COUNT(keys); i++)
    if (!strcmp(keys[i], key)) return true;
  return false;
}

static bool is_section(const struct conf *c, const char *section)
{
  for (size_t i = 0; c && i < c->n; i++)
    if (!strcmp(c->at[i].section, section)) return true;
  return false;
}

const char *customer_fault(struct arena *a, const struct conf *c)
{
  for (size_t i = 0; i < c->n; i++) {
    const struct conf_entry *e = &c->at[i];
    struct letter l;
    enum news news;
    if (strncmp(e->section, PREFIX, sizeof PREFIX - 1) != 0) continue;
    const char *name = e->section + sizeof PREFIX - 1;
    if (!news_find(name, strlen(name), &news))
      return arena_printf(a, "line %d: [%s]: customers are told of shipped and delayed", e->line, e->section);
    if (!key_known(e->key))
      return arena_printf(a, "line %d: [%s] has no key %s", e->line, e->section, e->key);
    const char *wrong = letter_read(c, e->section, news, &l);
    if (wrong) return arena_printf(a, "line %d: [%s] %s cannot be understood", e->line, e->section, wrong);
    if (!is_section(c, arena_printf(a, "messenger %s", l.to)))
      return arena_printf(a, "line %d: [%s] to = %s: there is no section [messenger %s]", e->line, e->section,
                          l.to, l.to);
  }
  return NULL;
}

static bool letter_of(struct cmd *c, enum news news, struct letter *l)
{
  const char *section = arena_printf(&c->mem, PREFIX "%s", news_table[news].name);
  return is_section(c->rules->conf, section) && !letter_read(c->rules->conf, section, news, l);
}

/* ---- who may be written to --------------------------------------------------------------------------------------------- */

static bool is_chinese(const char *country)
{
  static const char *const those[] = { "CN", "HK", "MO", "TW" };
  for (size_t i = 0; i < COUNT(those); i++)
    if (!country || !*country || !strcmp(country, those[i])) return true;
  return false;
}

/* A whole number that text messages reach, with + and its country; NULL: masked, virtual, of a house, or of no known
 * country. */
static const char *phone_of(struct cmd *c, const struct order *o)
{
  struct phone p;
  bool home = !o->country || !*o->country || !strcmp(o->country, "CN");
  phone_parse(o->phone, o->country, &p);
  if (p.kind != PHONE_FULL || *p.extension) return NULL;
  if (home)
    return strlen(p.digits) == 11 && p.digits[0] == '1' ? arena_printf(&c->mem, "+86%s", p.digits) : NULL;
  const char *given = text_nfkc(&c->mem, o->phone);
  if (*given != '+') return NULL;
  char *out = arena_str(&c->mem, given);
  size_t n = 1;
  for (const char *q = given + 1; *q; q++)
    if (*q >= '0' && *q <= '9') out[n++] = *q;
  out[n] = 0;
  return n > 7 && n <= 16 ? out : NULL;
}

/* Its phone, where the customer wants it and the platform does not forbid it; else NULL. */
static enum err reachable(struct cmd *c, struct db *db, const struct order *o, const char **phone)
{
  struct channel ch;
  *phone = NULL;
  TRY(channel_by_id(db, &c->mem, o->channel_id, &ch));
  const char *contact =
    value(c->rules->conf, arena_printf(&c->mem, "channel %s", ch.name), "contact", "consent");
  bool may = !strcmp(contact, "yes") || (!strcmp(contact, "consent") && o->flags & FLAG_CONSENT_SMS);
  if (may && !o->cancelled_at) *phone = phone_of(c, o);
  return ERR_OK;
}

/* ---- putting ------------------------------------------------------------------------------------------------------------- */

static const char *destination(struct cmd *c, const struct letter *l)
{
  return arena_printf(&c->mem, "messenger:%s", l->to);
}

static int64_t quiet_end(const struct cmd *c, const struct letter *l)
{
  return quiet_until(c->now_ms, c->rules->status.calendar.zone_min, l->quiet_from, l->quiet_to);
}

static enum err letter_put(struct cmd *c, struct db *db, const struct letter *l, const struct notice *n,
                           int64_t due)
{
  int64_t effect;
  const char *subject = arena_printf(&c->mem, "%s:%s", n->room, n->cause);
  c->effects = true;
  TRY(effect_put(db, "notice", destination(c, l), subject, false, "{}", c->now_ms, due, &effect));
  return notice_with(db, n->id, effect, 0);
}

static enum err tell(struct cmd *c, struct db *db, enum news news, const struct letter *l, const char *cause,
                     const struct order *o)
{
  bool is_new;
  struct notice n = { .messenger = l->to,
                      .room = arena_printf(&c->mem, ROOM "%s", news_table[news].name),
                      .kind = news_table[news].name,
                      .cause = cause,
                      .about = id_text(&c->mem, 'o', o->id),
                      .text = is_chinese(o->country) ? l->text : l->text_en };
  TRY(notice_put(db, &n, c->now_ms, &is_new));
  int64_t quiet = quiet_end(c, l);
  return is_new ? letter_put(c, db, l, &n, quiet ? quiet : c->now_ms) : ERR_OK;
}

/* One of the parcel's orders, which are one customer's: the first that may be written to. */
static enum err tell_parcel(struct cmd *c, struct db *db, enum news news, int64_t fulfilment_id,
                            const char *cause)
{
  struct letter l;
  struct fulfilment_line *line;
  size_t n;
  if (!letter_of(c, news, &l)) return ERR_OK;
  TRY(fulfilment_lines(db, &c->mem, fulfilment_id, &line, &n));
  for (size_t i = 0; i < n; i++) {
    struct order o;
    const char *phone;
    if (i && line[i].order_id == line[i - 1].order_id) continue;
    TRY(order_get(db, &c->mem, line[i].order_id, &o));
    TRY(reachable(c, db, &o, &phone));
    if (phone) return tell(c, db, news, &l, cause ? cause : id_text(&c->mem, 'o', line[0].order_id), &o);
  }
  return ERR_OK;
}

enum err customer_shipped(struct cmd *c, struct db *db, int64_t fulfilment_id)
{
  return tell_parcel(c, db, NEWS_SHIPPED, fulfilment_id, id_text(&c->mem, 'f', fulfilment_id));
}

enum err customer_parcel_late(struct cmd *c, struct db *db, int64_t fulfilment_id)
{
  return tell_parcel(c, db, NEWS_DELAYED, fulfilment_id, NULL);
}

enum err customer_order_late(struct cmd *c, struct db *db, const struct order *o)
{
  struct letter l;
  const char *phone;
  if (!o->ship_by || o->ship_by > c->now_ms || o->shipped_at || !letter_of(c, NEWS_DELAYED, &l))
    return ERR_OK;
  TRY(reachable(c, db, o, &phone));
  return phone ? tell(c, db, NEWS_DELAYED, &l, id_text(&c->mem, 'o', o->id), o) : ERR_OK;
}

/* ---- taking ---------------------------------------------------------------------------------------------------------------- */

struct facts {
  struct {
    const char *name, *value;
  } at[4];
};

static const char *fact(const struct facts *f, const char *name, size_t n)
{
  for (size_t i = 0; i < COUNT(f->at); i++)
    if (strlen(f->at[i].name) == n && !memcmp(f->at[i].name, name, n)) return f->at[i].value;
  return NULL;
}

static void text_put(struct buf *out, const char *form, const struct facts *f)
{
  while (*form) {
    size_t n = strcspn(form, "{");
    buf_put(out, form, n), form += n;
    if (!*form) return;
    n = strcspn(form, "}");
    const char *value = form[n] ? fact(f, form + 1, n - 1) : NULL;
    if (value) buf_str(out, value), form += n + 1;
    else buf_char(out, *form++);
  }
}

/* In this order: some platforms know a template's variables by their place only. */
static void params_put(struct jw *w, struct cmd *c, const char *list, const struct facts *f)
{
  size_t n;
  jw_key(w, "params"), jw_object(w);
  for (const char *p = list; *p; p += n) {
    p += strspn(p, " ,\t\n");
    n = strcspn(p, " ,\t\n");
    const char *value = n ? fact(f, p, n) : NULL;
    if (value) jw_kstring(w, arena_strn(&c->mem, p, n), value);
  }
  jw_object_end(w);
}

static const char *letter_text(struct cmd *c, const struct letter *l, const struct notice *n,
                               const struct order *o, const char *phone, const struct facts *f)
{
  struct buf text = { 0 }, b = { 0 };
  struct jw w;
  text_put(&text, n->text, f);
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "text", text.data ? text.data : "");
  jw_key(&w, "to"), jw_array(&w), jw_string(&w, phone), jw_array_end(&w);
  const char *template = is_chinese(o->country) ? l->template : l->template_en;
  if (*template) jw_kstring(&w, "template", template), params_put(&w, c, l->params, f);
  jw_object_end(&w);
  const char *data = arena_strn(&c->mem, b.data, b.len);
  buf_release(&text), buf_release(&b);
  return data;
}

/* Is it still so? Fills what the text tells. */
static enum err still_true(struct cmd *c, struct db *db, enum news news, const struct notice *n,
                           const struct order *o, struct facts *f, bool *yes)
{
  struct channel ch;
  struct claim k = { .carrier = "", .tracking_no = "" };
  int64_t parcel;
  *yes = news == NEWS_DELAYED && !o->shipped_at;
  if (news == NEWS_SHIPPED && id_parse(n->cause, 'f', &parcel)) {
    enum err e = claim_of_fulfilment(db, &c->mem, parcel, &k);
    if (e && e != ERR_NOT_FOUND) return e;
    *yes = !e && !strcmp(k.state, "shipped");
  }
  TRY(channel_by_id(db, &c->mem, o->channel_id, &ch));
  *f = (struct facts){ { { "order", o->external_id },
                         { "carrier", k.carrier ? k.carrier : "" },
                         { "tracking_no", k.tracking_no ? k.tracking_no : "" },
                         { "shop", ch.name } } };
  return ERR_OK;
}

/* Platforms take one message a minute for a number. */
static int64_t number_free(struct cmd *c, struct db *db, const struct letter *l, const struct order *o)
{
  int64_t last = notices_lately_to(db, l->to, c->now_ms - MINUTE_MS, o->contact_key);
  return last ? last + MINUTE_MS : 0;
}

/* Not now, but later by another effect: this one goes. */
static enum err put_off(struct cmd *c, struct db *db, const struct letter *l, const struct notice *n,
                        const struct order *o, bool *off)
{
  const int64_t until[] = { quiet_end(c, l), number_free(c, db, l, o) };
  int64_t due = 0;
  for (size_t i = 0; i < COUNT(until); i++)
    if (until[i] > due) due = until[i];
  *off = due > 0;
  return *off ? letter_put(c, db, l, n, due) : ERR_OK;
}

bool customer_subject(const char *subject)
{
  return !strncmp(subject, ROOM, sizeof ROOM - 1);
}

enum err customer_take(struct cmd *c, struct db *db, struct effect_taken *t, bool *gone)
{
  const char *name = t->effect.subject + sizeof ROOM - 1, *phone = NULL;
  struct notice n;
  struct letter l;
  struct order o;
  struct facts f;
  enum news news;
  size_t lines;
  int64_t count, order;
  bool yes = false;
  TRY(notices_with(db, &c->mem, t->effect.id, &n, 1, &lines, &count));
  bool known = lines && news_find(name, strcspn(name, ":"), &news) && letter_of(c, news, &l) &&
               !strcmp(t->effect.destination, destination(c, &l)) && c->now_ms - n.at <= STALE_MS &&
               n.about && id_parse(n.about, 'o', &order) && !order_get(db, &c->mem, order, &o);
  if (known) TRY(reachable(c, db, &o, &phone));
  if (phone) TRY(still_true(c, db, news, &n, &o, &f, &yes));
  *gone = !yes;
  if (*gone) return notices_ended(db, t->effect.id, "dropped", c->now_ms);
  TRY(put_off(c, db, &l, &n, &o, gone));
  if (*gone) return ERR_OK;
  TRY(notice_with(db, n.id, t->effect.id, c->now_ms));
  t->effect.data = letter_text(c, &l, &n, &o, phone, &f);
  return ERR_OK;
}
