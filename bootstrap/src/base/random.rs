//! Numbers that look random, and are the same whenever the seed is: `SplitMix64`.

/// Where a sequence of numbers has got to.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own for each purpose: `of` tells them apart.
    pub(crate) fn of(seed: u64, of: &str) -> Self {
        let mut random = Self(seed);
        for byte in of.bytes() {
            random.0 = random.next() ^ u64::from(byte);
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..n`; 0 if there are none. That some are a little likelier than others is no matter
    /// here.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        let one = self.next().checked_rem(n).unwrap_or_default();
        usize::try_from(one).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_algorithm() {
        let mut random = Random::new(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn every_purpose_has_numbers_of_its_own() {
        assert_eq!(Random::of(7, "a").next(), Random::of(7, "a").next());
        assert_ne!(Random::of(7, "a").next(), Random::of(7, "b").next());
        assert_ne!(Random::of(7, "a").next(), Random::of(8, "a").next());
        assert_eq!(Random::new(3).below(0), 0);
        assert_eq!(Random::new(3).below(1), 0);
    }
}
