"""Code named with `--plugin`: a Python file or an importable module, whose import registers adapters."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path

from madbench.errors import MadbenchError, UsageError


def load_plugin(plugin: str) -> None:
    """Import a plugin; loading the same one again does nothing. Raises UsageError saying which line failed."""
    if plugin.endswith(".py") or "/" in plugin or Path(plugin).is_file():
        _load_file(Path(plugin).expanduser())
        return
    try:
        importlib.import_module(plugin)
    except ModuleNotFoundError as error:
        if error.name is not None and plugin.startswith(error.name):
            raise UsageError(
                f"no plugin named '{plugin}': no such file, and no such module can be imported",
                fix="give the path of a .py file, or install the module",
            ) from None
        raise _broken(plugin, error) from error
    except MadbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise _broken(plugin, error) from error


def _load_file(file: Path) -> None:
    if not file.is_file():
        raise UsageError(f"the plugin {file} is not there", fix="give the path of a .py file")
    resolved = file.resolve()
    # The name is the same in every process, so classes of a plugin can travel between workers.
    name = f"madbench_plugin_{file.stem}_{hashlib.sha256(str(resolved).encode()).hexdigest()[:8]}".replace("-", "_")
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, resolved)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, MadbenchError) or not isinstance(error, (Exception, SystemExit)):
            raise
        raise _broken(str(file), error) from error


def _broken(plugin: str, error: BaseException) -> UsageError:
    where = plugin
    if isinstance(error, SyntaxError) and error.filename is not None:
        where = f"{error.filename}:{error.lineno}"
    else:
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.endswith(Path(plugin).name):
                where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
            trace = trace.tb_next
    return UsageError(
        f"the plugin {plugin} cannot be imported: {type(error).__name__}: {error}",
        fix="correct the plugin, or leave it out",
        where=where,
    )
