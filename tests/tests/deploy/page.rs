//! `docs/deploying.md` is followed as it is written, as far as one machine allows.

use crate::{
    overlay::{Origin, Overlay},
    tools::{SERVICES, output, program, project, tools},
};
use std::{env, fs, process::Command};

/// A `sh` block and the `text` block after it, which is what it prints; `…` stands for anything within a line.
#[derive(Debug)]
struct Step {
    line: usize,
    command: String,
    output: String,
}

fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = document.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(language) = line.trim_start().strip_prefix("```") else { continue };
        // Blocks within lists are indented; documents within commands keep their own.
        let block: String = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| line.trim() != "```")
            .flat_map(|line| [line.get(indent..).unwrap_or_default(), "\n"])
            .collect();
        match language {
            "sh" => steps.push(Step { line: number + 1, command: block, output: String::new() }),
            "text" => steps.last_mut().expect("a command comes before its output").output = block,
            // Those need a cluster, a registry or root.
            _ => {}
        }
    }
    steps
}

fn matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once('…') {
        None => pattern == line,
        Some((start, end)) => line.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[test]
fn the_page_on_deploying_is_followed_as_it_is_written() {
    let document = fs::read_to_string(project().join("docs/deploying.md")).unwrap();
    let steps = steps(&document);
    assert!(steps.len() >= 8, "only {} steps were found", steps.len());
    let programs = program("character-service");
    let programs = programs.parent().unwrap().to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut script = String::from("set -euo pipefail\n");
    for (index, step) in steps.iter().enumerate() {
        // The tests build another profile than the page does.
        let command = step.command.replace("target/release", programs);
        script += &format!("{{\n{command}}} >\"$STEPS/{index}\"\n");
    }
    let path =
        env::join_paths([tools().join("bin")].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())));
    let mut command = Command::new("bash");
    command.args(["-c", &script]).env("PATH", path.unwrap()).env("TMPDIR", folder.path()).env("STEPS", folder.path());
    let done = output(&mut command);
    let printed = |index: usize| fs::read_to_string(folder.path().join(index.to_string())).unwrap_or_default();
    let reached = (0..steps.len()).take_while(|index| folder.path().join(index.to_string()).exists()).count();
    assert!(
        done.status.success(),
        "docs/deploying.md:{}: {}",
        steps[reached.saturating_sub(1)].line,
        String::from_utf8_lossy(&done.stderr)
    );
    for (index, step) in steps.iter().enumerate() {
        let printed = printed(index);
        let (expected, lines): (Vec<_>, Vec<_>) = (step.output.lines().collect(), printed.lines().collect());
        let is_as_written =
            expected.len() == lines.len() && expected.iter().zip(&lines).all(|(pattern, line)| matches(pattern, line));
        assert!(
            is_as_written || (step.output.is_empty() && printed.is_empty()),
            "docs/deploying.md:{} says\n{}\nand printed\n{printed}",
            step.line,
            step.output
        );
    }
}

#[test]
fn every_command_of_kubectl_on_the_page_names_what_the_overlay_has() {
    let document = fs::read_to_string(project().join("docs/deploying.md")).unwrap();
    let overlay = Overlay::of("prod");
    let namespace = overlay.of_kind("Namespace")[0]["metadata"]["name"].as_str().unwrap();
    let mut secrets = 0;
    for line in document.lines().filter(|line| line.contains("create secret generic")) {
        let name = line.split_whitespace().nth(6).unwrap();
        assert!(line.contains(&format!("-n {namespace} ")) && document.contains(&format!("| `{name}` |")), "{line}");
        secrets += 1;
    }
    assert_eq!(secrets, 4);
    for service in SERVICES {
        for (variable, origin) in overlay.environment(service).iter().filter(|(name, _)| name.ends_with("_FILE")) {
            let Origin::Plain(path) = origin else { panic!("{variable} is a secret") };
            let (secret, key) = overlay.mounted_secret(service, path);
            let row = format!("| `{secret}` | `{key}` |");
            let row = document.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no {row}"));
            assert!(row.contains(service) || row.contains("all three"), "{row}");
            assert!(document.contains(&format!("\"$work/secrets/{key}\"")), "{key}");
        }
    }
}

#[test]
fn the_page_creates_every_certificate_that_the_component_mounts() {
    let document = fs::read_to_string(project().join("docs/deploying.md")).unwrap();
    // What the loop over the services prints is compared with its command.
    assert!(document.contains("\n  secretName: $service-tls\n  dnsNames:\n    - $service\n"));
    for overlay in Overlay::with_tls() {
        for service in SERVICES {
            for variable in ["TLS_CERT_FILE", "TLS_KEY_FILE"] {
                let path = overlay.plain(service, variable).unwrap();
                let (secret, key) = overlay.mounted_secret(service, &path);
                assert!(document.contains(&format!("\n  secretName: {secret}\n")), "{secret}");
                assert!(document.contains(&format!(" | `{key}` | ")), "{key}");
            }
        }
        let namespace = overlay.of_kind("Namespace")[0]["metadata"]["name"].as_str().unwrap();
        assert!(document.contains(&format!("\n  namespace: {namespace}\nspec:\n  secretName: ")), "{namespace}");
    }
}
