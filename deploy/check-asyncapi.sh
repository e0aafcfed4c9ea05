#!/bin/sh
# Validates docs/asyncapi.json with the parser of the AsyncAPI project, a package of npm.
#
# The package is kept in a folder of its own under target/, so only the first run installs it. Node.js and npm are installed
# with apt-get when that is permitted (as root); otherwise the script says what to install and fails.
set -eu
cd "$(dirname "$0")/.."

version=3.6.6
folder=${CARGO_TARGET_DIR:-target}/asyncapi-parser-$version

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Not on this machine: nodejs npm" >&2
        echo "Install them (Debian, Ubuntu: sudo apt-get install nodejs npm) and try again." >&2
        exit 1
    fi
    echo "Installing nodejs npm ..." >&2
    log=$(mktemp)
    {
        apt-get update
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends nodejs npm
    } </dev/null >"$log" 2>&1 || {
        cat "$log" >&2
        rm -f "$log"
        echo "apt-get could not install nodejs and npm" >&2
        exit 1
    }
    rm -f "$log"
fi

if [ ! -d "$folder" ]; then
    mkdir -p "$(dirname "$folder")"
    # Moved into its place when it is complete, so an interrupted installation leaves nothing that would be used.
    new=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    echo '{ "private": true }' >"$new/package.json"
    timeout 300 npm install --prefix "$new" --ignore-scripts --no-audit --no-fund --no-package-lock --silent \
        "@asyncapi/parser@$version" </dev/null >&2 || {
        echo "npm could not install @asyncapi/parser@$version; it needs the npm registry once" >&2
        exit 1
    }
    # mktemp permits the folder to one user.
    chmod 755 "$new"
    mv -T "$new" "$folder" 2>/dev/null || [ -d "$folder" ]
fi

node deploy/check-asyncapi.mjs "$folder" docs/asyncapi.json
