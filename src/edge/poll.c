/* poll.c: which channels are polled, with what settings and secrets, and when. */
#include "edge.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <uv.h>

#define SECOND 1000ll
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
enum { LOOK_MS = 1000, FIRST_APART = 50 };
#define SECRET_FILE_MAX 8192

/* ---- settings of one [channel NAME] ------------------------------------------------------------------------------ */
static const struct setting_key {
  const char *key;
  size_t at;
} setting_keys[] = {
#define AT(f) offsetof(struct poll_settings, f)
  { "every", AT(every_ms) },
  { "overlap", AT(window.overlap_ms) },
  { "settle", AT(window.settle_ms) },
  { "window", AT(window.window_ms) },
  { "start", AT(window.start_ms) },
  { "sweep", AT(sweep_ms) },
  { "sweep_back", AT(sweep_back_ms) },
  { "backoff", AT(backoff_ms) },
  { "backoff_most", AT(backoff_most_ms) },
  { "breaker", AT(breaker_ms) },
  { "breaker_most", AT(breaker_most_ms) },
  { "timeout", AT(timeout_ms) },
};

static bool is_plain_key(const struct connector *c, const char *key)
{
  if (party_is(c->ext)) return !strcmp(key, "connector") || !strcmp(key, "timeout") || !strcmp(key, "every");
  static const char *const others[] = {
    "connector", "family", "merge", "host", "push_url", "max_rps", "share"
  };
  for (size_t i = 0; i < COUNT(others); i++)
    if (!strcmp(others[i], key)) return true;
  for (size_t i = 0; i < COUNT(setting_keys); i++)
    if (!strcmp(setting_keys[i].key, key)) return true;
  return false;
}

static void settings_default(struct poll_settings *s, const struct connector *c)
{
  s->every_ms = c->every_ms, s->sweep_ms = 24 * HOUR, s->sweep_back_ms = 72 * HOUR;
  s->window = (struct window_rules){ c->overlap_ms, c->settle_ms, c->window_ms, c->start_ms };
  s->backoff_ms = SECOND, s->backoff_most_ms = MINUTE, s->breaker_ms = 30 * SECOND,
  s->breaker_most_ms = 15 * MINUTE;
  s->host = c->host;
}

static const struct connector_name *name_known(const struct connector *c, const char *name, size_t n)
{
  for (size_t i = 0; i < c->secrets; i++)
    if (strlen(c->secret[i].name) == n && !memcmp(c->secret[i].name, name, n)) return &c->secret[i];
  for (size_t i = 0; i < c->settings; i++)
    if (strlen(c->setting[i].name) == n && !memcmp(c->setting[i].name, name, n)) return &c->setting[i];
  return NULL;
}

static bool ends_with(const char *s, const char *end)
{
  size_t n = strlen(s), m = strlen(end);
  return n > m && !strcmp(s + n - m, end);
}

static const char *unknown_key(struct arena *a, const struct connector *c, const struct conf_entry *e)
{
  const char *known[COUNT(setting_keys) + 8 + 2 * CONNECTOR_SECRETS_MAX];
  size_t n = 0;
  for (size_t i = 0; i < COUNT(setting_keys); i++) known[n++] = setting_keys[i].key;
  for (size_t i = 0; i < c->secrets && n + 1 < COUNT(known); i++) known[n++] = c->secret[i].name;
  for (size_t i = 0; i < c->settings && n + 1 < COUNT(known); i++) known[n++] = c->setting[i].name;
  const char *near = word_nearest(e->key, known, n);
  return arena_printf(a, "line %d: [%s] %s is no key of a %s nor of the connector %s%s%s", e->line,
                      e->section, e->key, c->ext, c->name, near ? "; did you mean " : "", near ? near : "");
}

/* A value itself, or where it stands: NAME_file, NAME_env. NULL with *why. */
static const char *given_value(struct arena *a, const struct conf_entry *e, const char *data,
                               const char **why)
{
  if (ends_with(e->key, "_env")) {
    const char *v = getenv(e->value);
    if (!v)
      *why = arena_printf(a, "line %d: %s = %s: the environment has no such name", e->line, e->key, e->value);
    return v ? arena_str(a, v) : NULL;
  }
  if (!ends_with(e->key, "_file")) return e->value;
  size_t n;
  const char *path = *e->value == '/' ? e->value : arena_printf(a, "%s/%s", data, e->value);
  char *text = file_read(a, path, SECRET_FILE_MAX, &n);
  if (!text) {
    *why = arena_printf(a, "line %d: %s = %s: %s", e->line, e->key, e->value, strerror(errno));
    return NULL;
  }
  while (n && strchr(" \t\r\n", text[n - 1])) text[--n] = 0;
  return text;
}

static bool given_read(struct arena *a, const struct connector *c, const struct conf_entry *e,
                       const char *data, struct poll_settings *out, const char **why)
{
  size_t n = strlen(e->key), cut = ends_with(e->key, "_file") ? n - 5 : ends_with(e->key, "_env") ? n - 4 : n;
  const struct connector_name *name = name_known(c, e->key, n);
  bool whole = name != NULL;
  if (!name && cut < n) name = name_known(c, e->key, cut);
  if (!name) {
    *why = unknown_key(a, c, e);
    return false;
  }
  for (size_t i = 0; i < out->givens; i++) {
    if (strcmp(out->given[i].name, name->name) != 0) continue;
    *why = arena_printf(a, "line %d: [%s] gives %s twice", e->line, e->section, name->name);
    return false;
  }
  const char *value = whole ? e->value : given_value(a, e, data, why);
  if (!value) return false;
  out->given[out->givens++] = (struct poll_secret_value){ name->name, arena_str(a, value), 0, 0 };
  return true;
}

/* Calls a second, three decimals at most; 0: no limit of ours. */
static bool rate_read(struct arena *a, const struct conf_entry *e, struct poll_settings *out,
                      const char **why)
{
  int64_t thousandths;
  if (money_parse(e->value, "KWD", &thousandths) && thousandths >= 0 && thousandths <= 100000000) {
    out->per_1000s = thousandths, out->has_rate = true;
    return true;
  }
  *why = arena_printf(a, "line %d: [%s] max_rps = %s: calls a second, like 5 or 0.5", e->line, e->section,
                      e->value);
  return false;
}

static bool span_read(struct arena *a, const struct conf_entry *e, struct poll_settings *out,
                      const char **why)
{
  for (size_t i = 0; i < COUNT(setting_keys); i++) {
    int64_t *at = (int64_t *)(void *)((char *)out + setting_keys[i].at);
    if (strcmp(setting_keys[i].key, e->key) != 0) continue;
    if (duration_parse(e->value, at) && (*at > 0 || !strcmp(e->key, "overlap") || !strcmp(e->key, "settle")))
      return true;
    *why = arena_printf(a, "line %d: [%s] %s = %s: a duration, like 10m or 3d", e->line, e->section, e->key,
                        e->value);
    return false;
  }
  return true;
}

/* carrier.SF = 44: what this platform calls a carrier of ours, before the connector's own list. */
static bool is_carrier_key(const char *key)
{
  return !strncmp(key, "carrier.", 8) && key[8];
}

static void carrier_read(struct arena *a, const struct conf_entry *e, struct poll_settings *out)
{
  out->given[out->givens++] =
    (struct poll_secret_value){ arena_str(a, e->key), arena_str(a, e->value), 0, 0 };
}

static size_t carriers_given(const struct conf *conf)
{
  size_t n = 0;
  for (size_t i = 0; i < conf->n; i++) n += is_carrier_key(conf->at[i].key);
  return n;
}

static bool host_read(struct arena *a, const struct conf_entry *e, bool is_party, struct poll_settings *out,
                      const char **why)
{
  bool ok = !strncmp(e->value, "https://", 8) || !strncmp(e->value, "http://", 7) ||
            (is_party && (!strncmp(e->value, "smtps://", 8) || !strncmp(e->value, "smtp://", 7)));
  if (ok) out->host = arena_str(a, e->value);
  else
    *why = arena_printf(a, "line %d: [%s] host = %s: an address begins with https:// or http://", e->line,
                        e->section, e->value);
  return ok;
}

bool poll_settings_read(struct arena *a, const struct conf *conf, const char *data, const char *channel,
                        const struct connector *c, struct poll_settings *out, const char **why)
{
  *out = (struct poll_settings){ .name = arena_str(a, channel), .connector = c->name };
  settings_default(out, c);
  out->given = arena_array(a, struct poll_secret_value, c->secrets + c->settings + carriers_given(conf) + 1);
  const char *section = arena_printf(a, "%s %s", c->ext, channel);
  bool is_party = party_is(c->ext);
  for (size_t i = 0; i < conf->n; i++) {
    const struct conf_entry *e = &conf->at[i];
    if (strcmp(e->section, section) != 0) continue;
    if (!strcmp(e->key, "host")) {
      if (!host_read(a, e, is_party, out, why)) return false;
    } else if (!strcmp(e->key, "push_url")) out->push_url = arena_str(a, e->value);
    else if (!is_party && is_carrier_key(e->key)) carrier_read(a, e, out);
    else if (!is_party && !strcmp(e->key, "stock")) out->stock = !strcmp(e->value, "yes");
    else if (!strcmp(e->key, "max_rps")) {
      if (!rate_read(a, e, out, why)) return false;
    } else if (is_plain_key(c, e->key)) {
      if (!span_read(a, e, out, why)) return false;
    } else if (!given_read(a, c, e, data, out, why)) return false;
  }
  if (out->backoff_most_ms < out->backoff_ms) out->backoff_most_ms = out->backoff_ms;
  if (out->breaker_most_ms < out->breaker_ms) out->breaker_most_ms = out->breaker_ms;
  return true;
}

/* ---- values for the sandbox: sealed ones first, they are newer ------------------------------------------------------ */
static const char *given_of(const struct poll_settings *s, const char *name)
{
  for (size_t i = 0; i < s->givens; i++)
    if (!strcmp(s->given[i].name, name)) return s->given[i].value;
  return NULL;
}

void poll_secrets_copy(const struct pollee *p, struct poll_secret_list *out)
{
  memcpy(out->at, p->secret, p->secrets * sizeof *out->at);
  out->n = p->secrets;
}

const char *poll_secret_of(const struct pollee *p, const struct poll_secret_list *list, const char *name)
{
  for (size_t i = 0; i < list->n; i++)
    if (!strcmp(list->at[i].name, name)) return list->at[i].value;
  return given_of(&p->set, name);
}

const char *poll_secret(void *pollee, const char *name)
{
  const struct pollee *p = pollee;
  for (size_t i = 0; i < p->secrets; i++)
    if (!strcmp(p->secret[i].name, name)) return p->secret[i].value;
  return given_of(&p->set, name);
}

const char *poll_setting(void *pollee, const char *name)
{
  const struct pollee *p = pollee;
  const char *given = given_of(&p->set, name);
  if (!given && !strcmp(name, "zone")) return p->zone;
  for (size_t i = 0; !given && i < p->connector->settings; i++)
    if (!strcmp(p->connector->setting[i].name, name)) given = p->connector->setting[i].text;
  return given;
}

int64_t poll_now(const struct pollee *p)
{
  struct env *e = p->poller->api->env;
  return e->now_ms(e) + p->state.skew_ms;
}

size_t poll_buckets(struct pollee *p, struct arena *a, const struct poll_bucket **list)
{
  struct poll_bucket *b = arena_array(a, struct poll_bucket, p->connector->requests + 1);
  size_t n = 0;
  for (size_t i = 0; i < p->connector->requests; i++)
    if (p->connector->request[i].per_1000s && p->bucket[i].at)
      b[n++] = (struct poll_bucket){ arena_str(a, p->connector->request[i].name), p->bucket[i] };
  *list = b;
  return n;
}

/* ---- the key that seals secrets ------------------------------------------------------------------------------------------ */
bool poll_key(struct poller *p, const char **why)
{
  struct arena mem = { 0 };
  size_t n = 0;
  if (p->has_key) return true;
  const char *path = arena_printf(&mem, "%s/secret.key", p->api->data);
  const char *key = file_read(&mem, path, SEAL_KEY + 1, &n);
  if (key && n == SEAL_KEY) memcpy(p->key, key, SEAL_KEY), p->has_key = true;
  else if (key) *why = "secret.key does not have 32 bytes; secrets that were sealed with it cannot be opened";
  else if (errno != ENOENT) *why = "secret.key cannot be read";
  else {
    p->api->env->random(p->api->env, p->key, SEAL_KEY);
    p->has_key = file_write(path, p->key, SEAL_KEY, 0600);
    if (!p->has_key) *why = "secret.key cannot be written";
  }
  arena_release(&mem);
  return p->has_key;
}

/* ---- what the database knows of a channel ---------------------------------------------------------------------------------- */
struct opened { /* read on a pool thread; taken over on the loop, which shows the old meanwhile */
  struct pollee *p;
  struct poll poll;
  int64_t channel_id;
  struct bucket *bucket;
  struct poll_secret_value secret[CONNECTOR_SECRETS_MAX];
  size_t secrets;
  bool found;
  int damaged;
};

static void secret_opened(void *arg, const char *name, const void *sealed, size_t n, int64_t expires_at)
{
  struct opened *o = arg;
  struct pollee *p = o->p;
  struct buf plain = { 0 };
  char *what = arena_printf(&p->secret_mem, "%s/%s", p->set.name, name);
  if (o->secrets < CONNECTOR_SECRETS_MAX && p->poller->has_key &&
      unseal(&plain, p->poller->key, what, sealed, n))
    o->secret[o->secrets++] =
      (struct poll_secret_value){ arena_str(&p->secret_mem, name),
                                  arena_strn(&p->secret_mem, plain.data ? plain.data : "", plain.len),
                                  expires_at, 0 };
  else o->damaged++;
  buf_release(&plain);
}

static enum err load_run(struct read *rd, struct db *db)
{
  struct opened *o = rd->args;
  struct pollee *p = o->p;
  struct channel ch;
  enum err e = channel_find(db, &rd->mem, p->set.name, &ch);
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
  o->channel_id = ch.id;
  e = poll_get(db, &p->state_mem, ch.id, &o->poll);
  if (e && e != ERR_NOT_FOUND) return e;
  o->found = !e;
  for (size_t i = 0; i < p->connector->requests; i++) {
    e = bucket_get(db, ch.id, p->connector->request[i].name, &o->bucket[i]);
    if (e && e != ERR_NOT_FOUND) return e;
  }
  return secret_each(db, ch.id, secret_opened, o);
}

static void introduced(struct cmd *c)
{
  struct pollee *p = c->owner;
  p->poller->busy--;
  p->loading = false;
  if (c->job.err) p->broken = "the channel could not be noted in the database";
  api_cmd_free(p->poller->api, c);
  pushes_wake(p);
  pollee_wake(p);
}

/* A row of its own, so that the watermark has a place. */
static void introduce(struct pollee *p)
{
  struct cmd *c = api_own_cmd(p->poller->api, CMD_POLL_STATE);
  struct poll_state *s = arena_new(&c->mem, struct poll_state);
  struct poll *poll = arena_new(&c->mem, struct poll);
  *poll = p->state, poll->connector = arena_str(&c->mem, p->connector->name);
  s->channel = arena_str(&c->mem, p->set.name), s->poll = poll;
  c->args = s;
  p->poller->busy++;
  if (api_push(p->poller->api, c, introduced, p)) return;
  p->poller->busy--;
  api_cmd_free(p->poller->api, c);
  p->loading = false;
  pollee_later(p, SECOND);
}

static void loaded_take(struct pollee *p, const struct opened *o)
{
  if (o->found) p->state = o->poll;
  p->channel_id = o->channel_id, p->secrets = o->secrets;
  memcpy(p->secret, o->secret, sizeof p->secret);
  memcpy(p->bucket, o->bucket, p->connector->requests * sizeof *p->bucket);
}

static void load_done(struct read *rd)
{
  struct opened *o = rd->args;
  struct pollee *p = o->p;
  enum err e = rd->err;
  p->poller->busy--;
  if (!e) loaded_take(p, o);
  if (o->damaged)
    log_line(LOG_ERROR, "channel %s: %d sealed secrets cannot be opened with secret.key", p->set.name,
             o->damaged);
  bool found = o->found;
  read_free(rd);
  if (p->poller->stopping) {
    p->loading = false;
    return;
  }
  if (e) {
    p->loading = false;
    p->broken = "what is known of it could not be read";
    pollee_later(p, SECOND);
  } else if (!found) introduce(p);
  else {
    p->loading = false;
    pushes_wake(p);
    pollee_wake(p);
  }
}

static void load_start(struct pollee *p)
{
  struct read *rd = read_new(p->poller->api, NULL);
  struct opened *o = arena_new(&rd->mem, struct opened);
  o->p = p;
  o->bucket = arena_array(&rd->mem, struct bucket, p->connector->requests + 1);
  memcpy(o->bucket, p->bucket, p->connector->requests * sizeof *p->bucket);
  rd->args = o, rd->run = load_run, rd->done = load_done;
  p->loading = true, p->reload = false, p->broken = NULL;
  p->poller->busy++;
  read_start_always(rd);
}

/* ---- one channel: open, close ------------------------------------------------------------------------------------------------ */
static int64_t file_time(struct arena *a, const char *data, const char *connector)
{
  struct stat st;
  const char *path = arena_printf(a, "%s/connectors/%s.channel", data, connector);
  return stat(path, &st) ? 0 : (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

/* Reads the connector and the settings into p->mem. false: *why; what a person wrote in the configuration is wrong. A
 * connector that is missing or wrong is the channel's trouble alone. */
static bool pollee_read(struct pollee *p, const struct conf *conf, const char *channel, const char *connector,
                        const char **why)
{
  struct connector_file file;
  struct connector_fault fault = { 0 };
  const char *data = p->poller->api->data;
  p->set.name = arena_str(&p->mem, channel), p->set.connector = arena_str(&p->mem, connector);
  p->file_changed = file_time(&p->mem, data, connector);
  if (!connector_load(&p->mem, data, connector, &file)) {
    *why =
      arena_printf(&p->mem, "[channel %s] connector = %s: there is no such connector", channel, connector);
    return false;
  }
  struct connector *c = connector_parse(&p->mem, connector, file.text, file.n, &fault);
  if (!c) {
    p->broken = arena_printf(&p->mem, "%s.channel:%d:%d: %s", connector, fault.line, fault.column, fault.why);
    log_line(LOG_ERROR, "channel %s: %s", channel, p->broken);
    return true;
  }
  p->connector = c;
  int zone = c->zone_min < 0 ? -c->zone_min : c->zone_min;
  p->zone = arena_printf(&p->mem, "%c%02d:%02d", c->zone_min < 0 ? '-' : '+', zone / 60, zone % 60);
  p->bucket = arena_array(&p->mem, struct bucket, c->requests + 1);
  if (!poll_settings_read(&p->mem, conf, data, channel, c, &p->set, why)) return false;
  p->box = connector_open(c, &p->mem, &p->broken);
  return true;
}

static void timer_fired(uv_timer_t *t)
{
  struct pollee *p = t->data;
  if (p->run) run_wake(p->run);
  else pollee_wake(p);
}

static struct pollee *pollee_new(struct poller *poller)
{
  struct pollee *p = mem_new(sizeof *p);
  p->poller = poller;
  p->opened_at = poller->api->env->now_ms(poller->api->env);
  p->timer = mem_new(sizeof *p->timer);
  p->ask = mem_new(POLL_ASKS_MAX * sizeof *p->ask);
  p->push_last = &p->push_first;
  uv_timer_init(poller->api->loop, p->timer);
  p->timer->data = p;
  return p;
}

static void timer_closed(uv_handle_t *h)
{
  struct pollee *p = h->data;
  mem_free(p->timer), mem_free(p->ask), mem_free(p->refetch);
  arena_release(&p->mem), arena_release(&p->state_mem), arena_release(&p->secret_mem);
  arena_release(&p->told_mem);
  mem_free(p);
}

static void pollee_free(struct pollee *p)
{
  connector_close(p->box), connector_close(p->push_box), connector_close(p->told_box);
  uv_close((uv_handle_t *)p->timer, timer_closed);
}

/* ---- when ---------------------------------------------------------------------------------------------------------------------- */
void pollee_later(struct pollee *p, int64_t ms)
{
  if (p->leaving) return;
  uv_timer_start(p->timer, timer_fired, (uint64_t)(ms > 0 ? ms : 0), 0);
}

static bool sweep_due(const struct pollee *p, int64_t now)
{
  const struct poll *s = &p->state;
  bool ahead = s->swept_at > now + MINUTE; /* our clock was set back */
  return s->swept_at && s->watermark && (ahead || now - s->swept_at >= p->set.sweep_ms);
}

/* Times that our clock had before it was set back would hold up everything until it is there again. */
static void times_check(struct pollee *p, int64_t now)
{
  struct poll *s = &p->state;
  if (p->next_at > now + p->set.every_ms) p->next_at = poll_next_at(p->set.name, p->set.every_ms, now);
  if (s->open_until > now + p->set.breaker_most_ms) s->open_until = now + p->set.breaker_most_ms;
  if (s->ok_at > now) s->ok_at = now;
}

static void pollee_plan(struct pollee *p, int64_t now)
{
  int64_t at = p->next_at > p->state.open_until ? p->next_at : p->state.open_until;
  if (p->state.open_until > now && p->state.open_until < p->next_at) at = p->state.open_until;
  pollee_later(p, at > now ? at - now : 0);
}

static void run_poll(struct pollee *p, int64_t now)
{
  p->sync = false, p->ask_poll = false;
  p->next_at = poll_next_at(p->set.name, p->set.every_ms, now);
  run_start(p, RUN_POLL);
}

/* The one before us, of the same name, still stores what it got: tokens that are good once, above all. */
static bool is_followed(const struct pollee *p)
{
  for (const struct pollee *k = p->poller->first; k; k = k->next)
    if (k != p && k->leaving && (k->run || k->telling) && !strcmp(k->set.name, p->set.name)) return true;
  return false;
}

void pollee_wake(struct pollee *p)
{
  struct poller *poller = p->poller;
  if (poller->stopping || p->loading || p->run || p->leaving || !p->connector || !p->box || p->changed)
    return;
  if (p->broken && is_followed(p)) {
    pollee_later(p, FIRST_APART);
    return;
  }
  int64_t now = poller->api->env->now_ms(poller->api->env);
  times_check(p, now);
  if (p->broken || p->reload) load_start(p);
  else if (poller->quiet && !p->sync) return;
  else if (p->state.paused && !p->sync) return;
  else if (p->sync) run_poll(p, now);
  else if (p->state.open_until > now) pollee_plan(p, now);
  else if ((p->asks || p->refetches) && now < p->next_at)
    run_start(p, RUN_ASK); /* pushes never starve the poll, which brings all */
  else if (p->ask_poll || now >= p->next_at || (p->state.open_until && p->state.failures)) run_poll(p, now);
  else if (sweep_due(p, now)) run_start(p, RUN_SWEEP);
  else pollee_plan(p, now);
}

void pollee_sync(struct pollee *p)
{
  p->sync = true;
  p->state.open_until = 0, p->state.failures = 0;
  if (p->run) run_wake(p->run); /* a person's wish goes before a wait */
  else pollee_wake(p);
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------------ */
struct pollee *poller_find(const struct poller *p, const char *channel)
{
  for (struct pollee *k = p->first; k; k = k->next)
    if (!k->leaving && !strcmp(k->set.name, channel)) return k;
  return NULL;
}

static bool pollees_make(struct poller *p, const struct conf *conf, struct pollee **list, const char **why)
{
  struct pollee **last = list;
  *list = NULL;
  for (size_t i = 0; conf && i < conf->n; i++) {
    const struct conf_entry *e = &conf->at[i];
    if (strncmp(e->section, "channel ", 8) != 0 || strcmp(e->key, "connector") != 0) continue;
    struct pollee *k = *last = pollee_new(p);
    last = &k->next;
    if (!pollee_read(k, conf, e->section + 8, e->value, why)) return false;
  }
  return true;
}

/* Also the family of a platform's channels, where the configuration does not name another. */
bool poll_settings_check(struct arena *a, const struct conf *conf, const char *data, struct rules *r,
                         const char **why)
{
  struct channel_family *list = arena_array(a, struct channel_family, (conf ? conf->n : 0) + 1);
  r->family = list, r->families = 0;
  for (size_t i = 0; conf && i < conf->n; i++) {
    const struct conf_entry *e = &conf->at[i];
    struct connector_file file;
    struct connector_fault fault;
    struct poll_settings set;
    if (strncmp(e->section, "channel ", 8) != 0 || strcmp(e->key, "connector") != 0) continue;
    if (!connector_load(a, data, e->value, &file)) {
      *why = arena_printf(a, "line %d: [%s] connector = %s: there is no such connector", e->line, e->section,
                          e->value);
      return false;
    }
    struct connector *c = connector_parse(a, e->value, file.text, file.n, &fault);
    if (c && !poll_settings_read(a, conf, data, e->section + 8, c, &set, why)) return false;
    if (c)
      list[r->families++] = (struct channel_family){ .channel = e->section + 8,
                                                     .family = c->family,
                                                     .confirms = c->has_confirm,
                                                     .refunds = c->has_refund,
                                                     .on_pickup = !strcmp(c->counts_as_shipped, "pickup"),
                                                     .stocks = c->has_stock && set.stock };
  }
  return true;
}

static void pollees_leave(struct poller *p)
{
  for (struct pollee *k = p->first; k; k = k->next) {
    k->leaving = true;
    uv_timer_stop(k->timer);
    if (k->run) run_stop(k->run);
    pushes_end(k);
  }
}

/* Those who left and of whom nothing is under way any more. */
static void pollees_reap(struct poller *p)
{
  for (struct pollee **at = &p->first; *at;) {
    struct pollee *k = *at;
    if (!k->leaving || k->run || k->loading || k->pushing || k->again || k->mapping || k->telling) {
      at = &k->next;
      continue;
    }
    *at = k->next;
    pollee_free(k);
  }
}

static void pollees_start(struct poller *p)
{
  int64_t wait = 0;
  const char *why = NULL;
  if (p->first && !poll_key(p, &why)) log_line(LOG_ERROR, "%s", why);
  for (struct pollee *k = p->first; k; k = k->next) {
    if (k->leaving || k->loading || k->run || !k->connector) continue;
    k->broken = k->broken ? k->broken : "not yet read"; /* the wake-up reads what is known of it */
    pollee_later(k, wait += FIRST_APART);
  }
}

static void pollees_set(struct poller *p)
{
  struct pollee *list = NULL;
  const char *why = NULL;
  bool ok = pollees_make(p, p->api->rules->rules.conf, &list, &why);
  if (!ok) log_line(LOG_ERROR, "channels: %s", why);
  struct pollee **last = &list;
  while (*last) last = &(*last)->next;
  pollees_leave(p);
  *last = p->first, p->first = list;
  pollees_reap(p);
  pollees_start(p);
}

void poller_rules(struct poller *p)
{
  if (!p->stopping) pollees_set(p);
}

/* A connector's file changed: from the next run on the new one, when it can be read. */
static void pollee_look(struct pollee *p)
{
  struct arena mem = { 0 };
  struct poller *poller = p->poller;
  int64_t changed = file_time(&mem, poller->api->data, p->set.connector);
  arena_release(&mem);
  p->changed = changed != p->file_changed;
  if (!p->changed || p->run || p->loading || p->pushing || p->again || p->mapping || p->telling) return;
  struct pollee *fresh = pollee_new(poller);
  const char *why = NULL, *name = p->set.name, *connector = p->set.connector;
  bool ok = pollee_read(fresh, poller->api->rules->rules.conf, name, connector, &why) && fresh->connector &&
            fresh->box;
  if (!ok) {
    log_line(LOG_ERROR, "channel %s: the changed connector is not taken: %s", name,
             why ? why : fresh->broken);
    p->file_changed = changed, p->changed = false;
    pollee_free(fresh);
    pollee_wake(p);
    return;
  }
  log_line(LOG_INFO, "channel %s: its connector was read again", name);
  fresh->next = poller->first, poller->first = fresh;
  p->leaving = true;
  uv_timer_stop(p->timer);
  pushes_end(p);
  fresh->broken = "not yet read";
  pollee_later(fresh, 0);
  payloads_again(fresh, NULL, 0); /* what the old one could not map */
}

static void stale_done(struct cmd *c)
{
  struct poller *p = c->owner;
  p->busy--;
  api_cmd_free(p->api, c);
}

/* Who was off is not late. */
bool pollee_is_stale(const struct pollee *p, int64_t now)
{
  int64_t ok_at = p->state.ok_at, started_at = p->poller->started_at;
  int64_t since = !ok_at ? p->opened_at : ok_at > started_at ? ok_at : started_at;
  return now - since > 3 * p->set.every_ms;
}

/* A run that hangs says nothing by itself: no good run for three times the interval is an exception (domain 2.7). */
static void stale_look(struct pollee *p)
{
  struct poller *poller = p->poller;
  const struct poll *s = &p->state;
  int64_t now = poller->api->env->now_ms(poller->api->env);
  if (p->stale_told || poller->quiet || s->paused || p->loading || !p->connector) return;
  if (!pollee_is_stale(p, now - MINUTE)) return;
  struct cmd *c = api_own_cmd(poller->api, CMD_POLL_STATE);
  struct poll_state *state = arena_new(&c->mem, struct poll_state);
  char since[TIME_TEXT], at[TIME_TEXT];
  p->stale_told = true;
  state->channel = arena_str(&c->mem, p->set.name), state->open_type = "channel_stale";
  state->open_data = arena_printf(
    &c->mem, "{\"kind\":\"stale\",\"code\":\"channel_stale\",\"message\":\"No good run %s%s\",\"at\":\"%s\"}",
    s->ok_at ? "since " : "yet", s->ok_at ? time_text(s->ok_at, since) : "", time_text(now, at));
  c->args = state;
  poller->busy++;
  if (api_push(poller->api, c, stale_done, poller)) return;
  poller->busy--;
  api_cmd_free(poller->api, c);
}

static void on_tick(uv_timer_t *t)
{
  struct poller *p = t->data;
  for (struct pollee *k = p->first; k; k = k->next)
    if (!k->leaving) pollee_look(k), stale_look(k);
  pollees_reap(p);
}

struct poller *poller_open(struct api *api)
{
  struct poller *p = mem_new(sizeof *p);
  p->api = api;
  p->fetcher = fetcher_open(api->loop);
  p->tick = mem_new(sizeof *p->tick);
  uv_timer_init(api->loop, p->tick);
  p->tick->data = p;
  return p;
}

void poller_start(struct poller *p, bool quiet)
{
  p->quiet = quiet, p->started_at = p->api->env->now_ms(p->api->env);
  pollees_set(p);
  uv_timer_start(p->tick, on_tick, LOOK_MS, LOOK_MS);
}

void poller_stop(struct poller *p)
{
  p->stopping = true;
  uv_timer_stop(p->tick);
  pollees_leave(p);
}

bool poller_idle(const struct poller *p)
{
  for (const struct pollee *k = p->first; k; k = k->next)
    if (k->run || k->loading || k->pushing || k->again || k->mapping) return false;
  return !p->busy;
}

static void tick_closed(uv_handle_t *h)
{
  struct poller *p = h->data;
  mem_free(p->tick);
  mem_free(p);
}

void poller_close(struct poller *p)
{
  poller_stop(p);
  for (struct pollee *k = p->first, *next; k; k = next) {
    next = k->next;
    pollee_free(k);
  }
  p->first = NULL;
  fetcher_close(p->fetcher);
  uv_close((uv_handle_t *)p->tick, tick_closed);
}

/* ---- for people --------------------------------------------------------------------------------------------------------------------- */
void poll_runtime_put(struct jw *w, const struct pollee *p)
{
  int64_t now = p->poller->api->env->now_ms(p->poller->api->env);
  const struct poll *s = &p->state;
  const char *breaker = s->open_until > now ? "open" : s->open_until && s->failures ? "half_open" : "closed";
  jw_kstring(w, "phase",
             p->broken && !p->loading ? "broken"
             : p->run                 ? run_phase(p->run)
             : s->paused              ? "paused"
                                      : "idle");
  jw_kstring(w, "broken", p->connector ? NULL : p->broken);
  jw_kstring(w, "breaker", breaker);
  jw_ktime(w, "next_at", s->paused ? 0 : s->open_until > p->next_at ? s->open_until : p->next_at);
  jw_kint(w, "every_ms", p->set.every_ms);
  jw_kint(w, "lag_ms", s->watermark ? now + s->skew_ms - s->watermark : -1);
  int64_t ends = 0;
  for (size_t i = 0; i < p->secrets; i++)
    if (p->secret[i].expires_at && strstr(p->secret[i].name, "access")) ends = p->secret[i].expires_at;
  jw_ktime(w, "token_expires_at", ends);
  jw_kstring(w, "counts_as_shipped", p->connector ? p->connector->counts_as_shipped : NULL);
}

static void metric(struct buf *out, const char *name, const struct pollee *p, int64_t value)
{
  buf_printf(out, "orderd_channel_%s{channel=\"%s\",connector=\"%s\"} %lld\n", name, p->set.name,
             p->set.connector, (long long)value);
}

void poll_metrics_put(const struct poller *poller, struct buf *out)
{
  static const struct {
    const char *name, *type, *help;
  } rows[] = {
    { "lag_ms", "gauge", "How far behind now the channel is read." },
    { "runs_ok_total", "counter", "Runs of polling that ended well, since start." },
    { "runs_failed_total", "counter", "Runs of polling that failed, since start." },
    { "calls_total", "counter", "Calls to the platform, since start." },
    { "orders_total", "counter", "Orders received, ever." },
    { "misses_total", "counter", "Changes that only a sweep found; stays 0." },
    { "breaker_open", "gauge", "1: no call is made until a moment has passed." },
    { "skew_ms", "gauge", "The platform's clock less ours." },
    { "pushes_total", "counter", "New pushes, since start." },
    { "pushes_refused_total", "counter", "Pushes with a wrong signature or time, since start." },
  };
  int64_t now = poller->api->env->now_ms(poller->api->env);
  for (size_t i = 0; poller->first && i < COUNT(rows); i++) {
    buf_printf(out, "# HELP orderd_channel_%s %s\n# TYPE orderd_channel_%s %s\n", rows[i].name, rows[i].help,
               rows[i].name, rows[i].type);
    for (const struct pollee *p = poller->first; p; p = p->next) {
      const struct poll *s = &p->state;
      const int64_t values[] = { s->watermark ? now + s->skew_ms - s->watermark : -1,
                                 p->runs_ok,
                                 p->runs_failed,
                                 p->calls,
                                 s->received,
                                 s->misses,
                                 s->open_until > now,
                                 s->skew_ms,
                                 p->pushes_new,
                                 p->pushes_refused };
      static_assert(COUNT(values) == COUNT(rows), "one value per metric");
      if (!p->leaving) metric(out, rows[i].name, p, values[i]);
    }
  }
}
