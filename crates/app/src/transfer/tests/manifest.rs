//! Exports that are not as they were written.

use super::{super::manifest::MANIFEST, *};

const VERSIONS: &str = "character_versions.ndjson";

type Change<'a> = &'a dyn Fn(&Path);

async fn exported() -> tempfile::TempDir {
    let storage = MemoryStorage::new();
    imported(&storage, folder(&[characters()]).path()).await;
    let folder = tempfile::tempdir().unwrap();
    export(&storage, folder.path(), |_| {}).await.unwrap();
    folder
}

async fn damage(folder: &tempfile::TempDir) -> Vec<String> {
    let report = imported(&MemoryStorage::new(), folder.path()).await;
    assert_eq!(report.passed_over, [""; 0]);
    report.damaged.iter().map(|it| format!("{}: {}", it.file, it.reason)).collect()
}

#[tokio::test]
async fn an_export_that_is_cut_changed_or_incomplete_is_reported_by_file() {
    let rewritten = |change: fn(String) -> String| {
        move |folder: &Path| {
            let path = folder.join(VERSIONS);
            fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        }
    };
    let cut = rewritten(|text| text.split_inclusive('\n').take(1).collect());
    let longer = rewritten(|text| text.repeat(2));
    // One bit of a name.
    let changed = rewritten(|text| text.replacen("Torormir", "Uorormir", 1));
    let reordered = rewritten(|text| text.split_inclusive('\n').rev().collect());
    let missing = |folder: &Path| fs::remove_file(folder.join(VERSIONS)).unwrap();
    let untouched = |_: &Path| {};
    let without_manifest = |folder: &Path| fs::remove_file(folder.join(MANIFEST)).unwrap();
    let cases: [(Change<'_>, &str); 7] = [
        (&untouched, ""),
        (&without_manifest, ""),
        (&cut, "the number of rows is 1; the export wrote 2"),
        (&longer, "the number of rows is 4; the export wrote 2"),
        (&changed, "is not as the export wrote it"),
        (&reordered, "is not as the export wrote it"),
        (&missing, "is missing; the export wrote 2 rows"),
    ];
    for (change, expected) in cases {
        let folder = exported().await;
        change(folder.path());
        let expected: Vec<_> = (!expected.is_empty()).then(|| format!("{VERSIONS}: {expected}")).into_iter().collect();
        assert_eq!(damage(&folder).await, expected);
    }
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_reported_and_the_rows_are_imported() {
    for text in ["", "{}", r#"{"files":{"characters.ndjson":{"rows":-1,"sha256":""}}}"#] {
        let folder = exported().await;
        fs::write(folder.path().join(MANIFEST), text).unwrap();
        let storage = MemoryStorage::new();
        let report = imported(&storage, folder.path()).await;
        assert_eq!(report.damaged.len(), 1, "{text}");
        assert!(report.damaged[0].reason.starts_with("cannot be read: "), "{text}");
        assert_eq!(report.created(), 4, "{text}");
    }
}

#[tokio::test]
async fn an_export_into_the_folder_of_an_earlier_one_replaces_its_manifest() {
    let folder = exported().await;
    export(&MemoryStorage::new(), folder.path(), |_| {}).await.unwrap();
    assert_eq!(damage(&folder).await, [""; 0]);
}
