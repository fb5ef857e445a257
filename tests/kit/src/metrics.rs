//! Reads the Prometheus text format, as far as tests need it.

/// The sum of the series of this name that have at least these labels.
pub(crate) fn sum(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(series, _)| is_series(series, name, labels))
        .filter_map(|(_, value)| value.parse::<f64>().ok())
        .fold(0.0, |sum, value| sum + value)
}

fn is_series(series: &str, name: &str, labels: &[(&str, &str)]) -> bool {
    let (own_name, own_labels) = series.split_once('{').unwrap_or((series, "}"));
    let has = |(label, value): &(&str, &str)| {
        let pair = format!("{label}=\"{value}\"");
        own_labels.starts_with(&pair) || own_labels.contains(&format!(",{pair}"))
    };
    own_name == name && labels.iter().all(has)
}

#[cfg(test)]
mod tests {
    use super::sum;

    const TEXT: &str = "\
# TYPE seats_total counter
seats_total{zone=\"a\",state=\"held\"} 2
seats_total{zone=\"b\",state=\"held\"} 3
seats_total_of_all 9
draining 1
";

    fn total(name: &str, labels: &[(&str, &str)]) -> String {
        sum(TEXT, name, labels).to_string()
    }

    #[test]
    fn series_are_summed_over_the_labels_that_are_not_asked_for() {
        assert_eq!(total("seats_total", &[]), "5");
        assert_eq!(total("seats_total", &[("state", "held")]), "5");
        assert_eq!(total("seats_total", &[("zone", "b")]), "3");
        assert_eq!(total("seats_total", &[("zone", "c")]), "0");
    }

    #[test]
    fn a_series_without_labels_is_found() {
        assert_eq!(total("draining", &[]), "1");
    }
}
