//! HTML in which no text of the app is markup.

use std::fmt::{self, Display, Write as _};

/// A piece of HTML. Markup is `&'static str`, so that it comes from this crate; all else is escaped.
#[derive(Clone, Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    pub(super) fn markup(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Adds a text, also as the value of an attribute in double quotes.
    pub(super) fn text(&mut self, text: impl Display) {
        // A text that can't be formatted ends where it fails.
        let _ = write!(Escaped(&mut self.0), "{text}");
    }

    pub(super) fn add(&mut self, part: &Self) {
        self.0.push_str(&part.0);
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl FromIterator<Self> for Markup {
    fn from_iter<T: IntoIterator<Item = Self>>(parts: T) -> Self {
        let mut all = Self::default();
        parts.into_iter().for_each(|part| all.add(&part));
        all
    }
}

struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                _ => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// Builds [`Markup`] of literals, which are markup, texts in `(..)`, which are escaped, and other pieces in `[..]`.
macro_rules! html {
    (@ $out:ident) => {};
    (@ $out:ident ($text:expr) $($rest:tt)*) => { $out.text($text); html!(@ $out $($rest)*); };
    (@ $out:ident [$part:expr] $($rest:tt)*) => { $out.add(&$part); html!(@ $out $($rest)*); };
    (@ $out:ident $markup:literal $($rest:tt)*) => { $out.markup($markup); html!(@ $out $($rest)*); };
    ($($part:tt)*) => {{
        let mut out = $crate::operations::html::Markup::default();
        html!(@ out $($part)*);
        out
    }};
}
pub(super) use html;

/// A table, which a narrow window shows as a list of cards. The roles keep it a table for screen readers there.
pub(super) fn table(label: &str, heads: &[&'static str], rows: Vec<Vec<Markup>>) -> Markup {
    let columns = heads
        .iter()
        .map(|head| html!(r#"<th role="columnheader" scope="col" data-head=""# (head) r#"">"# (head) "</th>"));
    let columns: Markup = columns.collect();
    let rows: Markup = rows.into_iter().map(|cells| row(heads, cells)).collect();
    html!(
        r#"<table role="table" aria-label=""# (label) r#""><thead role="rowgroup"><tr role="row">"# [columns]
        r#"</tr></thead><tbody role="rowgroup">"# [rows] "</tbody></table>"
    )
}

fn row(heads: &[&'static str], cells: Vec<Markup>) -> Markup {
    let cells = heads.iter().zip(cells).enumerate();
    let cells = cells.map(|(place, (head, cell))| {
        if place == 0 {
            return html!(r#"<th role="rowheader" scope="row">"# [cell] "</th>");
        }
        html!(r#"<td role="cell" data-head=""# (head) r#""><div>"# [cell] "</div></td>")
    });
    let cells: Markup = cells.collect();
    html!(r#"<tr role="row">"# [cells] "</tr>")
}

/// A form of one button. `of` completes its name, for screen readers.
pub(super) fn button(
    action: &str,
    fields: &[(&'static str, &str)],
    (label, of): (&'static str, &str),
) -> Markup {
    let fields: Markup = fields
        .iter()
        .map(|(name, value)| hidden(name, value))
        .collect();
    html!(
        r#"<form method="post" action=""# (action) r#"">"# [fields] r#"<button aria-label=""# (label) " " (of)
        r#"">"# (label) "</button></form>"
    )
}

pub(super) fn hidden(name: &'static str, value: &str) -> Markup {
    html!(r#"<input type="hidden" name=""# (name) r#"" value=""# (value) r#"">"#)
}

/// A state, as a word with a colour.
pub(super) fn badge(state: impl Display) -> Markup {
    html!(r#"<span class="badge "# (&state) r#"">"# (&state) "</span>")
}

/// The options of a `select`. The first one, for all values, is the caller's.
pub(super) fn options<T: Display + PartialEq>(
    values: impl IntoIterator<Item = T>,
    chosen: Option<&T>,
) -> Markup {
    let option = |value: T| {
        let mark = if chosen == Some(&value) {
            " selected"
        } else {
            ""
        };
        html!(r#"<option value=""# (&value) r#"""# (mark) ">" (&value) "</option>")
    };
    values.into_iter().map(option).collect()
}

/// A list of names and values.
pub(super) fn definitions(values: impl IntoIterator<Item = (&'static str, Markup)>) -> Markup {
    let values = values.into_iter();
    let values =
        values.map(|(name, value)| html!("<div><dt>" (name) "</dt><dd>" [value] "</dd></div>"));
    let values: Markup = values.collect();
    html!(r#"<dl class="facts">"# [values] "</dl>")
}

/// A text of several lines.
pub(super) fn block(label: &'static str, text: &str) -> Markup {
    html!(r#"<pre tabindex="0" aria-label=""# (label) r#"">"# (text) "</pre>")
}

/// Encodes a text as a segment of a path or a value of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// The beginning of a text.
pub(super) fn beginning(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::{beginning, encoded};

    #[test]
    fn a_text_is_escaped_and_markup_is_not() {
        let text = r#"<script>alert('1' & "2")</script>"#;
        let made = html!(r#"<p title=""# (text) r#"">"# (text) "</p>").into_string();
        let escaped = "&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;";
        assert_eq!(made, format!(r#"<p title="{escaped}">{escaped}</p>"#));
    }

    #[test]
    fn a_segment_of_a_path_has_no_meaning_of_its_own() {
        assert_eq!(encoded("7"), "7");
        assert_eq!(
            encoded("../a b?c#d&e=é"),
            "%2E%2E%2Fa%20b%3Fc%23d%26e%3D%C3%A9"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(beginning("abc", 3), "abc");
        assert_eq!(beginning("aéc", 2), "a…");
    }
}
