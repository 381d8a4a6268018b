/* metrics.c: how it goes, for machines: healthz, readyz, metrics, counts. */
#include "edge.h"
#include "version.h"
#include <stdio.h>
#include <unistd.h>

/* ---- healthz, readyz: from memory only, so that they answer when the disk does not -------------------------------- */
static bool is_healthy(const struct api *api, int64_t lag_ms)
{
  return !api->disk_full && lag_ms < WRITER_LAG_BAD_MS;
}

static void health_put(struct buf *out, struct api *api, bool ok, int64_t lag_ms)
{
  struct jw w;
  jw_init(&w, out), jw_object(&w);
  jw_kstring(&w, "status", ok ? "ok" : "failing");
  jw_kstring(&w, "version", ORDERD_VERSION);
  jw_key(&w, "disk"), jw_object(&w);
  jw_kint(&w, "free", api->disk_free), jw_kint(&w, "reserve", api->disk_least),
    jw_kbool(&w, "full", api->disk_full);
  jw_object_end(&w);
  jw_key(&w, "writer"), jw_object(&w);
  jw_kint(&w, "waiting", (int64_t)writer_waiting(api->writer)), jw_kint(&w, "lag_ms", lag_ms);
  jw_object_end(&w);
  jw_key(&w, "backlog"), jw_object(&w);
  jw_kint(&w, "failed", api->failed), jw_kint(&w, "dead", api->dead);
  jw_kint(&w, "effects_dead", deliverer_dead(api->deliverer)), jw_kbool(&w, "alarm", api->alarm);
  jw_object_end(&w);
  jw_key(&w, "outbox"), jw_object(&w);
  jw_kbool(&w, "held", deliverer_held(api->deliverer));
  jw_kint(&w, "waiting", deliverer_waiting(api->deliverer)),
    jw_kint(&w, "dead", deliverer_dead(api->deliverer));
  jw_object_end(&w);
  jw_key(&w, "surge"), jw_object(&w);
  jw_kbool(&w, "active", api_surge(api)), jw_kint(&w, "pending", api->pending);
  jw_object_end(&w);
  jw_object_end(&w);
}

void health_get(struct call *k)
{
  struct buf out = { 0 };
  int64_t lag_ms = writer_lag_ms(k->api->writer);
  bool ok = is_healthy(k->api, lag_ms);
  health_put(&out, k->api, ok, lag_ms);
  call_reply(k, ok ? 200 : 503, "Cache-Control: no-store\r\n", &out);
  buf_release(&out);
}

void ready_get(struct call *k)
{
  struct buf out = { 0 };
  buf_str(&out, k->api->ready ? "{\"ready\":true}" : "{\"ready\":false}");
  call_reply(k, k->api->ready ? 200 : 503, "Cache-Control: no-store\r\n", &out);
  buf_release(&out);
}

/* ---- counts ------------------------------------------------------------------------------------------------------------- */
#define COUNTS_MAP(X) \
  X(orders) \
  X(lines) \
  X(events) X(groups_open) X(groups_several) X(payloads) X(failed) X(pending) X(dead) X(exceptions_open)

enum err counts_read(struct read *rd, struct db *db)
{
  struct counts c;
  struct jw w;
  TRY(view_counts(db, &c));
  jw_init(&w, &rd->out), jw_object(&w);
#define X(name) jw_kint(&w, #name, c.name);
  COUNTS_MAP(X)
#undef X
  jw_object_end(&w);
  return ERR_OK;
}

/* ---- metrics: Prometheus text -------------------------------------------------------------------------------------------- */
static void head(struct buf *out, const char *name, const char *type, const char *help)
{
  buf_printf(out, "# HELP orderd_%s %s\n# TYPE orderd_%s %s\n", name, help, name, type);
}

static void one(struct buf *out, const char *name, const char *type, const char *help, int64_t v)
{
  head(out, name, type, help);
  buf_printf(out, "orderd_%s %lld\n", name, (long long)v);
}

static void some(struct buf *out, const char *name, const char *label, const char *value, int64_t v)
{
  buf_printf(out, "orderd_%s{%s=\"%s\"} %lld\n", name, label, value, (long long)v);
}

static int64_t resident_bytes(struct arena *a)
{
  size_t n;
  const char *text = file_read(a, "/proc/self/statm", 4096, &n), *p = text ? strchr(text, ' ') : NULL;
  int64_t pages = 0;
  for (p = p ? p + 1 : ""; *p >= '0' && *p <= '9'; p++) pages = pages * 10 + (*p - '0');
  return pages * sysconf(_SC_PAGESIZE);
}

/* The loop's own figures, copied there: the pool thread must not look at what changes. */
struct figures {
  const char *channels; /* the poller's and the deliverer's, as text */
  int64_t answers[6], ingested[5], ingest_failed, auth_failures, throttled, alarms, started_ms, now_ms,
    disk_free, disk_least;
  bool disk_full, alarm, surge;
  size_t listeners;
  struct http_stats http;
};

static void http_put(struct buf *out, const struct figures *f)
{
  static const char *const class[6] = { "other", "1xx", "2xx", "3xx", "4xx", "5xx" };
  head(out, "http_answers_total", "counter", "Answers by class of status.");
  for (int i = 2; i < 6; i++) some(out, "http_answers_total", "class", class[i], f -> answers[i]);
  one(out, "http_requests_total", "counter", "Requests whose head was read.", f->http.requests);
  one(out, "http_connections_total", "counter", "Connections taken.", f->http.connections);
  one(out, "http_refused_framing_total", "counter", "Requests with broken framing.", f->http.refused_framing);
  one(out, "http_refused_cap_total", "counter", "Connections over a cap.", f->http.refused_cap);
  one(out, "http_timeouts_total", "counter", "Connections that were too slow.", f->http.timeouts);
  one(out, "http_bytes_in_total", "counter", "Bytes read.", f->http.bytes_in);
  one(out, "http_bytes_out_total", "counter", "Bytes written.", f->http.bytes_out);
  one(out, "listeners", "gauge", "Live listeners of the event feed.", (int64_t)f->listeners);
  one(out, "auth_failures_total", "counter", "Requests without a valid token.", f->auth_failures);
  one(out, "auth_throttled_total", "counter", "Requests told to wait after many failures.", f->throttled);
}

static void intake_put(struct buf *out, const struct figures *f)
{
  head(out, "orders_ingested_total", "counter", "Orders taken, by result.");
  for (int i = 0; i < (int)COUNT(f->ingested); i++)
    some(out, "orders_ingested_total", "result", ingest_result_name((enum ingest_result)i), f->ingested[i]);
  one(out, "orders_ingest_failed_total", "counter", "Orders that could not be stored.", f->ingest_failed);
  one(out, "surge", "gauge", "1 while orders are only taken, not applied.", f->surge);
  one(out, "backlog_alarm", "gauge",
      "1 while failed payloads and dead payloads and effects are over the limit.", f->alarm);
  one(out, "backlog_alarms_total", "counter", "Alarms raised.", f->alarms);
}

static void store_put(struct buf *out, const struct figures *f, struct writer *writer)
{
  struct db_stats st = writer_stats(writer);
  one(out, "writer_waiting", "gauge", "Commands that wait for the writer.", (int64_t)writer_waiting(writer));
  one(out, "writer_lag_ms", "gauge", "Age of the oldest command not yet answered.", writer_lag_ms(writer));
  one(out, "writer_batches_total", "counter", "Transactions committed.", st.batches);
  one(out, "writer_commands_total", "counter", "Commands run.", st.commands);
  one(out, "db_bytes", "gauge", "Size of the database file.", st.pages * st.page_size);
  one(out, "db_free_bytes", "gauge", "Of it unused.", st.free_pages * st.page_size);
  one(out, "db_wal_bytes", "gauge", "Size of the write-ahead log.", st.wal_bytes);
  one(out, "db_checkpoints_total", "counter", "Checkpoints.", st.checkpoints);
  one(out, "disk_free_bytes", "gauge", "Free on the disk of the data directory.", f->disk_free);
  one(out, "disk_reserve_bytes", "gauge", "Below this many free bytes intake stops.", f->disk_least);
  one(out, "disk_full", "gauge", "1 while intake is stopped for that.", f->disk_full);
}

static void counts_put(struct buf *out, const struct counts *c)
{
#define X(name) one(out, "count_" #name, "gauge", "How many " #name " there are.", c->name);
  COUNTS_MAP(X)
#undef X
}

static enum err outbox_put(struct buf *out, struct db *db, struct arena *a, int64_t now)
{
  struct effect_measure *m;
  size_t n;
  TRY(effects_measure(db, a, &m, &n));
  if (!n) return ERR_OK;
  head(out, "effects", "gauge", "Effects that are neither done nor dropped.");
  for (size_t i = 0; i < n; i++)
    buf_printf(out, "orderd_effects{destination=\"%s\",state=\"%s\"} %lld\n", m[i].destination, m[i].state,
               (long long)m[i].count);
  head(out, "effects_oldest_ms", "gauge", "How long the oldest of them has waited.");
  for (size_t i = 0; i < n; i++)
    buf_printf(out, "orderd_effects_oldest_ms{destination=\"%s\",state=\"%s\"} %lld\n", m[i].destination,
               m[i].state, (long long)(now > m[i].oldest ? now - m[i].oldest : 0));
  return ERR_OK;
}

static enum err metrics_read(struct read *rd, struct db *db)
{
  const struct figures *f = rd->args;
  struct counts c;
  TRY(view_counts(db, &c));
  struct buf *out = &rd->out;
  rd->type = "text/plain; version=0.0.4; charset=utf-8";
  head(out, "build_info", "gauge", "What runs.");
  buf_printf(out, "orderd_build_info{version=\"%s\",commit=\"%s\",sqlite=\"%s\"} 1\n", ORDERD_VERSION,
             ORDERD_COMMIT, db_version());
  one(out, "start_time_ms", "gauge", "When this process started, ms since 1970.", f->started_ms);
  one(out, "resident_bytes", "gauge", "Memory of this process.", resident_bytes(&rd->mem));
  http_put(out, f);
  intake_put(out, f);
  store_put(out, f, rd->api->writer);
  counts_put(out, &c);
  if (f->channels) buf_str(out, f->channels);
  return outbox_put(out, db, &rd->mem, f->now_ms);
}

static void figures_take(struct figures *f, const struct api *api)
{
  memcpy(f->answers, api->answers, sizeof f->answers);
  memcpy(f->ingested, api->ingested, sizeof f->ingested);
  f->ingest_failed = api->ingest_failed, f->auth_failures = api->auth_failures, f->throttled = api->throttled;
  f->alarms = api->alarms, f->started_ms = api->started_ms, f->disk_free = api->disk_free,
  f->disk_least = api->disk_least;
  f->disk_full = api->disk_full, f->alarm = api->alarm, f->surge = api_surge(api);
  f->listeners = feed_listeners(api->feed);
  f->http = http_stats(api->http), f->now_ms = api->env->now_ms(api->env);
}

void metrics_get(struct call *k)
{
  struct read *rd = read_new(k->api, k);
  rd->args = arena_new(&rd->mem, struct figures);
  figures_take(rd->args, k->api);
  struct buf channels = { 0 };
  poll_metrics_put(k->api->poller, &channels);
  deliver_metrics_put(k->api->deliverer, &channels);
  ((struct figures *)rd->args)->channels = arena_str(&rd->mem, channels.data);
  buf_release(&channels);
  rd->run = metrics_read, rd->done = read_reply, rd->heavy = true;
  read_or_refuse(rd);
}
