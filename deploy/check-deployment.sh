#!/bin/sh
# Checks what deploys and releases the services: the workflows of the forge, the Dockerfile, and every script.
set -eu
cd "$(dirname "$0")/.."

if ! command -v shellcheck >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Not on this machine: shellcheck" >&2
        echo "Install it (Debian, Ubuntu: sudo apt-get install shellcheck) and try again." >&2
        exit 1
    fi
    echo "Installing shellcheck ..." >&2
    log=$(mktemp)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends shellcheck; } \
        </dev/null >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; echo "apt-get could not install shellcheck" >&2; exit 1; }
    rm -f "$log"
fi
tools=$(./deploy/deployment-tools.sh)

# actionlint passes the scripts within the workflows to shellcheck.
"$tools/bin/actionlint" -color=false .github/workflows/*.yml
"$tools/bin/hadolint" deploy/Dockerfile
shellcheck deploy/*.sh deploy/debian/postinst deploy/debian/postrm deploy/debian/prerm .ci/run

# An action of others is a commit, never a tag, which can be moved.
if loose=$(grep -nE '^ *-? *uses: ' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9]'); then
    echo "$loose" >&2
    echo "pin each action to a commit, with its version in a comment" >&2
    exit 1
fi
echo "the workflows, the Dockerfile and the scripts pass their linters" >&2
