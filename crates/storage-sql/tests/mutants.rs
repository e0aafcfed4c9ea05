//! Changes the code and the statements of SQL in one place after another, and lists the changes that no test finds.
//!
//! All changes are in one build, each behind a switch, and each is judged by the tests that reach it: so it takes a second
//! where a build of its own takes half a minute. The variables of the environment:
//! - `MUTANTS_FOLDER`: where the copy and `report.tsv` are; else `mutants` in the folder for temporary files
//! - `MUTANTS_PROGRAMS`: the programs of tests that judge, such as `postgres`; else those over SQLite
//! - `MUTANTS_TOGETHER`: run each program at once to learn what it reaches, not each test by itself
//! - `MUTANTS_FILES`: the beginnings of the files that are changed, in this order; else all files
//! - `MUTANTS_EFFORT`: how many seconds the tests of one change take together at most, the quickest first; else all run
//! - `MUTANTS_SECONDS`: how long the run lasts; else to its end
#![expect(clippy::expect_used, reason = "a run that cannot continue fails")]

#[path = "mutants/code.rs"]
mod code;
#[path = "mutants/copy.rs"]
mod copy;
#[path = "mutants/judge.rs"]
mod judge;
#[path = "mutants/statements.rs"]
mod statements;

use copy::{Copy, files};
use judge::{Known, Verdict, judge, known, known_together, tests_of};
use std::{
    collections::{BTreeSet, HashMap},
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const CRATE: &str = "crates/storage-sql";
const PACKAGE: &str = "character-storage-sql";

/// One change of the crate.
struct Mutant {
    /// From the root.
    file: PathBuf,
    place: Place,
}

enum Place {
    Code(code::Change),
    Statement(statements::Change),
}

impl Mutant {
    /// Its line and what is changed, as it stands in the reports.
    fn described(&self) -> String {
        let file = self.file.display().to_string();
        let file = file.trim_start_matches(CRATE).trim_start_matches("/src/").to_owned();
        match &self.place {
            Place::Code(code::Change { line, function, what, .. }) => format!("{file}:{line}\t{function}\t{what}"),
            Place::Statement(statements::Change { line, what, .. }) => format!("{file}:{line}\t\t{what}"),
        }
    }
}

fn mutants(root: &Path) -> Vec<Mutant> {
    let source = root.join(CRATE).join("src");
    let mut mutants = Vec::new();
    let name = |file: &Path| file.strip_prefix(root).expect("it is inside").to_owned();
    let sources: Vec<(PathBuf, String)> = files(&source, "rs")
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).expect("a source");
            (file, text)
        })
        .collect();
    let tests: BTreeSet<PathBuf> = sources.iter().flat_map(|(file, text)| code::files_of_tests(file, text)).collect();
    for (file, text) in sources.iter().filter(|(file, _)| !tests.contains(file)) {
        for change in code::changes_of(text) {
            mutants.push(Mutant { file: name(file), place: Place::Code(change) });
        }
    }
    for file in files(&source.join("sql"), "sql") {
        let text = fs::read_to_string(&file).expect("a statement");
        for change in statements::changes_of(&text) {
            mutants.push(Mutant { file: name(&file), place: Place::Statement(change) });
        }
    }
    mutants
}

/// Builds the copy, and leaves out what does not compile.
fn build(copy: &Copy, root: &Path, mutants: &[Mutant]) -> BTreeSet<usize> {
    let remembered = copy.folder.join("left-out");
    let mut left_out: BTreeSet<usize> = BTreeSet::new();
    let known = fs::read_to_string(&remembered).unwrap_or_default();
    let known: BTreeSet<&str> = known.lines().collect();
    left_out.extend(
        mutants.iter().enumerate().filter(|(_, mutant)| known.contains(&*mutant.described())).map(|(id, _)| id),
    );
    // Some errors are found only where code is generated.
    let mut steps = [&["check", "--package", PACKAGE][..], &["build", "--package", PACKAGE]].into_iter();
    let mut step = steps.next();
    while let Some(arguments) = step {
        let changed = copy.fill(root, mutants, &left_out);
        let complaints = copy.complaints(arguments);
        if complaints.is_empty() {
            step = steps.next();
            continue;
        }
        let before = left_out.len();
        for complaint in &complaints {
            let mut blamed = Vec::new();
            for (name, file) in &changed {
                let places: Vec<_> =
                    complaint.places.iter().filter(|(of, _)| of == name).map(|(_, place)| place.clone()).collect();
                if !places.is_empty() && blamed.is_empty() {
                    blamed = file.blamed(&places);
                }
            }
            if blamed.is_empty() && !complaint.places.is_empty() {
                eprintln!("no change is to blame for:\n{}", complaint.text);
            }
            left_out.extend(blamed);
        }
        eprintln!("{} errors; {} changes do not compile", complaints.len(), left_out.len());
        assert!(left_out.len() > before, "the copy does not compile");
    }
    let names: Vec<String> = left_out.iter().filter_map(|id| mutants.get(*id)).map(Mutant::described).collect();
    fs::write(&remembered, names.join("\n")).expect("the folder of the copy");
    left_out
}

/// The programs of tests by the names of their targets.
fn programs(copy: &Copy, wanted: &[&str]) -> Vec<PathBuf> {
    let (done, messages) = copy.cargo(&["test", "--no-run", "--package", PACKAGE]);
    assert!(done, "the tests do not build");
    let program = |name: &&str| {
        let of =
            |message: &&serde_json::Value| message["target"]["name"] == **name && message["executable"].is_string();
        messages.iter().find(of).and_then(|message| message["executable"].as_str()).map(PathBuf::from)
    };
    wanted.iter().map(|name| program(name).expect("a program of tests")).collect()
}

/// The quickest of these tests, which take no longer together.
fn within<'a>(tests: &[&'a Known], effort: Duration) -> Vec<&'a Known> {
    let mut left = effort;
    let fits = |known: &&&Known| {
        left = left.saturating_sub(known.time);
        !left.is_zero()
    };
    tests.iter().take_while(fits).copied().collect()
}

/// What the tests reach without a change. It is remembered, because a run may be continued.
fn known_tests(copy: &Copy, programs: &[PathBuf]) -> Vec<Known> {
    let (folder, seen) = (copy.folder.join(CRATE), copy.folder.join("seen"));
    let mut tests: Vec<Known> = Vec::new();
    for program in programs {
        let remembered = program.with_extension("known");
        let time = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        let is_of_this = time(&remembered) >= time(program);
        if let Some(text) = fs::read_to_string(&remembered).ok().filter(|_| is_of_this) {
            tests.extend(text.lines().filter_map(|line| Known::read(program, line)));
            continue;
        }
        let own = if env::var_os("MUTANTS_TOGETHER").is_some() {
            known_together(program, &folder, &seen)
        } else {
            tests_of(program, &folder).into_iter().filter_map(|test| known(test, &folder, &seen)).collect()
        };
        let lines: Vec<String> = own.iter().map(Known::written).collect();
        fs::write(&remembered, lines.join("\n")).expect("the folder of the copy");
        tests.extend(own);
    }
    tests
}

#[test]
#[ignore = "takes half an hour"]
fn changes_of_the_code_are_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root");
    let folder = env::var_os("MUTANTS_FOLDER").map_or_else(|| env::temp_dir().join("mutants"), PathBuf::from);
    let wanted = env::var("MUTANTS_PROGRAMS").unwrap_or_else(|_| "character_storage_sql sqlite log_sqlite".to_owned());
    let only = env::var("MUTANTS_FILES").unwrap_or_default();
    let bound = env::var("MUTANTS_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let effort = env::var("MUTANTS_EFFORT").ok().and_then(|seconds| seconds.parse().ok());
    let effort = effort.map_or(Duration::MAX, Duration::from_secs);
    let copy = Copy::new(&root, folder, CRATE);
    let mutants = mutants(&root);
    let left_out = build(&copy, &root, &mutants);
    let programs = programs(&copy, &wanted.split(' ').collect::<Vec<_>>());
    let tests_folder = copy.folder.join(CRATE);
    let mut tests = known_tests(&copy, &programs);
    tests.sort_by_key(|known| known.time);
    let time: Duration = tests.iter().map(|known| known.time).sum();
    eprintln!("{} mutants, of which {} do not compile; {} tests, {time:?}", mutants.len(), left_out.len(), tests.len());

    let report = copy.folder.join("report.tsv");
    let (mut finds, mut counts) = (HashMap::<&judge::Test, u32>::new(), [0_u32; 4]);
    let mut lines = String::new();
    let began = Instant::now();
    let rank = |mutant: &Mutant| only.split(' ').position(|name| mutant.described().starts_with(name));
    let mut wanted: Vec<(usize, &Mutant)> = mutants.iter().enumerate().collect();
    wanted.retain(|(id, mutant)| !left_out.contains(id) && (only.is_empty() || rank(mutant).is_some()));
    wanted.sort_by_key(|(_, mutant)| rank(mutant));
    for (id, mutant) in wanted {
        if bound.is_some_and(|bound| began.elapsed() > bound) {
            break;
        }
        let (own, begun) =
            (tests.iter().filter(|known| known.reached.contains(&id)).collect::<Vec<_>>(), Instant::now());
        let word = if own.is_empty() {
            counts[3] += 1;
            "unreached".to_owned()
        } else {
            // First those that found the most, and the quickest.
            let mut first = own.clone();
            first.sort_by_key(|known| std::cmp::Reverse(finds.get(&known.test).copied().unwrap_or_default()));
            first.truncate(6);
            // Each once: the length shows below whether others are left.
            for known in own.iter().take(6) {
                if first.iter().all(|other| other.test != known.test) {
                    first.push(known);
                }
            }
            let verdict = match judge(id, &first, &tests_folder) {
                Verdict::Survives if own.len() > first.len() => judge(id, &within(&own, effort), &tests_folder),
                verdict => verdict,
            };
            match verdict {
                Verdict::Found(name) => {
                    counts[0] += 1;
                    if let Some(known) = own.iter().find(|known| known.test.name == name) {
                        *finds.entry(&known.test).or_default() += 1;
                    }
                    format!("found\t{name}")
                }
                Verdict::Late => {
                    counts[1] += 1;
                    "late\t".to_owned()
                }
                Verdict::Survives => {
                    counts[2] += 1;
                    eprintln!("survives: {}", mutant.described());
                    "survives\t".to_owned()
                }
            }
        };
        let _ = writeln!(
            lines,
            "{id}\t{}\t{}\t{:.1}\t{word}",
            mutant.described(),
            own.len(),
            begun.elapsed().as_secs_f64()
        );
        fs::write(&report, &lines).expect("the folder of the copy");
    }
    let [found, late, survive, unreached] = counts;
    eprintln!(
        "{found} found, {late} did not end, {survive} survive, {unreached} are not reached; {:?}",
        began.elapsed()
    );
}
