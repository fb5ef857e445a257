//! Ones, and runs of them, in the words of a row.
//!
//! A row begins with the lowest bit of its first word; the bits above its last seat are zero. The
//! words come from a function of their position, so that callers combine bitmaps while they read.

/// The first one at or after `from`, or `end` if there is none below it.
pub fn next_one(word: impl Fn(usize) -> u64, from: usize, end: usize) -> usize {
    if from >= end {
        return end;
    }
    let mut index = from / 64;
    let mut ones = word(index) & (u64::MAX << (from % 64));
    while ones == 0 {
        index += 1;
        if index * 64 >= end {
            return end;
        }
        ones = word(index);
    }
    end.min(index * 64 + ones.trailing_zeros() as usize)
}

/// The first zero at or after `from`, or `end` if there is none below it.
pub fn next_zero(word: impl Fn(usize) -> u64, from: usize, end: usize) -> usize {
    next_one(|index| !word(index), from, end)
}

/// The last one before `end` and not below `from`.
pub fn last_one(word: impl Fn(usize) -> u64, from: usize, end: usize) -> Option<usize> {
    let mut index = end.checked_sub(1)? / 64;
    let mut ones = word(index) & (u64::MAX >> (63 - (end - 1) % 64));
    while ones == 0 && index * 64 > from {
        index -= 1;
        ones = word(index);
    }
    let found = index * 64 + ones.checked_ilog2()? as usize;
    (found >= from).then_some(found)
}

/// Where the run of ones that covers `at` begins; `at + 1` if there is a zero at `at`.
pub fn run_start(word: impl Fn(usize) -> u64, at: usize) -> usize {
    let mut index = at / 64;
    let mut zeros = !word(index) & (u64::MAX >> (63 - at % 64));
    while zeros == 0 {
        if index == 0 {
            return 0;
        }
        index -= 1;
        zeros = !word(index);
    }
    index * 64 + 64 - zeros.leading_zeros() as usize
}

/// The first place at or after `from` where a run of `length` ones begins, or `end` if there is none
/// below it. The row has `seats` bits. Runs longer than a word are told by their first 64 ones.
pub fn next_run(
    word: impl Fn(usize) -> u64,
    from: usize,
    end: usize,
    seats: usize,
    length: usize,
) -> usize {
    if from >= end {
        return end;
    }
    let word = |index| if index * 64 < seats { word(index) } else { 0 };
    let mut index = from / 64;
    let mut ones = word(index) & (u64::MAX << (from % 64));
    while index * 64 < end {
        let next = word(index + 1);
        let start = run_starts(ones, next, length).trailing_zeros() as usize;
        if start < 64 {
            return end.min(index * 64 + start);
        }
        ones = next;
        index += 1;
    }
    end
}

/// The bits of a word where a run of `length` ones, or of 64, begins. It goes by doubling: where
/// two runs of four touch, there is a run of eight.
fn run_starts(word: u64, next: u64, length: usize) -> u64 {
    let mut starts = u128::from(next) << 64 | u128::from(word);
    let mut known = 1;
    while known < length.min(64) {
        let step = known.min(length.min(64) - known);
        starts &= starts >> step;
        known += step;
    }
    u64::try_from(starts & u128::from(u64::MAX)).unwrap_or(u64::MAX)
}

/// The length of the longest run of ones below `end`.
pub fn longest_run(word: impl Fn(usize) -> u64, end: usize) -> usize {
    let mut longest = 0;
    let mut start = next_one(&word, 0, end);
    while start + longest < end {
        let stop = next_zero(&word, start, end);
        longest = longest.max(stop - start);
        start = next_one(&word, stop, end);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ones at 0, 1 and 60 to 69, and at 127.
    const WORDS: [u64; 2] = [0b11 | 0b1111 << 60, 0b11_1111 | 1 << 63];

    fn word(index: usize) -> u64 {
        WORDS[index]
    }

    #[test]
    fn ones_and_zeros_are_found_across_words() {
        for (from, one, zero) in [
            (0, 0, 2),
            (2, 60, 2),
            (61, 61, 70),
            (70, 127, 70),
            (127, 127, 128),
            (128, 128, 128),
        ] {
            assert_eq!(next_one(word, from, 128), one, "from {from}");
            assert_eq!(next_zero(word, from, 128), zero, "from {from}");
        }
        assert_eq!(next_one(word, 2, 50), 50);
    }

    #[test]
    fn the_last_one_is_found_across_words() {
        for (from, end, one) in [
            (0, 128, Some(127)),
            (0, 127, Some(69)),
            (66, 127, Some(69)),
            (70, 127, None),
            (0, 65, Some(64)),
            (0, 60, Some(1)),
            (2, 60, None),
            (0, 1, Some(0)),
            (0, 0, None),
        ] {
            assert_eq!(last_one(word, from, end), one, "{from}..{end}");
        }
    }

    #[test]
    fn a_run_begins_after_the_zero_before_it() {
        for (at, start) in [(0, 0), (1, 0), (2, 3), (60, 60), (69, 60), (70, 71)] {
            assert_eq!(run_start(word, at), start, "at {at}");
        }
        assert_eq!(run_start(|_| u64::MAX, 127), 0);
    }

    #[test]
    fn a_run_of_some_length_is_found_across_words() {
        for (from, length, start) in [
            (0, 1, 0),
            (0, 2, 0),
            (0, 3, 60),
            (0, 10, 60),
            (0, 11, 128),
            (62, 8, 62),
            (63, 8, 128),
            (70, 1, 127),
            (128, 1, 128),
        ] {
            let found = next_run(word, from, 128, 128, length);
            assert_eq!(found, start, "{length} from {from}");
        }
        assert_eq!(next_run(word, 0, 50, 128, 3), 50);
        assert_eq!(next_run(|_| u64::MAX, 3, 128, 128, 125), 3);
    }

    #[test]
    fn the_longest_run_may_cross_words() {
        assert_eq!(longest_run(word, 128), 10);
        assert_eq!(longest_run(|_| 0, 128), 0);
        assert_eq!(longest_run(|_| u64::MAX, 128), 128);
    }
}
