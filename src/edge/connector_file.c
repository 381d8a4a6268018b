/* connector_file.c: where connectors come from: those in the binary, those in the data directory; and the manual. */
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
