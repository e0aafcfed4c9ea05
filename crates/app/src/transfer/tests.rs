//! Import and export over the memory storage.

mod diverged;
mod manifest;

use super::*;
use character_asyncapi::ValidatedStorage;
use character_domain::{
    CampaignEvent, Character, CharacterId, CharacterVersion, ImpactType, InventoryItem, JournalEntry, Quest, UserId,
    size::MAX_ROW,
};
use character_storage_port::{
    CHARACTER_CREATED, CharacterVersionQuery, Expect, MemoryStorage, PageRequest, StorageExt, Store,
};
use character_storage_testkit::sample::logged_events;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const HERO: &str = "bd8edf9f-8557-4988-892c-395530d2b457";
const OTHER: &str = "bd8edf9f-8557-4988-892c-395530d2b458";

fn demo_data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/demo-data"))
}

/// Each event of the import must be as the AsyncAPI document says.
async fn imported(storage: &MemoryStorage, folder: &Path) -> ImportReport {
    import(&ValidatedStorage::new(storage.clone()), folder, |_| {}).await.unwrap()
}

/// The lines of each file as JSON, in whatever order, without what only our own exports have: revisions, versions, and the
/// character beside the journal entry.
fn contents(folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lines = |path: &Path| -> BTreeSet<String> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| as_of_old(path, serde_json::from_str(line).unwrap()).to_string()).collect()
    };
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "ndjson"))
        .filter(|path| !path.ends_with("character_versions.ndjson"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), lines(&path)))
        .collect()
}

fn as_of_old(path: &Path, mut row: Value) -> Value {
    let members = row.as_object_mut().unwrap();
    members.remove("revision");
    if ["experience_entries.ndjson", "quests.ndjson", "npc_relationships.ndjson"]
        .iter()
        .any(|file| path.ends_with(file))
    {
        members.remove("character_id");
    }
    row
}

/// A folder of these files, each with these lines.
fn folder(files: &[(&str, Vec<Value>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, rows) in files {
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(folder.path().join(file), lines).unwrap();
    }
    folder
}

fn with(mut row: Value, changes: Value) -> Value {
    json_merge(&mut row, changes);
    row
}

fn json_merge(row: &mut Value, changes: Value) {
    for (name, value) in changes.as_object().unwrap() {
        row[name] = value.clone();
    }
}

fn id(last: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{last:02}")
}

fn times() -> Value {
    json!({ "created_at": "2025-02-11T14:44:14.279690Z", "updated_at": "2025-02-11T14:44:14.279690Z" })
}

fn character(id: &str) -> Value {
    with(
        json!({ "character_id": id, "parent_id": null, "name": "Torormir", "user_id": OTHER, "campaign_id": null }),
        times(),
    )
}

fn item(last: u8, changes: Value) -> Value {
    let item = json!({
        "item_id": id(last), "root_id": null, "theme": "traditional", "character_id": HERO,
        "data": { "name": "Bag", "item_type": "container", "attunement_state": "none" }, "quantity": 1,
        "equipped": false, "container": null, "notes": null, "is_deleted": false, "deleted_at": null,
    });
    with(with(item, times()), changes)
}

fn entry(last: u8, changes: Value) -> Value {
    let entry = json!({
        "entry_id": id(last), "character_id": HERO, "entry_type": "note", "timestamp": "2025-02-11T14:44:14.279690Z",
        "title": "One", "content": "", "data": {}, "tags": [],
    });
    with(with(entry, times()), changes)
}

fn quest(last: u8, of: &str) -> Value {
    let quest = json!({
        "quest_id": id(last), "journal_entry_id": of, "title": "Find the heir", "description": "", "status": "active",
        "importance": "normal", "rewards": {}, "progress": [], "data": {},
    });
    with(quest, times())
}

fn progress(last: u8, of: &str) -> Value {
    let progress = json!({
        "progress_id": id(last), "character_id": of, "experience_points": 0, "milestones": [], "achievements": [],
        "current_level": 1, "previous_level": 0,
    });
    with(progress, times())
}

fn event(last: u8, changes: Value) -> Value {
    let event = json!({
        "event_id": id(last), "character_id": HERO, "event_type": "combat", "impact_type": "other",
        "impact_magnitude": 1, "timestamp": "2025-02-11T14:44:14.279690Z", "applied": false,
    });
    with(with(event, times()), changes)
}

fn impact(last: u8, event: &str, of: &str) -> Value {
    let impact = json!({
        "impact_id": id(last), "event_id": event, "character_id": of, "impact_type": "other", "applied": true,
        "is_reverted": false,
    });
    with(impact, times())
}

/// Both characters of these tests.
fn characters() -> (&'static str, Vec<Value>) {
    ("characters.ndjson", vec![character(HERO), character(OTHER)])
}

/// Where and why: `inventory_items.ndjson:3: container: …`.
fn refusals(report: &ImportReport) -> Vec<String> {
    report.refused.iter().map(|it| format!("{}:{}: {}", it.file, it.line, it.reason)).collect()
}

#[tokio::test]
async fn import_export_and_import_again_lose_nothing() {
    let (one, two) = (MemoryStorage::new(), MemoryStorage::new());
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let report = imported(&one, demo_data()).await;
    assert_eq!(refusals(&report), [""; 0]);
    assert_eq!((report.created(), report.unchanged(), report.files.len()), (3_960, 0, 10));
    let again = imported(&one, demo_data()).await;
    assert_eq!((again.created(), again.unchanged(), again.refused.len()), (0, 3_960, 0));
    export(&one, first.path(), |_| {}).await.unwrap();
    assert_eq!(contents(demo_data()), contents(first.path()), "the export holds what was imported");
    assert_eq!(refusals(&imported(&two, first.path()).await), [""; 0]);
    let exported = export(&two, second.path(), |_| {}).await.unwrap();
    assert_eq!(exported.rows(), 3_960 + 100, "each character has a version");
    for file in exported.files {
        let bytes = |folder: &Path| fs::read(folder.join(file.file)).unwrap();
        assert!(bytes(first.path()) == bytes(second.path()), "{} is the same to the byte", file.file);
    }
}

/// A change of theme moves the journal, and a bag is given away with what is in it: what refers to them stays where it is.
#[tokio::test]
async fn a_backup_is_taken_with_what_stayed_behind_when_its_entry_or_its_container_went_to_another_character() {
    let (one, two) = (MemoryStorage::new(), MemoryStorage::new());
    let at = character_domain::now();
    let [old, new] = [HERO, OTHER].map(|id| id.parse::<CharacterId>().unwrap());
    for id in [old, new] {
        one.create_character(Character { id, ..Character::new(UserId::new(), "Ann", at) }).await.unwrap();
    }
    let entry = one.create(JournalEntry::new(new, "Day one", at)).await.unwrap().id;
    let event =
        CampaignEvent { journal_entry_id: Some(entry), ..CampaignEvent::new(old, ImpactType::HitPoints, -3, at) };
    let event = one.create(event).await.unwrap();
    let bag = one.create(InventoryItem::new(new, "Bag", at)).await.unwrap().id;
    let ring = one.create(InventoryItem { container: Some(bag), ..InventoryItem::new(old, "Ring", at) }).await.unwrap();
    one.delete(&ring, Expect::Any).await.unwrap();
    let quest = one.create(Quest::new(old, entry, "Find it", at)).await.unwrap();
    one.delete(&quest, Expect::Any).await.unwrap();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    export(&one, first.path(), |_| {}).await.unwrap();
    let report = imported(&two, first.path()).await;
    assert_eq!((refusals(&report), report.created()), (Vec::new(), 7));
    assert_eq!(two.get::<CampaignEvent>(event.id).await.unwrap().value, event);
    for file in export(&two, second.path(), |_| {}).await.unwrap().files {
        let bytes = |folder: &Path| fs::read(folder.join(file.file)).unwrap();
        assert!(bytes(first.path()) == bytes(second.path()), "{} is the same to the byte", file.file);
    }
}

#[tokio::test]
async fn a_record_of_a_backup_whose_character_is_not_there_is_refused() {
    let stranger = id(98);
    let quest = with(quest(1, &id(1)), json!({ "character_id": stranger, "revision": 1 }));
    let folder =
        folder(&[characters(), ("journal_entries.ndjson", vec![entry(1, json!({}))]), ("quests.ndjson", vec![quest])]);
    let report = imported(&MemoryStorage::new(), folder.path()).await;
    assert_eq!(refusals(&report), [format!("quests.ndjson:1: character_id: there is no character {stranger}")]);
}

#[tokio::test]
async fn the_progress_ends_at_the_size_of_all_files() {
    let mut seen = vec![0];
    import(&MemoryStorage::new(), demo_data(), |read| seen.push(read)).await.unwrap();
    assert!(seen.is_sorted());
    assert_eq!(seen.last(), Some(&size(demo_data())));
}

#[tokio::test]
async fn an_imported_character_is_born_as_any_other_by_the_import() {
    let storage = MemoryStorage::new();
    let folder = folder(&[characters()]);
    imported(&storage, folder.path()).await;
    let hero = storage.get_character(HERO.parse().unwrap()).await.unwrap().value;
    let query = CharacterVersionQuery { character_id: Some(hero.id), ..CharacterVersionQuery::default() };
    let versions = Store::<CharacterVersion>::list(&storage, &query, PageRequest::default()).await.unwrap().value.items;
    assert_eq!(versions.len(), 1);
    assert_eq!((versions[0].author.as_deref(), versions[0].parent_id), (Some("import"), None));
    assert_eq!(versions[0].state, hero);
    let events = logged_events(&storage).await;
    assert!(events.len() == 2 && events.iter().all(|event| event.event_type == CHARACTER_CREATED));
}

#[tokio::test]
async fn a_container_may_come_later_but_must_be_there_with_the_same_owner_and_not_lie_in_itself() {
    let items = vec![
        item(1, json!({ "container": id(3) })),
        item(2, json!({ "container": id(9) })),
        item(3, json!({ "container": id(4) })),
        item(4, json!({})),
        item(5, json!({ "container": id(4), "character_id": OTHER })),
        item(6, json!({ "container": id(7) })),
        item(7, json!({ "container": id(6) })),
        item(8, json!({ "container": id(6) })),
        item(10, json!({ "container": id(10) })),
        item(11, json!({ "container": id(2) })),
        item(12, json!({ "character_id": id(99) })),
    ];
    let folder = folder(&[characters(), ("inventory_items.ndjson", items)]);
    let storage = MemoryStorage::new();
    let report = imported(&storage, folder.path()).await;
    let file = |line: usize, reason: String| format!("inventory_items.ndjson:{line}: {reason}");
    assert_eq!(
        refusals(&report),
        [
            file(2, format!("container: there is no inventory_item {}", id(9))),
            file(5, format!("container: inventory_item {} belongs to another character", id(4))),
            file(6, format!("container: inventory_item {} leads back to itself", id(7))),
            file(7, format!("container: inventory_item {} leads back to itself", id(6))),
            file(8, format!("container: inventory_item {} leads back to itself", id(6))),
            file(9, "container: must not be the item itself".to_owned()),
            file(10, format!("container: inventory_item {} was refused as well", id(2))),
            file(11, format!("character_id: there is no character {}", id(99))),
        ]
    );
    assert_eq!(report.created(), 2 + 3);
    let again = imported(&storage, folder.path()).await;
    assert_eq!((again.created(), again.unchanged()), (0, 5));
}

#[tokio::test]
async fn every_reference_must_be_there_and_what_is_under_an_entry_has_its_owner() {
    let folder = folder(&[
        characters(),
        ("journal_entries.ndjson", vec![entry(1, json!({})), entry(2, json!({ "character_id": id(99) }))]),
        ("quests.ndjson", vec![quest(1, &id(1)), quest(2, &id(9))]),
        (
            "campaign_events.ndjson",
            vec![
                event(1, json!({ "journal_entry_id": id(1) })),
                event(2, json!({ "journal_entry_id": id(1), "character_id": OTHER })),
            ],
        ),
        ("event_impacts.ndjson", vec![impact(1, &id(1), HERO), impact(2, &id(1), OTHER), impact(3, &id(2), OTHER)]),
    ]);
    let storage = MemoryStorage::new();
    let report = imported(&storage, folder.path()).await;
    assert_eq!(
        refusals(&report),
        [
            format!("journal_entries.ndjson:2: character_id: there is no character {}", id(99)),
            format!("quests.ndjson:2: journal_entry_id: there is no journal_entry {}", id(9)),
            format!("campaign_events.ndjson:2: journal_entry_id: journal_entry {} belongs to another character", id(1)),
            format!("event_impacts.ndjson:2: event_id: campaign_event {} belongs to another character", id(1)),
            format!("event_impacts.ndjson:3: event_id: there is no campaign_event {}", id(2)),
        ]
    );
    let quest = storage.get::<Quest>(id(1).parse().unwrap()).await.unwrap().value;
    assert_eq!(quest.character_id.to_string(), HERO);
}

#[tokio::test]
async fn a_character_of_a_campaign_that_is_kept_elsewhere_is_taken_whatever_campaigns_come_with_it() {
    let in_campaign = |id_: &str, campaign: u8| with(character(id_), json!({ "campaign_id": id(campaign) }));
    let campaign = with(json!({ "campaign_id": id(1), "name": "Tales", "theme": "steampunk" }), times());
    for campaigns in [vec![], vec![campaign]] {
        let count = campaigns.len();
        let heroes = vec![in_campaign(HERO, 2), in_campaign(OTHER, 1)];
        let folder = folder(&[("campaigns.ndjson", campaigns), ("characters.ndjson", heroes)]);
        let storage = MemoryStorage::new();
        let report = imported(&storage, folder.path()).await;
        assert_eq!((refusals(&report), report.created()), (Vec::new(), count + 2));
        let hero: Character = storage.get_character(HERO.parse().unwrap()).await.unwrap().value;
        assert_eq!(hero.campaign_id.map(|campaign| campaign.to_string()), Some(id(2)));
    }
}

#[tokio::test]
async fn a_line_with_a_revision_is_restored_exactly_and_gets_no_version_of_its_own() {
    let storage = MemoryStorage::new();
    let seventh = |id: &str| with(character(id), json!({ "revision": 7 }));
    let folder = folder(&[("characters.ndjson", vec![seventh(HERO), with(seventh(OTHER), json!({ "revision": 0 }))])]);
    let report = imported(&storage, folder.path()).await;
    assert_eq!(refusals(&report), ["characters.ndjson:2: revision: must be from 1 to 9007199254740991"]);
    let hero: Character = storage.get_character(HERO.parse().unwrap()).await.unwrap().value;
    assert_eq!(hero.meta.revision.0, 7);
    let every = CharacterVersionQuery::default();
    let versions = Store::<CharacterVersion>::list(&storage, &every, PageRequest::default()).await.unwrap().value;
    assert_eq!(versions.items, []);
    assert_eq!(imported(&storage, folder.path()).await.unchanged(), 1);
    let eighth = with(character(HERO), json!({ "revision": 8 }));
    let report = imported(&storage, self::folder(&[("characters.ndjson", vec![eighth])]).path()).await;
    assert_eq!(refusals(&report).len(), 1, "another revision is another state");
}

#[tokio::test]
async fn parents_that_lead_round_in_a_circle_are_refused() {
    let of = |id: &str, parent: &str| with(character(id), json!({ "parent_id": parent }));
    let folder = folder(&[("characters.ndjson", vec![of(HERO, OTHER), of(OTHER, HERO)])]);
    let refused = refusals(&imported(&MemoryStorage::new(), folder.path()).await);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused.iter().all(|reason| reason.ends_with("leads back to itself")), "{refused:?}");
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over_and_files_of_other_names_are_reported() {
    let folder = folder(&[characters(), ("Quests.ndjson", vec![]), ("notes.txt", vec![])]);
    let path = folder.path().join("characters.ndjson");
    let text = fs::read(&path).unwrap();
    fs::write(&path, [b"\xef\xbb\xbf".as_slice(), &text].concat()).unwrap();
    let report = imported(&MemoryStorage::new(), folder.path()).await;
    assert_eq!((refusals(&report), report.created()), (Vec::new(), 2));
    assert_eq!(report.passed_over, ["Quests.ndjson", "notes.txt"]);
}

#[tokio::test]
async fn a_character_has_one_progress() {
    let rows = vec![progress(1, HERO), progress(2, HERO), progress(3, OTHER)];
    let both = folder(&[characters(), ("character_progress.ndjson", rows)]);
    let storage = MemoryStorage::new();
    let another = |line: usize| {
        let first = id(1);
        format!("character_progress.ndjson:{line}: character_id: has another character_progress already, {first}")
    };
    assert_eq!(refusals(&imported(&storage, both.path()).await), [another(2)]);
    let later = folder(&[characters(), ("character_progress.ndjson", vec![progress(4, HERO), progress(1, HERO)])]);
    let report = imported(&storage, later.path()).await;
    assert_eq!((refusals(&report), report.unchanged()), (vec![another(1)], 3));
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_refused_with_its_place_and_the_member_at_fault() {
    let folder = folder(&[characters()]);
    let lines = [
        "not json".to_owned(),
        "[]".to_owned(),
        String::new(),
        with(entry(1, json!({})), json!({ "colour": "red" })).to_string(),
        with(entry(1, json!({})), json!({ "title": 1 })).to_string(),
        with(entry(1, json!({})), json!({ "title": " ", "tags": ["a,b"] })).to_string(),
        with(entry(1, json!({})), json!({ "is_deleted": true })).to_string(),
        with(entry(1, json!({})), json!({ "is_deleted": false, "deleted_at": "2025-02-11T14:44:14Z" })).to_string(),
        with(entry(1, json!({})), json!({ "data": { "n": 0 } })).to_string().replace(":0}", ":0,\"n\":0}"),
        entry(1, json!({ "content": "x".repeat(MAX_ROW) })).to_string(),
        r#"{"entry_id":"00000000-0000-4000-8000-000000000001"}"#.to_owned(),
    ];
    let mut bytes = lines.join("\n").into_bytes();
    bytes.extend(b"\n\"\xff\"\n");
    fs::write(folder.path().join("journal_entries.ndjson"), bytes).unwrap();
    let report = imported(&MemoryStorage::new(), folder.path()).await;
    let refused = refusals(&report);
    for (said, line) in [
        ("column 2: expected ident", 1),
        ("invalid type: sequence, expected a map", 2),
        ("colour: is not a member of this file", 4),
        ("title: invalid type", 5),
        ("title: must not be empty; tags[0]: must not contain a comma", 6),
        ("is_deleted without deleted_at", 7),
        ("deleted_at without is_deleted", 8),
        ("data.n: must not be given twice", 9),
        ("larger than 8388608 bytes", 10),
        ("character_id: is required", 11),
        ("", 12),
    ] {
        let place = format!("journal_entries.ndjson:{line}: ");
        let found = refused.iter().any(|refusal| refusal.starts_with(&place) && refusal.contains(said));
        assert!(found, "{place}{said} is missing in {refused:#?}");
    }
    assert_eq!(refused.len(), 11);
}

#[tokio::test]
async fn a_row_that_differs_from_what_is_stored_is_refused_and_what_it_owns_is_taken() {
    let storage = MemoryStorage::new();
    imported(&storage, folder(&[characters()]).path()).await;
    let renamed = with(character(HERO), json!({ "name": "Grey" }));
    let folder = folder(&[("characters.ndjson", vec![renamed]), ("inventory_items.ndjson", vec![item(1, json!({}))])]);
    let report = imported(&storage, folder.path()).await;
    assert_eq!(
        refusals(&report),
        [format!("characters.ndjson:1: character {HERO} exists and differs; it is not overwritten")]
    );
    assert_eq!(report.created(), 1);
    let hero: Character = storage.get_character(HERO.parse().unwrap()).await.unwrap().value;
    assert_eq!(hero.name, "Torormir");
}

#[tokio::test]
async fn the_fields_of_an_item_go_back_to_where_they_were_even_beside_others_of_the_same_name() {
    let beside = item(
        1,
        json!({ "name": "Sword", "item_type": "weapon", "attunement": "attuned", "data": { "name": "its own" } }),
    );
    let deleted = item(2, json!({ "is_deleted": true, "deleted_at": "2025-03-11T14:44:14.279690Z" }));
    let source = folder(&[characters(), ("inventory_items.ndjson", vec![beside.clone(), deleted.clone()])]);
    let storage = MemoryStorage::new();
    assert_eq!(refusals(&imported(&storage, source.path()).await), [""; 0]);
    let sword = storage.get::<InventoryItem>(id(1).parse().unwrap()).await.unwrap().value;
    assert_eq!((sword.name.as_str(), &sword.data.0["name"]), ("Sword", &json!("its own")));
    let target = tempfile::tempdir().unwrap();
    export(&storage, target.path(), |_| {}).await.unwrap();
    let expected: BTreeSet<_> = [beside, deleted].iter().map(Value::to_string).collect();
    assert_eq!(contents(target.path())["inventory_items.ndjson"], expected);
}

#[tokio::test]
async fn times_are_cut_to_the_microsecond() {
    let finer = json!({ "timestamp": "2025-02-11T14:44:14.279690987Z", "created_at": "2025-02-11T14:44:14.2796909Z" });
    let folder = folder(&[characters(), ("journal_entries.ndjson", vec![entry(1, finer)])]);
    let storage = MemoryStorage::new();
    assert_eq!(refusals(&imported(&storage, folder.path()).await), [""; 0]);
    let entry = storage.get::<JournalEntry>(id(1).parse().unwrap()).await.unwrap().value;
    assert_eq!(entry.timestamp.to_string(), "2025-02-11T14:44:14.279690Z");
    assert_eq!(imported(&storage, folder.path()).await.unchanged(), 3);
}

#[tokio::test]
async fn without_characters_there_is_no_import() {
    let folder = folder(&[("quests.ndjson", vec![])]);
    let failed = import(&MemoryStorage::new(), folder.path(), |_| {}).await;
    assert!(matches!(failed, Err(TransferError::File { action: "read", .. })), "{failed:?}");
}

#[tokio::test]
async fn items_from_elsewhere_that_break_a_rule_together_are_stored_and_reported() {
    let ring = |last: u8, more: Value| {
        let data =
            json!({ "name": "Ring", "item_type": "ring", "attunement_state": "attuned", "requires_attunement": true });
        with(item(last, json!({ "data": data })), more)
    };
    let rings = |more: &Value| (1..=4).map(|last| ring(last, more.clone())).collect::<Vec<_>>();
    let import_of = async |rows: Vec<Value>| {
        imported(&MemoryStorage::new(), folder(&[characters(), ("inventory_items.ndjson", rows)]).path()).await
    };
    let report = import_of(rings(&json!({}))).await;
    assert_eq!((refusals(&report), report.created()), (Vec::new(), 6));
    let broken: Vec<_> = report.broken_rules.iter().map(|it| (it.character.to_string(), it.reason.clone())).collect();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].0 == HERO && broken[0].1.contains("too-many-attuned"), "{broken:?}");
    let report = import_of(rings(&json!({ "revision": 7 }))).await;
    assert_eq!((report.created(), report.broken_rules), (6, Vec::new()), "a backup is as it was");
}
