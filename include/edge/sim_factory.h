/* edge/sim_factory.h: part of layer 6. Factories in the simulator: they take work orders as examples/connectors/mes.factory
 * says, make them by the world's clock, and call orderd as things happen.
 *
 *   accepted ─► started, step 1 … m ─► finished ─► passed │ failed
 *   cancelled before the start at once; after it somebody decides, a tenth of the time later */
#ifndef ORDERD_EDGE_SIM_FACTORY_H
#define ORDERD_EDGE_SIM_FACTORY_H
#include "flow.h"

struct arena;
struct buf;
struct http_request;
struct http_server;
struct json;
struct jw;
struct sim;
struct sim_made;

#define SIM_FACTORIES_MAX 16
#define SIM_MADE_MAX 100000      /* work orders of one factory */
struct sim_factory {
  struct sim *sim;
  const char *name, *secret;
  char base[64];
  int number;
  struct http_server *http;
  struct sim_made **made;        /* as they came */
  size_t n, cap;
  uint64_t requests;
  int64_t repeated, different, refused, bad_signs, unanswered, callbacks, callbacks_failed;
};
struct sim_reply {
  int status;
  struct buf body;
  bool lost;                     /* carried out, never answered */
};
bool sim_factories_make(struct sim *s, const char *list, struct arena *a, const char **why);
void sim_factories_free(struct sim *s);
void sim_factories_run(struct sim *s, int64_t until_ms);
void sim_factory_answer(struct sim_factory *f, struct http_request *r, struct sim_reply *out);
void sim_factories_put(const struct sim *s, struct jw *w); /* an array: what they have */
void sim_factories_config(const struct sim *s, struct buf *out);
/* {"factory","work_order","qc":"failed"|"passed","cancel":"yes"|"no"}: what is decided when it comes to that */
bool sim_factory_decide(struct sim *s, const struct json *j);

/* sim_push.c: a callback, signed when it is sent for the first time; id: its own */
void sim_push_callback(struct sim *s, struct sim_factory *f, const char *id, const char *body);
const char *sim_factory_sign(const struct sim_factory *f, struct arena *a, const char *time, const char *body, size_t n);

#endif
