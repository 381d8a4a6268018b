#include "base.h"
#include "test.h"
#include <stdio.h>

TEST(phone_forms)
{
  static const struct {
    const char *text, *country; /* NULL: home, which is CN */
    enum phone_kind kind;
    const char *digits, *extension;
  } cases[] = {
    /* one mobile number */
    { "13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "138 0013 8000", NULL, PHONE_FULL, "13800138000", "" },
    { "138-0013-8000", NULL, PHONE_FULL, "13800138000", "" },
    { "138.0013.8000", NULL, PHONE_FULL, "13800138000", "" },
    { "+8613800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "+86-13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "+86 138 0013 8000", "CN", PHONE_FULL, "13800138000", "" },
    { "8613800138000", "", PHONE_FULL, "13800138000", "" },
    { "86-138-0013-8000", "cn", PHONE_FULL, "13800138000", "" },
    { "008613800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "(+86)13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "（0086）13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "１３８００１３８０００", NULL, PHONE_FULL, "13800138000", "" },
    { "138\u200b0013\u00a08000", NULL, PHONE_FULL, "13800138000", "" },
    { "138‑0013—8000", NULL, PHONE_FULL, "13800138000", "" },
    { "'13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "`13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "\t13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "=\"13800138000\"", NULL, PHONE_FULL, "13800138000", "" },
    { " 13800138000 ", NULL, PHONE_FULL, "13800138000", "" },
    { "手机:13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "联系电话：138 0013 8000", NULL, PHONE_FULL, "13800138000", "" },
    { "Tel. 13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "013800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "13800138000(张三)", NULL, PHONE_FULL, "13800138000", "" },
    { "（白天打）13800138000", NULL, PHONE_FULL, "13800138000", "" },
    { "13800138000/13900139000", NULL, PHONE_FULL, "13800138000", "" },
    { "13800138000 13900139000", NULL, PHONE_FULL, "13800138000", "" },
    { "13800138000，139 0013 9000", NULL, PHONE_FULL, "13800138000", "" },
    { "手机13800138000 电话0571-88881234", NULL, PHONE_FULL, "13800138000", "" },
    /* numbers that are lent */
    { "18400913965-7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965 - 7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965转7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965,7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965x7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965#7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965 ext. 7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965(7576)", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965 7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "+86 184 0091 3965-7576", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965[7576]", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "【7576】18400913965", NULL, PHONE_VIRTUAL, "18400913965", "7576" },
    { "18400913965（有效期至2026-12-01）", NULL, PHONE_VIRTUAL, "18400913965", "" },
    { "18400913965(虚拟号)", NULL, PHONE_VIRTUAL, "18400913965", "" },
    { "18400913965(平台虚拟号)", NULL, PHONE_VIRTUAL, "18400913965", "" },
    { "隐私号18400913965", NULL, PHONE_VIRTUAL, "18400913965", "" },
    { "18400913965-7576 [2026-12-01失效]", NULL, PHONE_VIRTUAL, "18400913965", NULL },
    /* masked numbers */
    { "138****1234", NULL, PHONE_MASKED, "138****1234", "" },
    { "+86-138****1234", NULL, PHONE_MASKED, "138****1234", "" },
    { "86138****1234", NULL, PHONE_MASKED, "138****1234", "" },
    { "138＊＊＊＊1234", NULL, PHONE_MASKED, "138****1234", "" },
    { "138••••1234", NULL, PHONE_MASKED, "138****1234", "" },
    { "138xxxx1234", NULL, PHONE_MASKED, "138****1234", "" },
    { "138 XXXX 1234", NULL, PHONE_MASKED, "138****1234", "" },
    { "138####1234", NULL, PHONE_MASKED, "138****1234", "" },
    { "1380013800x", NULL, PHONE_MASKED, "1380013800*", "" },
    { "1380013x000", NULL, PHONE_MASKED, "1380013*000", "" },
    { "*******1234", NULL, PHONE_MASKED, "*******1234", "" },
    { "***", NULL, PHONE_MASKED, "***", "" },
    { "184****3965-7576", NULL, PHONE_MASKED, "184****3965", "7576" },
    /* landlines */
    { "0571-8888 1234", NULL, PHONE_FULL, "057188881234", "" },
    { "0571 8888 1234", NULL, PHONE_FULL, "057188881234", "" },
    { "(0571)88881234", NULL, PHONE_FULL, "057188881234", "" },
    { "0571/88881234", NULL, PHONE_FULL, "057188881234", "" },
    { "+86 571 8888 1234", NULL, PHONE_FULL, "057188881234", "" },
    { "+86-0571-88881234", NULL, PHONE_FULL, "057188881234", "" },
    { "010-88881234", NULL, PHONE_FULL, "01088881234", "" },
    { "+86 10 8888 1234", NULL, PHONE_FULL, "01088881234", "" },
    { "0571-88881234-801", NULL, PHONE_FULL, "057188881234", "801" },
    { "0571-88881234转801", NULL, PHONE_FULL, "057188881234", "801" },
    { "021-68881234-5", NULL, PHONE_FULL, "02168881234", "5" },
    { "88881234", NULL, PHONE_FULL, "88881234", "" },
    { "400-820-8820", NULL, PHONE_FULL, "4008208820", "" },
    { "400-820-8820-12", NULL, PHONE_FULL, "4008208820", "12" },
    { "+86 400 820 8820", NULL, PHONE_FULL, "4008208820", "" },
    /* elsewhere */
    { "+44 20 7946 0000", "GB", PHONE_FULL, "2079460000", "" },
    { "+44 (0)20 7946 0000", "GB", PHONE_FULL, "2079460000", "" },
    { "020 7946 0000", "GB", PHONE_FULL, "2079460000", "" },
    { "0044 20 7946 0000", "GB", PHONE_FULL, "2079460000", "" },
    { "442079460000", "GB", PHONE_FULL, "2079460000", "" },
    { "020 7946 0000 x12", "GB", PHONE_FULL, "2079460000", "12" },
    { "020 7946 0000 ext 12", "GB", PHONE_FULL, "2079460000", "12" },
    { "(212) 555-0123", "US", PHONE_FULL, "2125550123", "" },
    { "1-212-555-0123", "US", PHONE_FULL, "2125550123", "" },
    { "+1 212 555 0123", "US", PHONE_FULL, "2125550123", "" },
    { "011 44 20 7946 0000", "US", PHONE_FULL, "442079460000", "" },
    { "+44 020 7946 0000", "US", PHONE_FULL, "442079460000", "" },
    { "8 916 123-45-67", "RU", PHONE_FULL, "9161234567", "" },
    { "+7 916 123-45-67", "RU", PHONE_FULL, "9161234567", "" },
    { "7 916 123 45 67", "RU", PHONE_FULL, "9161234567", "" },
    { "06 1 234 5678", "HU", PHONE_FULL, "12345678", "" },
    { "06 30 123 4567", "HU", PHONE_FULL, "301234567", "" },
    { "+36 30 123 4567", "HU", PHONE_FULL, "301234567", "" },
    { "+39 06 1234 5678", "IT", PHONE_FULL, "0612345678", "" },
    { "06 1234 5678", "IT", PHONE_FULL, "0612345678", "" },
    { "9123 4567", "SG", PHONE_FULL, "91234567", "" },
    { "6591234567", "SG", PHONE_FULL, "91234567", "" },
    { "+65 9123 4567", "SG", PHONE_FULL, "91234567", "" },
    { "0912 345 678", "TW", PHONE_FULL, "912345678", "" },
    { "+886-912-345-678", "TW", PHONE_FULL, "912345678", "" },
    { "60123456789", "MY", PHONE_FULL, "123456789", "" },
    { "012-345 6789", "MY", PHONE_FULL, "123456789", "" },
    { "+852 9123 4567", NULL, PHONE_FULL, "85291234567", "" },
    { "00852 9123 4567", NULL, PHONE_FULL, "85291234567", "" },
    { "+8613800138000", "SG", PHONE_FULL, "8613800138000", "" },
    { "12 3456 7890", "ZZ", PHONE_FULL, "1234567890", "" },
    { "+86 138 0013 8000", "ZZ", PHONE_FULL, "8613800138000", "" },
    /* no number, or none to rely on */
    { "", NULL, PHONE_NONE, "", "" },
    { " - ", NULL, PHONE_NONE, "", "" },
    { "无", NULL, PHONE_NONE, "", "" },
    { "13800138000张三", NULL, PHONE_NONE, "", "" },
    { "张三13800138000", NULL, PHONE_NONE, "", "" },
    { "Max 13800138000", NULL, PHONE_NONE, "", "" },
    { "13800138000 max", NULL, PHONE_NONE, "", "" },
    { "13800138000(备用13900139000)", NULL, PHONE_NONE, "", "" },
    { "1.38E+10", NULL, PHONE_NONE, "", "" },
    { "2876543219876543219", NULL, PHONE_NONE, "", "" },
    { "1234567890123456789012345678", NULL, PHONE_NONE, "", "" },
    { "88881234#", NULL, PHONE_NONE, "", "" },
    { "13800+138000", NULL, PHONE_NONE, "", "" },
    { "123", NULL, PHONE_SHORT, "123", "" },
    { "888812", NULL, PHONE_SHORT, "888812", "" },
    { "00000000000", NULL, PHONE_SHORT, NULL, "" },
    { "11111111111", NULL, PHONE_SHORT, "11111111111", "" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct phone p;
    phone_parse(cases[i].text, cases[i].country, &p);
    test_note("\"%s\" %s: kind %d digits %s ext %s", cases[i].text, cases[i].country ? cases[i].country : "", p.kind,
              p.digits, p.extension);
    CHECK_INT(p.kind, cases[i].kind);
    if (cases[i].digits) CHECK_STR(p.digits, cases[i].digits);
    if (cases[i].extension) CHECK_STR(p.extension, cases[i].extension);
    CHECK_INT(p.key != 0, p.kind == PHONE_FULL);
    if (p.kind == PHONE_FULL) {
      CHECK_INT(p.key >> 63, 0);
      CHECK((uint32_t)p.key != 0);
      CHECK_INT(p.key >> 32, p.shown);
    }
  }
  struct phone p;
  phone_parse(NULL, NULL, &p);
  CHECK_INT(p.kind, PHONE_NONE);
}

/* Keys are on disk. */
TEST(phone_key_vectors)
{
  struct phone p;
  phone_parse("13800138000", "CN", &p);
  CHECK_INT(p.key, 0x49d1bf4dd10b0a82);
  phone_parse("020 7946 0000", "GB", &p);
  CHECK_INT(p.key, 0x700da198e6257991);
}

/* However it is typed, one number has one key; masked, it has the upper half of it. */
TEST(phone_forms_share_a_key)
{
  static const char *const form[] = {
    "%.3s%.4s%s", "+86%.3s%.4s%s", "+86-%.3s%.4s%s", "+86 %.3s %.4s %s", "86%.3s%.4s%s", "0086 %.3s-%.4s-%s", "'%.3s%.4s%s",
  };
  uint64_t seed = 6;
  for (int i = 0; i < 2000; i++) {
    char number[12], text[64], masked[16];
    snprintf(number, sizeof number, "1%d%09d", 3 + (int)(test_random(&seed) % 7), (int)(test_random(&seed) % 1000000000));
    struct phone plain, p;
    phone_parse(number, "CN", &plain);
    CHECK_INT(plain.kind, PHONE_FULL);
    for (size_t k = 0; k < COUNT(form); k++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      snprintf(text, sizeof text, form[k], number, number + 3, number + 7);
#pragma GCC diagnostic pop
      test_note("%s", text);
      phone_parse(text, k % 2 ? "CN" : NULL, &p);
      CHECK_INT(p.key, plain.key);
      CHECK_STR(p.digits, number);
    }
    snprintf(masked, sizeof masked, "%.3s****%s", number, number + 7);
    phone_parse(masked, "CN", &p);
    CHECK(p.kind == PHONE_MASKED && !p.key && p.shown == plain.shown);
    number[5] = number[5] == '9' ? '0' : '9'; /* hidden in the masked form */
    struct phone other;
    phone_parse(number, "CN", &other);
    CHECK(other.key != plain.key && other.shown == plain.shown);
  }
}

TEST(phone_shown_needs_enough)
{
  static const char *const hidden[] = { "13*****1234", "138*****234", "1380013****", "138****", "*1234", "138****1234张三" };
  for (size_t i = 0; i < COUNT(hidden); i++) {
    struct phone p;
    phone_parse(hidden[i], NULL, &p);
    test_note("%s", hidden[i]);
    CHECK_INT(p.kind, PHONE_MASKED);
    CHECK_INT(p.shown, 0);
  }
}

TEST(phone_and_name_masks)
{
  static const struct {
    const char *phone, *masked;
  } phones[] = {
    { "13800130000", "138****0000" }, { "+86 138 0013 0000", "138****0000" }, { "138****0000", "138****0000" },
    { "1380013000x", "138****000*" }, { "18400913965-7576", "184****3965" },  { "88881234", "****34" },
    { "8888123", "****23" },          { "123456", "****" },                   { "13800138000张三", "****" },
    { "", "" },
  };
  static const struct {
    const char *name, *masked;
  } names[] = {
    { "张三", "张**" }, { "欧阳小明", "欧**" }, { "张", "张**" }, { "John Smith", "J***" }, { "É", "É***" },
    { " 张三", "张**" }, { "", "" },           { "김철수", "김**" },
  };
  struct arena a = { 0 };
  for (size_t i = 0; i < COUNT(phones); i++) {
    test_note("%s", phones[i].phone);
    CHECK_STR(phone_mask(&a, phones[i].phone), phones[i].masked);
  }
  for (size_t i = 0; i < COUNT(names); i++)
    CHECK_STR(name_mask(&a, names[i].name), names[i].masked);
  CHECK(!phone_mask(&a, NULL) && !name_mask(&a, NULL));
  arena_release(&a);
}

/* Anything may stand in the cell. */
TEST(phone_takes_any_text)
{
  static const char *const piece[] = { "1", "38", "0", "86", "+", "-", " ", "*", "x", "#", "(", ")", "[", "]", "【", "转",
                                       "ext", "有效", "张", ",", "/", ":", "手机", "\xff", "13800138000", "７", "'" };
  uint64_t seed = 13;
  struct buf b = { 0 };
  for (int i = 0; i < 50000; i++) {
    b.len = 0, buf_reserve(&b, 0), b.data[0] = 0;
    for (size_t n = test_random(&seed) % 16; n > 0; n--)
      buf_str(&b, piece[test_random(&seed) % COUNT(piece)]);
    struct phone p, again;
    phone_parse(b.data, i % 3 ? "CN" : i % 2 ? "GB" : "US", &p);
    test_note("%s", b.data);
    CHECK(strspn(p.digits, "0123456789*") == strlen(p.digits));
    CHECK(strspn(p.extension, "0123456789") == strlen(p.extension));
    CHECK((p.key != 0) == (p.kind == PHONE_FULL));
    if (p.kind != PHONE_FULL || i % 3 == 0) continue;
    CHECK(strlen(p.digits) >= 7 && strlen(p.digits) <= 15);
    phone_parse(p.digits, "CN", &again); /* what came out reads as itself, unless it starts like a prefix */
    if (strncmp(p.digits, "00", 2) && strncmp(p.digits, "86", 2) && strncmp(p.digits, "01", 2))
      CHECK(!strchr(p.digits, '*') && again.key == p.key);
  }
  buf_release(&b);
}
