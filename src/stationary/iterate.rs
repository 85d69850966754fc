//! The values that a search works on, and their backup.

use super::halt::Halt;
use super::interval::{Differences, Interval};
use super::operator::Operator;
use crate::backward::StageTables;
use crate::{Error, Model, Real, Table, arrays};

/// V and BV.
pub(super) struct Iterate<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    pub(super) operator: Operator<'m, F, M>,
    /// V, finite wherever V* can be told from −∞ so far.
    pub(super) values: Vec<F>,
    /// BV of the last backup.
    pub(super) backed_up: Vec<F>,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Iterate<'m, F, M> {
    pub(super) fn new(operator: Operator<'m, F, M>, values: Vec<F>) -> Result<Self, Error> {
        let backed_up = arrays::filled(Table::StateValues, values.len(), F::zero())?;
        Ok(Self { operator, values, backed_up: backed_up.into_raw_vec_and_offset().0 })
    }

    /// Backs up V, with the policy of V if asked.
    pub(super) fn back_up(&mut self, policy: Option<(&mut [F], &mut [F])>) -> Result<Differences, Halt> {
        let Self { operator, values, backed_up } = self;
        operator.ask()?;
        operator.apply(values, StageTables { policy, ..StageTables::values(backed_up) })?;
        Ok(Differences::of(values, backed_up, operator.is_fixed()))
    }

    /// V ← BV, moved to the middle of the interval where all states pass shifts on alike: that takes nothing from
    /// the differences but the constant, which sweeps would take long to lose.
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
        let states = self.values.iter_mut().zip(self.operator.is_fixed());
        states.filter(|(_, fixed)| !**fixed).for_each(|(v, _)| *v += middle);
    }

    /// Which states take part in a step: not terminal, V and BV finite.
    pub(super) fn takes_part(&self) -> Vec<bool> {
        let states = self.values.iter().zip(&self.backed_up).zip(self.operator.is_fixed());
        states.map(|((v, b), fixed)| v.is_finite() && b.is_finite() && !fixed).collect()
    }

    /// What a step has to bring down: differences, as far as the interval minds them.
    pub(super) fn size(&self, differences: &Differences) -> f64 {
        let contraction = self.operator.contraction();
        let half = Interval::new(differences, contraction, 0.0).width() / 2.0;
        let size = half * (1.0 - contraction.most) / contraction.most;
        if size.is_finite() { size.min(differences.norm()) } else { differences.norm() }
    }
}
