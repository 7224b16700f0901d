#!/bin/sh
# Every run behind leaderboards/mini.md, in one command that goes on where it stopped:
#   sh leaderboards/mini.sh runs/mini-board
# Then the records and the board:
#   madbench pack --records-only runs/mini-board --out leaderboards/mini.records.jsonl.gz
#   madbench report leaderboards/mini.records.jsonl.gz --out leaderboards/mini.md
# Two cells at once on two cores. More than "--jobs 2" on a larger machine: JOBS=8 sh leaderboards/mini.sh ...
set -eu
OUT=${1:?the folder of the results}
TUNED=$(dirname "$0")/mini-tuned
MADBENCH=${MADBENCH:-madbench}

models() { for name in "$@"; do printf -- '--model %s ' "$name"; done; }
run() { $MADBENCH run --data mini --out "$OUT" --jobs "${JOBS:-2}" --quiet "$@"; }

rows=$(models student naive-kd clip-td mad mad-pool student-pool clip-probe text-only)
blind=$(models image-only overlap majority random)
# More updates for the student, and teachers that know nothing.
controls=$(models student-doubled c3-random-teacher)

run --protocol lowshot-1pct --draws all $rows $blind $controls
run --protocol domainshift --seeds all $(models student student-doubled mad text-only)
run --protocol domainshift --seeds all $blind $(models clip-probe)

# Plain fine-tuning and one distilled row, tuned alike on another world: the same trials, the same number of updates.
$MADBENCH tune $(models student naive-kd) --protocol lowshot-1pct --data mini --out "$OUT" --trials 8 --quiet \
    --space "$TUNED/space.yaml" --write-dir "$TUNED"
run --protocol lowshot-1pct --draws all $(models "$TUNED/student-tuned.yaml" "$TUNED/naive-kd-tuned.yaml")

run --protocol lowshot-5pct --draws 0 $rows
run --protocol lowshot-10pct --draws all $rows

# mini's student was pretrained, and ends up above its teachers. One that knows nothing starts below them: does distilling help it?
# Results of their own, since these are other options of the same rows.
OUT=$OUT-scratch
run --protocol domainshift --seeds all --task snli_ve --task vqa --set student.init=scratch --set student.layers=4 \
    $(models student naive-kd mad)
