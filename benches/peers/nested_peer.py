"""Rewards fitted to choices as one would write it in numpy: Newton steps on the parameters, and inside of each the values by
policy iteration (Rust's nested fixed point) with their exact derivatives.

One matrix I − γ P_π serves the values, their derivatives, and the residual visits of the Hessian.
"""

import numpy as np

from models import TOLERANCE, VARIATIONAL
from registry import program


def soft_values(model, rewards, values):
    """V, Q − V, π, and the matrix I − γ P_π at the soft policy of rewards, from a guess of V."""
    while True:
        q = rewards + model.discount * model.transitions @ values
        largest = q.max(axis=1)
        after = largest + np.log(np.exp(q - largest[:, None]).sum(axis=1))
        advantages = q - after[:, None]
        policy = np.exp(advantages)
        matrix = np.eye(len(values)) - model.discount * np.einsum("sa,san->sn", policy, model.transitions)
        change = np.linalg.solve(matrix, after - values)
        values = values + change
        # Newton's errors are squared: the next change would be rounding.
        if np.abs(change).max() <= 1e-8 * max(1, np.abs(values).max()):
            return values, advantages, policy, matrix


def derivatives(model, parameters, values):
    """The log-likelihood with its gradient and Hessian in the parameters, and V."""
    choices, features = model.choices, model.features
    values, advantages, policy, matrix = soft_values(model, features @ parameters, values)
    of_values = np.linalg.solve(matrix, np.einsum("sa,sak->sk", policy, features))
    of_q = features + model.discount * np.einsum("san,nk->sak", model.transitions, of_values)
    scores = of_q - of_values[:, None]
    came = np.einsum("sa,san->n", choices, model.transitions)
    visits = np.linalg.solve(matrix.T, choices.sum(axis=1) - model.discount * came)
    gradient = np.einsum("sa,sak->k", choices, scores)
    hessian = -np.einsum("s,sa,sak,sal->kl", visits, policy, scores, scores)
    return (choices * advantages).sum(), gradient, hessian, values


@program("choices", VARIATIONAL, "numpy", "transcription: nested fixed point, Newton with the exact Hessian")
def newton(model):
    def solve():
        parameters = np.zeros(model.features.shape[2])
        value, gradient, hessian, values = derivatives(model, parameters, np.zeros(model.num_states))
        while True:
            # Uphill also where the likelihood is not concave.
            curvatures, axes = np.linalg.eigh(-hessian)
            step = axes @ (axes.T @ gradient / np.abs(curvatures))
            if gradient @ step / 2 <= TOLERANCE:
                return {"parameters": parameters + step}
            length = 1.0
            while True:
                found = derivatives(model, parameters + length * step, values)
                if found[0] >= value + 1e-4 * length * (gradient @ step):
                    break
                length /= 2
            parameters = parameters + length * step
            value, gradient, hessian, values = found

    return solve


def tables(result):
    return result
