"""Answers commands about the peers of one module, so that every library has a process, and threads, to itself.

Commands are lines of words, answers lines of JSON, as with the crate's side (`main.rs`):

    list ROW INFERENCE                     names of programs, and what they are
    prepare ROW INFERENCE NAME MODEL       reads the model, compiles and solves once; its errors against REFERENCE
            REFERENCE
    time NAME SECONDS                      solves again and again: the shortest time
    forget                                 everything that has been prepared
"""

import importlib
import json
import shlex
import sys
import time

import numpy as np

import models
import reference
from registry import PROGRAMS


def find_row(key):
    return next(row for row in models.ROWS if row.key == key)


class Worker:
    def __init__(self, module):
        self.module = module
        # Not those of modules that this one borrows from.
        self.programs = [p for p in PROGRAMS if p.prepare.__module__ == module.__name__]
        self.forget()

    def list(self, key, inference):
        row = find_row(key)
        return [[p.name, p.what] for p in self.programs if p.does(row, inference)]

    def prepare(self, key, inference, name, model, reference_file):
        row = find_row(key)
        if self.model is None:
            self.model = models.read(row, model)
        program = next(p for p in self.programs if p.does(row, inference) and p.name == name)
        solve = program.prepare(self.model)
        # Making a solver anew is not timed.
        renew = solve if program.renews else lambda: solve
        found = self.module.tables(renew()())
        # Programs that solve a model of their own bring what it should come to.
        expected = program.reference(row, self.model) if program.reference else dict(np.load(reference_file))
        self.solvers[name] = renew
        if "V" in found:
            found["V"] = found["V"][:: row.stride]
        return reference.errors(found, expected, row)

    def time(self, name, seconds):
        renew, times, begun = self.solvers[name], [], time.perf_counter()
        while not times or time.perf_counter() - begun < float(seconds):
            solve = renew()
            started = time.perf_counter()
            result = solve()
            times.append(time.perf_counter() - started)
            del result  # as one's own would be, before the next
        return {"best": min(times), "runs": len(times)}

    def forget(self):
        self.model, self.solvers = None, {}


def main():
    worker = Worker(importlib.import_module(sys.argv[1]))
    # What libraries print must not come between answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        command, *words = shlex.split(line)
        print(json.dumps(getattr(worker, command)(*words)), file=answers, flush=True)


if __name__ == "__main__":
    main()
