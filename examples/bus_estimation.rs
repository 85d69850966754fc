//! What do new engines cost, judged by when a mechanic replaced them?
//!
//! Harold Zurcher maintained the buses of Madison, Wisconsin. J. Rust took his monthly choices for
//! the soft-optimal policy of a model, and fitted two costs to them: *Optimal Replacement of GMC
//! Bus Engines: An Empirical Model of Harold Zurcher*, Econometrica 55 (1987), 999–1033. A new
//! engine costs RC, and a month with an engine of x bins of 5000 miles costs 0.001 θ x. The unit is
//! the scale of what Zurcher saw and the records do not contain.
//!
//! The example computes table IX of the paper: for three samples of buses, with a patient Zurcher
//! (γ = 0.9999) and a myopic one (γ = 0). Rust worked in three stages, and so does the example:
//!
//! 1. how far buses drive, by frequencies;
//! 2. the costs, by the likelihood of choices ([`RewardFit`]);
//! 3. both together, because how far buses drive also matters to choices.
//!
//! Table IX has the numbers of the third stage. Its standard errors are those of the outer product
//! of scores. The example also prints the costs of the second stage, with standard errors of three
//! kinds, which agree in large samples if the model is right.
//!
//! The records are in `examples/data/bus_engines.txt`, with their source. The printed numbers are
//! those that C. Ferrall copied for his program niqlow. One of them, RC of group 4 at γ = 0, is
//! 7.6538 there, and 7.6358 in econirl. Example `engine_replacement` shows the policy of the model.
//!
//! ```text
//! cargo run --release --example bus_estimation
//! ```

mod support;

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use softmdp::inverse::{Covariance, Demonstrations, FittedRewards, Likelihood, RewardFeatures, RewardFit};
use softmdp::ndarray::{Array1, Array2, Array3, ArrayRef1, Axis, s};
use softmdp::{Dynamics as _, Inference, Mdp, SparseDynamics, solve_stationary};
use support::bus::{self, NUM_BINS, REPLACE, Records};

type Fitted = FittedRewards<Mdp<f64, SparseDynamics>>;

/// A part of table IX, as printed.
struct Printed {
    groups: &'static [usize],
    discount: f64,
    parameters: [(&'static str, &'static str); 4], // with standard errors
    log_likelihood: &'static str,
    /// The log-likelihood of choices alone, by another program.
    of_choices: f64,
}

/// The largest error of values, in units of cost.
const TOLERANCE: f64 = 1e-6;
/// RC, θ, and the probabilities that a bus is driven 0 bins and 1 bin in a month.
const PARAMETERS: [&str; 4] = ["RC", "θ", "0 bins", "1 bin"];

const TABLE_IX: [Printed; 6] = [
    Printed {
        groups: &[1, 2, 3],
        discount: 0.9999,
        parameters: [("11.7270", "2.602"), ("4.8259", "1.792"), ("0.3010", "0.0074"), ("0.6884", "0.0075")],
        log_likelihood: "-2708.366",
        of_choices: -132.388_618_947,
    },
    Printed {
        groups: &[1, 2, 3],
        discount: 0.0,
        parameters: [
            ("8.2985", "1.0417"),
            ("109.9031", "26.163"),
            ("0.3010", "0.0074"),
            ("0.6884", "0.0075"),
        ],
        log_likelihood: "-2710.746",
        of_choices: -134.746_717_704,
    },
    Printed {
        groups: &[4],
        discount: 0.9999,
        parameters: [("10.0750", "1.582"), ("2.2930", "0.639"), ("0.3919", "0.0075"), ("0.5953", "0.0075")],
        log_likelihood: "-3304.155",
        of_choices: -163.584_283_657,
    },
    Printed {
        groups: &[4],
        discount: 0.0,
        parameters: [("7.6358", "0.7197"), ("71.5133", "13.778"), ("0.3919", "0.0075"), ("0.5953", "0.0075")],
        log_likelihood: "-3306.028",
        of_choices: -165.458_522_185,
    },
    Printed {
        groups: &[1, 2, 3, 4],
        discount: 0.9999,
        parameters: [("9.7558", "1.227"), ("2.6275", "0.618"), ("0.3489", "0.0052"), ("0.6394", "0.0053")],
        log_likelihood: "-6055.250",
        of_choices: -300.250_171_144,
    },
    Printed {
        groups: &[1, 2, 3, 4],
        discount: 0.0,
        parameters: [("7.3055", "0.5067"), ("70.2769", "10.750"), ("0.3489", "0.0052"), ("0.6394", "0.0053")],
        log_likelihood: "-6061.641",
        of_choices: -306.640_962_891,
    },
];

fn main() -> ExitCode {
    support::exit(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut counts = [0; 3];
    let mut misprints = Vec::new();
    let mut group_4 = Vec::new();
    for printed in &TABLE_IX {
        let records = Records::of_groups(printed.groups)?;
        let fitted = fit_costs(&(&records.driven() / records.driven().sum()), printed.discount, &records)?;
        let joint = Joint::fit(printed.discount, &records)?;
        for (what, comparison) in printed.compare(&fitted, &joint, &records)? {
            counts[comparison.units.min(2)] += 1;
            if comparison.units > 1 {
                misprints.push(format!("{what}: {} for {}", comparison.printed, comparison.found));
            }
        }
        assert!((fitted.log_likelihood() - printed.of_choices).abs() < 1e-8);
        if printed.groups == [4] {
            group_4.push(fitted);
        }
    }
    println!(
        "\n{} numbers of table IX agree, and {} differ by 1 in the last digit (~).",
        counts[0], counts[1]
    );
    println!("The others (!) are misprints, of the paper or of the copy, since what is beside them agrees:");
    misprints.iter().for_each(|misprint| println!("  {misprint}"));
    println!("Misprints of the paper's other tables, for group 4 (the tests of this library fit them):");
    println!(
        "  table VIII, cubic cost: the two log-likelihoods change places, -162.988 is that of γ = 0.9999"
    );
    println!("  table VIII, hyperbolic cost, γ = 0.9999: log-likelihood -165.423 for -165.178");
    println!("  table X, γ = 0.9999: RC 10.896 for 10.0896");

    // By another program, in numpy.
    let patient = &group_4[0];
    assert_eq!(counts, [42, 10, 2]);
    close(&patient.parameters(), [10.074_942_2, 2.293_093_0]);
    close(&patient.standard_errors(Covariance::OuterProduct)?, [1.581_529, 0.638_278]);
    close(&patient.standard_errors(Covariance::Information)?, [1.351_263, 0.553_844]);
    close(&patient.standard_errors(Covariance::Sandwich)?, [1.154_788, 0.483_182]);
    demand(&group_4)
}

/// Checks numbers to the digits of the expected ones.
fn close(found: &ArrayRef1<f64>, expected: [f64; 2]) {
    assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6));
}

impl Printed {
    /// Prints a part of the table, and returns how its numbers compare.
    fn compare(
        &self,
        fitted: &Fitted,
        joint: &Joint,
        records: &Records,
    ) -> Result<Vec<(String, Comparison)>, Box<dyn Error>> {
        let title = match self.groups {
            [group] => format!("group {group}, γ = {}", self.discount),
            groups => format!("groups 1 to {}, γ = {}", groups.len(), self.discount),
        };
        let choices = records.choices().sum_axis(Axis(0));
        println!("\nTable IX, {title}: {} months, {} new engines", choices.sum(), choices[REPLACE]);
        println!("{:21}printed{:12}computed{:2}from choices alone, with errors by", "", "", "");
        println!(
            "{:10} {:>9} {:>7} {:>10} {:>7} {:>10} {:>14} {:>12} {:>9}",
            "", "", "error", "", "error", "", "outer product", "information", "sandwich"
        );
        let kinds = [Covariance::OuterProduct, Covariance::Information, Covariance::Sandwich];
        let kinds =
            kinds.into_iter().map(|kind| fitted.standard_errors(kind)).collect::<Result<Vec<_>, _>>()?;
        let mut compared = Vec::new();
        for (k, name) in PARAMETERS.into_iter().enumerate() {
            let (number, error) = self.parameters[k];
            let found = Comparison::new(number, joint.parameters[k])?;
            let found_error = Comparison::new(error, joint.errors[k])?;
            print!("{name:10} {number:>9} {error:>7} {found:>11} {found_error:>8}");
            if let Some(estimate) = fitted.parameters().get(k) {
                print!(" {estimate:>8.4} {:>14.4} {:>12.4} {:>9.4}", kinds[0][k], kinds[1][k], kinds[2][k]);
            }
            println!();
            compared.push((format!("{title}, {name}"), found));
            compared.push((format!("{title}, error of {name}"), found_error));
        }
        let found = Comparison::new(self.log_likelihood, joint.log_likelihood)?;
        println!("{:10} {:>9} {:7} {found:>11}", "likelihood", self.log_likelihood, "");
        compared.push((format!("{title}, log-likelihood"), found));
        Ok(compared)
    }
}

/// A computed number, rounded as a printed one is.
struct Comparison {
    printed: &'static str,
    found: String,
    units: usize, // of the last digit, by which they differ
}

impl Comparison {
    fn new(printed: &'static str, found: f64) -> Result<Self, std::num::ParseFloatError> {
        let decimals = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let found = format!("{found:.decimals$}");
        let difference = printed.parse::<f64>()? - found.parse::<f64>()?;
        let units = (difference.abs() * 10_f64.powi(decimals as i32)).round() as usize;
        Ok(Self { printed, found, units })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.found, [" ", "~", "!"][self.units.min(2)]))
    }
}

fn likelihood() -> Likelihood {
    Likelihood::actions(Inference::Variational)
}

/// The second stage: RC and θ by the likelihood of choices, for buses that are driven 0, 1 and 2
/// bins a month with these probabilities.
fn fit_costs(driven: &Array1<f64>, discount: f64, records: &Records) -> Result<Fitted, Box<dyn Error>> {
    let dynamics = bus::dynamics(&driven.to_vec())?;
    let mdp = Mdp::builder(dynamics, bus::rewards(0.0, 0.0)).discount(discount).build()?;
    let features = RewardFeatures::on_pairs(bus::features()).names(["RC", "θ"]);
    let demonstrations = Demonstrations::from_counts(records.choices())?;
    Ok(RewardFit::new(features, likelihood()).fit(&mdp, &demonstrations)?)
}

/// The third stage: all four parameters with their standard errors, and the log-likelihood.
struct Joint {
    parameters: Vec<f64>,
    errors: Vec<f64>,
    log_likelihood: f64,
}

impl Joint {
    /// Maximises the likelihood of choices and driving together.
    ///
    /// The probabilities of driving take Newton steps, and RC and θ are fitted again after each.
    /// The steps leave out the curvature of choices in the probabilities, which is small.
    fn fit(discount: f64, records: &Records) -> Result<Self, Box<dyn Error>> {
        let months = records.driven();
        let mut driven = &months / months.sum();
        loop {
            let fitted = fit_costs(&driven, discount, records)?;
            let effects = effects_of_driving(&fitted)?;
            // A change of P acts on choices like a change of rewards by that of γ P V.
            let by_pair = fitted.score().reward_gradient().insert_axis(Axis(2));
            let of_choices = (&effects * &by_pair).sum_axis(Axis(0)).sum_axis(Axis(0));
            let gradient = of_choices + &months / &driven;
            let step = &driven * &(&gradient - driven.dot(&gradient)) / months.sum();
            if step.iter().all(|step| step.abs() < 1e-9) {
                let parameters = fitted.parameters().iter().chain(driven.iter().take(2)).copied().collect();
                let errors = joint_errors(&fitted, &effects, &driven, records)?;
                let log_likelihood = fitted.log_likelihood() + months.dot(&driven.ln());
                return Ok(Self { parameters, errors, log_likelihood });
            }
            driven += &step;
        }
    }
}

/// The derivative of γ Σ P(s'∣s,a) V(s') in the probability of driving i bins, `[s, a, i]`. V is
/// fixed.
fn effects_of_driving(fitted: &Fitted) -> Result<Array3<f64>, Box<dyn Error>> {
    let mdp = fitted.model();
    let solution = solve_stationary(mdp, TOLERANCE)?;
    let mut effects = Array3::zeros((NUM_BINS, 2, 3));
    for (i, mut effect) in effects.axis_iter_mut(Axis(2)).enumerate() {
        let mut certain = [0.0; 3];
        certain[i] = 1.0;
        let expected = expectation(&bus::dynamics(&certain)?, &solution.state_values().to_owned());
        effect.assign(&(mdp.discount() * expected));
    }
    Ok(effects)
}

/// Σ P(s'∣s,a) V(s'), `[s, a]`.
fn expectation(dynamics: &SparseDynamics, values: &Array1<f64>) -> Array2<f64> {
    let mut expected = vec![0.0; 2 * NUM_BINS];
    dynamics.expectation(0..NUM_BINS, 1, &values.to_vec(), &mut expected);
    Array2::from_shape_fn((NUM_BINS, 2), |(bin, action)| expected[2 * bin + action])
}

/// Standard errors of all four parameters, by the outer product of the scores of all months.
fn joint_errors(
    fitted: &Fitted,
    effects: &Array3<f64>,
    driven: &Array1<f64>,
    records: &Records,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mdp = fitted.model();
    let solution = solve_stationary(mdp, TOLERANCE)?;
    // ∂ log π(a∣s) = ∂Q(s,a) − ∂V(s), where ∂V is the value of the effects as rewards. What 0 bins
    // and 1 bin have more, 2 bins have less.
    let mut of_choices = Array3::zeros((NUM_BINS, 2, 4));
    for (k, mut score) in of_choices.axis_iter_mut(Axis(2)).enumerate() {
        score.assign(&match k {
            0 | 1 => fitted.scores().column(k).to_owned().into_shape_with_order((NUM_BINS, 2))?,
            _ => {
                let effect = &effects.index_axis(Axis(2), k - 2) - &effects.index_axis(Axis(2), 2);
                let collecting = mdp.with_rewards(effect.clone())?.with_temperature(0.0)?;
                let values = solution.policy().evaluate(&collecting)?;
                effect + mdp.discount() * expectation(mdp.dynamics(), &values) - values.insert_axis(Axis(1))
            }
        });
    }
    let mut outer_product = Array2::zeros((4, 4));
    for ((bin, action, i), &months) in records.months().indexed_iter() {
        let mut score = of_choices.slice(s![bin, action, ..]).to_owned();
        match i {
            2 => score.slice_mut(s![2..]).mapv_inplace(|score| score - 1.0 / driven[2]),
            _ => score[2 + i] += 1.0 / driven[i],
        }
        let column = score.view().insert_axis(Axis(1));
        outer_product += &(months * (&column * &score));
    }
    Ok(inverse(outer_product).diag().iter().map(|variance| variance.sqrt()).collect())
}

/// The inverse of a positive definite matrix, by the method of Gauss and Jordan.
fn inverse(mut matrix: Array2<f64>) -> Array2<f64> {
    for k in 0..matrix.nrows() {
        let mut pivot = matrix.row(k).to_owned();
        let divisor = std::mem::replace(&mut pivot[k], 1.0);
        pivot /= divisor;
        for (i, mut row) in matrix.rows_mut().into_iter().enumerate() {
            let factor = std::mem::replace(&mut row[k], 0.0);
            if i == k {
                row.assign(&pivot);
            } else {
                row.scaled_add(-factor, &pivot);
            }
        }
    }
    matrix
}

/// Prints how many engines group 4 needs if their price changes and nothing else does, and checks
/// the numbers.
///
/// A patient and a myopic Zurcher explain the records almost equally well. They need as many
/// engines at the price of the records, and answer to other prices differently.
fn demand(group_4: &[Fitted]) -> Result<(), Box<dyn Error>> {
    println!("\nNew engines per bus and year of group 4, if only their price changes:\n");
    println!("{:>10}  {:>10} {:>10}", "price", "γ = 0.9999", "γ = 0");
    let expected = [
        (0.25, 1.038_037_108_9, 1.924_164_678_1),
        (0.5, 0.292_517_441_8, 0.557_641_630_2),
        (0.75, 0.173_022_343_7, 0.232_820_728_3),
        (1.0, 0.131_162_224_3, 0.132_632_642_8),
        (1.25, 0.108_006_688_9, 0.087_863_048_2),
    ];
    for (price, patient, myopic) in expected {
        print!("{:>8} %  ", 100.0 * price);
        for (fitted, expected) in group_4.iter().zip([patient, myopic]) {
            // Another price adds a known number to the rewards.
            let mdp = fitted.model();
            let dearer = bus::rewards((price - 1.0) * fitted.parameters()[0], 0.0);
            let mdp = mdp.with_rewards(&mdp.rewards() + &dearer)?;
            let solution = solve_stationary(&mdp, TOLERANCE)?;
            let demand = bus::replacements_a_year(&mdp, solution.policy())?;
            print!(" {demand:>10.4}");
            assert!((demand - expected).abs() < 1e-5 * expected, "the demand is that of another program");
        }
        println!();
    }
    Ok(())
}
