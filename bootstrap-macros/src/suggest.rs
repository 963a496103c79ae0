//! "Did you mean": the key that is spelt most like a misspelt one.

/// The nearest of `keys`, if it is near enough to be a slip.
pub(crate) fn nearest<'a>(wanted: &str, keys: &[&'a str]) -> Option<&'a str> {
    keys.iter()
        .map(|key| (distance(wanted, key), *key))
        .filter(|(distance, key)| *distance <= (key.len() / 3).max(1))
        .min()
        .map(|(_, key)| key)
}

/// Levenshtein distance, one row at a time (Wagner and Fischer, 1974).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let cost = usize::from(a != *b);
            let next = (diagonal + cost).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[right.len()]
}
