//! Levels and directives, as they are written.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::logger::error::LoggerError;

/// The variable that outranks the configuration, as it does for `bootstrap::log_to_stderr`.
const VARIABLE: &str = "RUST_LOG";

/// Reads a level, or directives with commas between them.
///
/// A word alone must be a level: to `EnvFilter`, a level with a typing error is the name of a target, and nothing but
/// that target would be logged.
pub(super) fn parse(text: &str) -> Result<EnvFilter, LoggerError> {
    let fault = |directive: &str, problem: String| LoggerError::Level {
        directive: directive.to_owned(),
        problem,
    };
    if text.trim().is_empty() {
        return Err(fault(text, "it is empty".to_owned()));
    }
    if let Some(word) = directives(text).find(|directive| is_bare_word(directive)) {
        return Err(fault(
            word,
            format!(
                "the levels are off, error, warn, info, debug and trace; `{word}=trace` is all of the target `{word}`"
            ),
        ));
    }
    // Without the spaces, which it does not read.
    let compact = directives(text).collect::<Vec<_>>().join(",");
    EnvFilter::builder()
        .parse(compact)
        .map_err(|error| fault(text, error.to_string()))
}

/// The filter of the variable, if it is set and can be read; otherwise what is wrong with it.
pub(super) fn from_environment() -> Option<Result<(String, EnvFilter), LoggerError>> {
    let text = std::env::var(VARIABLE).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| parse(text).map(|filter| (text.to_owned(), filter)))
}

/// The directives of a list. `EnvFilter` splits it at each comma as well.
fn directives(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
}

fn is_bare_word(directive: &str) -> bool {
    !directive.contains(['=', '[']) && directive.parse::<LevelFilter>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn levels_and_directives_are_read() {
        for text in [
            "info",
            "WARN",
            "off",
            "3",
            "info,sqlx=warn",
            "info, sqlx=warn",
            "warn,[load{plugin=cache}]=debug",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_level_with_a_typing_error_is_refused_and_not_taken_for_a_target() {
        assert!(
            problem("inof").starts_with("`inof` is not a level of the log: the levels are off")
        );
        assert!(problem("info,sqlx").starts_with("`sqlx` is not a level of the log"));
    }

    #[test]
    fn directives_that_cannot_be_read_are_quoted() {
        let text = problem("info,sqlx=wran");
        assert!(
            text.starts_with("`info,sqlx=wran` is not a level of the log: "),
            "{text}"
        );
        assert!(text.ends_with(crate::logger::error::HELP), "{text}");
        assert!(problem(" ").contains("it is empty"));
    }
}
