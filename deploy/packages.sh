# shellcheck shell=sh
# Pinned packages of npm and pip, each set in a folder of its own under target/, so that only the first run installs it. Sourced by the
# checks that need them.

# Sees to it that Node.js and npm are there. Installs them with apt-get when that is permitted (as root).
need_npm() {
    if command -v node >/dev/null && command -v npm >/dev/null; then
        return 0
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Not on this machine: nodejs npm" >&2
        echo "Install them (Debian, Ubuntu: sudo apt-get install nodejs npm) and try again." >&2
        return 1
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
        return 1
    }
    rm -f "$log"
}

# npm_packages FOLDER PACKAGE@VERSION...: these packages, in this folder.
npm_packages() {
    folder=$1
    shift
    [ ! -d "$folder" ] || return 0
    mkdir -p "$(dirname "$folder")"
    # Moved into its place when it is complete, so an interrupted installation leaves nothing that would be used.
    new=$(mktemp -d "$folder.XXXXXX")
    echo '{ "private": true }' >"$new/package.json"
    timeout 300 npm install --prefix "$new" --ignore-scripts --no-audit --no-fund --no-package-lock --silent \
        "$@" </dev/null >&2 || {
        rm -rf "$new"
        echo "npm could not install $*; it needs the npm registry once" >&2
        return 1
    }
    # mktemp permits the folder to one user.
    chmod 755 "$new"
    mv -T "$new" "$folder" 2>/dev/null || { rm -rf "$new"; [ -d "$folder" ]; }
}

# pip_packages FOLDER PACKAGE==VERSION...: these packages of Python, in this folder.
pip_packages() {
    folder=$1
    shift
    [ ! -d "$folder" ] || return 0
    mkdir -p "$(dirname "$folder")"
    new=$(mktemp -d "$folder.XXXXXX")
    PIP_ROOT_USER_ACTION=ignore timeout 300 python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --target "$new" \
        "$@" </dev/null >&2 || {
        rm -rf "$new"
        echo "pip could not install $*; it needs the Python package index once" >&2
        return 1
    }
    chmod 755 "$new"
    mv -T "$new" "$folder" 2>/dev/null || { rm -rf "$new"; [ -d "$folder" ]; }
}
