"""The lists as they are distributed, and as people damage them."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from data_prep.annotations import read_dataset
from data_prep.annotations.hmdb51 import film
from vidkd_jax.errors import InputError

OFFICIAL = Path(__file__).parents[2] / "../shared/annotations"
needs_official = pytest.mark.skipif(
    not OFFICIAL.exists(), reason="no official lists beside the repository"
)


def write(folder, **files):
    """Writes text files; "__" in a name stands for "."."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_bytes(text.encode())
    return folder


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder.mkdir(exist_ok=True)
    return folder


def counts(dataset):
    return dict(Counter(entry.split for entry in dataset.entries))


UCF = {
    "classInd__txt": "1 Clap\n2 HandstandPushups\n",
    "trainlist01__txt": (
        "Clap/v_Clap_g02_c01.avi 1\nHandstandPushups/v_HandStandPushups_g02_c01.avi 2\n"
    ),
    "testlist01__txt": "Clap/v_Clap_g01_c01.avi\n",
}
UCF_VIDEOS = [
    "Clap/v_Clap_g02_c01.avi",
    "HandstandPushups/v_HandStandPushups_g02_c01.avi",
    "Clap/v_Clap_g01_c01.avi",
]


@needs_official
@pytest.mark.parametrize(
    ("split", "train", "test"), [(1, 9537, 3783), (2, 9586, 3734), (3, 9624, 3696)]
)
def test_official_ucf101(tmp_path, split, train, test):
    dataset = read_dataset("ucf101", OFFICIAL / "ucf101", tmp_path, split=split)
    assert len(dataset.class_names) == 101
    assert counts(dataset) == {"train": train, "test": test}
    assert {entry.group for entry in dataset.entries} == {f"g{i:02d}" for i in range(1, 26)}
    groups = {s: {e.group for e in dataset.entries if e.split == s} for s in ("train", "test")}
    assert groups["train"].isdisjoint(groups["test"])
    assert len([e for e in dataset.entries if dataset.class_names[e.label].startswith("Handst")])


@needs_official
@pytest.mark.parametrize("split", [1, 2, 3])
def test_official_hmdb51(tmp_path, split):
    dataset = read_dataset("hmdb51", OFFICIAL / "hmdb51", tmp_path, split=split)
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
        ("v_Clap_g02_c01", 0, "g02", "train"),
        ("v_HandStandPushups_g02_c01", 1, "g02", "train"),
        ("v_Clap_g01_c01", 0, "g01", "test"),
    ]
    assert [e.path for e in dataset.entries] == [videos / name for name in UCF_VIDEOS]


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


TAIL = "u_cm_np1_fr_med_0.avi"
HMDB = {
    "clap_test_split1__txt": f"Film_1_clap_{TAIL} 1 \nX_clap_{TAIL} 0 \n",
    "wave_test_split1__txt": f"Film_1_wave_{TAIL} 1 \nY_wave_{TAIL} 2 \n",
}


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


def test_folder_without_splits_is_dealt_by_group(tmp_path):
    names = [f"{c}/v_{c}_g{g:02d}_c{k:02d}.avi" for c in "xy" for g in range(10) for k in range(3)]
    names += [f"z/{i}.avi" for i in range(7)]
    videos = touch(tmp_path / "videos", *names)
    tested = Counter()
    for split in range(1, 6):
        entries = read_dataset("folder", None, videos, split=split).entries
        groups = {s: {e.group for e in entries if e.split == s} for s in ("train", "test")}
        assert groups["train"].isdisjoint(groups["test"])
        assert len(groups["test"] & {f"g{g:02d}" for g in range(10)}) == 2
        assert {e.label for e in entries if e.split == "test"} == {0, 1, 2}
        assert entries == read_dataset("folder", None, videos, split=split).entries
        tested.update(e.id for e in entries if e.split == "test")
    assert set(tested.values()) == {1}  # each video in the test split of one fold
    assert len(tested) == len(names)


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_csv(tmp_path):
    videos = touch(tmp_path / "videos", 'a, "b"/ü 1.mp4', "2.avi")
    rows = [['a, "b"/ü 1.mp4', "run, fast", "train", "g1"], ["2.avi", "10", "valid", "g2"]]
    for header in ([], [["path", "label", "split", "group"]]):
        dataset = read_dataset(
            "csv", write_csv(tmp_path / "x.csv", header + rows), videos, name="own"
        )
        assert dataset.name == "own"
        assert dataset.class_names == ("10", "run, fast")
        assert [(e.id, e.group, e.split) for e in dataset.entries] == [
            ('a, "b"/ü 1', "g1", "train"),
            ("2", "g2", "test"),
        ]
        assert all(e.path.exists() for e in dataset.entries)


def test_csv_columns_in_any_order_and_labels_that_are_numbers(tmp_path):
    rows = [["Label", " Path"], *[[str(i % 11), f"{i}.mp4"] for i in range(44)]]
    dataset = read_dataset("csv", write_csv(tmp_path / "x.csv", rows), touch(tmp_path / "v"))
    assert dataset.class_names == tuple(str(i) for i in range(11))
    assert counts(dataset) == {"train": 33, "test": 11}


HEADER = "label,youtube_id,time_start,time_end,split\n"
BAD_LISTS = {
    "no lists": ("ucf101", {}, r"classInd.txt: No such file"),
    "empty list": (
        "ucf101",
        {**UCF, "trainlist01__txt": "\r\n\n"},
        r"trainlist01.txt: the list is empty",
    ),
    "not text": (
        "ucf101",
        {**UCF, "testlist01__txt": "\0\1"},
        r"testlist01.txt: is not a text file",
    ),
    "label out of range": (
        "ucf101",
        {**UCF, "trainlist01__txt": "Clap/v_Clap_g02_c01.avi 3\n"},
        r"trainlist01.txt:1: label 3 is out of range 1-2",
    ),
    "label of another class": (
        "ucf101",
        {**UCF, "trainlist01__txt": "\nClap/v_Clap_g02_c01.avi 2\n"},
        r"trainlist01.txt:2: label 2 is HandstandPushups, but the folder says Clap",
    ),
    "unknown class": (
        "ucf101",
        {**UCF, "testlist01__txt": "Clapp/v_Clap_g02_c01.avi\n"},
        r"testlist01.txt:1: class 'Clapp' is unknown; did you mean 'Clap'\?",
    ),
    "class list with gaps": (
        "ucf101",
        {**UCF, "classInd__txt": "1 Clap\n3 Wave\n"},
        r"classInd.txt:2: '3 Wave' should be '2 <class name>'",
    ),
    "in train and test": (
        "ucf101",
        {**UCF, "testlist01__txt": "Clap/v_Clap_g02_c01.avi\n"},
        r"testlist01.txt:1: video 'v_Clap_g02_c01' is listed twice, first at .*trainlist01.txt:1",
    ),
    "absolute path": (
        "ucf101",
        {**UCF, "testlist01__txt": "/Clap/v_Clap_g01_c01.avi\n"},
        r"testlist01.txt:1: path '/Clap/v_Clap_g01_c01.avi' leads out of the video folder",
    ),
    "upwards path": (
        "ucf101",
        {**UCF, "testlist01__txt": "x/../../../Clap/v_Clap_g01_c01.avi\n"},
        r"testlist01.txt:1: path .* leads out of the video folder",
    ),
    "windows path": (
        "ucf101",
        {**UCF, "testlist01__txt": "C:\\Clap\\v_Clap_g01_c01.avi\n"},
        r"testlist01.txt:1: path .* leads out of the video folder",
    ),
    "hmdb without lists": ("hmdb51", UCF, r"holds no <class>_test_split1.txt"),
    "hmdb label": (
        "hmdb51",
        {**HMDB, "clap_test_split1__txt": "a.avi 3\n"},
        r"clap_test_split1.txt:1: 'a.avi 3' should be",
    ),
    "only training videos": (
        "hmdb51",
        {"clap_test_split1__txt": "a.avi 1\n"},
        r"videos to train and to test on are needed; the lists hold train",
    ),
    "kinetics without lists": ("kinetics400", UCF, r"holds no .csv files"),
    "kinetics columns": ("kinetics400", {"a__csv": "label,id\nx,1\n"}, r"a.csv: lacks the columns"),
    "kinetics times": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc,ten,20,train\n"},
        r"a.csv:2: time_start and time_end must be seconds",
    ),
    "kinetics split": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc,1,2,trian\n"},
        r"a.csv:2: split 'trian'",
    ),
    "kinetics short row": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc\n"},
        r"a.csv:2: has fewer fields",
    ),
    "kinetics class": (
        "kinetics600",
        {"a__csv": HEADER + "clamping,abc,1,2,train\n", "k600_labels__txt": "clapping\nwaving\n"},
        r"a.csv:2: class 'clamping' is unknown; did you mean 'clapping'\?",
    ),
    "ssv2 without lists": ("ssv2", UCF, r"holds neither something-something-v2-labels.json nor"),
    "ssv2 not json": (
        "ssv2",
        {"labels__txt": "Closing something\n", "train__json": "[{'id': 1}]"},
        r"train.json:1: is not JSON",
    ),
    "ssv2 class": (
        "ssv2",
        {"labels__txt": "Closing something\n", "train__json": '[{"id": 1, "template": "Opening"}]'},
        r"train.json: item 1: class 'Opening' is unknown",
    ),
    "ssv2 labels": (
        "ssv2",
        {"labels__json": '{"a": "0", "b": "2"}'},
        r"labels.json: labels must count",
    ),
    "ssv2 no lists at all": ("ssv2", {"labels__txt": "a\n"}, r"the lists hold no videos"),
}


@pytest.mark.parametrize("case", BAD_LISTS)
def test_bad_lists(tmp_path, case):
    dataset, files, message = BAD_LISTS[case]
    lists, videos = write(tmp_path / "lists", **files), touch(tmp_path / "videos")
    with pytest.raises(InputError, match=message) as caught:
        read_dataset(dataset, lists, videos)
    assert "\n" not in str(caught.value)


BAD_CSV = {
    "empty": ("", r"the list is empty"),
    "header only": ("path,label\n", r"the list is empty"),
    "one field": ("a.mp4\n", r":1: has 1 fields; 'path,label' is needed"),
    "header typo": (
        "path,lable\na.mp4,x\n",
        r":1: column 'lable' is unknown; did you mean 'label'\?",
    ),
    "header twice": ("path,label,label\n", r":1: the columns path and label are needed, each once"),
    "too many fields": (
        "path,label\na, b.mp4,x\n",
        r":2: \['a', 'b.mp4', 'x'\] should be path, label",
    ),
    "no label": ("a.mp4,\n", r":1: \['a.mp4', ''\] should be path, label"),
    "split typo": ("a.mp4,x,tarin\n", r":1: split 'tarin' is unknown; did you mean 'train'\?"),
    "split missing": ("a.mp4,x,train\nb.mp4,x,\n", r":2: has no split"),
    "listed twice": (
        "a.mp4,x\nc.mp4,x\n./a.mp4,x\n",
        r":3: video 'a' is listed twice, first at .*:1",
    ),
    "single video of a class": ("a.mp4,x\nb.mp4,x\nc.mp4,y\n", r":3: the only video or group"),
    "unclosed quote": ('a.mp4,"x\nb.mp4,y\n', r"the label has a line end in it"),
    "latin-1": ("\xfc", r"is not UTF-8 text"),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv(tmp_path, case):
    text, message = BAD_CSV[case]
    path = tmp_path / "own.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message) as caught:
        read_dataset("csv", path, tmp_path)
    assert str(path) in str(caught.value)


def test_wrong_arguments(tmp_path):
    videos, lists = touch(tmp_path / "videos", *UCF_VIDEOS), write(tmp_path / "lists", **UCF)
    for arguments, message in [
        (("ucf-101", lists, videos), r"did you mean 'ucf101'\?"),
        (("ucf101", lists, tmp_path / "nowhere"), r"--videos=.*nowhere: there is no such folder"),
        (("ucf101", tmp_path / "nowhere", videos), r"must be the folder that holds classInd.txt"),
        (("ucf101", None, videos), r"needs its lists"),
        (("folder", lists, videos), r"leave it out"),
        (("csv", lists, videos), r"give the .csv file itself"),
        (("csv", lists / "x.csv", videos), r"x.csv: No such file"),
    ]:
        with pytest.raises(InputError, match=message):
            read_dataset(*arguments)
    with pytest.raises(InputError, match="ucf101 has splits 1 to 3"):
        read_dataset("ucf101", lists, videos, split=4)
    with pytest.raises(InputError, match="--name=My Data"):
        read_dataset("ucf101", lists, videos, name="My Data")


def test_video_outside_a_class_folder(tmp_path):
    with pytest.raises(InputError, match=r"2.mp4: is in no class folder"):
        read_dataset("folder", None, touch(tmp_path / "videos", "a/1.mp4", "2.mp4"))
    with pytest.raises(InputError, match="the lists hold no videos"):
        read_dataset("folder", None, touch(tmp_path / "none"))


def test_links_that_leave_the_video_folder(tmp_path):
    videos = touch(tmp_path / "videos", *UCF_VIDEOS[:2])
    touch(tmp_path / "elsewhere", "secret.avi")
    (videos / UCF_VIDEOS[2]).symlink_to(tmp_path / "elsewhere/secret.avi")
    with pytest.raises(InputError, match=r"is a link that leads out of the video folder"):
        read_dataset("ucf101", write(tmp_path / "lists", **UCF), videos)
    (tmp_path / "link").symlink_to(videos)  # the folder itself may be a link
    (videos / UCF_VIDEOS[2]).unlink()
    dataset = read_dataset("ucf101", tmp_path / "lists", tmp_path / "link")
    assert [e.path.exists() for e in dataset.entries] == [True, True, False]
