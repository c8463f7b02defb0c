"""Files of a user's own, given by ``--plugin=FILE.py``, whose code registers what they add."""

import hashlib
import sys
import traceback
import types
from pathlib import Path

from bnjax.errors import UserError

_MODULE = "bnjax_plugin_"
_DIGITS = 12
_SUFFIX = ".py"
#: The digests of the files that are being imported, the innermost one last.
_importing: list[str] = []


class PluginError(UserError, ValueError):
    """A file that cannot be imported, or that registers what cannot be."""


def load_plugin(path: str, digest: str = "") -> str:
    """Imports a file, once for each content.

    Args:
      digest: what its content has to have; empty: any.

    Returns:
      The first 12 hexadecimal digits of its SHA-256. What the file imports itself is no part of it.

    Raises:
      PluginError: it is absent, not Python or not what was asked for, or its code fails; names the line.
    """
    where = f"--plugin={path}"
    if not path.endswith(_SUFFIX):
        raise PluginError(f"{where} does not end in {_SUFFIX}")
    try:
        content = Path(path).expanduser().read_bytes()
    except (OSError, RuntimeError) as error:
        raise PluginError(f"{where}: {getattr(error, 'strerror', None) or error}") from None
    found = hashlib.sha256(content).hexdigest()[:_DIGITS]
    if digest and found != digest:
        raise PluginError(f"{where} has the digest {found} now, not {digest}: its content was changed")
    if not is_loaded(found):
        _run(content, str(Path(path).expanduser().resolve()), found, where)
    return found


def is_loaded(digest: str) -> bool:
    """Whether a file of this content was imported."""
    return f"{_MODULE}{digest}" in sys.modules


def imported_now() -> str:
    """The digest of the file that is being imported; empty where none is."""
    return _importing[-1] if _importing else ""


def _run(content: bytes, file: str, digest: str, where: str) -> None:
    """Runs the bytes that were hashed, as a module by which others can name what is in it."""
    name = f"{_MODULE}{digest}"
    module = types.ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    _importing.append(digest)
    try:
        exec(compile(content, file, "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[name]
        raise PluginError(f"{where}{_line_of(error, file)}: {type(error).__name__}: {error}") from error
    finally:
        _importing.pop()


def _line_of(error: Exception, file: str) -> str:
    """The last line of the file that an error came from."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f", line {lines[-1]}" if lines else ""
