"""What the declaration of an option says: the field holds name, type and default, this the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from wsdoctor.options.forms import Form, form_of

RUN = "What to run"
HANDSHAKE = "Reaching the handler"
OUTPUT = "Output"
"""Panels of the help."""

PYTHON = "wsdoctor.check"
"""The Python function, where commands are named."""

Masked = Literal["", "headers", "cookies", "query"]
"""How a secret is written: as a header, as cookies, or as a query."""

Scope = Literal["run", "route", "both"]
"""The owner of a value: the run, or a route that has its own; in the scope ``both`` both values count."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option, wherever it is given. ``name``, ``kind`` and ``default`` are those of its field.

    On the command line:

    - ``flags``, ``help``, ``metavar``, ``panel`` and ``completion``, which names a function of
      ``wsdoctor.cli.completion``. Without flags it is an argument if it has a ``metavar``; otherwise it is not there.
    - ``commands`` take the option; None: each command that takes the group.
    - ``defaults`` of the commands whose default is not that of the field.
    - ``instead`` has the option that a command offers in its place.
    - ``also`` are options that add to the same value, in the order of the command line.
    - ``eager``: it is read before the others. ``show_default``: the help shows its default.

    In the settings file: ``key``, and ``setting``, which describes the key (default: the ``help``).
    ``scope`` says whose the value is.

    ``masked`` says how a secret is written in the value; no output has it. With ``masked_after``, only
    the text after that is a secret.
    """

    flags: tuple[str, ...]
    form: Form
    kind: Any = None
    name: str = ""
    default: Any = None
    help: str = ""
    metavar: str | None = None
    panel: str | None = None
    completion: str = ""
    commands: Collection[str] | None = None
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    instead: Mapping[str, Option] = dataclasses.field(default_factory=dict)
    also: tuple[Option, ...] = ()
    key: str = ""
    setting: str = ""
    scope: Scope = "run"
    masked: Masked = ""
    masked_after: str = ""
    eager: bool = False
    show_default: bool = True

    @property
    def flag(self) -> str:
        """How sentences call it."""
        return self.flags[0] if self.flags else self.name

    @property
    def about(self) -> str:
        """What it is in the settings file."""
        return self.setting or self.help

    @property
    def takes_value(self) -> bool:
        """Whether the word behind it on a command line is its value."""
        return bool(self.flags) and not self.form.is_switch

    @property
    def given_as_default(self) -> bool:
        """Whether a value in the settings file takes the place of the command line's default."""
        return bool(self.key) and self.scope != "route" and bool(self.flags or self.metavar)

    def of(self, command: str) -> Option:
        """The option as ``command`` has it."""
        if command not in self.instead and command not in self.defaults:
            return self
        spelled = self.instead.get(command, self)
        default = self.defaults.get(command, self.default)
        return dataclasses.replace(spelled, name=self.name, default=default)


_BY_TYPE = Form()
"""Stands for the form that follows from the type of a field."""


def option(default: T, *flags: str, form: Form = _BY_TYPE, **more: Any) -> T:
    """A field of a dataclass that is the declaration of an option; ``more`` are fields of Option."""
    metadata = {_DECLARED: Option(flags=flags, form=form, **more)}
    if isinstance(default, dict):
        field: Any = dataclasses.field(default_factory=dict, metadata=metadata)
    else:
        field = dataclasses.field(default=default, metadata=metadata)
    declared: T = field
    return declared


_DECLARED = "wsdoctor.option"


def options_of(group: type, command: str = "") -> tuple[Option, ...]:
    """The options that the fields of ``group`` declare; as ``command`` has them, if it is named."""
    declared = _declared_by(group)
    if not command:
        return declared
    return tuple(
        item.of(command) for item in declared if item.commands is None or command in item.commands
    )


@cache
def _declared_by(group: type) -> tuple[Option, ...]:
    return tuple(
        dataclasses.replace(
            declared,
            form=form_of(field.type) if declared.form is _BY_TYPE else declared.form,
            kind=field.type,
            name=field.name,
            default={} if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(group)
        if (declared := field.metadata.get(_DECLARED)) is not None
    )


def from_texts(
    group: type[T], command: str, given: Mapping[str, Any], *, by_key: bool = False
) -> T:
    """The ``group`` of which ``command`` was ``given`` values, written as on the command line.

    Other fields have their defaults. Messages about wrong values name the option's flag, or its key in
    the settings. Raises InputError and PlanError.
    """
    values = {}
    for item in options_of(group, command):
        text = given.get(item.name, item.form.shown(item.default))
        values[item.name] = item.form.parse(text, item.key if by_key else item.flag)
    return group(**values)


def from_python(group: type[T], command: str, given: Mapping[str, Any]) -> T:
    """The ``group`` of which the function ``command`` was ``given`` keywords; those of other groups are ignored.

    Raises InputError and PlanError.
    """
    return group(
        **{
            item.name: item.form.take(given[item.name], item.name)
            if item.name in given
            else item.default
            for item in options_of(group, command)
        }
    )


def every_spelling(groups: Iterable[type]) -> tuple[Option, ...]:
    """The options of ``groups``, and those that stand instead of them or add to them."""
    return tuple(
        spelling
        for group in groups
        for declared in options_of(group)
        for spelling in (declared, *declared.also, *declared.instead.values())
    )
