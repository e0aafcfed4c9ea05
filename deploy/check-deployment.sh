#!/bin/sh
# Checks what deploys and releases the services: the workflows of the forge, the Dockerfile, and every script.
set -eu
cd "$(dirname "$0")/.."

. ./deploy/packages.sh
command -v shellcheck >/dev/null || apt_packages shellcheck
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
