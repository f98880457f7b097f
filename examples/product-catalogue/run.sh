#!/bin/sh
# Renders the catalogue, and leaves its clips with a page to look at in a folder: run.sh [FOLDER]
set -eu
folder=$(mkdir -p "${1:-clips}" && cd "${1:-clips}" && pwd)
cd "$(dirname "$0")"

reelqueue campaign apply catalogue.yaml --yes
reelqueue campaign watch spring-catalogue
reelqueue campaign export spring-catalogue "$folder"
