/* How a group is split over places and parcels (domain 7.1): a row per rule, and random groups against a model that
 * tries everything. Places, parts and lines are written as text:
 *   places  "1:0/5 2:1/0 f9:0/3"      id:distance/load, f: a factory
 *   lines   "7x3 7+8x1 2*7x1 m9x1 -x1"  parts x quantity; m: made, -: none
 *   stock   "7@1=5"                   SKU 7 at place 1: five pieces
 *   plan    "1.0:1x3,2x1 2.1:3x1"     place.parcel: line x units */
#include "domain.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>

#define MOST 64
struct scene {
  struct split_rules rules;
  struct split_place place[MOST];
  struct split_line line[MOST];
  struct split_part part[MOST][8];
  struct split_free have[MOST * 32];
  size_t places, lines, haves;
};

static int64_t number(const char **p)
{
  char *end;
  int64_t n = strtoll(*p, &end, 10);
  must(end != *p);
  *p = end;
  return n;
}

static bool comes(const char **p, char c)
{
  if (**p != c) return false;
  ++*p;
  return true;
}

static void read_places(struct scene *s, const char *p)
{
  while (*p) {
    struct split_place *at = &s->place[s->places++];
    at->factory = comes(&p, 'f');
    at->id = number(&p);
    if (comes(&p, ':')) at->distance = (int)number(&p);
    if (comes(&p, '/')) at->load = number(&p);
    while (comes(&p, ' ')) {}
  }
}

static void read_lines(struct scene *s, const char *p)
{
  while (*p) {
    size_t i = s->lines++;
    struct split_line *l = &s->line[i];
    *l = (struct split_line){ .order_id = 1, .line_no = (int64_t)i + 1, .part = s->part[i] };
    if (!comes(&p, '-')) do {
        struct split_part *t = &s->part[i][l->parts++];
        t->made = comes(&p, 'm');
        t->quantity = 1, t->sku_id = number(&p);
        if (comes(&p, '*')) t->quantity = t->sku_id, t->sku_id = number(&p);
      } while (comes(&p, '+'));
    must(comes(&p, 'x'));
    l->quantity = number(&p);
    while (comes(&p, ' ')) {}
  }
}

static void read_stock(struct scene *s, const char *p)
{
  while (*p) {
    struct split_free *f = &s->have[s->haves++];
    f->sku_id = number(&p);
    must(comes(&p, '@'));
    f->place_id = number(&p);
    must(comes(&p, '='));
    f->quantity = number(&p);
    while (comes(&p, ' ')) {}
  }
}

static void scene_read(struct scene *s, const char *places, const char *lines, const char *stock)
{
  *s = (struct scene){ 0 };
  read_places(s, places), read_lines(s, lines), read_stock(s, stock);
}

static struct split_plan scene_split(struct arena *a, const struct scene *s)
{
  return split(a, &s->rules, s->line, s->lines, s->place, s->places, s->have, s->haves);
}

/* A plan that failed is its reason, and what is missing: "short 7:3/1" (wanted, there). */
static const char *plan_text(const struct split_plan *p)
{
  static char text[8192];
  size_t n = 0;
  text[0] = '\0';
  if (!p->ok) n += (size_t)snprintf(text, sizeof text, "%s", p->why);
  for (size_t i = 0; i < p->missing_n; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, " %lld:%lld/%lld", (long long)p->missing[i].sku_id,
                          (long long)p->missing[i].wanted, (long long)p->missing[i].there);
  for (size_t i = 0; i < p->n && n < sizeof text - 64; i++) {
    const struct split_take *t = &p->take[i];
    if (!i || t->parcel != t[-1].parcel)
      n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld.%d:", i ? " " : "", (long long)t->place_id,
                            t->parcel);
    else text[n++] = ',';
    n += (size_t)snprintf(text + n, sizeof text - n, "%zux%lld", t->line + 1, (long long)t->quantity);
  }
  return text;
}

/* ---- places --------------------------------------------------------------------------------------------------------- */

TEST(split_chooses_places)
{
  static const struct {
    const char *note, *places, *lines, *stock, *plan, *because;
  } cases[] = {
    { "one place", "1", "7x3", "7@1=3", "1.0:1x3", "single_place" },
    { "nothing to send", "1", "", "", "", "single_place" },
    { "the only one that has it", "1:0 2:1", "7x3", "7@1=2 7@2=3", "2.0:1x3", "single_place" },
    { "the nearest", "2:1/0 1:2/0", "7x1", "7@1=9 7@2=9", "2.0:1x1", "nearest" },
    { "near beats idle", "2:1/90 1:2/0", "7x1", "7@1=9 7@2=9", "2.0:1x1", "nearest" },
    { "equally near: the idle one", "1:1/9 2:1/3", "7x1", "7@1=9 7@2=9", "2.0:1x1", "least_load" },
    { "all equal: the lowest id", "5:1/3 4:1/3", "7x1", "7@5=9 7@4=9", "4.0:1x1", "least_load" },
    { "one that has all beats nearer ones", "1:0 2:0 3:4", "7x1 8x1", "7@1=1 8@2=1 7@3=1 8@3=1",
      "3.0:1x1,2x1", "single_place" },
    { "two where one will not do", "1:0 2:0", "7x1 8x1", "7@1=1 8@2=1", "1.0:1x1 2.1:2x1", "fewest_parcels" },
    { "two rather than three nearer ones", "1:0 2:0 3:0 4:4", "7x1 8x1 9x1", "7@1=1 8@2=1 9@3=1 8@4=1 9@4=1",
      "1.0:1x1 4.1:2x1,3x1", "fewest_parcels" },
    { "of two pairs the nearer sum", "1:3 2:0 3:2 4:2", "7x1 8x1", "7@1=1 7@3=1 8@2=1 8@4=1",
      "2.0:2x1 3.1:1x1", "fewest_parcels" },
    { "then the lower sum of loads", "1:1/9 2:1/1 3:1/4 4:1/5", "7x1 8x1", "7@1=1 7@3=1 8@2=1 8@4=1",
      "2.0:2x1 3.1:1x1", "fewest_parcels" },
    { "then the lower ids", "4:1 3:1 2:1 1:1", "7x1 8x1", "7@4=1 7@2=1 8@1=1 8@3=1", "1.0:2x1 2.1:1x1",
      "fewest_parcels" },
    { "near and far, or two in between: the sum", "1:0 2:2 3:2 4:3", "7x1 8x1 9x1 10x1",
      "7@1=1 10@1=1 8@4=1 9@4=1 7@2=1 8@2=1 9@3=1 10@3=1", "1.0:1x1,4x1 4.1:2x1,3x1", "fewest_parcels" },
    { "the same by load", "1:1/0 2:1/2 3:1/2 4:1/3", "7x1 8x1 9x1 10x1",
      "7@1=1 10@1=1 8@4=1 9@4=1 7@2=1 8@2=1 9@3=1 10@3=1", "1.0:1x1,4x1 4.1:2x1,3x1", "fewest_parcels" },
    { "the same by id", "1 2 3 4", "7x1 8x1 9x1 10x1", "7@1=1 10@1=1 8@4=1 9@4=1 7@2=1 8@2=1 9@3=1 10@3=1",
      "1.0:1x1,4x1 4.1:2x1,3x1", "fewest_parcels" },
    { "a line's quantity may be parted", "1:0 2:1", "7x5", "7@1=3 7@2=4", "1.0:1x3 2.1:1x2",
      "fewest_parcels" },
    { "but a line stays whole where it can", "1:0 2:1", "7x1 8x1 9x2", "7@1=1 8@2=1 9@1=1 9@2=2",
      "1.0:1x1 2.1:2x1,3x2", "fewest_parcels" },
    { "lines of one SKU too", "1:0 2:1", "7x1 7x2", "7@1=2 7@2=1", "1.0:2x2 2.1:1x1", "fewest_parcels" },
    { "lines of one SKU are added up", "1 2:1", "7x2 7x2", "7@1=3 7@2=4", "2.0:1x2,2x2", "single_place" },
    { "stock of one place comes in rows", "1", "7x3", "7@1=1 7@1=2", "1.0:1x3", "single_place" },
    { "stock elsewhere is not ours", "1", "7x1", "7@1=1 7@99=5 8@1=4", "1.0:1x1", "single_place" },
    { "stock in a factory is its own", "1 f2", "7x1", "7@2=5", "short 7:1/0", NULL },
    { "less than nothing is nothing", "1 2:1", "7x1", "7@1=-5 7@2=1", "2.0:1x1", "single_place" },
    { "short", "1 2", "7x5 8x1 9x1", "7@1=3 7@2=1 8@1=1", "short 7:5/4 9:1/0", NULL },
    { "short, wanted by several lines", "1", "7x5 7x1", "7@1=3", "short 7:6/3", NULL },
    { "no warehouse", "f1", "7x1", "7@1=1", "no_place", NULL },
    { "no place at all", "", "7x1", "7@1=1", "no_place", NULL },
    { "no factory", "1", "m7x1", "7@1=1", "no_place", NULL },
    { "made in the idle factory", "f1:0/5 f2:3/4 3", "m7x1", "", "2.0:1x1", "least_load" },
    { "then in the nearer", "f1:1/5 f2:0/5", "m7x1", "", "2.0:1x1", "nearest" },
    { "then in the lower id", "f8:1/5 f2:1/5", "m7x1", "", "2.0:1x1", "least_load" },
    { "the only factory", "f8 1", "m7x1", "", "8.0:1x1", "single_place" },
    { "all made lines in one factory", "f1 f2", "m7x9 m8x1", "", "1.0:1x9,2x1", "least_load" },
    { "made and stocked", "1 f2", "7x1 m8x1", "7@1=1", "1.0:1x1 2.1:2x1", "single_place" },
    { "a made part makes the listing", "1 f2", "7+m8x1", "", "2.0:1x1", "single_place" },
    { "what is not counted goes anywhere", "2:1 1:2", "-x5", "", "2.0:1x5", "nearest" },
    { "along with what is counted", "2:1 1:2", "-x5 7x1", "7@1=1", "1.0:1x5,2x1", "single_place" },
    { "or with what is made", "2:1 f1:2", "-x5 m7x1", "", "1.0:1x5,2x1", "single_place" },
    { "counted before made", "2:1 f1:2", "-x5 m7x1 8x1", "8@2=1", "2.0:1x5,3x1 1.1:2x1", "single_place" },
    { "to the first of several", "2:1 3:2", "-x5 7x1 8x1", "7@3=1 8@2=1", "2.0:1x5,3x1 3.1:2x1",
      "fewest_parcels" },
    { "in a factory when there is nothing else", "f3 f2", "-x5", "", "2.0:1x5", "least_load" },
    { "nowhere when there is no place", "", "-x5 -x1", "", "0.0:1x5,2x1", "single_place" },
    { "nothing of a line is wanted", "1", "7x0 8x1", "8@1=1", "1.0:2x1", "single_place" },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct scene s;
    scene_read(&s, cases[i].places, cases[i].lines, cases[i].stock);
    test_note("%s", cases[i].note);
    struct split_plan p = scene_split(&a, &s);
    CHECK_STR(plan_text(&p), cases[i].plan);
    CHECK_STR(p.because, cases[i].because);
    CHECK(p.ok == !p.why && p.ok == !!p.because);
  }
  arena_release(&a);
}

TEST(split_keeps_kits_whole)
{
  static const struct {
    const char *note, *places, *lines, *stock, *plan;
  } cases[] = {
    { "its parts lie in one place", "1:0 2:1", "7+8x1", "7@1=1 7@2=1 8@2=1", "2.0:1x1" },
    { "its parts lie apart", "1 2", "7+8x1", "7@1=1 8@2=1", "short 7:1/0 8:1/0" },
    { "only what is missing is told", "1 2", "7+8x1", "7@1=1", "short 8:1/0" },
    { "a pack is one unit", "1 2", "3*7x2", "7@1=5 7@2=3", "1.0:1x1 2.1:1x1" },
    { "rests of packs do not add up", "1 2", "3*7x2", "7@1=4 7@2=2", "short 7:6/3" },
    { "a part that stands twice", "1:0 2:1", "7+7x1", "7@1=1 7@2=2", "2.0:1x1" },
    { "kit and part are summed", "1:0 2:1", "7+8x1 7x1", "7@1=1 8@1=1 7@2=2 8@2=1", "2.0:1x1,2x1" },
    { "kit and part are summed and short", "1", "7+8x1 7x1", "7@1=1 8@1=1", "short 7:2/1" },
    { "the kit takes where both lie, the part elsewhere", "1:0 2:1", "7x2 7+8x2", "7@1=2 7@2=2 8@1=2",
      "1.0:2x2 2.1:1x2" },
    { "packs of two and three", "1 2", "2*7x2 3*7x2", "7@1=5 7@2=5", "1.0:1x1,2x1 2.1:1x1,2x1" },
    { "packs of two and three that do not go in", "1 2", "2*7x2 3*7x2", "7@1=1 7@2=9", "short 7:10/8" },
    { "hopeless, and too much to try it all", "1 2 3", "6*7x500 4*7x500", "7@1=1667 7@2=1667 7@3=1667",
      "short 7:5000/4996" },
    { "the first try is wrong", "1:0 2:1", "7+8x1 8+9x1 7+9x1", "7@1=1 8@1=1 9@1=2 7@2=1 8@2=1",
      "1.0:2x1,3x1 2.1:1x1" },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct scene s;
    scene_read(&s, cases[i].places, cases[i].lines, cases[i].stock);
    test_note("%s", cases[i].note);
    struct split_plan p = scene_split(&a, &s);
    CHECK_STR(plan_text(&p), cases[i].plan);
  }
  arena_release(&a);
}

TEST(split_spreads_only_what_is_worth_it)
{
  static const struct {
    const char *note, *lines;
    int64_t value, value_min;
    int places_max;
    const char *plan;
  } cases[] = {
    { "worth it", "7x1 8x1 9x1", 100, 300, 0, "1.0:1x1 2.1:2x1 3.2:3x1" },
    { "not worth it", "7x1 8x1 9x1", 100, 301, 0, "below_value" },
    { "from one place nobody asks", "7x1", 0, 301, 1, "1.0:1x1" },
    { "made and counted is no spreading", "7x1 m6x1", 0, 301, 1, "1.0:1x1 4.1:2x1" },
    { "three are allowed", "7x1 8x1 9x1", 0, 0, 3, "1.0:1x1 2.1:2x1 3.2:3x1" },
    { "three are too many", "7x1 8x1 9x1", 0, 0, 2, "too_many_places" },
    { "two are enough", "7x1 8x1", 0, 0, 2, "1.0:1x1 2.1:2x1" },
    { "two are too many", "7x1 8x1", 0, 0, 1, "too_many_places" },
    { "short comes first", "7x1 8x2", 0, 9, 1, "short 8:2/1" },
    { "a great value does not wrap", "7x1 8x1 9x1", INT64_MAX, INT64_MAX, 0, "1.0:1x1 2.1:2x1 3.2:3x1" },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct scene s;
    scene_read(&s, "1 2 3 f4", cases[i].lines, "7@1=1 8@2=1 9@3=1");
    s.rules.value_min = cases[i].value_min, s.rules.places_max = cases[i].places_max;
    for (size_t k = 0; k < s.lines; k++) s.line[k].value = cases[i].value;
    test_note("%s", cases[i].note);
    struct split_plan p = scene_split(&a, &s);
    CHECK_STR(plan_text(&p), cases[i].plan);
  }
  arena_release(&a);
}

/* ---- parcels ---------------------------------------------------------------------------------------------------------- */

struct size {
  int64_t weight, length, width, height, volume;
  bool cold;
  const char *hazard;
};

TEST(split_fills_parcels)
{
  static const struct {
    const char *note, *lines;
    struct split_rules rules;
    struct size size[4];
    const char *plan;
  } cases[] = {
    { "no limits", "7x9 8x9", { 0 }, { { .weight = 5000 }, { .weight = 9000 } }, "1.0:1x9,2x9" },
    { "weight to the gram", "7x4", { .parcel_weight_max = 2000 }, { { .weight = 1000 } }, "1.0:1x2 1.1:1x2" },
    { "a gram more", "7x4", { .parcel_weight_max = 2999 }, { { .weight = 1000 } }, "1.0:1x2 1.1:1x2" },
    { "one unit may be as heavy",
      "7x2",
      { .parcel_weight_max = 1000 },
      { { .weight = 1000 } },
      "1.0:1x1 1.1:1x1" },
    { "one unit is heavier", "7x1", { .parcel_weight_max = 999 }, { { .weight = 1000 } }, "too_big" },
    { "many units are not too big",
      "7x1000",
      { .parcel_weight_max = 1000 },
      { { .weight = 1 } },
      "1.0:1x1000" },
    { "the heavy ones first, the light ones beside them",
      "7x2 8x2",
      { .parcel_weight_max = 10 },
      { { .weight = 4 }, { .weight = 6 } },
      "1.0:1x1,2x1 1.1:1x1,2x1" },
    { "volume", "7x5", { .parcel_volume_max = 10 }, { { .volume = 4 } }, "1.0:1x2 1.1:1x2 1.2:1x1" },
    { "both",
      "7x2 8x2",
      { .parcel_weight_max = 10, .parcel_volume_max = 10 },
      { { .weight = 9, .volume = 1 }, { .weight = 1, .volume = 9 } },
      "1.0:1x1,2x1 1.1:1x1,2x1" },
    { "volume alone sorts by volume",
      "7x1 8x1 9x2",
      { .parcel_volume_max = 10 },
      { { .weight = 9, .volume = 2 }, { .weight = 8, .volume = 8 }, { .volume = 5 } },
      "1.0:1x1,2x1 1.1:3x2" },
    { "too much volume in one", "7x1", { .parcel_volume_max = 10 }, { { .volume = 11 } }, "too_big" },
    { "the longest side, whichever it is",
      "7x1",
      { .parcel_length_max = 99 },
      { { .height = 100 } },
      "too_big" },
    { "long enough", "7x1", { .parcel_length_max = 100 }, { { .width = 100, .length = 3 } }, "1.0:1x1" },
    { "girth: length + 2 (width + height)",
      "7x1",
      { .parcel_girth_max = 100 },
      { { .width = 50, .length = 20, .height = 5 } },
      "1.0:1x1" },
    { "a millimetre more",
      "7x1",
      { .parcel_girth_max = 99 },
      { { .width = 50, .length = 20, .height = 5 } },
      "too_big" },
    { "made ones too", "m6x3", { .parcel_weight_max = 10 }, { { .weight = 4 } }, "4.0:1x2 4.1:1x1" },
    { "made ones may be too big", "m6x3", { .parcel_weight_max = 3 }, { { .weight = 4 } }, "too_big" },
    { "not known weighs nothing",
      "7x90 8x1",
      { .parcel_weight_max = 10 },
      { { 0 }, { .weight = 10 } },
      "1.0:1x90,2x1" },
    { "cold apart", "7x1 8x1", { 0 }, { { .cold = true }, { 0 } }, "1.0:2x1 1.1:1x1" },
    { "each hazard apart",
      "7x1 8x1 9x1 9x2",
      { 0 },
      { { .hazard = "battery" }, { .hazard = "liquid" }, { .hazard = "" }, { .hazard = "battery" } },
      "1.0:3x1 1.1:1x1,4x2 1.2:2x1" },
    { "a cold hazard apart from both",
      "7x1 8x1 9x1",
      { 0 },
      { { .hazard = "liquid", .cold = true }, { .hazard = "liquid" }, { .cold = true } },
      "1.0:2x1 1.1:3x1 1.2:1x1" },
    { "a full parcel is not another kind's",
      "7x3 8x1",
      { .parcel_weight_max = 10 },
      { { .weight = 5 }, { .weight = 5, .cold = true } },
      "1.0:1x2 1.1:1x1 1.2:2x1" },
    { "a thousand parcels", "7x1000", { .parcel_weight_max = 1 }, { { .weight = 1 } }, NULL },
    { "more than that", "7x1001", { .parcel_weight_max = 1 }, { { .weight = 1 } }, "too_many_parcels" },
    { "short comes before too big", "5x1", { .parcel_weight_max = 1 }, { { .weight = 2 } }, "short 5:1/0" },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct scene s;
    scene_read(&s, "1 f4", cases[i].lines, "7@1=9999 8@1=9999 9@1=9999");
    s.rules = cases[i].rules;
    for (size_t k = 0; k < s.lines; k++) {
      const struct size *z = &cases[i].size[k];
      struct split_line *l = &s.line[k];
      l->weight = z->weight, l->length = z->length, l->width = z->width, l->height = z->height,
      l->volume = z->volume;
      l->cold = z->cold, l->hazard = z->hazard;
    }
    test_note("%s", cases[i].note);
    struct split_plan p = scene_split(&a, &s);
    if (cases[i].plan) CHECK_STR(plan_text(&p), cases[i].plan);
    else CHECK_INT(p.parcels, 1000);
  }
  arena_release(&a);
}

TEST(split_parcels_are_per_place)
{
  struct scene s;
  struct arena a = { 0 };
  scene_read(&s, "1 2", "7x3 8x1", "7@1=3 8@2=1");
  s.rules.parcel_weight_max = 10;
  for (size_t i = 0; i < s.lines; i++) s.line[i].weight = 5;
  struct split_plan p = scene_split(&a, &s);
  CHECK_STR(plan_text(&p), "1.0:1x2 1.1:1x1 2.2:2x1");
  CHECK_INT(p.parcels, 3);
  arena_release(&a);
}

/* ---- large numbers ------------------------------------------------------------------------------------------------------ */

TEST(split_does_not_overflow)
{
  struct scene s;
  struct arena a = { 0 };
  scene_read(&s, "1:0 2:1", "1000000*7x1000000 1000000*7+1000000*8x1000000 -x1000000", "");
  for (size_t i = 0; i < s.lines; i++)
    s.line[i].weight = s.line[i].length = s.line[i].width = s.line[i].height = s.line[i].volume = 1000000000,
    s.line[i].value = INT64_MAX;
  struct split_plan p = scene_split(&a, &s);
  CHECK_STR(plan_text(&p), "short 7:2000000000000/0 8:1000000000000/0");
  read_stock(
    &s, "7@1=9223372036854775807 7@1=9223372036854775807 7@2=9223372036854775807 8@2=9223372036854775807");
  p = scene_split(&a, &s);
  CHECK_STR(plan_text(&p), "2.0:1x1000000,2x1000000,3x1000000");
  s.rules.parcel_weight_max = INT64_MAX, s.rules.parcel_girth_max = 5000000000, s.rules.value_min = INT64_MAX;
  p = scene_split(&a, &s);
  CHECK_STR(plan_text(&p), "2.0:1x1000000,2x1000000,3x1000000");
  s.rules.parcel_weight_max = 1000000000000000; /* a million of them */
  p = scene_split(&a, &s);
  CHECK_STR(plan_text(&p), "2.0:1x1000000 2.1:2x1000000 2.2:3x1000000");
  s.rules.parcel_girth_max--;
  p = scene_split(&a, &s);
  CHECK_STR(plan_text(&p), "too_big");
  s.part[0][0].quantity = INT64_MAX, s.line[0].quantity = INT64_MAX;
  p = scene_split(&a, &s);
  CHECK_STR(p.why, "short");
  arena_release(&a);
}

/* ---- a model that tries everything ------------------------------------------------------------------------------------- */

/* Written from the rules alone, with nothing of the planner's: every quantity of every line from every place. */
struct model {
  const struct scene *s;
  const struct split_place *shelf[MOST]; /* warehouses */
  int shelves;
  int64_t left[MOST][16]; /* per warehouse and SKU */
};

static bool is_made(const struct split_line *l)
{
  for (size_t i = 0; i < l->parts; i++)
    if (l->part[i].made) return true;
  return false;
}

static bool is_counted(const struct split_line *l)
{
  return l->parts && !is_made(l);
}

static bool model_send(struct model *m, int shelf, const struct split_line *l)
{
  bool can = true;
  for (size_t i = 0; i < l->parts; i++)
    can = (m->left[shelf][l->part[i].sku_id] -= l->part[i].quantity) >= 0 && can;
  return can;
}

static void model_back(struct model *m, int shelf, const struct split_line *l)
{
  for (size_t i = 0; i < l->parts; i++) m->left[shelf][l->part[i].sku_id] += l->part[i].quantity;
}

/* Unit by unit; places of one line's units never go down again, as they are alike. */
static bool model_fills(struct model *m, unsigned set, size_t line, int64_t unit, int from)
{
  if (line == m->s->lines) return true;
  const struct split_line *l = &m->s->line[line];
  if (unit == l->quantity || !is_counted(l)) return model_fills(m, set, line + 1, 0, 0);
  for (int i = from; i < m->shelves; i++) {
    if (!(set >> i & 1)) continue;
    bool fits = model_send(m, i, l) && model_fills(m, set, line, unit + 1, i);
    model_back(m, i, l);
    if (fits) return true;
  }
  return false;
}

static void model_open(struct model *m, const struct scene *s)
{
  *m = (struct model){ .s = s };
  for (size_t i = 0; i < s->places; i++)
    if (!s->place[i].factory) m->shelf[m->shelves++] = &s->place[i];
  for (size_t i = 0; i < s->haves; i++)
    for (int k = 0; k < m->shelves; k++)
      if (m->shelf[k]->id == s->have[i].place_id) m->left[k][s->have[i].sku_id] += s->have[i].quantity;
}

static bool set_before(const struct model *m, unsigned x, unsigned y) /* y 0: none yet */
{
  if (!y) return true;
  if (__builtin_popcount(x) != __builtin_popcount(y)) return __builtin_popcount(x) < __builtin_popcount(y);
  int64_t distance = 0, load = 0;
  for (int i = 0; i < m->shelves; i++) {
    int in = (int)(x >> i & 1) - (int)(y >> i & 1);
    distance += in * m->shelf[i]->distance, load += in * m->shelf[i]->load;
  }
  if (distance || load) return distance ? distance < 0 : load < 0;
  for (int64_t id = 0; id < MOST; id++)
    for (int i = 0; i < m->shelves; i++)
      if (m->shelf[i]->id == id && (x >> i & 1) != (y >> i & 1)) return x >> i & 1;
  return false;
}

static unsigned model_best(struct model *m) /* 0: none fills */
{
  unsigned best = 0;
  for (unsigned set = 1; set < 1u << m->shelves; set++)
    if (set_before(m, set, best) && model_fills(m, set, 0, 0, 0)) best = set;
  return best;
}

static const char *model_why(struct model *m, unsigned best)
{
  const struct scene *s = m->s;
  bool made = false, counted = false, factory = (int)s->places > m->shelves, big = false;
  int64_t value = 0;
  for (size_t i = 0; i < s->lines; i++) {
    const struct split_line *l = &s->line[i];
    made = made || is_made(l), counted = counted || is_counted(l), value += l->value;
    big = big || (s->rules.parcel_weight_max && l->weight > s->rules.parcel_weight_max);
    big = big || (s->rules.parcel_volume_max && l->volume > s->rules.parcel_volume_max);
  }
  if ((made && !factory) || (counted && !m->shelves)) return "no_place";
  if (counted && !best) return "short";
  if (big) return "too_big";
  int n = counted ? __builtin_popcount(best) : 1;
  if (n > 1 && value < s->rules.value_min) return "below_value";
  if (n > 1 && s->rules.places_max && n > s->rules.places_max) return "too_many_places";
  return NULL;
}

/* ---- what every plan must keep ------------------------------------------------------------------------------------------ */

static const struct split_place *place_of(const struct scene *s, int64_t id)
{
  for (size_t i = 0; i < s->places; i++)
    if (s->place[i].id == id) return &s->place[i];
  return NULL;
}

static bool same_kind(const struct split_line *x, const struct split_line *y)
{
  return x->cold == y->cold && !strcmp(x->hazard ? x->hazard : "", y->hazard ? y->hazard : "");
}

static void check_units(const struct scene *s, const struct split_plan *p)
{
  for (size_t i = 0; i < s->lines; i++) {
    int64_t n = 0;
    for (size_t k = 0; k < p->n; k++)
      if (p->take[k].line == i) n += p->take[k].quantity;
    CHECK_INT(n, s->line[i].quantity);
  }
  for (size_t k = 0; k < p->n; k++) {
    const struct split_take *t = &p->take[k];
    const struct split_place *at = place_of(s, t->place_id);
    CHECK(t->quantity > 0);
    CHECK(at || (!s->places && !t->place_id));
    if (at && s->line[t->line].parts) CHECK(at->factory == is_made(&s->line[t->line]));
    for (size_t o = 0; o < k; o++) CHECK(p->take[o].line != t->line || p->take[o].parcel != t->parcel);
  }
}

static void check_stock(const struct scene *s, const struct split_plan *p)
{
  static struct model m;
  model_open(&m, s);
  for (size_t k = 0; k < p->n; k++)
    for (int i = 0; i < m.shelves; i++) {
      const struct split_take *t = &p->take[k];
      const struct split_line *l = &s->line[t->line];
      if (m.shelf[i]->id != t->place_id || !is_counted(l)) continue;
      for (size_t x = 0; x < l->parts; x++) {
        int64_t *left = &m.left[i][l->part[x].sku_id];
        *left -= l->part[x].quantity * t->quantity;
        CHECK(*left >= 0);
      }
    }
}

static void check_parcels(const struct scene *s, const struct split_plan *p)
{
  for (int parcel = 0; parcel < p->parcels; parcel++) {
    int64_t weight = 0, volume = 0;
    const struct split_take *first = NULL;
    for (size_t k = 0; k < p->n; k++) {
      const struct split_take *t = &p->take[k];
      if (t->parcel != parcel) continue;
      if (!first) first = t;
      weight += s->line[t->line].weight * t->quantity, volume += s->line[t->line].volume * t->quantity;
      CHECK_INT(t->place_id, first->place_id);
      CHECK(same_kind(&s->line[t->line], &s->line[first->line]));
    }
    CHECK(first);
    CHECK(!s->rules.parcel_weight_max || weight <= s->rules.parcel_weight_max);
    CHECK(!s->rules.parcel_volume_max || volume <= s->rules.parcel_volume_max);
  }
  for (size_t k = 0; k < p->n; k++) {
    CHECK(p->take[k].parcel >= 0 && p->take[k].parcel < p->parcels);
    if (k) CHECK(p->take[k].parcel >= p->take[k - 1].parcel);
  }
}

struct piece { /* one unit to be packed */
  const struct split_line *line;
  int64_t place;
};

static const struct split_rules *packing;

static int piece_order(const void *p, const void *q)
{
  const struct piece *x = p, *y = q;
  int64_t w = y->line->weight - x->line->weight, v = y->line->volume - x->line->volume;
  int64_t d = packing->parcel_weight_max ? (w ? w : v) : (v ? v : w);
  if (d) return d < 0 ? -1 : 1;
  return (int)(x->line->line_no - y->line->line_no) + 100 * (int)(x->line->order_id - y->line->order_id);
}

/* First fit decreasing, one unit after the other. */
static int model_parcels(const struct scene *s, const struct split_plan *p)
{
  static struct piece piece[4096];
  struct {
    struct piece first;
    int64_t weight, volume;
  } open[256];
  size_t n = 0;
  int opened = 0;
  for (size_t k = 0; k < p->n; k++)
    for (int64_t u = 0; u < p->take[k].quantity; u++)
      piece[n++] = (struct piece){ &s->line[p->take[k].line], p->take[k].place_id };
  packing = &s->rules;
  qsort(piece, n, sizeof *piece, piece_order);
  for (size_t k = 0; k < n; k++) {
    const struct split_line *l = piece[k].line;
    int at = 0;
    for (; at < opened; at++) {
      if (open[at].first.place != piece[k].place || !same_kind(open[at].first.line, l)) continue;
      if (s->rules.parcel_weight_max && open[at].weight + l->weight > s->rules.parcel_weight_max) continue;
      if (s->rules.parcel_volume_max && open[at].volume + l->volume > s->rules.parcel_volume_max) continue;
      break;
    }
    must(at < (int)COUNT(open));
    if (at == opened) open[opened].first = piece[k], open[opened].weight = open[opened].volume = 0, opened++;
    open[at].weight += l->weight, open[at].volume += l->volume;
  }
  return opened;
}

static void check_missing(const struct scene *s, const struct split_plan *p)
{
  int64_t wanted[16] = { 0 }, there[16] = { 0 };
  bool plain = false;
  for (size_t i = 0; i < s->lines; i++)
    for (size_t k = 0; is_counted(&s->line[i]) && k < s->line[i].parts; k++)
      wanted[s->part[i][k].sku_id] += s->line[i].quantity * s->part[i][k].quantity;
  for (size_t i = 0; i < s->haves; i++) {
    const struct split_place *at = place_of(s, s->have[i].place_id);
    if (at && !at->factory) there[s->have[i].sku_id] += s->have[i].quantity;
  }
  for (int k = 0; k < 16; k++) plain = plain || there[k] < wanted[k];
  size_t n = 0;
  for (int k = 0; k < 16; k++) n += there[k] < wanted[k];
  CHECK(p->missing_n > 0);
  if (plain) CHECK_INT(p->missing_n, n);
  for (size_t i = 0; i < p->missing_n; i++) {
    const struct split_short *m = &p->missing[i];
    CHECK_INT(m->wanted, wanted[m->sku_id]);
    CHECK(m->there < m->wanted && m->there >= 0 && m->there <= there[m->sku_id]);
    if (plain) CHECK_INT(m->there, there[m->sku_id]);
    if (i) CHECK(m->sku_id > m[-1].sku_id);
  }
}

/* The warehouses that send what is counted. */
static unsigned plan_set(const struct model *m, const struct split_plan *p)
{
  unsigned set = 0;
  for (size_t k = 0; k < p->n; k++)
    for (int i = 0; i < m->shelves; i++)
      if (is_counted(&m->s->line[p->take[k].line]) && m->shelf[i]->id == p->take[k].place_id) set |= 1u << i;
  return set;
}

static void check_plan(const struct scene *s, const struct split_plan *p)
{
  if (!p->ok) {
    CHECK_INT(p->n, 0);
    if (!strcmp(p->why, "short")) check_missing(s, p);
    return;
  }
  check_units(s, p);
  check_stock(s, p);
  check_parcels(s, p);
  CHECK_INT(p->parcels, model_parcels(s, p));
}

/* ---- the same for any order of the input -------------------------------------------------------------------------------- */

static size_t below(uint64_t *seed, size_t n)
{
  return (size_t)(test_random(seed) % n);
}

#define SHUFFLE(seed, at, n) \
  for (size_t i_ = (n); i_ > 1; i_--) { \
    size_t k_ = below(seed, i_); \
    __typeof__((at)[0]) x_ = (at)[i_ - 1]; \
    (at)[i_ - 1] = (at)[k_], (at)[k_] = x_; \
  }

static void scene_shuffle(const struct scene *s, struct scene *out, uint64_t *seed)
{
  *out = *s;
  for (size_t i = 0; i < s->lines; i++) {
    out->line[i].part = out->part[i];
    SHUFFLE(seed, out->part[i], s->line[i].parts);
  }
  SHUFFLE(seed, out->line, s->lines);
  SHUFFLE(seed, out->place, s->places);
  SHUFFLE(seed, out->have, s->haves);
}

static void check_same(const struct scene *s, const struct split_plan *p, const struct scene *t,
                       const struct split_plan *q)
{
  CHECK_STR(p->why, q->why);
  CHECK_STR(p->because, q->because);
  CHECK_INT(p->parcels, q->parcels);
  CHECK_INT(p->n, q->n);
  CHECK_INT(p->missing_n, q->missing_n);
  for (size_t i = 0; i < p->n && i < q->n; i++) {
    const struct split_take *x = &p->take[i], *y = &q->take[i];
    CHECK_INT(s->line[x->line].order_id, t->line[y->line].order_id);
    CHECK_INT(s->line[x->line].line_no, t->line[y->line].line_no);
    CHECK(x->place_id == y->place_id && x->quantity == y->quantity && x->parcel == y->parcel);
  }
  for (size_t i = 0; i < p->missing_n && i < q->missing_n; i++) {
    const struct split_short *x = &p->missing[i], *y = &q->missing[i];
    CHECK(x->sku_id == y->sku_id && x->wanted == y->wanted && x->there == y->there);
  }
}

static void check_shuffled(struct arena *a, const struct scene *s, const struct split_plan *p, uint64_t *seed)
{
  static struct scene t;
  scene_shuffle(s, &t, seed);
  struct split_plan q = scene_split(a, &t);
  check_same(s, p, &t, &q);
}

/* ---- random groups ------------------------------------------------------------------------------------------------------ */

struct dice { /* how large a random group may be */
  size_t lines, parts, skus, places, quantity, stock;
};

static void line_random(struct scene *s, const struct dice *d, uint64_t *seed)
{
  static const char *const hazard[] = { NULL, NULL, NULL, "", "battery", "liquid" };
  size_t i = s->lines++;
  struct split_line *l = &s->line[i];
  *l = (struct split_line){ .order_id = 1 + (int64_t)(i % 3),
                            .line_no = 1 + (int64_t)(i / 3),
                            .part = s->part[i] };
  l->quantity = 1 + (int64_t)below(seed, d->quantity);
  l->weight = (int64_t)below(seed, 8), l->volume = (int64_t)below(seed, 8),
  l->value = (int64_t)below(seed, 100);
  l->cold = !below(seed, 6), l->hazard = hazard[below(seed, COUNT(hazard))];
  if (!below(seed, 12)) return;
  l->parts = below(seed, 2) ? 1 : 1 + below(seed, d->parts);
  for (size_t k = 0; k < l->parts; k++)
    s->part[i][k] =
      (struct split_part){ 1 + (int64_t)below(seed, d->skus), below(seed, 3) ? 1 : 2, !below(seed, 25) };
}

static void stock_random(struct scene *s, const struct dice *d, uint64_t *seed)
{
  for (size_t i = 0; i < s->places; i++)
    for (size_t k = 1; k <= d->skus; k++)
      if (below(seed, 3))
        s->have[s->haves++] =
          (struct split_free){ (int64_t)k, s->place[i].id, (int64_t)below(seed, d->stock) };
}

/* Just enough, each line's parts in one place or two: there is a plan, and mostly not from one place. Done twice, there
 * are several to choose from. */
static void stock_planted(struct scene *s, uint64_t *seed)
{
  for (size_t i = 0; s->places && i < s->lines; i++)
    for (int64_t left = s->line[i].quantity, n; left; left -= n) {
      const struct split_place *p = &s->place[below(seed, s->places)];
      int64_t at = p->factory ? s->place[0].id : p->id; /* the first one is always a warehouse */
      n = below(seed, 3) ? left : 1 + (int64_t)below(seed, (size_t)left);
      for (size_t k = 0; k < s->line[i].parts; k++)
        s->have[s->haves++] = (struct split_free){ s->part[i][k].sku_id, at, n * s->part[i][k].quantity };
    }
}

static void scene_random(struct scene *s, const struct dice *d, uint64_t *seed)
{
  *s = (struct scene){ 0 };
  size_t lines = 1 + below(seed, d->lines);
  while (s->lines < lines) line_random(s, d, seed);
  s->places = below(seed, 20) ? 1 + below(seed, d->places) : 0;
  for (size_t i = 0; i < s->places; i++)
    s->place[i] = (struct split_place){ .id = (int64_t)((i * 7 + 3) % 41),
                                        .factory = i && !below(seed, 4),
                                        .distance = (int)below(seed, 3),
                                        .load = (int64_t)below(seed, 3) };
  if (below(seed, 2)) stock_planted(s, seed);
  else stock_random(s, d, seed);
  if (below(seed, 2)) s->rules.parcel_weight_max = 6 + (int64_t)below(seed, 12);
  if (below(seed, 2)) s->rules.parcel_volume_max = 6 + (int64_t)below(seed, 12);
  if (!below(seed, 4)) s->rules.places_max = 1 + (int)below(seed, 3);
  if (!below(seed, 4)) s->rules.value_min = (int64_t)below(seed, 200);
}

TEST(split_agrees_with_a_model_that_tries_everything)
{
  static const struct dice dice[] = {
    { .lines = 3, .parts = 1, .skus = 2, .places = 4, .quantity = 3, .stock = 9 },
    { .lines = 4, .parts = 2, .skus = 3, .places = 5, .quantity = 3, .stock = 14 },
    { .lines = 4, .parts = 3, .skus = 3, .places = 5, .quantity = 2, .stock = 12 },
    { .lines = 5, .parts = 2, .skus = 5, .places = 5, .quantity = 2, .stock = 9 },
  };
  static struct scene s;
  static struct model m;
  struct arena a = { 0 };
  int64_t spread = 0, failed = 0;
  for (uint64_t round = 0; round < 12000; round++) {
    uint64_t seed = round;
    scene_random(&s, &dice[round % COUNT(dice)], &seed);
    model_open(&m, &s);
    test_note("round %llu", (unsigned long long)round);
    unsigned best = model_best(&m);
    const char *why = model_why(&m, best);
    struct split_plan p = scene_split(&a, &s);
    CHECK_STR(p.why, why);
    check_plan(&s, &p);
    if (p.ok && plan_set(&m, &p)) CHECK_INT(plan_set(&m, &p), best);
    check_shuffled(&a, &s, &p, &seed);
    spread += p.ok && p.because && !strcmp(p.because, "fewest_parcels");
    failed += !p.ok;
    arena_reset(&a);
  }
  test_note("spread %lld, failed %lld", (long long)spread, (long long)failed);
  CHECK(spread > 1500 && failed > 2000 && failed < 7000);
  arena_release(&a);
}

/* Too large to try everything, beyond what is searched exactly: what every plan keeps still holds. */
TEST(split_keeps_its_promises_in_large_groups)
{
  static const struct dice dice[] = {
    { .lines = 40, .parts = 1, .skus = 12, .places = 12, .quantity = 5, .stock = 12 },
    { .lines = 40, .parts = 3, .skus = 8, .places = 12, .quantity = 4, .stock = 30 },
    { .lines = 40, .parts = 1, .skus = 12, .places = 20, .quantity = 9, .stock = 9 },
    { .lines = 30, .parts = 2, .skus = 12, .places = 20, .quantity = 9, .stock = 12 },
  };
  static struct scene s;
  struct arena a = { 0 };
  int64_t ok = 0;
  for (uint64_t round = 0; round < 400; round++) {
    uint64_t seed = 1000000 + round;
    scene_random(&s, &dice[round % COUNT(dice)], &seed);
    s.rules.value_min = 0;
    if (s.rules.parcel_weight_max) s.rules.parcel_weight_max += 7;
    if (s.rules.parcel_volume_max) s.rules.parcel_volume_max += 7;
    test_note("round %llu", (unsigned long long)round);
    struct split_plan p = scene_split(&a, &s);
    check_plan(&s, &p);
    check_shuffled(&a, &s, &p, &seed);
    ok += p.ok;
    arena_reset(&a);
  }
  test_note("ok %lld", (long long)ok);
  CHECK(ok > 150);
  arena_release(&a);
}

/* Twenty warehouses, two of which have it all between them; the others have a piece of each. */
TEST(split_finds_few_places_among_many)
{
  static struct scene s;
  struct arena a = { 0 };
  s = (struct scene){ 0 };
  for (size_t i = 0; i < 20; i++)
    s.place[s.places++] = (struct split_place){ .id = 1 + (int64_t)i, .distance = i < 18 ? 0 : 3 };
  for (size_t k = 0; k < 8; k++) {
    s.part[k][0] = (struct split_part){ 1 + (int64_t)k, 1, false };
    s.line[k] = (struct split_line){
      .order_id = 1, .line_no = 1 + (int64_t)k, .quantity = 12, .part = s.part[k], .parts = 1
    };
    s.have[s.haves++] = (struct split_free){ 1 + (int64_t)k, k % 2 ? 19 : 20, 12 };
  }
  s.lines = 8;
  for (size_t i = 0; i < 18; i++)
    for (size_t k = 0; k < 8; k++)
      s.have[s.haves++] = (struct split_free){ 1 + (int64_t)k, s.place[i].id, 1 };
  struct split_plan p = scene_split(&a, &s);
  CHECK_STR(plan_text(&p), "19.0:2x12,4x12,6x12,8x12 20.1:1x12,3x12,5x12,7x12");
  s.haves = 0; /* one piece in each of twenty: all are needed, however they are searched */
  s.lines = 1, s.line[0].quantity = 20;
  for (size_t i = 0; i < 20; i++) s.have[s.haves++] = (struct split_free){ 1, s.place[i].id, 1 };
  p = scene_split(&a, &s);
  CHECK_INT(p.parcels, 20);
  check_plan(&s, &p);
  s.rules.places_max = 19;
  p = scene_split(&a, &s);
  CHECK_STR(plan_text(&p), "too_many_places");
  arena_release(&a);
}

/* ---- near and far -------------------------------------------------------------------------------------------------------- */

TEST(split_distance_classes)
{
  static const struct {
    const char *note, *from;
    int64_t from_division;
    const char *to;
    int64_t to_division;
    int distance;
  } cases[] = {
    { "same district", "CN", 330106, "CN", 330106, 0 },
    { "same city", "CN", 330106, "CN", 330102, 0 },
    { "city against its district", "CN", 330100, "CN", 330102, 0 },
    { "another city", "CN", 330106, "CN", 330206, 1 },
    { "only the province is known", "CN", 330000, "CN", 330206, 1 },
    { "province against itself", "CN", 330000, "CN", 330000, 1 },
    { "neighbours", "CN", 330106, "CN", 310101, 2 },
    { "neighbours, province only", "CN", 330000, "CN", 350000, 2 },
    { "not neighbours", "CN", 330106, "CN", 440106, 3 },
    { "over the sea", "CN", 440800, "CN", 460100, 3 },
    { "Beijing is one city", "CN", 110101, "CN", 110229, 0 },
    { "Chongqing's counties too", "CN", 500103, "CN", 500241, 0 },
    { "a county of its own", "CN", 429004, "CN", 429004, 0 },
    { "two of them", "CN", 429004, "CN", 429005, 1 },
    { "a town's code", "CN", 330106109, "CN", 330106, 0 },
    { "a town's long code", "CN", 330106109001, "CN", 330203, 1 },
    { "short codes", "CN", 33, "CN", 3301, 1 },
    { "short codes of one city", "CN", 3301, "CN", 330106, 0 },
    { "division not known", "CN", 330106, "CN", 0, 3 },
    { "neither is known", "CN", 0, "CN", 0, 3 },
    { "another country", "CN", 330106, "US", 0, 4 },
    { "two others", "DE", 0, "US", 0, 4 },
    { "the same other", "DE", 0, "DE", 0, 3 },
    { "small letters", "de", 0, "DE", 0, 3 },
    { "a code tells the country", NULL, 330106, "CN", 330106, 0 },
    { "and that it is another", "", 330106, "US", 0, 4 },
    { "nothing is known", NULL, 0, NULL, 0, 5 },
    { "half is known", "CN", 330106, NULL, 0, 5 },
    { "not a code", "CN", -5, "CN", 330106, 3 },
    { "Hong Kong as a province", "CN", 810000, "CN", 440300, 2 },
    { "Hong Kong as a country", "HK", 0, "CN", 440300, 4 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].note);
    CHECK_INT(split_distance(cases[i].from, cases[i].from_division, cases[i].to, cases[i].to_division),
              cases[i].distance);
    CHECK_INT(split_distance(cases[i].to, cases[i].to_division, cases[i].from, cases[i].from_division),
              cases[i].distance);
  }
}

/* How many neighbours each province has. */
TEST(split_distance_knows_all_borders)
{
  static const struct {
    int province, neighbours;
  } cases[] = {
    { 11, 2 }, { 12, 2 }, { 13, 7 }, { 14, 4 }, { 15, 8 }, { 21, 3 }, { 22, 3 }, { 23, 2 }, { 31, 2 },
    { 32, 4 }, { 33, 5 }, { 34, 6 }, { 35, 3 }, { 36, 6 }, { 37, 4 }, { 41, 6 }, { 42, 6 }, { 43, 6 },
    { 44, 6 }, { 45, 4 }, { 46, 0 }, { 50, 5 }, { 51, 7 }, { 52, 5 }, { 53, 4 }, { 54, 4 }, { 61, 8 },
    { 62, 6 }, { 63, 4 }, { 64, 3 }, { 65, 3 }, { 71, 0 }, { 81, 1 }, { 82, 1 },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int n = 0;
    for (size_t k = 0; k < COUNT(cases); k++)
      n += split_distance("CN", cases[i].province * 10000, "CN", cases[k].province * 10000) == 2;
    test_note("%d", cases[i].province);
    CHECK_INT(n, cases[i].neighbours);
  }
}

TEST(split_serves_regions)
{
  static const struct {
    const char *note, *regions, *country;
    int64_t division;
    bool serves;
  } cases[] = {
    { "everywhere", NULL, "CN", 330106, true },
    { "everywhere, even where nobody knows", NULL, NULL, 0, true },
    { "nowhere", "[]", "CN", 330106, false },
    { "the country", "[\"CN\"]", "CN", 330106, true },
    { "the country, no division", "[\"CN\"]", "CN", 0, true },
    { "small letters", "[\"cn\"]", "CN", 0, true },
    { "another country", "[\"CN\"]", "US", 0, false },
    { "one of several", "[\"DE\",\"US\"]", "US", 0, true },
    { "the province", "[\"330000\"]", "CN", 330106, true },
    { "the province, short", "[\"33\"]", "CN", 330106, true },
    { "the city", "[\"330100\"]", "CN", 330106, true },
    { "the city, short", "[\"3301\"]", "CN", 330106, true },
    { "another city", "[\"330200\"]", "CN", 330106, false },
    { "the district", "[\"330106\"]", "CN", 330106, true },
    { "another district", "[\"330105\"]", "CN", 330106, false },
    { "a town in the district", "[\"330106\"]", "CN", 330106109, true },
    { "a number, not a text", "[330000]", "CN", 330106, true },
    { "all of Shanghai", "[\"310000\", \"320000\"]", "CN", 310115, true },
    { "a city, but only the province is known", "[\"330100\"]", "CN", 330000, false },
    { "a province, but nothing is known", "[\"330000\"]", "CN", 0, false },
    { "a country, but nothing is known", "[\"CN\"]", NULL, 0, false },
    { "a code tells the country", "[\"CN\"]", NULL, 330106, true },
    { "codes are China's", "[\"330000\"]", "US", 330106, false },
    { "a longer word is no country", "[\"CNX\"]", "CN", 330106, false },
    { "an empty word", "[\"\"]", "CN", 330106, false },
    { "nought", "[\"0\"]", "CN", 330106, false },
    { "not JSON", "CN", "CN", 330106, false },
    { "things that are no codes", "[null,{\"a\":\"b\"},[\"CN\"]]", "CN", 330106, false },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(cases); i++) {
    test_note("%s", cases[i].note);
    CHECK(split_serves(&a, cases[i].regions, cases[i].country, cases[i].division) == cases[i].serves);
  }
  arena_release(&a);
}
