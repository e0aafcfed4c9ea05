//! Reads the environment. Every variable has a name, a meaning and a default; every mistake is reported.

use character_error_reporter::without_credentials;
use secrecy::SecretString;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

/// One variable of the environment.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it means, with the unit.
    pub meaning: &'static str,
    /// Its value when unset; `None` when `meaning` describes what unset means.
    pub default: Option<&'static str>,
    /// Whether the value is masked wherever it is shown, and may come from the file named by `<NAME>_FILE`.
    pub secret: bool,
    /// Whether a wrong value is quoted in the report. A URL is not, because it may contain a password.
    pub(crate) quoted: bool,
    /// What an empty value means.
    pub(crate) empty: Empty,
    /// When another value counts.
    pub(crate) changes: Changes,
}

/// When another value of a variable counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    /// Only after a restart.
    AtRestart,
    /// At once, when it is in a file that changes.
    AtOnce,
}

/// A variable whose value came from the file named by `<NAME>_FILE`.
#[derive(Clone)]
pub(crate) struct SettingFile {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    /// What was in the file, without white space around it.
    pub(crate) text: SecretString,
}

impl fmt::Debug for SettingFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The meaning of an empty value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    /// A mistake: the value was lost.
    Mistake,
    /// The same as unset, which turns a feature off.
    Unset,
}

impl Variable {
    pub(crate) const fn new(name: &'static str, meaning: &'static str, default: &'static str) -> Self {
        Self { default: Some(default), ..Self::optional(name, meaning) }
    }
    pub(crate) const fn optional(name: &'static str, meaning: &'static str) -> Self {
        let (empty, changes) = (Empty::Mistake, Changes::AtRestart);
        Self { name, meaning, default: None, secret: false, quoted: true, empty, changes }
    }
    pub(crate) const fn secret(name: &'static str, meaning: &'static str) -> Self {
        Self { secret: true, quoted: false, changes: Changes::AtOnce, ..Self::optional(name, meaning) }
    }
    /// The same; it may come from a file, whose changes count while the process runs.
    pub(crate) const fn changing(self) -> Self {
        Self { changes: Changes::AtOnce, ..self }
    }
    /// Whether its value may come from the file named by `<NAME>_FILE`.
    pub(crate) const fn has_file(&self) -> bool {
        matches!(self.changes, Changes::AtOnce)
    }
    /// The same, not quoted when it is wrong.
    pub(crate) const fn unquoted(self) -> Self {
        Self { quoted: false, ..self }
    }
    /// The same; an empty value means unset.
    pub(crate) const fn off_when_empty(self) -> Self {
        Self { empty: Empty::Unset, ..self }
    }
}

/// The table of variables for `--help`.
#[must_use]
pub fn help(variables: &[&[Variable]]) -> String {
    let mut text = String::from("Environment:\n");
    for variable in variables.iter().copied().flatten() {
        let default = variable.default.map_or_else(|| "unset".to_owned(), |default| format!("default {default}"));
        let file = match variable.changes {
            Changes::AtOnce => ", or in the file named by the variable with the suffix _FILE, re-read when it changes",
            Changes::AtRestart => "",
        };
        text.push_str(&format!("  {:<31} {} [{default}]{file}\n", variable.name, variable.meaning));
    }
    text.push_str(SIGNALS);
    text
}

const SIGNALS: &str = "
Files: a file named by a variable with the suffix _FILE, and a certificate or key, is read again when its contents change,
within two seconds. Contents that cannot be used leave the value before in use; a log line and a metric say so.

Signals:
  SIGTERM, SIGINT  stop: active requests may finish
  SIGHUP           read every such file at once, among them LOG_LEVEL_FILE and those of limits, and log what changed
  SIGUSR1, SIGUSR2 nothing but a log line
";

/// Every mistake found in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} mistake(s):", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for ConfigError {}

/// The source of variables: the environment of the process, or a map in tests.
pub trait Environment {
    /// The value, if set, as the system returns it.
    fn get(&self, name: &str) -> Option<OsString>;
}

/// The process's own environment.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

impl<V: AsRef<std::ffi::OsStr>> Environment for BTreeMap<&str, V> {
    fn get(&self, name: &str) -> Option<OsString> {
        BTreeMap::get(self, name).map(|value| value.as_ref().to_owned())
    }
}

/// Reads variables one after the other, and records every mistake.
pub(crate) struct Reader<'a> {
    environment: &'a dyn Environment,
    pub(crate) faults: Vec<String>,
    pub(crate) effective: Vec<(&'static str, String)>,
    /// The variables whose values came from files.
    pub(crate) files: Vec<SettingFile>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(environment: &'a dyn Environment) -> Self {
        Self { environment, faults: Vec::new(), effective: Vec::new(), files: Vec::new() }
    }

    /// The value, or the default; `None` when there is neither, or when the value is wrong, which is recorded.
    pub(crate) fn read<T>(&mut self, variable: &Variable, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let given = match self.given(variable) {
            Ok(given) => given,
            Err(fault) => {
                self.faults.push(fault);
                self.effective.push((variable.name, "(wrong)".to_owned()));
                return None;
            }
        };
        let shown = match (&given, variable.default) {
            (Some(_), _) if variable.secret => "********".to_owned(),
            (Some(value), _) if value.contains("://") => without_credentials(value),
            (Some(value), _) => value.clone(),
            (None, Some(default)) => default.to_owned(),
            (None, None) => "(unset)".to_owned(),
        };
        self.effective.push((variable.name, shown));
        let value = given.or_else(|| variable.default.map(str::to_owned))?;
        match parse(value.trim()) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                let quoted =
                    if variable.quoted { format!("={:?}", without_credentials(&value)) } else { String::new() };
                self.faults.push(format!("{}{quoted}: {reason}", variable.name));
                None
            }
        }
    }

    /// Whether the variable is set, correctly or not.
    pub(crate) fn is_set(&self, variable: &Variable) -> bool {
        let has = |name: &str| self.environment.get(name).is_some();
        has(variable.name) || (variable.has_file() && has(&format!("{}_FILE", variable.name)))
    }

    /// The value of the variable or of its file; `None` when neither is set, or when empty means unset.
    fn given(&mut self, variable: &Variable) -> Result<Option<String>, String> {
        let file_variable = format!("{}_FILE", variable.name);
        let file = if variable.has_file() { self.text(&file_variable)? } else { None };
        let (name, text) = match (self.text(variable.name)?, file) {
            (Some(_), Some(_)) => {
                return Err(format!("{} and {file_variable} are both set; set one of them", variable.name));
            }
            (None, Some(path)) if path.trim().is_empty() => return Err(empty(&file_variable)),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("{file_variable}{}: {error}", shown_path(&path)))?;
                let (name, text) = (variable.name, text.trim().to_owned());
                let path = Path::new(&path).to_owned();
                self.files.push(SettingFile { name, path, text: text.as_str().into() });
                (file_variable, text)
            }
            (Some(text), None) => (variable.name.to_owned(), text),
            (None, None) => return Ok(None),
        };
        match (text.trim().is_empty(), variable.empty) {
            (true, Empty::Unset) => Ok(None),
            (true, Empty::Mistake) => Err(empty(&name)),
            (false, _) => Ok(Some(text)),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let text = self.environment.get(name).map(OsString::into_string).transpose();
        text.map_err(|_| format!("{name}: is not valid UTF-8"))
    }
}

/// A path as an error may show it. A text that does not look like a path may be the secret itself, in the wrong
/// variable.
fn shown_path(path: &str) -> String {
    if path.starts_with(['/', '.']) && !path.starts_with("//") { format!("={path:?}") } else { String::new() }
}

fn empty(name: &str) -> String {
    format!("{name}: is set but empty; set a value or unset it")
}

pub(crate) fn number(from: u64, to: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| match text.parse::<u64>() {
        Ok(value) if (from..=to).contains(&value) => Ok(value),
        _ => Err(format!("must be a whole number from {from} to {to}")),
    }
}

pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

pub(crate) fn socket(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8000".to_owned())
}

pub(crate) fn folder(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

pub(crate) fn secret(text: &str) -> Result<SecretString, String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(SecretString::from(text)) }
}

/// A URL with one of these schemes. The reason never quotes the URL, which may hold a password.
pub(crate) fn url(schemes: &'static [&'static str]) -> impl Fn(&str) -> Result<url::Url, String> {
    move |text| {
        let expected = || format!("must be a URL that starts with {}", schemes.join("://, ") + "://");
        let parsed = url::Url::parse(text).map_err(|_| expected())?;
        if schemes.contains(&parsed.scheme()) { Ok(parsed) } else { Err(expected()) }
    }
}
