#!/usr/bin/env bash
#
# Races many buyers for few tickets against whatever is up, and checks from the outside that nothing
# was sold twice. `./test-concurrent.sh -h` explains.

set -euo pipefail
export LC_ALL=C

requests=1000
buyers=
tickets=1
url=http://127.0.0.1:8080
admin_email=${HOLDFAST_ADMIN_EMAIL:-admin@example.com}
admin_password=${HOLDFAST_ADMIN_PASSWORD:-holdfast-admin}

# An account may reserve some sixty times in a row before it is told to slow down.
readonly REQUESTS_PER_BUYER=50 FEWEST_BUYERS=20
# One curl runs at most 300 transfers at once before version 8.
readonly TRANSFERS_PER_CURL=250
readonly SEATS_PER_ROW=1000
readonly NOT_EXACT=1 NOT_RUN=2

help() {
    cat <<HELP
Sends many reservations for few tickets at the same moment, prints who won and how the others were
refused, then reads back from the API that exactly the winners hold the tickets.

usage: $0 [-n requests] [-b buyers] [-t tickets] [-u base-url]

  -n   requests, sent together        ($requests)
  -b   buyers who send them           ($FEWEST_BUYERS, more for more than $((FEWEST_BUYERS * REQUESTS_PER_BUYER)) requests)
  -t   tickets they fight for         ($tickets)
  -u   a node, or a load balancer     ($url)
  -h   this help

An admin opens a fresh event for the race: HOLDFAST_ADMIN_EMAIL and HOLDFAST_ADMIN_PASSWORD, by
default the login of the demo. Leaves with 0 if the result is exact, 1 if not, 2 if there was no race.
HELP
}

main() {
    read_options "$@"
    work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-race.XXXXXX")
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    expect_server
    sign_in_admin
    register_buyers
    open_event

    printf '%d requests by %d buyers for %d ticket(s) at %s\n\n' "$requests" "$buyers" "$tickets" "$url"
    send_together race "$requests" describe_reservation
    read_outcomes
    print_outcomes
    print_latency
    print_instances
    check_exactness
}

clean_up() {
    local running
    running=$(jobs -p)
    # shellcheck disable=SC2086 # one word per process
    [[ -z $running ]] || kill $running 2>/dev/null || true
    rm -rf "$work"
}

read_options() {
    local option
    while getopts ':n:b:t:u:h' option; do
        case $option in
            n) requests=$(count n "$OPTARG" 50000) ;;
            b) buyers=$(count b "$OPTARG" 5000) ;;
            t) tickets=$(count t "$OPTARG" 100000) ;;
            u) url=${OPTARG%/} ;;
            h) help && exit 0 ;;
            :) fail "-$OPTARG needs a value, see $0 -h" ;;
            *) fail "there is no option -$OPTARG, see $0 -h" ;;
        esac
    done
    shift $((OPTIND - 1))
    if [[ -z $buyers ]]; then
        buyers=$(((requests + REQUESTS_PER_BUYER - 1) / REQUESTS_PER_BUYER))
        ((buyers >= FEWEST_BUYERS)) || buyers=$FEWEST_BUYERS
    fi
    (($# == 0)) || fail "'$1' is not expected, see $0 -h"
    command -v curl >/dev/null || fail "this needs curl (Debian and Ubuntu: apt-get install curl)"
}

count() {
    local option=$1 given=$2 most=$3
    if [[ ! $given =~ ^[1-9][0-9]{0,5}$ ]] || ((given > most)); then
        fail "-$option is '$given', allowed is a number from 1 to $most"
    fi
    printf '%s' "$given"
}

expect_server() {
    local status
    status=$(curl --silent --output /dev/null --max-time 10 --write-out '%{http_code}' "$url/health/ready") || true
    case $status in
        200) ;;
        000) fail "nothing answers at $url; start it with: cargo run --release" ;;
        *) fail "$url is not ready: /health/ready answers $status" ;;
    esac
}

sign_in_admin() {
    local answer
    answer=$(call POST /api/auth/login "" \
        "{\"email\":\"$admin_email\",\"password\":\"$admin_password\"}") || fail \
        "$admin_email cannot sign in; set HOLDFAST_ADMIN_EMAIL and HOLDFAST_ADMIN_PASSWORD to an admin of $url"
    admin=$(text_member access_token <<<"$answer")
}

register_buyers() {
    local number
    # Nobody else uses these addresses, however often and wherever this runs.
    crowd=race-$(date +%s)-$$-$RANDOM
    send_together buyers "$buyers" describe_registration
    tokens=()
    for ((number = 0; number < buyers; number++)); do
        tokens+=("$(text_member access_token <"$work/buyers/$number")")
        [[ -n ${tokens[number]} ]] || fail "a buyer cannot register: $(tail -n 1 "$work/buyers/$number")"
    done
}

describe_registration() {
    local email=$crowd-$1@example.com
    # Who registers a crowd from one address may be told to wait; asking again is safe when refused.
    printf 'url = "%s/api/auth/register"\nretry = 100\n' "$url"
    printf 'header = "Content-Type: application/json"\n'
    printf 'data = "{\\"name\\":\\"Racer\\",\\"email\\":\\"%s\\",\\"password\\":\\"%s\\"}"\n' "$email" "$crowd"
}

# Creates and publishes an event with as many seats as there are tickets, and reads their ids.
open_event() {
    local venue zones
    venue=$(call POST /api/venues "$admin" \
        '{"name":"Race Hall","city":"Tallinn","country":"EE","time_zone":"Europe/Tallinn"}' |
        number_member id) || fail "no venue can be created"
    zones=$(describe_zones)
    event=$(call POST /api/events "$admin" \
        "{\"venue_id\":$venue,\"title\":\"Race\",\"starts_at\":\"2099-06-01T19:00:00Z\",\"zones\":[$zones]}" |
        number_member id) || fail "no event can be created"
    call POST "/api/events/$event/publish" "$admin" >/dev/null || fail "the event cannot be published"
    read_ticket_ids
    ((${#ticket_ids[@]} == tickets)) || fail "the event has ${#ticket_ids[@]} seats, not $tickets"
}

# Full rows, and a zone for what is left over.
describe_zones() {
    local rows=$((tickets / SEATS_PER_ROW)) rest=$((tickets % SEATS_PER_ROW)) separator=
    if ((rows > 0)); then
        describe_zone Stalls "$rows" "$SEATS_PER_ROW"
        separator=,
    fi
    if ((rest > 0)); then
        printf '%s' "$separator"
        describe_zone Front 1 "$rest"
    fi
}

describe_zone() {
    printf '{"name":"%s","price":{"amount":4500,"currency":"EUR"},' "$1"
    printf '"seating":{"kind":"seated","rows":%d,"seats_per_row":%d}}' "$2" "$3"
}

# A row of the seat map gives its first ticket and its length, or all tickets if they do not follow on.
read_ticket_ids() {
    local row scattered first last
    ticket_ids=()
    while IFS= read -r row || [[ -n $row ]]; do
        if [[ $row =~ \"ticket_ids\":\[([0-9,]+)\] ]]; then
            IFS=, read -r -a scattered <<<"${BASH_REMATCH[1]}"
            ticket_ids+=("${scattered[@]}")
        elif [[ $row =~ \"first_ticket_id\":([0-9]+) ]]; then
            first=${BASH_REMATCH[1]}
            [[ $row =~ \"seats\":([0-9]+) ]] || fail "the seat map has a row without seats"
            last=$((first + BASH_REMATCH[1] - 1))
            while ((first <= last)); do
                ticket_ids+=("$((first++))")
            done
        fi
    done < <(call GET "/api/events/$event/seats" "" | tr '{' '\n')
}

ticket_of() {
    ticket=${ticket_ids[$1 % tickets]}
}

# Every ticket meets every buyer, if there are enough requests.
buyer_of() {
    token=${tokens[$1 / tickets % buyers]}
}

describe_reservation() {
    local ticket token
    ticket_of "$1"
    buyer_of "$1"
    printf 'url = "%s/api/tickets/%s/reserve"\nrequest = "POST"\n' "$url" "$ticket"
    printf 'header = "Authorization: Bearer %s"\n' "$token"
}

# Sends `count` requests at once. `describe <number>` prints what curl needs to know about one of them.
# Leaves `<what>.sent`, a line `<status> <seconds> <file>` for each, and the answers in those files.
send_together() {
    local what=$1 count=$2 describe=$3 number=0 config configs=() curls=()
    mkdir "$work/$what"
    while ((number < count)); do
        config=$work/$what-$number.config
        for ((; number < count; number++)); do
            "$describe" "$number"
            printf 'output = "%s"\n' "$work/$what/$number"
            printf 'write-out = "%%{http_code} %%{time_total} %%{filename_effective}\\n"\n'
            printf 'silent\ninclude\nmax-time = 60\n'
            (((number + 1) % TRANSFERS_PER_CURL == 0 || number + 1 == count)) && ((++number)) && break
            printf 'next\n'
        done >"$config"
        configs+=("$config")
    done
    for config in "${configs[@]}"; do
        curl --no-progress-meter --parallel --parallel-immediate --parallel-max "$TRANSFERS_PER_CURL" --config "$config" >"$config.sent" &
        curls+=($!)
    done
    # A transfer without an answer makes its curl fail; it is counted below.
    wait "${curls[@]}" || true
    cat "${configs[@]/%/.sent}" >"$work/$what.sent"
}

# Turns each answer into `<outcome> <ms> <instance> <number> <reservation>`; the outcome is `won` or a slug.
read_outcomes() {
    awk '
        {
            status = $1; file = $3
            outcome = "status-" status; instance = "-"; reservation = "-"
            while ((getline line < file) > 0) {
                sub(/\r$/, "", line)
                if (tolower(line) ~ /^x-served-by:/) { instance = line; sub(/^[^:]*: */, "", instance) }
                if (match(line, /"type": *"[^"]*"/)) { outcome = last_part(substr(line, RSTART, RLENGTH - 1)) }
                if (status == 201 && match(line, /"id": *"[^"]*"/)) { reservation = last_quoted(substr(line, RSTART, RLENGTH - 1)) }
            }
            close(file)
            if (status == 201) outcome = "won"
            if (status == "000") outcome = "no-answer"
            number = file; sub(/.*\//, "", number)
            print outcome, $2 * 1000, instance, number, reservation
        }
        function last_part(text) { sub(/.*\//, "", text); sub(/.*"/, "", text); return text }
        function last_quoted(text) { sub(/.*"/, "", text); return text }
    ' "$work/race.sent" >"$work/outcomes"
    winners=$(awk '$1 == "won"' "$work/outcomes" | wc -l)
    # What was answered with 5xx, or not at all, may have happened.
    unclear=$(awk '$1 ~ /^(no-answer|unavailable|internal|status-5..)$/' "$work/outcomes" | wc -l)
}

print_outcomes() {
    printf '%-24s %9s\n' outcome requests
    printf '%-24s %9d\n' won "$winners"
    awk '$1 != "won" { count[$1]++ } END { for (slug in count) printf "%-24s %9d\n", slug, count[slug] }' "$work/outcomes" |
        sort -k 2 -n -r
}

print_latency() {
    printf '\n%-14s %8s %8s %8s %8s\n' 'latency, ms' p50 p95 p99 max
    print_percentiles won "\$1 == \"won\""
    print_percentiles refused "\$1 != \"won\" && \$1 != \"no-answer\""
}

print_percentiles() {
    local name=$1 which=$2
    awk "$which { print \$2 }" "$work/outcomes" | sort -n | awk -v name="$name" '
        { ms[NR] = $1 }
        END { if (NR) printf "%-14s %8.1f %8.1f %8.1f %8.1f\n", name, at(0.50), at(0.95), at(0.99), ms[NR] }
        function at(part,   rank) { rank = int(part * NR); if (rank < part * NR) rank++; return ms[rank] }
    '
}

print_instances() {
    printf '\n%-24s %9s\n' 'answered by' requests
    awk '$1 != "no-answer" { count[$3]++ } END { for (name in count) printf "%-24s %9d\n", name, count[name] }' "$work/outcomes" | sort
    printf '\n'
}

# What the clients were told against what the API says afterwards.
check_exactness() {
    local fought_for twice availability held sold taken confirmed
    fought_for=$(count_fought_for)
    availability=$(call GET "/api/events/$event/availability" "") || wrong "the result cannot be read back"
    held=$(sum_of held <<<"$availability")
    sold=$(sum_of sold <<<"$availability")
    taken=$((held + sold))
    ((winners > 0)) || wrong "nobody won, $taken ticket(s) are taken; the outcome of $unclear request(s) is unclear"
    read_winners
    twice=$(printf '%s\n' "${won_tickets[@]}" | sort | uniq -d | wc -l)
    send_together winners "$winners" describe_winner
    confirmed=$(count_true_winners)

    printf 'read back: %d winner(s), %d with a reservation, %d ticket(s) held, %d sold\n' \
        "$winners" "$confirmed" "$held" "$sold"
    ((twice == 0)) || wrong "$twice ticket(s) were given to two buyers"
    ((taken >= winners)) || wrong "$winners won, but only $taken ticket(s) are taken"
    ((taken <= winners)) || wrong "$taken ticket(s) are taken, but only $winners won; the outcome of $unclear request(s) is unclear"
    ((confirmed == winners)) || wrong "$((winners - confirmed)) winner(s) have no such reservation"
    ((taken == fought_for)) || wrong "$((fought_for - taken)) ticket(s) that were fought for went to nobody"
    printf 'exact: every ticket has one owner, and every winner a ticket\n'
}

# Tickets that somebody was let through to try for.
count_fought_for() {
    awk -v tickets="$tickets" '
        $1 != "rate-limited" && !(($4 % tickets) in tried) { tried[$4 % tickets]; count++ }
        END { print count + 0 }
    ' "$work/outcomes"
}

# Sets won_numbers, won_reservations and won_tickets, which belong together by position.
read_winners() {
    local number reservation ticket
    won_numbers=() won_reservations=() won_tickets=()
    while read -r number reservation; do
        ticket_of "$number"
        won_numbers+=("$number")
        won_reservations+=("$reservation")
        won_tickets+=("$ticket")
    done < <(awk '$1 == "won" { print $4, $5 }' "$work/outcomes")
}

describe_winner() {
    local token
    buyer_of "${won_numbers[$1]}"
    printf 'url = "%s/api/reservations/%s"\nretry = 5\n' "$url" "${won_reservations[$1]}"
    printf 'header = "Authorization: Bearer %s"\n' "$token"
}

count_true_winners() {
    local position body true_winners=0
    for ((position = 0; position < winners; position++)); do
        body=$(tail -n 1 "$work/winners/$position")
        [[ $body =~ \"status\":\"(held|confirmed)\" && $body =~ \"id\":${won_tickets[position]}, ]] && ((++true_winners))
    done
    printf '%d' "$true_winners"
}

wrong() {
    printf 'NOT EXACT: %s\n' "$1" >&2
    exit "$NOT_EXACT"
}

fail() {
    printf '%s\n' "$1" >&2
    exit "$NOT_RUN"
}

# Prints the body of a successful answer; fails with the answer if it is another one.
call() {
    local method=$1 path=$2 token=$3 body=${4-} status
    local options=(--silent --show-error --max-time 60 --request "$method" --output "$work/answer" --write-out '%{http_code}')
    # Overload passes; asking again changes nothing.
    [[ $method != GET ]] || options+=(--retry 5)
    [[ -z $token ]] || options+=(--header "Authorization: Bearer $token")
    [[ -z $body ]] || options+=(--header 'Content-Type: application/json' --data "$body")
    status=$(curl "${options[@]}" "$url$path")
    if [[ $status != 2* ]]; then
        printf '%s %s answers %s: %s\n' "$method" "$path" "$status" "$(<"$work/answer")" >&2
        return 1
    fi
    cat "$work/answer"
}

# The first member of this name in the JSON on standard input.
text_member() {
    grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | sed 's/.*"\([^"]*\)"$/\1/'
}

number_member() {
    grep -o "\"$1\": *[0-9]*" | head -n 1 | sed 's/.*[^0-9]//'
}

# The sum of the members of this name in the JSON on standard input.
sum_of() {
    grep -o "\"$1\": *[0-9]*" | awk -F : '{ sum += $2 } END { print sum + 0 }'
}

main "$@"
