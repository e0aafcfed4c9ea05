//! Which files are read again, and what is done with their contents.

use super::{
    Watch,
    metrics::{SettingOutcome, WatchMetrics},
};
use crate::config::{
    LogConfig, SettingFile, otlp_headers,
    tls::{self, ClientVariables},
};
use character_credentials::{ClientTls, ServerTls};
use character_error_reporter::{Redactor, redacted_text};
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret as _;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What a file, or each of several, holds; the error is for a person, without the contents.
type Contents = Vec<Result<Vec<u8>, String>>;

/// Uses new contents, or says why they cannot be used.
type Apply = Box<dyn FnMut(&Contents) -> Result<(), String> + Send>;

/// The files of a process, before they are watched.
#[derive(Debug)]
pub(crate) struct WatchPlan {
    settings: Vec<SettingFile>,
    watched: Vec<Watched>,
    metrics: WatchMetrics,
}

impl WatchPlan {
    /// The variables whose values came from files. What no [`setting`](Self::setting) applies changes with a restart only,
    /// and a changed file is reported as such.
    pub(crate) fn new(settings: Vec<SettingFile>, registry: &mut Registry) -> Self {
        let metrics = WatchMetrics::default();
        metrics.register(registry);
        Self { settings, watched: Vec::new(), metrics }
    }

    /// Applies the file of this variable, if its value came from one, when its contents change.
    pub(crate) fn setting(
        &mut self,
        name: &'static str,
        mut apply: impl FnMut(&str) -> Result<(), String> + Send + 'static,
    ) {
        let Some(place) = self.settings.iter().position(|setting| setting.name == name) else { return };
        let setting = self.settings.swap_remove(place);
        let used = vec![Ok(setting.text.expose_secret().as_bytes().to_vec())];
        let apply = move |contents: &Contents| match contents.first() {
            Some(Ok(bytes)) => {
                let text = std::str::from_utf8(bytes).map_err(|_| "is not valid UTF-8".to_owned())?;
                if text.is_empty() { Err("is empty".to_owned()) } else { apply(text) }
            }
            Some(Err(reason)) => Err(reason.clone()),
            None => Ok(()),
        };
        self.watch(name, vec![setting.path], used, Trim::Ends, Box::new(apply));
    }

    /// The same for a secret; from now on it is removed from log lines too. `parts` returns what of it is secret.
    pub(crate) fn secret(
        &mut self,
        name: &'static str,
        mut apply: impl FnMut(&str) -> Result<(), String> + Send + 'static,
        parts: impl Fn(&str) -> Vec<secrecy::SecretString> + Send + 'static,
    ) {
        self.setting(name, move |text| {
            Redactor::learn(parts(text));
            apply(text)
        });
    }

    /// Reads certificates again when one of their files changes. `name` is the first part of their variables.
    pub(crate) fn certificates(
        &mut self,
        name: &'static str,
        paths: Vec<PathBuf>,
        mut reload: impl FnMut() -> Result<(), String> + Send + 'static,
        expires_at: impl Fn() -> Option<SystemTime> + Send + 'static,
        label: &'static str,
    ) {
        let metrics = self.metrics.clone();
        let show = move || {
            if let Some(at) = expires_at() {
                metrics.expires(label, at);
            }
        };
        show();
        if paths.is_empty() {
            return;
        }
        let used = read(&paths, Trim::Nothing);
        let apply = move |contents: &Contents| {
            // It names the variable of a file that cannot be read.
            reload()?;
            if let Some(Err(reason)) = contents.iter().find(|contents| contents.is_err()) {
                return Err(reason.clone());
            }
            show();
            Ok(())
        };
        self.watch(name, paths, used, Trim::Nothing, Box::new(apply));
    }

    /// The certificate of the listeners, if they have one.
    pub(crate) fn server(&mut self, tls: Option<&ServerTls>) {
        let Some(tls) = tls.cloned() else { return };
        let (reloaded, shown) = (tls.clone(), tls.clone());
        let reload = move || reloaded.reload().map_err(|error| tls::reason_of(&error, tls::OF_LISTENERS));
        self.certificates("TLS", tls.paths(), reload, move || Some(shown.expires_at()), "server");
    }

    /// The certificates of a client, if it has some.
    pub(crate) fn client(
        &mut self,
        name: &'static str,
        variables: &ClientVariables,
        label: &'static str,
        tls: Option<&ClientTls>,
    ) {
        let Some(tls) = tls.cloned() else { return };
        let (reloaded, shown, variables) = (tls.clone(), tls.clone(), variables.names());
        let reload = move || reloaded.reload().map_err(|error| tls::reason_of(&error, variables));
        self.certificates(name, tls.paths(), reload, move || shown.expires_at(), label);
    }

    /// The headers for a collector, and the certificates of the connection to it, if there is one.
    pub(crate) fn collector(&mut self, log: &LogConfig) {
        let Some(otlp) = &log.otlp else { return };
        let headers = otlp.client.headers.clone();
        let replace = move |text: &str| headers.replace(&otlp_headers(text)?).map_err(|error| error.to_string());
        self.secret("OTEL_EXPORTER_OTLP_HEADERS", replace, |text| {
            otlp_headers(text).unwrap_or_default().into_iter().map(|(_, value)| value).collect()
        });
        self.client("OTEL_EXPORTER_OTLP", &tls::COLLECTOR, "collector", otlp.client.tls.as_ref());
    }

    /// Watches from now on.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn start(mut self) -> io::Result<Watch> {
        let restart_only: Vec<_> = self.settings.iter().map(|setting| setting.name).collect();
        for name in restart_only {
            self.setting(name, |_| Err("changes with a restart only".to_owned()));
        }
        Watch::start(self.watched, self.metrics)
    }

    #[cfg(test)]
    pub(super) fn watched(&mut self) -> &mut Vec<Watched> {
        &mut self.watched
    }

    #[cfg(test)]
    pub(super) fn metrics(&self) -> &WatchMetrics {
        &self.metrics
    }

    fn watch(&mut self, name: &'static str, paths: Vec<PathBuf>, used: Contents, trim: Trim, apply: Apply) {
        // What is no regular file, such as a pipe of a shell, is read once.
        if paths.iter().all(|path| fs::metadata(path).is_ok_and(|metadata| metadata.is_file())) {
            self.metrics.show(name);
            self.watched.push(Watched { name, paths, trim, seen: used.clone(), used, is_refused: false, apply });
        }
    }
}

/// What of the contents does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trim {
    Nothing,
    /// White space at both ends.
    Ends,
}

/// Files whose contents belong together.
pub(super) struct Watched {
    name: &'static str,
    paths: Vec<PathBuf>,
    trim: Trim,
    /// The contents in use.
    used: Contents,
    /// The contents at the last read.
    seen: Contents,
    /// Whether what is in the files cannot be used.
    is_refused: bool,
    apply: Apply,
}

impl fmt::Debug for Watched {
    /// Without the contents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Watched {
    /// Reads the files, and applies contents that two reads in a row have found. Returns whether they were new.
    pub(super) fn poll(&mut self, metrics: &WatchMetrics) -> bool {
        !self.look() && self.decide(metrics)
    }

    /// The same without waiting for a second read.
    pub(super) fn read_now(&mut self, metrics: &WatchMetrics) -> bool {
        self.look();
        self.decide(metrics)
    }

    /// Reads the files, and returns whether they differ from the last read.
    fn look(&mut self) -> bool {
        let found = read(&self.paths, self.trim);
        let is_new = found != self.seen;
        if is_new {
            self.seen = found;
            self.is_refused = false;
        }
        is_new
    }

    fn decide(&mut self, metrics: &WatchMetrics) -> bool {
        if self.seen == self.used {
            metrics.recovered(self.name);
            return false;
        }
        if self.is_refused {
            return false;
        }
        match (self.apply)(&self.seen) {
            Ok(()) => {
                self.used = self.seen.clone();
                metrics.count(self.name, SettingOutcome::Applied);
                tracing::info!(setting = self.name, "a changed file is in use");
            }
            Err(reason) => {
                self.is_refused = true;
                metrics.count(self.name, SettingOutcome::Refused);
                let reason = redacted_text(&reason);
                tracing::warn!(
                    setting = self.name,
                    reason,
                    "a changed file cannot be used; the value before stays in use"
                );
            }
        }
        true
    }
}

/// The largest file that is read. 4 MiB.
const MOST: u64 = 4 << 20;

fn read(paths: &[PathBuf], trim: Trim) -> Contents {
    paths.iter().map(|path| read_one(path, trim)).collect()
}

fn read_one(path: &Path, trim: Trim) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if !metadata.is_file() || metadata.len() > MOST {
        return Err("is not a regular file of at most 4 MiB".to_owned());
    }
    let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(match (trim, std::str::from_utf8(&bytes)) {
        (Trim::Ends, Ok(text)) => text.trim().as_bytes().to_vec(),
        _ => bytes,
    })
}
