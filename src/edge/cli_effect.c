/* cli_effect.c: effects that could not be made, from the command line. */
#include "edge.h"
#include <stdio.h>

/* The answer's "retried" and "left"; false: said why. */
static bool retry_step(struct cli *c, const struct buf *body, int64_t *retried, int64_t *skipped, bool *left,
                       int *status)
{
  struct httpc_answer answer;
  struct faults f = { .mem = &c->mem };
  int64_t n = 0, skip = 0;
  int http = cli_call(c, "POST", "/v1/effects/retry", body->data, body->len, NULL, &answer);
  *status = EXIT_FAILED;
  if (http < 0) return false;
  if (http / 100 != 2) {
    *status = cli_refused(c, &answer);
    return false;
  }
  const struct json *j = json_parse(&c->mem, answer.body, answer.body_n, JSON_ELEMENTS_MAX, &f);
  if (!j || !json_int(json_get(j, "retried"), &n) || !json_int(json_get(j, "skipped"), &skip)) {
    *status = cli_fail(c, "the answer cannot be understood");
    return false;
  }
  *retried += n, *skipped = skip, *left = json_bool(json_get(j, "left"));
  return true;
}

static int retry_all(struct cli *c)
{
  static const char *const keys[] = { "destination", "kind" };
  struct buf body = { 0 };
  struct jw w;
  int64_t retried = 0, skipped = 0;
  bool left = true;
  int status = EXIT_DONE;
  jw_init(&w, &body), jw_object(&w);
  for (size_t i = 0; i < COUNT(keys); i++)
    if (cli_option(c, keys[i])) jw_kstring(&w, keys[i], cli_option(c, keys[i]));
  jw_object_end(&w);
  while (left && retry_step(c, &body, &retried, &skipped, &left, &status)) status = EXIT_DONE;
  buf_release(&body);
  if (status != EXIT_DONE) return status;
  if (c->json) printf("{\"retried\":%lld,\"skipped\":%lld}\n", (long long)retried, (long long)skipped);
  else printf("%lld dead effects wait to be made again\n", (long long)retried);
  if (skipped) cli_say(c, "%lld tell labels that are void: drop them", (long long)skipped);
  return EXIT_DONE;
}

int cli_effect_retry(struct cli *c)
{
  bool many = cli_option(c, "all") || cli_option(c, "destination") || cli_option(c, "kind");
  if (many == (c->args == 1))
    return cli_wrong(c, "name one effect, or say --all, --destination NAME or --kind KIND");
  if (!cli_has_data(c)) return EXIT_FAILED;
  if (many) return retry_all(c);
  struct buf path = { 0 }, body = { 0 };
  buf_str(&path, "/v1/effects/"), cli_url_put(&path, c->arg[0]), buf_str(&path, "/retry");
  buf_str(&body, "{}");
  int status = cli_body_call(c, path.data, &body);
  buf_release(&path), buf_release(&body);
  return status;
}
