/* live.h: the real binary as a child process: started, asked, killed. For drills on a real directory.
 *
 * The binary is $ORDERD, else build/release/orderd below $B, else ./orderd. A child dies with the test. */
#ifndef ORDERD_LIVE_H
#define ORDERD_LIVE_H
#include "edge.h"

#define LIVE_ARGS_MAX 8
struct live {
  const char *orderd, *data, *log; /* log: its standard error, one start after the other */
  const char *more[LIVE_ARGS_MAX]; /* further arguments of serve; NULL ends them */
  int64_t memory_max;              /* RLIMIT_DATA in bytes, 0: no limit */
  int uid;                         /* to run as, 0: as we are */
  int pid;                         /* 0: not running */
  int port;                        /* of the first start; the next ones take it again */
  int64_t started_us, ready_ms;    /* ready_ms: from start to the first 200 of /readyz */
  int64_t log_from;                /* where the last start's lines begin */
  int status;                      /* of waitpid, once it has ended */
  char base[48], token[128];
};
const char *live_binary(void);
/* A fresh directory below $TMPDIR or /tmp for the whole test; removed by live_scratch_remove(). */
const char *live_scratch(struct arena *a, const char *name);
void live_scratch_remove(const char *dir);
void live_init(struct live *l, struct arena *a, const char *dir); /* data = dir/data, log = dir/log */
void live_spawn(struct live *l);
/* Waits until /readyz says 200. False: it ended (status), or time is over. Reads the token once it is there. */
bool live_ready(struct live *l, int64_t timeout_ms);
bool live_start(struct live *l); /* both, with a complaint on standard error */
bool live_token(struct live *l, int64_t timeout_ms);
void live_signal(struct live *l, int number);
bool live_ended(struct live *l, int64_t timeout_ms); /* has ended, or does so in time */
void live_kill(struct live *l);                      /* SIGKILL, and gone */
int live_exit(const struct live *l);                 /* exit status, or 128 + signal */
/* The last start's standard error so far. */
const char *live_said(struct live *l, struct arena *a);
/* One request with the admin's token; the HTTP status, -1 without an answer. */
int live_call(struct live *l, struct arena *a, const char *method, const char *path, const char *body,
              struct httpc_answer *out);
/* Runs `orderd --data DATA args…` to its end: exit status, output and errors in *said. */
int live_run(struct live *l, struct arena *a, const char **said, const char *first, ...) __attribute__((sentinel));
/* Only starts it; the caller waits for it. */
int live_run_pid(struct live *l, struct arena *a, const char *first, ...) __attribute__((sentinel));

#endif
