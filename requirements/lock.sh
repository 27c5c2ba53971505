#!/bin/sh
# Writes the hashed locks from pyproject.toml. A pin that still fits is kept; `make lock UPGRADE=--upgrade` renews all.
#
# The locks hold for Python 3.11 and newer on Linux and macOS, and name no registry: the one that pip or uv is set up with serves.
set -eu

cd "$(dirname "$0")/.."
uv=$(command -v uv || echo "$PWD/.venv/bin/uv")
UPGRADE=${UPGRADE:-}

compile() {
    name=$1
    shift
    "$uv" pip compile -q --no-config --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links $UPGRADE -o "requirements/$name.txt" "$@"
}

compile build --group build
compile run pyproject.toml --extra postgres -c requirements/build.txt
compile dev --group test --group lint -c requirements/run.txt -c requirements/build.txt
compile browser --group browser -c requirements/run.txt -c requirements/dev.txt
compile uv --group installer
