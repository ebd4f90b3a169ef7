"""An unused plugin costs nothing."""

from __future__ import annotations

import json

PROBE = """
import json
import sys


def test_what_is_loaded():
    with open("loaded.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def loaded(project, run_pytest, *arguments):
    ran = run_pytest("test_loaded.py", *arguments)
    assert ran.code == 0, ran.out
    return set(json.loads((project / "loaded.json").read_text()))


def test_an_unused_plugin_loads_nothing_but_itself(project, run_pytest):
    (project / "test_loaded.py").write_text(PROBE)
    without = loaded(project, run_pytest, "-p", "no:wsdoctor")
    unused = loaded(project, run_pytest)
    assert unused - without == {"wsdoctor", "wsdoctor.pytest_plugin"}


def test_what_others_offer_is_left_to_them(project, run_pytest):
    ran = run_pytest("-p", "no:wsdoctor", "--wsdoctor=app.py:app")
    assert "unrecognized arguments: --wsdoctor=app.py:app" in ran.out
    assert "What a WebSocket application does" in run_pytest("--fixtures").out
    assert "@pytest.mark.wsdoctor" in run_pytest("--markers").out
