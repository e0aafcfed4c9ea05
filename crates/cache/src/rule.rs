/// The rules that keep the cache right, one line of code each. Production keeps them all; a test of this crate can
/// break one at a time, to see that the hunt finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A load fills its own placeholder only.
    OwnPlaceholder,
    /// What a write touches stops being current before the commit.
    HeldBeforeCommit,
    /// What a write touched is forgotten after the commit.
    ForgottenAfterCommit,
    /// A find that starts after a write does not join a load begun before.
    NoOldLoadJoined,
    /// The generations of lists never repeat.
    GenerationsNeverRepeat,
    /// Of two writers at once neither leaves its value.
    AloneToKeep,
    /// After a write whose outcome is unknown, what was known before is not current.
    DoubtIsNotCurrent,
}

impl Rule {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] = [
        Self::OwnPlaceholder,
        Self::HeldBeforeCommit,
        Self::ForgottenAfterCommit,
        Self::NoOldLoadJoined,
        Self::GenerationsNeverRepeat,
        Self::AloneToKeep,
        Self::DoubtIsNotCurrent,
    ];
}
