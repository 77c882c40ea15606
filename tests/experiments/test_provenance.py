"""Every committed result was measured at a clean commit of this history."""

import json
import re
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
    """Everything called 'commit', at any depth."""
    if isinstance(value, dict):
        return {found for inner in value.values() for found in commits(inner)} | (
            {value["commit"]} if isinstance(value.get("commit"), str) else set()
        )
    return {found for inner in value for found in commits(inner)} if isinstance(value, list) else set()


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
    named = commits(json.loads(path.read_text()))
    assert named, "the result names no commit"
    assert not [fault(commit) for commit in named if fault(commit)]


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
    # The same tree as HEAD without its past.
    orphan = git("-c", "user.name=x", "-c", "user.email=x", "commit-tree", f"{head}^{{tree}}", "-m", "x").stdout.strip()
    assert "not in HEAD's past" in fault(orphan)
