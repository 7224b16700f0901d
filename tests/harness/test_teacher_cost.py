"""What cached teacher features cost, from an account into a record and on into the record of a run that trained nothing."""

import json


def test_the_record_has_what_cached_features_cost_and_null_where_an_older_record_did_not_say(bench):
    result = bench.run()
    record = bench.record(result)
    assert record["timing"]["teacher_cached_s"] == 0.0
    (folder,) = result.folders
    del record["timing"]["teacher_cached_s"]
    (folder / "record.json").write_text(json.dumps(record))
    other = bench.record(bench.run(protocol=bench.protocol("plain", conditions=["{name: val, kind: split}"])))
    assert other["trained_by"] == record["run_id"] and other["timing"]["teacher_cached_s"] is None
