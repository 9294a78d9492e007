"""ConDi, Table 4.5, the second teacher: every way to choose three clips, Something-Something V2."""

from vidkd_jax.tables import load_table

_TABLE = load_table("condi_table4_3_r21d")
_PAPER = {
    "Dense": 32.9,
    "Random": 28.16,
    "Equidistant": 31.12,
    "ConDi-SR": 34.0,
    "ST-Conf": 31.16,
    "ST-Ent, soft labels": 32.01,
    "Oracle": 36.3,
}

TABLE = _TABLE.choosing(
    3,
    _PAPER,
    title="ConDi Table 4.5: three clips, R(2+1)D-34, Something-Something V2",
    scales={**_TABLE.scales, "paper": {"": "ssv2"}},
)
