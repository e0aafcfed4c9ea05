use super::*;
use character_tests::Authority;
use std::path::Path;

fn parameters(mode: &str, root: Option<&str>) -> TlsParameters {
    TlsParameters { mode: Some(mode.to_owned()), root: root.map(str::to_owned), certificate: None, key: None }
}

fn file(file: TlsFile) -> TlsError {
    TlsError::File { file, path: "/secret/place".into(), reason: "it is empty".to_owned() }
}

#[test]
fn each_error_names_its_parameter_and_a_log_leaves_out_the_path() {
    for (of, name) in [(TlsFile::Ca, "sslrootcert"), (TlsFile::Certificate, "sslcert"), (TlsFile::Key, "sslkey")] {
        assert_eq!(described(&file(of)), format!("{name}: \"/secret/place\": it is empty"));
        assert_eq!(reason_of(&file(of)), format!("{name}: it is empty"));
    }
    let none = reason_of(&TlsError::NoSystemCertificates);
    assert!(none.starts_with("sslrootcert: the system has no trusted certificates"), "{none}");
    let setup = reason_of(&TlsError::Setup(rustls::Error::HandshakeNotComplete));
    assert!(setup.starts_with("sslmode: TLS cannot be set up"), "{setup}");
}

#[test]
fn each_mode_encrypts_and_checks_what_the_clients_of_postgresql_do() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "root");
    let root = authority.certificate().to_str().unwrap();
    let mode = |parameters: TlsParameters| parameters.load().map(|(mode, _)| mode);
    assert_eq!(mode(TlsParameters::default()), Ok(SslMode::Prefer));
    for (name, root, expected) in [
        ("disable", None, (SslMode::Disable, "Nothing")),
        ("prefer", None, (SslMode::Prefer, "Nothing")),
        ("require", None, (SslMode::Require, "Nothing")),
        ("require", Some(root), (SslMode::Require, "Authority")),
        ("verify-ca", Some(root), (SslMode::Require, "Authority")),
        ("verify-full", Some(root), (SslMode::Require, "AuthorityAndHost")),
    ] {
        let (mode, tls) = parameters(name, root).load().unwrap();
        let shown = format!("{:?}", tls.config());
        let (_, verification) = shown.split_once("verification: ").unwrap();
        let verification = verification.split(',').next().unwrap();
        assert_eq!((mode, verification), expected, "{name}");
        let files: Vec<_> = root.map(PathBuf::from).into_iter().collect();
        assert_eq!(tls.paths(), files, "{name}");
    }
}

#[test]
fn the_authorities_of_the_system_are_used_where_the_host_is_checked() {
    match parameters("verify-full", Some("system")).load() {
        Ok((mode, tls)) => assert!(mode == SslMode::Require && tls.paths().is_empty()),
        Err(error) => assert!(error.starts_with("sslrootcert: the system has no trusted certificates"), "{error}"),
    }
}

#[test]
fn parameters_that_contradict_one_another_are_refused() {
    let client = |mode: &str, certificate: Option<&str>, key: Option<&str>| TlsParameters {
        certificate: certificate.map(str::to_owned),
        key: key.map(str::to_owned),
        ..parameters(mode, None)
    };
    let no_effect = "sslrootcert, sslcert and sslkey have no effect with sslmode=disable";
    let together = "sslcert and sslkey must be set together";
    let checked = "sslrootcert needs an sslmode that checks it: require, verify-ca or verify-full";
    for (wrong, expected) in [
        (parameters("disable", Some("/a")), no_effect),
        (client("disable", Some("/a"), None), no_effect),
        (client("disable", None, Some("/b")), no_effect),
        (client("require", Some("/a"), None), together),
        (client("require", None, Some("/b")), together),
        (parameters("prefer", Some("/a")), checked),
        (parameters("verify-ca", Some("system")), "sslrootcert=system needs sslmode=verify-full"),
        (parameters("require", Some("system")), "sslrootcert=system needs sslmode=verify-full"),
        (parameters("allow", None), "sslmode must be disable, prefer, require, verify-ca or verify-full"),
    ] {
        assert_eq!(wrong.load().map(drop), Err(expected.to_owned()));
    }
}

#[test]
fn the_files_of_a_client_are_read_with_the_url_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let own = Authority::new(folder.path(), "root").issue("client", &["DNS:client"]);
    let text = |path: &Path| Some(path.to_str().unwrap().to_owned());
    let parameters =
        TlsParameters { certificate: text(&own.certificate), key: text(&own.key), ..parameters("require", None) };
    let (_, tls) = parameters.clone().load().unwrap();
    assert_eq!(tls.paths(), [own.certificate.clone(), own.key.clone()]);
    std::fs::write(&own.key, "no key").unwrap();
    let reason = reason_of(&tls.reload().unwrap_err());
    assert!(reason.starts_with("sslkey: ") && !reason.contains('/'), "{reason}");
    let error = parameters.load().map(drop).unwrap_err();
    assert!(error.starts_with("sslkey: ") && error.contains(own.key.to_str().unwrap()), "{error}");
}

#[test]
fn a_host_that_no_certificate_can_be_for_fails_only_with_tls() {
    let (_, tls) = TlsParameters::default().load().unwrap();
    for (host, is_name) in [("db.example.org", true), ("127.0.0.1", true), ("", false)] {
        let handshake = PostgresTls(tls.clone()).make_tls_connect(host).unwrap();
        assert_eq!(handshake.host.is_ok(), is_name, "{host}");
        assert_eq!(handshake.connector.config().alpn_protocols, [b"postgresql".to_vec()]);
    }
}
