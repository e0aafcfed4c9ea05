//! The tree of versions and the graph of a lineage.

use super::{theme::to, *};
use character_domain::UserId;

fn edges(graph: &VersionGraph, kind: EdgeKind) -> Vec<(Uuid, Uuid)> {
    graph.edges.iter().filter(|edge| edge.kind == kind).map(|edge| (edge.from, edge.to)).collect()
}

#[tokio::test]
async fn the_tree_of_a_lineage_comes_in_pages_that_hold_every_version_once_newest_first() {
    let world = world().await;
    world.renamed("b").await;
    let left = world.evolution.change_theme(world.hero, &to("left"), &plain()).await.unwrap().character.id;
    world.renamed("c").await;
    let right = world.evolution.change_theme(world.hero, &to("right"), &plain()).await.unwrap().character.id;
    world.evolution.restore(left, world.versions(left).await[0].id, &plain()).await.unwrap();
    let whole =
        world.evolution.tree(right, Deleted::Exclude, Limit::MAX, None, crate::Total::Omitted, &plain()).await.unwrap();
    assert_eq!((whole.items.len(), whole.next), (8, None));
    let places: Vec<_> = whole.items.iter().map(|node| (node.created_at, node.id)).collect();
    assert!(places.is_sorted_by(|newer, older| newer > older));
    for size in [1, 3, 4, 8] {
        let (mut nodes, mut after) = (Vec::new(), None);
        loop {
            let part = world
                .evolution
                .tree(left, Deleted::Exclude, Limit::new(size).unwrap(), after, crate::Total::Omitted, &plain())
                .await
                .unwrap();
            nodes.extend(part.items);
            after = part.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(whole.items, nodes, "in pages of {size}");
    }
    let restored = whole.items.iter().find(|node| node.restored_from.is_some()).unwrap();
    assert_eq!((restored.character_id, restored.number, restored.reason.as_str()), (left, Revision(2), RESTORED));
}

#[tokio::test]
async fn a_long_history_is_read_in_parts_and_no_further_than_it_is_asked_for() {
    let world = world().await;
    for _ in 0..130 {
        world.renamed("x").await;
        world.renamed("y").await;
    }
    let new = world.evolution.change_theme(world.hero, &to("steampunk"), &plain()).await.unwrap().character.id;
    let whole =
        world.evolution.tree(new, Deleted::Exclude, Limit::MAX, None, crate::Total::Omitted, &plain()).await.unwrap();
    assert_eq!((whole.items.len(), whole.next), (263, None));
    let (mut nodes, mut after) = (Vec::new(), None);
    while nodes.is_empty() || after.is_some() {
        let part = world
            .evolution
            .tree(new, Deleted::Exclude, Limit::new(150).unwrap(), after, crate::Total::Omitted, &plain())
            .await
            .unwrap();
        nodes.extend(part.items);
        after = part.next;
    }
    assert_eq!(whole.items, nodes);

    let hero = Character::new(UserId::new(), "Torormir", now());
    let version = CharacterVersion::of(None, hero.clone(), "character.created", now());
    let mut mock = character_storage_testkit::MockStorage::new();
    let found = hero.clone();
    mock.expect_find::<Character>().returning(move |_, _| Ok(Read::origin(Some(found.clone()))));
    mock.expect_list::<Character>().returning(|_, _| Ok(Read::origin(Page::new(Vec::new(), None))));
    mock.expect_list::<CharacterVersion>().times(1).returning(move |_, page| {
        assert_eq!(page.limit.get(), 10);
        let items = vec![version.clone(); 10];
        let next = Some(Cursor::newest_first(version.meta.created_at, version.id.into()));
        Ok(Read::origin(Page::new(items, next)))
    });
    let evolution = EvolutionRepository::new(StorageContext::new(Arc::new(mock)));
    let newest = evolution
        .tree(hero.id, Deleted::Exclude, Limit::new(10).unwrap(), None, crate::Total::Omitted, &plain())
        .await
        .unwrap();
    assert_eq!((newest.items.len(), newest.next.is_some()), (10, true));
}

#[tokio::test]
async fn a_page_of_large_versions_is_short_and_reads_little_more_than_it_shows() {
    let world = world().await;
    let sheet = document(&json!({ "text": "x".repeat(1_000_000) }));
    let change = |it: &Character| Ok(Character { data: sheet.clone(), ..it.clone() });
    world.characters.patch(world.hero, &plain(), change).await.unwrap();
    for name in ["b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"] {
        world.renamed(name).await;
    }
    let heir = world.evolution.change_theme(world.hero, &to("steampunk"), &plain()).await.unwrap().character.id;
    world.renamed("n").await;
    let list = world.evolution.versions(world.hero, Deleted::Exclude, PageRequest::default(), &plain()).await.unwrap();
    assert_eq!((list.value.items.len(), list.value.next.is_some()), (8, true), "8 MiB hold eight of them");
    let (mut nodes, mut after, mut pages) = (Vec::new(), None, 0);
    while nodes.is_empty() || after.is_some() {
        let page = world
            .evolution
            .tree(heir, Deleted::Exclude, Limit::MAX, after, crate::Total::Omitted, &plain())
            .await
            .unwrap();
        assert!((1..=9).contains(&page.items.len()), "{} versions in one page", page.items.len());
        nodes.extend(page.items);
        after = page.next;
        pages += 1;
    }
    assert_eq!(nodes.len(), 17);
    assert!(nodes.is_sorted_by(|newer, older| (newer.created_at, newer.id) > (older.created_at, older.id)));
    assert!((2..=4).contains(&pages), "{pages} pages");
}

#[tokio::test]
async fn versions_of_a_lineage_can_be_compared_with_each_other() {
    let world = world().await;
    let new = world.evolution.change_theme(world.hero, &to("steampunk"), &plain()).await.unwrap().character.id;
    let (old, first) = (world.versions(world.hero).await.remove(0), world.versions(new).await.remove(0));
    for of in [world.hero, new] {
        let compared = world.evolution.compare(of, old.id, first.id, Deleted::Exclude, &plain()).await.unwrap();
        assert_eq!(compared.changes, first.changes);
        assert_eq!(compared.changes.len(), 3, "id, parent_id and theme: {:?}", compared.changes);
    }
}

#[tokio::test]
async fn the_graph_ties_characters_and_items() {
    let world = world().await;
    let new = NewItem { equipped: true, ..NewItem::new("Sword") };
    let sword = world.inventory.create(world.hero, new, &plain()).await.unwrap().id;
    let hat = world.inventory.create(world.hero, NewItem::new("Hat"), &plain()).await.unwrap().id;
    let change = world.evolution.change_theme(world.hero, &to("steampunk"), &plain()).await.unwrap();
    world.inventory.delete(world.hero, hat, &plain()).await.unwrap();
    let [new_sword, new_hat] = [&change.items[0], &change.items[1]].map(|item| item.id.0);
    let (old, new) = (world.hero.0, change.character.id.0);
    let graph = world.evolution.graph(change.character.id, &plain()).await.unwrap();
    assert!(graph.complete);
    let nodes: Vec<_> = graph.nodes.iter().map(|node| (node.id, node.kind, node.deleted)).collect();
    let (character, item) = (NodeKind::Character, NodeKind::InventoryItem);
    assert_eq!(
        nodes,
        [
            (old, character, false),
            (sword.0, item, false),
            (hat.0, item, true),
            (new, character, false),
            (new_sword, item, false),
            (new_hat, item, false),
        ]
    );
    assert_eq!(edges(&graph, EdgeKind::Parent), [(new, old)]);
    assert_eq!(edges(&graph, EdgeKind::Root), [(new_sword, sword.0), (new_hat, hat.0)]);
    assert_eq!(edges(&graph, EdgeKind::Equipped), [(old, sword.0), (new, new_sword)]);
    assert_eq!(edges(&graph, EdgeKind::Created), [(old, sword.0), (old, hat.0), (new, new_sword), (new, new_hat)]);
    assert_eq!(world.evolution.graph(world.hero, &plain()).await.unwrap(), graph, "every caller sees the same");
}

#[tokio::test]
async fn characters_that_are_each_others_parents_and_one_with_too_many_children_end_the_walk() {
    let world = world().await;
    let user = UserId::new();
    let child = world.child_of(world.hero, user).await;
    // No act makes a circle; rows that were written before circles were refused may hold one.
    let hero = world.storage.get_character(world.hero).await.unwrap().value;
    world.storage.update_character(Character { parent_id: Some(child), ..hero }, Expect::Any).await.unwrap();
    let graph = world.evolution.graph(world.hero, &plain()).await.unwrap();
    assert_eq!((graph.nodes.len(), graph.edges.len(), graph.complete), (2, 2, true));
    for _ in 0..MAX_LINEAGE {
        world.child_of(child, user).await;
    }
    let graph = world.evolution.graph(world.hero, &plain()).await.unwrap();
    assert_eq!((graph.nodes.len(), graph.complete), (MAX_LINEAGE, false));
}

#[tokio::test]
async fn a_chain_of_ancestors_that_is_too_long_is_cut() {
    let world = world().await;
    let mut last = world.hero;
    for _ in 0..MAX_LINEAGE {
        last = world.child_of(last, UserId::new()).await;
    }
    let graph = world.evolution.graph(last, &plain()).await.unwrap();
    assert_eq!((graph.nodes.len(), graph.complete), (MAX_LINEAGE, false));
    assert!(graph.nodes.iter().all(|node| node.id != world.hero.0));
    assert_eq!(graph.edges.len(), MAX_LINEAGE - 1, "no edge leads out of it");
}

#[tokio::test]
async fn a_graph_of_too_many_items_is_cut() {
    let world = world().await;
    for _ in 0..=MAX_GRAPH_ITEMS / 1000 {
        let item = |_| InventoryItem::new(world.hero, "Coin", now());
        world.storage.bulk_create((0..700).map(item).collect()).await.unwrap();
    }
    let graph = world.evolution.graph(world.hero, &plain()).await.unwrap();
    assert_eq!((graph.nodes.len(), graph.complete), (MAX_GRAPH_ITEMS + 1, false));
}
