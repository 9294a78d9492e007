"""What a clip of UTD-MHAD should show: cross-validation over the people who train."""

from vidkd_jax.tables import Row, Table

WHOLE, NEIGHBOURS = "a frame of each eighth", "neighbouring frames"
FOLDS = (1, 2, 3, 4)  # of one person each


def row(clips: str, sampler: str, fold: int) -> Row:
    """Returns a row that one of the training people validates."""
    return Row(
        f"{clips}, fold {fold}",
        "supervised_r18",
        {
            "data.sampler": sampler,
            "data.val": "fold",
            "data.folds": len(FOLDS),
            "data.fold": fold,
        },
        against=f"{WHOLE}, fold {fold}",
    )


TABLE = Table(
    title="UTD-MHAD: the clips' frames, chosen by training people",
    rows=tuple(
        row(clips, sampler, fold)
        for fold in FOLDS
        for clips, sampler in ((WHOLE, "segments"), (NEIGHBOURS, "clip"))
    ),
    reference=f"{WHOLE}, fold 1",
    scales={"utd_mhad": {"": "utd_mhad"}},
    metrics=("validation", "video_top1"),
    note="With augmentation. Each fold is one of the people 1, 3, 5, 7, who validates what the "
    "other three have trained. Video@1 is of the four test people, and chooses nothing.",
)
