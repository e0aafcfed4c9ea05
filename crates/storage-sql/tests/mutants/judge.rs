//! Runs tests over one change after another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// A test that fails within this time fails because of the change.
const SURE: Duration = Duration::from_secs(4);
/// The maximum that tests may take beyond what they take alone.
const LONGEST: Duration = Duration::from_secs(60);

/// One test of a program of tests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Test {
    pub(crate) program: PathBuf,
    pub(crate) name: String,
}

/// What a test does without a change.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) test: Test,
    pub(crate) time: Duration,
    pub(crate) reached: BTreeSet<usize>,
}

impl Known {
    pub(crate) fn written(&self) -> String {
        let reached: Vec<String> = self.reached.iter().map(ToString::to_string).collect();
        format!("{}\t{}\t{}", self.test.name, self.time.as_millis(), reached.join(" "))
    }

    pub(crate) fn read(program: &Path, line: &str) -> Option<Self> {
        let mut parts = line.split('\t');
        let (name, time, reached) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?);
        let reached = reached.split(' ').filter_map(|id| id.parse().ok()).collect();
        let test = Test { program: program.to_owned(), name };
        Some(Self { test, time: Duration::from_millis(time), reached })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Found(String),
    /// The tests did not end.
    Late,
    Survives,
}

/// The tests of a program.
pub(crate) fn tests_of(program: &Path, folder: &Path) -> Vec<Test> {
    let listed = Command::new(program).args(["--list", "--format", "terse"]).current_dir(folder).output();
    let listed = listed.expect("the program runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    names.map(|name| Test { program: program.to_owned(), name: name.to_owned() }).collect()
}

/// Runs a test without a change; `None` when it fails.
pub(crate) fn known(test: Test, folder: &Path, seen: &Path) -> Option<Known> {
    // A second time, when the machine stood still.
    try_known(&test, folder, seen).or_else(|| try_known(&test, folder, seen))
}

fn try_known(test: &Test, folder: &Path, seen: &Path) -> Option<Known> {
    match unchanged(&test.program, &[&test.name], folder, seen) {
        Ok((time, reached)) => Some(Known { test: test.clone(), time, reached }),
        Err(output) => {
            eprintln!("without a change fails {}:\n{output}", test.name);
            None
        }
    }
}

/// Runs these tests of a program without a change. Returns how long they take and which changes they reach, or the output of the program
/// when one fails.
fn unchanged(
    program: &Path,
    names: &[&str],
    folder: &Path,
    seen: &Path,
) -> Result<(Duration, BTreeSet<usize>), String> {
    let _ = fs::remove_file(seen);
    let began = Instant::now();
    let mut command = Command::new(program);
    command.arg("--exact").args(names).current_dir(folder).env("MUTANTS_SEEN", seen);
    let output = command.output().expect("the program runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let time = began.elapsed();
    let reached = fs::read_to_string(seen).unwrap_or_default();
    Ok((time, reached.lines().filter_map(|line| line.parse().ok()).collect()))
}

/// Runs all tests of a program at once without a change, where each by itself would start a server of its own: which of them reaches
/// a change is not known then.
pub(crate) fn known_together(program: &Path, folder: &Path, seen: &Path) -> Vec<Known> {
    let tests = tests_of(program, folder).into_iter().filter(|test| test.name.contains("::")).collect::<Vec<_>>();
    let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
    let run = unchanged(program, &names, folder, seen);
    let (time, reached) = run.unwrap_or_else(|output| panic!("without a change: {output}"));
    let time = time / u32::try_from(tests.len().max(1)).unwrap_or(u32::MAX);
    tests.into_iter().map(|test| Known { test, time, reached: reached.clone() }).collect()
}

/// Runs these tests, of one program or several, with the change switched on, until one fails.
pub(crate) fn judge(mutant: usize, tests: &[&Known], folder: &Path) -> Verdict {
    let mut programs: BTreeMap<&Path, Vec<&Known>> = BTreeMap::new();
    for known in tests {
        programs.entry(&known.test.program).or_default().push(known);
    }
    for (program, tests) in programs {
        let usual: Duration = tests.iter().map(|known| known.time).sum();
        let patience = Duration::from_secs(10) + usual.min(LONGEST);
        let began = Instant::now();
        let verdict = run(mutant, program, &tests, folder, patience);
        // A test may also fail, or be late, because the machine stood still.
        let is_sure = verdict == Verdict::Survives || began.elapsed() < SURE;
        let verdict = match is_sure {
            true => verdict,
            false => run(mutant, program, &again(&tests, &verdict), folder, patience),
        };
        if verdict != Verdict::Survives {
            return verdict;
        }
    }
    Verdict::Survives
}

/// The tests that confirm a verdict.
fn again<'a>(tests: &[&'a Known], verdict: &Verdict) -> Vec<&'a Known> {
    let is_it = |known: &&&Known| matches!(verdict, Verdict::Found(name) if *name == known.test.name);
    let one: Vec<_> = tests.iter().filter(is_it).copied().collect();
    if one.is_empty() { tests.to_vec() } else { one }
}

fn run(mutant: usize, program: &Path, tests: &[&Known], folder: &Path, patience: Duration) -> Verdict {
    let mut command = Command::new(program);
    command.arg("--exact").args(tests.iter().map(|known| &known.test.name));
    command.args(["--test-threads", "2"]).current_dir(folder).env("MUTANT", mutant.to_string());
    // A group of its own, so that it ends with what it has started.
    command.stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().expect("the program runs");
    let (lines, failed) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(name) = line.strip_suffix(" ... FAILED").and_then(|line| line.strip_prefix("test ")) {
                    let _ = lines.send(name.to_owned());
                }
            }
        });
    }
    let verdict = match failed.recv_timeout(patience) {
        Ok(name) => Verdict::Found(name),
        Err(mpsc::RecvTimeoutError::Timeout) => Verdict::Late,
        // Its output has ended: it was aborted, or each test has passed.
        Err(mpsc::RecvTimeoutError::Disconnected) => match child.wait() {
            Ok(status) if status.success() => Verdict::Survives,
            status => Verdict::Found(format!("{status:?}")),
        },
    };
    end(&mut child);
    verdict
}

fn end(child: &mut Child) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).stderr(Stdio::null()).status();
    let _ = child.wait();
}
