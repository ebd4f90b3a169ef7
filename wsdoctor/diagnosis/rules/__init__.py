"""The catalogue of rules. Each module here that is called ``wsdNNN_name`` holds one as ``RULE``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from wsdoctor.diagnosis.rule import Rule


def _found() -> list[Rule]:
    names = [module.name for module in iter_modules(__path__) if module.name.startswith("wsd")]
    return [import_module(f"{__name__}.{name}").RULE for name in sorted(names)]


RULES: dict[str, Rule] = {rule.code: rule for rule in _found()}
"""Every rule, by code, in the order of codes."""

BY_RANK: tuple[Rule, ...] = tuple(sorted(RULES.values(), key=lambda rule: rule.rank))
"""Every rule, in the order in which a cause outranks its symptoms."""

RANK: dict[str, int] = {rule.code: place for place, rule in enumerate(BY_RANK)}


def find_rule(code_or_name: str) -> Rule | None:
    """The rule with that code (in any case) or name."""
    wanted = code_or_name.strip()
    return RULES.get(wanted.upper()) or next(
        (rule for rule in BY_RANK if rule.name == wanted.lower()), None
    )


def compares_servers(code: str) -> bool:
    """Whether the rule with that code does; False for a code of another version, which a report may hold."""
    rule = RULES.get(code)
    return rule is not None and rule.across_servers
