"""Which items there are, and how they are chosen."""

from __future__ import annotations

import pytest

ALL = [
    f"app.py:app::{route}::{kind}-{server}"
    for route in ("/feed", "/echo")
    for kind in ("close", "abort")
    for server in ("uvicorn:wsproto", "uvicorn:websockets-sansio")
]
LIST = ("--collect-only", "-q")
OPTION = "--wsdoctor=app.py:app"


def test_there_is_an_item_for_each_route_server_and_kind(project, run_pytest):
    ran = run_pytest(*LIST, OPTION)
    assert (ran.code, ran.ids) == (0, ["test_own.py::test_own", *ALL])


def test_without_the_option_there_is_none(project, run_pytest):
    assert run_pytest(*LIST).ids == ["test_own.py::test_own"]


@pytest.mark.parametrize(
    "arguments, chosen",
    [
        (["-k", "feed and abort"], [ALL[2], ALL[3]]),
        (["-k", "echo and wsproto and not abort"], [ALL[4]]),
        (["-m", "wsdoctor"], ALL),
        (["-m", "not wsdoctor"], ["test_own.py::test_own"]),
        (["--deselect", "app.py:app::/feed", "-m", "wsdoctor"], ALL[4:]),
        (["test_own.py"], ["test_own.py::test_own", *ALL]),
        ([ALL[3]], [ALL[3]]),
        (["app.py:app::/echo"], ALL[4:]),
        (["app.py:app"], ALL),
        (["test_own.py", ALL[0], ALL[6]], ["test_own.py::test_own", ALL[0], ALL[6]]),
    ],
)
def test_items_are_chosen_as_tests_are(project, run_pytest, arguments, chosen):
    ran = run_pytest(*LIST, OPTION, "--strict-markers", *arguments)
    assert (ran.code, ran.ids) == (0, chosen)


def test_an_id_that_is_none_is_a_usage_error(project, run_pytest):
    ran = run_pytest(OPTION, "app.py:app::/fed")
    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: wsdoctor: there is no item 'app.py:app::/fed'" in ran.out


def test_there_may_be_several_targets_and_one_of_them_twice(project, run_pytest):
    (project / "other.py").write_text((project / "app.py").read_text())
    ran = run_pytest(
        *LIST, OPTION, "--wsdoctor=other.py:app", "--wsdoctor=app.py", "-m", "wsdoctor"
    )
    assert ran.ids == [*ALL, *(name.replace("app.py", "other.py") for name in ALL)]


def test_the_target_of_the_settings_is_that_of_an_empty_option(project, run_pytest):
    settings = (project / "wsdoctor.toml").read_text()
    (project / "wsdoctor.toml").write_text(f'target = "app.py:app"\npaths = ["/echo"]\n{settings}')
    (project / "below").mkdir()
    assert run_pytest(*LIST, "--wsdoctor=").ids[1:] == ALL[4:]
    # … which are meant from their own folder.
    ran = run_pytest(*LIST, "--wsdoctor=", "-m", "wsdoctor", cwd=project / "below")
    assert ran.ids == ALL[4:]


def test_the_settings_may_be_another_file(project, run_pytest):
    (project / "quick.toml").write_text('disconnects = ["fin"]\nservers = ["wsproto"]')
    ran = run_pytest(*LIST, OPTION, "--wsdoctor-config=quick.toml", "-m", "wsdoctor")
    assert ran.ids == [
        "app.py:app::/feed::fin-uvicorn:wsproto",
        "app.py:app::/echo::fin-uvicorn:wsproto",
    ]


def test_every_moment_leaves_out_the_kind_that_is_one_of_them(project, run_pytest):
    (project / "wsdoctor.toml").write_text('disconnects = ["before-accept", "fin"]')
    quick = run_pytest(*LIST, OPTION, "--wsdoctor-depth=quick", "-k", "feed and wsproto").ids
    assert quick == [
        f"app.py:app::/feed::{kind}-uvicorn:wsproto" for kind in ("before-accept", "fin")
    ]
    assert run_pytest(*LIST, OPTION, "-k", "feed and wsproto").ids == quick[1:]


@pytest.mark.parametrize(
    "target, sentence",
    [
        ("nosuch:app", "there is no module 'nosuch'"),
        ("nosuch.py:app", "there is no file 'nosuch.py'"),
        ("app.py:ap", "'app.py' has no attribute 'ap': did you mean"),
        (
            "broken.py:app",
            "importing 'broken.py' failed with RuntimeError: boom (broken.py, line 1)",
        ),
        (
            "silent.py:app",
            "there is nothing to check: silent.py:app (starlette app) has no WebSocket",
        ),
    ],
)
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_target_that_cannot_be_checked_is_a_usage_error(
    project, run_pytest, target, sentence, workers
):
    (project / "broken.py").write_text("raise RuntimeError('boom')\n")
    (project / "silent.py").write_text(
        "from starlette.applications import Starlette\n\napp = Starlette()\n"
    )
    ran = run_pytest(f"--wsdoctor={target}", *workers)
    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: wsdoctor: {sentence}" in ran.out
    assert "pytest_plugin" not in ran.out


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ("graces = 1", "wsdoctor.toml: graces: there is no such setting; did you mean 'grace'?"),
        ('servers = ["wsprot"]', "unknown server 'wsprot'"),
        ('ignore = ["WSD9"]', "there is no rule 'WSD9'"),
        ('baseline = "known.json"', "there is no such file"),
        ('script = ["sing"]', "'sing' is no step of a script setting"),
        (
            '[routes."/fed"]\nquery = {a = "1"}',
            "the settings name a route '/fed' that the application",
        ),
    ],
)
def test_a_mistake_in_the_settings_is_a_usage_error(project, run_pytest, settings, sentence):
    (project / "wsdoctor.toml").write_text(settings)
    ran = run_pytest(OPTION)
    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert sentence in ran.out
    assert "Traceback" not in ran.out
