//! The schema, forward only. A migration adds; it never takes away or renames what the release before it uses, so
//! that instances of two releases can run side by side. `tests/released/` has the statements and the schema of that release, and
//! a test compares.

use crate::{
    dialect::Dialect,
    fault::Fault,
    session::{Session, Statement, Work},
    sql::sql,
    value::Value,
};
use character_domain::now;
use character_storage_port::{Applied, ErrorKind, Fingerprint, StorageError};

/// The operation name of a migration.
pub(crate) const MIGRATE: &str = "migrate";

pub(crate) struct Migration {
    version: i64,
    name: &'static str,
    postgres: &'static str,
    sqlite: &'static str,
}

/// Every migration, oldest first. One that was released must never be edited.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "characters",
        postgres: include_str!("migrations/0001_characters.postgres.sql"),
        sqlite: include_str!("migrations/0001_characters.sqlite.sql"),
    },
    Migration {
        version: 2,
        name: "aggregates",
        postgres: include_str!("migrations/0002_aggregates.postgres.sql"),
        sqlite: include_str!("migrations/0002_aggregates.sqlite.sql"),
    },
    Migration {
        version: 3,
        name: "names",
        postgres: include_str!("migrations/0003_names.postgres.sql"),
        sqlite: include_str!("migrations/0003_names.sqlite.sql"),
    },
    Migration {
        version: 4,
        name: "campaign_lists",
        postgres: include_str!("migrations/0004_campaign_lists.sql"),
        sqlite: include_str!("migrations/0004_campaign_lists.sql"),
    },
    Migration {
        version: 5,
        name: "log",
        postgres: include_str!("migrations/0005_log.postgres.sql"),
        sqlite: include_str!("migrations/0005_log.sqlite.sql"),
    },
    Migration {
        version: 6,
        name: "retention",
        postgres: include_str!("migrations/0006_retention.postgres.sql"),
        sqlite: include_str!("migrations/0006_retention.sqlite.sql"),
    },
];

/// Applies whatever migrations the database lacks, all together, and returns them.
pub(crate) struct Migrate;

impl Work for Migrate {
    type Output = Vec<&'static Migration>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, Fault> {
        let dialect = session.dialect();
        if let Some(lock) = dialect.lock_migrations() {
            // Another instance may take its time; an index may, too.
            session.run_script("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
            session.query(lock).await?;
        }
        // Looked for rather than created if absent: a role that may not create tables can serve a ready schema.
        if session.query(dialect.find_table("schema_migrations")).await?.is_empty() {
            session.run_script(sql!("create_history")).await?;
        }
        let missing = missing(session).await?;
        for migration in &missing {
            session.run_script(migration.text(dialect)).await?;
            let values = vec![
                Value::Int(migration.version),
                Value::Text(migration.name.to_owned()),
                Value::Text(migration.checksum(dialect)),
                Value::time(now()),
            ];
            session.query(Statement::new(sql!("record_migration"), values)).await?;
        }
        Ok(missing)
    }
}

/// Refuses a database whose schema lacks a migration, and changes nothing.
pub(crate) struct Verify;

impl Work for Verify {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        let dialect = session.dialect();
        let detail = if session.query(dialect.find_table("schema_migrations")).await?.is_empty() {
            "the database has no tables of the service: the first start and the command migrate make them".to_owned()
        } else {
            match missing(session).await?.first() {
                None => return Ok(()),
                Some(Migration { version, name, .. }) => format!(
                    "the database lacks migration {version} ({name}): run the command migrate of this release to apply it"
                ),
            }
        };
        Err(StorageError::new(ErrorKind::Corrupt, MIGRATE).with_applied(Applied::No).with_detail(detail).into())
    }
}

/// The migrations that the database lacks, oldest first.
async fn missing<S: Session>(session: &mut S) -> Result<Vec<&'static Migration>, Fault> {
    let dialect = session.dialect();
    let history = Statement::new(sql!("list_migrations"), vec![]);
    let mut applied = Vec::new();
    for mut row in session.query(history).await? {
        let (version, name, checksum): (i64, String, String) = (row.read()?, row.read()?, row.read()?);
        match MIGRATIONS.iter().find(|migration| migration.version == version) {
            Some(known) if checksum != known.checksum(dialect) => return Err(edited(version, &name).into()),
            Some(_) => applied.push(version),
            None => tracing::warn!(version, name, "the database has a migration of a newer release"),
        }
    }
    Ok(MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)).collect())
}

impl Migration {
    /// Logs that it is in the database. Must be called after the commit.
    pub(crate) fn log_applied(&self) {
        tracing::info!(version = self.version, name = self.name, "migration applied");
    }

    fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Postgres => self.postgres,
            Dialect::Sqlite => self.sqlite,
        }
    }

    fn checksum(&self, dialect: Dialect) -> String {
        Fingerprint::of(self.text(dialect).as_bytes()).0
    }
}

fn edited(version: i64, name: &str) -> StorageError {
    StorageError::new(ErrorKind::Corrupt, MIGRATE).with_applied(Applied::No).with_detail(format!(
        "migration {version} ({name}) was applied to this database with another text than this release holds"
    ))
}
