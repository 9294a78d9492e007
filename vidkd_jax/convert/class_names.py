"""Reads the names of a checkpoint's classes, in the forms in which projects publish them."""

import json
import re
from pathlib import Path

from vidkd_jax.annotations.text import read_lines, read_text
from vidkd_jax.errors import InputError, naming

_FORMS = (
    "give a name a line, in the order of the classes, or JSON: a list of names, or numbers from 0 "
    "by name (PyTorchVideo's kinetics_classnames.json), or names by number"
)


def read_class_names(path: Path) -> tuple[str, ...]:
    """Returns the names of classes by their numbers.

    Args:
      path: a text with a name a line (mmaction's label_map_k400.txt), perhaps behind its number
        (UCF101's classInd.txt); or JSON (.json): a list of names, numbers by name, or names by
        number. Quotes around a name are left out, as PyTorchVideo's file has them.

    Raises:
      InputError: the file cannot be read, has another form, or has a name twice.
    """
    with naming(f"--class_names={path}"):
        found = _json(path) if path.suffix.lower() == ".json" else _lines(path)
        names = tuple(name.strip().strip('"') for name in found)
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError(f"has '{min(twice)}' twice; {_FORMS}")
        if not all(names):
            raise InputError(f"has an empty name; {_FORMS}")
        return names


def _lines(path: Path) -> list[str]:
    """Returns the lines, without their numbers where each line has its own, from 0 or from 1."""
    lines = [line for _, line in read_lines(path)]
    numbered = [re.fullmatch(r"(\d+)[\s,]+(.+)", line) for line in lines]
    found = [each for each in numbered if each]
    if len(found) == len(lines):
        numbers = [int(each[1]) for each in found]
        if numbers == [*range(numbers[0], numbers[0] + len(numbers))] and numbers[0] in (0, 1):
            return [each[2] for each in found]
    return lines


def _json(path: Path) -> list[str]:
    try:
        found = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"is no JSON ({error}); {_FORMS}") from error
    if isinstance(found, list) and found and all(isinstance(name, str) for name in found):
        return found
    if not isinstance(found, dict) or not found:
        raise InputError(f"holds no names of classes; {_FORMS}")
    if all(isinstance(name, str) for name in found.values()):
        found = {name: number for number, name in found.items()}
    by_number = {str(number): name for name, number in found.items()}
    wanted = [str(number) for number in range(len(found))]
    if {*by_number} != {*wanted}:
        raise InputError(f"its numbers are not 0 to {len(found) - 1}; {_FORMS}")
    return [by_number[number] for number in wanted]
