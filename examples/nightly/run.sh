#!/bin/sh
# Renders tonight's wishes within a budget, and leaves a report: run.sh [FOLDER]
set -eu
day=${DAY:-$(date -u +%F)}
night=night-$day
folder=$(mkdir -p "${1:-.}/$night" && cd "${1:-.}/$night" && pwd)
cp "$(dirname "$0")/wishes.csv" "$folder"
cd "$folder"

cat > night.yaml <<END
campaign:
  name: $night
  budget: 1.20 USD
  on_budget: cancel            # what it cannot pay for is not kept for tomorrow
  run_at: ${day}T01:00:00Z
  finish_by: ${day}T06:00:00Z  # the plan warns if that is too early
  breaker: {failed_percent: 20}
file: wishes.csv
END
reelqueue campaign apply night.yaml --yes
reelqueue campaign watch "$night" --every 10
reelqueue campaign results "$night" -o results.csv
reelqueue campaign failures "$night" -o wishes.bad.csv
reelqueue statement --by campaign
