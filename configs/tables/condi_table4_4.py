"""ConDi, Table 4.4: every way to choose five clips, UCF101."""

from vidkd_jax.tables import load_table

_TABLE = load_table("condi_table4_3")
_PAPER = {
    "Dense": 89.74,
    "Random": 89.53,
    "Equidistant": 89.53,
    "ConDi-SR": 91.1,
    "ST-Conf": 89.5,
    "ST-Ent, soft labels": 89.7,
    "Oracle": 92.96,
}

TABLE = _TABLE.choosing(
    5,
    _PAPER,
    title="ConDi Table 4.4: five clips, ResNeXt-101, UCF101",
    scales={**_TABLE.scales, "paper": {"": "ucf101"}},
)
