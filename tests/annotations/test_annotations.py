"""Reads the lists as their authors distribute them, and videos in the layouts that people use."""

import json
from collections import Counter
from pathlib import Path

import pytest
from list_files import HMDB, UCF, UCF_VIDEOS, touch, write
from record_files import make_csv

from vidkd_jax.annotations import read_dataset
from vidkd_jax.annotations.copies import find_copies
from vidkd_jax.annotations.groups import recording_of
from vidkd_jax.annotations.hmdb51 import film
from vidkd_jax.data.groups import held_out_groups
from vidkd_jax.data.splits import classes_without
from vidkd_jax.errors import InputError

OFFICIAL = Path(__file__).parents[2] / "../shared/annotations"
needs_official = pytest.mark.skipif(
    not OFFICIAL.exists(), reason="no official lists beside the repository"
)


def counts(dataset):
    return dict(Counter(entry.split for entry in dataset.entries))


@needs_official
@pytest.mark.parametrize(
    ("split", "train", "test"), [(1, 9537, 3783), (2, 9586, 3734), (3, 9624, 3696)]
)
def test_official_ucf101(tmp_path, split, train, test):
    dataset = read_dataset("ucf101", OFFICIAL / "ucf101", tmp_path, split=split)
    assert len(dataset.class_names) == 101
    assert counts(dataset) == {"train": train, "test": test}
    assert {entry.group for entry in dataset.entries} == {
        f"{name}_g{i:02d}" for name in dataset.class_names for i in range(1, 26)
    }
    groups = {s: {e.group for e in dataset.entries if e.split == s} for s in ("train", "test")}
    assert groups["train"].isdisjoint(groups["test"])
    assert len([e for e in dataset.entries if dataset.class_names[e.label].startswith("Handst")])


@needs_official
@pytest.mark.parametrize("split", [1, 2, 3])
def test_official_hmdb51(tmp_path, split):
    dataset = read_dataset("hmdb51", OFFICIAL / "hmdb51", tmp_path, split=split)
    assert list(dataset.class_names) == sorted(dataset.class_names)  # climb before climb_stairs
    assert len(dataset.class_names) == 51
    assert counts(dataset) == {"train": 3570, "test": 1530}
    assert all(entry.group != entry.id for entry in dataset.entries)  # every name has a film


@needs_official
@pytest.mark.parametrize("number", [400, 600])
def test_official_kinetics_labels(tmp_path, number):
    names = (OFFICIAL / f"kinetics/k{number}_labels.txt").read_text().splitlines()
    assert len(names) == number
    rows = [(names[0], "a" * 11, 1, 11, "train"), (names[-1], "b" * 11, 2, 12, "validate")]
    lists = write(
        tmp_path / "lists",
        train__csv="label,youtube_id,time_start,time_end,split\n"
        + "".join(f'"{label}",{",".join(map(str, rest))}\n' for label, *rest in rows),
    )
    (lists / f"k{number}_labels.txt").write_text("\n".join(names))
    dataset = read_dataset(f"kinetics{number}", lists, tmp_path)
    assert dataset.class_names == tuple(names)
    assert [entry.label for entry in dataset.entries] == [0, number - 1]


@needs_official
def test_official_ssv2_labels(tmp_path):
    lists = write(
        tmp_path / "lists",
        labels__txt=(OFFICIAL / "sthv2/labels.txt").read_text(),
        train__json=json.dumps([{"id": "1", "template": "Closing [something]"}]),
        validation__json=json.dumps(
            [{"id": "2", "template": "Wiping [something] off of [something]"}]
        ),
    )
    dataset = read_dataset("ssv2", lists, tmp_path)
    assert len(dataset.class_names) == 174
    assert [entry.label for entry in dataset.entries] == [5, 173]
    assert counts(dataset) == {"train": 1, "test": 1}  # the test labels are not published


def test_film_of_a_clip():
    assert film("AmericanGangster_wave_u_cm_np1_fr_med_57", "wave") == "AmericanGangster"
    assert film("A_wave_sword_exercise_f_cm_np1_fr_med_4", "sword_exercise") == "A_wave"
    assert film("own_name", "wave") == "own_name"


@pytest.mark.parametrize("windows", [False, True], ids=["unix", "windows"])
def test_ucf101(tmp_path, windows):
    files = dict(UCF)
    if windows:  # line ends, byte-order mark, blank lines, a backslash
        files = {k: "\ufeff" + v.replace("\n", "\r\n\r\n") + "\r\n" for k, v in UCF.items()}
        files["testlist01__txt"] = files["testlist01__txt"].replace("/", "\\")
    videos = touch(tmp_path / "videos", *UCF_VIDEOS)
    dataset = read_dataset("ucf101", write(tmp_path / "lists", **files), videos)
    assert dataset.class_names == ("Clap", "HandstandPushups")
    assert [(e.id, e.label, e.group, e.split) for e in dataset.entries] == [
        ("v_Clap_g02_c01", 0, "Clap_g02", "train"),
        ("v_HandStandPushups_g02_c01", 1, "HandstandPushups_g02", "train"),
        ("v_Clap_g01_c01", 0, "Clap_g01", "test"),
    ]
    assert [e.path for e in dataset.entries] == [videos / name for name in UCF_VIDEOS]


def test_marionettes_actors_perform_every_class(tmp_path):
    dataset = read_dataset("marionette", write(tmp_path / "lists", **UCF), touch(tmp_path / "v"))
    assert [e.group for e in dataset.entries] == ["g02", "g02", "g01"]


@pytest.mark.parametrize(
    "layout",
    [
        ["v_Clap_g02_c01.avi", "v_HandStandPushups_g02_c01.avi", "v_Clap_g01_c01.avi"],
        [name.replace(".avi", ".mp4") for name in UCF_VIDEOS],
        [name.replace("HandstandPushups/", "HandStandPushups/") for name in UCF_VIDEOS],
        [name.replace("v_HandStand", "v_Handstand") for name in UCF_VIDEOS],
        [f"train/{name}" for name in UCF_VIDEOS],
    ],
    ids=["flat", "other extension", "class renamed", "files renamed", "deeper"],
)
def test_ucf101_in_other_layouts(tmp_path, layout):
    videos = touch(tmp_path / "videos", *layout, "v_Clap_g02_c01.json")
    dataset = read_dataset("ucf101", write(tmp_path / "lists", **UCF), videos)
    assert [e.path for e in dataset.entries] == [videos / name for name in layout]


def test_list_with_the_other_spelling(tmp_path):
    files = {k: v.replace("HandstandPushups/", "HandStandPushups/") for k, v in UCF.items()}
    videos = touch(tmp_path / "videos", *UCF_VIDEOS)
    dataset = read_dataset("ucf101", write(tmp_path / "lists", **files), videos)
    assert dataset.entries[1].path.exists()


def test_hmdb51(tmp_path):
    videos = touch(tmp_path / "videos", "wave/Y_wave_u_cm_np1_fr_med_0.avi")
    dataset = read_dataset("hmdb51", write(tmp_path / "lists", **HMDB), videos)
    assert [(e.label, e.group, e.split) for e in dataset.entries] == [
        (0, "Film_1", "train"),
        (1, "Film_1", "train"),
        (1, "Y", "test"),
    ]
    assert dataset.entries[-1].path == videos / "wave/Y_wave_u_cm_np1_fr_med_0.avi"


KINETICS = {
    "train__csv": (
        "label,youtube_id,time_start,time_end,split\n"
        'playing cards,R6llTwEh07w,10,20,train\n"crying, loudly",-_5-yA1l24A,3.0,13.0,train\n'
    ),
    "validate__csv": (
        "label,youtube_id,time_start,time_end,split\nplaying cards,c_llTwEh07w,0,10,validate\n"
    ),
}


@pytest.mark.parametrize(
    "layout",
    [
        [
            "train/playing cards/R6llTwEh07w_000010_000020.mp4",
            "val/x/c_llTwEh07w_000000_000010.mp4",
        ],
        ["R6llTwEh07w_000010_000020.mp4", "c_llTwEh07w_000000_000010.webm"],
        ["playing_cards/R6llTwEh07w.mp4", "c_llTwEh07w.mkv"],
    ],
)
@pytest.mark.parametrize("test", ["none", "labelled", "unlabelled"])
def test_kinetics(tmp_path, layout, test):
    files = dict(KINETICS)
    if test == "labelled":
        files["test__csv"] = (
            KINETICS["validate__csv"].replace("validate", "test").replace("c_l", "d")
        )
    if test == "unlabelled":
        files["test__csv"] = "youtube_id,time_start,time_end,split\nabcdefghijk,1,11,test\n"
    videos = touch(tmp_path / "videos", *layout)
    dataset = read_dataset("kinetics400", write(tmp_path / "lists", **files), videos)
    assert dataset.class_names == ("crying, loudly", "playing cards")
    assert dataset.entries[1].id == "-_5-yA1l24A_000003_000013"
    assert [e.path for e in dataset.entries[::2]] == [videos / name for name in layout]
    expected = {"train": 2, "val": 1, "test": 1} if test == "labelled" else {"train": 2, "test": 1}
    assert counts(dataset) == expected
    assert ("own labelled test videos" in "".join(dataset.notices)) == (test == "labelled")


def test_mini_kinetics_is_what_its_id_lists_name(tmp_path):
    lists = {
        **KINETICS,
        "train_ytid_list__txt": "R6llTwEh07w\nnot_there__\n",
        # An id of the training list does not count as one that validates.
        "val_ytid_list__txt": "c_llTwEh07w\n-_5-yA1l24A\n",
    }
    folder = write(tmp_path / "lists", **lists)
    with pytest.raises(InputError, match="all videos are of one class"):
        read_dataset("mini_kinetics200", folder, tmp_path)
    more = lists["train_ytid_list__txt"] + "-_5-yA1l24A\n"
    write(folder, train_ytid_list__txt=more, val_ytid_list__txt="c_llTwEh07w\n")
    dataset = read_dataset("mini_kinetics200", folder, tmp_path)
    assert counts(dataset) == {"train": 2, "test": 1}
    (notice,) = dataset.notices
    assert notice.startswith("1 ids of the lists are no videos") and "not_there__" in notice
    (folder / "val_ytid_list.txt").unlink()
    with pytest.raises(
        InputError, match=r"val_ytid_list\.txt: No such file.*check where the lists are"
    ):
        read_dataset("mini_kinetics200", folder, tmp_path)


def test_two_files_of_one_name(tmp_path):
    videos = touch(tmp_path / "v", "val/x/R6llTwEh07w.mp4", "train/playing cards/R6llTwEh07w.mp4")
    dataset = read_dataset("kinetics400", write(tmp_path / "lists", **KINETICS), videos)
    assert dataset.entries[0].path == videos / "train/playing cards/R6llTwEh07w.mp4"


@pytest.mark.parametrize("prefix", ["", "something-something-v2-"])
def test_ssv2(tmp_path, prefix):
    lists = write(
        tmp_path / "lists",
        **{
            f"{prefix}labels__json": '{"Closing something": "1", "Approaching something": "0"}',
            f"{prefix}train__json": json.dumps(
                [{"id": "7", "label": "closing the door", "template": "Closing [something]"}]
            ),
            f"{prefix}validation__json": json.dumps(
                [{"id": "8", "template": "Approaching [something]"}]
            ),
            f"{prefix}test__json": json.dumps([{"id": "9"}]),
        },
    )
    dataset = read_dataset("ssv2", lists, touch(tmp_path / "videos", "7.webm", "8.webm"))
    assert dataset.class_names == ("Approaching something", "Closing something")
    assert [(e.id, e.label, e.split, e.path.exists()) for e in dataset.entries] == [
        ("7", 1, "train", True),
        ("8", 0, "test", True),
    ]


def test_folder_with_splits(tmp_path):
    names = ["train/a b/1.mp4", "train/c,d/film 2/2.avi", "validation/a b/3.mkv", "test/c,d/4.mov"]
    videos = touch(tmp_path / "videos", *names, "train/.DS_Store", "train/a b/._1.mp4")
    dataset = read_dataset("folder", None, videos)
    assert dataset.class_names == ("a b", "c,d")
    assert [(e.id, e.label, e.group, e.split) for e in dataset.entries] == [
        ("train/a b/1", 0, "train/a b/1", "train"),
        ("train/c,d/film 2/2", 1, "film 2", "train"),
        ("validation/a b/3", 0, "validation/a b/3", "val"),
        ("test/c,d/4", 1, "test/c,d/4", "test"),
    ]


def test_labels_that_are_equal_numbers_have_one_order(tmp_path):
    labels = ("2", "01", "1", "02", "001", "10")
    names = [f"{split}/{label}/{split}.mp4" for split in ("train", "test") for label in labels]
    dataset = read_dataset("folder", None, touch(tmp_path / "videos", *names))
    assert dataset.class_names == ("001", "01", "1", "02", "2", "10")


def test_names_with_colons_and_backslashes_are_names(tmp_path):
    """In the names of files that exist. In a list they could mean a Windows drive or folder."""
    names = ["train/A: intro/a\\b.avi", "train/B/1.avi", "test/A: intro/2.avi"]
    videos = touch(tmp_path / "videos", *names)
    dataset = read_dataset("folder", None, videos)
    assert [entry.path for entry in dataset.entries] == [videos / name for name in names]


def test_folder_of_splits_in_capitals(tmp_path):
    videos = touch(tmp_path / "videos", "Train/a/1.mp4", "TEST/a/2.mp4", "Train/b/3.mp4")
    dataset = read_dataset("folder", None, videos)
    assert dataset.class_names == ("a", "b")
    assert [(e.id, e.split) for e in dataset.entries] == [
        ("Train/a/1", "train"),
        ("Train/b/3", "train"),
        ("TEST/a/2", "test"),
    ]


def test_own_videos_are_never_looked_for_elsewhere(tmp_path):
    """The missing sit/001.mp4 is not replaced by stand/001.mp4, which shows another action."""
    videos = touch(tmp_path / "videos", "stand/001.mp4", "sit/002.mp4")
    rows = [["sit/001.mp4", "sit", "train"], ["sit/002.mp4", "x", "test"]]
    dataset = read_dataset("csv", make_csv(tmp_path / "x.csv", rows), videos)
    assert [e.path for e in dataset.entries] == [videos / "sit/001.mp4", videos / "sit/002.mp4"]
    assert [e.path.exists() for e in dataset.entries] == [False, True]


def test_classes_that_share_groups_are_tested_and_trained_on(tmp_path):
    """If a and b were dealt before c, both groups of c would go to training with theirs."""
    groups = {"a": range(10), "b": range(10), "c": (0, 1)}
    rows = [
        ["path", "label", "group"],
        *([f"{c}{g}.mp4", c, f"g{g}"] for c, members in groups.items() for g in members),
    ]
    lists = make_csv(tmp_path / "x.csv", rows)
    for split in range(1, 6):
        entries = read_dataset("csv", lists, touch(tmp_path / "videos"), split=split).entries
        for part in ("train", "test"):
            assert {e.label for e in entries if e.split == part} == {0, 1, 2}


def test_folder_without_splits_is_dealt_by_group(tmp_path):
    names = [f"{c}/v_{c}_g{g:02d}_c{k:02d}.avi" for c in "xy" for g in range(10) for k in range(3)]
    names += [f"z/{i}.avi" for i in range(7)]
    videos = touch(tmp_path / "videos", *names)
    tested = Counter()
    for split in range(1, 6):
        entries = read_dataset("folder", None, videos, split=split).entries
        groups = {s: {e.group for e in entries if e.split == s} for s in ("train", "test")}
        assert groups["train"].isdisjoint(groups["test"])
        for name in "xy":
            assert len(groups["test"] & {f"{name}_g{g:02d}" for g in range(10)}) == 2
        assert {e.label for e in entries if e.split == "test"} == {0, 1, 2}
        assert entries == read_dataset("folder", None, videos, split=split).entries
        tested.update(e.id for e in entries if e.split == "test")
    assert set(tested.values()) == {1}  # each video in the test split of one fold
    assert len(tested) == len(names)


def test_csv(tmp_path):
    videos = touch(tmp_path / "videos", 'a, "b"/ü 1.mp4', "2.avi")
    rows = [['a, "b"/ü 1.mp4', "run, fast", "train", "g1"], ["2.avi", "10", "valid", "g2"]]
    for header in ([], [["path", "label", "split", "group"]]):
        dataset = read_dataset(
            "csv", make_csv(tmp_path / "x.csv", header + rows), videos, name="own"
        )
        assert dataset.name == "own"
        assert dataset.class_names == ("10", "run, fast")
        assert [(e.id, e.group, e.split) for e in dataset.entries] == [
            ('a, "b"/ü 1', "g1", "train"),
            ("2", "g2", "test"),
        ]
        assert all(e.path.exists() for e in dataset.entries)


def test_blanks_at_the_ends_of_some_lines_are_no_fields(tmp_path):
    text = "a/1.mp4 0 \na/2.mp4 1\nb/3.mp4 0  \nb/4.mp4 1\n"
    dataset = read_dataset("csv", write(tmp_path, own__csv=text) / "own.csv", touch(tmp_path / "v"))
    assert [entry.label for entry in sorted(dataset.entries, key=lambda e: e.id)] == [0, 1, 0, 1]


def test_csv_columns_in_any_order_and_labels_that_are_numbers(tmp_path):
    rows = [["Label", " Path"], *[[str(i % 11), f"{i}.mp4"] for i in range(44)]]
    dataset = read_dataset("csv", make_csv(tmp_path / "x.csv", rows), touch(tmp_path / "v"))
    assert dataset.class_names == tuple(str(i) for i in range(11))
    assert counts(dataset) == {"train": 33, "test": 11}


def test_files_that_are_no_videos_are_left_out_with_a_notice(tmp_path):
    names = [f"{c}/{i}.mp4" for c in "ab" for i in range(2)]
    others = ["a/Thumbs.db", "a/desktop.ini", "b/0.AAE", "b/1.HEIC", "Thumbs.db"]
    others += [f"a/frames/{i}.jpg" for i in range(30)] + ["c/frames/0.png"]
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names, *others))
    assert sorted(e.path for e in dataset.entries) == [tmp_path / "v" / name for name in names]
    left_out, no_class, *_ = dataset.notices
    assert "left out, because they do not end as videos do: 36 files (.jpg: 30, .db: 2" in left_out
    assert f"{tmp_path}/v/Thumbs.db" in left_out
    assert no_class == "no classes, because they hold no videos: the folders c"


def test_a_folder_of_pictures_only(tmp_path):
    with pytest.raises(InputError, match=r"holds no videos, but 1 files \(.jpg: 1\), such as \S*1"):
        read_dataset("folder", None, touch(tmp_path / "v", "a/1.jpg"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
@pytest.mark.parametrize("header", ["", "path,label\n"])
def test_separators_of_csv_files(tmp_path, delimiter, header):
    rows = header + 'a.mp4,x\n"b, c; d.mp4",x\nc.mp4,y\nd.mp4,y\n'
    path = write(tmp_path, own__csv=rows.replace('4",', '4"' + delimiter)) / "own.csv"
    text = path.read_text().replace("4,", "4" + delimiter).replace("path,", "path" + delimiter)
    path.write_text(text)
    dataset = read_dataset("csv", path, tmp_path)
    assert {e.id for e in dataset.entries} == {"a", "b, c; d", "c", "d"}
    assert dataset.class_names == ("x", "y")


def test_other_columns_are_left_out_with_a_notice(tmp_path):
    text = "fps,path,label,seconds\n30,a.mp4,x,1\n30,b.mp4,x,2\n30,c.mp4,y,3\n30,d.mp4,y,4\n"
    dataset = read_dataset("csv", write(tmp_path, own__csv=text) / "own.csv", tmp_path)
    assert len(dataset.entries) == 4
    assert "own.csv that are not used: fps, seconds" in dataset.notices[0]


def test_absolute_paths_into_the_folder(tmp_path):
    videos = touch(tmp_path / "v", "a/1.mp4", "2.mp4")
    text = f"{videos}/a/1.mp4,x,train\n{videos}/2.mp4,y,test\n"
    path = write(tmp_path, own__csv=text) / "own.csv"
    (tmp_path / "link").symlink_to(videos)
    for folder in (videos, tmp_path / "link"):
        dataset = read_dataset("csv", path, folder)
        assert [e.id for e in dataset.entries] == ["a/1", "2"]
        assert all(e.path.exists() for e in dataset.entries)


NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(("on_disk", "listed"), [(NFC, NFD), (NFD, NFC)])
@pytest.mark.parametrize("dataset", ["csv", "kinetics400"])
def test_names_in_another_unicode_form(tmp_path, on_disk, listed, dataset):
    videos = touch(tmp_path / "v", f"{on_disk}.mp4", "2.mp4")
    if dataset == "csv":
        lists = write(tmp_path, own__csv=f"{listed}.mp4,x,train\n2.mp4,y,test\n") / "own.csv"
    else:
        files = [f"{on_disk}_000000_000001.mp4", "2_000000_000001.mp4"]
        videos = touch(tmp_path / "k", *files)
        header = "label,youtube_id,time_start,time_end,split\n"
        text = f"{header}x,{listed},0,1,train\ny,2,0,1,val\n"
        lists = write(tmp_path / "lists", a__csv=text)
    assert all(e.path.exists() for e in read_dataset(dataset, lists, videos).entries)


def test_class_folders_that_differ_only_in_the_unicode_form_are_one(tmp_path):
    names = [f"{NFC}/1.mp4", f"{NFD}/2.mp4", f"{NFC}/3.mp4", "b/1.mp4", "b/2.mp4"]
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names))
    assert dataset.class_names == ("b", NFC)
    assert all(e.path.exists() for e in dataset.entries)


def test_classes_that_differ_only_in_case_are_said(tmp_path):
    names = [f"{c}/{i}.mp4" for c in ("Wave", "wave", "x") for i in range(2)]
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names))
    assert "are these meant to be different classes: 'Wave', 'wave'?" in dataset.notices


def groups_of(dataset):
    return {e.id.split("/")[-1]: (e.group.split("/")[-1], e.grouped) for e in dataset.entries}


def test_groups_are_guessed_from_the_names_of_clips(tmp_path):
    """IMG_1 was cut into clips of both classes; IMG_2 stands alone."""
    names = ["a/IMG_1_001.mp4", "a/IMG_1_002.mp4", "b/IMG_1_003.mp4", "b/IMG_2_001.mp4"]
    names += ["a/IMG_3.mp4", "a/IMG_4.mp4", "b/IMG_5.mp4", "b/day/IMG_1_9.mp4"]
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names))
    assert groups_of(dataset) == {
        **{f"IMG_1_{i:03d}": ("IMG_1", "guessed") for i in (1, 2, 3)},
        "IMG_2_001": ("IMG_2_001", "unknown"),
        **{f"IMG_{i}": (f"IMG_{i}", "unknown") for i in (3, 4, 5)},
        "IMG_1_9": ("day", "given"),
    }
    assert dataset.count_groups() == {"given": 1, "guessed": 3, "unknown": 4}
    assert len({e.split for e in dataset.entries if e.group == "IMG_1"}) == 1
    guessed, unknown = dataset.notices
    assert "3 videos are grouped by their names: 'IMG_1_00" in guessed
    assert "4 of 8 videos have no known group" in unknown


@pytest.mark.parametrize(
    ("name", "recording"),
    [
        ("IMG_1234_0003", "IMG_1234"),
        ("GX010042-2", "GoPro 0042"),
        ("GX010042", "GoPro 0042"),
        ("gh020042", "GoPro 0042"),
        ("GOPR0042", "GoPro 0042"),
        ("GP010042_cut3", "GoPro 0042"),
        ("GX0100421", ""),
        ("lecture7_clip05", "lecture7"),
        ("IMG_1234 (2)", "IMG_1234"),
        ("IMG_1234", ""),
        ("wave_12", ""),
        ("clip7", ""),
        ("2024-05-01", ""),
        ("2024-05-01 10-11-12", ""),
        ("VID_20240501_101112", ""),
        ("VID-20240501-WA0003", ""),
    ],
)
def test_what_a_name_says_of_its_recording(name, recording):
    assert recording_of(name) == recording


def test_chapters_of_a_gopro_are_one_recording_and_its_previews_no_videos(tmp_path):
    names = [
        f"{c}/GX0{k}000{n}.MP4" for n, c in ((1, "a"), (2, "a"), (3, "b"), (4, "b")) for k in (1, 2)
    ]
    names += [name.replace("GX", "GL").replace("MP4", "LRV") for name in names]
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names))
    found = groups_of(dataset)
    assert len(found) == 8 and set(found.values()) == {
        (f"GoPro 000{n}", "guessed") for n in (1, 2, 3, 4)
    }
    for n in (1, 2, 3, 4):
        assert len({e.split for e in dataset.entries if e.group == f"GoPro 000{n}"}) == 1


def test_a_guess_that_leaves_a_class_one_group_is_not_made(tmp_path):
    names = [f"{c}/set1_{i}.mp4" for c in "ab" for i in range(4)]
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names))
    assert dataset.count_groups() == {"given": 0, "guessed": 0, "unknown": 8}


@pytest.mark.parametrize("split", [1, 2, 3, 4, 5])
def test_the_layout_of_the_documents_can_be_validated(tmp_path, split):
    text = (Path(__file__).parents[2] / "docs/data.md").read_text()
    tree = text.partition("VIDEOS/\n")[2].partition("```")[0].splitlines()
    names, label = [], ""
    for line in tree:
        if line.endswith("/"):
            label = line.strip()
        else:
            names.append(label + line.strip())
    assert len(names) == 8
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names), split=split)
    train = [entry for entry in dataset.entries if entry.split == "train"]
    held_out = held_out_groups(train, 0.1)
    rest = [entry for entry in train if entry.group not in held_out]
    assert held_out and not classes_without(rest, dataset.class_names)


def test_a_class_of_one_recording_keeps_no_other_class_from_being_grouped(tmp_path):
    names = [f"a/IMG_1_{i}.mp4" for i in range(6)]
    names += [f"{c}/{c}_{r}_{i}.mp4" for c in "bc" for r in range(4) for i in range(2)]
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names))
    assert dataset.count_groups() == {"given": 0, "guessed": 16, "unknown": 6}
    assert any("seem to be clips of one recording, 'IMG_1', and" in n for n in dataset.notices)


@pytest.mark.parametrize("pair", [("train", "test"), ("train", "val"), ("val", "test")])
def test_groups_in_two_splits_are_said(tmp_path, pair):
    days = {s: "monday" if s in pair else s for s in ("train", "val", "test")}
    names = [f"{s}/{c}/{days[s]}/{s}.mp4" for s in days for c in "ab"]
    dataset = read_dataset("folder", None, touch(tmp_path / "v", *names))
    (notice,) = dataset.notices
    assert f"1 groups, such as 'monday', have videos in {pair[0]} and in {pair[1]}" in notice


def test_copies_of_a_video_are_said(tmp_path):
    videos = tmp_path / "v"
    contents = {
        "train/a/1": b"x" * 200_000,
        "train/a/2": b"x" * 99_999 + b"y" + b"x" * 100_000,  # as long, and differs in the middle
        "train/a/3": b"z",
        "train/b/4": b"z",  # in another class
        "train/b/5": b"w",
        "test/a/6": b"w",  # in another split
        "test/b/7": b"v",
    }
    for name, content in contents.items():
        path = videos / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    copies = {(a.id, b.id) for a, b in find_copies(read_dataset("folder", None, videos).entries)}
    assert copies == {("train/a/3", "train/b/4"), ("train/b/5", "test/a/6")}
    assert any("2 videos are copies" in n for n in read_dataset("folder", None, videos).notices)


def test_a_link_to_itself_is_named(tmp_path):
    videos = touch(tmp_path / "v", "a/1.mp4", "a/2.mp4", "b/1.mp4", "b/2.mp4")
    (videos / "a/3.mp4").symlink_to("3.mp4")
    with pytest.raises(InputError, match=r"3\.mp4 is a link that leads back to itself"):
        read_dataset("folder", None, videos)
