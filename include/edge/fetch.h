/* edge/fetch.h: part of layer 6. Calls to the outside on the loop, many at once, none of them blocking. */
#ifndef ORDERD_EDGE_FETCH_H
#define ORDERD_EDGE_FETCH_H
#include "flow.h"

#define FETCH_CONNECT_MS 5000
#define FETCH_AT_ONCE 64          /* connections open at a time; more calls wait inside the library */
#define FETCH_HEAD_MAX (256 << 10)
struct http_field;
struct uv_loop_s;
/* The method MAIL sends a mail to url (smtp:// or smtps://): the headers mail-from, mail-to (commas), mail-user and
 * mail-password are the envelope and the login, body the message; the answer is {"code","line"} of the server's last word.
 * With a login the connection is encrypted, but on the loopback. */
struct fetch {                    /* the caller's; everything it points at lives until done() */
  const char *method, *url, *content_type;
  const struct http_field *header;
  size_t headers;
  const char *body;               /* NULL: none */
  size_t body_n;
  int64_t timeout_ms;             /* of the whole call */
  size_t answer_max;
  bool alone;                     /* on a connection of its own: what fails on one in use before, the library sends again by itself */
  bool public_only;               /* whatever its name stands for: no connection to an address that is not public */
  void (*done)(struct fetch *f);  /* on the loop, once; not after fetch_stop() */
  void *owner;
  /* the answer, in mem; status 0: there was none, why says what happened */
  struct arena mem;               /* the caller releases it */
  int status;
  struct http_field *field;       /* names in lower case */
  size_t fields;
  const char *answer;             /* NUL added */
  size_t answer_n;
  const char *why;
  bool sent;                      /* of status 0: some of it went out, the other side may have it */
  int head_status;                /* of status 0: what the head said before the rest failed, 0: no whole head came */
  bool is_private;                /* of status 0: public_only refused an address */
  bool is_late;                   /* of status 0: time was over */
  int64_t date_ms;                /* of the Date header, 0: none */
  int64_t took_ms;
  struct transfer *transfer;      /* httpc_loop.c's */
};
struct fetcher;
struct fetcher *fetcher_open(struct uv_loop_s *loop);
void fetcher_at_once(struct fetcher *f, int most); /* instead of FETCH_AT_ONCE; 0: as many as are asked for */
void fetcher_close(struct fetcher *f); /* stops what runs; the loop must run on until its handles are closed */
void fetch_start(struct fetcher *f, struct fetch *call);
void fetch_stop(struct fetcher *f, struct fetch *call); /* gives up without done() */

/* ---- httpc_addr.c: pure -------------------------------------------------------------------------------------------- */
struct sockaddr;
bool addr_is_public(const struct sockaddr *a);
bool addr_text_is_public(const char *text); /* "10.0.0.1", "::1"; false for what is no address */

#endif
