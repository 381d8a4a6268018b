/* trace.c: asking carriers where parcels are. A row per parcel on its way says when it is asked for next; the older the
 * parcel the rarer, and not at all once it arrived, came back, or is two months old. */
#include "flow.h"
#include <stdio.h>

#define HOUR_MS (3600ll * 1000)
#define DAY_MS (24 * HOUR_MS)
#define TRACE_AGE_MOST (60 * DAY_MS)
#define EVERY_DEFAULT (HOUR_MS / 2)
#define TRACES_SEEN "traces_seen"
#define EVENTS_MOST 500

static bool word_in(const char *word, const char *list)
{
  size_t n = strlen(word);
  for (const char *p = list; *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " ");
    if (len == n && !memcmp(p, word, n)) return true;
    p += len;
  }
  return false;
}

/* Who is asked about a carrier's parcels: itself, else one that follows others. */
static const struct party_rules *teller_of(struct cmd *c, const struct trace_polls *polls,
                                           const char *carrier, bool *follows)
{
  const struct party_rules *p = rules_party(c->rules, "carrier", carrier);
  for (size_t i = 0; i < polls->followers; i++) {
    const struct follower *f = &polls->follower[i];
    bool own = p && p->traces && !strcmp(f->name, carrier);
    if (!own && (p && p->traces)) continue;
    if (!own && !word_in(carrier, f->codes)) continue;
    *follows = f->follow;
    return rules_party(c->rules, "carrier", f->name);
  }
  *follows = false;
  return p && p->traces ? p : NULL;
}

static int64_t interval(const struct party_rules *p, int64_t age, bool followed)
{
  int64_t every = p->every_ms > 0 ? p->every_ms : EVERY_DEFAULT;
  if (followed && every < 6 * HOUR_MS)
    every = 6 * HOUR_MS; /* it tells by itself; this is for what went lost */
  return age < DAY_MS ? every : age < 7 * DAY_MS ? 2 * every : age < 20 * DAY_MS ? 4 * every : 12 * every;
}

/* The last digits of the receiver's telephone: some carriers tell nothing without them. */
static const char *tail(struct cmd *c, struct db *db, int64_t fulfilment_id)
{
  struct fulfilment_line *l;
  struct order o;
  size_t lines;
  if (fulfilment_lines(db, &c->mem, fulfilment_id, &l, &lines) || !lines) return "";
  const char *phone = order_get(db, &c->mem, l[0].order_id, &o) ? NULL : o.phone;
  size_t n = phone ? strlen(phone) : 0;
  return n >= 4 && strspn(phone + n - 4, "0123456789") == 4 ? phone + n - 4 : "";
}

static const char *what_of(struct cmd *c, struct db *db, const struct trace_poll *p)
{
  struct buf b = { 0 };
  struct jw w;
  jw_init(&w, &b), jw_object(&w), jw_kstring(&w, "tracking_no", p->tracking_no);
  jw_kstring(&w, "carrier", p->carrier), jw_kstring(&w, "phone_tail", tail(c, db, p->fulfilment_id));
  jw_kint(&w, "since_ms", p->claimed_at), jw_object_end(&w);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

static enum err one_take(struct cmd *c, struct db *db, struct trace_polls *polls, const struct trace_poll *p)
{
  bool follows;
  const struct party_rules *to = teller_of(c, polls, p->carrier, &follows);
  if (!to)
    return trace_poll_next(db, p->claim_id, c->now_ms + DAY_MS, false); /* one may be configured by then */
  bool follow = follows && !p->followed;
  polls->ask[polls->n++] =
    (struct trace_ask){ p->claim_id, to->destination, follow ? "follow" : "trace", what_of(c, db, p) };
  return trace_poll_next(db, p->claim_id,
                         c->now_ms + interval(to, c->now_ms - p->claimed_at, follows && p->followed), false);
}

/* Claims are numbered as they are made, so nobody has to remember to say that there is a new one. */
static enum err enrol(struct cmd *c, struct db *db)
{
  char *text = NULL;
  int64_t after = 0, last;
  enum err e = meta_get(db, &c->mem, TRACES_SEEN, &text);
  if (e && e != ERR_NOT_FOUND) return e;
  for (const char *p = text ? text : ""; *p; p++) after = after * 10 + (*p - '0');
  TRY(trace_polls_enrol(db, after, c->now_ms, &last));
  return last > after ? meta_put(db, TRACES_SEEN, arena_printf(&c->mem, "%lld", (long long)last)) : ERR_OK;
}

static bool any_tells(const struct cmd *c)
{
  for (size_t i = 0; i < c->rules->parties; i++)
    if (!strcmp(c->rules->party[i].kind, "carrier") && c->rules->party[i].traces) return true;
  return false;
}

enum err flow_traces_take_parse(struct cmd *c, const struct json *body)
{
  (void)body;
  return refuse(c, ERR_INVALID, NULL, "Only who asks carriers takes these");
}

enum err flow_traces_take_run(struct cmd *c, struct db *db)
{
  struct trace_polls *polls = (struct trace_polls *)(uintptr_t)c->args;
  struct trace_poll *due;
  size_t n;
  polls->n = 0;
  TRY(waybills_sweep(c, db));
  if (!any_tells(c) || outbox_held(c, db)) return ERR_OK;
  TRY(enrol(c, db));
  TRY(trace_polls_prune(db, c->now_ms, c->now_ms - TRACE_AGE_MOST));
  TRY(trace_polls_due(db, &c->mem, c->now_ms, polls->max, &due, &n));
  for (size_t i = 0; i < n; i++) TRY(one_take(c, db, polls, &due[i]));
  c->left = n == polls->max;
  return ERR_OK;
}

/* ---- what was answered ------------------------------------------------------------------------------------------ */
enum err flow_trace_told_parse(struct cmd *c, const struct json *body)
{
  (void)body;
  return refuse(c, ERR_INVALID, NULL, "Only who asks carriers tells this");
}

static const char *short_text(struct cmd *c, const char *text, size_t most)
{
  size_t n = text ? strlen(text) : 0;
  if (n <= most) return text;
  for (n = most; n && (text[n] & 0xc0) == 0x80;) n--;
  return arena_strn(&c->mem, text, n);
}

/* One that cannot be read is left out: the next answer has it again. */
static enum err one_told(struct cmd *c, struct db *db, const struct json *event)
{
  const char *no = json_string(json_get(event, "tracking_no")), *at = json_string(json_get(event, "at"));
  struct trace t = { 0, json_string(json_get(event, "status")),
                     short_text(c, json_string(json_get(event, "place")), 200),
                     short_text(c, json_string(json_get(event, "note")), TRACE_NOTE_MAX) };
  if (!no || !at || !t.status || !trace_status_known(t.status) || !time_parse(at, &t.at)) return ERR_OK;
  if (!tracking_ok(tracking_norm(&c->mem, no))) return ERR_OK;
  enum err e = parcel_traced(c, db, no, &t);
  return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err flow_trace_told_run(struct cmd *c, struct db *db)
{
  const struct trace_told *told = c->args;
  struct faults f = { .mem = &c->mem };
  if (!strcmp(told->request, "follow")) return trace_poll_next(db, told->claim_id, c->now_ms + HOUR_MS, true);
  const struct json *list =
    told->events ? json_parse(&c->mem, told->events, strlen(told->events), JSON_ELEMENTS_BATCH_MAX, &f)
                 : NULL;
  size_t n = 0;
  for (const struct json *v = json_first(list); v && n < EVENTS_MOST; v = json_next(v), n++)
    TRY(one_told(c, db, v));
  return fulfil_settle(c, db);
}
