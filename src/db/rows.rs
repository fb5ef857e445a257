//! Many rows as parameters of one statement, whose text does not depend on how many they are, so
//! that the database prepares it once.
//!
//! PostgreSQL is given an array for each column, SQLite one JSON text for all.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::ArrayType;
use sea_orm::{DatabaseBackend, Value};
use serde_json::Value as Json;
use uuid::Uuid;

/// Rows by column.
#[derive(Debug, Default)]
pub struct Rows {
    columns: Vec<(&'static str, Column)>,
}

/// The values of a column, one for each row.
#[derive(Debug)]
pub enum Column {
    Integers(Vec<i64>),
    Texts(Vec<String>),
    Uuids(Vec<Uuid>),
    Times(Vec<DateTime<Utc>>),
    Bytes(Vec<Vec<u8>>),
}

impl Rows {
    /// Adds a column; every column has as many values.
    #[must_use]
    pub fn with(mut self, name: &'static str, column: Column) -> Self {
        self.columns.push((name, column));
        self
    }

    /// The rows as a table `alias` to select from; its values are added to those of the statement.
    pub fn table(self, alias: &str, backend: DatabaseBackend, values: &mut Vec<Value>) -> String {
        if backend == DatabaseBackend::Postgres {
            self.unnested(alias, values)
        } else {
            self.read_from_json(alias, values)
        }
    }

    /// The only row as a table `alias` on PostgreSQL: nothing but its values, which it need not go through.
    ///
    /// # Panics
    /// Where there is no row.
    pub fn only_row(self, alias: &str, values: &mut Vec<Value>) -> String {
        let select = |(name, column): (&str, Column)| {
            let (sql_type, value) = column.into_first();
            values.push(value);
            format!("${}::{sql_type} AS {name}", values.len())
        };
        let selected: Vec<_> = self.columns.into_iter().map(select).collect();
        format!("(SELECT {}) AS {alias}", selected.join(", "))
    }

    fn unnested(self, alias: &str, values: &mut Vec<Value>) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (_, column) in self.columns {
            let (sql_type, array) = column.into_array();
            values.push(array);
            arrays.push(format!("${}::{sql_type}[]", values.len()));
        }
        format!("unnest({}) AS {alias}({names})", arrays.join(", "))
    }

    /// The binary form is what a row stays in: each of its columns is looked up there, rather than
    /// in a text that is written and parsed again for it.
    fn read_from_json(self, alias: &str, values: &mut Vec<Value>) -> String {
        let select = |(index, (name, column)): (usize, &(&str, Column))| match column {
            Column::Uuids(_) | Column::Bytes(_) => format!("unhex(value->>{index}) AS {name}"),
            _ => format!("value->>{index} AS {name}"),
        };
        let selected: Vec<_> = self.columns.iter().enumerate().map(select).collect();
        values.push(self.as_json().into());
        let parameter = values.len();
        let selected = selected.join(", ");
        format!("(SELECT {selected} FROM jsonb_each(${parameter})) AS {alias}")
    }

    /// A list of a list for each row.
    fn as_json(&self) -> String {
        let count = self.columns.first().map_or(0, |(_, column)| column.len());
        let mut text = String::with_capacity(count * self.columns.len() * 16 + 2);
        for row in 0..count {
            text.push_str(if row == 0 { "[[" } else { "],[" });
            for (index, (_, column)) in self.columns.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                column.write_json(row, &mut text);
            }
        }
        text.push_str(if count == 0 { "[]" } else { "]]" });
        text
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Uuids(values) => values.len(),
            Self::Times(values) => values.len(),
            Self::Bytes(values) => values.len(),
        }
    }

    fn into_array(self) -> (&'static str, Value) {
        fn array<T: Into<Value>>(of: ArrayType, values: Vec<T>) -> Value {
            let values = values.into_iter().map(Into::into).collect();
            Value::Array(of, Some(Box::new(values)))
        }
        match self {
            Self::Integers(values) => ("bigint", array(ArrayType::BigInt, values)),
            Self::Texts(values) => ("text", array(ArrayType::String, values)),
            Self::Uuids(values) => ("uuid", array(ArrayType::Uuid, values)),
            Self::Times(values) => ("timestamptz", array(ArrayType::ChronoDateTimeUtc, values)),
            Self::Bytes(values) => ("bytea", array(ArrayType::Bytes, values)),
        }
    }

    fn into_first(self) -> (&'static str, Value) {
        match self {
            Self::Integers(mut values) => ("bigint", values.swap_remove(0).into()),
            Self::Texts(mut values) => ("text", values.swap_remove(0).into()),
            Self::Uuids(mut values) => ("uuid", values.swap_remove(0).into()),
            Self::Times(mut values) => ("timestamptz", values.swap_remove(0).into()),
            Self::Bytes(mut values) => ("bytea", values.swap_remove(0).into()),
        }
    }

    /// Times in the text form in which SQLite holds them; bytes in hexadecimal.
    fn write_json(&self, row: usize, text: &mut String) {
        match self {
            Self::Integers(values) => text.push_str(&values[row].to_string()),
            Self::Texts(values) => text.push_str(&Json::from(values[row].as_str()).to_string()),
            Self::Uuids(values) => write_hexadecimal(values[row].as_bytes(), text),
            Self::Times(values) => {
                text.push('"');
                text.push_str(&values[row].to_rfc3339());
                text.push('"');
            }
            Self::Bytes(values) => write_hexadecimal(&values[row], text),
        }
    }
}

fn write_hexadecimal(bytes: &[u8], text: &mut String) {
    text.push('"');
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        Rows::default()
            .with("id", Column::Integers(vec![1, 2]))
            .with("owner", Column::Uuids(vec![Uuid::nil(), Uuid::max()]))
    }

    #[test]
    fn postgresql_is_given_an_array_for_each_column() {
        let mut values = vec![Value::from(7_i64)];
        let table = rows().table("x", DatabaseBackend::Postgres, &mut values);
        assert_eq!(table, "unnest($2::bigint[], $3::uuid[]) AS x(id, owner)");
        assert_eq!(values.len(), 3);
    }

    #[test]
    fn postgresql_is_given_the_values_of_an_only_row() {
        let row = Rows::default()
            .with("id", Column::Integers(vec![1]))
            .with("name", Column::Texts(vec!["Ada".into()]));
        let mut values = vec![Value::from(7_i64)];
        let table = row.only_row("x", &mut values);
        assert_eq!(table, "(SELECT $2::bigint AS id, $3::text AS name) AS x");
        assert_eq!(values, [7_i64.into(), 1_i64.into(), "Ada".into()]);
    }

    #[test]
    fn sqlite_is_given_one_json_text() {
        let mut values = Vec::new();
        let table = rows().table("x", DatabaseBackend::Sqlite, &mut values);
        let selected = "SELECT value->>0 AS id, unhex(value->>1) AS owner FROM jsonb_each($1)";
        assert_eq!(table, format!("({selected}) AS x"));
        let (none, all) = ("0".repeat(32), "f".repeat(32));
        assert_eq!(values, [format!(r#"[[1,"{none}"],[2,"{all}"]]"#).into()]);
    }
}
