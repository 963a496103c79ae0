//! Paths: their spelling, and whether two can be told apart.

use matchit::InsertError;

/// Says what is wrong with a path, and how to write it.
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() || !path.starts_with('/') {
        return Err(format!(
            "the path `{path}` must begin with `/`: write `/{path}`"
        ));
    }
    for segment in path[1..].split('/') {
        if let Some(name) = segment.strip_prefix(':') {
            return Err(format!(
                "write `{{{name}}}` in place of `:{name}`, in `{path}`"
            ));
        }
        if let Some(name) = segment.strip_prefix('*') {
            let name = if name.is_empty() { "rest" } else { name };
            return Err(format!(
                "write `{{*{name}}}` in place of `{segment}`, in `{path}`"
            ));
        }
    }
    let mut alone = matchit::Router::new();
    alone.insert(path, ()).map_err(|error| match error {
        InsertError::InvalidCatchAll => {
            format!("`{{*..}}` must be the last segment of a path, which it is not in `{path}`")
        }
        InsertError::InvalidParam => {
            format!("a parameter is written `{{name}}`, without `*` or `/` in its name: `{path}`")
        }
        InsertError::InvalidParamSegment => {
            format!("only one parameter may be in a segment, and at its end: `{path}`")
        }
        other => format!("the path `{path}` is malformed: {other}"),
    })
}

/// The paths of all routes: two of one shape are one place, and must be spelt the same.
#[derive(Default)]
pub(crate) struct Shapes(matchit::Router<()>);

impl Shapes {
    /// Adds a path that was not added before. Returns the one that has its shape, spelt otherwise.
    pub(crate) fn add(&mut self, path: &str) -> Result<(), String> {
        match self.0.insert(path, ()) {
            Err(InsertError::Conflict { with }) => Err(with),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Shapes, check_path};

    #[test]
    fn paths_of_other_routers_are_refused_with_the_right_spelling() {
        let says = |path| check_path(path).unwrap_err();
        assert_eq!(
            says("/rows/:id/x"),
            "write `{id}` in place of `:id`, in `/rows/:id/x`"
        );
        assert_eq!(
            says("/files/*"),
            "write `{*rest}` in place of `*`, in `/files/*`"
        );
        assert_eq!(
            says("/files/*path"),
            "write `{*path}` in place of `*path`, in `/files/*path`"
        );
        assert_eq!(
            says("rows"),
            "the path `rows` must begin with `/`: write `/rows`"
        );
        assert!(says("/{*rest}/x").contains("last segment"));
        assert!(says("/{a}{b}").contains("one parameter"));
        assert!(says("/{}").contains("parameter"));
    }

    #[test]
    fn parameters_and_rests_are_paths() {
        for path in [
            "/",
            "/rows",
            "/rows/{id}",
            "/rows/{id}/x",
            "/files/{*path}",
            "/a.b",
        ] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn one_shape_spelt_in_two_ways_is_found() {
        let mut shapes = Shapes::default();
        assert_eq!(shapes.add("/rows/{id}"), Ok(()));
        assert_eq!(shapes.add("/rows/new"), Ok(()));
        assert_eq!(shapes.add("/rows/{name}"), Err("/rows/{id}".into()));
    }
}
