"""The engine: from a target to a Report, in steps.

1. ``selection``: which servers, kinds of disconnect and named moments.
2. ``planning``, with ``conversations``: look at each route, and plan its cells.
3. ``scheduler``, with ``copies`` and ``limits``: give the cells to runners, until a limit is reached.
4. ``sweep``: meet every moment of a life.
5. ``reference``: decide by comparison whose fault a finding is.
6. ``confirm``, with ``emit`` and ``witness``: run what was found again, in other ways.
7. ``build_report``: put the results together. ``merge`` does so for shards.

``steps`` calls them in this order. ``check`` has the one entry for all callers, ``run_check``: for a target in worker processes, for an
object in this process, and for ``variants``. ``incremental`` asks for one cell at a time, and ``replay`` for one case.
``runners`` run a case; ``runner`` says what is expected of them. ``results`` is the one state that changes meanwhile.
"""
