"""What cached teacher features cost, from an account into a record and on into the record of a run that trained nothing."""

from madbench.files import write_json
from madbench.harness.digests import sealed


def test_the_record_has_what_cached_features_cost_and_null_where_an_older_record_did_not_say(bench):
    result = bench.run()
    record = bench.record(result)
    assert record["timing"]["teacher_cached_s"] == 0.0
    (folder,) = result.folders
    del record["timing"]["teacher_cached_s"]
    write_json(folder / "record.json", sealed(folder, record))  # as an older version sealed it
    other = bench.record(bench.run(protocol=bench.protocol("plain", conditions=["{name: val, kind: split}"])))
    assert other["trained_by"] == record["run_id"] and other["timing"]["teacher_cached_s"] is None
