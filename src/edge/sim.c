/* sim.c: the simulated world as a whole, and one request to one of its shops. */
#include "edge.h"
#include <stdio.h>

static const struct {
  const char *name;
  const struct sim_platform *row;
} platforms[] = {
#define X(name) { #name, &sim_##name },
  SIM_PLATFORM_MAP(X)
#undef X
};
#define SHOPS_MAX 64

const struct sim_platform *sim_platform(const char *name)
{
  for (size_t i = 0; i < COUNT(platforms); i++)
    if (platforms[i].row && !strcmp(platforms[i].name, name)) return platforms[i].row;
  return NULL;
}

const char *sim_fault_name(enum sim_fault f)
{
  static const char *const names[SIM_FAULT_N] = {
#define X(id, name, doc) name,
    SIM_FAULT_MAP(X)
#undef X
  };
  return names[f];
}

/* "0.02" or "2%": digits, at most six after the point that count. */
bool sim_share_parse(const char *text, int32_t *millionths)
{
  int64_t v = 0, unit = SIM_MILLION;
  size_t whole = strspn(text, "0123456789");
  if (whole > 3) return false;
  for (size_t i = 0; i < whole; i++) v = v * 10 + (text[i] - '0') * SIM_MILLION;
  const char *p = text + whole;
  size_t digits = 0;
  if (*p == '.') {
    digits = strspn(++p, "0123456789");
    for (size_t i = 0; i < digits; i++) v += (p[i] - '0') * (unit /= 10);
    p += digits;
  }
  bool percent = *p == '%';
  if (percent) v /= 100, p++;
  if (!(whole + digits) || *p || v > SIM_MILLION) return false;
  *millionths = (int32_t)v;
  return true;
}

void sim_options_default(struct sim_options *o)
{
  *o = (struct sim_options){ .listen = "127.0.0.1:7800",
                             .orders = 1000,
                             .days = 3,
                             .seed = 1,
                             .refresh_grace_ms = 60 * 1000,
                             .pickup_ms = 30 * 60 * 1000,
                             .make_ms = 60 * 60 * 1000 };
}

void sim_faults(struct sim *s, const int32_t fault[SIM_FAULT_N])
{
  memcpy(s->o.fault, fault, sizeof s->o.fault);
}

size_t sim_shops(const struct sim *s)
{
  return s->shops;
}

struct sim_shop *sim_shop(struct sim *s, size_t i)
{
  must(i < s->shops);
  return &s->shop[i];
}

const char *sim_control(const struct sim *s)
{
  return s->control;
}

static int64_t clock_now(struct env *e)
{
  return sim_now((struct sim *)e);
}

static void clock_random(struct env *e, void *p, size_t n)
{
  struct env *real = ((struct sim *)e)->real;
  real->random(real, p, n);
}

void sim_advance(struct sim *s, int64_t ms)
{
  must(ms >= 0);
  s->skew_ms += ms;
  sim_world_run(s, sim_now(s));
}

/* ---- shops ---------------------------------------------------------------------------------------- */
static bool shop_add(struct sim *s, const char *name, size_t n, struct arena *a, const char **why)
{
  char *platform = arena_strn(&s->mem, name, n);
  const struct sim_platform *row = sim_platform(platform);
  int same = 1;
  if (!row || s->shops == SHOPS_MAX) {
    *why = row ? "too many shops" : arena_printf(a, "%s: no such platform", platform);
    return false;
  }
  for (size_t i = 0; i < s->shops; i++) same += s->shop[i].row == row;
  struct sim_shop *shop = &s->shop[s->shops];
  shop->sim = s, shop->row = row, shop->number = (int)s->shops++;
  shop->name = same == 1 ? platform : arena_printf(&s->mem, "%s-%d", platform, same);
  shop->own = arena_new(&s->mem, struct sim_shop_own);
  for (size_t i = 0; i < SIM_SKUS_MAX; i++) shop->own->stock[i] = -1;
  sim_secrets_make(shop);
  return true;
}

static bool shops_make(struct sim *s, const char *list, struct arena *a, const char **why)
{
  s->shop = arena_array(&s->mem, struct sim_shop, SHOPS_MAX);
  if (!list) {
    for (size_t i = 0; i < COUNT(platforms); i++)
      if (platforms[i].row && !shop_add(s, platforms[i].name, strlen(platforms[i].name), a, why))
        return false;
    return true;
  }
  for (const char *p = list; *p;) {
    size_t n = strcspn(p, ",");
    if (!shop_add(s, p, n, a, why)) return false;
    p += n + (p[n] == ',');
  }
  if (!s->shops) *why = "no platform is named";
  return s->shops;
}

struct sim *sim_new(const struct sim_options *o, struct arena *a, const char **why)
{
  struct sim *s = mem_new(sizeof *s);
  s->clock = (struct env){ clock_now, clock_random };
  s->o = *o;
  s->real = o->env ? o->env : env_real();
  s->skew_ms = o->skew_ms;
  if (!shops_make(s, o->platforms, a, why) || !sim_factories_make(s, o->factories, a, why) ||
      !sim_carriers_make(s, o->carriers, a, why)) {
    sim_free(s);
    return NULL;
  }
  sim_world_make(s);
  return s;
}

void sim_free(struct sim *s)
{
  sim_world_free(s);
  arena_release(&s->mem);
  mem_free(s);
}

/* ---- a request -------------------------------------------------------------------------------------- */
static int hex_digit(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static char *form_text(struct arena *a, const char *p, size_t n)
{
  char *out = arena_alloc(a, n + 1), *at = out;
  for (size_t i = 0; i < n; i++) {
    bool is_hex = p[i] == '%' && i + 2 < n && hex_digit(p[i + 1]) >= 0 && hex_digit(p[i + 2]) >= 0;
    *at++ = is_hex ? (char)(hex_digit(p[i + 1]) * 16 + hex_digit(p[i + 2])) : p[i] == '+' ? ' ' : p[i];
    i += is_hex ? 2 : 0;
  }
  return out;
}

static size_t form_count(const char *body)
{
  size_t n = *body != 0;
  for (; *body; body++) n += *body == '&';
  return n;
}

static void form_read(struct sim_call *c)
{
  for (const char *p = c->r->body; *p;) {
    size_t n = strcspn(p, "&");
    const char *eq = memchr(p, '=', n);
    size_t name = eq ? (size_t)(eq - p) : n, value = eq ? n - name - 1 : 0;
    if (n)
      c->param[c->params++] =
        (struct http_field){ form_text(c->a, p, name), form_text(c->a, eq ? eq + 1 : p, value) };
    p += n + (p[n] == '&');
  }
}

static void params_read(struct sim_call *c)
{
  const char *type = http_field(c->r, "content-type"), *body = c->r->body;
  bool is_form = body && type && !strncasecmp(type, "application/x-www-form-urlencoded", 33);
  bool is_json = body && c->r->body_n && !is_form && (*body == '{' || *body == '[');
  c->param = arena_array(c->a, struct http_field, c->r->query_n + (is_form ? form_count(body) : 0) + 1);
  for (size_t i = 0; i < c->r->query_n; i++) c->param[c->params++] = c->r->query[i];
  if (is_form) form_read(c);
  struct faults f = { .mem = c->a };
  if (is_json) c->json = json_parse(c->a, body, c->r->body_n, JSON_ELEMENTS_MAX, &f);
}

static const char page[] =
  "<!DOCTYPE html><html><head><title>Attention</title></head><body><h1>Please try again</h1>"
  "<p>The service is being looked after.</p></body></html>\n";

static bool fault_takes(struct sim_call *c, enum sim_fault f)
{
  if (!sim_hits(c->shop->sim, f, c->draw)) return false;
  c->shop->own->fault[f]++;
  return true;
}

/* Failures in front of the platform: nothing is carried out. */
static bool fails_before(struct sim_call *c)
{
  static const int statuses[] = { 500, 502, 503 };
  if (fault_takes(c, SIM_FAULT_HTML)) {
    c->status = c->draw & 1 << 20 ? 503 : 200, c->type = "text/html; charset=utf-8";
    buf_str(&c->body, page);
    return true;
  }
  if (!fault_takes(c, SIM_FAULT_ERRORS)) return false;
  c->status = statuses[(c->draw >> 20) % COUNT(statuses)];
  if (c->shop->row->fail) c->shop->row->fail(c);
  if (c->body.len) return true;
  c->type = "text/plain";
  buf_str(&c->body, "upstream failed\n");
  return true;
}

static void fails_after(struct sim_call *c)
{
  if (c->broken) {
    sim_answer_again(c, c->broken);
    if (c->shop->row->fail) c->shop->row->fail(c);
    if (!c->body.len) c->type = "text/plain", buf_str(&c->body, "upstream failed\n");
  }
  if (c->cut && c->body.len > 1) c->body.len /= 2;
  if (c->lost || c->broken || c->cut) return;
  if (fault_takes(c, SIM_FAULT_TIMEOUTS)) {
    c->lost = true;
    if (c->told) c->shop->sim->told[c->told - 1].answered = false;
    return;
  }
  if (c->body.len < 2 || !fault_takes(c, SIM_FAULT_TRUNCATED)) return;
  c->cut = c->draw & 1 << 21;
  c->body.len = 1 + (size_t)((c->draw >> 24) % (c->body.len - 1));
  c->body.data[c->body.len] = 0;
}

bool sim_ask(struct sim_shop *s, struct http_request *r, struct sim_call *c)
{
  struct sim *sim = s->sim;
  *c = (struct sim_call){ .shop = s, .r = r, .a = &r->mem, .status = 200, .type = "application/json" };
  c->now_ms = sim_now(sim);
  if (c->now_ms > sim->ran_ms) sim_world_run(sim, c->now_ms);
  c->draw = sim_hash(sim, "request", (uint64_t)(unsigned)s->number, ++s->own->requests);
  jw_init(&c->w, &c->body);
  params_read(c);
  if (fails_before(c)) return true;
  s->row->answer(c);
  must(c->name); /* every answer counts itself */
  fails_after(c);
  s->own->unanswered += c->lost;
  return !c->lost;
}
