//! The adversarial hunt: many tasks over few rows, through one or several processes' worth of storages over one
//! origin. It looks for answers older than what the same process acknowledged, older than a position that was sent along,
//! or older than the time that news may take; for rows that a list shows or hides wrongly right after a write; and for
//! whatever is still wrong when everything has come to rest.

use super::epochs::Epochs;
use character_domain::{CampaignId, Character, CharacterId, InventoryItem, InventoryItemId, UserId, now};
use character_storage_port::{
    Change, CharacterQuery, Committed, Deleted, Entity, ErrorKind, Expect, Fingerprint, InventoryItemQuery,
    MemoryStorage, PageRequest, Query, Read, Scope, StorageExt, StoragePort, Store, Tick, Transaction, at_least,
};
use character_storage_testkit::{Course, Fault, Operation, ScriptedFaults};
use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    ops::Range,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A storage that lets others in between its steps, and that loses the answers of some commits.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) inner: MemoryStorage,
    pub(crate) epochs: Epochs,
    /// Where the processes read and write.
    pub(crate) port: ScriptedFaults<Epochs>,
}

impl Origin {
    /// `lost`: how many of a thousand commits are applied and not answered, and as many again are not applied.
    pub(crate) fn losing(lost: u32) -> Self {
        let inner = MemoryStorage::new();
        let epochs = Epochs::of(&inner);
        let port = ScriptedFaults::new(Arc::new(epochs.clone())).committing_one_by_one();
        port.direct(move |operation| {
            let down = ErrorKind::Unavailable { retry_after: None };
            let fault = match (operation, rand::random_range(0..1000)) {
                (Operation::Commit, fate) if fate < lost => Fault::FailBefore(down),
                (Operation::Commit, fate) if fate < lost * 2 => Fault::LoseAnswer(down),
                (Operation::Commit | Operation::Find | Operation::List, _) => Fault::Pass,
                _ => return Course::default(),
            };
            Course::from(fault).before(others()).after(async {
                others().await;
                Ok(())
            })
        });
        Self { inner, epochs, port }
    }

    pub(crate) fn reads(&self) -> usize {
        self.port.calls(Operation::Find) + self.port.calls(Operation::List)
    }
}

/// Lets other tasks run, or none.
async fn others() {
    for _ in 0..rand::random_range(0..4) {
        tokio::task::yield_now().await;
    }
}

/// What a hunt brought home.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bag {
    pub(crate) operations: u64,
    /// Answers older than what was acknowledged through the same process before they were asked for.
    pub(crate) went_back: u64,
    /// Answers older than the position that was sent along.
    pub(crate) behind_position: u64,
    /// Answers older than what was acknowledged anywhere longer ago than news may take.
    pub(crate) late: u64,
    /// Lists that showed or hid a row wrongly right after it was written.
    pub(crate) listed_wrongly: u64,
    /// Rows and lists that were still wrong at rest.
    pub(crate) stale_for_good: u64,
    /// What was found first, in words.
    pub(crate) first: Option<String>,
}

impl Bag {
    pub(crate) fn is_empty(&self) -> bool {
        self.went_back + self.behind_position + self.late + self.listed_wrongly + self.stale_for_good == 0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.went_back += other.went_back;
        self.behind_position += other.behind_position;
        self.late += other.late;
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
    /// How long the news of a commit may take to be heard by all.
    pub(crate) bound: Duration,
    /// How many of a thousand operations are a disturbance.
    pub(crate) disturbances: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self { tasks: 16, rounds: 8, operations: 60, bound: Duration::from_millis(100), disturbances: 10 }
    }
}

/// Something that happens to the caches from outside.
pub(crate) type Disturbance = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

const SHARED_ROWS: usize = 4;
const OWNERS: usize = 2;
/// The number of new rows that a task creates in one world, which would grow without a bound otherwise.
const CREATIONS: usize = 3;

/// How many transactions are remembered, to be sent once more.
const SENT: usize = 16;

/// What was acknowledged of one row, through any process.
#[derive(Default)]
struct Acknowledged {
    /// When, and which revision, in the order of the acknowledgements.
    recent: VecDeque<(Instant, u64)>,
    /// The highest revision of those that are too long ago to be recent.
    old: u64,
    /// The highest revision whose tick is counted in the position.
    positioned: u64,
}

/// The highest tick that was acknowledged in an epoch.
#[derive(Clone, Copy, Default)]
struct Position {
    era: u64,
    tick: Tick,
}

/// What an answer must not be older than.
struct Floor {
    own: u64,
    positioned: u64,
    old: u64,
}

/// A question, with what is known when it is asked.
struct Question {
    process: usize,
    position: Option<Position>,
    /// The epoch, if every process has had time to hear of its beginning. Until then positions mean something else to it,
    /// and so do the ticks of its own commits beside the shared values of others.
    era: Option<u64>,
}

/// Few rows, and the highest revision of each that was acknowledged through each process, and through any.
pub(crate) struct World<S> {
    origin: Origin,
    processes: Vec<S>,
    users: [UserId; OWNERS],
    campaigns: [CampaignId; OWNERS],
    characters: Vec<CharacterId>,
    items: Vec<InventoryItemId>,
    floors: Vec<Vec<AtomicU64>>,
    /// The same for each list that the process knows of having changed. It may not know of another list that the row was
    /// in, because another process moved it.
    listed: Vec<Mutex<HashMap<(usize, Scope), u64>>>,
    acknowledged: Vec<Mutex<Acknowledged>>,
    position: Mutex<Position>,
    sent: Mutex<VecDeque<Transaction>>,
    created: Mutex<Vec<CharacterId>>,
    plan: Plan,
    disturb: Disturbance,
}

/// A row that one task alone writes, through one process.
struct Own {
    row: Character,
    creations: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            items.push(origin.inner.create(row).await.expect("the origin takes it").id);
        }
        let floors = processes.iter().map(|_| (0..SHARED_ROWS * 2).map(|_| AtomicU64::new(1)).collect()).collect();
        Arc::new(Self {
            origin: origin.clone(),
            listed: processes.iter().map(|_| Mutex::default()).collect(),
            processes,
            users,
            campaigns,
            characters,
            items,
            floors,
            acknowledged: (0..SHARED_ROWS * 2).map(|_| Mutex::default()).collect(),
            position: Mutex::default(),
            sent: Mutex::default(),
            created: Mutex::default(),
            plan,
            disturb,
        })
    }

    /// Asks a process, half of the time with the position of all that was acknowledged so far.
    fn question(&self, process: usize) -> Question {
        let (era, position) = (self.era(), *locked(&self.position));
        let position = Some(position).filter(|position| era == Some(position.era) && rand::random());
        Question { process, position, era }
    }

    /// The epoch, if its beginning is longer ago than news may take.
    fn era(&self) -> Option<u64> {
        let era = self.origin.epochs.era();
        era.since.is_none_or(|since| since.elapsed() > self.plan.bound).then_some(era.number)
    }

    /// Whether the epoch of the question lasts.
    fn lasts(&self, question: &Question) -> bool {
        question.era == Some(self.origin.epochs.era().number)
    }

    fn floor(&self, process: usize, row: usize) -> Floor {
        let mut acknowledged = locked(&self.acknowledged[row]);
        while acknowledged.recent.front().is_some_and(|(at, _)| at.elapsed() > self.plan.bound) {
            let (_, revision) = acknowledged.recent.pop_front().unwrap_or((Instant::now(), 0));
            acknowledged.old = acknowledged.old.max(revision);
        }
        let (positioned, old) = (acknowledged.positioned, acknowledged.old);
        Floor { own: self.floors[process][row].load(Ordering::SeqCst), positioned, old }
    }

    /// What the rows of a list of this scope must not be older than.
    fn floors(&self, process: usize, scope: Scope, rows: Range<usize>) -> Vec<Floor> {
        let listed = locked(&self.listed[process]);
        let own = |row| listed.get(&(row, scope)).copied().unwrap_or(0);
        rows.map(|row| Floor { own: own(row), ..self.floor(process, row) }).collect()
    }

    fn acknowledged(&self, process: usize, row: usize, era: u64, committed: &Committed, write: usize) {
        let revision = committed.written[write].revision.0;
        self.floors[process][row].fetch_max(revision, Ordering::SeqCst);
        for scope in committed.changes[write].owners().chain([Scope::All]) {
            let mut listed = locked(&self.listed[process]);
            let floor = listed.entry((row, scope)).or_default();
            *floor = revision.max(*floor);
        }
        let is_positioned = {
            let mut position = locked(&self.position);
            let now = self.origin.epochs.era().number;
            if position.era != now {
                *position = Position { era: now, tick: Tick(0) };
            }
            position.tick = if era == now { position.tick.max(committed.tick) } else { position.tick };
            era == now
        };
        let mut acknowledged = locked(&self.acknowledged[row]);
        acknowledged.recent.push_back((Instant::now(), revision));
        if is_positioned {
            acknowledged.positioned = acknowledged.positioned.max(revision);
        }
    }

    /// Asks, and sends the position along.
    async fn ask<T>(&self, question: &Question, work: impl Future<Output = T>) -> T {
        at_least(question.position.map(|position| position.tick), work).await.0
    }

    fn check(&self, bag: &mut Bag, question: &Question, row: usize, floor: &Floor, found: Option<u64>, how: &str) {
        let found = found.unwrap_or(0);
        let lasts = self.lasts(question);
        let position = question.position.filter(|_| lasts);
        let is_wrong = [lasts && found < floor.own, position.is_some() && found < floor.positioned, found < floor.old];
        let [went_back, behind_position, late] = is_wrong.map(u64::from);
        bag.went_back += went_back;
        bag.behind_position += behind_position;
        bag.late += late;
        if went_back + behind_position + late > 0 {
            let Floor { own, positioned, old } = floor;
            let process = question.process;
            let tick = position.map(|position| position.tick.0);
            let text = format!(
                "process {process}, row {row}: {found} by {how}, with position {tick:?}, after {own} was acknowledged by \
                 itself, {positioned} anywhere, and {old} long ago"
            );
            bag.first.get_or_insert(text);
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
            locked(&self.created).push(row.id);
            owns.push(Own { row, creations: 0 });
        }
        for _ in 0..self.plan.rounds {
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
            90..92 => self.act(process).await,
            92..93 => self.repeat(process).await,
            _ => self.write_own(own_process, own, bag).await,
        }
    }

    async fn find_character(&self, process: usize, bag: &mut Bag) {
        let row = rand::random_range(0..SHARED_ROWS);
        let deleted = any_of(&[Deleted::Include, Deleted::Exclude]);
        let (floor, question) = (self.floor(process, row), self.question(process));
        let find = Store::<Character>::find(&self.processes[process], self.characters[row], deleted);
        let found = self.ask(&question, find).await.expect("the origin is not down").value;
        if deleted == Deleted::Include || found.is_some() {
            self.check(bag, &question, row, &floor, found.map(|row| row.meta.revision.0), "find");
        }
    }

    async fn find_item(&self, process: usize, bag: &mut Bag) {
        let index = rand::random_range(0..SHARED_ROWS);
        let (floor, question) = (self.floor(process, SHARED_ROWS + index), self.question(process));
        let find = Store::<InventoryItem>::find(&self.processes[process], self.items[index], Deleted::Include);
        let found = self.ask(&question, find).await.expect("the origin is not down").value;
        self.check(bag, &question, SHARED_ROWS + index, &floor, found.map(|row| row.meta.revision.0), "find");
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
        let query = self.query();
        let (floors, question) = (self.floors(process, query.scope(), 0..SHARED_ROWS), self.question(process));
        let list = self.processes[process].list_characters(&query, PageRequest::default());
        let page = self.ask(&question, list).await.expect("the origin is not down").value;
        for (index, id) in self.characters.iter().enumerate() {
            if let Some(row) = page.items.iter().find(|row| row.id == *id) {
                self.check(bag, &question, index, &floors[index], Some(row.meta.revision.0), "list");
            }
        }
    }

    async fn list_items(&self, process: usize, bag: &mut Bag) {
        let owner = rand::random_range(0..OWNERS);
        let query = InventoryItemQuery {
            character_id: Some(self.characters[owner]),
            include_deleted: true,
            ..InventoryItemQuery::default()
        };
        let rows = SHARED_ROWS..SHARED_ROWS * 2;
        let (floors, question) = (self.floors(process, query.scope(), rows), self.question(process));
        let list = Store::<InventoryItem>::list(&self.processes[process], &query, PageRequest::default());
        let page = self.ask(&question, list).await.expect("the origin is not down").value;
        for (index, id) in self.items.iter().enumerate().filter(|(index, _)| index % OWNERS == owner) {
            let found = page.items.iter().find(|row| row.id == *id).map(|row| row.meta.revision.0);
            self.check(bag, &question, SHARED_ROWS + index, &floors[index], found, "list");
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

    /// Commits a transaction that writes these rows, in this order.
    async fn commit(&self, process: usize, rows: &[usize], transaction: Transaction) {
        let era = self.origin.epochs.era().number;
        if let Ok(committed) = self.processes[process].commit(transaction.clone()).await {
            for (write, row) in rows.iter().enumerate() {
                self.acknowledged(process, *row, era, &committed, write);
            }
            let mut sent = locked(&self.sent);
            sent.push_back(transaction);
            if sent.len() > SENT {
                sent.pop_front();
            }
        }
    }

    async fn write_character(&self, process: usize) {
        let row = rand::random_range(0..SHARED_ROWS);
        let Some(change) = self.changed(process, row).await else { return };
        self.commit(process, &[row], Transaction::new().with(change)).await;
    }

    async fn write_item(&self, process: usize) {
        let row = rand::random_range(0..SHARED_ROWS);
        let Some(change) = self.changed_item(process, row).await else { return };
        self.commit(process, &[SHARED_ROWS + row], Transaction::new().with(change)).await;
    }

    async fn write_both(&self, process: usize) {
        let row = rand::random_range(0..SHARED_ROWS);
        let Some(character) = self.changed(process, row).await else { return };
        let Some(item) = self.changed_item(process, row).await else { return };
        self.commit(process, &[row, SHARED_ROWS + row], Transaction::new().with(character).with(item)).await;
    }

    async fn write_each(&self, process: usize) {
        let (mut rows, mut transactions) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let row = rand::random_range(0..SHARED_ROWS);
            let Some(change) = self.changed(process, row).await else { return };
            rows.push(row);
            transactions.push(Transaction::new().with(change));
        }
        let era = self.origin.epochs.era().number;
        let outcomes = self.processes[process].commit_each(transactions).await;
        for (row, outcome) in rows.into_iter().zip(outcomes) {
            if let Ok(committed) = outcome {
                self.acknowledged(process, row, era, &committed, 0);
            }
        }
    }

    /// An act with a key: as long as its outcome is unknown it decides again, perhaps in another process.
    async fn act(&self, process: usize) {
        let (row, first) = (rand::random_range(0..SHARED_ROWS), Transaction::new());
        for attempt in 0..4 {
            let process = if attempt == 0 { process } else { rand::random_range(0..self.processes.len()) };
            let Some(change) = self.changed(process, row).await else { return };
            let fingerprint = Some(Fingerprint::of(first.id.0.as_bytes()));
            let transaction = Transaction { fingerprint, ..first.clone().with(change) };
            let era = self.origin.epochs.era().number;
            match self.processes[process].commit(transaction).await {
                Ok(committed) => return self.acknowledged(process, row, era, &committed, 0),
                Err(error) if error.certainly_not_applied() => return,
                Err(_) => {}
            }
        }
    }

    /// A client sends a transaction once more that was acknowledged a while ago.
    async fn repeat(&self, process: usize) {
        let sent = {
            let sent = locked(&self.sent);
            if sent.is_empty() { None } else { sent.get(rand::random_range(0..sent.len())).cloned() }
        };
        if let Some(transaction) = sent {
            drop(self.processes[process].commit(transaction).await);
        }
    }

    /// No other task writes this row, so it is known exactly what each list must show of it from the answer on.
    async fn write_own(&self, process: usize, own: &mut Own, bag: &mut Bag) {
        let storage = &self.processes[process];
        let id = own.row.id;
        let truth = Store::<Character>::find(&self.origin.inner, id, Deleted::Include).await;
        let truth = truth.expect("the origin is not down").value;
        // As it is in the storage: a change whose answer was lost may have moved it from a list that this change does not
        // touch, and the process need not have heard of that one.
        let before = truth.clone().unwrap_or_else(|| own.row.clone());
        let transaction = match truth {
            Some(row) if row.meta.is_deleted() => {
                if own.creations < CREATIONS && rand::random_range(0..8) == 0 {
                    own.creations += 1;
                    own.row = Character::new(any_of(&self.users), "new", now());
                    own.row.campaign_id = Some(any_of(&self.campaigns));
                    locked(&self.created).push(own.row.id);
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
        let Some(era) = self.era() else { return drop(storage.commit(transaction).await) };
        let Ok(committed) = storage.commit(transaction).await else { return };
        let truth = Store::<Character>::find(&self.origin.inner, own.row.id, Deleted::Include).await;
        let Some(truth) = truth.expect("the origin is not down").value else { return };
        own.row = truth.clone();
        // In this process the answer is enough, and another one is sent the position.
        self.check_lists(Question { process, position: None, era: Some(era) }, &before, &truth, bag).await;
        let (other, position) = (rand::random_range(0..self.processes.len()), Position { era, tick: committed.tick });
        let question = Question { process: other, position: Some(position), era: Some(era) };
        self.check_lists(question, &before, &truth, bag).await;
    }

    async fn check_lists(&self, question: Question, before: &Character, truth: &Character, bag: &mut Bag) {
        let storage = &self.processes[question.process];
        let all = CharacterQuery { include_deleted: rand::random(), ..CharacterQuery::live() };
        let mut queries = vec![all.clone()];
        for row in [before, truth] {
            queries.push(CharacterQuery { user_id: Some(row.user_id), ..all.clone() });
            queries.extend(row.campaign_id.map(|id| CharacterQuery { campaign_id: Some(id), ..all.clone() }));
        }
        let query = &queries[rand::random_range(0..queries.len())];
        let page = self.ask(&question, storage.list_characters(query, PageRequest::default())).await;
        let Read { value: page, source } = page.expect("the origin is not down");
        let find = Store::<Character>::find(storage, truth.id, Deleted::Include);
        let found = self.ask(&question, find).await.expect("the origin is not down").value;
        if !self.lasts(&question) {
            return;
        }
        let listed = page.items.iter().find(|row| row.id == truth.id);
        let expected = Some(truth).filter(|row| query.matches(row));
        if listed != expected {
            bag.listed_wrongly += 1;
            let process = question.process;
            let position = question.position.map(|position| position.tick.0);
            let text = format!(
                "process {process}, with position {position:?}, {query:?}: {listed:?} from {source:?} instead of \
                 {expected:?}, after {before:?} became {truth:?}"
            );
            bag.first.get_or_insert(text);
        }
        let own = truth.meta.revision.0;
        let floor = Floor { own, positioned: own, old: 0 };
        self.check(bag, &question, usize::MAX, &floor, found.map(|row| row.meta.revision.0), "find");
    }

    /// No task writes any more: every row and every list must be what the origin says, in every process.
    async fn look_around(&self, bag: &mut Bag) {
        let until = Instant::now() + self.plan.bound;
        loop {
            let begun = Instant::now();
            let wrong = self.wrong().await;
            if wrong.is_empty() {
                return;
            }
            // What was read before that need not have been heard of.
            if begun >= until {
                bag.stale_for_good += wrong.len() as u64;
                bag.first.get_or_insert(wrong.into_iter().next().unwrap_or_default());
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let created = locked(&self.created).clone();
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
