"""The configuration for a class: it loads, and it holds what chapter 27 says of it."""

import re
import runpy
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "jupyterhub" / "jupyterhub_config.py"
NAMES = ("BOOK", "DATA", "HOMES", "TRIAL", "THREADS", "MEMORY", "IDLE", "DEVICE")


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """What the file sets, {class: namespace}, with these variables D2L_… and no others."""
    for name in NAMES:
        monkeypatch.delenv(f"D2L_{name}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(f"D2L_{name}", value)
    found: dict[str, Any] = defaultdict(SimpleNamespace)

    class Fake:
        def __getattr__(self, name: str) -> Any:
            return found[name]

    runpy.run_path(str(FILE), init_globals={"get_config": Fake})
    return found


def test_a_class_has_accounts_one_thread_each_and_shared_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    c = load(monkeypatch, DATA="/srv/shared", MEMORY="3")
    assert c["JupyterHub"].authenticator_class == "pam"
    assert "Simple" not in c["JupyterHub"].spawner_class
    assert c["PAMAuthenticator"].allowed_groups == {"students"}
    assert "DummyAuthenticator" not in c
    assert not hasattr(c["Authenticator"], "allow_all")
    environment = c["Spawner"].environment
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "1"
    assert environment["D2L_DATA"] == "/srv/shared" and environment["D2L_DEVICE"] == "cpu"
    assert all(isinstance(value, str) for value in environment.values())
    assert load(monkeypatch)["Spawner"].environment["D2L_DATA"] == "/srv/d2l-data"
    assert c["Spawner"].mem_limit == "3G" and c["Spawner"].cpu_limit == 1
    assert c["Spawner"].cmd == [str(ROOT / ".venv" / "bin" / "jupyterhub-singleuser")]


@pytest.mark.parametrize("trial", ["", "secret"])
def test_it_listens_on_this_machine_only(monkeypatch: pytest.MonkeyPatch, trial: str) -> None:
    c = load(monkeypatch, TRIAL=trial)
    assert c["JupyterHub"].bind_url == "http://127.0.0.1:8000"


def test_idle_servers_are_stopped_by_a_service_with_a_role(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    c = load(monkeypatch, IDLE="120", THREADS="4")
    (service,), (role,) = c["JupyterHub"].services, c["JupyterHub"].load_roles
    assert role["services"] == [service["name"]]
    assert service["command"][1:] == ["-m", "jupyterhub_idle_culler", "--timeout=120"]
    assert c["Spawner"].environment["OMP_NUM_THREADS"] == "4"
    with pytest.raises(ValueError):
        load(monkeypatch, IDLE="an hour")


def test_a_trial_gives_each_student_a_book_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    book, homes = tmp_path / "book", tmp_path / "homes"
    for part in ("notebooks", "benchmarks/results", "docs/jupyterhub"):
        (book / part).mkdir(parents=True)
        (book / part / "page.txt").write_text("text")
    c = load(monkeypatch, TRIAL="secret", BOOK=str(book), HOMES=str(homes))
    assert c["JupyterHub"].authenticator_class == "dummy"
    assert c["DummyAuthenticator"].password == "secret"
    assert c["SimpleLocalProcessSpawner"].home_dir_template == str(homes / "{username}")
    pattern = re.compile(c["Authenticator"].username_pattern)  # JupyterHub uses match, too
    assert pattern.match("ada-2") and not any(map(pattern.match, ("", "../x", "a/b", "a b")))
    ada = SimpleNamespace(user=SimpleNamespace(name="ada"))
    c["Spawner"].pre_spawn_hook(ada)
    page = homes / "ada" / "book" / "notebooks" / "page.txt"
    assert page.read_text() == "text"
    assert (homes / "ada" / "book" / "benchmarks" / "results" / "page.txt").exists()
    page.write_text("mine")
    c["Spawner"].pre_spawn_hook(ada)  # at the next login
    assert page.read_text() == "mine"
    assert not (homes / "bert").exists()
