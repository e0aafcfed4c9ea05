//! The change sets of a history, replayed.

use super::{theme::to, *};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

/// What happens to a character.
#[derive(Clone, Debug)]
enum Happening {
    Sheet(Value),
    Name(String),
    Active(bool),
    DeletedAndBack,
    Item,
    Restored(usize),
    Theme,
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z~/ü\" ]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-c~/]{0,2}", inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => vec(("[a-c~/]{0,2}", json_value()), 0..4)
            .prop_map(|members| Happening::Sheet(Value::Object(members.into_iter().collect()))),
        1 => "[A-Z][a-z]{0,5}".prop_map(Happening::Name),
        1 => any::<bool>().prop_map(Happening::Active),
        1 => Just(Happening::DeletedAndBack),
        1 => Just(Happening::Item),
        2 => any::<usize>().prop_map(Happening::Restored),
        1 => Just(Happening::Theme),
    ]
}

impl World {
    async fn meets(&mut self, happening: Happening, count: usize) {
        let change = |it: &Character| -> Result<Character> {
            Ok(match &happening {
                Happening::Sheet(sheet) => Character { data: document(sheet), ..it.clone() },
                Happening::Name(name) => Character { name: name.clone(), ..it.clone() },
                Happening::Active(is_active) => Character { is_active: *is_active, ..it.clone() },
                _ => it.clone(),
            })
        };
        match &happening {
            Happening::DeletedAndBack => {
                self.characters.delete(self.hero, &plain()).await.unwrap();
                self.characters.restore(self.hero, &plain()).await.unwrap();
            }
            Happening::Item => drop(self.inventory.create(self.hero, NewItem::new("Coin"), &plain()).await.unwrap()),
            Happening::Restored(which) => {
                let versions = self.versions(self.hero).await;
                let version = versions[which % versions.len()].id;
                self.evolution.restore(self.hero, version, &plain()).await.unwrap();
            }
            Happening::Theme => {
                let theme = to(&format!("theme {count}"));
                self.hero = self.evolution.change_theme(self.hero, &theme, &plain()).await.unwrap().character.id;
            }
            Happening::Sheet(_) | Happening::Name(_) | Happening::Active(_) => {
                self.characters.patch(self.hero, &plain(), change).await.unwrap();
            }
        }
    }
}

#[test]
fn replaying_all_changes_from_the_first_state_gives_the_last_sheet() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    TestRunner::new(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })
        .run(&vec(happening(), 1..14), |happenings| {
            runtime.block_on(async {
                let mut world = world().await;
                for (count, happening) in happenings.into_iter().enumerate() {
                    world.meets(happening, count).await;
                }
                // From the newest version along the parents to the very first.
                let mut way = vec![world.versions(world.hero).await.remove(0)];
                while let Some(parent) = way.last().unwrap().parent_id {
                    let found = Store::<CharacterVersion>::find(&world.storage, parent, Deleted::Exclude).await;
                    way.push(found.unwrap().value.unwrap());
                }
                world.evolution.add_changes(&mut way).await.unwrap();
                way.reverse();
                let mut sheet = Value::Object(version::sheet(&way[0].state));
                for version in &way {
                    let patch: json_patch::Patch = serde_json::from_value(version.changes.clone().into()).unwrap();
                    json_patch::patch(&mut sheet, &patch).unwrap();
                    prop_assert_eq!(&sheet, &Value::Object(version::sheet(&version.state)));
                }
                let last = world.characters.get(world.hero, &plain()).await.unwrap().value;
                prop_assert_eq!(sheet, Value::Object(version::sheet(&last)));
                Ok(())
            })
        })
        .unwrap();
}
