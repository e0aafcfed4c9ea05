#!/bin/sh
# client-tools.sh npm: prints the folder with the packages that clients/typescript/package.json names, in `node_modules`.
# client-tools.sh pip: prints the folder with the packages of clients/python/requirements-dev.txt, a PYTHONPATH.
# Installs them there when they are missing, into the cache of this user.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
clients=$(dirname "$here")/clients
cache=${XDG_CACHE_HOME:-$HOME/.cache}/character-tests
# shellcheck source=deploy/packages.sh
. "$here/packages.sh"

case ${1:-} in
npm)
    need_npm
    node --eval 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' || {
        echo "the TypeScript client needs Node.js 18 or later; this is $(node --version)" >&2
        exit 1
    }
    packages=$(node --print '
        const { dependencies, devDependencies } = JSON.parse(fs.readFileSync(process.argv[1]));
        Object.entries({ ...dependencies, ...devDependencies }).map((entry) => entry.join("@")).join(" ")
    ' "$clients/typescript/package.json")
    # Another list is another folder.
    folder=$cache/client-npm-$(echo "$packages" | cksum | cut -d ' ' -f 1)
    # shellcheck disable=SC2086
    npm_packages "$folder" $packages
    echo "$folder"
    ;;
pip)
    folder=$cache/client-pip-$({ cat "$clients/python/requirements-dev.txt" && python3 --version; } | cksum | cut -d ' ' -f 1)
    pip_packages "$folder" --requirement "$clients/python/requirements-dev.txt"
    echo "$folder"
    ;;
*)
    echo "usage: client-tools.sh npm|pip" >&2
    exit 2
    ;;
esac
