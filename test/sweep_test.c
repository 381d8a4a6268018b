/* Photos that no case has are swept, once they are old; all others stay. */
#include "edge.h"
#include "rows.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static const char *photo_put(const char *data, unsigned char first, bool old)
{
  unsigned char digest[PHOTO_DIGEST] = { first, 7 };
  char *path = photo_path(&rows_mem, arena_printf(&rows_mem, "%s/photos", data), digest),
       *dir = arena_str(&rows_mem, path);
  *strrchr(dir, '/') = 0;
  CHECK(dir_make(arena_printf(&rows_mem, "%s/photos", data), 0700) && dir_make(dir, 0700));
  CHECK(file_write(path, "x", 1, 0600));
  struct timeval then[2] = { { T0 / 1000 - 7200, 0 }, { T0 / 1000 - 7200, 0 } },
                 now[2] = { { T0 / 1000, 0 }, { T0 / 1000, 0 } };
  CHECK_INT(utimes(path, old ? then : now), 0);
  return path;
}

TEST(photos_that_no_case_has_are_swept)
{
  struct db *db = rows_open();
  struct arena mem = { 0 };
  REQUIRE(db);
  const char *data = arena_str(&rows_mem, test_dir());
  const char *kept = photo_put(data, 0x00, true), *orphan = photo_put(data, 0x01, true),
             *fresh = photo_put(data, 0xff, false);
  const char *rest = arena_printf(&rows_mem, "%s.77-1.new", photo_put(data, 0x02, true));
  CHECK_INT(rename(photo_put(data, 0x02, true), rest), 0);
  const char *strange = arena_printf(&rows_mem, "%s/photos/00/readme.txt", data);
  CHECK(file_write(strange, "x", 1, 0600));
  struct timeval then[2] = { { 1, 0 }, { 1, 0 } };
  CHECK_INT(utimes(strange, then), 0);
  CHECK_INT(symlink(kept, arena_printf(&rows_mem, "%s/photos/01/link", data)), 0);
  CHECK_INT(
    db_exec(
      db,
      "INSERT INTO photos (digest, type, width, height, size, created_at) VALUES (x'0007000000000000000000000000000000000000000000000000000000000000', 'image/png', 1, 1, 1, 1)"),
    ERR_OK);
  CHECK_INT(photos_sweep(db, &mem, data, T0), 2);
  CHECK(!access(kept, F_OK)), CHECK(access(orphan, F_OK) != 0), CHECK(!access(fresh, F_OK));
  CHECK(access(rest, F_OK) != 0), CHECK(!access(strange, F_OK));
  CHECK_INT(photos_sweep(db, &mem, data, T0), 0);
  CHECK_INT(photos_sweep(db, &mem, data, T0 + 2 * PHOTO_ORPHAN_MS),
            1); /* by then nobody has claimed the fresh one */
  CHECK(access(fresh, F_OK) != 0);
  arena_release(&mem);
  rows_close(db);
}

TEST(photo_names_are_read_strictly)
{
  unsigned char digest[PHOTO_DIGEST];
  static const char *const bad[] = { NULL,
                                     "",
                                     "..",
                                     "0011",
                                     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeefg",
                                     "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
                                     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0" };
  for (size_t i = 0; i < COUNT(bad); i++) CHECK(!photo_digest_parse(bad[i], digest));
  CHECK(photo_digest_parse("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", digest));
  CHECK_INT(digest[1], 0x11), CHECK_INT(digest[31], 0xff);
}
