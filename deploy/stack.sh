#!/usr/bin/env bash
# Starts the whole platform on loopback and keeps it until Ctrl-C or TERM, then stops it in reverse order:
#   PostgreSQL, Redis and NATS  <-  message-hub  <-  storage-service  <-  character-service
#
# Usage: stack.sh [FOLDER_OF_THE_BINARIES]     (target/quick)
#
# Environment, with defaults:
#   STACK_DIR              where data and logs are kept between starts    ./.stack
#   STACK_CHARACTER_ADDR   where the Character Service listens            127.0.0.1:8000
#   STACK_STORAGE_ADDR     where the Storage Service listens              127.0.0.1:8100
#   STACK_HUB_ADDR         where the Message Hub listens                  127.0.0.1:8200
#   STACK_CHARACTER_ADMIN_ADDR  admin listener of the Character Service   127.0.0.1:8001
#   STACK_STORAGE_ADMIN_ADDR    admin listener of the Storage Service     127.0.0.1:8101
#   STACK_HUB_ADMIN_ADDR        admin listener of the Message Hub         127.0.0.1:8201
#   STACK_POSTGRES_PORT    port of PostgreSQL on 127.0.0.1                54320
#   STACK_REDIS_PORT       port of Redis on 127.0.0.1                     63790
#   STACK_NATS_PORT        port of NATS on 127.0.0.1                      42220
# Passwords and tokens are new at each start, known to nobody but the user who starts it, and in files under
# STACK_DIR/secrets. Everything else (LOG_FORMAT, REDIS_CACHE_TTL, ...) reaches the services as it is; addresses do not,
# because two services cannot share one. ADMIN_ADDR, when set, is the one of the Character Service.
set -euo pipefail

binaries=${1:-target/quick}
stack=${STACK_DIR:-.stack}
character_address=${STACK_CHARACTER_ADDR:-127.0.0.1:8000}
storage_address=${STACK_STORAGE_ADDR:-127.0.0.1:8100}
hub_address=${STACK_HUB_ADDR:-127.0.0.1:8200}
character_admin=${STACK_CHARACTER_ADMIN_ADDR:-${ADMIN_ADDR:-127.0.0.1:8001}}
storage_admin=${STACK_STORAGE_ADMIN_ADDR:-127.0.0.1:8101}
hub_admin=${STACK_HUB_ADMIN_ADDR:-127.0.0.1:8201}
postgres_port=${STACK_POSTGRES_PORT:-54320}
redis_port=${STACK_REDIS_PORT:-63790}
nats_port=${STACK_NATS_PORT:-42220}

unset HEALTH_ADDR

start_seconds=60
stop_seconds=30

mkdir -p "$stack/postgres" "$stack/redis" "$stack/nats" "$stack/secrets"
stack=$(cd "$stack" && pwd)
processes=$stack/processes
secrets=$stack/secrets
chmod 700 "$stack/redis" "$stack/nats" "$secrets"
# What is made from here on is for its owner alone.
umask 077

fail() {
    echo "stack: $*" >&2
    exit 1
}

# ---- processes: started in order, stopped in reverse ------------------------------------------------------------

names=() ids=() signals=()

# start NAME STOP_SIGNAL COMMAND... : its output goes to $stack/NAME.log
# Job control gives the server a process group of its own: Ctrl-C reaches this script alone, and the order is ours. It
# is on for the start only, because foreground commands would take the terminal, and Ctrl-C with it, from this script.
start() {
    local name=$1 signal=$2
    shift 2
    set -m
    "$@" </dev/null >"$stack/$name.log" 2>&1 9>&- &
    set +m
    names+=("$name") ids+=("$!") signals+=("$signal")
    echo "$!" >>"$processes"
}

# ready NAME CHECK... : waits until the check succeeds, as long as the process lives and no longer than a minute
ready() {
    local name=$1 end=$((SECONDS + start_seconds)) id=${ids[-1]}
    shift
    until "$@"; do
        kill -0 "$id" 2>/dev/null || give_up "$name ended"
        [ "$SECONDS" -lt "$end" ] || give_up "$name is not ready after $start_seconds s"
        sleep 0.2
    done
}

give_up() {
    echo "stack: $1; the end of its log:" >&2
    tail -n 20 "$stack/$name.log" >&2
    exit 1
}

stop_all() {
    local status=$? last id watchdog
    trap '' INT TERM HUP
    for ((last = ${#ids[@]} - 1; last >= 0; last--)); do
        id=${ids[last]}
        kill -s "${signals[last]}" "$id" 2>/dev/null || continue
        echo "stopping ${names[last]}"
        # Bounded: whoever does not follow in time is killed.
        set -m
        (
            sleep "$stop_seconds"
            kill -s KILL "$id" 2>/dev/null
        ) 9>&- &
        set +m
        watchdog=$!
        wait "$id" 2>/dev/null || true
        kill -s KILL -- "-$watchdog" 2>/dev/null || true
        wait "$watchdog" 2>/dev/null || true
    done
    : >"$processes"
    exit "$status"
}

# Should this very script be killed, the pipe that it alone holds open closes, and the guard kills what is left.
: >"$processes"
exec 9> >(
    trap '' INT TERM HUP
    cat >/dev/null
    while read -r id; do kill -s KILL "$id" 2>/dev/null || true; done <"$processes"
)
trap stop_all EXIT
# INT and TERM are the way to end the stack, not a failure of it.
trap 'exit 0' INT TERM HUP

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# ---- checks -----------------------------------------------------------------------------------------------------

# in_use ADDRESS:PORT
in_use() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

is_live() {
    local line=
    {
        exec 3<>"/dev/tcp/${1%:*}/${1##*:}" || return 1
        printf 'GET /health/live HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" >&3
        read -r -t 2 line <&3 || true
        exec 3>&-
    } 2>/dev/null
    [[ $line == "HTTP/1.1 200"* ]]
}

for address in "$character_address" "$storage_address" "$hub_address" "$character_admin" "$storage_admin" "$hub_admin" \
    "127.0.0.1:$postgres_port" "127.0.0.1:$redis_port" \
    "127.0.0.1:$nats_port"; do
    ! in_use "$address" || fail "something listens on $address already"
done
for binary in message-hub storage-service character-service; do
    [ -x "$binaries/$binary" ] || fail "$binaries/$binary is missing; \`make stack\` builds it"
done
"$(dirname "$0")/test-dependencies.sh"

# ---- PostgreSQL -------------------------------------------------------------------------------------------------

postgres_programs=$(command -v initdb || find /usr/lib/postgresql/*/bin -name initdb | sort -V | tail -n 1)
postgres_programs=$(dirname "$(readlink -f "$postgres_programs")")
postgres_home=$stack/postgres

# PostgreSQL refuses to run as root, so root runs it as someone else.
as_postgres=()
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    as_postgres=(setpriv "--reuid=$(id -u "$user")" "--regid=$(id -g "$user")" --clear-groups)
    if ! "${as_postgres[@]}" test -x "$stack" 2>/dev/null; then
        # A checkout under /root, which nobody else may enter.
        postgres_home=/var/tmp/character-stack-$(printf '%s' "$stack" | cksum | cut -d ' ' -f 1)
        # Others may write there: a link of theirs must not lead us elsewhere.
        [ ! -L "$postgres_home" ] || fail "$postgres_home is a link; remove it"
        mkdir -p "$postgres_home"
        echo "PostgreSQL may not enter $stack and keeps its data in $postgres_home"
    fi
    chown "$(id -u "$user"):$(id -g "$user")" "$postgres_home"
fi
chmod 700 "$postgres_home"
cd "$stack"

if [ ! -e "$postgres_home/data/PG_VERSION" ]; then
    (cd / && "${as_postgres[@]}" "$postgres_programs/initdb" --username=postgres --auth=reject --encoding=UTF8 --locale=C \
        --pgdata="$postgres_home/data") >"$stack/initdb.log" 2>&1 || { cat "$stack/initdb.log" >&2; exit 1; }
fi
# Neither is ever an argument, which other users could read.
postgres_password=$(random)
printf "ALTER ROLE postgres PASSWORD '%s'\n" "$postgres_password" |
    (cd / && "${as_postgres[@]}" "$postgres_programs/postgres" --single -D "$postgres_home/data" postgres) \
        >"$stack/postgres-password.log" 2>&1 || { cat "$stack/postgres-password.log" >&2; exit 1; }
printf '%s\n' 'local all all scram-sha-256' 'host all all 127.0.0.1/32 scram-sha-256' >"$postgres_home/data/pg_hba.conf"
printf '%s' "postgres://postgres:$postgres_password@127.0.0.1:$postgres_port/postgres" >"$secrets/database-url"
start postgres INT "${as_postgres[@]}" "$postgres_programs/postgres" -D "$postgres_home/data" -k "$postgres_home" \
    -h 127.0.0.1 -p "$postgres_port"
ready postgres "$postgres_programs/pg_isready" --quiet --host=127.0.0.1 --port="$postgres_port"

# ---- Redis ------------------------------------------------------------------------------------------------------

redis_password=$(random)
printf '%s\n' 'bind 127.0.0.1' "port $redis_port" "dir \"$stack/redis\"" 'save ""' 'appendonly no' \
    "requirepass $redis_password" >"$stack/redis/redis.conf"
printf '%s' "redis://default:$redis_password@127.0.0.1:$redis_port/0" >"$secrets/redis-url"
start redis TERM redis-server "$stack/redis/redis.conf"
redis_answers() { [ "$(REDISCLI_AUTH=$redis_password redis-cli -h 127.0.0.1 -p "$redis_port" PING 2>/dev/null)" = PONG ]; }
ready redis redis_answers

# ---- NATS -------------------------------------------------------------------------------------------------------

nats_password=$(random)
printf '%s\n' "listen: \"127.0.0.1:$nats_port\"" "jetstream { store_dir: \"$stack/nats/jetstream\" }" \
    "authorization { user: \"hub\", password: \"$nats_password\" }" >"$stack/nats/nats.conf"
printf '%s' "nats://hub:$nats_password@127.0.0.1:$nats_port" >"$secrets/nats-url"
start nats TERM nats-server -c "$stack/nats/nats.conf"
ready nats in_use "127.0.0.1:$nats_port"

# ---- the services -----------------------------------------------------------------------------------------------

random >"$secrets/storage-token"
random >"$secrets/hub-token"
cd "$OLDPWD"

# Nobody has to turn to another instance when these end.
export DRAIN_SECS=0

start message-hub TERM env \
    LISTEN_ADDR="$hub_address" ADMIN_ADDR="$hub_admin" DATA_DIR="$stack/message-hub" MESSAGE_HUB_TOKEN_FILE="$secrets/hub-token" \
    NATS_URL_FILE="$secrets/nats-url" \
    "$binaries/message-hub"
ready message-hub is_live "$hub_address"

start storage-service TERM env \
    LISTEN_ADDR="$storage_address" ADMIN_ADDR="$storage_admin" DATA_DIR="$stack/storage-service" STORAGE_SERVICE_TOKEN_FILE="$secrets/storage-token" \
    DATABASE_URL_FILE="$secrets/database-url" ADVERTISE_URL="http://$storage_address" \
    MESSAGE_HUB_URL="http://$hub_address" MESSAGE_HUB_TOKEN_FILE="$secrets/hub-token" \
    "$binaries/storage-service"
ready storage-service is_live "$storage_address"

start character-service TERM env \
    LISTEN_ADDR="$character_address" ADMIN_ADDR="$character_admin" DATA_DIR="$stack/character-service" \
    STORAGE_SERVICE_URL="http://$storage_address" STORAGE_SERVICE_TOKEN_FILE="$secrets/storage-token" \
    REDIS_URL_FILE="$secrets/redis-url" MESSAGE_HUB_URL="http://$hub_address" MESSAGE_HUB_TOKEN_FILE="$secrets/hub-token" \
    "$binaries/character-service"
ready character-service is_live "$character_address"

cat <<END

  Character Service   http://$character_address        API docs: http://$character_address/docs
  Storage Service     http://$storage_address        token in $secrets/storage-token
  Message Hub         http://$hub_address        token in $secrets/hub-token
  admin listeners     http://$character_admin/admin/storage  http://$storage_admin/admin/storage  http://$hub_admin/admin/hub
  PostgreSQL          127.0.0.1:$postgres_port             psql "\$(cat $secrets/database-url)"
  Redis               127.0.0.1:$redis_port             redis-cli -u "\$(cat $secrets/redis-url)"
  NATS                127.0.0.1:$nats_port             nats --server "\$(cat $secrets/nats-url)" stream ls
  data and logs       $stack

Ctrl-C stops everything.
END

# Any of them ending by itself ends the stack.
set +e
wait -n "${ids[@]}"
for index in "${!ids[@]}"; do
    name=${names[index]}
    kill -0 "${ids[index]}" 2>/dev/null || give_up "$name ended"
done
