//! Trajectories from cells.

use super::{Direction, Error, Gridworld};
use crate::Trajectory;

impl Gridworld {
    /// Makes a trajectory from the cells that it visits, as (row, column), one for each stage.
    ///
    /// The action of a step is the move that leads from one cell to the next if nothing is left to
    /// chance. If there is no such move, it is the one that leads there with the largest
    /// probability, because of slip or wind. In a tie it is the first action, but staying comes
    /// before a move against a wall.
    ///
    /// # Errors
    ///
    /// [`Error::NoStateAtStage`] for a wall or a place outside the map; [`Error::NoStep`] if no
    /// action leads from a cell to the next one;
    /// [`ActionAfterEnd`](crate::Error::ActionAfterEnd) for a step from a goal or trap;
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch) without cells; errors of the options, as in
    /// [`mdp`](Self::mdp).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::gridworld::{Error, Gridworld};
    /// use softmdp::posterior;
    ///
    /// let grid = Gridworld::parse("S.G\n...")?.slip(0.1);
    /// let seen = grid.trajectory(&[(0, 0), (0, 1), (0, 2)])?;
    /// assert_eq!((seen.states(), seen.actions()), (&[0, 1, 2][..], &[1, 1][..])); // to the right
    /// let mdp = grid.mdp()?;
    /// let posterior = posterior(&mdp, &grid.initial(), 5)?;
    /// assert!(posterior.log_probability(&mdp, &seen)?.is_finite()); // a possible success
    ///
    /// let error = grid.trajectory(&[(0, 0), (0, 1), (1, 2)]).unwrap_err();
    /// assert_eq!(error, Error::NoStep { stage: 1, from: (0, 1), to: (1, 2) });
    /// # Ok::<(), Error>(())
    /// ```
    pub fn trajectory(&self, cells: &[(usize, usize)]) -> Result<Trajectory, Error> {
        self.check_options()?;
        let states = cells.iter().enumerate().map(|(stage, &(row, column))| {
            self.state_at(row, column).ok_or(Error::NoStateAtStage { stage, row, column })
        });
        let states = states.collect::<Result<Vec<usize>, Error>>()?;
        let steps = states.windows(2).zip(cells.windows(2)).enumerate();
        let actions = steps.map(|(stage, (states, cells))| {
            if self.cell_of(states[0]).is_terminal() {
                return Err(crate::Error::ActionAfterEnd { stage, state: states[0] }.into());
            }
            let action = self.action_between(states[0], states[1]);
            action.ok_or(Error::NoStep { stage, from: cells[0], to: cells[1] })
        });
        let actions = actions.collect::<Result<Vec<usize>, Error>>()?;
        Ok(Trajectory::new(states, actions)?)
    }

    /// The action that explains a step best; `None` if none leads there.
    fn action_between(&self, state: usize, next_state: usize) -> Option<usize> {
        let mut best = None;
        for (action, &direction) in self.directions().iter().enumerate() {
            let outcomes = self.outcomes(state, action);
            let p: f64 = outcomes.iter().filter(|(reached, _)| *reached == next_state).map(|(_, p)| p).sum();
            let is_meant = self.moved(state, direction) == next_state;
            let fit = (is_meant, is_meant && direction == Direction::Stay, p);
            if p > 0.0 && best.is_none_or(|(_, most)| fit > most) {
                best = Some((action, fit));
            }
        }
        best.map(|(action, _)| action)
    }
}
