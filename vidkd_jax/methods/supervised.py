"""Independent training: cross-entropy against the labels, on augmented clips."""

import dataclasses

from vidkd_jax import losses
from vidkd_jax.methods.base import Context, Outputs, Taught, Term
from vidkd_jax.methods.defaults import Defaults
from vidkd_jax.options import option


@dataclasses.dataclass(frozen=True)
class Supervised(Defaults):
    """The baseline of TY's Table 3, with label smoothing as an option.

    Attributes:
      label_smoothing: share of the target spread evenly over the classes (Szegedy et al. 2016).
    """

    label_smoothing: float = option(0.0, at_least=0, less_than=1)

    def terms(self, student: Outputs, teachers: Taught, context: Context) -> dict[str, Term]:
        """Returns the cross-entropy term (TY eq. 4)."""
        del teachers
        value = losses.cross_entropy(
            student["logits"], context.batch["label"], label_smoothing=self.label_smoothing
        )
        return {"cross_entropy": Term(1.0, value)}
