//! The figures that benchmarks and tests report of their samples.

use std::time::Duration;

/// The middle one of the samples; not a number when there is none.
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The time within which `percent` (0 to 100) of the samples were done; zero when there is none. 50 is the median.
pub fn percentile(samples: &[Duration], percent: usize) -> Duration {
    let mut samples = samples.to_vec();
    samples.sort_unstable();
    let rank = (samples.len() * percent / 100).min(samples.len().saturating_sub(1));
    samples.get(rank).copied().unwrap_or_default()
}
