"""The names in ``wsdoctor/private/litestar.py``: a red test means that this Litestar has changed them."""

from __future__ import annotations

from wsdoctor.private.litestar import autodiscovery_paths


def test_litestar_tells_where_it_looks_for_an_application(tmp_path):
    (tmp_path / "app.py").touch()
    (tmp_path / "application").mkdir()
    (tmp_path / "application" / "main.py").touch()
    (tmp_path / "other.py").touch()
    paths = autodiscovery_paths(tmp_path)
    assert paths is not None
    found = [path.relative_to(tmp_path).as_posix() for path in paths]
    assert found == ["app", "application", "application/main.py"]
