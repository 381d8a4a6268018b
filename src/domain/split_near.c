/* How far a place is from a destination, and whether it serves it. Pure. */
#include "domain.h"

/* Provinces that share a land border, by the first two digits of GB/T 2260, each pair once. Public geography, as any
 * administrative map of China shows it (the standard maps of the Ministry of Natural Resources); Hainan (46) and
 * Taiwan (71) have none. */
static const uint8_t border[][2] = {
  { 11, 12 }, { 11, 13 }, { 12, 13 },                                                 /* Beijing, Tianjin */
  { 13, 14 }, { 13, 15 }, { 13, 21 }, { 13, 37 }, { 13, 41 },                         /* Hebei */
  { 14, 15 }, { 14, 41 }, { 14, 61 },                                                 /* Shanxi */
  { 15, 21 }, { 15, 22 }, { 15, 23 }, { 15, 61 }, { 15, 62 }, { 15, 64 },             /* Inner Mongolia */
  { 21, 22 }, { 22, 23 },                                                             /* Liaoning, Jilin */
  { 31, 32 }, { 31, 33 }, { 32, 33 }, { 32, 34 }, { 32, 37 },                         /* Shanghai, Jiangsu */
  { 33, 34 }, { 33, 35 }, { 33, 36 },                                                 /* Zhejiang */
  { 34, 36 }, { 34, 37 }, { 34, 41 }, { 34, 42 },                                     /* Anhui */
  { 35, 36 }, { 35, 44 }, { 36, 42 }, { 36, 43 }, { 36, 44 },                         /* Fujian, Jiangxi */
  { 37, 41 }, { 41, 42 }, { 41, 61 },                                                 /* Shandong, Henan */
  { 42, 43 }, { 42, 50 }, { 42, 61 }, { 43, 44 }, { 43, 45 }, { 43, 50 }, { 43, 52 }, /* Hubei, Hunan */
  { 44, 45 }, { 44, 81 }, { 44, 82 }, { 45, 52 }, { 45, 53 },                         /* Guangdong, Guangxi */
  { 50, 51 }, { 50, 52 }, { 50, 61 },                                                 /* Chongqing */
  { 51, 52 }, { 51, 53 }, { 51, 54 }, { 51, 61 }, { 51, 62 }, { 51, 63 },             /* Sichuan */
  { 52, 53 }, { 53, 54 }, { 54, 63 }, { 54, 65 },                         /* Guizhou, Yunnan, Tibet */
  { 61, 62 }, { 61, 64 }, { 62, 63 }, { 62, 64 }, { 62, 65 }, { 63, 65 }, /* Shaanxi, Gansu, Qinghai */
};

/* To six digits: provinces and cities may be written short, towns longer. */
static int64_t division_norm(int64_t code)
{
  if (code < 0) return 0;
  while (code > 999999) code /= 1000;
  if (code > 0 && code < 100) code *= 100;
  if (code >= 100 && code < 10000) code *= 100;
  return code;
}

static bool is_municipality(int64_t province) /* a city and a province at once */
{
  return province == 11 || province == 12 || province == 31 || province == 50;
}

/* Within one province. Counties under the province itself (4290…) lie in no city but their own. */
static bool same_city(int64_t x, int64_t y)
{
  if (is_municipality(x / 10000)) return true;
  int64_t city = x / 100 % 100;
  return city && city == y / 100 % 100 && (city < 90 || x == y);
}

static bool neighbours(int64_t x, int64_t y)
{
  for (size_t i = 0; i < COUNT(border); i++)
    if ((border[i][0] == x && border[i][1] == y) || (border[i][0] == y && border[i][1] == x)) return true;
  return false;
}

static char upper(char c)
{
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool same_country(const char *x, const char *y)
{
  for (; *x && upper(*x) == upper(*y); x++, y++) {}
  return !*x && !*y;
}

/* Divisions are China's: a code says the country where nothing else does. */
static const char *country_of(const char *country, int64_t division)
{
  return country && *country ? country : division ? "CN" : NULL;
}

int split_distance(const char *from_country, int64_t from_division, const char *to_country,
                   int64_t to_division)
{
  int64_t x = division_norm(from_division), y = division_norm(to_division);
  const char *from = country_of(from_country, x), *to = country_of(to_country, y);
  if (!from || !to) return 5;
  if (!same_country(from, to)) return 4;
  if (!x || !y || !same_country(from, "CN")) return 3;
  if (x / 10000 == y / 10000) return same_city(x, y) ? 0 : 1;
  return neighbours(x / 10000, y / 10000) ? 2 : 3;
}

/* A province's code holds its cities, a city's its districts. */
static bool division_holds(int64_t region, int64_t division)
{
  int64_t x = division_norm(region), y = division_norm(division);
  int64_t unit = x % 10000 == 0 ? 10000 : x % 100 == 0 ? 100 : 1;
  return x && x / unit == y / unit;
}

static bool region_holds(const char *region, const char *country, int64_t division)
{
  int64_t code = 0;
  if (*region < '0' || *region > '9') return same_country(region, country);
  for (const char *p = region; *p >= '0' && *p <= '9' && code < INT64_MAX / 100; p++)
    code = 10 * code + *p - '0';
  return same_country(country, "CN") && division_holds(code, division);
}

bool split_serves(struct arena *a, const char *regions, const char *country, int64_t division)
{
  if (!regions) return true;
  const char *to = country_of(country, division);
  if (!to) return false;
  struct faults f = { .mem = a };
  struct json *list = json_parse(a, regions, strlen(regions), JSON_ELEMENTS_MAX, &f);
  for (const struct json *j = json_first(list); j; j = json_next(j)) {
    const char *word = json_string(j) ? json_string(j) : json_number(j);
    if (word && region_holds(word, to, division)) return true;
  }
  return false;
}
