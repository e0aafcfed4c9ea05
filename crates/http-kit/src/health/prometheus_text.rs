//! The text format of Prometheus, made of OpenMetrics text, which differs in how it names counters and has exemplars.

/// The same metrics in the text format of Prometheus, version 0.0.4.
pub(super) fn of_open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(named) = line.strip_prefix("# HELP ") {
            // It may have to be renamed, as the next line tells.
            help = named.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            if let Some((_, help)) = help.take() {
                out.push_str(&format!("# HELP {name}{suffix} {help}\n"));
            }
            out.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            out.push_str(without_exemplar(line));
            out.push('\n');
        }
    }
    out
}

/// A sample without its exemplar, which follows the value behind a `#`. The value of a label may hold one too.
fn without_exemplar(line: &str) -> &str {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in line.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            '#' if !is_quoted => return line.get(..at).unwrap_or(line).trim_end(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::of_open_metrics;

    #[test]
    fn exemplars_are_left_out_and_labels_stay() {
        let given = "took_bucket{le=\"1.0\"} 5 # {trace_id=\"4bf9\"} 0.3 1.7\nodd{path=\"a # {b} \\\" # c\"} 1 # {trace_id=\"1\"} 1\nplain 2\n";
        let wanted = "took_bucket{le=\"1.0\"} 5\nodd{path=\"a # {b} \\\" # c\"} 1\nplain 2\n";
        assert_eq!(of_open_metrics(given), wanted);
    }

    #[test]
    fn counters_are_named_as_their_samples_and_the_rest_stays() {
        let given = "# HELP hits Hits of a cache.\n# TYPE hits counter\nhits_total{tier=\"local\"} 1\n\
                     # HELP took_seconds Time.\n# TYPE took_seconds histogram\n# UNIT took_seconds seconds\n\
                     took_seconds_sum 1.0\ntook_seconds_count 1\ntook_seconds_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let wanted = "# HELP hits_total Hits of a cache.\n# TYPE hits_total counter\nhits_total{tier=\"local\"} 1\n\
                      # HELP took_seconds Time.\n# TYPE took_seconds histogram\n\
                      took_seconds_sum 1.0\ntook_seconds_count 1\ntook_seconds_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(of_open_metrics(given), wanted);
    }
}
