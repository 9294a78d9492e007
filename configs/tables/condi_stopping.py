"""ConDi, beyond the thesis: the teacher sees clips, best first, until its answer is sure."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("condi_table4_3")
_MOST = 10  # the most of Figure 4.4
_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def _all(name: str, k: int) -> Row:
    """Returns a row of Table 4.3 whose teacher sees K clips of every video."""
    return _TABLE.row(name).choosing(k, name=f"{name}, K = {k}", paper={})


def _until(name: str, stop_at: float | tuple[float, ...], of: str, against: str = "") -> Row:
    """Returns a row of Table 4.3 whose teacher sees clips until it is sure, _MOST at most."""
    called = f"{name}, until sure ({of})"
    return _TABLE.row(name).choosing(_MOST, stop_at=stop_at, name=called, paper={}, against=against)


_CONDI, _ENTROPY = "ConDi-SR", "ST-Ent, soft labels"
TABLE = dataclasses.replace(
    _TABLE,
    title="ConDi: stopping when the answer is sure",
    rows=(
        dataclasses.replace(_TABLE.row("Dense"), paper={}),
        _until("Dense", 0.9, "0.9"),
        *(_all(_CONDI, k) for k in (1, 3, 5, _MOST)),
        *(
            _until(_CONDI, threshold, f"{threshold:g}", f"{_CONDI}, K = {_MOST}")
            for threshold in (0.7, 0.9, 0.99)
        ),
        _until(_CONDI, _THRESHOLDS, "the best", f"{_CONDI}, K = {_MOST}"),
        _all(_ENTROPY, _MOST),
        _until(_ENTROPY, 0.9, "0.9", f"{_ENTROPY}, K = {_MOST}"),
        _all("Random", _MOST),
        _until("Random", 0.9, "0.9", f"Random, K = {_MOST}"),
    ),
    metrics=("video_top1", "clips", "clip_share", "stop_at", "network_ms"),
    note=f"Until sure: the teacher sees {_MOST} clips at most, best first (of Dense all, in their "
    "order), and after each the mean of its answers says whether it is sure, as with predict "
    "--stop_at. The best threshold is the one of the best Video@1 on the validation videos, of "
    "equal ones that of the fewest clips. Network ms are of full batches. Random choices are made "
    "ten times.",
)
