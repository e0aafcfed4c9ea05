//! Reads the OpenMetrics text of a registry.

use std::collections::BTreeMap;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric with its samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) unit: String,
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<Sample>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The name of the line, such as `took_seconds_bucket`.
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// The metrics in a text. Those of a kind that is not known are left out.
pub(crate) fn read(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let (mut help, mut unit) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some((name, text)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.insert(name.to_owned(), text.to_owned());
        } else if let Some((name, text)) = line.strip_prefix("# UNIT ").and_then(|rest| rest.split_once(' ')) {
            unit.insert(name.to_owned(), text.to_owned());
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let kind = match kind {
                "counter" => Kind::Counter,
                "gauge" => Kind::Gauge,
                "histogram" => Kind::Histogram,
                _ => continue,
            };
            families.push(Family {
                name: name.to_owned(),
                help: String::new(),
                unit: String::new(),
                kind,
                samples: Vec::new(),
            });
        } else if !line.starts_with('#')
            && let (Some(sample), Some(family)) = (sample(line), families.last_mut())
            && sample.name.starts_with(&family.name)
        {
            family.samples.push(sample);
        }
    }
    for family in &mut families {
        family.help = help.remove(&family.name).unwrap_or_default();
        family.unit = unit.remove(&family.name).unwrap_or_default();
    }
    families
}

fn sample(line: &str) -> Option<Sample> {
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    // What follows the value is an exemplar or a time.
    let value = match rest.split_whitespace().next()? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        value => value.parse().ok()?,
    };
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, value) = rest.split_once("=\"")?;
        let mut text = String::new();
        let mut characters = value.char_indices();
        rest = loop {
            match characters.next()? {
                (at, '"') => break value.get(at + 1..)?,
                (_, '\\') => match characters.next()?.1 {
                    'n' => text.push('\n'),
                    other => text.push(other),
                },
                (_, other) => text.push(other),
            }
        };
        labels.insert(name.to_owned(), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_values_and_units_are_read() {
        let text = "# HELP took_seconds How long.\n# TYPE took_seconds histogram\n# UNIT took_seconds seconds\n\
                    took_seconds_bucket{le=\"0.5\",a=\"x\\\"y,}\"} 2\ntook_seconds_sum 1.5\n\
                    # HELP n Number.\n# TYPE n counter\nn_total 3 # {trace_id=\"1\"} 1\n# EOF\n";
        let families = read(text);
        assert_eq!(families.len(), 2);
        let (took, number) = (&families[0], &families[1]);
        assert_eq!((took.unit.as_str(), took.help.as_str(), took.kind), ("seconds", "How long.", Kind::Histogram));
        assert_eq!(took.samples[0].labels["a"], "x\"y,}");
        assert_eq!((took.samples[0].value, took.samples[1].value), (2.0, 1.5));
        assert_eq!((number.name.as_str(), number.samples[0].value), ("n", 3.0));
    }
}
