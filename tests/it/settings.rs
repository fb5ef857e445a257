//! Settings: a wrong one ends the start with one line, and the help explains each.

use std::net::TcpListener;
use std::process::Output;

use kit::run_holdfast;

/// A command line, and what the one line says: which setting, what was given, what is allowed.
const WRONG: &[(&str, [&str; 3])] = &[
    (
        "--listen 8080",
        ["--listen", "8080", "an address and a port"],
    ),
    (
        "--metrics-listen nowhere:1",
        ["--metrics-listen", "nowhere:1", "an address and a port"],
    ),
    (
        "--database-url mysql://x",
        ["--database-url", "mysql://x", "postgres://"],
    ),
    (
        "--database-url postgres://x/y",
        ["--jwt-secret", "''", "at least 32 bytes"],
    ),
    (
        "--redis-url http://x",
        ["--redis-url", "http://x", "redis://host:port"],
    ),
    (
        "--redis-url redis://127.0.0.1:1",
        ["--lock-redis-urls", "", "lock node"],
    ),
    (
        "--lock-redis-urls redis://a,b",
        ["--lock-redis-urls", "'b'", "redis://host:port"],
    ),
    (
        "--lock-redis-urls redis://a:1,redis://a:1",
        ["--lock-redis-urls", "a:1", "more than once"],
    ),
    (
        "--data-dir /dev/null/data",
        ["--data-dir", "/dev/null/data", "irectory"],
    ),
    ("--hold-ttl-secs 0", ["--hold-ttl-secs", "0", "1..=86400"]),
    (
        "--hold-ttl-secs soon",
        ["--hold-ttl-secs", "soon", "invalid digit"],
    ),
    (
        "--hold-max-secs 10",
        ["--hold-max-secs", "10", "at least --hold-ttl-secs"],
    ),
    ("--lock-ttl-ms 1", ["--lock-ttl-ms", "1", "100..=60000"]),
    (
        "--lock-wait-ms 4000",
        ["--lock-wait-ms", "4000", "at most half of --lock-ttl-ms"],
    ),
    (
        "--mirror-tickets 0",
        ["--mirror-tickets", "0", "1..=100000000"],
    ),
    ("--commit-queue 0", ["--commit-queue", "0", "1..=1000000"]),
    (
        "--jwt-secret short",
        ["--jwt-secret", "5 bytes", "at least 32 bytes"],
    ),
    (
        "--refresh-token-ttl-secs 60",
        [
            "--refresh-token-ttl-secs",
            "60",
            "at least --access-token-ttl-secs",
        ],
    ),
    (
        "--public-url example.com",
        ["--public-url", "example.com", "https://host"],
    ),
    (
        "--admin-email boss",
        ["--admin-email", "boss", "an e-mail address"],
    ),
    (
        "--admin-password 0123456789",
        ["--admin-email", "''", "--admin-password"],
    ),
    (
        "--admin-email a@b --admin-password short",
        ["--admin-password", "5 characters", "at least 10"],
    ),
    ("--demo maybe", ["--demo", "maybe", "on, off"]),
    (
        "--without-locks pray",
        ["--without-locks", "pray", "continue, refuse"],
    ),
    ("--worker-threads 0", ["--worker-threads", "0", "1..=1024"]),
    ("--commit-thread 2", ["--commit-thread", "2", "on, off"]),
    (
        "--db-max-connections 1",
        ["--db-max-connections", "1", "2..=1000"],
    ),
    ("--log-format xml", ["--log-format", "xml", "text, json"]),
    ("--log holdfast=loudest", ["--log", "", "level"]),
    ("--instance a/b", ["--instance", "a/b", "letters, digits"]),
    ("--max-in-flight 0", ["--max-in-flight", "0", "1..=1000000"]),
    (
        "--start-timeout-secs 3601",
        ["--start-timeout-secs", "3601", "0..=3600"],
    ),
    ("--drain-secs 601", ["--drain-secs", "601", "0..=600"]),
    (
        "--trusted-proxies nginx",
        ["--trusted-proxies", "nginx", "a network or an address"],
    ),
    (
        "--trusted-proxies 10.0.0.0/8,10.0.0.0/33",
        [
            "--trusted-proxies",
            "10.0.0.0/33",
            "a network or an address",
        ],
    ),
    ("--limits perhaps", ["--limits", "perhaps", "on, off"]),
    (
        "--limit-login 10",
        ["--limit-login", "10", "a number and a time"],
    ),
    (
        "--limit-login-address 10/2d",
        ["--limit-login-address", "10/2d", "as in 10/1m"],
    ),
    (
        "--limit-login-account 0/1m",
        ["--limit-login-account", "0/1m", "as in 10/1m"],
    ),
    (
        "--limit-register many",
        ["--limit-register", "many", "or off"],
    ),
    ("--limit-reset 1/", ["--limit-reset", "1/", "as in 10/1m"]),
    (
        "--limit-reset-address /1h",
        ["--limit-reset-address", "/1h", "as in 10/1m"],
    ),
    (
        "--limit-reserve 2000000/1s",
        ["--limit-reserve", "2000000/1s", "as in 10/1m"],
    ),
    (
        "--limit-reserve-address on",
        ["--limit-reserve-address", "on", "or off"],
    ),
    (
        "--smtp-url http://mail",
        ["--smtp-url", "http://mail", "smtp://host:port"],
    ),
    (
        "--smtp-url smtp://mail",
        ["--mail-from", "''", "required with --smtp-url"],
    ),
    (
        "--mail-from nobody",
        ["--mail-from", "nobody", "an e-mail address"],
    ),
    ("--no-such-setting", ["--no-such-setting", "", "unexpected"]),
    ("sell", ["", "sell", "unrecognized subcommand"]),
];

#[test]
fn a_wrong_setting_ends_the_start_with_one_line_that_says_what_is_allowed() {
    for (line, says) in WRONG {
        let args: Vec<_> = line.split(' ').collect();
        let said = only_line(&run_holdfast(&args, &[]));
        for part in says {
            assert!(said.contains(part), "{line} is answered {said}");
        }
    }
}

#[test]
fn an_address_in_use_ends_the_start_with_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = "127.0.0.1:0";
    for (setting, other) in [
        ("--listen", "--metrics-listen"),
        ("--metrics-listen", "--listen"),
    ] {
        let said = only_line(&run_holdfast(&[setting, &taken, other, free], &[]));
        for part in [&format!("'{setting}'"), &taken, "in use"] {
            assert!(said.contains(part), "{said}");
        }
    }
}

#[test]
fn a_wrong_setting_in_the_environment_is_named_too() {
    for (name, value, setting) in [
        ("HOLDFAST_LISTEN", "8080", "--listen"),
        ("HOLDFAST_HOLD_TTL_SECS", "never", "--hold-ttl-secs"),
        (
            "LOCK_REDIS_URLS",
            "redis://a,,redis://b",
            "--lock-redis-urls",
        ),
        ("HOLDFAST_WITHOUT_LOCKS", "pray", "--without-locks"),
    ] {
        let line = only_line(&run_holdfast(&[], &[(name, value)]));
        assert!(line.contains(setting), "{name}={value} is answered {line}");
    }
}

#[test]
fn the_help_explains_every_setting_with_its_environment_name() {
    let output = run_holdfast(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for (flag, variable) in [
        ("--listen", "HOLDFAST_LISTEN=127.0.0.1:8080"),
        ("--metrics-listen", "HOLDFAST_METRICS_LISTEN=127.0.0.1:9464"),
        ("--database-url", "DATABASE_URL"),
        ("--redis-url", "REDIS_URL"),
        ("--lock-redis-urls", "LOCK_REDIS_URLS"),
        ("--data-dir", "HOLDFAST_DATA_DIR"),
        ("--hold-ttl-secs", "HOLDFAST_HOLD_TTL_SECS"),
        ("--hold-max-secs", "HOLDFAST_HOLD_MAX_SECS"),
        ("--lock-ttl-ms", "HOLDFAST_LOCK_TTL_MS"),
        ("--lock-wait-ms", "HOLDFAST_LOCK_WAIT_MS"),
        ("--mirror-tickets", "HOLDFAST_MIRROR_TICKETS"),
        ("--commit-queue", "HOLDFAST_COMMIT_QUEUE"),
        ("--jwt-secret", "HOLDFAST_JWT_SECRET"),
        (
            "--refresh-token-ttl-secs",
            "HOLDFAST_REFRESH_TOKEN_TTL_SECS",
        ),
        ("--public-url", "HOLDFAST_PUBLIC_URL"),
        ("--admin-email", "HOLDFAST_ADMIN_EMAIL"),
        ("--admin-password", "HOLDFAST_ADMIN_PASSWORD"),
        ("--demo", "HOLDFAST_DEMO"),
        ("--without-locks", "HOLDFAST_WITHOUT_LOCKS"),
        ("--worker-threads", "HOLDFAST_WORKER_THREADS"),
        ("--commit-thread", "HOLDFAST_COMMIT_THREAD"),
        ("--db-max-connections", "HOLDFAST_DB_MAX_CONNECTIONS"),
        ("--log-format", "HOLDFAST_LOG_FORMAT"),
        ("--log", "HOLDFAST_LOG"),
        ("--instance", "HOLDFAST_INSTANCE"),
        ("--drain-secs", "HOLDFAST_DRAIN_SECS"),
        ("--max-in-flight", "HOLDFAST_MAX_IN_FLIGHT"),
        ("--start-timeout-secs", "HOLDFAST_START_TIMEOUT_SECS"),
        ("--trusted-proxies", "HOLDFAST_TRUSTED_PROXIES"),
        ("--limits", "HOLDFAST_LIMITS"),
        ("--limit-login", "HOLDFAST_LIMIT_LOGIN"),
        ("--limit-login-address", "HOLDFAST_LIMIT_LOGIN_ADDRESS"),
        ("--limit-login-account", "HOLDFAST_LIMIT_LOGIN_ACCOUNT"),
        ("--limit-register", "HOLDFAST_LIMIT_REGISTER"),
        ("--limit-reset", "HOLDFAST_LIMIT_RESET"),
        ("--limit-reset-address", "HOLDFAST_LIMIT_RESET_ADDRESS"),
        ("--limit-reserve", "HOLDFAST_LIMIT_RESERVE"),
        ("--limit-reserve-address", "HOLDFAST_LIMIT_RESERVE_ADDRESS"),
        ("--smtp-url", "HOLDFAST_SMTP_URL"),
        ("--mail-from", "HOLDFAST_MAIL_FROM"),
    ] {
        assert!(help.contains(&format!("{flag} <")), "{flag} is missing");
        let variable = variable.split_once('=').map_or(variable, |(name, _)| name);
        assert!(
            help.contains(&format!("[env: {variable}")),
            "{variable} is missing"
        );
    }
    for command in ["serve", "migrate", "admin", "openapi", "verify"] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} is missing"
        );
    }
    // A secret in the environment is not shown to whoever asks for help.
    let secret = "a secret that nobody may read over a shoulder";
    let output = run_holdfast(&["--help"], &[("HOLDFAST_JWT_SECRET", secret)]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains(secret));
}

/// The one line that a start ends with.
pub fn only_line(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().collect();
    let [line] = lines.as_slice() else {
        panic!("not one line: {said}");
    };
    assert!(output.stdout.is_empty());
    (*line).to_owned()
}
