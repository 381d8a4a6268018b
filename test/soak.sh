#!/bin/sh
# make soak: the programs of test/crash, test/sim and test/drill for as long as one asks, DURATION seconds in all.
#   B=build ORDERD=./orderd DURATION=3600 sh test/soak.sh [part of a name]...
# Each program takes --seconds N and prints "N passed, N failed"; the last line sums up.
cd "$(dirname "$0")/.." || exit 2
B=${B:-build} ORDERD=${ORDERD:-./orderd} DURATION=${DURATION:-600} FEED=${FEED:-../shared/data/feed}
export B ORDERD
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT

for f in test/crash/*.c test/sim/*.c; do
  [ -f "$f" ] || continue
  name=$(basename "$(dirname "$f")")-$(basename "$f" .c)
  case $name in crash-*) ;; sim-feed) [ -d "$FEED" ] || continue ;; *) grep -q -e '--seconds' "$f" || continue ;; esac
  wanted=; [ $# -gt 0 ] || wanted=1
  for part; do case $name in *"$part"*) wanted=1 ;; esac; done
  [ -z "$wanted" ] || echo "$name"
done >"$dir/list"
n=$(wc -l <"$dir/list")
# Drills whose name is wanted: that of a file of test/drill, "drill" for all.
drills=
for name in drill surge; do
  wanted=; [ $# -gt 0 ] || wanted=1
  for part; do case drill-$name in *"$part"*) wanted=1 ;; esac; done
  [ -z "$wanted" ] || { drills="$drills $name"; n=$((n + 1)); }
done
[ "$n" -gt 0 ] || { echo "nothing to run"; exit 2; }
each=$((DURATION / n)); [ "$each" -gt 0 ] || each=1

while read -r name; do
  begun=$(date +%s) more=
  [ "$name" != sim-feed ] || more="--dir $FEED"
  # shellcheck disable=SC2086
  "$B/release/$name" $more --seconds "$each" >"$dir/$name.log" 2>&1 </dev/null
  status=$?
  line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$dir/$name.log" | tail -1)
  passed=${line%% *} failed=${line#*, } failed=${failed%% *}
  [ -n "$line" ] || passed=0 failed=1
  [ $status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
  echo "$passed $failed" >"$dir/$name.sum"
  printf '%-16s %7d passed, %d failed %6d s\n' "$name" "$passed" "$failed" $(($(date +%s) - begun))
  [ "$failed" -eq 0 ] || tail -40 "$dir/$name.log" | sed 's/^/    /'
done <"$dir/list"
# Platforms polled while all goes wrong, and a promotion at ten times the peak: one seed after the other for as long.
for name in $drills; do
  begun=$(date +%s) seed=1 passed=0 failed=0
  while [ $(($(date +%s) - begun)) -lt "$each" ]; do
    line=$(node "test/drill/$name.mjs" --seed $seed | tee -a "$dir/$name.log" | grep -aE '^[0-9]+ passed, [0-9]+ failed$')
    line=${line:-0 passed, 1 failed}
    passed=$((passed + ${line%% *})) line=${line#*, } failed=$((failed + ${line%% *})) seed=$((seed + 1))
  done
  echo "$passed $failed" >"$dir/$name.sum"
  printf '%-16s %7d passed, %d failed %6d s\n' "$name" "$passed" "$failed" $(($(date +%s) - begun))
  [ "$failed" -eq 0 ] || tail -40 "$dir/$name.log" | sed 's/^/    /'
done
cat "$dir"/*.sum | awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
