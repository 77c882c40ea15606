"""Every committed result was measured at a clean commit of this history."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = sorted(
    path for folder in ("experiments", "benchmarks") for path in (ROOT / folder / "results").glob("*.json")
)


def git(*given):
    return subprocess.run(["git", *given], cwd=ROOT, capture_output=True, text=True, check=False)


def history():
    """Why the history cannot be asked, or nothing."""
    try:
        answer = git("rev-parse", "--is-shallow-repository", "--show-toplevel")
    except OSError:
        return "git is not installed"
    if answer.returncode or Path(answer.stdout.splitlines()[-1]).resolve() != ROOT.resolve():
        return "not a git checkout"
    return "a shallow clone has no history" if answer.stdout.startswith("true") else ""


def commits(value):
    """Everything called 'commit' or 'trained_at', at any depth: of the tests, and of the networks' trainings."""
    if isinstance(value, dict):
        own = {value[key] for key in ("commit", "trained_at") if isinstance(value.get(key), str)}
        return own | {found for inner in value.values() for found in commits(inner)}
    return {found for inner in value for found in commits(inner)} if isinstance(value, list) else set()


def faults(report):
    """What is wrong with the commits that a result names."""
    return [fault(commit) for commit in sorted(commits(report)) if fault(commit)]


def fault(commit):
    """What is wrong with a commit that a result names, or nothing."""
    if not re.fullmatch(r"[0-9a-f]{7,40}", commit):
        return f"{commit} is not a clean commit"
    if git("cat-file", "-e", f"{commit}^{{commit}}").returncode:
        return f"{commit} is not in this repository"
    return (
        "" if git("merge-base", "--is-ancestor", commit, "HEAD").returncode == 0 else f"{commit} is not in HEAD's past"
    )


needs_history = pytest.mark.skipif(bool(history()), reason=history() or "git")


def test_there_are_results():
    assert len(RESULTS) > 30


@needs_history
@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_its_commit_is_a_clean_one_of_this_history(path):
    report = json.loads(path.read_text())
    assert commits(report), "the result names no commit"
    assert faults(report) == []


@needs_history
def test_other_commits_are_noticed(tmp_path, monkeypatch):
    # New objects go to a folder of their own, not into the repository.
    objects = (ROOT / git("rev-parse", "--git-path", "objects").stdout.strip()).resolve()
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", str(objects))
    head = git("rev-parse", "HEAD").stdout.strip()
    assert commits({"a": [{"commit": "x"}, {"b": {"commit": "y"}}], "commit": "z"}) == {"x", "y", "z"}
    assert fault(head) == fault(head[:12]) == ""
    assert "not a clean commit" in fault(f"{head[:12]}-dirty")
    assert "not in this repository" in fault("0" * 12)
    # Networks that were trained at no clean commit, tested at one.
    tested = {"settings": {"trained_at": "deadbeef0000-dirty"}, "environment": {"commit": head}}
    assert faults(tested) == ["deadbeef0000-dirty is not a clean commit"]
    assert faults(tested | {"settings": {"trained_at": head[:12]}}) == []
    # The same tree as HEAD without its past.
    orphan = git("-c", "user.name=x", "-c", "user.email=x", "commit-tree", f"{head}^{{tree}}", "-m", "x").stdout.strip()
    assert "not in HEAD's past" in fault(orphan)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("kind", ["shallow", "whole", "exported"])
def test_all_checks_say_where_there_is_no_history(tmp_path, kind):
    """The first command after that is python3, which says here with status 7 that it was reached."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    if kind != "exported":
        subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    if kind == "shallow":
        (tmp_path / ".git" / "shallow").write_text(f"{'0' * 40}\n")
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 7\n")
    python.chmod(0o755)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [tmp_path / ".ci" / "run"], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 7
    assert ("git fetch --unshallow" in done.stderr) == (kind != "whole")
