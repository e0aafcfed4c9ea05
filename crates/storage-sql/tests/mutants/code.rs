//! The changes of Rust code, each built in and switched on by its number.
//!
//! The text of the file only grows: `a < b` becomes `(if mutant(7) { a <= b } else { a < b })`, and so one build holds all
//! changes. Constants, macros and tests are left alone.

use proc_macro2::Span;
use std::{
    ops::Range,
    path::{Path, PathBuf},
};
use syn::{
    Arm, Attribute, BinOp, Block, Expr, ExprBinary, ExprIf, ExprMatch, ExprStruct, ExprUnary, ImplItemFn, Item, ItemFn,
    ItemImpl, ItemMod, Pat, ReturnType, Signature, Stmt, Type, UnOp, parse_file,
    spanned::Spanned,
    visit::{self, Visit},
};

/// One change of a file.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) line: usize,
    pub(crate) function: String,
    pub(crate) what: String,
    /// The code that it is about, in the file.
    node: Range<usize>,
    inserts: Vec<Insert>,
}

/// `MUTANT` in the text stands for the question whether the change is switched on.
#[derive(Clone, Debug)]
struct Insert {
    at: usize,
    side: Side,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// In front of what begins here.
    Front,
    /// Behind what ends here.
    Behind,
}

/// A file with changes in it.
pub(crate) struct Changed {
    pub(crate) text: String,
    /// Which parts of the new text belong to which change.
    own: Vec<(usize, Range<usize>)>,
    /// Where the code of each change is in the new text.
    nodes: Vec<(usize, Range<usize>)>,
}

impl Changed {
    /// The changes that an error of the compiler at these places is about.
    pub(crate) fn blamed(&self, places: &[Range<usize>]) -> Vec<usize> {
        let meets =
            |range: &Range<usize>| places.iter().any(|place| place.start < range.end && range.start < place.end);
        let blamed: Vec<usize> = self.own.iter().filter(|(_, range)| meets(range)).map(|(change, _)| *change).collect();
        if !blamed.is_empty() {
            return blamed;
        }
        let around = |place: &Range<usize>| {
            let around = self.nodes.iter().filter(|(_, node)| node.start <= place.start && place.end <= node.end);
            around.min_by_key(|(_, node)| node.len())
        };
        let Some((_, smallest)) = places.iter().filter_map(around).min_by_key(|(_, node)| node.len()) else {
            return Vec::new();
        };
        self.nodes.iter().filter(|(_, node)| node == smallest).map(|(change, _)| *change).collect()
    }
}

/// Every change of a file.
pub(crate) fn changes_of(text: &str) -> Vec<Change> {
    let file = parse_file(text).expect("the code compiles");
    let mut finder = Finder { text, path: Vec::new(), changes: Vec::new() };
    finder.visit_file(&file);
    finder.changes
}

/// The files of modules that this file declares for tests only. The build that finds what does not compile has no tests, so
/// their changes would only be seen to fail later.
pub(crate) fn files_of_tests(file: &Path, text: &str) -> Vec<PathBuf> {
    let is_root = ["lib.rs", "mod.rs"].iter().any(|name| file.ends_with(name));
    let folder = if is_root { file.with_file_name("") } else { file.with_extension("") };
    let items = parse_file(text).expect("the code compiles").items;
    let of_tests = items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() && is_test(&module.attrs) => Some(module),
        _ => None,
    });
    of_tests.map(|module| folder.join(format!("{}.rs", module.ident))).collect()
}

/// The file with these changes built in, each with the number that switches it on.
pub(crate) fn built_in(text: &str, changes: &[(usize, &Change)]) -> Changed {
    let mut inserts: Vec<(&Insert, usize, usize)> = Vec::new();
    for (order, (number, change)) in changes.iter().enumerate() {
        inserts.extend(change.inserts.iter().map(|insert| (insert, order, *number)));
    }
    // What ends somewhere stands in front of what begins there; the outer one was found first.
    inserts.sort_by_key(|(insert, order, _)| match insert.side {
        Side::Behind => (insert.at, 0, usize::MAX - order),
        Side::Front => (insert.at, 1, *order),
    });
    let (mut new, mut done) = (String::with_capacity(text.len() * 4), 0);
    let mut own = Vec::new();
    for (insert, _, number) in &inserts {
        new.push_str(&text[done..insert.at]);
        done = insert.at;
        let begin = new.len();
        new.push_str(&insert.text.replace("MUTANT", &format!("crate::mutated::mutant({number})")));
        own.push((*number, begin..new.len()));
    }
    new.push_str(&text[done..]);
    let place = |at: usize, ends: bool| {
        let before = |insert: &Insert| insert.at < at || (ends && insert.at == at && insert.side == Side::Behind);
        let grown: usize =
            inserts.iter().zip(&own).filter(|((insert, ..), _)| before(insert)).map(|(_, (_, own))| own.len()).sum();
        at + grown
    };
    let nodes =
        changes.iter().map(|(number, change)| (*number, place(change.node.start, false)..place(change.node.end, true)));
    let nodes = nodes.collect();
    Changed { text: new, own, nodes }
}

struct Finder<'a> {
    text: &'a str,
    /// The names around, such as that of an `impl` and of a function.
    path: Vec<String>,
    changes: Vec<Change>,
}

fn range(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

impl Finder<'_> {
    fn code(&self, range: Range<usize>) -> &str {
        &self.text[range]
    }

    fn add(&mut self, span: Span, node: Range<usize>, what: String, inserts: Vec<Insert>) {
        let function = self.path.join("::");
        self.changes.push(Change { line: span.start().line, function, what, node, inserts });
    }

    /// Another expression in place of this one.
    fn instead(&mut self, node: &Range<usize>, span: Span, what: String, other: &str) {
        let inserts = vec![
            Insert { at: node.start, side: Side::Front, text: format!("(if MUTANT {{ {other} }} else {{ ") },
            Insert { at: node.end, side: Side::Behind, text: " })".to_owned() },
        ];
        self.add(span, node.clone(), what, inserts);
    }

    fn short(&self, range: Range<usize>) -> String {
        let words: Vec<&str> = self.code(range).split_whitespace().collect();
        let text = words.join(" ");
        if text.chars().count() > 70 { format!("{}…", text.chars().take(70).collect::<String>()) } else { text }
    }

    fn function(&mut self, attributes: &[Attribute], signature: &Signature, block: &Block) {
        if is_test(attributes) || signature.constness.is_some() || signature.unsafety.is_some() {
            return;
        }
        self.path.push(signature.ident.to_string());
        self.body(signature, block);
        self.path.pop();
    }

    /// Other values that a function returns.
    fn body(&mut self, signature: &Signature, block: &Block) {
        let at = range(&block.brace_token.span.open()).end;
        let node = range(block);
        let values = match &signature.output {
            ReturnType::Default => vec![String::new()],
            ReturnType::Type(_, of) => values_of(of),
        };
        let body = self.short(at..node.end - 1);
        for value in values.into_iter().filter(|value| *value != body && !(value.is_empty() && body.is_empty())) {
            let text = format!(" if MUTANT {{ return {value}; }} ");
            let what = format!("returns {}", if value.is_empty() { "at once" } else { &value });
            let inserts = vec![Insert { at, side: Side::Front, text }];
            self.add(signature.ident.span(), node.clone(), what, inserts);
        }
        visit::visit_block(self, block);
    }

    fn arm(&mut self, arm: &Arm, can_be_left_out: bool) {
        let pattern = range(&arm.pat);
        let Some((_, guard)) = &arm.guard else {
            if can_be_left_out {
                let text = " if !MUTANT".to_owned();
                let inserts = vec![Insert { at: pattern.end, side: Side::Behind, text }];
                let what = format!("leaves out the arm {}", self.short(pattern.clone()));
                self.add(arm.pat.span(), range(arm), what, inserts);
            }
            return;
        };
        if has_let(guard) {
            return;
        }
        let node = range(&**guard);
        let condition = self.short(node.clone());
        if can_be_left_out {
            let what = format!("leaves out the arm {} if {condition}", self.short(pattern));
            self.instead(&node, guard.span(), what, "false");
        } else {
            self.instead(&node, guard.span(), format!("if {condition} => if false"), "false");
        }
        self.instead(&node, guard.span(), format!("if {condition} => if true"), "true");
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.segments.last().is_some_and(|segment| segment.ident == "test")
            || (path.is_ident("cfg")
                && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().contains("test")))
    })
}

fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(ExprBinary { left, right, .. }) => has_let(left) || has_let(right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let of = self.short(range(&*item.self_ty));
        let name = item.trait_.as_ref().map(|(_, path, _)| self.short(range(path)));
        if is_test(&item.attrs) || name.as_deref().is_some_and(|name| name.ends_with("Debug")) {
            return;
        }
        self.path.push(name.map_or(of.clone(), |name| format!("<{of} as {name}>")));
        visit::visit_item_impl(self, item);
        self.path.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.attrs, &item.sig, block);
        }
    }

    // Constants are computed before there is a switch.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        if !has_let(&binary.left) && !has_let(&binary.right) {
            let (left, operator, right) = (range(&*binary.left), range(&binary.op), range(&*binary.right));
            let node = left.start..right.end;
            for other in others(&binary.op) {
                let change = format!("{} {other} {}", self.code(left.clone()), self.code(right.clone()));
                let what = format!("{} => {other}", self.short(operator.clone()));
                let what = format!("{what} in {}", self.short(node.clone()));
                self.instead(&node, binary.op.span(), what, &change);
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast ExprUnary) {
        if matches!(unary.op, UnOp::Not(_) | UnOp::Neg(_)) {
            let (node, inner) = (range(unary), range(&*unary.expr));
            let (what, inner) = (self.short(node.clone()), self.code(inner).to_owned());
            self.instead(&node, unary.op.span(), format!("leaves out the sign of {what}"), &inner);
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_if(&mut self, condition: &'ast ExprIf) {
        let asked = &*condition.cond;
        if !has_let(asked) && !matches!(asked, Expr::Binary(_) | Expr::Unary(_)) {
            let (node, code) = (range(asked), self.code(range(asked)).to_owned());
            let what = format!("if {} => if not", self.short(node.clone()));
            self.instead(&node, asked.span(), what, &format!("!({code})"));
        }
        visit::visit_expr_if(self, condition);
    }

    fn visit_expr_match(&mut self, matching: &'ast ExprMatch) {
        let takes_all = |arm: &Arm| match &arm.pat {
            Pat::Wild(_) => arm.guard.is_none(),
            Pat::Ident(pattern) => {
                arm.guard.is_none()
                    && pattern.subpat.is_none()
                    && pattern.ident.to_string().starts_with(char::is_lowercase)
            }
            _ => false,
        };
        let has_rest = matching.arms.iter().any(takes_all);
        for arm in &matching.arms {
            self.arm(arm, has_rest && !takes_all(arm));
        }
        visit::visit_expr_match(self, matching);
    }

    fn visit_expr_struct(&mut self, expression: &'ast ExprStruct) {
        if expression.rest.is_some() {
            let node = range(expression);
            for field in &expression.fields {
                let (name, own) = (self.short(range(&field.member)), range(field));
                let comma = own.end + self.code(own.end..node.end).find(',').map_or(0, |at| at + 1);
                let other = format!("{}{}", self.code(node.start..own.start), self.code(comma..node.end));
                self.instead(&node, field.span(), format!("leaves out the field {name}"), &other);
            }
        }
        visit::visit_expr_struct(self, expression);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(expression, Some(_)) = statement
            && matches!(
                expression,
                Expr::Call(_) | Expr::MethodCall(_) | Expr::Try(_) | Expr::Await(_) | Expr::Assign(_)
            )
        {
            let node = range(statement);
            let what = format!("leaves out {}", self.short(node.clone()));
            let inserts = vec![
                Insert { at: node.start, side: Side::Front, text: "if !MUTANT { ".to_owned() },
                Insert { at: node.end, side: Side::Behind, text: " }".to_owned() },
            ];
            self.add(statement.span(), node, what, inserts);
        }
        visit::visit_stmt(self, statement);
    }
}

fn others(operator: &BinOp) -> &'static [&'static str] {
    match operator {
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Lt(_) => &["<=", ">"],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Gt(_) => &[">=", "<"],
        BinOp::Ge(_) => &[">", "<"],
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) => &["+"],
        BinOp::Mul(_) => &["/"],
        BinOp::Div(_) | BinOp::Rem(_) => &["*"],
        BinOp::AddAssign(_) => &["-="],
        BinOp::SubAssign(_) => &["+="],
        BinOp::BitOrAssign(_) => &["&="],
        BinOp::BitAndAssign(_) => &["|="],
        BinOp::BitOr(_) => &["&"],
        BinOp::BitAnd(_) => &["|"],
        _ => &[],
    }
}

/// Values of a type, as cargo-mutants makes them.
fn values_of(of: &Type) -> Vec<String> {
    match of {
        Type::Tuple(tuple) if tuple.elems.is_empty() => vec!["()".to_owned()],
        Type::Tuple(tuple) => {
            let parts = tuple.elems.iter().map(values_of);
            parts
                .fold(vec![String::new()], |all, part| {
                    let joined = |one: &String| part.iter().map(|value| format!("{one}{value}, ")).collect::<Vec<_>>();
                    all.iter().flat_map(joined).collect()
                })
                .into_iter()
                .map(|values| format!("({values})"))
                .collect()
        }
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => vec!["\"\"".to_owned(), "\"xyzzy\"".to_owned()],
            Type::Slice(_) => vec!["&[]".to_owned()],
            _ => Vec::new(),
        },
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Vec::new() };
            let mut inner = match &last.arguments {
                syn::PathArguments::AngleBracketed(arguments) => {
                    let types = arguments.args.iter().filter_map(|argument| match argument {
                        syn::GenericArgument::Type(of) => Some(of),
                        _ => None,
                    });
                    types.map(values_of).next().unwrap_or_default()
                }
                _ => Vec::new(),
            };
            let name = last.ident.to_string();
            match name.as_str() {
                "bool" => vec!["true".into(), "false".into()],
                "i64" | "i32" | "isize" => vec!["0".into(), "1".into(), "-1".into()],
                "u64" | "u32" | "usize" | "u16" | "u8" => vec!["0".into(), "1".into()],
                "String" => vec!["String::new()".into(), "\"xyzzy\".into()".into()],
                "Option" => {
                    inner = inner.into_iter().map(|value| format!("Some({value})")).collect();
                    inner.insert(0, "None".to_owned());
                    inner
                }
                "Result" => inner.into_iter().map(|value| format!("Ok({value})")).collect(),
                "Vec" => {
                    inner = inner.into_iter().map(|value| format!("vec![{value}]")).collect();
                    inner.insert(0, "vec![]".to_owned());
                    inner
                }
                "Arc" | "Box" => inner.into_iter().map(|value| format!("{name}::new({value})")).collect(),
                "Read" => inner.into_iter().map(|value| format!("Read::origin({value})")).collect(),
                _ => vec!["Default::default()".to_owned()],
            }
        }
        _ => Vec::new(),
    }
}
