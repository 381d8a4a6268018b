#!/bin/sh
# make feed-check: replays a whole feed with known truth, when one is at hand beside the repository.
set -eu
exec "${B:-build}/release/sim-feed" --dir "${FEED:-../shared/data/feed}" --shuffles 3
