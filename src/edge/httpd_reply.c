/* httpd_reply.c: heads of answers, as bytes. Knows no sockets and no clock. */
#include "edge.h"

static const struct {
  int status;
  const char *text;
} statuses[] = {
  { 200, "OK" },
  { 201, "Created" },
  { 202, "Accepted" },
  { 204, "No Content" },
  { 207, "Multi-Status" },
  { 301, "Moved Permanently" },
  { 302, "Found" },
  { 303, "See Other" },
  { 304, "Not Modified" },
  { 307, "Temporary Redirect" },
  { 308, "Permanent Redirect" },
  { 400, "Bad Request" },
  { 401, "Unauthorized" },
  { 403, "Forbidden" },
  { 404, "Not Found" },
  { 405, "Method Not Allowed" },
  { 406, "Not Acceptable" },
  { 408, "Request Timeout" },
  { 409, "Conflict" },
  { 410, "Gone" },
  { 411, "Length Required" },
  { 412, "Precondition Failed" },
  { 413, "Content Too Large" },
  { 414, "URI Too Long" },
  { 415, "Unsupported Media Type" },
  { 417, "Expectation Failed" },
  { 421, "Misdirected Request" },
  { 422, "Unprocessable Content" },
  { 428, "Precondition Required" },
  { 429, "Too Many Requests" },
  { 431, "Request Header Fields Too Large" },
  { 500, "Internal Server Error" },
  { 501, "Not Implemented" },
  { 502, "Bad Gateway" },
  { 503, "Service Unavailable" },
  { 504, "Gateway Timeout" },
  { 505, "HTTP Version Not Supported" },
  { 507, "Insufficient Storage" },
};

const char *http_status_text(int status)
{
  for (size_t i = 0; i < COUNT(statuses); i++)
    if (statuses[i].status == status) return statuses[i].text;
  return "Status";
}

bool http_status_bodyless(int status)
{
  return status < 200 || status == 204 || status == 304;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static void put_two(char *at, int v)
{
  at[0] = (char)('0' + v / 10 % 10), at[1] = (char)('0' + v % 10);
}

void http_date(int64_t now_ms, char out[HTTP_DATE_TEXT])
{
  static const char days[] = "MonTueWedThuFriSatSun", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct civil c = time_civil(now_ms, 0);
  memcpy(out, "ddd, 00 mmm 0000 00:00:00 GMT", 30);
  memcpy(out, days + 3 * c.weekday, 3);
  memcpy(out + 8, months + 3 * (c.month - 1), 3);
  put_two(out + 5, c.day), put_two(out + 12, c.year / 100), put_two(out + 14, c.year);
  put_two(out + 17, c.hour), put_two(out + 20, c.minute), put_two(out + 23, c.second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
bool http_date_read(const char *s, int64_t *ms)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  static const char shape[] = "aaa, 99 aaa 9999 99:99:99 GMT";
  if (strlen(s) != sizeof shape - 1) return false;
  for (size_t i = 0; i < sizeof shape - 1; i++)
    if (shape[i] == '9' ? s[i] < '0' || s[i] > '9' : shape[i] != 'a' && shape[i] != s[i]) return false;
  int month = 0;
  while (month < 12 && strncmp(months + (size_t)month * 3, s + 8, 3) != 0) month++;
#define TWO(at) ((s[at] - '0') * 10 + s[(at) + 1] - '0')
  struct civil c = { TWO(12) * 100 + TWO(14), month + 1, TWO(5), TWO(17), TWO(20), TWO(23), 0 };
#undef TWO
  if (month == 12 || c.day < 1 || c.day > 31 || c.hour > 23 || c.minute > 59 || c.second > 60) return false;
  *ms = time_from_civil(&c, 0);
  return true;
}

/* "Name: value" without control characters, then CR LF. Returns the line's length or 0. */
static size_t header_line_n(const char *s)
{
  size_t name = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"), n = name;
  if (!name || s[n++] != ':') return 0;
  while ((unsigned char)s[n] >= ' ' && s[n] != 0x7f) n++;
  return s[n] == '\r' && s[n + 1] == '\n' ? n + 2 : 0;
}

bool http_headers_ok(const char *headers)
{
  while (*headers) {
    size_t n = header_line_n(headers);
    if (!n) return false;
    headers += n;
  }
  return true;
}

static bool names_cache(const char *headers)
{
  for (; headers && *headers; headers = strchr(headers, '\n') + 1)
    if (!strncasecmp(headers, "cache-control:", 14)) return true;
  return false;
}

static void put_field(struct buf *out, const char *name, const char *value)
{
  buf_str(out, name);
  buf_str(out, value);
  buf_put(out, "\r\n", 2);
}

void http_head_put(struct buf *out, const struct http_head *h)
{
  must(h->status >= 200 && h->status <= 599);
  buf_reserve(out, 512);
  buf_put(out, "HTTP/1.1 ", 9);
  buf_int(out, h->status);
  buf_char(out, ' ');
  put_field(out, http_status_text(h->status), "");
  put_field(out, "Date: ", h->date);
  if (h->type && !http_status_bodyless(h->status)) put_field(out, "Content-Type: ", h->type);
  if (h->chunked) {
    put_field(out, "Transfer-Encoding: ", "chunked");
  } else if (h->length >= 0 && !http_status_bodyless(h->status)) {
    buf_put(out, "Content-Length: ", 16);
    buf_int(out, h->length);
    buf_put(out, "\r\n", 2);
  }
  put_field(out, "X-Content-Type-Options: ", "nosniff");
  if (!names_cache(h->headers)) put_field(out, "Cache-Control: ", "no-store");
  if (h->close) put_field(out, "Connection: ", "close");
  if (h->headers) buf_str(out, h->headers);
  buf_put(out, "\r\n", 2);
}
