/* connector_file.c: where connectors come from: those in the binary, those in the data directory; the manual; and how a
 * connector that was read is looked at. */
#include "edge.h"
#include <pthread.h>

#include "packed.h"

static const struct {
  const char *name, *ext;
  const unsigned char *gz;
  size_t n;
} builtin_table[] = {
#define X(name, ext, gz) { name, ext, gz, sizeof gz },
  CONNECTORS_MAP(X)
#undef X
};

static struct connector_file files[COUNT(builtin_table)];
static struct packed_text help = { gz_connector_help, sizeof gz_connector_help, NULL, 0 },
                          openapi = { gz_openapi, sizeof gz_openapi, NULL, 0 };
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* On first use; kept as long as the process lives. */
static void unpack_all(void)
{
  for (size_t i = 0; i < COUNT(builtin_table); i++) {
    struct packed_text t = { builtin_table[i].gz, builtin_table[i].n, NULL, 0 };
    packed_text_open(&t);
    files[i] = (struct connector_file){ builtin_table[i].name, builtin_table[i].ext, t.text, t.text_n };
  }
  packed_text_open(&help), packed_text_open(&openapi);
}

const char *openapi_text(size_t *n)
{
  pthread_once(&once, unpack_all);
  *n = openapi.text_n;
  return openapi.text;
}

size_t connector_builtin(const struct connector_file **list)
{
  pthread_once(&once, unpack_all);
  *list = files;
  return COUNT(builtin_table);
}

static bool builtin_load(const char *name, const char *ext, struct connector_file *out)
{
  const struct connector_file *list;
  size_t n = connector_builtin(&list), i = 0;
  while (i < n && (strcmp(list[i].name, name) != 0 || strcmp(list[i].ext, ext) != 0)) i++;
  if (i < n) *out = list[i];
  return i < n;
}

bool connector_load(struct arena *a, const char *data, const char *name, struct connector_file *out)
{
  return connector_load_as(a, data, name, "channel", out);
}

bool connector_load_as(struct arena *a, const char *data, const char *name, const char *ext,
                       struct connector_file *out)
{
  if (!connector_name_ok(name)) return false;
  out->name = arena_str(a, name), out->ext = arena_str(a, ext);
  out->text =
    data ? file_read(a, arena_printf(a, "%s/connectors/%s.%s", data, name, ext), CONNECTOR_FILE_MAX, &out->n)
         : NULL;
  return out->text || builtin_load(name, ext, out);
}

void connector_help(struct buf *out)
{
  pthread_once(&once, unpack_all);
  buf_put(out, help.text, help.text_n);
}

/* ---- looking at one that was read ------------------------------------------------------------------------- */
void connector_place_of(const struct connector_sql *q, int at, int *line, int *column)
{
  const struct connector_place *p = q->place;
  for (size_t i = 1; i < q->places && at >= 0 && q->place[i].at <= (size_t)at; i++) p = &q->place[i];
  *line = q->places ? p->line : 0, *column = q->places ? p->column : 0;
  for (size_t i = p ? p->at : 0; q->places && at >= 0 && i < (size_t)at; i++)
    *column += ((unsigned char)q->sql[i] & 0xc0) != 0x80;
}

const struct connector_request *connector_request(const struct connector *c, const char *name)
{
  for (size_t i = 0; i < c->requests; i++)
    if (!strcmp(c->request[i].name, name)) return &c->request[i];
  return NULL;
}

const struct connector_sql *connector_section(const struct connector *c, const char *section)
{
  for (size_t i = 0; i < c->text->sqls; i++)
    if (!c->text->sql[i]->key && !strcmp(c->text->sql[i]->section, section)) return c->text->sql[i];
  return NULL;
}

const char *connector_said(struct arena *a, const struct connector *c, const struct connector_sql *q,
                           const char *why)
{
  return arena_printf(a, "%s.%s:%d: [%s]%s%s: %s", c->name, c->ext, q->places ? q->place[0].line : 0,
                      q->section, q->key ? " " : "", q->key ? q->key : "", why);
}

bool connector_name_ok(const char *name)
{
  size_t n = strlen(name);
  for (size_t i = 0; i < n; i++)
    if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", name[i])) return false;
  return n > 0 && n <= 32;
}
