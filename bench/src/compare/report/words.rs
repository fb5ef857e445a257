//! What the report says whatever was measured.

/// What each of the designs does and does not do.
pub const GUARANTEES: &str = "
*Modelled* means: nobody's product, but the best small version of a design that is often written about,
served by `bench peer`, over the same HTTP library, database driver, PostgreSQL and Redis. In its favour
nobody signs in, nothing expires, there is no ledger, no foreign key and no idempotency. Their
transactions are written as they are usually written: begin, each statement by itself, commit.

- **SETNX lock, then write**: a lock in Redis refuses whoever comes second, the version of the row
  decides. Never sells twice; refuses everybody while Redis is gone.
- **Redis gate, then tier row**: a counter in Redis lets in as many as there are places, then
  `stock = stock - 1` and the order in one transaction. Sells places of a tier, never a certain seat; all
  sales of a tier wait for one row. There are ten tiers.
- **waiting lock around read-check-write**: whoever finds the lock taken waits for it. Sells once as long
  as the lock holds; nothing else decides.
- **Redis bitmap, queue writes later**: a script sets the seat's bit and appends to a queue, the answer is
  given, a writer follows in batches. What Redis forgets before it is written was sold to nobody, though
  buyers were told otherwise.
";

/// How the figures were obtained.
pub const METHOD: &str = "
## Method

- All of it runs on one machine, the load too, over 127.0.0.1. What a design saves in processor time
  shows as rate.
- Every run has fresh tables, or where one connection reserves a fresh event, after a `CHECKPOINT`, and a
  second of warm-up. Runs of all contenders alternate within a round; each round begins elsewhere, and
  every other one goes backwards.
- What is divided by another is measured beside it and divided round by round, since a machine's speed
  changes from minute to minute; the figure is the median of that, and beside it stand the least and the
  most of the rounds.
- 256 connections, each of which asks again as soon as it is answered. No seat is asked for twice, except
  where it is sold out: there nine of ten requests are for a seat that is gone.
- After every run of Holdfast the database is checked: no ticket twice, as many reservations as answers
  201, a ledger without gaps, and `holdfast verify` over all of it. The designs are checked likewise. What
  fails gives no figure.
- Holdfast runs with `HOLDFAST_LOG=warn`, three Redis lock nodes and one for messages; every attempt to
  reserve is counted, against limits that nobody reaches. The designs have one Redis node. Each of them,
  and hello, has as many threads as serve it best, of one and of one for each processor; behind Nginx, where
  several processes share the machine, one each. One instance of Holdfast alone may have one more, which
  commits. What serves a crowd best that buys, one for which it is sold out, and one client are tried
  apart, as for pgbench and hello.
  Nginx has the project's rules and one worker.
- Processors sleep when they like, as they do where Holdfast runs, except where it says that they are kept
  awake. One that has slept takes tens of microseconds to wake, and a lone sale wakes five of them.
- pgbench runs `BEGIN; UPDATE; INSERT; COMMIT` over the tables of the designs, prepared, no seat twice.
";
