//! One place in the configuration, in all of its layers.

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::base::lock::lock;
use crate::values::key::{Key, in_variable};
use crate::values::layers::Layers;
use crate::values::tree::{Content, Node, Origin};
use crate::values::written::{Malformed, Written};

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
    /// A list of a file or of code, or a value of code that is no table: without variables.
    List,
    /// A list that is a variable, with this item of it, and the key that the variable sets.
    Variable(Written, Key),
}

/// A value that is no table.
pub(super) enum Leaf<'l> {
    Node(&'l Node),
    /// The text of a variable, or of an item of a list in one.
    Text(Written),
    NotUnicode,
}

/// The items of a list: of a file or code, or of a variable.
pub(super) enum ListItems<'l> {
    Nodes(&'l [Node]),
    Texts(Arc<[Written]>),
}

impl<'l> ListItems<'l> {
    pub(super) fn len(&self) -> usize {
        match self {
            ListItems::Nodes(nodes) => nodes.len(),
            ListItems::Texts(texts) => texts.len(),
        }
    }

    /// The place of an item of the list that is here.
    pub(super) fn at(&self, list: &Spot<'l>, number: usize) -> Option<Spot<'l>> {
        Some(match self {
            ListItems::Nodes(nodes) => list.item(number, Some(nodes.get(number)?), None),
            ListItems::Texts(texts) => list.item(number, None, Some(texts.get(number)?.clone())),
        })
    }
}

impl Leaf<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Leaf::Node(node) => node.value.kind(),
            Leaf::Text(text) => text.kind(),
            Leaf::NotUnicode => "a string",
        }
    }
}

impl<'l> Spot<'l> {
    /// The whole configuration.
    pub(super) fn root(layers: &'l Layers) -> Self {
        Self {
            layers,
            key: Key::default(),
            set: Some(&layers.set),
            file: Some(&layers.files),
            within: Within::Tables,
        }
    }

    /// The place of a key.
    pub(super) fn find(layers: &'l Layers, key: &Key) -> Self {
        let parts = key.parts().iter();
        parts.fold(Self::root(layers), |spot, part| spot.child(part))
    }

    /// The place that a fault tells of, which may lie in an item of a list.
    pub(super) fn reach(layers: &'l Layers, key: &Key) -> Self {
        let parts = key.parts().iter();
        parts.fold(Self::root(layers), |spot, part| spot.inner(part))
    }

    fn item_at(&self, part: &str) -> Option<Self> {
        let number = part.parse().ok()?;
        self.items().ok()??.at(self, number)
    }

    /// The place of a word in the table here, or of an item in the list.
    pub(super) fn inner(&self, part: &str) -> Self {
        self.item_at(part).unwrap_or_else(|| self.child(part))
    }

    /// The value around a key that is no table, so that nothing is at the key.
    pub(super) fn around(layers: &'l Layers, key: &Key) -> Option<Self> {
        let mut spot = Self::root(layers);
        for part in key.parts() {
            spot = match spot.item_at(part) {
                Some(item) => item,
                None if spot.is_other_than_table() => return Some(spot),
                None => spot.child(part),
            };
        }
        None
    }

    /// Whether a value stands where a table should. A variable does no harm there: it may be that
    /// of another program.
    pub(super) fn is_other_than_table(&self) -> bool {
        let is_value = match self.leaf() {
            Some(Leaf::Node(node)) => !matches!(node.value, Content::Nil),
            Some(Leaf::Text(_) | Leaf::NotUnicode) => self.is_item_of_variable(),
            None => false,
        };
        is_value && !self.has_table()
    }

    /// Whether it is an item of a list that is a variable.
    pub(super) fn is_item_of_variable(&self) -> bool {
        matches!(self.within, Within::Variable(..))
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
                Within::Tables if !self.is_set() => Within::Tables,
                Within::Tables | Within::List | Within::Variable(..) => Within::List,
            },
        }
    }

    /// An item of a list.
    pub(super) fn item(
        &self,
        number: usize,
        node: Option<&'l Node>,
        text: Option<Written>,
    ) -> Self {
        Self {
            layers: self.layers,
            key: self.key.child(&number.to_string()),
            set: node,
            file: None,
            within: text.map_or(Within::List, |text| {
                let of = match &self.within {
                    Within::Variable(_, of) => of,
                    Within::Tables | Within::List => &self.key,
                };
                Within::Variable(text, of.clone())
            }),
        }
    }

    fn is_set(&self) -> bool {
        self.set.is_some_and(|node| node.table().is_none())
    }

    /// The value here that is no table, if there is one.
    pub(super) fn leaf(&self) -> Option<Leaf<'l>> {
        if let Within::Variable(text, _) = &self.within {
            return Some(Leaf::Text(text.clone()));
        }
        if let Some(set) = self.set {
            return set.table().is_none().then_some(Leaf::Node(set));
        }
        if let Some(variable) = self.own_variable() {
            let text = variable.as_deref().map(Written::bare);
            return Some(text.map_or(Leaf::NotUnicode, Leaf::Text));
        }
        let file = self.file.filter(|node| node.table().is_none());
        file.map(Leaf::Node)
    }

    /// Items of lists have none of their own.
    pub(super) fn has_variable(&self) -> bool {
        matches!(self.within, Within::Tables)
    }

    /// Whether it is a variable that counts here.
    pub(super) fn is_variable(&self) -> bool {
        self.set.is_none() && self.own_variable().is_some()
    }

    /// What the variable of this key says.
    fn own_variable(&self) -> Option<&'l Option<String>> {
        if !self.has_variable() || self.layers.variables.is_empty() {
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

    /// The variables that would set this, and that are called as if it were a table, if nothing
    /// else makes it one: the first of them.
    pub(super) fn only_variable_within(&self) -> Option<String> {
        if self.leaf().is_some() || self.set.is_some() || self.file.is_some() {
            return None;
        }
        self.first_variable_within()
    }

    fn first_variable_within(&self) -> Option<String> {
        let rest = self.variables_within().next()?;
        let own = self.layers.variable(&self.key)?;
        Some(match self.key.parts() {
            [] => format!("{own}{rest}"),
            _ => format!("{own}__{rest}"),
        })
    }

    /// Whether a value that is no table is here, and no table that wins over it.
    pub(super) fn is_leaf_that_wins(&self) -> bool {
        self.leaf().is_some() && (self.is_set() || self.variables_within().next().is_none())
    }

    /// Whether only variables say something here.
    pub(super) fn is_of_variables(&self) -> bool {
        self.set.is_none() && self.file.is_none()
    }

    /// Which layer says what is here, the higher the stronger.
    pub(super) fn layer(&self) -> u8 {
        if self.set.is_some() {
            2
        } else {
            let is_variable = self.own_variable().is_some();
            u8::from(is_variable || self.variables_within().next().is_some())
        }
    }

    /// Whether another place wins over this one, as one of the same name would. False as well if
    /// that is not known.
    pub(super) fn is_weaker_than(&self, other: &Self) -> bool {
        let source = |spot: &Self| {
            let origin = spot.file?.origin.source()?;
            spot.layers.names.iter().rposition(|name| name == origin)
        };
        match (self.layer(), other.layer()) {
            (0, 0) => {
                matches!((source(self), source(other)), (Some(own), Some(other)) if own < other)
            }
            (own, other) => own < other,
        }
    }

    /// The names of variables that set something in this table.
    fn variables_within(&self) -> impl Iterator<Item = &'l str> + use<'l> {
        let variables = &self.layers.variables;
        let is_read = self.has_variable() && !variables.is_empty();
        let within = match self.key.parts() {
            [] => String::new(),
            _ if is_read => format!("{}__", self.key.variable()),
            _ => String::new(),
        };
        let from = (Bound::Included(&*within), Bound::Unbounded);
        let names = is_read.then(|| variables.range::<str, _>(from));
        let names = names.into_iter().flatten().map(|(name, _)| &**name);
        names
            .map_while(move |name| name.strip_prefix(&*within))
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
        let mut names = self.variables_within().peekable();
        if names.peek().is_some() {
            let known: HashSet<String> = words.iter().map(|word| in_variable(word)).collect();
            let firsts = names.map(|name| name.split("__").next().unwrap_or(name));
            let others = firsts.filter(|first| !known.contains(*first));
            words.extend(others.map(str::to_lowercase));
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
        if let Within::Variable(_, of) = &self.within {
            return self.layers.variable(of).map(Origin::Variable);
        }
        if let Some(set) = self.set {
            return Some(set.origin.clone());
        }
        if self.own_variable().is_some() {
            return Some(Origin::Variable(self.layers.variable(&self.key)?));
        }
        match self.file {
            Some(file) => Some(file.origin.clone()),
            None => self.first_variable_within().map(Origin::Variable),
        }
    }

    /// The items of the list here, if there is one.
    ///
    /// # Errors
    ///
    /// If it is a variable that can be read in several ways.
    pub(super) fn items(&self) -> Result<Option<ListItems<'l>>, Malformed> {
        Ok(match self.leaf() {
            Some(Leaf::Node(node)) => match &node.value {
                Content::List(nodes) => Some(ListItems::Nodes(nodes)),
                _ => None,
            },
            Some(Leaf::Text(text)) if text.is_listed() => {
                Some(ListItems::Texts(self.split(&text)?))
            }
            _ => None,
        })
    }

    /// The items of a text. Those of a whole variable are kept: each fault looks at its item again.
    fn split(&self, text: &Written) -> Result<Arc<[Written]>, Malformed> {
        if self.is_item_of_variable() {
            return Ok(text.items()?.into());
        }
        let mut kept = lock(&self.layers.lists);
        let name = self.key.variable();
        if let Some(items) = kept.get(&name) {
            return Ok(Arc::clone(items));
        }
        let items: Arc<[Written]> = text.items()?.into();
        kept.insert(name, Arc::clone(&items));
        Ok(items)
    }

    /// The variable that is set to nothing, if there is one here.
    pub(super) fn empty_variable(&self) -> Option<String> {
        match self.leaf()? {
            Leaf::Text(text) if text.is_empty() && self.is_variable() => {
                self.layers.variable(&self.key)
            }
            _ => None,
        }
    }

    /// Every text in here; none if there are more than so many.
    pub(super) fn texts(&self, most: usize) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        match self.leaf() {
            Some(Leaf::Text(text)) => texts.push(text.text),
            Some(Leaf::Node(node)) => gather(node, &mut texts),
            Some(Leaf::NotUnicode) | None => {}
        }
        if self.has_table() {
            for node in [self.set, self.file].into_iter().flatten() {
                gather(node, &mut texts);
            }
            for rest in self.variables_within() {
                let name = match self.key.parts() {
                    [] => rest.to_owned(),
                    _ => format!("{}__{rest}", self.key.variable()),
                };
                texts.extend(self.layers.variables.get(&name).cloned().flatten());
            }
        }
        // Items of a list in a variable are parts of its text.
        if let Ok(Some(ListItems::Texts(items))) = self.items() {
            texts.extend(items.iter().map(|item| item.text.clone()));
        }
        (texts.len() <= most).then_some(texts)
    }
}

/// Every text in a value.
fn gather(node: &Node, texts: &mut Vec<String>) {
    match &node.value {
        Content::Text(text) => texts.push(text.clone()),
        Content::List(items) => items.iter().for_each(|item| gather(item, texts)),
        Content::Table(table) => table.values().for_each(|item| gather(item, texts)),
        _ => {}
    }
}
