/* seen.c: who was shown whose data in full. Noted in memory and written as commands at most once a second and
 * when it is full, so that reading a page of orders costs the writer one event, not fifty. */
#include "edge.h"

#define SEEN_SLOTS (SEEN_MAX * 2) /* a power of two, half empty */
#define SEEN_PEOPLE_MAX 64        /* (actor, what) pairs of one second */

struct person {
  const char *actor, *what;
};
struct seen {
  struct api *api;
  struct arena mem; /* names */
  struct person person[SEEN_PEOPLE_MAX];
  int people;
  struct seen_slot {
    int64_t order; /* 0: free */
    int person;
  } * slot;
  size_t n;
};

struct seen *seen_open(struct api *api)
{
  struct seen *s = mem_new(sizeof *s);
  s->api = api;
  return s;
}

void seen_close(struct seen *s)
{
  arena_release(&s->mem);
  mem_free(s->slot);
  mem_free(s);
}

static void seen_forget(struct seen *s)
{
  arena_reset(&s->mem);
  if (s->slot) memset(s->slot, 0, SEEN_SLOTS * sizeof *s->slot);
  s->people = 0;
  s->n = 0;
}

/* When there is no room, writing what there is makes it; where the writer takes nothing, nothing is shown. */
bool seen_room(const struct seen *s, size_t n)
{
  if (s->n + n <= SEEN_MAX && s->people < SEEN_PEOPLE_MAX) return true;
  seen_flush((struct seen *)(uintptr_t)s);
  return s->n + n <= SEEN_MAX && s->people < SEEN_PEOPLE_MAX;
}

static int person_find(struct seen *s, const char *actor, const char *what)
{
  for (int i = 0; i < s->people; i++)
    if (!strcmp(s->person[i].actor, actor) && !strcmp(s->person[i].what, what)) return i;
  must(s->people < SEEN_PEOPLE_MAX);
  s->person[s->people] = (struct person){ arena_str(&s->mem, actor), what };
  return s->people++;
}

void seen_add(struct seen *s, const char *actor, const char *what, const int64_t *orders, size_t n)
{
  must(s->n + n <= SEEN_MAX);
  if (!s->slot) s->slot = mem_new(SEEN_SLOTS * sizeof *s->slot);
  int person = person_find(s, actor, what);
  for (size_t k = 0; k < n; k++) {
    struct seen_slot want = { orders[k], person };
    size_t i = (size_t)hash64(&want.order, sizeof want.order, (uint64_t)person) & (SEEN_SLOTS - 1);
    while (s->slot[i].order && (s->slot[i].order != want.order || s->slot[i].person != person))
      i = (i + 1) & (SEEN_SLOTS - 1);
    if (s->slot[i].order) continue;
    s->slot[i] = want;
    s->n++;
  }
}

static void body_put(const struct seen *s, int person, struct buf *out)
{
  struct jw w;
  jw_init(&w, out), jw_object(&w);
  jw_kstring(&w, "actor", s->person[person].actor);
  jw_kstring(&w, "what", s->person[person].what);
  jw_key(&w, "orders"), jw_array(&w);
  for (size_t i = 0; i < SEEN_SLOTS; i++)
    if (s->slot[i].order && s->slot[i].person == person) jw_id(&w, NULL, 'o', s->slot[i].order);
  jw_array_end(&w), jw_object_end(&w);
}

static void seen_done(struct cmd *c)
{
  if (c->job.err) log_line(LOG_ERROR, "what was shown to whom could not be noted: %s", err_title(c->job.err));
  api_cmd_free(c->owner, c);
}

static struct cmd *seen_cmd(const struct seen *s, int person)
{
  struct cmd *c = api_own_cmd(s->api, CMD_AUDIT_SEEN);
  struct buf body = { 0 };
  body_put(s, person, &body);
  struct json *j = json_parse(&c->mem, body.data, body.len, JSON_ELEMENTS_MAX, &c->problem.faults);
  must(j && !cmd_kind(CMD_AUDIT_SEEN)->parse(c, j));
  buf_release(&body);
  return c;
}

/* All or nothing: the writer's queue is looked at first, and only the loop fills it. */
void seen_flush(struct seen *s)
{
  if (!s->n) return;
  if (writer_waiting(s->api->writer) + (size_t)s->people >= WRITER_QUEUE_MAX) return;
  for (int i = 0; i < s->people; i++) {
    struct cmd *c = seen_cmd(s, i);
    must(api_push(s->api, c, seen_done, s->api));
  }
  seen_forget(s);
}
