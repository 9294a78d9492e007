"""From the scores of chosen clips to a video's answer, and when the answer is sure enough. NumPy.

k classes; probabilities are float64. A video's clips are averaged as the teacher's run averages
them (`eval.average`): their softmax, or their logits.
"""

import dataclasses

import numpy as np

from vidkd_jax.evaluation.predictions import Predictions, softmax


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one network says of some clips of a video.

    Attributes:
      clips: numbers of the clips, int [m].
      logits: float32 [m, k].
    """

    clips: np.ndarray
    logits: np.ndarray


def aggregate(answers: Answers, average: str) -> np.ndarray:
    """Returns a video's probabilities [k]: the mean over its clips, in the clips' order.

    The sum is the one of `Predictions.by_video`, so that all clips of a video give the bits of the
    run's own evaluation.

    Args:
      answers: of at least one clip.
      average: "softmax" or "logits".
    """
    logits = answers.logits[np.argsort(answers.clips, kind="stable")]
    zeros = np.zeros(len(logits), np.int64)
    probabilities, _, _ = Predictions(logits, zeros, zeros).by_video(average)
    return probabilities[0]


def divide(teacher: Answers, student: Answers, average: str) -> np.ndarray:
    """Returns a video's probabilities [k] where teacher and student divide the work.

    The mean is over clips. A clip that both have answered counts once, with the mean of the two
    (thesis, section 3.1.2).

    Args:
      teacher: its answers for the K_t clips of which the sampler is most confident.
      student: its answers for the K_s clips of lowest entropy.
      average: "softmax" or "logits".
    """
    if not len(student.clips):
        return aggregate(teacher, average)
    clips = np.union1d(teacher.clips, student.clips)
    sums = np.zeros((len(clips), student.logits.shape[1]))
    counts = np.zeros(len(clips))
    for answers in (teacher, student):
        if len(answers.clips):
            scores = softmax(answers.logits) if average == "softmax" else answers.logits
            rows = np.searchsorted(clips, answers.clips)
            sums[rows] += scores
            counts[rows] += 1
    mean = (sums / counts[:, None]).mean(axis=0)
    return mean if average == "softmax" else softmax(mean)


def is_sure(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Returns whether answers so far are sure enough, so that no further clip is asked about.

    The running mean's top-1 probability is compared with a threshold, as the gates of FrameExit
    (Ghodrati et al., 2021) decide on the features so far. Only a calibrated network should be
    believed like this.

    Args:
      probabilities: of running means, [..., k].
      threshold: in (0, 1].

    Returns:
      bool [...].
    """
    return np.asarray(probabilities.max(axis=-1) >= threshold)


def affordable(seconds: float, num_clips: int, *, sampler: float, teacher: float) -> int:
    """Returns how many clips of a video the teacher can see: K in 1..n.

    At least one clip is needed for an answer, also where the time is too short for it.

    Args:
      seconds: that are left when the video has been read.
      num_clips: n.
      sampler: seconds of each clip that there is.
      teacher: seconds of each clip that it sees.
    """
    return int(np.clip((seconds - sampler * num_clips) / teacher, 1, max(num_clips, 1)))
