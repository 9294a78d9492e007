"""ConDi, Table 4.5: every way to choose three clips, Something-Something V2."""

from vidkd_jax.tables import load_table

_TABLE = load_table("condi_table4_3")
_PAPER = {
    "Dense": 38.0,
    "Random": 34.94,
    "Equidistant": 34.87,
    "ConDi-SR": 38.4,
    "ST-Conf": 34.76,
    "ST-Ent, soft labels": 34.9,
    "Oracle": 41.4,
}

TABLE = _TABLE.choosing(
    3,
    _PAPER,
    title="ConDi Table 4.5: three clips, ResNeXt-101, Something-Something V2",
    scales={**_TABLE.scales, "paper": {"": "ssv2"}},
)
