/* edge/sim_carrier.h: part of layer 6. Carriers in the simulator, spoken to as examples/connectors/{sf,deppon,jdl,kuaidi100}.carrier
 * do: they check signatures, sell a waybill once per order number, take it back until they have the parcel, and tell of it
 * by answers and by signed pushes as the world's clock goes on. Kuaidi100 sells nothing and knows every number. */
#ifndef ORDERD_EDGE_SIM_CARRIER_H
#define ORDERD_EDGE_SIM_CARRIER_H
#include "edge/sim_factory.h"

#define SIM_CARRIERS_MAX 4
#define SIM_SOLD_MAX 100000
enum { CARRIER_PICKED, CARRIER_MOVES, CARRIER_OUT, CARRIER_SIGNED, CARRIER_STEPS };
struct sim_sold { /* a waybill, or of Kuaidi100 a number that was asked about */
  char order_no[80], number[24];
  int64_t made_ms;
  int steps;     /* so many of the steps have happened */
  bool is_void, followed;
};
struct sim_carrier {
  struct sim *sim;
  const struct sim_carrier_kind *kind;
  const char *name, *secret, *account, *word; /* word: of pushes */
  char base[64];
  int number;
  struct http_server *http;
  struct sim_sold **sold; /* as they came */
  size_t n, cap;
  uint64_t requests;
  int64_t lose, refuse, throttle; /* so many of the next: their answer is lost, are refused, are too many */
  int64_t repeated, bad_signs, unanswered, pushes, pushes_failed;
};
bool sim_carriers_make(struct sim *s, const char *list, struct arena *a, const char **why); /* "SF,DEPPON,JDL,kuaidi100" */
void sim_carriers_free(struct sim *s);
void sim_carriers_run(struct sim *s, int64_t until_ms);
void sim_carrier_answer(struct sim_carrier *k, struct http_request *r, struct sim_reply *out);
void sim_carriers_put(const struct sim *s, struct jw *w); /* an array: what was bought */
void sim_carriers_config(const struct sim *s, struct buf *out);
bool sim_carrier_decide(struct sim *s, const struct json *j); /* {"carrier","lose":N,"refuse":N,"throttle":N} */

/* sim_push.c: target: the path and query behind the address of orderd */
void sim_push_carrier(struct sim *s, struct sim_carrier *k, const char *target, const char *type, const char *body);
#endif
