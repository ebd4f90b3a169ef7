"""The client's script: what each form means, and in which order they are performed."""

from __future__ import annotations

import pytest

from wsdoctor.options.parse import InputError
from wsdoctor.options.script import given_steps, parse_script
from wsdoctor.recording.case import ReceiveStep, SendStep, SleepStep


@pytest.mark.parametrize(
    "text, steps",
    [
        ("", []),
        ("recv", [ReceiveStep(1)]),
        ("send hello there", [SendStep(text="hello there")]),
        ("send", [SendStep(text="")]),
        ('send-json {"a": 1}', [SendStep(text='{"a": 1}')]),
        ("send-bytes c0 ff", [SendStep(hex="c0ff")]),
        ("recv 3; sleep 0.5", [ReceiveStep(3), SleepStep(0.5)]),
        ("send a;b; recv", [SendStep(text="a;b"), ReceiveStep(1)]),
        ('send-json {"a": ";"};recv;', [SendStep(text='{"a": ";"}'), ReceiveStep(1)]),
        ("# a comment\n\nsend a\r\nrecv 2\n", [SendStep(text="a"), ReceiveStep(2)]),
    ],
)
def test_a_script(text, steps):
    assert list(parse_script(text)) == steps


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("shout hello", "'shout' is no step"),
        ("recv 0", "a number of messages from 1 on"),
        ("recv many", "a number of messages from 1 on"),
        ("sleep", "a number of seconds above 0"),
        ("sleep -1", "a number of seconds above 0"),
        ("send-json {", "is not JSON"),
        ("send-bytes x", "two digits for each byte"),
    ],
)
def test_a_wrong_script(text, sentence):
    with pytest.raises(InputError, match=sentence):
        list(parse_script(text))


def test_steps_keep_their_order(tmp_path):
    (tmp_path / "greeting.txt").write_text("hi\n")
    (tmp_path / "picture.bin").write_bytes(b"\xff\xd8")
    (tmp_path / "steps").write_text("recv 2\nsleep 1")
    assert given_steps(
        [
            ("--send", "one"),
            ("--send-file", str(tmp_path / "greeting.txt")),
            ("--send-json", "{}"),
            ("--script", str(tmp_path / "steps")),
            ("--send", "two"),
            ("--send-file", str(tmp_path / "picture.bin")),
        ]
    ) == (
        SendStep(text="one"),
        SendStep(text="hi\n"),
        SendStep(text="{}"),
        ReceiveStep(2),
        SleepStep(1.0),
        SendStep(text="two"),
        SendStep(hex="ffd8"),
    )


@pytest.mark.parametrize(
    "given, sentence",
    [
        (("--script", "steps.txt"), "no such file"),
        (("--script", "./steps"), "no such file"),
        (("--send-file", "nothing/here"), "--send-file cannot read 'nothing/here'"),
    ],
)
def test_missing_files(given, sentence):
    with pytest.raises(InputError, match=sentence):
        given_steps([given])


def test_a_script_that_is_no_text(tmp_path):
    (tmp_path / "steps").write_bytes(b"\xff")
    with pytest.raises(InputError, match="not a UTF-8 text file"):
        given_steps([("--script", str(tmp_path / "steps"))])
