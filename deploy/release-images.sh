#!/bin/sh
# Builds, tries, pushes and joins the images of the services. Needs docker, and for `push` and `join` a login at the registry.
#
# Usage: release-images.sh build REPOSITORY VERSION ARCHITECTURE     builds the images of this machine and starts one
#                                                                    SOURCE, where it is set, is the address of the source code
#        release-images.sh push REPOSITORY VERSION ARCHITECTURE      pushes them as REPOSITORY/SERVICE:VERSION-ARCHITECTURE
#        release-images.sh join REPOSITORY VERSION ARCHITECTURE...   makes REPOSITORY/SERVICE:VERSION of those
set -eu

[ $# -ge 4 ] || { echo "usage: release-images.sh build|push|join REPOSITORY VERSION ARCHITECTURE..." >&2; exit 2; }
command=$1 repository=$2 version=$3
shift 3
services='character-service storage-service message-hub'
cd "$(dirname "$0")/.."

# Starts the image as it is meant to run: as its own user, with nothing writable but /data and /tmp.
try() {
    docker volume create release-try >/dev/null
    container=$(docker run --detach --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \
        --volume release-try:/data --publish 127.0.0.1:18000:8000 \
        --env LISTEN_ADDR=0.0.0.0:8000 --env ALLOW_UNAUTHENTICATED=true "$1")
    trap 'docker rm --force "$container" >/dev/null; docker volume rm release-try >/dev/null' EXIT
    curl --fail --silent --show-error --retry 30 --retry-delay 1 --retry-all-errors --max-time 5 \
        http://127.0.0.1:18000/health/ready >/dev/null || { docker logs "$container" >&2; exit 1; }
    docker stop --time 60 "$container" >/dev/null
    status=$(docker inspect --format '{{.State.ExitCode}}' "$container")
    [ "$status" = 0 ] || { docker logs "$container" >&2; echo "$1 ended with status $status" >&2; exit 1; }
}

case $command in
build)
    for service in $services; do
        docker build --file deploy/Dockerfile --target "$service" --build-arg "VERSION=$version" \
            --build-arg "REVISION=$(git rev-parse HEAD)" --build-arg "SOURCE=${SOURCE:-}" --tag "$repository/$service:$version-$1" .
    done
    try "$repository/character-service:$version-$1"
    ;;
push)
    for service in $services; do
        docker push "$repository/$service:$version-$1"
    done
    ;;
join)
    for service in $services; do
        images=
        for architecture in "$@"; do
            images="$images $repository/$service:$version-$architecture"
        done
        # shellcheck disable=SC2086
        docker buildx imagetools create --tag "$repository/$service:$version" $images
    done
    ;;
*)
    echo "release-images.sh: $command is not build, push or join" >&2
    exit 2
    ;;
esac
