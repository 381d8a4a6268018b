/* time.c: times and durations as text. Reads no clock. */
#include "base.h"

#define MS_DAY 86400000LL
#define TIME_YEAR_MIN 1970
#define TIME_YEAR_MAX 9999
#define TIME_MS_MAX 253402300799999 /* 9999-12-31T23:59:59.999Z */
#define ZONE_MIN_MAX (24 * 60 - 1)

/* ---- the calendar --------------------------------------------------------------------------------
 * Years here start in March, so that the leap day is the last day of one: the days before month m
 * (March = 0) are then (153 m + 2) / 5, and 400 years always have 146,097 days. */
#define DAYS_ERA 146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
  return a / b - (a % b < 0);
}

static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
  int64_t m = month - 3;
  year += floor_div(m, 12), m -= floor_div(m, 12) * 12;
  int64_t era = floor_div(year, 400), y = year - era * 400;
  return era * DAYS_ERA + y * 365 + y / 4 - y / 100 + (153 * m + 2) / 5 + day - 1 - DAYS_TO_1970;
}

static void civil_from_days(int64_t days, struct civil *c)
{
  int64_t d = days + DAYS_TO_1970, era = floor_div(d, DAYS_ERA);
  d -= era * DAYS_ERA;
  int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365; /* less the leap days before */
  d -= y * 365 + y / 4 - y / 100;
  int64_t m = (5 * d + 2) / 153;
  c->day = (int)(d - (153 * m + 2) / 5 + 1);
  c->month = (int)(m < 10 ? m + 3 : m - 9);
  c->year = (int)(era * 400 + y + (m >= 10));
  c->weekday = (int)(days + 3 - floor_div(days + 3, 7) * 7); /* 1970-01-01 was a Thursday */
}

struct civil time_civil(int64_t ms, int zone_min)
{
  int64_t local = ms + zone_min * 60000LL, days = floor_div(local, MS_DAY);
  int second = (int)((local - days * MS_DAY) / 1000);
  struct civil c = { .hour = second / 3600, .minute = second / 60 % 60, .second = second % 60 };
  civil_from_days(days, &c);
  return c;
}

int64_t time_from_civil(const struct civil *c, int zone_min)
{
  int64_t days = days_from_civil(c->year, c->month, c->day);
  return days * MS_DAY + c->hour * 3600000LL + (c->minute - zone_min) * 60000LL + c->second * 1000LL;
}

/* ---- reading ---------------------------------------------------------------------------------------- */
static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* From least to most digits, moving *p on. */
static bool number(const char **p, int least, int most, int *out)
{
  int n = 0, v = 0;
  while (n < most && is_digit((*p)[n])) v = v * 10 + ((*p)[n++] - '0');
  *p += n, *out = v;
  return n >= least;
}

static bool word(const char **p, const char *w)
{
  size_t n = strlen(w);
  if (strncmp(*p, w, n) != 0) return false;
  *p += n;
  return true;
}

/* What was read, before it is known to be a moment. */
struct reading {
  struct civil c;
  int ms, zone_min;
};

static bool reading_ms(const struct reading *r, int64_t *ms)
{
  const struct civil *c = &r->c;
  if (c->year < TIME_YEAR_MIN || c->year > TIME_YEAR_MAX || c->month < 1 || c->month > 12 || c->day < 1)
    return false;
  if (c->day > days_from_civil(c->year, c->month + 1, 1) - days_from_civil(c->year, c->month, 1))
    return false;
  if (c->hour > 23 || c->minute > 59 || c->second > 59)
    return false; /* nobody sends leap seconds on purpose */
  int64_t t = time_from_civil(c, r->zone_min) + r->ms;
  if (t < 0 || t > TIME_MS_MAX) return false;
  *ms = t;
  return true;
}

/* ".123456789": up to nine digits, cut to milliseconds. */
static bool fraction(const char **p, int *ms)
{
  int n = 0;
  *ms = 0;
  if (**p != '.') return true;
  for (++*p; n < 9 && is_digit(**p); ++*p, n++)
    if (n < 3) *ms = *ms * 10 + (**p - '0');
  for (int i = n; i < 3; i++) *ms *= 10;
  return n > 0;
}

/* "Z" or "+08:00"; a loose one also "+0800" and "+08". */
static bool zone(const char **p, bool is_loose, int *zone_min)
{
  int hour, minute = 0;
  *zone_min = 0;
  if (**p == 'Z' || **p == 'z') return ++*p, true;
  if (**p != '+' && **p != '-') return false;
  bool is_west = *(*p)++ == '-';
  if (!number(p, 2, 2, &hour)) return false;
  bool has_colon = **p == ':', is_hour_only = !has_colon && !is_digit(**p);
  *p += has_colon;
  if (!has_colon && !is_loose) return false;
  if (!is_hour_only && !number(p, 2, 2, &minute)) return false;
  if (hour > 23 || minute > 59) return false;
  *zone_min = (hour * 60 + minute) * (is_west ? -1 : 1);
  return true;
}

bool time_parse(const char *text, int64_t *ms)
{
  struct reading r = { 0 };
  const char *p = text;
  if (!p) return false;
  bool ok = number(&p, 4, 4, &r.c.year) && word(&p, "-") && number(&p, 2, 2, &r.c.month) && word(&p, "-") &&
            number(&p, 2, 2, &r.c.day) && (word(&p, "T") || word(&p, "t")) && number(&p, 2, 2, &r.c.hour) &&
            word(&p, ":") && number(&p, 2, 2, &r.c.minute) && word(&p, ":") &&
            number(&p, 2, 2, &r.c.second) && fraction(&p, &r.ms) && zone(&p, false, &r.zone_min) && !*p;
  return ok && reading_ms(&r, ms);
}

/* How people and sheets divide a date; what stands after the day, too. */
static const char *const date_marks[][3] = { { "-", "-", "" }, { "/", "/", "" }, { "年", "月", "日" } };

static bool loose_date(const char **p, struct civil *c)
{
  if (!number(p, 4, 4, &c->year)) return false;
  for (size_t i = 0; i < COUNT(date_marks); i++)
    if (word(p, date_marks[i][0]))
      return number(p, 1, 2, &c->month) && word(p, date_marks[i][1]) && number(p, 1, 2, &c->day) &&
             word(p, date_marks[i][2]);
  return false;
}

static bool loose_clock(const char **p, struct reading *r)
{
  if (!number(p, 1, 2, &r->c.hour) || !word(p, ":") || !number(p, 2, 2, &r->c.minute)) return false;
  if (!word(p, ":")) return true;
  return number(p, 2, 2, &r->c.second) && fraction(p, &r->ms);
}

static void blanks(const char **p)
{
  while (**p == ' ' || **p == '\t') ++*p;
}

/* Blanks around it, and the ' or ` that sheets put before text, do not count. A zone needs a clock. */
bool time_parse_loose(const char *text, int zone_min, int64_t *ms)
{
  struct reading r = { .zone_min = zone_min };
  const char *p = text;
  if (!p) return false;
  must(zone_min >= -ZONE_MIN_MAX && zone_min <= ZONE_MIN_MAX);
  blanks(&p);
  p += *p == '\'' || *p == '`';
  blanks(&p);
  if (!loose_date(&p, &r.c)) return false;
  bool has_clock = *p == 'T' || ((*p == ' ' || *p == '\t') && p[strspn(p, " \t")]);
  if (has_clock) {
    p += *p == 'T';
    blanks(&p);
    if (!loose_clock(&p, &r)) return false;
    const char *before = p;
    blanks(&p);
    if (*p && !zone(&p, true, &r.zone_min)) return false;
    if (p == before && *p) return false;
  }
  blanks(&p);
  return !*p && reading_ms(&r, ms);
}

/* ---- writing ---------------------------------------------------------------------------------------- */
static char *digits(char *p, int v, int n)
{
  for (int i = n - 1; i >= 0; i--, v /= 10) p[i] = (char)('0' + v % 10);
  return p + n;
}

/* Outside of the years that a text can name it is the nearest moment that it can. */
char *time_text(int64_t ms, char out[TIME_TEXT])
{
  if (ms < 0) ms = 0;
  if (ms > TIME_MS_MAX) ms = TIME_MS_MAX;
  struct civil c = time_civil(ms, 0);
  char *p = digits(out, c.year, 4);
  *p++ = '-', p = digits(p, c.month, 2);
  *p++ = '-', p = digits(p, c.day, 2);
  *p++ = 'T', p = digits(p, c.hour, 2);
  *p++ = ':', p = digits(p, c.minute, 2);
  *p++ = ':', p = digits(p, c.second, 2);
  *p++ = '.', p = digits(p, (int)(ms % 1000), 3);
  *p++ = 'Z', *p = 0;
  return out;
}

void time_put(struct buf *b, int64_t ms)
{
  char text[TIME_TEXT];
  buf_str(b, time_text(ms, text));
}

/* ---- durations ---------------------------------------------------------------------------------------
 * One whole number and one unit, nothing between; the longest units come first. */
static const struct {
  const char *name;
  int64_t ms;
} unit_table[] = {
  { "w", 7 * MS_DAY }, { "d", MS_DAY }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

bool duration_parse(const char *text, int64_t *ms)
{
  const char *p = text;
  int64_t v = 0;
  if (!p || !is_digit(*p)) return false;
  for (; is_digit(*p); p++)
    if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v)) return false;
  for (size_t i = 0; i < COUNT(unit_table); i++)
    if (!strcmp(p, unit_table[i].name)) {
      if (__builtin_mul_overflow(v, unit_table[i].ms, &v)) return false;
      *ms = v;
      return true;
    }
  return false;
}

/* In the longest unit that leaves no rest; days, not weeks, because people count a week as 7d. */
char *duration_text(struct arena *a, int64_t ms)
{
  size_t i = 1;
  while (ms % unit_table[i].ms) i++;
  if (!ms) i = 4; /* "0s" */
  return arena_printf(a, "%lld%s", (long long)(ms / unit_table[i].ms), unit_table[i].name);
}
