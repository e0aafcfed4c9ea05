#!/bin/sh
# Writes the files of the image of a service into a folder: the program with its libraries, certificates of authorities, the
# user that it runs as, and its bill of materials. No shell and no other program. deploy/Dockerfile copies the folder into an
# empty image.
#
# Usage: image-tree.sh PROGRAM FOLDER     PROGRAM: such as target/release/character-service; FOLDER must not exist
set -eu

user=65532

[ $# = 2 ] || { echo "usage: image-tree.sh PROGRAM FOLDER" >&2; exit 2; }
program=$1 folder=$2
name=$(basename "$program")
[ -x "$program" ] || { echo "$program is no program; build it first" >&2; exit 1; }
[ ! -e "$folder" ] || { echo "$folder exists already; name a new folder" >&2; exit 1; }
certificates=/etc/ssl/certs/ca-certificates.crt
[ -r "$certificates" ] || { echo "$certificates is missing; install ca-certificates" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)

# The folder appears when it is complete.
new=$folder.partial
rm -rf "$new"
trap 'rm -rf "$new"' EXIT
umask 022
mkdir -p "$new/usr/bin" "$new/etc/ssl/certs" "$new/tmp" "$new/data" "$new/usr/share/doc/$name" "$new/usr/share/sbom"
# Where a container runtime mounts its own file systems.
mkdir -p "$new/proc" "$new/dev" "$new/sys" "$new/run"

install -m 755 "$program" "$new/usr/bin/$name"

# The loader and every shared library, under the path at which the program searches for it. A static program has none.
if libraries=$(ldd "$program" 2>/dev/null); then
    missing=$(echo "$libraries" | grep 'not found' || true)
    [ -z "$missing" ] || { echo "$program needs libraries that are not on this machine: $missing" >&2; exit 1; }
    echo "$libraries" | grep -o '/[^ ]*' | sort -u | while read -r library; do
        mkdir -p "$new$(dirname "$library")"
        cp -L "$library" "$new$library"
    done
fi

install -m 644 "$certificates" "$new/etc/ssl/certs/ca-certificates.crt"
# Names are found as on the host: first in /etc/hosts, which the container runtime writes, then by DNS.
echo 'hosts: files dns' >"$new/etc/nsswitch.conf"
printf 'root:x:0:0:root:/:/sbin/nologin\nservice:x:%s:%s:%s:/data:/sbin/nologin\n' "$user" "$user" "$name" >"$new/etc/passwd"
printf 'root:x:0:\nservice:x:%s:\n' "$user" >"$new/etc/group"
install -m 644 "$here/../LICENSE-MIT" "$here/../LICENSE-APACHE" "$new/usr/share/doc/$name/"
python3 "$here/sbom.py" "$name" >"$new/usr/share/sbom/$name.cdx.json"

chmod 1777 "$new/tmp"
chmod 700 "$new/data"
# Only root can give files away; in an image everything else belongs to root.
[ "$(id -u)" != 0 ] || chown "$user:$user" "$new/data"

mv -T "$new" "$folder"
