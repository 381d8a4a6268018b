/* Webhooks: what an address may be, what is signed, what an answer means; and which addresses are public. */
#include "edge.h"
#include "test.h"
#include <arpa/inet.h>

TEST(webhook_addresses_are_http_and_plain)
{
  static const struct {
    const char *url, *host; /* host NULL: refused */
  } rows[] = {
    { "https://erp.example/in", "erp.example" },
    { "http://ERP.Example:8080/in?x=1", "erp.example" },
    { "https://203.0.113.9/", "203.0.113.9" },
    { "https://[2001:db8::1]:443/in", "[2001:db8::1]" },
    { "https://xn--fiqs8s.example", "xn--fiqs8s.example" },
    { "ftp://erp.example/", NULL },
    { "file:///etc/passwd", NULL },
    { "gopher://erp.example/", NULL },
    { "erp.example/in", NULL },
    { "https://", NULL },
    { "https:///in", NULL },
    { "https://good.example@evil.example/", NULL },
    { "https://user:secret@erp.example/", NULL },
    { "https://erp.example\\@evil.example/", NULL },
    { "https://erp.example/in\r\nX: 1", NULL },
    { "https://erp.example/in\nX: 1", NULL },
    { "https://erp.example/a b", NULL },
    { "https://erp.example/\xc3\xa9", NULL },
    { "https://erp.example/in#here", NULL },
    { "https://erp.example:0/", NULL },
    { "https://erp.example:65536/", NULL },
    { "https://erp.example:80x/", NULL },
    { "https://erp.example:/", NULL },
    { "http://2130706433/", NULL },
    { "http://0x7f000001/", NULL },
    { "http://0x7f.0.0.1/", NULL },
    { "http://017700000001/", NULL },
    { "http://0177.0.0.1/", NULL },
    { "http://127.1/", NULL },
    { "http://127.0.0.1.5/", NULL },
    { "http://300.1.1.1/", NULL },
    { "http://[::1/", NULL },
    { "http://[fe80::1%25eth0]/", NULL },
    { "http://-erp.example/", NULL },
    { "http://.example/", NULL },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(rows); i++) {
    const char *host = NULL, *fault = webhook_url_fault(&a, rows[i].url, &host);
    test_note("%s", rows[i].url);
    CHECK((fault == NULL) == (rows[i].host != NULL));
    if (rows[i].host && !fault) CHECK_STR(host, rows[i].host);
  }
  char *text = arena_printf(&a, "https://%0254d.example/", 7);
  const char *host = NULL;
  test_note("%s", "a host of 262 bytes");
  CHECK(webhook_url_fault(&a, text, &host) != NULL); /* resolvers cut such names */
  test_note("%s", "");
  arena_release(&a);
}

TEST(webhooks_want_events_by_pattern)
{
  static const struct {
    const char *events, *event;
    bool wants;
  } rows[] = {
    { "*", "order.created", true },          { "order.*", "order.created", true },
    { "order.*", "orders.created", false },  { "order.*", "group.locked", false },
    { "order.status", "order.status", true }, { "order.status", "order.statuses", false },
    { "claim.*, order.status", "order.status", true }, { "claim.*\nbacklog.alarm", "backlog.alarm", true },
    { "order.stat", "order.status", false },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct webhook h = { .events = rows[i].events };
    test_note("%s of %s", rows[i].event, rows[i].events);
    CHECK_INT(webhook_wants(&h, rows[i].event), rows[i].wants);
  }
  test_note("%s", "");
}

/* ---- configuration --------------------------------------------------------------------------------------------------- */
static const char *load(struct arena *a, const char *text, struct rules *r)
{
  struct conf *c = arena_new(a, struct conf);
  const char *why = NULL;
  if (!conf_parse(a, text, strlen(text), c, &why) || !rules_load(a, c, r, &why)) return why;
  return webhooks_check(a, c, test_dir(), r, &why) ? NULL : why;
}

TEST(webhooks_are_refused_at_start_with_their_line)
{
#define SECRET "secret = 0123456789abcdef01234567\n"
  static const struct {
    const char *conf, *says; /* NULL: taken */
  } rows[] = {
    { "[webhook a]\nurl = https://a.example/\n" SECRET, NULL },
    { "[webhook a]\nurl = https://a.example/\nsecret = whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3\n", NULL },
    { "[webhook a]\nurl = https://a.example/\nsecret = 0123456789abcdef0123456\n", "23 bytes" },
    { "[webhook a]\nurl = https://a.example/\nsecret = whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY\n", "23 bytes" },
    { "[webhook a]\nurl = https://a.example/\nsecret = whsec_?*!\n", "base64" },
    { "[webhook a]\nurl = https://a.example/\n", "has no secret" },
    { "[webhook a]\nurl = https://a.example/\nsecret_file = nowhere\n", "nowhere" },
    { "[webhook a]\nurl = https://a.example/\nsecret_env = ORDERD_TEST_NOTHING\n", "no such name" },
    { "[webhook a]\nurl = https://a.example/\n" SECRET "secret_env = HOME\n", "twice" },
    { "[webhook a]\n" SECRET, "has no url" },
    { "[webhook a]\nurl = http://good@evil.example/\n" SECRET, "names a user" },
    { "[webhook a]\nurl = https://a.example/\nevents = Order\n" SECRET, "names of events" },
    { "[webhook a]\nurl = https://a.example/\nevents = ord*\n" SECRET, "names of events" },
    { "[webhook a]\nurl = https://a.example/\nat_once = 17\n" SECRET, "1 to 16" },
    { "[webhook A!]\nurl = https://a.example/\n" SECRET, "name" },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct arena a = { 0 };
    struct rules *r = arena_new(&a, struct rules);
    const char *why = load(&a, rows[i].conf, r);
    test_note("%s", rows[i].conf);
    CHECK((why == NULL) == (rows[i].says == NULL));
    if (rows[i].says) CHECK(why && strstr(why, rows[i].says));
    if (why) CHECK(!strstr(why, "0123456789abcdef"));
    arena_release(&a);
  }
  test_note("%s", "");
}

TEST(only_hosts_that_are_named_may_be_private)
{
  struct arena a = { 0 };
  struct rules *r = arena_new(&a, struct rules);
  CHECK(!load(&a, "[outbox]\nallow = erp.local, 10.0.0.7\n[webhook a]\nurl = http://erp.local:8080/\n" SECRET
                  "[webhook b]\nurl = http://erp.local.example/\n" SECRET "[webhook c]\nurl = http://10.0.0.7/\n" SECRET, r));
  CHECK(rules_webhook(r, "a")->may_be_private), CHECK(!rules_webhook(r, "b")->may_be_private);
  CHECK(rules_webhook(r, "c")->may_be_private), CHECK(!rules_webhook(r, "d"));
  CHECK_INT(rules_webhook(r, "a")->timeout_ms, 30000), CHECK_INT(rules_webhook(r, "a")->at_once, 4);
  arena_release(&a);
}

/* ---- the call and its answer ---------------------------------------------------------------------------------------------- */
TEST(webhook_signature_is_that_of_standard_webhooks)
{
  struct arena a = { 0 };
  struct buf key = { 0 };
  static const char code[] = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"; /* the vector that the standard publishes */
  CHECK(base64_get(&key, code, sizeof code - 1));
  char *s = webhook_signature(&a, key.data, key.len, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}", 20);
  CHECK_STR(s, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  buf_release(&key), arena_release(&a);
}

TEST(webhook_answers_mean_what_they_say)
{
  static const struct {
    int status, head;
    bool is_private, is_late;
    const char *after, *date, *code;
    enum outcome_kind kind;
    int64_t after_ms;
    bool destination;
  } rows[] = {
    { .status = 200, .kind = OUTCOME_ACCEPTED },
    { .status = 204, .kind = OUTCOME_ACCEPTED },
    { .head = 200, .kind = OUTCOME_ACCEPTED }, /* an endless body after a yes is a yes */
    { .head = 500, .code = "http_500", .kind = OUTCOME_RETRY, .destination = true },
    { .status = 301, .code = "http_301", .kind = OUTCOME_RETRY, .destination = true },
    { .status = 400, .code = "http_400", .kind = OUTCOME_RETRY },
    { .status = 404, .code = "http_404", .kind = OUTCOME_RETRY, .destination = true },
    { .status = 410, .code = "http_410", .kind = OUTCOME_REFUSED },
    { .status = 429, .after = "7", .code = "http_429", .kind = OUTCOME_RETRY, .after_ms = 7000, .destination = true },
    { .status = 503, .after = "99999999999999999999", .code = "http_503", .kind = OUTCOME_RETRY, .after_ms = 9999999000, .destination = true },
    { .status = 503, .after = "-5", .code = "http_503", .kind = OUTCOME_RETRY, .destination = true },
    { .status = 503, .after = "soon", .code = "http_503", .kind = OUTCOME_RETRY, .destination = true },
    { .status = 503, .after = "Sun, 22 Nov 2026 10:00:30 GMT", .date = "Sun, 22 Nov 2026 10:00:00 GMT", .code = "http_503", .kind = OUTCOME_RETRY,
      .after_ms = 30000, .destination = true },
    { .status = 500, .after = "7", .code = "http_500", .kind = OUTCOME_RETRY, .destination = true },
    { .is_late = true, .code = "timeout", .kind = OUTCOME_RETRY, .destination = true },
    { .is_private = true, .code = "private_address", .kind = OUTCOME_RETRY, .destination = true },
    { .code = "no_answer", .kind = OUTCOME_RETRY, .destination = true },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct http_field field = { "retry-after", rows[i].after };
    struct fetch f = { .status = rows[i].status, .head_status = rows[i].head, .is_private = rows[i].is_private, .is_late = rows[i].is_late,
                       .field = &field, .fields = rows[i].after ? 1 : 0, .why = "why" };
    struct effect_outcome o;
    if (rows[i].date) CHECK(http_date_read(rows[i].date, &f.date_ms));
    test_note("row %zu", i);
    webhook_outcome(&f, 1, &o);
    CHECK_INT(o.kind, rows[i].kind), CHECK_INT(o.retry_after_ms, rows[i].after_ms), CHECK_INT(o.destination, rows[i].destination);
    CHECK_STR(o.code ? o.code : "", rows[i].code ? rows[i].code : "");
    arena_release(&f.mem);
  }
  test_note("%s", "");
}

/* ---- addresses --------------------------------------------------------------------------------------------------------------- */
TEST(public_addresses_are_told_from_those_that_only_we_reach)
{
  static const struct {
    const char *address;
    bool is_public;
  } rows[] = {
    { "8.8.8.8", true },         { "1.1.1.1", true },          { "172.15.255.255", true }, { "172.32.0.0", true },
    { "100.63.255.255", true },  { "100.128.0.0", true },      { "223.255.255.255", true }, { "192.0.1.1", true },
    { "0.0.0.0", false },        { "0.1.2.3", false },         { "10.0.0.1", false },      { "100.64.0.1", false },
    { "100.127.255.255", false }, { "127.0.0.1", false },      { "127.255.255.255", false }, { "169.254.169.254", false },
    { "172.16.0.1", false },     { "172.31.255.255", false },  { "192.0.0.8", false },     { "192.168.1.1", false },
    { "198.18.0.1", false },     { "198.19.255.255", false },  { "224.0.0.1", false },     { "255.255.255.255", false },
    { "2606:4700:4700::1111", true }, { "2400:3200::1", true }, { "::1", false },          { "::", false },
    { "::ffff:10.0.0.1", false }, { "::ffff:127.0.0.1", false }, { "::ffff:8.8.8.8", true }, { "::7f00:1", false },
    { "64:ff9b::a00:1", false }, { "64:ff9b::808:808", true }, { "2002:7f00:1::", false }, { "2002:808:808::", true },
    { "2001::1", false },        { "2001:db8::1", false },     { "fc00::1", false },       { "fd12:3456::1", false },
    { "fe80::1", false },        { "ff02::1", false },         { "fec0::1", false },       { "3fff::1", false },
    { "64:ff9b:1::1", false },   { "100::1", false },          { "not an address", false }, { "", false },
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    test_note("%s", rows[i].address);
    CHECK_INT(addr_text_is_public(rows[i].address), rows[i].is_public);
    if (inet_pton(AF_INET, rows[i].address, &v4.sin_addr) == 1)
      CHECK_INT(addr_is_public((struct sockaddr *)&v4), rows[i].is_public);
    if (inet_pton(AF_INET6, rows[i].address, &v6.sin6_addr) == 1)
      CHECK_INT(addr_is_public((struct sockaddr *)&v6), rows[i].is_public);
  }
  const struct sockaddr unix_ = { .sa_family = AF_UNIX };
  CHECK(!addr_is_public(&unix_));
  test_note("%s", "");
}
