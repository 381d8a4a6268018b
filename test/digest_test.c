/* Digests, base64 and sealing against published vectors. */
#include "plat.h"
#include "test.h"

static struct buf unhexed(const char *hex)
{
  struct buf b = { 0 };
  buf_reserve(&b, 1);
  for (; *hex; hex += 2) {
    int v[2];
    for (int i = 0; i < 2; i++) v[i] = hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10;
    buf_char(&b, (char)(v[0] << 4 | v[1]));
  }
  return b;
}

static void check_hex(const void *p, size_t n, const char *want)
{
  struct buf b = { 0 };
  hex_put(&b, p, n);
  CHECK_STR(b.data, want);
  buf_release(&b);
}

TEST(digest_of_nothing_and_abc)
{
  static const struct {
    enum digest d;
    const char *text, *want;
  } t[] = {
    { DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e" },
    { DIGEST_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
    { DIGEST_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
    { DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    unsigned char out[DIGEST_MAX];
    check_hex(out, digest_bytes(t[i].d, t[i].text, strlen(t[i].text), out), t[i].want);
  }
}

/* RFC 2202 (MD5, SHA-1) and RFC 4231 (SHA-256); long keys are those of one more than a block. */
TEST(digest_mac_rfc)
{
  static const char k80[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  static const char k131[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                             "aaaaaaaaaaaaaaaaaaaaaa";
  static const char long_key[] = "Test Using Larger Than Block-Size Key - Hash Key First";
  static const struct {
    enum digest d;
    const char *key, *text, *want;
  } t[] = {
    { DIGEST_MD5, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", "9294727a3638bb1c13f48ef8158bfc9d" },
    { DIGEST_MD5, "4a656665", "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738" },
    { DIGEST_MD5, k80, long_key, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd" },
    { DIGEST_SHA1, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00" },
    { DIGEST_SHA1, "4a656665", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
    { DIGEST_SHA1, k80, long_key, "aa4ae5e15272d00e95705637ce8a3b55ed402112" },
    { DIGEST_SHA256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { DIGEST_SHA256, "4a656665", "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { DIGEST_SHA256, k131, long_key, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
  };
  for (size_t i = 0; i < COUNT(t); i++) {
    unsigned char out[DIGEST_MAX];
    struct buf key = unhexed(t[i].key);
    test_note("row %zu", i);
    check_hex(out, digest_mac(t[i].d, key.data, key.len, t[i].text, strlen(t[i].text), out), t[i].want);
    buf_release(&key);
  }
}

TEST(base64_rfc_4648)
{
  static const char *const t[][2] = { { "", "" },         { "f", "Zg==" },     { "fo", "Zm8=" },        { "foo", "Zm9v" },
                                      { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct buf b = { 0 }, back = { 0 };
    buf_str(&b, "="), buf_str(&back, "=");
    base64_put(&b, t[i][0], strlen(t[i][0]));
    CHECK_STR(b.data + 1, t[i][1]);
    CHECK(base64_get(&back, t[i][1], strlen(t[i][1])));
    CHECK_STR(back.data + 1, t[i][0]);
    back.len = 1;
    CHECK(base64_get(&back, t[i][1], strcspn(t[i][1], "=")));
    CHECK_STR(back.data + 1, t[i][0]);
    buf_release(&b), buf_release(&back);
  }
}

TEST(base64_refuses)
{
  static const char *const t[] = { "A", "A===", "Zg=", "Zm9v=", "====", "=", "Zm 9v", "Zm9v\n", "Zm9v!", "Z=g=", "\xff\xff\xff\xff" };
  for (size_t i = 0; i < COUNT(t); i++) {
    struct buf b = { 0 };
    buf_str(&b, "before");
    test_note("%s", t[i]);
    CHECK(!base64_get(&b, t[i], strlen(t[i])));
    CHECK_STR(b.data, "before");
    buf_release(&b);
  }
}

TEST(base64_any_bytes)
{
  uint64_t seed = 7;
  for (size_t n = 0; n < 200; n++) {
    unsigned char bytes[200];
    for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)test_random(&seed);
    struct buf b = { 0 }, back = { 0 };
    base64_put(&b, bytes, n);
    for (size_t i = 0; n % 2 && i < b.len; i++) /* the other alphabet */
      if (b.data[i] == '+' || b.data[i] == '/') b.data[i] = b.data[i] == '+' ? '-' : '_';
    CHECK(base64_get(&back, b.data, b.len));
    CHECK_MEM(back.data, back.len, bytes, n);
    buf_release(&b), buf_release(&back);
  }
}

TEST(seal_opens_only_as_it_was_sealed)
{
  static const char text[] = "a refresh token of 1.2 KB, or so";
  struct env_sim sim;
  env_sim_init(&sim, 0, 11);
  unsigned char key[SEAL_KEY] = { 1, 2, 3 };
  struct buf sealed = { 0 }, open = { 0 };
  seal(&sealed, &sim.env, key, "channel 5 app_secret", text, sizeof text);
  CHECK_INT(sealed.len, 12 + sizeof text + 16);
  CHECK(!memmem(sealed.data, sealed.len, "refresh", 7));
  buf_str(&open, "before ");
  REQUIRE(unseal(&open, key, "channel 5 app_secret", sealed.data, sealed.len));
  CHECK_STR(open.data, "before a refresh token of 1.2 KB, or so");
  CHECK_INT(open.len, 7 + sizeof text);
  open.len = 0;
  for (size_t i = 0; i < sealed.len; i++)
    for (int bit = 0; bit < 8; bit++) {
      sealed.data[i] ^= (char)(1 << bit);
      CHECK(!unseal(&open, key, "channel 5 app_secret", sealed.data, sealed.len));
      sealed.data[i] ^= (char)(1 << bit);
    }
  for (size_t n = 0; n < sealed.len; n++) CHECK(!unseal(&open, key, "channel 5 app_secret", sealed.data, n));
  CHECK(!unseal(&open, key, "channel 6 app_secret", sealed.data, sealed.len));
  CHECK(!unseal(&open, key, "", sealed.data, sealed.len));
  key[31] ^= 1;
  CHECK(!unseal(&open, key, "channel 5 app_secret", sealed.data, sealed.len));
  CHECK_INT(open.len, 0);
  buf_release(&sealed), buf_release(&open);
}

TEST(seal_nothing_and_twice)
{
  struct env_sim sim;
  env_sim_init(&sim, 0, 11);
  unsigned char key[SEAL_KEY] = { 0 };
  struct buf one = { 0 }, two = { 0 }, open = { 0 };
  seal(&one, &sim.env, key, "x", "", 0);
  seal(&two, &sim.env, key, "x", "", 0);
  CHECK(one.len == two.len && memcmp(one.data, two.data, one.len) != 0);
  CHECK(unseal(&open, key, "x", one.data, one.len) && open.len == 0);
  CHECK(unseal(&open, key, "x", two.data, two.len) && open.len == 0);
  /* Test case 13 of the GCM specification: no key, no nonce, no text. */
  static const unsigned char known[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9,
                                         0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b };
  CHECK(unseal(&open, key, "", known, sizeof known));
  buf_release(&one), buf_release(&two), buf_release(&open);
}
