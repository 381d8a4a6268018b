/* id.c: ids as text, slots of time, roles. Pure. */
#include "domain.h"

int64_t slot_of(int64_t ms)
{
  return ms / SLOT_MS - (ms % SLOT_MS < 0);
}

/* ---- ids: "o_12" ----------------------------------------------------------------------------- */
bool id_parse(const char *text, char kind, int64_t *id)
{
  if (!text || text[0] != kind || text[1] != '_') return false;
  const char *p = text + 2;
  if (*p < '1' || *p > '9') return false; /* no empty number, no leading zero: one spelling per id */
  int64_t v = 0;
  for (; *p >= '0' && *p <= '9'; p++)
    if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v)) return false;
  if (*p) return false;
  *id = v;
  return true;
}

char *id_text(struct arena *a, char kind, int64_t id)
{
  return arena_printf(a, "%c_%lld", kind, (long long)id);
}

/* The longest: kind, '_', 19 digits and a sign. */
#define ID_TEXT 24
static size_t id_put(char out[ID_TEXT], char kind, int64_t id)
{
  char digits[ID_TEXT];
  size_t n = 0, k = 0;
  for (int64_t v = id; v; v /= 10) digits[n++] = (char)('0' + v % 10);
  out[k++] = kind, out[k++] = '_';
  while (n) out[k++] = digits[--n];
  return k;
}

void jw_id(struct jw *w, const char *key, char kind, int64_t id)
{
  char text[ID_TEXT];
  if (key) jw_key(w, key);
  if (id > 0) jw_stringn(w, text, id_put(text, kind, id)); /* a tampered file may hold less */
  else jw_null(w);
}

/* ---- roles ----------------------------------------------------------------------------------- */
static const char *const role_name[ROLE_N] = {
#define X(id, name) [ROLE_##id##_BIT] = name,
  ROLE_MAP(X)
#undef X
};

static unsigned role_bit(const char *s, size_t n)
{
  for (int i = 0; i < ROLE_N; i++)
    if (strlen(role_name[i]) == n && !memcmp(role_name[i], s, n)) return 1u << i;
  return 0;
}

bool roles_parse(const char *list, unsigned *roles)
{
  unsigned all = 0;
  for (const char *p = list; p; p = *p ? p + 1 : NULL) {
    size_t n = strcspn(p, ",");
    unsigned bit = role_bit(p, n);
    if (!bit) return false;
    all |= bit;
    p += n;
  }
  *roles = all;
  return all != 0;
}

char *roles_text(struct arena *a, unsigned roles)
{
  char *text = arena_strn(a, "", 0);
  for (int i = 0; i < ROLE_N; i++)
    if (roles & 1u << i) text = arena_printf(a, "%s%s%s", text, *text ? "," : "", role_name[i]);
  return text;
}
