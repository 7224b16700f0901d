"""madbench: honest, reproducible evaluation protocols for vision-language fine-tuning.

The public names are loaded when first used, so that `import madbench` costs nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"

_PUBLIC = {
    "register_model": "madbench.models.adapter:register_model",
    "ModelAdapter": "madbench.models.adapter:ModelAdapter",
    "load_protocol": "madbench.protocols:load_protocol",
    "run": "madbench.harness:run",
    "report": "madbench.report:report",
}

__all__ = ["ModelAdapter", "__version__", "load_protocol", "register_model", "report", "run"]


def __getattr__(name: str):
    if name in _PUBLIC:
        from madbench.registry import resolve

        return resolve(_PUBLIC[name])
    raise AttributeError(f"module 'madbench' has no attribute '{name}'")
