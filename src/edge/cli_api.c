/* cli_api.c: commands that are one call of the API. */
#include "edge.h"
#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX 1024
#define ORDER_FILE_MAX (1 << 20)
#define FOLLOW_LINE_MAX (1 << 20)

static void code_put(struct buf *out, struct cli *c, const char *code)
{
  for (const char *p = code;; p++) {
    size_t n = strcspn(p, "/");
    cli_url_put(out, arena_strn(&c->mem, p, n));
    p += n;
    if (!*p) return;
    buf_char(out, '/');
  }
}

/* ---- the request of a row ----------------------------------------------------------------------------------- */
/* "{1}" in a path is the first argument, "{+1}" too, with its slashes; in "TEXT..." all of them. */
static void path_put(struct buf *out, struct cli *c)
{
  bool many = c->command->args && strstr(c->command->args, "...");
  for (const char *p = c->command->path; *p; p++) {
    if (*p != '{') {
      buf_char(out, *p);
      continue;
    }
    bool slashes = p[1] == '+';
    p += 1 + slashes;
    size_t at = (size_t)(*p - '1'), to = many ? c->args : at + 1;
    for (size_t i = at; i < to; i++) {
      if (i > at) buf_str(out, "%20");
      if (slashes) code_put(out, c, c->arg[i]);
      else cli_url_put(out, c->arg[i]);
    }
    p++;
  }
}

/* The option of a key: "if_version" is --if-version. */
static const char *key_option(const struct cli *c, const char *key, size_t n)
{
  char name[64];
  must(n < sizeof name);
  for (size_t i = 0; i < n; i++) name[i] = key[i] == '_' ? '-' : key[i];
  name[n] = 0;
  return cli_option(c, name);
}

void cli_query_put(struct buf *out, const struct cli *c, const char *names)
{
  for (const char *p = names ? names : ""; *p; p += strspn(p, " ")) {
    size_t n = strcspn(p, " ");
    const char *v = key_option(c, p, n);
    if (v) {
      bool more = out->data && strchr(out->data, '?');
      buf_printf(out, "%c%.*s=", more ? '&' : '?', (int)n, p);
      cli_url_put(out, v);
    }
    p += n;
  }
}

/* ---- bodies: "reason note if_version# order=2" --------------------------------------------------------------------- */
/* key: of the option with its name; key=2: of the second argument. Behind it what is made of it: # a number, ? a
 * yes or no, "," a list, * parts of a kit. */
static bool number_put(struct cli *c, struct jw *w, const char *name, const char *v)
{
  const char *digits = v + (*v == '-' || *v == '+');
  size_t n = strspn(digits, "0123456789");
  int64_t number = 0;
  if (!n || n > 18 || digits[n]) return cli_wrong(c, "%s is a whole number", name), false;
  for (size_t i = 0; i < n; i++) number = number * 10 + (digits[i] - '0');
  jw_int(w, *v == '-' ? -number : number);
  return true;
}

static bool parts_put(struct cli *c, struct jw *w, const char *name, const char *v)
{
  jw_array(w);
  for (const char *p = v; *p; p += strspn(p, ",")) {
    size_t n = strcspn(p, ",");
    const char *colon = memrchr(p, ':', n);
    if (!colon || colon == p) return cli_wrong(c, "%s is a list like SKU:2,SKU:1", name), false;
    jw_object(w), jw_key(w, "sku"), jw_stringn(w, p, (size_t)(colon - p)), jw_key(w, "quantity");
    if (!number_put(c, w, name, arena_strn(&c->mem, colon + 1, n - (size_t)(colon + 1 - p)))) return false;
    jw_object_end(w);
    p += n;
  }
  jw_array_end(w);
  return true;
}

static void list_put(struct jw *w, const char *v)
{
  jw_array(w);
  for (const char *p = v + strspn(v, ","); *p; p += strspn(p, ",")) {
    size_t n = strcspn(p, ",");
    jw_stringn(w, p, n);
    p += n;
  }
  jw_array_end(w);
}

static bool body_value(struct cli *c, struct jw *w, char how, const char *name, const char *v)
{
  bool yes = !strcmp(v, "yes");
  switch (how) {
  case '#': return number_put(c, w, name, v);
  case '*': return parts_put(c, w, name, v);
  case ',': list_put(w, v); return true;
  case '?':
    if (!yes && strcmp(v, "no") != 0) return cli_wrong(c, "%s is yes or no", name), false;
    jw_bool(w, yes);
    return true;
  default: jw_string(w, v); return true;
  }
}

static bool body_put(struct buf *out, struct cli *c)
{
  struct jw w;
  bool ok = true;
  jw_init(&w, out), jw_object(&w);
  for (const char *p = c->command->body; ok && *p; p += strspn(p, " ")) {
    size_t n = strcspn(p, " "), word = strcspn(p, "=#?,* ");
    bool of_arg = p[word] == '=';
    const char *key = arena_strn(&c->mem, p, word), *name = key;
    const char *v = of_arg ? c->arg[p[word + 1] - '1'] : key_option(c, p, word);
    char how = p[word + (of_arg ? 2 : 0)];
    if (!of_arg) {
      char *option = arena_printf(&c->mem, "--%s", key);
      for (char *q = option; *q; q++)
        if (*q == '_') *q = '-';
      name = option;
    }
    if (v) jw_key(&w, key), ok = body_value(c, &w, how, name, v);
    p += n;
  }
  jw_object_end(&w);
  return ok;
}

/* ---- the answer ---------------------------------------------------------------------------------------------------- */
static int answer_print(struct cli *c, const struct httpc_answer *a)
{
  struct faults f = { .mem = &c->mem };
  if (c->json) {
    printf("%s\n", a->body);
    return EXIT_DONE;
  }
  const struct json *j = json_parse(&c->mem, a->body, a->body_n, JSON_ELEMENTS_BATCH_MAX, &f);
  if (!j) return cli_fail(c, "the answer cannot be understood");
  const struct json *rows = json_get(j, "data");
  if (!c->command->columns || json_type(rows) != JSON_ARRAY) {
    object_print(c, j);
    return EXIT_DONE;
  }
  table_print(c, rows, c->command->columns);
  const char *next = json_string(json_get(j, "next"));
  bool by_seq = c->command->query && strstr(c->command->query, "since");
  if (next) cli_say(c, "There is more: --%s %s", by_seq ? "since" : "cursor", next);
  return EXIT_DONE;
}

int cli_body_call(struct cli *c, const char *path, const struct buf *body)
{
  struct httpc_answer answer;
  if (!cli_has_data(c)) return EXIT_FAILED;
  int status = cli_call(c, "POST", path, body->data, body->len, NULL, &answer);
  if (status < 0) return EXIT_FAILED;
  return status / 100 == 2 ? answer_print(c, &answer) : cli_refused(c, &answer);
}

static int api_call(struct cli *c, const struct buf *path, const struct buf *body)
{
  struct httpc_answer answer;
  if (!cli_has_data(c)) return EXIT_FAILED;
  int status = cli_call(c, c->command->method, path->data, body->data, body->len, NULL, &answer);
  if (status < 0) return EXIT_FAILED;
  return status / 100 == 2 ? answer_print(c, &answer) : cli_refused(c, &answer);
}

int cli_api(struct cli *c)
{
  struct buf path = { 0 }, body = { 0 };
  int status = EXIT_USAGE;
  path_put(&path, c);
  cli_query_put(&path, c, c->command->query);
  if (!c->command->body || body_put(&body, c)) status = api_call(c, &path, &body);
  buf_release(&path), buf_release(&body);
  return status;
}

/* ---- the journal, live ------------------------------------------------------------------------------------------------ */
struct follow {
  struct cli *c;
  struct buf line;
};

static void event_print(const struct follow *f, const char *data)
{
  struct arena a = { 0 };
  struct faults faults = { .mem = &a };
  struct buf out = { 0 };
  const struct json *j = json_parse(&a, data, strlen(data), JSON_ELEMENTS_MAX, &faults);
  for (size_t i = 0; j && f->c->command->columns[i].head; i++) {
    if (i) buf_str(&out, "  ");
    cell_put(&out, json_path(j, f->c->command->columns[i].path));
  }
  if (f->c->json) printf("%s\n", data);
  else if (j) printf("%s\n", out.data);
  buf_release(&out);
  arena_release(&a);
}

/* Frames of text/event-stream; of each we want the line "data: {…}". */
static bool follow_take(void *arg, const char *p, size_t n)
{
  struct follow *f = arg;
  for (const char *end = p + n, *lf; p < end; p = lf + 1) {
    lf = memchr(p, '\n', (size_t)(end - p));
    buf_put(&f->line, p, (size_t)((lf ? lf : end) - p));
    if (!lf) break;
    if (f->line.len > 6 && !memcmp(f->line.data, "data: ", 6)) event_print(f, f->line.data + 6);
    f->line.len = 0;
  }
  fflush(stdout);
  return f->line.len < FOLLOW_LINE_MAX && !ferror(stdout);
}

int cli_events(struct cli *c)
{
  if (!cli_option(c, "follow")) return cli_api(c);
  struct follow f = { .c = c };
  struct buf path = { 0 };
  if (!cli_has_data(c)) return EXIT_FAILED;
  path_put(&path, c);
  cli_query_put(&path, c, "since entity");
  int status = cli_stream(c, path.data, "text/event-stream", follow_take, &f);
  buf_release(&path), buf_release(&f.line);
  return status;
}

/* ---- users ------------------------------------------------------------------------------------------------------------------ */
/* One line of standard input; on a terminal it is asked for and not shown. */
char *cli_line(struct cli *c, const char *ask, int most)
{
  struct termios was, quiet;
  bool hidden = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &was) == 0;
  char *text = arena_alloc(&c->mem, (size_t)most);
  if (hidden) {
    quiet = was, quiet.c_lflag &= ~(tcflag_t)ECHO;
    fputs(ask, stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  char *got = fgets(text, most, stdin);
  if (hidden) tcsetattr(STDIN_FILENO, TCSAFLUSH, &was), fputs("\n", stderr);
  if (!got) return NULL;
  text[strcspn(text, "\r\n")] = 0;
  return text;
}

static int password_ask(struct cli *c, const char **password)
{
  *password = NULL;
  if (!cli_option(c, "password")) return EXIT_DONE;
  *password = cli_line(c, "Password: ", PASSWORD_MAX);
  if (!*password || !**password) return cli_wrong(c, "no password was given");
  if (!isatty(STDIN_FILENO)) return EXIT_DONE;
  const char *again = cli_line(c, "Again: ", PASSWORD_MAX);
  return again && !strcmp(again, *password) ? EXIT_DONE : cli_wrong(c, "the two differ");
}

int cli_user_add(struct cli *c)
{
  struct buf body = { 0 };
  struct jw w;
  const char *password;
  if (!cli_option(c, "roles")) return cli_wrong(c, "a user has --roles");
  int status = password_ask(c, &password);
  if (status) return status;
  jw_init(&w, &body), jw_object(&w);
  jw_kstring(&w, "name", c->arg[0]), jw_kstring(&w, "roles", cli_option(c, "roles"));
  if (password) jw_kstring(&w, "password", password);
  jw_object_end(&w);
  status = cli_body_call(c, "/v1/users", &body);
  buf_release(&body);
  return status;
}

int cli_user_revoke(struct cli *c)
{
  struct buf path = { 0 }, body = { 0 };
  buf_str(&path, "/v1/users/"), cli_url_put(&path, c->arg[0]);
  buf_str(&body, "{\"state\":\"revoked\"}");
  int status = cli_body_call(c, path.data, &body);
  buf_release(&path), buf_release(&body);
  return status;
}

/* ---- tokens -------------------------------------------------------------------------------------------------------------------- */
/* A time, or how long from now. */
static const char *expiry_of(struct cli *c, const char *text)
{
  int64_t ms;
  char *out = arena_alloc(&c->mem, TIME_TEXT);
  if (time_parse(text, &ms)) return text;
  if (!duration_parse(text, &ms)) return NULL;
  return time_text(env_real()->now_ms(env_real()) + ms, out);
}

static void token_body(struct buf *body, const struct cli *c, const char *expires)
{
  struct jw w;
  jw_init(&w, body), jw_object(&w);
  jw_kstring(&w, "name", c->arg[0]), jw_kstring(&w, "roles", cli_option(c, "roles"));
  if (cli_option(c, "channel")) jw_kstring(&w, "channel", cli_option(c, "channel"));
  if (cli_option(c, "user")) jw_kstring(&w, "user", cli_option(c, "user"));
  if (expires) jw_kstring(&w, "expires_at", expires);
  jw_object_end(&w);
}

/* The token alone on standard output, so that TOKEN=$(orderd token add …) works. */
static int token_print(struct cli *c, const struct httpc_answer *a)
{
  struct faults f = { .mem = &c->mem };
  const struct json *j = json_parse(&c->mem, a->body, a->body_n, JSON_ELEMENTS_MAX, &f);
  const char *token = json_string(json_get(j, "token"));
  if (!token) return cli_fail(c, "the answer cannot be understood");
  printf("%s\n", c->json ? a->body : token);
  cli_say(c, "This token is not shown again.");
  return EXIT_DONE;
}

int cli_token_add(struct cli *c)
{
  struct buf body = { 0 };
  struct httpc_answer answer;
  const char *expires = cli_option(c, "expires");
  if (!cli_option(c, "roles")) return cli_wrong(c, "a token has --roles");
  if (expires && !(expires = expiry_of(c, expires)))
    return cli_wrong(c, "--expires is a time like 2027-01-01T00:00:00Z, or a duration like 90d");
  if (!cli_has_data(c)) return EXIT_FAILED;
  token_body(&body, c, expires);
  int status = cli_call(c, "POST", "/v1/tokens", body.data, body.len, NULL, &answer);
  buf_release(&body);
  if (status < 0) return EXIT_FAILED;
  return status / 100 == 2 ? token_print(c, &answer) : cli_refused(c, &answer);
}

/* ---- payloads -------------------------------------------------------------------------------------------------------------------- */
static bool order_body(struct cli *c, const char *file, struct buf *body)
{
  size_t n;
  const char *why;
  size_t at;
  char *text = file_read(&c->mem, file, ORDER_FILE_MAX, &n);
  if (!text) return cli_fail(c, "%s: %s", file, strerror(errno)), false;
  if (!json_gate(text, n, JSON_ELEMENTS_MAX, &why, &at))
    return cli_fail(c, "%s, byte %zu: %s", file, at, why), false;
  buf_str(body, "{\"order\":"), buf_put(body, text, n), buf_char(body, '}');
  return true;
}

/* A retry that fails again is no success. */
static int retry_done(struct cli *c, const struct httpc_answer *a)
{
  struct faults f = { .mem = &c->mem };
  const struct json *j = json_parse(&c->mem, a->body, a->body_n, JSON_ELEMENTS_MAX, &f);
  const char *state = json_string(json_get(j, "state"));
  int64_t failed = 0;
  int status = answer_print(c, a);
  if (status) return status;
  bool again =
    (state && strcmp(state, "applied") != 0) || (json_int(json_get(j, "failed"), &failed) && failed);
  return again ? EXIT_REFUSED : EXIT_DONE;
}

int cli_payload_retry(struct cli *c)
{
  struct buf path = { 0 }, body = { 0 };
  struct httpc_answer answer;
  const char *file = cli_option(c, "order");
  bool all = cli_option(c, "all") != NULL;
  if (all == (c->args == 1) || (all && file)) return cli_wrong(c, "name one payload, or say --all");
  if (!cli_has_data(c)) return EXIT_FAILED;
  buf_str(&path, "/v1/payloads/");
  if (!all) cli_url_put(&path, c->arg[0]), buf_char(&path, '/');
  buf_str(&path, "retry");
  int status = -1;
  if (!file) buf_str(&body, "{}");
  if (!file || order_body(c, file, &body))
    status = cli_call(c, "POST", path.data, body.data, body.len, NULL, &answer);
  buf_release(&path), buf_release(&body);
  if (status < 0) return EXIT_FAILED;
  if (status == 202) return answer_print(c, &answer); /* the platform is asked again */
  return status / 100 == 2 ? retry_done(c, &answer) : cli_refused(c, &answer);
}
