"""Opens records of one modality (RGB or optical flow), or both modalities of the same clips.

Both together are for a student and a teacher that use different modalities.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from vidkd_jax.data.record_sets import RecordSet, read_info
from vidkd_jax.data.records import RecordDataset
from vidkd_jax.data.videos import VideoDataset
from vidkd_jax.errors import InputError


class PairedDataset:
    """The videos of one split from two record sets; see `VideoDataset`.

    Attributes:
      videos: The videos of the RGB records.
      class_names: Class names, indexed by label.
      groups: See `VideoDataset`.
      parts: See `VideoDataset`.
    """

    parts: Mapping[str, slice] = MappingProxyType({"clip": slice(3), "flow": slice(3, 5)})

    def __init__(self, rgb: VideoDataset, flow: VideoDataset) -> None:
        """Finds the flow of every video by its id.

        Raises:
          InputError: A video has no flow, or the flow of another version of the video.
        """
        self.videos, self.class_names, self.groups = rgb.videos, rgb.class_names, rgb.groups
        self._rgb, self._flow = rgb, flow
        in_flow = {video.id: video for video in flow.videos}
        for video in rgb.videos:
            found = in_flow.get(video.id)
            if found is None:
                raise InputError(
                    f"config.data.modality: video '{video.id}' has no flow; if skipped.csv "
                    "beside the flow records names it, remove it from the lists and convert again"
                )
            if dataclasses.replace(found, index=video.index) != video:
                raise InputError(
                    f"config.data.modality: video '{video.id}' differs from the video of this name "
                    "in the flow records; delete the flow records and make them again with "
                    "data_prep.flow"
                )
        self._flow_index = [in_flow[video.id].index for video in rgb.videos]

    def frames(self, index: int, numbers: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the frames `numbers` of video `index`, each uint8 [h, w, 5]: RGB, then flow."""
        pairs = zip(
            self._rgb.frames(index, numbers),
            self._flow.frames(self._flow_index[index], numbers),
            strict=True,
        )
        yield from (np.concatenate(pair, axis=-1) for pair in pairs)


def open_records(which: RecordSet) -> Callable[[str], VideoDataset]:
    """Returns a function that opens a split of records by name.

    Raises:
      InputError: There are no such records; the message says how to make them.
    """
    folders = which.folders()
    open_each = [partial(RecordDataset, folder) for folder in folders]
    if len(open_each) == 1:
        return open_each[0]
    rgb, flow = open_each
    _check_source(*folders)
    return lambda split_name: PairedDataset(rgb(split_name), flow(split_name))


def _check_source(rgb: Path, flow: Path) -> None:
    """Raises InputError if the flow was computed from other videos than the RGB records."""
    ours, theirs = (read_info(folder) for folder in (rgb, flow))
    for field in ("lists", "videos"):  # older records do not have "videos"
        if ours.get(field) and theirs.get(field) and ours[field] != theirs[field]:
            raise InputError(
                f"config.data.modality: '{flow}' is the flow of other videos or lists than those "
                f"in '{rgb}'; delete the flow records and make them again with data_prep.flow"
            )
