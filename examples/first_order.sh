#!/bin/sh
# Sends one order over HTTP and asks for it, by curl alone.
#   sh examples/first_order.sh [URL] [TOKEN FILE]
set -eu
url=${1:-http://127.0.0.1:7700}
token=$(cat "${2:-data/admin.token}")
here=$(dirname "$0")

curl -sS --fail-with-body -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
  --data-binary @"$here/order.json" "$url/v1/orders"
echo
curl -sS --fail-with-body -H "Authorization: Bearer $token" "$url/v1/orders/till:EXAMPLE-1"
echo
# The same again changes nothing and says so.
curl -sS --fail-with-body -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
  --data-binary @"$here/order.json" "$url/v1/orders"
echo
