"""``python -m tests.soak``: soak everything, and write the table in docs/soak.md anew.

Exits with 1 if a correct application does not stay clean. ``python -m tests.soak NAME …`` soaks what has
one of these words in its name, and writes nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

from tests.soak.soak import SERVERS, Soaked, serving, soak
from tests.soak.targets import EXPECTED, Target, others, zoo

PAGE = Path(__file__).parents[2] / "docs" / "soak.md"

AT_ONCE = 6
"""Servers that run side by side: most of their time they wait."""

HEAD = """# The soak

Every correct application of the tests, and every buggy one of the zoo, behind a plain uvicorn in a process
of its own: four clients connect, speak, and leave at random times for three seconds, by a close frame, a
reset, or by closing the socket. Nothing of wsdoctor runs. Then the log is read, and tasks, threads and
descriptors are counted. `python -m tests.soak` makes this page.

A wall clock and four clients see few of the moments that a check tries, and a default uvicorn says nothing of
many errors: *clean* for a buggy handler says how much a soak misses. A correct one has to stay clean. Where one
did not, either `check` learned to see why, and the handler was corrected, or it is in the first table.
"""

Results = dict[tuple[str, str], Soaked]
"""By the target's name and the server."""


async def run(targets: list[Target]) -> Results:
    """What the soak of each target shows, on each server."""
    together: defaultdict[tuple[str, str, str], list[Target]] = defaultdict(list)
    for target in targets:
        for server in SERVERS:
            # What a buggy handler leaves behind is not to be seen beside another one.
            own = target.name if target.code else ""
            together[target.spec, server, own].append(target)
    limit = asyncio.Semaphore(AT_ONCE)
    results: Results = {}

    async def one(spec: str, server: str, group: list[Target]) -> None:
        async with limit:
            with serving(spec, server) as served:
                await served.started()
                for target in group:
                    found = results[target.name, server] = await soak(
                        served, target.visit, target.settles
                    )
                    print(f"{target.name:<44} {server:<18} {found}", *found.errors, flush=True)

    async with asyncio.TaskGroup() as tasks:
        for (spec, server, _), group in together.items():
            tasks.create_task(one(spec, server, group))
    return results


def table(bugs: list[Target], seen: Results, correct: Results) -> str:
    """The page's tables."""
    found = [t for t in bugs if any(not seen[t.name, server].clean for server in SERVERS)]
    connections = sum(item.seen.connections for item in correct.values())
    dirty = {key: item for key, item in correct.items() if not item.clean}
    applications = len(correct) // len(SERVERS)
    lines = [
        (
            f"{applications} correct handlers had {connections} connections on two servers. "
            f"{len({name for name, _ in dirty})} of them did not stay clean:"
        ),
        "",
        "| correct handler | server | seen | what the log says | why |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {server} | {item} | {'; '.join(f'`{text}`' for text in item.errors)} "
            f"| {EXPECTED[name][1] if known(name, item) else 'not known'} |"
            for (name, server), item in dirty.items()
        ),
        "",
        f"The soak notices {len(found)} of {len(bugs)} buggy handlers.",
        "",
        f"| buggy handler | rule | {' | '.join(SERVERS)} |",
        f"|---|---|{'---|' * len(SERVERS)}",
        *(
            f"| {t.name} | {t.code} | {' | '.join(str(seen[t.name, s]) for s in SERVERS)} |"
            for t in bugs
        ),
    ]
    return "\n".join(lines) + "\n"


def known(name: str, item: Soaked) -> bool:
    """Whether a correct handler is clean, but for what is expected of it."""
    text, _ = EXPECTED.get(name, ("", ""))
    expected = bool(text) and all(text in said for said in item.errors)
    return item.clean or (expected and not item.grown and not item.died)


def main() -> int:
    words = sys.argv[1:]
    bugs, correct = zoo(bugs=True), [*zoo(bugs=False), *others()]
    if words:
        chosen = [t for t in (*bugs, *correct) if any(word in t.name for word in words)]
        results = asyncio.run(run(chosen))
        return int(
            any(
                not known(t.name, results[t.name, s]) for t in chosen if not t.code for s in SERVERS
            )
        )
    good = asyncio.run(run(correct))
    bad = asyncio.run(run(bugs))
    PAGE.write_text(f"{HEAD}\n{table(bugs, bad, good)}", encoding="utf-8")
    return int(any(not known(name, item) for (name, _), item in good.items()))


if __name__ == "__main__":
    sys.exit(main())
