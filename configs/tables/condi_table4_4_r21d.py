"""ConDi, Table 4.4, the second teacher: every way to choose five clips, UCF101."""

from vidkd_jax.tables import load_table

_TABLE = load_table("condi_table4_3_r21d")
_PAPER = {
    "Dense": 87.0,
    "Random": 86.07,
    "Equidistant": 86.12,
    "ConDi-SR": 87.4,
    "ST-Conf": 87.01,
    "ST-Ent, soft labels": 87.08,
    "Oracle": 89.25,
}

TABLE = _TABLE.choosing(
    5,
    _PAPER,
    title="ConDi Table 4.4: five clips, R(2+1)D-34, UCF101",
    scales={**_TABLE.scales, "paper": {"": "ucf101"}},
)
