"""Reads people's own videos from folders: one per class, and perhaps one per split above them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from vidkd_jax.annotations.locate import VIDEO_SUFFIXES, VideoFolder, normal, walk
from vidkd_jax.annotations.own import OWN_SPLITS, Row, make_own
from vidkd_jax.annotations.types import Dataset
from vidkd_jax.annotations.ucf101 import ucf_group
from vidkd_jax.errors import InputError


def read_folder(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads DIR/[train|val|test/]label/video.*; the class names are the folders' names.

    The group of a video is the folder between label and video (label/recording-3/clip.mp4). Without
    such a folder, it is the label and the gNN of a name like UCF101's; without a gNN, see
    `groups.guess_groups`. Without folders for the splits, a fifth of the groups of each class is
    the test split, and `split` says which fifth. Hidden files are ignored. Files that do not end as
    videos do are left out, with a notice.

    Args:
      name: Name of the dataset.
      annotations: Not used; there are no lists.
      videos: DIR.
      split: 1 to 5.

    Raises:
      InputError: There are no class folders or too few videos, a folder is a link, or a file name
        is not UTF-8 text.
    """
    del annotations
    folder = VideoFolder(videos, exact=True)
    found = sorted(path.relative_to(videos) for path in walk(videos))
    files = [path for path in found if path.suffix.lower() in VIDEO_SUFFIXES]
    others = [path for path in found if path.suffix.lower() not in VIDEO_SUFFIXES]
    if others and not files:
        raise InputError(f"--videos={videos}: holds no videos, but {_describe(others, videos)}")
    _check_names(files, videos)
    _check_stems(files, videos)
    has_splits = _has_splits(files, videos)
    depth = 1 if has_splits else 0
    _check_layout(files, videos, depth)
    rows = []
    for path in files:
        label, group = normal(path.parts[depth]), normal("/".join(path.parts[depth + 1 : -1]))
        if not group and (number := ucf_group(path.stem)):
            group = f"{label}_{number}"  # each class of UCF101 counts its groups anew
        split_name = OWN_SPLITS[path.parts[0].lower()] if has_splits else ""
        rows.append(Row(str(videos / path), path.as_posix(), label, split_name, group))
    return make_own(name, rows, folder, split, notices=_left_out(files, others, videos, depth))


def _left_out(
    files: Sequence[Path], others: Sequence[Path], videos: Path, depth: int
) -> Iterator[str]:
    """Yields what to say of the files that do not end as videos do."""
    if not others:
        return
    yield f"left out, because they do not end as videos do: {_describe(others, videos)}"
    labels = {path.parts[depth] for path in files}
    empty = {path.parts[depth] for path in others if len(path.parts) > depth + 1} - labels
    if empty:
        yield f"no classes, because they hold no videos: the folders {_some(sorted(empty))}"


def _describe(others: Sequence[Path], videos: Path) -> str:
    endings = Counter(path.suffix or "no ending" for path in others)
    counts = ", ".join(f"{ending}: {count}" for ending, count in endings.most_common(5))
    return f"{len(others)} files ({counts}), such as {_some([str(videos / p) for p in others])}"


def _check_names(files: Sequence[Path], videos: Path) -> None:
    """Raises InputError for a name that cannot be written to a text file, such as the index."""
    for path in files:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"{str(videos / path)!a}: the name is not UTF-8 text; rename the file"
            ) from error


def _check_stems(files: Sequence[Path], videos: Path) -> None:
    """Raises InputError if videos differ only in their extension: they would get the same id."""
    seen: dict[Path, Path] = {}
    pairs = []
    for path in files:
        other = seen.setdefault(path.with_suffix(""), path)
        if other != path:
            pairs.append(f"{videos / other} and {path.name}")
    if pairs:
        raise InputError(
            f"--videos={videos}: videos have the same name except for the extension "
            f"({len(pairs)} pairs): {_some(pairs)}; rename one of each pair"
        )


def _has_splits(files: Sequence[Path], videos: Path) -> bool:
    """Returns True if the folders in `videos` are splits, and False if they are classes.

    Raises:
      InputError: At least two folders are named like splits, and others are not. (One folder named
        like a split among others is read as a class; "dev" could be a class.)
    """
    tops = {path.parts[0] for path in files}
    others = sorted(top for top in tops if top.lower() not in OWN_SPLITS)
    if others and len(tops) - len(others) >= 2:
        raise InputError(
            f"{videos / others[0]}: is beside folders that are splits ("
            f"{', '.join(sorted(tops.difference(others)))}); move it into one of them, or out of "
            "the video folder"
        )
    return bool(tops) and not others


def _check_layout(files: Sequence[Path], videos: Path, depth: int) -> None:
    """Checks that the folders at `depth` can be classes.

    Raises:
      InputError: A video is in no such folder, there is only one of them (often because --videos
        is one folder too high), or there are folders for the splits in them.
    """
    for path in files:
        if len(path.parts) < depth + 2:
            raise InputError(
                f"{videos / path}: is not in a class folder; move it to {videos}/<label>/<video>"
            )
    labels = {path.parts[depth] for path in files}
    inner = sorted({path.parts[depth + 1] for path in files if len(path.parts) > depth + 2})
    if len(labels) == 1:
        (label,) = labels
        remedy = "make one folder per class, as in V/wave/1.mp4 and V/clap/2.mp4 for --videos=V"
        if inner and not depth:
            remedy = (
                f"if these are the classes or the splits: {_some(inner)}, use "
                f"--videos={videos / label}"
            )
        raise InputError(
            f"--videos={videos}: all {len(files)} videos are of one class, '{label}', and a "
            f"network must have at least two to tell apart; {remedy}"
        )
    splits = [name for name in inner if name.lower() in OWN_SPLITS]
    if not depth and len({OWN_SPLITS[name.lower()] for name in splits}) > 1:
        raise InputError(
            f"--videos={videos}: the class folders hold folders for the splits "
            f"({_some(splits)}); put the splits above the classes, as in "
            f"{videos}/{splits[0]}/{min(labels)}"
        )


def _some(names: Sequence[str]) -> str:
    """Returns the first names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
