"""PCL+KD: the weight of the teacher's term, which neither paper gives, by the validation videos."""

import dataclasses

from vidkd_jax import methods
from vidkd_jax.tables import load_table

_TABLE = load_table("pclkd_table4")
_SCRATCH, _TAUGHT = _TABLE.row("R3D, scratch"), _TABLE.row("R3D taught by C3D")
# With 9 the terms count as .1 and .9, as in SSKD, whose loss the paper takes.
WEIGHTS = (0.1, 1.0, 9.0)
_DEFAULT = methods.options("pcl_distillation")["kd_weight"]

TABLE = dataclasses.replace(
    _TABLE,
    title="PCL+KD: the weight of the teacher's term",
    rows=(
        dataclasses.replace(_SCRATCH, paper={}),
        *(
            dataclasses.replace(
                _TAUGHT,
                name=f"{_TAUGHT.name}, weight {weight:g}",
                # The default is left out, so that the row's run is Table 4's.
                overrides={
                    **_TAUGHT.overrides,
                    **({} if weight == _DEFAULT else {"method.kd_weight": weight}),
                },
                paper={},
            )
            for weight in WEIGHTS
        ),
    ),
    noise=(),
    averages={},
    note="The stages are of the validation videos: choose by them. Pretext, probe and retrieval "
    "are of the test videos.",
)
