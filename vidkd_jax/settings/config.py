"""The door: the `ConfigDict` that files in configs/ and flags change, and how a run reads it."""

import dataclasses
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict, config_dict
from ml_collections.config_flags import tuple_parser

from vidkd_jax import methods
from vidkd_jax.augment import Augment
from vidkd_jax.errors import InputError, suggest, with_home
from vidkd_jax.options import check_options, tuples
from vidkd_jax.settings import checks
from vidkd_jax.settings.settings import SECTIONS, AugmentSettings, Settings, flatten

_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_LARGEST_SHARE = 8  # from there on a size of a window is of pixels, which are whole
_PARSERS: Mapping[type, Callable[[str], Any]] = {  # from the command line's text to a value
    int: int,
    float: float,
    bool: lambda text: _BOOLEANS[text.lower()],
    tuple: tuple_parser.TupleParser().parse,  # as ml_collections' flags do
}


def get_base_config() -> ConfigDict:
    """Returns the defaults, locked.

    The options of all methods are there, without a value: what a config does not set is the
    method's own default.
    """
    config = ConfigDict({"name": "run", "seed": 0, "distributed": False})
    for section, settings in SECTIONS.items():
        config[section] = ConfigDict(dataclasses.asdict(settings()))
    config.method = ConfigDict({"name": "supervised"})
    for option, default in all_options().items():
        config.method[option] = config_dict.placeholder(type(default))
    return config.lock()


def all_options() -> dict[str, Any]:
    """Returns the options of all methods, each with one method's default.

    Methods that share an option agree on its type.
    """
    return {o: v for name in methods.available() for o, v in methods.options(name).items()}


def usual_root() -> str:
    """Returns the records' folder that the variable VIDKD_DATA names; "" where it is not set."""
    return with_home(os.environ.get("VIDKD_DATA", ""))


def read(config: ConfigDict) -> Settings:
    """Returns the settings of a config.

    Raises:
      InputError: one line that names the field that is wrong, and what would be right.
    """
    _check_given(config)
    config = _with_window_sizes(_expanded(config))
    sections = {name: settings(**config[name]) for name, settings in SECTIONS.items()}
    for name, section in sections.items():
        check_options(section, name)
    augment: AugmentSettings = sections["augment"]
    given = {o: v for o, v in config.method.items() if o != "name" and v is not None}
    policy = augment if augment.enabled else Augment.none()
    method = methods.create(config.method.name, augment=policy, **given)
    settings = Settings(
        name=config.name,
        seed=config.seed,
        method_name=config.method.name,
        method=method,
        distributed=config.distributed,
        **sections,
    )
    checks.validate(settings)
    return settings


def _check_given(config: ConfigDict) -> None:
    """Refuses None, which a config's file may give any field, where it means nothing.

    Raises:
      InputError: names the field.
    """
    given = flatten(config.to_dict())
    for field, usual in flatten(get_base_config().to_dict()).items():
        if usual is not None and given.get(field) is None:
            raise InputError(f"config.{field}: None; give {type(usual).__name__}, or leave it out")


def _expanded(config: ConfigDict) -> ConfigDict:
    """Returns the config with the user's folder for ~ in every text that begins with it."""

    def expanded(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(expanded, value))
        return with_home(value) if isinstance(value, str) else value

    found = config.copy_and_resolve_references()
    for field, value in flatten(config.to_dict()).items():
        if expanded(value) != value:
            set_field(found, field, expanded(value))
    return found


def _with_window_sizes(config: ConfigDict) -> ConfigDict:
    """Returns the config with pixels for sizes of windows that are shares of the crop."""
    crop, most = config.data.crop, config.data.short_side

    def pixels(size: Any) -> Any:
        is_share = isinstance(size, float) and size < _LARGEST_SHARE
        return round(min(size * crop, most)) if is_share else size

    config.data.crop_sizes = tuple(map(pixels, config.data.crop_sizes))
    return config


def from_json(saved: dict[str, Any]) -> ConfigDict:
    """Returns the config that `Settings.as_json` was written from.

    A field that is younger than the file has its default. An option that the method does not read
    (older files have those of all methods) is left out, as is what is no field any more.
    """
    config = get_base_config()
    name = saved["method"]["name"]
    own, valid = methods.options(name), flatten(config.to_dict())
    for field, value in flatten(saved).items():
        section, _, option = field.partition(".")
        unread = section == "method" and option != "name" and option not in own
        if unread or field not in valid:
            continue
        set_field(config, field, value)
    return config


def overrides(arguments: Iterable[str], flags: Iterable[str] = ()) -> dict[str, str]:
    """Returns the texts of "--config.FIELD=TEXT" by field; of several the last one counts.

    Args:
      arguments: of the command line, which are none of the command's own flags.
      flags: these, such as "--workdir", for the message.

    Raises:
      InputError: an argument is something else.
    """
    found = {}
    for argument in arguments:
        matched = re.fullmatch(r"--config\.([^=]+)=(.*)", argument, re.DOTALL)
        if not matched:
            meant = suggest(argument.partition("=")[0], flags) if flags else ""
            raise InputError(
                f"unexpected argument '{argument}'{meant}; settings are --config.FIELD=VALUE"
            )
        found[matched[1]] = matched[2]
    return found


def parse(flag: str, text: str, kind: type) -> Any:
    """Returns the value that a flag's text stands for.

    Args:
      flag: for the message.
      text: of the command line.
      kind: of the field; of another one than these the text is the value.

    Raises:
      InputError: it is not of this type.
    """
    try:
        return _PARSERS.get(kind, str)(text)
    except (KeyError, ValueError):
        raise InputError(f"{flag}: '{text}' is not of type {kind.__name__}") from None


def set_field(config: ConfigDict, field: str, value: Any) -> None:
    """Sets the dotted `field` to `value`, which must have the type of the present value.

    A list, as JSON has it, stands for a tuple.

    Raises:
      InputError: there is no such field, or it has another type.
    """
    _check_field(config, field)
    try:
        config.update_from_flattened_dict({field: tuples(value)})
    except TypeError:
        kind = config_type(config, field).__name__
        raise InputError(f"config.{field}: {value!r} is not of type {kind}") from None


def _check_field(config: ConfigDict, field: str) -> None:
    valid = flatten(config.to_dict())
    if field not in valid:
        raise InputError(f"config.{field}: no such field{suggest(field, valid)}")


def config_type(config: ConfigDict, field: str) -> Any:
    """Returns the type of a dotted field, also where it has no value yet.

    Raises:
      InputError: there is no such field.
    """
    _check_field(config, field)
    *sections, name = field.split(".")
    for section in sections:
        config = config[section]
    return config.get_type(name)
