#!/bin/sh
# Holds the dependencies to deny.toml: who may use what, licences, sources.
#
# cargo-deny takes a minute to install, so that is done in CI only; elsewhere its absence is said and nothing more.
# Advisories need a clone of the RustSec database and are not part of this check.
set -eu
CARGO=${CARGO:-cargo}

if ! command -v cargo-deny >/dev/null; then
    if [ "${CI:-}" != true ]; then
        echo "skipped: cargo-deny is not installed (cargo install cargo-deny --debug --locked)" >&2
        exit 0
    fi
    echo "installing cargo-deny ..." >&2
    "$CARGO" install cargo-deny --version '^0.20' --debug --locked --quiet
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
fi
"$CARGO" deny --log-level error check bans licenses sources
echo "cargo-deny: bans, licences and sources are as deny.toml says" >&2
