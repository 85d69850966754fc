"""MDPSolver, a library: value iteration and modified policy iteration, with its corrections of values.

It has no temperature. A second run of a solver starts from the values of the first, so each is given a new one; models are
handed over as lists, which is not timed either.
"""

import mdpsolver
import numpy as np

from layout import looping
from models import HARD, TOLERANCE
from registry import program


def solver(model, **options):
    matrix, rewards = looping(model)
    pairs = np.split(np.arange(model.num_states * model.num_actions), model.num_states)
    row = lambda table, pair: table[matrix.indptr[pair] : matrix.indptr[pair + 1]].tolist()
    probabilities = [[row(matrix.data, pair) for pair in of] for of in pairs]
    columns = [[row(matrix.indices, pair) for pair in of] for of in pairs]
    rewards = rewards.tolist()

    def renew():
        problem = mdpsolver.model()
        problem.mdp(discount=model.discount, rewards=rewards, tranMatProbs=probabilities, tranMatColumns=columns)

        def solve():
            problem.solve(tolerance=TOLERANCE, **options)
            return {"V": np.array(problem.getValueVector())}

        return solve

    return renew


@program("stationary", HARD, "MDPSolver", "library: value iteration", renews=True)
def value_iteration(model):
    return solver(model, algorithm="vi")


@program("stationary", HARD, "MDPSolver, one thread", "library: value iteration", renews=True)
def value_iteration_one_thread(model):
    return solver(model, algorithm="vi", parallel=False)


@program("stationary", HARD, "MDPSolver, mpi", "library: modified policy iteration, one thread", renews=True)
def modified_policy_iteration(model):
    return solver(model, algorithm="mpi", parallel=False)


def tables(result):
    return result
