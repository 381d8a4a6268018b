#!/bin/sh
# What `make test` runs once everything is built: all suites, three at a time, a line for each, and at the very end
# "N passed, N failed" for all of them together.
#   B=build ORDERD=./orderd sh test/all.sh [part of a suite's name]...
# A suite prints "N passed, N failed" itself; one that fails, takes too long, or prints no count counts as a failure.
# Programs of test/sim and test/crash take --slice, a run of well under a minute; fuzzers get some seconds each.
cd "$(dirname "$0")/.." || exit 2
B=${B:-build} FEED=${FEED:-../shared/data/feed}
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0:abort_on_error=0}
export B ASAN_OPTIONS
FUZZ_S=${FUZZ_S:-4} SUITE_S=${SUITE_S:-900} JOBS=${JOBS:-3}
case $B in /*) ASAN=$B/asan ;; *) ASAN=$PWD/$B/asan ;; esac

# ---- one suite by its name ------------------------------------------------------------------------------------
node_suite() { [ ! -x "$ASAN/orderd" ] || ORDERD=$ASAN/orderd node "$@"; }
fuzz_suite() {
  corpus=$B/fuzz/corpus/$1 seeds=
  mkdir -p "$corpus"
  [ ! -d "test/fuzz/corpus/$1" ] || seeds=test/fuzz/corpus/$1
  # shellcheck disable=SC2086
  if "$B/fuzz/fuzz-$1" -max_total_time="$FUZZ_S" -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix="$B/fuzz/$1-" "$corpus" $seeds; then
    echo "1 passed, 0 failed"
  else
    echo "0 passed, 1 failed"
    return 1
  fi
}
check_suite() { if "$@"; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; return 1; fi; }
suite() {
  case $1 in
  unit) "$ASAN/orderd-test" ;;
  tidy) check_suite sh test/tidy.sh ;;
  drill) ORDERD=${ORDERD:-./orderd} node test/drill/drill.mjs --slice ;; # as users run it: mappings have a time limit
  drill-surge) node_suite test/drill/surge.mjs --slice ;;
  cli) node_suite test/cli/run.mjs ;;
  http_api) node_suite test/http_api/run.mjs ;;
  attack) node_suite test/attack/run.mjs ;;
  page) node_suite test/page/run.mjs ;;
  channels) node_suite test/channels/run.mjs ;;
  outbox) node_suite test/outbox/run.mjs ;;
  readme) [ ! -x "$ASAN/orderd" ] || ORDERD=$ASAN/orderd sh test/readme_test.sh ;;
  sim-feed) "$B/release/sim-feed" --dir "$FEED" --slice ;;
  sim-* | crash-*) "$ASAN/$1" --slice ;;
  fuzz-*) fuzz_suite "${1#fuzz-}" ;;
  *) echo "no suite $1"; return 2 ;;
  esac
}

# Runs one and writes NAME.log and NAME.sum ("passed failed seconds") into $2.
one() {
  begun=$(date +%s)
  timeout -k 10 "$SUITE_S" sh "$0" --suite "$1" >"$2/$1.log" 2>&1
  status=$?
  line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$2/$1.log" | tail -1)
  passed=${line%% *} failed=${line#*, } failed=${failed%% *} note=
  if [ -z "$line" ]; then
    passed=0 failed=1 note="printed no count, exit status $status"
  elif [ $status -ne 0 ] && [ "$failed" -eq 0 ]; then
    failed=1 note="exit status $status"
  fi
  echo "$passed $failed" >"$2/$1.sum"
  printf '%-16s %5d passed, %d failed %6d s  %s\n' "$1" "$passed" "$failed" $(($(date +%s) - begun)) "$note"
  [ "$failed" -eq 0 ] && return
  grep -avE '^[0-9]+ passed, [0-9]+ failed$' "$2/$1.log" | tail -40 | sed 's/^/    /'
  # what failed, without the way there: said again at the very end, where it is looked for
  grep -avE '^[0-9]+ passed, [0-9]+ failed$|^ +at |^ *$' "$2/$1.log" | cut -c 1-300 | tail -12 | sed "s/^/$1: /" >"$2/$1.failed"
}

# ---- which there are ------------------------------------------------------------------------------------------------
# The long ones first, so that all end at about the same time.
programs() {
  for f in test/crash/*.c test/sim/*.c; do
    [ -f "$f" ] || continue
    name=$(basename "$(dirname "$f")")-$(basename "$f" .c)
    # a program that knows no --slice is a tool, not a suite; crash programs share theirs
    case $name in crash-*) ;; sim-feed) [ -d "$FEED" ] || continue ;; *) grep -q -e '--slice' "$f" || continue ;; esac
    echo "$name"
  done
}
suites() {
  [ ! -f test/channels/run.mjs ] || echo channels # waits more than it works
  [ ! -d test/page/node_modules ] || echo page # likewise
  programs
  echo drill
  [ ! -x "$ASAN/orderd" ] || echo drill-surge
  [ ! -f test/http_api/run.mjs ] || echo http_api
  [ ! -f test/attack/run.mjs ] || echo attack
  [ ! -f test/outbox/run.mjs ] || echo outbox
  [ ! -f test/readme_test.sh ] || echo readme
  echo cli
  echo unit
  for f in test/fuzz/*.c; do [ ! -f "$f" ] || echo "fuzz-$(basename "$f" .c)"; done
  echo tidy
}

case ${1:-} in
--suite) suite "$2"; exit ;;
--one) one "$2" "$3"; exit ;;
esac

dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
for s in $(suites); do
  wanted=; [ $# -gt 0 ] || wanted=1
  for part; do case $s in *"$part"*) wanted=1 ;; esac; done
  [ -z "$wanted" ] || echo "$s"
done >"$dir/list"
[ -d "$FEED" ] || echo "There is no feed at $FEED: its replay is left out."
xargs -P "$JOBS" -I NAME sh "$0" --one NAME "$dir" <"$dir/list"
for f in "$dir"/*.failed; do [ ! -f "$f" ] || cat "$f"; done
cat "$dir"/*.sum 2>/dev/null | awk -v n="$(wc -l <"$dir/list")" '
  { passed += $1; failed += $2; seen++ }
  END { failed += n - seen; printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || n == 0 }'
