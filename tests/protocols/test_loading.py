"""Names, paths, versions and `extends`."""

from __future__ import annotations

import pytest

from madbench.errors import ConfigError, UsageError
from madbench.protocols import PROTOCOLS, load_protocol


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory with a `protocols` folder; `here("name.yaml", text)` writes into it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "protocols").mkdir()

    def write(name: str, text: str):
        path = tmp_path / "protocols" / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_an_unknown_name_gets_a_did_you_mean():
    with pytest.raises(UsageError, match="no protocol named 'lowshot-1pc'; did you mean 'lowshot-1pct'") as caught:
        load_protocol("lowshot-1pc")
    assert "madbench list protocols" in caught.value.fix


def test_a_version_must_match():
    assert load_protocol("full@1").id == "full@1"
    with pytest.raises(UsageError, match="'full' has no version 7, only 1"):
        load_protocol("full@7")


def test_the_working_directory_wins_over_what_ships(here):
    here("full.yaml", "name: full\nversion: 2\nextends: full\ndraws: [0]\nseeds: [5]\n")
    assert load_protocol("full").seeds == [5]
    entry = next(entry for entry in PROTOCOLS.entries() if entry.name == "full")
    assert entry.origin.endswith("full.yaml")
    # Both versions can be asked for by number.
    assert load_protocol("full@1").seeds == [0, 1, 2]


def test_an_old_version_may_be_kept_beside_the_new(here):
    here("mine.yaml", "name: mine\nversion: 2\nextends: full\n")
    here("mine@1.yaml", "name: mine\nversion: 1\nextends: full\nseeds: [9]\n")
    assert load_protocol("mine").version == 2
    assert load_protocol("mine@1").seeds == [9]


def test_a_catalogued_file_is_called_what_it_names_itself(here):
    here("one.yaml", "name: two\nversion: 1\nextends: full\n")
    with pytest.raises(ConfigError, match=r"names itself 'two'.*one\.yaml:1"):
        load_protocol("one")


def test_mappings_merge_and_lists_are_replaced(here):
    path = here("mine.yaml", "name: mine\nversion: 1\nextends: full\nseeds: [4]\nbudget:\n  vqa: {examples_seen: 10}\n")
    protocol = load_protocol(path)
    assert protocol.seeds == [4]
    assert protocol.budget["vqa"].examples_seen == 10
    assert protocol.budget["vcr"] == load_protocol("full").budget["vcr"]


def test_a_select_rule_replaces_its_parent_as_a_whole(here):
    one = here("one.yaml", "name: one\nversion: 1\nextends: full\nselect: {vcr: {every: 5}}\n")
    assert load_protocol(one).select["vcr"].model_dump(exclude_none=True) == {"every": 5}
    assert load_protocol(one).select["vqa"].images == 0.02
    every = here("all.yaml", "name: all\nversion: 1\nextends: full\nselect: {every: 5}\n")
    assert {rule.every for rule in load_protocol(every).select.values()} == {5}
    back = here("back.yaml", "name: back\nversion: 1\nextends: all\nselect: {vcr: {movies: 0.1}}\n")
    assert load_protocol(back).select["vcr"].movies == 0.1
    assert load_protocol(back).select["vqa"].every == 5


def test_a_missing_version_is_an_error_even_when_the_parent_has_one(here):
    path = here("mine.yaml", "name: mine\nextends: full\n")
    with pytest.raises(ConfigError, match=r"version: missing and has no default.*mine\.yaml:1"):
        load_protocol(path)


def test_a_circle_of_extends_is_named(here):
    here("a.yaml", "name: a\nversion: 1\nextends: b\n")
    here("b.yaml", "name: b\nversion: 1\nextends: a\n")
    with pytest.raises(ConfigError, match=r"circle, a -> b -> a.*b\.yaml:3"):
        load_protocol("a")
    with pytest.raises(ConfigError, match=r"circle, s -> s"):
        load_protocol(here("s.yaml", "name: s\nversion: 1\nextends: s\n"))


def test_an_unknown_parent_is_named_with_its_line(here):
    path = here("a.yaml", "name: a\nversion: 1\nextends: ful\n")
    with pytest.raises(ConfigError, match=r"no protocol named 'ful'; did you mean 'full'.*a\.yaml:3"):
        load_protocol(path)


def test_a_parent_may_be_pinned_to_a_version(here):
    assert load_protocol(here("a.yaml", "name: a\nversion: 1\nextends: full@1\n")).subset.fraction == 1
    with pytest.raises(ConfigError, match="no protocol named 'full@3'"):
        load_protocol(here("b.yaml", "name: b\nversion: 1\nextends: full@3\n"))


def test_a_broken_file_is_listed_as_broken(here):
    here("bad.yaml", "name: [\n")
    entry = next(entry for entry in PROTOCOLS.entries() if entry.name == "bad")
    assert entry.spec is None and "bad.yaml:2" in str(entry.problem)
