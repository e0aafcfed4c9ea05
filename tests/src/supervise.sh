# Keeps one server on behalf of the process at the other end of our standard input, and outlives neither.
#
# Usage: sh -c THIS supervisor FOLDER LOG GRACE_SECONDS PROGRAM [ARGUMENT...]
# Orders, one a line:  start        answers the process id of the server
#                      stop SIGNAL  answers its exit status, 128 + n when signal n ended it
# The end of the input, which also comes when the other process is killed, ends the server and removes FOLDER.
folder=$1 log=$2 grace=$3
shift 3
server=

# A server that ignores the signal is killed after the grace period, so every stop has an end.
stop() {
    kill -s "$1" "$server" 2>/dev/null
    (
        # In steps, because whoever ends this loop leaves its last `sleep` to itself.
        while [ "$grace" -gt 0 ]; do
            grace=$((grace - 1))
            sleep 1
        done
        kill -s KILL "$server"
    ) >/dev/null 2>&1 &
    watchdog=$!
    wait "$server" 2>/dev/null
    status=$?
    kill -s TERM "$watchdog" 2>/dev/null
    wait "$watchdog" 2>/dev/null
    server=
}

while read -r order argument; do
    case $order in
    start)
        "$@" </dev/null >>"$log" 2>&1 &
        server=$!
        echo "$server"
        ;;
    stop)
        stop "$argument"
        echo "$status"
        ;;
    esac
done

[ -z "$server" ] || stop KILL
# A database may need a moment to notice that its main process is gone, and writes into the folder until then.
attempts=0
until rm -rf "$folder" 2>/dev/null || [ "$attempts" -ge 10 ]; do
    attempts=$((attempts + 1))
    sleep 1
done
