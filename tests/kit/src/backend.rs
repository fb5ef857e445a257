//! What Holdfast can run on.

/// A database and a way to coordinate; a story is told over each of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    SqliteEmbedded,
    SqliteRedis,
    PostgresEmbedded,
    PostgresRedis,
}

impl Backend {
    pub const ALL: [Self; 4] = [
        Self::SqliteEmbedded,
        Self::SqliteRedis,
        Self::PostgresEmbedded,
        Self::PostgresRedis,
    ];
}
