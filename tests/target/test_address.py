from __future__ import annotations

import pytest

from wsdoctor.target import TargetError
from wsdoctor.target.address import Address, parse


@pytest.mark.parametrize(
    "text, address",
    [
        ("mod:app", Address("mod", False, "app")),
        ("pkg.mod:app", Address("pkg.mod", False, "app")),
        ("pkg.mod:api.app", Address("pkg.mod", False, "api.app")),
        ("  pkg.mod:app ", Address("pkg.mod", False, "app")),
        ("pkg.mod", Address("pkg.mod", False)),
        ("mod:create_app()", Address("mod", False, "create_app", called=True)),
        ("app.py:app", Address("app.py", True, "app")),
        ("app.py", Address("app.py", True)),
        ("src/app.py:app", Address("src/app.py", True, "app")),
        ("./src/app:app", Address("./src/app", True, "app")),
        ("/srv/my app/app.py:app", Address("/srv/my app/app.py", True, "app")),
        (r"src\app.py:app", Address(r"src\app.py", True, "app")),
        (r"C:\x\app.py:app", Address(r"C:\x\app.py", True, "app")),
        (r"C:\x\app.py", Address(r"C:\x\app.py", True)),
        ("c:/x/app.py:a.b", Address("c:/x/app.py", True, "a.b")),
        (r"\\server\share\app.py:app", Address(r"\\server\share\app.py", True, "app")),
        (".", Address(".", True)),
    ],
)
def test_form(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    "text, says",
    [
        (":app", "':app' names no module: give module:attribute or file.py:attribute"),
        ("mod:", "'mod:' names nothing after the colon: give 'mod:app', say"),
        ("mod:a:b", "'a:b' in 'mod:a:b' is not the name of an attribute"),
        ("mod:my-app", "'my-app' in 'mod:my-app' is not the name of an attribute"),
        ("mod:app.", "'app.' in 'mod:app.' is not the name of an attribute"),
        (".mod:app", "'.mod' is not a module name: give it in full"),
    ],
)
def test_error(text: str, says: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse(text)
    assert str(caught.value).startswith(says)
