"""Things of one kind by name: methods, backbones, samplers, evaluators, selectors."""

from collections.abc import Mapping
from typing import TypeVar

from vidkd_jax.errors import InputError, suggest

T = TypeVar("T")


class Registry(dict[str, T]):
    """Ours, and those that a file of one's own adds, such as one in configs/.

    Attributes:
      kind: what they are, as a message calls one of them.
      ours: the names that nobody else may give.
    """

    def __init__(self, kind: str, ours: Mapping[str, T]) -> None:
        super().__init__(ours)
        self.kind = kind
        self.ours = frozenset(ours)

    def add(self, name: str, thing: T) -> None:
        """Adds one; the last one of a name counts, because a file may be read more than once.

        Raises:
          ValueError: one of ours has this name.
        """
        if name in self.ours:
            raise ValueError(f"{self.kind} '{name}' is one of ours; choose another name")
        self[name] = thing

    def lookup(self, name: str, where: str) -> T:
        """Returns the one of a name.

        Args:
          name: as the user gives it.
          where: the field or flag that gives it, for the message.

        Raises:
          InputError: there is none of this name.
        """
        if name not in self:
            raise InputError(f"{where}: no {self.kind} '{name}'{suggest(name, self)}")
        return self[name]
