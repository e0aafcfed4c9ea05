//! Applying and reverting in any order leaves the sheet as if only the events in force had been applied.

use super::*;
use proptest::prelude::*;

/// What the events can add up to stays within every bound, so that nothing is clamped or refused.
fn unclamped() -> Value {
    json!({
        "hit_points": { "current": 500, "maximum": 1_000, "temporary": 3 },
        "ability_scores": { "strength": 15, "wisdom": 15, "charisma": 15 },
        "experience_points": 100_000, "species": "Dwarf",
    })
}

fn event() -> impl Strategy<Value = NewCampaignEvent> {
    prop_oneof![
        (-50_i64..=50).prop_map(|amount| NewCampaignEvent::new(ImpactType::HitPoints, amount)),
        (-10_000_i64..=60_000).prop_map(|amount| NewCampaignEvent::new(ImpactType::Experience, amount)),
        (-1_i64..=1, prop::sample::select(vec!["strength", "wisdom", "charisma"])).prop_map(|(amount, ability)| {
            NewCampaignEvent {
                event_data: document(&json!({ "ability": ability })),
                ..NewCampaignEvent::new(ImpactType::AbilityScore, amount)
            }
        }),
        (-9_i64..=9).prop_map(|amount| NewCampaignEvent::new(ImpactType::Other, amount)),
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sheet_is_as_if_only_the_events_in_force_had_been_applied(
        level in 12_u8..=15,
        events in prop::collection::vec(event(), 1..8),
        steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..24),
    ) {
        block_on(async {
            let mut start = unclamped();
            start["level"] = level.into();
            start["proficiency_bonus"] = character_domain::progress::proficiency_bonus(level).into();
            let (world, alike) = (world(start.clone()).await, world(start).await);
            let mut ids = Vec::new();
            for new in &events {
                ids.push(world.has(new.clone()).await.id);
            }
            let mut in_force = vec![false; events.len()];
            for (which, apply) in steps {
                let which = which.index(events.len());
                let outcome = if apply { world.apply(ids[which]).await } else { world.revert(ids[which]).await };
                match outcome {
                    Ok(impact) => assert_eq!(impact.is_reverted, !apply),
                    Err(error) => assert_eq!(rule::<()>(Err(error)), "not-applied"),
                }
                in_force[which] = apply;
            }
            for (new, _) in events.into_iter().zip(&in_force).filter(|(_, in_force)| **in_force) {
                let id = alike.has(new).await.id;
                alike.apply(id).await.unwrap();
            }
            assert_eq!(world.sheet().await, alike.sheet().await);
            let query = EventImpactQuery { applied_only: true, ..EventImpactQuery::default() };
            let applied = world.impacts(query).await;
            assert_eq!(applied.len(), in_force.iter().filter(|it| **it).count());
        });
    }
}
