#!/bin/sh
# Writes the generated parts of the clients, from docs/openapi.json.
# With --check, writes nothing: fails when they are not as they would be written, and checks the Python client by mypy and ruff.
# (`make test` compiles the TypeScript client strictly, and runs both.)
set -eu
cd "$(dirname "$0")/.."
. deploy/packages.sh

if ! need_npm; then
    [ -z "${CI:-}" ] && [ "${1:-}" = --check ] || exit 1
    echo "SKIPPED: the clients were not checked, because npm is not on this machine" >&2
    exit 0
fi

document=docs/openapi.json
npm=$(deploy/client-tools.sh npm)
pip=$(deploy/client-tools.sh pip)
python=clients/python
package=$python/character_service_client
typescript=clients/typescript/src/generated
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A field with a default is one that a request may leave out.
mkdir "$work/typescript"
node "$npm/node_modules/openapi-typescript/bin/cli.js" "$document" --default-non-nullable=false \
    --output "$work/typescript/api.ts" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

# The name of the folder is that of the package.
python3 "$python/prepare_document.py" "$document" >"$work/document.json"
PYTHONPATH=$pip python3 -m openapi_python_client generate --path "$work/document.json" --config "$python/generator.yaml" \
    --custom-template-path "$python/templates" --output-path "$work/generated" --meta none --fail-on-warning \
    >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
"$pip/bin/ruff" check --isolated --quiet --no-cache --fix-only --select I,F401 --target-version py311 "$work/generated"
"$pip/bin/ruff" format --isolated --quiet --no-cache --line-length 120 --target-version py311 "$work/generated"

if [ "${1:-}" != --check ]; then
    rm -rf "$typescript" "$package/generated"
    cp -r "$work/typescript" "$typescript"
    cp -r "$work/generated" "$package/generated"
    exit 0
fi

if ! diff -r --brief --exclude=__pycache__ "$work/typescript" "$typescript" ||
    ! diff -r --brief --exclude=__pycache__ "$work/generated" "$package/generated"; then
    echo "the clients are not those of $document; run make clients" >&2
    exit 1
fi
"$pip/bin/ruff" format --quiet --no-cache --check --exclude generated "$python" ||
    { echo "run ruff format on $python" >&2; exit 1; }
"$pip/bin/ruff" check --quiet --no-cache --exclude generated "$python"
# shellcheck disable=SC2016
sed -n '/^```python$/,/^```$/{/^```/!p;}' "$python/README.md" >"$work/readme.py"
for checked in "--package character_service_client" "$python/test/life.py" "$work/readme.py"; do
    # shellcheck disable=SC2086
    PYTHONPATH=$pip MYPYPATH=$python python3 -m mypy --config-file "$python/pyproject.toml" --cache-dir "$work/mypy" \
        --no-error-summary $checked
done
echo "clients: as docs/openapi.json says"
