/* webhook.c: what a webhook's call looks like, and what its answer means. Headers and signature as Standard Webhooks has
 * them, so that receivers find a library:
 *
 *   webhook-id: e_12_4f9a0c771b2d        the same at every try: receivers keep it, and do nothing twice
 *   webhook-timestamp: 1797000000        of this try
 *   webhook-signature: v1,BASE64(HMAC-SHA256(secret, "id.timestamp.body")) */
#include "edge.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SECRET_FILE_MAX 8192
#define SECRET_PREFIX "whsec_"

/* ---- secrets ---------------------------------------------------------------------------------------------------- */
static bool fail(struct arena *a, const char **why, const struct conf_entry *e, const char *text)
{
  *why = arena_printf(a, "line %d: [%s] %s: %s", e->line, e->section, e->key, text);
  return false;
}

static const char *value_of(struct arena *a, const struct conf_entry *e, const char *data, const char **why)
{
  if (!strcmp(e->key, "secret")) return e->value;
  if (!strcmp(e->key, "secret_env")) {
    const char *v = getenv(e->value);
    if (!v) fail(a, why, e, "the environment has no such name");
    return v;
  }
  size_t n;
  const char *path = *e->value == '/' ? e->value : arena_printf(a, "%s/%s", data, e->value);
  char *text = file_read(a, path, SECRET_FILE_MAX, &n);
  if (!text) fail(a, why, e, arena_printf(a, "%s: %s", e->value, strerror(errno)));
  while (text && n && strchr(" \t\r\n", text[n - 1])) text[--n] = 0;
  return text;
}

/* Bytes as they stand, or base64 behind whsec_, as receivers' libraries want them. */
static bool secret_take(struct arena *a, struct webhook *h, const struct conf_entry *e, const char *value,
                        const char **why)
{
  struct buf b = { 0 };
  size_t skip = strlen(SECRET_PREFIX);
  bool coded = !strncmp(value, SECRET_PREFIX, skip);
  bool ok = !coded || base64_get(&b, value + skip, strlen(value) - skip);
  if (!coded) buf_str(&b, value);
  h->secret = arena_strn(a, b.data ? b.data : "", b.len), h->secret_n = b.len;
  buf_release(&b);
  if (!ok) return fail(a, why, e, "what stands behind whsec_ is not base64");
  for (const char *p = value; *p; p++)
    if (*p < '!' || *p > '~')
      return fail(a, why, e, "a secret is made of visible ASCII characters, on one line");
  if (h->secret_n >= WEBHOOK_SECRET_LEAST) return true;
  return fail(a, why, e,
              arena_printf(a, "%zu bytes are too few for a secret; it has %d at least", h->secret_n,
                           WEBHOOK_SECRET_LEAST));
}

static bool is_secret(const char *key)
{
  return !strcmp(key, "secret") || !strcmp(key, "secret_file") || !strcmp(key, "secret_env");
}

bool webhooks_check(struct arena *a, const struct conf *conf, const char *data, struct rules *r,
                    const char **why)
{
  for (size_t i = 0; conf && i < conf->n; i++) {
    const struct conf_entry *e = &conf->at[i];
    if (strncmp(e->section, "webhook ", 8) != 0 || !is_secret(e->key)) continue;
    struct webhook *h = (struct webhook *)(uintptr_t)rules_webhook(r, e->section + 8);
    must(h);
    if (h->secret) return fail(a, why, e, "its secret is given twice");
    const char *value = value_of(a, e, data, why);
    if (!value || !secret_take(a, h, e, value, why)) return false;
  }
  for (size_t i = 0; i < r->webhooks; i++) {
    if (r->webhook[i].secret) continue;
    *why = arena_printf(a, "[webhook %s] has no secret: give secret_file", r->webhook[i].name);
    return false;
  }
  return true;
}

/* ---- the call ------------------------------------------------------------------------------------------------------ */
char *webhook_signature(struct arena *a, const void *secret, size_t secret_n, const char *id,
                        int64_t timestamp, const char *body, size_t n)
{
  unsigned char mac[SHA256_LEN];
  struct buf text = { 0 }, out = { 0 };
  buf_printf(&text, "%s.%lld.", id, (long long)timestamp), buf_put(&text, body, n);
  hmac_sha256(secret, secret_n, text.data, text.len, mac);
  buf_str(&out, "v1,"), base64_put(&out, mac, sizeof mac);
  char *signature = arena_strn(a, out.data, out.len);
  buf_release(&text), buf_release(&out);
  return signature;
}

void webhook_request(struct fetch *f, const struct webhook *h, const char *id, const char *body, size_t n,
                     int64_t now_ms)
{
  struct arena *a = &f->mem;
  struct http_field *header = arena_array(a, struct http_field, 3);
  int64_t seconds = now_ms / 1000;
  header[0] = (struct http_field){ "webhook-id", arena_str(a, id) };
  header[1] = (struct http_field){ "webhook-timestamp", arena_printf(a, "%lld", (long long)seconds) };
  header[2] = (struct http_field){ "webhook-signature",
                                   webhook_signature(a, h->secret, h->secret_n, id, seconds, body, n) };
  f->method = "POST", f->url = arena_str(a, h->url), f->content_type = "application/json";
  f->header = header, f->headers = 3;
  f->body = arena_strn(a, body, n), f->body_n = n;
  f->timeout_ms = h->timeout_ms, f->answer_max = DELIVER_ANSWER_MAX;
  f->public_only = !h->may_be_private;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------ */
static const char *field(const struct fetch *f, const char *name)
{
  for (size_t i = 0; i < f->fields; i++)
    if (!strcmp(f->field[i].name, name)) return f->field[i].value;
  return NULL;
}

/* Seconds; a moment counts from the Date of the same answer, whose clock it was made by. */
static int64_t retry_after(const struct fetch *f, int64_t now_ms)
{
  const char *text = field(f, "retry-after");
  size_t digits = text ? strspn(text, "0123456789") : 0;
  if (!text || !*text) return 0;
  if (!text[digits]) {
    int64_t s = 0;
    for (size_t i = 0; i < digits && s < 1000000; i++) s = s * 10 + (text[i] - '0');
    return s * 1000;
  }
  int64_t at, from = f->date_ms ? f->date_ms : now_ms;
  return http_date_read(text, &at) && at > from ? at - from : 0;
}

/* An answer about this one event; all others are about the receiver. */
static bool is_about_event(int status)
{
  return status == 400 || status == 409 || status == 413 || status == 415 || status == 422;
}

static void answered(struct fetch *f, int status, int64_t now_ms, struct effect_outcome *out)
{
  out->code = arena_printf(&f->mem, "http_%d", status);
  if (status / 100 == 2) {
    *out = (struct effect_outcome){ .kind = OUTCOME_ACCEPTED };
    return;
  }
  out->kind = OUTCOME_RETRY;
  if (status == 410) {
    out->kind = OUTCOME_REFUSED, out->destination = false;
    out->message = "The receiver says that it is gone for good";
    return;
  }
  out->destination = !is_about_event(status);
  out->message = status / 100 == 3 ? "It answered with a redirect, which is not followed"
                                   : arena_printf(&f->mem, "It answered %d", status);
  if (status == 429 || status == 503) out->retry_after_ms = retry_after(f, now_ms);
}

void webhook_outcome(struct fetch *f, int64_t now_ms, struct effect_outcome *out)
{
  *out = (struct effect_outcome){ .kind = OUTCOME_RETRY, .destination = true };
  /* The head decides: whoever said 2xx has the event, however his body goes on. */
  if (f->status || f->head_status) {
    answered(f, f->status ? f->status : f->head_status, now_ms, out);
    return;
  }
  out->code = f->is_private ? "private_address" : f->is_late ? "timeout" : "no_answer";
  out->message = f->why;
}
