//! The commands `import` and `export`: progress and report, for a person.

use crate::{
    run::{CommandResult, say},
    stack::Stack,
    transfer,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{path::Path, process::ExitCode};

/// Status of an export that left out rows which cannot be read.
const INCOMPLETE: u8 = 3;
/// The maximum number of broken rules that an import prints.
const MOST_BROKEN_RULES: usize = 20;

pub(super) async fn import(stack: &Stack, folder: &Path) -> CommandResult {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}")?;
    let bar = ProgressBar::new(transfer::size(folder)).with_style(style);
    let result = transfer::import(stack.storage.as_ref(), folder, |read| bar.set_position(read)).await;
    bar.finish_and_clear();
    let report = result?;
    for name in &report.passed_over {
        say(format!("{name}: is not a file of an export; ignored"))?;
    }
    for damaged in &report.damaged {
        say(format!("{}: {}", damaged.file, damaged.reason))?;
    }
    for refusal in &report.refused {
        say(format!("{}:{}: {}", refusal.file, refusal.line, refusal.reason))?;
    }
    for broken in report.broken_rules.iter().take(MOST_BROKEN_RULES) {
        say(format!("character {}: stored, and breaks a rule: {}", broken.character, broken.reason))?;
    }
    if let more @ 1.. = report.broken_rules.len().saturating_sub(MOST_BROKEN_RULES) {
        say(format!("and {more} more broken rules"))?;
    }
    for file in &report.files {
        let (created, unchanged, refused) = (file.created, file.unchanged, file.refused);
        say(format!("{}: {created} created, {unchanged} unchanged, {refused} refused", file.file))?;
    }
    let (created, unchanged, refused) = (report.created(), report.unchanged(), report.refused.len());
    say(format!("all: {created} created, {unchanged} unchanged, {refused} refused"))?;
    Ok(if report.refused.is_empty() && report.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) async fn export(stack: &Stack, folder: &Path) -> CommandResult {
    let bar = ProgressBar::new_spinner();
    let result = transfer::export(stack.storage.as_ref(), folder, |rows| bar.set_position(rows)).await;
    bar.finish_and_clear();
    let report = result?;
    for row in &report.unreadable {
        let id = row.id.map_or_else(|| "without a readable id".to_owned(), |id| id.to_string());
        say(format!("{} {id} cannot be read and was left out: {}", row.kind, row.problem))?;
    }
    for file in &report.files {
        say(format!("{}: {} exported", file.file, file.rows))?;
    }
    say(format!("all: {} exported, {} unreadable", report.rows(), report.unreadable.len()))?;
    Ok(if report.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) })
}
