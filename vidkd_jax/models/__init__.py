"""Backbones by name, with heads: `create(name, num_classes)`."""

from vidkd_jax.models.backbone import Backbone
from vidkd_jax.models.heads import Head
from vidkd_jax.models.layers import CONV_OUTPUT
from vidkd_jax.models.norm_folding import NormFolding
from vidkd_jax.models.normalisation import Normalisation
from vidkd_jax.models.recogniser import Peers, Recogniser
from vidkd_jax.models.registry import available, create, lookup, register

__all__ = [
    "CONV_OUTPUT",
    "Backbone",
    "Head",
    "NormFolding",
    "Normalisation",
    "Peers",
    "Recogniser",
    "available",
    "create",
    "lookup",
    "register",
]
