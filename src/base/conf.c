/* conf.c: sectioned text files, read line by line:
 *
 *   # a comment          only with the # in the first column; a # further on belongs to the value
 *   [section name]       blanks inside count as one; the same section may be opened again
 *   key = value          letters, digits, _ . - in the key; blanks around the value are dropped
 *     more of it         goes on with the value above, joined by a line feed
 *                        an empty line ends the value
 *
 * The text is UTF-8 (a byte order mark is dropped), line ends LF or CR LF, no control character but TAB. */
#include "base.h"

enum { ENTRIES_MAX = 4096, SECTIONS_MAX = 1024, ENTRIES_FIRST = 32, NAME_MAX_BYTES = 128 };

struct reader {
  struct arena *mem;
  struct conf *out;
  size_t room;         /* in out->at */
  const char *section; /* where we are */
  size_t sections;
  bool open;        /* an indented line belongs to the last entry */
  struct buf value; /* of the last entry, while it is open */
  int line;
  const char *why;
};

/* A piece of a line, without an end mark. */
struct span {
  const char *p;
  size_t n;
};

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
  while (s.n && is_blank(s.p[0])) s.p++, s.n--;
  while (s.n && is_blank(s.p[s.n - 1])) s.n--;
  return s;
}

static bool refuse(struct reader *r, const char *what)
{
  r->why = arena_printf(r->mem, "line %d: %s", r->line, what);
  return false;
}

/* The value above is complete. */
static void value_close(struct reader *r)
{
  if (!r->open) return;
  r->out->at[r->out->n - 1].value = arena_strn(r->mem, r->value.data, r->value.len);
  r->value.len = 0;
  r->open = false;
}

static void value_add(struct reader *r, struct span s)
{
  if (r->value.len) buf_char(&r->value, '\n');
  buf_put(&r->value, s.p, s.n);
}

/* ---- the four kinds of line --------------------------------------------------------------------- */

static bool read_more(struct reader *r, struct span s)
{
  if (!r->open) return refuse(r, "an indented line with no value above it to go on with");
  value_add(r, trim(s));
  return true;
}

/* The name with runs of blanks as one. */
static const char *name_tidy(struct reader *r, struct span s)
{
  char *name = arena_alloc(r->mem, s.n + 1), *to = name;
  for (size_t i = 0; i < s.n; i++) {
    if (is_blank(s.p[i]) && is_blank(s.p[i + 1])) continue; /* the name ends with no blank */
    *to++ = is_blank(s.p[i]) ? ' ' : s.p[i];
  }
  return name;
}

static bool read_section(struct reader *r, struct span s)
{
  value_close(r);
  s = trim(s);
  if (s.n < 2 || s.p[s.n - 1] != ']') return refuse(r, "a section is written [name]");
  s = trim((struct span){ s.p + 1, s.n - 2 });
  if (!s.n) return refuse(r, "a section needs a name");
  if (s.n > NAME_MAX_BYTES) return refuse(r, "a section's name is too long");
  if (memchr(s.p, '[', s.n) || memchr(s.p, ']', s.n)) return refuse(r, "a bracket in a section's name");
  if (++r->sections > SECTIONS_MAX) return refuse(r, "too many sections");
  r->section = name_tidy(r, s);
  return true;
}

static bool is_key(struct span s)
{
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i], low = (char)(c | 0x20);
    bool letter = low >= 'a' && low <= 'z', digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '_' && c != '.' && c != '-') return false;
  }
  return s.n > 0;
}

static struct conf_entry *entry_new(struct reader *r)
{
  struct conf *c = r->out;
  if (c->n == r->room) {
    size_t room = r->room ? r->room * 2 : ENTRIES_FIRST;
    struct conf_entry *at = arena_array(r->mem, struct conf_entry, room);
    if (c->n) memcpy(at, c->at, c->n * sizeof(*at));
    c->at = at, r->room = room;
  }
  return &c->at[c->n++];
}

static bool read_entry(struct reader *r, struct span s)
{
  value_close(r);
  const char *equals = memchr(s.p, '=', s.n);
  if (!equals) return refuse(r, "expected key = value, [section] or a # comment");
  struct span key = trim((struct span){ s.p, (size_t)(equals - s.p) });
  if (!is_key(key)) return refuse(r, "a key is made of letters, digits, _ . and -");
  if (key.n > NAME_MAX_BYTES) return refuse(r, "a key is too long");
  if (r->out->n == ENTRIES_MAX) return refuse(r, "too many keys");
  const char *name = arena_strn(r->mem, key.p, key.n);
  const struct conf_entry *first = conf_get(r->out, r->section, name);
  if (first) return refuse(r, arena_printf(r->mem, "%s is set already in line %d", name, first->line));
  *entry_new(r) = (struct conf_entry){ r->section, name, "", r->line };
  r->open = true;
  equals++;
  value_add(r, trim((struct span){ equals, (size_t)(s.p + s.n - equals) }));
  return true;
}

static bool read_line(struct reader *r, struct span s)
{
  if (s.n && s.p[s.n - 1] == '\r') s.n--;
  for (size_t i = 0; i < s.n; i++)
    if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127)
      return refuse(r, "a control character");
  if (!trim(s).n) {
    value_close(r);
    return true;
  }
  if (s.p[0] == '#') return true;
  if (is_blank(s.p[0])) return read_more(r, s);
  return s.p[0] == '[' ? read_section(r, s) : read_entry(r, s);
}

/* ---- the file ----------------------------------------------------------------------------------- */

static bool read_all(struct reader *r, const char *p, const char *end)
{
  while (p < end) {
    const char *lf = memchr(p, '\n', (size_t)(end - p));
    const char *line_end = lf ? lf : end;
    r->line++;
    if (!utf8_valid(p, (size_t)(line_end - p))) return refuse(r, "not valid UTF-8 (or a NUL byte)");
    if (!read_line(r, (struct span){ p, (size_t)(line_end - p) })) return false;
    p = lf ? lf + 1 : end;
  }
  value_close(r);
  return true;
}

bool conf_parse(struct arena *a, const char *text, size_t n, struct conf *out, const char **why)
{
  *out = (struct conf){ 0 };
  struct reader r = { .mem = a, .out = out, .section = "" };
  size_t mark = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
  if (n > CONF_FILE_MAX) r.why = arena_printf(a, "the file is longer than %d bytes", CONF_FILE_MAX);
  else read_all(&r, text + mark, text + n);
  buf_release(&r.value);
  if (r.why) *out = (struct conf){ 0 };
  *why = r.why;
  return !r.why;
}

const struct conf_entry *conf_get(const struct conf *c, const char *section, const char *key)
{
  for (size_t i = 0; i < c->n; i++)
    if (!strcmp(c->at[i].key, key) && !strcmp(c->at[i].section, section)) return &c->at[i];
  return NULL;
}

/* Near: at most two edits, or a third of a long word, and something of the word must be left. */
const char *word_nearest(const char *word, const char *const *known, size_t n)
{
  int len = (int)utf8_count(word), most = len / 3 > 2 ? len / 3 : 2, best = 0;
  const char *found = NULL;
  for (size_t i = 0; i < n; i++) {
    int edits = text_edits(word, known[i]);
    if (edits > most || edits >= len || (found && edits >= best)) continue;
    found = known[i], best = edits;
  }
  return found;
}
