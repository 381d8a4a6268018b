/* base.h: layer 1. Memory, text, addresses, JSON, configuration text, spreadsheets.
 * Knows no clock, no file system beyond what a caller hands in, no thread, no SQL.
 * Everything returned lives in the arena it was given, unless a line below says otherwise. */
#ifndef ORDERD_BASE_H
#define ORDERD_BASE_H
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- errors: one list. Domain code returns one of these and never prints. ------------------
 * X(name, HTTP status, may be tried again, title). The code in problem documents is the name in
 * lower case; a flow may give a finer code in struct problem. */
#define ERR_MAP(X)                                                                                   \
  X(OK, 200, 0, "Done")                                                                              \
  X(BAD_REQUEST, 400, 0, "The request cannot be understood")                                         \
  X(UNAUTHORIZED, 401, 0, "No valid credentials")                                                    \
  X(FORBIDDEN, 403, 0, "Your role may not do this")                                                  \
  X(NOT_FOUND, 404, 0, "No such thing")                                                              \
  X(METHOD, 405, 0, "The method is not allowed here")                                                \
  X(TIMEOUT, 408, 1, "The request came too slowly")                                                  \
  X(CONFLICT, 409, 0, "The present state does not allow this")                                       \
  X(STALE, 412, 0, "The version has moved on")                                                       \
  X(TOO_LARGE, 413, 0, "The body is too large")                                                      \
  X(MEDIA, 415, 0, "The content type is not accepted")                                               \
  X(MISDIRECTED, 421, 0, "This host is not served here")                                             \
  X(INVALID, 422, 0, "The data break a rule")                                                        \
  X(TOO_MANY, 429, 1, "Too many requests")                                                           \
  X(INTERNAL, 500, 0, "orderd failed")                                                               \
  X(BUSY, 503, 1, "Too busy, try again")                                                             \
  X(IO, 503, 1, "The disk did not accept the change")                                                \
  X(DISK_FULL, 507, 1, "The disk is nearly full")
enum err {
#define X(id, http, retry, title) ERR_##id,
  ERR_MAP(X)
#undef X
  ERR_N
};
int err_http(enum err e);
bool err_retry(enum err e);
const char *err_title(enum err e);
const char *err_code(enum err e); /* "not_found" */

#define TRY(x)                                                                                       \
  do {                                                                                               \
    enum err e_ = (x);                                                                               \
    if (e_) return e_;                                                                               \
  } while (0)

/* Our own mistakes: always on, logs and aborts. The world's mistakes are an enum err. */
#define must(c) ((c) ? (void)0 : must_failed(#c, __FILE__, __LINE__))
_Noreturn void must_failed(const char *what, const char *file, int line);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

/* ---- memory: mem.c holds the only malloc of ours; out of memory ends the process. ---------- */
void *mem_new(size_t n); /* zeroed */
void *mem_grow(void *p, size_t n);
void mem_free(void *p);

/* An arena per request and per command: allocate, never free, release all at once. */
struct arena {
  struct arena_block *head;
  size_t used; /* bytes handed out, for limits */
};
void arena_release(struct arena *a); /* also right on a zeroed arena */
void arena_reset(struct arena *a);   /* keeps the first block for the next use */
void *arena_alloc(struct arena *a, size_t n); /* zeroed, aligned to 16 */
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))
char *arena_strn(struct arena *a, const char *s, size_t n); /* copy, NUL added */
char *arena_str(struct arena *a, const char *s);            /* NULL stays NULL */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

/* A growing byte buffer on the heap; data is always followed by a NUL that len does not count. */
struct buf {
  char *data;
  size_t len, cap;
};
void buf_release(struct buf *b);
void buf_reserve(struct buf *b, size_t more);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_int(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* 64-bit hash that is the same on every machine and in every version: it is stored on disk. */
uint64_t hash64(const void *p, size_t n, uint64_t seed);

/* pack.c: LZ4 with a preset dictionary of words that order payloads share.
 * pack: appends to out; unpack: fails (false) on damage or when the result is over max. */
void pack(struct buf *out, const void *p, size_t n);
bool unpack(struct buf *out, const void *p, size_t n, size_t max);
/* A text of ours inside the binary, as gzip made it. open: unpacks it for good, NUL behind it. */
struct packed_text {
  const unsigned char *gz;
  size_t n;
  char *text;
  size_t text_n;
};
void packed_text_open(struct packed_text *t);

/* ---- barcode.c: Code 128 ------------------------------------------------------------------------------------ */
#define CODE128_MAX 80                        /* characters */
#define CODE128_CODES_MAX (2 * CODE128_MAX + 4)
/* The fewest code words: start, data in the sets A, B and C, check, stop; 0: empty, too long, or not ASCII. */
size_t code128(const char *text, unsigned char codes[CODE128_CODES_MAX]);
bool code128_widths(struct buf *out, const char *text);         /* of bar, space, bar … in modules, as digits */
/* With quiet zones, a module so wide (375 micrometres are 3 dots of a label printer of 203 dpi). */
bool code128_svg(struct buf *out, const char *text, int module_um, int height_mm);
void html_put(struct buf *out, const char *text); /* as text or as an attribute's value in quotes; NULL: nothing */

/* ---- text ----------------------------------------------------------------------------------- */
bool utf8_valid(const char *s, size_t n); /* shortest form, no surrogates, no NUL */
size_t utf8_count(const char *s);         /* code points */
/* Decodes one code point at *s (valid UTF-8), moves *s on; 0 at the end. */
uint32_t utf8_next(const char **s);
void utf8_put(struct buf *b, uint32_t cp);
char *text_nfkc(struct arena *a, const char *s);      /* NFKC; invisible and control characters dropped */
char *text_fold(struct arena *a, const char *s);      /* NFKC + case folding, for comparing and search */
bool gb18030_to_utf8(struct buf *out, const char *s, size_t n); /* false at the first bad byte */
/* Likeness of two short texts by code points, in thousandths: 1000 * (1 - edits / longer length). */
int text_likeness(const char *a, const char *b);
int text_edits(const char *a, const char *b);         /* Levenshtein distance in code points */

/* Money: integer minor units with a currency. digits: how many decimals the currency has
 * (ISO 4217: CNY 2, JPY 0, KWD 3); -1 for a currency we do not know. */
int money_digits(const char *currency);
/* Decimal text ("199.00", "-3.5") to minor units, exactly; false when not decimal text, with more
 * decimals than the currency has, or out of +-9e15. */
bool money_parse(const char *text, const char *currency, int64_t *minor);
char *money_text(struct arena *a, int64_t minor, const char *currency);
void money_put(struct buf *b, int64_t minor, const char *currency);
/* Shares total out by weight with the largest remainder method; the parts sum to total.
 * All weights 0 counts as all 1. Ties go to the earlier part. */
void money_share(int64_t total, const int64_t *weight, int64_t *part, size_t n);

/* Time: int64 milliseconds since 1970 UTC. */
bool time_parse(const char *rfc3339, int64_t *ms);          /* a zone is required */
/* Times of sheets and platforms: "2016-10-04 10:41:17", "2016/10/4 10:41", "… +0800", an RFC 3339
 * text; zone_min is used where the text has none. */
bool time_parse_loose(const char *text, int zone_min, int64_t *ms);
#define TIME_TEXT 32
char *time_text(int64_t ms, char out[TIME_TEXT]);           /* "2026-11-11T00:03:21.000Z" */
void time_put(struct buf *b, int64_t ms);
/* Durations of the configuration: "10m", "72h", "1s", "3d", "500ms". */
bool duration_parse(const char *text, int64_t *ms);
char *duration_text(struct arena *a, int64_t ms);
/* Civil parts of a moment in a fixed zone; weekday 0 = Monday. */
struct civil {
  int year, month, day, hour, minute, second, weekday;
};
struct civil time_civil(int64_t ms, int zone_min);
int64_t time_from_civil(const struct civil *c, int zone_min);

/* Phone key (domain 3.1): digits after NFKC, the country's prefix gone, an extension kept apart.
 * kind says why there is none. key is stable on disk: the upper half is a hash of what a masked
 * number still shows (first 3 and last 4 digits), so that a masked number's half finds the full ones. */
enum phone_kind { PHONE_NONE, PHONE_FULL, PHONE_MASKED, PHONE_VIRTUAL, PHONE_SHORT };
struct phone {
  enum phone_kind kind;
  char digits[24];   /* normalised, masked places as '*' */
  char extension[12];
  uint64_t key;      /* only for PHONE_FULL; top bit 0, lower half never 0 */
  uint32_t shown;    /* PHONE_FULL and PHONE_MASKED with 3 + 4 shown digits: the upper half; else 0 */
};
void phone_parse(const char *text, const char *country, struct phone *out);
char *phone_mask(struct arena *a, const char *text); /* 138****0000; for people who may not see it */
char *name_mask(struct arena *a, const char *text);  /* 张**, J*** */

/* Search terms of a text: folded; every two neighbours in scripts without blanks (a lone character gives
 * itself), else whole words, where letters and digits that stand together are one ("sf1234"). Calls put()
 * per term, as often as it occurs, each at most TERM_MAX bytes (a longer word is cut), without spaces; term
 * is not NUL-terminated. Parts of words and numbers (the last 4 digits) are the caller's to add. */
#define TERM_MAX 64
void text_terms(const char *s, void (*put)(void *arg, const char *term, size_t n), void *arg);

/* ---- divisions.c: provinces, cities, districts, towns (GB/T 2260) -------------------------------
 * The table works on UTF-16 units, folded; an id is a place in it, -1 is none. */
enum { DIV_PROVINCE, DIV_CITY, DIV_DISTRICT, DIV_TOWN };
enum div_form { DIV_SHORT = 1, DIV_OTHER, DIV_FULL }; /* 西湖, 西湖县, 西湖区 */
struct div_hit {
  int id, len;
  enum div_form form;
  int level;
};
/* Which divisions inside of within (-1: anywhere) have a name that s begins with? */
int div_find(const uint16_t *s, int n, int within, struct div_hit *out, int max);
/* Does s begin with the name of this one? Length, or 0. */
int div_is(const uint16_t *s, int n, int id, enum div_form *form);
/* Provinces, cities and districts by their name in Latin letters ("guangdong", "xi'an"). */
int div_find_latin(const char *word, int within, int *out, int max);
int div_level(int id);
int div_parent(int id); /* -1: a province */
uint32_t div_code(int id);
/* The name of a code ("330106"), or the code itself when it is not known. */
const char *div_name(struct arena *a, const char *code);
/* The sound of a character as a number, without the tone; 0 when it is not known. */
int div_sound(uint32_t cp);
/* The simple form of a traditional character that addresses are made of (號: 号), else c itself. */
uint16_t div_simple(uint16_t c);

/* ---- addresses (domain 3.2) ------------------------------------------------------------------- */
enum addr_part {
  ADDR_PROVINCE, ADDR_CITY, ADDR_DISTRICT, ADDR_TOWN, /* GB/T 2260 codes as text, "330106" */
  ADDR_ROAD, ADDR_NUMBER, ADDR_COMPOUND, ADDR_BUILDING, ADDR_UNIT, ADDR_FLOOR, ADDR_ROOM,
  ADDR_POSTCODE, ADDR_STREET_EXTRA, /* lane, village group, phase: whatever else bears a number */
  ADDR_N
};
const char *addr_part_name(enum addr_part p);
struct addr {
  const char *part[ADDR_N]; /* normalised text, NULL: not stated */
  const char *maybe;        /* the districts ("320106 320302") that an unclear name may mean, else NULL */
  const char *rest;         /* what no part took, normalised; "" when nothing is left */
  bool masked;              /* holds '*': agrees with nothing */
  bool latin;               /* read by the rules for Latin scripts */
};
/* What the world sends: the platform's own fields, any of them NULL or "". The detail may repeat
 * or hold all of the others. */
struct addr_text {
  const char *country, *province, *city, *district, *town, *detail, *zip;
};
void addr_parse(struct arena *a, const struct addr_text *t, struct addr *out);
/* What addr_parse does with a detail in Latin letters; divisions that the fields gave are in out. */
void addr_parse_latin(struct arena *a, const struct addr_text *t, struct addr *out);
enum addr_verdict { ADDR_DIFFER, ADDR_PROBABLE, ADDR_AGREE };
const char *addr_verdict_name(enum addr_verdict v); /* "differ" "probable" "agree" */
/* Do two addresses name one place?
 * DIFFER    a part that both state differs, or too little is stated by both, or one is masked.
 *           A town alone never differs: people name it wrongly; it only doubts.
 * AGREE     nothing differs, and what both state pins a place down: road and number, or lane, or
 *           compound, together with building or room where either side has one; and a district or town,
 *           or the city with building or room and two of street, compound, room, or the province with
 *           street, compound, building and room. A district's name without its city is that district
 *           where the other side states one, and no more than a city where neither does.
 * PROBABLE  nothing differs and a good part is the same, but not enough to act on it.
 * Names of roads and compounds are the same, or alike: of the same length from three characters on, one
 * character (two from six on) in place of one of like sound (without tone; zh is z, ng is n) or shape,
 * unless both count or point (numerals, 东西南北中, 大小, 新老, 园 and 苑). One name alike still agrees when
 * two of the rest (number, building, unit, room, the other name) are the same; two do not, nor does a
 * name that is only part of the other.
 * by: the part that decided (for DIFFER the first that differs; ADDR_N: too little is stated).
 * note: a short reason for people, in the arena. */
enum addr_verdict addr_agree(struct arena *a, const struct addr *x, const struct addr *y,
                             enum addr_part *by, const char **note);

/* ---- JSON: one strict gate in front of the library (contract 3, Gate) -------------------------- */
#define JSON_DEPTH_MAX 32
#define JSON_ELEMENTS_MAX 20000
#define JSON_ELEMENTS_BATCH_MAX 100000
/* One field that is wrong: where (JSON Pointer), what (stable code), and a sentence. */
struct fault {
  const char *pointer, *code, *detail;
};
struct faults {
  struct arena *mem;
  struct fault at[16]; /* the first ones are kept, the rest only counted */
  int n;
};
void fault_add(struct faults *f, const char *pointer, const char *code, const char *fmt, ...) PRINTF(4, 5);
char *json_pointer(struct arena *a, const char *base, const char *key); /* base/key, the key escaped (RFC 6901) */

/* Checks without building anything: UTF-8, no NUL (raw or \u0000), no lone surrogate, no duplicate
 * key (case-sensitive), depth, element count, number grammar, nothing after the document.
 * Returns true, or false with *why and the byte offset *at. */
bool json_gate(const char *s, size_t n, size_t elements_max, const char **why, size_t *at);

/* A parsed value; opaque, lives in the arena. Numbers keep their text. */
struct json;
enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
/* Gate and parse. On failure NULL and one fault "bad_json". */
struct json *json_parse(struct arena *a, const char *s, size_t n, size_t elements_max, struct faults *f);
enum json_type json_type(const struct json *j);      /* NULL pointer: JSON_NULL */
const char *json_string(const struct json *j);       /* NULL when not a string */
const char *json_number(const struct json *j);       /* the token's text; NULL when not a number */
bool json_bool(const struct json *j);
bool json_int(const struct json *j, int64_t *out);   /* exact, no exponent or fraction */
size_t json_count(const struct json *j);             /* members or elements */
const struct json *json_get(const struct json *obj, const char *key); /* case-sensitive; NULL when absent */
const struct json *json_at(const struct json *arr, size_t i);         /* walks; iterate by first and next */
const struct json *json_first(const struct json *j); /* first member or element; then json_next */
const struct json *json_next(const struct json *j);
const char *json_key(const struct json *member);

/* Streaming writer: fixed shapes by hand, commas by itself. */
struct jw {
  struct buf *out;
  int depth;
  bool comma[JSON_DEPTH_MAX + 1];
};
void jw_init(struct jw *w, struct buf *out);
void jw_object(struct jw *w);
void jw_object_end(struct jw *w);
void jw_array(struct jw *w);
void jw_array_end(struct jw *w);
void jw_key(struct jw *w, const char *key);
void jw_string(struct jw *w, const char *s);      /* NULL writes null */
void jw_stringn(struct jw *w, const char *s, size_t n);
void jw_int(struct jw *w, int64_t v);
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, const char *json, size_t n); /* a value that is JSON already */
void jw_json(struct jw *w, const struct json *j); /* a parsed value as it came, numbers letter by letter */
void jw_time(struct jw *w, int64_t ms);           /* 0 writes null */
void jw_money(struct jw *w, int64_t minor, const char *currency); /* {"amount":"1.00","currency":"CNY"} */
/* key and value in one */
void jw_kstring(struct jw *w, const char *key, const char *s);
void jw_kint(struct jw *w, const char *key, int64_t v);
void jw_kbool(struct jw *w, const char *key, bool v);
void jw_ktime(struct jw *w, const char *key, int64_t ms);
void jw_kmoney(struct jw *w, const char *key, int64_t minor, const char *currency);

/* ---- conf.c: sectioned text files (contract 5 and 6) -------------------------------------------
 *   # a comment
 *   [section name]
 *   key = value            a line that starts with blanks goes on with the value above
 * Each entry keeps its line for errors. Keys before the first section have section "". */
struct conf_entry {
  const char *section, *key, *value;
  int line;
};
struct conf {
  struct conf_entry *at;
  size_t n;
};
#define CONF_FILE_MAX (1 << 20)
/* false with *why ("line 12: …") when the text is not of the form, holds a key twice in one section,
 * or is over a limit. */
bool conf_parse(struct arena *a, const char *text, size_t n, struct conf *out, const char **why);
const struct conf_entry *conf_get(const struct conf *c, const char *section, const char *key);
/* The nearest of n known words to a mistyped one, or NULL when none is near. */
const char *word_nearest(const char *word, const char *const *known, size_t n);

/* ---- csv.c: CSV in and out ---------------------------------------------------------------------- */
#define CSV_CELL_MAX (256 * 1024)
#define CSV_ROW_MAX (1 << 20)
#define CSV_COLUMNS_MAX 512
/* A push parser: feed bytes as they come; row() gets each row with its number (the header is 1)
 * and may return false to stop. UTF-8 (a BOM is dropped) or GB18030 by csv_sniff. Quotes as in
 * RFC 4180; CR LF, LF or CR; line ends inside quotes are kept. A fault in a row (bad bytes, too long,
 * a quote that never ends) is reported through row() with cells = NULL and why set, and reading goes on
 * with the next line. */
struct csv;
typedef bool csv_row_fn(void *arg, int64_t row, char **cells, size_t n, const char *why);
struct csv *csv_new(csv_row_fn *row, void *arg);
bool csv_feed(struct csv *c, const char *p, size_t n); /* false: row() asked to stop */
bool csv_end(struct csv *c);
void csv_free(struct csv *c);
void csv_set_gb18030(struct csv *c, bool on);
/* Looks at the start of a file: true when it is not valid UTF-8 but is valid GB18030. */
bool csv_sniff_gb18030(const char *p, size_t n, bool is_whole_file);
/* One cell out: quoted where needed; = + - @ TAB CR at the start made harmless by a leading '.
 * Plain negative or positive numbers are left alone. */
void csv_put(struct buf *out, const char *cell);

/* ---- sheets: rows of a platform's order export -> canonical orders (contract 4) -------------------
 * Fed row by row, so csv_new(sheet_row, sheet) is all that a CSV file needs. The first row whose
 * headers say enough (order number, time, SKU or title, quantity, an amount) is the header.
 *
 * Rows that follow each other with the same order number are one order; a row without a number and
 * without order data goes on with the order above. Whatever is not sure is refused, never guessed, and
 * an order is given whole or not at all: every row under the header is in exactly one order given or
 * is refused exactly once.
 *
 *  code             refused because
 *  bad_row          the row could not be read (the detail says why)
 *  header_unknown   the headers do not say enough; nothing of the file was read
 *  too_many_cells   more cells than headers: a comma without quotes has shifted the row
 *  id_missing       no order number
 *  id_damaged       an order number or line number that a spreadsheet has rounded
 *  id_repeated      the order stood further up with other content
 *  phone_damaged, sku_damaged, waybill_damaged, cell_error (#REF! and the like)
 *  status_unknown, status_missing, time_invalid, placed_at_missing, money_invalid, total_missing,
 *  currency_unknown, quantity_invalid, item_missing, channel_differs, channel_missing, line_repeated
 *  too_many_rows    more than SHEET_ROWS_MAX rows of one order, or SHEET_ORDERS_MAX orders in one file
 *  row_lost         a row among the rows of this order could not be read, or one beside it, and the
 *                   amounts do not prove that it was another order's
 *  order_refused    another row of the same order was refused */
#define SHEET_ROWS_MAX 500
#define SHEET_ORDERS_MAX 500000
#define SHEET_PREAMBLE_MAX 10 /* rows looked at for the headers */
struct sheet_options {
  const char *channel;  /* NULL: from a column */
  const char *currency; /* where no column says it; NULL: CNY */
  const char *status;   /* where the sheet has no column for it; NULL: paid, or shipped with a waybill */
  int zone_min;         /* of times without a zone */
};
#define SHEET_OPTIONS(name) { .channel = (name), .currency = "CNY", .zone_min = 480 }
struct sheet;
typedef void sheet_order_fn(void *arg, int64_t first_row, const char *json, size_t n);
/* column: the header it is about, "" for the row as a whole. raw_json: the row as {header: cell}. */
typedef void sheet_refuse_fn(void *arg, int64_t row, const char *column, const char *code, const char *detail,
                             const char *raw_json, size_t n);
struct sheet *sheet_new(const struct sheet_options *o, sheet_order_fn *order, sheet_refuse_fn *refuse, void *arg);
bool sheet_row(void *sheet, int64_t row, char **cells, size_t n, const char *why); /* a csv_row_fn */
void sheet_end(struct sheet *s); /* the last order; also tells when no header was found */
void sheet_free(struct sheet *s);

/* The parts of it. The name of a field is the header that orderd itself writes and reads. */
#define SHEET_FIELD_MAP(X)                                                                           \
  X(CHANNEL, "channel")                                                                              \
  X(ORDER_NO, "external_id")                                                                         \
  X(ORDER_NAME, "order_name") /* a second number for people, as Shopify's */                         \
  X(STATUS, "status")                                                                                \
  X(PAY_STATUS, "pay_status")                                                                        \
  X(FULFIL_STATUS, "fulfilment_status")                                                              \
  X(REFUND_STATUS, "refund_status")                                                                  \
  X(CANCELLED_AT, "cancelled_at")                                                                    \
  X(PLACED_AT, "placed_at")                                                                          \
  X(PAID_AT, "paid_at")                                                                              \
  X(UPDATED_AT, "updated_at")                                                                        \
  X(SHIP_BY, "ship_by")                                                                              \
  X(CURRENCY, "currency")                                                                            \
  X(TOTAL, "total")                                                                                  \
  X(PAID, "paid")                                                                                    \
  X(GOODS, "goods")                                                                                  \
  X(FREIGHT, "freight")                                                                              \
  X(DISCOUNT, "discount")                                                                            \
  X(DISCOUNT_MORE, "platform_discount")                                                              \
  X(PRICE_CHANGE, "price_change") /* 1688: negative is a discount */                                 \
  X(PAY_METHOD, "pay_method")                                                                        \
  X(SERVICE, "service")                                                                              \
  X(BUYER_ID, "buyer_id")                                                                            \
  X(BUYER_NAME, "buyer_name")                                                                        \
  X(BUYER_PHONE, "buyer_phone")                                                                      \
  X(NAME, "receiver_name")                                                                           \
  X(PHONE, "receiver_phone")                                                                         \
  X(COUNTRY, "country")                                                                              \
  X(PROVINCE, "province")                                                                            \
  X(CITY, "city")                                                                                    \
  X(DISTRICT, "district")                                                                            \
  X(TOWN, "town")                                                                                    \
  X(REGION, "region") /* several divisions in one cell: put before the address */                    \
  X(ADDRESS, "address")                                                                              \
  X(ADDRESS_MORE, "address2")                                                                        \
  X(ZIP, "zip")                                                                                      \
  X(TOKEN, "token")                                                                                  \
  X(BUYER_REMARK, "buyer_remark")                                                                    \
  X(SELLER_REMARK, "seller_remark")                                                                  \
  X(FLAG, "flag")                                                                                    \
  X(LINE_ID, "line_id")                                                                              \
  X(SKU, "sku")                                                                                      \
  X(TITLE, "title")                                                                                  \
  X(SPEC, "spec")                                                                                    \
  X(QUANTITY, "quantity")                                                                            \
  X(PRICE, "price")                                                                                  \
  X(LINE_DISCOUNT, "line_discount")                                                                  \
  X(REFUNDED, "refunded")                                                                            \
  X(CARRIER, "carrier")                                                                              \
  X(WAYBILL, "tracking_no")                                                                          \
  X(CARRIER_WAYBILL, "carrier_and_tracking_no")                                                      \
  X(SHIPPED_AT, "shipped_at")
enum sheet_field {
#define X(id, name) SHEET_##id,
  SHEET_FIELD_MAP(X)
#undef X
  SHEET_FIELD_N
};
const char *sheet_field_name(enum sheet_field f);
/* A header's field, SHEET_FIELD_N when it is none; the lower rank is read first where several columns
 * mean the same field. has_line_items: the headers are of Shopify's kind ("Lineitem name"). */
enum sheet_field sheet_field_of(struct arena *a, const char *header, bool has_line_items, int *rank);
bool sheet_is_line_item(struct arena *a, const char *header);
const char *sheet_status_of(struct arena *a, const char *word); /* a canonical status, or NULL */
bool sheet_says_refunded(struct arena *a, const char *word);

/* A cell without what only protects it (="…", TAB, apostrophe, backtick); text NULL: empty. */
#define SHEET_INEXACT '\x1a' /* begins a cell that a workbook keeps as a number or a date of which digits may be lost */
struct sheet_cell {
  const char *text, *column;
  bool is_marked;  /* it was protected: its digits are all there */
  bool is_inexact; /* fit to count with, but not to be an id */
};
struct sheet_cell sheet_cell_read(struct arena *a, const char *raw, bool is_number);
bool sheet_cell_damaged(const struct sheet_cell *c); /* a number that lost digits */
bool sheet_cell_error(const struct sheet_cell *c);   /* #REF!, #N/A … */
bool sheet_cell_money(struct arena *a, const struct sheet_cell *c, const char *currency, int64_t *minor);
bool sheet_cell_count(struct arena *a, const struct sheet_cell *c, int64_t *out);

struct sheet_line { /* one row under the header */
  int64_t row;
  struct sheet_cell cell[SHEET_FIELD_N];
  const char *column, *code, *detail; /* why it is refused; code NULL: it is not */
  char **raw;
  size_t raw_n;
};
/* Writes the rows of one order as one canonical order; false with the fault noted in a line. */
bool sheet_order_put(struct arena *a, const struct sheet_options *o, bool has_status, struct sheet_line **lines, size_t n,
                     struct buf *out, bool *amounts_add_up);

#include "base/photo.h"
#include "base/xlsx.h"
/* ---- initials.c: names by the first letters of their readings ------------------------------------------------------
 * "张三" gives "zs". false: a name of one ideograph, of other scripts, masked, or longer than INITIALS_MAX. */
#define INITIALS_MAX 6
bool initials_of(const char *name, char out[INITIALS_MAX + 1]);

#endif
