/* base/photo.h: part of layer 1. Photos as strangers send them (domain 8.2): what they are is told by their content, and
 * what is kept of them is what makes the picture. The container is walked and written anew; no picture is decoded. */
#ifndef ORDERD_BASE_PHOTO_H
#define ORDERD_BASE_PHOTO_H
#include <stddef.h>

struct buf;

#define PHOTO_BYTES_MAX (8u << 20)
#define PHOTO_SIDE_MAX 16384
#define PHOTO_PIXELS_MAX 100000000ll
#define PHOTO_SCANS_MAX 100 /* of a progressive JPEG: each is decoded over the whole picture */
enum photo_kind { PHOTO_NONE, PHOTO_JPEG, PHOTO_PNG, PHOTO_WEBP };
enum photo_fault {
  PHOTO_OK,
  PHOTO_UNKNOWN, /* none of the three, or of a form that no camera makes (animated, arithmetic coding, lossless JPEG) */
  PHOTO_DAMAGED, /* the container does not hold together, or ends too early */
  PHOTO_TOO_LARGE /* sides, pixels, scans or bytes */
};
struct photo {
  enum photo_kind kind;
  int width, height;  /* as stored: an orientation that is kept may turn them */
  const char *detail; /* of a fault, for people; static */
};
/* Appends the photo without metadata (EXIF, GPS, XMP, IPTC, comments, colour profiles, thumbnails) and without anything
 * behind its end. A JPEG's orientation is kept, in an EXIF block of our own that says nothing else. What was cleaned once
 * is the same when it is cleaned again. On a fault nothing is appended. */
enum photo_fault photo_clean(struct buf *out, const void *p, size_t n, struct photo *info);
const char *photo_type(enum photo_kind k);      /* "image/jpeg" */
const char *photo_extension(enum photo_kind k); /* "jpg" */
enum photo_kind photo_kind_of(const char *type);

#endif
