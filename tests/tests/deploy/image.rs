//! The files of the images: the programs are started with nothing else in view, read-only, as a user without rights.

use crate::{
    support::{client, send, sheet, until},
    tools::{SERVICES, program, project, run},
};
use character_tests::{free_port, required_program};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The user of the images.
const USER: u32 = 65532;
const PATIENCE: Duration = Duration::from_secs(60);

/// The files of an image, as `deploy/image-tree.sh` writes them.
struct Image {
    service: &'static str,
    folder: TempDir,
}

impl Image {
    fn of(service: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The user of the image must reach its files.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let script = project().join("deploy/image-tree.sh");
        run(Command::new(script).arg(program(service)).arg(folder.path().join("tree")));
        Self { service, folder }
    }

    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// Every regular file, with its path in the image and its mode.
    fn files(&self) -> Vec<(String, u32)> {
        let mut waiting = vec![self.tree()];
        let mut files = Vec::new();
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                let path = entry.path();
                if kind.is_dir() {
                    waiting.push(path);
                } else {
                    let mode = entry.metadata().unwrap().permissions().mode();
                    files.push((path.strip_prefix(self.tree()).unwrap().display().to_string(), mode));
                }
            }
        }
        files
    }

    /// Starts the program as the process 1 of a container. `run` is a user without rights on this machine; when the tests do
    /// not run as root it is the user of the tests, which the container sees as the user of the image.
    fn start(&self, environment: &[(&str, &str)]) -> Container {
        let data = self.folder.path().join("data");
        if !data.exists() {
            fs::create_dir(&data).unwrap();
            fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
            if is_root() {
                chown(&data, Some(USER), Some(USER)).unwrap();
            }
        }
        // Container runtimes write this file.
        fs::write(self.tree().join("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
        let status = self.folder.path().join("status");
        let sandbox = required_program("bwrap", "bubblewrap");
        // The third descriptor is where the sandbox reports the id of the process.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 3>\"$0\""]).arg(&status);
        if is_root() {
            command.args(["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--no-new-privs", "--"]);
        }
        command.arg(sandbox).args(["--json-status-fd", "3", "--unshare-user", "--unshare-pid", "--unshare-ipc"]);
        command.args(["--unshare-uts", "--as-pid-1", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
        command.args(["--uid", "65532", "--gid", "65532", "--clearenv", "--ro-bind"]).arg(self.tree()).arg("/");
        command.arg("--bind").arg(data).args(["/data", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]);
        for (name, value) in [("DATA_DIR", "/data")].iter().chain(environment) {
            command.args(["--setenv", name, value]);
        }
        command.args(["--chdir", "/", "--"]).arg(format!("/usr/bin/{}", self.service));
        let log = self.folder.path().join("log");
        let file = fs::File::create(&log).unwrap();
        let process = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Container { service: self.service, process, status, log }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// A running program of an image.
struct Container {
    service: &'static str,
    process: Child,
    status: PathBuf,
    log: PathBuf,
}

impl Container {
    /// The process id of the program, as this machine sees it.
    fn pid(&self) -> u32 {
        let text = fs::read_to_string(&self.status).unwrap();
        let first: Value = serde_json::from_str(text.lines().next().expect("the sandbox reports it first")).unwrap();
        first["child-pid"].as_u64().unwrap().try_into().unwrap()
    }

    /// `SIGTERM`; the exit status.
    async fn terminate(mut self) -> i32 {
        run(Command::new("kill").args(["-TERM", &self.pid().to_string()]));
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "{} does not end", self.service);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A line of `/proc/<pid>/status`.
    fn status_line(&self, name: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel writes it");
        line.split_whitespace().next().unwrap().to_owned()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- {} ----\n{}", self.service, fs::read_to_string(&self.log).unwrap_or_default());
        }
        // An error means that it has ended, which is what is wanted.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_images_serve_the_whole_platform_read_only_and_without_rights() {
    let images = SERVICES.map(Image::of);
    let [characters, storage, hub] = &images;
    let ports = [free_port(), free_port(), free_port()];
    let listen = ports.map(|port| format!("127.0.0.1:{port}"));
    // A name, so that the image must find it.
    let url = ports.map(|port| format!("http://localhost:{port}"));
    let tokens = [("STORAGE_SERVICE_TOKEN", "token-of-the-storage"), ("MESSAGE_HUB_TOKEN", "token-of-the-hub")];
    let hub_url = ("MESSAGE_HUB_URL", url[2].as_str());
    let storage_url = ("STORAGE_SERVICE_URL", url[1].as_str());
    let [storage_token, hub_token] = tokens;
    let hub_container = hub.start(&[hub_token, ("LISTEN_ADDR", &listen[2])]);
    let storage_container = storage.start(&[storage_token, hub_token, hub_url, ("LISTEN_ADDR", &listen[1])]);
    let listen = ("LISTEN_ADDR", listen[0].as_str());
    let character_container = characters.start(&[storage_token, hub_token, storage_url, hub_url, listen]);
    for port in ports {
        let live = || client().get(format!("http://127.0.0.1:{port}/health/live"));
        until(PATIENCE, "a program of an image", live, |answer| answer.status == 200).await;
    }
    let health = || client().get(format!("http://127.0.0.1:{}/health", ports[0]));
    until(PATIENCE, "the storage and the hub by their names", health, |answer| answer.body["status"] == "ok").await;

    let collection = format!("http://127.0.0.1:{}/api/v2/characters", ports[0]);
    let created = send(client().post(&collection).json(&sheet("Torormir"))).await;
    assert_eq!(created.status, 201, "{created:?}");
    let read = send(client().get(format!("{collection}/{}", created.id()))).await;
    assert_eq!((read.status, &read.body["name"]), (200, &Value::from("Torormir")));

    for container in [&character_container, &storage_container, &hub_container] {
        let user = container.status_line("Uid:");
        assert!(user == USER.to_string() || !is_root(), "{} runs as {user}", container.service);
        assert_eq!(container.status_line("CapEff:"), "0000000000000000", "{}", container.service);
        assert_eq!(container.status_line("NoNewPrivs:"), "1", "{}", container.service);
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", container.pid())).unwrap();
        let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
        assert!(root.split(' ').nth(5).unwrap().split(',').any(|option| option == "ro"), "{root}");
    }
    for container in [character_container, storage_container, hub_container] {
        let service = container.service;
        assert_eq!(container.terminate().await, 0, "{service}");
    }
    for (image, file) in [(storage, "storage.sqlite"), (hub, "message-hub.sqlite")] {
        assert!(image.folder.path().join("data").join(file).is_file(), "{file}");
    }

    for image in &images {
        the_image_has_one_program_and_its_bill_of_materials(image);
    }
}

/// No shell, no package manager, nothing with the rights of another user.
fn the_image_has_one_program_and_its_bill_of_materials(image: &Image) {
    let files = image.files();
    let name = image.service;
    let is_library = |path: &str| path.contains(".so") && (path.starts_with("lib") || path.starts_with("usr/lib"));
    let programs: Vec<_> =
        files.iter().filter(|(path, mode)| mode & 0o111 != 0 && !is_library(path)).map(|(path, _)| path).collect();
    assert_eq!(programs, [&format!("usr/bin/{name}")]);
    assert!(files.iter().all(|(_, mode)| mode & 0o7000 == 0), "{files:?}");
    assert!(files.iter().all(|(path, mode)| mode & 0o022 == 0 || path == "etc/hosts"), "{files:?}");
    assert!(files.len() < 25, "{files:?}");
    let certificates = fs::read_to_string(image.tree().join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(certificates.matches("BEGIN CERTIFICATE").count() > 50);
    the_bill_names_what_is_compiled_in(&image.tree().join(format!("usr/share/sbom/{name}.cdx.json")), image);
}

/// The program itself names crates, in the places of its panics: each of them is in the bill.
fn the_bill_names_what_is_compiled_in(path: &Path, image: &Image) {
    let bill: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let name = image.service;
    assert_eq!((&bill["bomFormat"], &bill["metadata"]["component"]["name"]), (&"CycloneDX".into(), &name.into()));
    let components = bill["components"].as_array().unwrap();
    let mut listed = BTreeSet::new();
    for component in components {
        assert!(component["licenses"][0].is_object(), "{component}");
        assert!(component["purl"].is_null() || component["hashes"][0]["content"].is_string(), "{component}");
        listed.insert(format!("{}-{}", component["name"].as_str().unwrap(), component["version"].as_str().unwrap()));
    }
    for test_only in ["jsonschema", "proptest", "wiremock"] {
        assert!(!listed.iter().any(|listed| listed.starts_with(&format!("{test_only}-"))), "{test_only} is for tests");
    }
    let program = fs::read(image.tree().join(format!("usr/bin/{name}"))).unwrap();
    let program = String::from_utf8_lossy(&program);
    // Such as `/registry/src/<index>/tokio-1.54.1/src/runtime/mod.rs`.
    let named: BTreeSet<_> = program
        .split("/registry/src/")
        .skip(1)
        .filter_map(|rest| rest.split('/').nth(1).map(str::to_owned))
        .filter(|name| name.len() < 80 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c)))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    let forgotten: Vec<_> = named.difference(&listed).collect();
    assert_eq!(forgotten, Vec::<&String>::new(), "{name}");
}
