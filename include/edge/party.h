/* edge/party.h: part of layer 6. Messengers, factories and carriers: who is told and asked things by a file of its own
 * ([messenger NAME], [factory NAME], [carrier NAME]; connector.h reads the file).
 *
 *   effect ─► build (pool) ─► its turn ─► call ─► read (pool) ─► outcome          party.c
 *   callback ─► verify, events (pool) ─► party.take: kept and applied ─► reply    party_push.c
 *
 * A party has one sandbox; one job of it is on the pool at a time. */
#ifndef ORDERD_EDGE_PARTY_H
#define ORDERD_EDGE_PARTY_H
#include "flow.h"

struct api;
struct call;
struct conf;
struct connector;
struct deliver_call;
struct parties;

/* Checks the sections with the files they name, and fills rules->party, rules->factory; false with *why. */
bool party_settings_check(struct arena *a, const struct conf *conf, const char *data, struct rules *r, const char **why);

struct parties *parties_open(struct api *api);
void parties_rules(struct parties *p); /* at start, and when the configuration was read again */
void parties_stop(struct parties *p);  /* nothing new is begun */
bool parties_idle(const struct parties *p);
void parties_close(struct parties *p);

/* "messenger:office": is there one? Who makes the effects of destinations like this is the deliverer's errand. */
bool party_destination(const char *destination);
/* As channel_effect_start() and its like (deliver.h). The kind says the request: notice → send, work → make,
 * work_cancel → cancel, waybill → waybill, waybill_void → void. */
bool party_effect_start(struct api *api, struct deliver_call *call);
void party_effect_stop(struct api *api, struct deliver_call *call);
int party_effects_at_once(struct api *api, const char *destination);

/* A call that is no effect: what it said, on the loop, once. */
struct party_said {
  enum verdict_kind kind;            /* OK, DONE: result is what it told; else why */
  const char *code, *why;            /* for people, without secrets; "" */
  const char *result;                /* JSON: the object of [result R], of trace the array of [events trace]; NULL: none */
  int64_t retry_after_ms;
};
typedef void party_said_fn(void *arg, const struct party_said *said);
/* what: JSON, copied. false: no such party, or it has no such request; done is not called then. A process that ends
 * calls it with RETRY. */
bool party_ask(struct api *api, const char *destination, const char *request, const char *what, party_said_fn *done, void *arg);
const struct connector *party_connector(struct api *api, const char *destination); /* NULL: there is none */

/* ---- party_push.c -------------------------------------------------------------------------------------------------- */
void hooks_mes_post(struct call *k);     /* POST /v1/hooks/mes/{name} */
void hooks_carrier_post(struct call *k); /* POST /v1/hooks/carrier/{name} */

/* ---- between the two ------------------------------------------------------------------------------------------------ */
struct party_push;
struct party {                       /* one section of the configuration */
  struct party *next;
  struct parties *all;
  struct arena mem;
  const char *destination, *name, *broken; /* "messenger:office", "office"; broken: why its file cannot be used, or NULL */
  struct connector *connector;
  struct connector_box *box;         /* of what is on the pool */
  struct poll_settings set;
  struct bucket *bucket;             /* one per request */
  int64_t skew_ms;                   /* the party's clock less ours */
  struct party_job *waiting;         /* for the pool */
  struct party_call *calls;
  struct party_push *pushes;         /* those not yet answered */
  size_t pushes_n;
  int users;                         /* calls and pushes that hold it */
  bool job, leaving;
  int64_t sent, failed, callbacks, callbacks_known, callbacks_refused;
};
struct party_job {                   /* first member of what waits; the pool runs one of a party at a time */
  struct party_job *next;
  struct party *p;
  struct uv_work_s *work;
  void (*run)(struct party_job *j);  /* on the pool */
  void (*after)(struct party_job *j); /* on the loop */
};
struct parties {
  struct api *api;
  struct fetcher *fetcher;
  struct party *first;
  int busy;
  bool stopping;
};
struct party *party_find(struct parties *all, const char *destination);
void party_job_start(struct party_job *j);
bool party_job_drop(struct party_job *j); /* true: it was still waiting, and is not any more */
void party_hold(struct party *p);
void party_let_go(struct party *p);
int64_t party_now(const struct party *p); /* its clock */
const char *party_nonce(const struct party *p, struct arena *a);
const char *party_secret(void *party, const char *name);
const char *party_setting(void *party, const char *name);

#endif
