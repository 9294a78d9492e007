"""DTG-Net, Table 2: images or sequences, to the teacher and to the student."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("dtg_table3")
_GUIDED = _TABLE.row("motion")
_TSN = {"model.name": "tsn_resnet18"}


def _row(name: str, paper: tuple[float, float] | None, **overrides: object) -> Row:
    fields = {field.replace("__", "."): value for field, value in overrides.items()}
    return dataclasses.replace(
        _GUIDED,
        name=name,
        overrides={**_GUIDED.overrides, **fields},
        paper={} if paper is None else dict(zip(("probe_top1", "probe_top5"), paper, strict=True)),
    )


TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Table 2: images or sequences",
    rows=(
        _row(
            "image to image, TSN",
            (57.73, 80.07),
            **_TSN,
            data__frames=1,
            method__guidance="image",
        ),
        _row("image to sequence, 3D ResNet", (58.02, 79.62), method__guidance="image"),
        _row("sequence to sequence, TSN", (58.76, 80.84), **_TSN),
        _row(
            "sequence to sequence, TSN, no overlap", (57.65, 79.73), **_TSN, method__overlap=False
        ),
        _row("sequence to sequence, 3D ResNet", None),
    ),
    reference="sequence to sequence, TSN",
    note="First what the teacher sees, then the student. The paper changes the student along with "
    "its input; the last row is not the paper's. The teacher knows motions in still images. "
    "Without overlap the second sequence lies half a part after the first one's; the paper may "
    "draw it.",
)
