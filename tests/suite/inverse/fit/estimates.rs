//! Estimates, against an independent program.

use ndarray::array;
use softmdp::Inference::Variational;
use softmdp::inverse::{Covariance, Demonstrations, FitMethod, Likelihood, RewardFeatures, RewardFit};
use softmdp::{Mdp, Status, ndarray};

use crate::inverse::formula::{
    assert_close, choice_model, counts, four_demonstrations as four, known_builder, three_features,
    trajectory,
};

fn map(likelihood: Likelihood) -> RewardFit {
    RewardFit::new(three_features(), likelihood).prior(array![0.0, 0.0, 0.0], array![0.5, 0.5, 0.5])
}

#[test]
fn the_most_probable_rewards_of_whole_trajectories() {
    let mdp = known_builder().terminal_states([3]).build().unwrap();
    let fitted = map(Likelihood::trajectories().horizon(5)).fit(&mdp, &four()).unwrap();
    assert_close(fitted.parameters(), array![0.6026734169744, -0.328823350079, -0.1372117232088], 1e-12);
    assert!((fitted.log_likelihood() + 51.7499542287159).abs() < 1e-11);
    let errors = fitted.standard_errors(Covariance::Information).unwrap();
    assert_close(errors.view(), array![0.3209997241052, 0.1857769982431, 0.2388660570905], 1e-12);
    assert_eq!(fitted.convergence().status, Status::Converged);
    assert!(fitted.convergence().error_bound < 1e-12);
    assert_eq!(fitted.unidentified().nrows(), 0);
}

#[test]
fn the_most_probable_rewards_of_actions_and_of_feature_matching_differ() {
    let mdp = known_builder().terminal_states([3]).discount(0.9).build().unwrap();
    let fitted = map(Likelihood::actions(Variational).horizon(5)).fit(&mdp, &four()).unwrap();
    assert_close(fitted.parameters(), array![0.3811587106498, -0.3991329562384, 0.1533204992155], 1e-12);
    assert!((fitted.log_likelihood() + 18.2587926897789).abs() < 1e-11);
    let fitted = map(Likelihood::feature_matching().horizon(5)).fit(&mdp, &four()).unwrap();
    assert_close(fitted.parameters(), array![-0.1654261585601, -0.3297334840404, -0.2464163908364], 1e-12);
    assert!((fitted.log_likelihood() + 15.1498221997203).abs() < 1e-11);
}

#[test]
fn the_most_probable_rewards_of_stationary_actions() {
    let mdp = known_builder().discount(0.95).build().unwrap();
    let seen = Demonstrations::new([
        trajectory(&[0, 1, 2, 3, 3, 0], &[0, 2, 1, 1, 0]),
        trajectory(&[3, 3, 1], &[2, 2]),
    ])
    .with_weights([1.0, 2.0])
    .unwrap();
    let fitted = map(Likelihood::actions(Variational)).fit(&mdp, &seen).unwrap();
    assert_close(fitted.parameters(), array![-0.1984928687149, -0.8209437272853, 0.4269072757703], 1e-11);
    assert!((fitted.log_likelihood() + 9.2398036447371).abs() < 1e-10);
}

#[test]
fn parameters_of_a_small_choice_model() {
    let features = RewardFeatures::on_pairs(crate::inverse::formula::features(4, 3, 3, 0));
    let seen = Demonstrations::from_counts(counts()).unwrap();
    for method in [FitMethod::Newton, FitMethod::Lbfgs] {
        let fit = RewardFit::new(features.clone(), Likelihood::actions(Variational)).method(method);
        let fitted = fit.tolerance(1e-16).fit(&choice_model(), &seen).unwrap();
        let close = if method == FitMethod::Newton { 1e-11 } else { 1e-7 };
        assert_close(fitted.parameters(), array![0.2038255575036, -0.6487843160585, 0.4702740408121], close);
        assert!((fitted.log_likelihood() + 53.2541629163897).abs() < 1e-11, "{}", fitted.log_likelihood());
        let errors = |kind| fitted.standard_errors(kind).unwrap();
        let expected = array![0.3485931656157, 0.2517126051036, 0.3440192184295];
        assert_close(errors(Covariance::Information).view(), expected, close);
        let expected = array![0.3291744744107, 0.2681940917004, 0.3336848583864];
        assert_close(errors(Covariance::OuterProduct).view(), expected, close);
        let expected = array![0.3721981275688, 0.2364628112974, 0.3567673224421];
        assert_close(errors(Covariance::Sandwich).view(), expected, close);
        assert!(fitted.moment_gap().iter().all(|gap| *gap < 1e-8));
    }
}

/// A free table reproduces the frequencies: log-likelihood Σ n log(n/n(s)).
#[test]
fn a_free_table_reproduces_the_frequencies() {
    let (mdp, seen) = (choice_model(), Demonstrations::from_counts(counts()).unwrap());
    for method in [FitMethod::Lbfgs, FitMethod::Newton] {
        let fit = RewardFit::new(RewardFeatures::table(&mdp), Likelihood::actions(Variational));
        let fitted = fit.method(method).tolerance(1e-13).fit(&mdp, &seen).unwrap();
        assert!((fitted.log_likelihood() + 50.1362219838557).abs() < 1e-11, "{method:?} {fitted}");
        let policy = softmdp::solve_stationary(fitted.model(), 1e-10).unwrap().policy().clone();
        for (counts, row) in counts().rows().into_iter().zip(policy.probabilities().rows()) {
            assert_close(row, &counts / counts.sum(), 1e-6);
        }
        assert_eq!(fitted.unidentified().nrows(), 4);
    }
}

/// The prior of a direction that no demonstration sees decides there, and is part of the gradient.
#[test]
fn a_prior_decides_where_nothing_is_seen() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]]).unwrap().with_discount(0.5).unwrap();
    // Two equal features: only their sum is seen.
    let features = RewardFeatures::on_pairs(array![[[1.0, 1.0], [0.0, 0.0]]]);
    let seen = Demonstrations::from_counts(array![[30.0, 10.0]]).unwrap();
    let fit = RewardFit::new(features, Likelihood::actions(Variational)).start(array![5.0, -2.0]);
    let free = fit.clone().fit(&mdp, &seen).unwrap();
    let sum = 3.0_f64.ln();
    assert_close(free.parameters(), array![sum / 2.0, sum / 2.0], 1e-10); // the shortest

    let fitted = fit.prior(array![1.0, -1.0], array![4.0, 4.0]).fit(&mdp, &seen).unwrap();
    let difference = fitted.parameters()[0] - fitted.parameters()[1];
    assert!((difference - 2.0).abs() < 1e-10); // that of the means, exactly
    assert_eq!(fitted.unidentified().nrows(), 0);
    // Across the direction, the prior pulls the sum to 0: 40 (¾ − p) = 2 (θ₁ + θ₂).
    let total = fitted.parameters().sum();
    assert!((40.0 * (0.75 - 1.0 / (1.0 + (-total).exp())) - 2.0 * total).abs() < 1e-9);
    let errors = fitted.standard_errors(Covariance::Information).unwrap();
    assert!(errors.iter().all(|error| error.is_finite()));
}

/// One parameter, for which the evidence is an integral over a line.
#[test]
fn the_evidence_of_many_observations_is_that_of_an_integral() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]]).unwrap().with_discount(0.5).unwrap();
    let features = RewardFeatures::on_pairs(array![[[1.0], [0.0]]]);
    let seen = Demonstrations::from_counts(array![[3000.0, 2000.0]]).unwrap();
    let fit = RewardFit::new(features, Likelihood::actions(Variational));
    assert_eq!(fit.clone().fit(&mdp, &seen).unwrap().log_evidence(), None);
    let found = fit.prior(array![0.2], array![2.0]).fit(&mdp, &seen).unwrap().log_evidence().unwrap();

    let log_joint = |theta: f64| {
        let log_p = -(-theta).exp().ln_1p();
        3000.0 * log_p + 2000.0 * (log_p - theta) - (theta - 0.2) * (theta - 0.2)
            + 0.5 * (2.0 / std::f64::consts::TAU).ln()
    };
    let at = |i: i32| 0.4 + f64::from(i) * 1e-4;
    let max = log_joint(0.405);
    let sum: f64 = (-4000..4000).map(|i| (log_joint(at(i)) - max).exp() * 1e-4).sum();
    assert!((found - (max + sum.ln())).abs() < 1e-3, "{found} {}", max + sum.ln());
}
