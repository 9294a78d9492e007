"""The rendered benchmark: its layout, every actor in every class, determinism, reversed pairs."""

import itertools
import json
import re
from dataclasses import replace

import av
import numpy as np
import pytest

from data_prep.marionette.__main__ import main
from data_prep.marionette.actions import CLASS_NAMES, MOTIONS, box_at, pose_at
from data_prep.marionette.actors import draw_actor
from data_prep.marionette.dataset import Job, video_keys, write_dataset, write_lists
from data_prep.marionette.latents import active_mask, draw_latents
from data_prep.marionette.poses import joints
from data_prep.marionette.presets import HEIGHT, PRESETS, WIDTH, Preset
from data_prep.marionette.render import render
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.files import write_text
from vidkd_jax.runtime.lock import only_one

MINI = Preset("mini", groups=3, frames=(26, 28))
NUM_CLASSES = len(CLASS_NAMES)


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    out = tmp_path_factory.mktemp("mini")
    write_dataset(Job(MINI, seed=5), out, workers=1)
    return out


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def decode(path):
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def draw(label, group=1, seed=3, preset=PRESETS["standard"], variant="full", **changes):
    latents = replace(draw_latents(preset, seed, group, label, 1), **changes)
    noise = np.random.SeedSequence(1)
    return render(draw_actor(seed, group), latents, label, noise, variant)


def test_the_same_bytes_at_any_parallelism(mini, tmp_path):
    write_dataset(Job(MINI, seed=5), tmp_path, workers=2)
    one, two = files_of(mini), files_of(tmp_path)
    assert len(one) == 2 * 3 * NUM_CLASSES + 7 + 1 + 1  # lists, marionette.json and the lock
    assert one == two


def test_another_seed_gives_other_videos(mini, tmp_path):
    write_dataset(Job(MINI, seed=6), tmp_path, workers=1)
    one, two = files_of(mini / "videos"), files_of(tmp_path / "videos")
    assert one.keys() == two.keys()
    assert not any(one[name] == two[name] for name in one)


def test_resumes_and_repairs(mini, tmp_path):
    job = Job(MINI, seed=5)
    write_dataset(job, tmp_path, workers=1)
    kept, lost, gone = video_keys(MINI)[:3]
    (tmp_path / "videos" / kept.path).write_bytes(b"kept as it is")
    (tmp_path / "videos" / lost.path).write_bytes(b"cut in half")
    (tmp_path / "sidecars" / f"{lost.video_id}.json").unlink()
    (tmp_path / "videos" / gone.path).unlink()
    assert write_dataset(job, tmp_path, workers=1) == 2
    assert (tmp_path / "videos" / gone.path).exists()
    assert (tmp_path / "videos" / kept.path).read_bytes() == b"kept as it is"
    assert (tmp_path / "videos" / lost.path).read_bytes() == (
        mini / "videos" / lost.path
    ).read_bytes()


def test_one_run_at_a_time(tmp_path):
    with (
        only_one(tmp_path / ".lock"),
        pytest.raises(InputError, match=f"{tmp_path}: another run is writing there"),
    ):
        write_dataset(Job(MINI, seed=5), tmp_path, workers=1)


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk(mini, small_disk, workers):
    """A full disk keeps the finished videos and leaves no unfinished files behind."""
    disk, resize = small_disk
    (disk / "out/videos").mkdir(parents=True)
    (disk / "out/videos/.v_SitDown_g01_c01.1.partial.mp4").write_text("of a killed run")
    (disk / "out/marionette.json.1.tmp").write_text("likewise")
    with (disk / "filler").open("wb") as filler:
        filler.write(bytes(2**20 - 2**17))
    with pytest.raises(
        InputError, match=rf"--out={disk}/out: .*; free some space .* again to continue"
    ):
        write_dataset(Job(MINI, seed=5), disk / "out", workers=workers)
    assert not list(disk.rglob(".*.partial*"))
    resize(5)
    write_dataset(Job(MINI, seed=5), disk / "out", workers=workers)
    assert files_of(disk / "out") == files_of(mini)


def test_a_disk_that_is_full_at_a_list_keeps_no_half_of_it(tmp_path, small_disk):
    disk, _ = small_disk
    with pytest.raises(OSError, match="No space left"):
        write_text(disk / "list.txt", "line\n" * 2**20)
    assert not list(disk.iterdir())


def test_a_folder_holds_one_benchmark(mini):
    with pytest.raises(InputError, match="choose another --out"):
        write_dataset(Job(MINI, seed=6), mini, workers=1)


def test_every_actor_performs_every_class_in_both_containers():
    for preset in PRESETS.values():
        keys = video_keys(preset)
        assert len(keys) == len({key.path for key in keys}) == preset.num_videos
        assert {(k.group, k.label) for k in keys} == {
            (g, c) for g in range(1, preset.groups + 1) for c in range(NUM_CLASSES)
        }
        for label in range(NUM_CLASSES):
            suffixes = [k.path[-3:] for k in keys if k.label == label]
            assert suffixes.count("mp4") == suffixes.count("avi")
        for group in range(1, preset.groups + 1):
            suffixes = [k.path[-3:] for k in keys if k.group == group]
            assert suffixes.count("mp4") == suffixes.count("avi")


def test_standard_is_large_enough():
    preset = PRESETS["standard"]
    for split in (1, 2, 3):
        tested = preset.test_groups(split)
        assert len(tested) >= 40
        assert len(tested) * NUM_CLASSES >= 1000
        assert (preset.groups - len(tested) - 30) * NUM_CLASSES >= 1000


@pytest.mark.parametrize(("name", "tested"), [("study", 288), ("teachers", 72)])
def test_a_preset_may_test_on_more_or_fewer_actors(name, tested):
    preset = PRESETS[name]
    for split in (1, 2, 3):
        groups = preset.test_groups(split)
        assert len(groups) == len(set(groups)) == tested
        assert set(groups) < set(range(1, preset.groups + 1))
    assert preset.test_groups(1) == list(range(1, tested + 1))
    if name == "study":  # as many train and validate as in standard
        standard = PRESETS["standard"]
        trained = (p.groups - len(p.test_groups(1)) for p in (preset, standard))
        assert len(set(trained)) == 1


def test_lists_are_ucf101s(tmp_path):
    preset = PRESETS["tiny"]
    write_lists(preset, tmp_path)
    index = (tmp_path / "classInd.txt").read_bytes().decode()
    assert index == "".join(f"{i + 1} {name}\r\n" for i, name in enumerate(CLASS_NAMES))
    tested_before = set()
    for split in (1, 2, 3):
        test = (tmp_path / f"testlist0{split}.txt").read_text().split("\n")[:-1]
        train = (tmp_path / f"trainlist0{split}.txt").read_text().split("\n")[:-1]
        assert len(test) + len(train) == preset.num_videos
        train_groups = set()
        for line in train:
            match = re.fullmatch(r"(\w+)/v_(\w+)_g(\d{2,})_c\d\d\.(?:mp4|avi) (\d+)", line)
            assert match and match[1] == match[2] == CLASS_NAMES[int(match[4]) - 1]
            train_groups.add(match[3])
        test_groups = {
            re.fullmatch(r"(\w+)/v_\1_g(\d{2,})_c\d\d\.(?:mp4|avi)", line)[2] for line in test
        }
        assert not test_groups & train_groups
        assert not test_groups & tested_before
        tested_before |= test_groups


def test_files_decode_as_their_sidecars_say(mini):
    shown = 0
    for key in video_keys(MINI):
        sidecar = json.loads((mini / "sidecars" / f"{key.video_id}.json").read_text())
        frames = decode(mini / "videos" / sidecar["file"])
        assert frames.shape == (sidecar["num_frames"], HEIGHT, WIDTH, 3)
        assert sidecar["class"] == CLASS_NAMES[sidecar["label"]]
        assert len(sidecar["active"]) == len(sidecar["progress"]) == len(frames)
        shown += any(sidecar["active"])
        assert {"scene", "outfit", "body", "mirror", "motion_frames", "starts"} <= sidecar.keys()
        assert {"camera", "light", "noise", "occluder", "distractors"} <= sidecar.keys()
    assert shown > 0.8 * MINI.num_videos  # in the hardest videos, a curtain hides the whole motion


def test_encoding_is_faithful(mini):
    job = Job(MINI, seed=5)
    for key in video_keys(MINI)[:2]:  # one of each container
        latents = draw_latents(MINI, job.seed, key.group, key.label, key.clip)
        noise = np.random.SeedSequence(5, spawn_key=(2, key.group, key.label // 2, key.clip))
        drawn = render(draw_actor(5, key.group), latents, key.label, noise, "full")
        error = decode(mini / "videos" / key.path).astype(float) - drawn
        assert np.abs(error).mean() < 8


@pytest.mark.parametrize("label", range(0, NUM_CLASSES, 2))
def test_a_pair_is_the_same_frames_in_reverse(label):
    forward, backward = draw(label, noise=0), draw(label + 1, noise=0)
    np.testing.assert_array_equal(forward, backward[::-1])
    assert not np.array_equal(forward, backward)


def test_progress_runs_forwards_in_both_classes_of_a_pair(mini):
    for name in ("SitDown", "StandUp"):
        sidecar = json.loads((mini / "sidecars" / f"v_{name}_g01_c01.json").read_text())
        progress = sidecar["progress"]
        assert progress[0] == 0 and progress[-1] == 1 and (np.diff(progress) >= 0).all()
        assert progress[sidecar["starts"][0] - 1] == 0 < progress[sidecar["starts"][0]]
        hidden = sidecar["covered"]
        assert sidecar["active"] == [
            int(0 < p < 1 and not h) for p, h in zip(progress, hidden, strict=True)
        ]


def test_mirrored_video_is_the_mirror_image():
    left, right = (draw(4, noise=0, mirror=mirror) for mirror in (False, True))
    np.testing.assert_array_equal(left, right[:, :, ::-1])


def test_background_variant_knows_no_class():
    latents = draw_latents(PRESETS["standard"], 3, 1, 0, 1)
    noise = np.random.SeedSequence(1)
    actor = draw_actor(3, 1)
    sit, throw = (render(actor, latents, label, noise, "background") for label in (0, 6))
    np.testing.assert_array_equal(sit, throw)
    full = render(actor, latents, 0, noise, "full")
    assert (full != sit).any(axis=(1, 2, 3)).all()


def test_scene_bias_ties_the_scene_to_the_class(tmp_path):
    write_dataset(Job(replace(MINI, groups=3), scene_bias=1.0), tmp_path, workers=1)
    scenes = {}
    for path in (tmp_path / "sidecars").iterdir():
        sidecar = json.loads(path.read_text())
        assert sidecar["scene_biased"]
        scenes.setdefault(sidecar["class"], set()).add(json.dumps(sidecar["scene"]))
    assert all(len(seen) == 1 for seen in scenes.values())
    assert len(set.union(*scenes.values())) == NUM_CLASSES


def test_unseen_scenes_are_those_of_the_test(tmp_path):
    job = Job(replace(MINI, groups=3), scene_bias=1.0, unseen_scenes=True)
    write_dataset(job, tmp_path, workers=1)
    sidecars = [json.loads(path.read_text()) for path in (tmp_path / "sidecars").iterdir()]
    tested = {*job.preset.test_groups(1)}
    assert {s["group"] for s in sidecars if not s["scene_biased"]} == tested
    seen, unseen = (
        {json.dumps(s["scene"]) for s in sidecars if (s["group"] in tested) == test}
        for test in (False, True)
    )
    assert len(seen) == NUM_CLASSES and len(unseen) == len(tested) and not seen & unseen
    with pytest.raises(InputError, match="another preset, seed, variant, scenes or version"):
        write_dataset(replace(job, unseen_scenes=False), tmp_path, workers=1)


def test_untrimmed_videos_are_long_and_mostly_not_active():
    preset = PRESETS["untrimmed"]
    shares, lengths = [], []
    for group in range(1, 41):
        latents = draw_latents(preset, 0, group, 2 * (group % 7), 1)
        active = active_mask(latents)
        assert any(active)
        shares.append(np.mean(active))
        lengths.append(len(active))
        assert len(active) % 16 == 0
    assert min(lengths) >= 15 * 16 and max(lengths) <= 40 * 16
    assert 0.05 < np.mean(shares) < 0.35


def test_the_figure_never_jumps_back_in_sight():
    """A cut from the end to the start would show the opposite class in one frame."""
    for name, preset in PRESETS.items():
        for group in range(1, 21):
            latents = draw_latents(preset, 0, group, 0, 1)
            seen = [
                None if hidden else p
                for p, hidden in zip(latents.progress, latents.covered, strict=True)
            ]
            for a, b in itertools.pairwise(seen):
                assert a is None or b is None or 0 <= b - a < 0.1, name


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: motion.forward)
def test_motion_is_continuous(motion):
    """No joint and no box jumps between frames, also where the box is grasped or released."""
    body = draw_actor(0, 1).body
    for carry in {False, motion.may_carry}:
        last = None
        for progress in np.linspace(0, 1, 201):
            figure = joints(pose_at(motion, float(progress), carry=carry), body)
            box = box_at(motion, float(progress), figure, body, carry=carry)
            now = np.array([*figure.head, *figure.hands, *figure.near_leg[2], box.x, box.y])
            if last is not None:
                assert np.abs(now - last).max() < 0.03
            last = now


def test_start_and_end_poses_are_shared_between_motions():
    ends = [(motion.keys[0].pose, motion.keys[-1].pose) for motion in MOTIONS]
    counts = {pose: sum(pose in pair for pair in ends) for pair in ends for pose in pair}
    assert sum(any(counts[pose] > 1 for pose in pair) for pair in ends) >= 5


def test_command_line(tmp_path):
    for wrong in ("--preset=tinny", "--workers=0"):
        with pytest.raises(InputError, match=rf"argument {wrong.partition('=')[0]}: "):
            main(["--preset=tiny", f"--out={tmp_path}", wrong])
    with pytest.raises(InputError, match="scene_bias"):
        main(["--preset=tiny", f"--out={tmp_path}", "--scene_bias=2"])
    with pytest.raises(InputError, match="unseen_scenes: without --scene_bias"):
        main(["--preset=tiny", f"--out={tmp_path}", "--unseen_scenes"])
