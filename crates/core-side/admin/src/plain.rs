//! OpenMetrics text as the older Prometheus text format, which more tools read.

/// What the format calls itself.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Rewrites an exposition of this gateway. Samples are the same in both formats; what is said of a
/// family names its samples there (`x_total`) and the family itself in OpenMetrics (`x`), types
/// differ, and there is no end mark.
pub(crate) fn from_openmetrics(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut help = "";
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# HELP ") {
            // The name depends on the type, which comes next.
            help = said.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some(said) = line.strip_prefix("# TYPE ") {
            let (name, kind) = said.split_once(' ').unwrap_or((said, "unknown"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "gauge" | "histogram" | "summary" => ("", kind),
                _ => ("", "untyped"),
            };
            plain
                .push_str(&format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_like_their_samples() {
        let openmetrics = "# HELP a_loss Lost.\n# TYPE a_loss counter\na_loss_total{x=\"# y\"} 3\n\
            # HELP a_build Version.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
            # HELP a_up Up.\n# TYPE a_up gauge\na_up 1\n\
            # HELP a_s Time.\n# TYPE a_s histogram\n# UNIT a_s seconds\n\
            a_s_bucket{le=\"+Inf\"} 2\na_s_sum 1.5\na_s_count 2\n# EOF\n";
        let plain = "# HELP a_loss_total Lost.\n# TYPE a_loss_total counter\na_loss_total{x=\"# y\"} 3\n\
            # HELP a_build_info Version.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
            # HELP a_up Up.\n# TYPE a_up gauge\na_up 1\n\
            # HELP a_s Time.\n# TYPE a_s histogram\n\
            a_s_bucket{le=\"+Inf\"} 2\na_s_sum 1.5\na_s_count 2\n";
        assert_eq!(from_openmetrics(openmetrics), plain);
    }
}
