/* barcode.c: Code 128 (ISO/IEC 15417) as code words, as widths of bars and spaces, and as SVG. */
#include "base.h"
#include <limits.h>

enum { SET_A, SET_B, SET_C, SETS };
#define SHIFT 98
#define START_A 103
#define STOP 106
#define QUIET 10 /* modules of white before and behind, at least */
static const unsigned char to_set[SETS] = { 101, 100, 99 };

/* Widths of bar, space, bar, space, bar, space in modules; the stop has one bar more. */
static const char *const widths[STOP + 1] = {
  "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213",
  "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132",
  "221231", "213212", "223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211",
  "212123", "212321", "232121", "111323", "131123", "131321", "112313", "132113", "132311", "211313",
  "231113", "231311", "112133", "112331", "132131", "113123", "113321", "133121", "313121", "211331",
  "231131", "213113", "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111",
  "314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221", "112214",
  "112412", "122114", "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111",
  "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
  "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311", "113141",
  "114131", "311141", "411131", "211412", "211214", "211232", "2331112"
};

/* ---- the shortest way through the sets ---------------------------------------------------------------------------- */

struct way {
  int cost;             /* code words for the rest of the text */
  unsigned char code;   /* the next one */
  unsigned char second; /* behind a shift */
  signed char set;      /* where it leads */
  unsigned char used;   /* characters */
};

static bool in_set(int set, unsigned char ch)
{
  return set == SET_A ? ch < 96 : set == SET_B && ch >= 32 && ch < 128;
}

static unsigned char code_in(int set, unsigned char ch)
{
  return set == SET_A && ch < 32 ? (unsigned char)(ch + 64) : (unsigned char)(ch - 32);
}

static bool is_digit(unsigned char ch)
{
  return ch >= '0' && ch <= '9';
}

static void take_if_less(struct way *w, struct way other)
{
  if (other.cost < w->cost) *w = other;
}

/* What this set itself can do with the next character or two; next: the ways behind one and two characters. */
static struct way way_in(int set, const unsigned char *p, const struct way (*next)[SETS])
{
  struct way w = { .cost = INT_MAX / 2 };
  int other = set == SET_A ? SET_B : SET_A;
  if (set == SET_C) {
    if (is_digit(p[0]) && is_digit(p[1]))
      w =
        (struct way){ 1 + next[2][SET_C].cost, (unsigned char)((p[0] - '0') * 10 + p[1] - '0'), 0, SET_C, 2 };
    return w;
  }
  if (in_set(set, *p))
    take_if_less(&w, (struct way){ 1 + next[1][set].cost, code_in(set, *p), 0, (signed char)set, 1 });
  if (in_set(other, *p))
    take_if_less(&w, (struct way){ 2 + next[1][set].cost, SHIFT, code_in(other, *p), (signed char)set, 1 });
  return w;
}

size_t code128(const char *text, unsigned char codes[CODE128_CODES_MAX])
{
  struct way at[CODE128_MAX + 1][SETS];
  const unsigned char *p = (const unsigned char *)text;
  size_t len = strlen(text), n = 0;
  unsigned sum;
  if (!len || len > CODE128_MAX) return 0;
  for (size_t i = 0; i < len; i++)
    if (p[i] > 127) return 0;
  for (int s = 0; s < SETS; s++) at[len][s] = (struct way){ .cost = 0 };
  for (size_t i = len; i--;) {
    struct way own[SETS];
    for (int s = 0; s < SETS; s++) at[i][s] = own[s] = way_in(s, p + i, (const struct way(*)[SETS])(at + i));
    for (int s = 0; s < SETS; s++)
      for (int t = 0; t < SETS; t++)
        if (t != s) take_if_less(&at[i][s], (struct way){ 1 + own[t].cost, to_set[t], 0, (signed char)t, 0 });
  }
  int set = SET_B; /* of equally short ones the usual */
  if (at[0][SET_C].cost < at[0][set].cost) set = SET_C;
  if (at[0][SET_A].cost < at[0][set].cost) set = SET_A;
  codes[n++] = (unsigned char)(START_A + set);
  for (size_t i = 0; i < len;) {
    const struct way *w = &at[i][set];
    codes[n++] = w->code;
    if (w->code == SHIFT && w->used == 1) codes[n++] = w->second;
    i += w->used, set = w->set;
  }
  sum = codes[0];
  for (size_t i = 1; i < n; i++) sum += (unsigned)i * codes[i];
  codes[n++] = (unsigned char)(sum % 103), codes[n++] = STOP;
  must(n <= CODE128_CODES_MAX);
  return n;
}

bool code128_widths(struct buf *out, const char *text)
{
  unsigned char codes[CODE128_CODES_MAX];
  size_t n = code128(text, codes);
  for (size_t i = 0; i < n; i++) buf_str(out, widths[codes[i]]);
  return n != 0;
}

/* ---- SVG ---------------------------------------------------------------------------------------------------------------- */

/* One path of whole modules, so that no two bars are rounded apart; as wide as it must be for a scanner. */
bool code128_svg(struct buf *out, const char *text, int module_um, int height_mm)
{
  struct buf bars = { 0 };
  int x = QUIET, wide = 2 * QUIET;
  must(module_um > 0 && height_mm > 0);
  if (!code128_widths(&bars, text)) return false;
  for (size_t i = 0; i < bars.len; i++) wide += bars.data[i] - '0';
  int um = wide * module_um;
  buf_printf(out, "<svg class=\"code128\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d 1\"", wide);
  buf_printf(out, " width=\"%d.%03dmm\" height=\"%dmm\" preserveAspectRatio=\"none\"", um / 1000, um % 1000,
             height_mm);
  buf_str(out, " shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"");
  html_put(out, text);
  buf_printf(out, "\"><path fill=\"#fff\" d=\"M0 0h%dv1h-%dz\"/><path fill=\"#000\" d=\"", wide, wide);
  for (size_t i = 0; i < bars.len; i++) {
    int w = bars.data[i] - '0';
    if (i % 2 == 0) buf_printf(out, "M%d 0h%dv1h-%dz", x, w, w);
    x += w;
  }
  buf_str(out, "\"/></svg>");
  buf_release(&bars);
  return true;
}

/* ---- text in HTML and SVG ------------------------------------------------------------------------------------------------- */

void html_put(struct buf *out, const char *text)
{
  for (const char *p = text ? text : ""; *p; p++) {
    unsigned char c = (unsigned char)*p;
    switch (c) {
    case '&': buf_str(out, "&amp;"); break;
    case '<': buf_str(out, "&lt;"); break;
    case '>': buf_str(out, "&gt;"); break;
    case '"': buf_str(out, "&quot;"); break;
    case '\'': buf_str(out, "&#39;"); break;
    default:
      if (c < ' ' && c != '\n' && c != '\t') buf_str(out, "\xef\xbf\xbd");
      else buf_char(out, (char)c);
    }
  }
}
