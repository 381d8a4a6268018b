/* sim_people.c: who buys what in the simulated world. Everything follows from the number of a customer; nobody in
 * it exists. */
#include "edge.h"
#include <stdio.h>

/* ---- things --------------------------------------------------------------------------------------- */
static const struct sim_sku skus[] = {
  { "SOFA-3S-GREY", "三人沙发 灰色", "Sofa, 3 seats, grey", "灰色", 219900 },
  { "SOFA-2S-BLUE", "双人沙发 蓝色", "Sofa, 2 seats, blue", "蓝色", 169900 },
  { "TABLE-OAK-140", "橡木餐桌 1.4 米", "Oak table 140 cm", "原木色", 129900 },
  { "CHAIR-OAK", "橡木餐椅", "Oak chair", "原木色", 29900 },
  { "LAMP-FLOOR", "落地灯", "Floor lamp", "黑色", 19900 },
  { "LAMP-DESK", "台灯", "Desk lamp", "白色", 8900 },
  { "SHELF-5", "五层书架", "Shelf, 5 boards", "白色", 25900 },
  { "RUG-200", "地毯 2 米", "Rug 200 cm", "米色", 39900 },
  { "MUG-RED", "马克杯 红", "Mug, red", "红色", 2900 },
  { "MUG-BLUE", "马克杯 蓝", "Mug, blue", "蓝色", 2900 },
  { "BOWL-SET-6", "碗六件套", "Bowls, set of 6", "青花", 12900 },
  { "TOWEL-L", "浴巾 大", "Bath towel, large", "灰色", 5900 },
  { "PILLOW-MEM", "记忆枕", "Memory pillow", "标准", 9900 },
  { "QUILT-200", "被子 2 米", "Quilt 200 cm", "白色", 45900 },
  { "CLOCK-WALL", "挂钟", "Wall clock", "木色", 7900 },
  { "VASE-S", "花瓶 小", "Vase, small", "透明", 4900 },
};
#define REMARKS 6
static const char *const remarks[REMARKS] = {
  "", "请周末送货", "送礼，请勿放价格单", "Please ring twice", "尽快发货，谢谢", "放门卫处"
};

const struct sim_sku *sim_sku(const struct sim_line *l)
{
  return &skus[l->sku % COUNT(skus)];
}

const char *sim_remark(int n)
{
  return remarks[(unsigned)n % REMARKS];
}

int64_t sim_big(const char *what, uint64_t n)
{
  uint64_t h = hash64(what, strlen(what), n) & ((1ull << 61) - 1);
  return (int64_t)(h | 1ull << 61);
}

/* ---- people ----------------------------------------------------------------------------------------- */
static const char *const family_cn[] = { "张", "王", "李", "赵", "陈", "刘",
                                         "杨", "黄", "周", "吴", "徐", "孙" };
static const char *const given_cn[] = { "三",   "小明", "试",   "样例", "建国", "秀英",
                                        "晓东", "静",   "子涵", "雨桐", "伟",   "丽" };
static const char *const given_latin[] = { "Alex", "Sam", "Kim", "Robin", "Jo", "Casey", "Terry", "Jamie" };
static const char *const family_latin[] = { "Sample", "Example", "Testman",  "Placeholder",
                                            "Demo",   "Fixture", "Mockford", "Specimen" };
static const struct {
  const char *province, *city, *district, *road, *zip;
} places_cn[] = {
  { "浙江省", "杭州市", "西湖区", "文三路", "310012" },
  { "浙江省", "宁波市", "鄞州区", "中兴路", "315040" },
  { "江苏省", "南京市", "鼓楼区", "中山北路", "210009" },
  { "江苏省", "苏州市", "吴中区", "东吴北路", "215128" },
  { "广东省", "广州市", "天河区", "体育西路", "510620" },
  { "广东省", "深圳市", "南山区", "科技园路", "518057" },
  { "四川省", "成都市", "武侯区", "人民南路", "610041" },
  { "湖北省", "武汉市", "洪山区", "珞喻路", "430074" },
  { "山东省", "青岛市", "市南区", "香港中路", "266071" },
  { "福建省", "厦门市", "思明区", "湖滨南路", "361004" },
};
static const struct {
  const char *state, *city, *zip;
} places_us[] = {
  { "CA", "Springfield", "90001" }, { "NY", "Exampleton", "10001" }, { "TX", "Sampleville", "73301" },
  { "WA", "Testburg", "98001" },    { "IL", "Demo City", "60601" },
};
static const char *const streets[] = { "Example Street", "Sample Avenue", "Fixture Road", "Placeholder Lane",
                                       "Demo Drive" };
static const struct {
  const char *province, *city, *street, *zip;
} places_jp[] = {
  { "東京都", "渋谷区", "見本町", "150-00" },
  { "大阪府", "大阪市", "例示町", "530-00" },
  { "北海道", "札幌市", "試験町", "060-00" },
  { "福岡県", "福岡市", "仮町", "810-00" },
};
static const char *const districts_th[] = { "Bang Rak", "Watthana", "Chatuchak", "Phaya Thai", "Din Daeng" };

static uint32_t pick(uint64_t h, int at, size_t n)
{
  return (uint32_t)((h >> at) % n);
}

/* A bijection, so that two customers never share a number. */
static uint32_t own_number(const struct sim_order *o, uint32_t most)
{
  return (uint32_t)(((uint64_t)o->customer * 2 + o->phone_of) * 48271 % most);
}

static void put(char *out, size_t n, const char *fmt, ...) PRINTF(3, 4);
static void put(char *out, size_t n, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  int len = vsnprintf(out, n, fmt, ap);
  va_end(ap);
  must(len >= 0 && (size_t)len < n);
}
#define PUT(field, ...) put(field, sizeof(field), __VA_ARGS__)

static void person_cn(const struct sim_order *o, uint64_t h, uint64_t at, struct sim_person *p)
{
  size_t i = pick(at, 0, COUNT(places_cn));
  PUT(p->last, "%s", family_cn[pick(h, 0, COUNT(family_cn))]);
  PUT(p->first, "%s", given_cn[pick(h, 8, COUNT(given_cn))]);
  PUT(p->name, "%s%s", p->last, p->first);
  PUT(p->phone, "139%08u", own_number(o, 100000000));
  PUT(p->province, "%s", places_cn[i].province);
  PUT(p->city, "%s", places_cn[i].city);
  PUT(p->district, "%s", places_cn[i].district);
  PUT(p->zip, "%s", places_cn[i].zip);
  PUT(p->address, "%s %u 号 %u 幢 %u 室", places_cn[i].road, 1 + pick(at, 8, 900), 1 + pick(at, 20, 30),
      101 + pick(at, 28, 20) * 100 + pick(at, 36, 6));
}

static void person_latin(uint64_t h, struct sim_person *p)
{
  PUT(p->first, "%s", given_latin[pick(h, 0, COUNT(given_latin))]);
  PUT(p->last, "%s", family_latin[pick(h, 8, COUNT(family_latin))]);
  PUT(p->name, "%s %s", p->first, p->last);
}

static void person_us(const struct sim_order *o, uint64_t h, uint64_t at, struct sim_person *p)
{
  size_t i = pick(at, 0, COUNT(places_us));
  uint32_t k = own_number(o, 78900);
  person_latin(h, p);
  PUT(p->phone, "+1%u55501%02u", 201 + k / 100, k % 100);
  PUT(p->province, "%s", places_us[i].state);
  PUT(p->city, "%s", places_us[i].city);
  PUT(p->zip, "%s", places_us[i].zip);
  PUT(p->address, "%u %s Apt %u", 1 + pick(at, 8, 9900), streets[pick(at, 24, COUNT(streets))],
      1 + pick(at, 32, 90));
}

static void person_sg(const struct sim_order *o, uint64_t h, uint64_t at, struct sim_person *p)
{
  person_latin(h, p);
  PUT(p->phone, "+658%07u", own_number(o, 10000000));
  PUT(p->city, "Singapore");
  PUT(p->zip, "%06u", 100000 + pick(at, 8, 700000));
  PUT(p->address, "%u %s #%02u-%02u", 1 + pick(at, 28, 900), streets[pick(at, 40, COUNT(streets))],
      1 + pick(at, 44, 30), 1 + pick(at, 50, 90));
}

static void person_th(const struct sim_order *o, uint64_t h, uint64_t at, struct sim_person *p)
{
  person_latin(h, p);
  PUT(p->phone, "+668%08u", own_number(o, 100000000));
  PUT(p->province, "Bangkok");
  PUT(p->city, "Bangkok");
  PUT(p->district, "%s", districts_th[pick(at, 0, COUNT(districts_th))]);
  PUT(p->zip, "10%03u", 100 + pick(at, 8, 400));
  PUT(p->address, "%u/%u ซอยตัวอย่าง %u", 1 + pick(at, 20, 900), 1 + pick(at, 32, 90), 1 + pick(at, 44, 60));
}

static void person_jp(const struct sim_order *o, uint64_t h, uint64_t at, struct sim_person *p)
{
  size_t i = pick(at, 0, COUNT(places_jp));
  person_latin(h, p);
  PUT(p->phone, "+8190%08u", own_number(o, 100000000));
  PUT(p->province, "%s", places_jp[i].province);
  PUT(p->city, "%s", places_jp[i].city);
  PUT(p->zip, "%s%02u", places_jp[i].zip, pick(at, 8, 100));
  PUT(p->address, "%s %u-%u-%u", places_jp[i].street, 1 + pick(at, 16, 9), 1 + pick(at, 24, 30),
      1 + pick(at, 32, 20));
}

/* A customer of a shop with plain data has one country in all of them. */
static const char *country_of(const struct sim_shop *s, uint64_t h)
{
  static const char *const plain[] = { "US", "SG", "CN" };
  return s->row->receiver == SIM_PLAIN ? plain[pick(h, 40, COUNT(plain))] : s->row->country;
}

void sim_person(const struct sim_shop *s, const struct sim_order *o, struct sim_person *p)
{
  uint64_t h = sim_hash(s->sim, "person", o->customer, 0);
  uint64_t at = sim_hash(s->sim, "place", o->customer, o->address_of);
  *p = (struct sim_person){ 0 };
  const char *country = country_of(s, h);
  PUT(p->country, "%s", country);
  if (!strcmp(country, "CN")) person_cn(o, h, at, p);
  else if (!strcmp(country, "US")) person_us(o, h, at, p);
  else if (!strcmp(country, "TH")) person_th(o, h, at, p);
  else if (!strcmp(country, "JP")) person_jp(o, h, at, p);
  else person_sg(o, h, at, p);
  PUT(p->buyer, "b_%u", 10000 + o->customer);
  PUT(p->email, "b%u@shop.example", 10000 + o->customer);
}
