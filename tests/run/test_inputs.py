"""What a run is told of its videos: whether it is known from which recordings they were cut."""

from types import SimpleNamespace

import pytest

from vidkd_jax.data.splits import Splits, Subset
from vidkd_jax.data.videos import Video
from vidkd_jax.run import inputs
from vidkd_jax.settings.settings import DataSettings


def splits(groups):
    videos = [Video(f"v{i}", 0, group, 9, i) for i, group in enumerate(groups)]
    subset = Subset(SimpleNamespace(), videos)
    return Splits(subset, subset, subset, ("a",))


@pytest.mark.parametrize(
    ("list_format", "groups", "unknown"),
    [
        ("folder", ("v0", "v1"), 6),
        ("csv", ("v0", "v1"), 6),
        ("folder", ("v0", "monday"), 3),
        ("kinetics400", ("v0", "v1"), 0),  # each is of another recording
    ],
)
def test_own_videos_without_recordings_are_told_apart(list_format, groups, unknown):
    settings = DataSettings(source="videos", name=list_format)
    counts = {"given": 6 - unknown, "unknown": unknown}
    assert inputs.count_groups(settings, splits(groups)) == counts


def test_records_say_of_which_lists_they_were_made(square_records):
    settings = DataSettings(root=str(square_records), name="ucf101", short_side=36)
    assert not inputs.count_groups(settings, splits(("v0", "v1")))["unknown"]
