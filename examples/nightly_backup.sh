#!/bin/sh
# For cron: a checked backup per day, the newest 14 are kept.
#   sh examples/nightly_backup.sh DATA BACKUPS
set -eu
data=$1 to=$2 orderd=${ORDERD:-orderd}
mkdir -p "$to"
file=$to/orderd-$(date +%Y-%m-%d).db
"$orderd" --data "$data" --quiet backup "$file"
"$orderd" --data "$data" --quiet check "$file"
# shellcheck disable=SC2012
ls -1 "$to"/orderd-????-??-??.db | sort -r | tail -n +15 | while read -r old; do rm -rf "$old" "$old.conf" "$old.key" "$old.connectors" "$old.secrets"; done
