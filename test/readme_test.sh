#!/bin/sh
# README.md never lies: every ```sh block of it is run, in the order of the page, and what comes back is compared with the
# lines that begin with #> ("…" stands for anything). Each half of the page, English and Chinese, has a fresh directory
# in which a demo is served. The tables that come from the sources are compared with the sources.
#   ORDERD=./orderd sh test/readme_test.sh [-v]
cd "$(dirname "$0")/.." || exit 2
top=$PWD
case ${ORDERD:=./orderd} in /*) ;; *) ORDERD=$PWD/$ORDERD ;; esac
[ -x "$ORDERD" ] || { echo "$ORDERD is not there: make it first, or name it in ORDERD"; exit 2; }
loud=
[ "${1:-}" != -v ] || loud=1
dir=$(mktemp -d) || exit 2
passed=0 failed=0
# Ends what was started here and still serves: a lock names its holder, who must live in our directory.
clean() {
  for lock in "$dir"/*/*/orderd.lock; do
    [ -s "$lock" ] || continue
    pid=$(cat "$lock")
    case $(readlink "/proc/$pid/cwd" 2>/dev/null) in "$dir"/*) kill "$pid" 2>/dev/null ;; esac
  done
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 1' INT TERM

pass() { passed=$((passed + 1)); [ -z "$loud" ] || echo "ok   $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1"; [ -z "${2:-}" ] || printf '%s\n' "$2" | cut -c1-1000 | sed 's/^/    /'; }

# fits EXPECTED FILE: every line of EXPECTED stands in FILE, one behind the other; "…" fits anything.
fits() {
  awk -v want="$1" '
    { all = all $0 "\n" }
    END {
      lines = split(want, line, "\n")
      for (i = 1; i <= lines; i++) {
        n = split(line[i], piece, "…")
        for (k = 1; k <= n; k++) {
          p = piece[k]; sub(/^ +/, "", p); sub(/ +$/, "", p)
          if (p == "") continue
          at = index(all, p)
          if (!at) { print "not there: " p; exit 1 }
          all = substr(all, at + length(p))
        }
      }
    }' "$2"
}

# Cuts the half named by $1 (1: before <a id="zh">, 2: from there on) into $2/N.sh and $2/N.want.
cut_blocks() {
  mkdir -p "$2"
  awk -v half="$1" -v to="$2" '
    function begin() { n++; file = to "/" sprintf("%03d", n); printf "" >(file ".sh"); lines = wants = 0 }
    BEGIN { now = 1; n = 0 }
    /<a id="zh">/ { now = 2 }
    now != half { next }
    /^```/ { if (inside) { inside = 0; next } if ($0 == "```sh") { inside = 1; begin() } ; next }
    !inside { next }
    /^#> / { print substr($0, 4) >(file ".want"); wants++; next }
    { if (wants) begin(); print >(file ".sh"); lines++ }' README.md
}

run_half() {
  here=$dir/$1
  mkdir -p "$here" && cut_blocks "$1" "$dir/blocks$1"
  ln -s "$ORDERD" "$here/orderd" && ln -s "$top/examples" "$here/examples"
  (
    cd "$here" || exit 2
    export ORDERD_SERVER_LISTEN=127.0.0.1:0
    ./orderd demo >demo.out 2>demo.err &
    i=0
    until grep -qs 'Ctrl-C ends it' demo.out || [ $i -ge 600 ]; do sleep 0.1; i=$((i + 1)); done
  )
  url=$(sed -n 's/^The API is at \([^,]*\),.*/\1/p' "$here/demo.out")
  if [ -z "$url" ]; then fail "orderd demo" "$(cat "$here/demo.out" "$here/demo.err")"; return; fi
  if why=$(fits "$(demo_text "$1")" "$here/demo.out"); then pass "orderd demo"; else fail "what orderd demo prints" "$why"; fi
  for block in "$dir/blocks$1"/*.sh; do
    sed -i "s|http://127.0.0.1:7700|$url|g; s|127.0.0.1:7701|127.0.0.1:0|g" "$block"
  done
  # One shell for the whole half: variables and functions of a block are known in the next.
  cat >"$here/run" <<'RUN'
for block in "$1"/*.sh; do
  . "$block" >"${block%.sh}.out" 2>&1 </dev/null
  echo $? >"${block%.sh}.status"
done
RUN
  (cd "$here" && exec timeout -k 5 240 sh ./run "$dir/blocks$1" </dev/null)
  for block in "$dir/blocks$1"/*.sh; do
    base=${block%.sh} name="half $1: $(sed -n '$p' "$block")"
    status=$(cat "$base.status" 2>/dev/null || echo none)
    if [ ! -f "$base.want" ]; then
      if [ "$status" = 0 ]; then pass "$name"; else fail "$name" "exit status $status: $(cat "$base.out")"; fi
    elif why=$(fits "$(cat "$base.want")" "$base.out"); then
      pass "$name"
    else
      fail "$name" "$why
$(cat "$base.out")"
    fi
  done
}
# The first ```text block of the page is what a demo says; the Chinese half shows it again.
demo_text() { awk '/^```text/ && !seen { inside = 1; seen = 1; next } /^```/ { inside = 0 } inside' README.md; }

# ---- tables that stand in the sources, too ------------------------------------------------------------------------
# Lines of standard input must all stand in README.md.
rows_there() {
  missing=$(while IFS= read -r row; do grep -qF -- "$row" README.md || printf '%s\n' "$row"; done)
  if [ -z "$missing" ]; then pass "$1"; else fail "$1: not in README.md" "$missing"; fi
}
status_rows() {
  awk '
    function hours(s) { if (s !~ /\*/) return "–"; split(s, p, " "); return p[1] (s ~ /DAY/ ? " d" : " h") }
    /stages_builtin\[/ { inside = 1; next }
    inside && /^};/ { inside = 0 }
    inside {
      split($0, q, "\""); name[++n] = q[2]; zh[n] = q[6]; owner[n] = q[8] == "" ? "–" : q[8]
      split(q[11], t, ","); remind[n] = hours(t[2]); escalate[n] = hours(t[3])
    }
    /^  X\([A-Z_]+, [A-Z_]+, (CMD|CHN|SYS)/ {
      gsub(/^  X\(|\).*$/, ""); split($0, m, ", ")
      from = tolower(m[1]); to = tolower(m[2])
      s = m[5] == "true" ? "**" to "**" : to
      s = s " " (m[3] ~ /CMD/ ? "C" : "") (m[3] ~ /CHN/ ? "H" : "") (m[3] ~ /SYS/ ? "S" : "")
      if (m[4] == "KNOWN_SKUS") s = s " known"
      if (m[4] == "NO_PARCEL") s = s " no-parcel"
      if (m[4] == "PARCEL") s = s " parcel"
      if (m[6] == "true") s = s " locks"
      moves[from] = moves[from] (moves[from] == "" ? "" : ", ") s
    }
    END {
      for (i = 1; i <= n; i++)
        printf "| `%s` | %s | %s | %s | %s | %s |\n", name[i], zh[i], owner[i], remind[i], escalate[i], moves[name[i]] == "" ? "–" : moves[name[i]]
    }' src/domain/status.c
}
status_rows >"$dir/rows"
[ "$(wc -l <"$dir/rows")" -ge 9 ] || fail "src/domain/status.c could not be read"
rows_there "table of statuses" <"$dir/rows"

grep -o '^  { "[A-Z]*", "/[^"]*"' src/edge/routes.c | sed 's/^  { "//; s/", "/ /; s/"$//' | sort >"$dir/routes"
awk -F'|' '/^\|[^|]*\| (`[A-Z]+` )+`\// {
    n = split($3, w, "`"); methods = 0
    for (i = 2; i <= n; i += 2) if (w[i] ~ /^[A-Z]+$/) method[++methods] = w[i]
    for (i = 2; i <= n; i += 2) if (w[i] ~ /^\//) for (k = 1; k <= methods; k++) print method[k], w[i]
  }' README.md | sort -u >"$dir/told"
if cmp -s "$dir/routes" "$dir/told"; then pass "table of routes"
else fail "table of routes (< sources, > README.md)" "$(diff "$dir/routes" "$dir/told" | grep '^[<>]')"; fi

"$ORDERD" version | awk 'NR > 1 { print $1 }' | while read -r name; do echo "$name"; done >"$dir/rows"
rows_there "libraries" <"$dir/rows"

run_half 1
run_half 2
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
