/* Names by the first letters of their readings. */
#include "base.h"
#include "test.h"
#include <string.h>

TEST(initials_of_names)
{
  static const struct {
    const char *name, *want; /* NULL: none */
  } cases[] = {
    { "张三", "zs" },       { "李小龙", "lxl" },  { "欧阳娜娜", "oynn" }, { "单雄信", "sxx" }, { "曾志伟", "zzw" },
    { "尉迟恭", "ycg" },    { "尉文", "ww" },     { "解晓东", "xxd" },    { "區瑞強", "orq" }, { "陳大文", "cdw" },
    { "张", NULL },         { "张*", NULL },      { "Anna", NULL },       { "", NULL },        { "张 三", NULL },
    { "张三abc", NULL },    { "张三李四王五", "zslsww" }, { "张三李四王五赵", NULL }, { "田中さくら", NULL },
    { "任我行", "rwx" },    { "查理", "zl" },     { "朴树", "ps" },
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char out[INITIALS_MAX + 1];
    bool any = initials_of(cases[i].name, out);
    test_note("%s", cases[i].name);
    CHECK_INT(any, cases[i].want != NULL);
    if (any && cases[i].want) CHECK_STR(out, cases[i].want);
  }
}

TEST(initials_stay_inside_the_table)
{
  static const char *const edges[] = { "\xe4\xb8\x80\xe4\xb8\x80", "\xe9\xbf\xbf\xe9\xbf\xbf", "\xea\x80\x80\xea\x80\x80", "\xe4\xb7\xbf\xe4\xb7\xbf" };
  for (size_t i = 0; i < COUNT(edges); i++) {
    char out[INITIALS_MAX + 1];
    bool any = initials_of(edges[i], out);
    CHECK(!any || strspn(out, "abcdefghijklmnopqrstuvwxyz") == 2);
    if (i >= 2) CHECK(!any);
  }
}
