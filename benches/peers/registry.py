"""What a module of peers has to offer: functions that make a model ready and return what is timed."""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Program:
    """One line of a table."""

    kind: str  # of the rows that it can do
    inference: str
    name: str
    what: str  # whether this is a library's own function, or a transcription
    prepare: Callable  # takes a Model; the function that it returns solves it
    at_most: int  # states, beyond which there is not the memory
    reference: Callable | None  # what comes out, where the model cannot be that of the others
    renews: bool  # `prepare` returns what makes a solver from the beginning, since its second run is another one

    def does(self, row, inference):
        return self.kind == row.kind and self.inference == inference and row.num_states <= self.at_most


PROGRAMS = []


def program(kind, inference, name, what, at_most=10**9, reference=None, renews=False):
    """Lists a function `prepare(model) -> solve() -> result`. What depends on the layout of a model alone belongs into
    `prepare`, what depends on its rewards into `solve`. The module's `tables` turns results into tables of numpy,
    V [t, s] and of dense models Q and pi [t, s, a], of stationary ones V [s]; that is not timed."""

    def register(prepare):
        PROGRAMS.append(Program(kind, inference, name, what, prepare, at_most, reference, renews))
        return prepare

    return register
