r"""JupyterHub for a class on one machine: `jupyterhub -f docs/jupyterhub/jupyterhub_config.py`.

Chapter 27 of the book installs the hub and tries it. Then, for a class, as root on one Linux
machine, with the book in /srv/d2l and a Python behind its .venv that every account may run (the
system's; one in root's home is closed to students):

    mkdir -p /etc/skel/book/benchmarks /etc/skel/book/docs
    cp -r /srv/d2l/notebooks /etc/skel/book/
    cp -r /srv/d2l/benchmarks/results /etc/skel/book/benchmarks/
    cp -r /srv/d2l/docs/jupyterhub /etc/skel/book/docs/
    groupadd students
    useradd --create-home --groups students ada    # one for each; gets a copy of /etc/skel/book
    passwd ada
    XDG_CACHE_HOME=/srv/cache /srv/d2l/.venv/bin/python -c \
        "import d2lhelpers as d2l; d2l.load_mnist(); d2l.load_cifar10()"
    mv /srv/cache/d2lhelpers /srv/d2l-data         # that all can read and only root can change
    mkdir -p /var/lib/jupyterhub && cd /var/lib/jupyterhub
    /srv/d2l/.venv/bin/jupyterhub -f /srv/d2l/docs/jupyterhub/jupyterhub_config.py

A web server with https stands in front of it and passes on web sockets. The hub keeps its state
in the folder where it starts. What differs between machines comes from the environment, so that
this file can stay as it is:

    D2L_BOOK     folder of the book, with its .venv; by default the one that this file lies in
    D2L_DATA     data sets, shared by all students, who need no right to write there
    D2L_HOMES    where a trial without accounts keeps the students' folders
    D2L_TRIAL    the one password of such a trial; without it students log in as on the machine
    D2L_THREADS  threads of PyTorch for each student
    D2L_MEMORY   memory of each student in GB, for spawners that can limit it
    D2L_IDLE     seconds after which a server that nobody uses is stopped
"""

import os
import shutil
import sys
from pathlib import Path

# JupyterHub provides the function.
c = get_config()  # type: ignore[name-defined]  # noqa: F821

book = Path(os.environ.get("D2L_BOOK", Path(__file__).resolve().parents[2]))
data = os.environ.get("D2L_DATA", "/srv/d2l-data")
threads = int(os.environ.get("D2L_THREADS", "1"))
trial_password = os.environ.get("D2L_TRIAL", "")

# Behind a web server that speaks https: the address below is not to be reached from outside.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"

if trial_password:
    # A trial on one's own machine: any name, one password, and every server runs as the user who
    # started the hub. The students are not protected from each other: no class without accounts.
    homes = Path(os.environ.get("D2L_HOMES", Path.home() / "d2l-homes")).resolve()
    c.JupyterHub.authenticator_class = "dummy"
    c.DummyAuthenticator.password = trial_password
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = str(homes / "{username}")
    c.Spawner.notebook_dir = str(homes / "{username}")
    c.Authenticator.allow_all = True
    # A name becomes the name of a folder.
    c.Authenticator.username_pattern = r"[a-z][a-z0-9_-]{0,30}$"

    def give_book(spawner):
        """Copy what a student works on, once; the chapters look for their tables beside them."""
        goal = homes / spawner.user.name / "book"
        if not goal.exists():
            for part in ("notebooks", "benchmarks/results", "docs/jupyterhub"):
                shutil.copytree(book / part, goal / part)

    c.Spawner.pre_spawn_hook = give_book
else:
    # A class: the accounts of the machine. Who may log in is in the group `students`; the book in
    # /etc/skel gives each new account a copy of its own.
    c.JupyterHub.authenticator_class = "pam"
    c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
    c.Spawner.notebook_dir = "~"
    c.PAMAuthenticator.allowed_groups = {"students"}
    c.PAMAuthenticator.admin_groups = {"teachers"}

# The servers run in the book's own environment, which needs the package jupyterhub as well.
c.Spawner.cmd = [str(book / ".venv" / "bin" / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
# When a class logs in at once, starting takes long.
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 180
c.Spawner.environment = {
    # Without this each student's kernel takes all cores for itself, and all of them crawl.
    "OMP_NUM_THREADS": str(threads),
    "MKL_NUM_THREADS": str(threads),
    "D2L_DATA": data,
    "D2L_DEVICE": os.environ.get("D2L_DEVICE", "cpu"),
}
# The local spawners only announce this figure; systemd's, Docker's and Kubernetes' enforce it.
c.Spawner.mem_limit = f"{os.environ.get('D2L_MEMORY', '2')}G"
c.Spawner.cpu_limit = float(threads)

# Servers that nobody uses are stopped; the notebooks are saved, what was in memory is gone.
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [
            sys.executable,
            "-m",
            "jupyterhub_idle_culler",
            f"--timeout={int(os.environ.get('D2L_IDLE', '3600'))}",
        ],
    }
]
