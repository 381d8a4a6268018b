/* poll_refetch.c: orders that a platform refused to tell. What is kept of them is only their id, and the row of the list
 * that named them; when a person wishes, the platform is asked again, and what it tells settles the payload. */
#include "edge.h"
#include <uv.h>

enum { REFETCH_A_RUN = 50, REFETCH_FIRST = 64, REFETCH_MAX = 1000000 };

/* {"at":"$","call":"detail","id":…,"row":…}, as ids_give_up() keeps it. */
bool refetch_is(const char *raw)
{
  static const char head[] = "{\"at\":\"$\",\"call\":";
  struct json_span span;
  if (!raw || strncmp(raw, head, sizeof head - 1) != 0) return false;
  struct json_span envelope = json_span_of(raw, strlen(raw));
  return json_span_member(envelope, "id", &span) && !json_span_member(envelope, "order", &span);
}

bool pollee_refetch(struct pollee *p, int64_t payload)
{
  if (p->connector->kind != CONNECTOR_HTTP || (!p->connector->has_detail && !p->connector->has_one))
    return false;
  for (size_t i = 0; i < p->refetches; i++)
    if (p->refetch[i] == payload) return true;
  if (p->refetches == REFETCH_MAX) return false;
  if (p->refetches == p->refetch_room) {
    size_t room = p->refetch_room ? 2 * p->refetch_room : REFETCH_FIRST;
    int64_t *list = mem_new(room * sizeof *list);
    if (p->refetches) memcpy(list, p->refetch, p->refetches * sizeof *list);
    mem_free(p->refetch);
    p->refetch = list, p->refetch_room = room;
  }
  p->refetch[p->refetches++] = payload;
  pollee_wake(p);
  return true;
}

static const char *text_of(struct arena *a, struct json_span s)
{
  struct faults f = { .mem = a };
  return json_string(json_parse(a, s.p, (size_t)(s.end - s.p), 4, &f));
}

/* On a pool thread: what each of them is about. Those that are settled meanwhile are left out. */
static enum err refetch_run(struct read *rd, struct db *db)
{
  struct run *r = *(struct run **)rd->args;
  size_t n = 0;
  for (size_t i = 0; i < r->ids; i++) {
    struct payload p;
    struct json_span id, row;
    enum err e = payload_get(db, &rd->mem, r->payload[i], &p);
    if (e && e != ERR_NOT_FOUND) return e;
    if (e || strcmp(p.state, "failed") != 0 || !refetch_is(p.body)) continue;
    struct json_span envelope = json_span_of(p.body, strlen(p.body));
    const char *text = json_span_member(envelope, "id", &id) ? text_of(&r->ids_mem, id) : NULL;
    if (!text) continue;
    r->id[n] = (struct connector_id){ .id = text };
    if (json_span_member(envelope, "row", &row))
      r->id[n].row = arena_strn(&r->ids_mem, row.p, (size_t)(row.end - row.p));
    r->payload[n++] = r->payload[i];
  }
  r->ids = n;
  return ERR_OK;
}

static void refetch_done(struct read *rd)
{
  struct run *r = *(struct run **)rd->args;
  enum err e = rd->err;
  r->p->poller->busy--;
  r->in_job = false;
  read_free(rd);
  if (e) r->ids = 0;
  r->singles = r->ids; /* so that each answer is one payload's */
  run_next(r);
}

void run_refetch(struct run *r)
{
  struct pollee *p = r->p;
  r->ids = p->refetches < REFETCH_A_RUN ? p->refetches : REFETCH_A_RUN;
  r->id = arena_array(&r->ids_mem, struct connector_id, r->ids + 1);
  r->payload = arena_array(&r->ids_mem, int64_t, r->ids + 1);
  memcpy(r->payload, p->refetch, r->ids * sizeof *r->payload);
  p->refetches -= r->ids;
  memmove(p->refetch, p->refetch + r->ids, p->refetches * sizeof *p->refetch);
  run_read(r, refetch_run, refetch_done);
}

/* The platform is in trouble: later. */
void refetch_back(struct run *r)
{
  for (size_t i = r->id_at; i < r->ids; i++) pollee_refetch(r->p, r->payload[i]);
}
