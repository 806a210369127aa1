/// A safeguard that a test leaves out, to see that it is missed. Without the feature `_mutants` nobody can.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    not(feature = "_mutants"),
    expect(unreachable_pub, reason = "exported only where something can be left out")
)]
pub enum Mutant {
    /// A consumer tells the producer that it has committed what it has only read.
    AckOnRead,
    /// A producer forgets what a host acknowledged.
    DropWhenHostAcked,
    /// A consumer commits what it has read, final or not.
    CommitPastFrontier,
    /// A consumer does not compare what it read with what is final.
    NoCommitValidation,
    /// A host takes entries after a seal, and from below its fence.
    AcceptAfterSeal,
    /// A host takes entries from below its fence, where nobody sealed.
    NoFence,
    /// A consumer goes by a record that is older than the one it knew.
    RebindOlder,
    /// A producer takes items before it owns the edge.
    ProduceBeforeAcquire,
    /// A producer begins its segment after everything that the one before it holds.
    AdoptSuffix,
    /// A producer says that its output is final before its checkpoint is durable.
    FrontierBeforeCheckpoint,
    /// A producer takes an edge from a later life of its stage.
    NoOwnerIncRule,
    /// A host replaces an entry by another one at its offset.
    OverwriteConflict,
    /// A host gives a segment to whoever names its generation.
    IgnoreNonce,
    /// A producer takes an unknown swap for its own.
    UnknownCasIsWon,
    /// A producer does not hear that the consumer cannot reach a segment.
    IgnoreComplaint,
    /// A producer lets go of what is committed before its segment has it.
    ForgetBeforeAppend,
    /// A stage writes each checkpoint over the one before.
    SingleSlot,
    /// Lives of a stage write where the one before them wrote.
    SharedExtents,
    /// A stage takes blocks for its own whatever their checksums say.
    SkipCrc,
    /// A stage takes a register that was never written for one without a checkpoint.
    BlankIsDefault,
    /// A stage begins anew where its checkpoint is lost.
    FallbackPastAck,
    /// A stage swaps a checkpoint in before it is durable.
    CasBeforeSync,
    /// A stage writes on although a later life of it was minted.
    UnfencedStore,
    /// A stage takes a checkpoint for one that counts, of which nobody knows.
    UnknownCommitIsWon,
    /// A stage gives a checkpoint up, of which nobody knows.
    UnknownCommitIsLost,
    /// A stage writes what it retains over what it retained before.
    OverwritesLog,
}

/// What is left out, if anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(crate) struct Without(Option<Mutant>);

impl Without {
    /// Nothing is left out.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    #[cfg(feature = "_mutants")]
    pub(crate) const fn only(mutant: Mutant) -> Self {
        Self(Some(mutant))
    }

    /// Whether this safeguard is left out.
    pub(crate) fn is(self, mutant: Mutant) -> bool {
        cfg!(feature = "_mutants") && self.0 == Some(mutant)
    }
}
