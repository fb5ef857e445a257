//! Tables of numbers, in Markdown and for a terminal.

use std::fmt::Write as _;

pub fn shown(value: Option<f64>, how: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), how)
}

pub fn ms(value: f64) -> String {
    format!("{value:.2} ms")
}

/// A number without decimals, its thousands set apart.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub fn markdown(text: &mut String, head: &[&str], rows: Vec<Vec<String>>) {
    let _ = writeln!(
        text,
        "| {} |\n|{}",
        head.join(" | "),
        " --- |".repeat(head.len())
    );
    for row in rows {
        let row: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
}

/// Columns of a terminal; numbers stand to the right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(line, "{cell:<width$}"),
                _ if column + 1 == columns && columns == 5 => write!(line, "  {cell}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{aligned, grouped, markdown};

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0.4), "0");
        assert_eq!(grouped(999.6), "1,000");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(grouped(123.0), "123");
    }

    #[test]
    fn tables_keep_their_columns() {
        let rows = [["a", "1"], ["long", "20"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "a      1\nlong  20\n");
        let mut text = String::new();
        markdown(
            &mut text,
            &["x", "y"],
            vec![vec!["1|2".to_owned(), "3".to_owned()]],
        );
        assert_eq!(text, "| x | y |\n| --- | --- |\n| 1\\|2 | 3 |\n");
    }
}
