/* edge/waybill.h: part of layer 6. Waybills as people read and print them, and asking carriers where parcels are. */
#ifndef ORDERD_EDGE_WAYBILL_H
#define ORDERD_EDGE_WAYBILL_H
#include "flow.h"

struct api;
struct read;

/* ---- label.c ----------------------------------------------------------------------------------------------------- */
enum err waybill_one_read(struct read *rd, struct db *db);
enum err waybills_read(struct read *rd, struct db *db);
enum err label_read(struct read *rd, struct db *db); /* 100 × 150 mm, one page per piece */

/* ---- trace.c ------------------------------------------------------------------------------------------------------ */
#define TRACES_LOOK_MS 5000
#define TRACES_AT_ONCE 8
struct tracer;
struct tracer *tracer_open(struct api *api);
void tracer_start(struct tracer *t);
void tracer_stop(struct tracer *t); /* asks nothing more */
bool tracer_idle(const struct tracer *t);
void tracer_close(struct tracer *t);
#endif
