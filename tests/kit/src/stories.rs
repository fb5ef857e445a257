//! One story, four backends.

use crate::{App, Backend, Builder};

/// Turns stories into tests: one module per story, one test in it per backend, each with an app of
/// its own, and `holdfast verify` at the end.
///
/// ```
/// kit::stories! {
///     a_held_seat_cannot_be_held_again,
///     confirm_after_expiry_answers_410: |app| app.hold_ttl_secs(1),
/// }
///
/// async fn a_held_seat_cannot_be_held_again(app: &kit::App) {
///     // ...
/// }
/// # async fn confirm_after_expiry_answers_410(_: &kit::App) {}
/// ```
///
/// Stories about lock nodes begin with `on [SqliteRedis, PostgresRedis];`.
#[macro_export]
macro_rules! stories {
    (on $backends:tt; $($story:ident $(: $setup:expr)?),* $(,)?) => {
        $(
            mod $story {
                $crate::stories!(@tests $story, ($crate::stories!(@setup $($setup)?)), $backends);
            }
        )*
    };
    (@setup) => { |app| app };
    (@setup $setup:expr) => { $setup };
    (@tests $story:ident, $setup:tt, [$($backend:ident),*]) => {
        $( $crate::stories!(@$backend $story, $setup); )*
    };
    (@SqliteEmbedded $story:ident, $setup:tt) => {
        $crate::stories!(@test sqlite_embedded, SqliteEmbedded, $story, $setup);
    };
    (@SqliteRedis $story:ident, $setup:tt) => {
        $crate::stories!(@test sqlite_redis, SqliteRedis, $story, $setup);
    };
    (@PostgresEmbedded $story:ident, $setup:tt) => {
        $crate::stories!(@test postgres_embedded, PostgresEmbedded, $story, $setup);
    };
    (@PostgresRedis $story:ident, $setup:tt) => {
        $crate::stories!(@test postgres_redis, PostgresRedis, $story, $setup);
    };
    (@test $name:ident, $backend:ident, $story:ident, $setup:tt) => {
        #[test]
        fn $name() {
            $crate::tell($crate::Backend::$backend, $setup, async |app| super::$story(app).await);
        }
    };
    ($($story:ident $(: $setup:expr)?),* $(,)?) => {
        $crate::stories! {
            on [SqliteEmbedded, SqliteRedis, PostgresEmbedded, PostgresRedis];
            $($story $(: $setup)?),*
        }
    };
}

/// Starts an app, tells it the story, and checks what the story leaves behind.
pub fn tell(
    backend: Backend,
    setup: impl FnOnce(Builder<Backend>) -> Builder<Backend>,
    story: impl AsyncFnOnce(&App),
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be built");
    runtime.block_on(async {
        let app = setup(App::builder(backend)).start().await;
        story(&app).await;
        app.verify();
    });
}
