//! The tables of a stage that the forward pass reads.

/// The tables of a stage.
pub(super) struct StageValues<'a, F> {
    pub(super) values: &'a [F],        // V_t, [s]
    pub(super) action_values: &'a [F], // Q_t, [s, a]
    pub(super) policy: &'a mut [F],    // π_t, [s, a]; afterwards y_t
    pub(super) log_policy: &'a [F],    // [s, a]
    pub(super) next_values: &'a [F],   // V_{t+1}, [s]
}
