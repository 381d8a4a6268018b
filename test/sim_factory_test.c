/* The factories of the simulator without a network: what they take, how they get on by the world's clock, and when they
 * let a work order go. */
#include "edge.h"
#include "test.h"

#define NOW 1764000000000ll
#define HOUR (60 * 60000ll)

struct plant {
  struct env_sim env;
  struct arena mem;
  struct sim *sim;
  struct sim_factory *f;
  struct sim_reply said;
  const struct json *j;
};

static bool plant_open(struct plant *p, enum sim_fault fault, int32_t share)
{
  struct sim_options o;
  const char *why = NULL;
  *p = (struct plant){ 0 };
  env_sim_init(&p->env, NOW, 1);
  sim_options_default(&o);
  o.platforms = "shopify", o.orders = 0, o.factories = "F1,F2", o.env = &p->env.env, o.make_ms = HOUR;
  o.fault[fault] = share;
  p->sim = sim_new(&o, &p->mem, &why);
  if (!CHECK(p->sim) || !CHECK_INT((int)p->sim->factories, 2)) return false;
  p->f = &p->sim->factory[0];
  return true;
}

static void plant_close(struct plant *p)
{
  buf_release(&p->said.body);
  sim_free(p->sim);
  arena_release(&p->mem);
}

/* The secret, and the time in the head, may be other ones. */
static int tell_as(struct plant *p, const struct sim_factory *signer, int64_t time, const char *path,
                   const char *body)
{
  struct http_field head[2];
  struct http_request r = { .method = "POST", .path = path, .field = head, .field_n = 2 };
  struct faults faults = { .mem = &p->mem };
  const char *at = arena_printf(&p->mem, "%lld", (long long)time);
  size_t n = strlen(body);
  r.body = arena_strn(&p->mem, body, n), r.body_n = n;
  head[0] = (struct http_field){ "mes-time", at };
  head[1] = (struct http_field){ "mes-signature", sim_factory_sign(signer, &p->mem, at, body, n) };
  buf_release(&p->said.body);
  sim_factory_answer(p->f, &r, &p->said);
  p->j = json_parse(&p->mem, p->said.body.data, p->said.body.len, JSON_ELEMENTS_MAX, &faults);
  arena_release(&r.mem);
  return p->said.status;
}

static int tell(struct plant *p, const char *path, const char *body)
{
  return tell_as(p, p->f, p->env.now_ms / 1000, path, body);
}

static int tell_of(struct plant *p, const char *what, const char *id)
{
  const char *path = arena_printf(&p->mem, "/work-orders/%s", what);
  return tell(p, path, arena_printf(&p->mem, "{\"do\":\"%s\",\"work_order\":\"%s\"}", what, id));
}

static const char *said(const struct plant *p, const char *key)
{
  const char *text = json_string(json_get(p->j, key));
  return text ? text : "";
}

static int64_t number(const struct plant *p, const char *key)
{
  int64_t n = -1;
  json_int(json_get(p->j, key), &n);
  return n;
}

static void pass(struct plant *p, int64_t ms)
{
  p->env.now_ms += ms;
  sim_world_run(p->sim, sim_now(p->sim));
}

#define MAKE(id, more) \
  "{\"do\":\"make\",\"work_order\":\"" id "\",\"quantity\":2,\"bill\":[{\"sku\":\"A\",\"quantity\":2}]" more \
  "}"

TEST(sim_factory_takes_a_work_order_once)
{
  struct plant p;
  if (!plant_open(&p, SIM_FAULT_QC_FAILURES, 0)) return;
  CHECK_INT(tell_of(&p, "ask", "w_1"), 404), CHECK_STR(said(&p, "code"), "unknown_work_order");
  CHECK_INT(tell_of(&p, "cancel", "w_1"), 404);
  CHECK_INT(tell(&p, "/work-orders", MAKE("w_1", "")), 200);
  CHECK_STR(said(&p, "state"), "accepted"), CHECK_INT(number(&p, "seq"), 1);
  CHECK_INT(tell(&p, "/work-orders", MAKE("w_1", "")), 200), CHECK_INT(number(&p, "seq"), 1);
  CHECK_INT(tell(&p, "/work-orders", MAKE("w_1", ",\"priority\":1")), 409);
  CHECK_STR(said(&p, "code"), "different_body");
  CHECK_INT((int)p.f->n, 1), CHECK_INT(p.f->repeated, 1), CHECK_INT(p.f->different, 1);
  CHECK_INT(tell(&p, "/work-orders/cancel", MAKE("w_1", "")), 422); /* one door does not do another's work */
  CHECK_INT(tell(&p, "/work-orders", "{\"do\":\"make\",\"work_order\":\"w_2\"}"), 422);
  CHECK_INT(tell(&p, "/work-orders", "[]"), 422), CHECK_INT(tell(&p, "/elsewhere", "{}"), 404);
  CHECK_INT((int)p.f->n, 1);
  plant_close(&p);
}

TEST(sim_factory_believes_what_is_signed)
{
  struct plant p;
  if (!plant_open(&p, SIM_FAULT_QC_FAILURES, 0)) return;
  int64_t now = p.env.now_ms / 1000;
  CHECK_INT(tell_as(&p, &p.sim->factory[1], now, "/work-orders", MAKE("w_1", "")), 401);
  CHECK_STR(said(&p, "code"), "bad_signature");
  CHECK_INT(tell_as(&p, p.f, now - 301, "/work-orders", MAKE("w_1", "")), 401);
  CHECK_STR(said(&p, "code"), "too_old");
  CHECK_INT(tell_as(&p, p.f, now + 301, "/work-orders", MAKE("w_1", "")), 401);
  CHECK_INT(p.f->bad_signs, 3), CHECK_INT((int)p.f->n, 0);
  CHECK_INT(tell_as(&p, p.f, now - 290, "/work-orders", MAKE("w_1", "")), 200);
  plant_close(&p);
}

TEST(sim_factory_gets_on_by_the_clock)
{
  struct plant p;
  static const char *const order[] = { "accepted", "started", "finished", "passed" };
  if (!plant_open(&p, SIM_FAULT_QC_FAILURES, 0)) return;
  tell(&p, "/work-orders", MAKE("w_1", "")), tell(&p, "/work-orders", MAKE("w_2", ",\"priority\":1"));
  int64_t seq = 1, step = 0;
  size_t at = 0;
  for (int minute = 0; minute < 130; minute++) {
    pass(&p, 60000);
    tell_of(&p, "ask", "w_1");
    test_note("%d: %s %d", minute, said(&p, "state"), (int)number(&p, "seq"));
    while (at < COUNT(order) && strcmp(order[at], said(&p, "state")) != 0) at++;
    CHECK(at < COUNT(order)), CHECK(number(&p, "seq") >= seq), CHECK(number(&p, "step") >= step);
    CHECK(number(&p, "step") <= number(&p, "steps"));
    seq = number(&p, "seq"), step = number(&p, "step");
  }
  CHECK_STR(said(&p, "state"), "passed"), CHECK_INT(seq, number(&p, "steps") + 3);
  plant_close(&p);
}

TEST(sim_factory_what_is_urgent_begins_sooner)
{
  struct plant p;
  if (!plant_open(&p, SIM_FAULT_QC_FAILURES, 0)) return;
  tell(&p, "/work-orders", MAKE("w_1", "")), tell(&p, "/work-orders", MAKE("w_2", ",\"priority\":1"));
  pass(&p, HOUR / 9); /* an urgent one waits for a tenth of the hour at most, others for a seventh at least */
  tell_of(&p, "ask", "w_1"), CHECK_STR(said(&p, "state"), "accepted");
  tell_of(&p, "ask", "w_2"), CHECK_STR(said(&p, "state"), "started");
  plant_close(&p);
}

TEST(sim_factory_stops_when_it_may)
{
  static const struct {
    int64_t after_ms;
    bool goes_on;
    const char *cancel, *state, *in_the_end;
  } table[] = {
    { 0, true, "", "cancelled", "cancelled" }, /* not begun: nobody is asked */
    { HOUR / 3, false, "asked", "", "cancelled" },
    { HOUR / 3, true, "asked", "", "passed" },
    { 2 * HOUR, false, "refused", "", "passed" },
  };
  for (size_t i = 0; i < COUNT(table); i++) {
    struct plant p;
    if (!plant_open(&p, SIM_FAULT_CANCEL_REFUSALS, table[i].goes_on ? SIM_MILLION : 0)) return;
    test_note("row %zu", i);
    tell(&p, "/work-orders", MAKE("w_1", ""));
    pass(&p, table[i].after_ms);
    CHECK_INT(tell_of(&p, "cancel", "w_1"), 200);
    CHECK_STR(said(&p, "cancel"), table[i].cancel), CHECK_STR(said(&p, "state"), table[i].state);
    CHECK_INT(tell_of(&p, "cancel", "w_1"), 200); /* asked twice is asked once */
    pass(&p, HOUR / 5);
    tell_of(&p, "cancel", "w_1");
    CHECK_STR(said(&p, "cancel"), strcmp(table[i].in_the_end, "passed") ? "" : "refused");
    pass(&p, 3 * HOUR);
    tell_of(&p, "ask", "w_1");
    CHECK_STR(said(&p, "state"), table[i].in_the_end);
    plant_close(&p);
  }
}

TEST(sim_factory_fails_as_it_is_told)
{
  struct plant p;
  if (!plant_open(&p, SIM_FAULT_QC_FAILURES, SIM_MILLION)) return;
  tell(&p, "/work-orders", MAKE("w_1", ""));
  pass(&p, 3 * HOUR);
  tell_of(&p, "ask", "w_1");
  CHECK_STR(said(&p, "state"), "failed");
  plant_close(&p);
  if (!plant_open(&p, SIM_FAULT_MES_REFUSALS, SIM_MILLION)) return;
  CHECK_INT(tell(&p, "/work-orders", MAKE("w_1", "")), 422), CHECK_STR(said(&p, "code"), "no_capacity");
  CHECK_INT((int)p.f->n, 0);
  plant_close(&p);
  if (!plant_open(&p, SIM_FAULT_TIMEOUTS, SIM_MILLION)) return;
  tell(&p, "/work-orders", MAKE("w_1", ""));
  CHECK(p.said.lost), CHECK_INT((int)p.f->n, 1);
  plant_close(&p);
  if (!plant_open(&p, SIM_FAULT_ERRORS, SIM_MILLION)) return;
  CHECK(tell(&p, "/work-orders", MAKE("w_1", "")) >= 500), CHECK_INT((int)p.f->n, 0);
  plant_close(&p);
}
