"""Write a network's answers as Parquet tables; needs pyarrow."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from torch import Tensor

__all__ = ["join", "table"]


def table(rows: Sequence[tuple[str, str | None, Tensor | None]], output: str, top: int) -> bytes:
    """Write rows of (name, reason of failure, answer) as the bytes of a Parquet file.

    Args:
        rows: The rows, in order.
        output: 'top', 'logits' or 'embeddings'.
        top: How many classes 'top' writes.

    Returns:
        The bytes. The columns are ``file``, ``error``, and one of: ``classes`` and ``probabilities``, the most probable
        first; ``logits``; ``embedding``. They are null where there is an error.
    """
    numbers = pyarrow.list_(pyarrow.float32())
    answers = [answer for _, _, answer in rows]
    columns: dict[str, Any] = {
        "file": pyarrow.array([_text(name) for name, _, _ in rows], pyarrow.string()),
        "error": pyarrow.array([None if reason is None else _text(reason) for _, reason, _ in rows], pyarrow.string()),
    }
    if output == "top":
        best = [None if answer is None else answer.softmax(0).topk(min(top, len(answer))) for answer in answers]
        chosen = [None if one is None else one.indices.tolist() for one in best]
        columns["classes"] = pyarrow.array(chosen, pyarrow.list_(pyarrow.int32()))
        shares = [None if one is None else one.values.tolist() for one in best]
        columns["probabilities"] = pyarrow.array(shares, numbers)
    else:
        name = "logits" if output == "logits" else "embedding"
        columns[name] = pyarrow.array([None if answer is None else answer.tolist() for answer in answers], numbers)
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue()


def join(paths: Sequence[Path], target: Path) -> list[tuple[str, str]]:
    """Write the rows of several files into one file, one after another; return (name, reason) of rows with an error."""
    failed: list[tuple[str, str]] = []
    writer = None
    for path in paths:
        part = pyarrow.parquet.read_table(path)
        writer = writer or pyarrow.parquet.ParquetWriter(target, part.schema)
        writer.write_table(part)
        names, reasons = (part[column].to_pylist() for column in ("file", "error"))
        failed += [(name, reason) for name, reason in zip(names, reasons, strict=True) if reason is not None]
    if writer is not None:
        writer.close()
    return failed


def _text(name: str) -> str:
    """A text as valid Unicode; bytes of a file name that are not become backslash escapes."""
    return os.fsencode(name).decode(errors="backslashreplace")
