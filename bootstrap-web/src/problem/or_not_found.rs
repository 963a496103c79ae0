//! 404 for a value that is not there.

use std::borrow::Cow;

use crate::problem::Problem;

/// Makes a 404 of a value that is not there: `row.or_not_found("no such row")?`.
///
/// Implemented for `Option`.
pub trait OrNotFound {
    /// The value that is there.
    type Found;

    /// Returns the value, or a 404 with this sentence for the client.
    ///
    /// For a sentence that costs something to make, or with more members, write
    /// `row.ok_or_else(|| Problem::not_found().detail(..))`.
    ///
    /// # Errors
    ///
    /// [`Problem::not_found`], if the value is not there.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_web::prelude::*;
    ///
    /// const ROWS: [&str; 2] = ["a", "b"];
    ///
    /// async fn find(Path(id): Path<usize>) -> Answer<Json<&'static str>> {
    ///     let row = ROWS.get(id).or_not_found("no such row")?;
    ///     Ok(Json(row))
    /// }
    ///
    /// let problem = ROWS.get(2).or_not_found("no such row").unwrap_err();
    /// assert_eq!(problem.status(), 404);
    /// assert_eq!(problem.detail_ref(), Some("no such row"));
    /// # let _ = find;
    /// ```
    fn or_not_found(self, detail: impl Into<Cow<'static, str>>) -> Result<Self::Found, Problem>;
}

impl<T> OrNotFound for Option<T> {
    type Found = T;

    fn or_not_found(self, detail: impl Into<Cow<'static, str>>) -> Result<T, Problem> {
        self.ok_or_else(|| Problem::not_found().detail(detail))
    }
}
