//! A place in the configuration, as `serde` reads it.

use std::cell::RefCell;
use std::vec::IntoIter;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer as _, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use crate::values::halt::{Halt, Wanted, Wrong};
use crate::values::key::in_variable;
use crate::values::place::{Place, Run, looks_like_number};
use crate::values::seen::Seen;
use crate::values::spot::{Leaf, ListItems, Spot};
use crate::values::tree::Content;
use crate::values::written::{Form, Written};

/// Reads one place.
pub(super) struct Reader<'r, 'l>(Place<'r, 'l>);

impl<'r, 'l> Reader<'r, 'l> {
    pub(super) fn new(spot: Spot<'l>, run: &'r Run) -> Self {
        Self(Place { spot, run })
    }

    fn stand_in(&self) -> Option<usize> {
        self.0.stand_in()
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.0.text(visitor)
    }

    fn bool<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.0.bool(visitor)
    }

    fn int<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.0.int(visitor)
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.0.float(f64::MAX, visitor)
    }

    fn short_float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.0.float(f32::MAX.into(), visitor)
    }

    /// The fields of a struct: only what it knows is shown to it.
    fn fields<'de, V: Visitor<'de>>(
        self,
        fields: &[&'static str],
        visitor: V,
    ) -> Result<V::Value, Halt> {
        let spot = &self.0.spot;
        self.0.run.known.borrow_mut().close(&spot.key, fields);
        if self.stand_in().is_none() && spot.is_other_than_table() {
            return Err(self.0.not_a(Wanted::Table, &visitor));
        }
        let there = fields.iter().map(|field| self.0.spot.child(field));
        // What is missing, and has been told, is there as something that stands in for it.
        let there = there.filter(|it| it.is_there() || self.0.run.bad.contains_key(&it.key));
        self.shown(there, visitor)
    }

    /// Whatever is in the table.
    fn table<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        let spot = &self.0.spot;
        self.0.run.known.borrow_mut().open(&spot.key);
        if self.stand_in().is_none() && spot.is_other_than_table() {
            return Err(self.0.not_a(Wanted::Table, &visitor));
        }
        let words = spot.words();
        self.shown(words.iter().map(|word| spot.child(word)), visitor)
    }

    /// Words of the table here.
    fn shown<'de, V: Visitor<'de>>(
        &self,
        there: impl Iterator<Item = Spot<'l>>,
        visitor: V,
    ) -> Result<V::Value, Halt> {
        let expected = (&visitor as &dyn Expected).to_string();
        let seen = RefCell::default();
        let read = visitor.visit_map(Words::new(there, self.0.run, &seen));
        let twice = seen.into_inner().twice;
        read.map_err(|halt| halt.twice(twice).expecting(expected).at(&self.0.spot.key))
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        let items = if self.stand_in().is_some() {
            Some(ListItems::Nodes(&[]))
        } else {
            let items = self.0.spot.items();
            items.map_err(|how| Halt::new(Wrong::Malformed(how)))?
        };
        let Some(items) = items else {
            return Err(self.0.not_a(Wanted::List, &visitor));
        };
        let (len, run) = (items.len(), self.0.run);
        let expected = (&visitor as &dyn Expected).to_string();
        let mut items = Items {
            list: self.0.spot,
            all: items,
            next: 0,
            run,
        };
        let read = visitor.visit_seq(&mut items)?;
        // An array or a tuple takes what it needs, and leaves the rest.
        if items.next < len {
            return Err(Halt::new(Wrong::Length { expected, len }));
        }
        Ok(read)
    }

    /// A variable, or an item of one, as what it looks like.
    fn guess<'de, V: Visitor<'de>>(self, text: Written, visitor: V) -> Result<V::Value, Halt> {
        let guessed = text.guessed();
        let text = guessed.text.trim();
        match guessed.form {
            Form::List => self.list(visitor),
            Form::Table => Err(self.0.not(&visitor)),
            Form::Quoted => visitor.visit_string(guessed.text),
            Form::Bare if text.parse::<i128>().is_ok() => self.int(visitor),
            Form::Bare if looks_like_number(text) => self.float(visitor),
            Form::Bare if ["true", "false"].contains(&&*text.to_lowercase()) => self.bool(visitor),
            Form::Bare => self.text(visitor),
        }
    }

    /// The word that names a variant, if a word does and no table.
    fn variant(&self, variants: &[&'static str]) -> Option<String> {
        let spot = &self.0.spot;
        if !spot.is_leaf_that_wins() {
            return None;
        }
        match spot.leaf()? {
            Leaf::Text(text) => Some(variant_of(variants, text.plain()?.to_owned())),
            Leaf::Node(node) => match &node.value {
                Content::Text(text) => Some(text.clone()),
                _ => None,
            },
            Leaf::NotUnicode => None,
        }
    }

    /// The variant in the table here, if there is one.
    fn variant_within(&self, variants: &[&'static str]) -> Option<Spot<'l>> {
        let spot = &self.0.spot;
        let within = spot.words().into_iter().map(|word| spot.child(&word));
        let mut within: Vec<Spot<'l>> = within.collect();
        // A table has one variant; the layer that wins decides.
        let strongest = within.iter().map(Spot::layer).max()?;
        within.retain(|it| it.layer() == strongest);
        let only = within.pop().filter(|_| within.is_empty())?;
        let word = only.key.last().to_owned();
        Some(if only.is_of_variables() {
            spot.child(&variant_of(variants, word))
        } else {
            only
        })
    }
}

/// The variant that a variable means: names of variables are in capitals, whatever the variant is.
fn variant_of(variants: &[&'static str], word: String) -> String {
    let meant = in_variable(word.trim());
    let mut variants = variants.iter();
    if variants.clone().any(|it| *it == word) {
        return word;
    }
    let found = variants.find(|it| in_variable(it) == meant);
    found.map_or(word, |found| (*found).to_owned())
}

macro_rules! by {
    ($read:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
            self.$read(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = Halt;

    by!(bool: deserialize_bool);
    by!(int: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    by!(int: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    by!(short_float: deserialize_f32);
    by!(float: deserialize_f64);
    by!(text: deserialize_char deserialize_str deserialize_string deserialize_identifier);
    by!(text: deserialize_bytes deserialize_byte_buf);
    by!(list: deserialize_seq);
    by!(table: deserialize_map);

    /// Takes it for what it looks like.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        if self.stand_in().is_some() {
            return self.text(visitor);
        }
        match self.0.spot.leaf() {
            Some(Leaf::Node(node)) => match node.value {
                Content::Nil => visitor.visit_unit(),
                Content::Bool(_) => self.bool(visitor),
                Content::Int(_) | Content::Large(_) | Content::Huge => self.int(visitor),
                Content::Float(_) => self.float(visitor),
                Content::List(_) => self.list(visitor),
                Content::Text(_) | Content::Table(_) => self.text(visitor),
            },
            Some(Leaf::Text(text)) if !self.0.spot.has_table() => self.guess(text, visitor),
            _ => self.table(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        let is_nil = match self.0.spot.leaf() {
            Some(Leaf::Node(node)) => matches!(node.value, Content::Nil),
            _ => false,
        };
        if self.stand_in().is_some() || is_nil || !self.0.spot.is_there() {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Halt> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Halt> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Halt> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Halt> {
        self.list(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Halt> {
        self.fields(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Halt> {
        if self.stand_in().is_some() {
            let first = variants.first().copied().unwrap_or_default().to_owned();
            let name: StringDeserializer<Halt> = first.into_deserializer();
            return visitor.visit_enum(name);
        }
        if let Some(text) = self.variant(variants) {
            let name: StringDeserializer<Halt> = text.into_deserializer();
            return visitor.visit_enum(name);
        }
        let Some(spot) = self.variant_within(variants) else {
            return Err(self.0.not(&visitor));
        };
        let run = self.0.run;
        // Only what its content knows is known.
        run.known.borrow_mut().ask(&spot.key);
        visitor.visit_enum(Variant { spot, run })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        visitor.visit_unit()
    }
}

/// The words of a table, with what stands there.
struct Words<'r, 's, 'l> {
    spots: IntoIter<Spot<'l>>,
    next: Option<Spot<'l>>,
    run: &'r Run,
    seen: &'s RefCell<Seen>,
}

impl<'r, 's, 'l> Words<'r, 's, 'l> {
    /// What is known to be wrong comes last, so that it keeps no other fault from being found.
    fn new(there: impl Iterator<Item = Spot<'l>>, run: &'r Run, seen: &'s RefCell<Seen>) -> Self {
        let there = there.filter(|spot| !run.hidden.contains(&spot.key));
        let (bad, good): (Vec<_>, Vec<_>) = there.partition(|spot| run.bad.contains_key(&spot.key));
        let spots: Vec<Spot<'l>> = good.into_iter().chain(bad).collect();
        run.step(spots.len());
        let (spots, next) = (spots.into_iter(), None);
        Self {
            spots,
            next,
            run,
            seen,
        }
    }
}

impl<'de> MapAccess<'de> for Words<'_, '_, '_> {
    type Error = Halt;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Halt> {
        self.next = self.spots.next();
        let Some(spot) = &self.next else {
            self.seen.borrow_mut().twice = None;
            return Ok(None);
        };
        let word: StringDeserializer<Halt> = spot.key.last().to_owned().into_deserializer();
        let read = seed.deserialize(word).map_err(|halt| halt.at(&spot.key))?;
        self.seen.borrow_mut().note(&spot.key, &read);
        Ok(Some(read))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Halt> {
        let Some(spot) = self.next.take() else {
            return Err(Halt::missing());
        };
        let key = spot.key.clone();
        let read = seed.deserialize(Reader::new(spot, self.run));
        read.map_err(|halt| halt.at(&key))
    }
}

/// The items of a list.
struct Items<'r, 'l> {
    list: Spot<'l>,
    all: ListItems<'l>,
    next: usize,
    run: &'r Run,
}

impl<'de> SeqAccess<'de> for &mut Items<'_, '_> {
    type Error = Halt;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Halt> {
        let Some(spot) = self.all.at(&self.list, self.next) else {
            return Ok(None);
        };
        self.next += 1;
        self.run.step(1);
        let key = spot.key.clone();
        let read = seed.deserialize(Reader::new(spot, self.run));
        read.map(Some).map_err(|halt| halt.at(&key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.all.len() - self.next)
    }
}

/// A variant with what is in it: a table with one word.
struct Variant<'r, 'l> {
    spot: Spot<'l>,
    run: &'r Run,
}

impl<'de, 'r, 'l> EnumAccess<'de> for Variant<'r, 'l> {
    type Error = Halt;
    type Variant = Reader<'r, 'l>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Halt> {
        let word: StringDeserializer<Halt> = self.spot.key.last().to_owned().into_deserializer();
        let variant = seed
            .deserialize(word)
            .map_err(|halt| halt.at(&self.spot.key))?;
        Ok((variant, Reader::new(self.spot, self.run)))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_, '_> {
    type Error = Halt;

    fn unit_variant(self) -> Result<(), Halt> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Halt> {
        let key = self.0.spot.key.clone();
        seed.deserialize(self).map_err(|halt| halt.at(&key))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Halt> {
        self.list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Halt> {
        self.fields(fields, visitor)
    }
}
