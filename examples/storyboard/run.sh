#!/bin/sh
# Renders the shots, each from the last frame of the one before, and fetches them: run.sh [FOLDER]
set -eu
folder=$(mkdir -p "${1:-clips}" && cd "${1:-clips}" && pwd)
cd "$(dirname "$0")"

reelqueue campaign apply fox.jsonl --yes
reelqueue campaign watch fox
reelqueue campaign export fox "$folder"
