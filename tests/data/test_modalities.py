"""Records of a wrong modality are refused; a paired batch has RGB and flow of the same clips."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from vidkd_jax.data import EvalBatches, EvalClips, PairedDataset, Subset, TrainBatches
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.data.modalities import open_records
from vidkd_jax.data.pipeline import Reading
from vidkd_jax.data.record_sets import RecordSet
from vidkd_jax.errors import InputError
from vidkd_jax.samplers import Contiguous


class FlowOf:
    """A fake flow data set: the first two channels of a MemoryDataset, with videos in reverse."""

    def __init__(self, dataset):
        self._dataset, self.class_names = dataset, dataset.class_names
        self._order = list(reversed(dataset.videos))
        self.videos = [dataclasses.replace(v, index=i) for i, v in enumerate(self._order)]

    def frames(self, index, numbers):
        return [f[..., :2] for f in self._dataset.frames(self._order[index].index, numbers)]


def test_a_paired_batch_has_the_same_windows_and_frames_of_both(memory_dataset):
    dataset = memory_dataset([10] * 4)
    paired = PairedDataset(dataset, FlowOf(dataset))
    subset, spec = Subset(paired, paired.videos[1:]), ClipSpec(Contiguous(4, 2), crop=16)
    train = TrainBatches(subset, spec, batch_size=3, seed=0, reading=Reading())
    test = EvalBatches(EvalClips(subset, spec, 30), batch_size=3, reading=Reading())
    for batch in itertools.chain(itertools.islice(train, 2), test):
        assert batch["clip"].shape == (3, 1, 4, 16, 16, 3)
        assert batch["flow"].shape == (3, 1, 4, 16, 16, 2)
        assert np.array_equal(batch["flow"], batch["clip"][..., :2])
    plain = TrainBatches(
        Subset(dataset, dataset.videos[1:]), spec, batch_size=3, seed=0, reading=Reading()
    )
    again = TrainBatches(subset, spec, batch_size=3, seed=0, reading=Reading())
    assert np.array_equal(next(plain)["clip"], next(again)["clip"])  # same clips without flow


def test_every_video_needs_its_own_flow(memory_dataset):
    dataset = memory_dataset([10] * 4)
    flow = FlowOf(dataset)
    flow.videos[0] = dataclasses.replace(flow.videos[0], num_frames=9)
    with pytest.raises(InputError, match="'v3' differs from the video of this name in the flow"):
        PairedDataset(dataset, flow)
    with pytest.raises(InputError, match=r"'v2' has no flow; if skipped\.csv beside"):
        PairedDataset(dataset, FlowOf(memory_dataset([10] * 2)))


NOTHING = {"class_names": [], "counts": {}}  # of a dataset.json that nobody reads further


def test_records_of_another_modality(tmp_path):
    def write(name, **fields):
        folder = tmp_path / name / "split1/1.0.0"
        folder.mkdir(parents=True)
        names = ("name", "dataset", "split", "lists", "class_names", "skipped", "counts")
        info = {**dict.fromkeys(names), **NOTHING, "short_side": 36, **fields}
        (folder / "dataset.json").write_text(json.dumps(info))
        return folder

    with pytest.raises(InputError) as missing:
        RecordSet(tmp_path, "a", 1, 36, "flow").folders()
    command = f"python -m data_prep.flow --data={tmp_path}/a --out={tmp_path} --algorithm=dis"
    assert command in str(missing.value)
    rgb, flow = write("a"), write("a_flow", modality="flow")
    assert RecordSet(tmp_path, "a", 1, 36).folders() == [rgb]
    assert RecordSet(tmp_path, "a", 1, 36, "flow").folders() == [flow]
    with pytest.raises(InputError, match=r"config\.data\.modality: rgb, .* hold flow; set"):
        RecordSet(tmp_path, "a_flow", 1, 36).folders()
    with pytest.raises(InputError, match=r"config\.data\.short_side: 40, .* have 36"):
        RecordSet(tmp_path, "a", 1, 40, "flow").folders()


def test_flow_of_other_videos_is_refused(tmp_path):
    for name, modality, videos in (("a", "rgb", "one"), ("a_flow", "flow", "other")):
        folder = tmp_path / name / "split1/1.0.0"
        folder.mkdir(parents=True)
        names = ("name", "dataset", "split", "class_names", "skipped", "counts")
        info = {**dict.fromkeys(names), **NOTHING, "short_side": 36, "lists": "same"}
        text = json.dumps({**info, "modality": modality, "videos": videos})
        (folder / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=r"a_flow.* is the flow of other videos"):
        open_records(RecordSet(tmp_path, "a", 1, 36, "rgb_flow"))
