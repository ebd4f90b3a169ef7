"""Importing the module of a target, by its name or by its file."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wsdoctor.target.errors import (
    TargetError,
    did_you_mean,
    has_user_frames,
    listed,
    run_user_code,
    user_failure,
)
from wsdoctor.target.paths import absolute, short
from wsdoctor.target.usercode import UserCode

if TYPE_CHECKING:
    from types import ModuleType

    from wsdoctor.target.address import Address


@dataclass(frozen=True, slots=True)
class Imported:
    """The module of a target, and the files and folders that are thereby the user's code."""

    module: ModuleType
    user_code: UserCode


def import_place(address: Address, app_dir: str | None) -> Imported:
    """The module that ``address`` names; its folder is put first on ``sys.path`` and stays there.

    Raises:
        TargetError: there is no such module or file.
        TargetImportError: it raised while it was imported.
    """
    folder = absolute(app_dir or "")
    if not folder.is_dir():
        raise TargetError(f"--app-dir '{app_dir}' is not a folder: give the one with the module")
    # A module that was written a moment ago is not in the finders' listings of its folder.
    importlib.invalidate_caches()
    if address.is_file:
        module = _import_file(_existing_file(address.place, folder))
    else:
        module = _import_name(address.place, folder)
    return Imported(module, UserCode(_roots(module)))


def importable(address: Address, app_dir: str | None) -> tuple[str, str]:
    """The module that ``address`` names, as an import statement would, and the folder it is found in.

    The folder is relative to the working directory when below it.

    Raises:
        TargetError: there is no such file.
    """
    folder = absolute(app_dir or "")
    if not address.is_file:
        return address.place, _relative(folder)
    name, folder = _module_name(_existing_file(address.place, folder))
    return name, _relative(folder)


def _relative(folder: Path) -> str:
    here = absolute("")
    return folder.relative_to(here).as_posix() if folder.is_relative_to(here) else str(folder)


def roots_of_file(path: Path) -> tuple[str, ...]:
    """The roots of the user's code, if ``path`` belongs to it: its outermost package, or the file alone."""
    name, folder = _module_name(path)
    return (str(path if path.parent == folder else folder / name.partition(".")[0]),)


def _import_name(name: str, folder: Path) -> ModuleType:
    _put_first(folder)
    doing = f"importing '{name}'"
    user_code = UserCode(_expected_roots(name))
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        # Ours is missing only if nothing of the user's ran yet; else the module exists, and it
        # imports something that does not.
        if f"{name}.".startswith(f"{missing}.") and not has_user_frames(error, user_code):
            raise TargetError(_not_found(name, missing, folder)) from None
        raise user_failure(error, doing, user_code) from error
    except BaseException as error:  # a target may also raise SystemExit or CancelledError
        raise user_failure(error, doing, user_code) from error


def _import_file(path: Path) -> ModuleType:
    name, folder = _module_name(path)
    user_code = UserCode((str(folder / name.partition(".")[0]), str(path)))
    doing = f"importing '{short(path)}'"
    _put_first(folder)
    if path.parent == folder and path.stem != "__init__":
        return run_user_code(lambda: _execute(path), doing, user_code)
    # Only by the name of its package do its relative imports work.
    module = run_user_code(lambda: importlib.import_module(name), doing, user_code)
    if not _is_from(module, path):
        raise TargetError(
            f"'{short(path)}' is module '{name}', but Python already has another module "
            f"of that name, {module.__file__}: rename one of the two"
        )
    return module


def _execute(path: Path) -> ModuleType:
    """The module of a file that is in no package. A module that runs already is not run again."""
    stem = path.stem.replace(".", "_")
    # Modules beside it may import it, so it bears its own name, unless that name is taken.
    name = stem
    if stem in sys.stdlib_module_names or not _is_free(stem, path):
        name = f"{stem}_{zlib.crc32(os.fsencode(path)):08x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:  # only for suffixes that Python does not run
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses, pickle and annotations look their own module up while it still runs.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _is_free(name: str, path: Path) -> bool:
    return name not in sys.modules or _is_from(sys.modules[name], path)


def _is_from(module: ModuleType, path: Path) -> bool:
    file = Path(getattr(module, "__file__", None) or "")  # None for a namespace package
    return file.is_file() and path.samefile(file)


def _module_name(path: Path) -> tuple[str, Path]:
    """The dotted name of a file within its packages, and the folder that its name begins in."""
    folder = path.parent
    if "." in path.stem:  # no import statement can name it
        return path.stem, folder
    parts = [] if path.stem == "__init__" else [path.stem]
    while (folder / "__init__.py").is_file() and "." not in folder.name:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


def _existing_file(text: str, folder: Path) -> Path:
    path = absolute(folder / Path(text).expanduser())
    if path.is_file() and path.suffix.lower() == ".py":
        return path
    if path.is_file():
        raise TargetError(f"'{text}' is not a Python file: give a file that ends in .py")
    if path.is_dir():
        files = sorted(file.name for file in path.glob("*.py"))
        inside = f", it has {listed(files)}" if files else ""
        raise TargetError(f"'{text}' is a folder: give a file in it, file.py:attribute{inside}")
    if path.with_name(f"{path.name}.py").is_file():
        raise TargetError(f"there is no file '{text}': did you mean '{text}.py'?")
    hint = did_you_mean(path.name, (file.name for file in path.parent.glob("*.py")))
    raise TargetError(f"there is no file '{text}'{hint or f' in {folder}: check the path'}")


def _put_first(folder: Path) -> None:
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))


def _not_found(name: str, missing: str, folder: Path) -> str:
    parent, _, last = missing.rpartition(".")
    if not parent:
        if (folder / "src" / last).is_dir():
            return f"there is no module '{name}' in {folder}: it is in src, add --app-dir src"
        names = [module.name for module in pkgutil.iter_modules([str(folder)])]
        hint = did_you_mean(last, names)
        return f"there is no module '{name}' in {folder}{hint or ': check its name or --app-dir'}"
    package = sys.modules.get(parent)
    if hasattr(package, last):
        attribute = name.removeprefix(f"{parent}.")
        return f"'{parent}' has no module '{last}': did you mean '{parent}:{attribute}'?"
    names = [module.name for module in pkgutil.iter_modules(getattr(package, "__path__", ()))]
    hint = did_you_mean(missing, (f"{parent}.{module}" for module in names))
    modules = f": it has {listed(names)}" if names else ": it is a module, not a package"
    return f"'{parent}' has no module '{last}'{hint or modules}"


def _expected_roots(name: str) -> tuple[str, ...]:
    """The roots of the user's code once ``name`` is imported; () if it cannot be found."""
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError):  # ValueError: in sys.modules, but without a spec
        return ()
    if spec is None:
        return ()
    return tuple(spec.submodule_search_locations or ()) or ((spec.origin or ""),)


def _roots(module: ModuleType) -> tuple[str, ...]:
    """The outermost regular package of ``module``, else its file.

    Not the outermost of all: a namespace package is shared with other people's distributions.
    """
    parts = module.__name__.split(".")
    for end in range(1, len(parts) + 1):
        package = sys.modules.get(".".join(parts[:end]))
        file = getattr(package, "__file__", None)
        if file and hasattr(package, "__path__"):
            return (str(Path(file).parent),)
    return (str(module.__file__),) if getattr(module, "__file__", None) else ()
