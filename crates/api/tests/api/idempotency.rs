//! Every changing operation of the OpenAPI document, repeated under an `Idempotency-Key`.

use crate::client::{Answer, CHARACTERS, Client, USER, id_of, path};
use character_api::ApiLimits;
use character_domain::Campaign;
use character_storage_port::{CampaignQuery, MemoryStorage, PageRequest, Store};
use character_storage_testkit::sample::logged_events;
use serde_json::{Value, json};

const CAMPAIGNS: &str = "/api/v2/campaigns";

/// A service with two characters that own the same things, so that each request can be sent to either.
struct World {
    client: Client,
    storage: MemoryStorage,
    heroes: [Hero; 2],
}

/// The ids of one character and of what belongs to it.
#[derive(Clone, Default)]
struct Hero {
    id: String,
    deleted: String,
    worn: String,
    ring: String,
    bag: String,
    lost_item: String,
    entry: String,
    lost_entry: String,
    experience: String,
    lost_experience: String,
    quest: String,
    lost_quest: String,
    relationship: String,
    lost_relationship: String,
    event: String,
    applied: String,
    version: String,
    campaign: String,
    lost_campaign: String,
}

/// A request, and another one of the same method and path.
struct Example {
    path: String,
    body: Option<Value>,
    other_body: Option<Value>,
}

fn with_body(path: String, body: Value, other_body: Value) -> Vec<Example> {
    vec![Example { path, body: Some(body), other_body: Some(other_body) }]
}

fn without_body(path: String) -> Vec<Example> {
    vec![Example { path, body: None, other_body: None }]
}

/// A bulk of both kinds; the last row of one in which each is stored on its own is refused.
fn bulk(path: &str, list: &str, row: &Value) -> Vec<Example> {
    let example = |atomic: bool, rows: Vec<Value>| Example {
        path: path.to_owned(),
        body: Some(json!({ "atomic": atomic, list: rows })),
        other_body: Some(json!({ "atomic": atomic, list: [row, row] })),
    };
    vec![example(true, vec![row.clone()]), example(false, vec![row.clone(), json!({})])]
}

async fn done(client: &Client, method: &str, path: &str) {
    let answer = client.send(method, path, &[], None).await;
    assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
}

async fn hero(client: &Client) -> Hero {
    let sheet = json!({
        "hit_points": { "current": 20, "maximum": 30 }, "currency": { "gp": 100 },
        "ability_scores": { "strength": 12 }, "experience_points": 0, "level": 1,
    });
    let new = json!({ "name": "Torormir", "user_id": USER, "data": sheet, "campaign_id": USER });
    let (id, deleted) = (id_of(client, CHARACTERS, new.clone()).await, id_of(client, CHARACTERS, new).await);
    done(client, "DELETE", &format!("{CHARACTERS}/{deleted}")).await;
    let of = format!("{CHARACTERS}/{id}");
    let item = async |name: &str, data: Value| {
        id_of(client, &format!("{of}/inventory"), json!({ "name": name, "data": data })).await
    };
    let (worn, bag) = (item("Cloak", json!({})).await, item("Bag", json!({ "capacity": 30 })).await);
    let (ring, lost_item) = (item("Ring", json!({ "requires_attunement": true })).await, item("Lost", json!({})).await);
    done(client, "POST", &format!("{of}/inventory/{worn}/equip")).await;
    done(client, "DELETE", &format!("{of}/inventory/{lost_item}")).await;

    let entry = id_of(client, &format!("{of}/journal"), json!({ "title": "Session 1" })).await;
    let lost_entry = id_of(client, &format!("{of}/journal"), json!({ "title": "Lost" })).await;
    done(client, "DELETE", &format!("{of}/journal/{lost_entry}")).await;
    let under = async |kind: &str, body: Value| {
        let path = format!("{of}/journal/{entry}/{kind}");
        let (kept, lost) = (id_of(client, &path, body.clone()).await, id_of(client, &path, body).await);
        done(client, "DELETE", &format!("{path}/{lost}")).await;
        (kept, lost)
    };
    let (experience, lost_experience) = under("experience", json!({ "amount": 5 })).await;
    let (quest, lost_quest) = under("quests", json!({ "title": "Find the heir" })).await;
    let (relationship, lost_relationship) = under("npc-relationships", json!({ "npc_name": "Ilse" })).await;

    let campaign = id_of(client, CAMPAIGNS, json!({ "name": "The Sunless Keep" })).await;
    let lost_campaign = id_of(client, CAMPAIGNS, json!({ "name": "Lost" })).await;
    done(client, "DELETE", &format!("{CAMPAIGNS}/{lost_campaign}")).await;

    let wound = json!({ "event_type": "combat", "impact_type": "hit_points", "impact_magnitude": -3 });
    let event = id_of(client, &format!("{of}/events"), wound.clone()).await;
    let applied = id_of(client, &format!("{of}/events"), wound).await;
    done(client, "POST", &format!("{of}/events/{applied}/apply")).await;
    let versions = client.get(&format!("{of}/versions")).await.json();
    let version = versions["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    Hero {
        id,
        deleted,
        worn,
        ring,
        bag,
        lost_item,
        entry,
        lost_entry,
        experience,
        lost_experience,
        quest,
        lost_quest,
        relationship,
        lost_relationship,
        event,
        applied,
        version,
        campaign,
        lost_campaign,
    }
}

impl World {
    async fn new() -> Self {
        let storage = MemoryStorage::new();
        let client = Client::with(storage.clone(), ApiLimits::default(), Vec::new());
        let heroes = [hero(&client).await, hero(&client).await];
        Self { client, storage, heroes }
    }

    /// Requests of this operation, each of which is accepted and has an effect.
    fn examples(&self, operation: &str, hero: &Hero) -> Vec<Example> {
        let of = format!("{CHARACTERS}/{}", hero.id);
        let item = |id: &str, act: &str| format!("{of}/inventory/{id}{act}");
        let record = |kind: &str, id: &str| format!("{of}/journal/{}/{kind}{id}", hero.entry);
        let new = json!({ "name": "Ilse", "user_id": USER });
        let renamed = |member: &str| (json!({ member: "New" }), json!({ member: "Newer" }));
        let patch = |path: String, member: &str| {
            let (body, other) = renamed(member);
            with_body(path, body, other)
        };
        match operation {
            "createCharacter" => with_body(CHARACTERS.to_owned(), new, json!({ "name": "Other", "user_id": USER })),
            "createCharacters" => bulk(&format!("{CHARACTERS}/bulk"), "characters", &new),
            "replaceCharacter" => with_body(of, new, json!({ "name": "Other", "user_id": USER })),
            "patchCharacter" => patch(of, "name"),
            "deleteCharacter" => without_body(of),
            "restoreCharacter" => without_body(format!("{CHARACTERS}/{}/restore", hero.deleted)),
            "createInventoryItem" => patch(format!("{of}/inventory"), "name"),
            "createInventoryItems" => bulk(&format!("{of}/inventory/bulk"), "items", &json!({ "name": "Arrow" })),
            "patchInventoryItem" => patch(item(&hero.bag, ""), "notes"),
            "deleteInventoryItem" => without_body(item(&hero.bag, "")),
            "restoreInventoryItem" => without_body(item(&hero.lost_item, "/restore")),
            "equipInventoryItem" => without_body(item(&hero.ring, "/equip")),
            "unequipInventoryItem" => without_body(item(&hero.worn, "/unequip")),
            "attuneInventoryItem" => without_body(item(&hero.ring, "/attune")),
            // It is not attuned: an act that changes nothing.
            "unattuneInventoryItem" => without_body(item(&hero.ring, "/unattune")),
            "moveInventoryItem" => {
                let (body, other) = (json!({ "container": hero.bag }), json!({ "container": null }));
                with_body(item(&hero.ring, "/move"), body, other)
            }
            "changeCurrency" => with_body(format!("{of}/inventory/currency"), json!({ "gp": -90 }), json!({ "gp": 1 })),
            "giveInventoryItem" => {
                let to = &self.heroes[usize::from(hero.id == self.heroes[0].id)].id;
                with_body(item(&hero.bag, "/give"), json!({ "to": to }), json!({ "to": to, "quantity": 1 }))
            }
            "giveCurrency" => {
                let to = &self.heroes[usize::from(hero.id == self.heroes[0].id)].id;
                let give = |gp: u8| json!({ "to": to, "gp": gp });
                with_body(format!("{of}/inventory/currency/give"), give(90), give(1))
            }
            "awardExperience" => {
                let award = |amount: i64| json!({ "amount": amount, "source": "combat", "reason": "an ogre" });
                with_body(format!("{of}/progress/experience"), award(300), award(301))
            }
            "addMilestone" => patch(format!("{of}/progress/milestones"), "title"),
            "addAchievement" => patch(format!("{of}/progress/achievements"), "title"),
            "joinCampaign" => {
                let campaign = |last: u8| json!({ "campaign_id": uuid::Uuid::from_u128(last.into()) });
                with_body(format!("{of}/campaign"), campaign(1), campaign(2))
            }
            "leaveCampaign" => without_body(format!("{of}/campaign")),
            "createEvent" => {
                let event =
                    |by: i64| json!({ "event_type": "rest", "impact_type": "hit_points", "impact_magnitude": by });
                with_body(format!("{of}/events"), event(1), event(2))
            }
            "applyEvent" => without_body(format!("{of}/events/{}/apply", hero.event)),
            "revertEvent" => without_body(format!("{of}/events/{}/revert", hero.applied)),
            "createJournalEntry" => patch(format!("{of}/journal"), "title"),
            "createJournalEntries" => bulk(&format!("{of}/journal/bulk"), "entries", &json!({ "title": "Session 2" })),
            "patchJournalEntry" => patch(format!("{of}/journal/{}", hero.entry), "title"),
            "deleteJournalEntry" => without_body(format!("{of}/journal/{}", hero.entry)),
            "restoreJournalEntry" => without_body(format!("{of}/journal/{}/restore", hero.lost_entry)),
            "createExperienceEntry" => {
                with_body(record("experience", ""), json!({ "amount": 7 }), json!({ "amount": 8 }))
            }
            "patchExperienceEntry" => patch(record("experience/", &hero.experience), "reason"),
            "deleteExperienceEntry" => without_body(record("experience/", &hero.experience)),
            "restoreExperienceEntry" => without_body(record("experience/", &hero.lost_experience) + "/restore"),
            "createQuest" => patch(record("quests", ""), "title"),
            "patchQuest" => patch(record("quests/", &hero.quest), "title"),
            "deleteQuest" => without_body(record("quests/", &hero.quest)),
            "restoreQuest" => without_body(record("quests/", &hero.lost_quest) + "/restore"),
            "createNpcRelationship" => patch(record("npc-relationships", ""), "npc_name"),
            "patchNpcRelationship" => patch(record("npc-relationships/", &hero.relationship), "npc_name"),
            "deleteNpcRelationship" => without_body(record("npc-relationships/", &hero.relationship)),
            "restoreNpcRelationship" => {
                without_body(record("npc-relationships/", &hero.lost_relationship) + "/restore")
            }
            "createCampaign" => patch(CAMPAIGNS.to_owned(), "name"),
            "replaceCampaign" | "patchCampaign" => patch(format!("{CAMPAIGNS}/{}", hero.campaign), "name"),
            "deleteCampaign" => without_body(format!("{CAMPAIGNS}/{}", hero.campaign)),
            "restoreCampaign" => without_body(format!("{CAMPAIGNS}/{}/restore", hero.lost_campaign)),
            "restoreVersion" => without_body(format!("{of}/versions/{}/restore", hero.version)),
            "labelVersion" => patch(format!("{of}/versions/{}/label", hero.version), "label"),
            "changeTheme" => {
                let theme = |name: &str| json!({ "new_theme": name });
                with_body(format!("{of}/theme-transition"), theme("noir"), theme("steampunk"))
            }
            other => panic!("{other} changes something and has no example here"),
        }
    }

    async fn send(&self, method: &str, example: &Example, body: Option<&Value>, more: &[(&str, &str)]) -> Answer {
        let headers = [&[("Idempotency-Key", "once")], more].concat();
        match body {
            Some(body) => self.client.json(method, &example.path, &headers, body).await,
            None => self.client.send(method, &example.path, &headers, None).await,
        }
    }

    /// Changes both characters, so that an answer that is made again differs from the first.
    async fn moves_on(&self) {
        for hero in &self.heroes {
            let body = json!({ "data": { "moved_on": true, "currency": { "gp": 5 } } });
            self.client.json("PATCH", &format!("{CHARACTERS}/{}", hero.id), &[], &body).await;
        }
    }

    /// How much was ever changed.
    async fn changes(&self) -> u64 {
        let events = logged_events(&self.storage).await.len();
        // A campaign has no events: they have a character each.
        let all = CampaignQuery { include_deleted: true, ..CampaignQuery::default() };
        let campaigns = Store::<Campaign>::list(&self.storage, &all, PageRequest::default()).await.unwrap().value.items;
        campaigns.iter().map(|campaign| campaign.meta.revision.0).sum::<u64>() + events as u64
    }
}

fn said(answer: &Answer) -> (u16, String, Option<String>, Option<String>) {
    let header = |name| answer.header(name).map(str::to_owned);
    (answer.status, answer.text.clone(), header("etag"), header("location"))
}

/// The changing operations: method and operation id.
async fn changing_operations() -> Vec<(String, String)> {
    let document = Client::new().get("/openapi.json").await.json();
    let mut operations = Vec::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(method, _)| *method != "get") {
            let parameters = operation["parameters"].as_array().unwrap();
            let id = operation["operationId"].as_str().unwrap();
            assert!(parameters.iter().any(|it| it["name"] == "Idempotency-Key"), "{id} does not document the header");
            operations.push((method.to_uppercase(), id.to_owned()));
        }
    }
    assert!(operations.len() > 40);
    operations
}

#[actix_web::test]
async fn every_changing_operation_repeated_under_its_key_has_one_effect_and_its_first_answer() {
    for (method, operation) in changing_operations().await {
        let mut number = 0;
        loop {
            let world = World::new().await;
            let examples = world.examples(&operation, &world.heroes[0]);
            let Some(example) = examples.get(number) else { break };
            number += 1;
            let first = world.send(&method, example, example.body.as_ref(), &[]).await;
            assert!((200..300).contains(&first.status), "{operation}: {}", first.text);
            world.moves_on().await;
            let changes = world.changes().await;
            let again = world.send(&method, example, example.body.as_ref(), &[]).await;
            assert_eq!(said(&again), said(&first), "{operation}");

            let other = world.send(&method, example, example.body.as_ref(), &[("If-Match", "\"77\"")]).await;
            other.is_problem(422, "idempotency-mismatch");
            if let Some(body) = &example.other_body {
                let other = world.send(&method, example, Some(body), &[]).await;
                other.is_problem(422, "idempotency-mismatch");
            }
            assert_eq!(world.changes().await, changes, "{operation} was done twice");
        }
    }
}

#[actix_web::test]
async fn a_key_means_nothing_to_another_path_and_to_another_author() {
    for (method, operation) in changing_operations().await {
        let world = World::new().await;
        let [one, other] = [0, 1].map(|hero| world.examples(&operation, &world.heroes[hero]).remove(0));
        let first = world.send(&method, &one, one.body.as_ref(), &[]).await;
        assert!((200..300).contains(&first.status), "{operation}: {}", first.text);
        let changes = world.changes().await;
        if one.path != other.path {
            let answer = world.send(&method, &other, other.body.as_ref(), &[]).await;
            assert_eq!(answer.status, first.status, "{operation}: {}", answer.text);
            let is_its_own = answer.text != first.text || world.changes().await > changes;
            assert!(is_its_own, "{operation} answered for another path: {}", answer.text);
        }
        let author = [("X-User-Id", "somebody else"), ("If-Match", "*")];
        let answer = world.send(&method, &one, one.body.as_ref(), &author).await;
        assert!(!answer.text.contains("idempotency-mismatch"), "{operation}: {}", answer.text);
    }
}

#[actix_web::test]
async fn the_same_request_may_be_written_in_another_way() {
    let client = Client::new();
    let key = [("Idempotency-Key", "once")];
    let first = client.text("POST", CHARACTERS, &key, &format!(r#"{{"name":"Ilse","user_id":"{USER}"}}"#)).await;
    let again =
        client.text("POST", CHARACTERS, &key, &format!("{{ \"user_id\": \"{USER}\",\n\"name\": \"Ilse\" }}")).await;
    assert_eq!((first.status, said(&again)), (201, said(&first)));
    let path = format!("{CHARACTERS}/{}", first.json()["id"].as_str().unwrap());
    let deleted = client.send("DELETE", &path, &key, None).await;
    let again = client.send("DELETE", &path.to_uppercase().replace("/API/V2/CHARACTERS", CHARACTERS), &key, None).await;
    assert_eq!((deleted.status, again.status), (204, 204));
}

#[actix_web::test]
async fn an_act_that_changed_nothing_and_one_that_would_be_refused_now_keep_their_first_answer() {
    let world = World::new().await;
    let hero = &world.heroes[0];
    let of = format!("{CHARACTERS}/{}", hero.id);
    let key = [("Idempotency-Key", "once")];
    let worn = format!("{of}/inventory/{}", hero.worn);
    let unchanged = world.client.send("POST", &format!("{worn}/equip"), &key, None).await;
    done(&world.client, "POST", &format!("{worn}/unequip")).await;
    let again = world.client.send("POST", &format!("{worn}/equip"), &key, None).await;
    assert_eq!(said(&again), said(&unchanged));
    assert_eq!(world.client.get(&worn).await.json()["equipped"], false, "the repeat equipped it again");

    let spent = world.client.json("POST", &format!("{of}/inventory/currency"), &key, &json!({ "gp": -60 })).await;
    let again = world.client.json("POST", &format!("{of}/inventory/currency"), &key, &json!({ "gp": -60 })).await;
    assert_eq!((spent.status, said(&again)), (200, said(&spent)));
    let gone = world.client.send("DELETE", &of, &key, None).await;
    let again = world.client.send("DELETE", &of, &key, None).await;
    assert_eq!((gone.status, again.status), (204, 204));
    let again = world.client.json("POST", &format!("{of}/inventory/currency"), &key, &json!({ "gp": -60 })).await;
    assert_eq!(said(&again), said(&spent), "also after the character is gone");
    let fresh = [("Idempotency-Key", "another")];
    let refused = world.client.json("POST", &format!("{of}/inventory/currency"), &fresh, &json!({ "gp": 1 })).await;
    refused.is_problem(404, "not-found");
}

#[actix_web::test]
async fn a_repeat_says_that_it_is_one() {
    let client = Client::new();
    let body = json!({ "name": "Torormir", "user_id": USER });
    let mut place = String::new();
    for (key, replayed) in [("a", None), ("a", Some("true")), ("b", None)] {
        let answer = client.json("POST", CHARACTERS, &[("Idempotency-Key", key)], &body).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, replayed), "{key}");
        place = path(&answer.json());
    }
    // Also when the first request has changed nothing, and when a repeat would be refused now.
    for (method, replayed) in [("PATCH", None), ("DELETE", None), ("PATCH", Some("true"))] {
        let change = (method == "PATCH").then(|| b"{\"name\":\"Torormir\"}".to_vec());
        let headers = [("Idempotency-Key", "c"), ("Content-Type", "application/merge-patch+json")];
        let answer = client.send(method, &place, &headers, change).await;
        assert_eq!(answer.header("idempotency-replayed"), replayed, "{method}: {}", answer.text);
    }
}

#[actix_web::test]
async fn a_repeat_of_a_deletion_says_that_it_is_one_also_when_the_row_was_restored() {
    let client = Client::new();
    let hero = path(&client.post(&json!({ "name": "Torormir", "user_id": USER })).await.json());
    let mut rows = Vec::new();
    for (place, body) in [
        (CAMPAIGNS.to_owned(), json!({ "name": "Hollowmere" })),
        (format!("{hero}/inventory"), json!({ "name": "Sword" })),
        (format!("{hero}/journal"), json!({ "title": "Ogre" })),
    ] {
        rows.push(format!("{place}/{}", id_of(&client, &place, body).await));
    }
    rows.push(hero);
    for row in rows {
        let key = [("Idempotency-Key", "gone")];
        for (is_restored, replayed) in [(false, None), (false, Some("true")), (true, Some("true"))] {
            if is_restored {
                assert_eq!(client.send("POST", &format!("{row}/restore"), &[], None).await.status, 200);
            }
            let answer = client.send("DELETE", &row, &key, None).await;
            assert_eq!((answer.status, answer.header("idempotency-replayed")), (204, replayed), "{row} {is_restored}");
        }
        assert_eq!(client.get(&row).await.status, 200, "the repeat deleted it again");
    }
}

#[actix_web::test]
async fn a_key_belongs_to_a_path_however_it_is_spelled() {
    let client = Client::new().uncompared();
    let headers = [("idempotency-key", "spelled")];
    let body = json!({ "name": "Torormir", "user_id": USER });
    let first = client.json("POST", CHARACTERS, &headers, &body).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    for spelled in ["/api/v2/char%61cters", "/%61pi/v2/characters", "/api/v%32/%63haracters"] {
        let again = client.json("POST", spelled, &headers, &body).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")), "{spelled}");
        assert_eq!(again.json()["id"], first.json()["id"], "{spelled}");
    }
}
