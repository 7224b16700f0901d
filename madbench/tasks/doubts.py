"""What is doubtful about the rows of a file without being wrong: counted while reading, told once at the end."""

from __future__ import annotations


class Doubts:
    """Sentences about rows, and the lines they are about; a row may be doubtful in several ways."""

    def __init__(self) -> None:
        self._lines: dict[str, list[int]] = {}

    def add(self, what: str, line: int) -> None:
        self._lines.setdefault(what, []).append(line)

    def notes(self, what: str) -> list[str]:
        """One sentence, or none. what: of the rows ("look edited"). `{path}` in it stands for the path of the file."""
        if not self._lines:
            return []
        count = len(set().union(*self._lines.values()))
        reasons = "; ".join(f"{reason} (first at line {lines[0]})" for reason, lines in self._lines.items())
        return [f"{count} rows of {{path}} {what}: {reasons}"]
