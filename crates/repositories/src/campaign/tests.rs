//! Over the memory storage for what an act does, over a mock of the port for what is refused and what a storage may do.

mod in_any_order;

use super::*;
use crate::{
    Condition, RepositoryError,
    testing::{key, over_memory, plain},
};
use character_domain::{
    CampaignEvent, CampaignEventId, CharacterProgress, CharacterVersion, Document, EventImpact, ImpactType,
    JournalEntry, JournalEntryId, Revision, UserId,
};
use character_storage_port::{
    COMMIT, CampaignEventQuery, CharacterProgressQuery, CharacterVersionQuery, EntityKind, ErrorKind, EventImpactQuery,
    MemoryStorage, Page, PageRequest, Source, StaleReason, StorageError, StorageExt, Store, Tier,
};
use character_storage_testkit::{MockStorage, sample::logged_events};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

struct World {
    campaigns: CampaignRepository,
    storage: MemoryStorage,
    hero: CharacterId,
}

fn document(value: &Value) -> Document {
    Document::from(value.as_object().cloned().unwrap())
}

fn hero(sheet: &Value) -> Character {
    Character { data: document(sheet), ..Character::new(UserId::new(), "Torormir", character_domain::now()) }
}

async fn world(sheet: Value) -> World {
    let storage = MemoryStorage::new();
    let hero = storage.create_character(hero(&sheet)).await.unwrap().id;
    let campaigns = CampaignRepository::new(over_memory(&storage));
    World { campaigns, storage, hero }
}

fn sheet() -> Value {
    json!({
        "hit_points": { "current": 20, "maximum": 40, "temporary": 3 },
        "ability_scores": { "strength": 10, "wisdom": 12 },
        "experience_points": 1_000, "level": 3, "proficiency_bonus": 2, "species": "Dwarf",
    })
}

fn strength(magnitude: i64) -> NewCampaignEvent {
    NewCampaignEvent {
        event_data: document(&json!({ "ability": "strength" })),
        ..NewCampaignEvent::new(ImpactType::AbilityScore, magnitude)
    }
}

#[track_caller]
fn rule<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    match outcome {
        Err(RepositoryError::Refused(refusal)) => refusal.rule.into_owned(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn faults<T: std::fmt::Debug>(outcome: Result<T>) -> Vec<String> {
    match outcome {
        Err(RepositoryError::Invalid(violations)) => violations.into_iter().map(|it| it.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn not_found<T: std::fmt::Debug>(outcome: Result<T>) -> EntityKind {
    match outcome {
        Err(RepositoryError::NotFound(kind)) => kind,
        other => panic!("{other:?}"),
    }
}

impl World {
    async fn character(&self) -> Character {
        self.storage.get_character(self.hero).await.unwrap().value
    }

    async fn sheet(&self) -> Value {
        Value::Object(self.character().await.data.0.into_map())
    }

    async fn has(&self, new: NewCampaignEvent) -> CampaignEvent {
        self.campaigns.create_event(self.hero, new, &plain()).await.unwrap()
    }

    async fn event(&self, id: CampaignEventId) -> CampaignEvent {
        self.campaigns.get_event(self.hero, id, &plain()).await.unwrap().value
    }

    async fn apply(&self, id: CampaignEventId) -> Result<EventImpact> {
        self.campaigns.apply(self.hero, id, &plain()).await
    }

    async fn revert(&self, id: CampaignEventId) -> Result<EventImpact> {
        self.campaigns.revert(self.hero, id, &plain()).await
    }

    async fn impacts(&self, query: EventImpactQuery) -> Vec<EventImpact> {
        self.campaigns
            .impacts_on(self.hero, query, PageRequest::default(), &plain())
            .await
            .unwrap()
            .value
            .items
            .into_vec()
    }

    async fn versions(&self) -> Vec<CharacterVersion> {
        let query = CharacterVersionQuery { character_id: Some(self.hero), ..CharacterVersionQuery::default() };
        Store::<CharacterVersion>::list(&self.storage, &query, PageRequest::default())
            .await
            .unwrap()
            .value
            .items
            .into_vec()
    }

    async fn experience(&self) -> Option<(i64, u8)> {
        let query = CharacterProgressQuery { character_id: Some(self.hero), ..CharacterProgressQuery::default() };
        let page = Store::<CharacterProgress>::list(&self.storage, &query, PageRequest::default()).await.unwrap();
        page.value.items.first().map(|row| (row.experience_points, row.current_level))
    }

    async fn events(&self) -> Vec<(String, Value)> {
        let events = logged_events(&self.storage).await;
        events.into_iter().map(|event| (event.event_type.into_owned(), event.data)).collect()
    }
}

#[tokio::test]
async fn joining_and_leaving_are_told_and_recorded_and_doing_so_again_changes_nothing() {
    let world = world(json!({})).await;
    let (first, second, terms) = (CampaignId::new(), CampaignId::new(), RequestContext::default());
    let joined = world.campaigns.join(world.hero, first, &terms).await.unwrap();
    assert_eq!((joined.campaign_id, joined.meta.revision), (Some(first), Revision(2)));
    assert_eq!(world.campaigns.join(world.hero, first, &terms).await.unwrap(), joined);
    let moved = world.campaigns.join(world.hero, second, &terms).await.unwrap();
    assert_eq!(moved.campaign_id, Some(second));
    let left = world.campaigns.leave(world.hero, &terms).await.unwrap();
    assert_eq!((left.campaign_id, left.meta.revision), (None, Revision(4)));
    assert_eq!(world.campaigns.leave(world.hero, &terms).await.unwrap(), left);
    let told: Vec<_> =
        world.events().await.into_iter().skip(1).map(|(it, data)| (it, data["campaign_id"].clone())).collect();
    let expected = [
        ("character.campaign_joined", first),
        ("character.campaign_left", first),
        ("character.campaign_joined", second),
        ("character.campaign_left", second),
    ];
    assert_eq!(told, expected.map(|(event, campaign)| (event.to_owned(), json!(campaign))));
    let reasons: Vec<_> = world.versions().await.into_iter().map(|version| version.reason).collect();
    assert_eq!(reasons, ["campaign.left", "campaign.joined", "campaign.joined"]);
}

#[tokio::test]
async fn a_campaign_lists_those_who_take_part() {
    let world = world(json!({})).await;
    let campaign = CampaignId::new();
    let list = async || {
        let page = world.campaigns.characters(campaign, CharacterQuery::live(), PageRequest::default(), &plain()).await;
        page.unwrap().value.items.into_vec()
    };
    assert_eq!(list().await, []);
    let joined = world.campaigns.join(world.hero, campaign, &plain()).await.unwrap();
    assert_eq!(list().await, [joined]);
    world.campaigns.leave(world.hero, &plain()).await.unwrap();
    assert_eq!(list().await, []);
}

#[tokio::test]
async fn joining_repeated_under_its_key_gets_the_first_answer_also_after_leaving() {
    let world = world(json!({})).await;
    let campaign = CampaignId::new();
    let joined = world.campaigns.join(world.hero, campaign, &key("k")).await.unwrap();
    world.campaigns.leave(world.hero, &plain()).await.unwrap();
    assert_eq!(world.campaigns.join(world.hero, campaign, &key("k")).await.unwrap(), joined);
    assert_eq!(world.character().await.campaign_id, None);
}

#[tokio::test]
async fn an_event_has_no_effect_until_it_is_applied_and_then_all_of_it_at_once() {
    let world = world(sheet()).await;
    let event = world.has(NewCampaignEvent::new(ImpactType::HitPoints, -5)).await;
    assert_eq!((event.applied, world.sheet().await), (false, sheet()));
    let impact = world.apply(event.id).await.unwrap();
    assert_eq!((impact.event_id, impact.applied, impact.is_reverted), (event.id, true, false));
    assert_eq!(impact.reversion_data.0["hit_points"], sheet()["hit_points"]);
    let now = world.sheet().await;
    assert_eq!(now["hit_points"], json!({ "current": 15, "maximum": 40, "temporary": 3 }));
    let stored = world.event(event.id).await;
    assert_eq!((stored.applied, stored.applied_at), (true, impact.applied_at));
    assert_eq!(world.impacts(EventImpactQuery::default()).await, std::slice::from_ref(&impact));
    let version = world.versions().await.remove(0);
    assert_eq!((version.reason.as_str(), version.related.len()), ("campaign_event.applied", 2));
    let last = world.events().await.pop().unwrap();
    assert_eq!((last.0.as_str(), &last.1["impact_id"]), ("character.event_applied", &json!(impact.id)));
}

#[tokio::test]
async fn applying_again_and_reverting_again_change_nothing() {
    let world = world(sheet()).await;
    let event = world.has(NewCampaignEvent::new(ImpactType::HitPoints, -5)).await.id;
    let applied = world.apply(event).await.unwrap();
    let after = world.character().await;
    assert_eq!(world.apply(event).await.unwrap(), applied);
    assert_eq!(world.character().await, after);
    let reverted = world.revert(event).await.unwrap();
    assert_eq!((reverted.id, reverted.is_reverted, reverted.meta.revision), (applied.id, true, Revision(2)));
    let undone = world.character().await;
    assert_eq!(Value::Object(undone.data.0.clone().into_map()), sheet());
    assert_eq!(world.revert(event).await.unwrap(), reverted);
    assert_eq!(world.character().await, undone);
    let stored = world.event(event).await;
    assert_eq!((stored.applied, stored.applied_at), (false, None));
    let last = world.events().await.pop().unwrap();
    assert_eq!(last.0, "character.event_reverted");
}

#[tokio::test]
async fn a_reverted_event_can_be_applied_anew_and_has_an_impact_for_each_time() {
    let world = world(sheet()).await;
    let event = world.has(strength(2)).await.id;
    let first = world.apply(event).await.unwrap();
    world.revert(event).await.unwrap();
    let second = world.apply(event).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(world.sheet().await["ability_scores"]["strength"], 12);
    let (applied, reverted) = (
        EventImpactQuery { applied_only: true, ..EventImpactQuery::default() },
        EventImpactQuery { reverted_only: true, ..EventImpactQuery::default() },
    );
    let all =
        [world.impacts(EventImpactQuery::default()).await, world.impacts(applied).await, world.impacts(reverted).await];
    let ids = all.map(|impacts| impacts.into_iter().map(|impact| impact.id).collect::<Vec<_>>());
    assert_eq!(ids, [vec![second.id, first.id], vec![second.id], vec![first.id]]);
    let (query, page) = (EventImpactQuery::default(), PageRequest::default());
    let page = world.campaigns.impacts_of_event(world.hero, event, query, page, &plain()).await;
    assert_eq!(page.unwrap().value.items.len(), 2);
}

#[tokio::test]
async fn experience_of_an_event_is_on_the_record_and_makes_levels_and_is_taken_back_with_them() {
    let world = world(sheet()).await;
    let event = world.has(NewCampaignEvent::new(ImpactType::Experience, 6_000)).await.id;
    let impact = world.apply(event).await.unwrap();
    assert_eq!(impact.reversion_data.0["experience_points"], 1_000);
    assert_eq!(world.experience().await, Some((7_000, 5)));
    let now = world.sheet().await;
    assert_eq!(
        (&now["experience_points"], &now["level"], &now["proficiency_bonus"]),
        (&json!(7_000), &json!(5), &json!(3))
    );
    let told: Vec<_> = world.events().await.into_iter().map(|(event, _)| event).collect();
    assert_eq!(told[2..], ["character.experience_gained", "character.leveled_up", "character.event_applied"]);
    world.revert(event).await.unwrap();
    assert_eq!((world.experience().await, world.sheet().await), (Some((1_000, 3)), sheet()));
}

#[tokio::test]
async fn reverting_takes_back_one_event_and_leaves_what_happened_since() {
    let world = world(sheet()).await;
    let hurt = world.has(NewCampaignEvent::new(ImpactType::HitPoints, -10)).await.id;
    let won = world.has(NewCampaignEvent::new(ImpactType::Experience, 200)).await.id;
    let healed = world.has(NewCampaignEvent::new(ImpactType::HitPoints, 4)).await.id;
    for event in [hurt, won, healed] {
        world.apply(event).await.unwrap();
    }
    world.revert(hurt).await.unwrap();
    let now = world.sheet().await;
    assert_eq!((&now["hit_points"]["current"], &now["experience_points"]), (&json!(24), &json!(1_200)));
}

#[tokio::test]
async fn an_event_without_effect_on_the_sheet_is_recorded_all_the_same() {
    let world = world(sheet()).await;
    let event = world.has(NewCampaignEvent::new(ImpactType::Other, 7)).await.id;
    let impact = world.apply(event).await.unwrap();
    assert_eq!((impact.impact_data.0["amount"].clone(), world.sheet().await), (json!(7), sheet()));
    assert!(world.revert(event).await.unwrap().is_reverted);
}

#[tokio::test]
async fn an_imported_event_that_says_it_is_applied_counts_as_its_impact_does() {
    let world = world(sheet()).await;
    let at = character_domain::now();
    let mut event = CampaignEvent::new(world.hero, ImpactType::HitPoints, -5, at);
    (event.applied, event.applied_at) = (true, Some(at));
    let effect = character_domain::campaign::apply(&event, &document(&sheet()), 0).unwrap();
    let mut impact = EventImpact::of(&event, &effect, at);
    (impact.is_reverted, impact.reverted_at) = (true, Some(at));
    let event = world.storage.create(event).await.unwrap().id;
    let impact = world.storage.create(impact).await.unwrap();
    assert_eq!(world.revert(event).await.unwrap(), impact);
    assert_ne!(world.apply(event).await.unwrap().id, impact.id);
    assert_eq!(world.sheet().await["hit_points"]["current"], 15);
}

#[tokio::test]
async fn an_act_repeated_under_its_key_gets_the_first_answer() {
    let world = world(sheet()).await;
    let new = || NewCampaignEvent { id: Some(CampaignEventId(uuid::Uuid::from_u128(7))), ..strength(1) };
    let event = world.campaigns.create_event(world.hero, new(), &key("made")).await.unwrap();
    assert_eq!(world.campaigns.create_event(world.hero, new(), &key("made")).await.unwrap(), event);
    let applied = world.campaigns.apply(world.hero, event.id, &key("k")).await.unwrap();
    let reverted = world.campaigns.revert(world.hero, event.id, &key("undone")).await.unwrap();
    assert_eq!(world.campaigns.apply(world.hero, event.id, &key("k")).await.unwrap(), applied);
    assert_eq!(world.campaigns.revert(world.hero, event.id, &key("undone")).await.unwrap(), reverted);
    assert_eq!(world.sheet().await, sheet());
}

#[tokio::test]
async fn of_many_who_apply_an_event_at_once_one_does() {
    let world = world(sheet()).await;
    let event = world.has(strength(1)).await.id;
    let tasks = (0..8).map(|_| {
        let (campaigns, hero) = (world.campaigns.clone(), world.hero);
        tokio::spawn(async move { campaigns.apply(hero, event, &plain()).await.unwrap().id })
    });
    let mut impacts = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        impacts.push(task.await.unwrap());
    }
    impacts.dedup();
    assert_eq!((impacts.len(), &world.sheet().await["ability_scores"]["strength"]), (1, &json!(11)));
}

#[tokio::test]
async fn an_event_of_another_character_is_not_found() {
    let world = world(sheet()).await;
    let other = world.storage.create_character(hero(&sheet())).await.unwrap().id;
    let event = world.campaigns.create_event(other, strength(1), &plain()).await.unwrap().id;
    world.campaigns.apply(other, event, &plain()).await.unwrap();
    let (campaigns, of, terms) = (&world.campaigns, world.hero, &plain());
    let page = PageRequest::default();
    assert_eq!(not_found(campaigns.get_event(of, event, &plain()).await), EntityKind::CampaignEvent);
    assert_eq!(not_found(campaigns.apply(of, event, terms).await), EntityKind::CampaignEvent);
    assert_eq!(not_found(campaigns.revert(of, event, terms).await), EntityKind::CampaignEvent);
    let impacts = campaigns.impacts_of_event(of, event, EventImpactQuery::default(), page.clone(), &plain()).await;
    assert_eq!(not_found(impacts), EntityKind::CampaignEvent);
    assert_eq!(world.impacts(EventImpactQuery::default()).await, []);
    let events = campaigns.list_events(of, CampaignEventQuery::default(), page, &plain()).await.unwrap();
    assert_eq!(events.value.items, []);
}

#[tokio::test]
async fn an_event_may_be_told_by_an_entry_of_the_journal_which_must_be_the_characters_own() {
    let world = world(sheet()).await;
    let own = JournalEntry::new(world.hero, "Session 3", character_domain::now());
    let own = world.storage.create(own).await.unwrap().id;
    let foreign = JournalEntry::new(CharacterId::new(), "Session 3", character_domain::now());
    let foreign = world.storage.create(foreign).await.unwrap().id;
    let told = |entry: JournalEntryId| NewCampaignEvent { journal_entry_id: Some(entry), ..strength(1) };
    assert_eq!(world.has(told(own)).await.journal_entry_id, Some(own));
    for wrong in [foreign, JournalEntryId::new()] {
        let outcome = world.campaigns.create_event(world.hero, told(wrong), &plain()).await;
        assert_eq!(faults(outcome), ["journal_entry_id"]);
    }
    let nobody = world.campaigns.create_event(CharacterId::new(), told(own), &plain()).await;
    assert_eq!(not_found(nobody), EntityKind::Character);
}

/// A mock that knows these, and takes no change.
fn knows(hero: Character, event: CampaignEvent, impacts: Vec<EventImpact>) -> CampaignRepository {
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().returning(move |id, _| Ok(Read::origin((id == hero.id).then(|| hero.clone()))));
    mock.expect_find::<CampaignEvent>().returning(move |_, _| Ok(Read::origin(Some(event.clone()))));
    mock.expect_list::<EventImpact>().returning(move |_, _| Ok(Read::origin(Page::new(impacts.clone(), None))));
    mock.expect_list::<CharacterProgress>().returning(|_, _| Ok(Read::origin(Page::new(Vec::new(), None))));
    mock.expect_commit().never();
    CampaignRepository::new(StorageContext::new(Arc::new(mock)))
}

#[tokio::test]
async fn every_refusal_to_apply_says_why_and_commits_nothing() {
    let hero = hero(&json!({ "ability_scores": { "strength": "mighty" }, "experience_points": 10 }));
    let of = hero.id;
    let refused = async |new: NewCampaignEvent| {
        let event = new.into_event(of, character_domain::now());
        let id = event.id;
        rule(knows(hero.clone(), event, Vec::new()).apply(of, id, &plain()).await)
    };
    assert_eq!(refused(NewCampaignEvent::new(ImpactType::HitPoints, -1)).await, "no-hit-points");
    assert_eq!(refused(strength(1)).await, "no-ability-score");
    assert_eq!(refused(NewCampaignEvent::new(ImpactType::Experience, -11)).await, "not-enough-experience");
}

#[tokio::test]
async fn every_refusal_to_revert_says_why_and_commits_nothing() {
    let before = hero(&sheet());
    let of = before.id;
    let refused = async |new: NewCampaignEvent, today: Value, forget: Option<&str>| {
        let event = new.into_event(of, character_domain::now());
        let effect = character_domain::campaign::apply(&event, &before.data, 1_000).unwrap();
        let mut impact = EventImpact::of(&event, &effect, character_domain::now());
        if let Some(member) = forget {
            impact.impact_data.0.remove(member);
            impact.reversion_data.0.remove(member);
        }
        let (id, today) = (event.id, Character { data: document(&today), ..before.clone() });
        match knows(today, event, vec![impact]).revert(of, id, &plain()).await {
            Err(RepositoryError::Refused(refusal)) => (refusal.rule.into_owned(), refusal.reason),
            other => panic!("{other:?}"),
        }
    };
    let (points, experience) =
        (NewCampaignEvent::new(ImpactType::HitPoints, 5), NewCampaignEvent::new(ImpactType::Experience, 500));
    for (new, today, forget, reason) in [
        (points.clone(), json!({}), None, "the sheet has no hit points today"),
        (points.clone(), sheet(), Some("amount"), "impact_data.amount is missing"),
        (points, sheet(), Some("hit_points"), "reversion_data.hit_points is missing"),
        (
            experience.clone(),
            json!({ "experience_points": 499 }),
            None,
            "the character has 499 experience points, fewer than the 500 to subtract",
        ),
        (experience, sheet(), Some("amount"), "impact_data.amount is missing"),
        (strength(2), json!({}), None, "the sheet has no score for strength today"),
        (
            strength(2),
            json!({ "ability_scores": { "strength": 2 } }),
            None,
            "strength would be 0, and must stay from 1 to 30",
        ),
        (strength(2), sheet(), Some("ability_scores"), "reversion_data.ability_scores is missing"),
    ] {
        let (rule, told) = refused(new, today, forget).await;
        assert_eq!(rule, "not-reversible");
        assert!(told.ends_with(reason), "{told}");
    }
    let never = CampaignEvent::new(of, ImpactType::Other, 1, character_domain::now());
    let id = never.id;
    assert_eq!(rule(knows(before.clone(), never, Vec::new()).revert(of, id, &plain()).await), "not-applied");
}

#[tokio::test]
async fn a_wrong_revision_a_wrong_field_and_contradicting_filters_are_refused() {
    let hero = hero(&sheet());
    let of = hero.id;
    let event = strength(1).into_event(of, character_domain::now());
    let id = event.id;
    let campaigns = knows(hero, event, Vec::new());
    let later = &RequestContext::from(Condition::revision(Revision(2)));
    for outcome in [
        campaigns.apply(of, id, later).await.map(drop),
        campaigns.revert(of, id, later).await.map(drop),
        campaigns.join(of, CampaignId::new(), later).await.map(drop),
        campaigns.leave(of, later).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(RepositoryError::PreconditionFailed { .. })), "{outcome:?}");
    }
    let wrong =
        NewCampaignEvent { event_type: " ".to_owned(), ..NewCampaignEvent::new(ImpactType::AbilityScore, i64::MAX) };
    let fields = ["event_type", "impact_magnitude", "event_data.ability"];
    assert_eq!(faults(campaigns.create_event(of, wrong, &plain()).await), fields);
    let both = EventImpactQuery { applied_only: true, reverted_only: true, ..EventImpactQuery::default() };
    assert_eq!(
        faults(campaigns.impacts_on(of, both.clone(), PageRequest::default(), &plain()).await),
        ["reverted_only"]
    );
    assert_eq!(
        faults(campaigns.impacts_of_event(of, id, both, PageRequest::default(), &plain()).await),
        ["reverted_only"]
    );
    let nobody = CharacterId::new();
    for outcome in [
        campaigns.apply(nobody, id, &plain()).await.map(drop),
        campaigns.join(nobody, CampaignId::new(), &plain()).await.map(drop),
        campaigns.list_events(nobody, CampaignEventQuery::default(), PageRequest::default(), &plain()).await.map(drop),
        campaigns.impacts_on(nobody, EventImpactQuery::default(), PageRequest::default(), &plain()).await.map(drop),
    ] {
        assert_eq!(not_found(outcome), EntityKind::Character);
    }
}

#[tokio::test]
async fn no_effect_is_decided_by_impacts_that_may_be_out_of_date() {
    let hero = hero(&sheet());
    let of = hero.id;
    let event = strength(1).into_event(of, character_domain::now());
    let id = event.id;
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().returning(move |_, _| Ok(Read::origin(Some(hero.clone()))));
    mock.expect_find::<CampaignEvent>().returning(move |_, _| Ok(Read::origin(Some(event.clone()))));
    mock.expect_list::<EventImpact>().returning(|_, _| {
        let source = Source::Stale { tier: Tier::Local, age: Duration::from_secs(9), reason: StaleReason::Timeout };
        Ok(Read { value: Page::new(Vec::new(), None), source })
    });
    mock.expect_commit().never();
    let outcome = CampaignRepository::new(StorageContext::new(Arc::new(mock))).apply(of, id, &plain()).await;
    assert!(matches!(outcome, Err(RepositoryError::Storage(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_act_that_loses_its_race_is_judged_anew_and_a_storage_failure_is_passed_on() {
    let hero = hero(&sheet());
    let of = hero.id;
    let event = strength(1).into_event(of, character_domain::now());
    let id = event.id;
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().times(2).returning(move |_, _| Ok(Read::origin(Some(hero.clone()))));
    mock.expect_find::<CampaignEvent>().times(2).returning(move |_, _| Ok(Read::origin(Some(event.clone()))));
    mock.expect_list::<EventImpact>().times(2).returning(|_, _| Ok(Read::origin(Page::new(Vec::new(), None))));
    let mut answers = vec![
        StorageError::new(ErrorKind::Timeout, COMMIT),
        StorageError::new(ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) }, COMMIT),
    ];
    mock.expect_commit().times(2).returning(move |_| Err(answers.pop().unwrap()));
    let outcome = CampaignRepository::new(StorageContext::new(Arc::new(mock))).apply(of, id, &plain()).await;
    assert!(matches!(outcome, Err(RepositoryError::Storage(error)) if *error.kind() == ErrorKind::Timeout));
}

#[tokio::test]
async fn hit_points_above_their_maximum_lose_what_they_lose_and_get_exactly_that_back() {
    let world = world(json!({ "hit_points": { "current": 15, "maximum": 10 } })).await;
    let hurt = world.has(NewCampaignEvent::new(ImpactType::HitPoints, -3)).await.id;
    let healed = world.has(NewCampaignEvent::new(ImpactType::HitPoints, 4)).await.id;
    world.apply(healed).await.unwrap();
    assert_eq!(world.sheet().await["hit_points"]["current"], 15);
    world.apply(hurt).await.unwrap();
    assert_eq!(world.sheet().await["hit_points"]["current"], 12);
    world.revert(healed).await.unwrap();
    world.revert(hurt).await.unwrap();
    assert_eq!(world.sheet().await["hit_points"]["current"], 15);
}
