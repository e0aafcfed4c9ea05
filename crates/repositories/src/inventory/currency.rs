//! Coins. They are kept on the sheet, in `currency`.

use super::InventoryRepository;
use crate::{RepositoryError, RequestContext, Result};
use character_domain::{Character, CharacterId, Refusal, Violations};
use character_storage_port::{CHARACTER_INVENTORY_CHANGED, Read};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The coins, the least first: copper, silver, electrum, gold, platinum.
pub const COINS: [&str; 5] = ["cp", "sp", "ep", "gp", "pp"];
/// Most coins of one kind.
const MOST: i64 = 1_000_000_000_000;

/// How many coins of each kind. As a change: how many more, or fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse(pub BTreeMap<String, i64>);

impl Purse {
    /// The coins on a sheet. What is absent or no number counts as none.
    #[must_use]
    pub fn of(character: &Character) -> Self {
        let coins = character.data.0.get("currency");
        let count = |coin: &str| coins.and_then(|coins| coins.get(coin)).and_then(Value::as_i64).unwrap_or(0);
        Self(COINS.into_iter().map(|coin| (coin.to_owned(), count(coin))).collect())
    }

    fn check(&self) -> Result<()> {
        let mut violations = Violations::default();
        for (coin, count) in &self.0 {
            if !COINS.contains(&coin.as_str()) {
                violations.push(coin.chars().take(100).collect::<String>(), "is not a coin");
            } else if count.unsigned_abs() > MOST.unsigned_abs() {
                violations.push(coin.clone(), format!("must be from -{MOST} to {MOST}"));
            }
        }
        if self.0.is_empty() {
            violations.push("", "must name a coin");
        }
        violations.into_result().map_err(RepositoryError::Invalid)
    }
}

impl InventoryRepository {
    /// The character whose coins they are; see [`Purse::of`].
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Storage`.
    #[tracing::instrument(name = "inventory.currency", level = "debug", skip_all)]
    pub async fn currency(&self, of: CharacterId, request: &RequestContext) -> Result<Read<Character>> {
        self.context.get(of, request).await
    }

    /// Adds coins, or takes them away, all kinds at once; returns the character with its coins afterwards.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `Invalid`, `Refused` by `not-enough-coins` or
    /// `too-many-coins`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.change_currency", level = "debug", skip_all)]
    pub async fn change_currency(
        &self,
        of: CharacterId,
        change: &Purse,
        request: &RequestContext,
    ) -> Result<Character> {
        change.check()?;
        self.context
            .act("inventory.currency", request, move |attempt| async move {
                let character = attempt.accept(attempt.character(of).await?)?;
                let coins = paid(&character, change)?;
                let mut work = attempt.work_on(character);
                let event = json!({ "character_id": of, "kind": "currency", "change": change });
                work.changes.event(CHARACTER_INVENTORY_CHANGED, of, event);
                work.after.data.0.insert("currency".to_owned(), Value::Object(coins));
                work.finish(|after| after)
            })
            .await
    }
}

/// The coins after the change. Members of `currency` that are no coins stay.
fn paid(character: &Character, change: &Purse) -> Result<Map<String, Value>> {
    let before = Purse::of(character);
    let kept = character.data.0.get("currency").and_then(Value::as_object);
    let mut coins = kept.cloned().unwrap_or_default();
    for (coin, count) in before.0 {
        let after = count.saturating_add(change.0.get(&coin).copied().unwrap_or(0));
        if after < 0 {
            return Err(Refusal::new("not-enough-coins", format!("there are {count} {coin}")).into());
        }
        if after > MOST {
            return Err(Refusal::new("too-many-coins", format!("at most {MOST} {coin} can be kept")).into());
        }
        coins.insert(coin, after.into());
    }
    Ok(coins)
}
