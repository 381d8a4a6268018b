/* edge/work.h: part of layer 6. Work orders over HTTP. */
#ifndef ORDERD_EDGE_WORK_H
#define ORDERD_EDGE_WORK_H
#include "flow.h"

struct read;
enum err works_read(struct read *rd, struct db *db);
enum err work_read_one(struct read *rd, struct db *db);
#endif
