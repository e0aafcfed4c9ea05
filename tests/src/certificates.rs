//! Certificates of a test, made with the program `openssl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program;

/// A certificate with its key, in files in PEM form.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificate {
    /// Both in one text, as some clients read them.
    pub fn pem(&self) -> Vec<u8> {
        let read = |path: &Path| fs::read(path).expect("the file was just made");
        [read(&self.key), read(&self.certificate)].concat()
    }
}

/// An authority of a test, which signs certificates in its folder.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    own: Certificate,
}

impl Authority {
    /// A new authority whose files are in this folder and begin with this name.
    pub fn new(folder: &Path, name: &str) -> Self {
        let own = files(folder, name);
        run(folder, &["req", "-x509", "-days", "30", "-subj", &format!("/CN={name}")], &own, |command| {
            command.args(["-addext", "basicConstraints=critical,CA:TRUE"]);
        });
        Self { folder: folder.to_owned(), own }
    }

    /// The certificate of the authority.
    pub fn certificate(&self) -> &Path {
        &self.own.certificate
    }

    /// A certificate for these names, such as `DNS:localhost` and `IP:127.0.0.1`, for servers and clients.
    pub fn issue(&self, name: &str, names: &[&str]) -> Certificate {
        self.issue_for(20, name, names)
    }

    /// The same, for this number of days.
    pub fn issue_for(&self, days: u32, name: &str, names: &[&str]) -> Certificate {
        self.issue_with("serverAuth,clientAuth", days, name, names)
    }

    /// A certificate that is for clients alone.
    pub fn issue_for_clients(&self, name: &str, names: &[&str]) -> Certificate {
        self.issue_with("clientAuth", 20, name, names)
    }

    fn issue_with(&self, usage: &str, days: u32, name: &str, names: &[&str]) -> Certificate {
        let issued = files(&self.folder, name);
        run(
            &self.folder,
            &["req", "-x509", "-days", &days.to_string(), "-subj", &format!("/CN={name}")],
            &issued,
            |command| {
                command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
                command.args(["-addext", &format!("extendedKeyUsage={usage}")]);
                if !names.is_empty() {
                    command.args(["-addext", &format!("subjectAltName={}", names.join(","))]);
                }
                command.arg("-CA").arg(&self.own.certificate).arg("-CAkey").arg(&self.own.key);
            },
        );
        issued
    }

    /// A certificate that expired in February 2020.
    pub fn issue_expired(&self, name: &str) -> Certificate {
        let issued = files(&self.folder, name);
        let request = self.folder.join(format!("{name}.request"));
        let signed = Certificate { certificate: request.clone(), key: issued.key.clone() };
        run(&self.folder, &["req", "-new", "-subj", &format!("/CN={name}")], &signed, |_| ());
        let settings = "[ca]\ndefault_ca=own\n[own]\ndatabase=index\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\n\
                        policy=any\n[any]\ncommonName=supplied\n";
        let write = |file: &str, text: &str| fs::write(self.folder.join(file), text).expect("the folder is the test's");
        write("ca.conf", settings);
        write("index", "");
        let mut command = Command::new(program::required("openssl", "openssl"));
        command.current_dir(&self.folder).args(["ca", "-batch", "-config", "ca.conf", "-notext"]);
        command.args(["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]);
        command.arg("-in").arg(&request).arg("-out").arg(&issued.certificate);
        command.arg("-cert").arg(&self.own.certificate).arg("-keyfile").arg(&self.own.key);
        program::output_of(&mut command);
        issued
    }
}

fn files(folder: &Path, name: &str) -> Certificate {
    Certificate { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) }
}

fn run(folder: &Path, arguments: &[&str], made: &Certificate, more: impl FnOnce(&mut Command)) {
    let mut command = Command::new(program::required("openssl", "openssl"));
    command.current_dir(folder).args(arguments);
    command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    command.arg("-keyout").arg(&made.key).arg("-out").arg(&made.certificate);
    more(&mut command);
    program::output_of(&mut command);
}
