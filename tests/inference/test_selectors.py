"""Every selector on clips whose best choice is known."""

import copy

import numpy as np
import pytest

from vidkd_jax.errors import InputError
from vidkd_jax.inference import selectors
from vidkd_jax.inference.selectors import Evidence, choose, entropy

RNG = np.random.default_rng(0)
# The sampler is surest of clip 2, then 0, then 3; clip 1 is uniform.
SAMPLER = np.array([[0.9, 0.1, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.0, 1.0, 0.0], [0.2, 0.2, 0.6]])
TEACHER = np.array([[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.6, 0.3, 0.1], [0.3, 0.5, 0.2]])


def rng():
    return np.random.default_rng(7)


def test_entropy_in_nats():
    np.testing.assert_allclose(
        entropy(SAMPLER), [0.325083, np.log(3), 0, 0.950271], atol=1e-6
    )  # -.9 ln .9 - .1 ln .1; -.4 ln .2 - .6 ln .6


def test_the_lowest_entropy_comes_first():
    evidence = Evidence(4, probabilities=SAMPLER)
    assert choose("entropy", evidence, 4, rng()).tolist() == [2, 0, 3, 1]
    assert choose("entropy", evidence, 2, rng()).tolist() == [2, 0]


def test_the_highest_confidence_comes_first_and_nan_last():
    evidence = Evidence(4, confidence=np.array([0.2, np.nan, 0.9, 0.5]))
    assert choose("confidence", evidence, 4, rng()).tolist() == [2, 3, 0, 1]


def test_of_equal_scores_the_earlier_clip_comes_first():
    evidence = Evidence(5, confidence=np.array([0.5, 0.7, 0.5, 0.7, 0.5]))
    assert choose("confidence", evidence, 4, rng()).tolist() == [1, 3, 0, 2]


def test_the_oracle_reads_the_label_and_its_null_control_does_not():
    assert choose("oracle", Evidence(4, teacher=TEACHER, label=1), 2, rng()).tolist() == [0, 3]
    assert choose("oracle", Evidence(4, teacher=TEACHER, label=2), 1, rng()).tolist() == [1]
    firsts = {
        choose("oracle_null", Evidence(4, teacher=TEACHER), 1, np.random.default_rng(i)).item()
        for i in range(20)
    }
    assert firsts == {0, 1, 2}  # the best clips of the classes 1, 2 and 0


def test_dense_takes_all_and_equidistant_the_middles_of_equal_parts():
    assert choose("dense", Evidence(4), 1, rng()).tolist() == [0, 1, 2, 3]
    assert choose("equidistant", Evidence(10), 1, rng()).tolist() == [5]
    assert choose("equidistant", Evidence(10), 5, rng()).tolist() == [1, 3, 5, 7, 9]
    for n in range(1, 40):
        for k in range(1, n + 1):
            chosen = choose("equidistant", Evidence(n), k, rng())
            assert len({*chosen.tolist()}) == k and chosen.min() >= 0 and chosen.max() < n
            assert np.ptp(np.diff(chosen)) <= 1 if k > 1 else True


def test_random_is_seeded_uniform_and_without_repetition():
    draws = [choose("random", Evidence(6), 2, np.random.default_rng(i)) for i in range(3000)]
    assert choose("random", Evidence(6), 2, np.random.default_rng(4)).tolist() == draws[4].tolist()
    assert all(len({*each.tolist()}) == 2 for each in draws)
    share = np.bincount(np.concatenate(draws), minlength=6) / 3000
    np.testing.assert_allclose(share, 1 / 3, atol=0.035)  # four standard deviations


def test_a_score_on_a_stream_is_that_of_the_whole_video():
    """A stream's clips are scored as they come; a draw must not depend on how they are grouped."""
    together = selectors.lookup("random").score(Evidence(9), rng())
    stream = rng()
    parts = [selectors.lookup("random").score(Evidence(n), stream) for n in (4, 2, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), together)


@pytest.mark.parametrize("name", sorted(selectors.known()))
def test_more_clips_than_there_are_means_all_of_them(name):
    evidence = Evidence(4, SAMPLER, SAMPLER[:, 0], TEACHER, 1)
    assert sorted(choose(name, evidence, 9, rng()).tolist()) == [0, 1, 2, 3]


def test_what_is_missing_or_unknown_is_named():
    with pytest.raises(InputError, match="'entropy' needs the clips' probabilities"):
        choose("entropy", Evidence(3), 1, rng())
    with pytest.raises(InputError, match=r"no selector 'entopy'; did you mean 'entropy'\?"):
        choose("entopy", Evidence(3), 1, rng())
    with pytest.raises(ValueError, match="0 of 3 clips"):
        choose("dense", Evidence(3), 0, rng())


def test_a_new_selector_is_one_function(monkeypatch):
    monkeypatch.setattr(selectors, "_SELECTORS", copy.copy(selectors._SELECTORS))

    @selectors.ranking("last")
    def last(evidence, rng):
        return np.arange(evidence.num_clips)

    assert choose("last", Evidence(5), 2, rng()).tolist() == [4, 3]
    selectors.ranking("last")(lambda evidence, rng: -last(evidence, rng))  # the last one counts
    assert choose("last", Evidence(5), 2, rng()).tolist() == [0, 1]
    with pytest.raises(ValueError, match="selector 'entropy' is one of ours"):
        selectors.ranking("entropy")(last)


@pytest.mark.parametrize("chosen", [[0, 5], [-1], [1, 1], [0.0, 1.0], [[0, 1]], []], ids=str)
def test_what_is_no_choice_is_refused(monkeypatch, chosen):
    """A clip behind a video's end would count as an answer of nothing in a study."""
    monkeypatch.setattr(selectors, "_SELECTORS", copy.copy(selectors._SELECTORS))
    selectors.selector("own")(lambda *_: chosen)
    with pytest.raises(InputError, match=r"'own' chose .* of 5 clips; it must return"):
        choose("own", Evidence(5), 2, rng())


def test_which_selectors_need_a_sampler_and_which_cheat():
    found = selectors.known()
    assert {name for name, each in found.items() if each.needs_sampler} == {"entropy", "confidence"}
    assert {name for name, each in found.items() if each.cheats} == {"oracle", "oracle_null"}
