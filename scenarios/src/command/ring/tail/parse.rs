//! The words of a type, read from left to right.

use super::schema::{Number, Type, TypeError, Wrong};
use std::collections::BTreeSet;

/// Types in each other, at most.
pub(super) const DEPTH: usize = 32;

type Parsed<T> = Result<T, TypeError>;

/// The type that the whole text says: one, or the fields of one.
pub(super) fn whole(text: &str) -> Parsed<Type> {
    let mut words = Words { text, at: 0, depth: 0 };
    let fields = words.fields(None)?;
    if words.rest().is_empty() { Ok(alone(fields)) } else { Err(words.want("a comma")) }
}

/// One field without a name is what it is.
fn alone(mut fields: Vec<(Option<String>, Type)>) -> Type {
    match (fields.pop(), fields.is_empty()) {
        (Some((None, field)), true) => field,
        (last, _) => Type::Fields(fields.into_iter().chain(last).collect()),
    }
}

struct Words<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Words<'t> {
    /// What stands before the end, from the next word on.
    fn rest(&mut self) -> &'t str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn wrong(&mut self, wrong: Wrong) -> TypeError {
        self.rest();
        TypeError { at: self.at, wrong }
    }

    fn want(&mut self, what: &'static str) -> TypeError {
        self.wrong(Wrong::Want(what))
    }

    /// Takes that sign where it comes next.
    fn sign(&mut self, sign: char) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len_utf8() } else { 0 };
        found
    }

    fn must(&mut self, sign: char, what: &'static str) -> Parsed<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.want(what)) }
    }

    /// The name or number that comes next: nothing where a sign does.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Fields up to a sign, or to the end: at least one. Where the brackets say it, all have a name, or none has.
    fn fields(&mut self, names: Option<bool>) -> Parsed<Vec<(Option<String>, Type)>> {
        let (mut fields, mut seen, mut names) = (Vec::new(), BTreeSet::new(), names);
        loop {
            let before = self.at;
            self.rest();
            let start = self.at;
            let name = self.word();
            let named = !name.is_empty() && self.sign(':');
            if !named {
                self.at = before;
            }
            if (named || self.starts_type()) && *names.get_or_insert(named) != named {
                return Err(TypeError { at: start, wrong: Wrong::Mixed });
            }
            if named && !seen.insert(name) {
                return Err(TypeError { at: start, wrong: Wrong::Twice(name.to_owned()) });
            }
            fields.push((named.then(|| name.to_owned()), self.one()?));
            if !self.sign(',') || self.ends() {
                return Ok(fields);
            }
        }
    }

    /// Whether nothing follows but what closes.
    fn ends(&mut self) -> bool {
        self.rest().is_empty() || self.rest().starts_with([')', '}'])
    }

    fn starts_type(&mut self) -> bool {
        self.rest().starts_with(|c: char| c.is_alphanumeric() || "_[({".contains(c))
    }

    fn one(&mut self) -> Parsed<Type> {
        if self.depth == DEPTH {
            return Err(self.wrong(Wrong::Deep));
        }
        self.depth += 1;
        let one = self.bracketed();
        self.depth -= 1;
        one
    }

    fn bracketed(&mut self) -> Parsed<Type> {
        if self.sign('[') {
            return self.array();
        }
        if self.sign('(') {
            let fields = self.fields(Some(false))?;
            self.must(')', "`)`")?;
            return Ok(Type::Fields(fields));
        }
        if self.sign('{') {
            let fields = self.fields(Some(true))?;
            self.must('}', "`}`")?;
            return Ok(Type::Fields(fields));
        }
        self.rest();
        let (start, name) = (self.at, self.word());
        Ok(match name {
            "" => return Err(self.want("a type")),
            "bool" => Type::Bool,
            "char" => Type::Char,
            "String" | "string" | "str" => Type::Text,
            "bytes" => Type::Bytes,
            "Option" | "option" => Type::Option(Box::new(self.parameter()?)),
            "Vec" | "vec" => list(self.parameter()?),
            "enum" => self.variants()?,
            other => match Number::named(other) {
                Some(number) => Type::Number(number),
                None => return Err(TypeError { at: start, wrong: Wrong::Type(other.to_owned()) }),
            },
        })
    }

    fn parameter(&mut self) -> Parsed<Type> {
        self.must('<', "`<`")?;
        let each = self.one()?;
        self.must('>', "`>`")?;
        Ok(each)
    }

    fn array(&mut self) -> Parsed<Type> {
        let each = self.one()?;
        if self.sign(']') {
            return Ok(list(each));
        }
        self.must(';', "`]` or `;`")?;
        self.rest();
        let (start, count) = (self.at, self.word().parse().ok().filter(|count| *count > 0));
        let wrong = Wrong::Want("a number of elements, not zero,");
        let count = count.ok_or(TypeError { at: start, wrong })?;
        self.must(']', "`]`")?;
        Ok(Type::Array(Box::new(each), count))
    }

    fn variants(&mut self) -> Parsed<Type> {
        self.must('{', "`{`")?;
        let (mut variants, mut seen) = (Vec::new(), BTreeSet::new());
        loop {
            self.rest();
            let (start, name) = (self.at, self.word());
            if name.is_empty() {
                return Err(self.want("the name of a variant"));
            }
            if !seen.insert(name) {
                return Err(TypeError { at: start, wrong: Wrong::Twice(name.to_owned()) });
            }
            let carries = self.rest().starts_with(['(', '{']);
            let carried = if carries { Some(self.one()?) } else { None };
            variants.push((name.to_owned(), carried.map(unwrapped)));
            if !self.sign(',') || self.ends() {
                self.must('}', "`}`")?;
                return Ok(Type::Variants(variants));
            }
        }
    }
}

/// What a variant carries: `A(u8)` has a number, not a row of one.
fn unwrapped(carried: Type) -> Type {
    match carried {
        Type::Fields(fields) => alone(fields),
        other => other,
    }
}

/// Many of one kind; bytes are their own.
fn list(each: Type) -> Type {
    if each == Type::Number(Number::U8) { Type::Bytes } else { Type::List(Box::new(each)) }
}
