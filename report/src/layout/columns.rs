//! How wide the columns of a table are.

/// A width that a column needs where a word of ours must not break, and one at which nothing in it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wish {
    pub(super) least: f32,
    pub(super) whole: f32,
}

/// Shares `width` out. Columns that need little get what they need, and the wide ones are equals in what is left; what nobody
/// needs goes to the wide ones.
pub(super) fn share(wishes: &[Wish], width: f32) -> Vec<f32> {
    let all: f32 = wishes.iter().map(|wish| wish.whole).sum();
    if all <= width {
        let squares: f32 = wishes.iter().map(|wish| wish.whole.powi(2)).sum();
        let more = (width - all) / squares.max(1.0);
        return wishes
            .iter()
            .map(|wish| wish.whole + wish.whole.powi(2) * more)
            .collect();
    }
    let at_most = |max: f32| {
        wishes
            .iter()
            .map(move |wish| wish.whole.min(max).max(wish.least.min(wish.whole)))
    };
    // The largest width that no column need exceed, nearly.
    let (mut low, mut high) = (0.0, width);
    for _ in 0..24 {
        let middle = f32::midpoint(low, high);
        if at_most(middle).sum::<f32>() <= width {
            low = middle;
        } else {
            high = middle;
        }
    }
    let mut widths: Vec<f32> = at_most(low).collect();
    // Where even the least is too much, everything breaks.
    let all: f32 = widths.iter().sum();
    if all > width {
        for one in &mut widths {
            *one *= width / all;
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(wishes: &[(f32, f32)], width: f32) -> Vec<i32> {
        let wishes: Vec<_> = wishes
            .iter()
            .map(|(least, whole)| Wish {
                least: *least,
                whole: *whole,
            })
            .collect();
        #[expect(clippy::cast_possible_truncation, reason = "widths of a page")]
        let rounded = share(&wishes, width)
            .into_iter()
            .map(|width| width.round() as i32);
        rounded.collect()
    }

    #[test]
    fn narrow_columns_keep_what_they_need() {
        assert_eq!(
            shared(&[(10.0, 20.0), (30.0, 500.0), (30.0, 900.0)], 220.0),
            [20, 100, 100]
        );
    }

    #[test]
    fn what_is_left_goes_to_the_wide_ones() {
        assert_eq!(shared(&[(10.0, 20.0), (10.0, 80.0)], 200.0), [26, 174]);
        assert_eq!(shared(&[], 200.0), [0; 0]);
    }

    #[test]
    fn heads_keep_their_words_while_they_can() {
        assert_eq!(shared(&[(60.0, 70.0), (10.0, 900.0)], 100.0), [60, 40]);
        assert_eq!(shared(&[(90.0, 90.0), (90.0, 90.0)], 90.0), [45, 45]);
    }
}
