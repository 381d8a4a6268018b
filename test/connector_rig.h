/* A connector of a few lines under test, with what it is given. Included by the tests of connectors. */
#ifndef ORDERD_TEST_CONNECTOR_RIG_H
#define ORDERD_TEST_CONNECTOR_RIG_H
#include "edge.h"
#include "test.h"

#define HEAD "[channel x]\n"
#define LIST "[request list]\nGET {host}/o\n"
#define ORDERS "[orders]\nSELECT '{}', '$'\n"

#define SHOP HEAD LIST \
  "[errors]\nSELECT :body ->> '$.kind', :body ->> '$.code', :body ->> '$.msg', :body ->> '$.wait' WHERE :body -> '$.kind' IS NOT NULL\n" \
  "  UNION ALL SELECT 'retry', 'page', substr(:text, 1, 6), NULL WHERE :body IS NULL AND :status = 200 AND :text GLOB '<x>*'\n" \
  "[next list]\nSELECT :body ->> '$.next'\n" \
  "[orders]\nSELECT json_object('external_id', num_text(value, '$.id'), 'note', value ->> '$.note'), fullkey FROM json_each(:body, '$.orders')\n"


static const char *file_of(struct arena *a, const char *before, const char *piece, size_t times, const char *behind)
{
  struct buf b = { 0 };
  buf_str(&b, before);
  for (size_t i = 0; i < times; i++) buf_str(&b, piece);
  buf_str(&b, behind);
  const char *text = arena_strn(a, b.data, b.len);
  buf_release(&b);
  return text;
}

/* ---- a connector under test ---------------------------------------------------------------------------------------- */
struct rig {
  struct arena a;
  struct connector *c;
  struct connector_box *b;
  struct connector_vars v;
  const char *const *secret; /* name, value, … NULL */
};

static const char *rig_secret(void *arg, const char *name)
{
  struct rig *r = arg;
  for (const char *const *s = r->secret; s && *s; s += 2)
    if (!strcmp(s[0], name)) return s[1];
  return NULL;
}

static const char *rig_setting(void *arg, const char *name)
{
  (void)arg;
  return !strcmp(name, "region") ? "a/b ü" : NULL;
}

static bool rig_open(struct rig *r, const char *text, const char *const *secrets)
{
  struct connector_fault f;
  const char *why = NULL;
  *r = (struct rig){ .secret = secrets };
  r->v = (struct connector_vars){ .now_ms = 1700000000123, .from_ms = 1699998200000, .to_ms = 1700000000000, .page = 1,
                                  .nonce = "f3b0c44298fc1c149afbf4c8996fb924" };
  r->c = connector_parse(&r->a, "x", text, strlen(text), &f);
  if (!r->c) test_note("%d:%d: %s in\n%s", f.line, f.column, f.why, text);
  else if (!(r->b = connector_open(r->c, &r->a, &why))) test_note("%s", why);
  if (r->b) connector_values(r->b, rig_secret, rig_setting, r);
  return CHECK(r->b);
}

static void rig_close(struct rig *r)
{
  connector_close(r->b);
  arena_release(&r->a);
}

#endif
