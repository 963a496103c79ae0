//! Gauges in the text format of Prometheus, for values that are known when they are read.

use std::fmt::Write as _;

/// A gauge with its values, each with the value of its label.
pub(super) struct Gauge<'a> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// The name of the label, if there is one.
    pub(super) label: Option<&'static str>,
    pub(super) values: Vec<(&'a str, f64)>,
}

impl Gauge<'_> {
    /// Appends the gauge, if it has values.
    pub(super) fn append(&self, text: &mut String) {
        let Self {
            name, help, label, ..
        } = self;
        if self.values.is_empty() {
            return;
        }
        // Writing to a string can't fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (of, value) in &self.values {
            let _ = match label {
                Some(label) => writeln!(text, "{name}{{{label}=\"{}\"}} {value}", escaped(of)),
                None => writeln!(text, "{name} {value}"),
            };
        }
        text.push('\n');
    }
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_a_gauge_without_values_is_left_out() {
        let mut text = String::new();
        let mut gauge = Gauge {
            name: "a",
            help: "An a.",
            label: Some("of"),
            values: Vec::new(),
        };
        gauge.append(&mut text);
        assert_eq!(text, "");
        gauge.values.push(("\"\\\n", 0.5));
        gauge.append(&mut text);
        assert_eq!(
            text,
            "# HELP a An a.\n# TYPE a gauge\na{of=\"\\\"\\\\\\n\"} 0.5\n\n"
        );
    }
}
