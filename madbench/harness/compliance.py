"""Whether a record agrees with itself, with the files beside it and with the other records: no data needed.

Pure functions over the content of record.json, manifest.json and history.jsonl; what is read from predictions is ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from madbench.errors import MadbenchError
from madbench.files import sha256_of
from madbench.harness.selection import chosen_steps, selection_entries
from madbench.harness.store import CellFolder
from madbench.harness.tuning_protocol import CONDITION, TRIAL
from madbench.protocols.schema import FIRST_TUNING_DRAW, Protocol

Record = Mapping[str, Any]


def record_problems(record: Record, name: str) -> Iterator[str]:
    """What one record says that cannot all be true. name: of its folder."""
    data, usage = record["data"], record.get("usage") or {}
    own = f"{data['source']}-d{record['draw']}-s{record['seed']}-{record['run_id'][:8]}"
    if name != own:
        yield f"the folder is not that of run {record['run_id'][:8]}: its name would be {own}"
    if is_trial(record):
        shown = sorted({one["name"] for one in record["conditions"]} - {CONDITION})
        shown += [f"draw {record['draw']}"] if record["draw"] < FIRST_TUNING_DRAW else []
        if shown:
            yield f"{TRIAL} scored {', '.join(shown)}, which tables show"
    elif not record["comparable"]:
        reasons = ", ".join(record.get("not_comparable_because") or [])
        yield "a limited run is not comparable" + (f" ({reasons})" if reasons else "")
    elif record.get("not_comparable_because"):
        yield f"marked comparable, and not so because of {', '.join(record['not_comparable_because'])}"
    if data["official"] == bool(data.get("official_problems", not data["official"])):
        yield "data.official is not what data.official_problems say"
    yield from _division(record["division"], record.get("witnessed", True), usage)
    model = record["model"]
    if _has_whole_options(record) and model["spec_hash"] not in _spec_hashes(model):
        yield "model.spec_hash is not that of the model's name, version, adapter and options"
    for part in ("train", "select"):
        count = record["labels"][part]
        if count not in (None, 0, data[f"n_{part}"]):
            yield f"labels.{part} is {count}, and {data[f'n_{part}']} rows {part}"
    if datetime.fromisoformat(record["finished_at"]) < datetime.fromisoformat(record["started_at"]):
        yield "finished_at lies before started_at"
    if not any(one["available"] and one["metrics"] for one in record["conditions"]):
        yield "no condition is scored"
    if record["selection_rule"] not in [one["rule"] for one in record["selection"]]:
        yield f"selection has no entry for the rule {record['selection_rule']}"


def is_trial(record: Record) -> bool:
    """A trial of `tune`: a sound record, though of no use to a table."""
    return record.get("comparable") is False and record.get("not_comparable_because") == [TRIAL]


def manifest_problems(record: Record, manifest: Mapping[str, Any]) -> Iterator[str]:
    """What the manifest says otherwise. A run id is a hash of what the two say together."""
    limit = manifest.get("limit")
    if limit is not None and record["comparable"]:
        yield f"marked comparable, and the manifest says --limit {limit}"
    pool = record["data"].get("n_pool")
    if pool is not None and pool != manifest["pool"]["n"]:
        yield f"data.n_pool is {pool}, the manifest says {manifest['pool']['n']}"
    contents = manifest.get("contents") or {}
    names = [one["name"] for one in record["conditions"]]
    if set(contents) != set(names):
        yield "manifest and record name different conditions"
        return
    protocol = record["protocol"]
    stated = {
        "train_id": record["train_id"],
        "protocol": protocol["task_hash"],
        "name": f"{protocol['name']}@{protocol['version']}",
        "draw": record["draw"],
        "data": record["data"]["fingerprint"],
        "conditions": [contents[name] for name in names],
        "limit": limit,
    }
    if sha256_of(stated) != record["run_id"]:
        yield "run_id is not the hash of train_id, protocol, draw, data.fingerprint, conditions and limit"


def history_problems(record: Record, history: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Selection and metrics once more from the evaluation points of the run."""
    if not history:
        yield "history.jsonl has no evaluation point"
        return
    steps = chosen_steps(history, record["primary"], record["selection_rule"])
    first_id = next((one["name"] for one in record["conditions"] if one.get("role") == "id"), None)
    again = {one["rule"]: one for one in selection_entries(history, steps, record["primary"], first_id)}
    stated = {one["rule"]: one for one in record["selection"]}
    for rule in sorted(again.keys() | stated.keys()):
        if again.get(rule) != stated.get(rule):
            yield f"selection: the rule {rule} is recorded as {_choice(stated, rule)}, its history gives {_choice(again, rule)}"
    at = next((one["conditions"] for one in history if one["step"] == steps.get(record["selection_rule"])), {})
    for one in record["conditions"]:
        if one["available"] and one["metrics"] != at.get(one["name"]):
            yield f"{one['name']}: the metrics in record.json are not those of its history"


def ids_problems(folder: CellFolder, record: Record, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Rows that train or select and are reported too; predictions of more or fewer rows than stated."""
    import pyarrow.parquet

    step = next((one["step"] for one in record["selection"] if one["rule"] == record["selection_rule"]), None)
    own = {part: set(manifest[part]["ids"]) for part in ("train", "select") if manifest.get(part)}
    for one in record["conditions"]:
        path = folder.predictions(one["name"], step)
        if not path.is_file():
            continue
        try:
            reported = pyarrow.parquet.read_table(path, columns=["example_id"])["example_id"].to_pylist()
        except (OSError, ValueError, KeyError) as error:
            yield f"predictions of {one['name']} cannot be read: {error}"
            continue
        if len(reported) != one["n"] or len(set(reported)) != len(reported):
            yield f"{one['name']}: {len(reported)} predictions, the record says {one['n']} rows"
        for part, ids in own.items():
            shared = ids.intersection(reported)
            if shared:
                yield f"{one['name']}: {len(shared)} of its rows also {part}, {min(shared)} for one"


def study_problems(records: Mapping[str, Record]) -> dict[str, list[str]]:
    """Cell -> problems that only show beside others: seeds must be distinct where nothing else differs."""
    found: dict[str, list[str]] = defaultdict(list)
    for cells in _alike(records, with_seed=True).values():
        for name in cells[1:]:
            found[name].append(f"the same model, protocol, draw and seed as {cells[0]}: seeds must be distinct")
    return found


def incomplete(records: Mapping[str, Record], protocol_of: Callable[[str], Protocol]) -> list[str]:
    """What of the declared draws and seeds was not run, model by model. protocol_of: `name@version` -> the protocol.

    It raises MadbenchError for one that is not at hand, whose study nobody can call complete.
    """
    lacking: dict[tuple[str, str], list[str]] = defaultdict(list)
    run: dict[tuple[str, str, str, str], set[tuple[int, int]]] = defaultdict(set)
    for record in records.values():
        protocol = f"{record['protocol']['name']}@{record['protocol']['version']}"
        key = protocol, record["task"], record["data"]["source"], record["model"]["name"]
        run[key].add((record["draw"], record["seed"]))
    for (protocol, task, source, model), pairs in run.items():
        try:
            declared = protocol_of(protocol)
        except MadbenchError as error:
            lacking[f"{protocol} on {source}", f"what it declares is not known ({error})"].append(f"{model} {task}")
            continue
        for what in _lacking(pairs, declared.draws, declared.seeds):
            lacking[f"{protocol} on {source}", what].append(f"{model} {task}")
    return [f"{where}: {what}: {', '.join(sorted(who))}" for (where, what), who in sorted(lacking.items())]


def _lacking(pairs: set[tuple[int, int]], draws: Sequence[int], seeds: Sequence[int]) -> Iterator[str]:
    found = {"draws": ({draw for draw, _ in pairs}, draws), "seeds": ({seed for _, seed in pairs}, seeds)}
    short = {name: (here, declared) for name, (here, declared) in found.items() if not here >= set(declared)}
    for name, (here, declared) in short.items():
        yield f"{len(here & set(declared))} of {len(declared)} declared {name}"
    wanted = {(draw, seed) for draw in draws for seed in seeds}
    if not short and not pairs >= wanted:
        yield f"{len(pairs & wanted)} of {len(wanted)} declared runs, draws times seeds"


def study_notes(records: Mapping[str, Record], sha_of_predictions: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What a reader should know of the whole: seeds that change nothing."""
    notes = []
    for cells in _alike(records, with_seed=False).values():
        by_sha: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for name in cells:
            if sha_of_predictions.get(name):
                by_sha[sha_of_predictions[name]].append(name)
        for same in by_sha.values():
            seeds = sorted({records[name]["seed"] for name in same})
            if len(seeds) > 1:
                listed = ", ".join(map(str, seeds))
                notes.append(
                    f"{same[0]}: seeds {listed} gave the very same predictions: no seed is used, or one was copied"
                )
    return notes


def _alike(records: Mapping[str, Record], *, with_seed: bool) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(records):
        record = records[name]
        key = [
            record["model"]["name"],
            record["model"]["spec_hash"],
            record["model"].get("weights"),
            record["model"].get("code_sha256"),
            record["protocol"],
            record["task"],
            record["data"]["source"],
            record["data"]["fingerprint"],
            record.get("precision", "fp32"),
            record["comparable"],
            record["draw"],
            record["seed"] if with_seed else None,
        ]
        groups[sha256_of(key)].append(name)
    return groups


def _division(division: str, witnessed: bool, usage: Mapping[str, Any]) -> Iterator[str]:
    seen, most = usage.get("examples_seen"), usage.get("max_examples")
    if (division == "external") == witnessed:
        yield f"division is {division}, and witnessed is {str(witnessed).lower()}"
    if seen is not None and most is not None and division != "external" and (seen > most) != (division == "open"):
        yield f"division is {division}, and {seen} examples were seen where the protocol allows {most}"


def _has_whole_options(record: Record) -> bool:
    """Whether the spec hash can be worked out: `pack` cuts absolute paths, and says where."""
    cut = (record.get("packed") or {}).get("redacted") or []
    return {"options", "version"} <= record["model"].keys() and not any(one.startswith("model.options") for one in cut)


def _spec_hashes(model: Mapping[str, Any]) -> set[str]:
    """Whether a model asked for unlabelled rows is in its hash and not in the record: both are tried."""
    content = {name: model[name] for name in ("name", "version", "adapter", "options")}
    return {sha256_of({**content, "unlabelled": asked}) for asked in (False, True)}


def _choice(entries: Mapping[str, Mapping[str, Any]], rule: str) -> str:
    one = entries.get(rule)
    return "nothing" if one is None else f"step {one['step']} ({one['headline']})"
