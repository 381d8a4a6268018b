/* cli_serve.c: the commands about the process and its directory: init, serve, config, version. */
#include "edge.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include "version.h"

#define ASSET(sym, path) \
  __asm__(".pushsection .rodata\n.global " #sym "\n" #sym ":\n.incbin \"" path "\"\n.byte 0\n.popsection\n")
ASSET(asset_sbom, "third_party/build/SBOM");
extern const char asset_sbom[]; /* lines of: name version digest */

#define TOKEN_WAIT_MS 10000

/* ---- the configuration in use ------------------------------------------------------------------------------ */
static int config_use(struct cli *c, struct config *out)
{
  const char *why = NULL;
  if (!cli_config(c, &c->mem, out, &why)) return cli_fail(c, "%s", why);
  if (out->unknown_env)
    log_line(LOG_WARN, "%s in the environment is no key of the configuration", out->unknown_env);
  return EXIT_DONE;
}

static enum log_level log_level_of(const struct config *k)
{
  static const char *const names[] = { "debug", "info", "warn", "error" };
  const char *name = config_text(k, "log", "level");
  enum log_level level = LOG_DEBUG;
  while (strcmp(names[level], name) != 0) level++;
  return level;
}

static void value_row(struct jw *w, const struct config_value *v)
{
  jw_object(w);
  jw_kstring(w, "section", v->section), jw_kstring(w, "key", v->key), jw_kstring(w, "value", config_shown(v));
  jw_kstring(w, "origin", config_origin_name(v->origin));
  jw_kstring(w, "where", v->origin == CONFIG_DEFAULT ? NULL : v->where);
  jw_object_end(w);
}

static void values_json(const struct config *k, struct buf *out)
{
  struct jw w;
  jw_init(&w, out), jw_array(&w);
  for (size_t i = 0; i < k->n; i++) value_row(&w, &k->at[i]);
  jw_array_end(&w), buf_char(out, '\n');
}

/* Where a value came from stands behind it. */
static void values_text(const struct config *k, struct buf *out)
{
  for (size_t i = 0; i < k->n; i++) {
    const struct config_value *v = &k->at[i];
    struct buf line = { 0 };
    if (!i || strcmp(v->section, k->at[i - 1].section) != 0)
      buf_printf(out, "%s[%s]\n", i ? "\n" : "", v->section);
    if (!v->value) continue;
    buf_printf(&line, "%s = ", v->key), text_safe(&line, config_shown(v));
    size_t width = text_width(line.data);
    buf_printf(out, "%s%*s  (%s)\n", line.data, width < 44 ? (int)(44 - width) : 0, "", v->where);
    buf_release(&line);
  }
}

int cli_config_show(struct cli *c)
{
  struct config k;
  struct buf out = { 0 };
  int status = config_use(c, &k);
  if (status) return status;
  if (c->json) values_json(&k, &out);
  else values_text(&k, &out);
  fputs(out.data, stdout);
  buf_release(&out);
  return EXIT_DONE;
}

/* ---- init ---------------------------------------------------------------------------------------------------- */
static int conf_write(struct cli *c)
{
  struct buf text = { 0 };
  const char *path = cli_path(c, "orderd.conf");
  if (access(path, F_OK) == 0) return EXIT_DONE;
  config_template(&c->mem, &text);
  bool ok = file_write(path, text.data, text.len, 0600);
  int why = errno;
  buf_release(&text);
  return ok ? EXIT_DONE : cli_fail(c, "%s: %s", path, strerror(why));
}

/* orderd makes the token right after it began to listen. */
static bool token_wait(struct cli *c, const char *path)
{
  int64_t until_ms = mono_ms() + TOKEN_WAIT_MS;
  while (access(path, F_OK) != 0) {
    if (mono_ms() > until_ms)
      return cli_fail(c, "no token came to %s; orderd user and token commands work all the same", path),
             false;
    poll(NULL, 0, 5);
  }
  return true;
}

static void init_told(struct cli *c, const struct config *k, bool fresh)
{
  struct buf out = { 0 };
  struct jw w;
  const char *token = cli_path(c, "admin.token"), *listen = config_text(k, "server", "listen");
  if (c->json) {
    jw_init(&w, &out), jw_object(&w);
    jw_kstring(&w, "data", c->data), jw_kstring(&w, "config", cli_path(c, "orderd.conf")),
      jw_kstring(&w, "token_file", token);
    jw_kbool(&w, "created", fresh);
    jw_object_end(&w);
    printf("%s\n", out.data);
  } else {
    printf("%s %s\n", c->data,
           fresh ? "is ready: orderd.conf, an empty orderd.db, admin.token"
                 : "was there already and stays as it is");
    printf("Start it:   orderd --data %s serve\n", c->data);
    printf("Ask it:     curl -H \"Authorization: Bearer $(cat %s)\" http://%s/v1/orders\n", token, listen);
  }
  buf_release(&out);
}

int cli_init(struct cli *c)
{
  struct config k;
  struct httpc_answer answer;
  bool fresh = access(cli_path(c, "orderd.db"), F_OK) != 0;
  if (!dir_make(c->data, 0700)) return cli_fail(c, "%s: %s", c->data, strerror(errno));
  int status = conf_write(c);
  if (!status) status = config_use(c, &k);
  if (status) return status;
  if (fresh && cli_call(c, "GET", "/readyz", NULL, 0, NULL, &answer) != 200) return EXIT_FAILED;
  if (fresh && !token_wait(c, cli_path(c, "admin.token"))) return EXIT_FAILED;
  init_told(c, &k, fresh);
  return EXIT_DONE;
}

/* ---- serve ------------------------------------------------------------------------------------------------------- */
/* What a person changed in vain until the next start. */
static void reload_warn(const struct config *old, const struct config *now)
{
  for (size_t i = 0; i < now->n; i++) {
    const struct config_value *v = &now->at[i];
    if (v->row->reload) continue;
    const char *was = config_text(old, v->section, v->key), *is = v->value ? v->value : "";
    if (strcmp(was, is) != 0)
      log_line(LOG_WARN, "[%s] %s = %s counts from the next start on; now it is %s", v->section, v->key, is,
               was);
  }
}

static bool serve_reload(void *arg, struct arena *a, const struct conf **conf, const char **why)
{
  struct cli *c = arg;
  struct config *k = arena_new(a, struct config);
  if (!cli_config(c, a, k, why)) return false;
  log_open(c->quiet ? LOG_WARN : log_level_of(k), c->err_tty && c->color);
  reload_warn(c->served, k);
  *conf = &k->conf;
  return true;
}

void serve_options_fill(struct cli *c, const struct config *k, struct serve_options *o)
{
  const char **hosts;
  c->served = k;
  o->data = c->data;
  o->listen = config_text(k, "server", "listen");
  o->hosts_n = config_hosts(&c->mem, k, &hosts), o->hosts = hosts;
  o->conf = &k->conf;
  o->disk_reserve = config_number(k, "data", "disk_reserve");
  o->head_ms = config_number(k, "server", "head_timeout");
  o->body_ms = config_number(k, "server", "body_timeout");
  o->idle_ms = config_number(k, "server", "idle_timeout");
  o->write_ms = config_number(k, "server", "write_timeout");
  o->connections_max = (size_t)config_number(k, "server", "connections_max");
  o->per_address_max = (size_t)config_number(k, "server", "connections_per_address");
  o->trust_proxy = config_number(k, "server", "trusted_proxy");
  o->reload = serve_reload, o->arg = c;
}

int cli_serve(struct cli *c)
{
  struct config k;
  struct serve_options o = { 0 };
  int status = config_use(c, &k);
  if (status) return status;
  log_open(c->quiet ? LOG_WARN : log_level_of(&k), c->err_tty && c->color);
  serve_options_fill(c, &k, &o);
  return serve_run(&o);
}

/* ---- version ------------------------------------------------------------------------------------------------------- */
/* The next line's name and version; false at the end. */
static bool sbom_next(const char **at, char name[64], char version[64])
{
  const char *p = *at;
  size_t name_n = strcspn(p, " \n"), from = name_n + (p[name_n] == ' '), n = strcspn(p + from, " \n");
  if (!name_n || name_n > 63 || n > 63) return false;
  memcpy(name, p, name_n), name[name_n] = 0;
  memcpy(version, p + from, n), version[n] = 0;
  p += strcspn(p, "\n");
  *at = p + (*p == '\n');
  return true;
}

int cli_version(struct cli *c)
{
  char name[64], version[64];
  struct buf out = { 0 };
  struct jw w;
  const char *at = asset_sbom;
  jw_init(&w, &out);
  if (!c->json) printf("orderd %s (%s)\n", ORDERD_VERSION, ORDERD_COMMIT);
  jw_object(&w), jw_kstring(&w, "version", ORDERD_VERSION), jw_kstring(&w, "commit", ORDERD_COMMIT),
    jw_key(&w, "libraries"), jw_object(&w);
  while (sbom_next(&at, name, version)) {
    const char *is = strcmp(name, "sqlite") ? version : db_version();
    jw_kstring(&w, name, is);
    if (!c->json) printf("  %-15s %s\n", name, is);
  }
  jw_object_end(&w), jw_object_end(&w);
  if (c->json) printf("%s\n", out.data);
  buf_release(&out);
  return EXIT_DONE;
}
