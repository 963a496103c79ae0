//! Which keys are read, and which are set although nothing reads them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::text::{Spellings, nearest};
use crate::values::key::{Key, folded};
use crate::values::layers::Layers;
use crate::values::tree::{Content, Node, Origin, Table};

/// The keys that were asked for, word by word.
#[derive(Debug, Default)]
pub struct Known(Names);

/// What is known of a place.
#[derive(Debug, Default)]
struct Names {
    within: BTreeMap<String, Names>,
    /// Whether it is a key that was asked for.
    asked: bool,
    /// A table whose words are all known, because they are the fields of a struct.
    closed: bool,
    /// A table that may hold anything.
    open: bool,
}

/// What is there, and is not read.
pub(crate) struct Stray {
    pub(crate) key: Key,
    /// What was set, and where.
    pub(crate) origin: Origin,
    /// The key, or the variable, that was probably meant.
    pub(crate) near: Option<String>,
    /// Whether it stands in the section of a struct, which has no such field.
    pub(crate) is_in_struct: bool,
    /// A variable of what is in the table, if it is the variable of a table.
    pub(crate) below: Option<String>,
}

impl Names {
    fn at(&mut self, key: &Key) -> &mut Self {
        let parts = key.parts().iter();
        parts.fold(self, |names, part| {
            names.within.entry(part.clone()).or_default()
        })
    }

    fn find(&self, key: &Key) -> Option<&Self> {
        let mut parts = key.parts().iter();
        parts.try_fold(self, |names, part| names.within.get(part))
    }

    /// Whether what is in a table here is read by name.
    fn leads_on(&self) -> bool {
        self.closed || !self.within.is_empty()
    }

    fn spellings(&self) -> Spellings<'_> {
        Spellings::of(self.within.keys().map(String::as_str))
    }
}

impl Known {
    pub(crate) fn ask(&mut self, key: &Key) {
        self.0.at(key).asked = true;
    }

    pub(super) fn close(&mut self, table: &Key, fields: &[&'static str]) {
        let names = self.0.at(table);
        names.closed = true;
        for field in fields {
            let field = names.within.entry((*field).to_owned()).or_default();
            field.asked = true;
        }
    }

    pub(super) fn open(&mut self, table: &Key) {
        self.0.at(table).open = true;
    }

    /// Whether something is read at a key, or in the table that is there.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.0.find(key).is_some()
    }

    /// What is not read, and should not be there: in the section of a struct, or nearly the
    /// name of something else.
    pub(crate) fn strays(&self, layers: &Layers) -> Strays {
        let mut strays = Strays::default();
        // One key may stray in a file and in code.
        for table in [&layers.files, &layers.set]
            .into_iter()
            .filter_map(Node::table)
        {
            self.walk(table, &self.0, &Key::default(), &mut strays);
        }
        Variables::of(self, layers).strays(&mut strays);
        strays
    }

    fn walk(&self, table: &Table, names: &Names, at: &Key, strays: &mut Strays) {
        let spellings = OnceCell::new();
        for (word, node) in table {
            match names.within.get(word) {
                Some(known) => self.walk_on(node, known, at, word, strays),
                None if names.open => {}
                None if strays.is_full() => strays.more += usize::from(names.closed),
                None => {
                    let spellings = spellings.get_or_init(|| names.spellings());
                    let near = spellings.nearest(word, |_| true);
                    strays.all.extend(self.stray(word, node, names, at, near));
                }
            }
        }
    }

    /// What is in a place that is known.
    fn walk_on(&self, node: &Node, names: &Names, at: &Key, word: &str, strays: &mut Strays) {
        if !names.leads_on() {
            return;
        }
        match &node.value {
            Content::Table(table) => self.walk(table, names, &at.child(word), strays),
            // The tables in a list.
            Content::List(items) => {
                let key = at.child(word);
                for (number, item) in items.iter().enumerate() {
                    let number = number.to_string();
                    let known = names.within.get(&number).filter(|known| known.closed);
                    if let (Some(known), Some(_)) = (known, item.table()) {
                        self.walk_on(item, known, &key, &number, strays);
                    }
                }
            }
            _ => {}
        }
    }

    /// A word that is not known, if that is worth a word.
    fn stray(
        &self,
        word: &str,
        node: &Node,
        names: &Names,
        at: &Key,
        near: Option<&str>,
    ) -> Option<Stray> {
        let near = near.map(|near| at.child(near).to_string());
        // A section that stands in the wrong table.
        let section = || {
            let section = self.0.within.get(word)?;
            let is_one = node.table().is_some() && section.leads_on() && !at.parts().is_empty();
            is_one.then(|| word.to_owned())
        };
        let near = near.or_else(section);
        (names.closed || near.is_some()).then(|| Stray {
            key: at.child(word),
            origin: node.origin.clone(),
            near,
            is_in_struct: names.closed,
            below: None,
        })
    }
}

/// How many of them are shown.
const MOST: usize = 200;

/// What is there, and is not read.
#[derive(Default)]
pub(crate) struct Strays {
    pub(crate) all: Vec<Stray>,
    /// How many more keys there are in sections of structs.
    pub(crate) more: usize,
}

impl Strays {
    fn is_full(&self) -> bool {
        self.all.len() >= MOST
    }
}

/// The variables that are read, by their names after the prefix.
struct Variables<'k> {
    layers: &'k Layers,
    /// With the key, and whether it is that of a struct.
    known: BTreeMap<String, (Key, bool)>,
    /// The same names with the prefix, without differences that are easily missed.
    folded: BTreeMap<String, String>,
    open: BTreeSet<String>,
}

impl<'k> Variables<'k> {
    fn of(known: &Known, layers: &'k Layers) -> Self {
        let mut all = Self {
            layers,
            known: BTreeMap::new(),
            folded: BTreeMap::new(),
            open: BTreeSet::new(),
        };
        // Without variables nothing of this is looked at.
        if layers.variables.is_empty() && layers.others.is_empty() {
            return all;
        }
        all.gather(&known.0, &Key::default());
        let prefix = layers.prefix.as_deref().unwrap_or_default();
        let names = all.known.keys();
        all.folded = names
            .map(|name| (folded(&format!("{prefix}{name}")), name.clone()))
            .collect();
        all
    }

    fn gather(&mut self, names: &Names, at: &Key) {
        if names.open {
            self.open.insert(at.variable());
        }
        if names.asked && !at.parts().is_empty() {
            self.known.insert(at.variable(), (at.clone(), names.closed));
        }
        for (word, inner) in &names.within {
            self.gather(inner, &at.child(word));
        }
    }

    fn strays(&self, strays: &mut Strays) {
        let spellings = Spellings::of(self.known.keys().map(String::as_str));
        let of_app = self.layers.variables.keys();
        let of_app = of_app.filter_map(|name| self.stray(name, &spellings));
        let others = self.layers.others.iter();
        let others = others.filter_map(|name| {
            let near = self.of_other_case(name);
            let near = near.or_else(|| self.of_near_prefix(name))?;
            self.misspelt(name.clone(), &near)
        });
        strays.all.extend(of_app.chain(others).take(MOST));
    }

    /// Whether a variable is read, or may be.
    fn is_read(&self, name: &str) -> bool {
        // A list of tables has no variables.
        let is_known = self.known.get(name).is_some_and(|(_, closed)| !closed);
        let mut tables = name.match_indices("__").map(|(end, _)| &name[..end]);
        is_known || self.open.contains("") || tables.any(|table| self.open.contains(table))
    }

    /// A variable with the prefix that is nearly called as one that is read.
    fn stray(&self, name: &str, spellings: &Spellings<'_>) -> Option<Stray> {
        if self.is_read(name) {
            return None;
        }
        if let Some(stray) = self.of_table(name) {
            return Some(stray);
        }
        let full = self.with_prefix(name);
        let near = self.of_other_case(&full).or_else(|| {
            // Word by word: a variable of another program is longer by one.
            let near = spellings.nearest(name, |known| are_near(name, known));
            near.map(str::to_owned)
        });
        self.misspelt(full, &near?)
    }

    fn misspelt(&self, name: String, near: &str) -> Option<Stray> {
        let near = self.with_prefix(near);
        (name != near).then(|| Stray {
            key: Key::default(),
            origin: Origin::Variable(name),
            near: Some(near),
            is_in_struct: false,
            below: None,
        })
    }

    fn with_prefix(&self, name: &str) -> String {
        let prefix = self.layers.prefix.as_deref().unwrap_or_default();
        format!("{prefix}{name}")
    }

    /// The variable whose name differs in case, or in what stands between the words; unless that is
    /// set as well.
    fn of_other_case(&self, name: &str) -> Option<String> {
        let near = self.folded.get(&folded(name))?;
        let is_set = self.layers.variables.contains_key(near);
        (!is_set).then(|| near.clone())
    }

    /// The variable that stands behind nearly the same prefix. One word alone may be that of
    /// another program.
    fn of_near_prefix(&self, name: &str) -> Option<String> {
        let mut ends = name.match_indices('_').map(|(end, _)| &name[end + 1..]);
        let near = ends.find(|rest| {
            rest.contains("__")
                && self.known.contains_key(*rest)
                && self.layers.is_behind_near_prefix(name, rest)
        })?;
        let is_set = self.layers.variables.contains_key(near);
        (!is_set).then(|| near.to_owned())
    }

    /// A variable that is called as a table, in which others are read.
    fn of_table(&self, name: &str) -> Option<Stray> {
        let within = format!("{name}__");
        let (first, (below, _)) = self.known.range(within.clone()..).next()?;
        if !first.starts_with(&within) {
            return None;
        }
        let table = below.outwards().find(|key| key.variable() == name)?;
        Some(Stray {
            origin: Origin::Variable(self.layers.variable(&table)?),
            key: table,
            near: None,
            is_in_struct: false,
            below: self.layers.variable(below),
        })
    }
}

/// Whether each word of a variable is nearly that of another one.
fn are_near(name: &str, other: &str) -> bool {
    let (mut words, mut others) = (name.split("__"), other.split("__"));
    loop {
        match (words.next(), others.next()) {
            (Some(word), Some(other)) if nearest(word, [other]).is_some() => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

impl Stray {
    /// `database.siez` in a file, or the name of a variable.
    pub(crate) fn what(&self) -> String {
        match &self.origin {
            Origin::Variable(name) => format!("the environment variable `{name}`"),
            _ => format!("the key `{}` ({})", self.key, self.origin),
        }
    }
}
