"""Whether PCL learns anything: its pretext task, and features that are better than random ones."""

from vidkd_jax.tables import Row, Table, lookup

# One epoch at a rate of 0: random weights, with BatchNorm's statistics of the videos.
_UNTRAINED = {
    "optim.learning_rate": 0.0,
    "train.epochs": 1,
    "schedule.warmup_epochs": 0,
}
NETWORKS = {"c3d": "C3D", "r3d": "R3D", "r21d": "R(2+1)D"}

TABLE = Table(
    title="PCL: gates",
    rows=tuple(
        row
        for key, name in NETWORKS.items()
        for row in (
            Row(
                f"{name}, random weights",
                f"pcl_{key}",
                _UNTRAINED,
                against=f"{name}, random weights",
            ),
            Row(f"{name}, PCL", f"pcl_{key}", against=f"{name}, random weights"),
        )
    ),
    reference="R3D, random weights",
    scales={
        "marionette": {"": "marionette_long"},
        "utd_mhad": {"": "utd_mhad"},
        "paper": {"": "ucf101"},
    },
    metrics=(
        "pretext_top1",
        "pretext_nll",
        *lookup(("probe_top1", "untrained_probe_top1", "retrieval_top1"), of="actions"),
        *(f"retrieval_top{k}" for k in (5, 10, 20, 50)),
    ),
    headline="probe_top1",
    averages={"PCL": tuple(f"{name}, PCL" for name in NETWORKS.values())},
    note="Nothing that is compared downstream means anything unless the probe of a network of PCL "
    "is 5 points better than that of random weights: of the rows', whose BatchNorm has statistics "
    "of the videos, and of those with which the network itself began. Probe and retrieval are "
    "PCL's, not PCL+KD's, and read pooled features.",
)
