//! An overlay of `deploy/k8s`, rendered as `kubectl apply -k` does it.

use crate::tools::{project, run, tool, tools};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The overlays of the project.
const OVERLAYS: [&str; 2] = ["dev", "prod"];
/// Overlays over `prod` as operators have them, with the components of the project that they list.
const DERIVED: [(&str, &[&str]); 2] =
    [("prod-tls", &["tls"]), ("prod-client-certificates", &["tls", "client-certificates"])];

/// Where the value of a variable comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A value of the manifest or of a ConfigMap.
    Plain(String),
    /// A key of a Secret.
    Secret { name: String, key: String },
}

/// Its objects.
#[derive(Debug)]
pub(crate) struct Overlay {
    pub(crate) name: String,
    pub(crate) text: String,
    objects: Vec<Value>,
}

impl Overlay {
    /// An overlay of the project, rendered once.
    pub(crate) fn of(name: &str) -> &'static Self {
        let overlay = Self::all().iter().find(|overlay| overlay.name == name);
        overlay.unwrap_or_else(|| panic!("there is no overlay {name}"))
    }

    /// An overlay of a copy of `deploy/k8s`.
    pub(crate) fn render_in(folder: &Path, name: &str) -> Self {
        let text = run(tool("kubectl").arg("kustomize").arg(folder.join("overlays").join(name)));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &text).unwrap();
        let convert = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
        let json = run(Command::new("python3").args(["-c", convert]).arg(file.path()).env("PYTHONPATH", tools()));
        let objects: Vec<Value> = serde_json::from_str(&json).unwrap();
        assert!(objects.len() > 10, "{name} has only {} objects", objects.len());
        Self { name: name.to_owned(), text, objects }
    }

    /// The overlays of the project, and those that are derived from them with its components.
    pub(crate) fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Overlay>> = OnceLock::new();
        ALL.get_or_init(|| {
            let own = OVERLAYS.into_iter().map(|name| Self::render_in(&project().join("deploy/k8s"), name));
            let derived = DERIVED.into_iter().map(|(name, components)| Self::derived(name, components));
            own.chain(derived).collect()
        })
    }

    /// Those for production.
    pub(crate) fn of_production() -> impl Iterator<Item = &'static Self> {
        Self::all().iter().filter(|overlay| overlay.name.starts_with("prod"))
    }

    /// Those in which the services have TLS.
    pub(crate) fn with_tls() -> impl Iterator<Item = &'static Self> {
        Self::all().iter().filter(|overlay| overlay.scheme() == "https")
    }

    /// An overlay over `prod` with these components.
    fn derived(name: &str, components: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = copy(folder.path());
        let own = copy.join("overlays").join(name);
        fs::create_dir(&own).unwrap();
        let components: String = components.iter().map(|name| format!("  - ../../components/{name}\n")).collect();
        let text = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
             resources:\n  - ../prod\ncomponents:\n{components}"
        );
        fs::write(own.join("kustomization.yaml"), text).unwrap();
        Self::render_in(&copy, name)
    }

    /// The scheme of the addresses at which the services listen.
    pub(crate) fn scheme(&self) -> &'static str {
        if DERIVED.iter().any(|(name, _)| *name == self.name) { "https" } else { "http" }
    }

    /// The objects of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<&Value> {
        self.objects.iter().filter(|object| object["kind"] == kind).collect()
    }

    /// The object of that kind and name.
    pub(crate) fn get(&self, kind: &str, name: &str) -> &Value {
        let found = self.of_kind(kind).into_iter().find(|object| object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{} has no {kind} {name}", self.name))
    }

    /// The pods of a Deployment.
    pub(crate) fn pod(&self, service: &str) -> &Value {
        &self.get("Deployment", service)["spec"]["template"]["spec"]
    }

    /// The only container of a Deployment.
    pub(crate) fn container(&self, service: &str) -> &Value {
        let containers = self.pod(service)["containers"].as_array().unwrap();
        assert_eq!(containers.len(), 1, "{service}");
        &containers[0]
    }

    /// Every variable of the container, with its value.
    pub(crate) fn environment(&self, service: &str) -> BTreeMap<String, Origin> {
        let container = self.container(service);
        let mut found = BTreeMap::new();
        for source in container["envFrom"].as_array().unwrap() {
            let settings = self.get("ConfigMap", source["configMapRef"]["name"].as_str().unwrap());
            for (name, value) in settings["data"].as_object().unwrap() {
                found.insert(name.clone(), Origin::Plain(value.as_str().unwrap().to_owned()));
            }
        }
        for variable in container["env"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap().to_owned();
            let before = found.insert(name.clone(), self.origin(variable));
            assert_eq!(before, None, "{}: {service} has {name} twice", self.name);
        }
        found
    }

    fn origin(&self, variable: &Value) -> Origin {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{variable} has no value")).to_owned();
        let from = &variable["valueFrom"];
        let (map, secret) = (&from["configMapKeyRef"], &from["secretKeyRef"]);
        if map.is_object() {
            let map_object = self.get("ConfigMap", map["name"].as_str().unwrap());
            return Origin::Plain(text(&map_object["data"][map["key"].as_str().unwrap()]));
        }
        if secret.is_object() {
            return Origin::Secret { name: text(&secret["name"]), key: text(&secret["key"]) };
        }
        Origin::Plain(text(&variable["value"]))
    }

    /// The plain value of a variable, if the container has it.
    pub(crate) fn plain(&self, service: &str, name: &str) -> Option<String> {
        match self.environment(service).remove(name)? {
            Origin::Plain(value) => Some(value),
            origin => panic!("{name} comes from {origin:?}"),
        }
    }

    /// The key of a Secret that the container has as the file at this path.
    pub(crate) fn mounted_secret(&self, service: &str, path: &str) -> (String, String) {
        let mounts = self.container(service)["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| path.starts_with(&format!("{}/", mount["mountPath"].as_str().unwrap())));
        let mount = mount.unwrap_or_else(|| panic!("{service}: no volume is mounted above {path}"));
        // Such a mount never sees a changed Secret.
        assert_eq!((&mount["subPath"], &mount["readOnly"]), (&Value::Null, &Value::Bool(true)), "{service}: {path}");
        let volumes = self.pod(service)["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("a mount has its volume");
        let within = path.strip_prefix(mount["mountPath"].as_str().unwrap()).unwrap().trim_start_matches('/');
        let items = volume["secret"]["items"].as_array().expect("it is a Secret");
        let item = items.iter().find(|item| item["path"] == within);
        let item = item.unwrap_or_else(|| panic!("{service}: {path} is not among {items:?}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&volume["secret"]["secretName"]), text(&item["key"]))
    }
}

/// A copy of `deploy/k8s` that a test may change.
pub(crate) fn copy(folder: &Path) -> PathBuf {
    let copy = folder.join("k8s");
    run(Command::new("cp").arg("-r").arg(project().join("deploy/k8s")).arg(&copy));
    copy
}
