/* The configuration as the flows use it: [merge], [intake], [stage …], [calendar], [channel …]. */
#include "flow.h"
#include <stdio.h>

#define HOUR_MS (3600ll * 1000)
#define GROUP_MAX_MOST 200
#define WINDOW_MOST_MS (30 * 24 * HOUR_MS)

void rules_default(struct rules *r)
{
  memset(r, 0, sizeof *r);
  status_table_default(&r->status);
  r->merge = (struct merge_rules){ .window_ms = 72 * HOUR_MS,
                                   .margin_ms = 4 * HOUR_MS,
                                   .across_channels = true,
                                   .group_max = 50,
                                   .crowd_max = MERGE_CROWD_MAX };
  r->payload_keep_ms = 90 * 24 * HOUR_MS;
  r->backlog_alarm = 500;
  r->surge_queue = 2000;
  r->surge_pending = 1000000;
  r->new_channels = true;
  r->rate_percentile = 90, r->rate_observed = 20;
  r->pickup_due_ms = r->confirm_due_ms = 24 * HOUR_MS;
  r->tracking_reuse_ms = 180 * 24 * HOUR_MS;
  r->outbox = (struct outbox_rules){ .timeout_ms = 30 * 1000,
                                     .backoff_ms = 5 * 1000,
                                     .backoff_most_ms = HOUR_MS,
                                     .breaker_ms = 30 * 1000,
                                     .breaker_most_ms = HOUR_MS / 4,
                                     .dead_after_ms = 72 * HOUR_MS,
                                     .keep_ms = 7 * 24 * HOUR_MS,
                                     .stock_delay_ms = 1000,
                                     .allow = "" };
  r->returns = (struct returns_rules){ .remind_ms = { 24 * HOUR_MS, 24 * HOUR_MS, 24 * HOUR_MS },
                                       .escalate_ms = { 48 * HOUR_MS, 48 * HOUR_MS, 48 * HOUR_MS },
                                       .skip = { [STEP_FINANCE] = true },
                                       .goods_due_ms = 14 * 24 * HOUR_MS,
                                       .photos_max = 20,
                                       .photos_mib = 4096 };
}

enum value { V_DURATION, V_COUNT, V_YES, V_REMARKS, V_TRACK, V_RESERVE, V_TEXT, V_CLOCK, V_STEPS };
struct rule_key {
  const char *section, *key;
  enum value kind;
  size_t at;
  int64_t least, most;
};
#define AT(f) offsetof(struct rules, f)
static const struct rule_key rule_keys[] = {
  { "merge", "window", V_DURATION, AT(merge.window_ms), 1000, WINDOW_MOST_MS },
  { "merge", "margin", V_DURATION, AT(merge.margin_ms), 0, WINDOW_MOST_MS },
  { "merge", "remarks", V_REMARKS, AT(merge.remarks_propose), 0, 0 },
  { "merge", "across_channels", V_YES, AT(merge.across_channels), 0, 0 },
  { "merge", "group_max", V_COUNT, AT(merge.group_max), 1, GROUP_MAX_MOST },
  { "intake", "new_channels", V_YES, AT(new_channels), 0, 0 },
  { "intake", "surge_queue", V_COUNT, AT(surge_queue), 1, 1000000 },
  { "intake", "surge_pending", V_COUNT, AT(surge_pending), 1, 100000000 },
  { "intake", "backlog_alarm", V_COUNT, AT(backlog_alarm), 1, 100000000 },
  { "intake", "payload_keep", V_DURATION, AT(payload_keep_ms), 1000, 3650 * 24 * HOUR_MS },
  { "stock", "track", V_TRACK, AT(track), 0, 0 },
  { "stock", "reserve", V_RESERVE, AT(reserve_placed), 0, 0 },
  { "split", "parcel_weight_max", V_COUNT, AT(split.parcel_weight_max), 0, 100000000 },
  { "split", "parcel_length_max", V_COUNT, AT(split.parcel_length_max), 0, 1000000 },
  { "split", "parcel_girth_max", V_COUNT, AT(split.parcel_girth_max), 0, 10000000 },
  { "split", "parcel_volume_max", V_COUNT, AT(split.parcel_volume_max), 0, 1000000000 },
  { "split", "value_min", V_COUNT, AT(split.value_min), 0, 1000000000000 },
  { "split", "places_max", V_COUNT, AT(split.places_max), 0, 100 },
  { "pack", "verify", V_YES, AT(pack_verify), 0, 0 },
  { "rules", "trust", V_YES, AT(rules_trust), 0, 0 },
  { "rates", "percentile", V_COUNT, AT(rate_percentile), 1, 100 },
  { "rates", "observed", V_COUNT, AT(rate_observed), 1, 1000000 },
  { "ship", "pickup_due", V_DURATION, AT(pickup_due_ms), 1000, 365 * 24 * HOUR_MS },
  { "ship", "confirm_due", V_DURATION, AT(confirm_due_ms), 1000, 365 * 24 * HOUR_MS },
  { "ship", "number_reuse", V_DURATION, AT(tracking_reuse_ms), 1000, 3650 * 24 * HOUR_MS },
  { "returns", "cs_remind", V_DURATION, AT(returns.remind_ms[STEP_CS]), 0, 365 * 24 * HOUR_MS },
  { "returns", "cs_escalate", V_DURATION, AT(returns.escalate_ms[STEP_CS]), 0, 365 * 24 * HOUR_MS },
  { "returns", "warehouse_remind", V_DURATION, AT(returns.remind_ms[STEP_WAREHOUSE]), 0, 365 * 24 * HOUR_MS },
  { "returns", "warehouse_escalate", V_DURATION, AT(returns.escalate_ms[STEP_WAREHOUSE]), 0,
    365 * 24 * HOUR_MS },
  { "returns", "finance_remind", V_DURATION, AT(returns.remind_ms[STEP_FINANCE]), 0, 365 * 24 * HOUR_MS },
  { "returns", "finance_escalate", V_DURATION, AT(returns.escalate_ms[STEP_FINANCE]), 0, 365 * 24 * HOUR_MS },
  { "returns", "clock", V_CLOCK, AT(returns.working), 0, 0 },
  { "returns", "skip_below", V_COUNT, AT(returns.skip_below), 0, 1000000000000 },
  { "returns", "skip", V_STEPS, AT(returns.skip), 0, 0 },
  { "returns", "cs_limit", V_COUNT, AT(returns.limit[STEP_CS]), 0, 1000000000000 },
  { "returns", "warehouse_limit", V_COUNT, AT(returns.limit[STEP_WAREHOUSE]), 0, 1000000000000 },
  { "returns", "finance_limit", V_COUNT, AT(returns.limit[STEP_FINANCE]), 0, 1000000000000 },
  { "returns", "people_only", V_YES, AT(returns.people_only), 0, 0 },
  { "returns", "receive_first", V_YES, AT(returns.receive_first), 0, 0 },
  { "returns", "goods_due", V_DURATION, AT(returns.goods_due_ms), 0, 365 * 24 * HOUR_MS },
  { "returns", "photos_max", V_COUNT, AT(returns.photos_max), 0, 1000 },
  { "returns", "photos_mib", V_COUNT, AT(returns.photos_mib), 0, 1000000 },
  { "outbox", "timeout", V_DURATION, AT(outbox.timeout_ms), 100, HOUR_MS / 6 },
  { "outbox", "backoff", V_DURATION, AT(outbox.backoff_ms), 1, 24 * HOUR_MS },
  { "outbox", "backoff_most", V_DURATION, AT(outbox.backoff_most_ms), 1, 24 * HOUR_MS },
  { "outbox", "breaker", V_DURATION, AT(outbox.breaker_ms), 1, 24 * HOUR_MS },
  { "outbox", "breaker_most", V_DURATION, AT(outbox.breaker_most_ms), 1, 24 * HOUR_MS },
  { "outbox", "dead_after", V_DURATION, AT(outbox.dead_after_ms), 1000, 30 * 24 * HOUR_MS },
  { "outbox", "keep", V_DURATION, AT(outbox.keep_ms), 1000, 3650 * 24 * HOUR_MS },
  { "outbox", "stock_delay", V_DURATION, AT(outbox.stock_delay_ms), 0, HOUR_MS },
  { "outbox", "allow", V_TEXT, AT(outbox.allow), 0, 0 },
};

static bool fail(struct arena *a, const char **why, const struct conf_entry *e, const char *text)
{
  *why = arena_printf(a, "line %d: [%s] %s = %s: %s", e->line, e->section, e->key, e->value, text);
  return false;
}

static bool count_parse(const char *s, int64_t *n)
{
  *n = 0;
  if (!*s || strlen(s) > 12) return false;
  for (; *s; s++) {
    if (*s < '0' || *s > '9') return false;
    *n = *n * 10 + (*s - '0');
  }
  return true;
}

static bool yes_parse(const char *s, bool *yes)
{
  *yes = !strcmp(s, "yes");
  return *yes || !strcmp(s, "no");
}

/* The first step is never left out: somebody has to look. */
static bool steps_parse(const char *s, bool skip[CASE_STEPS])
{
  memset(skip, 0, CASE_STEPS * sizeof *skip);
  for (size_t n; *s; s += n + strspn(s + n, " ")) {
    n = strcspn(s, " ");
    int at = STEP_WAREHOUSE;
    while (at < CASE_STEPS && (strlen(case_step_name((enum case_step)at)) != n ||
                               memcmp(case_step_name((enum case_step)at), s, n) != 0))
      at++;
    if (at == CASE_STEPS) return false;
    skip[at] = true;
  }
  return true;
}

static bool key_set(struct arena *a, struct rules *r, const struct rule_key *k, const struct conf_entry *e,
                    const char **why)
{
  void *at = (char *)r + k->at;
  int64_t n = 0;
  switch (k->kind) {
  case V_DURATION:
    if (!duration_parse(e->value, &n)) return fail(a, why, e, "a duration, like 10m, 72h or 3d");
    if (n < k->least || n > k->most) return fail(a, why, e, "out of range");
    *(int64_t *)at = n;
    return true;
  case V_COUNT:
    if (!count_parse(e->value, &n) || n < k->least || n > k->most)
      return fail(a, why, e, "a whole number in range");
    if (at == &r->merge.group_max) r->merge.group_max = (int)n;
    else if (at == &r->split.places_max) r->split.places_max = (int)n;
    else *(int64_t *)at = n;
    return true;
  case V_TEXT: *(const char **)at = arena_str(a, e->value); return true;
  case V_YES: return yes_parse(e->value, at) || fail(a, why, e, "yes or no");
  case V_CLOCK:
    *(bool *)at = !strcmp(e->value, "working");
    return *(bool *)at || !strcmp(e->value, "always") || fail(a, why, e, "always or working");
  case V_STEPS: return steps_parse(e->value, at) || fail(a, why, e, "warehouse, finance, or both");
  case V_TRACK:
    r->track = !strcmp(e->value, "yes") ? TRACK_YES : !strcmp(e->value, "no") ? TRACK_NO : TRACK_AUTO;
    return r->track != TRACK_AUTO || !strcmp(e->value, "auto") || fail(a, why, e, "auto, yes or no");
  case V_RESERVE:
    r->reserve_placed = !strcmp(e->value, "placed");
    return r->reserve_placed || !strcmp(e->value, "paid") || fail(a, why, e, "paid or placed");
  case V_REMARKS:
    *(bool *)at = !strcmp(e->value, "propose");
    return *(bool *)at || !strcmp(e->value, "merge") || fail(a, why, e, "merge or propose");
  }
  return false;
}

static int share_parse(const char *s)
{
  int64_t n;
  return count_parse(s, &n) && n >= 1 && n <= 100 ? (int)n : 0;
}

static bool channel_key(struct arena *a, const struct conf_entry *e, const char **why)
{
  bool yes;
  const char *allowed = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  if (!strcmp(e->key, "family"))
    return (*e->value && strlen(e->value) <= 64 && strspn(e->value, allowed) == strlen(e->value)) ||
           fail(a, why, e, "lower-case letters, digits, . _ -");
  if (!strcmp(e->key, "merge") || !strcmp(e->key, "stock"))
    return yes_parse(e->value, &yes) || fail(a, why, e, "yes or no");
  if (!strcmp(e->key, "share"))
    return share_parse(e->value) || fail(a, why, e, "a whole percentage from 1 to 100");
  return true; /* the others are of its connector, and read with it */
}

bool rules_load(struct arena *a, const struct conf *c, struct rules *r, const char **why)
{
  rules_default(r);
  r->conf = c;
  if (!c) return true;
  if (!status_table_load(a, c, &r->status, why)) return false;
  for (size_t i = 0; i < c->n; i++) {
    const struct conf_entry *e = &c->at[i];
    if (!strncmp(e->section, "channel ", 8)) {
      if (!channel_key(a, e, why)) return false;
      continue;
    }
    for (size_t k = 0; k < COUNT(rule_keys); k++)
      if (!strcmp(rule_keys[k].section, e->section) && !strcmp(rule_keys[k].key, e->key) &&
          !key_set(a, r, &rule_keys[k], e, why))
        return false;
  }
  if (r->outbox.backoff_most_ms < r->outbox.backoff_ms) r->outbox.backoff_most_ms = r->outbox.backoff_ms;
  if (r->outbox.breaker_most_ms < r->outbox.breaker_ms) r->outbox.breaker_most_ms = r->outbox.breaker_ms;
  return webhooks_load(a, c, r, why) && !(*why = notify_fault(a, c)) && !(*why = customer_fault(a, c));
}

static const char *channel_conf(const struct rules *r, const char *channel, const char *key)
{
  for (size_t i = 0; r->conf && i < r->conf->n; i++) {
    const struct conf_entry *e = &r->conf->at[i];
    if (!strncmp(e->section, "channel ", 8) && !strcmp(e->section + 8, channel) && !strcmp(e->key, key))
      return e->value;
  }
  return NULL;
}

const char *rules_family(const struct rules *r, const char *channel)
{
  const char *family = channel_conf(r, channel, "family");
  if (family) return family;
  for (size_t i = 0; i < r->families; i++)
    if (!strcmp(r->family[i].channel, channel)) return r->family[i].family;
  return channel;
}

const struct channel_family *rules_channel(const struct rules *r, const char *channel)
{
  for (size_t i = 0; i < r->families; i++)
    if (!strcmp(r->family[i].channel, channel)) return &r->family[i];
  return NULL;
}

const struct party_rules *rules_party(const struct rules *r, const char *kind, const char *name)
{
  for (size_t i = 0; i < r->parties; i++)
    if (!strcmp(r->party[i].kind, kind) && !strcmp(r->party[i].name, name)) return &r->party[i];
  return NULL;
}

bool rules_channel_merges(const struct rules *r, const char *channel)
{
  const char *merge = channel_conf(r, channel, "merge");
  return !merge || strcmp(merge, "no") != 0;
}

bool rules_channel_known(const struct rules *r, const char *channel)
{
  return channel_conf(r, channel, "family") || channel_conf(r, channel, "merge") ||
         channel_conf(r, channel, "connector");
}

int rules_share(const struct rules *r, const char *channel)
{
  const char *share = channel_conf(r, channel, "share");
  return share ? share_parse(share) : 100;
}
