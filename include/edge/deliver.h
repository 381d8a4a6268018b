/* edge/deliver.h: part of layer 6. Doing what the outbox says (domain 6.4): webhooks, and what channels are told.
 *
 *   look ─► effects.take (a durable intent) ─► the call ─► effects.settle ─► take …
 *    ▲ due   writer                             loop         writer: done, later, unknown, dead
 *
 * One worker per destination, with its own breaker and its own number of calls at once, so that what one destination
 * waits for is waited for by no other. A subject has one call under way at most. */
#ifndef ORDERD_EDGE_DELIVER_H
#define ORDERD_EDGE_DELIVER_H
#include "flow.h"

struct api;
struct call;
struct rules;

/* ---- what channels are told: connector_effect.c does it, deliver.c asks for it ------------------------------------
 * Kinds: confirm (data {"claim","order","external_id","carrier","tracking_no","claimed_at","lines":[{"line_id","sku",
 * "quantity"}]}), not safe: an unknown outcome is asked about; stock (subject: the channel's SKU; figure in quantity),
 * safe: it is sent again with a figure of that moment. */
struct deliver_call {      /* the deliverer's; all texts live until done() or channel_effect_stop() */
  struct effect effect;
  int64_t quantity;        /* of a stock push: what to tell now */
  bool ask;                /* not to be sent: does the platform have it? */
  struct arena mem;        /* for what the call needs, and for texts of its outcome */
  void (*done)(struct deliver_call *call, const struct effect_outcome *o); /* on the loop, once, never from inside start() */
  void *user;              /* the connector's */
  void *owner;             /* the deliverer's */
};
/* On the loop. false: no connector can do this (error no_connector): the effect waits. An effect whose channel is paused
 * or busy with its tokens is taken, and waits inside or ends as RETRY. */
bool channel_effect_start(struct api *api, struct deliver_call *call);
/* The process ends: gives up without done(). What was sent is found as unknown at the next start. */
void channel_effect_stop(struct api *api, struct deliver_call *call);
int channel_effects_at_once(struct api *api, const char *channel); /* calls under way to this channel at most, 1 to 16 */

/* ---- webhook.c: one call to a program that is told of events; it opens no socket ------------------------------------- */
/* Reads the webhooks' secrets (secret, secret_file, secret_env) into the rules; data: the directory that a path without /
 * begins in. false with *why. */
bool webhooks_check(struct arena *a, const struct conf *conf, const char *data, struct rules *r, const char **why);
/* "v1,…" over id.timestamp.body (Standard Webhooks); timestamp in seconds. */
char *webhook_signature(struct arena *a, const void *secret, size_t secret_n, const char *id, int64_t timestamp, const char *body,
                        size_t n);
struct fetch;
/* Everything is copied into f->mem. */
void webhook_request(struct fetch *f, const struct webhook *h, const char *id, const char *body, size_t n, int64_t now_ms);
void webhook_outcome(struct fetch *f, int64_t now_ms, struct effect_outcome *out);

/* ---- api_effects.c --------------------------------------------------------------------------------------------------- */
struct read;
struct db;
enum err effect_one_read(struct read *rd, struct db *db);
enum err effects_read(struct read *rd, struct db *db);
enum err callback_read(struct read *rd, struct db *db);
enum err callbacks_read(struct read *rd, struct db *db);
enum err notice_read(struct read *rd, struct db *db);
enum err notices_read(struct read *rd, struct db *db);

/* ---- deliver.c ------------------------------------------------------------------------------------------------------ */
#define DELIVER_ANSWER_MAX (64 << 10)
#define DELIVER_ASK_MS (2 * 60 * 1000) /* an ask that has no answer by then may be made again */
#define DELIVER_LOOK_MS 1000
#define DELIVER_STOP_MS 3000           /* what is under way may end, before it is given up */
struct deliverer;
struct deliverer *deliverer_open(struct api *api);
void deliverer_start(struct deliverer *d);
void deliverer_kick(struct deliverer *d);  /* there may be something new */
void deliverer_hurry(struct deliverer *d); /* a person wants it tried now: no destination is left alone any longer */
void deliverer_stop(struct deliverer *d);
bool deliverer_idle(const struct deliverer *d);
void deliverer_close(struct deliverer *d);
bool deliverer_held(const struct deliverer *d);
int64_t deliverer_waiting(const struct deliverer *d);
int64_t deliverer_dead(const struct deliverer *d); /* dead effects, as of the last look */
void deliver_metrics_put(const struct deliverer *d, struct buf *out);

#endif
