"""``wsdoctor triage``, on what a real server logs."""

from __future__ import annotations

import contextlib
import io
import logging

import wsdoctor as package
from tests.triage.test_triage import LOG
from wsdoctor.explore.catalogue import find_variant
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.session.run import Subject, run_case
from wsdoctor.target import TargetSpec, load


@contextlib.contextmanager
def written(logger: str):
    """What a plain handler writes of ``logger``, while wsdoctor captures records beside it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s:     %(message)s"))
    original = logging.Logger.callHandlers

    def tee(self: logging.Logger, record: logging.LogRecord) -> None:
        if self.name.startswith(logger):
            handler.emit(record)
        original(self, record)

    logging.Logger.callHandlers = tee  # type: ignore[method-assign]
    try:
        yield stream
    finally:
        logging.Logger.callHandlers = original  # type: ignore[method-assign]


def test_the_log_of_a_real_session_leads_to_the_rule_that_check_finds(tmp_path, wsdoctor):
    variant = find_variant("naive")
    target = load(TargetSpec(f"{variant.path}:app"))
    subject = Subject(target.build(), target.framework, target.user_code)
    case = Case(
        route="/ws",
        server="uvicorn:websockets",
        kind="close",
        moment="after:2",
        handshake=Handshake(path="/ws"),
    )
    with written("uvicorn") as stream:
        run_case(case, subject)
    (tmp_path / "server.log").write_text(stream.getvalue())
    code, out, err = wsdoctor("triage", "server.log", "--target", "shop:app")
    assert (code, err) == (1, "")
    assert "1 x  WSD201 unhandled-disconnect" in out
    assert "naive.py" in out
    assert "wsdoctor check shop:app --select WSD201" in out
    assert package.__version__


def test_nothing_found_and_what_cannot_be_read(tmp_path, wsdoctor):
    (tmp_path / "quiet.log").write_text("INFO: nothing\n")
    assert wsdoctor("triage", "quiet.log") == (0, "nothing of this family\n", "")
    code, out, err = wsdoctor("triage", "missing.log")
    assert (code, out) == (2, "")
    assert "triage cannot read 'missing.log': No such file" in err
    (tmp_path / "one.log").write_text(LOG)
    code, out, _ = wsdoctor("triage", "one.log", "--format", "json")
    assert (code, '"code": "WSD201"' in out) == (1, True)
