/* connector_file.c: where connectors come from: those in the binary, those in the data directory; the manual; and how a
 * connector that was read is looked at. */
#include "edge.h"
#include <pthread.h>

/* In the directory the compiler runs in; with a NUL behind it. */
#define ASSET(sym, path) \
  __asm__(".pushsection .rodata\n.global " #sym "\n" #sym ":\n.incbin \"" path "\"\n.byte 0\n.popsection\n")
ASSET(asset_connector_help, "src/edge/connector_help.txt");
extern const char asset_connector_help[];
#include "connectors.h"

/* clang-format off */
static const struct {
  const char *name, *text;
} builtin_table[] = {
#define X(name, text) { name, text },
  CONNECTORS_MAP(X)
#undef X
  { NULL, NULL },
};
/* clang-format on */

/* The linker knows the addresses, nobody the lengths before they are counted: on first use, always to the same. */
static struct connector_file files[COUNT(builtin_table)];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void count_files(void)
{
  for (size_t i = 0; i + 1 < COUNT(builtin_table); i++)
    files[i] =
      (struct connector_file){ builtin_table[i].name, builtin_table[i].text, strlen(builtin_table[i].text) };
}

size_t connector_builtin(const struct connector_file **list)
{
  pthread_once(&once, count_files);
  *list = files;
  return COUNT(builtin_table) - 1;
}

static bool builtin_load(const char *name, struct connector_file *out)
{
  const struct connector_file *list;
  size_t n = connector_builtin(&list), i = 0;
  while (i < n && strcmp(list[i].name, name) != 0) i++;
  if (i < n) *out = list[i];
  return i < n;
}

bool connector_load(struct arena *a, const char *data, const char *name, struct connector_file *out)
{
  if (!connector_name_ok(name)) return false;
  out->name = arena_str(a, name);
  out->text =
    data ? file_read(a, arena_printf(a, "%s/connectors/%s.channel", data, name), CONNECTOR_FILE_MAX, &out->n)
         : NULL;
  return out->text || builtin_load(name, out);
}

void connector_help(struct buf *out)
{
  buf_str(out, asset_connector_help);
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
  return arena_printf(a, "%s.channel:%d: [%s]%s%s: %s", c->name, q->places ? q->place[0].line : 0, q->section,
                      q->key ? " " : "", q->key ? q->key : "", why);
}

bool connector_name_ok(const char *name)
{
  size_t n = strlen(name);
  for (size_t i = 0; i < n; i++)
    if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", name[i])) return false;
  return n > 0 && n <= 32;
}
