//! Over the memory storage, with events as a hub delivers them.

use super::*;
use character_domain::{
    Campaign, CampaignId, Character, CharacterId, Document, EventImpact, UserId, event::ReceivedType, now,
};
use character_inbox::{EventHandler, EventIdentity, Handled, Received};
use character_message_hub::CloudEvent;
use character_repositories::{CampaignRepository, NewCampaign, RequestContext, StorageContext};
use character_storage_port::{
    CampaignEventQuery, Character as Row, Deleted, EventImpactQuery, Expect, Log, MemoryStorage, PageRequest,
    StorageError, StorageExt, StoragePort, Store,
};
use character_storage_testkit::MockStorage;
use serde_json::{Value, json};
use std::sync::Arc;

struct World {
    handler: CampaignEvents,
    campaigns: CampaignRepository,
    storage: MemoryStorage,
    campaign: CampaignId,
}

async fn world() -> World {
    let storage = MemoryStorage::new();
    let campaigns = CampaignRepository::new(StorageContext::new(Arc::new(storage.clone())));
    let campaign = campaigns.create(NewCampaign::new("The Old Road"), &RequestContext::default()).await.unwrap().id;
    World { handler: CampaignEvents::new(campaigns.clone()), campaigns, storage, campaign }
}

impl World {
    async fn member(&self, sheet: Value) -> CharacterId {
        let data = Document::from(sheet.as_object().cloned().unwrap());
        let row = Character { data, campaign_id: Some(self.campaign), ..Row::new(UserId::new(), "Ada", now()) };
        self.storage.create_character(row).await.unwrap().id
    }

    async fn row(&self) -> Campaign {
        self.campaigns.get(self.campaign, &RequestContext::default()).await.unwrap().value
    }

    async fn points(&self, of: CharacterId) -> Value {
        let row: Option<Row> = self.storage.find(of, Deleted::Exclude).await.unwrap().value;
        row.unwrap().data.0["hit_points"]["current"].clone()
    }

    async fn impacts(&self, of: CharacterId) -> Vec<EventImpact> {
        let query = EventImpactQuery::default();
        let page = self.campaigns.impacts_on(of, query, PageRequest::default(), &RequestContext::default()).await;
        page.unwrap().value.items.into_vec()
    }

    async fn handle(&self, id: &str, event_type: &str, data: Value) -> Handled {
        self.handler.handle(&received(id, event_type, data, 1)).await
    }
}

fn received(id: &str, event_type: &str, data: Value, attempt: u64) -> Received {
    let event = Arc::new(CloudEvent::new(id, "/campaigns", event_type).unwrap().with_json(data));
    let identity = EventIdentity::new(SUBSCRIPTION.parse().unwrap(), &event);
    Received { event, identity, attempt }
}

fn healthy() -> Value {
    json!({ "hit_points": { "current": 20, "maximum": 40 } })
}

fn damage(campaign: CampaignId) -> Value {
    json!({ "campaign_id": campaign, "event_type": "combat", "impact_type": "hit_points", "impact_magnitude": -5 })
}

#[tokio::test]
async fn a_campaign_is_renamed_once_also_when_the_event_comes_again_after_another_name() {
    let world = world().await;
    let data = json!({ "campaign_id": world.campaign, "name": "The New Road", "more": 1 });
    assert_eq!(world.handle("1", CAMPAIGN_RENAMED, data.clone()).await, Handled::Done);
    assert_eq!(world.row().await.name, "The New Road");
    let later = json!({ "campaign_id": world.campaign, "name": "The Last Road" });
    assert_eq!(world.handle("2", CAMPAIGN_RENAMED, later).await, Handled::Done);
    assert_eq!(world.handle("1", CAMPAIGN_RENAMED, data).await, Handled::Done);
    assert_eq!(world.row().await.name, "The Last Road");
}

#[tokio::test]
async fn a_game_master_is_set_and_removed_with_the_name() {
    let world = world().await;
    let user = UserId::new();
    let data = json!({ "campaign_id": world.campaign, "dm_user_id": user, "dm_name": "Grace" });
    assert_eq!(world.handle("1", CAMPAIGN_GAME_MASTER_CHANGED, data).await, Handled::Done);
    let row = world.row().await;
    assert_eq!((row.dm_user_id, row.dm_name.as_deref()), (Some(user), Some("Grace")));
    let data = json!({ "campaign_id": world.campaign, "dm_user_id": null });
    assert_eq!(world.handle("2", CAMPAIGN_GAME_MASTER_CHANGED, data).await, Handled::Done);
    let row = world.row().await;
    assert_eq!((row.dm_user_id, row.dm_name, row.name.as_str()), (None, None, "The Old Road"));
}

#[tokio::test]
async fn an_event_is_applied_once_to_every_member_and_to_no_one_else() {
    let world = world().await;
    let (ada, bob) = (world.member(healthy()).await, world.member(healthy()).await);
    let stranger = Row {
        campaign_id: None,
        data: Document::from(healthy().as_object().cloned().unwrap()),
        ..Row::new(UserId::new(), "Eve", now())
    };
    let stranger = world.storage.create_character(stranger).await.unwrap().id;
    for _ in 0..3 {
        assert_eq!(world.handle("1", CAMPAIGN_EVENT, damage(world.campaign)).await, Handled::Done);
    }
    assert_eq!(
        (world.points(ada).await, world.points(bob).await, world.points(stranger).await),
        (json!(15), json!(15), json!(20))
    );
    assert_eq!((world.impacts(ada).await.len(), world.impacts(bob).await.len()), (1, 1));
    let events = world
        .campaigns
        .list_events(ada, CampaignEventQuery::default(), PageRequest::default(), &RequestContext::default())
        .await
        .unwrap()
        .value
        .items;
    assert_eq!((events.len(), events[0].applied, events[0].event_type.as_str()), (1, true, "combat"));
    assert_eq!(events[0].data.0["source"], "/campaigns");
    // Another event of the same contents is another event.
    assert_eq!(world.handle("2", CAMPAIGN_EVENT, damage(world.campaign)).await, Handled::Done);
    assert_eq!(world.points(ada).await, json!(10));
}

#[tokio::test]
async fn an_event_that_was_reverted_is_not_applied_again_by_a_late_delivery() {
    let world = world().await;
    let ada = world.member(healthy()).await;
    world.handle("1", CAMPAIGN_EVENT, damage(world.campaign)).await;
    let event = world.impacts(ada).await[0].event_id;
    world.campaigns.revert(ada, event, &RequestContext::default()).await.unwrap();
    assert_eq!(world.handle("1", CAMPAIGN_EVENT, damage(world.campaign)).await, Handled::Done);
    assert_eq!(world.points(ada).await, json!(20));
}

#[tokio::test]
async fn two_deliveries_at_once_have_one_effect() {
    let world = world().await;
    let ada = world.member(healthy()).await;
    let handle = || world.handle("1", CAMPAIGN_EVENT, damage(world.campaign));
    assert_eq!(tokio::join!(handle(), handle(), handle()), (Handled::Done, Handled::Done, Handled::Done));
    assert_eq!((world.points(ada).await, world.impacts(ada).await.len()), (json!(15), 1));
}

#[tokio::test]
async fn named_characters_alone_are_affected_and_those_that_cannot_be_are_named_in_the_reason() {
    let world = world().await;
    let (ada, bob, ill) = (world.member(healthy()).await, world.member(healthy()).await, world.member(json!({})).await);
    let stranger = CharacterId::new();
    let mut data = damage(world.campaign);
    data["character_ids"] = json!([ada, ill, stranger, ada]);
    let Handled::Reject(reason) = world.handle("1", CAMPAIGN_EVENT, data).await else { panic!("it was not rejected") };
    assert!(reason.starts_with("applied to 1 of 3 characters; "), "{reason}");
    assert!(reason.contains(&format!("character {stranger} is not a member of the campaign")), "{reason}");
    assert!(reason.contains(&format!("character {ill}: ")), "{reason}");
    assert_eq!((world.points(ada).await, world.points(bob).await), (json!(15), json!(20)));
}

#[tokio::test]
async fn a_member_that_is_not_in_play_is_affected_when_it_is_named() {
    let world = world().await;
    let retired = world.member(healthy()).await;
    let row: Option<Row> = world.storage.find(retired, Deleted::Exclude).await.unwrap().value;
    world.storage.update(Row { is_active: false, ..row.unwrap() }, Expect::Any).await.unwrap();
    assert_eq!(world.handle("1", CAMPAIGN_EVENT, damage(world.campaign)).await, Handled::Done);
    assert_eq!(world.points(retired).await, json!(20));
    let mut named = damage(world.campaign);
    named["character_ids"] = json!([retired]);
    assert_eq!(world.handle("2", CAMPAIGN_EVENT, named).await, Handled::Done);
    assert_eq!(world.points(retired).await, json!(15));
}

#[tokio::test]
async fn malformed_data_are_rejected_with_the_member_that_is_wrong() {
    let world = world().await;
    world.member(healthy()).await;
    let campaign = world.campaign;
    for (event_type, data, field) in [
        (CAMPAIGN_RENAMED, json!("x"), "data: must be a JSON object"),
        (CAMPAIGN_RENAMED, json!([campaign, "a"]), "data: must be a JSON object"),
        (CAMPAIGN_RENAMED, json!({ "campaign_id": campaign }), "data: missing field `name`"),
        (CAMPAIGN_RENAMED, json!({ "campaign_id": "x", "name": "a" }), "data.campaign_id: "),
        (CAMPAIGN_RENAMED, json!({ "campaign_id": campaign, "name": 5 }), "data.name: "),
        (CAMPAIGN_RENAMED, json!({ "campaign_id": campaign, "name": "" }), "data.name: "),
        (CAMPAIGN_RENAMED, json!({ "campaign_id": campaign, "name": "x".repeat(1_000) }), "data.name: "),
        (CAMPAIGN_GAME_MASTER_CHANGED, json!({ "campaign_id": campaign }), "data: missing field `dm_user_id`"),
        (CAMPAIGN_GAME_MASTER_CHANGED, json!({ "campaign_id": campaign, "dm_user_id": 1 }), "data.dm_user_id: "),
        (
            CAMPAIGN_EVENT,
            json!({ "campaign_id": campaign, "impact_type": "hit_points" }),
            "data: missing field `impact_magnitude`",
        ),
        (
            CAMPAIGN_EVENT,
            json!({ "campaign_id": campaign, "impact_type": "luck", "impact_magnitude": 1 }),
            "data.impact_type: ",
        ),
        (
            CAMPAIGN_EVENT,
            json!({ "campaign_id": campaign, "impact_type": "other", "impact_magnitude": 1.5 }),
            "data.impact_magnitude: must be a whole number",
        ),
        (
            CAMPAIGN_EVENT,
            json!({ "campaign_id": campaign, "impact_type": "ability_score", "impact_magnitude": 1 }),
            "data.event_data.ability: ",
        ),
        (
            CAMPAIGN_EVENT,
            json!({ "campaign_id": campaign, "impact_type": "other", "impact_magnitude": 1, "character_ids": ["x"] }),
            "data.character_ids[0]: ",
        ),
    ] {
        let handled = world.handle("1", event_type, data.clone()).await;
        assert!(matches!(&handled, Handled::Reject(reason) if reason.contains(field)), "{data}: {handled:?}");
    }
    let event = Arc::new(CloudEvent::new("1", "/campaigns", CAMPAIGN_RENAMED).unwrap());
    let without = Received { event, ..received("1", CAMPAIGN_RENAMED, json!({}), 1) };
    assert_eq!(world.handler.handle(&without).await, Handled::Reject("data: must be a JSON object".to_owned()));
}

/// The documented limits of the data of an event type: field, value at the limit, value beyond it, the limit.
fn limits(event_type: ReceivedType) -> Vec<(String, Value, Value, i64)> {
    let schema = event_type.schema();
    let properties = schema.schemas[&schema.name]["properties"].as_object().unwrap().clone();
    let mut limits = Vec::new();
    for (field, property) in properties {
        let is_text = property["type"] == "string" || property["type"] == json!(["string", "null"]);
        assert_eq!(
            property.get("maxLength").is_some(),
            is_text && property.get("format").is_none(),
            "each free text has a limit: {field} of {event_type:?}"
        );
        let text = |length: i64| json!("x".repeat(usize::try_from(length).unwrap()));
        for (name, beyond) in [("minLength", -1), ("maxLength", 1), ("minimum", -1), ("maximum", 1)] {
            let Some(limit) = property.get(name).map(|limit| limit.as_i64().unwrap()) else { continue };
            let value = |limit| if name.ends_with("Length") { text(limit) } else { json!(limit) };
            limits.push((field.clone(), value(limit), value(limit + beyond), limit));
        }
    }
    limits
}

#[tokio::test]
async fn each_documented_limit_of_a_received_event_is_the_limit_that_is_enforced_also_without_members() {
    let (mut judged, page) = (0, std::fs::read_to_string("../../docs/events.md").unwrap());
    for event_type in ReceivedType::ALL.iter().copied() {
        let name = event_type.as_str();
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}`"))).unwrap();
        for (field, at, beyond, limit) in limits(event_type) {
            let (_, described) = row.split_once(&format!("`{field}`: ")).unwrap();
            let described = described.split(['|', ';']).next().unwrap();
            assert!(described.contains(&limit.to_string()), "{field} of {name} in docs/events.md: {described}");
            for example in event_type.examples() {
                let world = world().await;
                let with = |value: &Value| {
                    let mut data = json!(example);
                    data["campaign_id"] = json!(world.campaign);
                    data.as_object_mut().unwrap().remove("character_ids");
                    data[&field] = value.clone();
                    data
                };
                assert_eq!(world.handle("1", name, with(&at)).await, Handled::Done, "{field} of {name}: {limit}");
                let handled = world.handle("2", name, with(&beyond)).await;
                let start = format!("data.{field}: ");
                assert!(
                    matches!(&handled, Handled::Reject(reason) if reason.starts_with(&start)),
                    "{field} of {name} beyond {limit}: {handled:?}"
                );
                judged += 1;
            }
        }
    }
    assert!(judged >= 8, "{judged}");
}

#[tokio::test]
async fn an_event_with_the_identity_of_another_one_is_rejected() {
    let world = world().await;
    let data = |name: &str| json!({ "campaign_id": world.campaign, "name": name });
    assert_eq!(world.handle("1", CAMPAIGN_RENAMED, data("One")).await, Handled::Done);
    let handled = world.handle("1", CAMPAIGN_RENAMED, data("Two")).await;
    assert!(matches!(&handled, Handled::Reject(reason) if reason.contains("with other data")), "{handled:?}");
    assert_eq!(world.row().await.name, "One");
}

#[tokio::test]
async fn an_unknown_campaign_is_waited_for_and_then_rejected() {
    let world = world().await;
    let data = json!({ "campaign_id": CampaignId::new(), "name": "x" });
    for attempt in 1..5 {
        let handled = world.handler.handle(&received("1", CAMPAIGN_RENAMED, data.clone(), attempt)).await;
        assert!(matches!(handled, Handled::RetryAfter(_)), "{handled:?}");
    }
    let handled = world.handler.handle(&received("1", CAMPAIGN_RENAMED, data, 5)).await;
    assert!(matches!(&handled, Handled::Reject(reason) if reason.contains("campaign does not exist")), "{handled:?}");
}

#[tokio::test]
async fn a_storage_that_fails_rejects_nothing_however_often() {
    let mut mock = MockStorage::new();
    mock.expect_find::<Campaign>().returning(|_, _| Err(StorageError::unavailable("campaign.find")));
    mock.expect_list::<Row>().returning(|_, _| Err(StorageError::unavailable("character.list")));
    let storage: Arc<dyn StoragePort> = Arc::new(mock);
    let handler = CampaignEvents::new(CampaignRepository::new(StorageContext::new(storage)));
    let campaign = CampaignId::new();
    for (event_type, data) in
        [(CAMPAIGN_RENAMED, json!({ "campaign_id": campaign, "name": "x" })), (CAMPAIGN_EVENT, damage(campaign))]
    {
        for attempt in [1, 5, 100] {
            let handled = handler.handle(&received("1", event_type, data.clone(), attempt)).await;
            assert!(matches!(handled, Handled::RetryAfter(_)), "{handled:?}");
        }
    }
}

#[tokio::test]
async fn an_event_of_another_type_is_passed_over() {
    let world = world().await;
    let before = world.storage.head().await.unwrap();
    assert_eq!(world.handle("1", "campaign.created", json!({})).await, Handled::Done);
    assert_eq!(world.storage.head().await.unwrap(), before);
}

#[test]
fn the_filter_names_the_events_that_are_handled() {
    let filter: character_message_hub::Filter = FILTER.parse().unwrap();
    assert_eq!(filter.patterns().collect::<Vec<_>>(), [CAMPAIGN_RENAMED, CAMPAIGN_GAME_MASTER_CHANGED, CAMPAIGN_EVENT]);
    assert!(SUBSCRIPTION.parse::<character_message_hub::SubscriptionName>().is_ok());
}
