#!/bin/sh
# Finds words that hide the meaning of a sentence, in documents, doc comments and descriptions of the API.
#
# Each line of banned-words.tsv is an extended regular expression, a tab, and better words. Also banned are doc comments of
# one word, such as `/// When.`: they repeat a name instead of adding unit, range or default.
set -eu
cd "$(dirname "$0")/.."

# Names of files in links keep their old words.
links='\]\([^)]*\)'

found=$(mktemp)
trap 'rm -f "$found"' EXIT

# Prints `file:line:text` of every line that is read by people: documents, doc comments, descriptions.
sentences() {
    git grep -nE '.' -- '*.md' ':!*/tests/*'
    git grep -nE '^ *//[/!]' -- '*.rs'
    git grep -nE '"(description|summary|title)": "' -- docs/openapi.json docs/asyncapi.json 'crates/*/openapi.json'
    # Log lines, help texts of variables and metrics, and messages of errors.
    git grep -nE '"[^"]* [^"]*"' -- 'crates/*/src/*.rs' ':!crates/*/src/*tests.rs' ':!crates/http-kit/src/tokens.rs' ':!crates/*/src/*/tests/*' | sed -E '/^[^:]*:[0-9]+: *(\/\/|assert|fn )/d'
}
sentences | sed -E "s/$links/]/g" >"$found"

status=0
while IFS="$(printf '\t')" read -r pattern better; do
    if hits=$(grep -nEi "^[^:]*:[0-9]+:.*\\b($pattern)\\b" "$found"); then
        echo "$hits" | sed -E "s/^[0-9]+://; s/\$/\n    \"$pattern\" -> $better/"
        status=1
    fi
done <deploy/banned-words.tsv
if hits=$(grep -E '^[^:]*:[0-9]+: *//[/!] [[:upper:]][[:lower:]]+\.$' "$found"); then
    echo "$hits" | sed 's/$/\n    one word -> say what the name cannot: unit, range, default, who sets it/'
    status=1
fi
exit $status
