//! A copy of the sources with every change built in.

use crate::{Mutant, Place, code, statements};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

/// The module of the copy that knows which change is switched on: the one whose number is in `MUTANT`. To the file in
/// `MUTANTS_SEEN` it writes the number of each that is reached.
const SWITCH: &str = r#"//! Which change is switched on.
use std::{io::Write as _, sync::{LazyLock, OnceLock, atomic::{AtomicBool, Ordering}}};
static ACTIVE: LazyLock<usize> = LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|id| id.parse().ok()).unwrap_or(usize::MAX));
static SEEN: LazyLock<Option<std::path::PathBuf>> = LazyLock::new(|| std::env::var_os("MUTANTS_SEEN").map(Into::into));
static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
fn seen(id: usize) {
    if let Some(file) = &*SEEN && let Some(reached) = REACHED.get(id) && !reached.swap(true, Ordering::Relaxed) {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(format!("{id}\n").as_bytes()));
    }
}
pub(crate) fn mutant(id: usize) -> bool {
    seen(id);
    *ACTIVE == id
}
pub(crate) fn sql(path: &'static str, text: &'static str) -> &'static str {
    static CHANGED: OnceLock<String> = OnceLock::new();
    for (id, name, begin, end, other) in STATEMENTS {
        if path.ends_with(name) {
            seen(*id);
            if *ACTIVE == *id {
                return CHANGED.get_or_init(|| format!("{}{other}{}", &text[..*begin], &text[*end..]));
            }
        }
    }
    text
}
"#;

pub(crate) struct Copy {
    pub(crate) folder: PathBuf,
    /// The crate that is changed, from the root.
    crate_folder: &'static str,
}

/// An error of the compiler: the file from the root of the copy, and the places in it.
pub(crate) struct Complaint {
    pub(crate) text: String,
    pub(crate) places: Vec<(PathBuf, Range<usize>)>,
}

impl Copy {
    pub(crate) fn new(root: &Path, folder: PathBuf, crate_folder: &'static str) -> Self {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output();
        let listed = String::from_utf8(listed.expect("git lists the files").stdout).expect("the names are text");
        for name in listed.split_terminator('\0') {
            let own = name.starts_with(crate_folder) && (name.contains("/src/"));
            if let (false, Ok(text)) = (own && name.ends_with(".rs"), fs::read(root.join(name))) {
                write(&folder.join(name), &text);
            }
        }
        Self { folder, crate_folder }
    }

    /// Builds the mutants in, and the others too as texts without a switch. Returns the changed files.
    pub(crate) fn fill(
        &self,
        root: &Path,
        mutants: &[Mutant],
        left_out: &BTreeSet<usize>,
    ) -> Vec<(PathBuf, code::Changed)> {
        let source = root.join(self.crate_folder).join("src");
        let mut changed = Vec::new();
        for file in files(&source, "rs") {
            let text = fs::read_to_string(&file).expect("a source");
            let name = file.strip_prefix(root).expect("it is inside").to_owned();
            let own: Vec<(usize, &code::Change)> = mutants
                .iter()
                .enumerate()
                .filter(|(id, mutant)| mutant.file == name && !left_out.contains(id))
                .filter_map(|(id, mutant)| match &mutant.place {
                    Place::Code(change) => Some((id, change)),
                    Place::Statement(_) => None,
                })
                .collect();
            let mut new = code::built_in(&text, &own);
            if name.ends_with("src/lib.rs") {
                new.text.push_str("\nmod mutated;\n");
            }
            if name.ends_with("src/sql.rs") {
                new.text = read_at_run_time(&new.text);
            }
            write(&self.folder.join(&name), new.text.as_bytes());
            changed.push((name, new));
        }
        let mut switch = format!("{SWITCH}const COUNT: usize = {};\n", mutants.len());
        switch.push_str("static STATEMENTS: &[(usize, &str, usize, usize, &str)] = &[\n");
        for (id, mutant) in mutants.iter().enumerate() {
            if let Place::Statement(statements::Change { at, other, .. }) = &mutant.place {
                let name = mutant.file.file_name().unwrap_or_default().to_string_lossy();
                let _ = writeln!(switch, "    ({id}, \"/{name}\", {}, {}, \"{other}\"),", at.start, at.end);
            }
        }
        switch.push_str("];\n");
        write(&self.folder.join(self.crate_folder).join("src/mutated.rs"), switch.as_bytes());
        changed
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> (bool, Vec<serde_json::Value>) {
        let output = Command::new("cargo")
            .args(arguments)
            .args(["--message-format=json"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .stderr(std::process::Stdio::inherit())
            .output()
            .expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stdout);
        (output.status.success(), text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// What the compiler says against the copy.
    pub(crate) fn complaints(&self, arguments: &[&str]) -> Vec<Complaint> {
        let (done, messages) = self.cargo(arguments);
        let mut complaints = Vec::new();
        for message in messages.iter().filter(|message| message["reason"] == "compiler-message") {
            let message = &message["message"];
            if message["level"] != "error" {
                continue;
            }
            let spans = message["spans"].as_array().cloned().unwrap_or_default();
            let place = |span: &serde_json::Value| {
                let byte = |name: &str| span[name].as_u64().and_then(|at| usize::try_from(at).ok());
                Some((span["file_name"].as_str()?.into(), byte("byte_start")?..byte("byte_end")?))
            };
            // First what the error is about, then what belongs to it.
            let (first, others): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span["is_primary"] == true);
            let places = first.into_iter().chain(others).filter_map(place).collect();
            complaints.push(Complaint { text: message["rendered"].as_str().unwrap_or_default().to_owned(), places });
        }
        assert!(done || !complaints.is_empty(), "cargo failed without an error in the code");
        complaints
    }
}

/// The macro `sql!` with a text that may be changed.
fn read_at_run_time(text: &str) -> String {
    let mut new = String::new();
    for line in text.split_inclusive('\n') {
        match line.trim().strip_prefix("include_str!(").and_then(|rest| rest.strip_suffix(')')) {
            Some(path) => {
                let _ = writeln!(new, "$crate::mutated::sql({path}, include_str!({path}))");
            }
            None => new.push_str(line),
        }
    }
    new
}

/// The files below a folder with this ending.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Only when it is another text, so that cargo builds what has changed.
fn write(path: &Path, text: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
    fs::write(path, text).expect("the copy can be written");
}
