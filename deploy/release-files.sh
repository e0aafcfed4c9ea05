#!/bin/sh
# Packs the programs of this machine's architecture as a release: one archive of all three services, one Debian package and one
# bill of materials for each.
#
# Usage: release-files.sh VERSION BINARIES FOLDER     such as: release-files.sh 0.1.0 target/release release
set -eu

[ $# = 3 ] || { echo "usage: release-files.sh VERSION BINARIES FOLDER" >&2; exit 2; }
version=$1 binaries=$2 folder=$3
here=$(cd "$(dirname "$0")" && pwd)
architecture=$(dpkg --print-architecture)
name=character-platform-$version-$architecture
services='character-service storage-service message-hub'

for service in $services; do
    [ -x "$binaries/$service" ] || { echo "$binaries/$service is missing; make dist builds it" >&2; exit 1; }
    built=$("$binaries/$service" --version | cut -d ' ' -f 2)
    [ "$built" = "$version" ] || { echo "$service has version $built, not $version; set it in Cargo.toml" >&2; exit 1; }
done

mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name
mkdir "$tree"
cp "$here/../LICENSE-MIT" "$here/../LICENSE-APACHE" "$here/../CHANGELOG.md" "$tree/"
cp -r "$here/systemd" "$here/k8s" "$tree/"
for service in $services; do
    install -m 755 "$binaries/$service" "$tree/$service"
    python3 "$here/sbom.py" "$service" >"$folder/$service-$version-$architecture.cdx.json"
    "$here/debian-package.sh" "$binaries/$service" "$folder" >/dev/null
done
: "${SOURCE_DATE_EPOCH:=$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)}"
tar --create --directory "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$name" |
    gzip -n >"$folder/$name.tar.gz"
ls "$folder"
