"""Notebooks to text and back, run in place."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from jupyter_client.connect import LocalPortCache

from tools.notebook import main, read, run_time_text, violations

TEXT = """\
# ---
# jupyter:
#   d2l:
#     chapter: "08"
#     title: Lines
# ---

# %% [markdown]
# # 08 Lines
#
# How do we fit a line?

# %% [markdown] tags=["objectives"]
# - fit

# %% tags=["setup"] jupyter={"source_hidden": true}
# %load_ext autoreload
import os

# %%
x = 3
x

# %%
print(os.environ["OMP_NUM_THREADS"], os.environ["D2L_DEVICE"], os.getcwd() == FOLDER)

# %% tags=["raises-exception"]
1 / 0
"""


@pytest.fixture
def chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chapter that was built from text and run."""
    monkeypatch.setenv("D2L_DEVICE", "cuda")
    (tmp_path / "x.py").write_text(TEXT.replace("FOLDER", repr(str(tmp_path))), encoding="utf-8")
    path = tmp_path / "08_lines.ipynb"
    assert main(["build", str(tmp_path / "x.py"), str(path)]) == 0
    assert main(["run", str(path)]) == 0
    return path


@pytest.mark.skipif(os.name == "nt", reason="kernels are reached through TCP on Windows")
def test_a_port_that_another_process_took_stops_no_run(
    chapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(LocalPortCache, "find_available_port", lambda *_: port)
        assert main(["run", str(chapter)]) == 0


def test_run_stores_real_outputs_in_normal_form(chapter: Path) -> None:
    assert violations(chapter) == []
    assert main(["check", str(chapter)]) == 0
    notebook = read(chapter)
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert outputs[1][0].data == {"text/plain": "3"}
    assert outputs[2][0].text == "1 cpu True\n"
    assert outputs[3][0].ename == "ZeroDivisionError"
    assert notebook.metadata.d2l == {
        "chapter": "08",
        "title": "Lines",
        "run_time": "about 5 s on two CPU cores",
    }


def test_progress_bars_are_not_stored(tmp_path: Path) -> None:
    cells = [
        "from tqdm.auto import tqdm\n",
        "for _ in tqdm(range(3), leave=False):\n    pass\n",
        'for _ in tqdm(range(3), desc="epoch 1"):\n    print("50%| of a bar")\n    break\n',
        '"100%| is a text"\n',
    ]
    head = TEXT.partition("# %% [markdown]")[0]
    (tmp_path / "x.py").write_text(head + "".join(f"# %%\n{cell}\n" for cell in cells))
    path = tmp_path / "08_lines.ipynb"
    assert main(["build", str(tmp_path / "x.py"), str(path)]) == 0
    assert main(["run", str(path)]) == 0
    _, closed, broken_off, text = read(path).cells
    assert closed.outputs == []
    assert [output.text for output in broken_off.outputs] == ["50%| of a bar\n"]
    assert text.outputs[0].data == {"text/plain": "'100%| is a text'"}


def test_running_again_and_the_way_through_text_change_nothing(
    chapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = chapter.read_bytes()
    assert main(["run", str(chapter)]) == 0
    assert chapter.read_bytes() == stored
    capsys.readouterr()
    assert main(["text", str(chapter)]) == 0
    text = capsys.readouterr().out
    assert '# %% [markdown] tags=["objectives"]' in text
    assert "# %load_ext autoreload" in text
    (chapter.parent / "y.py").write_text(text, encoding="utf-8")
    assert main(["build", str(chapter.parent / "y.py"), str(chapter)]) == 0
    assert chapter.read_bytes() == stored


def test_build_keeps_what_an_edit_did_not_touch(chapter: Path) -> None:
    before = read(chapter)
    text = (chapter.parent / "x.py").read_text(encoding="utf-8")
    text = text.replace("x = 3", "x = 4").replace(
        '# %% tags=["raises', '# %%\ny = 5\n\n# %% tags=["raises'
    )
    (chapter.parent / "y.py").write_text(text, encoding="utf-8")
    assert main(["build", str(chapter.parent / "y.py"), str(chapter)]) == 0
    after = read(chapter)
    assert [cell.id for cell in before.cells] == [
        cell.id for cell in after.cells if cell.source != "y = 5"
    ]
    assert [len(cell.outputs) for cell in after.cells if cell.cell_type == "code"] == [
        0,
        0,
        1,
        0,
        1,
    ]
    assert after.metadata.d2l == before.metadata.d2l
    assert main(["check", str(chapter)]) == 1, "an edited chapter must be run again"


def test_building_twice_gives_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(TEXT, encoding="utf-8")
    (tmp_path / "a").mkdir()
    for folder in (tmp_path, tmp_path / "a"):
        assert main(["build", str(tmp_path / "x.py"), str(folder / "08_lines.ipynb")]) == 0
    assert (tmp_path / "08_lines.ipynb").read_bytes() == (
        tmp_path / "a/08_lines.ipynb"
    ).read_bytes()


def test_an_error_leaves_the_file_untouched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.py").write_text("# %%\nprint('fine')\n\n# %%\nn = 0\n5 / n\n", encoding="utf-8")
    path = tmp_path / "08_lines.ipynb"
    assert main(["build", str(tmp_path / "x.py"), str(path)]) == 0
    stored = path.read_bytes()
    assert main(["run", str(path)]) == 1
    assert path.read_bytes() == stored
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "x.py"]
    said = capsys.readouterr().err
    assert f"{path}: cell 1 (code cell [2], id " in said
    assert "5 / n" in said
    assert "ZeroDivisionError: division by zero" in said


@pytest.mark.parametrize(
    ("seconds", "stored", "text"),
    [
        (0.2, None, "about 5 s on two CPU cores"),
        (5.0, None, "about 5 s on two CPU cores"),
        (5.1, None, "about 10 s on two CPU cores"),
        (31, "about 20 s on two CPU cores", "about 20 s on two CPU cores"),
        (41, "about 20 s on two CPU cores", "about 45 s on two CPU cores"),
        (7, "about 20 s on two CPU cores", "about 20 s on two CPU cores"),
        (4, "about 20 s on two CPU cores", "about 5 s on two CPU cores"),
        (7, "a while", "about 10 s on two CPU cores"),
    ],
)
def test_run_time_text(seconds: float, stored: str | None, text: str) -> None:
    assert run_time_text(seconds, stored) == text
