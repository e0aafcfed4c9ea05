use super::*;
use crate::config::SettingFile;
use prometheus_client::registry::Registry;
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

type Applied = Arc<Mutex<Vec<String>>>;

/// A file of a setting in the layout of Kubernetes, a plan that watches it, and what was applied.
fn planned(folder: &Path, text: &str) -> (WatchPlan, Applied, Registry) {
    let path = folder.join("token");
    fs::write(&path, text).unwrap();
    let mut registry = Registry::default();
    let setting = SettingFile { name: "A_TOKEN", path, text: text.trim().into() };
    let mut plan = WatchPlan::new(vec![setting], &mut registry);
    let applied = Applied::default();
    let told = Arc::clone(&applied);
    plan.setting("A_TOKEN", move |text| {
        if text == "unusable" {
            return Err("must be another".to_owned());
        }
        told.lock().unwrap().push(text.to_owned());
        Ok(())
    });
    (plan, applied, registry)
}

fn polled(plan: &mut WatchPlan, times: usize) -> usize {
    let metrics = plan.metrics().clone();
    (0..times).filter(|_| plan.watched().iter_mut().any(|file| file.poll(&metrics))).count()
}

fn shown(registry: &Registry, line: &str) -> bool {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text.lines().any(|shown| shown == line)
}

#[test]
fn new_contents_count_when_two_reads_in_a_row_have_found_them() {
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, applied, registry) = planned(folder.path(), "first\n");
    assert_eq!(polled(&mut plan, 3), 0);
    fs::write(folder.path().join("token"), "sec").unwrap();
    assert_eq!(polled(&mut plan, 1), 0);
    fs::write(folder.path().join("token"), "second").unwrap();
    assert_eq!((polled(&mut plan, 1), polled(&mut plan, 1), polled(&mut plan, 3)), (0, 1, 0));
    assert_eq!(*applied.lock().unwrap(), ["second"]);
    fs::write(folder.path().join("token"), " second \n").unwrap();
    assert_eq!(polled(&mut plan, 3), 0, "white space is no change");
    assert!(shown(&registry, "setting_changes_total{setting=\"A_TOKEN\",outcome=\"applied\"} 1"));
}

#[test]
fn what_cannot_be_used_leaves_the_value_before_and_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, applied, registry) = planned(folder.path(), "first");
    let file = folder.path().join("token");
    for (round, contents) in [Some("unusable"), Some(" "), None].into_iter().enumerate() {
        match contents {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        assert_eq!(polled(&mut plan, 5), 1, "{contents:?} is refused once");
        let refused = format!("setting_changes_total{{setting=\"A_TOKEN\",outcome=\"refused\"}} {}", round + 1);
        assert!(shown(&registry, &refused));
        assert!(shown(&registry, "setting_refused{setting=\"A_TOKEN\"} 1"));
    }
    assert!(applied.lock().unwrap().is_empty());
    fs::write(&file, "first").unwrap();
    assert_eq!(polled(&mut plan, 3), 0);
    assert!(shown(&registry, "setting_refused{setting=\"A_TOKEN\"} 0"));
}

#[test]
fn the_swap_of_a_folder_as_kubernetes_does_it_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("..1", "old"), ("..2", "new")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("token"), text).unwrap();
    }
    std::os::unix::fs::symlink("..1", at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/token", at("token")).unwrap();
    let mut registry = Registry::default();
    let setting = SettingFile { name: "A_TOKEN", path: at("token"), text: "old".into() };
    let mut plan = WatchPlan::new(vec![setting], &mut registry);
    let applied = Applied::default();
    let told = Arc::clone(&applied);
    plan.setting("A_TOKEN", move |text| {
        told.lock().unwrap().push(text.to_owned());
        Ok(())
    });
    assert_eq!(polled(&mut plan, 2), 0);
    std::os::unix::fs::symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    fs::remove_dir_all(at("..1")).unwrap();
    assert_eq!(polled(&mut plan, 2), 1);
    assert_eq!(*applied.lock().unwrap(), ["new"]);
}

#[tokio::test]
async fn an_order_reads_at_once_and_a_setting_without_a_use_changes_with_a_restart_only() {
    let folder = tempfile::tempdir().unwrap();
    let (mut plan, applied, _registry) = planned(folder.path(), "first");
    fs::write(folder.path().join("token"), "second").unwrap();
    let metrics = plan.metrics().clone();
    assert!(plan.watched().iter_mut().all(|file| file.read_now(&metrics)));
    assert_eq!(*applied.lock().unwrap(), ["second"]);
    let fixed = folder.path().join("fixed");
    fs::write(&fixed, "a").unwrap();
    let mut registry = Registry::default();
    let setting = SettingFile { name: "FIXED", path: fixed.clone(), text: "a".into() };
    let watch = WatchPlan::new(vec![setting], &mut registry).start().unwrap();
    fs::write(&fixed, "b").unwrap();
    watch.read_now();
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while !shown(&registry, "setting_refused{setting=\"FIXED\"} 1") {
        assert!(std::time::Instant::now() < end, "the change is not reported");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
