/* initials.c: 张三丰 is found by "zsf". One reading per ideograph, but those that a surname has of its own. */
#include "base.h"
#include "initials.h"

static const struct {
  const char *name;
  char letter;
} surnames[] = {
  { "单", 's' },   { "單", 's' },   { "仇", 'q' },   { "解", 'x' }, { "曾", 'z' },   { "查", 'z' },
  { "区", 'o' },   { "區", 'o' },   { "盖", 'g' },   { "蓋", 'g' }, { "朴", 'p' },   { "翟", 'z' },
  { "覃", 'q' },   { "员", 'y' },   { "乐", 'y' },   { "樂", 'y' }, { "缪", 'm' },   { "繆", 'm' },
  { "冼", 'x' },   { "折", 's' },   { "秘", 'b' },   { "祭", 'z' }, { "尉", 'w' },   { "令狐", 'l' },
  { "尉迟", 'y' }, { "尉遲", 'y' }, { "万俟", 'm' }, { "長", 'z' }, { "长孙", 'z' }, { "沈", 's' },
  { "葛", 'g' },   { "隗", 'k' },   { "谌", 'c' },   { "洗", 'x' }, { "么", 'y' },
};

static char initial_of(uint32_t cp)
{
  if (cp < INITIALS_LOW || cp >= INITIALS_HIGH) return 0;
  size_t at = (size_t)(cp - INITIALS_LOW) * 5;
  unsigned two = initials_bits[at >> 3] | (unsigned)initials_bits[(at >> 3) + 1] << 8,
           v = two >> (at & 7) & 31;
  return v ? (char)('a' + v - 1) : 0;
}

static char surname_initial(const char *name)
{
  size_t longest = 0;
  char letter = 0;
  for (size_t i = 0; i < COUNT(surnames); i++) {
    size_t n = strlen(surnames[i].name);
    if (n > longest && !strncmp(name, surnames[i].name, n)) longest = n, letter = surnames[i].letter;
  }
  return letter;
}

bool initials_of(const char *name, char out[INITIALS_MAX + 1])
{
  size_t n = 0;
  char first = surname_initial(name);
  for (const char *p = name; *p;) {
    char letter = initial_of(utf8_next(&p));
    if (!letter || n == INITIALS_MAX) return false;
    out[n++] = letter;
  }
  if (first && n) out[0] = first;
  out[n] = 0;
  return n >= 2;
}
