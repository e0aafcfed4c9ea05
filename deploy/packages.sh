# shellcheck shell=sh
# Packages of Debian, and pinned ones of npm and pip, each set of these in a folder of its own, so that only the first run
# installs it. Sourced by the scripts that need them.

# apt_packages PACKAGE...: these packages of Debian. Installs them when that is permitted (as root).
apt_packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Not on this machine: $*" >&2
        echo "Install them (Debian, Ubuntu: sudo apt-get install $*) and try again." >&2
        return 1
    fi
    echo "Installing $* ..." >&2
    log=$(mktemp)
    {
        apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
    } </dev/null >"$log" 2>&1 || {
        cat "$log" >&2
        rm -f "$log"
        echo "apt-get could not install $*" >&2
        return 1
    }
    rm -f "$log"
}

# Sees to it that Node.js and npm are there.
need_npm() {
    { command -v node && command -v npm; } >/dev/null || apt_packages nodejs npm
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
