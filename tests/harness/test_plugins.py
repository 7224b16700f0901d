"""Plugins: a file or a module, loaded once, and told by file and line when they break."""

import subprocess
import sys

import pytest

import madbench
from madbench.errors import UsageError
from madbench.plugins import load_plugin

GOOD = 'import madbench\n\n@madbench.register_model("mine")\nclass Mine(madbench.ModelAdapter):\n    pass\n'


def test_a_file_registers_its_adapter_and_may_be_loaded_twice(tmp_path, registered):
    file = tmp_path / "my-plug.py"
    file.write_text(GOOD)
    load_plugin(str(file))
    load_plugin(str(file))
    assert "mine" in registered and registered.origin("mine") == str(file)


def test_a_class_typed_into_a_session_can_be_registered():
    done = subprocess.run([sys.executable], input=GOOD, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_two_files_with_one_name_clash(tmp_path, registered):
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(GOOD)
    load_plugin(str(tmp_path / "a.py"))
    with pytest.raises(UsageError, match="the adapter name 'mine' is taken"):
        load_plugin(str(tmp_path / "b.py"))


@pytest.mark.parametrize(
    ("text", "line"), [("x = 1\n1 / 0\n", 2), ("x = 1\n\ndef f(:\n", 3), ("import sys\nsys.exit(3)\n", 2)]
)
def test_a_broken_file_is_told_with_its_line(tmp_path, registered, text, line):
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(UsageError, match="cannot be imported") as caught:
        load_plugin(str(file))
    assert caught.value.where == f"{file}:{line}"


@pytest.mark.parametrize("name", ["/nowhere/plug.py", "no_such_module", "no_such.module"])
def test_what_is_not_there_is_named(name):
    with pytest.raises(UsageError, match=name.replace(".", r"\.")):
        load_plugin(name)


def test_a_module_that_lacks_something_else_is_broken_not_missing(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import something_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="cannot be imported: ModuleNotFoundError"):
        load_plugin("needs_more")


def test_a_module_that_ends_the_program_is_told_as_broken(tmp_path, monkeypatch):
    (tmp_path / "leaves.py").write_text("raise SystemExit('bye')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="cannot be imported: SystemExit: bye"):
        load_plugin("leaves")


def test_an_entry_point_that_cannot_be_imported_is_told_as_its_packages(registered, monkeypatch):
    class Point:
        name, value = "theirs", "their_package:Model"

        def load(self):
            raise SystemExit(1)

    monkeypatch.setattr(type(registered), "_entry_points", lambda self: {"theirs": Point()})
    with pytest.raises(UsageError, match=r"adapter 'theirs' cannot be imported: SystemExit: 1 .*their_package:Model"):
        registered.load("theirs")


class Fine(madbench.ModelAdapter):
    pass


def fine(**traits):
    return type("Fine", (madbench.ModelAdapter,), traits)


@pytest.mark.parametrize(
    ("name", "adapter", "said"),
    [
        ("My_Model", Fine, "model names are kebab-case"),
        ("mine", object, "object is no ModelAdapter"),
        ("mine", print, "print is no ModelAdapter"),
        ("mine", fine(needs={"images"}), "needs has 'images'; did you mean 'image'?"),
        ("mine", fine(needs="image"), "needs is 'image', expected a collection of names"),
        ("mine", fine(needs=None), "needs is None"),
        ("mine", fine(tasks=("snli-ve",)), "tasks has 'snli-ve'; did you mean 'snli_ve'?"),
    ],
)
def test_what_a_run_would_stumble_over_is_refused_when_it_is_registered(registered, name, adapter, said):
    with pytest.raises(UsageError) as caught:
        madbench.register_model(name)(adapter)
    assert said in str(caught.value) and caught.value.fix and name not in registered


def test_lists_will_do_for_names(registered):
    madbench.register_model("listed")(fine(needs=["text"], tasks=["vqa"]))
    from madbench.harness.specs import traits_of
    from madbench.models.load import load_model

    traits = traits_of(load_model("listed"))
    assert (traits.needs, traits.tasks) == (frozenset({"text"}), ("vqa",))
