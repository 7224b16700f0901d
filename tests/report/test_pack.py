"""Packed results: the same bytes, nothing private, nothing that was edited, and nothing evil comes out of a file."""

import io
import json
import tarfile

import pyarrow
import pyarrow.parquet
import pytest

from madbench.errors import DataMalformed, NotComparable, UsageError
from madbench.files import read_json, write_json
from madbench.harness.digests import broken_digests, sealed
from madbench.report.archive import write_archive
from madbench.report.pack import pack, unpacked
from madbench.report.records import load_runs
from madbench.report.redaction import redacted, without_paths


def seal(folder):
    write_json(folder / "record.json", sealed(folder, read_json(folder / "record.json")))
    return folder


@pytest.fixture
def packed(cells, tmp_path):
    def call(name="results.tar.zst"):
        return tmp_path / name, pack([cells.root], tmp_path / name, broken=broken_digests, seal=sealed)

    return call


def names_of(path):
    with (
        pyarrow.CompressedInputStream(open(path, "rb"), "zstd") as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        return {member.name: member for member in tar}


def test_a_pack_holds_the_files_of_a_cell_but_no_checkpoint(cells, packed):
    folder = cells.write("student")
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "kept.safetensors").write_bytes(b"weights")
    (folder / ".lock").write_text("")
    seal(folder)
    path, done = packed()
    cell = "/".join(folder.parts[-4:])
    assert set(names_of(path)) == {
        f"{cell}/{name}" for name in ("record.json", "digests.json", "manifest.json", "predictions/test@100.parquet")
    }
    assert done.left_out == [f"{cell}/checkpoint/kept.safetensors"] and done.redacted == {}
    for member in names_of(path).values():
        assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)


def test_the_same_folder_gives_the_same_bytes(cells, packed):
    seal(cells.write("student"))
    cells.write("mad")
    assert packed("a.tar.zst")[0].read_bytes() == packed("b.tar.zst")[0].read_bytes()


def test_what_comes_out_is_what_went_in(cells, packed):
    folder = seal(cells.write("student"))
    with unpacked(packed()[0]) as out:
        inside = out.joinpath(*folder.parts[-4:])
        for file in folder.rglob("*"):
            if file.is_file():
                assert (inside / file.relative_to(folder)).read_bytes() == file.read_bytes()
        assert broken_digests(inside, read_json(inside / "record.json")) == []


def test_paths_are_cut_and_the_cell_is_sealed_again(cells, packed):
    def edit(content):
        content["conditions"][0]["reason"] = "read from /home/ada/data/test.jsonl:3"

    folder = seal(cells.write("student", edit=edit))
    path, done = packed()
    cell = "/".join(folder.parts[-4:])
    assert done.redacted == {cell: ["conditions[0].reason"]}
    with unpacked(path) as out:
        record = read_json(out / cell / "record.json")
        assert record["conditions"][0]["reason"] == "read from <path>/test.jsonl:3"
        assert record["packed"]["redacted"] == ["conditions[0].reason"]
        assert broken_digests(out / cell, record) == []
        assert all(b"ada" not in file.read_bytes().replace(b"adapter", b"") for file in out.rglob("*.json"))


def test_where_a_folder_lies_here_is_not_told(cells, tmp_path):
    folder = seal(cells.write("student"))
    moved = tmp_path / "home" / "ada" / "cell"
    moved.parent.mkdir(parents=True)
    folder.rename(moved)
    pack([moved], tmp_path / "one.tar.zst", broken=broken_digests, seal=sealed)
    place = "/".join(folder.parts[-4:])
    assert f"{place}/record.json" in names_of(tmp_path / "one.tar.zst")
    assert not any("ada" in name for name in names_of(tmp_path / "one.tar.zst"))
    write_archive([moved], tmp_path / "one.jsonl.gz")
    assert [record.folder for record in load_runs([tmp_path / "one.jsonl.gz"]).records] == [
        tmp_path / "one.jsonl.gz" / place
    ]


def test_a_failed_cell_goes_without_its_traceback(cells, packed):
    folder = cells.fail("mad")
    write_json(folder / "error.json", {"error": "no /home/ada/x.json", "fix": "", "traceback": "File '/home/ada/y.py'"})
    with unpacked(packed()[0]) as out:
        (file,) = out.rglob("error.json")
        assert read_json(file) == {"error": "no <path>/x.json", "fix": "", "traceback": ""}


def test_an_edited_cell_is_not_packed(cells, packed):
    folder = seal(cells.write("student"))
    record = read_json(folder / "record.json")
    record["draw"] = 7
    write_json(folder / "record.json", record)
    with pytest.raises(NotComparable, match="draw was changed after the run"):
        packed()


def test_predictions_with_texts_are_not_packed(cells, packed):
    folder = cells.write("student")
    file = folder / "predictions" / "test@100.parquet"
    table = pyarrow.parquet.read_table(file)
    pyarrow.parquet.write_table(table.append_column("hypothesis", pyarrow.array(["a dog"] * table.num_rows)), file)
    with pytest.raises(NotComparable, match="a column 'hypothesis'"):
        packed()


def evil(path, *members):
    with (
        open(path, "wb") as file,
        pyarrow.CompressedOutputStream(file, "zstd") as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = 1 if kind == tarfile.REGTYPE else 0
    return info


CELL = "mad/p@1/vqa/mini-d0-s0-00000000"


@pytest.mark.parametrize(
    "bad",
    [
        member("../record.json"),
        member("/etc/passwd"),
        member(f"{CELL}/../../../../../record.json"),
        member(f"a/b/../../../{CELL}/record.json"),
        member(f"{CELL}/predictions/../../x@1.parquet"),
        member(f"{CELL}/checkpoint/kept.safetensors"),
        member(f"{CELL}/record.json", tarfile.SYMTYPE, "/etc/passwd"),
        member(f"{CELL}/record.json", tarfile.LNKTYPE, "/etc/passwd"),
        member(CELL, tarfile.DIRTYPE),
        member(f"{CELL}/record.json", tarfile.FIFOTYPE),
        member(f"{CELL}/run.py"),
        member("record.json"),
    ],
    ids=lambda info: f"{info.name}-{info.type.decode()}",
)
def test_only_files_that_pack_writes_come_out(tmp_path, bad):
    path = evil(tmp_path / "evil.tar.zst", bad)
    with pytest.raises(DataMalformed, match="which `madbench pack` would not write"), unpacked(path):
        pass
    assert sorted(tmp_path.iterdir()) == [path]


def test_twice_the_same_file_and_what_is_no_archive_are_refused(tmp_path):
    twice = evil(tmp_path / "t.tar.zst", member(f"{CELL}/record.json"), member(f"{CELL}/record.json"))
    with pytest.raises(DataMalformed, match="in there twice"), unpacked(twice):
        pass
    (tmp_path / "n.tar.zst").write_bytes(b"no zstd")
    with pytest.raises(DataMalformed, match=r"not a \.tar\.zst"), unpacked(tmp_path / "n.tar.zst"):
        pass
    (tmp_path / "cut.tar.zst").write_bytes(twice.read_bytes()[:-20])
    with pytest.raises(DataMalformed), unpacked(tmp_path / "cut.tar.zst"):
        pass


def test_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("madbench.report.pack.MOST_BYTES", 10)
    big = member(f"{CELL}/record.json")
    big.size = 11
    with pytest.raises(DataMalformed, match="more than"), unpacked(evil(tmp_path / "b.tar.zst", big)):
        pass


def test_another_name_is_refused(cells, tmp_path):
    with pytest.raises(UsageError, match=r"packed as \.tar\.zst"):
        pack([cells.root], tmp_path / "r.zip", broken=broken_digests, seal=sealed)


def test_the_command_packs_and_verify_reads_it(madbench, cells, tmp_path):
    seal(cells.write("student"))
    out = tmp_path / "r.tar.zst"
    result = madbench("pack", cells.root, "--out", out)
    assert result.code == 0 and "1 cells, 4 files" in result.out
    verified = json.loads(madbench("verify", out, "--json").out)
    assert len(verified["cells"]) == 1 and "digests" in verified["cells"][0]["checked"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("yes/no and 1/2", "yes/no and 1/2"),
        ("no /data/vqa/x.json here", "no <path>/x.json here"),
        ("(/w/x.json:3)", "(<path>/x.json:3)"),
        ("~/runs/a", "<path>/a"),
        ("file:///home/ada/q.txt", "<path>/q.txt"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("C:\\Users\\ada\\x.txt", "<path>/x.txt"),
        ("<path>/x.txt", "<path>/x.txt"),
        ("open_clip:ViT-B-32:/home/ada/weights/vit.pt", "open_clip:ViT-B-32:<path>/vit.pt"),
        ("timm:local-dir:/data/ada/w", "timm:local-dir:<path>/w"),
        ("random:/home/ada/w/x.pt", "random:<path>/x.pt"),
        ("error:/home/ada/data/x.json", "error:<path>/x.json"),
        ("ada@host:/home/ada/x", "<path>/x"),
        ("C:/Users/Ada/w/x.pt", "<path>/x.pt"),
        ("</home/ada/a/b>", "<<path>/b>"),
        ("~ada/data", "<path>/data"),
        ("https://ada:s3cret@lab.org/a/b", "https://lab.org/a/b"),
        ("in /home/ada", "in <path>"),
        ("/home/ada/", "<path>"),
        ("file:///home/ada", "<path>"),
        ("/scratch/ada/ is full", "<path> is full"),
        ("/home/ada lovelace/data/x.json", "<path>/x.json"),
        ("mini:clip, a: b/c", "mini:clip, a: b/c"),
        ("open_clip:ViT-B-32:laion2b_s34b_b79k", "open_clip:ViT-B-32:laion2b_s34b_b79k"),
        ("google/vit@0123", "google/vit@0123"),
        ("12:30/13:30", "12:30/13:30"),
    ],
)
def test_absolute_paths_are_cut_to_their_last_part(text, clean):
    assert redacted(text) == clean
    assert without_paths({"a": [text]}) == ({"a": [clean]}, [] if text == clean else ["a[0]"])
