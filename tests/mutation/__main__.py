"""``python -m tests.mutation``: the whole campaign, and the page that it makes."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.mutation.campaign import Campaign, Mutant, Verdict, mutants, rewrites
from tests.mutation.journal import Journal
from tests.mutation.table import PAGE, page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help=f"write {PAGE.name}, not to the screen"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--lots", type=int, default=100, help="how many in a hundred, always the same ones"
    )
    parser.add_argument("--only", default="", help="mutants whose id contains this")
    parser.add_argument(
        "--journal", type=Path, help="keep verdicts here, and go on from those in it"
    )
    options = parser.parse_args()
    began = time.monotonic()

    def told(verdict: Verdict) -> None:
        what = " ".join((*verdict.codes, verdict.where, *map(": ".join, verdict.facts.items())))
        print(
            f"{time.monotonic() - began:7.1f} {verdict.outcome:10} {verdict.mutant.id}\t{what[:500]}"
            f"{verdict.failed}",
            file=sys.stderr,
            flush=True,
        )
        journal.add(verdict)

    def chosen(mutant: Mutant) -> bool:
        return mutant.lot < options.lots and options.only in mutant.id

    journal = Journal(options.journal)
    with Campaign(options.processes) as campaign:
        verdicts, left = journal.split(filter(chosen, mutants()))
        verdicts += campaign.run(left, told)
        rewritten, left = journal.split(filter(chosen, rewrites()))
        rewritten += campaign.rewritten(left, told)
    order = {mutant.id: number for number, mutant in enumerate(mutants())}
    verdicts.sort(key=lambda item: order[item.mutant.id])
    text = page(verdicts, rewritten, options.lots)
    if options.write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
