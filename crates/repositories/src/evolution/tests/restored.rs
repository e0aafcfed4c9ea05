//! A restored version and the campaign events whose effects its sheet holds.

use super::*;
use crate::{Award, CampaignRepository, NewAttainment, NewCampaignEvent, ProgressRepository};
use character_domain::{CampaignEvent, CampaignEventId, EventImpact, ImpactType, inventory::Purse};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
use std::collections::BTreeMap;

struct Table {
    world: World,
    campaigns: CampaignRepository,
    events: Vec<CampaignEventId>,
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Apply(usize),
    Revert(usize),
    /// To the version that is this number of versions before the latest.
    Restore(usize),
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        (0..3_usize).prop_map(Move::Apply),
        (0..3_usize).prop_map(Move::Revert),
        (0..6_usize).prop_map(Move::Restore),
        Just(Move::Restore(0)),
    ]
}

async fn table() -> Table {
    let world = world().await;
    let sheet = json!({ "hit_points": { "current": 500, "maximum": 1000 } });
    let with_points = |it: &Character| Ok(Character { data: document(&sheet), ..it.clone() });
    world.characters.patch(world.hero, &plain(), with_points).await.unwrap();
    let campaigns = CampaignRepository::new(over_memory(&world.storage));
    let mut events = Vec::new();
    for magnitude in [-1, -10, -100] {
        let new = NewCampaignEvent::new(ImpactType::HitPoints, magnitude);
        events.push(campaigns.create_event(world.hero, new, &plain()).await.unwrap().id);
    }
    Table { world, campaigns, events }
}

impl Table {
    async fn makes(&self, step: Move) {
        let hero = self.world.hero;
        match step {
            Move::Apply(event) => drop(self.campaigns.apply(hero, self.events[event], &plain()).await.unwrap()),
            // One that has no effect is refused, or answered by what was undone before.
            Move::Revert(event) => drop(self.campaigns.revert(hero, self.events[event], &plain()).await),
            Move::Restore(back) => {
                let versions = self.world.versions(hero).await;
                // The first version is that of a sheet without hit points.
                let version = versions[back.min(versions.len() - 2)].id;
                self.world.evolution.restore(hero, version, &plain()).await.unwrap();
            }
        }
    }

    async fn current(&self) -> i64 {
        let hero = self.world.characters.get(self.world.hero, &plain()).await.unwrap().value;
        hero.data.0["hit_points"]["current"].as_i64().unwrap()
    }

    /// The hit points by the events that say that they are applied, and by the impacts in force.
    async fn by_the_record(&self) -> (i64, i64) {
        let events = self.world.all::<CampaignEvent>().await;
        let by_events: i64 = events.iter().filter(|it| it.applied).map(|it| it.impact_magnitude).sum();
        let impacts = self.world.all::<EventImpact>().await;
        let in_force = impacts.iter().filter(|it| it.applied && !it.is_reverted);
        let magnitude = |impact: &EventImpact| {
            events.iter().find(|event| event.id == impact.event_id).map_or(0, |event| event.impact_magnitude)
        };
        (500 + by_events, 500 + in_force.map(magnitude).sum::<i64>())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_restored_the_sheet_the_events_and_their_impacts_agree(
        steps in proptest::collection::vec(any_move(), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let table = table().await;
            for step in steps {
                table.makes(step).await;
                let current = table.current().await;
                prop_assert_eq!(table.by_the_record().await, (current, current), "after {:?}", step);
            }
            Ok(())
        })?;
    }
}

/// Changes of a character whose sheet may have no experience.
#[derive(Clone, Copy, Debug)]
enum Step {
    Apply(usize),
    Revert(usize),
    Award(i64),
    Milestone,
    /// A sheet that the client writes.
    Write(&'static str),
    /// To the version that is this number of versions before the latest.
    Restore(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    let sheets = [
        "{}",
        "{}",
        r#"{ "experience_points": 5000, "level": 5 }"#,
        r#"{ "experience_points": 0, "level": 1 }"#,
        r#"{ "experience_points": 350 }"#,
        r#"{ "level": 9 }"#,
    ];
    prop_oneof![
        (0..3_usize).prop_map(Step::Apply),
        (0..3_usize).prop_map(Step::Revert),
        (1..2_000_i64).prop_map(Step::Award),
        Just(Step::Milestone),
        proptest::sample::select(sheets.to_vec()).prop_map(Step::Write),
        (0..12_usize).prop_map(Step::Restore),
    ]
}

struct Story {
    world: World,
    campaigns: CampaignRepository,
    progress: ProgressRepository,
    events: Vec<CampaignEventId>,
    /// The experience and the level at each version, and the events that were applied.
    known: BTreeMap<CharacterVersionId, Standing>,
}

type Standing = (i64, u8, Vec<CampaignEventId>);

impl Story {
    async fn begin() -> Self {
        let world = world().await;
        let context = || over_memory(&world.storage);
        let (campaigns, progress) = (CampaignRepository::new(context()), ProgressRepository::new(context()));
        let mut events = Vec::new();
        for magnitude in [100, 1_000, 10_000] {
            let new = NewCampaignEvent::new(ImpactType::Experience, magnitude);
            events.push(campaigns.create_event(world.hero, new, &plain()).await.unwrap().id);
        }
        let mut story = Self { world, campaigns, progress, events, known: BTreeMap::new() };
        story.note().await;
        story
    }

    /// Notes what holds at the latest version.
    async fn note(&mut self) -> Standing {
        let row = self.progress.get(self.world.hero, &plain()).await.unwrap().value.row;
        let applied = self.world.all::<CampaignEvent>().await.iter().filter(|it| it.applied).map(|it| it.id).collect();
        let standing = (row.experience_points, row.current_level, applied);
        self.known.insert(self.world.versions(self.world.hero).await[0].id, standing.clone());
        standing
    }

    /// The version that is restored, if one is.
    async fn takes(&self, step: Step) -> Option<CharacterVersionId> {
        let (world, hero) = (&self.world, self.world.hero);
        match step {
            Step::Apply(event) => drop(self.campaigns.apply(hero, self.events[event], &plain()).await.unwrap()),
            // One that has no effect is refused, as is one that would take more experience than there is.
            Step::Revert(event) => drop(self.campaigns.revert(hero, self.events[event], &plain()).await),
            Step::Award(amount) => drop(self.progress.award(hero, &award(amount), &plain()).await.unwrap()),
            Step::Milestone => {
                let milestone = NewAttainment {
                    title: "Reached the top".to_owned(),
                    description: String::new(),
                    kind: "story".to_owned(),
                    achieved_at: None,
                    data: Document::default(),
                };
                drop(self.progress.add_milestone(hero, &milestone, &plain()).await.unwrap());
            }
            Step::Write(sheet) => {
                let data: Value = serde_json::from_str(sheet).unwrap();
                let written = |it: &Character| Ok(Character { data: document(&data), ..it.clone() });
                world.characters.patch(hero, &plain(), written).await.unwrap();
            }
            Step::Restore(back) => {
                let versions = world.versions(hero).await;
                let version = versions[back.min(versions.len() - 1)].id;
                world.evolution.restore(hero, version, &plain()).await.unwrap();
                return Some(version);
            }
        }
        None
    }
}

fn award(amount: i64) -> Award {
    let (source, reason) = ("quest".to_owned(), "Found it".to_owned());
    Award { amount, source, reason, journal_entry_id: None, session_id: None }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_restored_experience_level_and_events_are_as_they_were(
        steps in proptest::collection::vec(any_step(), 1..16),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut story = Story::begin().await;
            for step in steps {
                let restored = story.takes(step).await;
                let then = restored.and_then(|version| story.known.get(&version).cloned());
                let now = story.note().await;
                if let Some(then) = then {
                    prop_assert_eq!(now, then, "after {:?}", step);
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn an_award_since_a_version_without_experience_is_gone_after_its_restore() {
    let world = world().await;
    let progress = ProgressRepository::new(over_memory(&world.storage));
    let first = world.versions(world.hero).await[0].id;
    progress.award(world.hero, &award(1_000), &plain()).await.unwrap();
    world.evolution.restore(world.hero, first, &plain()).await.unwrap();
    let standing = progress.get(world.hero, &plain()).await.unwrap().value.row;
    assert_eq!((standing.experience_points, standing.current_level), (0, 1));
    progress.award(world.hero, &award(10), &plain()).await.unwrap();
    let hero = world.characters.get(world.hero, &plain()).await.unwrap().value;
    assert_eq!((&hero.data.0["experience_points"], &hero.data.0["level"]), (&json!(10), &json!(1)));
}

#[tokio::test]
async fn a_restore_of_one_side_of_a_gift_of_coins_lists_the_other() {
    let world = world().await;
    let with_coins =
        |it: &Character| Ok(Character { data: document(&json!({ "currency": { "gp": 100 } })), ..it.clone() });
    world.characters.patch(world.hero, &plain(), with_coins).await.unwrap();
    let friend = world.characters.create(NewCharacter::new(UserId::new(), "Friend"), &plain()).await.unwrap().id;
    let before = async |of| world.versions(of).await[0].id;
    let (hero_before, friend_before) = (before(world.hero).await, before(friend).await);
    let coins = Purse(std::iter::once(("gp".to_owned(), 60)).collect());
    world.inventory.give_coins(world.hero, friend, &coins, &plain()).await.unwrap();
    for (side, version, other) in [(world.hero, hero_before, friend), (friend, friend_before, world.hero)] {
        let restored = world.evolution.restore(side, version, &plain()).await.unwrap();
        let row = UnrestoredRow { kind: "character".to_owned(), id: other.0 };
        assert_eq!((restored.not_restored, restored.not_restored_total), (vec![row], 1));
    }
}

#[tokio::test]
async fn an_event_that_was_applied_after_the_restored_version_cannot_be_undone_a_second_time() {
    let table = table().await;
    let hero = table.world.hero;
    let before = table.world.versions(hero).await[0].id;
    let applied = table.campaigns.apply(hero, table.events[2], &plain()).await.unwrap();
    assert_eq!(table.current().await, 400);
    table.world.evolution.restore(hero, before, &plain()).await.unwrap();
    assert_eq!(table.current().await, 500);
    let undone = table.campaigns.revert(hero, table.events[2], &plain()).await.unwrap();
    assert_eq!((undone.id, undone.is_reverted, table.current().await), (applied.id, true, 500));
    let types: Vec<_> = table.world.events().await.into_iter().map(|(event_type, ..)| event_type).collect();
    assert_eq!(&types[types.len() - 2..], ["character.event_reverted", "character.updated"]);
}

#[tokio::test]
async fn the_answer_names_every_row_that_changed_since_and_was_not_restored() {
    let world = world().await;
    let first = world.versions(world.hero).await[0].id;
    let kept = world.inventory.create(world.hero, NewItem::new("Before"), &plain()).await.unwrap();
    let then = world.versions(world.hero).await[0].id;
    let sword = world.inventory.create(world.hero, NewItem::new("Sword"), &plain()).await.unwrap();
    world.inventory.equip(world.hero, sword.id, &plain()).await.unwrap();
    let restored = world.evolution.restore(world.hero, then, &plain()).await.unwrap();
    let row = |id: InventoryItemId| UnrestoredRow { kind: "inventory_item".to_owned(), id: id.0 };
    assert_eq!((restored.not_restored, restored.not_restored_total), (vec![row(sword.id)], 1));
    let restored = world.evolution.restore(world.hero, first, &plain()).await.unwrap();
    let mut both = vec![row(kept.id), row(sword.id)];
    both.sort();
    assert_eq!((restored.not_restored, restored.not_restored_total), (both, 2));
}
