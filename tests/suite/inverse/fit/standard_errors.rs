//! Covariances: their scales, and which of them is right.

use ndarray::{Array1, Array2, array};
use softmdp::Inference::Variational;
use softmdp::inverse::{
    Covariance, Demonstrations, Error, FittedRewards, Likelihood, RewardFeatures, RewardFit,
};
use softmdp::{Mdp, SoftValueIteration, Trajectory, ndarray};

use crate::inverse::formula::{assert_close, choice_model, counts, features, trajectory, transitions};

const STAGES: usize = 4;

/// Every trajectory from state 0 under the policy of θ = (0.6, −0.4), weighted by its probability.
fn population(discount: f64) -> (Mdp, Demonstrations, Array1<f64>) {
    let mdp = Mdp::builder(transitions(3, 2, 0), Array2::zeros((3, 2))).discount(discount).build().unwrap();
    let model = RewardFeatures::on_pairs(features(3, 2, 2, 0)).model(&mdp, &array![0.6, -0.4]).unwrap();
    let solution = SoftValueIteration::new(STAGES).inference(Variational).solve(&model).unwrap();
    let mut paths = vec![(vec![0], vec![], 1.0)];
    for t in 0..STAGES {
        let mut longer = Vec::new();
        for (states, actions, p) in paths {
            let state = states[t];
            for action in 0..2 {
                for next in 0..3 {
                    let policy: f64 = solution.policy().probabilities()[[t, state, action]];
                    let p: f64 = p * policy * mdp.dynamics().transitions()[[state, action, next]];
                    longer.push(([&states[..], &[next]].concat(), [&actions[..], &[action]].concat(), p));
                }
            }
        }
        paths = longer;
    }
    let weights: Array1<f64> = paths.iter().map(|path| path.2).collect();
    let all = paths.into_iter().map(|(states, actions, _)| Trajectory::new(states, actions).unwrap());
    let seen = Demonstrations::new(all).with_weights(weights.to_vec()).unwrap();
    (mdp, seen, weights)
}

fn fitted(likelihood: Likelihood, discount: f64) -> (FittedRewards<Mdp>, Array1<f64>) {
    let (mdp, seen, weights) = population(discount);
    let fit = RewardFit::new(RewardFeatures::on_pairs(features(3, 2, 2, 0)), likelihood.horizon(STAGES));
    let fitted = fit.fit(&mdp, &seen).unwrap();
    assert_close(fitted.parameters(), array![0.6, -0.4], 1e-10); // the population has the true ones
    (fitted, weights)
}

/// The errors of one demonstration: of the information, and with the true variance of its score.
fn errors(likelihood: Likelihood, discount: f64) -> [Array1<f64>; 2] {
    let (fitted, weights) = fitted(likelihood, discount);
    let inverse = fitted.covariance(Covariance::Information).unwrap();
    let scores = fitted.scores();
    let mut variance = Array2::<f64>::zeros((2, 2));
    for (score, &p) in scores.rows().into_iter().zip(&weights) {
        let column = score.insert_axis(ndarray::Axis(1));
        variance.scaled_add(p, &column.dot(&column.t()));
    }
    let sandwich = inverse.dot(&variance).dot(&inverse);
    [inverse.diag().mapv(f64::sqrt), sandwich.diag().mapv(f64::sqrt)]
}

/// Under stochastic transitions, the second derivatives of feature matching are not its variance.
#[test]
fn the_information_of_feature_matching_is_not_its_variance() {
    let [naive, sandwich] = errors(Likelihood::feature_matching(), 1.0);
    assert_close(naive.view(), array![1.262023799179434, 1.209572579830795], 1e-9);
    assert_close(sandwich.view(), array![1.494675081601868, 1.448681570509393], 1e-9);
    let [naive, sandwich] = errors(Likelihood::feature_matching(), 0.8);
    assert_close(naive.view(), array![1.526330838591872, 1.444271778900905], 1e-9);
    assert_close(sandwich.view(), array![1.461030318348969, 1.420492914052319], 1e-9);
}

#[test]
fn the_information_of_actions_is_their_variance() {
    let [naive, sandwich] = errors(Likelihood::actions(Variational), 1.0);
    assert_close(naive.view(), array![1.262023799179434, 1.209572579830795], 1e-9);
    assert_close(sandwich.view(), naive, 1e-9);
    let [naive, sandwich] = errors(Likelihood::actions(Variational), 0.8);
    assert_close(naive.view(), array![1.231497488653853, 1.190539105357829], 1e-9);
    assert_close(sandwich.view(), naive, 1e-9);
}

/// A demonstration is one cluster, however many steps it has; an observation of counts is one too.
#[test]
fn trajectories_are_clusters_and_observations_are_not() {
    let mdp = choice_model();
    let mut pairs = Array2::zeros((4, 3));
    [[0, 0], [1, 2], [1, 0], [3, 1]].iter().for_each(|&pair| pairs[pair] = 1.0);
    let fit =
        RewardFit::new(RewardFeatures::on_pairs(features(4, 3, 1, 0)), Likelihood::actions(Variational));
    let one = Demonstrations::new([trajectory(&[0, 1, 2], &[0, 2]), trajectory(&[1, 3, 0], &[0, 1])]);
    let counted = Demonstrations::from_counts(pairs).unwrap();
    let clustered = fit.fit(&mdp, &one).unwrap();
    let separate = fit.fit(&mdp, &counted).unwrap();
    assert_close(clustered.parameters(), separate.parameters().to_owned(), 1e-10);
    let information =
        [&clustered, &separate].map(|fitted| fitted.standard_errors(Covariance::Information).unwrap()[0]);
    assert!((information[0] - information[1]).abs() < 1e-10);
    let outer =
        [&clustered, &separate].map(|fitted| fitted.covariance(Covariance::OuterProduct).unwrap()[[0, 0]]);
    // By hand from the scores.
    let scores = clustered.scores();
    let by_demonstration: f64 = scores.iter().map(|score| score * score).sum();
    assert!((outer[0] - 1.0 / by_demonstration).abs() < 1e-9);
    assert!((outer[0] - outer[1]).abs() > 1e-3);
}

/// Weights of 2 are two demonstrations for the estimates, but one cluster of double size.
#[test]
fn a_weight_scales_the_score_of_its_cluster() {
    let mdp = choice_model();
    let fit =
        RewardFit::new(RewardFeatures::on_pairs(features(4, 3, 1, 0)), Likelihood::actions(Variational));
    let all = || [trajectory(&[0, 1, 2], &[0, 2]), trajectory(&[1, 3, 0], &[0, 1])];
    let once = fit.fit(&mdp, &Demonstrations::new(all())).unwrap();
    let twice = fit.fit(&mdp, &Demonstrations::new(all()).with_weights([2.0, 2.0]).unwrap()).unwrap();
    assert_close(once.parameters(), twice.parameters().to_owned(), 1e-10);
    let ratio = |kind| {
        let [once, twice] = [&once, &twice].map(|fitted| fitted.covariance(kind).unwrap()[[0, 0]]);
        once / twice
    };
    assert!((ratio(Covariance::Information) - 2.0).abs() < 1e-9);
    assert!((ratio(Covariance::OuterProduct) - 4.0).abs() < 1e-9);
    assert!((ratio(Covariance::Sandwich) - 1.0).abs() < 1e-9);
}

#[test]
fn an_outer_product_needs_as_many_demonstrations_as_parameters() {
    let fit =
        RewardFit::new(RewardFeatures::on_pairs(features(4, 3, 2, 0)), Likelihood::actions(Variational))
            .prior(array![0.0, 0.0], array![0.0, 0.0]);
    let seen = Demonstrations::new([trajectory(&[0, 1, 2, 3, 0, 2, 1], &[0, 2, 1, 0, 1, 2])]);
    let fitted = fit.max_iterations(0).fit(&choice_model(), &seen).unwrap();
    let error = fitted.covariance(Covariance::OuterProduct).unwrap_err();
    assert_eq!(error, Error::TooFewScores { rank: 1, num_parameters: 2 });
}

#[test]
fn a_summary_prints_the_errors_that_it_names() {
    let features = RewardFeatures::on_pairs(features(4, 3, 2, 0)).names(["comfort", "a longer name"]);
    let fit = RewardFit::new(features, Likelihood::actions(Variational));
    let seen = Demonstrations::from_counts(counts()).unwrap();
    let fitted = fit.clone().fit(&choice_model(), &seen).unwrap();
    let text = fitted.summary(Covariance::Sandwich).unwrap().to_string();
    let error = fitted.standard_errors(Covariance::Sandwich).unwrap()[1];
    let line = text.lines().find(|line| line.starts_with("a longer name")).unwrap();
    let z = format!("{:.2}", fitted.parameters()[1] / error);
    assert!(line.contains(&format!("{error:.4}")) && line.ends_with(&z), "{text}");
    assert!(text.contains("standard errors from the sandwich"), "{text}");
    assert!(text.contains("of 52 choices"), "{text}");
    assert!(fitted.to_string().contains("from the information"));
    let early = fit.max_iterations(1).fit(&choice_model(), &seen).unwrap().to_string();
    assert!(early.contains("last value") && early.contains("iteration limit after 1 step;"), "{early}");
    assert!(!early.contains("std. error") && !early.contains('z'), "{early}");
}

#[test]
fn a_summary_counts_demonstrations_and_prints_no_ratio_beside_an_infinite_error() {
    let mut phi = features(4, 3, 2, 0);
    phi.slice_mut(ndarray::s![.., .., 1]).fill(1.0);
    let fit = RewardFit::new(RewardFeatures::on_pairs(phi), Likelihood::actions(Variational));
    let seen = Demonstrations::new([
        trajectory(&[0, 1, 2, 3, 0, 2, 1], &[0, 2, 1, 0, 1, 2]),
        trajectory(&[0, 1, 2, 3], &[2, 1, 0]),
    ]);
    let text = fit.fit(&choice_model(), &seen).unwrap().to_string();
    assert!(text.contains("of 2 demonstrations"), "{text}");
    let line = text.lines().find(|line| line.starts_with("parameter 1")).unwrap();
    assert!(line.ends_with("inf        –"), "{text}");
}
