/* The text of a connector's file. What must hold: it is read, or there is a reason and a place inside of it; what was
 * read opens, builds its requests or says why not, and its examples run to an end. */
#include "edge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *value(void *arg, const char *name)
{
  (void)arg;
  return *name == 'q' ? NULL : "t0p-hidden";
}

static void said(void *arg, const char *example, bool ok, const char *text)
{
  (void)arg;
  must(example && text && *text && utf8_valid(text, strlen(text)) && (ok == !strcmp(text, "ok")));
}

static void build(struct connector_box *b, struct arena *a, const char *request)
{
  struct connector_vars v = { .now_ms = 1700000000000, .from_ms = 1699990000000, .to_ms = 1700000000000, .page = 1, .nonce = "00",
                              .host = "https://x.example", .ids = "[\"A\"]", .id = "A", .rows = "[]" };
  struct connector_call call;
  const char *why = NULL;
  if (!connector_build(b, a, request, &v, &call, &why)) {
    must(why && *why);
    return;
  }
  must(!strncmp(call.url, "http", 4) && !strpbrk(call.url, " \r\n\t") && utf8_valid(call.shown, strlen(call.shown)));
  for (size_t i = 0; i < call.headers; i++) must(!strpbrk(call.header[i].value, "\r\n"));
  must(!call.body == !call.content_type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct arena a = { 0 };
  struct connector_fault f;
  const char *why = NULL;
  int lines = 1;
  for (size_t i = 0; i < n; i++) lines += data[i] == '\n';
  struct connector *c = connector_parse(&a, "x", (const char *)data, n, &f);
  if (!c) must(f.why && *f.why && f.line >= 0 && f.line <= lines && f.column >= 0 && utf8_valid(f.why, strlen(f.why)));
  struct connector_box *b = c ? connector_open(c, &a, &why) : NULL;
  must(!c || b);
  if (b) connector_values(b, value, value, NULL);
  for (size_t i = 0; b && i < c->requests; i++) build(b, &a, c->request[i].name);
  connector_close(b);
  if (c) must(connector_test(c, &a, said, NULL, &why) >= 0);
  arena_release(&a);
  return 0;
}
