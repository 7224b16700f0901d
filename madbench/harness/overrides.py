"""What `--set` and `--weights` say, as options to be laid over those of a model, and as other names in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from madbench.errors import UsageError, did_you_mean
from madbench.harness.specs import options_schema, resolved_spec
from madbench.models.spec import ModelFile, merge
from madbench.models.weight_references import RANDOM, parse, references
from madbench.protocols.problems import EXPONENT_WITHOUT_POINT
from madbench.tasks.sources import Sources


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


def parse_weights(values: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """`OLD=NEW` as name of weights -> what stands for it; behind `random:` too. known: the names in the models' options.

    Raises UsageError for a name that no model has, with those that one has, and for a new one that says too little.
    """
    plain = {name.removeprefix(RANDOM) for name in known}
    found: dict[str, str] = {}
    for value in values:
        old, new = _sides(value, {*known, *plain})
        if old in found:
            raise UsageError(f"--weights names {old} twice", fix="give it one name")
        parse(new)
        found[old] = new
    behind = {f"{RANDOM}{old}": f"{RANDOM}{new}" for old, new in found.items() if not new.startswith(RANDOM)}
    return {**behind, **found}


def unchecked_options(file: ModelFile, values: Sequence[str]) -> str | None:
    """A line about `--set` for an adapter that takes any options, where a typing error would change nothing."""
    if not values or options_schema(file.adapter) is not None:
        return None
    return f"{file.name}: the adapter {file.adapter} declares no options, so nobody checks {', '.join(values)}"


def weights_asked(
    values: Sequence[str], files: Sequence[ModelFile], tasks: Sequence[str], overrides: Mapping[str, Any]
) -> dict[str, str]:
    """`--weights` as old name -> new name, of those that models have on real data. Raises UsageError, ConfigError."""
    specs = [resolved_spec(file, task, "real", overrides) for file in files for task in tasks]
    return parse_weights(values, {name for spec in specs for name in references(spec.options)}) if values else {}


def refuse_on_mini(values: Sequence[str], sources: Sources) -> None:
    """Raises UsageError for `--weights` where a task has the mini data, which have weights of their own."""
    mini = sorted(task for task, source in sources.by_task.items() if source.kind == "mini")
    if values and mini:
        raise UsageError(
            f"--weights is for real data, and {', '.join(mini)} has mini, with weights of its own",
            fix=f"leave it out, or name real data with --data {mini[0]}=ROOT",
        )


def _sides(value: str, known: Collection[str]) -> tuple[str, str]:
    """Old and new name; either may hold a `=` of its own, and only the old one is known."""
    cuts = [place for place, sign in enumerate(value) if sign == "="]
    if not cuts or not value[cuts[0] + 1 :]:
        raise UsageError(f"--weights {value}: expected OLD=NEW", fix="e.g. --weights mini:text=FOLDER")
    for cut in cuts:
        if value[:cut] in known:
            return value[:cut], value[cut + 1 :]
    old = value[: cuts[0]]
    hint = did_you_mean(old, known)
    raise UsageError(
        f"--weights {value}: no model here starts from '{old}'" + (f"; {hint}" if hint else ""),
        fix=f"they start from {', '.join(sorted(known))}" if known else "leave it out: they start from none",
    )


def _value(given: str, text: str) -> Any:
    import yaml

    if EXPONENT_WITHOUT_POINT.match(text.strip()):
        return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {given}: the value is not YAML", fix="quote it") from None
