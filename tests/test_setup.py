"""The set-up: messages for what goes wrong, and one list of packages held in three files."""

import ast
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import lock as lock_tool  # noqa: E402
import setup_environment  # noqa: E402

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
LOCK = (ROOT / "requirements.lock").read_text()
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def declared() -> list[Requirement]:
    """Every requirement of pyproject.toml: the package's own and those of all groups."""
    groups = PROJECT["dependency-groups"]
    texts = PROJECT["project"]["dependencies"] + [
        entry for group in groups.values() for entry in group if isinstance(entry, str)
    ]
    return [Requirement(text) for text in texts]


def pins() -> dict[str, list[Requirement]]:
    """The lock's pins by package name (some differ between versions of Python)."""
    found: dict[str, list[Requirement]] = {}
    for text in lock_tool.requirements(LOCK):
        requirement = Requirement(text)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def test_the_lock_holds_every_declared_package_within_its_range():
    locked = pins()
    for requirement in declared():
        for pin in locked[canonicalize_name(requirement.name)]:
            (specifier,) = pin.specifier
            assert specifier.operator == "==" and specifier.version in requirement.specifier


def test_every_lock_entry_has_hashes_and_no_file_names_an_address():
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", LOCK):
        assert not entry.strip() or "--hash=sha256:" in entry, entry
    for name in ("requirements.lock", "environment.yml", "pyproject.toml"):
        assert "://" not in (ROOT / name).read_text(), name


def test_environment_yml_repeats_the_lock():
    (pip_part,) = (entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict))
    assert pip_part == [*lock_tool.requirements(LOCK), "-e ."]
    assert (ROOT / "environment.yml").read_text() == lock_tool.environment(LOCK)


def test_environment_yml_names_a_supported_python():
    (python,) = (e for e in ENVIRONMENT["dependencies"] if str(e).startswith("python="))
    version = python.removeprefix("python=") + ".0"
    assert version in Requirement("python" + PROJECT["project"]["requires-python"]).specifier


def test_torch_and_torchvision_are_the_pair_that_belongs_together():
    locked = {name: str(pin[0].specifier) for name, pin in pins().items()}
    assert (locked["torch"], locked["torchvision"]) == ("==2.15.0", "==0.29.2")


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 9)])
def test_supported_pythons_pass(version):
    setup_environment.check_python(version)


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 14, 0)])
def test_other_pythons_get_a_sentence(version):
    with pytest.raises(setup_environment.SetupError, match=r"needs Python 3\.11 to 3\.13; this is"):
        setup_environment.check_python(version)


def test_an_old_python_can_run_the_script_far_enough_to_say_so(tmp_path):
    """The script must parse on old interpreters: no syntax newer than 3.6."""
    source = (ROOT / "tools" / "setup_environment.py").read_text()
    ast.parse(source, feature_version=(3, 6))


def run_setup(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "tools" / "setup_environment.py"), *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)


def test_without_network_the_message_says_so_and_there_is_no_traceback(tmp_path):
    dead = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_TIMEOUT": "1"}
    dead |= {
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
    }
    done = run_setup("--venv", str(tmp_path / "venv"), **dead)
    assert done.returncode == 1
    assert "needs a network connection once" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_default_installs_the_lock_with_hashes(tmp_path):
    lines = run_setup("--dry-run", "--venv", str(tmp_path)).stdout.splitlines()
    assert len(lines) == 2
    first, second = map(shlex.split, lines)
    assert first[-3:] == ["--require-hashes", "-r", str(ROOT / "requirements.lock")]
    assert second[-4:] == ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]


def test_torch_cpu_takes_the_cpu_build_and_leaves_the_rest_of_the_lock(tmp_path):
    lines = run_setup("--dry-run", "--torch", "cpu", "--venv", str(tmp_path)).stdout.splitlines()
    assert lines[1].endswith("--torch-backend cpu torch==2.15.0 torchvision==0.29.2")
    rest = tmp_path / "requirements-without-torch.lock"
    assert shlex.split(lines[0])[-4:] == ["--require-hashes", "--no-deps", "-r", str(rest)]
    kept = set(lock_tool.requirements(rest.read_text()))
    dropped = {Requirement(r).name for r in set(lock_tool.requirements(LOCK)) - kept}
    assert {"torch", "torchvision", "triton", "nvidia-cublas", "cuda-bindings"} <= dropped
    cuda_or_torch = r"torch|torchvision|triton|(nvidia|cuda)-.*"
    assert all(re.fullmatch(cuda_or_torch, name) for name in dropped)
    assert not any(re.match(cuda_or_torch + "==", requirement) for requirement in kept)


def test_without_a_choice_the_installed_build_stays(tmp_path):
    (tmp_path / "up-to-date").write_text("python 3.11.7 torch cpu\nabc\n")
    assert setup_environment.chosen_build(tmp_path, "keep") == "cpu"
    assert setup_environment.chosen_build(tmp_path, "cu130") == "cu130"
    assert setup_environment.chosen_build(tmp_path / "new", "keep") == "default"
    lines = run_setup("--dry-run", "--venv", str(tmp_path)).stdout.splitlines()
    assert "--torch-backend cpu" in lines[1]


def test_another_place_or_lock_means_another_fingerprint(monkeypatch):
    here = setup_environment.fingerprint("cpu")
    assert here != setup_environment.fingerprint("default")
    assert here == setup_environment.fingerprint("cpu")


def would_run(*arguments: str) -> str:
    """What make would run, asked as from a shell: `make test` may be what runs this test."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@needs_make
def test_make_passes_the_choices_on():
    line = would_run("setup", "TORCH=cpu", "PYTHON=python3.12").strip()
    assert line == "python3.12 tools/setup_environment.py --torch cpu"


@needs_make
@pytest.mark.parametrize("target", ["lab", "test", "run", "save", "html", "bench", "lint"])
def test_every_target_sets_up_first(target):
    assert "tools/setup_environment.py" in would_run(target, "NB=x.ipynb").splitlines()[0]


@needs_make
def test_lab_keeps_jupyters_security_defaults():
    line = would_run("lab").partition("\n")[2]
    assert line.split()[:2] == [".venv/bin/jupyter", "lab"] and "00_start_here.ipynb" in line
    assert ("--allow-root" in line) == (hasattr(os, "geteuid") and os.geteuid() == 0)
    for loosened in ("token=", "password=", "--ip", "0.0.0.0", "allow_origin", "xsrf"):
        assert loosened not in line.lower()


@pytest.mark.slow
@pytest.mark.skipif(platform.system() == "Windows", reason="uses POSIX paths of the environment")
def test_the_pip_part_of_environment_yml_installs_and_imports(tmp_path):
    """What conda and Binder do after Python itself is there; takes some gigabytes and minutes."""
    (pip_part,) = (entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict))
    wanted = tmp_path / "pip-part.txt"
    wanted.write_text("\n".join(pip_part))
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = venv / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "-r", str(wanted)], cwd=ROOT, check=True, timeout=1500)
    code = (
        "import torch, torchvision, d2lhelpers as d2l; "
        "print(torch.__version__.split('+')[0], d2l.synthetic_data(torch.ones(2), 1.0, 3)[0].shape)"
    )
    done = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "2.15.0 torch.Size([3, 2])"
