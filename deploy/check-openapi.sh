#!/bin/sh
# Holds docs/openapi.json to the rules of Spectral (spectral:oas) and Redocly (recommended), without errors and warnings, and
# has generators of clients read it: openapi-typescript, whose types the strict TypeScript compiler checks, and
# openapi-python-client, which must leave no operation out.
set -eu
cd "$(dirname "$0")/.."
. deploy/packages.sh

target=${CARGO_TARGET_DIR:-target}
document=docs/openapi.json

if ! need_npm; then
    [ -z "${CI:-}" ] || exit 1
    echo "SKIPPED: docs/openapi.json was not checked, because npm is not on this machine" >&2
    exit 0
fi

tools=$target/openapi-tools-2
npm_packages "$tools" @stoplight/spectral-cli@6.16.3 @redocly/cli@2.77.0
# The generators with which deploy/clients.sh makes the clients.
generators=$(deploy/client-tools.sh npm)
generator=$(deploy/client-tools.sh pip)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo 'extends: ["spectral:oas"]' >"$work/spectral.yaml"
node "$tools/node_modules/@stoplight/spectral-cli/dist/index.js" lint --fail-severity=hint \
    --ruleset "$work/spectral.yaml" "$document"

# Redocly fails on errors alone.
REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true node "$tools/node_modules/@redocly/cli/bin/cli.js" lint \
    --extends recommended --format json "$document" >"$work/redocly.json" 2>"$work/redocly.log" || true
python3 - "$work/redocly.json" "$work/redocly.log" <<'END'
import json, sys
text = open(sys.argv[1]).read()
try:
    report = json.loads(text[text.index("{"):])
except ValueError:
    sys.exit("redocly printed no report:\n" + text + open(sys.argv[2]).read())
for problem in report["problems"]:
    place = (problem.get("location") or [{}])[0].get("pointer", "")
    print(f"{problem['severity']} {problem['ruleId']} {place}: {problem['message']}", file=sys.stderr)
sys.exit(1 if report["problems"] else 0)
END

node "$generators/node_modules/openapi-typescript/bin/cli.js" "$document" --output "$work/api.ts" >"$work/typescript.log" 2>&1 ||
    { cat "$work/typescript.log" >&2; exit 1; }
node "$generators/node_modules/typescript/bin/tsc" --strict --noEmit --skipLibCheck false "$work/api.ts"

# It prints warnings for what it leaves out, and they fail the check.
PYTHONPATH=$generator python3 -m openapi_python_client generate --path "$document" --config clients/python/generator.yaml \
    --output-path "$work/python" --meta none --fail-on-warning >"$work/python.log" 2>&1 ||
    { cat "$work/python.log" >&2; exit 1; }
wanted=$(python3 -c 'import json,sys; print(sum(len(item) for item in json.load(open(sys.argv[1]))["paths"].values()))' "$document")
made=$(find "$work/python/api" -name '*.py' ! -name '__init__.py' | wc -l)
[ "$made" = "$wanted" ] || { echo "openapi-python-client made $made of $wanted operations" >&2; exit 1; }
echo "docs/openapi.json: accepted by spectral, redocly, openapi-typescript and openapi-python-client"
