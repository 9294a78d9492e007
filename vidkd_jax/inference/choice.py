"""What a person asks for: how clips are chosen, how many, and when an answer is sure enough."""

import dataclasses

from vidkd_jax.errors import InputError
from vidkd_jax.inference import selectors
from vidkd_jax.inference.loaded import CONFIDENCE
from vidkd_jax.inference.pair import Pair
from vidkd_jax.samplers import Contiguous

K = 5  # the thesis' best one on UCF101 (Table 4.6)


@dataclasses.dataclass(frozen=True)
class Choice:
    """How the clips of a video are chosen.

    Attributes:
      selector: its name.
      k: K, how many clips answer; None: all where `stop_at` or `seconds` limits them, else `K`.
      k_student: K_s of them are answered by the sampler, those of lowest entropy.
      stop_at: the teacher sees one clip after the other, best first, until the running mean's top-1
        probability is this high; None: it sees all that are chosen.
      seconds: of a video, that decoding, sampler and teacher may take; None: no limit.
      seed: of selectors that draw.
      max_clips: that a video has at most, spread evenly; None: all that do not overlap.
    """

    selector: str = "dense"
    k: int | None = None
    k_student: int = 0
    stop_at: float | None = None
    seconds: float | None = None
    seed: int = 0
    max_clips: int | None = None

    @property
    def found(self) -> selectors.Selector:
        """The selector."""
        return selectors.lookup(self.selector)

    @property
    def needs_sampler(self) -> bool:
        """Whether a sampler must see all clips."""
        return self.found.needs_sampler or self.k_student > 0

    def wanted(self, num_clips: int) -> int:
        """Returns K for a video, the sampler's among them; there may be fewer clips."""
        if self.found.takes_all:
            return num_clips
        if self.k is None and self._is_open:  # the teacher may see all, beside the sampler
            return num_clips + self.k_student
        return self.k or K

    @property
    def _is_open(self) -> bool:
        return self.stop_at is not None or self.seconds is not None

    def check(self, pair: Pair) -> None:
        """Refuses what cannot be done, alone or with these networks.

        Raises:
          InputError: names the flag and the remedy.
        """
        found = self.found
        if found.cheats:
            raise InputError(
                f"--selector={self.selector}: reads the label, which a new video does not have; "
                "use another selector"
            )
        if found.takes_all and (self.k is not None or self.seconds is not None):
            flag = f"k={self.k}" if self.k is not None else f"seconds={self.seconds:g}"
            raise InputError(
                f"--{flag}: selector '{self.selector}' takes all clips; give another one, such as "
                "--selector=equidistant"
            )
        if self.seconds is not None and not found.needs_sampler:
            raise InputError(
                f"--seconds={self.seconds:g}: selector '{self.selector}' chooses before anything "
                "is decoded or timed; give --k, or a selector that reads a sampler"
            )
        if self.seconds is not None and pair.sampler is pair.teacher:
            raise InputError(
                f"--seconds={self.seconds:g}: there is one network alone, which has seen all clips "
                "before any is chosen; give --k, or a second network with --teacher"
            )
        self._check_division(pair)
        self._check_outputs(pair)
        alone = isinstance(pair.spec.sampler, Contiguous)
        if not alone and not (found.takes_all and self.stop_at is None):
            flag, remedy = f"--selector={self.selector}", "use --selector=dense"
            if found.takes_all:
                flag, remedy = f"--stop_at={self.stop_at:g}", "leave it out"
            raise InputError(
                f"{flag}: the run sees {pair.spec.sampler.describe()}; only single contiguous "
                f"clips can be chosen one by one; {remedy}"
            )
        if not alone and self.max_clips is None:
            raise InputError(
                f"--max_clips=0: the run sees {pair.spec.sampler.describe()}, and the longer a "
                "video is, the more such clips it has, of all of it; give a number"
            )

    def _check_division(self, pair: Pair) -> None:
        most = K if self.k is None and not self._is_open else self.k
        is_more = most is not None and self.k_student > most
        if self.k_student and (self.found.takes_all or is_more):
            raise InputError(
                f"--k_student={self.k_student}: is a part of --k, the clips that answer; give a "
                "selector, and --k of at least as many"
            )
        if self.k_student and (pair.sampler is None or pair.sampler is pair.teacher):
            raise InputError(
                f"--k_student={self.k_student}: there is one network alone, which answers all; "
                "give a second one with --teacher"
            )

    def _check_outputs(self, pair: Pair) -> None:
        """Refuses a selector or a division that reads what the sampler does not say."""
        outputs = pair.sampler.outputs if pair.sampler else ()
        if "confidence" in self.found.needs and CONFIDENCE not in outputs:
            raise InputError(
                f"--selector={self.selector}: the run has no head '{CONFIDENCE}'; give a run that "
                "was trained to be confident of a teacher, or use --selector=entropy"
            )
        if ("probabilities" in self.found.needs or self.k_student) and "logits" not in outputs:
            flag = f"k_student={self.k_student}" if self.k_student else f"selector={self.selector}"
            raise InputError(
                f"--{flag}: the sampler has no classifier; use --selector=confidence alone"
            )
