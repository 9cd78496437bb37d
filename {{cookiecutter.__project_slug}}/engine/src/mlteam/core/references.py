"""References to code that the team names in a file, such as `shop.models:LinearModel`."""

import importlib
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from mlteam.core.errors import ProjectError, suggest


def import_reference(reference: str, where: str) -> Any:
    """Import what a reference names.

    Args:
        reference: `package.module:attribute`.
        where: The file that contains the reference, as `file:line` where the line is known.

    Raises:
        ProjectError: The reference is malformed, the module does not exist, its import fails, or it has no such
            attribute. Names module, attribute and the underlying error.
    """
    module_name, _, attribute = reference.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), attribute)):
        what, fix = f"{reference!r} is not a reference to code", "write it as package.module:attribute"
        raise ProjectError(what, where=where, fix=fix)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise _explain_import_error(reference, where, error) from None
    try:
        return getattr(module, attribute)
    except AttributeError:
        what, defined = f"cannot import {attribute} from {module_name}: no such attribute", _list_definitions(module)
        fix = suggest(attribute, defined) if defined else f"define it in {module_name}"
        raise ProjectError(what, where=where, fix=fix) from None
    except Exception as error:
        # A package may import what it exports only when it is asked for it.
        raise _explain_import_error(reference, where, error) from None


def _list_definitions(module: ModuleType) -> list[str]:
    """Return the public classes and functions of a module and its submodules, with those that it imports when asked."""
    names = [name for name in dir(module) if not name.startswith("_")]
    return [
        name
        for name in names
        if name not in vars(module) or str(getattr(vars(module)[name], "__module__", "")).startswith(module.__name__)
    ]


def _explain_import_error(reference: str, where: str, error: Exception) -> ProjectError:
    module_name, _, attribute = reference.partition(":")
    what = f"cannot import {attribute} from {module_name}: {describe_error(error)}"
    missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    if missing and f"{module_name}.".startswith(f"{missing}."):
        fix = "correct the name of the module: package.module, without src/ and .py"
    elif missing and missing.partition(".")[0] != module_name.partition(".")[0]:
        fix = f"install what is missing: `uv add {missing.partition('.')[0]}`"
    else:
        fix = f"fix the import of {module_name}"
    return ProjectError(what, where=where, fix=fix)


def describe_error(error: Exception) -> str:
    """Format an error on one line, with the line of code that raised it unless that is part of the import system."""
    message = " ".join(str(error).split())
    if not isinstance(error, ImportError):
        message = f"{type(error).__name__}: {message}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_source_line(frame.filename)]
    return f"{message} ({frames[-1].filename}:{frames[-1].lineno})" if frames else message


def _is_source_line(filename: str) -> bool:
    return (
        filename != __file__
        and not filename.startswith("<")
        and Path(filename).parent != Path(importlib.__file__).parent
    )
