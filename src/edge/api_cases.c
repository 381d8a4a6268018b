/* api_cases.c: cases over HTTP, and their photos.
 *
 *   body ─► walked and written anew (pool) ─► DATA/photos/, durable ─► case.photo (writer) ─► answer */
#include "edge.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

/* ---- lists --------------------------------------------------------------------------------------------------------- */
static enum privacy typed_privacy(const struct read *rd)
{
  return call_full_view(rd->call) ? SHOW_FULL : SHOW_MASKED;
}

enum err cases_read(struct read *rd, struct db *db)
{
  struct case_filter f = { .state = read_query(rd, "state"),
                           .kind = read_query(rd, "kind"),
                           .step = read_query(rd, "step"),
                           .cursor = read_query(rd, "cursor") };
  int overdue;
  TRY(read_limit(rd, &f.limit));
  TRY(read_id(rd, "order", 'o', &f.order_id));
  TRY(read_flag(rd, "overdue", &overdue));
  f.overdue = overdue > 0;
  return view_cases(db, &rd->mem, &f, typed_privacy(rd), &rd->out, &rd->cursor, &rd->why);
}

enum err case_read(struct read *rd, struct db *db)
{
  int64_t id;
  if (!id_parse(rd->call->id, 'c', &id)) return ERR_NOT_FOUND;
  return view_case(db, &rd->mem, id, rd->call->who.roles & ROLES_CASES, typed_privacy(rd), &rd->out,
                   &rd->version);
}

/* ---- where photos lie ------------------------------------------------------------------------------------------------ */
#define DIGEST_TEXT (2 * PHOTO_DIGEST)

static const char *digest_text(struct arena *a, const unsigned char digest[PHOTO_DIGEST])
{
  struct buf hex = { 0 };
  hex_put(&hex, digest, PHOTO_DIGEST);
  const char *text = arena_strn(a, hex.data, hex.len);
  buf_release(&hex);
  return text;
}

char *photo_path(struct arena *a, const char *photos, const unsigned char digest[PHOTO_DIGEST])
{
  const char *hex = digest_text(a, digest);
  return arena_printf(a, "%s/%.2s/%s", photos, hex, hex + 2);
}

static const char *photos_dir(struct arena *a, const char *data)
{
  return arena_printf(a, "%s/photos", data);
}

void photos_check(struct db *db, const char *photos, void (*say)(void *arg, const char *text), void *arg)
{
  unsigned char digest[PHOTO_DIGEST] = { 0 }, is[SHA256_LEN];
  struct arena mem = { 0 };
  while (photo_next(db, digest)) {
    size_t n = 0;
    const char *bytes = file_read(&mem, photo_path(&mem, photos, digest), PHOTO_BYTES_MAX, &n);
    if (bytes) sha256(bytes, n, is);
    const char *fault = !bytes                               ? strerror(errno)
                        : memcmp(is, digest, sizeof is) != 0 ? "it is not what its name says"
                                                             : NULL;
    if (fault) say(arg, arena_printf(&mem, "the photo %s: %s", digest_text(&mem, digest), fault));
    arena_reset(&mem);
  }
  arena_release(&mem);
}

bool photo_digest_parse(const char *text, unsigned char digest[PHOTO_DIGEST])
{
  if (!text || strlen(text) != DIGEST_TEXT || strspn(text, "0123456789abcdef") != DIGEST_TEXT) return false;
  for (size_t i = 0; i < PHOTO_DIGEST; i++) {
    unsigned v = 0;
    for (int k = 0; k < 2; k++) {
      char c = text[2 * i + (size_t)k];
      v = v * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    digest[i] = (unsigned char)v;
  }
  return true;
}

/* ---- POST /v1/cases/{id}/photos ---------------------------------------------------------------------------------------- */
struct posted {
  uv_work_t work;
  struct call *k;
  struct cmd *c;
  struct photo photo;
  struct photo_row row;
  enum photo_fault fault;
  enum err err;
};

/* Written also when it is there already: its age is new, so that no sweep takes it before its case has it. */
static enum err photo_store(struct arena *a, const char *data, const struct photo_row *row,
                            const struct buf *bytes)
{
  char *path = photo_path(a, photos_dir(a, data), row->digest), *dir = arena_str(a, path);
  *strrchr(dir, '/') = 0;
  bool ok = dir_make(photos_dir(a, data), 0700) && dir_make(dir, 0700) &&
            file_write(path, bytes->data, bytes->len, 0600);
  if (ok) return ERR_OK;
  return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
}

static void posted_run(uv_work_t *w)
{
  struct posted *p = w->data;
  struct buf clean = { 0 };
  p->fault = photo_clean(&clean, p->k->r->body, p->k->r->body_n, &p->photo);
  if (!p->fault) {
    p->row = (struct photo_row){ .type = photo_type(p->photo.kind),
                                 .width = p->photo.width,
                                 .height = p->photo.height,
                                 .size = (int64_t)clean.len };
    sha256(clean.data, clean.len, p->row.digest);
    p->err = photo_store(&p->c->mem, p->k->api->data, &p->row, &clean);
    KILL_POINT("photo.stored");
  }
  buf_release(&clean);
}

static void posted_done(uv_work_t *w, int status)
{
  static const enum err errs[] = { ERR_OK, ERR_MEDIA, ERR_MEDIA, ERR_TOO_LARGE };
  static const char *const codes[] = { NULL, "photo_unknown", "photo_damaged", "photo_too_large" };
  struct posted *p = w->data;
  struct call *k = p->k;
  (void)status;
  k->api->photos--;
  if (!p->fault && !p->err) {
    p->c->args = &p->row;
    call_push(k, p->c, call_done);
    return;
  }
  struct api *api = k->api;
  if (p->fault) call_refuse(k, errs[p->fault], codes[p->fault], NULL, "%s.", p->photo.detail);
  else call_refuse(k, p->err, NULL, NULL, "The photo could not be stored.");
  api_cmd_free(api, p->c);
}

/* ---- is there room for it? Asked before anything is written; what counts is what the command finds ------------------ */
struct room {
  const char *code, *detail;
};

static enum err no_room(struct read *rd, enum err e, const char *code, const char *detail)
{
  struct room *m = rd->args;
  m->code = code, m->detail = detail;
  return e;
}

static enum err room_run(struct read *rd, struct db *db)
{
  const struct returns_rules *r = &rd->rules->rules.returns;
  struct aftercase k;
  int64_t id, here = 0, bytes = 0;
  if (!id_parse(rd->call->id, 'c', &id) || case_get(db, &rd->mem, id, &k))
    return no_room(rd, ERR_NOT_FOUND, "case_not_found", "There is no such case.");
  if (k.state != CASE_OPEN) return no_room(rd, ERR_CONFLICT, "case_closed", "The case is not open any more.");
  TRY(photo_sums(db, id, &here, &bytes));
  if (bytes > r->photos_mib << 20)
    return no_room(rd, ERR_DISK_FULL, "photo_quota", "All photos together have reached their limit.");
  return ERR_OK;
}

static void room_done(struct read *rd)
{
  struct call *k = rd->call;
  struct room *m = rd->args;
  struct cmd *c = rd->err ? NULL : call_cmd(k, CMD_CASE_PHOTO);
  if (rd->err) call_refuse(k, rd->err, m->code, NULL, "%s", m->detail ? m->detail : err_title(rd->err));
  read_free(rd);
  if (!c) {
    k->api->photos--;
    return;
  }
  struct posted *p = arena_new(&c->mem, struct posted);
  p->work.data = p, p->k = k, p->c = c;
  must(!uv_queue_work(k->api->loop, &p->work, posted_run, posted_done));
}

void case_photo_post(struct call *k)
{
  if (!k->r->body_n) {
    call_refuse(k, ERR_BAD_REQUEST, "photo_empty", NULL, "The body is the photo itself: JPEG, PNG or WebP.");
    return;
  }
  if (k->api->photos >= PHOTOS_AT_ONCE) {
    call_refuse(k, ERR_TOO_MANY, "too_many_photos_at_once", NULL,
                "Photos are being looked at already; try again.");
    return;
  }
  struct read *rd = read_new(k->api, k);
  rd->args = arena_new(&rd->mem, struct room);
  rd->run = room_run, rd->done = room_done;
  k->api->photos++;
  read_start_always(rd); /* as few as PHOTOS_AT_ONCE */
}

/* ---- GET /v1/cases/{id}/photos/{digest} ---------------------------------------------------------------------------------- */

/* A photo that may not be seen is one that is not there. */
enum err case_photo_read(struct read *rd, struct db *db)
{
  unsigned char digest[PHOTO_DIGEST];
  struct photo_row row;
  struct aftercase k;
  int64_t id;
  size_t n;
  const char *slash = strrchr(rd->call->r->path, '/');
  if (!(rd->call->who.roles & ROLES_CASES) || !id_parse(rd->call->id, 'c', &id) ||
      !photo_digest_parse(slash + 1, digest))
    return ERR_NOT_FOUND;
  TRY(case_get(db, &rd->mem, id, &k));
  TRY(photo_of_case(db, &rd->mem, id, digest, &row));
  char *bytes = file_read(&rd->mem, photo_path(&rd->mem, photos_dir(&rd->mem, rd->api->data), digest),
                          PHOTO_BYTES_MAX, &n);
  if (!bytes) {
    log_line(LOG_ERROR, "the photo %s of c_%lld cannot be read: %s", slash + 1, (long long)id,
             strerror(errno));
    return ERR_IO;
  }
  buf_put(&rd->out, bytes, n);
  rd->type = row.type;
  rd->headers = arena_printf(&rd->mem,
                             "Content-Disposition: attachment; filename=\"c_%lld-%.12s.%s\"\r\n"
                             "Content-Security-Policy: sandbox; default-src 'none'\r\n"
                             "Cross-Origin-Resource-Policy: same-origin\r\nCache-Control: no-store\r\n",
                             (long long)id, slash + 1, photo_extension(photo_kind_of(row.type)));
  rd->seen = arena_array(&rd->mem, int64_t, 1), rd->seen[0] = k.order_id, rd->seen_n = 1, rd->what = "photo";
  return ERR_OK;
}

/* ---- the sweep ------------------------------------------------------------------------------------------------------------ */

static bool left_over(const char *path, int64_t now_ms)
{
  struct stat st;
  return !lstat(path, &st) && S_ISREG(st.st_mode) && (int64_t)st.st_mtime * 1000 < now_ms - PHOTO_ORPHAN_MS;
}

/* Names that are not ours are rests of a write that was cut, or somebody's: only the first kind goes. */
static bool is_orphan(struct db *db, const char *head, const char *name)
{
  unsigned char digest[PHOTO_DIGEST];
  char text[DIGEST_TEXT + 1];
  size_t n = strlen(name);
  if (n > DIGEST_TEXT - 2 && !strcmp(name + n - 4, ".new")) return true;
  if (n != DIGEST_TEXT - 2 || snprintf(text, sizeof text, "%s%s", head, name) != DIGEST_TEXT) return false;
  return photo_digest_parse(text, digest) && !photo_known(db, digest);
}

static int64_t dir_sweep(struct db *db, struct arena *a, const char *dir, const char *head, int64_t now_ms)
{
  int64_t n = 0;
  DIR *d = opendir(dir);
  for (struct dirent *e; d && (e = readdir(d));) {
    const char *path = arena_printf(a, "%s/%s", dir, e->d_name);
    if (left_over(path, now_ms) && is_orphan(db, head, e->d_name)) n += unlink(path) == 0;
  }
  if (d) closedir(d);
  return n;
}

int64_t photos_sweep(struct db *db, struct arena *a, const char *data, int64_t now_ms)
{
  int64_t n = 0;
  for (int i = 0; i < 256; i++) {
    char head[3];
    snprintf(head, sizeof head, "%02x", i);
    n += dir_sweep(db, a, arena_printf(a, "%s/photos/%s", data, head), head, now_ms);
    arena_reset(a);
  }
  return n;
}
