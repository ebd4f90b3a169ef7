"""The messages that are made up for a handler whose source a test gives."""

from __future__ import annotations

import json
from textwrap import dedent

from msgspec.structs import replace

from tests.diagnosis.story import Story
from wsdoctor.diagnosis.made_up import made_up_messages, messages_of_branches
from wsdoctor.recording import events as e
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.recording import Recording

FILE = "app.py"


def made_up(source: str, *, listener: bool = False, **imported: str) -> list[object]:
    """The made-up messages for a handler that waits at the lines marked ``# <-``: texts, JSON decoded, bytes.

    The last marked line is that of the listener, if it is one. ``imported``: the modules next to it.
    """
    return [said(step) for step in made_up_messages(waiting(source, listener=listener, **imported))]


def for_branches(source: str, *, listener: bool = False, **imported: str) -> list[object]:
    """The made-up messages for each branch of such a handler."""
    recording = waiting(source, listener=listener, **imported)
    return [said(step) for step in messages_of_branches(recording)]


def waiting(source: str, *, listener: bool = False, **imported: str) -> Recording:
    """The recording of a client that says nothing to such a handler."""
    source = dedent(source)
    lines = [i for i, line in enumerate(source.splitlines(), 1) if line.endswith("# <-")]
    frames = tuple(
        e.StackFrame(FILE, line, "handler", user=True, first_line=line) for line in lines
    )
    story = Story().opened()
    story.add(e.ReceiveCalled, call=7, task=1, stack=frames[:-1] if listener else frames)
    return replace(
        story.client_leaves().recording(),
        sources={FILE: source},
        imported={f"{name}.py": dedent(text) for name, text in imported.items()},
        handler=frames[-1],
    )


def said(step: SendStep) -> object:
    """What a step sends: bytes, a text, or what it is the JSON of."""
    if step.text is None:
        return bytes.fromhex(step.hex)
    try:
        return json.loads(step.text)
    except ValueError:
        return step.text
