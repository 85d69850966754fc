use crate::common::random::Random;
use softmdp::ndarray::Array2;
use softmdp::*;
#[test]
fn stress() {
    let mut worst = [0; 4];
    let mut kinds = std::collections::BTreeMap::new();
    let began = std::time::Instant::now();
    for seed in 0..2500_u64 {
        let mut random = Random(seed);
        let n = 2 + random.below(if seed % 10 == 0 { 300 } else { 40 });
        let width = 1 + random.below(4);
        let kind = random.below(4);
        let mut rows = Vec::new();
        for s in 0..n {
            for a in 0..width {
                let mut row = vec![];
                match kind {
                    0 => {
                        let k = 1 + random.below(3);
                        for _ in 0..k {
                            row.push((random.below(n), 1.0));
                        }
                    }
                    1 => {
                        let p = 0.5 * random.uniform();
                        row = vec![((s + 1).min(n - 1), p), (s.saturating_sub(1), 0.5), (s, 0.5 - p)];
                    }
                    2 => {
                        row.push(if a == 0 {
                            (s, 1.0)
                        } else if random.chance(0.8) {
                            ((s + 1) % n, 1.0)
                        } else {
                            (random.below(n), 1.0)
                        });
                    }
                    _ => {
                        let eps = 10_f64.powi(-(random.below(7) as i32));
                        row = vec![(s, 1.0 - eps), (random.below(n), eps)];
                    }
                }
                let total: f64 = row.iter().map(|r| r.1).sum();
                let mut merged = std::collections::BTreeMap::new();
                for (k, p) in row {
                    *merged.entry(k).or_insert(0.0) += p / total;
                }
                rows.push(merged.into_iter().collect::<Vec<_>>());
            }
        }
        let dynamics = SparseDynamics::from_fn(n, width, |s, a| rows[s * width + a].clone()).unwrap();
        let scale = random.pick(&[1.0, 100.0, 0.01]);
        let integer = random.chance(0.3);
        let rewards = Array2::from_shape_fn((n, width), |_| {
            let r = scale * (2.0 * random.uniform() - 1.0);
            if integer { (3.0 * r).round() } else { r }
        });
        let tau = random.pick(&[0.0, 0.0, 1e-6, 0.01, 1.0]);
        let mdp = Mdp::builder(dynamics, rewards).temperature(tau).build().unwrap();
        let t0 = std::time::Instant::now();
        let found = average_reward(&mdp, 1e-8);
        let name = match &found {
            Ok(a) => {
                worst[kind] = worst[kind].max(a.convergence().iterations);
                "ok".to_string()
            }
            Err(Error::NotConverged { .. }) => {
                println!(
                    "seed {seed} n {n} width {width} kind {kind} scale {scale} tau {tau} {:?} {:?}",
                    found.as_ref().err(),
                    t0.elapsed()
                );
                "not".into()
            }
            Err(e) => format!("{e}")[..30].to_string(),
        };
        if t0.elapsed().as_secs_f64() > 0.5 {
            println!(
                "slow: seed {seed} n {n} width {width} kind {kind} scale {scale} tau {tau} {:?} {:?}",
                found.as_ref().map(|a| *a.convergence()),
                t0.elapsed()
            );
        }
        *kinds.entry((kind, name)).or_insert(0) += 1;
    }
    println!("{kinds:?} {worst:?} {:?}", began.elapsed());
}
