/* httpd_parse.c: bytes to requests.
 *
 * Request smuggling lives in the places where two readers of one message disagree. So here are two: a strict
 * scanner of ours, which knows every byte that may stand anywhere and refuses the rest, and llhttp, which is
 * given exactly the bytes that the scanner took. Both must come to the same lengths and the same end, else the
 * message is 400. llhttp alone would let through a missing or doubled Host, "Content-Length: 05", chunked on
 * HTTP/1.0, chunk extensions and heads without end. */
#include "edge.h"
#include <arpa/inet.h>
#include <llhttp.h>

#define HOST_MAX 255
#define QUERY_MAX 64
#define CHUNK_DIGITS_MAX 16
#define CHUNK_EXTENSION_MAX 256 /* of a whole message */

/* What a byte may be part of. */
enum { CH_TOKEN = 1, CH_VALUE = 2, CH_TARGET = 4, CH_EXTENSION = 8, CH_HOST = 16 };
#define CH_ALPHA (CH_TOKEN | CH_VALUE | CH_TARGET | CH_EXTENSION | CH_HOST)
#define CH_MARK (CH_TOKEN | CH_VALUE | CH_TARGET | CH_EXTENSION)
#define CH_OTHER (CH_VALUE | CH_TARGET | CH_EXTENSION)
static const unsigned char ch_class[256] = {
  ['\t'] = CH_VALUE,
  [' '] = CH_VALUE,
  ['!'] = CH_MARK,
  ['"'] = CH_OTHER,
  ['#'] = CH_TOKEN | CH_VALUE | CH_EXTENSION,
  ['$' ... '\''] = CH_MARK,
  ['('] = CH_OTHER,
  [')'] = CH_OTHER,
  ['*' ... '+'] = CH_MARK,
  [','] = CH_OTHER,
  ['-' ... '.'] = CH_ALPHA,
  ['/'] = CH_OTHER,
  ['0' ... '9'] = CH_ALPHA,
  [':' ... '@'] = CH_OTHER,
  ['A' ... 'Z'] = CH_ALPHA,
  ['['] = CH_OTHER,
  ['\\'] = CH_VALUE | CH_EXTENSION,
  [']'] = CH_OTHER,
  ['^'] = CH_MARK,
  ['_'] = CH_ALPHA,
  ['`'] = CH_MARK,
  ['a' ... 'z'] = CH_ALPHA,
  ['{'] = CH_OTHER,
  ['|'] = CH_MARK,
  ['}'] = CH_OTHER,
  ['~'] = CH_MARK,
  [0x80 ... 0xff] = CH_VALUE,
};

static inline bool is(unsigned char ch, int what)
{
  return ch_class[ch] & what;
}

static inline char lower(char ch)
{
  return ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : ch;
}

/* a may hold capitals, b not. */
static bool same_word(const char *a, size_t n, const char *b)
{
  size_t i = 0;
  while (i < n && b[i] && lower(a[i]) == b[i]) i++;
  return i == n && !b[i];
}

static const struct {
  const char *name;
  bool may_have_body, is_refused; /* known, and never answered but with 405 */
} methods[] = {
  { "GET", false, false },     { "POST", true, false },  { "PUT", true, false },
  { "PATCH", true, false },    { "HEAD", false, false }, { "DELETE", false, false },
  { "OPTIONS", false, false }, { "TRACE", false, true }, { "CONNECT", false, true },
};

/* Fields that a message may have once; doubled they would mean one thing here and another elsewhere. */
static const char *const single_fields[] = {
  "host",
  "content-length",
  "transfer-encoding",
  "content-type",
  "content-encoding",
  "authorization",
  "expect",
  "origin",
  "referer",
  "user-agent",
  "idempotency-key",
  "last-event-id",
  "range",
  "from",
  "date",
  "if-modified-since",
  "if-unmodified-since",
};

/* ---- the parser ------------------------------------------------------------------------------ */
/* Where the scanner stands in a field line. */
enum field_at { FIELD_START, FIELD_NAME, FIELD_VALUE, FIELD_CR, FIELD_LAST_CR, FIELD_DONE, FIELD_BAD };

enum reading {
  READ_LINE, /* the request line */
  READ_FIELDS,
  READ_LENGTH, /* a body of known length */
  READ_CHUNK_SIZE,
  READ_CHUNK_EXTENSION,
  READ_CHUNK_LF,
  READ_CHUNK_END,
  READ_CHUNK_END_LF, /* lines, by bytes */
  READ_CHUNK_DATA,
  READ_TRAILER,
  READ_DONE,
  READ_BAD
};

struct span {
  uint16_t at, n;
};

struct http_parser {
  struct http_message m;
  const char *const *hosts;
  size_t hosts_n;
  enum reading reading;
  /* head: offsets from its first byte */
  size_t scanned, fields_at;
  bool seen_cr, seen_blank; /* a CR waits for its LF; one empty line before the head was passed over */
  size_t method, field_n;
  struct span target, name[HTTP_FIELDS_MAX], value[HTTP_FIELDS_MAX];
  enum field_at field_at;
  /* body */
  bool may_have_body;
  uint64_t left, total, max; /* of this length or chunk; of the body so far; welcome */
  unsigned chunk_digits;
  size_t extension_n, trailer_n, trailer_fields;
  /* what llhttp makes of it */
  llhttp_t ll;
  uint64_t ll_length, ll_body;
  bool ll_head, ll_chunked, ll_done;
};

static enum http_step bad(struct http_parser *p, int status, const char *code, const char *detail)
{
  p->reading = READ_BAD;
  p->m.status = status, p->m.code = code, p->m.detail = detail;
  return HTTP_STEP_BAD;
}

/* For functions that say whether it was well. */
static bool no(struct http_parser *p, int status, const char *code, const char *detail)
{
  bad(p, status, code, detail);
  return false;
}

/* ---- the second reader ----------------------------------------------------------------------- */
static int ll_on_head(llhttp_t *ll)
{
  struct http_parser *p = ll->data;
  p->ll_head = true;
  p->ll_length = ll->content_length;
  p->ll_chunked = ll->flags & F_CHUNKED;
  ll->upgrade = 0; /* never honoured, so that bytes after the head stay what they are */
  return 0;
}

static int ll_on_body(llhttp_t *ll, const char *s, size_t n)
{
  struct http_parser *p = ll->data;
  (void)s;
  p->ll_body += n;
  return 0;
}

static int ll_on_end(llhttp_t *ll)
{
  struct http_parser *p = ll->data;
  p->ll_done = true;
  return 0;
}

static const llhttp_settings_t ll_settings = {
  .on_headers_complete = ll_on_head,
  .on_body = ll_on_body,
  .on_message_complete = ll_on_end,
};

/* Gives llhttp what the scanner took; the end of the message must be where the scanner sees it. */
static bool ll_agrees(struct http_parser *p, const char *s, size_t n, bool is_end)
{
  if (llhttp_execute(&p->ll, s, n) == HPE_OK && p->ll_done == is_end && p->ll_body == p->total) return true;
  return no(p, 400, "bad_framing", "The framing of the message is not well formed.");
}

/* ---- life ------------------------------------------------------------------------------------ */
static void message_start(struct http_parser *p)
{
  p->m = (struct http_message){ .keep_alive = true };
  p->reading = READ_LINE;
  p->scanned = p->fields_at = p->field_n = 0;
  p->seen_cr = p->seen_blank = p->may_have_body = false;
  p->field_at = FIELD_START;
  p->left = p->total = p->max = 0;
  p->chunk_digits = 0;
  p->extension_n = p->trailer_n = p->trailer_fields = 0;
  p->ll_length = p->ll_body = 0;
  p->ll_head = p->ll_chunked = p->ll_done = false;
  llhttp_reset(&p->ll);
}

struct http_parser *http_parser_new(const char *const *hosts, size_t hosts_n)
{
  struct http_parser *p = mem_new(sizeof *p);
  p->hosts = hosts, p->hosts_n = hosts_n;
  llhttp_init(&p->ll, HTTP_REQUEST, &ll_settings);
  p->ll.data = p;
  message_start(p);
  return p;
}

void http_parser_free(struct http_parser *p)
{
  mem_free(p);
}

const struct http_message *http_parser_message(const struct http_parser *p)
{
  return &p->m;
}

/* ---- request line ---------------------------------------------------------------------------- */
static bool method_find(struct http_parser *p, const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!is((unsigned char)s[i], CH_TOKEN))
      return no(p, 400, "bad_request_line", "The method is not a token.");
  for (size_t i = 0; i < COUNT(methods); i++)
    if (strlen(methods[i].name) == n && !memcmp(methods[i].name, s, n)) {
      if (methods[i].is_refused)
        return no(p, 405, "method_not_allowed", "This method is never answered here.");
      p->method = i, p->may_have_body = methods[i].may_have_body;
      p->m.head_only = !strcmp(methods[i].name, "HEAD");
      return true;
    }
  return no(p, 501, "method_unknown", "This method is not known here.");
}

static bool version_check(struct http_parser *p, const char *s, size_t n)
{
  bool is_form = n == 8 && !memcmp(s, "HTTP/", 5) && s[5] >= '0' && s[5] <= '9' && s[6] == '.' &&
                 s[7] >= '0' && s[7] <= '9';
  if (!is_form) return no(p, 400, "bad_request_line", "The request line does not end with an HTTP version.");
  if (s[5] != '1' || s[7] > '1')
    return no(p, 505, "http_version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  p->m.minor = s[7] - '0';
  return true;
}

/* "GET /path HTTP/1.1": three words, one space between them. */
static bool line_check(struct http_parser *p, const char *s, size_t n)
{
  const char *space = memchr(s, ' ', n), *end = s + n;
  if (!space || space == s) return no(p, 400, "bad_request_line", "There is no request line.");
  const char *target = space + 1, *target_end = memchr(target, ' ', (size_t)(end - target));
  if (!target_end) /* two words are how HTTP/0.9 asks */
    return no(p, 505, "http_version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  const char *version = target_end + 1;
  if (target == target_end || memchr(version, ' ', (size_t)(end - version)))
    return no(p, 400, "bad_request_line", "The request line is not three words with one space between.");
  if (!version_check(p, version, (size_t)(end - version)) || !method_find(p, s, (size_t)(space - s)))
    return false;
  for (const char *t = target; t < target_end; t++)
    if (!is((unsigned char)*t, CH_TARGET))
      return no(p, 400, "bad_target", "The request target holds a byte that must be percent-encoded.");
  p->target = (struct span){ (uint16_t)(target - s), (uint16_t)(target_end - target) };
  return true;
}

/* The bytes of the request line that are new. The line's end makes READ_FIELDS; false: bad. */
static bool line_scan(struct http_parser *p, const char *s, size_t n)
{
  for (; p->scanned < n; p->scanned++) {
    unsigned char ch = (unsigned char)s[p->scanned];
    if (p->seen_cr) {
      if (ch != '\n') return no(p, 400, "bad_request_line", "A CR stands alone.");
      if (!line_check(p, s, p->scanned - 1)) return false;
      p->fields_at = ++p->scanned;
      p->reading = READ_FIELDS;
      return true;
    }
    if (ch == '\r') p->seen_cr = true;
    else if (ch < ' ' || ch == 0x7f)
      return no(p, 400, "bad_request_line",
                ch == '\n' ? "A line ends with LF alone." : "The request line holds a control character.");
    else if (p->scanned >= HTTP_LINE_MAX)
      return no(p, 414, "uri_too_long", "The request line is longer than 8 KiB.");
  }
  return true;
}

/* ---- field lines ----------------------------------------------------------------------------- */
static enum field_at field_step(enum field_at at, unsigned char ch)
{
  switch (at) {
  case FIELD_START: return ch == '\r' ? FIELD_LAST_CR : is(ch, CH_TOKEN) ? FIELD_NAME : FIELD_BAD;
  case FIELD_NAME: return ch == ':' ? FIELD_VALUE : is(ch, CH_TOKEN) ? FIELD_NAME : FIELD_BAD;
  case FIELD_VALUE: return ch == '\r' ? FIELD_CR : is(ch, CH_VALUE) ? FIELD_VALUE : FIELD_BAD;
  case FIELD_CR: return ch == '\n' ? FIELD_START : FIELD_BAD;
  case FIELD_LAST_CR: return ch == '\n' ? FIELD_DONE : FIELD_BAD;
  default: return FIELD_BAD;
  }
}

static const char *field_fault(enum field_at at, unsigned char ch)
{
  if (at == FIELD_CR || at == FIELD_LAST_CR) return "A CR stands alone.";
  if (ch == '\n') return "A line ends with LF alone.";
  if (at == FIELD_START)
    return ch == ' ' || ch == '\t' ? "A header line is folded." : "A header field has no name.";
  if (at == FIELD_NAME) return "A header name holds a character that is no part of a name.";
  return "A header value holds a control character.";
}

/* Notes where names and values begin and end. */
static bool field_note(struct http_parser *p, enum field_at was, enum field_at now, size_t i)
{
  if (was == FIELD_START && now == FIELD_NAME) {
    if (p->field_n == HTTP_FIELDS_MAX)
      return no(p, 431, "headers_too_large", "There are more than 64 header fields.");
    p->name[p->field_n].at = (uint16_t)i;
  } else if (was == FIELD_NAME && now == FIELD_VALUE) {
    p->name[p->field_n].n = (uint16_t)(i - p->name[p->field_n].at);
    p->value[p->field_n].at = (uint16_t)(i + 1);
  } else if (was == FIELD_VALUE && now == FIELD_CR) {
    p->value[p->field_n].n = (uint16_t)(i - p->value[p->field_n].at);
    p->field_n++;
  }
  return true;
}

/* The bytes of the field lines that are new; FIELD_DONE after the empty line. false: bad. */
static bool fields_scan(struct http_parser *p, const char *s, size_t n)
{
  while (p->scanned < n && p->field_at != FIELD_DONE) {
    unsigned char ch = (unsigned char)s[p->scanned];
    enum field_at was = p->field_at;
    p->field_at = field_step(was, ch);
    if (p->field_at == FIELD_BAD) return no(p, 400, "bad_header", field_fault(was, ch));
    if (p->scanned - p->fields_at >= HTTP_HEADERS_MAX)
      return no(p, 431, "headers_too_large", "The header fields are longer than 16 KiB.");
    if (was != p->field_at && !field_note(p, was, p->field_at, p->scanned)) return false;
    p->scanned++;
  }
  return true;
}

static bool same(const char *a, const char *b)
{
  return *a == *b && !strcmp(a, b); /* asked so often that the call counts */
}

/* ---- head: what the fields mean -------------------------------------------------------------- */
static bool is_single(const char *name)
{
  for (size_t i = 0; i < COUNT(single_fields); i++)
    if (same(single_fields[i], name)) return true;
  return false;
}

/* "transfer_encoding" is a framing field to some gateways: nobody honest sends it. */
static bool is_disguised(const char *name)
{
  static const char *const framing[] = { "transfer-encoding", "content-length", "content-encoding" };
  if (!strchr(name, '_')) return false;
  for (size_t i = 0, k; i < COUNT(framing); i++) {
    for (k = 0; name[k] && (name[k] == framing[i][k] || (name[k] == '_' && framing[i][k] == '-'));) k++;
    if (!name[k] && !framing[i][k]) return true;
  }
  return false;
}

static struct http_field *field_find(struct http_request *r, const char *name)
{
  for (size_t i = 0; i < r->field_n; i++)
    if (same(r->field[i].name, name)) return &r->field[i];
  return NULL;
}

static bool field_add(struct http_parser *p, struct http_request *r, char *name, char *value)
{
  if (is_disguised(name)) return no(p, 400, "bad_header", "A framing field is spelt with an underscore.");
  struct http_field *old = field_find(r, name);
  if (!old) {
    r->field[r->field_n++] = (struct http_field){ name, value };
    return true;
  }
  if (is_single(name)) return no(p, 400, "bad_header", "A header field that may stand once stands twice.");
  old->value = arena_printf(&r->mem, "%s%s%s", old->value, strcmp(name, "cookie") != 0 ? ", " : "; ", value);
  return true;
}

/* head: a copy that is cut into words here. */
static bool fields_take(struct http_parser *p, struct http_request *r, char *head)
{
  r->field = arena_array(&r->mem, struct http_field, p->field_n);
  for (size_t i = 0; i < p->field_n; i++) {
    char *name = head + p->name[i].at, *value = head + p->value[i].at, *end = value + p->value[i].n;
    for (char *c = name; c < name + p->name[i].n; c++) *c = lower(*c);
    name[p->name[i].n] = 0;
    bool is_framing = !strcmp(name, "transfer-encoding") || !strcmp(name, "content-length");
    while (value < end && (*value == ' ' || (*value == '\t' && !is_framing))) value++;
    while (value < end && !is_framing && (end[-1] == ' ' || end[-1] == '\t')) end--;
    *end = 0;
    if (!utf8_valid(value, (size_t)(end - value)))
      return no(p, 400, "bad_header", "A header value is not UTF-8.");
    if (!field_add(p, r, name, value)) return false;
  }
  return true;
}

/* True when the comma list holds the word. */
static bool list_has(const char *list, const char *word)
{
  while (list && *list) {
    list += strspn(list, " \t,");
    size_t n = strcspn(list, " \t,");
    if (n && same_word(list, n, word)) return true;
    list += n;
  }
  return false;
}

static bool length_parse(const char *s, uint64_t *out)
{
  uint64_t v = 0;
  size_t n = strlen(s);
  if (!n || n > 19 || (n > 1 && *s == '0')) return false;
  for (size_t i = 0; i < n; i++) {
    if (s[i] < '0' || s[i] > '9') return false;
    v = v * 10 + (uint64_t)(s[i] - '0');
  }
  *out = v;
  return v <= INT64_MAX;
}

static bool framing_take(struct http_parser *p, struct http_request *r)
{
  const char *length = http_field(r, "content-length"), *coding = http_field(r, "transfer-encoding");
  if (length && coding)
    return no(p, 400, "bad_framing", "Content-Length and Transfer-Encoding stand together.");
  if (length && !length_parse(length, &p->m.length))
    return no(p, 400, "bad_framing", "Content-Length is not a plain number.");
  if (coding && (strcmp(coding, "chunked") != 0 || p->m.minor == 0))
    return no(p, 400, "bad_framing", "Transfer-Encoding may only be \"chunked\", and not in HTTP/1.0.");
  p->m.chunked = coding;
  if ((p->m.chunked || p->m.length) && !p->may_have_body)
    return no(p, 400, "body_not_allowed", "A request of this method has no body.");
  if (http_field(r, "content-encoding"))
    return no(p, 415, "content_encoding", "Bodies are taken as they are, without a content encoding.");
  return true;
}

static bool expect_take(struct http_parser *p, struct http_request *r)
{
  const char *expect = http_field(r, "expect");
  if (!expect) return true;
  if (!same_word(expect, strlen(expect), "100-continue"))
    return no(p, 417, "expectation_failed", "Only the expectation 100-continue is known.");
  if (!p->m.chunked && !p->m.length)
    return no(p, 400, "bad_framing", "100-continue is expected for a body, but there is none.");
  p->m.expect_continue = p->m.minor == 1;
  return true;
}

static void connection_take(struct http_parser *p, struct http_request *r)
{
  /* Bytes after a wish to upgrade may be meant in another protocol: they are never read. */
  p->m.keep_alive = p->m.minor == 1 && !list_has(http_field(r, "connection"), "close") &&
                    !http_field(r, "upgrade") && !http_field(r, "http2-settings");
}

/* ---- host ------------------------------------------------------------------------------------ */
/* Length of the name in "name:port", "[::1]:port"; 0 when it is not of that form. */
static size_t host_name_n(const char *s)
{
  size_t n = 0;
  if (*s == '[') {
    const char *end = strchr(s, ']');
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    if (!end || (size_t)(end - s) > sizeof text) return 0;
    n = (size_t)(end - s - 1);
    memcpy(text, s + 1, n), text[n] = 0;
    if (inet_pton(AF_INET6, text, &addr) != 1) return 0;
    n += 2;
  } else {
    while (is((unsigned char)s[n], CH_HOST)) n++;
  }
  if (!n || n > HOST_MAX) return 0;
  const char *port = s + n;
  if (!*port) return n;
  if (*port++ != ':') return 0;
  unsigned v = 0;
  size_t digits = strspn(port, "0123456789");
  if (!digits || digits > 5 || port[digits]) return 0;
  for (size_t i = 0; i < digits; i++) v = v * 10 + (unsigned)(port[i] - '0');
  return v <= 65535 ? n : 0;
}

static bool host_is_served(const struct http_parser *p, const char *name, size_t n)
{
  static const char *const loopback[] = { "localhost", "127.0.0.1", "[::1]" };
  for (size_t i = 0; i < COUNT(loopback); i++)
    if (same_word(name, n, loopback[i])) return true;
  for (size_t i = 0; i < p->hosts_n; i++)
    if (same_word(name, n, p->hosts[i])) return true;
  return false;
}

/* authority: of an absolute target, or NULL. */
static bool host_take(struct http_parser *p, struct http_request *r, const char *authority)
{
  r->host = http_field(r, "host");
  if (!r->host) return no(p, 400, "bad_host", "There is no Host field.");
  size_t n = host_name_n(r->host);
  if (!n) return no(p, 400, "bad_host", "Host is not a name with an optional port.");
  if (authority) {
    size_t i = 0;
    while (authority[i] && lower(authority[i]) == lower(r->host[i])) i++;
    if (authority[i] || r->host[i])
      return no(p, 400, "bad_host", "Host and request target name different hosts.");
  }
  if (!host_is_served(p, r->host, n))
    return no(p, 421, "misdirected",
              "This host is not served here; add it to the hosts of the configuration.");
  return true;
}

/* ---- target ---------------------------------------------------------------------------------- */
static int hex_value(char ch)
{
  return ch >= '0' && ch <= '9'   ? ch - '0'
         : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
         : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                  : -1;
}

/* Decodes in place, once; false at a bad escape, NUL, or bytes that are not UTF-8. */
static bool percent_decode(char *s, size_t *n, bool plus_is_space)
{
  size_t out = 0;
  for (size_t i = 0; i < *n; i++) {
    char ch = s[i];
    if (ch == '+' && plus_is_space) ch = ' ';
    if (ch == '%') {
      int high = i + 1 < *n ? hex_value(s[i + 1]) : -1, low = i + 2 < *n ? hex_value(s[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      ch = (char)(high * 16 + low);
      i += 2;
    }
    s[out++] = ch;
  }
  s[out] = 0;
  *n = out;
  return utf8_valid(s, out);
}

/* No segment is empty (but the last), "." or "..". */
static bool segments_ok(const char *path)
{
  for (const char *s = path; *s; s += strcspn(s, "/")) {
    size_t n = strcspn(++s, "/");
    if (n == 0 && s[0]) return false;
    if (n && n <= 2 && strspn(s, ".") >= n) return false;
  }
  return true;
}

static bool path_take(struct http_parser *p, struct http_request *r, char *path, size_t n)
{
  for (size_t i = 0; i + 2 < n; i++)
    if (path[i] == '%' && path[i + 1] == '2' && lower(path[i + 2]) == 'f')
      return no(p, 400, "bad_path", "The path holds an encoded slash.");
  if (!percent_decode(path, &n, false)) return no(p, 400, "bad_path", "The path is not well encoded UTF-8.");
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)path[i] < ' ' || path[i] == 0x7f || path[i] == '\\' || path[i] == ';')
      return no(p, 400, "bad_path", "The path holds a character that no path here has.");
  if (*path != '/' || !segments_ok(path))
    return no(p, 400, "bad_path", "The path has empty or dot segments.");
  r->path = path;
  return true;
}

static bool query_take(struct http_parser *p, struct http_request *r, char *query)
{
  size_t pairs = 1;
  for (const char *c = query; *c; c++) pairs += *c == '&';
  if (pairs > QUERY_MAX) return no(p, 400, "bad_query", "The query has more than 64 parts.");
  r->query = arena_array(&r->mem, struct http_field, pairs);
  for (char *next; query; query = next) {
    next = strchr(query, '&');
    if (next) *next++ = 0;
    if (!*query) continue;
    char *value = query + strcspn(query, "=");
    if (*value) *value++ = 0;
    size_t name_n = strlen(query), value_n = strlen(value);
    if (!percent_decode(query, &name_n, true) || !percent_decode(value, &value_n, true))
      return no(p, 400, "bad_query", "The query is not well encoded UTF-8.");
    r->query[r->query_n++] = (struct http_field){ query, value };
  }
  return true;
}

/* "http://host:port/path" is cut into authority and the rest; *authority stays NULL for "/path". */
static char *target_cut(struct http_request *r, char *target, char **authority)
{
  static const char *const scheme[] = { "http://", "https://" };
  for (size_t i = 0; i < COUNT(scheme); i++) {
    size_t n = strlen(scheme[i]);
    if (strlen(target) < n || !same_word(target, n, scheme[i])) continue;
    size_t host_n = strcspn(target + n, "/?");
    *authority = arena_strn(&r->mem, target + n, host_n);
    target += n + host_n;
    return *target == '/' ? target : arena_printf(&r->mem, "/%s", target);
  }
  return target;
}

static bool target_take(struct http_parser *p, struct http_request *r, char *target)
{
  char *query = strchr(target, '?');
  if (query) *query++ = 0;
  if (*target != '/') return no(p, 400, "bad_target", "The request target is neither a path nor an address.");
  return path_take(p, r, target, strlen(target)) && (!query || query_take(p, r, query));
}

/* ---- head: all together ---------------------------------------------------------------------- */
static enum reading body_kind(const struct http_parser *p)
{
  return p->m.chunked ? READ_CHUNK_SIZE : p->m.length ? READ_LENGTH : READ_DONE;
}

static bool head_take(struct http_parser *p, struct http_request *r, const char *s, size_t n)
{
  char *head = arena_strn(&r->mem, s, n), *target = head + p->target.at, *authority = NULL;
  target[p->target.n] = 0;
  r->method = methods[p->method].name;
  r->path = "/", r->host = "", r->body = NULL;
  r->query = r->field = NULL;
  r->body_n = r->query_n = r->field_n = 0;
  if (!fields_take(p, r, head) || !framing_take(p, r)) return false;
  target = target_cut(r, target, &authority);
  if (!host_take(p, r, authority) || !target_take(p, r, target) || !expect_take(p, r)) return false;
  connection_take(p, r);
  p->left = p->m.length;
  p->reading = body_kind(p);
  if (!ll_agrees(p, s, n, p->reading == READ_DONE)) return false;
  if (!p->ll_head || p->ll_chunked != p->m.chunked || p->ll_length != p->m.length)
    return no(p, 400, "bad_framing", "The framing of the message is not well formed.");
  return true;
}

/* One empty line before a request is passed over, as RFC 9112 asks; *used then holds its length. */
static enum http_step head_parse(struct http_parser *p, struct http_request *r, const char *s, size_t n,
                                 size_t *used)
{
  if (p->scanned == 0 && n && *s == '\r' && !p->seen_blank) {
    if (n < 2) return HTTP_STEP_MORE;
    if (s[1] != '\n') return bad(p, 400, "bad_request_line", "A CR stands alone.");
    p->seen_blank = true;
    *used = 2, s += 2, n -= 2;
  }
  if (p->reading == READ_LINE && !line_scan(p, s, n)) return HTTP_STEP_BAD;
  if (p->reading != READ_FIELDS) return HTTP_STEP_MORE;
  if (!fields_scan(p, s, n)) return HTTP_STEP_BAD;
  if (p->field_at != FIELD_DONE) return HTTP_STEP_MORE;
  if (!head_take(p, r, s, p->scanned)) return HTTP_STEP_BAD;
  *used += p->scanned;
  return HTTP_STEP_HEAD;
}

bool http_parser_limit(struct http_parser *p, uint64_t body_max)
{
  p->max = body_max;
  return p->m.length <= body_max || no(p, 413, "body_too_large", "The body is larger than this route takes.");
}

/* ---- body ------------------------------------------------------------------------------------ */
/* A piece of the length or chunk that is being read. */
static enum http_step data_parse(struct http_parser *p, const char *s, size_t n, size_t *used)
{
  size_t k = n < p->left ? n : (size_t)p->left;
  if (!k) return HTTP_STEP_MORE;
  p->left -= k, p->total += k;
  if (p->total > p->max) return bad(p, 413, "body_too_large", "The body is larger than this route takes.");
  bool is_length = p->reading == READ_LENGTH;
  if (!ll_agrees(p, s, k, is_length && !p->left)) return HTTP_STEP_BAD;
  if (!p->left) p->reading = is_length ? READ_DONE : READ_CHUNK_END;
  p->m.data = s, p->m.data_n = k;
  *used = k;
  return HTTP_STEP_DATA;
}

static bool chunk_begin(struct http_parser *p)
{
  if (p->left > p->max - p->total)
    return no(p, 413, "body_too_large", "The body is larger than this route takes.");
  p->reading = p->left ? READ_CHUNK_DATA : READ_TRAILER;
  p->field_at = FIELD_START;
  return true;
}

/* One byte of the lines around chunks; false: bad. */
static bool chunk_step(struct http_parser *p, unsigned char ch)
{
  switch (p->reading) {
  case READ_CHUNK_SIZE:
    if (hex_value((char)ch) >= 0) {
      if (++p->chunk_digits > CHUNK_DIGITS_MAX)
        return no(p, 400, "bad_chunk", "A chunk size has too many digits.");
      p->left = p->left << 4 | (uint64_t)hex_value((char)ch);
      return true;
    }
    if (!p->chunk_digits || (ch != '\r' && ch != ';'))
      return no(p, 400, "bad_chunk", "A chunk size is not a hexadecimal number.");
    p->reading = ch == '\r' ? READ_CHUNK_LF : READ_CHUNK_EXTENSION;
    return true;
  case READ_CHUNK_EXTENSION:
    if (ch == '\r') p->reading = READ_CHUNK_LF;
    else if (ch != ' ' && !is(ch, CH_EXTENSION))
      return no(p, 400, "bad_chunk", "A chunk extension holds a control character.");
    else if (++p->extension_n > CHUNK_EXTENSION_MAX)
      return no(p, 400, "bad_chunk", "The chunk extensions are longer than 256 bytes.");
    return true;
  case READ_CHUNK_LF: return ch == '\n' ? chunk_begin(p) : no(p, 400, "bad_chunk", "A CR stands alone.");
  case READ_CHUNK_END:
    if (ch != '\r') return no(p, 400, "bad_chunk", "A chunk is longer than its size.");
    p->reading = READ_CHUNK_END_LF;
    return true;
  default:
    must(p->reading == READ_CHUNK_END_LF);
    if (ch != '\n') return no(p, 400, "bad_chunk", "A CR stands alone.");
    p->reading = READ_CHUNK_SIZE, p->chunk_digits = 0, p->left = 0;
    return true;
  }
}

/* Lines around chunks, as far as they go in s. llhttp is not shown the extensions: they mean nothing, and its
 * grammar of them is narrower than the standard's. */
static bool chunk_lines(struct http_parser *p, const char *s, size_t n, size_t *used)
{
  while (*used < n && p->reading >= READ_CHUNK_SIZE && p->reading <= READ_CHUNK_END_LF) {
    if (!chunk_step(p, (unsigned char)s[*used])) return false;
    if (p->reading != READ_CHUNK_EXTENSION && !ll_agrees(p, s + *used, 1, false)) return false;
    ++*used;
  }
  return true;
}

/* Trailers are read by the rules of header fields, and dropped: llhttp is not shown them. */
static bool trailer_lines(struct http_parser *p, const char *s, size_t n, size_t *used)
{
  for (; *used < n && p->field_at != FIELD_DONE; (*used)++) {
    enum field_at was = p->field_at;
    p->field_at = field_step(was, (unsigned char)s[*used]);
    if (p->field_at == FIELD_BAD) return no(p, 400, "bad_trailer", field_fault(was, (unsigned char)s[*used]));
    bool is_name = was == FIELD_START && p->field_at == FIELD_NAME;
    if (++p->trailer_n > HTTP_HEADERS_MAX || (is_name && ++p->trailer_fields > HTTP_FIELDS_MAX))
      return no(p, 431, "headers_too_large", "There are too many trailer fields.");
  }
  if (p->field_at != FIELD_DONE) return true;
  p->reading = READ_DONE;
  return ll_agrees(p, "\r\n", 2, true);
}

static enum http_step chunk_parse(struct http_parser *p, const char *s, size_t n, size_t *used)
{
  if (!chunk_lines(p, s, n, used)) return HTTP_STEP_BAD;
  if (p->reading == READ_CHUNK_DATA) {
    size_t data = 0;
    enum http_step step = data_parse(p, s + *used, n - *used, &data);
    *used += data;
    return step;
  }
  if (p->reading == READ_TRAILER && !trailer_lines(p, s, n, used)) return HTTP_STEP_BAD;
  return HTTP_STEP_MORE;
}

enum http_step http_parse(struct http_parser *p, struct http_request *r, const char *s, size_t n,
                          size_t *used)
{
  enum http_step step = HTTP_STEP_MORE;
  *used = 0;
  if (p->reading == READ_BAD) return HTTP_STEP_BAD;
  if (p->reading <= READ_FIELDS) return head_parse(p, r, s, n, used);
  if (p->reading == READ_LENGTH) return data_parse(p, s, n, used);
  if (p->reading != READ_DONE) step = chunk_parse(p, s, n, used);
  if (p->reading != READ_DONE || step != HTTP_STEP_MORE) return step;
  message_start(p);
  return HTTP_STEP_END;
}

const char *http_field(const struct http_request *r, const char *lower_name)
{
  for (size_t i = 0; i < r->field_n; i++)
    if (same(r->field[i].name, lower_name)) return r->field[i].value;
  return NULL;
}

const char *http_query(const struct http_request *r, const char *name)
{
  for (size_t i = 0; i < r->query_n; i++)
    if (same(r->query[i].name, name)) return r->query[i].value;
  return NULL;
}
