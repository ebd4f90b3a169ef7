"""The parameters of the commands, made from the declarations of the options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer

from wsdoctor.cli import completion
from wsdoctor.cli.ordered import ORDER
from wsdoctor.cli.settings import read_settings
from wsdoctor.options.commands import GROUPS
from wsdoctor.options.option import Option, from_texts, options_of

_CALLBACKS = {"config": read_settings}
"""What typer calls with the value of an option, as soon as it knows it."""


def with_options(command: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator for the function of ``command``, which takes groups of options.

    Typer gets a parameter for each option of a group, and the function the group. A function that takes
    options whose order counts has a context ``ctx`` as well.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = [*inspect.signature(function, eval_str=True).parameters.values()]
        groups = {item.name: item.annotation for item in parameters if item.annotation in GROUPS}

        def run(**given: Any) -> Any:
            for name, group in groups.items():
                texts: dict[str, Any] = {}
                for item in options_of(group, command):
                    if item.also:
                        texts[item.name] = _in_order(item, given, given["ctx"].meta.get(ORDER, ()))
                    elif item.name in given:
                        texts[item.name] = given.pop(item.name)
                given[name] = from_texts(group, command, texts)
            return function(**given)

        made = [*_parameters(command, parameters)]
        run.__signature__ = Signature(made)  # type: ignore[attr-defined]  # inspect looks for it
        run.__annotations__ = {item.name: item.annotation for item in made}
        run.__doc__ = function.__doc__
        return run

    return decorate


def _parameters(command: str, parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    for parameter in parameters:
        if parameter.annotation not in GROUPS:
            yield parameter.replace(kind=Parameter.KEYWORD_ONLY)
            continue
        for item in options_of(parameter.annotation, command):
            for spelling in (*item.also, item):
                if spelling.flags or spelling.metavar:
                    yield _parameter(spelling)


def _parameter(item: Option) -> Parameter:
    kind = item.form.written(item.kind)
    more: dict[str, Any] = {"metavar": item.metavar, "help": item.help}
    if item.flags:
        info = typer.Option(
            *item.flags,
            **more,
            is_eager=item.eager,
            callback=_CALLBACKS.get(item.name),
            autocompletion=getattr(completion, item.completion) if item.completion else None,
            rich_help_panel=item.panel,
        )
    else:
        info = typer.Argument(**more, show_default=item.show_default)
    return Parameter(
        item.name,
        Parameter.KEYWORD_ONLY,
        default=item.form.shown(item.default),
        annotation=Annotated[kind, info],
    )


def _in_order(item: Option, given: dict[str, Any], order: tuple[str, ...]) -> list[tuple[str, str]]:
    """The values of ``item`` and those that add to it: (flag, value) as on the command line."""
    flags = {spelling.name: spelling.flag for spelling in (*item.also, item)}
    waiting = {name: iter(given.pop(name) or ()) for name in flags}
    pairs = ((flags[name], next(waiting[name], None)) for name in order if name in flags)
    return [(flag, value) for flag, value in pairs if value is not None]
