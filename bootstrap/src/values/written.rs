//! What a variable says: a text, which may be written as a list.

/// The text of a variable, or of an item of a list in one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) form: Form,
}

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// As it is: what it means depends on what is read.
    Bare,
    /// In quotes, which are taken off.
    Quoted,
    /// An item in brackets, with them.
    List,
    /// An item in braces, with them.
    Table,
}

/// Why a text is not a list, as the end of "found a list ..".
pub(super) type Malformed = &'static str;

const UNBALANCED: Malformed = "whose brackets do not match";
const OPEN_QUOTE: Malformed = "with a quote that does not end";

impl Written {
    /// The text of a whole variable.
    pub(super) fn bare(text: &str) -> Self {
        let (text, form) = (text.to_owned(), Form::Bare);
        Self { text, form }
    }

    /// The text, if it stands for itself.
    pub(super) fn plain(&self) -> Option<&str> {
        matches!(self.form, Form::Bare | Form::Quoted).then_some(&*self.text)
    }

    /// The text, if its meaning depends on what is read.
    pub(super) fn bare_text(&self) -> Option<&str> {
        (self.form == Form::Bare).then_some(&*self.text)
    }

    /// Whether it may be a list.
    pub(super) fn is_listed(&self) -> bool {
        matches!(self.form, Form::Bare | Form::List)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.form {
            Form::Bare | Form::Quoted if self.text.is_empty() => "an empty string",
            Form::Bare | Form::Quoted => "a string",
            Form::List => "a list",
            Form::Table => "a table",
        }
    }

    /// The same for a type that does not say what it reads: what is in brackets or quotes as a
    /// whole is what that says.
    pub(super) fn guessed(self) -> Self {
        let text = self.text.trim();
        if self.form != Form::Bare {
            return self;
        }
        match text.chars().next() {
            Some('[') if is_enclosed(text) => {
                let form = Form::List;
                Self { form, ..self }
            }
            Some('"' | '\'') => match Scan(text).quoted() {
                Ok((text, "")) => {
                    let form = Form::Quoted;
                    Self { text, form }
                }
                _ => self,
            },
            _ => self,
        }
    }

    /// The items of the list that this is: with commas between them, in brackets or without.
    ///
    /// A comma in quotes, brackets or braces does not separate items. One after the last item is
    /// left out.
    ///
    /// # Errors
    ///
    /// If the text can be read in several ways.
    pub(super) fn items(&self) -> Result<Vec<Self>, Malformed> {
        let text = self.text.trim();
        let text = match text.chars().next() {
            Some('[') if is_enclosed(text) => text[1..text.len() - 1].trim(),
            Some('{') if is_enclosed(text) => return Err("in braces, which are those of a table"),
            _ => text,
        };
        let mut items = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (item, after) = Scan(rest).item()?;
            items.push(item);
            rest = after;
        }
        Ok(items)
    }
}

/// Whether a text begins with a bracket that its last character closes.
fn is_enclosed(text: &str) -> bool {
    matches!(Scan(text).group(), Ok((_, "")))
}

/// The rest of a text that is taken apart.
struct Scan<'t>(&'t str);

impl<'t> Scan<'t> {
    /// The item that begins here, and what comes after its comma.
    fn item(&self) -> Result<(Written, &'t str), Malformed> {
        let text = self.0.trim_start();
        let whole = |text: String, form, rest: &'t str| -> Option<(Written, &'t str)> {
            let rest = rest.trim_start();
            let after = match rest.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if rest.is_empty() => rest,
                None => return None,
            };
            Some((Written { text, form }, after))
        };
        match text.chars().next() {
            Some('"' | '\'') => {
                let (inner, rest) = Scan(text).quoted()?;
                whole(inner, Form::Quoted, rest).ok_or("with text after a quote")
            }
            Some(open @ ('[' | '{')) => {
                let (group, rest) = Scan(text).group()?;
                let form = if open == '[' { Form::List } else { Form::Table };
                // As in `[::1]:80`, the group may be the beginning of a text.
                match whole(group.to_owned(), form, rest) {
                    Some(item) => Ok(item),
                    None => Scan(text).bare(),
                }
            }
            _ => Scan(text).bare(),
        }
    }

    /// An item that stands for itself.
    fn bare(&self) -> Result<(Written, &'t str), Malformed> {
        let end = end_of(self.0, |c, depth| c == ',' && depth == 0)?;
        let (item, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        let item = item.trim_end();
        if item.is_empty() {
            return Err("with an empty item");
        }
        if item.matches('"').count() % 2 == 1 {
            return Err(OPEN_QUOTE);
        }
        if item.ends_with('\\') && !rest.is_empty() {
            return Err("with a backslash before a comma");
        }
        let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        Ok((Written::bare(item), rest))
    }

    /// A text in quotes without them, and what comes after it. Those of TOML: `"` knows escapes.
    fn quoted(&self) -> Result<(String, &'t str), Malformed> {
        let end = closing_quote(self.0).ok_or(OPEN_QUOTE)?;
        let (quoted, rest) = self.0.split_at(end + 1);
        if quoted.starts_with('\'') {
            return Ok((quoted[1..end].to_owned(), rest));
        }
        let value = ::toml::de::DeValue::parse(quoted).ok();
        match value.map(::toml::Spanned::into_inner) {
            Some(::toml::de::DeValue::String(text)) => Ok((text.into_owned(), rest)),
            _ => Err("with an escape that is not one of TOML"),
        }
    }

    /// A text in brackets or braces, with them, and what comes after it.
    fn group(&self) -> Result<(&'t str, &'t str), Malformed> {
        let end = end_of(self.0, |c, depth| matches!(c, ']' | '}') && depth == 1)?;
        let end = end.ok_or(UNBALANCED)?;
        Ok(self.0.split_at(end + 1))
    }
}

/// Where the quote ends that a text begins with.
fn closing_quote(text: &str) -> Option<usize> {
    let mut all = text.char_indices();
    let (_, quote) = all.next()?;
    let mut is_escaped = false;
    for (at, c) in all {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' && quote == '"' {
            is_escaped = true;
        } else if c == quote {
            return Some(at);
        }
    }
    None
}

/// Where something ends that is found by a character and the number of brackets around it. Quotes
/// count where an item may begin: elsewhere they are apostrophes.
fn end_of(text: &str, ends: impl Fn(char, usize) -> bool) -> Result<Option<usize>, Malformed> {
    let mut open: Vec<char> = Vec::new();
    let mut may_begin = false;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if ends(c, open.len()) && (c == ',' || open.last() == Some(&c)) {
            return Ok(Some(at));
        }
        match c {
            '[' => open.push(']'),
            '{' => open.push('}'),
            ']' | '}' if open.pop() != Some(c) => return Err(UNBALANCED),
            '"' | '\'' if may_begin => at += closing_quote(&text[at..]).ok_or(OPEN_QUOTE)?,
            _ => {}
        }
        may_begin = match c {
            '[' | '{' | ',' | '=' | ':' => !open.is_empty(),
            c => may_begin && c.is_whitespace(),
        };
        at += text[at..].chars().next().map_or(1, char::len_utf8);
    }
    if open.is_empty() {
        Ok(None)
    } else {
        Err(UNBALANCED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Result<Vec<(String, Form)>, Malformed> {
        let items = Written::bare(text).items()?.into_iter();
        Ok(items.map(|it| (it.text, it.form)).collect())
    }

    fn bare(all: &[&str]) -> Vec<(String, Form)> {
        all.iter().map(|it| ((*it).into(), Form::Bare)).collect()
    }

    #[test]
    fn items_have_commas_between_them_in_brackets_or_without() {
        for text in ["a,b", " a , b ", "[a,b]", "[ a, b, ]", "a,b,", " [a ,b] "] {
            assert_eq!(items(text), Ok(bare(&["a", "b"])), "{text}");
        }
        for text in ["", " ", "[]", "[ ]"] {
            assert_eq!(items(text), Ok(bare(&[])), "{text}");
        }
        assert_eq!(items("a b;c"), Ok(bare(&["a b;c"])));
        assert_eq!(items("ä,ö"), Ok(bare(&["ä", "ö"])));
    }

    #[test]
    fn an_item_in_quotes_may_hold_anything() {
        let quoted = |text: &str| (text.to_owned(), Form::Quoted);
        assert_eq!(items(r#""a,b""#), Ok(vec![quoted("a,b")]));
        assert_eq!(
            items(r#"["a,b", 'c]', "d\n\"", ""]"#),
            Ok(vec![
                quoted("a,b"),
                quoted("c]"),
                quoted("d\n\""),
                quoted("")
            ])
        );
    }

    #[test]
    fn brackets_within_an_item_keep_its_commas_together() {
        assert_eq!(
            items("[1,2],[3]"),
            Ok(vec![
                ("[1,2]".into(), Form::List),
                ("[3]".into(), Form::List)
            ])
        );
        assert_eq!(
            items("[[1,2],{a = ']', b = 1}]"),
            Ok(vec![
                ("[1,2]".into(), Form::List),
                ("{a = ']', b = 1}".into(), Form::Table)
            ])
        );
        assert_eq!(
            items("[::1]:80,[::2]:80"),
            Ok(bare(&["[::1]:80", "[::2]:80"]))
        );
        assert_eq!(items("^[a-z]{1,3}$,b"), Ok(bare(&["^[a-z]{1,3}$", "b"])));
        assert_eq!(items("don't,won't"), Ok(bare(&["don't", "won't"])));
    }

    #[test]
    fn what_can_be_read_in_several_ways_is_no_list() {
        for text in [
            "[a,b",
            "a,b]",
            "[a],b]",
            "a[,b",
            "{a,b}",
            "a,,b",
            ",",
            ",a",
            "\"a",
            "'a,b",
            "\"a\" b,c",
            "say \"a,b\"",
            "a\\,b",
            "\"\\q\"",
            "[a,{b]}",
            "[,]",
        ] {
            assert!(items(text).is_err(), "{text}: {:?}", items(text));
        }
    }
}
