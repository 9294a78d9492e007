"""Damaged lists raise an error of one line that names the file, the line and the remedy."""

import json
import os
from pathlib import Path

import pytest
from list_files import HMDB, UCF, UCF_VIDEOS, touch, write

from vidkd_jax.annotations import read_dataset
from vidkd_jax.annotations.files import fingerprint_files
from vidkd_jax.errors import InputError

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
        r"trainlist01.txt:2: label 2 is HandstandPushups, but the folder is Clap; correct one",
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
    "hmdb without lists": ("hmdb51", UCF, r"holds no file <class>_test_split1.txt"),
    "hmdb label": (
        "hmdb51",
        {**HMDB, "clap_test_split1__txt": "a.avi 3\n"},
        r"clap_test_split1.txt:1: 'a.avi 3' should be",
    ),
    "only training videos": (
        "hmdb51",
        {"clap_test_split1__txt": "a.avi 1\n"},
        r"must hold videos to train on and videos to test on, but hold only train videos",
    ),
    "kinetics without lists": ("kinetics400", UCF, r"holds no .csv files"),
    "kinetics columns": ("kinetics400", {"a__csv": "label,id\nx,1\n"}, r"a.csv: lacks the columns"),
    "kinetics times": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc,ten,20,train\n"},
        r"a.csv:2: time_start and time_end must be numbers \(seconds\)",
    ),
    "kinetics endless": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc,1,inf,train\n"},
        r"a.csv:2: time_start and time_end must be numbers \(seconds\)",
    ),
    "kinetics without a label": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc,1,2,train\n,abd,1,2,val\n"},
        r"a.csv:3: has no label",
    ),
    "kinetics split": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc,1,2,trian\n"},
        r"a.csv:2: split 'trian' must be one of train, val",
    ),
    "kinetics short row": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc\n"},
        r"a.csv:2: has fewer fields",
    ),
    "kinetics long row": (
        "kinetics400",
        {"a__csv": HEADER + "a, b,abc,1,2,train\n"},
        r"a.csv:2: has more fields than the header; put labels with commas in quotes",
    ),
    "kinetics unclosed quote": (
        "kinetics400",
        {"a__csv": HEADER + '"x\ny",abc,1,2,train\n'},
        r"a.csv:3: the label has a line end in it; close the quotes around it",
    ),
    "kinetics not csv": (
        "kinetics400",
        {"a__csv": HEADER + "x" * 140_000 + ",abc,1,2,train\n"},
        r"a.csv: is not a CSV file \(field larger",
    ),
    "kinetics class twice": (
        "kinetics400",
        {"a__csv": HEADER + "x,abc,1,2,train\n", "k400_labels__txt": "y\nx\ny\n"},
        r"kinetics400: the list of classes holds 'y' twice",
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
    "ssv2 without a template": (
        "ssv2",
        {"labels__txt": "Closing something\n", "train__json": '[{"id": 1}]'},
        r"train.json: item 1: has no template",
    ),
    "ssv2 class": (
        "ssv2",
        {"labels__txt": "Closing something\n", "train__json": '[{"id": 1, "template": "Opening"}]'},
        r"train.json: item 1: class 'Opening' is unknown",
    ),
    "ssv2 class twice": (
        "ssv2",
        {"labels__txt": "Closing\nClosing\n", "train__json": '[{"id": 1, "template": "Closing"}]'},
        r"ssv2: the list of classes holds 'Closing' twice",
    ),
    "ssv2 labels": (
        "ssv2",
        {"labels__json": '{"a": "0", "b": "2"}'},
        r"labels.json: labels must count",
    ),
    "ssv2 no lists at all": ("ssv2", {"labels__txt": "a\n"}, r"holds no something-\S*-train\.json"),
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
    "one field": ("a.mp4\n", r":1: has 1 fields; a line is 'path,label'"),
    "header typo": (
        "path,lable\na.mp4,x\n",
        r":1: column 'lable' is unknown; did you mean 'label'\?",
    ),
    "header twice": (
        "path,label,label\n",
        r":1: the header must name path and label, and each column only once",
    ),
    "too many fields": (
        "path,label\na, b.mp4,x\n",
        r":2: \['a', 'b.mp4', 'x'\] should be path, label",
    ),
    "header of other names": (
        "filename,class\na.mp4,x\nb.mp4,y\n",
        r":1: \['filename', 'class'\] names the columns by other names; write 'path' and 'label'",
    ),
    "header without a label": (
        "path;class\na.mp4;x\nb.mp4;y\n",
        r":1: the header must name path and label, .*; it names path, class",
    ),
    "two labels": (
        "a.mp4,x\nc.mp4,x\nb.mp4,y\na.mp4,y\n",
        r":4: video 'a' is listed twice, first at \S*:1 with the label 'x', here with 'y'; remove",
    ),
    "no label": ("a.mp4,\n", r":1: \['a.mp4', ''\] should be path, label"),
    "split typo": ("a.mp4,x,tarin\n", r":1: split 'tarin' is unknown; did you mean 'train'\?"),
    "split missing": ("a.mp4,x,train\nb.mp4,x,\n", r":2: has no split; write train"),
    "two endings of one name": (
        "a.mp4,x\nb.mp4,x\na.avi,y\nc.mp4,y\n",
        r":3: video 'a' is listed twice, .*; give one of the files another name, not only",
    ),
    "listed twice": (
        "a.mp4,x\nc.mp4,x\n./a.mp4,x\n",
        r":3: video 'a' is listed twice, first at .*:1",
    ),
    "single video of a class": (
        "a.mp4,x\nb.mp4,x\nc.mp4,y\n",
        r":3: class 'y' has only one video or group; add another",
    ),
    "no test video": (
        "path,label,group\na1,a,1\na2,a,2\nb1,b,2\nb3,b,3\nc1,c,1\nc3,c,3\n",
        r":\d: class '[abc]' has no (test|train) video",
    ),
    "unclosed quote": ('a.mp4,"x\nb.mp4,y\n', r"the label has a line end in it"),
    "latin-1": ("\xfc", r"is not UTF-8 text"),
    "no file": ("./,x\n", r":1: path '\./' does not name a file"),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv(tmp_path, case):
    text, message = BAD_CSV[case]
    path = tmp_path / "own.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message) as caught:
        read_dataset("csv", path, tmp_path)
    assert str(path) in str(caught.value)


def test_a_name_that_no_file_can_have_is_a_missing_file(tmp_path):
    path, long = tmp_path / "own.csv", "a" * 300 + ".mp4"
    path.write_text(f"{long},x,train\nb.mp4,y,test\n")
    dataset = read_dataset("csv", path, tmp_path)
    assert [entry.path for entry in dataset.entries] == [tmp_path / long, tmp_path / "b.mp4"]
    assert len(fingerprint_files(dataset)) == 16


def test_all_videos_of_one_name_in_a_folder_are_named(tmp_path):
    videos = touch(tmp_path / "v", "a/1.mp4", "a/1.avi", "a/2.mp4", "a/2.MOV", "b/1.mp4", "b/2.mp4")
    message = (
        r"the same name except for the extension \(2 pairs\): \S*/v/a/1.avi and 1.mp4, "
        r"\S*/v/a/2.MOV and 2.mp4; rename one of each pair$"
    )
    with pytest.raises(InputError, match=message):
        read_dataset("folder", None, videos)


@pytest.mark.parametrize("name", ["a\0", "\ud800", "a\rb"])
def test_an_id_that_is_no_text_is_named(tmp_path, name):
    items = [{"id": name, "template": "Up"}]
    lists = write(
        tmp_path / "lists",
        labels__json=json.dumps({"Up": "0"}),
        train__json=json.dumps(items),
        validation__json=json.dumps([{"id": "2", "template": "Up"}]),
    )
    message = r"train\.json: item 1: .* cannot be the name of a video; correct the list"
    with pytest.raises(InputError, match=message):
        read_dataset("ssv2", lists, touch(tmp_path / "videos"))


def test_a_group_of_two_lines_is_named(tmp_path):
    """Readers of an index make different things of a carriage return in it."""
    lists = tmp_path / "list.csv"
    lists.write_text('path,label,group\na.mp4,up,"one\rtwo"\nb.mp4,down,three\n', newline="")
    videos = touch(tmp_path / "videos", "a.mp4", "b.mp4")
    with pytest.raises(InputError, match=r"list\.csv:\d+: 'one.rtwo' cannot be the name of a gr"):
        read_dataset("csv", lists, videos)


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_one_file_under_two_names_is_named(tmp_path, link):
    """It would be trained and tested on, or have two labels."""
    videos = touch(tmp_path / "v", *(f"{s}/{c}/1.mp4" for s in ("train", "test") for c in "ab"))
    link(videos / "test/b/2.mp4", videos / "train/a/1.mp4")
    with pytest.raises(InputError, match=r"/1\.mp4 and \S*/2\.mp4 are one file under two names"):
        read_dataset("folder", None, videos)


def test_a_name_too_long_for_a_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--name=a+: use at most 100"):
        read_dataset("folder", None, touch(tmp_path / "videos"), name="a" * 300)


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


ONE_CLASS = {
    "one folder too high": (
        ["data/a/1.mp4", "data/a/2.mp4", "data/b/3.mp4"],
        r"--videos=\S*/v: all 3 videos are of one class, 'data', .* at least two .* classes or the "
        r"splits: a, b, use --videos=\S*/v/data$",
    ),
    "one folder too high, with splits": (
        ["data/train/a/1.mp4", "data/train/b/2.mp4", "data/test/a/3.mp4", "data/test/b/4.mp4"],
        r"one class, 'data', .* splits: test, train, use --videos=\S*/v/data$",
    ),
    "only one": (["a/1.mp4", "a/2.mp4"], r"one class, 'a', .*; make one folder per class"),
    "only one in splits": (
        ["train/a/1.mp4", "train/a/x/2.mp4", "test/a/3.mp4"],
        r"one class, 'a', .*; make one folder per class",
    ),
    "splits inside the classes": (
        [f"{label}/{split}/1.mp4" for label in "ab" for split in ("Train", "val", "test")],
        r"--videos=\S*/v: the class folders hold folders for the splits \(Train, test, val\); put "
        r"the splits above the classes, as in \S*/v/Train/a",
    ),
}


@pytest.mark.parametrize("case", ONE_CLASS)
def test_folders_that_would_be_one_class_or_hide_the_splits(tmp_path, case):
    names, message = ONE_CLASS[case]
    with pytest.raises(InputError, match=message):
        read_dataset("folder", None, touch(tmp_path / "v", *names))


def test_recordings_may_have_the_same_name_as_one_split(tmp_path):
    videos = touch(tmp_path / "v", *(f"{c}/{g}/1.mp4" for c in "ab" for g in ("test", "x")))
    assert read_dataset("folder", None, videos).class_names == ("a", "b")


def test_a_list_of_one_class(tmp_path):
    path = write(tmp_path, own__csv="1.mp4,x\n2.mp4,x\n") / "own.csv"
    with pytest.raises(InputError, match=r"csv: all videos are of one class, 'x', .*; correct the"):
        read_dataset("csv", path, tmp_path)


def test_video_outside_a_class_folder(tmp_path):
    with pytest.raises(InputError, match=r"2.mp4: is not in a class folder"):
        read_dataset("folder", None, touch(tmp_path / "videos", "a/1.mp4", "2.mp4"))
    with pytest.raises(InputError, match="no videos are listed, or in '"):
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


def test_folders_of_splits_and_others(tmp_path):
    videos = touch(tmp_path / "videos", "train/a/1.mp4", "Test/a/2.mp4", "extra/3.mp4")
    message = r"videos/extra: is beside folders that are splits \(Test, train\); move it into one"
    with pytest.raises(InputError, match=message):
        read_dataset("folder", None, videos)


def test_linked_class_folder(tmp_path):
    videos = touch(tmp_path / "videos", "a/1.mp4", "a/2.mp4")
    touch(tmp_path / "elsewhere", "1.mp4", "2.mp4")
    (videos / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        InputError, match=r"videos/b: is a link to a folder; replace it by the folder"
    ):
        read_dataset("folder", None, videos)
    with pytest.raises(InputError, match=r"videos/b: is a link to a folder"):  # found by searching
        read_dataset("ucf101", write(tmp_path / "lists", **UCF), videos)


def test_class_folder_that_cannot_be_read(tmp_path, monkeypatch):
    videos = touch(tmp_path / "videos", "a/1.mp4", "a/2.mp4", "b/1.mp4", "b/2.mp4")
    scandir = os.scandir

    def refusing(path):  # the tests may run as root, who can read every folder
        if os.fspath(path).endswith("videos/b"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match=r"videos/b: Permission denied; make it readable"):
        read_dataset("folder", None, videos)


def test_file_name_that_is_not_utf8(tmp_path):
    videos = touch(tmp_path / "videos", "a/1.mp4", os.fsdecode(b"a/\xfc.mp4"))
    message = r"a/\\udcfc.mp4': the name is not UTF-8 text; rename the file"
    with pytest.raises(InputError, match=message):
        read_dataset("folder", None, videos)


def test_two_videos_and_one_file(tmp_path):
    """Two clips are cut from one YouTube video, and only the whole video is there."""
    rows = "x,abc,1,2,train\nx,abc,3,4,train\nx,def,1,2,validate\n"
    lists = write(tmp_path / "lists", a__csv=HEADER + rows)
    videos = touch(tmp_path / "videos", "abc.mp4")
    message = (
        r"a.csv:3: the only file for video 'abc_000003_000004' is .*abc.mp4, "
        r"which belongs to .*a.csv:2"
    )
    with pytest.raises(InputError, match=message):
        read_dataset("kinetics400", lists, videos)
