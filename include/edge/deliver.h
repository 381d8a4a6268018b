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

/* ---- deliver.c ------------------------------------------------------------------------------------------------------ */
#define DELIVER_ANSWER_MAX (64 << 10)
#define DELIVER_ASK_MS (2 * 60 * 1000) /* an ask that has no answer by then may be made again */
struct deliverer;
struct deliverer *deliverer_open(struct api *api);
void deliverer_start(struct deliverer *d);
void deliverer_kick(struct deliverer *d);  /* there may be something new */
void deliverer_rules(struct deliverer *d); /* the configuration was read again */
void deliverer_stop(struct deliverer *d);
bool deliverer_idle(const struct deliverer *d);
void deliverer_close(struct deliverer *d);
void deliver_metrics_put(const struct deliverer *d, struct buf *out);

#endif
