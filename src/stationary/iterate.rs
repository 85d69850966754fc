//! The iterate of a search: values V and their backup BV.

use super::halt::Halt;
use super::interval::{Differences, Interval};
use super::operator::Operator;
use crate::backward::StageTables;
use crate::parallel::{RowsMut, for_each_piece};
use crate::{Error, Model, Real, Table, arrays};

/// The operator B, values V and their backup BV.
pub(super) struct Iterate<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    pub(super) operator: Operator<'m, F, M>,
    /// V; −∞ only in states proven to have V* = −∞.
    pub(super) values: Vec<F>,
    /// BV of the last backup.
    pub(super) backed_up: Vec<F>,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Iterate<'m, F, M> {
    pub(super) fn new(operator: Operator<'m, F, M>, values: Vec<F>) -> Result<Self, Error> {
        let backed_up = arrays::filled_vec(Table::StateValues, values.len(), F::zero())?;
        Ok(Self { operator, values, backed_up })
    }

    /// Writes BV, and the policy of V if asked.
    pub(super) fn back_up(&mut self, policy: Option<(&mut [F], &mut [F])>) -> Result<Differences, Halt> {
        let Self { operator, values, backed_up } = self;
        operator.ask()?;
        operator.apply(values, StageTables { policy, ..StageTables::values(backed_up) })?;
        operator.take_best_exits();
        Ok(Differences::of_team(operator.model().team(), values, backed_up, operator.is_fixed())?)
    }

    /// V ← BV, plus the middle of the interval of (S2) where B shifts all states nearly alike.
    ///
    /// The added constant removes the constant part of BV − V, which sweeps reduce slowly.
    pub(super) fn advance(&mut self, differences: &Differences) {
        std::mem::swap(&mut self.values, &mut self.backed_up);
        let contraction = self.operator.contraction();
        if !contraction.is_even() {
            return;
        }
        let middle = F::from_f64(Interval::new(differences, contraction, 0.0).middle());
        if !(middle.abs() < F::max_value() * F::from_f64(0.25)) {
            return;
        }
        let (len, is_fixed) = (self.values.len(), self.operator.is_fixed());
        for_each_piece(len, RowsMut::column(&mut self.values[..]), &|states, values: RowsMut<'_, F>| {
            for (v, &is_fixed) in values.data.iter_mut().zip(&is_fixed[states]) {
                *v += if is_fixed { F::zero() } else { middle };
            }
        });
    }

    /// The states that a policy step changes: nonterminal, with finite V and BV.
    pub(super) fn takes_part(&self) -> Vec<bool> {
        let (values, backed_up, is_fixed) = (&self.values, &self.backed_up, self.operator.is_fixed());
        let mut takes_part = vec![false; values.len()];
        let outputs = RowsMut::column(&mut takes_part[..]);
        for_each_piece(values.len(), outputs, &|states, takes_part: RowsMut<'_, bool>| {
            for (state, takes_part) in states.zip(takes_part.data) {
                *takes_part = values[state].is_finite() && backed_up[state].is_finite() && !is_fixed[state];
            }
        });
        takes_part
    }

    /// The size of BV − V that a step has to reduce: half its span where (S2) holds, else its norm.
    pub(super) fn size(&self, differences: &Differences) -> f64 {
        let contraction = self.operator.contraction();
        let half = Interval::new(differences, contraction, 0.0).width() / 2.0;
        let size = half * (1.0 - contraction.most) / contraction.most;
        if size.is_finite() { size.min(differences.norm()) } else { differences.norm() }
    }
}
