//! Every event type is published by some act, in every form that the AsyncAPI document shows, and as the document says.
#![expect(clippy::unwrap_used, reason = "what is missing is to fail the test")]

use character_asyncapi::ValidatedStorage;
use character_domain::{
    Campaign, Character, CharacterProgress, CharacterVersion, Document, ImpactType, InventoryItem, UserId,
    event::EventType, now,
};
use character_repositories::{
    Award, NewAttainment, NewCampaign, NewCampaignEvent, NewCharacter, NewItem, NewJournalEntry, Purse, Repositories,
    RequestContext, StorageContext, ThemeTransition,
};
use character_storage_port::{Deleted, Expect, MemoryStorage, PageRequest, StorageExt};
use character_storage_testkit::sample::logged_events;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// The form of an event: its type, the names of its members, and the kind that some of them name.
type Form = (String, Vec<String>, Option<String>);

fn form(event_type: &str, data: &Value) -> Form {
    let names = data.as_object().unwrap().keys().cloned().collect();
    // A row may be of several kinds in the same form.
    let is_row = data.get("id").is_some() && data.get("change").is_some();
    let kind = data.get("kind").and_then(Value::as_str).filter(|_| !is_row).map(ToOwned::to_owned);
    (event_type.to_owned(), names, kind)
}

fn document(value: &Value) -> Document {
    Document::from(value.as_object().cloned().unwrap())
}

/// One act after the other, so that every event type is published in all of its forms.
async fn act(storage: &ValidatedStorage<MemoryStorage>) {
    let plain = &RequestContext::default();
    let all = Repositories::new(&StorageContext::new(Arc::new(storage.clone())));

    let sheet = json!({
        "hit_points": { "current": 20, "maximum": 40 }, "currency": { "gp": 10 }, "experience_points": 900, "level": 3,
    });
    let hero = NewCharacter { data: document(&sheet), ..NewCharacter::new(UserId::new(), "Torormir") };
    let hero = all.characters.create(hero, plain).await.unwrap().id;
    let other = all.characters.create(NewCharacter::new(UserId::new(), "Mirna"), plain).await.unwrap().id;
    let renamed = |it: &Character| Ok(Character { name: "Torormir the Grey".to_owned(), ..it.clone() });
    all.characters.patch(hero, plain, renamed).await.unwrap();
    all.characters.replace(other, NewCharacter::new(UserId::new(), "Mirna the Bold"), plain).await.unwrap();
    all.characters.delete(other, plain).await.unwrap();
    all.characters.restore(other, plain).await.unwrap();

    let sword = all.inventory.create(hero, NewItem::new("Sword"), plain).await.unwrap().id;
    let coins = Purse([("gp".to_owned(), 5)].into());
    all.inventory.change_currency(hero, &coins, plain).await.unwrap();
    all.inventory.give_coins(hero, other, &coins, plain).await.unwrap();
    all.inventory.give(hero, sword, other, None, plain).await.unwrap();
    storage.create(InventoryItem::new(other, "Shield", now())).await.unwrap();

    all.journal.create(hero, NewJournalEntry::new("Session 1"), plain).await.unwrap();
    let award = Award {
        amount: 2_000,
        source: "combat".to_owned(),
        reason: "Defeated a wyvern".to_owned(),
        journal_entry_id: None,
        session_id: None,
    };
    let awarded = all.progress.award(hero, &award, plain).await.unwrap();
    assert!(awarded.level_after > awarded.level_before, "{awarded:?}");
    all.progress.add_milestone(hero, &NewAttainment::new("Crossed the Anauroch"), plain).await.unwrap();
    all.progress.add_achievement(hero, &NewAttainment::new("Slayer of the wyvern"), plain).await.unwrap();
    storage.create(CharacterProgress::new(other, 0, 1, now())).await.unwrap();

    let campaign: Campaign = all.campaigns.create(NewCampaign::new("Lost Mine"), plain).await.unwrap();
    all.campaigns.join(hero, campaign.id, plain).await.unwrap();
    all.campaigns.leave(hero, plain).await.unwrap();
    let loss = NewCampaignEvent::new(ImpactType::Experience, -100);
    let loss = all.campaigns.create_event(hero, loss, plain).await.unwrap().id;
    all.campaigns.apply(hero, loss, plain).await.unwrap();
    let before = latest(&all, hero).await;
    let wound =
        all.campaigns.create_event(hero, NewCampaignEvent::new(ImpactType::HitPoints, -7), plain).await.unwrap();
    let wound = wound.id;
    all.campaigns.apply(hero, wound, plain).await.unwrap();
    let wounded = latest(&all, hero).await;
    all.campaigns.revert(hero, wound, plain).await.unwrap();

    // The effect follows the sheet: it is in force again, and then it ends.
    all.evolution.restore(hero, wounded.id, plain).await.unwrap();
    all.evolution.restore(hero, before.id, plain).await.unwrap();
    all.evolution.label(hero, before.id, Some("Before the wound".to_owned()), plain).await.unwrap();
    let transition =
        ThemeTransition { new_theme: "steampunk".to_owned(), chapter_id: None, equipment_transitions: Vec::new() };
    all.evolution.change_theme(hero, &transition, plain).await.unwrap();

    storage.delete_character(other, Expect::Any).await.unwrap();
    storage.restore_character(other, Expect::Any).await.unwrap();
}

async fn latest(all: &Repositories, of: character_domain::CharacterId) -> CharacterVersion {
    let plain = RequestContext::default();
    all.evolution.versions(of, Deleted::Exclude, PageRequest::default(), &plain).await.unwrap().value.items[0].clone()
}

#[tokio::test]
async fn every_event_type_is_published_in_every_form_and_as_the_document_says() {
    let memory = MemoryStorage::new();
    let storage = ValidatedStorage::new(memory.clone());
    act(&storage).await;
    assert_eq!(storage.seen().types(), EventType::ALL.iter().copied().collect());

    let published = logged_events(&memory).await;
    let published: BTreeSet<Form> = published.iter().map(|event| form(&event.event_type, &event.data)).collect();
    let examples = EventType::ALL
        .iter()
        .flat_map(|event_type| event_type.examples().into_iter().map(|data| form(event_type.as_str(), &json!(data))));
    assert_eq!(published, examples.collect());
}
