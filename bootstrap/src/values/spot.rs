//! One place in the configuration, in all of its layers.

use crate::values::key::Key;
use crate::values::layers::Layers;
use crate::values::tree::{Content, Node, Origin};

/// What stands at a key.
#[derive(Clone)]
pub(super) struct Spot<'l> {
    layers: &'l Layers,
    pub(super) key: Key,
    set: Option<&'l Node>,
    file: Option<&'l Node>,
    within: Within,
}

/// What a place is a part of.
#[derive(Clone)]
enum Within {
    /// Tables alone, so that there is a variable for it.
    Tables,
    /// A list of a file or of code.
    List,
    /// A list that is a variable, with the text of this item.
    Variable(String),
}

/// A value that is no table.
pub(super) enum Leaf<'l> {
    Node(&'l Node),
    /// The text of a variable.
    Text(String),
    NotUnicode,
}

impl Leaf<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Leaf::Node(node) => node.value.kind(),
            Leaf::Text(_) | Leaf::NotUnicode => "a string",
        }
    }
}

impl<'l> Spot<'l> {
    /// The place of a key.
    pub(super) fn find(layers: &'l Layers, key: &Key) -> Self {
        let root = Self {
            layers,
            key: Key::default(),
            set: Some(&layers.set),
            file: Some(&layers.files),
            within: Within::Tables,
        };
        let parts = key.parts().iter();
        parts.fold(root, |spot, part| spot.child(part))
    }

    /// The place of a word in this table.
    pub(super) fn child(&self, part: &str) -> Self {
        let of = |node: Option<&'l Node>| node.and_then(Node::table)?.get(part);
        // What is set in code hides what files say, unless both are tables.
        let file = if self.is_set() { None } else { of(self.file) };
        Self {
            layers: self.layers,
            key: self.key.child(part),
            set: of(self.set),
            file,
            within: match self.within {
                Within::Tables => Within::Tables,
                Within::List | Within::Variable(_) => Within::List,
            },
        }
    }

    /// An item of a list.
    pub(super) fn item(&self, number: usize, node: Option<&'l Node>, text: Option<String>) -> Self {
        Self {
            layers: self.layers,
            key: self.key.child(&number.to_string()),
            set: node,
            file: None,
            within: text.map_or(Within::List, Within::Variable),
        }
    }

    fn is_set(&self) -> bool {
        self.set.is_some_and(|node| node.table().is_none())
    }

    /// The value here that is no table, if there is one.
    pub(super) fn leaf(&self) -> Option<Leaf<'l>> {
        if let Within::Variable(text) = &self.within {
            return Some(Leaf::Text(text.clone()));
        }
        if let Some(set) = self.set {
            return set.table().is_none().then_some(Leaf::Node(set));
        }
        if let Some(variable) = self.own_variable() {
            return Some(variable.clone().map_or(Leaf::NotUnicode, Leaf::Text));
        }
        let file = self.file.filter(|node| node.table().is_none());
        file.map(Leaf::Node)
    }

    /// Items of lists have none of their own.
    fn has_variable(&self) -> bool {
        matches!(self.within, Within::Tables)
    }

    /// What the variable of this key says.
    fn own_variable(&self) -> Option<&'l Option<String>> {
        if !self.has_variable() {
            return None;
        }
        self.layers.variables.get(&self.key.variable())
    }

    /// Whether there is a table here, in code, in a file, or by variables of what is in it.
    pub(super) fn has_table(&self) -> bool {
        let is_table = |node: Option<&Node>| node.is_some_and(|node| node.table().is_some());
        is_table(self.set)
            || (!self.is_set() && (is_table(self.file) || self.variables_within().next().is_some()))
    }

    /// The names of variables that set something in this table.
    fn variables_within(&self) -> impl Iterator<Item = &'l str> + use<'l> {
        let within = match self.key.parts() {
            [] => String::new(),
            _ => format!("{}__", self.key.variable()),
        };
        let has_variable = self.has_variable();
        let all = self.layers.variables.keys();
        let all = all.filter(move |_| has_variable);
        all.filter_map(move |name| name.strip_prefix(&within))
            .filter(|rest| !rest.is_empty())
    }

    pub(super) fn is_there(&self) -> bool {
        self.leaf().is_some() || self.has_table()
    }

    /// Every word in this table: those of files and of code, and those of variables that are not
    /// among them, in small letters.
    pub(super) fn words(&self) -> Vec<String> {
        let tables = [self.set, self.file.filter(|_| !self.is_set())];
        let tables = tables.into_iter().flatten().filter_map(Node::table);
        let mut words: Vec<String> = tables.flat_map(|it| it.keys().cloned()).collect();
        for name in self.variables_within() {
            let first = name.split("__").next().unwrap_or(name);
            let is_it = |word: &String| Key::parse(word).variable() == first;
            if !words.iter().any(is_it) {
                words.push(first.to_lowercase());
            }
        }
        words.sort();
        words.dedup();
        words
    }

    /// What kind of thing is here.
    pub(super) fn kind(&self) -> &'static str {
        match self.leaf() {
            Some(leaf) if !self.has_table() => leaf.kind(),
            None if !self.has_table() => "nothing",
            _ => "a table",
        }
    }

    /// Where it comes from; of a table, where the first of it stands.
    pub(super) fn origin(&self) -> Option<Origin> {
        if let Some(set) = self.set {
            return Some(set.origin.clone());
        }
        if self.own_variable().is_some() {
            return Some(Origin::Variable(self.layers.variable(&self.key)?));
        }
        self.file.map(|file| file.origin.clone())
    }

    /// The items of the list here.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        match self.leaf()? {
            Leaf::Node(node) => match &node.value {
                Content::List(nodes) => {
                    let nodes = nodes.iter().enumerate();
                    Some(
                        nodes
                            .map(|(number, node)| self.item(number, Some(node), None))
                            .collect(),
                    )
                }
                _ => None,
            },
            Leaf::Text(text) => {
                let text = text.trim();
                let items = text.split(',').filter(|_| !text.is_empty()).enumerate();
                let item = |(number, it): (usize, &str)| {
                    self.item(number, None, Some(it.trim().to_owned()))
                };
                Some(items.map(item).collect())
            }
            Leaf::NotUnicode => None,
        }
    }
}
