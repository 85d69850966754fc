"""Prepares all programs of a row, checks their numbers, and times them in turns."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import models
import reference

HERE = Path(__file__).resolve().parent
# numpy asks the system for large pages of memory by itself. The C library does so for all others, if it is told.
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

# Our calls of a forward pass, and the backward pass of the same model that they are compared with.
FORWARD_CALLS = {models.MESSAGES: "forward", models.MARGINALS: "posterior", models.OCCUPANCY: "occupancy"}
BACKWARD_CALLS = {
    models.MESSAGES: ("solve_values", models.DIRECT),
    models.MARGINALS: ("solve", models.DIRECT),
    models.OCCUPANCY: ("solve_values", models.VARIATIONAL),
}


@dataclass
class Line:
    """One program in one row, and what was found out about it."""

    process: "Process"
    name: str
    what: str
    prepare: list  # words of commands
    time: list
    is_ours: bool = False
    is_single: bool = False  # precision
    errors: dict = field(default_factory=dict)
    best: float = float("inf")
    runs: int = 0


@dataclass
class Result:
    row: models.Row
    inference: str
    lines: list
    stream: float | None = None  # seconds for reading the transitions once a stage
    backward: float | None = None  # seconds of our backward pass, beside a forward pass


class Process:
    """A program that answers lines of words with lines of JSON."""

    def __init__(self, *command, settings=None):
        pipe, environment = subprocess.PIPE, os.environ | (settings or {})
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=HERE, env=environment)

    def ask(self, *words):
        print(shlex.join(map(str, words)), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{words}: no answer")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(rows, executable, interpreters, folder, threads, is_quick):
    """Results of all rows and inferences."""
    folder.mkdir(parents=True, exist_ok=True)
    ours = Process(executable, "serve", settings=LARGE_PAGES)
    untold = Process(executable, "serve")
    peers = [Process(python, "worker.py", module, settings=LARGE_PAGES) for module, python in interpreters.items()]
    results = []
    for row in rows:
        model = folder / f"{row.key}.npz"
        if row.kind == "dense":
            models.write_dense(row, model)
        elif row.kind == "stationary":
            models.write_stationary(row, model)
        elif row.kind == "choices":
            models.write_choices(row, model)
        elif row.kind == "moves":
            models.write_moves(row, model)
        is_our_grid = row.kind in ("grid", "forward")
        for process in [ours, untold]:
            process.ask(*(["grid", row.size, model] if is_our_grid else [row.kind, model]))
        files = references(row, model, folder)
        for inference in row.questions:
            result = Result(row, inference, [])
            mine = our_lines(ours, untold, row, inference, threads)
            theirs = peer_lines(peers, row, inference, model, files[inference])
            result.lines = mine + theirs
            prepare(result, folder, files[inference])
            seconds, rounds = (row.seconds / 5, 1) if is_quick else (row.seconds, row.rounds)
            for _ in range(rounds):
                if row.kind == "forward":
                    call, of = BACKWARD_CALLS[inference]
                    took = ours.ask("time", call, "f64", threads, of, row.horizon, seconds)["best"]
                    result.backward = min(took, result.backward or took)
                if row.kind == "dense" and row.size >= 1000:
                    took = ours.ask("stream", threads, row.horizon, seconds)["best"]
                    result.stream = min(took, result.stream or took)
                # Ours at both ends, so that a machine that slows down favours nobody.
                for line in [*result.lines, mine[0]]:
                    time(line, seconds)
            for peer in peers:
                peer.ask("forget")
            results.append(result)
    for process in [ours, untold, *peers]:
        process.close()
    return results


def references(row, model, folder):
    """Files with what the numbers of a row should be. They take long, and are kept while the model is the same."""
    made = {}
    for inference in row.questions:
        kept, out = folder / f"{row.key}-{inference}-of.npz", folder / f"{row.key}-{inference}.npz"
        is_new = not out.exists() or not kept.exists() or kept.read_bytes() != model.read_bytes()
        command = [sys.executable, "reference.py", row.key, inference, model, out]
        made[inference] = out, kept, subprocess.Popen(command, cwd=HERE) if is_new else None
    for out, kept, process in made.values():
        if process:
            if process.wait() != 0:
                raise RuntimeError(f"{out}: not made")
            kept.write_bytes(model.read_bytes())
    return {inference: out for inference, (out, _, _) in made.items()}


def our_lines(process, untold, row, inference, threads):
    """The calls of the crate that a row asks for."""
    first = {
        "dense": "solve",
        "grid": "solve_values",
        "moves": "solve_values_into",
        "forward": FORWARD_CALLS.get(inference),
        "stationary": "solve_stationary",
        "choices": "fit",
    }[row.kind]
    if row.kind == "forward":
        inference = models.VARIATIONAL if inference == models.OCCUPANCY else models.DIRECT
    number = "f32" if row.is_single else "f64"
    calls = [(process, first, number, threads, "")]
    if row.kind == "choices":
        calls += [(process, first, "f64", 1, ", one thread")]
    elif row.size < 100:
        calls += [(process, "solve_into", "f64", threads, "")]
    else:
        calls += [(untold, first, number, threads, ", without large pages"), (process, first, number, 1, ", one thread")]
    if row.kind == "dense" and row.size >= 100:
        calls += [(process, first, "f32", threads, ", in f32")]
    lines = []
    for process, call, number, count, note in calls:
        task = [call, number, count, inference, row.horizon]
        what = f"this crate: `{call}`{note}"
        line = Line(process, "softmdp", what, ["check", *task, row.stride], ["time", *task], True, number == "f32")
        lines.append(line)
    return lines


def peer_lines(peers, row, inference, model, expected):
    return [
        Line(peer, name, what, ["prepare", row.key, inference, name, model, expected], ["time", name])
        for peer in peers
        for name, what in peer.ask("list", row.key, inference)
    ]


def prepare(result, folder, expected):
    """Solves once with every program, and compares."""
    for line in result.lines:
        print(f"{result.row.key} {result.inference}: {line.name}, {line.what}", flush=True)
        if line.is_ours:
            found = folder / "found.npz"
            line.process.ask(*line.prepare, found)
            with np.load(found) as found, np.load(expected) as tables:
                line.errors = reference.errors(found, tables, result.row)
        else:
            line.errors = line.process.ask(*line.prepare)
        is_single = line.is_single or result.row.is_single
        tolerance = reference.TOLERANCE_SINGLE if is_single else reference.TOLERANCE
        if result.row.kind in ("stationary", "choices"):
            tolerance = reference.TOLERANCE_STATIONARY
        if not max(line.errors.values()) < tolerance:
            raise RuntimeError(f"{line.name} disagrees with the reference: {line.errors}")


def time(line, seconds):
    found = line.process.ask(*line.time, seconds)
    line.best = min(line.best, found["best"])
    line.runs += found["runs"]
