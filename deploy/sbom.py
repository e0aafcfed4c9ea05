#!/usr/bin/env python3
"""Prints the bill of materials of a service, as CycloneDX 1.5 in JSON.

Usage: sbom.py PACKAGE [TARGET]     TARGET: such as aarch64-unknown-linux-gnu; default: the target of this machine

It lists every crate that is compiled into the program, or runs while it is compiled, at the version of Cargo.lock, with its
licence, its checksum, and what it depends on. The same sources print the same text.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
CARGO = os.environ.get("CARGO", "cargo")
# A release builds the services together, so that each is linked with what any of them needs.
FEATURES = "character-app/message-hub,character-app/storage-service"


def run(*arguments):
    return subprocess.run(arguments, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def host():
    return re.search(r"^host: (.+)$", run("rustc", "-vV"), re.MULTILINE).group(1)


def compiled(name, target):
    """Name and version of every crate that a build of the package compiles, with the features that the build selects."""
    tree = run(
        CARGO, "tree", "--locked", "--package", name, "--features", FEATURES, "--target", target,
        "--edges", "normal,build", "--prefix", "none",
    )
    lines = (line.split(" ") for line in tree.splitlines() if line)
    return {(words[0], words[1].removeprefix("v")) for words in lines}


def spdx(licence):
    # Older crates separate alternatives with a slash.
    return " OR ".join(part.strip() for part in re.split(r"/| OR ", licence))


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def locked_checksums():
    """Of each crate, by name and version. The file is written by Cargo, one value on a line."""
    packages = (ROOT / "Cargo.lock").read_text().split("[[package]]")[1:]
    fields = [dict(re.findall(r'^(name|version|checksum) = "(.*)"$', package, re.MULTILINE)) for package in packages]
    return {(found["name"], found["version"]): found.get("checksum") for found in fields}


def component(package, checksums):
    found = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        # Cargo keeps the licence of a crate with a file of its own out of the expression.
        "licenses": [{"expression": spdx(package["license"])}]
        if package["license"]
        else [{"license": {"name": pathlib.Path(package["license_file"] or "unknown").name}}],
    }
    if package["source"] is not None:
        found["purl"] = reference(package)
        found["hashes"] = [{"alg": "SHA-256", "content": checksums[package["name"], package["version"]]}]
    return found


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: sbom.py PACKAGE [TARGET]")
    name = sys.argv[1]
    target = sys.argv[2] if len(sys.argv) == 3 else host()
    metadata = json.loads(
        run(CARGO, "metadata", "--format-version", "1", "--locked", "--filter-platform", target)
    )
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    names = compiled(name, target)
    needed = {key for key, package in packages.items() if (package["name"], package["version"]) in names}
    roots = [key for key in needed if packages[key]["name"] == name and packages[key]["source"] is None]
    if len(roots) != 1 or len(needed) != len(names):
        sys.exit(f"{name}: cargo tree and cargo metadata differ")
    root = packages[roots[0]]
    checksums = locked_checksums()
    components = [component(packages[key], checksums) for key in needed if key != root["id"]]
    components.sort(key=lambda found: found["bom-ref"])
    dependencies = [
        {
            "ref": reference(packages[key]),
            "dependsOn": sorted({reference(packages[other["pkg"]]) for other in nodes[key]["deps"] if other["pkg"] in needed}),
        }
        for key in needed
    ]
    dependencies.sort(key=lambda found: found["ref"])
    application = component(root, checksums) | {"type": "application"}
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([target, application, components], sort_keys=True))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial.urn,
        "version": 1,
        "metadata": {
            "component": application,
            "properties": [{"name": "rust:target", "value": target}],
        },
        "components": components,
        "dependencies": dependencies,
    }
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()


main()
