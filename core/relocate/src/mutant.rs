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
    /// A consumer goes by where the record says that offsets lie, and not by what is final: another rule, which is safe as long
    /// as nobody produces before it owns the edge and the record is swapped by comparison.
    MapRule,
    /// A consumer has a host forget what it has only read.
    TrimPastFloor,
    /// A consumer goes on behind offsets that nothing serves.
    SkipGap,
    /// A consumer does not say what an earlier life of it committed.
    FloorNotRederived,
    /// A producer does not say what an earlier life of it made final.
    FrontierNotRederived,
    /// A consumer says that it has committed before its checkpoint is durable.
    InputFloorFirst,
    /// What items cause leaves before the commit that covers them.
    EffectsBeforeCommit,
    /// A consumer reads the record where something fails, and only there.
    PollOnlyOnError,
    /// A consumer reads no further than its window, be it final or not.
    WindowBlocksCertificate,
    /// A producer waits for room and does not ask for a checkpoint.
    FullWithoutCheckpoint,
    /// Appends that were under way when the queue moved count as under way for ever.
    CreditsLostOnMove,
    /// All lives of a stage pause for as long.
    UnseededBackoff,
    /// A producer tries again where a host shut it out.
    RetryAfterStale,
    /// A producer does not give back what was lent to it for a move that somebody else made.
    LostCasLeaksSegment,
    /// A producer takes an unknown swap for a lost one.
    UnknownCasIsLost,
    /// A producer believes in its lease as long as the host does.
    LeaseIsTtl,
    /// A producer counts its lease from the answer.
    CountFromReply,
    /// A host makes the segment that somebody attaches to.
    AttachOrCreate,
    /// A host asks nobody who attaches for the right to.
    SkipCapOnAttach,
    /// A host appends an entry as often as it comes.
    AppendTwice,
    /// A stage that goes back to its checkpoint goes on as the same life, in the same generation.
    RollbackInPlace,
    /// A host lends to whoever means an earlier life of it.
    LendsToTheDead,
    /// A producer says that nothing more comes before its checkpoint says so.
    EndBeforeCheckpoint,
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
