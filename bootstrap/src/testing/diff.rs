//! What differs between two lists of lines. Pure.

/// The lines of both, in order: with two spaces in front if they are in both, `- ` if only
/// `expected` has them, `+ ` if only `found` does.
pub(super) fn diff(expected: &[String], found: &[String]) -> String {
    let common = common(expected, found);
    let mut lines = Vec::new();
    let (mut left, mut right) = (0, 0);
    while left < expected.len() || right < found.len() {
        let same = left < expected.len() && right < found.len() && expected[left] == found[right];
        if same {
            lines.push(format!("    {}", found[right]));
            left += 1;
            right += 1;
        } else if right == found.len()
            || left < expected.len() && common[left + 1][right] >= common[left][right + 1]
        {
            lines.push(format!("  - {}", expected[left]));
            left += 1;
        } else {
            lines.push(format!("  + {}", found[right]));
            right += 1;
        }
    }
    lines.join("\n")
}

/// For each two places, how many lines what follows has in common.
fn common(expected: &[String], found: &[String]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; found.len() + 1]; expected.len() + 1];
    for left in (0..expected.len()).rev() {
        for right in (0..found.len()).rev() {
            common[left][right] = if expected[left] == found[right] {
                common[left + 1][right + 1] + 1
            } else {
                common[left + 1][right].max(common[left][right + 1])
            };
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_stands_where_it_belongs() {
        let diff = diff(&lines("abcd"), &lines("axcde"));
        assert_eq!(diff, "    a\n  - b\n  + x\n    c\n    d\n  + e");
    }

    #[test]
    fn an_empty_list_differs_in_everything() {
        assert_eq!(diff(&lines("ab"), &[]), "  - a\n  - b");
        assert_eq!(diff(&[], &lines("ab")), "  + a\n  + b");
        assert_eq!(diff(&[], &[]), "");
    }
}
