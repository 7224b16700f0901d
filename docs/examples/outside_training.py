"""Training outside madbench: words of the hypothesis -> SNLI-VE label, softmax regression in numpy.

python outside_training.py SUBSET_FOLDER SNLI_VE_TEST_JSONL PREDICTIONS_CSV
"""

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np

LABELS = ["contradiction", "entailment", "neutral"]
subset, evaluation, output = map(Path, sys.argv[1:])


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def features(rows):
    """Which known words each hypothesis has, `[rows, words + 1]`; the last column is the bias."""
    table = np.zeros((len(rows), len(places) + 1))
    table[:, -1] = 1
    for number, row in enumerate(rows):
        table[number, [places[word] for word in re.findall(r"\w+", row["sentence2"].lower()) if word in places]] = 1
    return table


train = read(subset / "train" / "snli_ve_train.jsonl")
select_file = subset / "select" / "snli_ve_train.jsonl"
select = read(select_file) if select_file.exists() else train
words = sorted({word for row in train for word in re.findall(r"\w+", row["sentence2"].lower())})
places = {word: place for place, word in enumerate(words)}
x, y = features(train), np.array([LABELS.index(row["gold_label"]) for row in train])
select_x, select_y = features(select), np.array([LABELS.index(row["gold_label"]) for row in select])

weights, best, best_accuracy = np.zeros((x.shape[1], len(LABELS))), None, -1.0
for _ in range(200):
    scores = np.exp(x @ weights - (x @ weights).max(axis=1, keepdims=True))
    weights = weights - x.T @ (scores / scores.sum(axis=1, keepdims=True) - np.eye(len(LABELS))[y]) / len(x)
    accuracy = float(((select_x @ weights).argmax(axis=1) == select_y).mean())
    if accuracy > best_accuracy:  # the select part chooses; the evaluation split never does
        best, best_accuracy = weights, accuracy

rows = read(evaluation)
with open(output, "w", newline="", encoding="utf-8") as stream:
    writer = csv.writer(stream)
    writer.writerow(["pairID", "prediction"])
    writer.writerows(
        (row["pairID"], LABELS[label]) for row, label in zip(rows, (features(rows) @ best).argmax(axis=1), strict=True)
    )
