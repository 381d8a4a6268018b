/* cli_poll.c: asking a channel now, and its secrets, from the command line. */
#include "edge.h"
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { WAIT_MS = 60000, LOOK_MS = 100, SECRET_MOST = 8192 };

static const struct json *channel_read(struct cli *c, struct arena *a, const char *name, int *status)
{
  struct httpc_answer ans;
  struct faults f = { .mem = a };
  struct buf path = { 0 };
  buf_str(&path, "/v1/channels/");
  cli_url_put(&path, name);
  int http = cli_call_in(c, a, "GET", path.data, NULL, 0, NULL, &ans);
  buf_release(&path);
  *status = http < 0 ? EXIT_FAILED : http == 200 ? EXIT_DONE : cli_refused(c, &ans);
  return *status ? NULL : json_parse(a, ans.body, ans.body_n, JSON_ELEMENTS_BATCH_MAX, &f);
}

/* The newest run that was noted, by the time it began. */
static const struct json *newest_run(const struct json *channel)
{
  return json_first(json_get(channel, "runs"));
}

static const char *began(const struct json *run)
{
  const char *s = json_string(json_get(run, "began_at"));
  return s ? s : "";
}

static const char *count(const struct json *run, const char *key)
{
  const char *s = json_number(json_get(run, key));
  return s ? s : "0";
}

static bool sync_ask(struct cli *c, const char *name, int *status)
{
  struct httpc_answer ans;
  struct buf path = { 0 };
  buf_str(&path, "/v1/channels/");
  cli_url_put(&path, name);
  buf_str(&path, "/sync");
  int http = cli_call(c, "POST", path.data, "{}", 2, NULL, &ans);
  buf_release(&path);
  *status = http < 0 ? EXIT_FAILED : http / 100 == 2 ? EXIT_DONE : cli_refused(c, &ans);
  return *status == EXIT_DONE;
}

/* Polls, and waits until a run that began after this one is noted. NULL: *status says why. */
static const struct json *sync_run(struct cli *c, const char *name, int64_t wait_ms, int *status)
{
  const struct json *was = channel_read(c, &c->mem, name, status);
  if (!was) return NULL;
  const char *before = began(newest_run(was));
  if (!sync_ask(c, name, status)) return NULL;
  int64_t until = mono_ms() + wait_ms;
  while (mono_ms() < until) {
    struct arena *a = &c->mem;
    const struct json *now = channel_read(c, a, name, status);
    if (!now) return NULL;
    if (strcmp(began(newest_run(now)), before) != 0) return now;
    poll(NULL, 0, LOOK_MS);
  }
  *status = EXIT_FAILED;
  return NULL;
}

static void run_print(const struct cli *c, const struct json *channel)
{
  struct buf out = { 0 };
  const struct json *run = newest_run(channel);
  if (c->json) {
    struct jw w;
    jw_init(&w, &out), jw_json(&w, run), buf_char(&out, '\n');
  } else {
    buf_printf(&out, "%s orders in %s calls: %s new, %s updated, %s failed, %s missed before\n",
               count(run, "received"), count(run, "calls"), count(run, "created"), count(run, "updated"),
               count(run, "failed"), count(run, "misses"));
  }
  fputs(out.data, stdout);
  buf_release(&out);
}

static int error_print(const struct cli *c, const struct json *e)
{
  static const struct {
    const char *kind, *todo;
  } hints[] = {
    { "auth_expired",
      "sign in at the platform again and give the new tokens: orderd secret set CHANNEL NAME" },
    { "refused",
      "look at the secrets and the settings of the channel; orderd channel show NAME has the answer" },
    { "rate_limited", "the platform wants us slower; it goes on by itself" },
    { "retry", "the platform or the way to it fails; it goes on by itself" },
    { "connector", "mend the connector's file: orderd channel test NAME" },
  };
  const char *kind = json_string(json_get(e, "kind")), *todo = "see orderd channel show NAME";
  struct buf line = { 0 };
  for (size_t i = 0; i < COUNT(hints); i++)
    if (kind && !strcmp(kind, hints[i].kind)) todo = hints[i].todo;
  text_safe(&line, kind), buf_str(&line, " ");
  cell_put(&line, json_get(e, "code")), buf_str(&line, ": ");
  cell_put(&line, json_get(e, "message"));
  int status = cli_fail(c, "%s; %s", line.data, todo);
  buf_release(&line);
  return status;
}

int cli_channel_sync(struct cli *c)
{
  int64_t wait = WAIT_MS;
  int status;
  const char *option = cli_option(c, "wait");
  if (option && !duration_parse(option, &wait)) return cli_wrong(c, "--wait is a duration, like 30s");
  if (!wait) {
    if (sync_ask(c, c->arg[0], &status)) printf("%s is asked\n", c->arg[0]);
    return status;
  }
  const struct json *channel = sync_run(c, c->arg[0], wait, &status);
  if (!channel)
    return status == EXIT_FAILED
             ? cli_fail(c, "%s: no run ended in time; orderd channel show tells more", c->arg[0])
             : status;
  run_print(c, channel);
  const struct json *e = json_get(newest_run(channel), "error");
  return json_type(e) == JSON_OBJECT ? error_print(c, e) : EXIT_DONE;
}

int cli_channel_check(struct cli *c)
{
  int status;
  const struct json *channel = sync_run(c, c->arg[0], WAIT_MS, &status);
  if (!channel)
    return status == EXIT_FAILED
             ? cli_fail(c, "%s: no run ended in time; orderd channel show tells more", c->arg[0])
             : status;
  const struct json *poll_state = json_get(channel, "poll"), *e = json_get(newest_run(channel), "error");
  struct buf out = { 0 };
  if (json_type(e) == JSON_OBJECT) return error_print(c, e);
  if (c->json) {
    struct jw w;
    jw_init(&w, &out), jw_json(&w, poll_state), buf_char(&out, '\n');
  } else {
    buf_printf(&out, "%s: the connector works, the platform accepts the secrets\n", c->arg[0]);
    buf_printf(&out, "clock: the platform's is %s ms from ours\n", count(poll_state, "skew_ms"));
    buf_str(&out, "access token ends: ");
    cell_put(&out, json_path(poll_state, "now/token_expires_at"));
    buf_str(&out, "\nread until: ");
    cell_put(&out, json_get(poll_state, "watermark"));
    buf_char(&out, '\n');
  }
  fputs(out.data, stdout);
  buf_release(&out);
  return EXIT_DONE;
}

/* From standard input, so that it stands in no list of processes and no history. */
int cli_secret_set(struct cli *c)
{
  char text[SECRET_MOST + 2];
  struct buf body = { 0 }, path = { 0 };
  struct httpc_answer ans;
  struct jw w;
  if (isatty(STDIN_FILENO)) fprintf(stderr, "%s of %s, then Ctrl-D: ", c->arg[1], c->arg[0]);
  size_t n = fread(text, 1, sizeof text - 1, stdin);
  if (n > SECRET_MOST) return cli_fail(c, "the secret is longer than %d bytes", SECRET_MOST);
  while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
  text[n] = 0;
  if (!n || strlen(text) != n) return cli_fail(c, "standard input holds no secret");
  jw_init(&w, &body), jw_object(&w), jw_kstring(&w, "name", c->arg[1]), jw_kstring(&w, "value", text);
  jw_object_end(&w);
  memset(text, 0, sizeof text);
  buf_str(&path, "/v1/channels/");
  cli_url_put(&path, c->arg[0]);
  buf_str(&path, "/secrets");
  int http = cli_call(c, "POST", path.data, body.data, body.len, NULL, &ans);
  buf_release(&body), buf_release(&path);
  if (http < 0) return EXIT_FAILED;
  if (http / 100 != 2) return cli_refused(c, &ans);
  printf("%s of %s is kept, sealed\n", c->arg[1], c->arg[0]);
  return EXIT_DONE;
}
