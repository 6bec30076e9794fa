//! Arithmetic of figures.

/// The middle of the numbers, between the two middle ones of an even count; `None` without any.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let upper = *numbers.get(numbers.len() / 2)?;
    if numbers.len().is_multiple_of(2) {
        Some(f64::midpoint(numbers[numbers.len() / 2 - 1], upper))
    } else {
        Some(upper)
    }
}

/// `part` divided by `whole`; `None` where that says nothing.
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0 && part.is_finite()).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 100.0, 2.0]), Some(3.0));
    }

    #[test]
    fn one_outlier_does_not_move_a_median_of_five() {
        assert_eq!(median([0.8, 0.81, 0.79, 0.8, 17.0]), Some(0.8));
    }

    #[test]
    fn ratios() {
        assert_eq!(ratio(3.0, 4.0), Some(0.75));
        assert_eq!(ratio(0.0, 4.0), Some(0.0));
        assert_eq!(ratio(3.0, 0.0), None);
        assert_eq!(ratio(f64::NAN, 2.0), None);
        assert_eq!(ratio(1.0, f64::NAN), None);
    }
}
