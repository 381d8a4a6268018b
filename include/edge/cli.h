/* edge/cli.h: part of layer 6. The command line: its table, its configuration, files in and out.
 * All of it blocks; none of it runs on a loop. */
#ifndef ORDERD_EDGE_CLI_H
#define ORDERD_EDGE_CLI_H
#include "flow.h"

/* ---- config.c: DATA/orderd.conf and what overrules it (contract 6) -----------------------------------------
 * One table of keys: the file that `init` writes, `orderd help config`, `orderd config`, the checks and the
 * names of the environment all come from it. Precedence: flag > environment > file > default. */
enum config_type {
  CONFIG_TEXT,     /* checked by those who read it */
  CONFIG_COUNT, CONFIG_DURATION, CONFIG_SIZE, CONFIG_YES, CONFIG_HOSTS, CONFIG_ADDRESS,
  CONFIG_WORD      /* one of words */
};
struct config_key {
  const char *section, *key;    /* "stage *" stands for every [stage NAME] */
  enum config_type type;
  bool reload;                  /* SIGHUP is enough */
  const char *fallback;         /* NULL: none, or that of the built-in stage */
  int64_t least, most;          /* of a count, a duration (ms), a size; most 0: checked elsewhere */
  const char *words;            /* "debug info warn error" */
  const char *doc;
};
#define CONFIG_ANY_NAME "NAME"   /* stands for the names that a connector knows */
extern const struct config_key config_keys[];
extern const size_t config_keys_n;
enum config_origin { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENV, CONFIG_FLAG };
struct config_value {
  const char *section, *key, *value; /* value NULL: not set and without a default */
  enum config_origin origin;
  const char *where;            /* "orderd.conf:12", "ORDERD_SERVER_LISTEN", "--listen" */
  int line;
  const struct config_key *row;
};
struct config {
  struct config_value *at;      /* every key with its value in force */
  size_t n;
  struct conf conf;             /* what was set, by whomever: for rules_load */
  const char *unknown_env;      /* an ORDERD_… that no key has, or NULL: worth a warning */
};
struct config_flag {
  const char *section, *key, *value, *flag; /* "--listen" */
};
struct config_source {
  const char *path;             /* of the file */
  bool must_exist;              /* it was named by a person */
  const struct config_flag *flag;
  size_t flags_n;
  char *const *environ;
};
/* false with *why in the arena: what is wrong, where it stands, and what may have been meant. */
bool config_load(struct arena *a, const struct config_source *s, struct config *out, const char **why);
const char *config_text(const struct config *c, const char *section, const char *key); /* never NULL */
int64_t config_number(const struct config *c, const char *section, const char *key);   /* count, ms, bytes, yes 1 */
const char *config_shown(const struct config_value *v); /* what people may see: a connector's values are not shown */
size_t config_hosts(struct arena *a, const struct config *c, const char ***hosts);
bool size_parse(const char *text, int64_t *bytes); /* "64M", "1G", "512k", "4096" */
/* "ORDERD_STAGE_PAID_REMIND" */
char *config_env_name(struct arena *a, const char *section, const char *key);
/* The default file with every key as a comment, and the same as documentation. */
void config_template(struct arena *a, struct buf *out);
void config_help(struct arena *a, struct buf *out);
const char *config_origin_name(enum config_origin o);

/* ---- cli.c: the table of commands --------------------------------------------------------------------------- */
#define CLI_ARGS_MAX 64
#define CLI_OPTIONS_MAX 32
enum exit_status { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED };
struct link;
struct cli {
  struct arena mem;
  const char *data, *config_path;    /* config_path NULL: DATA/orderd.conf */
  bool json, quiet;
  bool out_tty, err_tty, color;
  const struct cli_command *command;
  const char *arg[CLI_ARGS_MAX];
  size_t args;
  struct {
    const char *name, *value;
  } option[CLI_OPTIONS_MAX];
  size_t options;
  char *const *environ;
  struct link *link;
  const struct config *served;       /* what a running server was started with */
};
struct cli_column {
  const char *head, *path;           /* "total/amount" */
};
struct cli_command {
  const char *name;                  /* "order show" */
  const char *args;                  /* "ID", "FILE [CHANNEL]", "NAME..." */
  const char *options;               /* "status=STATUS all note=TEXT": name=VALUE takes one */
  int (*run)(struct cli *c);         /* an enum exit_status */
  const char *method, *path;         /* of commands that are one call: "{1}" is the first argument */
  const char *query;                 /* GET: options handed on */
  const char *body;                  /* POST: "note order=1 if_version#": key, =argument, # a number */
  const struct cli_column *columns;  /* of a list */
  const char *doc;                   /* one line */
  const char *more;                  /* further lines, or NULL */
  const char *example;               /* runs against examples/ as it stands */
};
extern const struct cli_command cli_commands[];
extern const size_t cli_commands_n;
int cli_main(int argc, char **argv, char **envp);
const char *cli_option(const struct cli *c, const char *name); /* NULL: not given; "" for one without a value */
bool cli_number(struct cli *c, const char *name, int64_t least, int64_t most, int64_t *out); /* false: said why */
/* Messages go to standard error; they return the exit status for `return cli_fail(…)`. */
int cli_fail(const struct cli *c, const char *fmt, ...) PRINTF(2, 3);
int cli_wrong(const struct cli *c, const char *fmt, ...) PRINTF(2, 3);
void cli_say(const struct cli *c, const char *fmt, ...) PRINTF(2, 3); /* not with --quiet */
bool cli_config(struct cli *c, struct arena *a, struct config *out, const char **why);
const char *cli_path(struct cli *c, const char *name); /* DATA/name */

/* ---- cli_link.c: who answers ------------------------------------------------------------------------------------
 * While a process serves the data directory, the command line talks to it through DATA/orderd.sock. When nobody
 * serves, it serves the directory itself, in a child without a port, for as long as it needs an answer: there is
 * one way to the data, whoever asks. */
struct httpc_answer;
/* The HTTP status, or -1 after saying why. */
int cli_call(struct cli *c, const char *method, const char *path, const void *body, size_t n, const char *key,
             struct httpc_answer *out);
int cli_call_in(struct cli *c, struct arena *a, const char *method, const char *path, const void *body, size_t n, const char *key,
                struct httpc_answer *out); /* the answer in an arena of the caller's */
bool cli_serving(struct cli *c);                   /* somebody else serves this directory */
void cli_link_close(struct cli *c);
bool cli_has_data(struct cli *c);                  /* else says how to begin */
int cli_refused(struct cli *c, const struct httpc_answer *a); /* prints a problem; exit status */
/* Follows text/event-stream until it ends or write() says stop. */
int cli_stream(struct cli *c, const char *path, const char *accept, bool (*write)(void *arg, const char *p, size_t n), void *arg);

/* ---- cli_print.c: answers for people ---------------------------------------------------------------------------- */
const struct json *json_path(const struct json *j, const char *path);
/* A scalar, a money object or a list of scalars as one line of text, "" for null; safe for a terminal. */
void cell_put(struct buf *out, const struct json *j);
void text_safe(struct buf *out, const char *s);    /* control and direction characters shown, not obeyed */
void table_print(const struct cli *c, const struct json *rows, const struct cli_column *col);
void object_print(const struct cli *c, const struct json *j);
size_t text_width(const char *s);                  /* columns on a terminal */
void cli_url_put(struct buf *out, const char *s);

/* ---- import.c: files in (contract 2, import) ----------------------------------------------------------------------
 *   bytes ─► NDJSON lines or sheet rows ─► canonical orders ─► batches ─► POST /v1/orders
 * Constant memory. Refused rows are listed, and kept as failed payloads, where they can be mended. */
#define IMPORT_BATCH_ROWS 100
#define IMPORT_BATCH_BYTES (2 << 20)
#define IMPORT_LINE_MAX (1 << 20)
struct import_counts {
  int64_t rows, created, updated, unchanged, stale, taken, again, refused;
  int64_t other_channels; /* orders of other channels than the one that was named */
  bool is_refused;        /* the file as a whole, as one row: nothing of it is kept */
};
struct import {
  const char *name;               /* of the file, for messages */
  const char *channel;            /* NULL: the orders say it */
  const char *as;                 /* what the rows are: skus, kits …; NULL: orders */
  const char *warehouse;          /* of stock whose rows do not say it */
  bool dry_run, gb18030, auto_encoding;
  enum { IMPORT_AUTO, IMPORT_NDJSON, IMPORT_CSV, IMPORT_XLSX } format;
  const char *sheet;              /* of a workbook; NULL: the first that can be seen */
  int64_t shift_ms;               /* added to every time: the demo */
  /* How a call is made: the socket, or HTTP with a token. The status, -1: it said why. */
  int (*call)(void *arg, struct arena *a, const char *path, const void *body, size_t n, const char *key, struct httpc_answer *out);
  /* row: 1 is the first line. result: created …, or refused with column, code and detail. */
  void (*row)(void *arg, int64_t row, const char *result, const char *id, const char *column, const char *code, const char *detail);
  void (*progress)(void *arg, const struct import_counts *n);
  void (*note)(void *arg, const char *text); /* about the file as a whole; NULL: nobody asks */
  void *arg;
};
/* read: fills p with at most n bytes, 0 at the end, -1 on an error. false with *why: the rest was not read. */
bool import_run(const struct import *o, int64_t (*read)(void *arg, char *p, size_t n), void *read_arg, struct arena *a,
                struct import_counts *counts, const char **why);
void import_summary_json(struct jw *w, const struct import_counts *n);

/* ---- import_book.c: xlsx_read() in a jail, see plat.h. One more code: parser_failed ----------------------------------------- */
bool book_read(const struct buf *file, const char *sheet, csv_row_fn *row, void *arg, struct xlsx_fault *f);

/* ---- import_goods.c: rows into the dictionary and stock; part of import_run ------------------------------------------- */
struct goods;
bool goods_kind_ok(const char *name);
const char *goods_kind_names(void);
struct goods *goods_new(const struct import *o, struct arena *a, struct import_counts *n);
bool goods_row(void *goods, int64_t row, char **cells, size_t n, const char *why); /* a csv_row_fn */
bool goods_object(struct goods *g, int64_t row, const char *json, size_t n);       /* a row that is JSON already */
bool goods_end(struct goods *g);
const char *goods_why(const struct goods *g); /* it cannot go on */
void goods_free(struct goods *g);

/* ---- the bodies of the commands that are more than one call --------------------------------------------------------- */
int cli_init(struct cli *c);
int cli_serve(struct cli *c);
struct serve_options;
void serve_options_fill(struct cli *c, const struct config *k, struct serve_options *o);
int cli_demo(struct cli *c);
struct demo_memory {                 /* DATA/demo.json: what every demo of a directory has in common */
  int64_t shift_ms;                  /* of the example orders */
  int64_t market_ms;                 /* when the simulated world began, in whole seconds */
  const char *shops;                 /* "shopee,lazada" */
};
const char *demo_shops(struct arena *a); /* all that can be simulated */
/* Starts the simulator, which ends with this process, and writes its channels to DATA/orderd.conf. An exit status. */
/* A person to sign in as, and articles, stock, a wave and returns to look at; once per directory. */
#define DEMO_USER "demo"
#define DEMO_PASSWORD "demo-demo-demo"
void demo_shop(const char *url, const char *token, bool whole); /* whole: all that; else the person only */
int demo_market(struct cli *c, const struct demo_memory *m);
int cli_version(struct cli *c);
int cli_help(struct cli *c);
int cli_config_show(struct cli *c);
int cli_address(struct cli *c);
int cli_channel_sync(struct cli *c);
int cli_channel_check(struct cli *c);
int cli_secret_set(struct cli *c);
int cli_channel_test(struct cli *c);
int cli_channel_add(struct cli *c);
char *cli_line(struct cli *c, const char *ask, int most); /* of standard input, without its end; hidden on a terminal; NULL: none */
int cli_api(struct cli *c);          /* the row's own call */
int cli_events(struct cli *c);
int cli_body_call(struct cli *c, const char *path, const struct buf *body); /* POST and print */
void cli_query_put(struct buf *out, const struct cli *c, const char *names); /* "?status=paid&…" from options */
int cli_import(struct cli *c);
int cli_export(struct cli *c);
int cli_check(struct cli *c);
int cli_backup(struct cli *c);
int cli_restore(struct cli *c);
int cli_user_add(struct cli *c);
int cli_user_revoke(struct cli *c);
int cli_token_add(struct cli *c);
int cli_payload_retry(struct cli *c);
int cli_effect_retry(struct cli *c);
int cli_what_if(struct cli *c);
int cli_rule_test(struct cli *c);    /* cli_rule.c */
int cli_rule_example(struct cli *c);
void help_put(struct buf *out, const struct cli_command *k);

#endif
