//! What deploys the services: the manifests for Kubernetes, the files of the images, the systemd units, the Debian packages, and
//! the page that describes them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

#[path = "deploy/image.rs"]
mod image;
#[path = "deploy/manifests.rs"]
mod manifests;
#[path = "deploy/overlay.rs"]
mod overlay;
#[path = "deploy/packages.rs"]
mod packages;
#[path = "deploy/page.rs"]
mod page;
#[path = "deploy/pods.rs"]
mod pods;
mod support;
#[path = "deploy/tools.rs"]
mod tools;
