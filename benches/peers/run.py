"""How fast is the crate beside what one would write, or install, in Python? Writes RESULTS.md.

    python3 benches/peers/run.py               # takes minutes, and more at first, when packages are installed
    python3 benches/peers/run.py --quick       # is everything in order? Prints, and leaves RESULTS.md alone
    python3 benches/peers/run.py --imitation   # with the library imitation, which brings several GB of torch
    python3 benches/peers/run.py --econirl     # with the library econirl, which takes ten seconds a run

Makes environments of Python under target/, installs the pinned packages, builds the crate's side, checks that all
numbers agree and times all programs in turns.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = ROOT / "target"
THREADS = 2
LIBRARIES = ["numpy", "numba", "jax", "jaxdp", "quantecon", "mdpsolver", "mdptoolbox", "nested", "forward", "moves"]
PEERS = [f"{name}_peer" for name in LIBRARIES]


def environment(name, requirements):
    """The interpreter of an environment that has the packages of a file."""
    folder = TARGET / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        print(f"installing {requirements.name}", flush=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
        stamp.write_text(wanted)
    return python


def limits():
    """Variables that hold every library to as many threads, and keep the source tree clean."""
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC"]
    return {name: str(THREADS) for name in names} | {
        "NUMBA_CACHE_DIR": str(TARGET / "peers" / "numba"),
        "PYTHONPYCACHEPREFIX": str(TARGET / "peers" / "python"),
        "NUMBA_THREADING_LAYER": "omp",
        "JAX_PLATFORMS": "cpu",
    }


def build():
    """Builds the crate's side; where it is."""
    command = ["cargo", "bench", "--no-run", "--bench", "peers", "--features", "npz", "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    built = [json.loads(line) for line in lines]
    return next(m["executable"] for m in built if m.get("executable") and m["target"]["name"] == "peers")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short runs, without the largest grid")
    parser.add_argument("--rows", help="some rows only, by their keys in models.py with commas between")
    parser.add_argument("--imitation", action="store_true", help="with the library imitation")
    parser.add_argument("--econirl", action="store_true", help="with the library econirl")
    return parser.parse_args()


def main():
    chosen = options()
    python = environment("peers-venv", HERE / "requirements.txt")
    if Path(sys.prefix) != python.parents[1]:
        os.environ.update(limits())
        os.execv(python, [python, *sys.argv])

    # Only now, since numpy is there only now.
    import measure
    import models
    import report

    # To libraries that count processors instead of asking, there are no others.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    interpreters = {name: python for name in PEERS}
    if chosen.imitation:
        interpreters["imitation_peer"] = environment("peers-imitation", HERE / "requirements-imitation.txt")
    if chosen.econirl:
        interpreters["econirl_peer"] = environment("peers-econirl", HERE / "requirements-econirl.txt")
    rows = [row for row in models.ROWS if not (chosen.quick and row.key == "grid1000")]
    if chosen.rows:
        rows = [row for row in models.ROWS if row.key in chosen.rows.split(",")]
    load = os.getloadavg()[0]
    results = measure.measure(rows, build(), interpreters, TARGET / "peers", THREADS, chosen.quick)
    text = report.text(results, interpreters, ROOT, THREADS, load)
    if chosen.quick or chosen.rows:
        print(text)
    else:
        (HERE / "RESULTS.md").write_text(text)
        print(HERE / "RESULTS.md")


if __name__ == "__main__":
    main()
