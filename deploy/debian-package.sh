#!/bin/sh
# Packs a service into a Debian package: the program, its systemd unit, its user, and a configuration file that lists every
# variable. Prints the path of the package. Needs dpkg-dev.
#
# Usage: debian-package.sh PROGRAM FOLDER     PROGRAM: such as target/release/character-service; FOLDER: for the package
#
# SOURCE_DATE_EPOCH, in seconds since 1970, is the date of everything in the package; default: the last commit.
set -eu

[ $# = 2 ] || { echo "usage: debian-package.sh PROGRAM FOLDER" >&2; exit 2; }
program=$1 folder=$2
name=$(basename "$program")
[ -x "$program" ] || { echo "$program is no program; build it first" >&2; exit 1; }
command -v dpkg-shlibdeps >/dev/null || { echo "dpkg-shlibdeps is missing; install dpkg-dev" >&2; exit 1; }
program=$(realpath "$program")
here=$(cd "$(dirname "$0")" && pwd)
unit=$here/systemd/$name.service
[ -e "$unit" ] || { echo "$unit is missing: $name is no service of this project" >&2; exit 1; }

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
tree=$work/tree

: "${SOURCE_DATE_EPOCH:=$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH
date=$(date --utc --date="@$SOURCE_DATE_EPOCH" --rfc-email)
# `character-service 0.1.0`
version=$("$program" --version | cut -d ' ' -f 2)-1
architecture=$(dpkg --print-architecture)
maintainer='The maintainers of the Character Service <maintainers@character-service.example>'

# ---- the files ----------------------------------------------------------------------------------------------------

documents=$tree/usr/share/doc/$name
install -D -m 755 "$program" "$tree/usr/bin/$name"
install -D -m 644 "$unit" "$tree/usr/lib/systemd/system/$name.service"
install -D -m 644 "$here/debian/copyright" "$documents/copyright"
install -D -m 644 "$here/debian/README.md" "$documents/README.md"
sed -i "s/@NAME@/$name/g" "$documents/README.md"
gzip -9 -n <"$here/../CHANGELOG.md" >"$documents/changelog.gz"
printf '%s (%s) unstable; urgency=medium\n\n  * Version %s. See changelog.gz.\n\n -- %s  %s\n' \
    "$name" "$version" "${version%-1}" "$maintainer" "$date" | gzip -9 -n >"$documents/changelog.Debian.gz"
python3 "$here/sbom.py" "$name" >"$documents/sbom.cdx.json"

mkdir -p "$tree/usr/lib/sysusers.d" "$tree/usr/lib/tmpfiles.d" "$tree/etc/$name"
printf 'u %s - "%s" /var/lib/%s\n' "$name" "$(sed -n 's/^Description=//p' "$unit")" "$name" \
    >"$tree/usr/lib/sysusers.d/$name.conf"
# The service may read the secrets in this folder, and only root may change them.
printf 'd /etc/%s/secrets 0750 root %s\n' "$name" "$name" >"$tree/usr/lib/tmpfiles.d/$name.conf"

# Every variable with its meaning, as the program itself describes it. The comments of the unit say which one is set there.
{
    echo "# The configuration of $name: one NAME=value per line. \`systemctl restart $name\` applies a change."
    echo "# A secret belongs into a file under /etc/$name/secrets, named by the variable with the suffix _FILE."
    echo "# DATA_DIR is /var/lib/$name."
    "$program" --help | sed -n '/^Environment:$/,/^$/p' | sed '1d;$d' | while read -r variable meaning; do
        [ "$variable" != DATA_DIR ] || continue
        default=$(printf '%s' "$meaning" | sed -n 's/.*\[default \(.*\)\].*/\1/p')
        printf '\n# %s\n' "$meaning"
        case $meaning in
        *'[unset]'*'suffix _FILE'*) printf '#%s_FILE=/etc/%s/secrets/%s\n' "$variable" "$name" "$(echo "$variable" | tr 'A-Z_' 'a-z-')" ;;
        *) printf '#%s=%s\n' "$variable" "$default" ;;
        esac
    done
} >"$tree/etc/$name/$name.env"

# ---- what dpkg needs to know --------------------------------------------------------------------------------------

control=$tree/DEBIAN
mkdir -p "$control" "$work/debian"
touch "$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/$name" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$libraries" ] || { echo "dpkg-shlibdeps found no libraries of $program" >&2; exit 1; }
cat >"$control/control" <<END
Package: $name
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -k -s --apparent-size "$tree" | cut -f 1)
Depends: $libraries, ca-certificates, systemd (>= 247)
Section: net
Priority: optional
Description: $("$program" --help | head -n 1)
 A service of the platform for characters of a game. It is configured by
 /etc/$name/$name.env and does not start until it is enabled.
END
echo "/etc/$name/$name.env" >"$control/conffiles"
for script in postinst prerm postrm; do
    sed "s/@NAME@/$name/g" "$here/debian/$script" >"$control/$script"
    chmod 755 "$control/$script"
done
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$control/md5sums"

package=$folder/${name}_${version}_$architecture.deb
# gzip packs the program in a tenth of the time of xz, and every release of dpkg unpacks it.
dpkg-deb --root-owner-group -Zgzip --build "$tree" "$package" >/dev/null
echo "$package"
