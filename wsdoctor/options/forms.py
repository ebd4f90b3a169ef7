"""How the values of options are written: on the command line, in the settings file, and in Python.

A form reads each of the three, and knows their types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from wsdoctor.options import parse
from wsdoctor.options.script import given_steps, python_steps, settings_steps


class Form:
    """A value that is written as it is: a text, or a number.

    ``where`` is what a sentence about a wrong value calls the option.
    """

    is_switch = False
    adds = False
    """Whether the command line, a route and the settings add up, rather than replace each other."""
    words = "text"
    """What docs/settings.md calls the type."""

    def written(self, kind: Any) -> Any:
        """The type on the command line, for a field of type ``kind``."""
        return kind

    def in_file(self) -> Any:
        """The type in the settings file, as msgspec takes it."""
        return str

    def shown(self, value: Any) -> Any:
        """How ``value``, of a field or of the settings file, is written on the command line."""
        return value

    def parse(self, given: Any, where: str) -> Any:
        """The value that ``given`` means, which was written on the command line."""
        return self.checked(given, where)

    def read(self, given: Any, where: str) -> Any:
        """The value that ``given`` means, which stands in the settings file."""
        return self.checked(given, where)

    def take(self, given: Any, where: str) -> Any:
        """The value that ``given`` means, which a Python program hands over."""
        return self.checked(given, where)

    def checked(self, value: Any, where: str) -> Any:  # noqa: ARG002 - other forms need it
        """``value``, if it can be used; otherwise raises InputError or PlanError."""
        return value

    def together(self, values: Sequence[Any]) -> Any:
        """One value of all ``values``, those of the settings first: the last one, unless the form ``adds``."""
        return values[-1]


class Switch(Form):
    """A flag that is given or not."""

    is_switch = True
    words = "true or false"

    def in_file(self) -> Any:
        return bool


class Turns(Form):
    """A flag that stands for the value ``on`` of an option that has more of them."""

    is_switch = True

    def __init__(self, on: str, off: str) -> None:
        self._on, self._off = on, off

    def written(self, kind: Any) -> Any:  # noqa: ARG002 - as declared
        return bool

    def shown(self, value: Any) -> Any:
        return bool(value == self._on)

    def parse(self, given: Any, where: str) -> Any:  # noqa: ARG002 - as declared
        return self._on if given else self._off


class Choice(Form):
    """One of a few words."""

    def __init__(self, literal: Any) -> None:
        self._literal = literal
        *names, last = (f'`"{name}"`' for name in get_args(literal))
        self.words = f"{', '.join(names)} or {last}" if names else last

    def in_file(self) -> Any:
        return self._literal


class Seconds(Form):
    """A time above 0, and not above ``most``."""

    words = "seconds"

    def __init__(self, most: float = parse.MOST_SECONDS) -> None:
        self._most = most

    def in_file(self) -> Any:
        from msgspec import Meta

        return Annotated[float, Meta(gt=0)]

    def checked(self, value: Any, where: str) -> Any:
        return None if value is None else parse.seconds(value, where, self._most)


class Texts(Form):
    """A list of texts; with ``commas`` one text may hold several. ``each`` turns one into its value."""

    words = "list of texts"

    def __init__(
        self,
        *,
        commas: bool = False,
        each: Callable[[str], str] | None = None,
        words: str = "list of texts",
    ) -> None:
        self._commas = commas
        self._each = each
        self.words = words

    def written(self, kind: Any) -> Any:  # noqa: ARG002 - as declared
        return list[str] | None

    def in_file(self) -> Any:
        return tuple[str, ...]

    def shown(self, value: Any) -> Any:
        return list(value) or None

    def parse(self, given: Any, where: str) -> Any:
        texts = parse.comma_separated(given) if self._commas else tuple(given or ())
        return self.checked(texts, where)

    def read(self, given: Any, where: str) -> Any:
        return self.checked(tuple(given), where)

    take = read

    def checked(self, value: Any, where: str) -> Any:  # noqa: ARG002 - as declared
        return value if self._each is None else tuple(map(self._each, value))


class UniqueTexts(Texts):
    """A list of texts, each once."""

    adds = True

    def checked(self, value: Any, where: str) -> Any:
        return tuple(dict.fromkeys(super().checked(value, where)))

    def together(self, values: Sequence[Any]) -> Any:
        return self.checked([text for texts in values for text in texts], "")


class Pairs(Form):
    """Names with values. ``reader`` reads the texts of the command line.

    With ``sign`` between name and value, it also judges what stands in the settings file.
    """

    adds = True
    words = "table"

    def __init__(
        self, reader: Callable[[Iterable[str] | None], tuple[parse.Pair, ...]], *, sign: str = ""
    ) -> None:
        self._reader = reader
        self._sign = sign

    def written(self, kind: Any) -> Any:  # noqa: ARG002 - as declared
        return list[str] | None

    def in_file(self) -> Any:
        return dict[str, str]

    def shown(self, value: Any) -> Any:  # noqa: ARG002 - the default, which is empty
        return None

    def parse(self, given: Any, where: str) -> Any:  # noqa: ARG002 - the reader names its option
        return self._reader(given)

    def read(self, given: Any, where: str) -> Any:
        if self._sign:
            return self._reader(f"{name}{self._sign}{value}" for name, value in given.items())
        return self.take(given, where)

    def take(self, given: Any, where: str) -> Any:  # noqa: ARG002 - as declared
        return tuple((given or {}).items())

    def together(self, values: Sequence[Any]) -> Any:
        """All pairs; later ones take the place of others of their names."""
        found: tuple[parse.Pair, ...] = ()
        for pairs in values:
            names = {name.lower() for name, _ in pairs}
            found = (*(pair for pair in found if pair[0].lower() not in names), *pairs)
        return found


class Table(Pairs):
    """Names with one value each."""

    def parse(self, given: Any, where: str) -> Any:
        return dict(super().parse(given, where))

    def take(self, given: Any, where: str) -> Any:
        return dict(super().take(given, where))

    read = take

    def together(self, values: Sequence[Any]) -> Any:
        return {name: value for table in values for name, value in table.items()}


class Steps(Texts):
    """The client's script."""

    def __init__(self) -> None:
        super().__init__(words="list of steps")

    def parse(self, given: Any, where: str) -> Any:  # noqa: ARG002 - the reader names the options
        return given_steps(given or ())

    def read(self, given: Any, where: str) -> Any:
        return settings_steps(given, f"{where} setting")

    def take(self, given: Any, where: str) -> Any:  # noqa: ARG002 - as declared
        return python_steps(given)


class Workers(Form):
    """A number of processes; ``auto`` is 0."""

    words = 'number or `"auto"`'

    def written(self, kind: Any) -> Any:  # noqa: ARG002 - as declared
        return str

    def in_file(self) -> Any:
        from msgspec import Meta

        return Annotated[int, Meta(ge=1)] | Literal["auto"]

    def shown(self, value: Any) -> Any:
        return str(value or "auto")

    def parse(self, given: Any, where: str) -> Any:  # noqa: ARG002 - the reader names its option
        return parse.workers(given)


class Shard(Form):
    """A share of the work, and how many there are."""

    def written(self, kind: Any) -> Any:  # noqa: ARG002 - as declared
        return str | None

    def parse(self, given: Any, where: str) -> Any:  # noqa: ARG002 - the reader names its option
        return parse.shard(given)


class File(Form):
    """The path of a file or a folder; in the settings it is relative to the settings file."""


class Reports(Texts):
    """Files to write, by format."""

    def __init__(self) -> None:
        super().__init__(words="table")

    def in_file(self) -> Any:
        return dict[str, str]


class Routes(Form):
    """What routes want of their own: a table for each."""

    words = "table of tables"


def form_of(kind: Any) -> Form:
    """The form of a field of type ``kind``, if the declaration names none."""
    if kind is bool:
        return Switch()
    literal = next((part for part in (kind, *get_args(kind)) if get_origin(part) is Literal), None)
    return Form() if literal is None else Choice(literal)
