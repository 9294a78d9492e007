"""How good the student is after an epoch, beside what its teachers say of the same clips."""

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vidkd_jax.errors import RunError
from vidkd_jax.evaluation.collect import NOTHING
from vidkd_jax.methods import LAST_EPOCH, BestPast
from vidkd_jax.run import judging
from vidkd_jax.run.asking import BySource
from vidkd_jax.run.building import Run
from vidkd_jax.run.judging import Exam
from vidkd_jax.run.state import TrainState
from vidkd_jax.runtime import sharding


class Validated(NamedTuple):
    """What validation found.

    Attributes:
      score: chooses the best epoch, more is better; None: the last epoch counts.
      scores: figures by name; all finite.
    """

    score: float | None
    scores: dict[str, float]


class Validation:
    """Judges the student after every epoch.

    Teachers that stay as they are answer once; the best past self again after each promotion.
    """

    def __init__(self, run: Run, teachers: BySource) -> None:
        """Asks the teachers.

        Args:
          run: its parts.
          teachers: variables of those that stay until the next promotion.
        """
        self._run = run
        self._exam = Exam(run.eval_clips(run.splits.val, middle=True), "val")
        self._answers = judging.ask(run, teachers, self._exam)
        self._student = NOTHING
        self._warned = False

    def judge(self, state: TrainState, epoch: int) -> Validated:
        """Returns how good the student is.

        Args:
          state: of the run.
          epoch: that it has finished.

        Raises:
          RunError: weights or a figure are not finite, or the evaluators do not give the method's
            own figure. Such a student is never saved.
        """
        if not _are_finite(state.variables):
            raise RunError(diverged("a weight of the student", int(state.step), epoch))
        run, method = self._run, self._run.settings.method
        moving = judging.ask(run, run.teachers.moving(state), self._exam)
        answers = {**self._answers, **moving}
        found = judging.judge(run, state.variables, self._exam, method.validated_by, answers)
        for name, value in found.scores.items():
            if not np.isfinite(value):
                figure = f"the validation figure '{name}'"
                raise RunError(diverged(figure, int(state.step), epoch))
        self._student = found.collected
        self._warn(found.scores)
        return Validated(_selected(found.scores, method.selected_on), found.scores)

    def _warn(self, scores: Mapping[str, float]) -> None:
        """Says once if the figure that chooses the best epoch cannot tell epochs apart."""
        name, right = self._run.settings.method.selected_on, scores.get("teacher_right")
        if self._warned or name != "confidence_auroc" or right not in (0, 1):
            return
        self._warned = True
        if sharding.is_main():
            print(
                f"\nthe teacher is {'always' if right else 'never'} right on the validation clips, "
                f"so that {name} is the same after every epoch and the first one counts: validate "
                "on more videos (data.val_fraction), or on some that did not train the teacher",
                file=sys.stderr,
            )

    def promote(self, teachers: BySource) -> None:
        """Learns what the teachers say now that the student just judged has become one of them.

        What the student has said is what it says as a teacher, but where teachers compute in
        another type: then it is asked again, as a run that is resumed does.
        """
        name, run = BestPast.name, self._run
        self._answers = {other: said for other, said in self._answers.items() if other != name}
        if "logits" not in self._student.outputs:
            return
        if run.settings.teacher_dtype != run.settings.model.dtype:
            self._answers |= judging.ask(run, teachers, self._exam, sources=(name,))
        else:
            self._answers[name] = self._student.predictions().clip_probabilities()


@jax.jit
def _are_finite(tree: Any) -> jax.Array:
    """Returns whether all numbers of a tree are finite, bool []."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]).all()


def diverged(what: str, step: int, epoch: int) -> str:
    """Returns the message of a run that cannot go on."""
    last = f"epoch {epoch - 1}" if epoch > 1 else "none yet"
    return (
        f"{what} is not finite at step {step} (epoch {epoch}); last good checkpoint: {last}; "
        "try a smaller optim.learning_rate in another --workdir"
    )


def _selected(scores: dict[str, float], name: str) -> float | None:
    """Returns the figure that chooses the best epoch; None where the last one counts.

    Raises:
      RunError: no evaluator gives it.
    """
    if name == LAST_EPOCH:
        return None
    if name not in scores:
        raise RunError(
            f"the method selects on '{name}', which its evaluators do not give; they give "
            f"{', '.join(sorted(scores))}"
        )
    return scores[name]
