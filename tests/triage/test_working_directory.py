"""Files of production, found below the working directory of the user who reads the log."""

from __future__ import annotations

import pytest

from wsdoctor.triage import working_directory
from wsdoctor.triage.traceback import Frame
from wsdoctor.triage.working_directory import WorkingDirectory

CHAT = "async def chat(socket):\n    await socket.receive_text()\n"


@pytest.fixture
def here(tmp_path):
    """Write files, and return the folder as triage sees it."""

    def written(**files: str) -> WorkingDirectory:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return WorkingDirectory(tmp_path)

    return written


def frame(file: str, function: str = "chat") -> Frame:
    return Frame(file, 1, function)


@pytest.mark.parametrize(
    "file",
    [
        "/app/src/shop/ws.py",
        "/usr/src/app/shop/ws.py",
        "/code/./shop/ws.py",
        r"C:\inetpub\shop\ws.py",
        "shop/ws.py",
        "/usr/local/lib/python3.12/site-packages/shop/ws.py",
    ],
)
def test_a_file_is_found_by_the_end_of_its_path(here, file):
    assert here(**{"src/shop/ws.py": CHAT, "src/shop/app.py": ""}).places(frame(file)) == (
        "src/shop/ws.py",
    )


def test_the_longest_end_wins(here):
    found = here(**{"src/shop/ws.py": CHAT, "lib/shop/ws.py": CHAT, "ws.py": CHAT})
    assert found.places(frame("/app/src/shop/ws.py")) == ("src/shop/ws.py",)
    assert found.places(frame("/srv/lib/shop/ws.py")) == ("lib/shop/ws.py",)


def test_several_are_listed_and_none_is_guessed(here):
    found = here(**{"a/shop/ws.py": CHAT, "b/shop/ws.py": CHAT})
    assert found.places(frame("/app/shop/ws.py")) == ("a/shop/ws.py", "b/shop/ws.py")


def test_of_several_the_one_that_has_the_function_is_meant(here):
    found = here(**{"a/shop/ws.py": CHAT, "b/shop/ws.py": "def other(): ..."})
    assert found.places(frame("/app/shop/ws.py")) == ("a/shop/ws.py",)
    assert found.places(frame("/app/shop/ws.py", "Chat.<locals>.gone")) == (
        "a/shop/ws.py",
        "b/shop/ws.py",
    )


def test_the_name_of_a_file_alone_is_not_enough(here):
    found = here(**{"tools/utils.py": "def other(): ...", "src/main.py": CHAT})
    assert found.places(frame("/app/utils.py")) == ()
    assert found.places(frame("/app/main.py")) == ("src/main.py",)


@pytest.mark.parametrize(
    "file",
    [
        "/usr/lib/python3.12/site-packages/starlette/websockets.py",
        "/usr/lib/python3.12/asyncio/tasks.py",
        "<string>",
        "",
        "/app/nowhere.py",
    ],
)
def test_what_is_not_below_the_folder_has_no_place(here, file):
    assert here(**{"src/shop/ws.py": CHAT}).places(frame(file)) == ()


def test_code_of_the_user_may_be_installed_in_production(here):
    found = here(**{"src/shop/ws.py": CHAT})
    assert found.is_users(frame("/venv/lib/python3.12/site-packages/shop/ws.py"))
    assert not found.is_users(frame("/venv/lib/python3.12/site-packages/starlette/ws.py"))
    assert not found.is_users(frame("/venv/lib/python3.12/site-packages/ws.py"))


def test_environments_and_hidden_folders_are_not_looked_into(here, tmp_path):
    found = here(
        **{
            "env/pyvenv.cfg": "",
            "env/lib/shop/ws.py": CHAT,
            ".tox/shop/ws.py": CHAT,
            "node_modules/shop/ws.py": CHAT,
            "shop/ws.py": CHAT,
        }
    )
    assert found.places(frame("/app/shop/ws.py")) == ("shop/ws.py",)


def test_a_file_that_this_machine_has_is_that_file(here, tmp_path):
    found = here(**{"shop/ws.py": CHAT, "copy/shop/ws.py": CHAT})
    assert found.places(frame(str(tmp_path / "shop/ws.py"))) == ("shop/ws.py",)


def test_with_too_many_folders_nothing_is_found_rather_than_the_wrong_one(here, monkeypatch):
    monkeypatch.setattr(working_directory, "MOST_FOLDERS", 2)
    found = here(**{"a/shop/ws.py": CHAT, "b/shop/ws.py": CHAT})
    assert found.places(frame("/app/a/shop/ws.py")) == ()


APP = "from fastapi import FastAPI\n\nfrom shop.ws import router\n\napi: FastAPI = FastAPI()\n"


def test_the_application_is_the_handlers_own_file_if_that_has_one(here):
    found = here(**{"shop/ws.py": "app = Litestar([chat])", "shop/main.py": APP})
    assert found.application("shop/ws.py") == "shop/ws.py:app"


def test_or_the_only_one_that_imports_the_handlers_module(here):
    other = "import starlette\n\napp = starlette.applications.Starlette()\n"
    found = here(**{"shop/ws.py": CHAT, "shop/main.py": APP, "shop/admin.py": other})
    assert found.application("shop/ws.py") == "shop/main.py:api"
    assert found.application("shop/admin.py") == "shop/admin.py:app"
    assert found.application("") == ""


def test_or_the_only_one_there_is_besides_those_of_tests_and_examples(here):
    found = here(
        **{
            "shop/ws.py": CHAT,
            "shop/main.py": "app = FastAPI()",
            "tests/conftest.py": "app = FastAPI()",
            "shop/test_ws.py": "app = FastAPI()",
            "examples/chat.py": "app = FastAPI()",
        }
    )
    assert found.application("shop/ws.py") == "shop/main.py:app"
    assert found.application("") == "shop/main.py:app"


def test_otherwise_the_handlers_file_is_the_target(here):
    found = here(**{"shop/ws.py": CHAT, "a.py": "app = FastAPI()", "b.py": "app = FastAPI()"})
    assert found.application("shop/ws.py") == "shop/ws.py"


def test_a_route_is_taken_only_if_the_handlers_file_speaks_of_it(here):
    found = here(**{"ws.py": '@router.websocket("/rooms/{room}")\n' + CHAT})
    assert found.mentions("ws.py", "/api/rooms/5")
    assert not found.mentions("ws.py", "/prices")
