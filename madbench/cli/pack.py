"""`madbench pack`: results as one file to share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def pack_command(
    dirs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Run folders (default: runs).", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file: .tar.zst, or .jsonl.gz with --records-only.")
    ] = None,
    records_only: Annotated[
        bool,
        typer.Option(
            "--records-only", help="Only what `madbench report` reads: records and item scores, as .jsonl.gz."
        ),
    ] = False,
) -> None:
    """Pack records, histories, manifests and predictions; no checkpoints, images, texts or absolute paths.

    `madbench verify results.tar.zst` checks what somebody packed, `madbench report results.jsonl.gz` shows it.
    """
    dirs = dirs or [Path("runs")]
    if records_only:
        from madbench.report.archive import write_archive

        out = out or Path("results.records.jsonl.gz")
        records, failures = write_archive(dirs, out)
        typer.echo(f"wrote {out}: {records} records" + (f", {failures} failures" if failures else ""))
        return
    from madbench.harness.digests import broken_digests, sealed
    from madbench.report.pack import pack

    out = out or Path("results.tar.zst")
    done = pack(dirs, out, broken=broken_digests, seal=sealed)
    typer.echo(f"wrote {out}: {done.cells} cells, {done.files} files")
    if done.left_out:
        typer.echo(f"left out: {len(done.left_out)} files, such as {done.left_out[0]}")
    for cell, fields in sorted(done.redacted.items()):
        typer.echo(f"absolute paths cut: {cell}: {', '.join(fields)}")
