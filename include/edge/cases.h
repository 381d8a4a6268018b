/* edge/cases.h: part of layer 6. Cases over HTTP, and where their photos lie: DATA/photos/ab/cdef…, by the SHA-256 of what
 * is kept of them. A photo is on the disk before its case says that it has it; what no case has is swept. */
#ifndef ORDERD_EDGE_CASES_H
#define ORDERD_EDGE_CASES_H
#include "flow.h"

struct api;
struct call;
struct read;

#define PHOTO_ORPHAN_MS (3600ll * 1000) /* what a case does not have after this is left over */
#define PHOTOS_AT_ONCE 8                /* being walked and written, or waiting for it */
char *photo_path(struct arena *a, const char *photos, const unsigned char digest[PHOTO_DIGEST]); /* photos: their directory */
/* Is each photo there, and what its name says? */
void photos_check(struct db *db, const char *photos, void (*say)(void *arg, const char *text), void *arg);
bool photo_digest_parse(const char *text, unsigned char digest[PHOTO_DIGEST]); /* 64 digits, lower case */
enum err cases_read(struct read *rd, struct db *db);
enum err case_read(struct read *rd, struct db *db);
void case_photo_post(struct call *k);
enum err case_photo_read(struct read *rd, struct db *db);
/* Takes photos away that no case has; how many. On a pool thread. */
int64_t photos_sweep(struct db *db, struct arena *a, const char *data, int64_t now_ms);

#endif
