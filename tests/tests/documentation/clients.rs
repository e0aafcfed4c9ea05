//! The clients in `clients/`: each lives the whole life of a character against a real service, and the example of its README
//! prints what its comments say.

use character_tests::Service;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What a command prints; panics with its output when it fails or takes five minutes.
fn run(folder: &Path, environment: &[(&str, &str)], command: &[&str]) -> String {
    let mut limited = Command::new("timeout");
    limited.arg("300").args(command).envs(environment.iter().copied()).current_dir(folder);
    let done = limited.output().expect("timeout is part of every system");
    let (printed, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command:?} failed ({}):\n{printed}\n{errors}", done.status);
    printed.into_owned()
}

/// The folder with the packages that a client needs, which `deploy/client-tools.sh` installs.
fn packages(index: &str) -> String {
    run(&project(), &[], &["deploy/client-tools.sh", index]).trim().to_owned()
}

/// Node.js; version 18, which Debian 12 has, shows programs the `crypto` of browsers and later versions only when it is asked to.
fn node() -> Vec<&'static str> {
    let version = run(&project(), &[], &["node", "--version"]);
    if version.starts_with("v18.") { vec!["node", "--experimental-global-webcrypto"] } else { vec!["node"] }
}

/// The example in the README of a client, and what it prints: the comments at the ends of its lines.
fn example(client: &str, language: &str, comment: &str, service: &Service) -> (String, String) {
    let readme = fs::read_to_string(project().join("clients").join(client).join("README.md")).unwrap();
    let (_, rest) = readme.split_once(&format!("```{language}\n")).expect("the README has an example");
    let (example, _) = rest.split_once("```\n").expect("the example has an end");
    assert!(example.contains("http://localhost:8000"), "{example}");
    let printed: String = example
        .lines()
        .filter_map(|line| line.split_once(&format!(" {comment} ")))
        .flat_map(|(_, text)| [text, "\n"])
        .collect();
    (example.replace("http://localhost:8000", &service.url("")), printed)
}

#[test]
fn the_typescript_client_compiles_strictly_and_lives_the_life_of_a_character() {
    let service = Service::character().start();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let source = project().join("clients/typescript");
    for part in ["package.json", "tsconfig.json", "src", "test"] {
        run(&source, &[], &["cp", "-r", part, folder.to_str().unwrap()]);
    }
    symlink(Path::new(&packages("npm")).join("node_modules"), folder.join("node_modules")).unwrap();
    let (example, expected) = example("typescript", "ts", "//", &service);
    fs::write(folder.join("test/readme.ts"), example).unwrap();
    // The package, and then what uses it as others do.
    for program in [&["."][..], &["test"]] {
        let compiler = ["node", "node_modules/typescript/bin/tsc", "--project"];
        run(folder, &[], &[&compiler[..], program].concat());
    }
    let node = node();
    let life = ["dist-test/life.js", &service.url("")];
    assert_eq!(run(folder, &[], &[&node[..], &life].concat()), "the character has lived\n");
    assert_eq!(run(folder, &[], &[&node[..], &["dist-test/readme.js"]].concat()), expected);
    assert_eq!(expected.lines().count(), 2);
}

#[test]
fn the_python_client_lives_the_life_of_a_character_with_and_without_asyncio() {
    let service = Service::character().start();
    let folder = tempfile::tempdir().unwrap();
    let source = project().join("clients/python");
    let path = format!("{}:{}", packages("pip"), source.display());
    let environment = [("PYTHONPATH", path.as_str()), ("PYTHONDONTWRITEBYTECODE", "1")];
    let python = |program: &Path, arguments: &[&str]| {
        run(folder.path(), &environment, &[&["python3", "-W", "error", program.to_str().unwrap()], arguments].concat())
    };
    assert_eq!(python(&source.join("test/life.py"), &[&service.url("")]), "the character has lived\n");
    let (example, expected) = example("python", "python", "#", &service);
    let program = folder.path().join("readme.py");
    fs::write(&program, example).unwrap();
    assert_eq!(python(&program, &[]), expected);
    assert_eq!(expected.lines().count(), 2);
}
