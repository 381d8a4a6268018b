/* connector.c: a connector's file, read and checked: sections, keys, and each piece of SQL compiled once, so that
 * what is wrong is known with its line and column before anything is sent anywhere.
 *
 *   lines ─► sections ─► keys (conf_parse, lines put right) ─► requests, push, examples ─► SQL compiled ─► what must be there */
#include "edge.h"
#include <stdio.h>
#include <stdlib.h>

enum { SECTIONS_MAX = 256, SQLS_MAX = 1024, REQUESTS_MAX = 16, NAMES_MAX = 64, EXPECT_MAX = 8 };

struct file_line {
  const char *p;
  size_t n;
};

struct section {
  const char *name, *word, *arg; /* "ids list", "ids", "list" */
  const struct section_kind *kind;
  int line;
  int first, last; /* lines of its text, last excluded */
  struct conf_entry *key;
  size_t keys;
};

struct reader {
  struct arena *a;
  struct connector *c;
  struct connector_text *t;
  struct connector_fault *f;
  struct file_line *line; /* line[1] is the first */
  int lines;
  struct section section[SECTIONS_MAX];
  size_t sections;
};

static bool fail(struct reader *r, int line, int column, const char *fmt, ...) PRINTF(4, 5);
static bool fail(struct reader *r, int line, int column, const char *fmt, ...)
{
  struct buf b = { 0 };
  va_list ap;
  char text[1024];
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  buf_str(&b, text);
  while (b.len && !utf8_valid(b.data, b.len)) b.len--;
  *r->f = (struct connector_fault){ line, column, arena_strn(r->a, b.data, b.len) };
  buf_release(&b);
  return false;
}

static const char *near_text(struct arena *a, const char *word, const char *const *known, size_t n)
{
  const char *near = word_nearest(word, known, n);
  return near ? arena_printf(a, "; did you mean %s?", near) : "";
}

/* ---- sections that are none ---------------------------------------------------------------------------------- */
static bool section_unknown(struct reader *r, const struct section *s)
{
  if (!strcmp(s->word, "channel") || !strcmp(s->word, "example") || party_is(s->word))
    return fail(r, s->line, 1, "a section [%s] needs a name: [%s NAME]", s->word, s->word);
  const char *near = section_nearest(r->a, s->name);
  return fail(r, s->line, 1, "there is no section [%s]%s", s->name,
              near ? arena_printf(r->a, "; did you mean [%s]?", near) : "");
}

/* ---- lines and sections ---------------------------------------------------------------------------------------- */
static bool is_blank(char ch)
{
  return ch == ' ' || ch == '\t' || ch == '\r';
}

static bool is_empty(const struct file_line *l)
{
  for (size_t i = 0; i < l->n; i++)
    if (!is_blank(l->p[i])) return false;
  return true;
}

static int columns_of(const char *from, const char *to)
{
  int n = 1;
  for (; from < to; from++) n += ((unsigned char)*from & 0xc0) != 0x80;
  return n;
}

static bool lines_read(struct reader *r, const char *text, size_t n)
{
  size_t mark = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0, count = 2;
  for (size_t i = 0; i < n; i++) count += text[i] == '\n';
  r->line = arena_array(r->a, struct file_line, count + 1);
  for (const char *p = text + mark, *end = text + n; p < end;) {
    const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;
    r->line[++r->lines] = (struct file_line){ p, (size_t)(stop - p) };
    if (!utf8_valid(p, (size_t)(stop - p))) return fail(r, r->lines, 1, "not valid UTF-8 (or a NUL byte)");
    p = lf ? lf + 1 : end;
  }
  return true;
}

static bool is_header(const struct section *s)
{
  return !strcmp(s->word, "channel") || party_is(s->word);
}

/* "[ ids   list ]" is "ids list". */
static bool section_begin(struct reader *r, int at)
{
  const struct file_line *l = &r->line[at];
  size_t n = l->n;
  while (n && is_blank(l->p[n - 1])) n--;
  if (n < 3 || l->p[n - 1] != ']' || memchr(l->p + 1, '[', n - 1))
    return fail(r, at, 1, "a section is written [name]");
  if (r->sections == SECTIONS_MAX) return fail(r, at, 1, "more than %d sections", SECTIONS_MAX);
  char *name = arena_alloc(r->a, n), *to = name;
  for (const char *p = l->p + 1; p < l->p + n - 1; p++)
    if (!is_blank(*p)) *to++ = *p;
    else if (to > name && to[-1] != ' ') *to++ = ' ';
  while (to > name && to[-1] == ' ') *--to = 0;
  size_t word = strcspn(name, " ");
  struct section *s = &r->section[r->sections++];
  *s = (struct section){ .name = name, .word = arena_strn(r->a, name, word), .line = at, .first = at + 1 };
  s->arg = name[word] ? name + word + 1 : "";
  s->kind = section_kind_of(s->name, s->word, s->arg);
  if (!s->kind) return section_unknown(r, s);
  for (const struct section *o = r->section; o < s; o++)
    if (!strcmp(o->name, name) || (is_header(s) && is_header(o)))
      return fail(r, at, 1, "[%s] stands already in line %d", o->name, o->line);
  return true;
}

static bool sections_read(struct reader *r)
{
  for (int i = 1; i <= r->lines; i++) {
    const struct file_line *l = &r->line[i];
    if (l->n && l->p[0] == '[') {
      if (!section_begin(r, i)) return false;
    } else if (!r->sections && l->n && l->p[0] != '#' && !is_empty(l))
      return fail(r, i, 1, "expected a [section] or a # comment");
    if (r->sections) r->section[r->sections - 1].last = i + 1;
  }
  return true;
}

static struct section *section_get(struct reader *r, const char *name)
{
  for (size_t i = 0; i < r->sections; i++)
    if (!strcmp(r->section[i].name, name)) return &r->section[i];
  return NULL;
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */
static const struct conf_entry *key_get(const struct section *s, const char *key)
{
  for (size_t i = 0; s && i < s->keys; i++)
    if (!strcmp(s->key[i].key, key)) return &s->key[i];
  return NULL;
}

/* "line 3: why" of conf_parse, whose line 1 is line `first` of the file. */
static bool conf_failed(struct reader *r, const struct section *s, const char *why)
{
  char *rest = NULL;
  long line = !strncmp(why, "line ", 5) ? strtol(why + 5, &rest, 10) : 0;
  if (rest && !strncmp(rest, ": ", 2)) why = rest + 2;
  static const char twice[] = " is set already in line ";
  const char *again = strstr(why, twice);
  if (again)
    why = arena_printf(r->a, "%.*s%ld", (int)(again + sizeof twice - 1 - why), why,
                       strtol(again + sizeof twice - 1, NULL, 10) + s->first - 1);
  return fail(r, s->first + (int)line - 1, 1, "%s", why);
}

/* The name's length on a line "name? = …", 0 when it is none such. */
static size_t optional_at(const struct file_line *l)
{
  size_t i = 0;
  while (i < l->n && (is_blank(l->p[i]) ? i > 0 : l->p[i] != '?' && l->p[i] != '=')) i++;
  if (i == 0 || i >= l->n || l->p[i] != '?') return 0;
  for (size_t k = i + 1; k < l->n; k++)
    if (!is_blank(l->p[k])) return l->p[k] == '=' ? i : 0;
  return 0;
}

/* Its lines as conf_parse may see them: the address line and question marks of names are blanks there. */
static bool keys_read(struct reader *r, struct section *s, int hidden)
{
  struct buf b = { 0 };
  struct conf conf;
  const char *why;
  for (int i = s->first; i < s->last; i++) {
    const struct file_line *l = &r->line[i];
    size_t mark = b.len, q = s->kind->form == FORM_NAMES ? optional_at(l) : 0;
    if (i != hidden) buf_put(&b, l->p, l->n);
    if (q && b.data) b.data[mark + q] = ' ';
    buf_char(&b, '\n');
  }
  bool ok = conf_parse(r->a, b.data ? b.data : "", b.len, &conf, &why);
  buf_release(&b);
  if (!ok) return conf_failed(r, s, why);
  for (size_t i = 0; i < conf.n; i++) conf.at[i].line += s->first - 1;
  s->key = conf.at, s->keys = conf.n;
  return true;
}

static bool key_known(const char *const *known, const char *key)
{
  for (; known && *known; known++) {
    size_t n = strlen(*known);
    if ((*known)[n - 1] == '.' ? !strncmp(*known, key, n) && key[n] : !strcmp(*known, key)) return true;
  }
  return false;
}

static bool keys_check(struct reader *r, const struct section *s)
{
  size_t n = 0;
  while (s->kind->keys && s->kind->keys[n]) n++;
  for (size_t i = 0; i < s->keys && n; i++) {
    const char *key = s->key[i].key;
    if (key_known(s->kind->keys, key)) continue;
    const char *dot = strchr(key, '.');
    char *head = dot ? arena_strn(r->a, key, (size_t)(dot - key) + 1) : NULL;
    const char *near = near_text(r->a, head ? head : key, s->kind->keys, n);
    return fail(r, s->key[i].line, 1, "[%s] has no key %s%s", s->name, key, near);
  }
  return true;
}

/* Where the lines of a value stand, as conf_parse joined them. */
static struct connector_place *value_places(struct reader *r, const struct conf_entry *e, size_t *n)
{
  size_t at = 0, left = 1;
  for (const char *p = e->value; *p; p++) left += *p == '\n';
  struct connector_place *place = arena_array(r->a, struct connector_place, left + 1);
  *n = 0;
  for (int i = e->line; i <= r->lines && left; i++) {
    const struct file_line *l = &r->line[i];
    const char *p = l->p, *end = l->p + l->n;
    if (i > e->line && l->n && l->p[0] == '#') continue;
    if (i == e->line) p = memchr(p, '=', l->n), p = p ? p + 1 : end;
    while (p < end && is_blank(*p)) p++;
    while (end > p && is_blank(end[-1])) end--;
    if (p == end && i == e->line && *e->value) continue; /* the value begins on the next line */
    place[(*n)++] = (struct connector_place){ at, i, columns_of(l->p, p) };
    at += (size_t)(end - p) + 1, left--;
  }
  return place;
}

static bool value_fail(struct reader *r, const struct conf_entry *e, const char *why)
{
  size_t n;
  const struct connector_place *p = value_places(r, e, &n);
  return fail(r, n ? p[0].line : e->line, n ? p[0].column : 1, "%s", why);
}

/* ---- values --------------------------------------------------------------------------------------------------------- */
static void text_read(const struct section *s, const char *key, const char **out)
{
  const struct conf_entry *e = key_get(s, key);
  if (e) *out = e->value;
}

static bool duration_read(struct reader *r, const struct section *s, const char *key, int64_t least,
                          int64_t most, int64_t *out)
{
  const struct conf_entry *e = key_get(s, key);
  if (!e) return true;
  if (duration_parse(e->value, out) && *out >= least && *out <= most) return true;
  return value_fail(r, e,
                    arena_printf(r->a, "%s is a duration from %s to %s", key, duration_text(r->a, least),
                                 duration_text(r->a, most)));
}

static bool count_read(struct reader *r, const struct section *s, const char *key, int64_t least,
                       int64_t most, int64_t *out)
{
  const struct conf_entry *e = key_get(s, key);
  if (!e) return true;
  char *end;
  long long v = strtoll(e->value, &end, 10);
  if (end != e->value && !*end && v >= least && v <= most) {
    *out = v;
    return true;
  }
  return value_fail(
    r, e, arena_printf(r->a, "%s is a number from %lld to %lld", key, (long long)least, (long long)most));
}

/* The place of the word in words, -1 after the fault. */
static int word_read(struct reader *r, const struct section *s, const char *key, const char *const *words,
                     int n)
{
  const struct conf_entry *e = key_get(s, key);
  struct buf b = { 0 };
  if (!e) return 0;
  for (int i = 0; i < n; i++)
    if (!strcmp(words[i], e->value)) return i;
  for (int i = 0; i < n; i++) buf_printf(&b, "%s%s", !i ? "" : i == n - 1 ? " or " : ", ", words[i]);
  value_fail(r, e, arena_printf(r->a, "%s is %s", key, b.data));
  buf_release(&b);
  return -1;
}

static bool zone_read(struct reader *r, const struct section *s, int *minutes)
{
  const struct conf_entry *e = key_get(s, "zone");
  if (!e) return true;
  const char *z = e->value;
  bool ok = strlen(z) == 6 && (*z == '+' || *z == '-') && z[3] == ':';
  for (size_t i = 1; ok && i < 6; i++) ok = i == 3 || (z[i] >= '0' && z[i] <= '9');
  int h = ok ? (z[1] - '0') * 10 + z[2] - '0' : 99, m = ok ? (z[4] - '0') * 10 + z[5] - '0' : 99;
  if (h > 14 || m > 59) return value_fail(r, e, "zone is written +08:00");
  *minutes = (*z == '-' ? -1 : 1) * (h * 60 + m);
  return true;
}

/* 0.5, 10, 2.25: in thousandths. */
static bool rate_read(struct reader *r, const struct section *s, int64_t *per_1000s)
{
  const struct conf_entry *e = key_get(s, "max_rps");
  int64_t whole = 0, part = 0, digits = 0;
  if (!e) return true;
  const char *p = e->value, *from = p;
  for (; *p >= '0' && *p <= '9' && whole < 100000; p++) whole = whole * 10 + (*p - '0');
  bool ok = p > from;
  if (*p == '.')
    for (p++; *p >= '0' && *p <= '9' && digits < 3; p++, digits++) part = part * 10 + (*p - '0');
  for (; digits < 3; digits++) part *= 10;
  *per_1000s = whole * 1000 + part;
  if (ok && !*p && *per_1000s > 0 && whole <= 1000) return true;
  return value_fail(r, e, "max_rps is a number from 0.001 to 1000, with at most 3 decimals");
}

static bool host_check(struct reader *r, const struct section *s)
{
  const struct conf_entry *e = key_get(s, "host");
  if (!e || !*e->value) return true;
  bool ok = !strncmp(e->value, "https://", 8) || !strncmp(e->value, "http://", 7) ||
            (party_is(r->c->ext) && (!strncmp(e->value, "smtps://", 8) || !strncmp(e->value, "smtp://", 7)));
  for (const char *p = e->value; *p; p++) ok = ok && *p > ' ' && *p < 127 && *p != '?' && *p != '#';
  return ok || value_fail(r, e, "host is an address like https://api.example.com");
}

static bool channel_read(struct reader *r)
{
  static const char *const shipped[] = { "upload", "pickup" }, *const clock[] = { "header", "none" };
  struct connector *c = r->c;
  const struct section *s = NULL;
  for (size_t i = 0; i < r->sections && !s; i++)
    if (is_header(&r->section[i])) s = &r->section[i];
  if (!s) return fail(r, 0, 0, "there is no section [channel NAME]");
  c->ext = s->word;
  if (!connector_name_ok(s->arg))
    return fail(r, s->line, 3 + (int)strlen(s->word),
                "a connector's name is made of a-z, 0-9, _ and -, at most 32 of them");
  const int64_t second = 1000, hour = 3600 * second, day = 24 * hour;
  c->family = s->arg, c->title = s->arg, c->host = "", c->currency = "CNY", c->zone_min = 480;
  c->every_ms = 600 * second, c->overlap_ms = 1800 * second, c->settle_ms = 60 * second, c->window_ms = day;
  c->start_ms = 3 * day, c->length = 4000, c->per_minute = 20, c->at_once = 4;
  if (!strcmp(c->ext, "carrier")) c->every_ms = 1800 * second;
  text_read(s, "title", &c->title), text_read(s, "title_zh", &c->title_zh),
    text_read(s, "family", &c->family);
  text_read(s, "host", &c->host), text_read(s, "currency", &c->currency);
  if (!c->title_zh) c->title_zh = c->title;
  int how = word_read(r, s, "counts_as_shipped", shipped, 2), by = word_read(r, s, "clock", clock, 2);
  if (how < 0 || by < 0) return false;
  c->counts_as_shipped = shipped[how], c->clock_by_date = !by;
  if (money_digits(c->currency) < 0)
    return value_fail(r, key_get(s, "currency"), "currency is a code like CNY or USD");
  return host_check(r, s) && zone_read(r, s, &c->zone_min) &&
         count_read(r, s, "length", 20, 1 << 20, &c->length) &&
         count_read(r, s, "per_minute", 1, 100000, &c->per_minute) &&
         count_read(r, s, "at_once", 1, 16, &c->at_once) &&
         duration_read(r, s, "every", 5 * second, day, &c->every_ms) &&
         duration_read(r, s, "overlap", 0, 7 * day, &c->overlap_ms) &&
         duration_read(r, s, "settle", 0, day, &c->settle_ms) &&
         duration_read(r, s, "window", 60 * second, 90 * day, &c->window_ms) &&
         duration_read(r, s, "start", 0, 400 * day, &c->start_ms);
}

static bool names_read(struct reader *r, const char *section, struct connector_name **list, size_t *n,
                       size_t most)
{
  struct section *s = section_get(r, section);
  if (!s) return true;
  *list = arena_array(r->a, struct connector_name, s->keys + 1);
  for (size_t i = 0; i < s->keys; i++) {
    const struct conf_entry *e = &s->key[i];
    if (i >= most) return fail(r, e->line, 1, "more than %zu of [%s]", most, section);
    (*list)[(*n)++] = (struct connector_name){ e->key, e->value, optional_at(&r->line[e->line]) > 0 };
  }
  return true;
}

/* ---- pieces of SQL ---------------------------------------------------------------------------------------------------- */
static struct connector_sql *sql_new(struct reader *r, const struct section *s, const char *key)
{
  if (r->t->sqls == SQLS_MAX) {
    fail(r, s->line, 1, "more than %d pieces of SQL", SQLS_MAX);
    return NULL;
  }
  struct connector_sql *q = arena_new(r->a, struct connector_sql);
  q->section = s->name, q->key = key, q->index = r->t->sqls;
  r->t->sql[r->t->sqls++] = q;
  return q;
}

static struct connector_sql *sql_of_key(struct reader *r, const struct section *s, const struct conf_entry *e,
                                        const char *const *known)
{
  struct connector_sql *q = sql_new(r, s, e->key);
  if (!q) return NULL;
  q->sql = e->value, q->how = SANDBOX_EXPRESSION | SANDBOX_SECRETS, q->known = known;
  q->place = value_places(r, e, &q->places);
  return q;
}

/* Comments of the file are blanks to the engine. */
static const char *section_sql(struct reader *r, const struct section *s, struct connector_place **place,
                               size_t *places)
{
  struct buf b = { 0 };
  *place = arena_array(r->a, struct connector_place, s->last - s->first + 1), *places = 0;
  for (int i = s->first; i < s->last; i++) {
    const struct file_line *l = &r->line[i];
    (*place)[(*places)++] = (struct connector_place){ b.len, i, 1 };
    if (!l->n || l->p[0] != '#') buf_put(&b, l->p, l->n);
    buf_char(&b, '\n');
  }
  while (b.len && (is_blank(b.data[b.len - 1]) || b.data[b.len - 1] == '\n')) b.len--;
  const char *text = arena_strn(r->a, b.data ? b.data : "", b.len);
  buf_release(&b);
  return text;
}

static bool sql_of_section(struct reader *r, const struct section *s)
{
  struct connector_place *place;
  size_t places;
  const char *text = section_sql(r, s, &place, &places);
  if (!*text) return fail(r, s->line, 1, "[%s] is empty", s->name);
  if (!strcmp(s->name, "query")) {
    r->c->query = text;
    return true;
  }
  struct connector_sql *q = sql_new(r, s, NULL);
  if (!q) return false;
  q->sql = text, q->place = place, q->places = places;
  q->known = section_known(s->name);
  return true;
}

/* secret('…') and setting('…') with a name that the file does not know. */
static bool names_asked(struct reader *r, const struct connector_sql *q, const char *fn,
                        const struct connector_name *list, size_t n)
{
  const char *known[NAMES_MAX];
  size_t len = strlen(fn);
  for (size_t i = 0; i < n; i++) known[i] = list[i].name;
  for (const char *p = strstr(q->sql, fn); p; p = strstr(p + len, fn)) {
    const char *name = p + len, *end = strchr(name, '\'');
    bool found = !end || end[1] != ')';
    for (size_t i = 0; i < n && !found; i++)
      found = strlen(known[i]) == (size_t)(end - name) && !memcmp(known[i], name, (size_t)(end - name));
    if (found) continue;
    int line, column;
    char *text = arena_strn(r->a, name, (size_t)(end - name));
    connector_place_of(q, (int)(name - q->sql), &line, &column);
    return fail(r, line, column, "there is no %s in [%ss]%s", text,
                *fn == 's' && fn[2] == 'c' ? "secret" : "setting", near_text(r->a, text, known, n));
  }
  return true;
}

static bool columns_check(struct reader *r, const struct connector_sql *q, const struct sandbox_sql *done)
{
  const struct section *s = section_get(r, q->section);
  int n = sandbox_columns(done);
  if (q->key || !s->kind->most || (n >= s->kind->least && n <= s->kind->most)) return true;
  return fail(r, s->line, 1, "[%s] gives %d column%s; its columns are: %s", s->name, n, n == 1 ? "" : "s",
              s->kind->columns);
}

static bool sql_check(struct reader *r, struct sandbox *s, const struct connector_sql *q)
{
  const char *why = NULL;
  int at = -1, line, column;
  if (!names_asked(r, q, "secret('", r->c->secret, r->c->secrets)) return false;
  if (!names_asked(r, q, "setting('", r->c->setting, r->c->settings)) return false;
  struct sandbox_sql *done = sandbox_sql(s, r->a, q->sql, q->how, q->known, &why, &at);
  if (done) return columns_check(r, q, done);
  connector_place_of(q, at, &line, &column);
  return fail(r, line, column, "%s", why);
}

static bool all_sql_check(struct reader *r)
{
  const char *why = NULL;
  struct sandbox *s = sandbox_open(r->a, &why);
  if (!s) return fail(r, 0, 0, "%s", why);
  bool ok = true;
  for (size_t i = 0; i < r->t->sqls && ok; i++) ok = sql_check(r, s, r->t->sql[i]);
  sandbox_close(s);
  return ok;
}

/* ---- requests ------------------------------------------------------------------------------------------------------------ */
static const struct {
  const char *head;
  enum connector_part part;
} part_table[] = {
  { "var.", PART_VAR },       { "query.", PART_QUERY }, { "form.", PART_FORM },
  { "header.", PART_HEADER }, { "body", PART_BODY },
};

static bool part_of(const char *key, enum connector_part *part, const char **name)
{
  for (size_t i = 0; i < COUNT(part_table); i++) {
    size_t n = strlen(part_table[i].head);
    if (part_table[i].part == PART_BODY ? strcmp(key, "body") != 0 : strncmp(key, part_table[i].head, n) != 0)
      continue;
    *part = part_table[i].part, *name = key + n;
    return true;
  }
  return false;
}

/* :NAME of the variables above, besides what every request knows. */
static const char *const *known_with_vars(struct reader *r, const struct section *s,
                                          const struct connector_plan *plan)
{
  const char *const *always = section_known(s->name);
  size_t n = 0;
  while (always[n]) n++;
  const char **known = arena_array(r->a, const char *, n + plan->params + 1);
  memcpy(known, always, n * sizeof *known);
  for (size_t i = 0; i < plan->params; i++)
    if (plan->param[i].part == PART_VAR) known[n++] = plan->param[i].name;
  return known;
}

static bool var_check(struct reader *r, const struct section *s, const struct conf_entry *e, const char *name)
{
  const char *const *known = section_taken(s->name);
  for (const char *p = name; *p; p++)
    if (*p == '.' || *p == '-' || (p == name && *p >= '0' && *p <= '9'))
      return fail(r, e->line, 1, "the name of a variable is made of letters, digits and _");
  for (size_t i = 0; known[i]; i++)
    if (!strcmp(known[i], name))
      return fail(r, e->line, 1, ":%s is known already; choose another name", name);
  return true;
}

static bool params_read(struct reader *r, const struct section *s, struct connector_plan *plan)
{
  bool has_body = false;
  plan->param = arena_array(r->a, struct connector_param, s->keys + 1);
  for (size_t i = 0; i < s->keys; i++) {
    const struct conf_entry *e = &s->key[i];
    enum connector_part part;
    const char *name;
    if (!part_of(e->key, &part, &name)) continue;
    if (plan->params == CONNECTOR_PARAMS_MAX)
      return fail(r, e->line, 1, "more than %d parameters", CONNECTOR_PARAMS_MAX);
    if (part == PART_VAR && !var_check(r, s, e, name)) return false;
    struct connector_sql *q = sql_of_key(r, s, e, known_with_vars(r, s, plan));
    if (!q) return false;
    plan->param[plan->params++] = (struct connector_param){ part, name, q };
    plan->has_form = plan->has_form || part == PART_FORM, has_body = has_body || part == PART_BODY;
    if (plan->has_form && has_body)
      return fail(r, e->line, 1, "a request has a body or form parameters, not both");
  }
  return true;
}

/* Of what is told to the platform only: without 1 there is nothing to tell. */
static bool when_read(struct reader *r, const struct section *s, struct connector_plan *plan)
{
  const struct conf_entry *e = key_get(s, "when");
  if (!e) return true;
  if (!request_is_effect(s->arg))
    return fail(r, e->line, 1, "[%s] is asked whenever it is due, without when", s->name);
  return (plan->when = sql_of_key(r, s, e, section_known(s->name)));
}

static size_t var_at(const struct connector_plan *plan, const char *name)
{
  size_t i = 0;
  while (i < plan->params && (plan->param[i].part != PART_VAR || strcmp(plan->param[i].name, name) != 0)) i++;
  return i;
}

/* {host}, {setting}, {variable} */
static bool address_check(struct reader *r, int at, const char *address, struct connector_plan *plan)
{
  int column = columns_of(r->line[at].p, r->line[at].p + (address - r->line[at].p));
  const char *text = arena_strn(r->a, address, r->line[at].n - (size_t)(address - r->line[at].p));
  for (const char *p = strchr(text, '{'); p; p = strchr(p + 1, '{')) {
    const char *end = strchr(p, '}');
    if (!end) return fail(r, at, column + (int)(p - text), "a { that is not closed");
    const char *name = arena_strn(r->a, p + 1, (size_t)(end - p - 1));
    bool known = !strcmp(name, "host");
    for (size_t i = 0; i < r->c->settings; i++) known = known || !strcmp(r->c->setting[i].name, name);
    size_t var = var_at(plan, name);
    if (var < plan->params && plan->early < var + 1) plan->early = var + 1;
    if (!known && var == plan->params)
      return fail(r, at, column + (int)(p - text),
                  "{%s} is neither host, nor in [settings], nor a var. of this request", name);
  }
  return true;
}

/* "GET {host}/path" behind [request R]. */
static int address_line(struct reader *r, const struct section *s, struct connector_request *q,
                        const char **address)
{
  static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "MAIL" };
  int at = s->first;
  while (at < s->last && (is_empty(&r->line[at]) || r->line[at].p[0] == '#')) at++;
  if (at < s->last) {
    const struct file_line *l = &r->line[at];
    size_t word = 0, end = l->n;
    while (end && is_blank(l->p[end - 1])) end--;
    while (word < end && !is_blank(l->p[word])) word++;
    for (size_t i = 0; i < COUNT(methods); i++)
      if (strlen(methods[i]) == word && !memcmp(methods[i], l->p, word)) q->method = methods[i];
    while (word < end && is_blank(l->p[word])) word++;
    *address = l->p + word;
    q->address = arena_strn(r->a, l->p + word, end - word);
    bool ok = q->method && (*q->address == '{' || !strncmp(q->address, "http", 4)) &&
              (strcmp(q->method, "MAIL") != 0 || (party_is(r->c->ext) && *q->address == '{'));
    for (const char *p = q->address; *p; p++) ok = ok && *p > ' ' && *p < 127 && *p != '#';
    if (ok) return at;
  }
  fail(r, at < s->last ? at : s->line, 1, "[%s] begins with a line GET {host}/path (or POST, PUT, PATCH)",
       s->name);
  return 0;
}

static bool request_numbers(struct reader *r, const struct section *s, struct connector_request *q)
{
  static const char *const walks[] = { "cursor", "backward", "twice" };
  int walk = word_read(r, s, "walk", walks, 3);
  if (walk < 0) return false;
  q->walk = (enum connector_walk)walk;
  q->page_size = 50, q->batch = 1, q->first_page = 1, q->timeout_ms = 30000;
  if (!rate_read(r, s, &q->per_1000s)) return false;
  q->burst = q->per_1000s ? (q->per_1000s + 999) / 1000 : 0;
  return count_read(r, s, "page_size", 1, 5000, &q->page_size) &&
         count_read(r, s, "batch", 1, 1000, &q->batch) &&
         count_read(r, s, "first_page", 0, 1, &q->first_page) &&
         count_read(r, s, "burst", 1, 10000, &q->burst) &&
         duration_read(r, s, "timeout", 1000, 300000, &q->timeout_ms);
}

/* expect = $.data.orders $.data.total */
static bool expect_read(struct reader *r, const struct section *s, struct connector_plan *plan)
{
  const struct conf_entry *e = key_get(s, "expect");
  if (!e) return true;
  if (strcmp(s->arg, "list") != 0 && strcmp(s->arg, "detail") != 0 && strcmp(s->arg, "one") != 0)
    return value_fail(r, e, "expect stands in [request list], [request detail] and [request one]");
  const char **list = arena_array(r->a, const char *, EXPECT_MAX + 1);
  size_t n = 0;
  for (const char *p = e->value; *p; p += strspn(p, " \t\n")) {
    size_t len = strcspn(p, " \t\n");
    if (n == EXPECT_MAX || !json_path_ok(list[n++] = arena_strn(r->a, p, len)))
      return value_fail(r, e, "expect is at most 8 paths like $.data.orders, with blanks between");
    p += len;
  }
  plan->expect = list;
  return true;
}

static bool request_read(struct reader *r, struct section *s)
{
  if (r->c->requests == REQUESTS_MAX) return fail(r, s->line, 1, "more than %d requests", REQUESTS_MAX);
  struct connector_request *q = &r->c->request[r->c->requests];
  struct connector_plan *plan = &r->t->plan[r->c->requests++];
  const char *address = NULL;
  q->name = s->arg;
  int at = address_line(r, s, q, &address);
  if (!at || !keys_read(r, s, at) || !keys_check(r, s) || !request_numbers(r, s, q) ||
      !params_read(r, s, plan) || !when_read(r, s, plan) || !expect_read(r, s, plan))
    return false;
  text_read(s, "content_type", &plan->content_type);
  if (!strcmp(q->method, "GET") && (plan->has_form || key_get(s, "body")))
    return fail(r, s->line, 1, "[%s] is a GET, which has no body", s->name);
  return address_check(r, at, address, plan);
}

/* ---- push, tills, examples -------------------------------------------------------------------------------------------------- */
static bool push_read(struct reader *r, const struct section *s)
{
  static const char *const names[] = { "verify", "id", "at", "ping" };
  const struct connector_sql **to[] = { &r->t->verify, &r->t->push_id, &r->t->push_at, &r->t->push_ping };
  for (size_t i = 0; i < COUNT(names); i++) {
    const struct conf_entry *e = key_get(s, names[i]);
    if (e && !(*to[i] = sql_of_key(r, s, e, section_known(s->name)))) return false;
  }
  if (!r->t->verify)
    return fail(r, s->line, 1, "[push] needs verify, the expression that is 1 for a genuine push");
  r->t->reply = "", r->t->reply_type = "text/plain";
  text_read(s, "reply", &r->t->reply), text_read(s, "reply_type", &r->t->reply_type);
  for (const char *p = r->t->reply_type; *p; p++)
    if (*p < ' ' || *p > '~')
      return value_fail(r, key_get(s, "reply_type"), "reply_type is a type like application/json");
  return r->c->has_push = true;
}

static bool files_read(struct reader *r, const struct section *s)
{
  static const char *const formats[] = { "csv", "json", "ndjson" };
  struct connector *c = r->c;
  int format = word_read(r, s, "format", formats, 3);
  if (format < 0) return false;
  c->kind = CONNECTOR_FILES, c->format = formats[format], c->match = "*";
  text_read(s, "folder", &c->folder), text_read(s, "match", &c->match);
  return c->folder || fail(r, s->line, 1, "[files] needs folder");
}

static bool database_read(struct reader *r, const struct section *s)
{
  r->c->kind = CONNECTOR_DATABASE;
  text_read(s, "file", &r->c->file);
  if (!r->c->file) return fail(r, s->line, 1, "[database] needs file");
  return section_get(r, "query") || fail(r, s->line, 1, "[database] needs a section [query]");
}

static bool example_read(struct reader *r, const struct section *s)
{
  if (!key_get(s, "section"))
    return fail(r, s->line, 1, "[%s] needs section: what it is an example of", s->name);
  struct connector_example *e = &r->t->example[r->c->examples++];
  *e = (struct connector_example){ s->arg, s->line, s->key, s->keys };
  return true;
}

/* ---- the file as a whole ------------------------------------------------------------------------------------------------------- */
static bool needs_check(struct reader *r)
{
  size_t n;
  const struct section_need *table = section_needs(&n);
  for (size_t i = 0; i < n; i++) {
    const struct section *s = section_get(r, table[i].has);
    if (s && !section_get(r, table[i].needs))
      return fail(r, s->line, 1, "[%s] needs a section [%s], %s", table[i].has, table[i].needs, table[i].why);
  }
  for (size_t i = 0; i < r->sections; i++) {
    const struct section *s = &r->section[i];
    if ((!strcmp(s->word, "errors") || !strcmp(s->word, "result")) && *s->arg &&
        !connector_request(r->c, s->arg) && (r->c->kind == CONNECTOR_HTTP || strcmp(s->arg, "list") != 0))
      return fail(r, s->line, 1, "[%s] needs a section [request %s], whose answers it reads", s->name,
                  s->arg);
  }
  return true;
}

/* What a party is asked and told. */
static bool party_check(struct reader *r)
{
  static const char *const others[] = { "orders", "files", "database", "ids push", "carriers", "tokens" };
  const struct connector *c = r->c;
  const struct section *s;
  for (size_t i = 0; i < c->requests; i++) {
    if (party_request_is(c->ext, c->request[i].name)) continue;
    s = section_get(r, arena_printf(r->a, "request %s", c->request[i].name));
    return fail(r, s ? s->line : 0, 1, "a %s has no [request %s]", c->ext, c->request[i].name);
  }
  if (!party_is(c->ext)) return true;
  for (size_t i = 0; i < COUNT(others); i++)
    if ((s = section_get(r, others[i]))) return fail(r, s->line, 1, "a %s has no [%s]", c->ext, others[i]);
  return c->requests || c->has_push || fail(r, 0, 0, "there is no request and no [push]");
}

static bool source_check(struct reader *r)
{
  if (!party_check(r)) return false;
  if (party_is(r->c->ext)) return true;
  const struct section *list = section_get(r, "request list"), *files = section_get(r, "files"),
                       *base = section_get(r, "database");
  if (!list && !files && !base)
    return fail(r, 0, 0, "there is no [request list], no [files] and no [database]");
  const struct section *second = files && base             ? base
                                 : r->c->requests && files ? files
                                 : r->c->requests          ? base
                                                           : NULL;
  if (second) return fail(r, second->line, 1, "[%s] stands instead of requests, alone", second->name);
  if (!section_get(r, "orders")) return fail(r, 0, 0, "there is no section [orders]");
  const struct connector_request *q = connector_request(r->c, "list");
  if (list && q && q->walk == WALK_BACKWARD && !section_get(r, "pages list"))
    return fail(r, list->line, 1, "walk = backward needs a section [pages list]");
  return true;
}

static bool section_read(struct reader *r, struct section *s)
{
  if (s->kind->form == FORM_SQL) return sql_of_section(r, s);
  if (!strcmp(s->word, "request")) return request_read(r, s);
  if (!keys_check(r, s)) return false;
  if (!strcmp(s->word, "push")) return push_read(r, s);
  if (!strcmp(s->word, "files")) return files_read(r, s);
  if (!strcmp(s->word, "database")) return database_read(r, s);
  return strcmp(s->word, "example") != 0 || example_read(r, s);
}

static bool file_read_all(struct reader *r)
{
  struct connector *c = r->c;
  for (size_t i = 0; i < r->sections; i++)
    if (r->section[i].kind->form != FORM_SQL && strcmp(r->section[i].word, "request") != 0 &&
        !keys_read(r, &r->section[i], 0))
      return false;
  if (!channel_read(r) || !names_read(r, "secrets", &c->secret, &c->secrets, CONNECTOR_SECRETS_MAX) ||
      !names_read(r, "settings", &c->setting, &c->settings, NAMES_MAX) ||
      !names_read(r, "carriers", &c->carrier, &c->carriers, CONNECTOR_CARRIERS_MAX))
    return false;
  for (size_t i = 0; i < r->sections; i++)
    if (!section_read(r, &r->section[i])) return false;
  c->has_detail = section_get(r, "request detail"), c->has_one = section_get(r, "request one");
  c->has_refresh = section_get(r, "request refresh"), c->has_merge = section_get(r, "request merge");
  c->has_confirm = section_get(r, "request confirm"), c->has_stock = section_get(r, "request stock");
  c->has_refund = section_get(r, "request refund"), c->has_events = section_get(r, "events");
  c->has_next = section_get(r, "next list"), c->has_pages = section_get(r, "pages list");
  return source_check(r) && needs_check(r) && all_sql_check(r);
}

struct connector *connector_parse(struct arena *a, const char *name, const char *text, size_t n,
                                  struct connector_fault *f)
{
  struct reader *r = mem_new(sizeof *r);
  struct connector *c = arena_new(a, struct connector);
  r->a = a, r->c = c, r->f = f, r->t = c->text = arena_new(a, struct connector_text);
  *f = (struct connector_fault){ 0 };
  c->name = arena_str(a, name);
  c->request = arena_array(a, struct connector_request, REQUESTS_MAX);
  r->t->plan = arena_array(a, struct connector_plan, REQUESTS_MAX);
  r->t->sql = arena_array(a, struct connector_sql *, SQLS_MAX);
  r->t->example = arena_array(a, struct connector_example, SECTIONS_MAX);
  bool ok =
    n <= CONNECTOR_FILE_MAX || fail(r, 0, 0, "the file is longer than %d KB", CONNECTOR_FILE_MAX >> 10);
  if (ok) text = arena_strn(a, text, n), ok = lines_read(r, text, n) && sections_read(r) && file_read_all(r);
  mem_free(r);
  return ok ? c : NULL;
}
