/* poll.c: what polling brings, page by page, and what is noted about it (domain 2.2, 2.5 to 2.7). The rows of a page,
 * how far the channel is read and what the platform still allows are one transaction. */
#include "flow.h"
#include <stdio.h>

static enum err nothing_to_parse(struct cmd *c, const struct json *body)
{
  return args_read(c, body, NULL, 0);
}

enum err flow_poll_page_parse(struct cmd *c, const struct json *body)
{
  return nothing_to_parse(c, body);
}
enum err flow_poll_state_parse(struct cmd *c, const struct json *body)
{
  return nothing_to_parse(c, body);
}
enum err flow_push_take_parse(struct cmd *c, const struct json *body)
{
  return nothing_to_parse(c, body);
}
enum err flow_channel_pause_parse(struct cmd *c, const struct json *body)
{
  return nothing_to_parse(c, body);
}
enum err flow_channel_resume_parse(struct cmd *c, const struct json *body)
{
  return nothing_to_parse(c, body);
}

static enum err buckets_put(struct db *db, int64_t channel_id, const struct poll_bucket *b, size_t n)
{
  for (size_t i = 0; i < n; i++) TRY(bucket_put(db, channel_id, b[i].call, &b[i].bucket));
  return ERR_OK;
}

/* ---- a page ---------------------------------------------------------------------------------------------------------- */

/* Kept once, however often the platform tells it. */
static enum err item_failed(struct cmd *c, struct db *db, const struct poll_page *p, const struct channel *ch,
                            struct draft *d, const char *error)
{
  int64_t id;
  c->numbers[2]++;
  if (payload_failed_same(db, ch->id, d->digest)) return ERR_OK;
  TRY(payload_put(db, ch->id, p->source, PAYLOAD_FAILED, c->now_ms, d, 0, error, &id));
  return exception_open(db, "mapping_failed", 0, id, ch->id, "cs", c->now_ms, error, NULL, NULL);
}

static const char *problem_text(struct cmd *c, enum err e)
{
  struct buf b = { 0 };
  problem_put(&b, e, 0, &c->problem);
  const char *text = arena_strn(&c->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

/* What a sweep finds and polling should have brought long ago. */
static enum err item_missed(struct cmd *c, struct db *db, const struct channel *ch, int64_t order_id)
{
  c->numbers[3]++;
  return exception_open(db, "poll_missed", order_id, 0, ch->id, "admin", c->now_ms,
                        "{\"code\":\"poll_missed\",\"detail\":\"Only the daily sweep found this change\"}",
                        NULL, NULL);
}

/* The order that could not be fetched is here; one that cannot be mapped now has a payload of its own. */
static enum err item_answers(struct cmd *c, struct db *db, const struct poll_page *p, int64_t order_id)
{
  if (!p->answers) return ERR_OK;
  TRY(payload_settle(db, p->answers, order_id ? PAYLOAD_APPLIED : PAYLOAD_DEAD, order_id, NULL));
  return exception_settle(db, "mapping_failed", 0, p->answers, c->actor.name, c->now_ms) < 0 ? ERR_IO
                                                                                             : ERR_OK;
}

/* A poison order never stops the others of its page (domain 2.2). Without a savepoint of its own, which costs as much as
 * a small order: one that fails after it wrote something makes the page come again, with savepoints. */
static enum err item_apply(struct cmd *c, struct db *db, const struct poll_page *p, const struct channel *ch,
                           const struct poll_item *item)
{
  struct draft copy = *item->draft;
  enum ingest_result result = INGEST_TAKEN;
  int64_t order_id = 0, group_id = 0, kept[4], before = db_changes_ever(db);
  memcpy(kept, c->numbers, sizeof kept);
  c->problem = (struct problem){ .faults.mem = &c->mem };
  if (p->careful && !tx_mark(db)) return db_err(db);
  enum err e = ingest_apply(c, db, &copy, 0, &result, &order_id, &group_id);
  memcpy(c->numbers, kept, sizeof kept);
  if (e && err_is_trouble(e)) {
    if (p->careful && tx_undo(db)) tx_keep(db);
    return e;
  }
  if (e && !p->careful && db_changes_ever(db) != before) {
    c->left = POLL_PAGE_CAREFULLY;
    return ERR_CONFLICT;
  }
  if (e) {
    if (p->careful && !tx_undo(db)) return db_err(db);
    e = item_failed(c, db, p, ch, item->draft, problem_text(c, e));
    if (!e) e = item_answers(c, db, p, 0);
  } else if ((e = item_answers(c, db, p, order_id))) {
  } else if (result == INGEST_CREATED || result == INGEST_UPDATED) {
    c->numbers[result == INGEST_UPDATED]++;
    if (p->missed_before && copy.updated_at && copy.updated_at < p->missed_before)
      e = item_missed(c, db, ch, order_id);
  }
  if (p->careful && !tx_keep(db)) return db_err(db);
  c->problem = (struct problem){ .faults.mem = &c->mem };
  return e;
}

static enum err item_take(struct cmd *c, struct db *db, const struct poll_page *p, const struct channel *ch,
                          const struct poll_item *item)
{
  if (item->draft) return item_apply(c, db, p, ch, item);
  struct draft d = { 0 };
  draft_seal(&c->mem, &d, item->raw, item->raw_n);
  TRY(item_failed(c, db, p, ch, &d, item->error));
  return item_answers(c, db, p, 0);
}

enum err flow_poll_page_run(struct cmd *c, struct db *db)
{
  const struct poll_page *p = c->args;
  struct channel ch;
  c->source = p->source;
  TRY(ingest_channel(c, db, p->channel, &ch));
  for (size_t i = 0; i < p->items; i++) TRY(item_take(c, db, p, &ch, &p->item[i]));
  TRY(buckets_put(db, ch.id, p->bucket, p->buckets));
  return p->watermark ? poll_reached(db, ch.id, p->watermark) : ERR_OK;
}

/* ---- how a run ended --------------------------------------------------------------------------------------------------- */
static enum err state_exceptions(struct cmd *c, struct db *db, const struct poll_state *s, int64_t channel_id)
{
  for (size_t i = 0; i < COUNT(s->settle); i++)
    if (s->settle[i] && exception_settle_channel(db, s->settle[i], channel_id, c->actor.name, c->now_ms) < 0)
      return ERR_IO;
  if (!s->open_type) return ERR_OK;
  bool is_new = false;
  int64_t id;
  TRY(exception_open(db, s->open_type, 0, 0, channel_id, "admin", c->now_ms, s->open_data, &id, &is_new));
  return is_new ? progress_event(c, db, 'c', channel_id, s->open_type, "%s", s->open_data) : ERR_OK;
}

static enum err state_secrets(struct cmd *c, struct db *db, const struct poll_state *s, int64_t channel_id)
{
  for (size_t i = 0; i < s->secrets; i++) {
    const struct poll_secret *k = &s->secret[i];
    TRY(secret_put(db, channel_id, k->name, k->sealed, k->n, c->now_ms, k->expires_at));
  }
  if (!s->secrets) return ERR_OK;
  return progress_event(c, db, 'c', channel_id, "channel.tokens", "{\"names\":%zu}", s->secrets);
}

enum err flow_poll_state_run(struct cmd *c, struct db *db)
{
  const struct poll_state *s = c->args;
  struct channel ch;
  TRY(ingest_channel(c, db, s->channel, &ch));
  if (s->poll) {
    struct poll p = *s->poll;
    p.channel_id = ch.id;
    TRY(poll_put(db, &p));
  }
  if (s->again_from) TRY(poll_again_from(db, ch.id, s->again_from));
  if (s->run) {
    struct poll_run r = *s->run;
    r.channel_id = ch.id;
    TRY(poll_run_put(db, &r));
  }
  TRY(buckets_put(db, ch.id, s->bucket, s->buckets));
  TRY(state_secrets(c, db, s, ch.id));
  return state_exceptions(c, db, s, ch.id);
}

/* ---- pushes -------------------------------------------------------------------------------------------------------------- */
enum err flow_push_take_run(struct cmd *c, struct db *db)
{
  const struct push_args *p = c->args;
  struct channel ch;
  struct draft d = { 0 };
  bool is_new = false;
  TRY(ingest_channel(c, db, p->channel, &ch));
  TRY(push_seen(db, ch.id, p->digest, c->now_ms, &is_new));
  c->numbers[0] = is_new;
  if (!is_new || !p->raw_n) return ERR_OK;
  draft_seal(&c->mem, &d, p->raw, p->raw_n);
  return payload_put(db, ch.id, "push", PAYLOAD_APPLIED, c->now_ms, &d, 0, NULL, &c->numbers[1]);
}

/* ---- a person's wishes ----------------------------------------------------------------------------------------------------- */
static enum err channel_target(struct cmd *c, struct db *db, struct channel *ch)
{
  enum err e = c->target ? channel_find(db, &c->mem, c->target, ch) : ERR_NOT_FOUND;
  if (e == ERR_NOT_FOUND)
    return refuse(c, e, "channel_not_found", "There is no channel %.64s", c->target ? c->target : "");
  return e;
}

static enum err pause_set(struct cmd *c, struct db *db, bool paused)
{
  struct channel ch;
  struct poll p;
  TRY(channel_target(c, db, &ch));
  enum err e = poll_get(db, &c->mem, ch.id, &p);
  if (e == ERR_NOT_FOUND)
    return refuse(c, ERR_CONFLICT, "no_connector", "The channel %.64s has no connector: nothing polls it",
                  ch.name);
  TRY(e);
  buf_printf(&c->out, "{\"channel\":\"%s\",\"paused\":%s}", ch.name, paused ? "true" : "false");
  if (p.paused == paused) return ERR_OK;
  TRY(poll_pause(db, ch.id, paused));
  return progress_event(c, db, 'c', ch.id, paused ? "channel.paused" : "channel.resumed", "{}");
}

enum err flow_channel_pause_run(struct cmd *c, struct db *db)
{
  return pause_set(c, db, true);
}

enum err flow_channel_resume_run(struct cmd *c, struct db *db)
{
  return pause_set(c, db, false);
}

enum err flow_channel_sync_parse(struct cmd *c, const struct json *body)
{
  return nothing_to_parse(c, body);
}

/* args: "started" or "queued". Only so that the same key gets the same answer; numbers[]: 0 this is the first time. */
enum err flow_channel_sync_run(struct cmd *c, struct db *db)
{
  (void)db;
  c->status = 202, c->numbers[0] = 1;
  buf_printf(&c->out, "{\"channel\":\"%s\",\"result\":\"%s\"}", c->target, (const char *)c->args);
  return ERR_OK;
}

enum err flow_channel_secret_parse(struct cmd *c, const struct json *body)
{
  return nothing_to_parse(c, body);
}

/* args: a poll_secret; what is kept is sealed already. */
enum err flow_channel_secret_run(struct cmd *c, struct db *db)
{
  const struct poll_secret *k = c->args;
  struct channel ch;
  TRY(ingest_channel(c, db, c->target, &ch));
  TRY(secret_put(db, ch.id, k->name, k->sealed, k->n, c->now_ms, 0));
  buf_printf(&c->out, "{\"channel\":\"%s\",\"name\":\"%s\",\"set\":true}", ch.name, k->name);
  return progress_event(c, db, 'c', ch.id, "channel.secret", "{\"name\":\"%s\"}", k->name);
}
