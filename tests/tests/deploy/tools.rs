//! The programs that these tests start, and what the services say of their own variables.

use character_tests::{Service, ServiceBuilder, service_program};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};
use tempfile::TempDir;

/// The services that are deployed.
pub(crate) const SERVICES: [&str; 3] = ["character-service", "storage-service", "message-hub"];

/// The root of the project.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs a command in the root of the project; panics with its output when it fails.
pub(crate) fn run(command: &mut Command) -> String {
    let output = output(command);
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed ({}):\n{printed}\n{errors}", output.status);
    printed.into_owned()
}

/// Runs a command in the root of the project.
pub(crate) fn output(command: &mut Command) -> Output {
    command.current_dir(project()).output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"))
}

/// The folder of kubectl and the tools that check manifests, which `deploy/deployment-tools.sh` installs.
pub(crate) fn tools() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| run(&mut Command::new("deploy/deployment-tools.sh")).trim().into())
}

/// One of those tools.
pub(crate) fn tool(name: &str) -> Command {
    let mut command = Command::new(tools().join("bin").join(name));
    command.env("PYTHONPATH", tools());
    command
}

/// The program of a service without its symbols, as the profile of releases builds it.
pub(crate) fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for service in SERVICES {
            run(Command::new("strip").arg("-o").arg(folder.path().join(service)).arg(service_program(service)));
        }
        folder
    });
    folder.path().join(name)
}

/// The builder of a service by its name.
pub(crate) fn service(name: &str) -> ServiceBuilder {
    match name {
        "character-service" => Service::character(),
        "storage-service" => Service::storage(),
        "message-hub" => Service::message_hub(),
        _ => panic!("{name} is no service"),
    }
}

/// A variable as `--help` describes it.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) default: Option<String>,
    pub(crate) is_secret: bool,
}

/// Every variable that the service reads, by its name.
pub(crate) fn variables(name: &str) -> BTreeMap<String, Variable> {
    let help = service(name).arg("--help").run();
    assert_eq!(help.code, Some(0), "{help:?}");
    let (_, table) = help.output.split_once("\nEnvironment:\n").expect("the variables are a part of the help");
    let (table, _) = table.split_once("\n\n").expect("the files and the signals follow");
    let variables: BTreeMap<_, _> = table
        .lines()
        .map(|line| {
            let (name, meaning) = line.trim().split_once(' ').expect("a name and a meaning");
            let default = meaning.rsplit_once("[default ").and_then(|(_, rest)| rest.split_once(']'));
            let default = default.map(|(default, _)| default.to_owned());
            // What has a default and may come from a file is a setting that changes while the service runs.
            let is_secret = default.is_none() && meaning.contains("suffix _FILE");
            (name.to_owned(), Variable { default, is_secret })
        })
        .collect();
    assert!(variables.len() > 15, "{variables:?}");
    variables
}
