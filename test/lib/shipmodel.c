/* The world of shipmodel.h: channels that tell what they think, platforms with books of their own, carriers, people at
 * shelves and benches, and a deliverer that dies. What the model expects is written from domain 3 to 6 alone. */
#include "shipmodel.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MINUTE 60000ll
#define HOUR (60 * MINUTE)
#define BEGUN 1794300000000ll

enum { DY, PDD, TILL, CHANNELS };
static const char *const channels[CHANNELS] = { "dy", "pdd", "till" };
static const struct channel_family families[] = {
  { .channel = "dy", .family = "dy", .confirms = true, .on_pickup = false, .stocks = true },
  { .channel = "pdd", .family = "pdd", .confirms = true, .on_pickup = true },
};
static const char *const words[] = {
  "placed", "paid", "partly_shipped", "shipped", "completed", "cancelled"
};
static const char *const called[K_KINDS] = { "A", "B", "C", "KIT", "MADE", "NEW", "x-A" };
static const char *const shelf[] = { "", "A", "B", "C" };
static const char *const places[] = { "", "HZ", "GZ" };

static uint64_t splitmix(uint64_t *seed)
{
  uint64_t z = *seed += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static int pick(uint64_t *r, int n)
{
  return n > 0 ? (int)(splitmix(r) % (uint64_t)n) : 0;
}

/* ---- running commands --------------------------------------------------------------------------------------------------- */

static void nothing(struct job *j)
{
  (void)j;
}

static void execute(struct world *w, struct cmd *c)
{
  if (w->durable) {
    c->job.done = nothing;
    must(writer_push(w->shop->writer, &c->job));
    writer_collect(w->shop->writer);
    return;
  }
  struct db *db = w->shop->db;
  must(tx_mark(db));
  c->job.err = c->job.run(&c->job, db);
  if (c->job.err) must(tx_undo(db));
  must(tx_keep(db));
}

static struct cmd *make(struct world *w, const char *name, const char *target, const char *body,
                        const char *key)
{
  int id = cmd_find(name);
  must(id >= 0);
  struct cmd *c = cmd_new((enum cmd_id)id, &w->shop->env.env, &w->shop->rules, &w->shop->actor);
  c->target = arena_str(&c->mem, target);
  if (key) c->key = arena_str(&c->mem, key), memcpy(c->digest, key, 8);
  body = arena_str(&c->mem, body ? body : "");
  c->job.err = cmd_kind((enum cmd_id)id)->roles ? cmd_parse(c, body, strlen(body))
                                                : cmd_kind((enum cmd_id)id)->parse(c, NULL);
  return c;
}

/* All that the tables say, for whoever looks for the cause of a failure. */
static void print_seen(const struct seen *s)
{
  for (int i = 0; i < s->orders; i++)
    printf("   o_%d g_%d status %d%s, exceptions %x\n", (int)s->order[i].id, (int)s->order[i].group_id,
           s->order[i].status, s->order[i].held ? " held" : "", s->order[i].open);
  for (int i = 0; i < s->fuls; i++)
    printf("   f_%d g_%d from %d, status %d, work %c\n", (int)s->ful[i].id, (int)s->ful[i].group_id,
           (int)s->ful[i].place, s->ful[i].status, s->ful[i].work);
  for (int i = 0; i < s->parts; i++)
    printf("   f_%d holds %d of o_%d line %d\n", (int)s->part[i].ful, (int)s->part[i].n,
           (int)s->part[i].order_id, (int)s->part[i].line_no);
  for (int i = 0; i < s->units; i++)
    printf("   %d pieces %c of SKU %d in %d, f_%d, for o_%d line %d\n", (int)s->unit[i].n, s->unit[i].state,
           (int)s->unit[i].sku, (int)s->unit[i].place, (int)s->unit[i].ful, (int)s->unit[i].order_id,
           (int)s->unit[i].line_no);
  for (int i = 0; i < s->claims; i++)
    printf("   k_%d f_%d %s %c, carried %d, told %d%s\n", (int)s->claim[i].id, (int)s->claim[i].ful,
           s->claim[i].number, s->claim[i].state, s->claim[i].carried, s->claim[i].told,
           s->claim[i].put_back ? ", to be put back" : "");
}

static void look(struct world *w, const struct cmd *c, const char *name, bool silent)
{
  w->name = name, w->refused = c->job.err != ERR_OK, w->silent = silent;
  w->counts[6] += w->refused, w->counts[7]++;
  if (c->job.err == ERR_IO || c->job.err == ERR_BUSY || c->job.err == ERR_STALE)
    differ(w, "%s ends in %s", name, err_code(c->job.err));
  world_see(w);
  if (w->say > 1) print_seen(&w->now);
  world_check(w);
}

static const char *code_of(const struct cmd *c)
{
  return c->problem.code ? c->problem.code : err_code(c->job.err);
}

static void say(struct world *w, const char *name, const char *target, const char *body, const struct cmd *c)
{
  bool take = !strcmp(name, "order.ingest");
  if (!w->say) return;
  printf("%s%s%s%s%s => ", take ? "take" : name, target ? " " : "", target ? target : "", body ? " " : "",
         body ? body : "");
  if (!c->job.err) puts("OK");
  else {
    for (const char *p = err_code(c->job.err); *p; p++) putchar(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    printf(" {\"code\":\"%s\"}\n", code_of(c));
  }
}

/* Now and then a command is tried without effect before, or sent again because its answer was lost. */
static struct cmd *run(struct world *w, uint64_t *r, const char *name, const char *target, const char *body,
                       bool silent)
{
  const char *full = !strcmp(name, "order.ingest") ? shop_order(&w->mem, body) : body, *key = NULL;
  char keytext[16];
  int how = r ? pick(r, 24) : 0;
  bool was_dry_ok = false;
  if (how == 1) {
    struct cmd *dry = make(w, name, target, full, NULL);
    dry->dry_run = true;
    if (!dry->job.err) execute(w, dry);
    was_dry_ok = !cmd_err(dry);
    look(w, dry, "a dry run", true);
    cmd_free(dry);
  }
  if (how == 2) snprintf(keytext, sizeof keytext, "key-%04d", ++w->keys), key = keytext;
  struct cmd *c = make(w, name, target, full, key);
  if (!c->job.err) execute(w, c);
  say(w, name, target, body, c);
  look(w, c, name, silent);
  if (how == 1 && was_dry_ok != !c->job.err) differ(w, "%s answers another thing than its dry run", name);
  if (how == 2 && !c->job.err) {
    struct cmd *twice = make(w, name, target, full, key);
    execute(w, twice);
    if (twice->job.err || twice->out.len != c->out.len || memcmp(twice->out.data, c->out.data, c->out.len))
      differ(w, "%s with the same key answers another thing", name);
    look(w, twice, name, true);
    cmd_free(twice);
  }
  return c;
}

static enum err done(struct world *w, uint64_t *r, const char *name, const char *target, const char *body)
{
  struct cmd *c = run(w, r, name, target, body, false);
  enum err e = c->job.err;
  cmd_free(c);
  return e;
}

static const char *id_of(struct world *w, char kind, int64_t id)
{
  return arena_printf(&w->mem, "%c_%lld", kind, (long long)id);
}

/* ---- what channels tell -------------------------------------------------------------------------------------------------- */

static char *snap_json(struct world *w, int i, const struct snap *s)
{
  const struct m_order *m = &w->order[i];
  struct buf b = { 0 };
  char at[TIME_TEXT];
  int total = 0;
  for (int k = 0; k < m->lines; k++) total += m->qty[k] * 10;
  buf_printf(&b, "{\"channel\":\"%s\",\"external_id\":\"%d\",\"status\":\"%s\",\"placed_at\":\"%s\"",
             channels[m->channel], i, words[s->word], time_text(m->placed_at, at));
  buf_printf(
    &b, ",\"updated_at\":\"%s\",\"total\":\"%d.00\",\"receiver\":{\"phone\":\"1380000%04d\"},\"lines\":[",
    time_text(m->placed_at + s->stamp * 1000, at), total, m->customer);
  for (int k = 0; k < m->lines; k++)
    buf_printf(&b, "%s{\"line_id\":\"%d\",\"sku\":\"%s\",\"quantity\":%d,\"price\":\"10.00\"}", k ? "," : "",
               k + 1, called[m->kind[k]], m->qty[k]);
  buf_str(&b, "]");
  for (int k = 0, n = 0; k < m->lines; k++) {
    if (!s->back_as[k]) continue;
    buf_printf(
      &b,
      "%s{\"refund_id\":\"r%d\",\"status\":\"%s\",\"amount\":\"%d.00\",\"line_id\":\"%d\",\"quantity\":%d}",
      n++ ? "," : ",\"refunds\":[", k,
      s->back_as[k] == 1   ? "requested"
      : s->back_as[k] == 2 ? "success"
                           : "closed",
      s->back[k] * 10, k + 1, s->back[k]);
  }
  if (s->back_as[0] || s->back_as[1]) buf_str(&b, "]");
  for (int k = 0; k < s->numbers; k++)
    buf_printf(&b, "%s{\"carrier\":\"SF\",\"tracking_no\":\"T%04d\"}", k ? "," : ",\"shipments\":[",
               s->number[k]);
  if (s->numbers) buf_str(&b, "]");
  buf_str(&b, "}");
  char *text = arena_strn(&w->mem, b.data, b.len);
  buf_release(&b);
  return text;
}

static void send(struct world *w, uint64_t *r, int i, struct snap s)
{
  struct m_order *m = &w->order[i];
  bool old = m->heard && s.stamp <= m->known.stamp;
  if (!old) m->known = s, m->heard = true;
  struct cmd *c = run(w, r, "order.ingest", NULL, snap_json(w, i, &s), old);
  if (c->job.err) differ(w, "2: what a channel told is refused: %s", code_of(c));
  cmd_free(c);
}

static void tell(struct world *w, uint64_t *r, int i)
{
  struct m_order *m = &w->order[i];
  m->truth.stamp = ++m->stamp;
  if (m->sents == M_SNAPS) memmove(m->sent, m->sent + 1, sizeof m->sent[0] * (M_SNAPS - 1)), m->sents--;
  m->sent[m->sents++] = m->truth;
  if (pick(r, 4)) send(w, r, i, m->truth);
}

static int some_order(struct world *w, uint64_t *r)
{
  int n = 0, list[M_ORDERS];
  for (int i = 0; i < M_ORDERS; i++)
    if (w->order[i].made) list[n++] = i;
  return n ? list[pick(r, n)] : -1;
}

static void op_new(struct world *w, uint64_t *r)
{
  static const int kinds[] = { K_A, K_A, K_A, K_A, K_B, K_B, K_C, K_KIT, K_KIT, K_MADE, K_NEW, K_MAPPED };
  int i = 0;
  while (i < M_ORDERS && w->order[i].made) i++;
  if (i == M_ORDERS) return;
  struct m_order *m = &w->order[i];
  m->made = true, m->channel = pick(r, CHANNELS), m->customer = 1111 * (1 + pick(r, 3)),
  m->lines = 1 + !pick(r, 3);
  m->placed_at = w->shop->env.now_ms - pick(r, 5) * 20 * MINUTE;
  for (int k = 0; k < m->lines; k++)
    m->kind[k] = kinds[pick(r, (int)COUNT(kinds))], m->qty[k] = 1 + pick(r, 3);
  int word = pick(r, 20);
  m->truth.word = word < 4 ? W_PLACED : word == 4 ? W_SHIPPED : W_PAID;
  if (word == 4 && pick(r, 2)) m->truth.number[m->truth.numbers++] = (short)++w->numbers;
  tell(w, r, i);
}

static void truth_refund(struct m_order *m, uint64_t *r)
{
  int k = pick(r, m->lines);
  if (!m->truth.back_as[k])
    m->truth.back[k] = (signed char)(1 + pick(r, m->qty[k])),
    m->truth.back_as[k] = (signed char)(1 + pick(r, 2));
  else if (m->truth.back_as[k] == 1) m->truth.back_as[k] = (signed char)(2 + pick(r, 2));
  else m->truth.back_as[k] = m->truth.back_as[k] == 2 ? 3 : 1;
}

/* Somebody did something in the shop's back office, or the customer did. */
static void op_truth(struct world *w, uint64_t *r)
{
  int i = some_order(w, r), what = pick(r, 20);
  if (i < 0) return;
  struct m_order *m = &w->order[i];
  struct snap *t = &m->truth;
  if (what < 6) truth_refund(m, r);
  else if (what < 9 && t->word <= W_PARTLY) t->word = W_CANCELLED;
  else if (what < 13 && t->numbers < 4 && t->word != W_CANCELLED) {
    bool other = !pick(r, 5) && w->numbers;
    t->number[t->numbers++] = (short)(other ? 1 + pick(r, w->numbers) : ++w->numbers);
    if (t->word < W_SHIPPED) t->word = pick(r, 3) ? W_SHIPPED : W_PARTLY;
  } else if (what == 13 && t->word == W_PAID) t->word = W_SHIPPED;
  else if (what == 14 && t->word == W_SHIPPED) t->word = W_COMPLETED;
  else if (what == 15 && t->word == W_SHIPPED) t->word = W_CANCELLED;
  else if (t->word == W_PLACED) t->word = W_PAID;
  else return;
  tell(w, r, i);
}

static void op_again(struct world *w, uint64_t *r)
{
  int i = some_order(w, r);
  if (i < 0) return;
  struct m_order *m = &w->order[i];
  if (pick(r, 3)) send(w, r, i, m->truth);
  else if (m->sents) send(w, r, i, m->sent[pick(r, m->sents)]);
}

/* ---- what people do with orders ---------------------------------------------------------------------------------------------- */

static const struct s_order *some_seen(struct world *w, uint64_t *r)
{
  return w->now.orders ? &w->now.order[pick(r, w->now.orders)] : NULL;
}

static void op_move(struct world *w, uint64_t *r)
{
  static const char *const to[] = { "split",    "split",   "split",     "split",     "split",
                                    "split",    "paid",    "pending",   "producing", "inspected",
                                    "pre_ship", "shipped", "completed", "cancelled" };
  const struct s_order *o = some_seen(w, r);
  if (!o) return;
  for (int tries = 0; tries < 4 && o->status != P_PAID; tries++) o = some_seen(w, r);
  done(w, r, "order.move", id_of(w, 'o', o->id),
       arena_printf(&w->mem, "{\"to\":\"%s\"}", to[pick(r, (int)COUNT(to))]));
}

static void op_order(struct world *w, uint64_t *r)
{
  const struct s_order *o = some_seen(w, r);
  if (!o) return;
  const char *id = id_of(w, 'o', o->id);
  int what = pick(r, 6);
  if (what == 0) done(w, r, "order.cancel", id, "{\"reason\":\"x\"}");
  else if (what < 3) done(w, r, "order.hold", id, "{\"reason\":\"x\"}");
  else done(w, r, "order.release", id, "{}");
}

static void op_group(struct world *w, uint64_t *r)
{
  const struct s_order *o = some_seen(w, r), *p = some_seen(w, r);
  if (!o || !o->group_id) return;
  const char *id = id_of(w, 'g', o->group_id);
  int what = pick(r, 5);
  if (what == 0) done(w, r, "group.lock", id, "{}");
  else
    done(w, r, what < 3 ? "group.remove" : "group.add", id,
         arena_printf(&w->mem, "{\"order\":\"o_%d\"}", (int)(what < 3 && pick(r, 2) ? o : p)->id));
}

static void op_resolve(struct world *w, uint64_t *r)
{
  static const char SQL[] =
    "SELECT id FROM exceptions WHERE state = 'open' AND type NOT IN ('oversold', 'unknown_sku', 'cannot_split') ORDER BY id";
  struct stmt *q = db_stmt(w->shop->db, SQL);
  int64_t ids[50];
  int n = 0;
  while (n < 50 && stmt_row(q)) ids[n++] = stmt_col_int(q, 0);
  stmt_end(q);
  if (n) done(w, r, "exception.resolve", id_of(w, 'x', ids[pick(r, n)]), "{\"note\":\"seen\"}");
}

/* ---- parcels -------------------------------------------------------------------------------------------------------------------- */

static const struct s_ful *some_ful(struct world *w, uint64_t *r)
{
  const struct s_ful *f = NULL;
  for (int tries = 0; w->now.fuls && tries < 3 && (!f || f->status != P_SPLIT); tries++)
    f = &w->now.ful[pick(r, w->now.fuls)];
  return f;
}

static bool number_used(const struct world *w, const char *number, int64_t ful)
{
  for (int i = 0; i < w->now.claims; i++)
    if (!strcmp(w->now.claim[i].number, number) && w->now.claim[i].ful != ful) return true;
  return false;
}

/* Domain 6.1 and 6.2: what must be taken, and what must be refused. */
static void claim_expected(struct world *w, const struct s_ful *f, const char *number, bool *must_ok,
                           bool *must_not, bool *same)
{
  const struct s_claim *k = claim_live(&w->now, f->id);
  bool held = false, all_split = true;
  *same = k && k->state == 'l' && !strcmp(k->number, number);
  for (int i = 0; i < w->now.orders; i++)
    if (is_member(&w->now, f->id, w->now.order[i].id))
      held |= w->now.order[i].held, all_split &= w->now.order[i].status == P_SPLIT;
  bool packed = !w->shop->rules.pack_verify || f->work == 'P';
  *must_not = (k && strcmp(k->number, number)) || f->status == P_CANCELLED || (!k && (held || !packed)) ||
              (!k && number_used(w, number, f->id));
  *must_ok = *same || (!*must_not && !k && f->status == P_SPLIT && all_split && f->place <= 2);
}

static void op_claim(struct world *w, uint64_t *r)
{
  const struct s_ful *f = some_ful(w, r);
  if (!f) return;
  const struct s_claim *k = claim_live(&w->now, f->id);
  int how = pick(r, 10), number = how < 7 || !w->numbers ? ++w->numbers : 1 + pick(r, w->numbers);
  bool must_ok, must_not, same;
  char text[24];
  snprintf(text, sizeof text, "T%04d", number);
  if (how >= 7 && pick(r, 2) && k) snprintf(text, sizeof text, "%s", k->number);
  claim_expected(w, f, text, &must_ok, &must_not, &same);
  struct cmd *c = run(w, r, "fulfilment.claim", id_of(w, 'f', f->id),
                      arena_printf(&w->mem, "{\"carrier\":\"SF\",\"tracking_no\":\"%s\"}", text), same);
  if (must_ok && c->job.err) differ(w, "6.1: the claim %s is refused: %s", text, code_of(c));
  if (must_not && !c->job.err) differ(w, "6.2: the claim %s is taken", text);
  if (c->job.err && c->job.err != ERR_CONFLICT) differ(w, "the claim %s ends in %s", text, code_of(c));
  cmd_free(c);
}

static const struct s_claim *some_claim(struct world *w, uint64_t *r)
{
  const struct s_claim *k = NULL;
  for (int tries = 0; w->now.claims && tries < 3 && (!k || k->state != 'l'); tries++)
    k = &w->now.claim[pick(r, w->now.claims)];
  return k;
}

static void op_trace(struct world *w, uint64_t *r)
{
  static const char *const news[] = { "picked_up", "picked_up", "picked_up", "in_transit",
                                      "delivered", "returned",  "lost" };
  const struct s_claim *k = some_claim(w, r);
  if (!k && w->numbers == 0) return;
  const char *number = k && pick(r, 10) ? k->number : arena_printf(&w->mem, "T%04d", 1 + pick(r, w->numbers));
  done(w, r, "parcel.trace", NULL,
       arena_printf(&w->mem, "{\"tracking_no\":\"%s\",\"status\":\"%s\"}", number,
                    news[pick(r, (int)COUNT(news))]));
}

static void op_void(struct world *w, uint64_t *r)
{
  const struct s_claim *k = some_claim(w, r);
  if (k) done(w, r, "claim.void", id_of(w, 'k', k->id), "{\"reason\":\"x\"}");
}

static void op_confirm(struct world *w, uint64_t *r)
{
  static const char *const outcomes[] = { "accepted", "refused", "again" };
  const struct s_claim *k = some_claim(w, r);
  const struct s_order *o = some_seen(w, r);
  if (!k) return;
  const char *outcome = outcomes[pick(r, 3)];
  const char *body =
    !pick(r, 3)
      ? arena_printf(&w->mem, "{\"outcome\":\"%s\",\"reason\":\"x\",\"order\":\"o_%d\"}", outcome, (int)o->id)
      : arena_printf(&w->mem, "{\"outcome\":\"%s\",\"reason\":\"x\"}", outcome);
  done(w, r, "claim.confirm", id_of(w, 'k', k->id), body);
}

static void op_put_back(struct world *w, uint64_t *r)
{
  const struct s_claim *k = NULL;
  for (int i = 0; i < w->now.claims; i++)
    if (w->now.claim[i].put_back && (!k || pick(r, 2))) k = &w->now.claim[i];
  if (!k) k = pick(r, 4) ? NULL : some_claim(w, r);
  if (!k) return;
  int sku = 1 + pick(r, 3), n = 1 + pick(r, 2);
  bool damaged = !pick(r, 3);
  int64_t place = ful_seen(&w->now, k->ful)->place;
  if (damaged) w->on_hand[sku][place] -= n, w->quarantine[sku][place] += n;
  struct cmd *c = make(w, "claim.put_back", id_of(w, 'k', k->id),
                       arena_printf(&w->mem, "{\"sku\":\"%s\",\"quantity\":%d%s}", shelf[sku], n,
                                    damaged ? ",\"condition\":\"damaged\"" : ""),
                       NULL);
  if (!c->job.err) execute(w, c);
  if (damaged && c->job.err) w->on_hand[sku][place] += n, w->quarantine[sku][place] -= n;
  say(w, "claim.put_back", id_of(w, 'k', k->id),
      arena_printf(&w->mem, "{\"sku\":\"%s\",\"quantity\":%d%s}", shelf[sku], n,
                   damaged ? ",\"condition\":\"damaged\"" : ""),
      c);
  look(w, c, "claim.put_back", false);
  cmd_free(c);
}

/* ---- the deliverer, and the platforms' own books ------------------------------------------------------------------------------------- */

static struct cmd *own(struct world *w, enum cmd_id id, const void *args)
{
  static const struct actor self = { .name = "orderd" };
  struct cmd *c = cmd_new(id, &w->shop->env.env, &w->shop->rules, &self);
  c->args = args;
  execute(w, c);
  look(w, c, cmd_kind(id)->name, false);
  if (c->job.err) differ(w, "%s ends in %s", cmd_kind(id)->name, code_of(c));
  return c;
}

static bool taken(const struct world *w, int64_t claim, int64_t order_id)
{
  for (int i = 0; i < w->takens; i++)
    if (w->taken[i].claim == claim && w->taken[i].order_id == order_id) return true;
  return false;
}

static int64_t field_id(struct world *w, const char *data, const char *key, char kind)
{
  struct faults f = { .mem = &w->mem };
  const struct json *j = json_parse(&w->mem, data, strlen(data), 1000, &f);
  int64_t id = 0;
  const char *text = json_string(json_get(j, key));
  if (!text || !id_parse(text, kind, &id)) differ(w, "an effect without %s: %s", key, data);
  return id;
}

/* The platform gets it: into its books, and its word changes. */
static void platform_takes(struct world *w, const struct m_call *c)
{
  const struct s_order *o = order_seen(&w->now, c->order_id);
  if (w->takens < M_NUMBERS) w->taken[w->takens++] = (struct m_taken){ c->claim, c->order_id };
  if (!o) return;
  struct snap *t = &w->order[o->ext].truth;
  for (int i = 0; i < w->now.claims; i++)
    if (w->now.claim[i].id == c->claim && t->numbers < 4)
      t->number[t->numbers++] = (short)atoi(w->now.claim[i].number + 1);
  if (t->word < W_SHIPPED) t->word = W_SHIPPED;
  t->stamp = ++w->order[o->ext].stamp;
}

static void call_settle(struct world *w, uint64_t *r, int at)
{
  struct m_call c = w->call[at];
  struct effect_settle s = {
    .id = c.effect, .outcome = { .kind = c.outcome, .code = "test" }, .asked = c.ask, .random = splitmix(r)
  };
  w->call[at] = w->call[--w->calls];
  if (w->say) printf("# effect.settle e_%d %s\n", (int)c.effect, outcome_name(c.outcome));
  cmd_free(own(w, CMD_EFFECT_SETTLE, &s));
  if (!pick(r, 8)) cmd_free(own(w, CMD_EFFECT_SETTLE, &s)); /* told twice */
}

static void call_made(struct world *w, uint64_t *r, const struct effect_taken *t)
{
  struct m_call c = { .effect = t->effect.id, .ask = t->ask };
  int how = pick(r, 12);
  c.outcome = OUTCOME_ACCEPTED;
  if (!strcmp(t->effect.kind, "confirm")) {
    c.claim = field_id(w, t->effect.data, "claim", 'k'),
    c.order_id = field_id(w, t->effect.data, "order", 'o');
    bool there = taken(w, c.claim, c.order_id);
    w->counts[t->ask ? 4 : 3]++;
    if (t->ask) c.outcome = !pick(r, 4) ? OUTCOME_UNKNOWN : there ? OUTCOME_ACCEPTED : OUTCOME_RETRY;
    else {
      const struct s_claim *k = NULL;
      for (int i = 0; i < w->now.claims; i++)
        if (w->now.claim[i].id == c.claim) k = &w->now.claim[i];
      if (there) differ(w, "6.4: e_%d is sent again, and the platform has it", (int)c.effect);
      if (!k || k->state == 'v') differ(w, "6.4: e_%d tells of a label that is void", (int)c.effect);
      bool takes = how < 8;
      if (takes) platform_takes(w, &c);
      c.outcome = takes      ? how < 6 ? OUTCOME_ACCEPTED : OUTCOME_UNKNOWN
                  : how == 8 ? OUTCOME_REFUSED
                  : how == 9 ? OUTCOME_UNKNOWN
                             : OUTCOME_RETRY;
    }
  } else if (how > 8) c.outcome = how == 9 ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
  if (w->calls < M_CALLS) w->call[w->calls++] = c;
}

static void op_deliver(struct world *w, uint64_t *r)
{
  struct effects_take t = { .destination = pick(r, 2) ? "channel:dy" : "channel:pdd",
                            .max = 1 + (size_t)pick(r, 4),
                            .ask_again_at = w->shop->env.now_ms + 120000 };
  struct cmd *c = own(w, CMD_EFFECTS_TAKE, &t);
  if (w->say) printf("# effects.take %s: %d\n", t.destination, (int)t.n);
  int first = w->calls;
  for (size_t i = 0; i < t.n; i++) call_made(w, r, &t.list[i]);
  cmd_free(c);
  for (int i = w->calls; i-- > first;)
    if (pick(r, 4)) call_settle(w, r, i);
}

static void op_settle(struct world *w, uint64_t *r)
{
  if (w->calls) call_settle(w, r, pick(r, w->calls));
}

static void op_effect(struct world *w, uint64_t *r)
{
  static const char SQL[] =
    "SELECT id FROM effects WHERE kind = 'confirm' AND state <> 'done' AND state <> 'dropped' ORDER BY id";
  struct stmt *q = db_stmt(w->shop->db, SQL);
  int64_t ids[50];
  int n = 0;
  while (n < 50 && stmt_row(q)) ids[n++] = stmt_col_int(q, 0);
  stmt_end(q);
  if (!n) return;
  const char *id = id_of(w, 'e', ids[pick(r, n)]);
  if (pick(r, 4)) done(w, r, "effect.retry", id, "{}");
  else done(w, r, "effect.drop", id, "{\"reason\":\"x\"}");
}

/* The process ends: calls that were under way will never be answered. */
static void op_crash(struct world *w, uint64_t *r)
{
  (void)r;
  w->calls = 0;
  if (w->say) puts("restart");
  if (w->durable) {
    struct rules keep = w->shop->rules;
    must(shop_reopen(w->shop, NULL));
    w->shop->rules = keep;
  }
  cmd_free(own(w, CMD_EFFECTS_RECOVER, NULL));
}

/* ---- shelves, the dictionary, time, the bench ----------------------------------------------------------------------------------------------- */

static void op_stock(struct world *w, uint64_t *r)
{
  int k = 1 + pick(r, 3), p = 1 + pick(r, w->places), delta = pick(r, 9) - 3;
  int64_t was = w->on_hand[k][p], there = w->now.stock[k][p].available;
  if (!delta) return;
  if (there + delta >= 0) w->on_hand[k][p] += delta;
  struct cmd *c =
    run(w, r && there + delta >= 0 ? NULL : r, "stock.adjust", NULL,
        arena_printf(&w->mem, "{\"sku\":\"%s\",\"warehouse\":\"%s\",\"delta\":%d,\"reason\":\"x\"}", shelf[k],
                     places[p], delta),
        false);
  if (!c->job.err != (there + delta >= 0))
    differ(w, "5.2: %d pieces are free, and booking %d answers %s", (int)there, delta, code_of(c));
  if (c->job.err) w->on_hand[k][p] = was;
  cmd_free(c);
}

static void op_count(struct world *w, uint64_t *r)
{
  int k = 1 + pick(r, 3), p = 1 + pick(r, w->places), n = pick(r, 9);
  struct stock t = w->now.stock[k][p];
  int64_t was = w->on_hand[k][p];
  w->on_hand[k][p] += n - t.on_hand;
  struct cmd *c = make(
    w, "stock.count", NULL,
    arena_printf(&w->mem, "{\"sku\":\"%s\",\"warehouse\":\"%s\",\"counted\":%d}", shelf[k], places[p], n),
    NULL);
  if (!c->job.err) execute(w, c);
  if (c->job.err) w->on_hand[k][p] = was;
  say(w, "stock.count", NULL,
      arena_printf(&w->mem, "{\"sku\":\"%s\",\"warehouse\":\"%s\",\"counted\":%d}", shelf[k], places[p], n),
      c);
  look(w, c, "stock.count", false);
  if (c->job.err && n >= t.reserved + t.frozen) differ(w, "5.2: the count %d is refused: %s", n, code_of(c));
  if (!c->job.err && n < t.frozen)
    differ(w, "5.2: %d were counted where %d are in parcels", n, (int)t.frozen);
  cmd_free(c);
}

static void heal(struct world *w)
{
  for (int i = 0; i < 50 && !w->failed; i++) {
    struct cmd *c = run(w, NULL, "stock.heal", NULL, NULL, false);
    bool more = c->left && !c->job.err;
    if (c->job.err) differ(w, "stock.heal ends in %s", code_of(c));
    cmd_free(c);
    if (!more) break;
  }
  for (int i = 0; i < w->now.orders; i++) {
    const struct s_order *o = &w->now.order[i];
    bool waits = (o->open & X_OVERSOLD) && !(o->open & X_UNKNOWN_SKU) && !o->held;
    if (waits && o->status < P_PRE_SHIP && world_could_reserve(w, o))
      differ(w, "5.2: all was looked at again, o_%d waits, and all that it wants lies there", (int)o->id);
  }
}

static void op_dictionary(struct world *w, uint64_t *r)
{
  int what = pick(r, 5);
  if (what == 0 && !w->sku_new) {
    w->sku_new = true;
    done(w, NULL, "sku.put", NULL, "{\"code\":\"NEW\"}");
  } else if (what == 1) {
    int ch = pick(r, CHANNELS);
    const char *body =
      arena_printf(&w->mem, "{\"channel\":\"%s\",\"channel_sku\":\"x-A\",\"sku\":\"A\"}", channels[ch]);
    unsigned was = w->mapped;
    w->mapped |= 1u << ch;
    struct cmd *c = make(w, "mapping.put", NULL, body, NULL);
    if (!c->job.err) execute(w, c);
    if (c->job.err) w->mapped = was;
    say(w, "mapping.put", NULL, body, c), look(w, c, "mapping.put", false);
    cmd_free(c);
  }
  heal(w);
}

static void check_timers(struct world *w)
{
  for (int i = 0; i < w->now.claims; i++) {
    const struct s_claim *k = &w->now.claim[i];
    if (k->due_at && k->due_at <= w->shop->env.now_ms)
      differ(w, "4.6: the timer of k_%d has not fired", (int)k->id);
  }
}

static void op_clock(struct world *w, uint64_t *r)
{
  static const int minutes[] = { 1, 1, 3, 10, 45, 120, 400, 1450, 1600, -5 };
  int64_t by = minutes[pick(r, (int)COUNT(minutes))];
  w->shop->env.now_ms += by * MINUTE;
  if (w->say) printf("@ %+dm\n", (int)by);
  for (int i = 0; i < 100; i++) {
    struct cmd *c = run(w, NULL, "timers.fire", NULL, NULL, false);
    bool more = c->left && !c->job.err;
    cmd_free(c);
    if (!more || w->failed) break;
  }
  check_timers(w);
}

static void bench_short(struct world *w, uint64_t *r, const struct s_ful *f)
{
  int sku = 1 + pick(r, 3), n = 1 + pick(r, 2);
  bool damaged = pick(r, 2);
  int64_t place = f->place, had = w->on_hand[sku][place], aside = w->quarantine[sku][place];
  const char *body = arena_printf(&w->mem, "{\"sku\":\"%s\",\"quantity\":%d,\"reason\":\"%s\"}", shelf[sku],
                                  n, damaged ? "damaged" : "short");
  w->on_hand[sku][place] -= n;
  if (damaged) w->quarantine[sku][place] += n;
  struct cmd *c = make(w, "pack.short", id_of(w, 'f', f->id), body, NULL);
  if (!c->job.err) execute(w, c);
  if (c->job.err) w->on_hand[sku][place] = had, w->quarantine[sku][place] = aside;
  say(w, "pack.short", id_of(w, 'f', f->id), body, c), look(w, c, "pack.short", false);
  cmd_free(c);
}

static void op_bench(struct world *w, uint64_t *r)
{
  const struct s_ful *f = some_ful(w, r);
  int what = pick(r, 12);
  if (!f) return;
  const char *id = id_of(w, 'f', f->id);
  if (what < 2) done(w, r, "wave.make", NULL, arena_printf(&w->mem, "{\"fulfilments\":[\"%s\"]}", id));
  else if (what == 2) done(w, r, "wave.make", NULL, "{\"warehouse\":\"HZ\",\"limit\":5}");
  else if (what == 3 && f->wave) done(w, r, "wave.end", id_of(w, 'v', f->wave), "{}");
  else if (what == 4 && f->wave)
    done(w, r, "wave.remove", id_of(w, 'v', f->wave), arena_printf(&w->mem, "{\"fulfilment\":\"%s\"}", id));
  else if (what == 5) done(w, r, "pack.reset", id, "{}");
  else if (what == 6) bench_short(w, r, f);
  else {
    for (int i = 0; i < w->now.units && !w->failed; i++) /* all of it, or until somebody is called away */
      if (w->now.unit[i].ful == f->id && w->now.unit[i].sku <= SKU_C && pick(r, 6))
        done(w, r, "pack.scan", id,
             arena_printf(&w->mem, "{\"sku\":\"%s\",\"quantity\":%d}", shelf[w->now.unit[i].sku],
                          (int)w->now.unit[i].n));
  }
}

static const struct {
  void (*run)(struct world *w, uint64_t *r);
  int weight;
} ops[] = {
  { op_new, 14 },    { op_truth, 16 },   { op_again, 8 },   { op_move, 14 },      { op_order, 5 },
  { op_group, 3 },   { op_resolve, 2 },  { op_claim, 12 },  { op_trace, 8 },      { op_void, 2 },
  { op_confirm, 3 }, { op_put_back, 3 }, { op_deliver, 8 }, { op_settle, 2 },     { op_effect, 2 },
  { op_crash, 2 },   { op_stock, 5 },    { op_count, 2 },   { op_dictionary, 4 }, { op_clock, 5 },
  { op_bench, 6 },
};

/* ---- histories ---------------------------------------------------------------------------------------------------------------------------------- */

struct op {
  int kind;
  uint64_t seed;
};

bool ship_shop_open(struct shop *s, const char *path)
{
  static const struct {
    const char *name, *body;
  } first[] = {
    { "warehouse.put", "{\"code\":\"HZ\",\"division\":\"330106\"}" },
    { "warehouse.put", "{\"code\":\"GZ\",\"division\":\"440106\"}" },
    { "warehouse.put", "{\"code\":\"FX\",\"kind\":\"factory\"}" },
    { "sku.put", "{\"code\":\"A\",\"weight_g\":400}" },
    { "sku.put", "{\"code\":\"B\"}" },
    { "sku.put", "{\"code\":\"C\"}" },
    { "sku.put",
      "{\"code\":\"KIT\",\"parts\":[{\"sku\":\"A\",\"quantity\":2},{\"sku\":\"B\",\"quantity\":1}]}" },
    { "sku.put", "{\"code\":\"MADE\",\"made\":true}" },
  };
  if (!shop_open(s, path, NULL)) return false;
  for (size_t i = 0; i < COUNT(first); i++) {
    struct cmd *c = shop_run(s, first[i].name, NULL, first[i].body);
    enum err e = c->job.err;
    if (e)
      fprintf(stderr, "%s: %s\n", first[i].body,
              c->problem.faults.n ? c->problem.faults.at[0].detail : code_of(c));
    cmd_free(c);
    if (e) return false;
  }
  return true;
}

/* Each history has a team of its own. */
static void world_init(struct world *w, struct shop *s, uint64_t seed, bool durable, int loud)
{
  memset(w, 0, sizeof *w);
  w->shop = s, w->durable = durable, w->say = loud;
  uint64_t r = seed;
  int how = pick(&r, 16);
  rules_default(&s->rules);
  s->rules.family = families, s->rules.families = COUNT(families);
  s->rules.pack_verify = how == 1 || how == 2;
  s->rules.reserve_placed = how == 3;
  if (how == 4 || how == 5) s->rules.split.parcel_weight_max = 1000;
  if (how == 6) s->rules.track = TRACK_NO;
  w->places = how % 3 ? 1 : 2;
  env_sim_init(&s->env, BEGUN, 1);
  if (loud)
    printf("# %s%s%s%s%d warehouses\n", s->rules.pack_verify ? "[pack] verify = yes, " : "",
           s->rules.reserve_placed ? "[stock] reserve = placed, " : "",
           s->rules.split.parcel_weight_max ? "[split] parcel_weight_max = 1 kg, " : "",
           how == 6 ? "[stock] track = no, " : "", w->places);
  if (!durable) must(tx_begin(s->db));
  world_see(w);
  for (int k = 1; k <= 3; k++)
    for (int p = 1; p <= w->places; p++) {
      int n = 1 + pick(&r, 5);
      w->on_hand[k][p] += n;
      done(w, NULL, "stock.adjust", NULL,
           arena_printf(&w->mem, "{\"sku\":\"%s\",\"warehouse\":\"%s\",\"delta\":%d,\"reason\":\"first\"}",
                        shelf[k], places[p], n));
    }
}

static void say_breach(void *arg, const char *text)
{
  if (strncmp(text, "the counter ", 12))
    differ(arg, "check: %s", text); /* they are written with the commit */
}

static void world_end(struct world *w)
{
  if (!w->failed)
    view_check(w->shop->db, &w->mem, &w->shop->rules.status, &w->shop->rules.merge, say_breach, w);
  if (!w->durable) tx_rollback(w->shop->db), db_ids_back(w->shop->db);
  arena_release(&w->mem);
}

static int weights(void)
{
  int n = 0;
  for (size_t i = 0; i < COUNT(ops); i++) n += ops[i].weight;
  return n;
}

static int some_kind(uint64_t *r)
{
  int at = pick(r, weights()), kind = 0;
  while (at >= ops[kind].weight) at -= ops[kind].weight, kind++;
  return kind;
}

/* The step that failed, or -1. */
static int history(struct shop *s, const struct op *op, int n, uint64_t seed, struct ship_run *run_as,
                   int loud, char why[1200], uint64_t *digest)
{
  static struct world w;
  int failed = -1;
  world_init(&w, s, seed, run_as->durable, loud);
  for (int i = 0; i < n && failed < 0; i++) {
    uint64_t r = op[i].seed;
    w.step = i;
    uint64_t before = w.counts[7];
    int kind = op[i].kind;
    for (int tries = 0; tries < 6 && !w.failed && w.counts[7] == before;
         tries++) { /* something that can be done */
      ops[kind].run(&w, &r);
      kind = some_kind(&r);
    }
    if (w.failed) failed = i;
    arena_reset(&w.mem);
  }
  if (digest) *digest = hash64(&w.now, sizeof w.now, 1);
  world_end(&w);
  if (w.failed && failed < 0) failed = n - 1;
  if (why) memcpy(why, w.why, sizeof w.why);
  for (size_t i = 0; i < COUNT(w.counts); i++) run_as->counts[i] += loud ? 0 : w.counts[i];
  return failed;
}

static void history_make(uint64_t seed, struct op *op, int n)
{
  for (int i = 0; i < n; i++) { op[i].kind = some_kind(&seed), op[i].seed = splitmix(&seed); }
}

/* Two complaints of one kind: but for the numbers. */
static bool same_kind(const char *x, const char *y)
{
  for (;; x++, y++) {
    while (*x >= '0' && *x <= '9') x++;
    while (*y >= '0' && *y <= '9') y++;
    if (*x != *y) return false;
    if (!*x) return true;
  }
}

/* Leaves out what is not needed to fail in the same way: halves, quarters, single steps. */
static int history_cut(struct shop *s, struct op *op, int n, uint64_t seed, const char *why,
                       const struct ship_run *as)
{
  static struct op less[M_STEPS_MAX];
  struct ship_run run_as = *as;
  char other[1200];
  bool again = true;
  while (again) {
    again = false;
    for (int part = n / 2 > 0 ? n / 2 : 1; part; part /= 2)
      for (int at = 0; at + part <= n;) {
        memcpy(less, op, sizeof *op * (size_t)at),
          memcpy(less + at, op + at + part, sizeof *op * (size_t)(n - at - part));
        int failed = history(s, less, n - part, seed, &run_as, false, other, NULL);
        if (failed < 0 || !same_kind(why, other)) at += part;
        else n = failed + 1, memcpy(op, less, sizeof *op * (size_t)n), again = true;
      }
  }
  return n;
}

bool ship_history(struct shop *s, uint64_t seed, struct ship_run *run_as)
{
  static struct op op[M_STEPS_MAX];
  static char why[1200];
  must(run_as->steps <= M_STEPS_MAX);
  history_make(seed, op, run_as->steps);
  int failed = history(s, op, run_as->steps, seed, run_as, run_as->verbose, why, NULL);
  if (failed < 0) return true;
  printf("seed %llu, step %d: %s\n", (unsigned long long)seed, failed, why);
  if (run_as->durable) return false;
  int n = history_cut(s, op, failed + 1, seed, why, run_as);
  printf("cut down to %d steps:\n", n);
  history(s, op, n, seed, run_as, run_as->verbose > 1 ? 2 : 1, why, NULL);
  printf("# %s\n", why);
  return false;
}

bool ship_history_same(struct shop *s, uint64_t seed, struct ship_run *run_as)
{
  static struct op op[M_STEPS_MAX];
  uint64_t once = 0, again = 0;
  history_make(seed, op, run_as->steps);
  int a = history(s, op, run_as->steps, seed, run_as, false, NULL, &once),
      b = history(s, op, run_as->steps, seed, run_as, false, NULL, &again);
  if (a == b && once == again) return true;
  printf("seed %llu: the same history twice went two ways\n", (unsigned long long)seed);
  return false;
}
