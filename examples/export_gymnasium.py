"""Writes a tabular Gymnasium environment as a model file of the crate `softmdp`.

    pip install gymnasium numpy
    python export_gymnasium.py FrozenLake-v1 frozen_lake.npz --option map_name=8x8
    softmdp frozen_lake.npz --horizon 100 --inference variational --temperature 0

In Python, `export` takes any object with a table `P`, or the table itself. Gymnasium is not needed:

    from export_gymnasium import export
    export(my_environment, "mine.npz")

The table is P[s][a] = [(probability, next_state, reward, terminated), ..], as dictionaries or as
lists. Three properties of these lists are easy to misread:

- A successor may be listed more than once. Probabilities of equal rewards are added. A successor
  with several rewards stays listed once for each: direct inference needs their distribution, not
  their mean.
- `terminated` ends the episode, even if the next state has transitions of its own (CliffWalking,
  Taxi). A state that other states enter only by ending becomes a terminal state, and its own
  transitions are dropped. If other states enter a state in both ways, the ends lead to a terminal
  copy of it. Copies come after all ordinary states, and `copy_of` lists their originals.
- Rewards belong to the transition. The script writes them as such, without averaging.

The initial distribution is `initial_state_distrib` or `isd` of the object. Without either, the file
has none.
"""

import argparse
import ast
import datetime
import platform
import sys

import numpy as np


def by_index(table, name):
    """A dictionary or a list as a dictionary from indices."""
    if not hasattr(table, "keys"):
        if not hasattr(table, "__iter__") or isinstance(table, str):
            raise ValueError(f"{name} is neither a dictionary nor a list")
        return dict(enumerate(table))
    if not all(isinstance(key, (int, np.integer)) and key >= 0 for key in table):
        raise ValueError(f"{name} has keys that are not whole numbers >= 0: number its entries from 0")
    return {int(key): table[key] for key in table}


def outcomes(entries, name, num_states):
    """The possible (probability, next_state, reward, terminated) of a list."""
    found = []
    for entry in by_index(entries, name).values():
        if not hasattr(entry, "__len__") or len(entry) != 4:
            raise ValueError(f"{name} has an entry {entry!r}, expected (probability, next_state, reward, terminated)")
        p, next_state, reward, terminated = entry
        if not 0 <= int(next_state) < num_states:
            raise ValueError(f"{name} leads to state {next_state}, expected one below {num_states}")
        if p != 0:
            found.append((float(p), int(next_state), float(reward), bool(terminated)))
    return found


def table_of(environment):
    """P[s][a] of an object, or of the table itself.

    Returns for each state a dictionary from actions to outcomes.
    """
    P = getattr(environment, "P", environment)
    if P is environment and not hasattr(P, "keys") and not isinstance(P, (list, tuple)):
        raise ValueError("it has no table P of transitions: only tabular environments can be written")
    P = by_index(P, "P")
    if not P:
        raise ValueError("P has no states")
    if set(P) != set(range(len(P))):
        raise ValueError(f"P has {len(P)} states, but not the states 0 to {len(P) - 1}")
    rows = []
    for s in range(len(P)):
        actions = by_index(P[s], f"P[{s}]")
        rows.append({a: outcomes(actions[a], f"P[{s}][{a}]", len(P)) for a in actions})
    return rows


def terminal_states(P, initial):
    """States that are entered from other states only by ending, and never begin an episode."""
    terminal = set()
    while True:
        entered, passed = set(), set()
        for s in set(range(len(P))) - terminal:
            for row in P[s].values():
                for _, next_state, _, terminated in row:
                    if next_state != s:
                        (entered if terminated else passed).add(next_state)
        new = {s for s in entered - passed - terminal if initial is None or initial[s] == 0}
        if not new:
            return terminal
        terminal |= new


def model(environment):
    """The arrays of a model file."""
    P = table_of(environment)
    num_states = len(P)
    num_actions = max((a + 1 for actions in P for a in actions), default=0)
    num_actions = max(num_actions, int(getattr(getattr(environment, "action_space", None), "n", 0)))
    initial = getattr(environment, "initial_state_distrib", getattr(environment, "isd", None))
    if initial is not None:
        initial = np.asarray(initial, dtype=float)
        if initial.shape != (num_states,):
            raise ValueError(f"its initial distribution has shape {initial.shape}, expected {(num_states,)}")
    terminal = terminal_states(P, initial)
    copies = {}  # state -> its terminal copy

    rows = []  # for each pair: {(next_state, reward): probability}
    for s in range(num_states):
        for a in range(num_actions):
            row = {}
            for p, next_state, reward, terminated in P[s].get(a, []) if s not in terminal else []:
                if terminated and next_state not in terminal:
                    next_state = copies.setdefault(next_state, num_states + len(copies))
                row[next_state, reward] = row.get((next_state, reward), 0.0) + p
            rows.append(sorted(row.items()))
    rows += [[]] * (num_actions * len(copies))

    entries = [entry for row in rows for entry in row]
    is_terminal = [s in terminal for s in range(num_states)] + [True] * len(copies)
    arrays = {
        "num_actions": np.int64(num_actions),
        "row_offsets": np.cumsum([0] + [len(row) for row in rows]),
        "next_states": np.array([next_state for (next_state, _), _ in entries], dtype=np.int64),
        "probabilities": np.array([p for _, p in entries], dtype=float),
        "successor_rewards": np.array([reward for (_, reward), _ in entries], dtype=float),
        "terminal_states": np.array(is_terminal, dtype=bool),
        "copy_of": np.array(list(copies), dtype=np.int64),
    }
    if initial is not None:
        arrays["initial"] = np.concatenate([initial, np.zeros(len(copies))])
    if any(a not in P[s] for s in range(num_states) for a in range(num_actions)):
        available = [[a in P[s] for a in range(num_actions)] for s in range(num_states)]
        arrays["available_actions"] = np.array(available + [[True] * num_actions] * len(copies))
    return arrays


def export(environment, output, source=None):
    """Writes an object with a table P, or the table itself. Returns a summary of one line.

    The name of the file gets the ending .npz if it has none. The array `provenance` names `source`.
    """
    output = str(output)
    if not output.endswith(".npz"):
        output += ".npz"  # as np.savez does
    arrays = model(environment)
    provenance = (
        f"export_gymnasium.py; {source or type(environment).__name__}; numpy {np.__version__}, "
        f"Python {platform.python_version()}; {datetime.date.today()}"
    )
    np.savez_compressed(output, provenance=np.array(provenance), **arrays)
    num_terminal = int(arrays["terminal_states"].sum())
    return (
        f"{output}: {len(arrays['terminal_states'])} states, of which {num_terminal} terminal and "
        f"{len(arrays['copy_of'])} copies; {len(arrays['next_states'])} transitions"
        + ("" if "initial" in arrays else "; no initial distribution")
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", help="its id, as for gymnasium.make")
    parser.add_argument("output", help="the .npz file to write")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="for gymnasium.make")
    arguments = parser.parse_args()

    options = {}
    for option in arguments.option:
        key, _, value = option.partition("=")
        try:
            options[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            options[key] = value  # a plain word
    try:
        import gymnasium

        environment = gymnasium.make(arguments.environment, **options).unwrapped
        source = f"{arguments.environment} {options}; gymnasium {gymnasium.__version__}"
        print(export(environment, arguments.output, source))
    except Exception as error:  # any error of an environment: its message, without the traceback
        message = " ".join(str(error).split()) or type(error).__name__
        sys.exit(f"{arguments.environment}: {message}")


if __name__ == "__main__":
    main()
