#!/bin/sh
# make bench: speed as ratios against raw SQLite measured in the same run, and the figures that orderd promises.
# Needs a quiet machine and some minutes. BENCH_PAIRS (5), BENCH_ORDERS (20000 a pair), BENCH_BASE (300000 orders
# beforehand), BENCH_BIG=1 also makes files of 1 and 5 million orders.
set -eu
B=${B:-build}
ORDERD=${ORDERD:-./orderd}
SHOP=$B/release/bench-shop
PAIRS=${BENCH_PAIRS:-5}
N=${BENCH_ORDERS:-20000}
BASE=${BENCH_BASE:-300000}
DIR=$(mktemp -d "${BENCH_DIR:-$B}/bench-XXXXXX")
PID=
stop() { [ -z "$PID" ] || { kill "$PID" 2>/dev/null; wait "$PID" 2>/dev/null || true; PID=; }; }
trap 'stop; rm -rf "$DIR"' EXIT INT TERM
field() { awk -v k="$1" '{ for (i = 1; i < NF; i++) if ($i == k) print $(i + 1) }'; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
now_ms() { date +%s%3N; }

# start FILE: a server on a copy of FILE (or on what is there, when FILE is -); PORT, TOKEN and READY_MS are set.
start() {
  if [ "$1" != - ]; then
    rm -rf "$DIR/data"; mkdir "$DIR/data"; cp "$1" "$DIR/data/orderd.db"; sync
  fi
  : >"$DIR/log" # the port of the one before stands in it
  began=$(now_ms)
  "$ORDERD" --data "$DIR/data" serve --listen 127.0.0.1:0 >"$DIR/log" 2>&1 &
  PID=$!
  until PORT=$(sed -n 's/.*listening http:\/\/127.0.0.1:\([0-9]*\).*/\1/p' "$DIR/log") && [ -n "$PORT" ]; do
    kill -0 "$PID" 2>/dev/null || { cat "$DIR/log"; exit 1; }
  done
  READY_MS=$(($(now_ms) - began))
  i=0
  while [ ! -s "$DIR/data/admin.token" ] && [ $i -lt 500 ]; do sleep 0.01; i=$((i + 1)); done
  TOKEN=$(cat "$DIR/data/admin.token")
}
rss_kb() { awk '/VmRSS/ { print $2 }' "/proc/$PID/status"; }
hwm_kb() { awk '/VmHWM/ { print $2 }' "/proc/$PID/status"; }

echo "binary: $(stat -c %s "$ORDERD") bytes"
echo "a file of $BASE orders:"
"$SHOP" gen "$DIR/base.db" "$BASE" 2>/dev/null | tee "$DIR/gen"

for group in 64 256; do
  : >"$DIR/raw"; : >"$DIR/http"; : >"$DIR/ratio"
  pair=0
  while [ $pair -lt "$PAIRS" ]; do
    raw=$("$SHOP" raw "$DIR/base.db" "$BASE" "$N" $group | field raw_orders_per_s)
    start "$DIR/base.db"
    line=$("$SHOP" load "127.0.0.1:$PORT" "$TOKEN" "$BASE" "$N" $group)
    peak=$(hwm_kb)
    stop
    http=$(echo "$line" | field http_orders_per_s)
    echo "$raw" >>"$DIR/raw"; echo "$http" >>"$DIR/http"
    awk -v a="$http" -v b="$raw" 'BEGIN { printf "%.3f\n", a / b }' >>"$DIR/ratio"
    echo "  $group: raw $raw/s, HTTP $http/s, ratio $(tail -1 "$DIR/ratio"), p99 $(echo "$line" | field p99_ms) ms, peak memory $peak KiB"
    pair=$((pair + 1))
  done
  echo "at $group connections against groups of $group: HTTP $(median <"$DIR/http")/s, raw $(median <"$DIR/raw")/s, ratio $(median <"$DIR/ratio") (median of $PAIRS pairs)"
done

start "$DIR/base.db"
echo "paced, 116 orders/s for 30 s: $("$SHOP" rate "127.0.0.1:$PORT" "$TOKEN" "$BASE" 3480 116)"
"$SHOP" load "127.0.0.1:$PORT" "$TOKEN" $((BASE + 10000)) 120000 64 >"$DIR/full" & LOAD=$!
echo "reads by id, 200/s while 64 connections write at full rate: $("$SHOP" read "127.0.0.1:$PORT" "$TOKEN" "$BASE" 6 200)"
wait $LOAD; echo "  meanwhile: $(cat "$DIR/full"), memory $(rss_kb) KiB"
"$SHOP" load "127.0.0.1:$PORT" "$TOKEN" $((BASE + 200000)) 1000000 64 >/dev/null 2>&1 & LOAD=$!
sleep 3
kill -9 "$PID"; wait "$PID" 2>/dev/null || true; wait $LOAD || true
start -
echo "ready after a kill under load: $READY_MS ms"
stop
start "$DIR/base.db"; echo "ready after a clean start: $READY_MS ms"
stop

# ---- polling: orders of the simulated platforms end to end, against plain durable intake just before ------------------
# Pages of 50; three shops, as a small team has them. 0.5 of plain intake is asked for, and a p99 of the API below 50 ms.
SIM_N=${BENCH_SIM_ORDERS:-10000}
mkdir -p "$DIR/data"
"$ORDERD" sim --listen 127.0.0.1:0 --platforms "${BENCH_SIM:-shopee,lazada,woocommerce}" --orders "$SIM_N" --days 2 --rate 0 --changes 0 --seed 5 --no-limits \
  --config "$DIR/sim.conf" >"$DIR/sim.log" 2>&1 & SIM=$!
trap 'stop; kill $SIM 2>/dev/null; rm -rf "$DIR"' EXIT INT TERM
until [ -s "$DIR/sim.conf" ]; do kill -0 $SIM || { cat "$DIR/sim.log"; exit 1; }; sleep 0.05; done
: >"$DIR/poll"
pair=0
while [ $pair -lt "$PAIRS" ]; do
  start "$DIR/base.db"
  plain=$("$SHOP" load "127.0.0.1:$PORT" "$TOKEN" "$BASE" "$SIM_N" 64 | field http_orders_per_s)
  stop
  rm -rf "$DIR/data"; mkdir "$DIR/data"; cp "$DIR/base.db" "$DIR/data/orderd.db"; sync
  sed 's/^connector = .*/&\nmax_rps = 0/' "$DIR/sim.conf" >"$DIR/data/orderd.conf"
  mkdir "$DIR/data/connectors"
  for c in $(echo "${BENCH_SIM:-shopee,lazada,woocommerce}" | tr , ' '); do
    sed 's/^page_size = .*/page_size = 50/' "examples/connectors/$c.channel" >"$DIR/data/connectors/$c.channel"
  done
  start -
  "$SHOP" read "127.0.0.1:$PORT" "$TOKEN" "$BASE" 3 200 >"$DIR/reads" & READS=$!
  rate=$(node test/bench/polled.mjs "$PORT" "$TOKEN" | field polled_orders_per_s)
  wait $READS
  stop
  awk -v a="$rate" -v b="$plain" 'BEGIN { printf "%.3f\n", a / b }' >>"$DIR/poll"
  echo "  polled $rate/s, plain intake $plain/s, ratio $(tail -1 "$DIR/poll"), meanwhile reads: $(cat "$DIR/reads")"
  pair=$((pair + 1))
done
kill $SIM; wait $SIM 2>/dev/null || true
echo "polling the simulator in pages of 50 against plain intake: ratio $(median <"$DIR/poll") (median of $PAIRS pairs)"

# ---- shipping: orders from paid to shipped, four durable commits each, against raw SQLite running the same statements ----
SHIP_N=${BENCH_SHIP_ORDERS:-10000}
cp "$DIR/base.db" "$DIR/goods.db"
"$SHOP" goods "$DIR/goods.db"
: >"$DIR/ship"
pair=0
while [ $pair -lt "$PAIRS" ]; do
  raw=$("$SHOP" shipraw "$DIR/goods.db" "$BASE" "$SHIP_N" 64 | field raw_shipped_per_s)
  start "$DIR/goods.db"
  before=$(stat -c %s "$DIR/data/orderd.db")
  line=$("$SHOP" ship "127.0.0.1:$PORT" "$TOKEN" "$BASE" "$SHIP_N" 64)
  stop
  after=$(stat -c %s "$DIR/data/orderd.db")
  http=$(echo "$line" | field shipped_per_s)
  awk -v a="$http" -v b="$raw" 'BEGIN { printf "%.3f\n", a / b }' >>"$DIR/ship"
  echo "  raw $raw/s, HTTP $http/s, ratio $(tail -1 "$DIR/ship"), p99 of a request $(echo "$line" | field p99_ms) ms, $(((after - before) / SHIP_N)) bytes an order"
  pair=$((pair + 1))
done
rm -f "$DIR/goods.db"
echo "paid, reserved, split, claimed, shipped: ratio $(median <"$DIR/ship") (median of $PAIRS pairs)"

if [ -n "${BENCH_BIG:-}" ]; then
  rm -f "$DIR/base.db"
  "$SHOP" gen "$DIR/m1.db" 1000000 2>/dev/null
  start "$DIR/m1.db"
  sleep 2; echo "idle with 1 M orders: $(rss_kb) KiB"
  echo "searches at 1 M orders: $("$SHOP" find "127.0.0.1:$PORT" "$TOKEN" 3000 1000000)"
  stop; rm -rf "$DIR/m1.db" "$DIR/data"
  "$SHOP" gen "$DIR/m025.db" 250000 >/dev/null 2>&1
  start "$DIR/m025.db"; "$SHOP" load "127.0.0.1:$PORT" "$TOKEN" 250000 100000 64 >"$DIR/a"; stop
  rm -rf "$DIR/m025.db" "$DIR/data"
  "$SHOP" gen "$DIR/data5.db" 5000000 2>/dev/null
  mkdir "$DIR/data"; mv "$DIR/data5.db" "$DIR/data/orderd.db"
  start -; "$SHOP" load "127.0.0.1:$PORT" "$TOKEN" 5000000 100000 64 >"$DIR/b"; stop
  a=$(field http_orders_per_s <"$DIR/a"); b=$(field http_orders_per_s <"$DIR/b")
  echo "intake at 0.25 M orders $a/s, at 5 M $b/s, ratio $(awk -v a="$b" -v b="$a" 'BEGIN { printf "%.2f", a / b }')"
fi
