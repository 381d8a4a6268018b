/* chores.c: what happens by itself, once a second: deadlines, the search index, payloads that were only taken,
 * house-keeping; and the look at the disk and the backlog that decides whether more is taken.
 *
 * Each chore is a command; at most one of each is under way, as a low job that gives way to orders. It goes as a
 * normal one where giving way for ever would hurt: an index far behind, or taken payloads once the rush is over. */
#include "edge.h"
#include <uv.h>

enum { CHORE_TIMERS, CHORE_SEARCH, CHORE_APPLY, CHORE_HOUSE, CHORE_HEAL, CHORE_IMPORT, CHORE_N };

/* What a look brings; filled on the pool. */
struct look {
  int64_t pending, failed, dead, next_due, disk_free;
};
struct chores {
  struct api *api;
  uv_timer_t timer;
  bool running[CHORE_N];
  int looking; /* reads of ours under way */
  bool look, stopped;
  int64_t next_due;     /* 0: none known */
  bool words_new;       /* orders whose words are not in the index */
  int64_t words_behind; /* new ones, about */
  bool house_left;
  bool heal;        /* orders that wait for stock are to be looked at again */
  bool imports;     /* a file is being applied or taken back */
  int64_t house_ms; /* when it is to be kept next */
};

static bool timers_due(const struct chores *c, int64_t now)
{
  return c->next_due && c->next_due <= now;
}

static bool search_due(const struct chores *c, int64_t now)
{
  (void)now;
  return c->words_new;
}

static bool apply_due(const struct chores *c, int64_t now)
{
  (void)now;
  return c->api->pending > 0;
}

static bool house_due(const struct chores *c, int64_t now)
{
  return c->house_left || now >= c->house_ms;
}

static bool heal_due(const struct chores *c, int64_t now)
{
  (void)now;
  return c->heal;
}

static bool imports_due(const struct chores *c, int64_t now)
{
  (void)now;
  return c->imports;
}

static bool search_presses(const struct chores *c)
{
  return c->words_behind > SEARCH_BEHIND_MAX;
}

/* Half the limit: so that the two do not push each other to and fro. */
static bool apply_presses(const struct chores *c)
{
  return (int64_t)writer_waiting(c->api->writer) * 2 < c->api->rules->rules.surge_queue;
}

static void timers_fired(struct chores *c, const struct cmd *done)
{
  c->next_due = done->numbers[1];
}

static void search_stepped(struct chores *c, const struct cmd *done)
{
  c->words_behind = done->left && c->words_behind > 500 ? c->words_behind - 500 : 0;
  c->words_new = c->words_new || done->left;
}

static void payloads_applied(struct chores *c, const struct cmd *done)
{
  c->api->pending = done->numbers[2];
  c->words_new = c->words_new || done->numbers[0] > 0;
}

static enum err sweep_run(struct read *rd, struct db *db)
{
  int64_t n = photos_sweep(db, &rd->mem, rd->api->data, rd->api->env->now_ms(rd->api->env));
  if (n) log_line(LOG_INFO, "%lld photos that no case has were swept", (long long)n);
  return db_err(db);
}

static void sweep_done(struct read *rd)
{
  rd->api->chores->looking--;
  read_free(rd);
}

static void house_kept(struct chores *c, const struct cmd *done)
{
  c->house_left = done->left;
  c->house_ms = done->now_ms + HOUSE_EVERY_MS;
  if (c->house_left || c->stopped) return;
  struct read *rd = read_new(c->api, NULL);
  rd->run = sweep_run, rd->done = sweep_done, rd->heavy = true;
  c->looking++;
  read_start_always(rd);
}

static void stock_healed(struct chores *c, const struct cmd *done)
{
  c->heal = c->heal || done->left;
}

static void import_stepped(struct chores *c, const struct cmd *done)
{
  c->imports = c->imports || done->left;
  c->words_new = c->words_new || done->numbers[0] > 0;
}

static const struct chore {
  enum cmd_id cmd;
  bool (*due)(const struct chores *c, int64_t now);
  bool (*presses)(const struct chores *c);
  void (*done)(struct chores *c, const struct cmd *done);
} chore_table[CHORE_N] = {
  [CHORE_TIMERS] = { CMD_TIMERS_FIRE, timers_due, NULL, timers_fired },
  [CHORE_SEARCH] = { CMD_SEARCH_STEP, search_due, search_presses, search_stepped },
  [CHORE_APPLY] = { CMD_PAYLOADS_APPLY, apply_due, apply_presses, payloads_applied },
  [CHORE_HOUSE] = { CMD_KEEP_HOUSE, house_due, NULL, house_kept },
  [CHORE_HEAL] = { CMD_STOCK_HEAL, heal_due, NULL, stock_healed },
  [CHORE_IMPORT] = { CMD_IMPORT_STEP, imports_due, NULL, import_stepped },
};

static void chore_try(struct chores *c, int i);

static void chore_done(struct cmd *done)
{
  struct api *api = done->owner;
  struct chores *c = api->chores;
  int i = 0;
  while (chore_table[i].cmd != done->id) i++;
  c->running[i] = false;
  enum err e = done->job.err;
  if (e && i == CHORE_IMPORT) c->imports = true; /* where it stood, with the next tick */
  if (e) log_line(LOG_WARN, "%s: %s", cmd_kind(done->id)->name, err_title(e));
  else chore_table[i].done(c, done);
  api_cmd_free(api, done);
  if (!e) chore_try(c, i); /* more waits? after an error the next tick tries again */
}

static void chore_try(struct chores *c, int i)
{
  const struct chore *t = &chore_table[i];
  struct api *api = c->api;
  if (c->running[i] || c->stopped || api->closing || !t->due(c, api->env->now_ms(api->env))) return;
  if (api->disk_full && i != CHORE_HOUSE) return;
  struct cmd *cmd = api_own_cmd(api, t->cmd);
  must(!cmd_kind(t->cmd)->parse(cmd, NULL));
  bool presses = t->presses && t->presses(c);
  if (i == CHORE_SEARCH) c->words_new = false; /* what comes from now on is new again */
  if (i == CHORE_HEAL) c->heal = false;
  if (i == CHORE_IMPORT) c->imports = false;
  c->running[i] = true;
  if ((presses ? api_push : api_push_low)(api, cmd, chore_done, api)) return;
  c->running[i] = false;
  if (i == CHORE_SEARCH) c->words_new = true;
  if (i == CHORE_HEAL) c->heal = true;
  if (i == CHORE_IMPORT) c->imports = true;
  api_cmd_free(api, cmd);
}

/* ---- news from commands ------------------------------------------------------------------------------------- */
void chores_committed(struct chores *c, const struct cmd *done)
{
  struct api *api = c->api;
  if (done->id == CMD_ORDER_INGEST && done->defer) api->deferring--;
  if (done->dry_run) return; /* nothing was kept */
  if (!done->job.err && done->woke) c->heal = true, chore_try(c, CHORE_HEAL);
  if (done->job.err) {
    api->ingest_failed += done->id == CMD_ORDER_INGEST;
    return;
  }
  if (done->id == CMD_IMPORT_CONFIRM || done->id == CMD_IMPORT_UNDO) {
    c->imports = true;
    chore_try(c, CHORE_IMPORT);
  }
  if (done->id == CMD_PAYLOAD_RETRY || done->id == CMD_PAYLOAD_RETRY_ALL) c->words_new = true;
  if (done->id != CMD_ORDER_INGEST) return;
  enum ingest_result result = (enum ingest_result)done->numbers[2];
  api->ingested[result]++;
  if (result == INGEST_TAKEN) {
    api->pending++;
    chore_try(c, CHORE_APPLY);
  } else if (result == INGEST_CREATED || result == INGEST_UPDATED) {
    c->words_new = true;
    c->words_behind++;
  }
}

/* ---- the look: backlog and disk ------------------------------------------------------------------------------- */
static enum err look_run(struct read *rd, struct db *db)
{
  struct look *k = rd->args;
  k->disk_free = disk_free(rd->api->data);
  k->pending = payload_count(db, PAYLOAD_PENDING);
  k->failed = payload_count(db, PAYLOAD_FAILED);
  k->dead = payload_count(db, PAYLOAD_DEAD);
  int64_t parcels = claim_next_due(db);
  k->next_due = order_next_due(db);
  if (parcels && (!k->next_due || parcels < k->next_due)) k->next_due = parcels;
  int64_t cases = case_next_due(db);
  if (cases && (!k->next_due || cases < k->next_due)) k->next_due = cases;
  return db_err(db);
}

static void alarm_noted(struct cmd *done)
{
  if (done->job.err) log_line(LOG_WARN, "%s: %s", cmd_kind(done->id)->name, err_title(done->job.err));
  api_cmd_free(done->owner, done);
}

static void alarm_note(struct api *api, bool over, int64_t backlog, int64_t limit)
{
  log_line(over ? LOG_WARN : LOG_INFO,
           "%lld payloads and effects failed or are dead; the alarm's limit is %lld", (long long)backlog,
           (long long)limit);
  struct cmd *c = api_own_cmd(api, CMD_BACKLOG_ALARM);
  const char *body = arena_printf(&c->mem, "{\"state\":\"%s\",\"backlog\":%lld,\"limit\":%lld}",
                                  over ? "on" : "off", (long long)backlog, (long long)limit);
  struct json *j = json_parse(&c->mem, body, strlen(body), JSON_ELEMENTS_MAX, &c->problem.faults);
  must(j && !cmd_kind(c->id)->parse(c, j));
  if (!api_push(api, c, alarm_noted, api)) api_cmd_free(api, c);
}

/* One alert when the backlog passes the limit, again after it fell and rose, or after an hour (domain 2.9). One that moves
 * about the limit is one alarm: it is over when half of the limit is left. */
static void alarm_look(struct api *api, int64_t now)
{
  int64_t backlog = api->failed + api->dead + deliverer_dead(api->deliverer),
          limit = api->rules->rules.backlog_alarm;
  bool over = backlog > (api->alarm ? limit / 2 : limit);
  bool tell = over && (!api->alarm || (backlog > limit && now - api->alarm_at >= ALARM_AGAIN_MS));
  if (tell) api->alarm_at = now, api->alarms++;
  if (tell || over != api->alarm) alarm_note(api, over, backlog, limit);
  api->alarm = over;
}

static void disk_look(struct api *api, int64_t bytes)
{
  if (bytes < 0) return;
  bool full = bytes < api->disk_least;
  if (full != api->disk_full)
    log_line(full ? LOG_ERROR : LOG_INFO, "%s: %lld MiB of the disk are free, at least %lld MiB are kept",
             full ? "intake stops" : "intake goes on", (long long)(bytes >> 20),
             (long long)(api->disk_least >> 20));
  api->disk_free = bytes, api->disk_full = full;
}

static void look_done(struct read *rd)
{
  struct api *api = rd->api;
  struct chores *c = api->chores;
  struct look *k = rd->args;
  c->looking--, c->look = false;
  disk_look(api, k->disk_free);
  if (!rd->err) {
    api->failed = k->failed, api->dead = k->dead;
    if (!c->running[CHORE_APPLY] && !api->deferring) api->pending = k->pending;
    if (!c->running[CHORE_TIMERS]) c->next_due = k->next_due;
    alarm_look(api, api->env->now_ms(api->env));
  }
  read_free(rd);
  for (int i = 0; i < CHORE_N; i++) chore_try(c, i);
}

static void look_start(struct chores *c)
{
  if (c->look || c->stopped) return;
  struct read *rd = read_new(c->api, NULL);
  rd->args = arena_new(&rd->mem, struct look);
  rd->run = look_run, rd->done = look_done;
  c->look = true, c->looking++;
  read_start_always(rd);
}

static void on_tick(uv_timer_t *timer)
{
  struct chores *c = timer->data;
  struct api *api = c->api;
  seen_flush(api->seen);
  auth_tick(api->auth);
  feed_tick(api->feed, api->env->now_ms(api->env));
  look_start(c);
  intake_kick(api);
}

/* ---- open and close --------------------------------------------------------------------------------------------- */
struct chores *chores_open(struct api *api)
{
  struct chores *c = mem_new(sizeof *c);
  c->api = api;
  c->words_new = true; /* the process before us may have left some */
  c->house_ms = api->env->now_ms(api->env) + HOUSE_EVERY_MS / 60; /* not while everything else starts */
  c->timer.data = c;
  uv_timer_init(api->loop, &c->timer);
  return c;
}

void chores_start(struct chores *c)
{
  c->heal = c->imports = true; /* whoever waited when orderd was stopped */
  uv_timer_start(&c->timer, on_tick, 0, TICK_MS);
}

void chores_stop(struct chores *c)
{
  c->stopped = true;
  uv_timer_stop(&c->timer);
}

bool chores_idle(const struct chores *c)
{
  return !c->looking;
}

static void timer_closed(uv_handle_t *h)
{
  mem_free(h->data);
}

void chores_close(struct chores *c)
{
  uv_close((uv_handle_t *)&c->timer, timer_closed);
}
