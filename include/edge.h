/* edge.h: layer 6. The outside world: HTTP in and out, files, the command line's verbs. No SQL. */
#ifndef ORDERD_EDGE_H
#define ORDERD_EDGE_H
#include "flow.h"

/* ---- httpd.c: HTTP/1.1 on a libuv loop --------------------------------------------------------------
 * Strict framing, limits and time-outs live here (contract 3, Gate; attacks H1 to H21); what a path means
 * does not. One loop, one thread. A request belongs to httpd until handle() is called, to the handler until
 * it has answered (exactly once), then to httpd again. Requests of one connection are answered in order;
 * the handler sees the next only after the answer to the one before. */
#define HTTP_LINE_MAX (8 * 1024)
#define HTTP_HEADERS_MAX (16 * 1024)
#define HTTP_FIELDS_MAX 64
#define HTTP_BODY_MAX (1 << 20)
#define HTTP_PIPELINE_MAX 16
#define HTTP_CONNECTIONS_MAX 1024
#define HTTP_PER_ADDRESS_MAX 64      /* loopback: half of the global cap, and 16 places are kept for it */
struct http_field {
  const char *name, *value;          /* name in lower case */
};
struct http_request {
  struct arena mem;                  /* dies after the answer is written */
  const char *method;                /* "GET" */
  const char *path;                  /* decoded once, begins with '/', no dot segments, no NUL */
  struct http_field *query;          /* decoded name=value pairs in order */
  size_t query_n;
  struct http_field *field;          /* header fields; a repeated list field is joined by ", " */
  size_t field_n;
  const char *host;
  const char *body;                  /* whole, NUL added; NULL while streaming */
  size_t body_n;
  const char *peer;                  /* address text, "unix" for the socket */
  bool local_admin;                  /* came by the Unix socket: the file's mode is the permission */
  bool secure;                       /* TLS here, or a trusted proxy said so */
  void *user;                        /* the handler's */
};
const char *http_field(const struct http_request *r, const char *lower_name); /* NULL when absent */
const char *http_query(const struct http_request *r, const char *name);

/* What the route says once the head is read, before the body is taken. */
struct http_plan {
  int refuse;                        /* not 0: this status at once, the body is not read, connection closes */
  size_t body_max;                   /* 0: no body is accepted (a declared one is 413) */
  bool stream;                       /* body comes through stream_data in pieces; handle() at its end; the
                                        request is the handler's from plan() on */
  const char *refuse_code, *refuse_detail; /* of the problem document; NULL: those of the status */
  const char *refuse_headers;        /* more "Name: value\r\n" lines (Allow, WWW-Authenticate), or NULL */
};
struct http_server;
struct http_handlers {
  struct http_plan (*plan)(void *arg, struct http_request *r);
  void (*handle)(void *arg, struct http_request *r);
  /* streaming bodies: false stops reading (an answer was or will be given); http_pause/resume for back-pressure */
  bool (*stream_data)(void *arg, struct http_request *r, const char *p, size_t n);
  /* the client went away, or a time-out hit, while the handler held the request: no answer can be given any
   * more; the handler must let go by calling http_drop(r) when its own work is over (http_reply and
   * http_stream_end on such a request do the same). Never called from inside an http_ function. A client that
   * only half-closes is not gone: the next write finds out. May be NULL. */
  void (*gone)(void *arg, struct http_request *r);
  /* body of an error that httpd itself answers (framing, limits, time-outs): fills a problem document */
  void (*problem)(void *arg, struct buf *out, enum err e, int status, const char *code, const char *detail);
  void *arg;
};
struct http_options {
  const char *const *hosts;          /* allowed Host names, lower case, without port; loopback names always */
  size_t hosts_n;
  int64_t head_ms, body_ms, idle_ms, write_ms; /* 10 s, 30 s, 60 s, 30 s; tests shorten them */
  int64_t close_ms;                  /* 5 s: how long http_close waits for what runs */
  size_t connections_max, per_address_max;
  bool trust_proxy;                  /* loopback peers may name the client (X-Forwarded-For) and the scheme */
  struct env *clock;                 /* what Date says; NULL: the real time */
};                                   /* 0 anywhere: the default */
struct uv_loop_s;
struct http_server *http_open(struct uv_loop_s *loop, const struct http_options *o, const struct http_handlers *h);
/* "127.0.0.1:7700", "[::1]:7700", or "unix:PATH" (mode 0600). Port 0 picks one. false with *why. */
bool http_listen(struct http_server *s, struct arena *a, const char *where, const char **why);
int http_port(struct http_server *s);          /* of the first TCP listener */
void http_close(struct http_server *s, void (*closed)(void *), void *arg); /* finishes what runs, then closes */

/* Answers. headers: extra "Name: value\r\n" lines or NULL. The body is copied. */
void http_reply(struct http_request *r, int status, const char *type, const char *headers, const void *body, size_t n);
/* A long answer: chunked; wrote() is called when the piece is out, so that the producer keeps pace: later
 * from the loop, never from inside http_stream_write; one may wait at a time; NULL: no word is wanted. A producer
 * that runs more than HTTP_QUEUE_MAX ahead of its client loses the client. */
#define HTTP_QUEUE_MAX (4 << 20)
void http_stream_begin(struct http_request *r, int status, const char *type, const char *headers);
void http_stream_write(struct http_request *r, const void *p, size_t n, void (*wrote)(struct http_request *r));
size_t http_stream_queued(struct http_request *r); /* bytes not yet taken by the kernel */
void http_stream_end(struct http_request *r);
void http_drop(struct http_request *r);
void http_pause(struct http_request *r);       /* stop reading this request's body */
void http_resume(struct http_request *r);
struct http_stats {
  int64_t connections, requests, refused_framing, refused_cap, timeouts, bytes_in, bytes_out;
};
struct http_stats http_stats(struct http_server *s);

/* ---- httpd_parse.c: bytes to requests, without sockets and clock ---------------------------------------
 * Two readers must agree: a strict scanner of ours and llhttp. The same bytes give the same steps, however they
 * were cut into pieces. Steps of one request: HEAD, DATA..., END; or BAD, after which nothing more is read. */
enum http_step { HTTP_STEP_MORE, HTTP_STEP_HEAD, HTTP_STEP_DATA, HTTP_STEP_END, HTTP_STEP_BAD };
struct http_message {                /* what is known from HEAD on; END forgets it */
  bool keep_alive;                   /* false: HTTP/1.0, "close" or an upgrade was asked for */
  bool chunked, expect_continue, head_only;
  int minor;                         /* HTTP/1.minor */
  uint64_t length;                   /* Content-Length */
  const char *data;                  /* of DATA: inside the bytes given */
  size_t data_n;
  int status;                        /* of BAD */
  const char *code, *detail;
};
struct http_parser;
struct http_parser *http_parser_new(const char *const *hosts, size_t hosts_n); /* hosts must outlive it */
void http_parser_free(struct http_parser *p);
const struct http_message *http_parser_message(const struct http_parser *p);
/* Looks at s, which begins with the first byte that no earlier call used. MORE: nothing else can be said until
 * there are more bytes (those of an unfinished head stay unused). HEAD fills r out of r->mem. */
enum http_step http_parse(struct http_parser *p, struct http_request *r, const char *s, size_t n, size_t *used);
/* After HEAD: how much body is welcome. false: the declared length is over it, the message is BAD (413). */
bool http_parser_limit(struct http_parser *p, uint64_t body_max);

/* ---- httpd_addr.c: where to listen, and who is calling --------------------------------------------------- */
#define HTTP_PEER_TEXT 64
struct http_peer {
  char text[HTTP_PEER_TEXT];
  unsigned char key[16];             /* what counts as one address: an IPv4 address, an IPv6 /64 */
  bool is_loopback;
};
struct sockaddr;
struct sockaddr_storage;
void http_peer(const struct sockaddr *a, struct http_peer *out); /* IPv4 inside IPv6 is IPv4 */
bool http_addr_parse(const char *where, struct sockaddr_storage *out); /* "127.0.0.1:7700", "[::1]:7700" */
/* Makes way for a socket at path: one that nobody answers at is the rest of a process that died, and goes. */
bool http_unix_clear(struct arena *a, const char *path, const char **why);

/* ---- httpd_reply.c: heads of answers ------------------------------------------------------------------- */
#define HTTP_DATE_TEXT 32
struct http_head {
  int status;
  const char *type, *headers, *date;
  int64_t length;                    /* -1: not known beforehand */
  bool chunked, close;
};
const char *http_status_text(int status);
bool http_status_bodyless(int status); /* 1xx, 204, 304 */
void http_date(int64_t now_ms, char out[HTTP_DATE_TEXT]);
bool http_date_read(const char *text, int64_t *ms); /* the one form that is sent today */
bool http_headers_ok(const char *headers); /* whole "Name: value\r\n" lines and nothing else */
void http_head_put(struct buf *out, const struct http_head *h);

/* ---- httpc.c: a small HTTP client that blocks; for the command line and tests, never on the loop ---------
 * Speaks to the server at a Unix socket, or to `base` ("http://127.0.0.1:7700"). No redirects, no proxy. */
#define HTTPC_ANSWER_MAX (64 << 20)
struct httpc_call {
  const char *socket_path;           /* or NULL and base */
  const char *base;
  const char *method, *path;         /* path with query, encoded */
  const struct http_field *headers;
  size_t headers_n;
  const void *body;                  /* whole, or NULL and body_read */
  size_t body_n;
  /* Streaming up: fills at most n bytes; 0 at the end, -1 gives up. */
  int64_t (*body_read)(void *arg, char *p, size_t n);
  /* Streaming down: only for answers 2xx (others are collected); false gives up. */
  bool (*answer_write)(void *arg, const char *p, size_t n);
  void *arg;
  int64_t timeout_ms;                /* whole call; 0: none (streams) */
};
struct httpc_answer {
  int status;
  const char *type;                  /* Content-Type, "" when absent */
  const char *body;                  /* collected, NUL added */
  size_t body_n;
  struct http_field *field;          /* names in lower case */
  size_t field_n;
  const char *why;                   /* of -1 */
  bool absent;                       /* of -1: nobody listens there */
};
/* The status, or -1 when there was no answer (why). */
int httpc_run(struct arena *a, const struct httpc_call *call, struct httpc_answer *out);
int httpc_unix(struct arena *a, const char *socket_path, const char *method, const char *path,
               const struct http_field *headers, size_t n, const void *body, size_t body_n,
               struct httpc_answer *out);

#include "edge/connector.h" /* platforms as text files */
#include "edge/fetch.h"     /* calls to the outside on the loop */
#include "edge/deliver.h"   /* doing what the outbox says */
#include "edge/poll.h" /* getting orders from channels */
#include "edge/party.h" /* messengers, factories, carriers */
#include "edge/api.h" /* the API: routes, calls, reads, live streams; and serve */
#include "edge/rules.h"
#include "edge/run.h" /* one run of one channel */
#include "edge/cases.h" /* returns and their photos */
#include "edge/work.h" /* what factories make */
#include "edge/waybill.h" /* labels, and asking where parcels are */
#include "edge/cli.h" /* the command line: configuration, commands, import, export */
#include "edge/sim.h" /* the market simulator */

#endif
