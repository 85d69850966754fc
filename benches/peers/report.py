"""Writes what was measured: tables, and which of the aims were met."""

import datetime
import os
import platform
import re
import subprocess
import tomllib
from pathlib import Path

import models

# Of the best peer's time to that of our line with this call: row, question, call, times faster.
TARGETS = [
    ("dense1000", models.DIRECT, "solve", 1.15),
    ("dense1000", models.VARIATIONAL, "solve", 1.05),
    ("grid300", models.DIRECT, "solve_values", 1.6),
    ("grid300", models.VARIATIONAL, "solve_values", 1.5),
    ("grid1000", models.DIRECT, "solve_values", 1.4),
    ("grid1000", models.VARIATIONAL, "solve_values", 2.0),
    ("garnet", models.HARD, "solve_stationary", 1.5),
    ("garnet", models.SOFT, "solve_stationary", 1.5),
    ("looping", models.HARD, "solve_stationary", 1.5),
    ("looping", models.SOFT, "solve_stationary", 1.5),
    ("terminal", models.HARD, "solve_stationary", 1.5),
    ("terminal", models.SOFT, "solve_stationary", 2.5),
    ("small", models.DIRECT, "solve_into", 1.3),
    ("small", models.VARIATIONAL, "solve_into", 1.3),
]
# Of the plain loop in numba to ours, and of our backward pass to our forward pass.
MOVES_TARGET, FORWARD_TARGET = 2.5, 0.6
# Seconds of a fit to choices.
CHOICES_TARGET = 0.01
# Of the streaming limit's time to ours, and of f64 to f32.
STREAM_TARGET, SINGLE_TARGET = 0.92, 1.7
# Those that compute; imitation alone brings a hundred others.
PACKAGES = {"chex", "econirl", "imitation", "jax", "jaxdp", "jaxlib", "llvmlite", "mdpsolver", "numba", "numpy"}
PACKAGES |= {"pymdptoolbox", "quantecon", "scipy"}


def text(results, interpreters, root, threads, load):
    parts = ["# Beside peers\n\nWritten by `run.py`; [README.md](README.md) says what is compared.\n\n"]
    parts += machine(interpreters, root, threads, load)
    for result in results:
        parts += [f"\n## {result.row.title}, {result.inference}\n\n", *table(result)]
    return "".join(parts + ["\n## Targets\n\n", *targets(results)])


def machine(interpreters, root, threads, load):
    """Date, machine, versions and settings."""

    def run(*command):
        return subprocess.run(command, cwd=root, capture_output=True, text=True).stdout.strip()

    crate = tomllib.loads((root / "Cargo.toml").read_text())["package"]["version"]
    changed = " with changes" if run("git", "status", "--porcelain", "--untracked-files=no") else ""
    freezes = [run(python, "-m", "pip", "freeze").splitlines() for python in dict.fromkeys(interpreters.values())]
    environments = [", ".join(p.replace("==", " ") for p in freeze if p.split("==")[0] in PACKAGES) for freeze in freezes]
    lines = {
        "date": datetime.date.today(),
        "machine": f"{processor()}, {os.cpu_count()} cores, {memory()} of memory",
        "system": f"{platform.system()} {platform.release()}, with {load:.1f} programs running before these",
        "crate": f"softmdp {crate} at {run('git', 'rev-parse', '--short', 'HEAD')}{changed}",
        "Rust": run("rustc", "--version"),
        "Python": f"{platform.python_version()}; {'; beside it '.join(environments)}",
        "threads": f"{threads} for every program, unless its line says otherwise",
        "memory": "of all programs in large pages by `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`, unless its line says otherwise",
        "times": "the shortest of the runs, all warm; programs take turns, and ours come first and last",
        "ratio": f"by how much the first line of a table is faster; error: the largest of all V, and of Q and π where "
        "they are kept, relative to max(1, |x|), and to π; in rows (c) the largest error of V itself; in row (e) the nats that are missing",
    }
    return [f"- {name}: {what}\n" for name, what in lines.items()]


def processor():
    try:
        return re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def memory():
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def table(result):
    ours = result.lines[0].best
    lines = ["| program | what it is | time | ratio | error | runs |\n", "|---|---|---:|---:|---:|---:|\n"]
    for line in result.lines:
        error = f"{max(line.errors.values()):.0e}"
        lines.append(
            f"| {line.name} | {line.what} | {seconds(line.best)} | {line.best / ours:.2f} | {error} | {line.runs} |\n"
        )
    if result.stream is not None:
        what = f"reading P {result.row.horizon} times, as fast as it can be read"
        lines.append(f"| limit | {what} | {seconds(result.stream)} | {result.stream / ours:.2f} | | |\n")
    if result.backward is not None:
        keeps = "V, Q and π" if result.inference == models.MARGINALS else "V"
        what = f"the backward pass of this crate, which keeps {keeps}"
        lines.append(f"| backward | {what} | {seconds(result.backward)} | {result.backward / ours:.2f} | | |\n")
    return lines


def seconds(time):
    """Three digits."""
    for unit, factor in [("s", 1), ("ms", 1e3), ("µs", 1e6)]:
        if time * factor >= 1 or unit == "µs":
            return f"{time * factor:.3g} {unit}"


def targets(results):
    """Each aim, and whether these numbers meet it."""
    by_row = {(result.row.key, result.inference): result for result in results}
    lines = []
    for key, question, call, wanted in TARGETS:
        if result := by_row.get((key, question)):
            peer = min((line for line in result.lines if not line.is_ours), key=lambda line: line.best)
            ours = next(line for line in result.lines if line.what == f"this crate: `{call}`")
            what = f"{wanted:g} × the best peer of all ({peer.name}, {seconds(peer.best)})"
            lines.append(verdict(result, what, peer.best / ours.best, wanted))
    for result in (result for result in results if result.row.kind == "moves"):
        peer = next(line for line in result.lines if line.name == "numba")
        what = f"{MOVES_TARGET:g} × the plain loop ({peer.name}, {seconds(peer.best)})"
        lines.append(verdict(result, what, peer.best / result.lines[0].best, MOVES_TARGET))
    for result in (result for result in results if result.backward is not None):
        what = f"{FORWARD_TARGET:g} of the rate of the backward pass ({seconds(result.backward)})"
        lines.append(verdict(result, what, result.backward / result.lines[0].best, FORWARD_TARGET))
    for result in (result for result in results if result.row.kind == "choices"):
        what = f"at most {seconds(CHOICES_TARGET)}"
        lines.append(verdict(result, what, CHOICES_TARGET / result.lines[0].best, 1.0))
    for result in results:
        if result.stream is not None and result.inference == models.VARIATIONAL:
            what = f"{STREAM_TARGET:g} of the limit ({seconds(result.stream)})"
            lines.append(verdict(result, what, result.stream / result.lines[0].best, STREAM_TARGET))
        for line in result.lines:
            if line.is_single and not result.row.is_single:
                gain = result.lines[0].best / line.best
                lines.append(verdict(result, f"f32 {SINGLE_TARGET:g} × f64", gain, SINGLE_TARGET))
    return lines


def verdict(result, what, found, wanted):
    met = "met" if found >= wanted else f"missed by {100 * (1 - found / wanted):.0f} %"
    return f"- {result.row.title.split(':')[0]}, {result.inference}: {what}: {found:.2f}, {met}\n"
