#!/bin/sh
# Validates docs/asyncapi.json with the parser of the AsyncAPI project, a package of npm.
set -eu
cd "$(dirname "$0")/.."
. deploy/packages.sh

version=3.6.6
parser=${CARGO_TARGET_DIR:-target}/asyncapi-parser-$version
need_npm
npm_packages "$parser" "@asyncapi/parser@$version"
node deploy/check-asyncapi.mjs "$parser" docs/asyncapi.json
