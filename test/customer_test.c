/* Customers are told of their parcels: who wants it, once, by day. */
#include "lib/shop.h"
#include "test.h"
#include <stdio.h>

#define MINUTE 60000ll
#define HOUR (60 * MINUTE)
static const char CONF[] =
  "[messenger sms]\nconnector = sms\n[calendar]\nzone = +08:00\n[customers shipped]\nto = sms\n"
  "template = SMS_1\ntemplate_en = SMS_2\n[customers delayed]\nto = sms\n[merge]\nwindow = 1h\n"
  "[channel quiet]\nfamily = quiet\ncontact = no\n[channel open]\nfamily = open\ncontact = yes\n"
  "[stage pre_ship]\nremind = 1h\nescalate = 2h\n";

struct desk {
  struct shop s;
  int orders;
};

static void nothing(struct job *j)
{
  (void)j;
}

static struct cmd *own(struct shop *s, enum cmd_id id, const void *args)
{
  static const struct actor self = { .name = "orderd" };
  struct cmd *c = cmd_new(id, &s->env.env, &s->rules, &self);
  c->args = args, c->job.done = nothing;
  must(writer_push(s->writer, &c->job));
  writer_collect(s->writer);
  CHECK_INT(c->job.err, ERR_OK);
  return c;
}

static void at(struct desk *d, const char *text)
{
  CHECK(time_parse(text, &d->s.env.now_ms));
}

static bool open_desk(struct desk *d)
{
  static int n;
  char path[256];
  memset(d, 0, sizeof *d);
  snprintf(path, sizeof path, "%s/customer-%d.db", test_dir(), ++n);
  if (!CHECK(shop_open(&d->s, path, CONF))) return false;
  at(d, "2026-11-11T10:00:00+08:00");
  CHECK_INT(shop_do(&d->s, "warehouse.put", NULL, "{\"code\":\"HZ\"}"), ERR_OK);
  CHECK_INT(shop_do(&d->s, "sku.put", NULL, "{\"code\":\"A\"}"), ERR_OK);
  CHECK_INT(shop_do(&d->s, "stock.adjust", NULL,
                    "{\"sku\":\"A\",\"warehouse\":\"HZ\",\"delta\":500,\"reason\":\"received\"}"),
            ERR_OK);
  return true;
}

/* A paid order in a parcel of its own with a number; "more" is merged into it. */
static void parcel(struct desk *d, const char *more)
{
  struct arena a = { 0 };
  int n = ++d->orders;
  struct faults f = { .mem = &a };
  const char *over = arena_printf(
    &a, "{\"external_id\":\"E-%d\",\"lines\":[{\"line_id\":\"1\",\"sku\":\"A\",\"quantity\":1}]%s%s}", n,
    *more ? "," : "", more);
  must(json_parse(&a, over, strlen(over), JSON_ELEMENTS_MAX, &f));
  CHECK_INT(shop_do(&d->s, "order.ingest", NULL, shop_order(&a, over)), ERR_OK);
  CHECK_INT(shop_do(&d->s, "order.move", id_text(&a, 'o', n), "{\"to\":\"split\"}"), ERR_OK);
  CHECK_INT(shop_do(&d->s, "fulfilment.claim", id_text(&a, 'f', n),
                    arena_printf(&a, "{\"carrier\":\"SF\",\"tracking_no\":\"SF%06d\"}", n)),
            ERR_OK);
  arena_release(&a);
}

static void trace(struct desk *d, int n, const char *status)
{
  struct arena a = { 0 };
  shop_do(&d->s, "parcel.trace", NULL,
          arena_printf(&a, "{\"tracking_no\":\"SF%06d\",\"status\":\"%s\"}", n, status));
  arena_release(&a);
}

/* What goes out now, "phone template text" by lines. */
static const char *letters(struct desk *d, enum outcome_kind how)
{
  static char out[8192];
  struct effects_take t = { .destination = "messenger:sms",
                            .max = 32,
                            .ask_again_at = d->s.env.now_ms + HOUR };
  out[0] = 0;
  struct cmd *c = own(&d->s, CMD_EFFECTS_TAKE, &t);
  for (size_t i = 0; i < t.n; i++) {
    struct faults f = { .mem = &c->mem };
    const char *data = t.list[i].effect.data;
    const struct json *j = json_parse(&c->mem, data, strlen(data), JSON_ELEMENTS_MAX, &f);
    size_t at = strlen(out);
    CHECK(!t.list[i].effect.safe);
    snprintf(out + at, sizeof out - at, "%s%s %s %s\n", t.list[i].ask ? "? " : "",
             json_string(json_first(json_get(j, "to"))) ? json_string(json_first(json_get(j, "to"))) : "",
             json_string(json_get(j, "template")) ? json_string(json_get(j, "template")) : "",
             json_string(json_get(j, "text")) ? json_string(json_get(j, "text")) : "");
    const struct effect_settle e = {
      .id = t.list[i].effect.id, .outcome = { .kind = how }, .asked = t.list[i].ask, .random = 1
    };
    cmd_free(own(&d->s, CMD_EFFECT_SETTLE, &e));
  }
  cmd_free(c);
  return out;
}

#define WANTS "\"flags\":[\"consent_sms\"]"

TEST(customers_who_want_it_are_told_once)
{
  static const char SAYS[] = "+8613800001111 SMS_1 您的订单 E-1 已由 SF 发出，运单号 SF000001。\n";
  struct desk d;
  if (!open_desk(&d)) return;
  parcel(&d, WANTS);
  CHECK_STR(letters(&d, OUTCOME_ACCEPTED), "");
  trace(&d, 1, "picked_up");
  CHECK_STR(letters(&d, OUTCOME_RETRY), SAYS);
  d.s.env.now_ms += HOUR;
  CHECK_STR(letters(&d, OUTCOME_UNKNOWN), SAYS);
  d.s.env.now_ms += HOUR;
  CHECK_STR(letters(&d, OUTCOME_UNKNOWN), "?   \n"); /* asked, not sent */
  d.s.env.now_ms += 2 * HOUR;
  CHECK_STR(letters(&d, OUTCOME_ACCEPTED), "?   \n");
  trace(&d, 1, "picked_up"), trace(&d, 1, "in_transit"), trace(&d, 1, "delivered");
  d.s.env.now_ms += HOUR;
  CHECK_STR(letters(&d, OUTCOME_ACCEPTED), "");
  shop_close(&d.s);
}

TEST(customers_who_cannot_or_must_not_be_written_to_are_not)
{
  static const struct {
    const char *order, *to; /* NULL: nobody */
  } cases[] = {
    { "", NULL },
    { "\"flags\":[]", NULL },
    { WANTS, "+8613800001111 SMS_1 " },
    { "\"channel\":\"open\"", "+8613800001111 SMS_1 " },
    { "\"channel\":\"quiet\"," WANTS, NULL },
    { WANTS ",\"receiver\":{\"phone\":\"138****1111\"}", NULL },
    { WANTS ",\"receiver\":{\"phone\":\"18400913965-7576\"}", NULL },
    { WANTS ",\"receiver\":{\"phone\":\"13800002222转7576\"}", NULL },
    { WANTS ",\"receiver\":{\"phone\":\"0571-88880000\"}", NULL },
    { WANTS ",\"receiver\":{\"phone\":null}", NULL },
    { WANTS ",\"receiver\":{\"phone\":\"+86 138 0000 3333\"}", "+8613800003333 SMS_1 " },
    { WANTS ",\"receiver\":{\"phone\":\"+65 8123 4567\",\"country\":\"SG\"}",
      "+6581234567 SMS_2 Your order" },
    { WANTS ",\"receiver\":{\"phone\":\"8123 4567\",\"country\":\"SG\"}", NULL },
    { WANTS ",\"receiver\":{\"phone\":\"+852 5123 4567\",\"country\":\"HK\"}", "+85251234567 SMS_1 " },
  };
  struct desk d;
  if (!open_desk(&d)) return;
  for (size_t i = 0; i < COUNT(cases); i++) {
    d.s.env.now_ms += 2 * MINUTE;
    parcel(&d, cases[i].order);
    trace(&d, (int)i + 1, "picked_up");
    const char *said = letters(&d, OUTCOME_ACCEPTED);
    if (!CHECK(cases[i].to ? !strncmp(said, cases[i].to, strlen(cases[i].to)) : !*said))
      test_note("%s: %s", cases[i].order, said);
  }
  shop_close(&d.s);
}

TEST(customers_are_not_written_to_at_night)
{
  struct desk d;
  if (!open_desk(&d)) return;
  at(&d, "2026-11-11T20:30:00+08:00");
  parcel(&d, WANTS), parcel(&d, WANTS ",\"receiver\":{\"phone\":\"13800002222\"}"), parcel(&d, WANTS);
  at(&d, "2026-11-11T20:59:00+08:00");
  trace(&d, 1, "picked_up");
  CHECK(strstr(letters(&d, OUTCOME_RETRY), "E-1"));
  at(&d, "2026-11-11T21:00:00+08:00");
  trace(&d, 2, "picked_up"), trace(&d, 3, "picked_up");
  for (int i = 0; i < 12; i++, d.s.env.now_ms += HOUR)
    CHECK_STR(letters(&d, OUTCOME_ACCEPTED), ""); /* also what was tried */
  at(&d, "2026-11-12T09:00:00+08:00");
  const char *said = letters(&d, OUTCOME_ACCEPTED);
  CHECK(!strstr(said, "E-1") && strstr(said, "E-2") &&
        strstr(said, "E-3")); /* one number takes one a minute */
  d.s.env.now_ms += 59000;
  CHECK_STR(letters(&d, OUTCOME_ACCEPTED), "");
  d.s.env.now_ms += 1000;
  CHECK(strstr(letters(&d, OUTCOME_ACCEPTED), "E-1"));
  shop_close(&d.s);
}

TEST(customers_are_not_told_what_is_not_so_any_more)
{
  struct desk d;
  if (!open_desk(&d)) return;
  at(&d, "2026-11-11T22:00:00+08:00");
  parcel(&d, WANTS);
  trace(&d, 1, "picked_up");
  at(&d, "2026-11-14T10:00:00+08:00"); /* it was down for days */
  CHECK_STR(letters(&d, OUTCOME_ACCEPTED), "");
  parcel(&d, WANTS);
  d.s.env.now_ms += 25 * HOUR;
  cmd_free(own(&d.s, CMD_TIMERS_FIRE, NULL));
  trace(&d, 2, "picked_up"); /* late, and on its way before anybody was told that it is late */
  const char *said = letters(&d, OUTCOME_ACCEPTED);
  CHECK(strstr(said, "运单号 SF000002") && !strstr(said, "抱歉"));
  parcel(&d, WANTS);
  d.s.env.now_ms += 25 * HOUR - 30 * MINUTE;
  cmd_free(own(&d.s, CMD_TIMERS_FIRE, NULL));
  CHECK(strstr(letters(&d, OUTCOME_ACCEPTED), "抱歉，您的订单 E-3"));
  d.s.env.now_ms += 30 * HOUR;
  cmd_free(own(&d.s, CMD_TIMERS_FIRE, NULL));
  CHECK_STR(letters(&d, OUTCOME_ACCEPTED), "");
  shop_close(&d.s);
}

TEST(customers_hear_once_that_it_is_late)
{
  struct desk d;
  if (!open_desk(&d)) return;
  parcel(&d, WANTS ",\"ship_by\":\"2026-11-11T11:00:00+08:00\""), parcel(&d, WANTS);
  d.s.env.now_ms += 3 * HOUR; /* the stage is overdue, and so is the first one's date */
  cmd_free(own(&d.s, CMD_TIMERS_FIRE, NULL));
  const char *said = letters(&d, OUTCOME_ACCEPTED);
  CHECK(strstr(said, "抱歉，您的订单 E-1") && !strstr(said, "E-2"));
  d.s.env.now_ms += 22 * HOUR; /* the carrier did not come for either */
  cmd_free(own(&d.s, CMD_TIMERS_FIRE, NULL));
  said = letters(&d, OUTCOME_ACCEPTED);
  CHECK(!strstr(said, "E-1") && strstr(said, "抱歉，您的订单 E-2"));
  d.s.env.now_ms += HOUR;
  trace(&d, 1, "picked_up");
  CHECK(strstr(letters(&d, OUTCOME_ACCEPTED), "运单号 SF000001"));
  shop_close(&d.s);
}

TEST(customers_configured_wrong_are_refused)
{
  static const struct {
    const char *conf, *why;
  } cases[] = {
    { "[messenger m]\nconnector = x\n[customers shipped]\nto = m\n", NULL },
    { "[customers shipped]\nto = m\n", "there is no section [messenger m]" },
    { "[messenger m]\nconnector = x\n[customers born]\nto = m\n",
      "customers are told of shipped and delayed" },
    { "[messenger m]\nconnector = x\n[customers shipped]\nto = m\nquiet = always\n",
      "quiet cannot be understood" },
    { "[messenger m]\nconnector = x\n[customers shipped]\nto = m\ncolour = red\n", "has no key colour" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct arena a = { 0 };
    struct conf c;
    const char *why = NULL;
    CHECK(conf_parse(&a, cases[i].conf, strlen(cases[i].conf), &c, &why));
    why = customer_fault(&a, &c);
    if (!CHECK(cases[i].why ? why && strstr(why, cases[i].why) : !why))
      test_note("%s: %s", cases[i].conf, why ? why : "");
    arena_release(&a);
  }
}
