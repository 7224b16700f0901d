"""What `--set` says, as options to be laid over those of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from madbench.errors import UsageError
from madbench.models.spec import merge
from madbench.protocols.problems import EXPONENT_WITHOUT_POINT


def parse_overrides(values: Sequence[str]) -> dict[str, Any]:
    """`key.path=value` as nested options; the value is YAML; a leading `options.` may be written.

    Unlike in a file, 1e-4 is a number here: a shell has no other use for it, and as a text it would reach the model.
    Raises UsageError.
    """
    result: dict[str, Any] = {}
    for value in values:
        path, equals, text = value.partition("=")
        keys = path.removeprefix("options.").split(".")
        if not equals or not all(keys):
            raise UsageError(f"--set {value}: expected key.path=value", fix="e.g. --set training.learning_rate=1e-4")
        nested: Any = _value(value, text)
        for key in reversed(keys):
            nested = {key: nested}
        result = merge(result, nested)
    return result


def _value(given: str, text: str) -> Any:
    import yaml

    if EXPONENT_WITHOUT_POINT.match(text.strip()):
        return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {given}: the value is not YAML", fix="quote it") from None
