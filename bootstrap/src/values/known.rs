//! Which keys somebody asks for, and which nobody does.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::text::nearest;
use crate::values::key::Key;
use crate::values::layers::Layers;
use crate::values::tree::{Content, Node, Origin, Table};

/// The keys that were asked for.
#[derive(Debug, Default)]
pub struct Known {
    keys: BTreeSet<Key>,
    /// Tables whose words are all known, because they are the fields of a struct.
    closed: BTreeSet<Key>,
    /// Tables that may hold anything.
    open: BTreeSet<Key>,
}

/// What is there, and nobody asks for.
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

impl Known {
    pub(crate) fn ask(&mut self, key: Key) {
        self.keys.insert(key);
    }

    pub(super) fn close(&mut self, table: &Key, fields: &[&'static str]) {
        self.closed.insert(table.clone());
        self.keys
            .extend(fields.iter().map(|field| table.child(field)));
    }

    pub(super) fn open(&mut self, table: &Key) {
        self.open.insert(table.clone());
    }

    /// What nobody asks for, and should not be there: in the section of a struct, or nearly the
    /// name of something else.
    pub(crate) fn strays(&self, layers: &Layers) -> Vec<Stray> {
        let mut strays = Vec::new();
        // One key may stray in a file and in code.
        for table in [&layers.files, &layers.set]
            .into_iter()
            .filter_map(Node::table)
        {
            self.walk(table, &Key::default(), &mut strays);
        }
        self.variables(layers, &mut strays);
        strays
    }

    fn walk(&self, table: &Table, at: &Key, strays: &mut Vec<Stray>) {
        if self.open.contains(at) {
            return;
        }
        let words = self.words(at);
        let is_in_struct = self.closed.contains(at);
        for (word, node) in table {
            let key = at.child(word);
            if words.contains(&**word) {
                let leads_on = !self.words(&key).is_empty() || self.closed.contains(&key);
                if let (Some(table), true) = (node.table(), leads_on) {
                    self.walk(table, &key, strays);
                }
                self.walk_items(node, &key, strays);
                continue;
            }
            let near = nearest(word, words.iter().copied());
            let near = near.map(|near| at.child(near).to_string());
            if is_in_struct || near.is_some() {
                strays.push(Stray {
                    key,
                    origin: node.origin.clone(),
                    near,
                    is_in_struct,
                    below: None,
                });
            }
        }
    }

    /// The tables in a list.
    fn walk_items(&self, node: &Node, at: &Key, strays: &mut Vec<Stray>) {
        if let Content::List(items) = &node.value {
            for (number, item) in items.iter().enumerate() {
                let key = at.child(&number.to_string());
                if let (Some(table), true) = (item.table(), self.closed.contains(&key)) {
                    self.walk(table, &key, strays);
                }
            }
        }
    }

    /// The words that are known in a table.
    fn words(&self, table: &Key) -> BTreeSet<&str> {
        let depth = table.parts().len();
        let within = self.keys.iter().filter(|key| {
            let parts = key.parts();
            parts.len() > depth && parts.starts_with(table.parts())
        });
        within.map(|key| &*key.parts()[depth]).collect()
    }

    /// Variables that are nearly called as one that is read.
    fn variables(&self, layers: &Layers, strays: &mut Vec<Stray>) {
        let known = self.keys.iter().map(|key| (key.variable(), key));
        let known: BTreeMap<String, &Key> = known.collect();
        let open: Vec<String> = self.open.iter().map(Key::variable).collect();
        for name in layers.variables.keys() {
            let is_open = |open: &String| open.is_empty() || name.starts_with(&format!("{open}__"));
            // A list of tables has no variables.
            let own = known.get(name);
            if open.iter().any(is_open) || own.is_some_and(|key| !self.closed.contains(key)) {
                continue;
            }
            if let Some(stray) = of_table(name, &known, layers) {
                strays.push(stray);
                continue;
            }
            let near = nearest(name, known.keys().map(String::as_str));
            let variable = |of: &str| layers.prefix.as_ref().map(|prefix| format!("{prefix}{of}"));
            if let Some((near, own)) = near.and_then(variable).zip(variable(name)) {
                strays.push(Stray {
                    key: Key::parse(&name.to_lowercase()),
                    origin: Origin::Variable(own),
                    near: Some(near),
                    is_in_struct: false,
                    below: None,
                });
            }
        }
    }
}

/// A variable that is called as a table, in which others are read.
fn of_table(name: &str, known: &BTreeMap<String, &Key>, layers: &Layers) -> Option<Stray> {
    let within = format!("{name}__");
    let (_, below) = known.range(within.clone()..).next()?;
    let table = below.outwards().find(|key| key.variable() == name)?;
    Some(Stray {
        origin: Origin::Variable(layers.variable(&table)?),
        key: table,
        near: None,
        is_in_struct: false,
        below: layers.variable(below),
    })
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
