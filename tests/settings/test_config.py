import dataclasses
import importlib.util
import json
import os
from pathlib import Path

import pytest

from vidkd_jax.errors import InputError
from vidkd_jax.settings import config_files
from vidkd_jax.settings.config import from_json, get_base_config, read, set_field
from vidkd_jax.settings.recipes import DATASETS, OTHER_SPLITS, build
from vidkd_jax.settings.settings import flatten

CONFIGS = Path("configs")
GOLDEN = Path("tests/golden")


def test_paths_may_begin_with_the_users_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    config = get_base_config()
    set_field(config, "data.root", "~/data")
    set_field(config, "teachers.runs", ("~/a", "b~"))
    settings = read(config)
    assert settings.data.root == "/home/me/data"
    assert settings.teachers.runs == ("/home/me/a", "b~")
    assert config.data.root == "~/data"  # the caller's own is not changed


def load(name, *arguments):
    spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(*arguments)


FIRST_SPLITS = [dataset for dataset in DATASETS if dataset not in OTHER_SPLITS]
# Every file of configs/ with every argument that it takes, but for further splits.
CONFIG_NAMES = [
    *(f"{path.stem}:{dataset}" for path in CONFIGS.glob("*.py") for dataset in FIRST_SPLITS),
    "demo",
]
CONFIG_NAMES = sorted(name for name in CONFIG_NAMES if not name.startswith("demo:"))


@pytest.mark.parametrize("name", CONFIG_NAMES)
def test_every_config_is_valid(name):
    config = load(*name.split(":"))
    read(config)
    dataset = name.partition(":")[2] or "marionette"
    own_name = {"laptop": "mine"}
    assert (
        config.data.name == own_name.get(dataset, dataset).removesuffix("_third")
        and config.is_locked
    )


@pytest.mark.parametrize("split", OTHER_SPLITS)
@pytest.mark.parametrize("name", ["ty_r18_released", "condi_teacher", "pcl_r3d", "dtg_r18"])
def test_further_splits_have_the_recipe_of_the_first(name, split):
    dataset, _, number = split.partition("_split")
    one, other = (read(load(name, argument)).by_field() for argument in (dataset, split))
    assert {field for field in one if one[field] != other[field]} == {"name", "data.split"}
    assert other["data.split"] == int(number) and other["name"].endswith(split)


@pytest.mark.parametrize("name", ["supervised_r34", "supervised_r50", "ty_r50"])
def test_narrow_deep_networks_begin_as_their_shortcuts(name):
    assert load(name, "marionette_third").model.zero_init_residual
    assert load(name, "laptop").model.zero_init_residual
    assert not load(name).model.zero_init_residual  # the papers' networks do not
    assert not load("ty_r18", "marionette").model.zero_init_residual
    own = build("mine", "laptop", model__name="ty_r3d_50", model__zero_init_residual=False)
    assert not own.model.zero_init_residual  # a config's own fields come last


def test_papers_values():
    config = load("ty_r18")
    assert (config.optim.learning_rate, config.optim.momentum, config.optim.weight_decay) == (
        0.01,
        0.9,
        5e-4,
    )
    assert (config.train.batch_size, config.train.epochs, config.schedule.patience) == (16, 200, 10)
    assert (config.data.frames, config.data.crop, config.data.short_side) == (16, 112, 128)
    method = read(config).method
    assert (method.kd_weight, method.temperature) == (0.2, 5.0)
    assert method.scale_by_temperature_squared is False
    assert {
        config.augment[name]
        for name in ("flip", "contrast", "brightness", "hue", "blur", "channel_split", "noise")
    } == {0.5}


@pytest.mark.parametrize("name", ["pcl_c3d", "pclkd_r21d_r3d"])
def test_pcls_values_are_those_of_table_1(name):
    """PCL+KD 2024, Table 1 and section 3.4; the 2022 paper differs in its epochs."""
    config = load(name)
    assert (config.optim.learning_rate, config.optim.momentum) == (0.01, 0.9)
    assert config.optim.weight_decay == 5e-4
    assert (config.train.batch_size, config.train.epochs) == (16, 200)
    assert load(name, "ucf101_2022").train.epochs == 100
    assert (config.data.frames, config.data.crop, config.data.short_side) == (10, 112, 128)
    method = read(config).method
    assert (method.tuple_length, method.interval, method.contrast_weight) == (3, 8, 0.5)
    augment = config.augment
    assert (augment.jitter, augment.grey, augment.blur) == (0.8, 0.2, 0.5)
    assert augment.jitter_strength == (0.4, 0.4, 0.4, 0.1)
    if name == "pclkd_r21d_r3d":
        assert (method.temperature, method.distilled) == (4.0, "pretext")


def departures(config):
    """Returns the settings of a config that differ from the defaults, as JSON values."""
    base = read(get_base_config()).by_field()
    return {f: value for f, value in read(config).by_field().items() if base.get(f, ...) != value}


def check_golden(name, found):
    """Compares with a file in tests/golden; with UPDATE_GOLDEN=1, writes the file first."""
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert json.loads(path.read_text()) == found


def test_defaults_are_the_golden_ones():
    """Defaults change only on purpose; then run `UPDATE_GOLDEN=1 pytest` and check the diff."""
    check_golden("defaults", read(get_base_config()).by_field())


def test_what_each_config_sets_is_golden():
    check_golden("configs", {name: departures(load(*name.split(":"))) for name in CONFIG_NAMES})


def test_the_released_recipe_keeps_its_optimiser_where_there_are_steps_for_it():
    released = load("ty_r18_released").optim
    assert (released.name, released.momentum, released.nesterov) == ("sgd", 0.99, True)
    for small in ("marionette_third", "laptop"):
        assert load("ty_r18_released", small).optim.name == "adamw"
        assert load("ty_r18_released", small).optim.learning_rate == 2e-3


def test_the_two_papers_of_pcl_kd_have_epochs_of_their_own():
    assert load("pcl_r3d").train.epochs == 200
    before = load("pclkd_c3d_r3d", "ucf101_2022")
    assert (before.train.epochs, before.data.name) == (100, "ucf101")
    with pytest.raises(InputError, match="ucf101_2022: no such data set"):
        load("finetune_c3d", "ucf101_2022")


def test_left_and_right_are_not_mirrored_where_classes_tell_them_apart():
    assert load("ty_r18", "ssv2").augment.flip == 0.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"method.name": "decoupled", "method.kd_weight": 0.5},
            r"method\.kd_weight: method 'decoupled' does not read it; it reads label_smoothing, ",
        ),
        ({"method.name": "distillation", "method.first_teacher": "random"}, "does not read it"),
        ({"model.residual": "circular", "data.sampler": "still"}, r"of data\.sampler='still' have"),
        ({"model.residual": "circular", "data.frames": 1}, r"changes, .* of data\.frames=1 have"),
        ({"schedule.name": "cosine", "schedule.patience": 3}, r"schedule\.patience: .*'cosine'"),
        ({"schedule.name": "steps", "schedule.patience": 3}, r"schedule\.patience: .*'steps'"),
        ({"schedule.drops": (3,)}, r"schedule\.drops: .*'plateau' does not read it; .*'steps'"),
        (
            {"method.name": "dist_init"},
            r"schedule\.name: 'plateau' follows a validation figure.*the last epoch counts",
        ),
        (
            {"schedule.name": "steps", "schedule.group_drops": (("head", (1,)),)},
            r"schedule\.group_drops: 'head' is no pattern of optim\.multipliers; add \('head', 1",
        ),
        (
            {"optim.multipliers": (("head", 0.5), ("head", 0.1))},
            r"optim\.multipliers: \('head', 'head'\) has a pattern twice; give each once",
        ),
        (
            {
                "optim.multipliers": (("head", 1.0),),
                "schedule.group_drops": (("head", (1,)), ("head", (2,))),
            },
            r"schedule\.group_drops: \('head', 'head'\) has a pattern twice",
        ),
        (
            {"schedule.name": "steps", "schedule.group_drops": ("head",)},
            r"schedule\.group_drops: 'head'; give \(pattern, epochs\) pairs",
        ),
        (
            {"optim.name": "adamw", "optim.nesterov": True},
            r"optim\.nesterov: 'adamw' does not read",
        ),
        ({"optim.momentum": 0.0, "optim.nesterov": True}, r"optim\.nesterov: .*optim\.momentum"),
        ({"schedule.name": "cosine", "schedule.factor": 0.5}, r"schedule\.factor: .*'cosine'"),
        ({"data.folds": 2}, r"data\.folds: 2 would do nothing; set data\.fold for a teacher"),
        ({"data.folds": 2, "data.fold": 3}, r"data\.fold: 3 of data\.folds=2; use two folds"),
        ({"data.folds": 1, "data.fold": 1}, r"data\.fold: 1 of data\.folds=1; use two folds"),
        ({"data.val": "fold"}, r"data\.val: 'fold' validates on the groups of one fold; set"),
        (
            {"teachers.cross_fitted": True, "data.folds": 2, "data.fold": 1},
            r"teachers\.cross_fitted: .* student trains on all folds",
        ),
        ({"data.videos": "clips"}, r"data\.videos: data\.source='records' does not read it"),
        (
            {"train.epochs": 3, "schedule.warmup_epochs": 3},
            r"schedule\.warmup_epochs: 3 of train\.epochs=3: .* never be reached",
        ),
    ],
)
def test_settings_that_would_do_nothing(fields, message):
    config = get_base_config()
    for field, value in fields.items():
        set_field(config, field, value)
    with pytest.raises(InputError, match=message):
        read(config)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "optim.lerning_rate",
            0.1,
            r"optim\.lerning_rate: no such field; did you mean 'optim\.learning_rate'",
        ),
        ("data.frames", "many", r"data\.frames: 'many' is not of type int"),
        ("train.epochs", 1.5, r"train\.epochs: 1\.5 is not of type int"),
        ("augment.enabled", "yes", r"augment\.enabled: 'yes' is not of type bool"),
    ],
)
def test_unknown_and_ill_typed_fields(field, value, message):
    with pytest.raises(InputError, match=message):
        set_field(get_base_config(), field, value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model.name", "ty_r3d18", "did you mean 'ty_r3d_18'"),
        ("method.name", "teach_yourself", "did you mean 'teaching_yourself'"),
        ("model.dtype", "float16", "bfloat16"),
        ("data.crop", 160, r"data\.crop: 160 is larger than data\.short_side \(128\)"),
        ("data.frames", 0, "at least 1"),
        ("data.fraction", 0.0, "more than 0"),
        ("data.fraction", 1.5, "at most 1"),
        ("data.val_fraction", 0.0, "more than 0"),
        ("seed", -1, "at least 0"),
        ("seed", 2**32, "less than 4294967296"),
        ("model.width", float("inf"), "finite"),
        ("optim.learning_rate", float("nan"), "finite"),
        ("data.val", "validation", "no 'validation'"),
        ("eval.average", "mean", "softmax"),
        ("optim.learning_rate", -0.1, "at least 0"),
        ("optim.momentum", 1.0, "less than 1"),
        ("method.label_smoothing", 1.0, "less than 1"),
        ("optim.multipliers", (("(", 0.1),), r"give \(pattern, factor\) pairs"),
        ("optim.multipliers", (("a", -1.0),), r"give \(pattern, factor\) pairs"),
        ("optim.multipliers", (("a", float("inf")),), r"give \(pattern, factor\) pairs"),
        ("train.fork_epoch", -1, "at least 0"),
        ("train.keep_epochs", (3, 1), "use rising numbers of epochs"),
        ("train.keep_epochs", (0,), "from 1 up"),
        ("model.residual", "circle", "did you mean 'circular'"),
        ("teachers.runs", (1,), r"teachers\.runs: \(1,\); name folders"),
        ("data.crop_sizes", (0,), "whole numbers from 8 up"),
        ("data.crop_sizes", ("a",), "whole numbers from 8 up"),
        ("data.size", 1, "8 or more"),
        ("augment.blur", 2.0, r"augment\.blur"),
        ("augment.blur_size", 4, r"augment\.blur_size"),
        ("augment.hue_range", (0.5, 0.1), r"augment\.hue_range"),
        ("train.batch_size", 0, "at least 1"),
        ("augment.jitter_strength", ("a", "b", "c", "d"), r"augment\.jitter_strength: .*use 4 of"),
    ],
)
def test_impossible_values_name_the_field_and_the_remedy(field, value, message):
    config = get_base_config()
    set_field(config, field, value)
    with pytest.raises(InputError, match=message) as caught:
        read(config)
    assert "\n" not in str(caught.value) and field in str(caught.value)


def test_settings_that_would_do_nothing_are_refused():
    config = build("ty", "ucf101", method__name="teaching_yourself")
    set_field(config, "method.teacher_weights", (1.0, 2.0))
    with pytest.raises(InputError, match=r"'teaching_yourself' does not read it"):
        read(config)
    config = build("c3d", "ucf101", model__name="vcop_c3d", model__zero_init_residual=True)
    with pytest.raises(InputError, match=r"'vcop_c3d' has no residual blocks that end in a norm"):
        read(config)


@pytest.mark.parametrize(
    "field", ["teachers.runs", "data.crop_sizes", "seed", "method.name", "optim.multipliers"]
)
def test_none_is_no_value_of_a_field(field):
    """A config's file may set it, though no flag can."""
    config = get_base_config()
    section, _, name = field.rpartition(".")
    with config.ignore_type():
        (config[section] if section else config)[name] = None
    with pytest.raises(InputError, match=rf"config\.{field}: None; give \w+, or leave it out"):
        read(config)


def test_the_usual_folder_of_records_does_not_overrule_a_configs(monkeypatch, tmp_path):
    monkeypatch.setenv("VIDKD_DATA", "/usual")
    file = tmp_path / "own.py"
    for fields, root in (("", "/usual"), (', data__root="/mine"', "/mine")):
        file.write_text(
            "from vidkd_jax.settings.recipes import build\n"
            f"def get_config(data): return build('x', data{fields})\n"
        )
        assert config_files.load(file, "laptop", {}).data.root == root
    assert config_files.load(file, "laptop", {"data.root": "/flag"}).data.root == "/flag"


def test_unknown_dataset_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'hmdb51'"):
        build("ty_r18", "hmdb")


def test_fields_are_listed_by_dotted_name():
    assert flatten(get_base_config().to_dict())["data.frames"] == 16


def methods_own(name, **fields):
    """Returns the method's settings if flags set another method in supervised_r18."""
    config = load("supervised_r18")
    for field, value in {"method.name": name, **fields}.items():
        set_field(config, field, value)
    return read(config).method


def test_a_method_named_by_flag_has_its_own_defaults():
    """They are not the defaults of the config's own method or of TY."""
    mutual, decoupled = methods_own("mutual_learning"), methods_own("decoupled")
    assert (mutual.kd_weight, mutual.temperature) == (1.0, 1.0)
    assert (decoupled.temperature, decoupled.other_weight) == (4.0, 8.0)
    assert methods_own("distillation").temperature == 5.0
    given = methods_own("mutual_learning", **{"method.temperature": 3.0})
    assert (given.kd_weight, given.temperature) == (1.0, 3.0)


def test_settings_come_back_from_their_json():
    config = load("ty_r18_released", "marionette_third")
    set_field(config, "optim.multipliers", (("logits", 0.1),))
    settings = read(config)
    assert read(from_json(settings.as_json())) == settings
    # Older files hold the options of all methods, and lack newer settings.
    old = settings.as_json()
    old["method"] |= {"hint_weight": 100.0, "ema_decay": 0.999}
    del old["model"]["residual"], old["optim"]["multipliers"]
    expected = {**settings.by_field(), "optim.multipliers": []}
    assert read(from_json(old)).by_field() == expected


def test_windows_of_the_released_recipe_follow_the_crop():
    config = load("ty_r18_released")
    assert read(config).data.crop_sizes == (128, 112, 96, 84)  # as there, in frames of 128
    set_field(config, "data.crop", 224)
    set_field(config, "data.short_side", 256)
    assert read(config).data.crop_sizes == (256, 224, 192, 168)
    set_field(config, "data.crop_sizes", (240, 0.5))
    assert read(config).data.crop_sizes == (240, 112)


@pytest.mark.parametrize("sizes", [(112.0,), (0.01,), (-0.5,), ("112",)])
def test_sizes_of_windows_that_cannot_be_are_refused(sizes):
    config = get_base_config()
    set_field(config, "data.crop_sizes", sizes)
    with pytest.raises(InputError, match=r"crop_sizes: .*whole numbers from 8 up, or shares of da"):
        read(config)


def test_settings_are_frozen():
    settings = read(get_base_config())
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.data.frames = 3
