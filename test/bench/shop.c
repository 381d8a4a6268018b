/* bench-shop: what `make bench` measures with. Sub-commands:
 *
 *   gen DB N [SEED]              a data base file of N orders, by the engine itself, indexed for search
 *   raw DB FROM N GROUP          the very statements (with their values) that the engine runs for the orders FROM..FROM+N,
 *                                recorded on one copy of DB in groups of GROUP and run by bare SQLite on another
 *                                (WAL, FULL, its own checkpoints every 1,000 pages): orders per second
 *   load HOST:PORT TOKEN FROM N CONNECTIONS     the same orders over HTTP, closed loop: orders per second, percentiles
 *   rate HOST:PORT TOKEN FROM N PER_SECOND      open loop: percentiles of POST
 *   read HOST:PORT TOKEN MAX_ID SECONDS PER_S   reads by id while others write: percentiles
 *   find HOST:PORT TOKEN N       searches of all kinds: percentiles
 *   goods DB                     puts a dictionary, three warehouses and enough stock into a file
 *   shipraw DB FROM N GROUP      as raw, for orders on their whole way: paid and reserved, split, claimed, picked up
 *   ship HOST:PORT TOKEN FROM N CONNECTIONS     as load, the same way: orders per second, percentiles of a request
 * Each prints one line "name value name value …". */
#include "lib/shop.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- orders: a shop's week, the same for the same number ----------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
  z += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9, z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static const struct {
  const char *province, *city, *district;
} places[] = {
  { "浙江省", "杭州市", "西湖区" }, { "广东省", "深圳市", "南山区" }, { "江苏省", "苏州市", "吴江区" }, { "上海市", "上海市", "浦东新区" },
  { "北京市", "北京市", "朝阳区" }, { "四川省", "成都市", "武侯区" }, { "湖北省", "武汉市", "洪山区" }, { "福建省", "厦门市", "思明区" },
  { "山东省", "青岛市", "市南区" }, { "陕西省", "西安市", "雁塔区" }, { "湖南省", "长沙市", "岳麓区" }, { "河南省", "郑州市", "金水区" },
};
static const char *const surnames[] = { "张", "李", "王", "赵", "陈", "杨", "黄", "周", "吴", "徐", "孙", "胡" };
static const char *const given[] = { "示例", "样本", "测试", "演示", "范例", "虚构", "试用", "模拟", "占位", "练习" };
static const char *const roads[] = { "文三路", "解放路", "人民路", "建设大道", "中山路", "和平街", "长江路", "学院路", "环城北路", "创业路" };
static const char *const compounds[] = { "示例花园", "样板小区", "演示大厦", "测试公寓", "范例家园", "虚构新城", "模拟广场", "练习苑" };
static const char *const titles[] = { "三人沙发 灰色", "陶瓷杯 350ml", "羊毛毯 150x200", "台灯 暖光", "竹砧板", "收纳箱 大号" };

#define ORDERS_PER_SECOND 20 /* of the shop's own time: a slot of 3 days holds five million */

static size_t order_json(char *out, size_t cap, int64_t n)
{
  uint64_t r = mix((uint64_t)n), who = n % 12 ? mix((uint64_t)n ^ 0xabcdef) : mix((uint64_t)(n - 1 - (int64_t)(r % 11)) ^ 0xabcdef);
  char placed[TIME_TEXT];
  int64_t at = 1794300000000 + n * 1000 / ORDERS_PER_SECOND;
  size_t lines = 1 + (r % 10 >= 7) + (r % 10 == 9), used; /* 1.3 to 1.4 lines an order, as shops have them */
  time_text(at, placed);
  used = (size_t)snprintf(out, cap,
    "{\"channel\":\"shop-%d\",\"external_id\":\"%lld%06d\",\"status\":\"paid\",\"placed_at\":\"%s\",\"paid_at\":\"%s\",\"updated_at\":\"%s\","
    "\"currency\":\"CNY\",\"total\":\"%d.00\",\"freight\":\"8.00\",\"discount\":\"0.00\",\"paid\":\"%d.00\",\"buyer\":{\"id\":\"b_%llu\"},"
    "\"receiver\":{\"name\":\"%s%s\",\"phone\":\"1%lld\",\"country\":\"CN\",\"province\":\"%s\",\"city\":\"%s\",\"district\":\"%s\",\"address\":\"%s%d号%s%d幢%d单元%d室\"},"
    "\"lines\":[",
    (int)(r >> 8 & 3), (long long)(2870000000000 + n), (int)(r >> 12 & 0xffff), placed, placed, placed, (int)(r >> 20 & 1023) + 9, (int)(r >> 20 & 1023) + 9,
    (unsigned long long)(who % 100000000), surnames[who % COUNT(surnames)], given[(who >> 8) % COUNT(given)], (long long)(3000000000 + who % 6999999999),
    places[(who >> 16) % COUNT(places)].province, places[(who >> 16) % COUNT(places)].city, places[(who >> 16) % COUNT(places)].district,
    roads[(who >> 24) % COUNT(roads)], (int)(who >> 28 & 511) + 1, compounds[(who >> 40) % COUNT(compounds)], (int)(who >> 44 & 31) + 1,
    (int)(who >> 50 & 3) + 1, (int)(who >> 52 & 31) * 100 + 101);
  for (size_t i = 0; i < lines; i++)
    used += (size_t)snprintf(out + used, cap - used, "%s{\"line_id\":\"%zu\",\"sku\":\"SKU-%04d\",\"title\":\"%s\",\"quantity\":%d,\"price\":\"%d.00\"}", i ? "," : "",
                             i + 1, (int)(mix(r + i) % 2000), titles[mix(r + i) % COUNT(titles)], (int)(mix(r + i) >> 20 & 1) + 1, (int)(mix(r + i) >> 30 & 255) + 1);
  used += (size_t)snprintf(out + used, cap - used, "],\"remarks\":{\"buyer\":\"%s\"},\"raw_status\":\"WAIT_SELLER_SEND_GOODS\"}", n % 9 ? "" : "尽快发货");
  must(used < cap);
  return used;
}

/* ---- gen ---------------------------------------------------------------------------------------------------------------- */

static void run_one(struct shop *s, const char *body, size_t n, int64_t now_ms)
{
  s->env.now_ms = now_ms;
  struct cmd *c = cmd_new(CMD_ORDER_INGEST, &s->env.env, &s->rules, &s->actor);
  enum err e = cmd_parse(c, body, n);
  must(!e && tx_mark(s->db));
  e = cmd_run(&c->job, s->db);
  must(!e && tx_keep(s->db));
  cmd_free(c);
}

static void ingest_range(struct shop *s, int64_t from, int64_t n, int64_t group)
{
  char body[4096];
  struct env *clock = env_real();
  int64_t arrived = clock->now_ms(clock);
  for (int64_t i = 0; i < n; i++) {
    if (i % group == 0) must(tx_begin(s->db));
    size_t len = order_json(body, sizeof body, from + i);
    run_one(s, body, len, arrived); /* now: an old file would have every deadline fire while it is measured */
    if (i % group == group - 1 || i == n - 1) must(tx_commit(s->db));
  }
}

static int gen(const char *path, int64_t n)
{
  struct shop s;
  int64_t began = mono_ms();
  must(shop_open(&s, path, NULL));
  for (int64_t at = 0; at < n; at += 20000) {
    ingest_range(&s, at, n - at < 20000 ? n - at : 20000, 500);
    for (bool more = true; more;) {
      struct cmd *c = shop_run(&s, "search.step", NULL, NULL);
      must(!c->job.err);
      more = c->left;
      cmd_free(c);
    }
    fprintf(stderr, "\r%lld orders, %lld s", (long long)(at + 20000), (long long)((mono_ms() - began) / 1000));
  }
  fprintf(stderr, "\n");
  static const char SQL_BODIES[] = "SELECT coalesce(sum(length(body)), 0) FROM payloads";
  static const char SQL_SIZE[] = "SELECT sum(pgsize) FROM dbstat";
  static const char SQL_INBOX[] = "SELECT sum(pgsize) FROM dbstat WHERE name = 'payloads'";
  struct stmt *q = db_stmt(s.db, SQL_BODIES);
  int64_t raw = stmt_row(q) ? stmt_col_int(q, 0) : 0;
  stmt_end(q), q = db_stmt(s.db, SQL_SIZE);
  int64_t size = stmt_row(q) ? stmt_col_int(q, 0) : 0;
  stmt_end(q);
  q = db_stmt(s.db, SQL_INBOX);
  int64_t inbox = stmt_row(q) ? stmt_col_int(q, 0) : 0;
  stmt_end(q);
  printf("orders %lld file_bytes %lld bytes_per_order %lld inbox_bytes_per_order %lld of_these_raw_payload %lld seconds %lld\n", (long long)n,
         (long long)size, (long long)((size - inbox) / n), (long long)(inbox / n), (long long)(raw / n), (long long)((mono_ms() - began) / 1000));
  shop_close(&s);
  return 0;
}

/* ---- raw ---------------------------------------------------------------------------------------------------------------- */

struct value {
  char kind;
  int64_t i;
  void *p;
  size_t n;
};
struct run {
  int statement;
  int values;
  size_t first;
};
static struct {
  const char *sql[512];
  int sqls;
  struct run *run;
  size_t runs, run_cap;
  struct value *value;
  size_t values, value_cap;
  size_t *end; /* runs per group, cumulated */
  size_t ends;
} trace;

static void record(void *arg, const char *sql, struct stmt *s)
{
  int at = 0;
  (void)arg;
  while (at < trace.sqls && trace.sql[at] != sql) at++;
  if (at == trace.sqls) must(trace.sqls < (int)COUNT(trace.sql)), trace.sql[trace.sqls++] = sql;
  if (trace.runs == trace.run_cap) trace.run = mem_grow(trace.run, (trace.run_cap = trace.run_cap ? 2 * trace.run_cap : 65536) * sizeof *trace.run);
  int n = (int)stmt_bound_count(s);
  trace.run[trace.runs++] = (struct run){ at, n, trace.values };
  for (int i = 1; i <= n; i++) {
    if (trace.values == trace.value_cap)
      trace.value = mem_grow(trace.value, (trace.value_cap = trace.value_cap ? 2 * trace.value_cap : 65536) * sizeof *trace.value);
    struct value *v = &trace.value[trace.values++];
    const void *p = NULL;
    memset(v, 0, sizeof *v);
    v->kind = stmt_bound(s, i, &v->i, &p, &v->n);
    if (v->kind == 't' || v->kind == 'b') {
      v->p = mem_new(v->n + 1);
      if (v->n) memcpy(v->p, p, v->n);
    }
  }
}

static void copy_file(const char *from, const char *to)
{
  char buf[1 << 16];
  int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ssize_t n;
  must(in >= 0 && out >= 0);
  while ((n = read(in, buf, sizeof buf)) > 0) must(write(out, buf, (size_t)n) == n);
  must(!fsync(out));
  close(in), close(out);
}

static void drop(const char *path)
{
  char text[512];
  snprintf(text, sizeof text, "%s-wal", path), unlink(text);
  snprintf(text, sizeof text, "%s-shm", path), unlink(text);
  unlink(path);
}

static void must_sql(sqlite3 *db, const char *sql)
{
  char *why = NULL;
  if (sqlite3_exec(db, sql, NULL, NULL, &why)) fprintf(stderr, "%s: %s\n", sql, why), exit(1);
}

static double replay(const char *path)
{
  sqlite3 *db;
  sqlite3_stmt *stmt[512];
  must(!sqlite3_open(path, &db));
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL); /* as the engine has it */
  must_sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY");
  for (int i = 0; i < trace.sqls; i++) {
    if (sqlite3_prepare_v3(db, trace.sql[i], -1, SQLITE_PREPARE_PERSISTENT, &stmt[i], NULL)) fprintf(stderr, "%s\n", sqlite3_errmsg(db)), exit(1);
  }
  int64_t began = mono_us();
  size_t at = 0;
  for (size_t g = 0; g < trace.ends; g++) {
    must_sql(db, "BEGIN IMMEDIATE");
    for (; at < trace.end[g]; at++) {
      const struct run *r = &trace.run[at];
      sqlite3_stmt *s = stmt[r->statement];
      int rc;
      for (int i = 0; i < r->values; i++) {
        const struct value *v = &trace.value[r->first + (size_t)i];
        if (v->kind == 'i')
          sqlite3_bind_int64(s, i + 1, v->i);
        else if (v->kind == 't')
          sqlite3_bind_text(s, i + 1, v->p, (int)v->n, SQLITE_STATIC);
        else if (v->kind == 'b')
          sqlite3_bind_blob(s, i + 1, v->p, (int)v->n, SQLITE_STATIC);
        else
          sqlite3_bind_null(s, i + 1);
      }
      while ((rc = sqlite3_step(s)) == SQLITE_ROW) {}
      if (rc != SQLITE_DONE) fprintf(stderr, "replay: %s in %s\n", sqlite3_errmsg(db), trace.sql[r->statement]), exit(1);
      sqlite3_reset(s), sqlite3_clear_bindings(s);
    }
    must_sql(db, "COMMIT");
  }
  double took = (double)(mono_us() - began) / 1e6;
  for (int i = 0; i < trace.sqls; i++) sqlite3_finalize(stmt[i]);
  sqlite3_close(db);
  return took;
}

static int raw(const char *path, int64_t from, int64_t n, int64_t group)
{
  struct shop s;
  char one[512], two[512];
  snprintf(one, sizeof one, "%s.record", path), snprintf(two, sizeof two, "%s.raw", path);
  drop(one), drop(two), copy_file(path, one), copy_file(path, two);
  must(shop_open(&s, one, NULL));
  trace.end = mem_new((size_t)n * sizeof *trace.end);
  db_trace(s.db, record, NULL);
  for (int64_t i = 0; i < n; i += group)
    ingest_range(&s, from + i, n - i < group ? n - i : group, group), trace.end[trace.ends++] = trace.runs;
  db_trace(s.db, NULL, NULL);
  shop_close(&s);
  double took = replay(two);
  printf("raw_orders_per_s %.0f group %lld statements_per_order %.1f\n", (double)n / took, (long long)group, (double)trace.runs / (double)n);
  drop(one), drop(two);
  return 0;
}

/* ---- HTTP --------------------------------------------------------------------------------------------------------------- */

struct peer {
  int fd;
  bool busy;
  int64_t sent_us, due_us;
  size_t got;
  char in[65536];
};
static struct sockaddr_in server;
static const char *token;
static int64_t *took_us;
static size_t tooks, took_cap, bad;

static void took(int64_t us)
{
  if (tooks == took_cap) took_us = mem_grow(took_us, (took_cap = took_cap ? 2 * took_cap : 65536) * sizeof *took_us);
  took_us[tooks++] = us;
}

static int by_value(const void *x, const void *y)
{
  int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
  return a < b ? -1 : a > b;
}

static double at_share(double share)
{
  return tooks ? (double)took_us[(size_t)((double)(tooks - 1) * share)] / 1000 : 0;
}

static void tell(const char *name, double seconds)
{
  qsort(took_us, tooks, sizeof *took_us, by_value);
  printf("%s_per_s %.0f n %zu bad %zu p50_ms %.2f p99_ms %.2f max_ms %.2f\n", name, (double)tooks / seconds, tooks, bad, at_share(0.5), at_share(0.99),
         at_share(1));
}

static void address(const char *text)
{
  char host[64];
  const char *colon = strrchr(text, ':');
  must(colon && (size_t)(colon - text) < sizeof host);
  memcpy(host, text, (size_t)(colon - text)), host[colon - text] = 0;
  server.sin_family = AF_INET, server.sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
  must(inet_pton(AF_INET, host, &server.sin_addr) == 1);
}

static void peer_open(struct peer *p)
{
  int one = 1;
  p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(p->fd, (struct sockaddr *)&server, sizeof server)) perror("connect"), exit(1);
  setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  p->busy = false, p->got = 0;
}

static void peer_send(struct peer *p, const char *method, const char *path, const char *body, size_t n, int64_t due_us)
{
  char out[8192];
  int len = snprintf(out, sizeof out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n", method, path, token);
  if (body)
    len += snprintf(out + len, sizeof out - (size_t)len, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s", n, (int)n, body);
  else
    len += snprintf(out + len, sizeof out - (size_t)len, "\r\n");
  must(len < (int)sizeof out);
  p->sent_us = mono_us(), p->due_us = due_us ? due_us : p->sent_us, p->busy = true, p->got = 0;
  if (write(p->fd, out, (size_t)len) != len) perror("write"), exit(1);
}

/* true when the whole answer is there */
static bool peer_take(struct peer *p)
{
  ssize_t n = read(p->fd, p->in + p->got, sizeof p->in - 1 - p->got);
  if (n <= 0) fprintf(stderr, "the server closed: %s\n", n ? strerror(errno) : p->in), exit(1);
  p->got += (size_t)n, p->in[p->got] = 0;
  char *head = strstr(p->in, "\r\n\r\n"), *length;
  if (!head) return false;
  length = strcasestr(p->in, "content-length:");
  must(length && length < head);
  size_t whole = (size_t)(head + 4 - p->in) + (size_t)strtol(length + 15, NULL, 10);
  must(whole < sizeof p->in);
  if (p->got < whole) return false;
  took(mono_us() - p->due_us);
  if (p->in[9] != '2' && !bad++) fprintf(stderr, "not done: %.600s\n", p->in);
  p->busy = false;
  return true;
}

static int poll_of(struct peer *p, size_t n)
{
  int ep = epoll_create1(EPOLL_CLOEXEC);
  for (size_t i = 0; i < n; i++) {
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = &p[i] };
    peer_open(&p[i]);
    must(!epoll_ctl(ep, EPOLL_CTL_ADD, p[i].fd, &e));
  }
  return ep;
}

/* Bodies are made before the clock starts: the load must not take the server's processor for its own work. */
static char **bodies_of(int64_t from, int64_t n, size_t **lengths)
{
  char **body = mem_new((size_t)n * sizeof *body), one[4096];
  *lengths = mem_new((size_t)n * sizeof **lengths);
  for (int64_t i = 0; i < n; i++) {
    (*lengths)[i] = order_json(one, sizeof one, from + i);
    body[i] = mem_new((*lengths)[i] + 1);
    memcpy(body[i], one, (*lengths)[i]);
  }
  return body;
}

static int load(int64_t from, int64_t n, size_t connections)
{
  size_t *length;
  char **body = bodies_of(from, n, &length);
  struct peer *p = mem_new(connections * sizeof *p);
  struct epoll_event e[256];
  int ep = poll_of(p, connections);
  int64_t sent = 0, done = 0, began = mono_us();
  for (size_t i = 0; i < connections && sent < n; i++, sent++) peer_send(&p[i], "POST", "/v1/orders", body[sent], length[sent], 0);
  while (done < n) {
    int k = epoll_wait(ep, e, COUNT(e), 10000);
    if (k <= 0) fprintf(stderr, "no answer for 10 s\n"), exit(1);
    for (int i = 0; i < k; i++) {
      struct peer *q = e[i].data.ptr;
      if (!peer_take(q)) continue;
      done++;
      if (sent < n) peer_send(q, "POST", "/v1/orders", body[sent], length[sent], 0), sent++;
    }
  }
  tell("http_orders", (double)(mono_us() - began) / 1e6);
  return bad != 0;
}

/* Open loop: each request is due at its time; waiting for a free connection counts. what: orders, or reads by id. */
static int rate(int64_t from, int64_t n, int64_t per_s, int64_t read_max)
{
  enum { PEERS = 64 };
  struct peer *p = mem_new(PEERS * sizeof *p);
  struct epoll_event e[PEERS];
  int ep = poll_of(p, PEERS);
  int64_t sent = 0, done = 0, began = mono_us();
  char body[4096], path[64];
  while (done < n) {
    int64_t now = mono_us(), due = began + sent * 1000000 / per_s;
    for (size_t i = 0; i < PEERS && sent < n && due <= now; i++) {
      if (p[i].busy) continue;
      if (read_max) {
        snprintf(path, sizeof path, "/v1/orders/o_%lld", (long long)(1 + (int64_t)(mix((uint64_t)sent) % (uint64_t)read_max)));
        peer_send(&p[i], "GET", path, NULL, 0, due);
      } else
        peer_send(&p[i], "POST", "/v1/orders", body, order_json(body, sizeof body, from + sent), due);
      sent++, due = began + sent * 1000000 / per_s;
    }
    int64_t wait_us = sent < n ? due - mono_us() : 10000000;
    int k = epoll_wait(ep, e, PEERS, wait_us <= 0 ? 0 : (int)(wait_us / 1000) + (wait_us < 1000 ? 0 : 0));
    for (int i = 0; i < k; i++) done += peer_take(e[i].data.ptr);
  }
  tell(read_max ? "reads" : "paced_orders", (double)(mono_us() - began) / 1e6);
  return bad != 0;
}

static int find(int64_t n, int64_t max)
{
  struct peer p;
  char path[512], body[4096];
  peer_open(&p);
  int64_t began = mono_us();
  for (int64_t i = 0; i < n; i++) {
    int64_t some = (int64_t)(mix((uint64_t)i * 31) % (uint64_t)max);
    uint64_t who;
    size_t len = order_json(body, sizeof body, some);
    struct arena a = { 0 };
    struct faults f = { .mem = &a };
    struct json *j = json_parse(&a, body, len, 20000, &f);
    const char *phone = json_string(json_get(json_get(j, "receiver"), "phone")), *q = NULL;
    who = mix((uint64_t)i);
    switch (who % 6) {
    case 0: q = json_string(json_get(j, "external_id")); break;
    case 1: q = phone; break;
    case 2: q = phone + strlen(phone) - 4; break;
    case 3: q = json_string(json_get(json_get(j, "receiver"), "name")); break;
    case 4: q = json_string(json_get(json_get(j, "receiver"), "address")); break;
    case 5: q = json_string(json_get(json_at(json_get(j, "lines"), 0), "sku")); break;
    }
    size_t used = (size_t)snprintf(path, sizeof path, "/v1/orders?limit=50&q=");
    for (const char *c = q; *c && used < sizeof path - 4; c++) used += (size_t)snprintf(path + used, sizeof path - used, "%%%02X", (unsigned char)*c);
    peer_send(&p, "GET", path, NULL, 0, 0);
    size_t cap = sizeof p.in;
    (void)cap;
    /* answers of 50 orders are larger than a peer's buffer: read them by length */
    for (size_t whole = 0, got = 0; !whole || got < whole;) {
      ssize_t r = read(p.fd, p.in + (whole ? 0 : got), sizeof p.in - 1 - (whole ? 0 : got));
      if (r <= 0) return fprintf(stderr, "the server closed\n"), 1;
      got += (size_t)r;
      if (whole) continue;
      p.in[got] = 0;
      char *head = strstr(p.in, "\r\n\r\n"), *l = strcasestr(p.in, "content-length:");
      if (head && l) whole = (size_t)(head + 4 - p.in) + (size_t)strtol(l + 15, NULL, 10);
      if (head && p.in[9] != '2' && !bad++) fprintf(stderr, "not done: %.400s\n", p.in);
    }
    took(mono_us() - p.sent_us);
    arena_release(&a);
  }
  tell("searches", (double)(mono_us() - began) / 1e6);
  return bad != 0;
}

/* ---- the way from paid to shipped ---------------------------------------------------------------------------------------- */

#define SKUS 2000
static const char *const houses[][2] = { { "HZ", "330100" }, { "SZ", "440300" }, { "CD", "510100" } };

static void must_run(struct shop *s, const char *name, const char *target, const char *body)
{
  struct cmd *c = shop_run(s, name, target, body);
  if (c->job.err) fprintf(stderr, "%s %s: %s\n", name, body, c->problem.detail ? c->problem.detail : err_title(c->job.err)), exit(1);
  cmd_free(c);
}

/* The orders that the file holds were there before the dictionary: they are not looked at again. */
static int goods(const char *path)
{
  struct shop s;
  char body[256];
  struct env *clock = env_real();
  must(shop_open(&s, path, NULL));
  s.env.now_ms = clock->now_ms(clock);
  must(tx_begin(s.db) && !meta_put(s.db, "stock_swept", "done") && tx_commit(s.db));
  for (size_t h = 0; h < COUNT(houses); h++) {
    snprintf(body, sizeof body, "{\"code\":\"%s\",\"country\":\"CN\",\"division\":\"%s\"}", houses[h][0], houses[h][1]);
    must_run(&s, "warehouse.put", NULL, body);
  }
  for (int i = 0; i < SKUS; i++) {
    snprintf(body, sizeof body, "{\"code\":\"SKU-%04d\",\"weight_g\":%d}", i, 200 + i);
    must_run(&s, "sku.put", NULL, body);
    for (size_t h = 0; h < COUNT(houses); h++) {
      snprintf(body, sizeof body, "{\"sku\":\"SKU-%04d\",\"warehouse\":\"%s\",\"delta\":100000,\"reason\":\"received\"}", i, houses[h][0]);
      must_run(&s, "stock.adjust", NULL, body);
    }
  }
  shop_close(&s);
  return 0;
}

enum step { STEP_TAKE, STEP_SPLIT, STEP_CLAIM, STEP_LEAVE, STEPS };
struct way { /* one client with one order at a time */
  int64_t order; /* its number in the bench */
  enum step step;
  char id[24], fulfilment[24];
};

/* The request of a step; "" where the order is not ours to split any more: another member of its group took it along. */
static size_t step_body(const struct way *w, char *out, size_t cap, char *path, size_t path_cap, enum cmd_id *cmd, const char **target)
{
  *target = NULL;
  switch (w->step) {
  case STEP_TAKE:
    *cmd = CMD_ORDER_INGEST;
    snprintf(path, path_cap, "/v1/orders");
    return order_json(out, cap, w->order);
  case STEP_SPLIT:
    *cmd = CMD_ORDER_MOVE, *target = w->id;
    snprintf(path, path_cap, "/v1/orders/%s/transitions", w->id);
    return (size_t)snprintf(out, cap, "{\"to\":\"split\"}");
  case STEP_CLAIM:
    *cmd = CMD_FULFILMENT_CLAIM, *target = w->fulfilment;
    snprintf(path, path_cap, "/v1/fulfilments/%s/claims", w->fulfilment);
    return (size_t)snprintf(out, cap, "{\"carrier\":\"SF\",\"tracking_no\":\"SF%012lld\"}", (long long)w->order);
  default:
    *cmd = CMD_PARCEL_TRACE;
    snprintf(path, path_cap, "/v1/shipments/trace");
    return (size_t)snprintf(out, cap, "{\"tracking_no\":\"SF%012lld\",\"status\":\"picked_up\"}", (long long)w->order);
  }
}

static void id_after(const char *answer, const char *mark, char *out, size_t cap)
{
  const char *at = strstr(answer, mark);
  size_t n = 0;
  if (!at) fprintf(stderr, "no %s in %.800s\n", mark, answer), exit(1);
  for (at += strlen(mark); *at && *at != '"' && n < cap - 1; at++) out[n++] = *at;
  out[n] = 0;
}

/* What the answer means for the next step. false: the order has left. */
static bool step_next(struct way *w, const char *answer)
{
  if (w->step == STEP_TAKE) id_after(answer, "\"id\":\"", w->id, sizeof w->id);
  if (w->step == STEP_SPLIT) id_after(answer, "\"fulfilments\":[{\"id\":\"", w->fulfilment, sizeof w->fulfilment);
  return ++w->step < STEPS;
}

/* Orders of one customer would be split together, and then one of them finds its parcel claimed: here each order has a
 * customer of its own, so that every order makes its four commits. */
static void way_begin(struct way *w, int64_t order)
{
  *w = (struct way){ .order = order + order / 11 + 1 }; /* each twelfth one is somebody's second */
}

static int shipraw(const char *path, int64_t from, int64_t n, size_t clients)
{
  struct shop s;
  char one[512], two[512], body[4096], where[128];
  struct way *w = mem_new(clients * sizeof *w);
  struct env *clock = env_real();
  int64_t sent = 0, done = 0, commands = 0;
  snprintf(one, sizeof one, "%s.record", path), snprintf(two, sizeof two, "%s.raw", path);
  drop(one), drop(two), copy_file(path, one), copy_file(path, two);
  must(shop_open(&s, one, NULL));
  s.env.now_ms = clock->now_ms(clock);
  trace.end = mem_new((size_t)(n * STEPS + 1) * sizeof *trace.end);
  for (size_t i = 0; i < clients && sent < n; i++) way_begin(&w[i], from + sent++);
  db_trace(s.db, record, NULL);
  while (done < n) {
    must(tx_begin(s.db));
    for (size_t i = 0; i < clients; i++) {
      enum cmd_id id;
      const char *target;
      if (w[i].step == STEPS) continue;
      size_t len = step_body(&w[i], body, sizeof body, where, sizeof where, &id, &target);
      struct cmd *c = cmd_new(id, &s.env.env, &s.rules, &s.actor);
      c->target = target ? arena_str(&c->mem, target) : NULL;
      must(!cmd_parse(c, body, len) && tx_mark(s.db));
      enum err e = cmd_run(&c->job, s.db);
      if (e) fprintf(stderr, "%s: %s\n", where, c->problem.detail), exit(1);
      must(tx_keep(s.db));
      commands++;
      if (!step_next(&w[i], c->out.data)) {
        done++;
        if (sent < n) way_begin(&w[i], from + sent++);
      }
      cmd_free(c);
    }
    must(tx_commit(s.db));
    trace.end[trace.ends++] = trace.runs;
  }
  db_trace(s.db, NULL, NULL);
  shop_close(&s);
  if (getenv("BENCH_STATEMENTS"))
    for (int i = 0; i < trace.sqls; i++) {
      size_t times = 0;
      for (size_t r = 0; r < trace.runs; r++) times += trace.run[r].statement == i;
      fprintf(stderr, "%6.2f %.150s\n", (double)times / (double)n, trace.sql[i]);
    }
  double seconds = replay(two);
  printf("raw_shipped_per_s %.0f group %zu statements_per_order %.1f\n", (double)n / seconds, clients, (double)trace.runs / (double)n);
  drop(one), drop(two);
  return commands != n * STEPS;
}

static int ship(int64_t from, int64_t n, size_t connections)
{
  struct peer *p = mem_new(connections * sizeof *p);
  struct way *w = mem_new(connections * sizeof *w);
  struct epoll_event e[256];
  char body[4096], where[128];
  enum cmd_id id;
  const char *target;
  int ep = poll_of(p, connections);
  int64_t sent = 0, done = 0, began = mono_us();
  for (size_t i = 0; i < connections && sent < n; i++) {
    way_begin(&w[i], from + sent++);
    size_t len = step_body(&w[i], body, sizeof body, where, sizeof where, &id, &target);
    peer_send(&p[i], "POST", where, body, len, 0);
  }
  while (done < n) {
    int k = epoll_wait(ep, e, COUNT(e), 10000);
    if (k <= 0) fprintf(stderr, "no answer for 10 s\n"), exit(1);
    for (int i = 0; i < k; i++) {
      struct peer *q = e[i].data.ptr;
      struct way *v = &w[q - p];
      if (!peer_take(q)) continue;
      if (!step_next(v, strstr(q->in, "\r\n\r\n"))) {
        done++;
        if (sent == n) continue;
        way_begin(v, from + sent++);
      }
      size_t len = step_body(v, body, sizeof body, where, sizeof where, &id, &target);
      peer_send(q, "POST", where, body, len, 0);
    }
  }
  double seconds = (double)(mono_us() - began) / 1e6;
  printf("shipped_per_s %.0f ", (double)n / seconds);
  tell("requests", seconds);
  return bad != 0;
}

static int64_t number(const char *s)
{
  return strtoll(s, NULL, 10);
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "gen") && argc >= 4) return gen(argv[2], number(argv[3]));
  if (!strcmp(what, "goods") && argc == 3) return goods(argv[2]);
  if (!strcmp(what, "shipraw") && argc == 6) return shipraw(argv[2], number(argv[3]), number(argv[4]), (size_t)number(argv[5]));
  if (!strcmp(what, "raw") && argc == 6) return raw(argv[2], number(argv[3]), number(argv[4]), number(argv[5]));
  if (argc >= 4) address(argv[2]), token = argv[3];
  if (!strcmp(what, "load") && argc == 7) return load(number(argv[4]), number(argv[5]), (size_t)number(argv[6]));
  if (!strcmp(what, "ship") && argc == 7) return ship(number(argv[4]), number(argv[5]), (size_t)number(argv[6]));
  if (!strcmp(what, "rate") && argc == 7) return rate(number(argv[4]), number(argv[5]), number(argv[6]), 0);
  if (!strcmp(what, "read") && argc == 7) return rate(0, number(argv[5]) * number(argv[6]), number(argv[6]), number(argv[4]));
  if (!strcmp(what, "find") && argc == 6) return find(number(argv[4]), number(argv[5]));
  return fprintf(stderr, "see the head of bench/shop.c\n"), 2;
}
