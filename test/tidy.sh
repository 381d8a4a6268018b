#!/bin/sh
# The mechanical part of our style (see the README's "where to change what"): layers, one library in
# one place, nouns that do not call nouns, functions we do without, documented routes, and nothing of
# one person's machine. Prints each finding as file:line: what; exit status 1 when there is any.
#   sh test/tidy.sh [DIRECTORY]
cd "${1:-$(dirname "$0")/..}" || exit 2
out=$(mktemp) code=$(mktemp -d)
trap 'rm -rf "$out" "$code"' EXIT
layers="base plat store domain flow edge"

# Sources without comments; $code/s keeps strings, $code/c empties them. Line numbers stay.
for f in src/*/*.c src/main.c include/*.h include/*/*.h; do
  [ -f "$f" ] || continue
  mkdir -p "$code/s/${f%/*}" "$code/c/${f%/*}"
  awk -v keep="$code/s/$f" -v bare="$code/c/$f" '
  { s = $0; k = ""; b = ""
    while (s != "") {
      if (inside) {
        i = index(s, "*/"); if (!i) { s = ""; break }
        s = substr(s, i + 2); inside = 0; k = k " "; b = b " "; continue
      }
      c = substr(s, 1, 1); two = substr(s, 1, 2)
      if (two == "/*") { inside = 1; s = substr(s, 3); continue }
      if (two == "//") break
      if (c == "\"" || c == "'\''") {
        for (n = 2; n <= length(s); n++) { d = substr(s, n, 1); if (d == "\\") n++; else if (d == c) break }
        k = k substr(s, 1, n); b = b c c; s = substr(s, n + 1); continue
      }
      k = k c; b = b c; s = substr(s, 2)
    }
    print k >keep; print b >bare }' "$f"
done
list() { find "$code/$1" -path "$code/$1/$2" -type f 2>/dev/null | sort; }
say() { sed "s|^$code/[sc]/||" >>"$out"; }

# ---- layers: a source includes its own layer's header, a layer's header the one below -------------
generated="version.h $(cat src/*/gen/*.mk 2>/dev/null | grep -o 'GEN)/[A-Za-z0-9_./-]*\.h' | sed 's|.*)/||' | sort -u | tr '\n' ' ')"
for f in $(list s 'src/*'); do
  d=${f%/*} d=${d##*/}
  [ "$d" = src ] && d=edge                       # main.c stands above edge
  awk -v own="$d.h" -v gen="$generated" '
    /^[ \t]*#[ \t]*include[ \t]*"/ { split($0, p, "\""); h = p[2]
      if (h == own) seen = 1
      else if (index(" " gen " ", " " h " ") == 0) print FILENAME ":" NR ": includes \"" h "\"; this folder includes \"" own "\"" }
    END { if (!seen) print FILENAME ":1: does not include \"" own "\"" }' "$f"
done | say
below=
for l in $layers; do
  f=$code/s/include/$l.h
  [ -f "$f" ] && awk -v below="$below" -v own="$l" '
    /^[ \t]*#[ \t]*include[ \t]*"/ { split($0, p, "\""); h = p[2]
      if (h == below ".h") seen = 1
      else if (index(h, own "/") != 1) print FILENAME ":" NR ": includes \"" h "\"; the layer below is \"" below ".h\"" }
    END { if (below != "" && !seen) print FILENAME ":1: does not include \"" below ".h\"" }' "$f" | say
  below=$l
done

# ---- one library in one place (a noun, maybe in parts): header pattern, then the files that may --
libraries='
sqlite3\.h                  src/store/*.c
uv\.h|uv/.*                 src/edge/*.c src/main.c
llhttp\.h                   src/edge/httpd*.c
curl/.*                     src/edge/httpc*.c
mbedtls/.*|psa/.*           src/plat/crypto.c src/edge/tls.c
argon2\.h                   src/plat/crypto.c
cJSON\.h|cjson/.*           src/base/json*.c
utf8proc\.h                 src/base/text*.c
expat\.h                    src/base/xlsx_read.c
zlib\.h                     src/base/pack.c src/base/xlsx_zip.c src/base/xlsx_write.c
lz4\.h                      src/base/pack.c
'
echo "$libraries" | while read -r header where; do
  [ -n "$header" ] || continue
  find "$code/s" -type f | sort | while read -r f; do
    name=${f#"$code"/s/} ok=
    set -f
    for w in $where; do
      # shellcheck disable=SC2254
      case $name in $w) ok=1 ;; esac
    done
    set +f
    [ -n "$ok" ] || grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($header)[>\"]" "$f" |
      sed "s|\$| belongs in $where only|"
  done
done | say

# ---- functions we do without ------------------------------------------------------------------------
# calls WORDS WHY PATTERN-OF-EXEMPT-FILES; a member of a struct (x.time(, x->random() is not meant.
calls() {
  find "$code/c" -type f | sort | grep -vE "/($3)\$" |
    xargs awk -v re="(^|[^A-Za-z0-9_.>])($1)[ ]*\\\\(" -v why="$2" '$0 ~ re { print FILENAME ":" FNR ": " why ": " $0 }'
}
{
  calls 'strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|system|popen|alloca|scanf|sscanf' \
    'not bounded or not checked' 'none'
  calls 'localtime|gmtime|ctime|asctime|setlocale|tmpnam|mktemp' 'not safe with threads' 'none'
  calls 'malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf|aligned_alloc|posix_memalign' \
    'memory comes from base/mem.c' 'src/base/mem\.c'
  calls 'time|clock|clock_gettime|gettimeofday|random|srandom|rand|srand|rand_r|drand48|getrandom|getentropy|uv_random' \
    'clock and random come from env' 'src/plat/env\.c'
  calls 'assert' 'use must() or static_assert' 'none'
} | say

# ---- SQL: the portable subset, and none at the edge ---------------------------------------------------
{
  find "$code/s" -type f -path '*/src/*' | sort |
    xargs grep -HnE "INSERT OR |REPLACE INTO|CURRENT_TIMESTAMP|datetime\(|strftime\(|julianday\(|unixepoch\(|random\(\)\"" |
    sed 's|$|   (not in the portable subset)|'
  find "$code/s" -type f -path '*/src/edge/*' | sort |
    xargs grep -HnE '"[[:space:]]*(SELECT |INSERT INTO |UPDATE [a-z_]+ SET|DELETE FROM |WITH [a-z_]+ AS)' |
    sed 's|$|   (SQL lives in its noun)|'
} 2>/dev/null | grep -E '^[^:]+:[0-9]+:' | say

# ---- nouns do not call nouns -----------------------------------------------------------------------------
nouns='channel|user|inbox|order|group|sku|stock|fulfilment|shipment|workorder|aftersale|exception|rule|settlement'
for f in $(list c 'src/domain/*.c'); do
  b=${f##*/} b=${b%.c} own=${b%%_*}
  awk -v nouns="$nouns" -v own="$own" '
    { line[NR] = $0
      if ($0 ~ /^[a-z]/ && match($0, "(" nouns ")_[a-z0-9_]* *\\(")) here[substr($0, RSTART, RLENGTH)] = 1 }
    END { for (n = 1; n <= NR; n++) { s = line[n]
        while (match(s, "(" nouns ")_[a-z0-9_]* *\\(")) {
          call = substr(s, RSTART, RLENGTH); before = RSTART > 1 ? substr(s, RSTART - 1, 1) : " "
          s = substr(s, RSTART + RLENGTH); noun = call; sub(/_.*/, "", noun); sub(/ *\($/, "(", call)
          if (before ~ /[A-Za-z0-9_.>]/ || noun == own || call in here) continue
          print FILENAME ":" n ": " own " calls " call ") of another noun: a verb in src/flow is missing" } } }' "$f"
done | say

# ---- each route names who may call it and says what it does; so does each command -----------------------------
find "$code/s" -type f \( -path '*/src/edge/*' -o -path '*/include/*' \) | sort | xargs awk '
  function finish() {
    if (row !~ /ROLE|PERM|OPEN|ANYONE/) print FILENAME ":" at ": route without roles: " row
    doc = row; sub(/"[^"]*$/, "", doc); sub(/.*"/, "", doc)
    if (length(doc) < 9 || doc !~ / /) print FILENAME ":" at ": route without a sentence of documentation: " row
    row = "" }
  FNR == 1 { row = "" }
  { s = $0
    while (s != "") {
      if (row == "") {
        if (!match(s, /([{]|X[(])[ ]*"(GET|POST|PUT|PATCH|DELETE)",[ ]*"\//)) break
        s = substr(s, RSTART); at = FNR; deep = 0
      }
      c = substr(s, 1, 1)
      if (c == "\"") { match(substr(s, 2), /"/); n = RSTART + 1; row = row substr(s, 1, n); s = substr(s, n + 1); continue }
      row = row c; s = substr(s, 2)
      if (c == "{" || c == "(") deep++
      if ((c == "}" || c == ")") && --deep == 0) finish()
    } }' 2>/dev/null | say
for f in "$code/s/include/flow.h"; do
  [ -f "$f" ] && awk '
    /#define CMD_MAP/ { on = 1; next }
    on { row = row $0
      if ($0 ~ /\)[ \t]*\\?$/) {
        if (row !~ /X\([A-Z0-9_]+,[ ]*"[a-z0-9_.]+",.*"[^"]*[a-z] [^"]*"\)/) print FILENAME ":" NR ": command without roles or documentation: " row
        row = "" }
      if ($0 !~ /\\$/) on = 0 }' "$f"
done | say

# ---- nothing of one machine in what is kept ------------------------------------------------------------------------
if git rev-parse --git-dir >/dev/null 2>&1; then
  git grep -nIE '(^|[^A-Za-z0-9_.<-])/(wor[k]|roo[t]|home/[a-z]+)/' -- . ':!test/tidy.sh' |
    grep -vE '^[^:]+:[0-9]+:.*https?://[^ ]*/(work|root|home)/' | cut -c1-160 | sed 's|$|   (a path of one machine)|' | say
  git grep -nIE '(deb|security|snapshot|ftp[.a-z]*|archive)\.(debian|ubuntu)\.|npmjs\.(org|com)|npmmirror|pypi\.(org|io)|files\.pythonhosted|proxy\.golang' -- . ':!test/tidy.sh' |
    cut -c1-160 | sed 's|$|   (a package host)|' | say
fi

if [ -s "$out" ]; then
  cat "$out"
  echo "tidy: $(wc -l <"$out") findings"
  exit 1
fi
echo "tidy: nothing to find fault with"
