//! The systemd units and the Debian packages.

use crate::tools::{SERVICES, output, program, project, run, service, variables};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The highest accepted exposure that `systemd-analyze security` reports, in tenths: 0 is the best, 100 the worst.
const EXPOSURE: &str = "15";

#[test]
fn the_exposure_of_each_unit_is_small() {
    for name in SERVICES {
        let unit = project().join(format!("deploy/systemd/{name}.service"));
        let judge = |threshold: &str, unit: &Path| {
            let mut command = Command::new("systemd-analyze");
            command.args(["security", "--offline=yes", "--no-pager", &format!("--threshold={threshold}")]).arg(unit);
            output(&mut command)
        };
        let judged = judge(EXPOSURE, &unit);
        let (printed, errors) = (String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
        assert!(judged.status.success(), "{printed}\n{errors}");
        assert!(printed.contains("Overall exposure level"), "{printed}\n{errors}");
        assert_eq!(errors, "", "systemd ignores a line of the unit");
        // The same unit without its protection is refused, so the judgement means something.
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join(format!("{name}.service"));
        let text = fs::read_to_string(&unit).unwrap();
        let is_protection =
            |line: &&str| ["Protect", "Private", "Restrict", "SystemCall"].iter().any(|start| line.starts_with(start));
        fs::write(&open, text.lines().filter(|line| !is_protection(line)).collect::<Vec<_>>().join("\n")).unwrap();
        assert!(!judge(EXPOSURE, &open).status.success());
    }
}

/// A package and the folder into which it is unpacked.
struct Package {
    folder: TempDir,
    file: PathBuf,
}

impl Package {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = run(Command::new("deploy/debian-package.sh").arg(program(name)).arg(folder.path()));
        let file = PathBuf::from(file.trim());
        run(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(folder.path().join("root")));
        Self { folder, file }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn field(&self, name: &str) -> String {
        run(Command::new("dpkg-deb").arg("--field").arg(&self.file).arg(name)).trim().to_owned()
    }
}

#[test]
fn a_package_installs_program_unit_user_and_configuration() {
    for name in SERVICES {
        let package = Package::of(name);
        assert_eq!(package.field("Package"), name);
        assert_eq!(package.field("Version"), concat!(env!("CARGO_PKG_VERSION"), "-1"));
        assert!(package.field("Depends").contains("libc6 (>= 2."), "{}", package.field("Depends"));
        let help = run(Command::new(package.path(&format!("usr/bin/{name}"))).arg("--help"));
        assert!(help.contains("LISTEN_ADDR"), "{help}");

        let documents = format!("usr/share/doc/{name}");
        assert!(package.text(&format!("{documents}/copyright")).contains("License: Apache-2.0 or Expat"));
        for file in ["changelog.gz", "changelog.Debian.gz"] {
            let text = run(Command::new("gzip").arg("-dc").arg(package.path(&format!("{documents}/{file}"))));
            assert!(text.contains(if file == "changelog.gz" { "# Changelog" } else { name }), "{file}: {text}");
        }
        the_unit_runs_the_program_of_the_package(&package, name);
        the_configuration_lists_every_variable(&package, name);
        everything_belongs_to_root(&package, name);
        if name == SERVICES[2] {
            let bytes = [package.file, Package::of(name).file].map(|file| fs::read(file).unwrap());
            assert!(bytes[0] == bytes[1], "two packages of one program differ");
        }
    }
}

fn the_unit_runs_the_program_of_the_package(package: &Package, name: &str) {
    // A user and a group of the name in the unit; in a folder of its own, so that this machine stays unchanged.
    let root = package.path("");
    run(Command::new("systemd-sysusers").arg(format!("--root={}", root.display())));
    let unit = package.text(&format!("usr/lib/systemd/system/{name}.service"));
    let value = |setting: &str| unit.lines().find_map(|line| line.strip_prefix(&format!("{setting}="))).unwrap();
    let user = format!("{}:", value("User"));
    assert!(package.text("etc/passwd").lines().any(|line| line.starts_with(&user)), "{user}");
    assert!(package.path(value("ExecStart").trim_start_matches('/')).is_file());
    assert!(package.path(value("EnvironmentFile").trim_start_matches('/')).is_file());
    let stop: u64 = value("TimeoutStopSec").parse().unwrap();
    let shutdown: u64 = variables(name)["SHUTDOWN_SECS"].default.clone().unwrap().parse().unwrap();
    // Calls through the hub and the listener each have SHUTDOWN_SECS, and SQLite has 30 seconds.
    assert!(stop > 2 * shutdown + 2 + 30, "{stop}");
    let folder = package.text(&format!("usr/lib/tmpfiles.d/{name}.conf"));
    assert_eq!(folder, format!("d /etc/{name}/secrets 0750 root {name}\n"));
}

fn the_configuration_lists_every_variable(package: &Package, name: &str) {
    let known = variables(name);
    let text = package.text(&format!("etc/{name}/{name}.env"));
    let settings: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='))
        .filter(|(name, _)| !name.contains(' '))
        .collect();
    for (variable, described) in &known {
        let listed = settings.get(format!("{variable}{}", if described.is_secret { "_FILE" } else { "" }).as_str());
        let default = described.default.clone().unwrap_or_default();
        match variable.as_str() {
            // The unit sets it.
            "DATA_DIR" => assert_eq!(listed, None),
            _ if described.is_secret => {
                assert!(listed.is_some_and(|path| path.starts_with(&format!("/etc/{name}/secrets/"))))
            }
            _ => assert_eq!(listed, Some(&default.as_str()), "{variable}"),
        }
    }
    assert_eq!(settings.len(), known.len() - 1);
    // Every default of the file, uncommented, is what the program does without the file.
    let mut command = service(name).arg("check");
    for (variable, value) in settings.iter().filter(|(_, value)| !value.is_empty() && !value.starts_with("/etc/")) {
        command = command.env(variable, *value);
    }
    if name != "character-service" {
        command =
            command.env("STORAGE_SERVICE_TOKEN", "token-of-the-test").env("MESSAGE_HUB_TOKEN", "token-of-the-test");
    }
    if name == "storage-service" {
        command = command.env("MESSAGE_HUB_URL", "nats://127.0.0.1:1");
    }
    let checked = command.run();
    assert!(matches!(checked.code, Some(0 | 1)), "{checked:?}");
    let conffiles = run(Command::new("dpkg-deb").arg("--info").arg(&package.file).arg("conffiles"));
    assert_eq!(conffiles, format!("/etc/{name}/{name}.env\n"));
}

fn everything_belongs_to_root(package: &Package, name: &str) {
    let list = run(Command::new("dpkg-deb").arg("--contents").arg(&package.file));
    assert!(list.lines().all(|line| line.contains(" root/root ")), "{list}");
    for script in ["postinst", "prerm", "postrm"] {
        let text = run(Command::new("dpkg-deb").arg("--info").arg(&package.file).arg(script));
        assert!(text.starts_with("#!/bin/sh\nset -e\n") && !text.contains('@'), "{text}");
        assert!(script == "postrm" || text.contains(&format!("{name}.service")), "{text}");
    }
    let mode = fs::metadata(package.path(&format!("usr/bin/{name}"))).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}
