use super::*;
use serde_json::Value;

const HERO: &str = "01936d2a-8f00-7000-8000-000000000001";

/// The JSON of each example. Subscribers depend on it: a change here is a change of the contract.
fn golden() -> Vec<(&'static str, Vec<Value>)> {
    let other = |number: u8| format!("01936d2a-8f00-7000-8000-0000000000{number:02x}");
    let with = |mut base: Value, more: Value| {
        base.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        base
    };
    let hero = |more: Value| with(json!({ "character_id": HERO }), more);
    let summary = |more: Value| {
        let base = hero(json!({
            "user_id": other(2), "campaign_id": other(3), "name": "Torormir", "theme": "traditional",
            "is_active": true,
        }));
        with(base, more)
    };
    let row = |kind: &str, change: &str| hero(json!({ "kind": kind, "id": other(4), "change": change }));
    let existence = || vec![summary(json!({})), hero(json!({}))];
    let effect = || {
        let acted = json!({
            "event_id": other(5), "impact_type": "hit_points", "impact_id": other(6), "impact_magnitude": -7,
        });
        let restored = json!({ "event_id": other(5), "impact_type": "hit_points", "restored": true });
        vec![hero(acted), hero(restored)]
    };
    let membership = || vec![hero(json!({ "campaign_id": other(3) }))];
    vec![
        ("character.created", vec![summary(json!({}))]),
        (
            "character.updated",
            vec![
                summary(json!({ "changed": ["name", "data"] })),
                summary(json!({})),
                summary(json!({ "restored_from": other(7) })),
            ],
        ),
        ("character.deleted", existence()),
        ("character.restored", existence()),
        (
            "character.leveled_up",
            vec![hero(json!({
                "level_before": 3, "level": 5, "proficiency_bonus": 3, "ability_score_improvements": [4],
            }))],
        ),
        ("character.experience_gained", vec![hero(json!({ "amount": 4600, "experience_points": 6600, "level": 5 }))]),
        (
            "character.progress_updated",
            vec![
                hero(json!({ "kind": "milestone", "id": other(10), "title": "Crossed the Anauroch" })),
                hero(json!({ "kind": "achievement", "id": other(10), "title": "Slayer of the wyvern" })),
                hero(json!({ "kind": "experience", "amount": -300, "experience_points": 2700, "level": 4 })),
                row("character_progress", "create"),
            ],
        ),
        (
            "character.inventory_changed",
            vec![
                hero(json!({ "kind": "inventory_item", "ids": [other(8)], "change": "equipped" })),
                hero(json!({ "kind": "currency", "change": { "gp": -15 } })),
                hero(json!({
                    "change": "given", "other_character_id": other(9), "kind": "inventory_item", "ids": [other(8)],
                })),
                hero(json!({
                    "change": "received", "other_character_id": other(9), "kind": "currency", "coins": { "gp": 15 },
                })),
                row("inventory_item", "create"),
            ],
        ),
        ("character.journal_updated", vec![row("journal_entry", "replace")]),
        ("character.campaign_event_changed", vec![row("campaign_event", "delete")]),
        ("character.version_recorded", vec![row("character_version", "restore")]),
        ("character.campaign_joined", membership()),
        ("character.campaign_left", membership()),
        ("character.event_applied", effect()),
        ("character.event_reverted", effect()),
        (
            "character.theme_changed",
            vec![hero(json!({
                "new_character_id": other(11), "old_theme": "traditional", "new_theme": "steampunk",
                "chapter_id": null, "items": 12,
            }))],
        ),
    ]
}

fn received() -> Vec<(&'static str, Vec<Value>)> {
    let campaign = "01936d2a-8f00-7000-8000-000000000003";
    let event = json!({
        "campaign_id": campaign, "event_type": "combat", "event_data": { "damage_type": "fire" },
        "impact_type": "hit_points", "impact_magnitude": -7,
    });
    let mut of_one = event.clone();
    of_one["character_ids"] = json!([HERO]);
    vec![
        ("campaign.renamed", vec![json!({ "campaign_id": campaign, "name": "Lost Mine of Phandelver" })]),
        (
            "campaign.game_master_changed",
            vec![
                json!({
                    "campaign_id": campaign, "dm_user_id": "01936d2a-8f00-7000-8000-000000000002", "dm_name": "Grace",
                }),
                json!({ "campaign_id": campaign, "dm_user_id": null }),
            ],
        ),
        ("campaign.event", vec![event, of_one]),
    ]
}

#[test]
fn the_json_of_each_event_type_is_as_subscribers_know_it() {
    let written: Vec<_> = EventType::ALL.iter().map(|it| (it.as_str(), it.examples())).collect();
    let written: Vec<_> =
        written.iter().map(|(name, data)| (*name, data.iter().map(|it| json!(it)).collect())).collect();
    assert_eq!(written, golden());
    let heard: Vec<_> = ReceivedType::ALL.iter().map(|it| (it.as_str(), it.examples())).collect();
    let heard: Vec<_> = heard.iter().map(|(name, data)| (*name, data.iter().map(|it| json!(it)).collect())).collect();
    assert_eq!(heard, received());
}

#[test]
fn an_example_has_the_type_that_it_is_an_example_of_and_each_type_has_one_name() {
    for event_type in EventType::ALL {
        assert!(event_type.examples().iter().all(|data| data.event_type() == *event_type), "{event_type:?}");
        assert_eq!(EventType::of(event_type.as_str()), Some(*event_type));
        assert!(event_type.summary().ends_with('.'), "{:?}", event_type.summary());
    }
    for event_type in ReceivedType::ALL {
        assert!(event_type.examples().iter().all(|data| data.event_type() == *event_type), "{event_type:?}");
        assert_eq!(ReceivedType::of(event_type.as_str()), Some(*event_type));
    }
    assert_eq!((EventType::of("character.changed"), ReceivedType::of("")), (None, None));
}

#[test]
fn a_received_event_is_read_with_its_defaults_and_a_missing_field_is_named() {
    let campaign_id = "01936d2a-8f00-7000-8000-000000000003";
    let text = json!({ "campaign_id": campaign_id, "impact_type": "other", "impact_magnitude": 0 }).to_string();
    let read: CampaignEventReported = crate::json::parse(text.as_bytes()).unwrap();
    assert_eq!((read.event_type.as_str(), read.character_ids, read.timestamp), ("campaign_event", None, None));
    for (written, magnitude) in [("-3.0", -3), ("-3e0", -3), ("9223372036854775807", i64::MAX)] {
        let text =
            format!(r#"{{"campaign_id": "{campaign_id}", "impact_type": "other", "impact_magnitude": {written}}}"#);
        let read: CampaignEventReported = crate::json::parse(text.as_bytes()).unwrap();
        assert_eq!(read.impact_magnitude, magnitude);
    }
    let removed = json!({ "campaign_id": campaign_id, "dm_user_id": null, "dm_name": null });
    let read: CampaignGameMasterChanged = serde_json::from_value(removed).unwrap();
    assert_eq!((read.dm_user_id, read.dm_name), (None, None));
    let alone = json!({ "campaign_id": campaign_id });
    let missing = serde_json::from_value::<CampaignGameMasterChanged>(alone.clone()).unwrap_err();
    assert!(missing.to_string().contains("`dm_user_id`"), "{missing}");
    let missing = serde_json::from_value::<CampaignRenamed>(alone).unwrap_err();
    assert!(missing.to_string().contains("`name`"), "{missing}");
}

#[test]
fn a_created_character_is_reported_with_its_own_time_and_subject() {
    let character = Character::new(crate::UserId::new(), "Torormir", crate::now());
    let event = DomainEvent::created(&character);
    assert_eq!(
        (&*event.event_type, event.subject, event.time),
        (CHARACTER_CREATED, character.id, character.meta.updated_at)
    );
    assert_eq!((&event.data["campaign_id"], &event.data["name"]), (&Value::Null, &json!("Torormir")));
}

#[cfg(feature = "schema")]
#[test]
fn each_schema_is_complete_and_refers_only_to_schemas_beside_it() {
    for event_type in EventType::ALL {
        let DataSchema { name, schemas } = event_type.schema();
        assert!(schemas.contains_key(&name), "{name}");
        let text = json!(schemas).to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let target = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(target), "{name}: {target}");
        }
        assert!(!text.contains("oneOf"), "{name}");
    }
}
