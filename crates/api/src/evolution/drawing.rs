//! A graph as a drawing: one column for each character, oldest on the left; below it its items. Items that were one and
//! the same at first are on one line, so that a theme can be followed from left to right.

use character_repositories::{EdgeKind, GraphNode, NodeKind, VersionGraph};
use std::{
    collections::{HashMap, HashSet},
    fmt::{self, Write},
};
use uuid::Uuid;

const MARGIN: usize = 24;
const COLUMN_WIDTH: usize = 210;
const COLUMN_GAP: usize = 70;
const TOP: usize = 70;
const CHARACTER_HEIGHT: usize = 50;
/// How far items stand to the right of their character, to leave room for the ties between both.
const INDENT: usize = 26;
const FIRST_ITEM: usize = TOP + CHARACTER_HEIGHT + 26;
const ITEM_HEIGHT: usize = 38;
const LINE_HEIGHT: usize = 52;
const LEGEND_HEIGHT: usize = 40;
/// More of a name would not fit into its box.
const LONGEST_NAME: usize = 40;

const HEAD: &str = "<style>text{font-family:sans-serif;font-size:13px;fill:#1c2330}.small{font-size:11px;fill:#596273}\
    rect{rx:6;stroke-width:1.5}.paper{fill:#fff;rx:0}.character{fill:#e4ecfb;stroke:#3f67b1}.item{fill:#fbf6e9;stroke:#a98a3c}\
    .deleted{opacity:.45;stroke-dasharray:4 3}path{fill:none;stroke-width:1.5}.parent{stroke:#3f67b1;stroke-width:2.5}\
    .root{stroke:#a98a3c}.created{stroke:#b8bfca}.equipped{stroke:#2f8f5b;stroke-width:3}</style>\
    <defs><marker id=\"to\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" \
    orient=\"auto-start-reverse\"><path d=\"M0 0 10 5 0 10\" style=\"fill:#596273\"/></marker></defs>";

/// Where a node is drawn.
#[derive(Clone, Copy, Debug)]
struct Place {
    column: usize,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Place {
    fn right(&self) -> usize {
        self.x + self.width
    }

    fn middle(&self) -> usize {
        self.y + self.height / 2
    }
}

/// The drawing, as SVG that needs nothing beside itself. The same graph gives the same text.
pub(super) fn draw(graph: &VersionGraph) -> String {
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut svg, graph);
    svg
}

fn write(svg: &mut String, graph: &VersionGraph) -> fmt::Result {
    let places = places(graph);
    let columns = graph.nodes.iter().filter(|node| node.kind == NodeKind::Character).count();
    let least = MARGIN * 2 + COLUMN_WIDTH * 2 + COLUMN_GAP;
    let width = (MARGIN * 2 + columns * (COLUMN_WIDTH + COLUMN_GAP)).saturating_sub(COLUMN_GAP).max(least);
    let bottom = places.values().map(|place| place.y + place.height).max().unwrap_or(TOP);
    let height = bottom + MARGIN + LEGEND_HEIGHT;
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\"><title>Version graph</title>{HEAD}\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>"
    )?;
    // The later, the further in front: what is worn hides that it came to be.
    for (kind, class) in [
        (EdgeKind::Created, "created"),
        (EdgeKind::Root, "root"),
        (EdgeKind::Equipped, "equipped"),
        (EdgeKind::Parent, "parent"),
    ] {
        for edge in graph.edges.iter().filter(|edge| edge.kind == kind) {
            if let (Some(from), Some(to)) = (places.get(&edge.from), places.get(&edge.to)) {
                write!(svg, "<path class=\"{class}\" d=\"")?;
                tie(svg, kind, from, to)?;
                let arrow = matches!(kind, EdgeKind::Parent | EdgeKind::Root);
                svg.push_str(if arrow { "\" marker-end=\"url(#to)\"/>" } else { "\"/>" });
            }
        }
    }
    for node in &graph.nodes {
        if let Some(place) = places.get(&node.id) {
            boxed(svg, node, place)?;
        }
    }
    legend(svg, bottom + MARGIN, graph.complete)?;
    svg.push_str("</svg>");
    Ok(())
}

/// Every character gets a column, every item a line: that of what it was at first, or a new one when that is taken.
fn places(graph: &VersionGraph) -> HashMap<Uuid, Place> {
    let roots: HashMap<Uuid, Uuid> =
        graph.edges.iter().filter(|edge| edge.kind == EdgeKind::Root).map(|edge| (edge.from, edge.to)).collect();
    let mut columns: HashMap<Uuid, usize> = HashMap::new();
    for node in graph.nodes.iter().filter(|node| node.kind == NodeKind::Character) {
        let next = columns.len();
        columns.entry(node.id).or_insert(next);
    }
    let (mut lines, mut taken, mut next_line) = (HashMap::new(), HashSet::new(), 0);
    let mut places = HashMap::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let Some(column) = columns.get(&node.character_id.0).copied() else { continue };
        let x = MARGIN + column * (COLUMN_WIDTH + COLUMN_GAP);
        let place = match node.kind {
            NodeKind::Character => Place { column, x, y: TOP, width: COLUMN_WIDTH, height: CHARACTER_HEIGHT },
            NodeKind::InventoryItem => {
                let first = roots.get(&node.id).copied().unwrap_or(node.id);
                let wanted = lines.get(&first).copied().filter(|line| !taken.contains(&(column, *line)));
                let line = wanted.unwrap_or_else(|| {
                    next_line += 1;
                    next_line - 1
                });
                lines.entry(first).or_insert(line);
                taken.insert((column, line));
                let y = FIRST_ITEM + line * LINE_HEIGHT;
                Place { column, x: x + INDENT, y, width: COLUMN_WIDTH - INDENT, height: ITEM_HEIGHT }
            }
        };
        places.insert(node.id, place);
    }
    places
}

fn tie(svg: &mut String, kind: EdgeKind, from: &Place, to: &Place) -> fmt::Result {
    match kind {
        EdgeKind::Created | EdgeKind::Equipped => {
            let x = from.x + INDENT / 2;
            write!(svg, "M{x} {} V{} H{}", from.y + from.height, to.middle(), to.x)
        }
        EdgeKind::Parent if from.column != to.column + 1 => {
            // Over the heads of those between.
            let (start, end, y) = (from.x + from.width / 2, to.x + to.width / 2, from.y);
            write!(svg, "M{start} {y} C{start} {over} {end} {over} {end} {y}", over = y.saturating_sub(60))
        }
        EdgeKind::Parent | EdgeKind::Root => {
            let (start, end, bend) = (from.x, to.right(), COLUMN_GAP / 2);
            let (near, far) = (start.saturating_sub(bend), end + bend);
            write!(svg, "M{start} {y} C{near} {y} {far} {goal} {end} {goal}", y = from.middle(), goal = to.middle())
        }
    }
}

/// A nested drawing cuts off what does not fit into the box, however wide its letters are.
fn boxed(svg: &mut String, node: &GraphNode, place: &Place) -> fmt::Result {
    let Place { x, y, width, height, .. } = place;
    let class = match node.kind {
        NodeKind::Character => "character",
        NodeKind::InventoryItem => "item",
    };
    let deleted = if node.deleted { " deleted" } else { "" };
    let (name, theme) = (escaped(&node.name), escaped(&node.theme));
    let mut short: String = node.name.chars().take(LONGEST_NAME).collect();
    if short.len() < node.name.len() {
        short.push('…');
    }
    write!(
        svg,
        "<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><title>{name} ({theme})</title>\
         <rect class=\"{class}{deleted}\" x=\"1\" y=\"1\" width=\"{}\" height=\"{}\"/>\
         <text x=\"10\" y=\"{}\">{}</text><text class=\"small\" x=\"10\" y=\"{}\">{theme}</text></svg>",
        width - 2,
        height - 2,
        height / 2 - 3,
        escaped(&short),
        height / 2 + 13,
    )
}

fn legend(svg: &mut String, top: usize, complete: bool) -> fmt::Result {
    let y = top + 12;
    let mut x = MARGIN;
    for (class, word) in [("parent", "parent"), ("root", "root"), ("equipped", "equipped"), ("created", "created")] {
        write!(svg, "<path class=\"{class}\" d=\"M{x} {y} h22\"/>")?;
        write!(svg, "<text class=\"small\" x=\"{}\" y=\"{}\">{word}</text>", x + 28, y + 4)?;
        x += 100;
    }
    if !complete {
        write!(svg, "<text class=\"small\" x=\"{MARGIN}\" y=\"{}\">Not all of it is shown.</text>", y + 22)?;
    }
    Ok(())
}

/// As text of XML 1.0, which has no way at all to write some characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::CharacterId;
    use character_repositories::GraphEdge;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn node(number: u128, of: u128, name: &str) -> GraphNode {
        let kind = if number == of { NodeKind::Character } else { NodeKind::InventoryItem };
        let (name, theme) = (name.to_owned(), "noir".to_owned());
        GraphNode { id: id(number), kind, name, theme, character_id: CharacterId(id(of)), deleted: false }
    }

    fn edge(kind: EdgeKind, from: u128, to: u128) -> GraphEdge {
        GraphEdge { kind, from: id(from), to: id(to) }
    }

    fn journey() -> VersionGraph {
        VersionGraph {
            nodes: vec![
                node(1, 1, "Old"),
                node(11, 1, "Hat"),
                node(12, 1, "Sword"),
                node(2, 2, "New"),
                node(22, 2, "Piston"),
                node(23, 2, "Piston twin"),
                node(24, 2, "Own"),
            ],
            edges: vec![
                edge(EdgeKind::Parent, 2, 1),
                edge(EdgeKind::Root, 22, 12),
                edge(EdgeKind::Root, 23, 12),
                edge(EdgeKind::Equipped, 2, 22),
                edge(EdgeKind::Created, 2, 22),
            ],
            complete: true,
        }
    }

    /// Every element is closed, in order, and nothing is left that XML would take for something else.
    fn is_well_formed(svg: &str) {
        let mut open = Vec::new();
        for part in svg.split('<').skip(1) {
            let (tag, text) = part.split_once('>').unwrap();
            assert!(!text.contains('>'), "{text}");
            for reference in text.split('&').skip(1) {
                let name = reference.split_once(';').unwrap().0;
                assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{text}");
            }
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert_eq!(open, Vec::<&str>::new());
    }

    #[test]
    fn every_character_has_a_column_and_what_was_one_at_first_is_on_one_line() {
        let places = places(&journey());
        let at = |number| places[&id(number)];
        assert!(at(1).right() < at(2).x, "the older is on the left");
        assert_eq!(at(12).y, at(22).y);
        assert!(at(11).y < at(12).y && at(1).y < at(11).y);
        let mut seen = HashSet::new();
        assert!(places.values().all(|place| seen.insert((place.column, place.y))), "no two boxes in one place");
    }

    #[test]
    fn the_same_graph_is_drawn_the_same_with_every_node_and_every_tie() {
        let (graph, svg) = (journey(), draw(&journey()));
        is_well_formed(&svg);
        assert_eq!(svg, draw(&graph));
        for node in &graph.nodes {
            assert!(svg.contains(&format!(">{}</text>", node.name)), "{}", node.name);
        }
        let ties = |class: &str| svg.matches(&format!("<path class=\"{class}\"")).count() - 1;
        assert_eq!([ties("parent"), ties("root"), ties("equipped"), ties("created")], [1, 2, 1, 1]);
    }

    #[test]
    fn whatever_a_name_holds_is_text_and_nothing_is_loaded_from_elsewhere() {
        let hostile = "</text><script>alert('1')</script>\"&amp;\u{ffff}\u{1}]]>";
        let mut graph = journey();
        for node in &mut graph.nodes {
            node.name = hostile.to_owned();
            node.theme = hostile.to_owned();
        }
        let svg = draw(&graph);
        is_well_formed(&svg);
        assert!(!svg.contains("<script") && !svg.contains(['\u{ffff}', '\u{1}']));
        assert!(!svg.contains("href") && svg.matches("http").count() == 1, "only the namespace is an address");
    }

    #[test]
    fn a_long_name_is_cut_and_told_in_full_beside() {
        let mut graph = journey();
        graph.nodes[0].name = "ß".repeat(200);
        graph.complete = false;
        let svg = draw(&graph);
        assert!(svg.contains(&format!(">{}…</text>", "ß".repeat(LONGEST_NAME))));
        assert!(svg.contains(&format!("<title>{} (noir)</title>", "ß".repeat(200))));
        assert!(svg.contains("Not all of it is shown."));
    }

    #[test]
    fn the_largest_graph_is_drawn_in_a_small_multiple_of_its_names() {
        let long = |node: GraphNode| GraphNode { name: "\"".repeat(255), theme: "'".repeat(64), ..node };
        let characters = (1..=100).map(|number| node(number, number, ""));
        let items = (0..2_000).map(|number| node(1_000 + number, 1 + number % 100, ""));
        let nodes: Vec<_> = characters.chain(items).map(long).collect();
        let tied = |number: u128| {
            [EdgeKind::Root, EdgeKind::Equipped, EdgeKind::Created].map(|kind| edge(kind, 1_000 + number, 1_000))
        };
        let graph = VersionGraph { nodes, edges: (0..2_000).flat_map(tied).collect(), complete: false };
        let names: usize = graph.nodes.iter().map(|node| node.name.len() + node.theme.len()).sum();
        // A quote is six bytes in XML, and each name and theme is there twice, in full or in part.
        assert!(draw(&graph).len() < 12 * names + 400 * (graph.nodes.len() + graph.edges.len()));
    }

    #[test]
    fn an_empty_graph_is_a_drawing_too() {
        is_well_formed(&draw(&VersionGraph { nodes: Vec::new(), edges: Vec::new(), complete: true }));
    }
}
