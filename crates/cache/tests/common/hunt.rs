//! The adversarial hunt: many tasks over few rows, through one or several processes' worth of storages over one
//! origin. It looks for answers older than what was acknowledged, for rows that a list shows or hides wrongly right
//! after a write, and for whatever is still wrong when everything has come to rest.

use async_trait::async_trait;
use character_domain::{CampaignId, Character, CharacterId, InventoryItem, InventoryItemId, Meta, UserId, now};
use character_storage_port::{
    COMMIT, Change, CharacterQuery, Commit, Committed, Deleted, Entity, EventId, Expect, InventoryItemQuery,
    MemoryStorage, Outbox, OutboxEvent, Page, PageRequest, Probe, Query, Read, Result, Snapshot, SnapshotStream,
    StorageError, StorageExt, StoragePort, Store, Transaction,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A storage that lets others in between its steps, and that loses the answers of some commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) inner: MemoryStorage,
    /// How many of a thousand commits are applied and not answered, and as many again are not applied.
    pub(crate) lost: u32,
    /// How many of a thousand steps take a millisecond, as long as a way to Redis and back.
    pub(crate) slow: u32,
    pub(crate) reads: Arc<AtomicU64>,
}

impl Origin {
    async fn on_its_way(&self) {
        if self.slow > 0 && rand::random_range(0..1000) < self.slow {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..rand::random_range(0..4) {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl<E: Entity> Store<E> for Origin {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.on_its_way().await;
        let answer = self.inner.find(id, deleted).await;
        self.on_its_way().await;
        answer
    }
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.on_its_way().await;
        let answer = Store::<E>::list(&self.inner, query, page).await;
        self.on_its_way().await;
        answer
    }
}

#[async_trait]
impl Commit for Origin {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let fate = rand::random_range(0..1000);
        self.on_its_way().await;
        if fate < self.lost {
            return Err(StorageError::unavailable(COMMIT));
        }
        let committed = self.inner.commit(transaction).await;
        self.on_its_way().await;
        if fate < self.lost * 2 { Err(StorageError::unavailable(COMMIT)) } else { committed }
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let mut outcomes = Vec::new();
        for transaction in transactions {
            outcomes.push(self.commit(transaction).await);
        }
        outcomes
    }
}

#[async_trait]
impl Outbox for Origin {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<OutboxEvent>> {
        self.inner.claim(limit, lease).await
    }
    async fn acknowledge(&self, ids: &[EventId]) -> Result<()> {
        self.inner.acknowledge(ids).await
    }
}

#[async_trait]
impl Snapshot for Origin {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        self.inner.snapshot().await
    }
}

#[async_trait]
impl Probe for Origin {
    async fn probe(&self) -> Result<()> {
        self.inner.probe().await
    }
}

/// What a hunt brought home.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bag {
    pub(crate) operations: u64,
    /// Answers older than what was acknowledged through the same process before they were asked for.
    pub(crate) went_back: u64,
    /// Lists that showed or hid a row wrongly right after it was written.
    pub(crate) listed_wrongly: u64,
    /// Rows and lists that were still wrong at rest.
    pub(crate) stale_for_good: u64,
    /// What was found first, in words.
    pub(crate) first: Option<String>,
}

impl Bag {
    pub(crate) fn is_empty(&self) -> bool {
        self.went_back + self.listed_wrongly + self.stale_for_good == 0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.went_back += other.went_back;
        self.listed_wrongly += other.listed_wrongly;
        self.stale_for_good += other.stale_for_good;
        self.first = self.first.take().or(other.first);
    }
}

/// How a hunt is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) tasks: usize,
    pub(crate) rounds: usize,
    /// Of one task in one round; the world comes to rest between rounds.
    pub(crate) operations: usize,
    /// Whether what one process acknowledged is seen by all others in the same instant.
    pub(crate) instant_news: bool,
    /// How long the news of a process may take to be heard by all.
    pub(crate) patience: Duration,
    /// How long a write may be in doubt; then the world is looked at once more.
    pub(crate) doubt: Duration,
    /// How many of a thousand operations are a disturbance.
    pub(crate) disturbances: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            tasks: 16,
            rounds: 8,
            operations: 60,
            instant_news: true,
            patience: Duration::ZERO,
            doubt: Duration::from_millis(1),
            disturbances: 10,
        }
    }
}

/// Something that happens to the caches from outside.
pub(crate) type Disturbance = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

const SHARED_ROWS: usize = 4;
const OWNERS: usize = 2;
/// So many new rows a task makes in one world, which would grow for ever otherwise.
const CREATIONS: usize = 3;

/// Few rows, and the highest revision of each that was acknowledged through each process.
pub(crate) struct World<S> {
    origin: Origin,
    processes: Vec<S>,
    users: [UserId; OWNERS],
    campaigns: [CampaignId; OWNERS],
    characters: Vec<CharacterId>,
    items: Vec<InventoryItemId>,
    floors: Vec<Vec<AtomicU64>>,
    created: Mutex<Vec<CharacterId>>,
    plan: Plan,
    disturb: Disturbance,
}

/// A row that one task alone writes, through one process.
struct Own {
    row: Character,
    creations: usize,
}

pub(crate) fn any_of<T: Copy>(things: &[T]) -> T {
    things[rand::random_range(0..things.len())]
}

impl<S: StoragePort + Clone + 'static> World<S> {
    pub(crate) async fn new(origin: &Origin, processes: Vec<S>, plan: Plan, disturb: Disturbance) -> Arc<Self> {
        let users = std::array::from_fn(|_| UserId::new());
        let campaigns = std::array::from_fn(|_| CampaignId::new());
        let (mut characters, mut items) = (Vec::new(), Vec::new());
        for _ in 0..SHARED_ROWS {
            let row = Character { campaign_id: Some(campaigns[0]), ..Character::new(users[0], "0", now()) };
            characters.push(origin.inner.create_character(row).await.expect("the origin takes it").id);
        }
        for index in 0..SHARED_ROWS {
            let row = InventoryItem::new(characters[index % OWNERS], "0", now());
            items.push(origin.inner.create_inventory_item(row).await.expect("the origin takes it").id);
        }
        let floors = processes.iter().map(|_| (0..SHARED_ROWS * 2).map(|_| AtomicU64::new(1)).collect()).collect();
        let (origin, created) = (origin.clone(), Mutex::default());
        Arc::new(Self { origin, processes, users, campaigns, characters, items, floors, created, plan, disturb })
    }

    fn floor(&self, process: usize, row: usize) -> u64 {
        self.floors[process][row].load(Ordering::SeqCst)
    }

    fn acknowledged(&self, process: usize, row: usize, meta: &Meta) {
        for (index, floors) in self.floors.iter().enumerate() {
            if index == process || self.plan.instant_news {
                floors[row].fetch_max(meta.revision.0, Ordering::SeqCst);
            }
        }
    }

    /// Runs it all and comes to rest.
    pub(crate) async fn hunt(self: &Arc<Self>) -> Bag {
        let mut bag = Bag::default();
        let mut owns = Vec::new();
        for task in 0..self.plan.tasks {
            let row = Character::new(any_of(&self.users), "0", now());
            let process = task % self.processes.len();
            // An answer may be lost; a row that is not there is made anew by the next creation.
            drop(self.processes[process].create_character(row.clone()).await);
            self.created.lock().unwrap_or_else(PoisonError::into_inner).push(row.id);
            owns.push(Own { row, creations: 0 });
        }
        for round in 0..self.plan.rounds {
            let tasks: Vec<_> = owns
                .drain(..)
                .enumerate()
                .map(|(task, mut own)| {
                    let world = Arc::clone(self);
                    tokio::spawn(async move {
                        let mut bag = Bag::default();
                        for _ in 0..world.plan.operations {
                            world.operate(task % world.processes.len(), &mut own, &mut bag).await;
                            bag.operations += 1;
                        }
                        (own, bag)
                    })
                })
                .collect();
            for task in tasks {
                let (own, found) = task.await.expect("a hunter does not panic");
                owns.push(own);
                bag.add(found);
            }
            self.look_around(&mut bag).await;
            if round % 4 == 3 {
                // The doubts are over by then, and nobody has looked meanwhile.
                tokio::time::sleep(self.plan.doubt * 3).await;
                self.look_around(&mut bag).await;
            }
        }
        bag
    }

    async fn operate(&self, own_process: usize, own: &mut Own, bag: &mut Bag) {
        let process = rand::random_range(0..self.processes.len());
        if rand::random_range(0..1000) < self.plan.disturbances {
            return (self.disturb)().await;
        }
        match rand::random_range(0..100) {
            0..35 => self.find_character(process, bag).await,
            35..45 => self.find_item(process, bag).await,
            45..60 => self.list_characters(process, bag).await,
            60..65 => self.list_items(process, bag).await,
            65..80 => self.write_character(process).await,
            80..85 => self.write_item(process).await,
            85..88 => self.write_both(process).await,
            88..90 => self.write_each(process).await,
            _ => self.write_own(own_process, own, bag).await,
        }
    }

    fn went_back(&self, bag: &mut Bag, process: usize, row: usize, floor: u64, found: Option<u64>, how: &str) {
        if found.unwrap_or(0) < floor {
            bag.went_back += 1;
            let text = format!("process {process}, row {row}: {found:?} by {how} after {floor} was acknowledged");
            bag.first.get_or_insert(text);
        }
    }

    async fn find_character(&self, process: usize, bag: &mut Bag) {
        let row = rand::random_range(0..SHARED_ROWS);
        let deleted = any_of(&[Deleted::Include, Deleted::Exclude]);
        let floor = self.floor(process, row);
        let found = Store::<Character>::find(&self.processes[process], self.characters[row], deleted).await;
        let found = found.expect("the origin is not down").value;
        if deleted == Deleted::Include || found.is_some() {
            self.went_back(bag, process, row, floor, found.map(|row| row.meta.revision.0), "find");
        }
    }

    async fn find_item(&self, process: usize, bag: &mut Bag) {
        let index = rand::random_range(0..SHARED_ROWS);
        let floor = self.floor(process, SHARED_ROWS + index);
        let found = Store::<InventoryItem>::find(&self.processes[process], self.items[index], Deleted::Include).await;
        let found = found.expect("the origin is not down").value.map(|row| row.meta.revision.0);
        self.went_back(bag, process, SHARED_ROWS + index, floor, found, "find");
    }

    fn query(&self) -> CharacterQuery {
        let (user_id, campaign_id) = match rand::random_range(0..3) {
            0 => (Some(any_of(&self.users)), None),
            1 => (None, Some(any_of(&self.campaigns))),
            _ => (None, None),
        };
        CharacterQuery { user_id, campaign_id, include_deleted: rand::random(), ..CharacterQuery::live() }
    }

    async fn list_characters(&self, process: usize, bag: &mut Bag) {
        let floors: Vec<_> = (0..SHARED_ROWS).map(|row| self.floor(process, row)).collect();
        let page = self.processes[process].list_characters(&self.query(), PageRequest::default()).await;
        let page = page.expect("the origin is not down").value;
        for (index, id) in self.characters.iter().enumerate() {
            if let Some(row) = page.items.iter().find(|row| row.id == *id) {
                self.went_back(bag, process, index, floors[index], Some(row.meta.revision.0), "list");
            }
        }
    }

    async fn list_items(&self, process: usize, bag: &mut Bag) {
        let floors: Vec<_> = (0..SHARED_ROWS).map(|row| self.floor(process, SHARED_ROWS + row)).collect();
        let owner = rand::random_range(0..OWNERS);
        let query = InventoryItemQuery {
            character_id: Some(self.characters[owner]),
            include_deleted: true,
            ..InventoryItemQuery::default()
        };
        let page = self.processes[process].list_inventory_items(&query, PageRequest::default()).await;
        let page = page.expect("the origin is not down").value;
        for (index, id) in self.items.iter().enumerate().filter(|(index, _)| index % OWNERS == owner) {
            let found = page.items.iter().find(|row| row.id == *id).map(|row| row.meta.revision.0);
            self.went_back(bag, process, SHARED_ROWS + index, floors[index], found, "list");
        }
    }

    /// A change of a row as it is known to the process, which may be out of date: then it is refused, or the last
    /// writer wins.
    async fn changed(&self, process: usize, row: usize) -> Option<Change<Character>> {
        let id = self.characters[row];
        let known = Store::<Character>::find(&self.processes[process], id, Deleted::Include).await;
        let mut next = known.expect("the origin is not down").value?;
        let expect = if rand::random() { Expect::Any } else { Expect::Revision(next.meta.revision) };
        if next.meta.is_deleted() {
            return Some(Change::Restore { id, expect, at: now() });
        }
        match rand::random_range(0..6) {
            0 => return Some(Change::Delete { id, expect, at: now() }),
            1 => next.campaign_id = Some(any_of(&self.campaigns)),
            2 => next.campaign_id = None,
            3 => next.user_id = any_of(&self.users),
            _ => {}
        }
        next.name = rand::random::<u32>().to_string();
        next.meta.updated_at = now();
        Some(Change::Replace { entity: next, expect })
    }

    async fn changed_item(&self, process: usize, row: usize) -> Option<Change<InventoryItem>> {
        let id = self.items[row];
        let known = Store::<InventoryItem>::find(&self.processes[process], id, Deleted::Include).await;
        let mut next = known.expect("the origin is not down").value?;
        let expect = if rand::random() { Expect::Any } else { Expect::Revision(next.meta.revision) };
        if next.meta.is_deleted() {
            return Some(Change::Restore { id, expect, at: now() });
        }
        if rand::random_range(0..6) == 0 {
            return Some(Change::Delete { id, expect, at: now() });
        }
        next.name = rand::random::<u32>().to_string();
        Some(Change::Replace { entity: next, expect })
    }

    async fn write_character(&self, process: usize) {
        let row = rand::random_range(0..SHARED_ROWS);
        let Some(change) = self.changed(process, row).await else { return };
        if let Ok(committed) = self.processes[process].commit(Transaction::new().with(change)).await {
            self.acknowledged(process, row, &committed.written[0]);
        }
    }

    async fn write_item(&self, process: usize) {
        let row = rand::random_range(0..SHARED_ROWS);
        let Some(change) = self.changed_item(process, row).await else { return };
        if let Ok(committed) = self.processes[process].commit(Transaction::new().with(change)).await {
            self.acknowledged(process, SHARED_ROWS + row, &committed.written[0]);
        }
    }

    async fn write_both(&self, process: usize) {
        let row = rand::random_range(0..SHARED_ROWS);
        let Some(character) = self.changed(process, row).await else { return };
        let Some(item) = self.changed_item(process, row).await else { return };
        let both = Transaction::new().with(character).with(item);
        if let Ok(committed) = self.processes[process].commit(both).await {
            self.acknowledged(process, row, &committed.written[0]);
            self.acknowledged(process, SHARED_ROWS + row, &committed.written[1]);
        }
    }

    async fn write_each(&self, process: usize) {
        let (mut rows, mut transactions) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let row = rand::random_range(0..SHARED_ROWS);
            let Some(change) = self.changed(process, row).await else { return };
            rows.push(row);
            transactions.push(Transaction::new().with(change));
        }
        let outcomes = self.processes[process].commit_each(transactions).await;
        for (row, outcome) in rows.into_iter().zip(outcomes) {
            if let Ok(committed) = outcome {
                self.acknowledged(process, row, &committed.written[0]);
            }
        }
    }

    /// Nobody else writes this row, so it is known exactly what each list must show of it from the answer on.
    async fn write_own(&self, process: usize, own: &mut Own, bag: &mut Bag) {
        let storage = &self.processes[process];
        let before = own.row.clone();
        let id = before.id;
        let truth = Store::<Character>::find(&self.origin.inner, id, Deleted::Include).await;
        let truth = truth.expect("the origin is not down").value;
        let transaction = match truth {
            Some(row) if row.meta.is_deleted() => {
                if own.creations < CREATIONS && rand::random_range(0..8) == 0 {
                    own.creations += 1;
                    own.row = Character::new(any_of(&self.users), "new", now());
                    own.row.campaign_id = Some(any_of(&self.campaigns));
                    self.created.lock().unwrap_or_else(PoisonError::into_inner).push(own.row.id);
                    Transaction::new().with(Change::Create(own.row.clone()))
                } else {
                    Transaction::new().with(Change::<Character>::Restore { id, expect: Expect::Any, at: now() })
                }
            }
            Some(row) if rand::random_range(0..4) == 0 => {
                let expect = Expect::Revision(row.meta.revision);
                Transaction::new().with(Change::<Character>::Delete { id, expect, at: now() })
            }
            Some(mut row) => {
                let expect = if rand::random() { Expect::Any } else { Expect::Revision(row.meta.revision) };
                row.user_id = any_of(&self.users);
                row.campaign_id = rand::random::<bool>().then(|| any_of(&self.campaigns));
                Transaction::new().with(Change::Replace { entity: row, expect })
            }
            None => Transaction::new().with(Change::Create(own.row.clone())),
        };
        // Whether acknowledged or not: once there is an answer, the process shows what is.
        drop(storage.commit(transaction).await);
        let truth = Store::<Character>::find(&self.origin.inner, own.row.id, Deleted::Include).await;
        let Some(truth) = truth.expect("the origin is not down").value else { return };
        own.row = truth.clone();
        let readers = if self.plan.instant_news { 0..self.processes.len() } else { process..process + 1 };
        for reader in readers {
            self.check_lists(reader, &before, &truth, bag).await;
        }
    }

    async fn check_lists(&self, process: usize, before: &Character, truth: &Character, bag: &mut Bag) {
        let storage = &self.processes[process];
        let all = CharacterQuery { include_deleted: rand::random(), ..CharacterQuery::live() };
        let mut queries = vec![all.clone()];
        for row in [before, truth] {
            queries.push(CharacterQuery { user_id: Some(row.user_id), ..all.clone() });
            queries.extend(row.campaign_id.map(|id| CharacterQuery { campaign_id: Some(id), ..all.clone() }));
        }
        let query = &queries[rand::random_range(0..queries.len())];
        let page = storage.list_characters(query, PageRequest::default()).await.expect("the origin is not down").value;
        let listed = page.items.iter().find(|row| row.id == truth.id);
        let expected = Some(truth).filter(|row| query.matches(row));
        if listed != expected {
            bag.listed_wrongly += 1;
            let text = format!("process {process}, {query:?}: {listed:?} instead of {expected:?}");
            bag.first.get_or_insert(text);
        }
        let found = Store::<Character>::find(storage, truth.id, Deleted::Include).await;
        let found = found.expect("the origin is not down").value;
        self.went_back(bag, process, usize::MAX, truth.meta.revision.0, found.map(|row| row.meta.revision.0), "find");
    }

    /// Nobody writes any more: every row and every list must be what the origin says, in every process.
    async fn look_around(&self, bag: &mut Bag) {
        let until = Instant::now() + self.plan.patience;
        loop {
            let wrong = self.wrong().await;
            if wrong.is_empty() {
                return;
            }
            if Instant::now() >= until {
                bag.stale_for_good += wrong.len() as u64;
                bag.first.get_or_insert(wrong.into_iter().next().unwrap_or_default());
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for id in self.characters.iter().chain(&created) {
            self.compare_row::<Character>(*id, &mut wrong).await;
        }
        for id in &self.items {
            self.compare_row::<InventoryItem>(*id, &mut wrong).await;
        }
        for include_deleted in [false, true] {
            let all = CharacterQuery { include_deleted, ..CharacterQuery::live() };
            self.compare_list::<Character>(&all, &mut wrong).await;
            for index in 0..OWNERS {
                let query = CharacterQuery { user_id: Some(self.users[index]), ..all.clone() };
                self.compare_list::<Character>(&query, &mut wrong).await;
                let query = CharacterQuery { campaign_id: Some(self.campaigns[index]), ..all.clone() };
                self.compare_list::<Character>(&query, &mut wrong).await;
                let character_id = Some(self.characters[index]);
                let query = InventoryItemQuery { character_id, include_deleted, ..InventoryItemQuery::default() };
                self.compare_list::<InventoryItem>(&query, &mut wrong).await;
            }
        }
        wrong
    }

    async fn compare_row<E: Entity>(&self, id: E::Id, wrong: &mut Vec<String>)
    where
        S: Store<E>,
    {
        let truth = Store::<E>::find(&self.origin.inner, id, Deleted::Include).await.expect("memory").value;
        for (process, storage) in self.processes.iter().enumerate() {
            let found = Store::<E>::find(storage, id, Deleted::Include).await.expect("the origin is not down").value;
            if found != truth {
                let id: Uuid = id.into();
                wrong.push(format!("process {process}, {} {id}: {found:?} at rest instead of {truth:?}", E::KIND));
            }
        }
    }

    async fn compare_list<E: Entity>(&self, query: &E::Query, wrong: &mut Vec<String>)
    where
        S: Store<E>,
    {
        let truth = Store::<E>::list(&self.origin.inner, query, PageRequest::default()).await.expect("memory").value;
        for (process, storage) in self.processes.iter().enumerate() {
            let page = Store::<E>::list(storage, query, PageRequest::default()).await.expect("the origin is up").value;
            if page != truth {
                wrong.push(format!("process {process}, {query:?}: {page:?} at rest instead of {truth:?}"));
            }
        }
    }
}
