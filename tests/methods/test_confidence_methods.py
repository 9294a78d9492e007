"""Students with a confidence: the terms of their losses, their memory, and short whole runs."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_teachers_and_terms import CONTEXT, LABEL, create, outputs

from vidkd_jax import losses, methods, train
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.metrics import top_k_correct
from vidkd_jax.evaluation.predictions import softmax
from vidkd_jax.networks import weights
from vidkd_jax.report.closing import closing_lines
from vidkd_jax.run.tracking import read_records


def confident(seed):
    return outputs(seed, confidence=np.random.default_rng(seed).normal(size=(2, 1)))


def teacher(*right):
    """Returns a teacher whose answers are right or wrong, as asked, for the labels 0 and 2."""
    answers = [label if fine else 1 for label, fine in zip((0, 2), right, strict=True)]
    return {"frozen": ({"logits": 3.0 * jnp.eye(3)[jnp.array(answers)]},)}


def test_confidence_distillation_has_two_terms_and_no_cross_entropy():
    student, taught = confident(0), teacher(True, False)
    method = create("confidence_distillation", wrong_teacher="uniform", confidence_weight=2.0)
    terms = method.terms(student, taught, CONTEXT)
    assert {name: term.weight for name, term in terms.items()} == {"kl": 1.0, "confidence": 2.0}
    sure = student["confidence"][:, 0]
    expected = losses.confidence_distillation(
        student["logits"],
        taught["frozen"][0]["logits"],
        sure,
        LABEL,
        temperature=0.9,
        wrong_teacher="uniform",
    )
    np.testing.assert_array_equal(terms["kl"].value, expected)
    binary = losses.binary_cross_entropy(sure, jnp.array([1.0, 0.0]), positive_weight=1.5)
    np.testing.assert_array_equal(terms["confidence"].value, binary)
    logged = method.metrics(student, taught, CONTEXT)
    assert set(logged) == {"top1", "confidence", "teacher_right"}
    assert logged["teacher_right"] == 0.5


def test_its_options_reach_the_loss():
    """Each of them changes the KL term, or its gradient."""
    student, taught = confident(0), teacher(True, False)

    def found(**options):
        method = create("confidence_distillation", **options)

        def kl(confidence):
            terms = method.terms({**student, "confidence": confidence}, taught, CONTEXT)
            return terms["kl"].value.sum()

        return jax.value_and_grad(kl)(student["confidence"])

    value, gradient = found()
    assert np.abs(gradient).min() > 1e-3
    for options in ({"wrong_teacher": "uniform"}, {"temperature": 2.0}):
        assert abs(found(**options)[0] - value) > 1e-3
    np.testing.assert_allclose(found(mean_over_classes=False)[0], 3 * value, rtol=1e-5)
    same, none = found(target_gradient=False)
    np.testing.assert_allclose(same, value, rtol=1e-6)
    np.testing.assert_array_equal(none, np.zeros((2, 1)))


def test_naive_confidence_is_a_mixture_of_three_losses():
    student, taught = confident(0), teacher(True, False)
    terms = create("naive_confidence").terms(student, taught, CONTEXT)
    weights = {name: round(term.weight, 6) for name, term in terms.items()}
    assert weights == {"cross_entropy": 0.9, "kl": 0.1, "confidence": 1.5}
    expected = losses.cross_entropy(student["logits"], LABEL)
    np.testing.assert_array_equal(terms["cross_entropy"].value, expected)
    kl = losses.kl_divergence(student["logits"], taught["frozen"][0]["logits"], temperature=5.0)
    np.testing.assert_allclose(terms["kl"].value, 25 * kl / 3, rtol=1e-5)
    binary = losses.binary_cross_entropy(
        student["confidence"][:, 0], jnp.array([1.0, 0.0]), positive_weight=1.5
    )
    np.testing.assert_array_equal(terms["confidence"].value, binary)


@pytest.mark.parametrize("name", ["confidence_distillation", "naive_confidence"])
def test_the_options_of_the_confidence_reach_its_term(name):
    student, taught = confident(0), teacher(True, False)
    method = create(name, positive_weight=2.0, confidence_weight=0.5)
    term = method.terms(student, taught, CONTEXT)["confidence"]
    expected = losses.binary_cross_entropy(
        student["confidence"][:, 0], jnp.array([1.0, 0.0]), positive_weight=2.0
    )
    np.testing.assert_array_equal(term.value, expected)
    assert term.weight == 0.5


def test_the_options_of_a_naive_mixture_reach_its_kl():
    student, taught = confident(0), teacher(True, False)
    method = create("naive_confidence", temperature=2.0, mean_over_classes=False)
    kl = losses.kl_divergence(student["logits"], taught["frozen"][0]["logits"], temperature=2.0)
    term = method.terms(student, taught, CONTEXT)["kl"]
    np.testing.assert_allclose(term.value, 4 * kl, rtol=1e-5)


def downsampled(right, key=0):
    """Returns term and metrics of confidence_only for a batch of which `right` says the kinds."""
    count = len(right)
    label = jnp.zeros(count, jnp.int32)
    context = methods.Context(jax.random.key(key), jnp.zeros((), jnp.int32), {"label": label}, {})
    student = {"confidence": jnp.linspace(-2.0, 2.0, count)[:, None]}
    taught = {"frozen": ({"logits": jnp.eye(2)[jnp.where(jnp.array(right), 0, 1)]},)}
    method = create("confidence_only")
    terms = method.terms(student, taught, context)
    return terms["confidence"].value, method.metrics(student, taught, context)


def test_confidence_only_keeps_as_many_clips_of_each_kind():
    right = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1], bool)
    logits = np.linspace(-2.0, 2.0, 10)
    each = np.log1p(np.exp(np.where(right, -logits, logits)))
    chosen = set()
    for key in range(12):
        value, logged = downsampled(right, key)
        kept = np.asarray(value) > 0
        assert kept[~right].all() and kept[right].sum() == 2
        np.testing.assert_allclose(value.mean(), each[kept].mean(), rtol=1e-5)
        assert {n: round(float(v), 6) for n, v in logged.items() if n != "confidence"} == {
            "teacher_right": 0.8,
            "kept": 0.4,
            "skipped": 0.0,
        }
        chosen.update(np.flatnonzero(kept & right).tolist())
    assert len(chosen) > 4  # drawn anew with each key


@pytest.mark.parametrize("kind", [True, False])
def test_a_batch_of_one_kind_contributes_nothing_and_is_counted(kind):
    value, logged = downsampled([kind] * 4)
    np.testing.assert_array_equal(value, np.zeros(4))
    assert (logged["kept"], logged["skipped"]) == (0.0, 1.0)


def test_learned_confidence_moves_its_weight_towards_the_budget():
    method = create("learned_confidence", budget=0.3, confidence_weight=0.5)
    sizes = methods.Sizes(jax.random.key(0), None, {}, (), 4)
    memory = method.init_memory(sizes)
    np.testing.assert_allclose(memory["confidence_weight"], 0.5)
    context = CONTEXT._replace(memory=memory)
    for sure, moved in ((0.9, 0.5 / 1.01), (0.5, 0.5 / 0.99)):  # -log c = 0.105, 0.693
        logit = jnp.full((2, 1), jnp.log(sure / (1 - sure)))
        student = {**outputs(0), "confidence": logit}
        found = method.remember(student, {}, context, None)["confidence_weight"]
        np.testing.assert_allclose(found, moved, rtol=1e-6)
        terms = method.terms(student, {}, context)
        assert terms["confidence"].weight == memory["confidence_weight"]
        np.testing.assert_allclose(terms["confidence"].value, -np.log([sure, sure]), rtol=1e-5)


def test_the_price_that_is_compared_with_the_budget_is_the_mean():
    method = create("learned_confidence", budget=0.3)
    sure = np.array([[0.99], [0.2]])  # -log c = 0.01 and 1.61, 0.81 in the mean
    student = {**outputs(0), "confidence": jnp.log(sure / (1 - sure))}
    context = CONTEXT._replace(memory={"confidence_weight": jnp.float32(0.5)})
    moved = method.remember(student, {}, context, None)["confidence_weight"]
    np.testing.assert_allclose(moved, 0.5 / 0.99, rtol=1e-6)


def test_half_of_the_samples_may_have_hints():
    method, count = create("learned_confidence"), 400
    student = {"logits": jnp.zeros((count, 4)), "confidence": jnp.zeros((count, 1))}
    memory = {"confidence_weight": jnp.float32(0.1)}
    batch = {"label": jnp.zeros(count, jnp.int32)}
    shares = []
    for key in range(2):
        context = methods.Context(jax.random.key(key), jnp.zeros((), jnp.int32), batch, memory)
        value = method.terms(student, {}, context)["cross_entropy"].value
        hinted = np.isclose(value, -np.log(0.5 * 0.25 + 0.5))
        assert np.isclose(value[~hinted], np.log(4)).all()
        own = methods.own_key(context.key, 0)  # none of the clips' keys
        np.testing.assert_array_equal(hinted, jax.random.bernoulli(own, 0.5, (count,)))
        shares.append(hinted)
    assert 0.4 < np.mean(shares) < 0.6 and (shares[0] != shares[1]).any()


def test_a_student_may_learn_from_soft_targets_alone():
    student, taught = outputs(0), {"frozen": (outputs(1),)}
    with_labels = create("distillation", kd_weight=1.0).terms(student, taught, CONTEXT)
    assert {name: term.weight for name, term in with_labels.items()} == {
        "cross_entropy": 1.0,
        "kl": 1.0,
    }
    alone = create("distillation", kd_weight=1.0, label_weight=0.0)
    terms = alone.terms(student, taught, CONTEXT)
    assert set(terms) == {"kl"}
    np.testing.assert_array_equal(terms["kl"].value, with_labels["kl"].value)
    half = create("distillation", label_weight=0.5).terms(student, taught, CONTEXT)
    assert half["cross_entropy"].weight == 0.5


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("confidence_distillation", {"wrong_teacher": "unform"}, "did you mean 'uniform'"),
        ("confidence_distillation", {"positive_weight": 0.0}, "positive_weight: 0.0; use more"),
        ("confidence_distillation", {"label_smoothing": 0.1}, "does not read it"),
        ("naive_confidence", {"label_weight": 1.5}, "label_weight: 1.5; use at least 0, at most 1"),
        ("confidence_only", {"temperature": 1.0}, "it reads no option"),
        ("learned_confidence", {"budget": 0.0}, "budget: 0.0; use more than 0"),
        ("distillation", {"label_weight": 0.0, "kd_weight": 0.0}, "nothing to learn from"),
        ("distillation", {"label_weight": 0.0, "label_smoothing": 0.1}, "labels that label_weight"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(InputError, match=message):
        create(name, **options)


@pytest.fixture(scope="module")
def trained_teacher(small_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    train.train_and_evaluate(small_config(method__name="supervised", train__epochs=1), folder)
    return str(folder)


@pytest.fixture(scope="module")
def runs(small_config, trained_teacher, tmp_path_factory):
    """A short run of each method: its summary and its folder."""
    found = {}
    for name in ("confidence_distillation", "confidence_only", "learned_confidence"):
        taught = () if name == "learned_confidence" else (trained_teacher,)
        config = small_config(method__name=name, teachers__runs=taught, train__epochs=2)
        folder = tmp_path_factory.mktemp(name)
        found[name] = train.train_and_evaluate(config, folder), folder
    return found


@pytest.mark.parametrize("name", ["confidence_distillation", "confidence_only"])
def test_confidence_is_judged_by_what_the_teacher_says(name, runs, trained_teacher):
    summary, folder = runs[name]
    with np.load(f"{trained_teacher}/predictions.npz") as saved:
        right = top_k_correct(softmax(saved["logits"]), saved["labels"], 1)
    assert summary["teacher_right"] == right.mean()
    with np.load(folder / "confidence.npz") as arrays:
        np.testing.assert_array_equal(arrays["right"], right)
        assert arrays["confidence"].shape == right.shape
        np.testing.assert_allclose(arrays["confidence"].mean(), summary["confidence_mean"])
    records = read_records(folder / "metrics.jsonl")
    judged = [record for record in records if record["split"] == "val"]
    best = judged[summary["best_epoch"] - 1]
    assert summary["selected_on"] == "confidence_auroc"
    assert best["confidence_auroc"] == max(record["confidence_auroc"] for record in judged)
    assert {"confidence", "teacher_right", "loss/confidence"} <= set(records[0])
    assert "AUROC" in (folder / "report" / "index.html").read_text()


@pytest.mark.parametrize("name", ["confidence_distillation", "learned_confidence"])
def test_a_saved_network_gives_its_confidence(name, runs):
    _, folder = runs[name]
    card, variables = weights.load(folder)
    assert set(card.heads) == {"logits", "confidence"}
    network = weights.network_of(card, heads=("confidence",))
    found = network.apply(variables.as_dict(), np.zeros((3, 4, 24, 24, 3)), train=False)
    assert found["confidence"].shape == (3, 1) and found["logits"].shape == (3, 2)


def test_a_network_without_a_classifier_is_whole(runs):
    summary, folder = runs["confidence_only"]
    assert "video_top1" not in summary and not (folder / "predictions.npz").exists()
    assert summary["network"]["num_classes"] == 0
    card, variables = weights.load(folder)
    network = weights.network_of(card, heads=("confidence",))
    found = network.apply(variables.as_dict(), np.zeros((3, 4, 24, 24, 3)), train=False)
    assert set(found) == {"features", "confidence"} and set(variables.params) == {
        "backbone",
        "confidence",
    }
    lines = list(closing_lines(summary, folder))
    assert lines[0].startswith("confidence AUROC ")
    first = read_records(folder / "metrics.jsonl")[0]
    assert first["skipped"] in (0, 1)  # four clips: some of both kinds, or none kept
    assert (first["kept"] > 0) == (first["skipped"] == 0)


def test_the_weight_of_learned_confidence_is_in_the_checkpoint(runs):
    summary, folder = runs["learned_confidence"]
    assert "own_confidence_auroc" in summary and "confidence_auroc" not in summary
    assert summary["selected_on"] == "clip_top1"
    records = read_records(folder / "metrics.jsonl")
    trained = [record for record in records if record["split"] == "train"]
    np.testing.assert_allclose(trained[0]["confidence_weight"], 0.1, rtol=1e-6)
    for before, after in itertools.pairwise(trained):
        factor = 1 / 1.01 if before["loss/confidence"] < 0.3 else 1 / 0.99
        expected = before["confidence_weight"] * factor
        np.testing.assert_allclose(after["confidence_weight"], expected, rtol=1e-5)
